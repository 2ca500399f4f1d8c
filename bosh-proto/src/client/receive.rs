//! Answers: taken in whatever order they come, processed in the order of their requests (B-R-068).

use std::{borrow::Cow, time::Duration};

use bytes::Bytes;

use super::{
    Action, Cause, Event, Reason, Response,
    reading::{self, Reading},
    session::{Hint, Kind, Pending, Phase, Session, Way},
    terms::Terms,
};
use crate::{Condition, ExchangeId, body::Body, rid::Rid};

/// An answer that ends its request.
#[derive(Debug)]
pub(super) enum Answer {
    Ordinary(Body),
    Terminal(Body),
    /// None came, but a later one shows that the request was answered: a pause, whose answer is never repeated (B-R-124).
    Implied,
}

/// An answer that waits for its turn, with the document that it came as.
#[derive(Debug)]
pub(super) struct Parked {
    pub(super) answer: Answer,
    pub(super) document: Bytes,
}

/// How long a terminal answer waits for those before it (B-R-138).
const TERMINAL_WAIT: Duration = Duration::from_secs(2);

/// How long a request that is not acknowledged, or not answered in its turn, is given after the answer that shows it (B-R-103).
const HINT: Duration = Duration::from_secs(2);
/// Younger requests are taken to be crossing that answer.
const CROSSING: Duration = Duration::from_millis(500);

/// How long a copy of a request that was given up may be on its way.
const COPY: Duration = Duration::from_secs(10);
/// How many of them are remembered.
const COPIES: usize = 64;

/// The longest host name, and the longest identity (a JID of three parts).
const HOST_BYTES: usize = 255;
const IDENTITY_BYTES: usize = 3071;

impl Session {
    pub(super) fn take_response(&mut self, id: ExchangeId, response: Response) {
        let Some((at, is_current)) = self.find(id) else {
            return;
        };
        let document = response.body.clone();
        match reading::read(response, &self.config) {
            Reading::Ordinary(body) => {
                self.take_answer(at, Answer::Ordinary(body), document, is_current);
            }
            Reading::Terminal(body) => {
                self.take_answer(at, Answer::Terminal(body), document, is_current);
            }
            // What remains says that this transmission failed: of no interest where another is under way (B-R-151).
            _ if !is_current => {}
            _ if self.is_last(at) => self.process_rest(),
            Reading::Recoverable => self.recover(at),
            Reading::Status(status) => self.take_status(at, status),
            Reading::NotBosh => self.take_garbage(at),
            Reading::Broken(reason) => self.terminate(Cause::Fault, Some(reason), None),
        }
    }

    /// The pending request that an exchange belongs to, and whether it is its newest.
    pub(super) fn find(&self, id: ExchangeId) -> Option<(usize, bool)> {
        self.pending
            .iter()
            .enumerate()
            .find_map(|(at, pending)| match pending.way {
                Way::Answered(_) => None,
                Way::Out(out, _) if out == id => Some((at, true)),
                Way::Out(..) | Way::Again(_) => pending.stale.contains(&id).then_some((at, false)),
            })
    }

    /// Whether this is the request that ends the session: whatever becomes of it, the session is over (B-R-137).
    pub(super) fn is_last(&self, at: usize) -> bool {
        let rid = self.pending.get(at).map(|pending| pending.rid);
        matches!(self.phase, Phase::Closing { sent: Some(sent), .. } if rid == Some(sent))
    }

    fn take_answer(&mut self, at: usize, answer: Answer, document: Bytes, is_current: bool) {
        self.refusals = 0;
        let lost_at = self.now + self.terms.patience(self.pause_period(), &self.config);
        self.lost_at = Some(lost_at);
        let is_end = matches!(answer, Answer::Terminal(_)) || self.is_last(at);
        let Some(rid) = self.pending.get(at).map(|pending| pending.rid) else {
            return;
        };
        if let Answer::Ordinary(body) = &answer {
            // These cannot wait for their turn: they are about what is missing before it.
            self.take_ack(rid, body);
            self.take_report(rid, body);
        }
        let Some(pending) = self.pending.get_mut(at) else {
            return;
        };
        let way = std::mem::replace(
            &mut pending.way,
            Way::Answered(Box::new(Parked { answer, document })),
        );
        if self.config.client_ack && !pending.stale.is_empty() {
            self.doubled.truncate(COPIES - 1);
            self.doubled.push_back((rid, self.now + COPY));
        }
        if let Way::Out(id, _) = way
            && !is_current
        {
            // An older transmission was answered first (B-R-098).
            self.actions.push_back(Action::Abandon { id });
        }
        self.imply_pause(at);
        self.process_ready();
        self.expect_overdue_answers();
        if is_end && !self.is_over() {
            self.await_missing_answers();
        }
    }

    /// Answers leave in the order of the requests: what a parked one waits for left before it, and is late or lost.
    fn expect_overdue_answers(&mut self) {
        let soon = self.now + HINT;
        let parked = self
            .pending
            .iter()
            .rposition(|pending| matches!(pending.way, Way::Answered(_)));
        for pending in self.pending.iter_mut().take(parked.unwrap_or_default()) {
            if let Way::Out(_, until) = &mut pending.way {
                *until = soon.min(*until);
            }
        }
    }

    /// An answer to a request after a pause shows that the pause was received, and its answer never has payloads.
    fn imply_pause(&mut self, at: usize) {
        for pending in self.pending.iter_mut().take(at) {
            if pending.kind != Kind::Pause || matches!(pending.way, Way::Answered(_)) {
                continue;
            }
            let implied = Parked {
                answer: Answer::Implied,
                document: Bytes::new(),
            };
            let way = std::mem::replace(&mut pending.way, Way::Answered(Box::new(implied)));
            if let Way::Out(id, _) = way {
                self.actions.push_back(Action::Abandon { id });
            }
            if self.config.client_ack {
                self.doubled.truncate(COPIES - 1);
                self.doubled.push_back((pending.rid, self.now + COPY));
            }
        }
    }

