//! A session's state, and what the application may ask of it.
//!
//! Rules: requests are *pending* from the moment that they are first sent until their answers were processed, strictly from the front
//! (B-R-068); there are never more of them than the window, so that every lost answer is still in the connection manager's replay buffer.
//! A pending request is on its way on an *exchange*, or waits for its next try, or has its answer parked behind one that is missing.
//! New requests are composed when the driver asks for orders and nothing else is left to do: whatever was sent before shares one body.

use std::{collections::VecDeque, time::Duration};

use bytes::Bytes;
use rand_chacha::ChaCha12Rng;
use rand_core::{Rng as _, SeedableRng as _};
use xmpp_machine::{Clock, Moment};
use xmpp_wire::Element;

use super::{
    Action, Config, Event, Failure, Response, SendError,
    outbox::{self, Outbox},
    receive::Parked,
    terms::Terms,
};
use crate::{ExchangeId, Instant, keys::Chain, rid::Rid};

/// One BOSH session, as its client sees it.
///
/// After any calls, drain [`poll_action`](Self::poll_action), then read [`poll_timeout`](Self::poll_timeout). Time may be inexact;
/// an instant before the latest one seen counts as that one. After `Event::Closed` there is nothing more: what was ordered before it may
/// still be carried out, a last `type='terminate'` above all, and nobody waits for the answer.
pub struct Session {
    pub(super) config: Config,
    pub(super) rng: ChaCha12Rng,
    pub(super) clock: Clock,
    /// The latest moment of the clock. All deadlines are moments, so that a session at rest is the
    /// session itself.
    pub(super) now: Moment,
    pub(super) exchanges: u64,
    pub(super) actions: VecDeque<Action>,
    pub(super) phase: Phase,
    pub(super) restart: Restart,
    pub(super) terms: Terms,
    /// The server's identity, and the node's name, as last told.
    pub(super) from: Option<String>,
    pub(super) host: Option<String>,
    /// The rid of the next new request.
    pub(super) next: Rid,
    /// Highest rid known to be received, by its answer or an `ack` (B-R-103).
    pub(super) acked: Rid,
    /// Requests that were answered while another copy of them may be on its way, until then: acknowledging them could make that copy a
    /// fault, for its answer is no longer kept.
    pub(super) doubled: VecDeque<(Rid, Moment)>,
    /// Requests without a processed answer, by rid without gaps.
    pub(super) pending: VecDeque<Pending>,
    pub(super) outbox: Outbox,
    pub(super) chain: Option<Chain>,
    /// Elements of requests that were skipped when the session ended.
    pub(super) skipped: Vec<Element>,
    pub(super) input_held: bool,
    /// Bytes of elements that came since.
    pub(super) held_bytes: usize,
    /// When the session is lost, while something is pending (B-R-097).
    pub(super) lost_at: Option<Moment>,
    /// When a further request is in order in a polling session (B-R-130).
    pub(super) spaced_until: Moment,
    /// Until then an empty request gives way to a payload that the application may still send.
    pub(super) poll_from: Moment,
    /// When a request is due at the latest, while nothing is pending (B-R-111).
    pub(super) idle_until: Option<Moment>,
    /// The same while the input is held.
    pub(super) held_until: Option<Moment>,
    /// Polls in a row that were answered at once and empty, where they should have been held.
    pub(super) quick: u8,
    /// How many 4xx came in a row (B-R-144).
    pub(super) refusals: u8,
    /// A terminal answer waits for those before it until then (B-R-138).
    pub(super) terminal_until: Option<Moment>,
    /// This request fell with another one, whose answer says why and is waited for as long.
    pub(super) fell_with_another: bool,
    /// A request is due although others may be pending: the first after a pause (B-R-124).
    pub(super) must_send: bool,
    pub(super) generation: u64,
}

/// The phase of a session, from its creation to its end.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// The creation request is pending, or due.
    Creating {
        attempts: u8,
        due: Moment,
    },
    Open,
    /// A pause was asked for; the answer is awaited until then.
    Pausing {
        period: Duration,
        sent: Option<(Rid, Moment)>,
    },
    /// Nothing new is sent until then.
    Paused {
        period: Duration,
        until: Moment,
    },
    /// A last request is due, or pending.
    Closing {
        until: Moment,
        sent: Option<Rid>,
    },
    Over,
}

