//! How a session ends on this side, and what is handed back.

use super::{
    Action, Cause, Closed, Event, Reason, Redirect,
    receive::Answer,
    session::{Kind, Phase, Session, Way},
};
use crate::rid::Rid;

impl Session {
    /// Ends the session by our own decision: a last `type='terminate'` tells the connection manager, and nobody waits for its answer.
    pub(super) fn terminate(
        &mut self,
        cause: Cause,
        reason: Option<Reason>,
        redirect: Option<Redirect>,
    ) {
        self.send_terminate();
        self.end(cause, reason, redirect);
    }

    /// A `type='terminate'` whose answer is not waited for.
    pub(super) fn send_terminate(&mut self) {
        if !self.terms.sid.is_empty() && !self.is_over() {
            self.send_request(Kind::Terminate, Vec::new());
            // Not to be abandoned with the others.
            self.pending.pop_back();
        }
    }

    /// The session is over: the one place that says so.
    pub(super) fn end(&mut self, cause: Cause, reason: Option<Reason>, redirect: Option<Redirect>) {
        if self.is_over() {
            return;
        }
        self.phase = Phase::Over;
        let mut undelivered = std::mem::take(&mut self.skipped);
        let acked: Rid = self.acked;
        for pending in std::mem::take(&mut self.pending) {
            match pending.way {
                // Answered out of turn, so received.
                Way::Answered(parked) if matches!(parked.answer, Answer::Ordinary(_)) => continue,
                Way::Answered(_) | Way::Again(_) => {}
                Way::Out(id, _) => self.actions.push_back(Action::Abandon { id }),
            }
            if pending.rid > acked {
                undelivered.extend(pending.payload);
            }
        }
        undelivered.extend(self.outbox.take_all());
        self.terminal_until = None;
        self.lost_at = None;
        self.deliver(Event::Closed(Closed {
            cause,
            reason,
            redirect,
            undelivered,
        }));
    }
}
