//! Lost requests are sent again, the same bytes (XEP-0124 §14.3): after 0, 1, 2, 4, 8, 8, 8, 16 s, and at last the session is given up.

use std::time::Duration;

use xmpp_machine::Moment;

use super::{
    Action, Cause, Failure, Reason,
    session::{Hint, Kind, Pending, Phase, Restart, Session, Way},
};
use crate::ExchangeId;

/// How long the answer to a request may take that a later one releases, beside a sixth of `inactivity`: at least, and at most.
const RELEASE: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(10));
/// Bytes a second that an upload is given for it.
const UPLOAD: u64 = 4_096;

/// Answers `type='error'` to one request that are taken as a call to repeat it (B-R-150).
const ERRORS: u8 = 5;
/// Answers that are not BOSH to one request (B-R-145).
const GARBAGE: u8 = 1;
/// Refusing statuses in a row that do not end the session yet (B-R-144).
const REFUSALS: u8 = 2;
/// Abandoned exchanges of one request whose answers are still taken.
const STALE: usize = 4;

impl Session {
    pub(super) fn take_failure(&mut self, id: ExchangeId, failure: Failure) {
        let Some((at, is_current)) = self.find(id) else {
            return;
        };
        match failure {
            Failure::Untrusted => self.end(Cause::Untrusted, Some(Reason::Untrusted), None),
            _ if !is_current => {}
            _ if self.is_last(at) => self.process_rest(),
            Failure::TooLarge => self.terminate(Cause::Fault, Some(Reason::AnswerTooLong), None),
            Failure::Lost => {
                let (now, wait) = (self.now, self.terms.wait);
                if let Some(pending) = self.pending.get_mut(at)
                    && now <= pending.sent + wait
                {
                    pending.broken.get_or_insert(now);
                }
                self.fail(at, Duration::ZERO, Cause::Lost, Reason::CreationUnanswered);
            }
        }
    }

    /// When the session counts as lost (B-R-097), but for a request that was sent again within `inactivity` of a broken connection: the connection
    /// manager may hold that one for the whole of `wait`.
    pub(super) fn lost_deadline(&self) -> Option<Moment> {
        if self.pending.is_empty() || matches!(self.phase, Phase::Creating { .. }) {
            return None;
        }
        let lost_at = self.lost_at?;
        let inactivity = self.terms.inactivity.unwrap_or(self.config.patience);
        let held = self.pending.iter().filter_map(|pending| match pending.way {
            Way::Out(_, until) => pending
                .broken
                .is_some_and(|broken| pending.sent <= broken + inactivity)
                .then_some(until),
            Way::Again(_) | Way::Answered(_) => None,
        });
        Some(held.fold(lost_at, Moment::max))
    }

    /// A status without a body that decides (B-R-144).
    pub(super) fn take_status(&mut self, at: usize, status: u16) {
        let cause = Cause::Status(status);
        match status {
            // Never follow a POST's redirect; a request that is too large stays so (B-R-019).
            300..=399 => self.end(cause, Some(Reason::HttpRedirect), None),
            413 => self.end(cause, Some(Reason::RequestTooLong), None),
            408 | 425 | 500.. => self.fail(at, Duration::ZERO, cause, Reason::CreationStatus),
            429 => self.fail(at, Duration::from_secs(1), cause, Reason::CreationStatus),
            _ => {
                self.refusals = self.refusals.saturating_add(1);
                let is_void = matches!(status, 400 | 403 | 404)
                    && self.is_legacy()
                    && !matches!(self.phase, Phase::Creating { .. });
                if is_void {
                    self.end(cause, Some(Reason::LegacyStatus), None);
                } else if self.refusals > REFUSALS {
                    self.end(cause, Some(Reason::StatusRepeated), None);
                } else {
                    self.fail(at, Duration::ZERO, cause, Reason::CreationStatus);
                }
            }
        }
    }

    /// B-R-142: a connection manager that names no version speaks in statuses.
    fn is_legacy(&self) -> bool {
        self.terms.version.is_none()
    }

