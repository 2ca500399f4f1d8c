//! Who is behind a proxy: `Forwarded` (RFC 7239), `X-Forwarded-For`, `X-Forwarded-Proto`. They are believed from known proxies alone;
//! anybody else can write them.
//!
//! ```
//! use std::net::IpAddr;
//! use xmpp_http1::{RequestHead, Version, forwarded};
//!
//! let proxy: IpAddr = "10.0.0.1".parse().unwrap();
//! let head = RequestHead::new("POST", "/", Version::Http11)
//!     .with_field("X-Forwarded-For", "192.0.2.1")
//!     .with_field("X-Forwarded-Proto", "https");
//! let client = forwarded::client(&head, proxy, |address| address == proxy);
//! assert_eq!(client.address, "192.0.2.1".parse().ok());
//! assert_eq!(client.scheme, Some(forwarded::Scheme::Https));
//! let stranger = forwarded::client(&head, "192.0.2.9".parse().unwrap(), |address| address == proxy);
//! assert_eq!(stranger.address, "192.0.2.9".parse().ok());
//! ```

use std::net::{IpAddr, Ipv6Addr};

use crate::RequestHead;

/// Where a request comes from, as far as that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Client {
    /// Its address; `None` where a known proxy does not tell.
    pub address: Option<IpAddr>,
    /// How it reached the outermost known proxy; `None` where no proxy is involved, or none tells.
    pub scheme: Option<Scheme>,
}

/// What protects the way from a client to its proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// TLS.
    Https,
    /// Nothing.
    Http,
}

impl Scheme {
    fn parse(text: &str) -> Option<Self> {
        match text.trim().to_ascii_lowercase().as_str() {
            "https" | "wss" => Some(Self::Https),
            "http" | "ws" => Some(Self::Http),
            _ => None,
        }
    }
}

/// What one proxy says of the request that it got.
#[derive(Clone, Copy, Debug, Default)]
struct Hop {
    address: Option<IpAddr>,
    scheme: Option<Scheme>,
}

/// Finds the client of a request that came from `peer`. Fields are read only where `is_proxy` knows it, from the nearest proxy outwards,
/// up to the first address that is not a proxy's: what is further out was written by strangers. `Forwarded` goes before the others.
pub fn client(head: &RequestHead, peer: IpAddr, is_proxy: impl Fn(IpAddr) -> bool) -> Client {
    let mut client = Client {
        address: Some(peer),
        scheme: None,
    };
    if !is_proxy(peer.to_canonical()) {
        return client;
    }
    let hops = match forwarded(head) {
        Some(hops) => hops,
        None => x_forwarded(head),
    };
    client.address = None;
    for hop in hops.iter().rev() {
        client.address = hop.address;
        client.scheme = hop.scheme.or(client.scheme);
        match hop.address {
            Some(address) if is_proxy(address) => {}
            Some(_) | None => break,
        }
    }
    client
}

/// `Forwarded`: one element for each proxy. What cannot be read is a hop that says nothing.
fn forwarded(head: &RequestHead) -> Option<Vec<Hop>> {
    let mut hops = Vec::new();
    for line in head.fields("forwarded") {
        let line = String::from_utf8_lossy(line);
        for element in split(&line, ',') {
            let mut hop = Hop::default();
            for pair in split(element, ';') {
                let Some((name, value)) = pair.split_once('=') else {
                    continue;
                };
                let value = value.trim();
                let value = value
                    .strip_prefix('"')
                    .and_then(|value| value.strip_suffix('"'))
                    .unwrap_or(value);
                match name.trim().to_ascii_lowercase().as_str() {
                    "for" => hop.address = address(value),
                    "proto" => hop.scheme = Scheme::parse(value),
                    _ => {}
                }
            }
            hops.push(hop);
        }
    }
    (!hops.is_empty()).then_some(hops)
}

/// The older fields, which are lists too. A single scheme is the nearest proxy's word for the whole way.
fn x_forwarded(head: &RequestHead) -> Vec<Hop> {
    let list = |name| -> Vec<String> {
        head.list(name)
            .map(|item| String::from_utf8_lossy(item).into_owned())
            .collect()
    };
    let addresses = list("x-forwarded-for");
    let schemes: Vec<_> = list("x-forwarded-proto")
        .iter()
        .map(|scheme| Scheme::parse(scheme))
        .collect();
    if addresses.is_empty() {
        let scheme = schemes.last().copied().flatten();
        return vec![Hop {
            address: None,
            scheme,
        }];
    }
    let count = addresses.len();
    let scheme = |at: usize| match schemes.as_slice() {
        [] => None,
        [one] => *one,
        several => {
            // From the right, as the addresses are read.
            let from_right = count - 1 - at;
            let place = several.len().checked_sub(from_right + 1)?;
            several.get(place).copied().flatten()
        }
    };
    addresses
        .iter()
        .enumerate()
        .map(|(at, text)| Hop {
            address: address(text),
            scheme: scheme(at),
        })
        .collect()
}

