//! How fast clients may be (B-R-133): buckets in virtual time, for sessions and for client
//! addresses.
//!
//! A client that exceeds its rate is slowed down: its request is accepted, and the answer is delayed
//! until the rate allows it. The window then stops a client that keeps to it. Only new requests
//! count; retransmissions have limits of their own (B-R-095).

use std::{collections::BTreeMap, net::IpAddr, ops::Bound, time::Duration};

use xmpp_machine::{AddressShare, Bucket, Moment, Rate};

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
    /// New sessions from one address. IPv6 addresses of a /64 count as one; loopback addresses, and
    /// requests whose address is not known, are not counted, since they stand for many people.
    pub address_sessions: Option<Rate>,
    /// Requests from one address.
    pub address_requests: Option<Rate>,
    /// Bytes of bodies from one address.
    pub address_bytes: Option<Rate>,
    /// The longest time that an answer is delayed for these rates. A client that exceeds a rate by
    /// more is refused: its creation request gets `policy-violation`, and so does its session where
    /// it exceeds the session's own rate, unless it was not told `polling` (XEP-0124 §11). Default
    /// 10 s, in which no client gives a request up.
    pub patience: Duration,
    /// Sessions from one address that are not signed in; creation beyond is refused with
    /// `policy-violation`. Default 1 024: a large office behind one address that reconnects at
    /// once.
    pub unauthenticated_per_address: usize,
    /// Addresses counted at once; those beyond share their rates. Default 65 536, some 10 MB at
    /// most.
    pub addresses: usize,
}

impl Default for Rates {
    fn default() -> Self {
        Self {
            session_requests: None,
            session_bytes: None,
            address_sessions: None,
            address_requests: None,
            address_bytes: None,
            patience: Duration::from_secs(10),
            unauthenticated_per_address: 1_024,
            addresses: 65_536,
        }
    }
}

/// The token buckets of one session.
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
        let debt = take(&mut self.requests, 1, rates.session_requests, most, now);
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        let volume = take(&mut self.bytes, bytes, rates.session_bytes, patience, now);
        (debt.min(patience).max(volume), debt > patience)
    }
}

/// The token buckets of one address, and its sessions before authentication.
#[derive(Debug, Default)]
struct Usage {
    sessions: Bucket,
    requests: Bucket,
    bytes: Bucket,
    /// Its sessions that are not signed in.
    unauthenticated: usize,
}

impl Usage {
    fn is_idle(&self, now: Moment) -> bool {
        self.unauthenticated == 0
            && [self.sessions, self.requests, self.bytes]
                .iter()
                .all(|bucket| bucket.is_full(now))
    }
}

/// All addresses that were heard of lately.
#[derive(Debug, Default)]
pub(super) struct Addresses {
    known: BTreeMap<AddressShare, Usage>,
    /// Stands for those that there was no room for.
    others: Usage,
    /// Where the sweep of idle ones goes on.
    swept: Option<AddressShare>,
}

/// How an address's new session is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Admission {
    Refused,
    /// Its answer waits so long; the address is to be told to `settle` once the session is signed in or over.
    After(Duration, Option<AddressShare>),
}

impl Addresses {
    /// Addresses looked at for each request, so that idle ones go as fast as new ones come.
    const SWEEP: usize = 2;

    /// Counts a request; gives how long its answer must wait.
    pub(super) fn charge(
        &mut self,
        address: Option<IpAddr>,
        bytes: usize,
        rates: &Rates,
        now: Moment,
    ) -> Duration {
        if rates.address_requests.is_none() && rates.address_bytes.is_none() {
            return Duration::ZERO;
        }
        let Some(share) = address.and_then(AddressShare::counted) else {
            return Duration::ZERO;
        };
        let (usage, _) = self.find(share, rates, now);
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        let patience = rates.patience;
        let requests = take(
            &mut usage.requests,
            1,
            rates.address_requests,
            patience,
            now,
        );
        let volume = take(&mut usage.bytes, bytes, rates.address_bytes, patience, now);
        requests.max(volume)
    }

