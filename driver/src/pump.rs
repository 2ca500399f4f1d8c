//! One machine on one byte stream.
//!
//! Rules: write, read and clock are always polled together, so that a peer that will not read can stop neither our reading nor a
//! deadline. All progress lives in the pump: a dropped `next()` loses nothing. Bytes are asked for when the last are written, and
//! never after bytes that were lost. A failed write does not end reading, since the peer's last words may still be there.

use std::{
    cell::Cell,
    convert::Infallible,
    fmt,
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use bytes::{Buf, BytesMut};
use futures_io::{AsyncRead, AsyncWrite};
use xmpp_machine::{Action, Machine, Proved as _, Transmit};

use crate::{Runtime, alarm::Alarm};

/// Bytes of one read, so many that most reads are short: a short read says that the socket is empty.
const READ_BYTES: usize = 64 * 1024;
/// Bytes written before reading has its turn.
const WRITE_BYTES: usize = 256 * 1024;
/// Turns with progress before other tasks get theirs; not every runtime has a budget of its own.
const TURNS: u32 = 32;
/// What a peer may still send behind our last bytes; closing with unread data would destroy them (RFC 6455 §7.1.1).
const DRAIN_BYTES: usize = 4 * 1024 * 1024;
/// How long it may do so, and how long reading goes on after a failed write.
const DRAIN_TIME: Duration = Duration::from_secs(2);

thread_local! {
    /// One buffer per thread, initialised once: filling it with zeros for each read would cost more than the protocols.
    static SCRATCH: Cell<Option<Box<[u8]>>> = const { Cell::new(None) };
}

/// What a pump comes back with.
#[derive(Debug, PartialEq, Eq)]
pub enum Step<E, H = Infallible> {
    /// The machine delivered.
    Event(E),
    /// All is written, and the stream belongs to somebody else: for good (`into_parts`), or until `resume`.
    Handover(H),
}

/// What a pump of that machine comes back with.
type StepOf<M> = Step<<M as Machine>::Event, <M as Machine>::Handover>;

/// What the machine's last order asks for.
enum Phase<H> {
    Running,
    /// The bytes in front of the order are on their way.
    Flushing(Then<H>),
    /// The write side is being shut down, and what comes is thrown away.
    Draining {
        until: Instant,
        shut: bool,
    },
    Over,
}

enum Then<H> {
    HandOver(H),
    ShutDown,
}

/// Whether bytes can be written.
#[derive(Clone, Copy, Debug)]
enum Output {
    /// The machine may have more to write.
    Open,
    /// Nothing is left, and all is flushed.
    Drained,
    /// Writing failed. Reading goes on until then.
    Lost { until: Instant },
}

/// Directions that need not be polled again in this call: their wakers are registered.
#[derive(Default)]
struct Blocked {
    read: bool,
    write: bool,
}

/// One machine on one byte stream.
pub struct Pump<M: Machine, S, R: Runtime> {
    machine: M,
    io: S,
    runtime: R,
    alarm: Alarm<R>,
    phase: Phase<M::Handover>,
    input: BytesMut,
    /// The machine may take more of `input` than when it last looked.
    unoffered: bool,
    input_ended: bool,
    transmit: Transmit,
    output: Output,
    unflushed: bool,
    discarded: usize,
    turns: u32,
}

impl<M: Machine, S, R: Runtime> fmt::Debug for Pump<M, S, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pump").finish_non_exhaustive()
    }
}

impl<M: Machine, S: AsyncRead + AsyncWrite + Unpin, R: Runtime> Pump<M, S, R> {
    /// A pump; `unread` are bytes that an earlier machine left.
    pub fn new(machine: M, io: S, unread: BytesMut, runtime: R) -> Self {
        Self {
            machine,
            io,
            runtime,
            alarm: Alarm::new(),
            phase: Phase::Running,
            input: unread,
            unoffered: true,
            input_ended: false,
            transmit: Transmit::default(),
            output: Output::Open,
            unflushed: false,
            discarded: 0,
            turns: 0,
        }
    }

    /// The machine that the pump drives.
    pub fn machine(&self) -> &M {
        &self.machine
    }

    /// The machine, to tell it what the application wants; poll the pump afterwards.
    pub fn machine_mut(&mut self) -> &mut M {
        // What it is told may make room for input that it left.
        self.unoffered = true;
        &mut self.machine
    }

    /// The stream, to exchange it for another one; poll the pump afterwards.
    pub fn io_mut(&mut self) -> &mut S {
        &mut self.io
    }

    /// Goes on with the same stream behind a handover. What was read and not taken is thrown away: plain text in front of a TLS handshake.
    pub fn resume(&mut self) {
        self.phase = Phase::Running;
        self.input = BytesMut::new();
    }

    /// Goes on with another stream, as if the machine had never had one: what was read from the old one and not taken is thrown away, and what was
    /// not written to it too. Gives the old one back.
    pub fn replace_io(&mut self, io: S) -> S {
        self.phase = Phase::Running;
        self.input = BytesMut::new();
        self.unoffered = true;
        self.input_ended = false;
        self.transmit = Transmit::default();
        self.output = Output::Open;
        self.unflushed = false;
        self.discarded = 0;
        std::mem::replace(&mut self.io, io)
    }

