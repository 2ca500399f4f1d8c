//! How fast clients may be (B-R-133): buckets in virtual time, for sessions and for sources of requests.
//!
//! Whoever is faster is slowed down: what came is taken, and its answer waits until the debt is paid, which stops a client that keeps to
//! its window. Only new requests count, retransmissions have bounds of their own (B-R-095).

use std::{collections::BTreeMap, net::IpAddr, num::NonZeroU64, ops::Bound, time::Duration};

use super::moment::Moment;

/// So many a second on average, and so many at once after a silence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    per_second: u32,
    burst: u32,
}

impl Rate {
    /// A rate; neither number is less than one.
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

/// Rates of one connection manager (B-R-133). By default there are none: an embedder knows its clients.
///
/// ```
/// use bosh_proto::server::{Config, Rate};
///
/// let mut config = Config::default();
/// config.rates.session_requests = Some(Rate::new(50, 200));
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Rates {
    /// New requests of a session.
    pub session_requests: Option<Rate>,
    /// Bytes of the bodies of a session's new requests.
    pub session_bytes: Option<Rate>,
    /// New sessions from one source. A source is an IPv4 address or an IPv6 /64; loopback addresses, and requests whose source is not
    /// known, are not counted, since they stand for many people.
    pub source_sessions: Option<Rate>,
    /// Requests from one source.
    pub source_requests: Option<Rate>,
    /// Bytes of bodies from one source.
    pub source_bytes: Option<Rate>,
    /// The longest that an answer waits for these rates. Who is further behind is not served: a creation request is refused with
    /// `policy-violation`, a session whose own requests are is ended with it, unless it was not told `polling` (XEP-0124 §11).
    /// Default 10 s, in which no client gives a request up.
    pub patience: Duration,
    /// Sessions from one source that are not signed in; creation beyond is refused with `policy-violation`. Default 1 024: a large office
    /// behind one address that reconnects at once.
    pub strangers_per_source: usize,
    /// Sources counted at once; those beyond share their rates. Default 65 536, some 10 MB at most.
    pub sources: usize,
}

impl Default for Rates {
    fn default() -> Self {
        Self {
            session_requests: None,
            session_bytes: None,
            source_sessions: None,
            source_requests: None,
            source_bytes: None,
            patience: Duration::from_secs(10),
            strangers_per_source: 1_024,
            sources: 65_536,
        }
    }
}

/// A bucket, as the moment at which it will be full again; `None` is full.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Bucket(Option<Moment>);

impl Bucket {
    /// Takes `count` out, into debt if need be; gives the time until the debt is paid. Debts end at `most`.
    pub(super) fn take(
        &mut self,
        count: u64,
        rate: Option<Rate>,
        most: Duration,
        now: Moment,
    ) -> Duration {
        let Some(rate) = rate else {
            return Duration::ZERO;
        };
        let burst = rate.time(u64::from(rate.burst));
        let full_at = self.0.map_or(now, |at| at.max(now)) + rate.time(count);
        let full_at = full_at.min(now + burst + most);
        self.0 = Some(full_at);
        full_at.since(now).saturating_sub(burst)
    }

    fn is_full(self, now: Moment) -> bool {
        self.0.is_none_or(|at| at <= now)
    }
}

/// A session's own buckets.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Pace {
    requests: Bucket,
    bytes: Bucket,
}

impl Pace {
    /// Counts a new request; gives how long its answer must wait, and whether that is more than patience.
    pub(super) fn charge(&mut self, bytes: usize, rates: &Rates, now: Moment) -> (Duration, bool) {
        let patience = rates.patience;
        // One step beyond patience, to see whether it is exceeded.
        let most = patience + Duration::from_nanos(1);
        let debt = self.requests.take(1, rates.session_requests, most, now);
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        let volume = self.bytes.take(bytes, rates.session_bytes, patience, now);
        (debt.min(patience).max(volume), debt > patience)
    }
}