/// The progress of the restart behind SASL (XEP-0206 §5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Restart {
    /// SASL has not succeeded yet.
    None,
    /// To be sent before anything else.
    Due,
    /// The restart was sent; its features are awaited until then.
    Sent(Moment),
    /// The features have come.
    Done,
}

/// The purpose of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Creation,
    /// With payloads, or empty.
    Ordinary,
    Restart,
    Pause,
    Terminate,
}

/// A request without a processed answer.
pub(super) struct Pending {
    pub(super) rid: Rid,
    pub(super) kind: Kind,
    /// The bytes that every transmission has (B-R-096).
    pub(super) body: Bytes,
    pub(super) payload: Vec<Element>,
    pub(super) way: Way,
    /// Abandoned exchanges whose answer may come all the same, the newest last.
    pub(super) stale: Vec<ExchangeId>,
    /// When it was sent for the first time.
    pub(super) since: Moment,
    /// When it was sent for the last time.
    pub(super) sent: Moment,
    /// When an exchange first broke on which the connection manager may have held it.
    pub(super) broken: Option<Moment>,
    /// When it is sent again unless it is acknowledged (B-R-103).
    pub(super) hint: Hint,
    /// Transmissions that failed, and answers `type='error'`, and answers that were not BOSH.
    pub(super) failures: u32,
    pub(super) errors: u8,
    pub(super) garbage: u8,
}

/// Whether a pending request is under way, waits for its next try, or was answered out of turn.
#[derive(Debug)]
pub(super) enum Way {
    /// On an exchange, to be given up then.
    Out(ExchangeId, Moment),
    /// Waits for its next try.
    Again(Moment),
    /// Its answer waits for those before it.
    Answered(Box<Parked>),
}

/// The deadline of an early hint that a request was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hint {
    None,
    At(Moment),
    /// Once per request.
    Spent,
}

/// Without what it sends, which holds the secret `sid` (B-R-170).
impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session")
            .field("phase", &self.phase)
            .field("restart", &self.restart)
            .field("terms", &self.terms)
            .field("next", &self.next)
            .field("acked", &self.acked)
            .field("pending", &self.pending)
            .field("outbox", &self.outbox)
            .finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Pending {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pending")
            .field("rid", &self.rid)
            .field("kind", &self.kind)
            .field("way", &self.way)
            .finish_non_exhaustive()
    }
}

impl Session {
    /// A session to be created. `seed` must come from the operating system's generator: `rid`s and keys are made of it.
    pub fn new(config: Config, seed: [u8; 32], now: Instant) -> Self {
        Self::with_clock(config, seed, Clock::new(now))
    }

    pub(super) fn with_clock(config: Config, seed: [u8; 32], clock: Clock) -> Self {
        let now = clock.latest();
        let mut rng = ChaCha12Rng::from_seed(seed);
        let first = first_rid(&mut rng);
        Self {
            terms: Terms::asked(&config),
            config,
            rng,
            clock,
            now,
            exchanges: 0,
            actions: VecDeque::new(),
            phase: Phase::Creating {
                attempts: 0,
                due: now,
            },
            restart: Restart::None,
            from: None,
            host: None,
            next: first,
            acked: first.minus(1),
            doubled: VecDeque::new(),
            pending: VecDeque::new(),
            outbox: Outbox::default(),
            chain: None,
            skipped: Vec::new(),
            input_held: false,
            held_bytes: 0,
            lost_at: None,
            spaced_until: now,
            poll_from: now,
            idle_until: None,
            held_until: None,
            quick: 0,
            refusals: 0,
            terminal_until: None,
            fell_with_another: false,
            must_send: false,
            generation: 0,
        }
    }

    /// Queues an element; it leaves with the next order, if the window has room. Before the session is open, during a restart and during a
    /// pause it waits.
    ///
    /// # Errors
    ///
    /// Gives the element back where the outbox is full (`Event::Writable` follows) or the session is closed.
    pub fn send(&mut self, element: Element, now: Instant) -> Result<(), SendError<Element>> {
        self.now = self.clock.read(now);
        if matches!(self.phase, Phase::Closing { .. } | Phase::Over) {
            return Err(SendError::Closed(element));
        }
        let prepared = outbox::prepare(&element);
        let size = prepared.raw().len();
        if !self.outbox.has_room(size, self.config.outbox_bytes) {
            return Err(SendError::Full(element));
        }
        self.outbox.push(prepared);
        Ok(())
    }

