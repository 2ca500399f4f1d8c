//! One session's state, and what a request does to it.
//!
//! Rules: a rid is *received* in turn or *deferred* behind a gap; requests take effect in rid order, whatever the order of arrival
//! (B-R-066, B-R-088). Received requests are *open* until they are answered, strictly from the front (B-R-067). An open request whose
//! exchange died stays open until a duplicate brings another, or a newer request lets it be answered into the replay buffer (B-R-075, 076).
//! A fault ends the session with answers in rid order (B-R-146); after that nothing changes but the answers that wait for their turn.

use std::{collections::VecDeque, num::NonZeroU16, time::Duration};

use smallvec::{SmallVec, smallvec};
use xmpp_machine::{AddressShare, Moment};
use xmpp_wire::{Element, StreamHeader, ns};

use super::{
    Accept, Action, Cause, Closed, Config, Event, Reason, SendError, SessionKey,
    create::{Creation, Terms, Version},
    exchanges::{ExchangeSlot, Exchanges},
    hold::{Linger, Spared},
    outbox::{Outbox, Queued, Spares},
    pace::Pace,
    police::Police,
    rare::Rare,
    replay::Replay,
    respond::Unsent,
    sid::Secret,
};
use crate::{Condition, ExchangeId, body::Body, rid::Rid};

/// What a session works on beside itself.
#[derive(Debug)]
pub(super) struct Context<'a> {
    pub(super) config: &'a Config,
    pub(super) exchanges: &'a mut Exchanges,
    pub(super) actions: &'a mut VecDeque<Action>,
    /// Lingers under way, all of equal length, so in order.
    pub(super) lingers: &'a mut VecDeque<(Moment, SessionKey)>,
    pub(super) spares: &'a mut Spares,
    pub(super) now: Moment,
}

impl Context<'_> {
    pub(super) fn deliver(&mut self, session: SessionKey, event: Event) {
        self.actions.push_back(Action::Deliver { session, event });
    }
}

/// The phase of a session, from its creation to its end.
#[derive(Debug)]
pub(super) enum Phase {
    /// The creation request waits for its answer.
    Creating(Box<CreationAnswer>),
    Open,
    /// `close` was called while no request was open: the next one gets this.
    Ending(Box<Farewell>),
    /// The client ended the session before the server's stream was open, which still gets what it sent (B-R-135).
    Leaving,
    /// Ended: only answers that wait for their turn are left.
    Over(Box<Closed>),
}

/// What the creation response will say, and until when it waits (B-R-062).
#[derive(Debug)]
pub(super) struct CreationAnswer {
    pub(super) until: Moment,
    pub(super) header: StreamHeader,
    /// The version agreed on; `None` for a legacy client.
    pub(super) version: Option<Version>,
}

/// How `close`, or a rule that is not the transport's, wants a session to end.
#[derive(Debug)]
pub(super) struct Farewell {
    pub(super) cause: Cause,
    pub(super) reason: Option<Reason>,
    pub(super) condition: Option<Condition>,
    pub(super) error: Option<Queued>,
    /// Where to go instead, for `see-other-uri`.
    pub(super) uri: Option<Box<str>>,
}

impl Farewell {
    /// A farewell of our own with a condition alone.
    pub(super) fn new(condition: Condition) -> Self {
        Self {
            cause: Cause::Ours,
            reason: None,
            condition: Some(condition),
            error: None,
            uri: None,
        }
    }
}

/// A request received in turn and not yet answered.
#[derive(Clone, Copy, Debug)]
pub(super) struct OpenRequest {
    pub(super) rid: Rid,
    pub(super) exchange: ExchangeSlot,
    /// When `wait` is over.
    pub(super) deadline: Moment,
    pub(super) digest: u32,
    pub(super) has_payload: bool,
    pub(super) duplicates: u8,
}

/// A request that came before one with a lower rid.
#[derive(Debug)]
pub(super) struct Deferred {
    pub(super) body: Body,
    /// Bytes of the whole body.
    pub(super) bytes: usize,
    pub(super) open: OpenRequest,
}

/// A request of this session, as it arrived.
#[derive(Debug)]
pub(super) struct Arrival {
    pub(super) exchange: ExchangeId,
    pub(super) body: Body,
    /// Bytes of the whole body.
    pub(super) bytes: usize,
    /// Hash of the whole body in key mode, else 0.
    pub(super) digest: u32,
    /// How long the rates of its client's address make its answer wait.
    pub(super) delay: Duration,
}

