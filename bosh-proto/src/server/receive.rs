//! What a request does to its session: retransmitted, new, deferred, in its turn.

use std::{num::NonZeroU16, time::Duration};

use xmpp_machine::Moment;
use xmpp_wire::{Element, NestedElement, ns};

use super::{
    Config, Event, Reason, create,
    hold::Fill,
    police::Conduct,
    session::{Arrival, Context, Deferred, OpenRequest, Phase, Session},
};
use crate::{
    ExchangeId,
    body::{Body, recoverable_error},
    keys::Expected,
    rid::Rid,
};

/// How old an answer must be to be reported missing: younger ones may be crossing (B-R-108).
const REPORT_AFTER: Duration = Duration::from_secs(2);

impl Session {
    /// A request with this session's sid.
    pub(super) fn receive(&mut self, arrival: Arrival, ctx: &mut Context<'_>) {
        let exchange = arrival.exchange;
        let rid = arrival.body.attribute("rid");
        let Some(rid) = rid.and_then(|text| Rid::parse(&text)) else {
            return self.fail(Reason::RidMissing, Rid::LAST, exchange, ctx);
        };
        let done = if rid <= self.received || self.is_deferred(rid) {
            self.replay_or_swap(rid, &arrival, ctx)
        } else {
            self.receive_new(rid, arrival, ctx)
        };
        match done {
            Ok(()) => self.answer_due(ctx),
            // A request that failed in its turn has left `open` and `deferred`.
            Err(Fault {
                reason,
                rid,
                exchange: Some(exchange),
            }) => {
                self.fail(reason, rid, exchange, ctx);
            }
            Err(Fault {
                reason,
                exchange: None,
                ..
            }) => {
                self.fail_silently(reason, ctx);
            }
        }
    }

    fn is_deferred(&self, rid: Rid) -> bool {
        self.deferred()
            .iter()
            .any(|deferred| deferred.open.rid == rid)
    }

    /// A rid received before: its answer is replayed if there is one; otherwise the new exchange
    /// replaces the old one, which gets an empty response (B-R-091, B-R-092).
    fn replay_or_swap(
        &mut self,
        rid: Rid,
        arrival: &Arrival,
        ctx: &mut Context<'_>,
    ) -> Result<(), Fault> {
        let fault = |reason| Fault {
            reason,
            rid,
            exchange: Some(arrival.exchange),
        };
        let now = ctx.now;
        let wait = self.terms.wait();
        let found = self.unanswered_mut().find(|open| open.rid == rid);
        if let Some(mut open) = found.copied() {
            if differs(open.digest, arrival.digest) {
                return Err(fault(Reason::RetransmissionDiffers));
            }
            self.police
                .check_duplicate(&mut open.duplicates, ctx.config, now)
                .map_err(fault)?;
            let old = open.exchange.live();
            open.exchange = arrival.exchange.into();
            open.deadline = now + wait;
            if let Some(found) = self.unanswered_mut().find(|open| open.rid == rid) {
                *found = open;
            }
            self.idle_since = now;
            if let Some(old) = old {
                self.respond_now(old, recoverable_error(), ctx);
            }
            return Ok(());
        }
        let Some(answer) = self.replay.get_mut(rid, self.answered) else {
            return Err(fault(Reason::AnswerNotKept));
        };
        if differs(answer.digest, arrival.digest) {
            return Err(fault(Reason::RetransmissionDiffers));
        }
        self.police
            .check_duplicate(&mut answer.duplicates, ctx.config, now)
            .map_err(fault)?;
        let body = answer.body.clone();
        // B-R-110: a repeated pause request changes nothing about the pause.
        if self.paused.is_none() {
            self.idle_since = now;
        }
        let rare = self.rare.as_deref_mut();
        let mut waiting = rare.into_iter().flat_map(|rare| &mut rare.waiting_answers);
        if let Some(waiting) = waiting.find(|waiting| waiting.rid == rid) {
            let old = std::mem::replace(&mut waiting.exchange, arrival.exchange);
            self.respond_now(old, recoverable_error(), ctx);
            self.issue_in_order(ctx);
        } else {
            self.respond_now(arrival.exchange, body, ctx);
        }
        Ok(())
    }