    /// Whether the stream restarts (XEP-0206 §5): the features of the new one have not come.
    pub(super) fn is_restarting(&self) -> bool {
        match self.restart {
            Restart::Due | Restart::Sent(_) => true,
            Restart::None | Restart::Done => false,
        }
    }

    /// The application cannot take more: the client polls no more than it must to stay alive (B-R-111). What comes nevertheless is still
    /// delivered, up to `Config::held_bytes`.
    pub fn hold_input(&mut self, now: Instant) {
        self.now = self.clock.read(now);
        if !self.input_held {
            self.input_held = true;
            self.held_bytes = 0;
        }
    }

    /// The application can take more again: the client polls as usual.
    pub fn release_input(&mut self, now: Instant) {
        self.now = self.clock.read(now);
        self.input_held = false;
    }

    /// Ends the session: what is queued leaves with the last request (XEP-0124 §13). `Event::Closed` follows when it is answered, or
    /// in 5 s; an unfinished creation is dropped at once.
    pub fn close(&mut self, now: Instant) {
        self.now = self.clock.read(now);
        match self.phase {
            Phase::Over | Phase::Closing { .. } => {}
            Phase::Creating { .. } => self.end(super::Cause::Ours, None, None),
            Phase::Open | Phase::Pausing { .. } | Phase::Paused { .. } => {
                self.phase = Phase::Closing {
                    until: self.now + CLOSE_PATIENCE,
                    sent: None,
                };
            }
        }
    }

    /// Ends the session at once, without a word to the connection manager: for one that is known to be gone. `Event::Closed` follows.
    pub fn abort(&mut self, now: Instant) {
        self.now = self.clock.read(now);
        self.end(super::Cause::Ours, None, None);
    }

    /// The answer to a request came. An exchange that is not known is ignored.
    pub fn handle_response(&mut self, id: ExchangeId, response: Response, now: Instant) {
        self.now = self.clock.read(now);
        self.take_response(id, response);
    }

    /// A request will get no answer. An exchange that is not known is ignored.
    pub fn handle_failure(&mut self, id: ExchangeId, failure: Failure, now: Instant) {
        self.now = self.clock.read(now);
        self.take_failure(id, failure);
    }

    /// A deadline may have passed.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.now = self.clock.read(now);
        self.expire();
    }

    /// The next thing that the driver must do. New requests are composed here, at the latest time
    /// seen.
    pub fn poll_action(&mut self) -> Option<Action> {
        if self.actions.is_empty() {
            self.send_due();
        }
        self.actions.pop_front()
    }

    /// When to call `handle_timeout` at the latest. Every other call may change it.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.clock.instant(self.deadline()?)
    }

    /// How often the session was exported and taken over before.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    pub(super) fn deliver(&mut self, event: Event) {
        self.actions.push_back(Action::Deliver(event));
    }

    pub(super) fn is_over(&self) -> bool {
        self.phase == Phase::Over
    }

    /// Puts a pending request on a new exchange.
    pub(super) fn transmit(&mut self, at: usize) {
        let id = ExchangeId(self.exchanges);
        self.exchanges += 1;
        let is_overdue = self
            .pending
            .iter()
            .skip(at + 1)
            .any(|later| matches!(later.way, Way::Answered(_)));
        let patience = if is_overdue {
            OVERDUE
        } else {
            self.terms.response_timeout()
        };
        let until = self.now + patience;
        if let Some(pending) = self.pending.get_mut(at) {
            pending.way = Way::Out(id, until);
            pending.sent = self.now;
            if pending.hint.at().is_some() {
                pending.hint = Hint::Spent;
            }
            let body = pending.body.clone();
            self.actions.push_back(Action::Request { id, body });
        }
    }
}

/// A large random number, so that no session passes 2^53 - 1 (B-R-082): uniform in 2^32 to 2^52.
pub(super) fn first_rid(rng: &mut ChaCha12Rng) -> Rid {
    loop {
        let value = rng.next_u64() & Rid::MAX;
        if (1 << 32..=1 << 52).contains(&value) {
            return Rid::new(value);
        }
    }
}

/// How long a repeated request waits for an answer that was given before, since a later request was answered: it comes at once or not.
/// Waiting as long as for a poll would let the session die of inactivity, as nothing is held meanwhile.
const OVERDUE: Duration = Duration::from_secs(5);

/// How long a terminate request waits for its answer (B-R-137).
const CLOSE_PATIENCE: Duration = Duration::from_secs(5);
