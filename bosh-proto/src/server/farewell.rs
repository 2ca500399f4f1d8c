//! How sessions end: by a fault, by the client, by the application, in silence; and what was never delivered.

use smallvec::SmallVec;
use xmpp_wire::{Element, StreamError, Wrapped, XmlLimits, ns};

use super::{
    Cause, Closed, Reason,
    outbox::Queued,
    respond::Type,
    session::{Context, Farewell, OpenRequest, Phase, Session},
};
use crate::{Condition, ExchangeId, body, rid::Rid};

impl Session {
    /// A request's fault ends the session: the faulty one gets the condition, other open ones `other-request`, in rid order (B-R-146).
    /// The terminal bodies carry nothing that tells one cause of a condition from another (B-R-093).
    pub(super) fn fail(
        &mut self,
        reason: Reason,
        rid: Rid,
        exchange: ExchangeId,
        ctx: &mut Context<'_>,
    ) {
        let fault = wire_condition(reason);
        let mut answers: Vec<_> = self
            .take_live()
            .into_iter()
            .map(|(rid, exchange)| (rid, exchange, Condition::OtherRequest))
            .collect();
        answers.push((rid, exchange, fault));
        answers.sort_by_key(|(rid, ..)| *rid);
        for (rid, exchange, condition) in answers {
            let status = self.status(condition);
            self.issue_or_queue(rid, exchange, status, body::terminal(condition), ctx);
        }
        self.end(Cause::Fault(fault), Some(reason));
    }

    /// The same where the faulty request's exchange died meanwhile.
    pub(super) fn fail_silently(&mut self, reason: Reason, ctx: &mut Context<'_>) {
        for (rid, exchange) in self.take_live() {
            let other = body::terminal(Condition::OtherRequest);
            self.issue_or_queue(rid, exchange, 200, other, ctx);
        }
        self.end(Cause::Fault(wire_condition(reason)), Some(reason));
    }

    /// The client ended the session (B-R-136): the oldest open request gets `type='terminate'`, the others empty bodies.
    ///
    /// What is queued does not leave with them. Deployed clients throw it away or stumble over it (Strophe, stanza.js), nothing
    /// would show its delivery, and it would come back as undelivered as well; so it comes back once, and is bounced (B-X-030).
    pub(super) fn terminate(&mut self, ctx: &mut Context<'_>) {
        for (at, (rid, exchange)) in self.take_live().into_iter().enumerate() {
            let body = if at == 0 {
                self.compose(rid, Type::Terminate(None), &[], None, ctx)
            } else {
                self.compose(rid, Type::Ordinary, &[], None, ctx)
            };
            self.issue_or_queue(rid, exchange, 200, body, ctx);
        }
        let has_early = self
            .rare
            .as_ref()
            .is_some_and(|rare| !rare.early.is_empty());
        if has_early && !self.accepted {
            self.drop_unanswered();
            self.unauthenticated = None;
            self.phase = Phase::Leaving;
            return;
        }
        self.end(Cause::Terminated, None);
    }

    /// The application ends the session: with an open request at once, else with the next one.
    pub(super) fn close(&mut self, farewell: Farewell, ctx: &mut Context<'_>) {
        match &self.phase {
            Phase::Over(_) | Phase::Ending(_) => return,
            Phase::Leaving => return self.end(Cause::Terminated, None),
            Phase::Creating(_) | Phase::Open => {}
        }
        self.phase = Phase::Ending(Box::new(farewell));
        self.answer_due(ctx);
    }

    /// Ends at once, whether or not a request can carry the news (B-R-153); for this cause, unless the application was ending it.
    pub(super) fn shut_down(
        &mut self,
        cause: Cause,
        reason: Option<Reason>,
        condition: Condition,
        ctx: &mut Context<'_>,
    ) {
        if self.is_over() {
            return;
        }
        if matches!(self.phase, Phase::Leaving) {
            return self.end(Cause::Terminated, None);
        }
        if !matches!(self.phase, Phase::Ending(_)) {
            self.phase = Phase::Ending(Box::new(Farewell {
                cause,
                reason,
                ..Farewell::new(condition)
            }));
        }
        self.finish(ctx);
    }

