//! Lists of addresses and networks, such as the trusted proxies (B-R-171).

use std::{fmt, net::IpAddr};

use super::Problem;

/// A set of addresses, as a list of networks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Networks(Vec<Network>);

/// A network, or one address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Network {
    address: IpAddr,
    /// Leading bits that count.
    length: u8,
}

impl Networks {
    /// From the list that this key holds.
    pub(crate) fn parse(key: &str, written: &[String]) -> Result<Self, Problem> {
        let network = |text: &String| {
            Network::parse(text).ok_or_else(|| {
                Problem::new(format!(
                    "{key}: \"{text}\" is neither an address nor a network; \
                     write them as \"10.0.0.1\", \"10.0.0.0/8\" or \"2001:db8::/32\""
                ))
            })
        };
        written
            .iter()
            .map(network)
            .collect::<Result<_, _>>()
            .map(Self)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(address))
    }
}

impl fmt::Display for Networks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, Network { address, length }) in self.0.iter().enumerate() {
            let separator = if at == 0 { "" } else { ", " };
            write!(f, "{separator}{address}/{length}")?;
        }
        Ok(())
    }
}

impl Network {
    fn parse(text: &str) -> Option<Self> {
        let (address, length) = match text.split_once('/') {
            Some((address, length)) => (address, Some(length)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().ok()?;
        let most = match address {
            IpAddr::V4(_) => 32,
            IpAddr::V6(_) => 128,
        };
        let length = match length {
            Some(text) if text.bytes().all(|b| b.is_ascii_digit()) => text.parse().ok()?,
            Some(_) => return None,
            None => most,
        };
        (length <= most).then_some(Self { address, length })
    }

    fn contains(self, other: IpAddr) -> bool {
        match (self.address, other) {
            (IpAddr::V4(ours), IpAddr::V4(other)) => {
                let differing = ours.to_bits() ^ other.to_bits();
                differing.leading_zeros() >= u32::from(self.length)
            }
            (IpAddr::V6(ours), IpAddr::V6(other)) => {
                let differing = ours.to_bits() ^ other.to_bits();
                differing.leading_zeros() >= u32::from(self.length)
            }
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_hold_their_addresses() {
        let written = ["10.0.0.0/8", "192.0.2.1", "2001:db8::/32", "::1"].map(str::to_owned);
        let networks = Networks::parse("key", &written).expect("networks");
        for (address, known) in [
            ("10.255.0.1", true),
            ("11.0.0.1", false),
            ("192.0.2.1", true),
            ("192.0.2.2", false),
            ("::ffff:10.1.2.3", true),
            ("2001:db8:ffff::1", true),
            ("2001:db9::1", false),
            ("::1", true),
            ("127.0.0.1", false),
        ] {
            let address: IpAddr = address.parse().expect("an address");
            assert_eq!(networks.contains(address), known, "{address}");
        }
        let any = Networks::parse("key", &["0.0.0.0/0".to_owned()]).expect("a network");
        assert!(any.contains("198.51.100.1".parse().expect("an address")));
        assert!(!any.contains("2001:db8::1".parse().expect("an address")));
    }

    #[test]
    fn what_is_no_network_is_refused() {
        for bad in [
            "",
            "proxy",
            "10.0.0.0/33",
            "10.0.0.0/",
            "10.0.0.0/-1",
            "10.0.0/8",
            "::/129",
        ] {
            let problem =
                Networks::parse("http.trusted_proxies", &[bad.to_owned()]).expect_err("refused");
            assert!(problem.to_string().contains("trusted_proxies"), "{bad}");
        }
    }
}
