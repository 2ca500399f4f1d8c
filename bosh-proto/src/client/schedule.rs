//! When a new request is made (XEP-0124 §11, §12; B-R-077 to B-R-081, B-R-111, B-R-130).

use std::time::Duration;

use xmpp_machine::Moment;

use super::{
    Cause, Event, Reason,
    session::{Kind, Pending, Phase, Restart, Session, Way},
};

/// How long a payload's receipt counts as unproven where requests are not put in order (TR-17).
const UNPROVEN: Duration = Duration::from_secs(2);

/// After so many polls that came back empty at once, polls are spaced: a connection manager that does not hold must not make us spin.
const QUICK: u8 = 3;
/// The least time between such polls.
const QUICK_SPACE: Duration = Duration::from_secs(1);

impl Session {
    /// Sends what is due, in this order: retransmissions, the restart, payloads, a poll. Called
    /// when every order was taken.
    pub(super) fn send_due(&mut self) {
        match self.phase {
            Phase::Over => return,
            Phase::Creating { attempts, due } => {
                if self.pending.is_empty() && due <= self.now {
                    self.phase = Phase::Creating {
                        attempts: attempts.saturating_add(1),
                        due,
                    };
                    self.send_request(Kind::Creation, Vec::new());
                }
                return;
            }
            Phase::Open | Phase::Pausing { .. } | Phase::Paused { .. } | Phase::Closing { .. } => {}
        }
        if self.terminal_until.is_some() {
            return;
        }
        self.retransmit_due();
        match self.phase {
            Phase::Open => self.send_payloads_or_poll(),
            Phase::Pausing { period, sent: None } if self.has_room(1) => {
                let rid = self.next;
                self.send_request(Kind::Pause, Vec::new());
                let until = self.now + super::pause::ANSWER_PATIENCE;
                self.phase = Phase::Pausing {
                    period,
                    sent: Some((rid, until)),
                };
            }
            Phase::Closing { until, sent: None } if self.has_room(1) => {
                let sent = Some(self.next);
                let payload = if self.is_restarting() {
                    // Nothing may come between a restart and its features (B-X-020): it is handed back.
                    Vec::new()
                } else {
                    self.outbox.take_all()
                };
                self.send_request(Kind::Terminate, payload);
                self.phase = Phase::Closing { until, sent };
            }
            Phase::Pausing { .. }
            | Phase::Closing { .. }
            | Phase::Creating { .. }
            | Phase::Paused { .. }
            | Phase::Over => {}
        }
    }

    fn send_payloads_or_poll(&mut self) {
        if self.restart == Restart::Due && self.has_room(0) {
            self.restart = Restart::Sent(self.now + self.config.restart_timeout);
            self.must_send = false;
            self.send_request(Kind::Restart, Vec::new());
        }
        while self.payload_at().is_some_and(|at| at <= self.now) {
            let payload = self.outbox.take_batch(self.config.request_bytes);
            if std::mem::take(&mut self.must_send) {
                self.postpone_pause(super::pause::ANSWER_PATIENCE);
            }
            self.send_request(Kind::Ordinary, payload);
            if self.outbox.take_writable(self.config.outbox_bytes) {
                self.deliver(Event::Writable);
            }
        }
        let must_send = self.must_send && self.has_room(0);
        if must_send || self.poll_at().is_some_and(|at| at <= self.now) {
            if self.is_flooded() {
                self.terminate(Cause::Overflow, Some(Reason::HeldInputTooLong), None);
                return;
            }
            if std::mem::take(&mut self.must_send) {
                self.postpone_pause(self.terms.response_timeout());
            }
            self.send_request(Kind::Ordinary, Vec::new());
        }
    }

    /// Whether one more request fits into the window, which `extra` widens (B-R-080).
    pub(super) fn has_room(&self, extra: usize) -> bool {
        self.pending.len() < self.terms.window() + extra
    }