    /// Answers everything open with the application's farewell: queued elements and the stream error leave on the first (B-X-027).
    pub(super) fn finish(&mut self, ctx: &mut Context<'_>) {
        let Phase::Ending(farewell) = std::mem::replace(&mut self.phase, Phase::Open) else {
            return;
        };
        let Farewell {
            cause,
            reason,
            condition,
            error,
            uri,
        } = *farewell;
        // An error that the session's charset cannot spell is left out.
        let is_ascii = self.terms.content.is_ascii();
        let mut error = error.filter(|error| !is_ascii || error.has_ascii_names());
        let live = self.take_live();
        let others = match condition {
            Some(Condition::SystemShutdown) | None => condition,
            Some(_) => Some(Condition::OtherRequest),
        };
        for (at, (rid, exchange)) in live.into_iter().enumerate() {
            let (kind, payloads) = if at == 0 {
                let mut payloads = self.outbox.take_all();
                payloads.extend(error.take());
                let kind = match &uri {
                    Some(uri) => Type::Redirect(uri),
                    None => Type::Terminate(condition),
                };
                (kind, payloads)
            } else {
                (Type::Terminate(others), Vec::new())
            };
            let body = self.compose(rid, kind, &payloads, None, ctx);
            let status = kind
                .condition()
                .map_or(200, |condition| self.status(condition));
            self.issue_or_queue(rid, exchange, status, body, ctx);
        }
        self.end(cause, reason);
    }

    /// A stanza came before its client was authenticated.
    pub(super) fn refuse_early(&mut self, ctx: &mut Context<'_>) {
        let error = StreamError::new("not-authorized").to_element();
        let farewell = Farewell {
            cause: Cause::NotAuthorized,
            reason: Some(Reason::EarlyStanza),
            error: Some(Queued::new(&error)),
            ..Farewell::new(Condition::RemoteStreamError)
        };
        self.close(farewell, ctx);
    }

    /// Takes the open and deferred requests that can still be answered, in rid order.
    fn take_live(&mut self) -> Vec<(Rid, ExchangeId)> {
        let live = |open: &OpenRequest| Some((open.rid, open.exchange.live()?));
        let taken = self.unanswered().filter_map(live).collect();
        self.drop_unanswered();
        taken
    }

    fn drop_unanswered(&mut self) {
        self.open = SmallVec::new();
        if let Some(rare) = &mut self.rare {
            rare.deferred = Vec::new();
        }
    }

    /// The session is over, but for answers that wait for their turn.
    pub(super) fn end(&mut self, cause: Cause, reason: Option<Reason>) {
        let mut undelivered = self.unacknowledged();
        let queued = self.outbox.take_all();
        undelivered.extend(queued.into_iter().map(Queued::into_element));
        self.drop_unanswered();
        self.linger.end(false);
        self.unauthenticated = None;
        self.phase = Phase::Over(Box::new(Closed {
            cause,
            reason,
            undelivered,
        }));
    }

    /// Elements of answers that the client is not known to have (B-X-031), cut again out of the answers kept.
    fn unacknowledged(&self) -> Vec<Element> {
        let limits = XmlLimits::default().with_element_bytes(usize::MAX);
        self.replay
            .iter(self.answered)
            .filter(|(rid, answer)| answer.has_payload && *rid > self.seen)
            .filter_map(|(_, answer)| {
                let prefixes = [("stream", ns::STREAM)];
                Wrapped::parse(answer.body.clone(), &prefixes, &limits).ok()
            })
            .flat_map(|wrapped| wrapped.elements)
            .map(|element| element.standalone())
            .collect()
    }
}

/// The condition that a broken rule is answered with.
fn wire_condition(reason: Reason) -> Condition {
    reason.condition().unwrap_or(Condition::UndefinedCondition)
}