/// What is known of one source.
#[derive(Debug, Default)]
struct Source {
    sessions: Bucket,
    requests: Bucket,
    bytes: Bucket,
    /// Its sessions that are not signed in.
    strangers: usize,
}

impl Source {
    fn is_idle(&self, now: Moment) -> bool {
        self.strangers == 0
            && [self.sessions, self.requests, self.bytes]
                .iter()
                .all(|bucket| bucket.is_full(now))
    }
}

/// All sources that were heard of lately.
#[derive(Debug, Default)]
pub(super) struct Sources {
    known: BTreeMap<SourceKey, Source>,
    /// Stands for those that there was no room for.
    crowd: Source,
    /// Where the sweep of idle ones goes on.
    swept: Option<SourceKey>,
}

/// How a source's new session is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Admission {
    Refused,
    /// Its answer waits so long; the address is to be told to `settle` once the session is signed in or over.
    After(Duration, Option<SourceKey>),
}

impl Sources {
    /// Sources looked at for each request, so that idle ones go as fast as new ones come.
    const SWEEP: usize = 2;

    /// Counts a request; gives how long its answer must wait.
    pub(super) fn charge(
        &mut self,
        source: Option<IpAddr>,
        bytes: usize,
        rates: &Rates,
        now: Moment,
    ) -> Duration {
        if rates.source_requests.is_none() && rates.source_bytes.is_none() {
            return Duration::ZERO;
        }
        let Some(source) = source.and_then(SourceKey::new) else {
            return Duration::ZERO;
        };
        let (source, _) = self.find(source, rates, now);
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        let patience = rates.patience;
        let requests = source
            .requests
            .take(1, rates.source_requests, patience, now);
        let volume = source.bytes.take(bytes, rates.source_bytes, patience, now);
        requests.max(volume)
    }

    /// Counts a new session.
    pub(super) fn admit(
        &mut self,
        source: Option<IpAddr>,
        rates: &Rates,
        now: Moment,
    ) -> Admission {
        let Some(address) = source.and_then(SourceKey::new) else {
            return Admission::After(Duration::ZERO, None);
        };
        let (source, is_known) = self.find(address, rates, now);
        if source.strangers >= rates.strangers_per_source {
            return Admission::Refused;
        }
        let most = rates.patience + Duration::from_nanos(1);
        let debt = source.sessions.take(1, rates.source_sessions, most, now);
        if debt > rates.patience {
            return Admission::Refused;
        }
        if is_known {
            source.strangers += 1;
        }
        Admission::After(debt, is_known.then_some(address))
    }

    /// One of its strangers is none any more.
    pub(super) fn settle(&mut self, address: SourceKey) {
        if let Some(source) = self.known.get_mut(&address) {
            source.strangers = source.strangers.saturating_sub(1);
        }
    }

    /// The source's entry, or the crowd's.
    fn find(&mut self, address: SourceKey, rates: &Rates, now: Moment) -> (&mut Source, bool) {
        self.sweep(now);
        if self.known.len() < rates.sources || self.known.contains_key(&address) {
            return (self.known.entry(address).or_default(), true);
        }
        (&mut self.crowd, false)
    }

    fn sweep(&mut self, now: Moment) {
        for _ in 0..Self::SWEEP {
            let after = self.swept.map_or(Bound::Unbounded, Bound::Excluded);
            let next = self.known.range((after, Bound::Unbounded)).next();
            let Some((address, is_idle)) =
                next.map(|(address, source)| (*address, source.is_idle(now)))
            else {
                self.swept = None;
                return;
            };
            self.swept = Some(address);
            if is_idle {
                self.known.remove(&address);
            }
        }
    }
}

/// What is counted as one source: an IPv4 address, or an IPv6 /64, which one customer has at least.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct SourceKey(NonZeroU64);

impl SourceKey {
    /// IPv4 addresses are told from IPv6 networks by this, which stands for a network that is not assigned (`0:1::/32`).
    const IPV4: u64 = 1 << 32;

