//! The check that holds a machine to the rules of [`Machine`], for tests.
//!
//! A [`Script`] says how a machine is made and what the world does to it. [`check`] runs it whole,
//! byte by byte, and cut at many places, twice each, and compares. It panics with the rule that was
//! broken.
//!
//! ```
//! use std::{convert::Infallible, time::Instant};
//! use bytes::{Bytes, BytesMut};
//! use xmpp_machine::{Action, Machine, Transmit, contract::{Script, Step, check}};
//!
//! /// Sends its input back, and ends with it.
//! #[derive(Default)]
//! struct Echo { out: Vec<Bytes>, actions: Vec<Action<&'static str>> }
//! impl Machine for Echo {
//!     type Event = &'static str;
//!     type Handover = Infallible;
//!     fn handle_input(&mut self, input: &mut BytesMut, _: Instant) { self.out.push(input.split().freeze()); }
//!     fn handle_eof(&mut self, _: Instant) { self.actions = vec![Action::Close, Action::Deliver("closed")]; }
//!     fn handle_timeout(&mut self, _: Instant) {}
//!     fn wants_input(&self) -> bool { true }
//!     fn poll_action(&mut self) -> Option<Action<&'static str>> { self.actions.pop() }
//!     fn poll_transmit(&mut self) -> Option<Transmit> { (!self.out.is_empty()).then(|| self.out.remove(0).into()) }
//!     fn poll_timeout(&self) -> Option<Instant> { None }
//! }
//!
//! let steps = vec![Step::Input(b"hello".to_vec()), Step::End];
//! let seen = check(&Script::new(|_| Echo::default(), |event| *event == "closed", steps));
//! assert_eq!((&*seen.output, &*seen.actions), (&b"hello"[..], &["Deliver(\"closed\")".to_owned(), "Close".to_owned()][..]));
//! ```

use std::{
    fmt::{self, Debug},
    time::Duration,
};

use bytes::BytesMut;

use crate::{Action, Instant, Machine};

/// What the world does.
pub enum Step<M> {
    /// The machine reads these bytes.
    Input(Vec<u8>),
    /// The peer ends its direction.
    End,
    /// The stream fails.
    Reset,
    /// Time goes by, with `handle_timeout` at each deadline on the way.
    Wait(Duration),
    /// The application wants something.
    Call(fn(&mut M, Instant)),
}

impl<M> Debug for Step<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Input(bytes) => write!(f, "Input({:?})", String::from_utf8_lossy(bytes)),
            Self::End => f.write_str("End"),
            Self::Reset => f.write_str("Reset"),
            Self::Wait(duration) => write!(f, "Wait({duration:?})"),
            Self::Call(_) => f.write_str("Call"),
        }
    }
}

/// A machine, and what happens to it.
pub struct Script<M: Machine> {
    make: Box<dyn Fn(Instant) -> M>,
    is_closed: fn(&M::Event) -> bool,
    steps: Vec<Step<M>>,
    left_bytes: usize,
}

impl<M: Machine> Debug for Script<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Script").field(&self.steps).finish()
    }
}

impl<M: Machine> Script<M> {
    /// `make` makes the machine, always the same; `is_closed` knows the event that says the end.
    pub fn new(
        make: impl Fn(Instant) -> M + 'static,
        is_closed: fn(&M::Event) -> bool,
        steps: Vec<Step<M>>,
    ) -> Self {
        Self {
            make: Box::new(make),
            is_closed,
            steps,
            left_bytes: 64 * 1024,
        }
    }

    /// How much input the machine may leave unread while it wants input. Default 65 536.
    pub fn with_left_bytes(mut self, bytes: usize) -> Self {
        self.left_bytes = bytes;
        self
    }
}

/// What a run gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Actions in their `Debug` form.
    pub actions: Vec<String>,
    /// All bytes that were to be written.
    pub output: Vec<u8>,
    /// What was left unread where the stream was handed over.
    pub left: Vec<u8>,
}

/// Runs the script in many ways, and gives what all of them gave.
///
/// # Panics
///
/// Where a rule is broken.
pub fn check<M: Machine<Event: Debug, Handover: Debug>>(script: &Script<M>) -> Seen {
    let whole = Run::new(script).finish(Cut::Whole);
    let cuts = [
        Cut::Whole,
        Cut::Every(1),
        Cut::Every(2),
        Cut::Every(3),
        Cut::Every(7),
        Cut::Every(64),
    ];
    let random = (1..=16).map(Cut::Random);
    for cut in cuts.into_iter().chain(random) {
        let seen = Run::new(script).finish(cut);
        assert_eq!(
            seen.actions, whole.actions,
            "rule 7: {cut:?} gives other actions, {script:?}"
        );
        assert!(
            seen.output == whole.output,
            "rule 7: {cut:?} gives other bytes, {script:?}:\n{}\n{}",
            String::from_utf8_lossy(&seen.output),
            String::from_utf8_lossy(&whole.output),
        );
        assert_eq!(
            seen.left, whole.left,
            "rule 7: {cut:?} leaves other bytes, {script:?}"
        );
    }
    whole
}

#[derive(Clone, Copy, Debug)]
enum Cut {
    Whole,
    Every(usize),
    Random(u64),
}

