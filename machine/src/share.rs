use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    num::NonZeroU64,
};

/// Who counts as one client where clients share a limit: an IPv4 address, or an IPv6 /64, which one
/// customer has at least. IPv4 addresses that are mapped into IPv6 are the addresses that they
/// mean.
///
/// ```
/// use xmpp_machine::AddressShare;
///
/// let share = |text: &str| AddressShare::of(text.parse().unwrap());
/// assert_eq!(share("2001:db8::1"), share("2001:db8::2"));
/// assert_eq!(share("::ffff:192.0.2.1"), share("192.0.2.1"));
/// assert_eq!(share("2001:db8::1").to_string(), "2001:db8::/64");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AddressShare(NonZeroU64);

impl AddressShare {
    /// IPv4 addresses are told from IPv6 networks by this, which stands for a network that is not
    /// assigned (`0:1::/32`).
    const IPV4: u64 = 1 << 32;

    /// The share of an address.
    pub fn of(address: IpAddr) -> Self {
        let bits = match address.to_canonical() {
            IpAddr::V4(address) => Self::IPV4 | u64::from(address.to_bits()),
            IpAddr::V6(address) => (address.to_bits() >> 64) as u64,
        };
        // `::/64`, where `::1` is, stands where no network can be (`ffff::/16` is multicast).
        Self(NonZeroU64::new(bits).unwrap_or(NonZeroU64::MAX))
    }

    /// The share of an address that limits count: a loopback address stands for many clients, and
    /// has none.
    pub fn counted(address: IpAddr) -> Option<Self> {
        (!address.to_canonical().is_loopback()).then(|| Self::of(address))
    }

    /// The address, or the first of the network.
    pub fn address(self) -> IpAddr {
        let bits = self.0.get();
        match u32::try_from(bits ^ Self::IPV4) {
            Ok(address) => Ipv4Addr::from_bits(address).into(),
            Err(_) if bits == u64::MAX => Ipv6Addr::UNSPECIFIED.into(),
            Err(_) => Ipv6Addr::from_bits(u128::from(bits) << 64).into(),
        }
    }
}

impl fmt::Display for AddressShare {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.address() {
            IpAddr::V4(address) => address.fmt(f),
            IpAddr::V6(network) => write!(f, "{network}/64"),
        }
    }
}

impl fmt::Debug for AddressShare {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn share(text: &str) -> AddressShare {
        AddressShare::of(text.parse().expect("an address"))
    }

    #[test]
    fn an_address_and_its_network_are_written() {
        for (address, written) in [
            ("192.0.2.1", "192.0.2.1"),
            ("0.0.0.0", "0.0.0.0"),
            ("::ffff:192.0.2.1", "192.0.2.1"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
            ("::1", "::/64"),
            ("fe80::1", "fe80::/64"),
        ] {
            assert_eq!(share(address).to_string(), written);
        }
    }

    #[test]
    fn loopback_addresses_are_not_counted() {
        for address in ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"] {
            let address = address.parse().expect("an address");
            assert_eq!(AddressShare::counted(address), None);
        }
        assert_eq!(size_of::<Option<AddressShare>>(), 8);
    }
}
