use std::{fmt, num::NonZeroU64, ops::Add, time::Duration};

use crate::Instant;

/// Nanoseconds since the first instant that a [`Clock`] saw. Half the room of an `Instant`; `None`
/// costs nothing; saturates after 584 years.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(NonZeroU64);

impl fmt::Debug for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Duration::from_nanos(self.0.get() - 1).fmt(f)
    }
}

impl Moment {
    /// The first instant of a clock.
    pub const FIRST: Self = Self(NonZeroU64::MIN);

    /// Time from `earlier` to this; zero where it is not earlier.
    pub fn since(self, earlier: Self) -> Duration {
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

/// A machine's time: it never goes backwards.
///
/// ```
/// use std::time::{Duration, Instant};
/// use xmpp_machine::Clock;
///
/// let (mut clock, first) = (Clock::default(), Instant::now());
/// let later = clock.read(first + Duration::from_secs(1));
/// assert_eq!(clock.read(first), later);
/// assert_eq!(clock.advance(first), first + Duration::from_secs(1));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    first: Option<Instant>,
    /// The moment of `first`.
    start: Moment,
    latest: Moment,
}

impl Default for Clock {
    fn default() -> Self {
        Self {
            first: None,
            start: Moment::FIRST,
            latest: Moment::FIRST,
        }
    }
}

impl Clock {
    /// A clock that has seen `now`.
    pub fn new(now: Instant) -> Self {
        Self::resumed(Moment::FIRST, now)
    }

    /// A clock that goes on at that moment, for what was kept while no clock ran.
    pub fn resumed(moment: Moment, now: Instant) -> Self {
        Self {
            first: Some(now),
            start: moment,
            latest: moment,
        }
    }

    /// The moment of an instant, or of the latest one seen if that was later.
    pub fn read(&mut self, now: Instant) -> Moment {
        let first = *self.first.get_or_insert(now);
        let moment = self.start + now.saturating_duration_since(first);
        self.latest = self.latest.max(moment);
        self.latest
    }

    /// The latest moment seen.
    pub fn latest(&self) -> Moment {
        self.latest
    }

    /// The instant itself, or the latest one seen if that was later.
    pub fn advance(&mut self, now: Instant) -> Instant {
        let moment = self.read(now);
        self.instant(moment).unwrap_or(now)
    }

    /// The instant of a moment, or of the start where that is later; `None` where there is no such
    /// instant.
    pub fn instant(&self, moment: Moment) -> Option<Instant> {
        let age = moment.since(self.start);
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
        let mut resumed = Clock::resumed(later + Duration::from_secs(60), first);
        let at = resumed.read(first + Duration::from_secs(1));
        assert_eq!(at.since(later), Duration::from_secs(61));
        assert_eq!(resumed.instant(at), Some(first + Duration::from_secs(1)));
        assert_eq!(resumed.instant(start), Some(first));
    }
}
