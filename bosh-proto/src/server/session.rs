//! One session's state, and what a request does to it.
//!
//! Rules: a rid is *received* in turn or *deferred* behind a gap; requests take effect in rid order, whatever the order of arrival
//! (B-R-066, B-R-088). Received requests are *open* until they are answered, strictly from the front (B-R-067). An open request whose
//! exchange died stays open until a duplicate brings another, or a newer request lets it be answered into the replay buffer (B-R-075, 076).
//! A fault ends the session with answers in rid order (B-R-146); after that nothing changes but the answers that wait for their turn.

use std::{collections::VecDeque, time::Duration};

use xmpp_wire::{Element, StreamHeader, ns};

use super::{
    Accept, Action, Cause, Config, Event, SessionKey,
    create::{Creation, Terms},
    exchanges::Exchanges,
    hold::Linger,
    outbox::{Outbox, Queued},
    police::Police,
    replay::Replay,
    respond::{Staged, Unsent},
    sid::Secret,
};
use crate::{Condition, ExchangeId, Instant, body::Body, keys::Expected, rid::Rid};

/// What a session works on beside itself.
#[derive(Debug)]
pub(super) struct Context<'a> {
    pub(super) config: &'a Config,
    pub(super) exchanges: &'a mut Exchanges,
    pub(super) actions: &'a mut VecDeque<Action>,
    /// Lingers under way, all of equal length, so in order.
    pub(super) lingers: &'a mut VecDeque<(Instant, SessionKey)>,
    pub(super) now: Instant,
}

impl Context<'_> {
    pub(super) fn deliver(&mut self, session: SessionKey, event: Event) {
        self.actions.push_back(Action::Deliver { session, event });
    }
}

/// Where a session stands.
#[derive(Debug)]
pub(super) enum Phase {
    /// The creation request waits for its answer.
    Opening(Box<Opening>),
    Open,
    /// `close` was called while no request was open: the next one gets this.
    Ending(Box<Farewell>),
    /// Ended: only answers that wait for their turn are left.
    Over(Cause, Vec<Element>),
}

/// What the creation response will say, and until when it waits (B-R-062).
#[derive(Debug)]
pub(super) struct Opening {
    pub(super) until: Instant,
    pub(super) header: StreamHeader,
}

/// How `close` wants a session to end.
#[derive(Debug)]
pub(super) struct Farewell {
    pub(super) condition: Option<Condition>,
    pub(super) error: Option<Queued>,
}

/// A request received in turn and not yet answered.
#[derive(Debug)]
pub(super) struct Open {
    pub(super) rid: Rid,
    /// `None` after its exchange died.
    pub(super) exchange: Option<ExchangeId>,
    /// When `wait` is over.
    pub(super) deadline: Instant,
    pub(super) has_payload: bool,
    pub(super) digest: u64,
    pub(super) duplicates: u8,
}

/// A request behind a gap.
#[derive(Debug)]
pub(super) struct Deferred {
    pub(super) body: Body,
    pub(super) open: Open,
}

/// A request of this session, as it arrived.
#[derive(Debug)]
pub(super) struct Arrival {
    pub(super) exchange: ExchangeId,
    pub(super) body: Body,
    /// Bytes of the whole body.
    pub(super) bytes: usize,
    /// Hash of the whole body in key mode, else 0.
    pub(super) digest: u64,
}

#[derive(Debug)]
pub(super) struct Session {
    pub(super) key: SessionKey,
    pub(super) secret: Secret,
    /// When the manager's timer for it fires.
    pub(super) registered: Option<Instant>,
    pub(super) terms: Terms,
    pub(super) phase: Phase,
    /// The server's stream is open.
    pub(super) accepted: bool,
    authenticated: bool,
    /// When a session that is not authenticated ends.
    pub(super) auth_until: Option<Instant>,
    pub(super) input_held: bool,
    /// Payloads that came before `accept` (B-R-050).
    pub(super) early: Vec<Element>,
    pub(super) early_bytes: usize,
    /// The server's identity, and whether an answer must still tell it (B-R-060).
    pub(super) from: Option<Box<str>>,
    pub(super) from_is_due: bool,
    /// Highest rid received without a gap below, and highest one answered.
    pub(super) received: Rid,
    pub(super) answered: Rid,
    pub(super) open: VecDeque<Open>,
    pub(super) deferred: Vec<Deferred>,
    pub(super) stage: VecDeque<Staged>,
    pub(super) unsent: Vec<Unsent>,
    pub(super) replay: Replay,
    /// Highest response that the client is known to have.
    pub(super) seen: Rid,
    /// A response to report as missing, and the highest one reported (B-R-108).
    pub(super) report: Option<(Rid, Instant)>,
    pub(super) reported: Rid,
    pub(super) outbox: Outbox,
    pub(super) police: Police,
    pub(super) linger: Linger,
    pub(super) expected: Option<Expected>,
    pub(super) idle_since: Instant,
    pub(super) paused: Option<Duration>,
}