/// Cuts at a separator outside of quotes.
fn split(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    let mut escaped = false;
    text.split(move |c| {
        if escaped {
            escaped = false;
        } else if quoted && c == '\\' {
            escaped = true;
        } else if c == '"' {
            quoted = !quoted;
        } else {
            return c == separator && !quoted;
        }
        false
    })
}

/// An address as proxies write it: IPv6 with or without brackets, with or without a port. `unknown` and `_names` are none.
fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let address = match text.strip_prefix('[') {
        Some(rest) => {
            let (inside, _port) = rest.split_once(']')?;
            inside.parse::<Ipv6Addr>().ok()?.into()
        }
        None => match text.parse::<IpAddr>() {
            Ok(address) => address,
            Err(_) => text.split_once(':')?.0.parse().ok()?,
        },
    };
    Some(address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Version;

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    fn read(peer: &str, fields: &[(&str, &str)]) -> (Option<IpAddr>, Option<Scheme>) {
        let head = fields.iter().fold(
            RequestHead::new("POST", "/", Version::Http11),
            |head, (name, value)| head.with_field(name, value),
        );
        let known = [ip("10.0.0.1"), ip("10.0.0.2"), ip("2001:db8::1")];
        let client = client(&head, ip(peer), |address| known.contains(&address));
        (client.address, client.scheme)
    }

    /// B-R-171, W-R-031: a stranger's fields are not looked at: its own address stays.
    #[test]
    fn strangers_are_not_believed() {
        for field in ["X-Forwarded-For", "Forwarded"] {
            for value in ["192.0.2.1", "for=192.0.2.1;proto=https"] {
                let fields = [(field, value), ("X-Forwarded-Proto", "https")];
                assert_eq!(
                    read("198.51.100.7", &fields),
                    (Some(ip("198.51.100.7")), None)
                );
            }
        }
    }

    /// B-R-171: from a known proxy they are, as far as known proxies wrote them.
    #[test]
    fn proxies_are_believed_from_the_nearest_outwards() {
        let https = Some(Scheme::Https);
        let client = Some(ip("192.0.2.1"));
        for (fields, expected) in [
            (
                vec![
                    ("X-Forwarded-For", "192.0.2.1"),
                    ("X-Forwarded-Proto", "https"),
                ],
                (client, https),
            ),
            // What the client wrote itself stands left of its own address.
            (
                vec![("X-Forwarded-For", "203.0.113.5, 192.0.2.1, 10.0.0.2")],
                (client, None),
            ),
            (
                vec![
                    ("X-Forwarded-For", "203.0.113.5"),
                    ("X-Forwarded-For", "192.0.2.1"),
                ],
                (client, None),
            ),
            (
                vec![
                    ("X-Forwarded-For", "203.0.113.5, 192.0.2.1, 10.0.0.2"),
                    ("X-Forwarded-Proto", "http, https, http"),
                ],
                (client, https),
            ),
            (
                vec![(
                    "Forwarded",
                    "for=\"[2001:db8::17]:4711\";proto=https;by=10.0.0.1",
                )],
                (Some(ip("2001:db8::17")), https),
            ),
            (
                vec![(
                    "Forwarded",
                    "For=203.0.113.5, for=\"192.0.2.1:80\" ; Proto=HTTPS, for=10.0.0.2",
                )],
                (client, https),
            ),
            (
                vec![("Forwarded", "for=\"_a,b;c\";proto=http")],
                (None, Some(Scheme::Http)),
            ),
            (
                vec![
                    ("Forwarded", "for=192.0.2.1"),
                    ("X-Forwarded-For", "203.0.113.5"),
                ],
                (client, None),
            ),
            (vec![("Forwarded", "for=unknown")], (None, None)),
            (vec![("X-Forwarded-For", "nonsense")], (None, None)),
            (vec![("X-Forwarded-Proto", "https")], (None, https)),
            (vec![], (None, None)),
        ] {
            assert_eq!(read("10.0.0.1", &fields), expected, "{fields:?}");
        }
        assert_eq!(
            read("::ffff:10.0.0.1", &[("X-Forwarded-For", "192.0.2.1")]),
            (client, None)
        );
    }

    #[test]
    fn addresses_are_read_as_proxies_write_them() {
        for (text, read) in [
            ("192.0.2.1", Some("192.0.2.1")),
            ("192.0.2.1:4711", Some("192.0.2.1")),
            ("2001:db8::17", Some("2001:db8::17")),
            ("[2001:db8::17]", Some("2001:db8::17")),
            ("[2001:db8::17]:80", Some("2001:db8::17")),
            ("::ffff:192.0.2.1", Some("192.0.2.1")),
            ("unknown", None),
            ("_hidden", None),
            ("", None),
            ("[", None),
        ] {
            assert_eq!(address(text), read.map(ip), "{text}");
        }
    }
}