    /// The current time of the pump's runtime.
    pub fn now(&self) -> Instant {
        self.runtime.now()
    }

    /// Machine, stream, unread bytes.
    pub fn into_parts(self) -> (M, S, BytesMut) {
        (self.machine, self.io, self.input)
    }

    /// Runs until the machine delivers; `None` when it is over. Cancel-safe: all progress lives in `self`.
    pub async fn next(&mut self) -> Option<StepOf<M>> {
        std::future::poll_fn(|cx| self.poll_next(cx)).await
    }

    /// The same for hand-written futures.
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<StepOf<M>>> {
        let mut blocked = Blocked::default();
        loop {
            while let Some(action) = self.machine.poll_action() {
                match action {
                    Action::Deliver(event) => return Poll::Ready(Some(Step::Event(event))),
                    Action::Handover(to) => self.phase = Phase::Flushing(Then::HandOver(to)),
                    Action::Close => self.phase = Phase::Flushing(Then::ShutDown),
                    Action::Abort => self.phase = Phase::Over,
                }
            }
            if matches!(self.phase, Phase::Over) {
                return Poll::Ready(None);
            }
            if self.turns >= TURNS {
                self.turns = 0;
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            // None of them is left out because of another: each registers its own waker.
            let wrote = self.poll_write(cx, &mut blocked);
            let read = self.poll_read(cx, &mut blocked);
            let fired = self.poll_clock(cx);
            let (ended, step) = self.poll_end(cx);
            if step.is_some() {
                return Poll::Ready(step);
            }
            if !(wrote || read || fired || ended) {
                self.turns = 0;
                return Poll::Pending;
            }
            self.turns += 1;
        }
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, blocked: &mut Blocked) -> bool {
        if matches!(self.output, Output::Lost { .. })
            || matches!(self.phase, Phase::Draining { .. } | Phase::Over)
        {
            return false;
        }
        self.output = Output::Open;
        let mut written = 0;
        while written < WRITE_BYTES {
            if self.transmit.head.is_empty() && self.transmit.payload.is_empty() {
                let Some(transmit) = self.machine.poll_transmit() else {
                    return self.poll_flush(cx) || written > 0;
                };
                self.transmit = transmit;
                continue;
            }
            if blocked.write {
                break;
            }
            let Transmit { head, payload } = &mut self.transmit;
            let io = Pin::new(&mut self.io);
            let wrote = if payload.is_empty() {
                io.poll_write(cx, head)
            } else if head.is_empty() {
                io.poll_write(cx, payload)
            } else {
                io.poll_write_vectored(cx, &[IoSlice::new(head), IoSlice::new(payload)])
            };
            match wrote {
                Poll::Pending => blocked.write = true,
                Poll::Ready(Ok(0)) => {
                    self.lose_output(&io::ErrorKind::WriteZero.into());
                    return true;
                }
                Poll::Ready(Ok(count)) => {
                    written += count;
                    self.unflushed = true;
                    let of_head = count.min(head.len());
                    head.advance(of_head);
                    payload.advance((count - of_head).min(payload.len()));
                }
                Poll::Ready(Err(error)) => {
                    self.lose_output(&error);
                    return true;
                }
            }
        }
        // Room in the machine's output may be room for its input.
        self.unoffered |= written > 0;
        written > 0
    }

    /// Layers above a socket (TLS) may keep bytes until they are flushed; a socket answers at once.
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> bool {
        if !self.unflushed {
            self.output = Output::Drained;
            return false;
        }
        match Pin::new(&mut self.io).poll_flush(cx) {
            Poll::Pending => return false,
            Poll::Ready(Ok(())) => {
                self.unflushed = false;
                self.unoffered = true;
                self.output = Output::Drained;
            }
            Poll::Ready(Err(error)) => self.lose_output(&error),
        }
        true
    }

    fn lose_output(&mut self, error: &io::Error) {
        tracing::debug!(%error, "writing failed");
        self.transmit = Transmit::default();
        self.output = Output::Lost {
            until: self.runtime.now() + DRAIN_TIME,
        };
    }

    fn poll_read(&mut self, cx: &mut Context<'_>, blocked: &mut Blocked) -> bool {
        match self.phase {
            Phase::Running => {}
            // Nobody looks at this any more, but a peer that writes before it reads must be rid of it.
            Phase::Flushing(Then::ShutDown) | Phase::Draining { .. } => {
                return self.poll_discard(cx, blocked);
            }
            Phase::Flushing(Then::HandOver(_)) | Phase::Over => return false,
        }
        if self.input_ended {
            return false;
        }
        if !self.machine.wants_input() {
            // Nobody waits for the last words of a peer that is gone.
            let lost = matches!(self.output, Output::Lost { .. });
            if lost {
                self.end_input();
            }
            return lost;
        }
        if std::mem::take(&mut self.unoffered) && !self.input.is_empty() {
            self.offer_input();
            return true;
        }
        if blocked.read {
            return false;
        }
        let most = self.machine.read_bytes().clamp(1, READ_BYTES);
        let Self { io, input, .. } = self;
        let read = with_scratch(|scratch| {
            let (scratch, _) = scratch.split_at_mut(most.min(scratch.len()));
            let read = Pin::new(io).poll_read(cx, scratch);
            if let Poll::Ready(Ok(count)) = read {
                input.extend_from_slice(scratch.proved(..count));
            }
            read
        });
        match read {
            Poll::Pending => {
                blocked.read = true;
                return false;
            }
            Poll::Ready(Ok(0)) => self.end_input(),
            Poll::Ready(Ok(_)) => self.offer_input(),
            Poll::Ready(Err(error)) => {
                tracing::debug!(%error, "reading failed");
                self.lose_output(&error);
                self.end_input();
            }
        }
        true
    }

    fn offer_input(&mut self) {
        let before = self.input.len();
        self.machine
            .handle_input(&mut self.input, self.runtime.now());
        let rest = self.input.len();
        if rest == 0 {
            // An idle connection holds no buffer ...
            self.input = BytesMut::new();
        } else if rest < before / 2 {
            // ... and a small rest no large one.
            self.input = BytesMut::from(self.input.as_ref());
        }
        self.unoffered = !self.machine.wants_input();
    }

    fn end_input(&mut self) {
        self.input_ended = true;
        let now = self.runtime.now();
        match self.output {
            Output::Open | Output::Drained => self.machine.handle_eof(now),
            Output::Lost { .. } => self.machine.handle_reset(now),
        }
    }

    fn poll_discard(&mut self, cx: &mut Context<'_>, blocked: &mut Blocked) -> bool {
        self.input = BytesMut::new();
        if self.input_ended || blocked.read || self.discarded >= DRAIN_BYTES {
            return false;
        }
        match with_scratch(|scratch| Pin::new(&mut self.io).poll_read(cx, scratch)) {
            Poll::Pending => {
                blocked.read = true;
                return false;
            }
            Poll::Ready(Ok(0) | Err(_)) => self.input_ended = true,
            Poll::Ready(Ok(count)) => self.discarded += count,
        }
        true
    }

    /// Whether a deadline has passed, the machine's or our own.
    fn poll_clock(&mut self, cx: &mut Context<'_>) -> bool {
        let theirs = self.machine.poll_timeout();
        let ours = match (&self.phase, self.output) {
            (Phase::Draining { until, .. }, _) => Some(*until),
            (Phase::Running, Output::Lost { until }) if !self.input_ended => Some(until),
            (Phase::Running | Phase::Flushing(_) | Phase::Over, _) => None,
        };
        let Some(deadline) = ours.into_iter().chain(theirs).min() else {
            return false;
        };
        if !self.alarm.poll(cx, &self.runtime, deadline) {
            return false;
        }
        if theirs == Some(deadline) {
            self.machine.handle_timeout(self.runtime.now());
            self.unoffered = true;
        }
        if ours == Some(deadline) {
            match self.phase {
                Phase::Draining { .. } => self.phase = Phase::Over,
                Phase::Running | Phase::Flushing(_) | Phase::Over => self.end_input(),
            }
        }
        true
    }

    /// Goes on with the machine's last order, and tells whether it did; gives the step that follows from it.
    fn poll_end(&mut self, cx: &mut Context<'_>) -> (bool, Option<StepOf<M>>) {
        if !matches!(self.phase, Phase::Flushing(_)) {
            return (self.poll_shut_down(cx), None);
        }
        if matches!(self.output, Output::Open) {
            return (false, None);
        }
        let phase = std::mem::replace(&mut self.phase, Phase::Over);
        let step = match (self.output, phase) {
            (Output::Drained, Phase::Flushing(Then::HandOver(to))) => Some(Step::Handover(to)),
            (Output::Drained, Phase::Flushing(Then::ShutDown)) => {
                self.phase = Phase::Draining {
                    until: self.runtime.now() + DRAIN_TIME,
                    shut: false,
                };
                None
            }
            (Output::Open | Output::Drained | Output::Lost { .. }, _) => None,
        };
        (true, step)
    }

    fn poll_shut_down(&mut self, cx: &mut Context<'_>) -> bool {
        let Phase::Draining { until, shut } = self.phase else {
            return false;
        };
        let closed = if shut {
            Poll::Ready(Ok(()))
        } else {
            Pin::new(&mut self.io).poll_close(cx)
        };
        let shut = closed.is_ready();
        // An error says that the transport is gone already.
        let failed = matches!(closed, Poll::Ready(Err(_)));
        let drained = self.input_ended || self.discarded >= DRAIN_BYTES;
        if failed || (shut && drained) {
            self.phase = Phase::Over;
            return true;
        }
        self.phase = Phase::Draining { until, shut };
        false
    }
}

/// Lends the thread's read buffer.
fn with_scratch<T>(read: impl FnOnce(&mut [u8]) -> T) -> T {
    SCRATCH.with(|slot| {
        let mut scratch = slot
            .take()
            .unwrap_or_else(|| vec![0; READ_BYTES].into_boxed_slice());
        let result = read(&mut scratch);
        slot.set(Some(scratch));
        result
    })
}