    /// A new request: judged, then applied in its turn or kept behind the gap before it.
    fn receive_new(
        &mut self,
        rid: Rid,
        arrival: Arrival,
        ctx: &mut Context<'_>,
    ) -> Result<(), Fault> {
        let Arrival {
            exchange,
            body,
            bytes,
            digest,
            delay,
        } = arrival;
        let fault = |reason| Fault {
            reason,
            rid,
            exchange: Some(exchange),
        };
        if self.linger.until().is_some() {
            self.answer_front(Fill::Queue, ctx);
        }
        let is_pause = body.attribute("pause").is_some();
        let is_terminate = body.is_terminate();
        let is_exempt = is_pause || is_terminate;
        // B-R-087: one more for pause and terminate.
        let window = self.terms.requests() + u64::from(is_exempt);
        if rid > self.received.plus(window) {
            return Err(fault(Reason::WindowExceeded));
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
            unanswered: self.count_unanswered(ctx.now) + 1,
            answered: self.answered,
        };
        self.police
            .check_request(conduct, &self.terms, ctx.now)
            .map_err(fault)?;
        let (own, is_abuse) = self.pace.charge(bytes, &ctx.config.rates, ctx.now);
        if is_abuse && self.terms.polling > 0 && !is_exempt {
            return Err(fault(Reason::RateExceeded));
        }
        self.slow_down(own.max(delay), ctx.now);
        let open = OpenRequest {
            rid,
            exchange: exchange.into(),
            deadline: ctx.now + self.terms.wait(),
            has_payload: !body.elements.is_empty(),
            digest,
            duplicates: 0,
        };
        if rid != self.received.plus(1) {
            if self.parked_bytes().saturating_add(bytes) > self.parking_limit(ctx.config) {
                return Err(fault(Reason::RidGap));
            }
            let deferred = &mut self.rare().deferred;
            let place = deferred.partition_point(|other| other.open.rid < rid);
            deferred.insert(place, Deferred { body, bytes, open });
            return Ok(());
        }
        let mut next = Some(Deferred { body, bytes, open });
        while let Some(Deferred { body, open, .. }) = next.take() {
            self.apply_request(body, open, ctx)
                .map_err(|reason| Fault {
                    reason,
                    rid: open.rid,
                    exchange: open.exchange.live(),
                })?;
            let follower = self.received.plus(1);
            let is_next = |deferred: &Deferred| deferred.open.rid == follower;
            if !self.is_over() && self.deferred().first().is_some_and(is_next) {
                next = Some(self.rare().deferred.remove(0));
            }
        }
        Ok(())
    }

    /// Lets a request take effect, after every one before it has.
    fn apply_request(
        &mut self,
        body: Body,
        open: OpenRequest,
        ctx: &mut Context<'_>,
    ) -> Result<(), Reason> {
        let rid = open.rid;
        self.received = rid;
        self.paused = None;
        self.check_key(&body)?;
        self.take_ack(rid, &body, ctx.now);
        let pause = self.read_pause(&body)?;
        let is_terminate = body.is_terminate();
        let mut is_refused = false;
        if !matches!(self.phase, Phase::Ending(_)) {
            if body.is_restart() && !is_terminate {
                if self.accepted {
                    let header = create::header(&body, ctx.config);
                    ctx.deliver(self.key, Event::Restarted(header));
                }
            } else {
                is_refused = !self.deliver_payloads(body, ctx)?;
            }
        }
        self.answer_dead(ctx);
        self.open.push(open);
        if is_refused {
            self.refuse_early(ctx);
        } else if is_terminate {
            self.terminate(ctx);
        } else if let Some(period) = pause {
            self.pause(period, ctx);
        }
        Ok(())
    }

    /// B-R-158, B-R-159: the key's hash is what the request before announced.
    fn check_key(&mut self, body: &Body) -> Result<(), Reason> {
        let newkey = match body.attribute("newkey") {
            Some(text) => Some(Expected::parse(&text).ok_or(Reason::NewKeyMalformed)?),
            None => None,
        };
        if let Some(expected) = self.expected().copied() {
            let key = body.attribute("key").ok_or(Reason::KeyMissing)?;
            let next = Expected::parse(&key).ok_or(Reason::KeyMismatch)?;
            if !expected.accepts(&key) {
                return Err(Reason::KeyMismatch);
            }
            self.rare().expected = Some(newkey.unwrap_or(next));
        } else if newkey.is_some() {
            self.rare().expected = newkey;
        }
        Ok(())
    }