    /// Processes every answer whose turn has come.
    pub(super) fn process_ready(&mut self) {
        while !self.is_over()
            && let Some(Pending {
                way: Way::Answered(_),
                ..
            }) = self.pending.front()
        {
            if let Some(pending) = self.pending.pop_front() {
                self.apply_response(pending);
            }
        }
    }

    /// Processes what is there although something before it is missing, and ends.
    pub(super) fn process_rest(&mut self) {
        self.terminal_until = None;
        while !self.is_over()
            && let Some(pending) = self.pending.pop_front()
        {
            match pending.way {
                Way::Answered(_) => self.apply_response(pending),
                Way::Out(id, _) => {
                    self.actions.push_back(Action::Abandon { id });
                    self.skip(pending);
                }
                Way::Again(_) => self.skip(pending),
            }
        }
        let cause = if self.fell_with_another {
            Cause::Condition(Condition::OtherRequest)
        } else {
            Cause::Ours
        };
        self.end(cause, None, None);
    }

    /// A terminal answer that waits for others.
    pub(super) fn await_missing_answers(&mut self) {
        let until = self.now + TERMINAL_WAIT;
        self.terminal_until = Some(self.terminal_until.map_or(until, |at| at.min(until)));
    }

    fn skip(&mut self, pending: Pending) {
        if pending.rid > self.acked {
            self.skipped.extend(pending.payload);
        }
    }

    /// The answer to the oldest request.
    fn apply_response(&mut self, mut pending: Pending) {
        let rid = pending.rid;
        let way = std::mem::replace(&mut pending.way, Way::Again(self.now));
        let Way::Answered(parked) = way else { return };
        match parked.answer {
            Answer::Implied => self.acked = self.acked.max(rid),
            Answer::Terminal(body) => {
                self.take_ack(rid.minus(1), &body);
                self.take_terminal(pending, body);
            }
            Answer::Ordinary(body) => {
                if pending.kind == Kind::Creation && !self.open(&body) {
                    return self.end(Cause::Fault, Some(Reason::SidMissing), None);
                }
                self.acked = self.acked.max(rid);
                self.take_names(&body);
                let has_payload = self.take_payloads(&pending, body);
                if self.is_over() {
                    return;
                }
                self.note_answer(&pending, has_payload);
                match self.phase {
                    Phase::Closing { sent, .. } if sent == Some(rid) => {
                        self.end(Cause::Ours, None, None);
                    }
                    Phase::Pausing {
                        period,
                        sent: Some((sent, _)),
                    } if sent == rid => self.paused(super::Pause::Granted(period)),
                    Phase::Creating { .. }
                    | Phase::Open
                    | Phase::Pausing { .. }
                    | Phase::Paused { .. }
                    | Phase::Closing { .. }
                    | Phase::Over => {}
                }
            }
        }
    }

    /// The creation response; `false` without a `sid`.
    fn open(&mut self, body: &Body) -> bool {
        let Some(terms) = Terms::granted(body, &self.config) else {
            return false;
        };
        self.terms = terms;
        self.phase = Phase::Open;
        self.lost_at = None;
        self.from = body
            .attribute("from")
            .filter(|from| from.len() <= IDENTITY_BYTES)
            .map(Cow::into_owned);
        let opened = self.terms.opened(self.from.clone());
        self.deliver(Event::Opened(opened));
        true
    }

    /// Server acks: `ack`, or else the request's own rid, is what was received (B-R-103). Any value is survived (TR-39).
    fn take_ack(&mut self, rid: Rid, body: &Body) {
        if !self.terms.server_ack {
            return;
        }
        let ack = body.attribute("ack").and_then(|text| Rid::parse(&text));
        if let Some(ack) = ack.filter(|ack| *ack < self.next) {
            self.acked = self.acked.max(ack);
        }
        let known = ack.map_or(rid, |ack| ack.max(rid)).max(self.acked);
        for pending in &mut self.pending {
            if pending.rid <= known {
                pending.hint = Hint::Spent;
            } else if pending.hint == Hint::None
                && pending.kind != Kind::Pause
                && pending.since + CROSSING <= self.now
            {
                pending.hint = Hint::At(self.now + HINT);
            }
        }
    }

    /// The connection manager thinks that this answer was lost (B-R-109).
    fn take_report(&mut self, rid: Rid, body: &Body) {
        let Some(report) = body.attribute("report").and_then(|text| Rid::parse(&text)) else {
            return;
        };
        let at = self.pending.iter().position(|pending| {
            pending.rid == report && report != rid && matches!(pending.way, Way::Out(..))
        });
        if let Some(at) = at {
            self.retransmit_at(at, self.now);
        }
    }

    /// `from` and `host`, in any response (B-R-061, B-T-004).
    fn take_names(&mut self, body: &Body) {
        let from = body
            .attribute("from")
            .filter(|from| from.len() <= IDENTITY_BYTES);
        if let Some(from) = from.filter(|from| self.from.as_deref() != Some(from)) {
            let from = from.into_owned();
            self.from = Some(from.clone());
            self.deliver(Event::Identified(from));
        }
        let host = body
            .attribute("host")
            .filter(|host| !host.is_empty() && host.len() <= HOST_BYTES);
        if let Some(host) = host.filter(|host| self.host.as_deref() != Some(host)) {
            let host = host.into_owned();
            self.host = Some(host.clone());
            self.deliver(Event::Host(host));
        }
    }
}