    pub(super) fn take_garbage(&mut self, at: usize) {
        let Some(pending) = self.pending.get_mut(at) else {
            return;
        };
        pending.garbage = pending.garbage.saturating_add(1);
        let tries = match self.phase {
            Phase::Creating { attempts, .. } => attempts,
            Phase::Open
            | Phase::Pausing { .. }
            | Phase::Paused { .. }
            | Phase::Closing { .. }
            | Phase::Over => pending.garbage,
        };
        if tries > GARBAGE {
            self.end(Cause::NotBosh, Some(Reason::NotBosh), None);
        } else {
            self.fail(at, Duration::ZERO, Cause::NotBosh, Reason::NotBosh);
        }
    }

    /// `type='error'`: that request and every unanswered one before it are repeated, oldest first (B-R-150).
    pub(super) fn recover(&mut self, at: usize) {
        if matches!(self.phase, Phase::Creating { .. }) {
            return self.fail(at, Duration::ZERO, Cause::Refused, Reason::CreationError);
        }
        self.lost_at = Some(self.now + self.terms.patience(None, &self.config));
        let Some(pending) = self.pending.get_mut(at) else {
            return;
        };
        pending.errors = pending.errors.saturating_add(1);
        let errors = pending.errors;
        pending.way = Way::Again(self.now);
        if errors > ERRORS {
            return self.terminate(Cause::Refused, Some(Reason::ErrorRepeated), None);
        }
        let due = self.now + backoff(u32::from(errors) - 1, Duration::ZERO);
        for at in 0..=at {
            self.retransmit_at(at, due);
        }
    }

    /// A transmission failed; the next one follows after a while. `cause` and `reason` are the
    /// session's where it was the last try of its creation.
    fn fail(&mut self, at: usize, least: Duration, cause: Cause, reason: Reason) {
        if let Phase::Creating { attempts, .. } = self.phase {
            // The next try is another session's (B-R-049).
            self.pending.clear();
            self.next = super::session::first_rid(&mut self.rng);
            self.acked = self.next.minus(1);
            self.lost_at = None;
            if attempts >= self.config.creation_attempts {
                return self.end(cause, Some(reason), None);
            }
            let wait = backoff(u32::from(attempts.saturating_sub(1)), least);
            self.phase = Phase::Creating {
                attempts,
                due: self.now + wait,
            };
            return;
        }
        if let Some(pending) = self.pending.get_mut(at) {
            let due = self.now + backoff(pending.failures, least);
            pending.failures = pending.failures.saturating_add(1);
            pending.way = Way::Again(due);
        }
    }

    /// When all outstanding requests are sent again because the answer to the oldest is overdue. A
    /// connection manager that has received more requests than it may hold answers the oldest at once
    /// (B-R-071). If it does not, the network is losing data, and waiting for `wait` to be over would
    /// outlast `inactivity`. This is tried until `inactivity` is over; then nothing can be gained.
    pub(super) fn overdue_at(&self) -> Option<Moment> {
        if self.phase != Phase::Open || self.terms.is_polling() {
            return None;
        }
        let (idle_until, inactivity) = (self.idle_until?, self.terms.inactivity?);
        let oldest = self.pending.front()?;
        let newer = self.pending.get(usize::from(self.terms.hold))?;
        let (Way::Out(..), Way::Out(..)) = (&oldest.way, &newer.way) else {
            return None;
        };
        let bytes: usize = self.pending.iter().map(|pending| pending.body.len()).sum();
        let upload = Duration::from_secs(u64::try_from(bytes).unwrap_or(u64::MAX) / UPLOAD);
        let at =
            oldest.sent.max(newer.sent) + (inactivity / 6).clamp(RELEASE.0, RELEASE.1) + upload;
        (at < idle_until).then_some(at)
    }

    /// Takes an unanswered request off its exchange, to be sent again then.
    pub(super) fn retransmit_at(&mut self, at: usize, due: Moment) {
        let Some(pending) = self.pending.get_mut(at) else {
            return;
        };
        match pending.way {
            Way::Answered(_) => {}
            Way::Again(_) => pending.way = Way::Again(due),
            Way::Out(id, _) => {
                pending.way = Way::Again(due);
                if pending.stale.len() >= STALE {
                    pending.stale.remove(0);
                }
                pending.stale.push(id);
                self.actions.push_back(Action::Abandon { id });
            }
        }
    }

    /// Sends again what is due, in the order of the requests: none overtakes one before it that waits.
    pub(super) fn retransmit_due(&mut self) {
        while let Some((at, due)) = self.next_retransmission()
            && due <= self.now
        {
            self.transmit(at);
            let is_pause = self.pending.get(at).map(|pending| pending.kind) == Some(Kind::Pause);
            if is_pause {
                // It may fill a gap: what came after it goes again behind it (B-R-124).
                for later in at + 1..self.pending.len() {
                    self.retransmit_at(later, self.now);
                }
            }
        }
    }