impl Cut {
    fn next(&mut self, most: usize) -> usize {
        let length = match self {
            Self::Whole => most,
            Self::Every(length) => *length,
            Self::Random(state) => {
                // A linear congruential generator is random enough for places to cut.
                *state = state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1_442_695_040_888_963_407);
                1 + (*state >> 33) as usize % 23
            }
        };
        length.min(most)
    }
}

struct Run<'a, M: Machine> {
    script: &'a Script<M>,
    machine: M,
    /// Bytes that came and were not taken.
    input: BytesMut,
    now: Instant,
    seen: Seen,
    closed: bool,
    ended: Ended,
}

/// What the machine asked for last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ended {
    Not,
    Close,
    Abort,
    Handover,
}

impl<'a, M: Machine<Event: Debug, Handover: Debug>> Run<'a, M> {
    #[expect(clippy::disallowed_methods, reason = "any instant does to begin with")]
    fn new(script: &'a Script<M>) -> Self {
        let now = Instant::now();
        Self {
            script,
            machine: (script.make)(now),
            input: BytesMut::new(),
            now,
            seen: Seen {
                actions: Vec::new(),
                output: Vec::new(),
                left: Vec::new(),
            },
            closed: false,
            ended: Ended::Not,
        }
    }

    fn finish(mut self, mut cut: Cut) -> Seen {
        self.drain();
        for step in &self.script.steps {
            if matches!(self.ended, Ended::Abort | Ended::Handover) {
                break;
            }
            match step {
                Step::Input(bytes) => self.receive(bytes, &mut cut),
                Step::End => self.machine.handle_eof(self.now),
                Step::Reset => self.machine.handle_reset(self.now),
                Step::Wait(duration) => self.wait(*duration),
                Step::Call(call) => call(&mut self.machine, self.now),
            }
            self.drain();
        }
        if matches!(self.ended, Ended::Close | Ended::Abort) {
            self.wait(Duration::from_secs(3_600));
            self.drain();
            let deadline = self.machine.poll_timeout();
            assert_eq!(deadline, None, "rule 3: a deadline behind the end");
        }
        if self.ended == Ended::Handover {
            self.seen.left = self.input.to_vec();
        }
        self.seen
    }

    fn receive(&mut self, mut bytes: &[u8], cut: &mut Cut) {
        while !bytes.is_empty() {
            let (piece, rest) = bytes.split_at(cut.next(bytes.len()));
            bytes = rest;
            // What is behind a handover is the next owner's, in the same buffer.
            self.input.extend_from_slice(piece);
            self.offer();
            self.drain();
        }
    }

    /// Offers what was read until the machine takes no more of it.
    fn offer(&mut self) {
        loop {
            let before = self.input.len();
            if before == 0 || self.ended != Ended::Not || !self.machine.wants_input() {
                return;
            }
            // A time that went backwards changes nothing (rule 4).
            let past = self.now.checked_sub(Duration::from_secs(1));
            let now = past.filter(|_| before % 2 == 0).unwrap_or(self.now);
            self.machine.handle_input(&mut self.input, now);
            self.drain();
            if self.input.len() == before {
                break;
            }
        }
        let left = self.input.len();
        let most = self.script.left_bytes;
        assert!(left <= most, "rule 2: {left} bytes of input are left");
    }

    fn wait(&mut self, duration: Duration) {
        let until = self.now + duration;
        // Late and extra calls are harmless.
        self.machine.handle_timeout(self.now);
        self.drain();
        let mut last = None;
        for _ in 0..100_000 {
            let next = self.machine.poll_timeout();
            let Some(at) = next.filter(|at| *at <= until) else {
                self.now = until;
                return;
            };
            assert!(last.is_none_or(|last| at > last), "rule 5: no progress");
            let actions = self.seen.actions.len();
            self.now = self.now.max(at);
            self.machine.handle_timeout(self.now);
            self.drain();
            last = (self.seen.actions.len() == actions).then_some(at);
        }
        panic!("rule 5: deadlines without an end");
    }

    fn drain(&mut self) {
        loop {
            while let Some(action) = self.machine.poll_action() {
                self.note(action);
            }
            let transmit = self.machine.poll_transmit();
            let is_last = transmit.is_none();
            if let Some(transmit) = transmit {
                assert!(!transmit.is_empty(), "a transmit without bytes");
                assert_ne!(self.ended, Ended::Abort, "rule 3: bytes behind the end");
                self.seen.output.extend_from_slice(&transmit.head);
                self.seen.output.extend_from_slice(&transmit.payload);
            }
            // Behind the last bytes it may have learned that they have left.
            let Some(action) = self.machine.poll_action() else {
                if is_last {
                    return;
                }
                continue;
            };
            self.note(action);
        }
    }

    fn note(&mut self, action: Action<M::Event, M::Handover>) {
        let is_flush_over = self.ended == Ended::Close && matches!(action, Action::Abort);
        let is_end = self.ended != Ended::Not && !is_flush_over;
        assert!(!is_end, "rule 3: {action:?} behind the end");
        match &action {
            Action::Deliver(event) => {
                assert!(!self.closed, "rule 3: {event:?} behind the end's event");
                self.closed = (self.script.is_closed)(event);
            }
            Action::Handover(_) => self.ended = Ended::Handover,
            Action::Close => self.ended = Ended::Close,
            Action::Abort => self.ended = Ended::Abort,
        }
        self.seen.actions.push(format!("{action:?}"));
    }
}
