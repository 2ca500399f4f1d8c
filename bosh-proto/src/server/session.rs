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
    create::{self, Creation, Terms},
    exchanges::Exchanges,
    hold::{Fill, Linger},
    outbox::{Outbox, Queued},
    police::{Conduct, Police},
    replay::Replay,
    respond::{Staged, Unsent},
    sid::Secret,
};
use crate::{
    Condition, ExchangeId, Instant, body::Body, body::recoverable_error, keys::Expected, rid::Rid,
};

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
    accepted: bool,
    authenticated: bool,
    pub(super) input_held: bool,
    /// Payloads that came before `accept` (B-R-050).
    early: Vec<Element>,
    early_bytes: usize,
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
    reported: Rid,
    pub(super) outbox: Outbox,
    pub(super) police: Police,
    pub(super) linger: Linger,
    expected: Option<Expected>,
    pub(super) idle_since: Instant,
    pub(super) paused: Option<Duration>,
}

/// How old an answer must be to be reported missing: younger ones may be crossing (B-R-108).
const REPORT_AFTER: Duration = Duration::from_secs(2);

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
            header,
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
                header: StreamHeader {
                    version: header.version,
                    ..StreamHeader::default()
                },
            })),
            accepted: false,
            authenticated: false,
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

    pub(super) fn is_accepted(&self) -> bool {
        self.accepted
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
        self.flow(ctx);
    }

    /// Queues an element, or gives it back.
    pub(super) fn send(&mut self, element: Element, ctx: &mut Context<'_>) -> Result<(), Element> {
        let queued = Queued::new(&element);
        if !self.outbox.has_room(queued.len(), ctx.config.outbox_bytes) {
            return Err(element);
        }
        if element.is("success", ns::SASL) || element.is("success", ns::SASL2) {
            self.authenticated = true;
        }
        self.outbox.push(queued);
        self.linger.note_payload(ctx);
        self.flow(ctx);
        Ok(())
    }

    /// A request with this session's sid.
    pub(super) fn receive(&mut self, arrival: Arrival, ctx: &mut Context<'_>) {
        let exchange = arrival.exchange;
        let rid = arrival.body.attribute("rid");
        let Some(rid) = rid.and_then(|text| Rid::parse(&text)) else {
            return self.fail(Condition::BadRequest, Rid::LAST, exchange, ctx);
        };
        let done = if rid <= self.received || self.is_deferred(rid) {
            self.receive_again(rid, &arrival, ctx)
        } else {
            self.receive_new(rid, arrival, ctx)
        };
        match done {
            Ok(()) => self.flow(ctx),
            // A request that failed in its turn has left `open` and `deferred`.
            Err(Fault {
                condition,
                rid,
                exchange: Some(exchange),
            }) => {
                self.fail(condition, rid, exchange, ctx);
            }
            Err(Fault {
                condition,
                exchange: None,
                ..
            }) => {
                self.fail_silently(condition, ctx);
            }
        }
    }

    fn is_deferred(&self, rid: Rid) -> bool {
        self.deferred
            .iter()
            .any(|deferred| deferred.open.rid == rid)
    }

    /// A rid received before: replayed if answered, else the exchange is exchanged (B-R-091, B-R-092).
    fn receive_again(
        &mut self,
        rid: Rid,
        arrival: &Arrival,
        ctx: &mut Context<'_>,
    ) -> Result<(), Fault> {
        let fault = |condition| Fault {
            condition,
            rid,
            exchange: Some(arrival.exchange),
        };
        let now = ctx.now;
        let deferred = self.deferred.iter_mut().map(|deferred| &mut deferred.open);
        let unanswered = self.open.iter_mut().chain(deferred);
        if let Some(open) = unanswered.into_iter().find(|open| open.rid == rid) {
            if differs(open.digest, arrival.digest) {
                return Err(fault(Condition::ItemNotFound));
            }
            let allowed = self
                .police
                .allows_duplicate(&mut open.duplicates, ctx.config, now);
            if !allowed {
                return Err(fault(Condition::PolicyViolation));
            }
            open.deadline = now + self.terms.wait();
            let old = open.exchange.replace(arrival.exchange);
            self.idle_since = now;
            if let Some(old) = old {
                self.respond_now(old, recoverable_error(), ctx);
            }
            return Ok(());
        }
        let Some(answer) = self.replay.get_mut(rid) else {
            return Err(fault(Condition::ItemNotFound));
        };
        if differs(answer.digest, arrival.digest) {
            return Err(fault(Condition::ItemNotFound));
        }
        let allowed = self
            .police
            .allows_duplicate(&mut answer.duplicates, ctx.config, now);
        if !allowed {
            return Err(fault(Condition::PolicyViolation));
        }
        let body = answer.body.clone();
        // B-R-110: a repeated pause request changes nothing about the pause.
        if self.paused.is_none() {
            self.idle_since = now;
        }
        if let Some(staged) = self.stage.iter_mut().find(|staged| staged.rid == rid) {
            let old = std::mem::replace(&mut staged.exchange, arrival.exchange);
            self.respond_now(old, recoverable_error(), ctx);
            self.pump(ctx);
        } else {
            self.respond_now(arrival.exchange, body, ctx);
        }
        Ok(())
    }

    /// A rid not seen before.
    fn receive_new(
        &mut self,
        rid: Rid,
        arrival: Arrival,
        ctx: &mut Context<'_>,
    ) -> Result<(), Fault> {
        let Arrival {
            exchange,
            body,
            digest,
            ..
        } = arrival;
        let fault = |condition| Fault {
            condition,
            rid,
            exchange: Some(exchange),
        };
        let is_pause = body.attribute("pause").is_some();
        let is_terminate = body.is_terminate();
        let is_exempt = is_pause || is_terminate;
        // B-R-087: one more for pause and terminate.
        let window = self.terms.requests() + u64::from(is_exempt);
        if rid > self.received.plus(window) {
            return Err(fault(Condition::ItemNotFound));
        }
        self.paused = None;
        self.idle_since = ctx.now;
        if rid == self.received.plus(1) {
            self.answer_dead(ctx);
        }
        let conduct = Conduct {
            rid,
            is_empty: body.elements.is_empty()
                && !is_exempt
                && !body.is_restart()
                && body.attribute("to").is_none(),
            is_exempt,
            unanswered: self.unanswered(ctx.now) + 1,
        };
        if !self.police.allows(conduct, &self.terms, ctx.now) {
            return Err(fault(Condition::PolicyViolation));
        }
        let open = Open {
            rid,
            exchange: Some(exchange),
            deadline: ctx.now + self.terms.wait(),
            has_payload: !body.elements.is_empty(),
            digest,
            duplicates: 0,
        };
        let place = self.deferred.partition_point(|other| other.open.rid < rid);
        self.deferred.insert(place, Deferred { body, open });
        while self
            .deferred
            .first()
            .is_some_and(|first| first.open.rid == self.received.plus(1))
        {
            let Deferred { body, open } = self.deferred.remove(0);
            let (rid, exchange) = (open.rid, open.exchange);
            self.turn(body, open, ctx).map_err(|condition| Fault {
                condition,
                rid,
                exchange,
            })?;
            if self.is_over() {
                break;
            }
        }
        Ok(())
    }

    /// A request's turn: everything before it took effect.
    fn turn(&mut self, body: Body, open: Open, ctx: &mut Context<'_>) -> Result<(), Condition> {
        let rid = open.rid;
        self.received = rid;
        self.paused = None;
        self.check_key(&body)?;
        self.take_ack(rid, &body, ctx.now);
        let pause = self.read_pause(&body)?;
        let is_terminate = body.is_terminate();
        if !matches!(self.phase, Phase::Ending(_)) {
            if body.is_restart() && !is_terminate {
                if self.accepted {
                    let header = create::header(&body, ctx.config);
                    ctx.deliver(self.key, Event::Restarted(header));
                }
            } else {
                self.deliver_payloads(body, ctx)?;
            }
        }
        self.answer_dead(ctx);
        self.open.push_back(open);
        if is_terminate {
            self.terminate(ctx);
        } else if let Some(period) = pause {
            self.pause(period, ctx);
        }
        Ok(())
    }

    /// B-R-158, B-R-159: the key's hash is what the request before announced.
    fn check_key(&mut self, body: &Body) -> Result<(), Condition> {
        let newkey = match body.attribute("newkey") {
            Some(text) => Some(Expected::parse(&text).ok_or(Condition::BadRequest)?),
            None => None,
        };
        if let Some(expected) = self.expected {
            let key = body.attribute("key").ok_or(Condition::ItemNotFound)?;
            let next = Expected::parse(&key).ok_or(Condition::ItemNotFound)?;
            if !expected.accepts(&key) {
                return Err(Condition::ItemNotFound);
            }
            self.expected = Some(newkey.unwrap_or(next));
        } else {
            self.expected = newkey;
        }
        Ok(())
    }

    /// What the request tells about responses that arrived (B-R-107, B-R-108).
    fn take_ack(&mut self, rid: Rid, body: &Body, now: Instant) {
        if !self.terms.client_acks {
            // Without acks: what had left before this request came.
            let waiting = self.unsent.iter().map(|unsent| unsent.rid);
            let staged = self.stage.iter().map(|staged| staged.rid);
            let sent = waiting
                .chain(staged)
                .min()
                .map_or(self.answered, |rid| rid.minus(1));
            self.seen = self.seen.max(sent);
            return;
        }
        let ack = match body.attribute("ack") {
            Some(text) => Rid::parse(&text).filter(|ack| *ack < rid),
            None => Some(rid.minus(1)),
        };
        let Some(ack) = ack else { return };
        if ack > self.seen {
            self.seen = ack;
            self.replay.release(ack);
        }
        let missing = ack.plus(1);
        if missing > self.answered || missing <= self.reported {
            return;
        }
        let Some(answer) = self.replay.get_mut(missing) else {
            return;
        };
        if now >= answer.at + REPORT_AFTER {
            self.report = Some((missing, answer.at));
            self.reported = missing;
        }
    }

    /// B-R-123.
    fn read_pause(&self, body: &Body) -> Result<Option<Duration>, Condition> {
        let Some(text) = body.attribute("pause") else {
            return Ok(None);
        };
        let seconds = create::number(&text).ok_or(Condition::BadRequest)?;
        if seconds > self.terms.maxpause || self.terms.maxpause == 0 {
            return Err(Condition::PolicyViolation);
        }
        Ok(Some(Duration::from_secs(u64::from(seconds.max(1)))))
    }

    /// B-R-065: in the very call that accepts the request.
    fn deliver_payloads(&mut self, body: Body, ctx: &mut Context<'_>) -> Result<(), Condition> {
        let elements = read_payloads(body.elements)?;
        if self.accepted {
            for element in elements {
                ctx.deliver(self.key, Event::Element(element));
            }
            return Ok(());
        }
        let bytes: usize = elements.iter().map(|element| element.raw().len()).sum();
        self.early_bytes = self.early_bytes.saturating_add(bytes);
        if self.early_bytes > ctx.config.body_bytes {
            return Err(Condition::PolicyViolation);
        }
        self.early.extend(elements);
        Ok(())
    }

    /// B-R-119, B-R-120: everything open is answered, the pause request last and without payloads.
    fn pause(&mut self, period: Duration, ctx: &mut Context<'_>) {
        while self.open.len() > 1 {
            self.answer_front(Fill::Queue, ctx);
        }
        self.answer_front(Fill::Nothing, ctx);
        self.paused = Some(period);
        ctx.deliver(self.key, Event::Paused(period));
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

/// A request that ends its session.
#[derive(Debug)]
struct Fault {
    condition: Condition,
    rid: Rid,
    exchange: Option<ExchangeId>,
}

/// B-R-099: bodies under one rid must be equal in key mode; 0 is a body from before.
fn differs(old: u64, new: u64) -> bool {
    old != 0 && new != 0 && old != new
}

/// Payloads as the server wants them: stanzas in `jabber:client` (B-X-004), standing alone with what they inherited (B-R-028).
pub(super) fn read_payloads(elements: Vec<Element>) -> Result<Vec<Element>, Condition> {
    elements
        .into_iter()
        .map(|element| {
            let name = element.name();
            if name.namespace == ns::STREAM && name.local == "stream" {
                // B-X-009: streams are the connection manager's business.
                return Err(Condition::BadRequest);
            }
            let is_stanza = matches!(name.local, "message" | "presence" | "iq");
            Ok(match name.namespace {
                ns::HTTPBIND if is_stanza => element
                    .adopt(ns::HTTPBIND, ns::CLIENT)
                    .standalone_with_lang(),
                "" if is_stanza => element.adopt("", ns::CLIENT).standalone_with_lang(),
                ns::CLIENT if is_stanza => element.standalone_with_lang(),
                _ => element.standalone(),
            })
        })
        .collect()
}
