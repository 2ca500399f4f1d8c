//! How many connections are let in, before anything is made for them (W-R-476).
//!
//! - All count against the total.
//! - Those from one address count against its share, but not from loopback and not behind a proxy, where one address stands for many people.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv6Addr},
    sync::{Arc, Mutex, PoisonError},
};

/// The doorkeeper of the process.
#[derive(Clone, Debug)]
pub(crate) struct Admission(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    total: usize,
    per_address: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    admitted: usize,
    addresses: BTreeMap<IpAddr, usize>,
}

/// A place; dropping it gives it back.
#[derive(Debug)]
pub(crate) struct Place {
    admission: Arc<Inner>,
    address: Option<IpAddr>,
}

/// Why there is no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The gateway is full: 503.
    Full,
    /// This address has its share: 429.
    Share,
}

/// Whether an address stands for one client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Peer {
    Client(IpAddr),
    Proxy,
}

impl Peer {
    /// The address that has a share of its own, if this one has.
    pub(crate) fn share(self) -> Option<IpAddr> {
        match self {
            Self::Client(ip) if !ip.to_canonical().is_loopback() => Some(quota_address(ip)),
            Self::Client(_) | Self::Proxy => None,
        }
    }
}

impl Admission {
    pub(crate) fn new(total: usize, per_address: usize) -> Self {
        Self(Arc::new(Inner {
            total,
            per_address,
            state: Mutex::default(),
        }))
    }

    pub(crate) fn admit(&self, peer: Peer) -> Result<Place, Refusal> {
        let address = peer.share();
        let mut state = self.0.lock();
        if state.admitted >= self.0.total {
            return Err(Refusal::Full);
        }
        state.take_share(address, self.0.per_address)?;
        state.admitted += 1;
        drop(state);
        Ok(Place {
            admission: Arc::clone(&self.0),
            address,
        })
    }
}

impl Place {
    /// Counts it against the address that turned out to be behind it, as well.
    pub(crate) fn assign(&mut self, peer: Peer) -> Result<(), Refusal> {
        let address = peer.share();
        if self.address.is_some() || address.is_none() {
            return Ok(());
        }
        self.admission
            .lock()
            .take_share(address, self.admission.per_address)?;
        self.address = address;
        Ok(())
    }
}

impl State {
    fn take_share(&mut self, address: Option<IpAddr>, most: usize) -> Result<(), Refusal> {
        if let Some(address) = address {
            let count = self.addresses.entry(address).or_default();
            if *count >= most {
                return Err(Refusal::Share);
            }
            *count += 1;
        }
        Ok(())
    }
}

impl Inner {
    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut state = self.admission.lock();
        state.admitted = state.admitted.saturating_sub(1);
        if let Some(address) = self.address
            && let Some(count) = state.addresses.get_mut(&address)
        {
            *count = count.saturating_sub(1);
            if *count == 0 {
                state.addresses.remove(&address);
            }
        }
    }
}

/// One IPv6 customer has a /64 at least, so the share is that network's.
pub(crate) fn quota_address(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V4(ip) => IpAddr::V4(ip),
        IpAddr::V6(ip) => {
            let [a, b, c, d, ..] = ip.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(text: &str) -> Peer {
        Peer::Client(text.parse().expect("an address"))
    }

    #[test]
    fn the_total_bounds_everybody_and_places_come_back() {
        let admission = Admission::new(2, 10);
        let first = admission.admit(client("127.0.0.1")).expect("room");
        let _second = admission.admit(Peer::Proxy).expect("room");
        assert_eq!(
            admission.admit(client("192.0.2.1")).err(),
            Some(Refusal::Full)
        );
        drop(first);
        assert!(admission.admit(client("192.0.2.1")).is_ok());
    }

    #[test]
    fn an_address_has_its_share() {
        let admission = Admission::new(10, 1);
        let place = admission.admit(client("192.0.2.1")).expect("room");
        assert_eq!(
            admission.admit(client("192.0.2.1")).err(),
            Some(Refusal::Share)
        );
        assert_eq!(
            admission.admit(client("::ffff:192.0.2.1")).err(),
            Some(Refusal::Share)
        );
        assert!(admission.admit(client("192.0.2.2")).is_ok());
        drop(place);
        assert!(admission.admit(client("192.0.2.1")).is_ok());
    }

    /// W-R-031: a connection whose client is known only from a PROXY header counts against that client's share.
    #[test]
    fn a_place_is_assigned_to_an_address_later() {
        let admission = Admission::new(10, 1);
        let mut place = admission.admit(Peer::Proxy).expect("room");
        assert_eq!(place.assign(client("192.0.2.1")), Ok(()));
        let mut other = admission.admit(Peer::Proxy).expect("room");
        assert_eq!(other.assign(client("192.0.2.1")), Err(Refusal::Share));
        assert_eq!(other.assign(client("192.0.2.2")), Ok(()));
        drop(place);
        assert!(admission.admit(client("192.0.2.1")).is_ok());
    }

    #[test]
    fn a_network_of_64_bits_counts_as_one() {
        let admission = Admission::new(10, 1);
        let _place = admission.admit(client("2001:db8::1")).expect("room");
        assert_eq!(
            admission.admit(client("2001:db8::2")).err(),
            Some(Refusal::Share)
        );
        assert!(admission.admit(client("2001:db8:0:1::1")).is_ok());
    }

    #[test]
    fn loopback_and_proxies_have_no_share() {
        let admission = Admission::new(10, 1);
        let _places: Vec<_> = [
            client("127.0.0.1"),
            client("127.0.0.1"),
            Peer::Proxy,
            Peer::Proxy,
        ]
        .into_iter()
        .map(|peer| admission.admit(peer).expect("room"))
        .collect();
    }
}
