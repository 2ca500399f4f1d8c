//! A bound on all together and one on each address.

use std::{collections::BTreeMap, net::IpAddr};

use xmpp_machine::AddressShare;

/// How much of something is taken, by all and by each address.
#[derive(Debug)]
pub(crate) struct Shares {
    total: usize,
    per_address: usize,
    taken: usize,
    addresses: BTreeMap<AddressShare, usize>,
}

/// Which bound refused: that of all, or that of one address.
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
    /// The share that it counts against, if limits count it.
    pub(crate) fn share(self) -> Option<AddressShare> {
        match self {
            Self::Client(address) => AddressShare::counted(address),
            Self::Proxy => None,
        }
    }
}

impl Shares {
    pub(crate) fn new(total: usize, per_address: usize) -> Self {
        Self {
            total,
            per_address,
            taken: 0,
            addresses: BTreeMap::new(),
        }
    }

    /// How much all addresses have taken together.
    pub(crate) fn taken(&self) -> usize {
        self.taken
    }

    /// Takes `count`, or nothing.
    pub(crate) fn take(
        &mut self,
        address: Option<AddressShare>,
        count: usize,
    ) -> Result<(), Refusal> {
        let taken = self.taken.saturating_add(count);
        if taken > self.total {
            let has_room = self.share(address, count).is_ok();
            return Err(if has_room {
                Refusal::Full
            } else {
                Refusal::Share
            });
        }
        self.assign(address, count)?;
        self.taken = taken;
        Ok(())
    }

    /// Counts what is taken already against an address.
    pub(crate) fn assign(
        &mut self,
        address: Option<AddressShare>,
        count: usize,
    ) -> Result<(), Refusal> {
        let has = self.share(address, count)?;
        if let Some(address) = address {
            self.addresses.insert(address, has);
        }
        Ok(())
    }

    /// What an address would have with that more.
    fn share(&self, address: Option<AddressShare>, count: usize) -> Result<usize, Refusal> {
        let has = address.and_then(|address| self.addresses.get(&address));
        let has = has.copied().unwrap_or_default().saturating_add(count);
        if address.is_some() && has > self.per_address {
            return Err(Refusal::Share);
        }
        Ok(has)
    }

    /// Gives back `count` of what `address` has taken.
    pub(crate) fn give(&mut self, address: Option<AddressShare>, count: usize) {
        self.taken = self.taken.saturating_sub(count);
        if let Some(address) = address
            && let Some(has) = self.addresses.get_mut(&address)
        {
            *has = has.saturating_sub(count);
            if *has == 0 {
                self.addresses.remove(&address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(text: &str) -> Option<AddressShare> {
        Peer::Client(text.parse().expect("an address")).share()
    }

    #[test]
    fn the_total_bounds_everybody_and_what_is_given_back_is_there() {
        let mut shares = Shares::new(3, 10);
        assert_eq!(shares.take(client("127.0.0.1"), 2), Ok(()));
        assert_eq!(shares.take(Peer::Proxy.share(), 1), Ok(()));
        assert_eq!(shares.take(client("192.0.2.1"), 1), Err(Refusal::Full));
        shares.give(client("127.0.0.1"), 2);
        assert_eq!(shares.take(client("192.0.2.1"), 2), Ok(()));
        assert_eq!(shares.taken(), 3);
    }

    #[test]
    fn an_address_has_its_share() {
        let mut shares = Shares::new(10, 2);
        assert_eq!(shares.take(client("192.0.2.1"), 1), Ok(()));
        assert_eq!(shares.take(client("192.0.2.1"), 2), Err(Refusal::Share));
        assert_eq!(shares.take(client("::ffff:192.0.2.1"), 1), Ok(()));
        assert_eq!(shares.take(client("192.0.2.1"), 1), Err(Refusal::Share));
        assert_eq!(shares.take(client("192.0.2.2"), 1), Ok(()));
        shares.give(client("192.0.2.1"), 2);
        assert_eq!(shares.addresses.len(), 1, "the others are forgotten");
        assert_eq!(shares.take(client("192.0.2.1"), 2), Ok(()));
    }

    /// W-R-031: a connection whose client is known only from a PROXY header counts against that client's share.
    #[test]
    fn what_is_taken_is_assigned_to_an_address_later() {
        let mut shares = Shares::new(10, 1);
        assert_eq!(shares.take(None, 1), Ok(()));
        assert_eq!(shares.assign(client("192.0.2.1"), 1), Ok(()));
        assert_eq!(shares.take(None, 1), Ok(()));
        assert_eq!(shares.assign(client("192.0.2.1"), 1), Err(Refusal::Share));
        assert_eq!(shares.assign(client("192.0.2.2"), 1), Ok(()));
        assert_eq!(shares.assign(None, 1), Ok(()));
        shares.give(client("192.0.2.1"), 1);
        assert_eq!(shares.taken(), 1);
        assert_eq!(shares.take(client("192.0.2.1"), 1), Ok(()));
    }

    #[test]
    fn a_network_of_64_bits_counts_as_one() {
        let mut shares = Shares::new(10, 1);
        assert_eq!(shares.take(client("2001:db8::1"), 1), Ok(()));
        assert_eq!(shares.take(client("2001:db8::2"), 1), Err(Refusal::Share));
        assert_eq!(shares.take(client("2001:db8:0:1::1"), 1), Ok(()));
    }

    #[test]
    fn loopback_and_proxies_have_no_share() {
        assert_eq!(client("127.0.0.1"), None);
        assert_eq!(client("::ffff:127.0.0.1"), None);
        assert_eq!(client("::1"), None);
        assert_eq!(Peer::Proxy.share(), None);
    }
}
