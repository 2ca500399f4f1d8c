//! When an open request is answered (XEP-0124 §8): `hold`, `wait`, gaps, the linger, and the
//! deadlines of a session.

use std::{num::NonZeroU16, time::Duration};

use xmpp_machine::Moment;

use super::{
    Action, Cause, Reason,
    respond::SENT_PATIENCE,
    session::{Context, OpenRequest, Phase, Session},
};
use crate::{Condition, ExchangeId, body::recoverable_error};

/// Whether an answer may carry queued elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fill {
    /// Queued elements, as many as fit.
    Queue,
    /// No elements, though some may be queued.
    Nothing,
}

/// The linger: a held request that a newer one releases waits a moment for a payload that may leave
/// on its answer (B-R-071).
///
/// It adapts: after one that no payload used, releases are immediate until a payload comes so soon after one that it would have been in
/// time.
///
/// No client is punished for it (B-R-125, B-R-126): a new request ends it before that request is judged, and what would have been answered
/// without it counts as answered, see [`Spared`] and `Session::punctual`.
#[derive(Debug, Default)]
pub(super) enum Linger {
    /// The next release of a held request waits for a payload.
    #[default]
    Ready,
    /// A release waits until then.
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

    /// Ends the wait of a release, which a payload used or not; gives whether there was one.
    pub(super) fn end(&mut self, is_used: bool) -> bool {
        let waits = self.until().is_some();
        if waits {
            *self = if is_used {
                Self::Ready
            } else {
                Self::Off(None)
            };
        }
        waits
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

/// What a payload that left on a lingering request spares the requests behind it: without the linger, it would have left on one of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Spared {
    /// Nothing: all is as it would be without the linger.
    #[default]
    Nothing,
    /// The oldest open request would have been answered.
    Oldest,
    /// The next one that comes would be answered at once.
    Next,
}

/// The least by which "longer than" is exceeded.
const BEYOND: Duration = Duration::from_millis(1);

impl Session {
    /// Answers the open requests whose answers are due. Called after every change.
    pub(super) fn answer_due(&mut self, ctx: &mut Context<'_>) {
        let is_slowed = self.is_slowed(ctx.now);
        match &self.phase {
            Phase::Over(_) | Phase::Leaving => return,
            Phase::Ending(_) => {
                if self.open.iter().any(|open| open.exchange.is_live()) {
                    self.finish(ctx);
                }
                return;
            }
            Phase::Creating(_) | Phase::Open if is_slowed => return,
            Phase::Creating(opening) => {
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
            let stalls = self.stalls(first) && !self.outbox.is_blocked();
            if !stalls && self.spared == Spared::Next {
                self.spared = Spared::Oldest;
            }
            let has_waited = self
                .open
                .iter()
                .any(|open| open.exchange.is_live() && open.deadline <= ctx.now);
            let is_due = has_waited || self.has_report() || (!stalls && !self.outbox.is_empty());
            if !is_due && !self.may_release(ctx) {
                break;
            }
            self.answer_front(Fill::Queue, ctx);
        }
    }

    /// Whether the oldest request may be released for a newer one now, rather than held or lingering.
    fn may_release(&mut self, ctx: &mut Context<'_>) -> bool {
        let hold = usize::from(self.terms.hold);
        let is_over = self.open.len() > hold;
        // A dead request is answered when it is the oldest of several (B-R-076), and must not come to life again behind one that is
        // open for the linger alone.
        let hides_dead = match self.open.as_slice() {
            [_, second, _, ..] => !second.exchange.is_live(),
            _ => false,
        };
        match &mut self.linger {
            _ if hides_dead && self.spared == Spared::Oldest => true,
            _ if !is_over => false,
            Linger::Waiting(until) => hides_dead || ctx.now >= *until,
            Linger::Ready | Linger::Off(_) if self.input_held => false,
            Linger::Off(released) => {
                *released = Some(ctx.now);
                true
            }
            Linger::Ready => {
                // With client acks, reports (B-R-108) and replay depend on when each answer was issued.
                let is_prompt = hold == 0 || ctx.config.linger.is_zero() || self.terms.client_acks;
                if is_prompt || hides_dead || self.open.len() != hold + 1 {
                    return true;
                }
                let until = ctx.now + ctx.config.linger;
                self.linger = Linger::Waiting(until);
                ctx.lingers.push_back((until, self.key));
                false
            }
        }
    }

    /// The server takes nothing: requests with payloads stay unanswered from now on, but not one that only a linger keeps open.
    pub(super) fn hold_input(&mut self, ctx: &mut Context<'_>) {
        let is_open = self
            .open
            .first()
            .is_some_and(|open| open.exchange.is_live());
        if is_open && (self.spared == Spared::Oldest || self.linger.until().is_some()) {
            self.answer_front(Fill::Nothing, ctx);
            self.spared = Spared::Nothing;
        }
        self.input_held = true;
    }

    /// Whether the server, which takes nothing, keeps a request unanswered.
    fn stalls(&self, open: &OpenRequest) -> bool {
        self.input_held && open.has_payload
    }

    /// What is spared once the oldest request, taken out of `open` already, is answered.
    pub(super) fn spares(
        &self,
        oldest: &OpenRequest,
        fill: Fill,
        has_payload: bool,
        lingered: bool,
    ) -> Spared {
        match (fill, self.spared) {
            _ if !oldest.exchange.is_live() => match self.spared {
                Spared::Nothing | Spared::Oldest => Spared::Nothing,
                Spared::Next => Spared::Next,
            },
            (Fill::Queue, _) if !has_payload => Spared::Nothing,
            (Fill::Queue, Spared::Nothing) if !lingered => Spared::Nothing,
            (Fill::Queue, Spared::Nothing | Spared::Oldest) => {
                let mut behind = self.open.iter().filter(|open| open.exchange.is_live());
                match behind.next() {
                    Some(open) if !self.stalls(open) => Spared::Oldest,
                    Some(_) | None => Spared::Next,
                }
            }
            (Fill::Nothing, Spared::Nothing) => Spared::Nothing,
            (_, Spared::Next) | (Fill::Nothing, Spared::Oldest) => Spared::Next,
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
        self.issue_in_order(ctx);
        self.is_slowed(ctx.now);
        if self.auth_until().is_some_and(|at| at <= ctx.now) {
            self.shut_down(
                Cause::AuthTimeout,
                Some(Reason::AuthTimeout),
                Condition::PolicyViolation,
                ctx,
            );
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
        self.answer_due(ctx);
        if self.inactive_at().is_some_and(|at| at <= ctx.now) {
            let silent = match self.paused {
                Some(_) => Reason::PauseExpired,
                None => Reason::Inactive,
            };
            let (cause, reason) = match &self.phase {
                Phase::Ending(farewell) => (Cause::Ours, farewell.reason),
                Phase::Leaving => (Cause::Terminated, None),
                Phase::Creating(_) | Phase::Open | Phase::Over(_) => {
                    (Cause::Inactive, Some(silent))
                }
            };
            self.end(cause, reason);
        }
    }

    /// When silence ends the session (B-R-112, B-R-114); `None` while a live exchange waits.
    fn inactive_at(&self) -> Option<Moment> {
        if self.is_over()
            || self.has_waiting_answers()
            || self.unanswered().any(|open| open.exchange.is_live())
        {
            return None;
        }
        let seconds = self.paused.map_or(self.terms.inactivity, NonZeroU16::get);
        Some(self.idle_since + Duration::from_secs(u64::from(seconds)) + BEYOND)
    }

    /// The next instant at which something is due, lingers aside.
    pub(super) fn deadline(&self) -> Option<Moment> {
        let waiting = if !self.has_waiting_answers() {
            None
        } else {
            let newest = self.unsent.iter().map(|unsent| unsent.since).max();
            newest.map(|since| since + SENT_PATIENCE)
        };
        if self.is_over() {
            return waiting;
        }
        let opening = match &self.phase {
            Phase::Creating(opening) => Some(opening.until),
            Phase::Open | Phase::Ending(_) | Phase::Leaving | Phase::Over(_) => None,
        };
        let slow = self.slow_until();
        let later = |at: Moment| slow.map_or(at, |until| until.max(at));
        let live = |open: &&OpenRequest| open.exchange.is_live();
        let deferred = self.deferred().iter().map(|deferred| &deferred.open);
        self.open
            .iter()
            .filter(|_| opening.is_none())
            .filter(live)
            .map(|open| later(open.deadline))
            .chain(deferred.filter(live).map(|open| open.deadline))
            .chain(opening.map(later))
            .chain(slow)
            .chain(waiting)
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
