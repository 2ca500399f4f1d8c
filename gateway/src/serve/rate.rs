//! How fast sessions are made, by all together and by each address (W-R-476). An address that has been quiet for a few seconds costs nothing.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use xmpp_machine::{AddressShare, Bucket, Clock, Rate};

use super::shares::{Peer, Refusal};

/// How many seconds' worth may come at once: browsers come back together when a server was away.
const BURST: u32 = 5;
/// Addresses that are kept without a look whether they are still needed.
const KEPT: usize = 1_024;

/// Counts new sessions for the process.
#[derive(Clone, Debug)]
pub(crate) struct Creations(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    total: Rate,
    per_address: Rate,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    clock: Clock,
    all: Bucket,
    addresses: BTreeMap<AddressShare, Bucket>,
    /// Above this many addresses those that are quiet are forgotten.
    look_at: usize,
}

impl Creations {
    /// So many in a second, in the long run.
    pub(crate) fn new(total: u32, per_address: u32) -> Self {
        let rate = |each: u32| Rate::new(each, each.saturating_mul(BURST));
        Self(Arc::new(Inner {
            total: rate(total),
            per_address: rate(per_address),
            state: Mutex::new(State {
                look_at: KEPT,
                ..State::default()
            }),
        }))
    }

    /// Counts one, or says why not.
    pub(crate) fn admit(&self, peer: Peer, now: Instant) -> Result<(), Refusal> {
        let mut state = self.0.state.lock().unwrap_or_else(PoisonError::into_inner);
        let now = state.clock.read(now);
        let mut all = state.all;
        if !all.try_take(1, self.0.total, now) {
            return Err(Refusal::Full);
        }
        if let Some(address) = peer.share() {
            let bucket = state.addresses.entry(address).or_default();
            if !bucket.try_take(1, self.0.per_address, now) {
                return Err(Refusal::Share);
            }
            if state.addresses.len() > state.look_at {
                state.addresses.retain(|_, bucket| !bucket.is_full(now));
                state.look_at = KEPT.max(state.addresses.len() * 2);
            }
        }
        state.all = all;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::{net::IpAddr, time::Duration};

    use super::*;

    fn client(last: u32) -> Peer {
        Peer::Client(IpAddr::V4((0xC000_0200 + last).into()))
    }

    /// W-R-476: five seconds' worth at once, then at the rate.
    #[test]
    fn an_address_has_its_rate_and_others_theirs() {
        let creations = Creations::new(1_000, 2);
        let start = Instant::now();
        for _ in 0..10 {
            assert_eq!(creations.admit(client(1), start), Ok(()));
        }
        assert_eq!(creations.admit(client(1), start), Err(Refusal::Share));
        assert_eq!(creations.admit(client(2), start), Ok(()));
        let later = start + Duration::from_millis(500);
        assert_eq!(creations.admit(client(1), later), Ok(()));
        assert_eq!(creations.admit(client(1), later), Err(Refusal::Share));
        // One address stands for many people there.
        for peer in [Peer::Proxy, Peer::Client([127, 0, 0, 1].into())] {
            for _ in 0..20 {
                assert_eq!(creations.admit(peer, start), Ok(()));
            }
        }
    }

    /// W-R-476: everybody together.
    #[test]
    fn all_together_have_a_rate() {
        let creations = Creations::new(2, 1_000);
        let start = Instant::now();
        for number in 0..10 {
            assert_eq!(creations.admit(client(number), start), Ok(()));
        }
        assert_eq!(creations.admit(Peer::Proxy, start), Err(Refusal::Full));
        let later = start + Duration::from_millis(500);
        assert_eq!(creations.admit(Peer::Proxy, later), Ok(()));
    }

    #[test]
    fn quiet_addresses_are_forgotten() {
        let creations = Creations::new(1_000_000, 1);
        let mut now = Instant::now();
        for number in 0..20_000 {
            now += Duration::from_millis(10);
            assert_eq!(creations.admit(client(number), now), Ok(()));
        }
        let state = creations.0.state.lock().expect("no panic");
        assert!(state.addresses.len() <= KEPT + 100);
    }
}