    /// `None` is not counted.
    fn new(address: IpAddr) -> Option<Self> {
        let address = address.to_canonical();
        if address.is_loopback() {
            return None;
        }
        let bits = match address {
            IpAddr::V4(address) => Self::IPV4 | u64::from(address.to_bits()),
            IpAddr::V6(address) => u64::try_from(address.to_bits() >> 64).unwrap_or(u64::MAX),
        };
        NonZeroU64::new(bits).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use crate::server::moment::Clock;

    fn now() -> Moment {
        #[expect(clippy::disallowed_methods, reason = "any instant does")]
        Clock::default().read(std::time::Instant::now())
    }

    fn address(last: u8) -> Option<IpAddr> {
        Some(Ipv4Addr::new(192, 0, 2, last).into())
    }

    /// B-R-133: the burst is free, then each takes its time; a silence fills the bucket again.
    #[test]
    fn a_bucket_gives_its_burst_and_then_its_rate() {
        let rate = Some(Rate::new(10, 3));
        let most = Duration::from_secs(1);
        let start = now();
        let mut bucket = Bucket::default();
        let mut take = |millis| {
            let at = start + Duration::from_millis(millis);
            bucket.take(1, rate, most, at).as_millis()
        };
        assert_eq!([take(0), take(0), take(0)], [0, 0, 0]);
        assert_eq!([take(0), take(0)], [100, 200]);
        assert_eq!(take(100), 200);
        assert_eq!(take(400), 0);
        assert_eq!(
            [take(5_000), take(5_000), take(5_000), take(5_000)],
            [0, 0, 0, 100]
        );
        for _ in 0..100 {
            take(5_000);
        }
        assert_eq!(take(5_000), 1_000);
        assert_eq!(
            Bucket::default().take(u64::MAX, None, most, start),
            Duration::ZERO
        );
        assert!(Bucket::default().take(u64::MAX, rate, most, start) <= most);
    }

    /// B-R-133: memory stays within the bound, idle sources go, and those without a place share one.
    #[test]
    fn sources_are_bounded_and_forgotten() {
        let rates = Rates {
            source_requests: Some(Rate::new(1, 1)),
            sources: 4,
            ..Rates::default()
        };
        let start = now();
        let mut sources = Sources::default();
        for last in 0..4 {
            assert_eq!(
                sources.charge(address(last), 1, &rates, start),
                Duration::ZERO
            );
        }
        assert_eq!(sources.charge(address(8), 1, &rates, start), Duration::ZERO);
        assert_eq!(
            sources.charge(address(9), 1, &rates, start),
            Duration::from_secs(1),
            "the crowd's"
        );
        assert_eq!(sources.known.len(), 4);
        let later = start + Duration::from_secs(60);
        for last in 10..13 {
            assert_eq!(
                sources.charge(address(last), 1, &rates, later),
                Duration::ZERO
            );
        }
        assert!(
            sources
                .known
                .contains_key(&SourceKey::new(address(12).expect("one")).expect("counted"))
        );
        assert!(sources.known.len() <= 4);
        assert_eq!(sources.charge(None, 1, &rates, later), Duration::ZERO);
        let loopback = Some(Ipv4Addr::LOCALHOST.into());
        for _ in 0..5 {
            assert_eq!(sources.charge(loopback, 1, &rates, later), Duration::ZERO);
        }
    }

    #[test]
    fn an_ipv6_network_is_one_source() {
        let key = |text: &str| SourceKey::new(text.parse().expect("an address"));
        assert_eq!(key("2001:db8::1"), key("2001:db8::2:3"));
        assert_ne!(key("2001:db8::1"), key("2001:db8:0:1::1"));
        assert_eq!(key("::ffff:192.0.2.1"), key("192.0.2.1"));
        assert_ne!(key("192.0.2.2"), key("192.0.2.1"));
        assert_eq!(key("::1"), None);
        assert_eq!(key("::ffff:127.0.0.1"), None);
    }
}
