use std::time::Duration;

use crate::Moment;

/// So many a second on average, and so many at once after a silence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    per_second: u32,
    burst: u32,
}

impl Rate {
    /// Makes a rate; both numbers are at least 1.
    pub fn new(per_second: u32, burst: u32) -> Self {
        Self {
            per_second: per_second.max(1),
            burst: burst.max(1),
        }
    }

    /// The time in which that many are earned.
    fn time(self, count: u64) -> Duration {
        let nanos = count.saturating_mul(1_000_000_000) / u64::from(self.per_second);
        Duration::from_nanos(nanos)
    }
}

/// A token bucket, as the moment at which it will be full again (the generic cell rate algorithm).
///
/// ```
/// use std::time::{Duration, Instant};
/// use xmpp_machine::{Bucket, Clock, Rate};
///
/// let (mut clock, mut bucket, rate) = (Clock::default(), Bucket::default(), Rate::new(1, 2));
/// let now = clock.read(Instant::now());
/// assert!(bucket.try_take(1, rate, now) && bucket.try_take(1, rate, now));
/// assert!(!bucket.try_take(1, rate, now));
/// assert!(bucket.try_take(1, rate, now + Duration::from_secs(1)));
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Bucket(Option<Moment>);

impl Bucket {
    /// Takes `count` out, into debt if need be; gives the time until the debt is paid. Debts end at
    /// `most`.
    pub fn take(&mut self, count: u64, rate: Rate, most: Duration, now: Moment) -> Duration {
        let burst = rate.time(u64::from(rate.burst));
        let full_at = self.0.map_or(now, |at| at.max(now)) + rate.time(count);
        let full_at = full_at.min(now + burst + most);
        self.0 = Some(full_at);
        full_at.since(now).saturating_sub(burst)
    }

    /// Takes `count` out where they are there; otherwise nothing.
    pub fn try_take(&mut self, count: u64, rate: Rate, now: Moment) -> bool {
        let full_at = self.0.map_or(now, |at| at.max(now)) + rate.time(count);
        let has_enough = full_at.since(now) <= rate.time(u64::from(rate.burst));
        if has_enough {
            self.0 = Some(full_at);
        }
        has_enough
    }

    /// Whether it holds its whole burst: it may be forgotten.
    pub fn is_full(self, now: Moment) -> bool {
        self.0.is_none_or(|at| at <= now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Clock, Instant};

    /// B-R-133: the burst is free, then each takes its time; a silence fills the bucket again.
    #[test]
    #[expect(clippy::disallowed_methods, reason = "any instant does")]
    fn a_bucket_gives_its_burst_and_then_its_rate() {
        let rate = Rate::new(10, 3);
        let most = Duration::from_secs(1);
        let start = Clock::default().read(Instant::now());
        let mut bucket = Bucket::default();
        let mut take = |millis| {
            let at = start + Duration::from_millis(millis);
            bucket.take(1, rate, most, at).as_millis()
        };
        assert_eq!(
            [take(0), take(0), take(0), take(0), take(0)],
            [0, 0, 0, 100, 200]
        );
        assert_eq!(take(200), 100);
        assert_eq!(
            [take(5_000), take(5_000), take(5_000), take(5_000)],
            [0, 0, 0, 100]
        );
        for _ in 0..100 {
            take(5_000);
        }
        assert_eq!(take(5_000), 1_000);
    }
}
