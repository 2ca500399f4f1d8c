//! Pauses (XEP-0124 §10, B-R-118 to B-R-124).

use std::time::Duration;

use super::{
    CallError, Event, Pause,
    session::{Kind, Phase, Session, Way},
};
use crate::Instant;

/// How long the answer to a pause request is waited for (B-R-124).
pub(super) const ANSWER_PATIENCE: Duration = Duration::from_secs(10);

/// How long a resumed session waits for room for a new request before it repeats the pause.
const ROOM_PATIENCE: Duration = Duration::from_secs(2);

/// How long an answer to a request before the pause may take.
const ON_ITS_WAY: Duration = Duration::from_secs(2);

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
    /// Where the connection manager offered no pauses, or shorter ones, or the session is not open or restarting, or an earlier pause has no
    /// answer yet. Nothing is sent then.
    pub fn pause(&mut self, period: Duration, now: Instant) -> Result<(), CallError> {
        self.now = self.clock.read(now);
        // While it is open whether an earlier pause is known, a second would stand on nothing.
        let is_unsettled = self
            .pending
            .iter()
            .any(|pending| pending.kind == Kind::Pause);
        if self.phase != Phase::Open || self.is_restarting() || is_unsettled {
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
        self.now = self.clock.read(now);
        match self.phase {
            Phase::Pausing { sent: None, .. } => {
                self.phase = Phase::Open;
                Ok(())
            }
            Phase::Pausing { .. } | Phase::Paused { .. } => {
                self.resume_now();
                Ok(())
            }
            Phase::Creating { .. } | Phase::Open | Phase::Closing { .. } | Phase::Over => {
                Err(CallError::NotPaused)
            }
        }
    }

    /// Begins a pause: nothing is sent until shortly before it is over.
    pub(super) fn paused(&mut self, pause: Pause) {
        let (Pause::Granted(period) | Pause::Unconfirmed(period)) = pause;
        let until = self.now + period.saturating_sub(MARGIN).max(period / 2);
        self.lost_at = Some(self.now + self.terms.patience(Some(period), &self.config));
        self.phase = Phase::Paused { period, until };
        self.deliver(Event::Paused(pause));
    }

    /// How long the pause under way lasts.
    pub(super) fn pause_period(&self) -> Option<Duration> {
        match self.phase {
            Phase::Pausing { period, .. } | Phase::Paused { period, .. } => Some(period),
            Phase::Creating { .. } | Phase::Open | Phase::Closing { .. } | Phase::Over => None,
        }
    }

    /// Ends a pause: a request is due, and what was lost goes again.
    fn resume_now(&mut self) {
        self.phase = Phase::Open;
        self.must_send = true;
        // A pause answers everything before it: what is still out was lost, or its answer was, unless it is that young.
        for at in 0..self.pending.len() {
            let is_lost = self.pending.get(at).is_some_and(|pending| {
                pending.kind != Kind::Pause && pending.since + ON_ITS_WAY <= self.now
            });
            if is_lost {
                self.retransmit_at(at, self.now);
            }
        }
        self.postpone_pause(ROOM_PATIENCE);
    }

    /// Repeats a pause without an answer only after a while. A new request goes first, since repeating a pause that was answered is
    /// lethal with some (TR-27); only when the new one is not answered in time the pause may have left a gap.
    pub(super) fn postpone_pause(&mut self, patience: Duration) {
        let due = self.now + patience;
        for pending in &mut self.pending {
            // One that was asked for again is safe to repeat.
            if pending.kind != Kind::Pause || pending.errors > 0 {
                continue;
            }
            match &mut pending.way {
                Way::Out(_, until) => *until = due,
                Way::Again(at) => *at = due,
                Way::Answered(_) => {}
            }
        }
    }

    /// Ends the wait for the answer to a pause, or the pause itself, where its time is over.
    pub(super) fn expire_pause(&mut self) {
        match self.phase {
            Phase::Pausing {
                period,
                sent: Some((_, until)),
            } if until <= self.now => self.paused(Pause::Unconfirmed(period)),
            Phase::Paused { until, .. } if until <= self.now => self.resume_now(),
            Phase::Creating { .. }
            | Phase::Open
            | Phase::Pausing { .. }
            | Phase::Paused { .. }
            | Phase::Closing { .. }
            | Phase::Over => {}
        }
    }
}