impl Session {
    pub(super) fn new(
        key: SessionKey,
        secret: Secret,
        creation: Creation,
        arrival: Arrival,
        config: &Config,
        now: Instant,
    ) -> Self {
        let Creation {
            rid,
            terms,
            header: _,
            newkey,
        } = creation;
        let patience = if terms.is_polling() {
            Duration::ZERO
        } else {
            terms.wait().min(config.creation_timeout)
        };
        let open = Open {
            rid,
            exchange: Some(arrival.exchange),
            deadline: now + terms.wait(),
            has_payload: !arrival.body.elements.is_empty(),
            digest: arrival.digest,
            duplicates: 0,
        };
        Self {
            key,
            secret,
            registered: None,
            terms,
            phase: Phase::Opening(Box::new(Opening {
                until: now + patience,
                header: StreamHeader::default(),
            })),
            accepted: false,
            authenticated: false,
            auth_until: config.auth_timeout.map(|timeout| now + timeout),
            input_held: false,
            early: arrival.body.elements,
            early_bytes: arrival.bytes,
            from: None,
            from_is_due: false,
            received: rid,
            answered: rid.minus(1),
            open: VecDeque::from([open]),
            deferred: Vec::new(),
            stage: VecDeque::new(),
            unsent: Vec::new(),
            replay: Replay::default(),
            seen: rid.minus(1),
            report: None,
            reported: rid.minus(1),
            outbox: Outbox::default(),
            police: Police::new(rid, now),
            linger: Linger::default(),
            expected: newkey,
            idle_since: now,
            paused: None,
        }
    }

    pub(super) fn is_over(&self) -> bool {
        matches!(self.phase, Phase::Over(..))
    }

    pub(super) fn is_keyed(&self) -> bool {
        self.expected.is_some()
    }

    /// Whether a body of that size is too large for a client that is not authenticated.
    pub(super) fn is_too_big(&self, bytes: usize, config: &Config) -> bool {
        !self.authenticated && bytes > config.body_bytes_before_auth
    }

    /// The server's stream is open.
    pub(super) fn accept(&mut self, accept: Accept, ctx: &mut Context<'_>) {
        let header = accept.header;
        if header.from.is_some() && self.from.as_deref() != header.from.as_deref() {
            self.from = header.from.as_deref().map(Into::into);
            self.from_is_due = true;
        }
        if let Phase::Opening(opening) = &mut self.phase {
            opening.header = header;
        }
        if !self.accepted {
            self.accepted = true;
            for element in std::mem::take(&mut self.early) {
                ctx.deliver(self.key, Event::Element(element));
            }
        }
        // The creation response waits for features, and be it for the rest of this instant.
        if !self.outbox.is_empty() || !matches!(self.phase, Phase::Opening(_)) {
            self.flow(ctx);
        }
    }

    /// Queues an element, or gives it back.
    pub(super) fn send(&mut self, element: Element, ctx: &mut Context<'_>) -> Result<(), Element> {
        let queued = Queued::new(&element);
        if !self.outbox.has_room(queued.len(), ctx.config.outbox_bytes) {
            return Err(element);
        }
        if element.is("success", ns::SASL) || element.is("success", ns::SASL2) {
            self.authenticated = true;
            self.auth_until = None;
        }
        self.outbox.push(queued);
        self.linger.note_payload(ctx);
        self.flow(ctx);
        Ok(())
    }

    /// An exchange died (B-R-075).
    pub(super) fn lose(&mut self, id: ExchangeId, ctx: &mut Context<'_>) {
        let deferred = self.deferred.iter_mut().map(|deferred| &mut deferred.open);
        for open in self.open.iter_mut().chain(deferred) {
            if open.exchange == Some(id) {
                open.exchange = None;
            }
        }
        self.stage.retain(|staged| staged.exchange != id);
        self.unsent.retain(|unsent| unsent.exchange != id);
        self.idle_since = ctx.now;
        if matches!(self.phase, Phase::Opening(_)) {
            // The client never learns the sid.
            self.end(Cause::Inactive);
            return;
        }
        self.pump(ctx);
        self.flow(ctx);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An idle session is one slot of a slab; what it holds beside is its held request and the answers kept.
    #[test]
    fn a_session_is_small() {
        let size = size_of::<Session>();
        assert!(size <= 640, "{size} bytes");
    }
}