    /// What the request tells about responses that arrived (B-R-107, B-R-108).
    fn take_ack(&mut self, rid: Rid, body: &Body, now: Moment) {
        if !self.terms.client_acks {
            // Without acks: what had left before this request came.
            let unsent = self.unsent.iter().map(|unsent| unsent.rid);
            let waiting = self.waiting_answers().map(|waiting| waiting.rid);
            let sent = unsent
                .chain(waiting)
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
            self.replay.forget(ack, self.answered);
        }
        let missing = ack.plus(1);
        let reported = self.rare.as_ref().and_then(|rare| rare.reported);
        if missing > self.answered || reported.is_some_and(|reported| missing <= reported) {
            return;
        }
        let Some(answer) = self.replay.get_mut(missing, self.answered) else {
            return;
        };
        let at = answer.at;
        if now >= at + REPORT_AFTER {
            let rare = self.rare();
            rare.report = Some((missing, at));
            rare.reported = Some(missing);
        }
    }

    /// Reads `pause`: whole seconds up to `maxpause`, at least one (B-R-123).
    fn read_pause(&self, body: &Body) -> Result<Option<Duration>, Reason> {
        let Some(text) = body.attribute("pause") else {
            return Ok(None);
        };
        let seconds = create::number(&text).ok_or(Reason::PauseMalformed)?;
        match self.terms.maxpause {
            0 => return Err(Reason::PauseNotOffered),
            most if seconds > most => return Err(Reason::PauseTooLong),
            _ => {}
        }
        Ok(Some(Duration::from_secs(u64::from(seconds.max(1)))))
    }

    /// B-R-065: in the very call that accepts the request. False where one of them is refused.
    fn deliver_payloads(&mut self, body: Body, ctx: &mut Context<'_>) -> Result<bool, Reason> {
        let elements = read_payloads(body.elements)?;
        if self.accepted {
            return Ok(self.deliver_elements(elements, ctx));
        }
        if elements.is_empty() {
            return Ok(true);
        }
        let bytes: usize = elements.iter().map(|element| element.raw().len()).sum();
        if self.parked_bytes().saturating_add(bytes) > self.parking_limit(ctx.config) {
            return Err(Reason::TooMuchBeforeAccept);
        }
        let rare = self.rare();
        rare.early_bytes = rare.early_bytes.saturating_add(bytes);
        rare.early.extend(elements);
        Ok(true)
    }

    /// Bytes that wait here for the server's stream to open, or for a request in front of them.
    fn parked_bytes(&self) -> usize {
        let early = self.rare.as_ref().map_or(0, |rare| rare.early_bytes);
        let deferred = self.deferred().iter().map(|deferred| deferred.bytes);
        deferred.fold(early, usize::saturating_add)
    }

    /// How many may: before authentication no more in all than one body has (B-R-133); afterwards the window bounds it.
    fn parking_limit(&self, config: &Config) -> usize {
        match self.unauthenticated {
            Some(_) => config.body_bytes_before_auth,
            None => usize::MAX,
        }
    }

    /// B-R-119, B-R-120: everything open is answered, the pause request last and without payloads.
    fn pause(&mut self, period: Duration, ctx: &mut Context<'_>) {
        while self.open.len() > 1 {
            self.answer_front(Fill::Queue, ctx);
        }
        self.answer_front(Fill::Nothing, ctx);
        let seconds = u16::try_from(period.as_secs()).unwrap_or(u16::MAX);
        self.paused = NonZeroU16::new(seconds);
        ctx.deliver(self.key, Event::Paused(period));
    }
}

/// A request that ends its session.
#[derive(Debug)]
struct Fault {
    reason: Reason,
    rid: Rid,
    exchange: Option<ExchangeId>,
}

/// B-R-099: bodies under one rid must be equal in key mode; 0 is a body from before.
fn differs(old: u32, new: u32) -> bool {
    old != 0 && new != 0 && old != new
}

/// Payloads as the server wants them: stanzas in `jabber:client` (B-X-004), standing alone with what they inherited (B-R-028).
pub(super) fn read_payloads(elements: Vec<NestedElement>) -> Result<Vec<Element>, Reason> {
    elements
        .into_iter()
        .map(|element| {
            let name = element.name();
            if name.namespace == ns::STREAM && name.local == "stream" {
                // B-X-009: streams are the connection manager's business.
                return Err(Reason::StreamElement);
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