/// A client that has not signed in.
#[derive(Debug)]
pub(super) struct Unauthenticated {
    /// When its session ends unless it signs in.
    pub(super) until: Option<Moment>,
    /// The address that it counts against.
    pub(super) share: Option<AddressShare>,
}

/// A session. What it holds while idle is counted (`tests/memory.rs`): think before adding to it, and see [`Rare`].
#[derive(Debug)]
pub(super) struct Session {
    pub(super) key: SessionKey,
    /// When the manager's timer for it fires.
    pub(super) registered: Option<Moment>,
    /// There until the client signed in.
    pub(super) unauthenticated: Option<Box<Unauthenticated>>,
    pub(super) idle_since: Moment,
    /// Highest rid received without a gap below, and highest one answered.
    pub(super) received: Rid,
    pub(super) answered: Rid,
    /// Highest response that the client is known to have.
    pub(super) seen: Rid,
    pub(super) phase: Phase,
    pub(super) open: SmallVec<[OpenRequest; 2]>,
    pub(super) unsent: SmallVec<[Unsent; 1]>,
    pub(super) replay: Replay,
    pub(super) outbox: Outbox,
    pub(super) police: Police,
    pub(super) pace: Pace,
    pub(super) linger: Linger,
    /// The server's identity.
    pub(super) from: Option<Box<str>>,
    pub(super) rare: Option<Box<Rare>>,
    pub(super) secret: Secret,
    pub(super) terms: Terms,
    /// Seconds of the pause under way.
    pub(super) paused: Option<NonZeroU16>,
    /// The server's stream is open.
    pub(super) accepted: bool,
    pub(super) input_held: bool,
    /// An answer must still tell `from` (B-R-060).
    pub(super) from_is_due: bool,
    /// What would have been answered without the linger (B-R-071).
    pub(super) spared: Spared,
    /// Answers since the newest one that a linger delayed.
    pub(super) punctual: u8,
}

impl Session {
    pub(super) fn new(
        key: SessionKey,
        secret: Secret,
        creation: Creation,
        arrival: Arrival,
        share: Option<AddressShare>,
        config: &Config,
        now: Moment,
    ) -> Self {
        let Creation {
            rid,
            terms,
            version,
            header: _,
            route: _,
            newkey,
            payloads,
        } = creation;
        let patience = if terms.is_polling() {
            Duration::ZERO
        } else {
            terms.wait().min(config.creation_timeout)
        };
        let open = OpenRequest {
            rid,
            exchange: arrival.exchange.into(),
            deadline: now + terms.wait(),
            digest: arrival.digest,
            has_payload: !payloads.is_empty(),
            duplicates: 0,
        };
        let rare = Rare {
            early_bytes: if payloads.is_empty() {
                0
            } else {
                arrival.bytes
            },
            early: payloads,
            expected: newkey,
            ..Rare::default()
        };
        let mut session = Self {
            key,
            registered: None,
            unauthenticated: Some(Box::new(Unauthenticated {
                until: config.auth_timeout.map(|timeout| now + timeout),
                share,
            })),
            idle_since: now,
            received: rid,
            answered: rid.minus(1),
            seen: rid.minus(1),
            phase: Phase::Creating(Box::new(CreationAnswer {
                until: now + patience,
                header: StreamHeader::default(),
                version,
            })),
            open: smallvec![open],
            unsent: SmallVec::new(),
            replay: Replay::default(),
            outbox: Outbox::default(),
            police: Police::new(rid, now),
            pace: Pace::default(),
            linger: Linger::default(),
            from: None,
            rare: Some(Box::new(rare)),
            secret,
            terms,
            paused: None,
            accepted: false,
            input_held: false,
            from_is_due: false,
            spared: Spared::default(),
            punctual: u8::MAX,
        };
        session.slow_down(arrival.delay, now);
        session
    }

    pub(super) fn is_over(&self) -> bool {
        matches!(self.phase, Phase::Over(_))
    }

    /// The address whose sessions before authentication it counts among.
    pub(super) fn unauthenticated_share(&self) -> Option<AddressShare> {
        self.unauthenticated
            .as_ref()
            .and_then(|unauthenticated| unauthenticated.share)
    }

    /// When it ends if the client does not sign in.
    pub(super) fn auth_until(&self) -> Option<Moment> {
        self.unauthenticated
            .as_ref()
            .and_then(|unauthenticated| unauthenticated.until)
    }

    /// Whether requests for it are answered as those for a session that is not known.
    pub(super) fn is_gone(&self) -> bool {
        matches!(self.phase, Phase::Over(_) | Phase::Leaving)
    }

    pub(super) fn is_keyed(&self) -> bool {
        self.expected().is_some()
    }