    /// More came than may while nobody reads.
    fn is_flooded(&self) -> bool {
        self.input_held && self.held_bytes > self.config.held_bytes
    }

    /// When queued payloads may leave; `None` while nothing but an answer can change that.
    fn payload_at(&self) -> Option<Moment> {
        if self.outbox.is_empty()
            || self.is_restarting()
            || self.phase != Phase::Open
            || !self.has_room(0)
            || self.is_flooded()
            || self.terminal_until.is_some()
        {
            return None;
        }
        let spaced = self.terms.is_polling().then_some(self.spaced_until);
        let unproven = self.config.serialise.then(|| {
            self.pending
                .iter()
                .filter(|pending| !pending.payload.is_empty() && pending.rid > self.acked)
                .map(|pending| pending.since + UNPROVEN)
                .max()
        });
        [spaced, unproven.flatten(), Some(self.now)]
            .into_iter()
            .flatten()
            .max()
    }

    /// When an empty request is due: never beside another one (B-R-078).
    fn poll_at(&self) -> Option<Moment> {
        if self.phase != Phase::Open
            || !self.pending.is_empty()
            || self.restart == Restart::Due
            || self.terminal_until.is_some()
        {
            return None;
        }
        if self.input_held {
            // With time left for tries that fail; but what floods us is not asked for more.
            return if self.is_flooded() {
                self.idle_until
            } else {
                self.held_until
            };
        }
        let at = if self.terms.is_polling() || self.quick >= QUICK {
            self.spaced_until
        } else {
            self.poll_from.max(self.now)
        };
        Some(self.idle_until.map_or(at, |until| at.min(until)))
    }

    /// An answer was processed: from now on nothing may be pending.
    pub(super) fn note_answer(&mut self, answered: &Pending, has_payload: bool) {
        self.idle_until = self.terms.idle_limit().map(|limit| self.now + limit);
        self.held_until = self.terms.held_limit().map(|limit| self.now + limit);
        let is_quick = answered.kind == Kind::Ordinary
            && answered.payload.is_empty()
            && !has_payload
            && self.pending.is_empty()
            && self.now < answered.since + QUICK_SPACE.min(self.terms.wait / 2);
        if is_quick {
            self.quick = self.quick.saturating_add(1);
            self.spaced_until = self.spaced_until.max(answered.since + QUICK_SPACE);
        } else {
            self.quick = 0;
        }
        // From the answer on, not from the request: that one may have been slow to arrive, and the next one fast.
        self.spaced_until = self.spaced_until.max(self.now + self.terms.polling);
        if has_payload {
            // More may be waiting where this came from (B-R-130).
            self.spaced_until = self.now;
            self.poll_from = self.now + self.config.poll_delay;
        }
    }

    /// The next instant at which something is due.
    pub(super) fn deadline(&self) -> Option<Moment> {
        let phase = match self.phase {
            Phase::Over => return None,
            Phase::Creating { due, .. } => self.pending.is_empty().then_some(due),
            Phase::Open => None,
            Phase::Pausing { sent, .. } => sent.map(|(_, until)| until),
            Phase::Paused { until, .. } => Some(until),
            Phase::Closing { until, .. } => Some(until),
        };
        let restart = match self.restart {
            Restart::Sent(until) if self.phase == Phase::Open => Some(until),
            Restart::Sent(_) | Restart::Due | Restart::None | Restart::Done => None,
        };
        let ways = self
            .pending
            .iter()
            .filter_map(|pending| match pending.way {
                Way::Out(_, until) => Some(pending.hint.at().map_or(until, |at| at.min(until))),
                Way::Again(_) | Way::Answered(_) => None,
            })
            .min();
        [
            phase,
            restart,
            ways,
            self.next_retransmission_at(),
            self.overdue_at(),
            self.lost_deadline(),
            self.terminal_until,
            self.payload_at(),
            self.poll_at(),
        ]
        .into_iter()
        .flatten()
        .min()
    }
}
