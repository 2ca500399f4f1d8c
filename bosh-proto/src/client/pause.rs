//! Pauses (XEP-0124 §10, B-R-118 to B-R-124).

use std::time::Duration;

use super::{
    CallError, Event, Pause,
    session::{Kind, Phase, Restart, Session, Way},
};
use crate::Instant;

/// How long the answer to a pause request is waited for (B-R-124).
pub(super) const ANSWER_PATIENCE: Duration = Duration::from_secs(10);

/// How long before a pause's end the session goes on by itself: a request must reach the connection manager in time.
const MARGIN: Duration = Duration::from_secs(1);

impl Session {
    /// Asks for a pause: every held request is answered, then nothing is sent until [`resume`](Self::resume); `Event::Paused` says when it
    /// begins. What is sent meanwhile waits. Shortly before the period is over the session goes on by itself, so as not to die.
    ///
    /// Many connection managers do pauses badly (TR-26): a caller that does not know its peer should not be away for longer than
    /// `Opened::inactivity`.
    ///
    /// # Errors
    ///
    /// Where the connection manager offered no pauses, or shorter ones, or the session is not open or restarting. Nothing is sent then.
    pub fn pause(&mut self, period: Duration, now: Instant) -> Result<(), CallError> {
        self.now = self.now.max(now);
        if self.phase != Phase::Open || self.restart != Restart::None {
            return Err(CallError::NotOpen);
        }
        let max = self.terms.maxpause.ok_or(CallError::NoPause)?;
        let period = Duration::from_secs(period.as_secs());
        if period.is_zero() || period > max {
            return Err(CallError::PauseRange { max });
        }
        self.phase = Phase::Pausing { period, sent: None };
        Ok(())
    }

    /// Ends a pause, with a request at once.
    ///
    /// # Errors
    ///
    /// Where the session is not paused.
    pub fn resume(&mut self, now: Instant) -> Result<(), CallError> {
        self.now = self.now.max(now);
        match self.phase {
            Phase::Pausing { sent: None, .. } => {
                self.phase = Phase::Open;
                Ok(())
            }
            Phase::Pausing { .. } | Phase::Paused { .. } => {
                self.go_on();
                Ok(())
            }
            Phase::Creating { .. } | Phase::Open | Phase::Closing { .. } | Phase::Over => {
                Err(CallError::NotPaused)
            }
        }
    }

    /// The pause begins.
    pub(super) fn paused(&mut self, pause: Pause) {
        let (Pause::Granted(period) | Pause::Unconfirmed(period)) = pause;
        let until = self.now + period.saturating_sub(MARGIN).max(period / 2);
        self.lost_at = Some(self.now + self.terms.patience(Some(period), &self.config));
        self.phase = Phase::Paused { period, until };
        self.deliver(Event::Paused(pause));
    }

    /// The pause under way.
    pub(super) fn pause_period(&self) -> Option<Duration> {
        match self.phase {
            Phase::Pausing { period, .. } | Phase::Paused { period, .. } => Some(period),
            Phase::Creating { .. } | Phase::Open | Phase::Closing { .. } | Phase::Over => None,
        }
    }

    fn go_on(&mut self) {
        self.phase = Phase::Open;
        self.must_send = true;
        // Without the answer, a new request goes first: repeating a pause that was answered is lethal with some (TR-27). Only when the new
        // one is not answered in time the pause may have left a gap, and is repeated.
        let patience = if !self.has_room(0) {
            Duration::ZERO
        } else if self.outbox.is_empty() {
            self.terms.response_timeout()
        } else {
            ANSWER_PATIENCE
        };
        let due = self.now + patience;
        for pending in &mut self.pending {
            if pending.kind != Kind::Pause {
                continue;
            }
            match &mut pending.way {
                Way::Out(_, until) => *until = due,
                Way::Again(at) => *at = due,
                Way::Answered(_) => {}
            }
        }
    }

    /// What time does to pauses.
    pub(super) fn expire_pause(&mut self) {
        match self.phase {
            Phase::Pausing {
                period,
                sent: Some((_, until)),
            } if until <= self.now => self.paused(Pause::Unconfirmed(period)),
            Phase::Paused { until, .. } if until <= self.now => self.go_on(),
            Phase::Creating { .. }
            | Phase::Open
            | Phase::Pausing { .. }
            | Phase::Paused { .. }
            | Phase::Closing { .. }
            | Phase::Over => {}
        }
    }
}