    /// Whether a body of that size is too large for a client that is not authenticated.
    pub(super) fn is_too_big(&self, bytes: usize, config: &Config) -> bool {
        self.unauthenticated.is_some() && bytes > config.body_bytes_before_auth
    }

    /// The server's stream is open.
    pub(super) fn accept(&mut self, accept: Accept, ctx: &mut Context<'_>) {
        let header = accept.header;
        if header.from.is_some() && self.from.as_deref() != header.from.as_deref() {
            self.from = header.from.as_deref().map(Into::into);
            self.from_is_due = true;
        }
        if let Phase::Creating(answer) = &mut self.phase {
            answer.header = header;
        }
        if !self.accepted {
            self.accepted = true;
            let rare = self.rare.as_deref_mut();
            let early = rare.map(|rare| {
                rare.early_bytes = 0;
                std::mem::take(&mut rare.early)
            });
            if !self.deliver_elements(early.unwrap_or_default(), ctx) {
                return self.refuse_early(ctx);
            }
        }
        if let Phase::Leaving = self.phase {
            return self.end(Cause::Terminated, None);
        }
        // The creation response waits for features, and be it for the rest of this instant.
        if !self.outbox.is_empty() || !matches!(self.phase, Phase::Creating(_)) {
            self.answer_due(ctx);
        }
    }

    /// Delivers what the client sent, up to a stanza that comes before authentication where such are refused; false at one.
    pub(super) fn deliver_elements(&self, elements: Vec<Element>, ctx: &mut Context<'_>) -> bool {
        let is_unauthenticated =
            self.unauthenticated.is_some() || matches!(self.phase, Phase::Leaving);
        let refuses = ctx.config.refuse_early_stanzas && is_unauthenticated;
        for element in elements {
            if refuses && !element.may_come_before_authentication() {
                return false;
            }
            ctx.deliver(self.key, Event::Element(element));
        }
        true
    }

    /// Requests without an answer: in turn, then behind a gap.
    pub(super) fn unanswered(&self) -> impl Iterator<Item = &OpenRequest> {
        let deferred = self.deferred().iter().map(|deferred| &deferred.open);
        self.open.iter().chain(deferred)
    }

    /// Requests without an answer, to change them.
    pub(super) fn unanswered_mut(&mut self) -> impl Iterator<Item = &mut OpenRequest> {
        let rare = self.rare.as_deref_mut();
        let deferred = rare.into_iter().flat_map(|rare| &mut rare.deferred);
        self.open
            .iter_mut()
            .chain(deferred.map(|deferred| &mut deferred.open))
    }

    /// Queues an element, or gives it back.
    pub(super) fn send(
        &mut self,
        element: Element,
        ctx: &mut Context<'_>,
    ) -> Result<(), SendError<Element>> {
        let queued = Queued::new(&element);
        if self.terms.content.is_ascii() && !queued.has_ascii_names() {
            let farewell = Farewell {
                reason: Some(Reason::CharsetTooSmall),
                ..Farewell::new(Condition::UndefinedCondition)
            };
            self.close(farewell, ctx);
            return Err(SendError::Closed(element));
        }
        if !self.outbox.has_room(queued.len(), ctx.config.outbox_bytes) {
            return Err(SendError::Full(element));
        }
        if element.is("success", ns::SASL) || element.is("success", ns::SASL2) {
            self.unauthenticated = None;
        }
        self.outbox.push(queued, ctx.spares);
        self.linger.note_payload(ctx);
        self.answer_due(ctx);
        Ok(())
    }

    /// An exchange died (B-R-075).
    pub(super) fn lose(&mut self, id: ExchangeId, ctx: &mut Context<'_>) {
        let lost = ExchangeSlot::from(id);
        for open in self.unanswered_mut() {
            if open.exchange == lost {
                open.exchange = ExchangeSlot::default();
            }
        }
        if let Some(rare) = &mut self.rare {
            rare.waiting_answers
                .retain(|waiting| waiting.exchange != id);
        }
        self.unsent.retain(|unsent| unsent.exchange != id);
        self.idle_since = ctx.now;
        if matches!(self.phase, Phase::Creating(_)) {
            // The client never learns the sid.
            self.end(Cause::Inactive, Some(Reason::CreationLost));
            return;
        }
        self.issue_in_order(ctx);
        self.answer_due(ctx);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An idle session is one slot of a slab; what it holds beside is its held request and the answers kept.
    #[test]
    fn a_session_is_small() {
        let size = size_of::<Session>();
        assert!(size <= 336, "{size} bytes");
    }
}