    /// When the next retransmission is due.
    pub(super) fn next_retransmission_at(&self) -> Option<Moment> {
        self.next_retransmission().map(|(_, due)| due)
    }

    /// The oldest request that waits for its next try, unless nothing may be sent. A pause that must not be repeated yet (TR-27) does not
    /// stop those after it.
    fn next_retransmission(&self) -> Option<(usize, Moment)> {
        if matches!(self.phase, Phase::Paused { .. }) || self.terminal_until.is_some() {
            return None;
        }
        let is_pausing = |pending: &Pending| {
            let sent = matches!(self.phase, Phase::Pausing { sent: Some((rid, _)), .. } if rid == pending.rid);
            sent && pending.errors == 0
        };
        let waiting = |is_pause: bool| {
            self.pending
                .iter()
                .enumerate()
                .find_map(|(at, pending)| match pending.way {
                    Way::Again(due)
                        if (pending.kind == Kind::Pause) == is_pause && !is_pausing(pending) =>
                    {
                        Some((at, due))
                    }
                    Way::Again(_) | Way::Out(..) | Way::Answered(_) => None,
                })
        };
        [waiting(true), waiting(false)]
            .into_iter()
            .flatten()
            .min_by_key(|(at, due)| (*due, *at))
    }

    /// Deadlines that may have passed.
    pub(super) fn expire(&mut self) {
        let now = self.now;
        if self.is_over() {
            return;
        }
        if let Phase::Closing { until, sent } = self.phase
            && until <= now
        {
            if sent.is_none() {
                // There was no room for it in time: better one request too many than a session that nobody ended.
                self.send_terminate();
            }
            return self.process_rest();
        }
        if self.terminal_until.is_some_and(|at| at <= now) {
            return self.process_rest();
        }
        if self.lost_deadline().is_some_and(|at| at <= now) {
            return self.end(Cause::Lost, Some(Reason::AnswersMissing), None);
        }
        if let (Restart::Sent(until), Phase::Open) = (self.restart, &self.phase)
            && until <= now
        {
            return self.terminate(Cause::NoFeatures, Some(Reason::FeaturesMissing), None);
        }
        if self.overdue_at().is_some_and(|at| at <= now) {
            for at in 0..self.pending.len() {
                self.retransmit_at(at, now);
            }
            return;
        }
        for at in 0..self.pending.len() {
            let Some(pending) = self.pending.get_mut(at) else {
                return;
            };
            let Way::Out(_, until) = pending.way else {
                continue;
            };
            if until <= now {
                let is_creation = pending.kind == Kind::Creation;
                self.retransmit_at(at, now);
                self.fail(at, Duration::ZERO, Cause::Lost, Reason::CreationUnanswered);
                if is_creation {
                    return;
                }
            } else if pending.hint.at().is_some_and(|at| at <= now) {
                pending.hint = Hint::Spent;
                self.retransmit_at(at, now);
            }
        }
        self.expire_pause();
    }
}

impl Hint {
    pub(super) fn at(self) -> Option<Moment> {
        match self {
            Self::At(at) => Some(at),
            Self::None | Self::Spent => None,
        }
    }
}

/// B-R-096: 0, 1, 2, 4, 8, 8, 8, 16, 16 s, ... Three tries fall into the last 20 s of the common `inactivity` of 30 s, and at most ten into 80 s, as many
/// duplicates as a careful connection manager takes (B-R-095).
fn backoff(failures: u32, least: Duration) -> Duration {
    let seconds = match failures {
        0 => 0,
        1..=4 => 1 << (failures - 1),
        5 | 6 => 8,
        _ => 16,
    };
    Duration::from_secs(seconds).max(least)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_between_tries_grows_up_to_sixteen_seconds() {
        let waits: Vec<_> = [0, 1, 2, 3, 4, 5, 6, 40, u32::MAX]
            .map(|failures| backoff(failures, Duration::ZERO).as_secs())
            .into();
        assert_eq!(waits, [0, 1, 2, 4, 8, 8, 8, 16, 16]);
        assert_eq!(backoff(0, Duration::from_secs(1)).as_secs(), 1);
    }
}
