//! A session at rest, and how it goes on elsewhere: after a page's reload, in another process, on another node.

use std::time::Duration;

use rand_chacha::ChaCha12Rng;
use rand_core::SeedableRng as _;
use xmpp_machine::Clock;

use super::{
    Action,
    session::{Hint, Phase, Restart, Session, Way},
};
use crate::Instant;

/// A session at rest: the session itself, whose clock stands still, made by [`Session::export`] and
/// brought back to life by [`Session::import`]. Requests without an answer, parked answers, queued
/// elements and events that were not taken yet are part of it.
///
/// It holds the session's secrets (`sid`, keys): whoever has it has the session. Its [`Debug`](std::fmt::Debug) shows none of them.
///
/// # One owner
///
/// A session has one owner at a time. Two that import the same value both use the next `rid`s: the connection manager takes the first body
/// under each, answers the other with a replay or `type='error'`, and drops its elements without a word; answers go to whichever asked
/// last, so each misses half; with keys the second is an attack and ends the session (B-R-099). A store shared by several owners
/// therefore needs compare-and-swap on the [generation](Self::generation):
///
/// 1. read the value, and [`claim`](Self::claim) it: the generation grows by one;
/// 2. write the claimed value back on the condition that the stored generation is still the one that was read;
/// 3. import the claimed value only if that write won.
///
/// ```
/// use std::time::{Duration, Instant};
///
/// use bosh_proto::client::{Action, Config, Exported, Session};
///
/// # #[expect(clippy::disallowed_methods)]
/// let now = Instant::now();
/// let session = Session::new(Config::new("lantern.example"), [7; 32], now);
/// let stored = session.export(now).expect("not closed").to_bytes();
///
/// // A minute later, elsewhere.
/// let read = Exported::from_bytes(&stored).expect("our own bytes");
/// let generation = read.generation();
/// let claimed = read.claim();
/// assert_eq!(claimed.generation(), generation + 1);
/// // .. the store's compare-and-swap won ..
/// let mut session = Session::import(claimed, [8; 32], now, Duration::from_secs(60));
/// assert!(matches!(session.poll_action(), Some(Action::Request { .. })));
/// ```
pub struct Exported(pub(super) Session);

/// Without the secrets (B-R-170).
impl std::fmt::Debug for Exported {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Exported")
            .field("generation", &self.0.generation)
            .field("phase", &self.0.phase)
            .field("pending", &self.0.pending.len())
            .field("outbox", &self.0.outbox)
            .finish_non_exhaustive()
    }
}

impl Exported {
    /// How often the session was claimed before.
    pub fn generation(&self) -> u64 {
        self.0.generation
    }

    /// The same session, claimed by its next owner: the generation grows by one.
    #[must_use]
    pub fn claim(mut self) -> Self {
        self.0.generation = self.0.generation.saturating_add(1);
        self
    }
}

/// The least that is tried after an import, however much time went by: the connection manager knows better whether the session is over.
const LEAST_PATIENCE: Duration = Duration::from_secs(10);

/// The longest time at rest that makes a difference: a century.
const LONGEST_REST: Duration = Duration::from_secs(100 * 365 * 24 * 3_600);

impl Session {
    /// Puts the session to rest, at any moment and with nothing lost; `None` where it is over. Exchanges under way are dropped without an
    /// order: whoever exports ends them, and the requests are sent again after the import.
    pub fn export(mut self, now: Instant) -> Option<Exported> {
        self.now = self.clock.read(now);
        match self.phase {
            Phase::Over => return None,
            // It is created anew, with another rid (B-R-049).
            Phase::Creating { .. } => self.pending.clear(),
            Phase::Open | Phase::Pausing { .. } | Phase::Paused { .. } | Phase::Closing { .. } => {}
        }
        // Requests are sent again anyway, and there is nothing to abandon.
        self.actions
            .retain(|action| matches!(action, Action::Deliver(_)));
        Some(Exported(self))
    }

    /// Goes on with a session, `elapsed` after its export. What was on its way is sent again, the same bytes; what the connection manager
    /// answered before it answers again. `seed` must come from the operating system's generator, as for a new session.
    pub fn import(exported: Exported, seed: [u8; 32], now: Instant, elapsed: Duration) -> Self {
        let Exported(mut session) = exported;
        // Longer than any deadline of an exported session, and far from where moments end.
        let elapsed = elapsed.min(LONGEST_REST);
        let clock = Clock::resumed(session.now + elapsed, now);
        let now = clock.latest();
        if let Phase::Creating { .. } = session.phase {
            return Self {
                generation: session.generation,
                exchanges: session.exchanges,
                outbox: session.outbox,
                actions: session.actions,
                ..Self::with_clock(session.config, seed, clock)
            };
        }
        session.clock = clock;
        session.now = now;
        session.rng = ChaCha12Rng::from_seed(seed);
        session.input_held = false;
        session.held_bytes = 0;
        session.poll_from = now;
        if let Restart::Sent(until) = &mut session.restart {
            *until = (*until).max(now + LEAST_PATIENCE);
        }
        // What is sent again may be held anew, unless nobody can be there any more.
        let is_lost = session.lost_at.is_some_and(|at| at <= now);
        session.lost_at = session.lost_at.map(|at| at.max(now + LEAST_PATIENCE));
        for pending in &mut session.pending {
            if let Way::Out(..) | Way::Again(_) = pending.way {
                pending.way = Way::Again(now);
            }
            pending.stale = Vec::new();
            pending.since = now;
            pending.sent = now;
            pending.broken = (!is_lost).then_some(now);
            pending.hint = Hint::None;
        }
        session
    }
}
