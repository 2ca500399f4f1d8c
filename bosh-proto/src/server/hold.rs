//! Which open request is answered when (XEP-0124 §8): hold, wait, gaps, the linger, and a session's deadlines.

use std::{num::NonZeroU16, time::Duration};

use super::{
    Action, Cause,
    moment::Moment,
    respond::SENT_PATIENCE,
    session::{Context, Open, Phase, Session},
};
use crate::{Condition, ExchangeId, body::recoverable_error};

/// What an answer may carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fill {
    /// Queued elements, as many as fit.
    Queue,
    /// None.
    Nothing,
}

/// The short wait of a release for a payload that may leave on it (B-R-071).
///
/// It adapts: where one ran out unused, releases are immediate until a payload came so soon after one that it would have been in time.
#[derive(Debug, Default)]
pub(super) enum Linger {
    /// The next release waits.
    #[default]
    Ready,
    /// One waits until then.
    Waiting(Moment),
    /// Releases are immediate; the newest one was then.
    Off(Option<Moment>),
}

impl Linger {
    /// Until when a release waits.
    pub(super) fn until(&self) -> Option<Moment> {
        match self {
            Self::Waiting(until) => Some(*until),
            Self::Ready | Self::Off(_) => None,
        }
    }

    /// A release needs to wait no more.
    pub(super) fn stop(&mut self) {
        if let Self::Waiting(_) = self {
            *self = Self::Ready;
        }
    }

    pub(super) fn note_payload(&mut self, ctx: &Context<'_>) {
        if let Self::Off(released) = self {
            let in_time = released
                .take()
                .is_some_and(|at| ctx.now <= at + ctx.config.linger);
            if in_time {
                *self = Self::Ready;
            }
        }
    }
}

/// The least by which "longer than" is exceeded.
const BEYOND: Duration = Duration::from_millis(1);

impl Session {
    /// Answers what is due now. Called after every change.
    pub(super) fn flow(&mut self, ctx: &mut Context<'_>) {
        let is_slowed = self.is_slowed(ctx.now);
        match &self.phase {
            Phase::Over(_) | Phase::Leaving => return,
            Phase::Ending(_) => {
                if self.open.iter().any(|open| open.exchange.is_live()) {
                    self.finish(ctx);
                }
                return;
            }
            Phase::Opening(_) | Phase::Open if is_slowed => return,
            Phase::Opening(opening) => {
                let is_ready = self.accepted && !self.outbox.is_empty();
                if !is_ready && ctx.now < opening.until {
                    return;
                }
                self.answer_creation(ctx);
            }
            Phase::Open => {}
        }
        while let Some(first) = self.open.first() {
            if !first.exchange.is_live() {
                if self.open.len() == 1 {
                    break;
                }
                self.answer_front(Fill::Nothing, ctx);
                continue;
            }
            // While the server takes nothing, requests that brought payloads stay unanswered (design: backpressure),
            // unless answers are what the other direction waits for.
            let stalls = self.input_held && first.has_payload && !self.outbox.is_blocked();
            let has_waited = self
                .open
                .iter()
                .any(|open| open.exchange.is_live() && open.deadline <= ctx.now);
            let is_over = self.open.len() > usize::from(self.terms.hold);
            if has_waited || self.has_report() || (!stalls && !self.outbox.is_empty()) {
                self.answer_front(Fill::Queue, ctx);
            } else if is_over && !self.input_held && self.lets_go(ctx) {
                self.answer_front(Fill::Nothing, ctx);
            } else {
                break;
            }
        }
    }

    /// Whether a request above `hold` is released now, rather than lingering.
    fn lets_go(&mut self, ctx: &mut Context<'_>) -> bool {
        match &mut self.linger {
            Linger::Waiting(until) if ctx.now < *until => false,
            Linger::Waiting(_) => {
                self.linger = Linger::Off(None);
                true
            }
            Linger::Off(released) => {
                *released = Some(ctx.now);
                true
            }
            Linger::Ready => {
                let hold = usize::from(self.terms.hold);
                if hold == 0 || self.open.len() != hold + 1 || ctx.config.linger.is_zero() {
                    return true;
                }
                let until = ctx.now + ctx.config.linger;
                self.linger = Linger::Waiting(until);
                ctx.lingers.push_back((until, self.key));
                false
            }
        }
    }

