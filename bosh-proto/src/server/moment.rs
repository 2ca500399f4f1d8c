//! The manager's own time, in half the room of an `Instant`, whose `None` costs nothing.

use std::{num::NonZeroU64, ops::Add, time::Duration};

use crate::Instant;

/// Nanoseconds since the first instant that the manager saw, plus one. Saturates after 584 years.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Moment(NonZeroU64);

impl std::fmt::Debug for Moment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        Duration::from_nanos(self.0.get() - 1).fmt(f)
    }
}

impl Moment {
    const FIRST: Self = Self(NonZeroU64::MIN);

    /// Time from `earlier` to this; zero where it is not earlier.
    pub(super) fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.get().saturating_sub(earlier.0.get()))
    }
}

impl Add<Duration> for Moment {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        Self(self.0.saturating_add(nanos))
    }
}

/// From instants to moments and back. Time never goes backwards.
#[derive(Debug)]
pub(super) struct Clock {
    first: Option<Instant>,
    latest: Moment,
}

impl Default for Clock {
    fn default() -> Self {
        Self {
            first: None,
            latest: Moment::FIRST,
        }
    }
}

impl Clock {
    /// The moment of an instant, or of the latest one seen if that was later.
    pub(super) fn read(&mut self, now: Instant) -> Moment {
        let first = *self.first.get_or_insert(now);
        let moment = Moment::FIRST + now.saturating_duration_since(first);
        self.latest = self.latest.max(moment);
        self.latest
    }

    /// The instant of a moment.
    pub(super) fn instant(&self, moment: Moment) -> Option<Instant> {
        let age = moment.since(Moment::FIRST);
        self.first.and_then(|first| first.checked_add(age))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "any instant does")]
    fn moments_are_exact_and_never_go_back() {
        let mut clock = Clock::default();
        let first = Instant::now();
        let start = clock.read(first);
        let later = clock.read(first + Duration::from_nanos(1_500_000_001));
        assert_eq!(later.since(start), Duration::from_nanos(1_500_000_001));
        assert_eq!(clock.read(first), later);
        assert_eq!(
            clock.instant(later),
            Some(first + Duration::from_nanos(1_500_000_001))
        );
        assert_eq!(start.since(later), Duration::ZERO);
        let end = start + Duration::MAX;
        assert_eq!(end + Duration::MAX, end);
        assert_eq!(size_of::<Option<Moment>>(), 8);
    }
}