    /// Counts a new session, and says whether it may be.
    pub(super) fn admit(
        &mut self,
        address: Option<IpAddr>,
        rates: &Rates,
        now: Moment,
    ) -> Admission {
        let Some(share) = address.and_then(AddressShare::counted) else {
            return Admission::After(Duration::ZERO, None);
        };
        let (usage, is_known) = self.find(share, rates, now);
        if usage.unauthenticated >= rates.unauthenticated_per_address {
            return Admission::Refused;
        }
        let most = rates.patience + Duration::from_nanos(1);
        let debt = take(&mut usage.sessions, 1, rates.address_sessions, most, now);
        if debt > rates.patience {
            return Admission::Refused;
        }
        if is_known {
            usage.unauthenticated += 1;
        }
        Admission::After(debt, is_known.then_some(share))
    }

    /// One of its sessions has signed in, or is over.
    pub(super) fn note_authenticated(&mut self, share: AddressShare) {
        if let Some(usage) = self.known.get_mut(&share) {
            usage.unauthenticated = usage.unauthenticated.saturating_sub(1);
        }
    }

    /// The entry of an address, or the one that others share.
    fn find(&mut self, share: AddressShare, rates: &Rates, now: Moment) -> (&mut Usage, bool) {
        self.sweep(now);
        if self.known.len() < rates.addresses || self.known.contains_key(&share) {
            return (self.known.entry(share).or_default(), true);
        }
        (&mut self.others, false)
    }

    fn sweep(&mut self, now: Moment) {
        for _ in 0..Self::SWEEP {
            let after = self.swept.map_or(Bound::Unbounded, Bound::Excluded);
            let next = self.known.range((after, Bound::Unbounded)).next();
            let Some((share, is_idle)) = next.map(|(share, usage)| (*share, usage.is_idle(now)))
            else {
                self.swept = None;
                return;
            };
            self.swept = Some(share);
            if is_idle {
                self.known.remove(&share);
            }
        }
    }
}

/// Takes `count` out of a bucket; gives the time until its debt is paid. Without a rate there is
/// none.
fn take(
    bucket: &mut Bucket,
    count: u64,
    rate: Option<Rate>,
    most: Duration,
    now: Moment,
) -> Duration {
    rate.map_or(Duration::ZERO, |rate| bucket.take(count, rate, most, now))
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn now() -> Moment {
        #[expect(clippy::disallowed_methods, reason = "any instant does")]
        xmpp_machine::Clock::default().read(std::time::Instant::now())
    }

    fn address(last: u8) -> Option<IpAddr> {
        Some(Ipv4Addr::new(192, 0, 2, last).into())
    }

    /// B-R-133: memory stays within the bound, idle addresses go, and those without a place share
    /// one.
    #[test]
    fn sources_are_bounded_and_forgotten() {
        let rates = Rates {
            address_requests: Some(Rate::new(1, 1)),
            addresses: 4,
            ..Rates::default()
        };
        let start = now();
        let mut addresses = Addresses::default();
        for last in 0..4 {
            assert_eq!(
                addresses.charge(address(last), 1, &rates, start),
                Duration::ZERO
            );
        }
        assert_eq!(
            addresses.charge(address(8), 1, &rates, start),
            Duration::ZERO
        );
        assert_eq!(
            addresses.charge(address(9), 1, &rates, start),
            Duration::from_secs(1),
            "shared"
        );
        assert_eq!(addresses.known.len(), 4);
        let later = start + Duration::from_secs(60);
        for last in 10..13 {
            assert_eq!(
                addresses.charge(address(last), 1, &rates, later),
                Duration::ZERO
            );
        }
        assert!(
            addresses
                .known
                .contains_key(&AddressShare::counted(address(12).expect("one")).expect("counted"))
        );
        assert!(addresses.known.len() <= 4);
        assert_eq!(addresses.charge(None, 1, &rates, later), Duration::ZERO);
        let loopback = Some(Ipv4Addr::LOCALHOST.into());
        for _ in 0..5 {
            assert_eq!(addresses.charge(loopback, 1, &rates, later), Duration::ZERO);
        }
    }
}