    /// B-R-076: requests without an exchange are answered, for the replay buffer alone, once a newer one is there.
    pub(super) fn answer_dead(&mut self, ctx: &mut Context<'_>) {
        while self
            .open
            .first()
            .is_some_and(|first| !first.exchange.is_live())
        {
            self.answer_front(Fill::Nothing, ctx);
        }
    }

    /// Deadlines that may have passed.
    pub(super) fn handle_timeout(&mut self, ctx: &mut Context<'_>) {
        self.pump(ctx);
        self.is_slowed(ctx.now);
        if self.auth_until().is_some_and(|at| at <= ctx.now) {
            self.shut(Condition::PolicyViolation, ctx);
        }
        if self.is_over() {
            return;
        }
        let mut stale: Vec<ExchangeId> = Vec::new();
        if let Some(rare) = &mut self.rare {
            for deferred in &mut rare.deferred {
                if deferred.open.deadline <= ctx.now {
                    stale.extend(deferred.open.exchange.take());
                }
            }
        }
        for id in stale {
            // B-R-094: the gap goes on; the payloads stay.
            self.respond_now(id, recoverable_error(), ctx);
            self.idle_since = ctx.now;
        }
        self.flow(ctx);
        if self.inactive_at().is_some_and(|at| at <= ctx.now) {
            let cause = match self.phase {
                Phase::Ending(_) => Cause::Ours,
                Phase::Leaving => Cause::Terminated,
                Phase::Opening(_) | Phase::Open | Phase::Over(_) => Cause::Inactive,
            };
            self.end(cause);
        }
    }

    /// When silence ends the session (B-R-112, B-R-114); `None` while a live exchange waits.
    fn inactive_at(&self) -> Option<Moment> {
        if self.is_over()
            || self.is_staging()
            || self.unanswered().any(|open| open.exchange.is_live())
        {
            return None;
        }
        let seconds = self.paused.map_or(self.terms.inactivity, NonZeroU16::get);
        Some(self.idle_since + Duration::from_secs(u64::from(seconds)) + BEYOND)
    }

    /// The next instant at which something is due, lingers aside.
    pub(super) fn deadline(&self) -> Option<Moment> {
        let staged = if !self.is_staging() {
            None
        } else {
            let newest = self.unsent.iter().map(|unsent| unsent.since).max();
            newest.map(|since| since + SENT_PATIENCE)
        };
        if self.is_over() {
            return staged;
        }
        let opening = match &self.phase {
            Phase::Opening(opening) => Some(opening.until),
            Phase::Open | Phase::Ending(_) | Phase::Leaving | Phase::Over(_) => None,
        };
        let slow = self.slow_until();
        let later = |at: Moment| slow.map_or(at, |until| until.max(at));
        let live = |open: &&Open| open.exchange.is_live();
        let deferred = self.deferred().iter().map(|deferred| &deferred.open);
        self.open
            .iter()
            .filter(|_| opening.is_none())
            .filter(live)
            .map(|open| later(open.deadline))
            .chain(deferred.filter(live).map(|open| open.deadline))
            .chain(opening.map(later))
            .chain(slow)
            .chain(staged)
            .chain(self.inactive_at())
            .chain(self.auth_until())
            .min()
    }

    /// Answers an exchange outside of the rid order: replays and recoverable errors.
    pub(super) fn respond_now(
        &mut self,
        id: ExchangeId,
        body: bytes::Bytes,
        ctx: &mut Context<'_>,
    ) {
        ctx.exchanges.remove(id);
        let response = self.response(200, body);
        ctx.actions.push_back(Action::Respond { id, response });
    }
}
