//! The client behind trusted proxies. The configuration names the one field that tells its address and the one that tells its scheme;
//! every other field is ignored, because proxies pass on what a client wrote into fields that they do not write themselves.
//!
//! ```
//! use std::net::IpAddr;
//! use xmpp_http1::{RequestHead, Version, forwarded::{self, Fields, Scheme, SchemeField}};
//!
//! let proxy: IpAddr = "10.0.0.1".parse().unwrap();
//! let head = RequestHead::new("POST", "/", Version::Http11)
//!     .with_field("X-Forwarded-For", "192.0.2.1")
//!     .with_field("X-Forwarded-Proto", "https")
//!     .with_field("Forwarded", "for=203.0.113.5");
//! let mut fields = Fields::default();
//! fields.scheme = Some(SchemeField::XForwardedProto);
//! let client = forwarded::client(&head, proxy, fields, |address| address == proxy);
//! assert_eq!(client.address, "192.0.2.1".parse().ok());
//! assert_eq!(client.scheme, Some(Scheme::Https));
//! let direct = forwarded::client(&head, "192.0.2.9".parse().unwrap(), fields, |address| address == proxy);
//! assert_eq!(direct.address, "192.0.2.9".parse().ok());
//! assert_eq!(direct.scheme, None);
//! ```

use std::net::IpAddr;

use xmpp_machine::Host;

use crate::RequestHead;

/// The fields that trusted proxies write into every request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Fields {
    /// Tells the client's address. `None`: no field does. Default: `X-Forwarded-For`.
    pub address: Option<AddressField>,
    /// Tells whether the client came by TLS. Default `None`: no field does.
    pub scheme: Option<SchemeField>,
}

impl Default for Fields {
    fn default() -> Self {
        Self {
            address: Some(AddressField::XForwardedFor),
            scheme: None,
        }
    }
}

/// A field that tells a client's address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressField {
    /// `X-Forwarded-For`: each proxy appends the address of its peer.
    XForwardedFor,
    /// `Forwarded` (RFC 7239): each proxy appends an element, whose `for` is its peer.
    Forwarded,
    /// `X-Real-IP`: one address.
    XRealIp,
    /// `CF-Connecting-IP`: one address.
    CfConnectingIp,
}

/// A field that tells whether a client came by TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SchemeField {
    /// `X-Forwarded-Proto`: `https` or `http`.
    XForwardedProto,
    /// The `proto` of the element of `Forwarded` (RFC 7239) that describes the client.
    Forwarded,
}

/// Where a request comes from, as far as that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Client {
    /// Its address; `None` where a trusted proxy does not tell.
    pub address: Option<IpAddr>,
    /// How it reached the proxy. `None` where no proxy is involved or no field is configured; `Http` where the field says nothing else.
    pub scheme: Option<Scheme>,
}

/// What protects the way from a client to its proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// The proxy's client uses TLS.
    Https,
    /// The proxy's client uses plain text.
    Http,
}

impl Scheme {
    /// What is not known to be TLS is not.
    fn parse(text: &str) -> Self {
        match text.trim().to_ascii_lowercase().as_str() {
            "https" | "wss" => Self::Https,
            _ => Self::Http,
        }
    }
}

/// Finds the client of a request that came from `peer`. Fields are read only if `is_proxy` knows the peer.
///
/// Field lines of one name are one list, in order. A list is read from its end, which the nearest proxy wrote, over the addresses of
/// trusted proxies to the first that is not one: the client's. What is further left is the client's own word. If an item on the way is
/// no address, or all are proxies, the address is unknown. Of `X-Real-IP`, `CF-Connecting-IP` and `X-Forwarded-Proto` the last item counts.
pub fn client(
    head: &RequestHead,
    peer: IpAddr,
    fields: Fields,
    is_proxy: impl Fn(IpAddr) -> bool,
) -> Client {
    if !is_proxy(peer.to_canonical()) {
        return Client {
            address: Some(peer),
            scheme: None,
        };
    }
    let last = |name| items(head, name).pop().unwrap_or_default();
    let address = match fields.address {
        Some(AddressField::XForwardedFor) => {
            let items = items(head, "x-forwarded-for");
            let mut addresses = items.iter().rev().map(|item| address(item));
            addresses
                .find(|address| !address.is_some_and(&is_proxy))
                .flatten()
        }
        Some(AddressField::Forwarded) => client_hop(head, &is_proxy).address,
        Some(AddressField::XRealIp) => address(&last("x-real-ip")),
        Some(AddressField::CfConnectingIp) => address(&last("cf-connecting-ip")),
        None => None,
    };
    let scheme = fields.scheme.map(|field| match field {
        SchemeField::XForwardedProto => Scheme::parse(&last("x-forwarded-proto")),
        SchemeField::Forwarded => client_hop(head, &is_proxy).scheme,
    });
    Client {
        address: address.filter(|address| !is_proxy(*address)),
        scheme,
    }
}

/// The items of a list without quoting: a quote in a client's own item must not swallow what a proxy appended.
fn items(head: &RequestHead, name: &str) -> Vec<String> {
    head.fields(name)
        .flat_map(|line| line.split(|byte| *byte == b','))
        .map(|item| String::from_utf8_lossy(item).trim().to_owned())
        .collect()
}

/// What one proxy says of the request that it got.
#[derive(Clone, Copy, Debug)]
struct Hop {
    address: Option<IpAddr>,
    scheme: Scheme,
}

impl Hop {
    const UNREADABLE: Self = Self {
        address: None,
        scheme: Scheme::Http,
    };

    /// One element of `Forwarded`. A parameter that is there twice makes it unreadable (RFC 7239 §4), as does what is no parameter.
    fn parse(element: &str) -> Option<Self> {
        let (mut from, mut scheme) = (None, None);
        for pair in split(element, ';').filter(|pair| !pair.trim().is_empty()) {
            let (name, value) = pair.split_once('=')?;
            let value = value.trim();
            let value = match value.strip_prefix('"') {
                Some(rest) => rest.strip_suffix('"')?,
                None => value,
            };
            let repeated = match name.trim().to_ascii_lowercase().as_str() {
                "for" => from.replace(address(value)).is_some(),
                "proto" => scheme.replace(Scheme::parse(value)).is_some(),
                _ => false,
            };
            if repeated {
                return None;
            }
        }
        Some(Self {
            address: from.flatten(),
            scheme: scheme.unwrap_or(Scheme::Http),
        })
    }
}

/// The element of `Forwarded` that describes the client: the last one that does not name a trusted proxy.
fn client_hop(head: &RequestHead, is_proxy: &impl Fn(IpAddr) -> bool) -> Hop {
    let lines: Vec<&[u8]> = head.fields("forwarded").collect();
    for line in lines.into_iter().rev() {
        let line = String::from_utf8_lossy(line);
        if has_open_quote(&line) {
            // The quote may have swallowed what the proxy wrote.
            return Hop::UNREADABLE;
        }
        let elements: Vec<&str> = split(&line, ',').collect();
        for element in elements.into_iter().rev() {
            let hop = Hop::parse(element).unwrap_or(Hop::UNREADABLE);
            if !hop.address.is_some_and(is_proxy) {
                return hop;
            }
        }
    }
    Hop::UNREADABLE
}

/// Cuts at a separator outside of quotes.
fn split(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let mut quotes = Quotes::default();
    text.split(move |c| !quotes.take(c) && c == separator)
}

fn has_open_quote(text: &str) -> bool {
    let mut quotes = Quotes::default();
    for c in text.chars() {
        quotes.take(c);
    }
    quotes.open
}

/// Where a reader stands in text with quoted strings (RFC 9110 §5.6.4).
#[derive(Clone, Copy, Default)]
struct Quotes {
    open: bool,
    escaped: bool,
}

impl Quotes {
    /// Whether this character belongs to a quoted string.
    fn take(&mut self, c: char) -> bool {
        let inside = self.open;
        if self.escaped {
            self.escaped = false;
        } else if self.open && c == '\\' {
            self.escaped = true;
        } else if c == '"' {
            self.open = !self.open;
        }
        inside || c == '"'
    }
}

/// An address as proxies write it: IPv6 with or without brackets, with or without a port. `unknown` and `_names` are none.
fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    if let Ok(address) = text.parse::<IpAddr>() {
        return Some(address.to_canonical());
    }
    let end = match text.find(']') {
        Some(bracket) => bracket + 1,
        None => text.find(':')?,
    };
    let (host, port) = text.split_at(end);
    // RFC 7239 §6 lets a proxy hide the port behind a name.
    let is_port = |port: &str| {
        let is_legal = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        !port.is_empty() && port.bytes().all(is_legal)
    };
    if !port.is_empty() && !port.strip_prefix(':').is_some_and(is_port) {
        return None;
    }
    match Host::parse(host) {
        Ok(Host::Address(address)) => Some(address.to_canonical()),
        Ok(Host::Name(_)) | Err(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Version;

    const CLIENT: &str = "192.0.2.1";

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    fn read(
        peer: &str,
        address: Option<AddressField>,
        scheme: Option<SchemeField>,
        lines: &[(&str, &str)],
    ) -> (Option<IpAddr>, Option<Scheme>) {
        let head = lines.iter().fold(
            RequestHead::new("POST", "/", Version::Http11),
            |head, (name, value)| head.with_field(name, value),
        );
        let known = [ip("10.0.0.1"), ip("10.0.0.2"), ip("2001:db8::1")];
        let client = client(&head, ip(peer), Fields { address, scheme }, |address| {
            known.contains(&address)
        });
        (client.address, client.scheme)
    }

    const ADDRESSES: [(AddressField, &str, &str); 4] = [
        (AddressField::XForwardedFor, "X-Forwarded-For", CLIENT),
        (AddressField::Forwarded, "Forwarded", "for=192.0.2.1"),
        (AddressField::XRealIp, "X-Real-IP", CLIENT),
        (AddressField::CfConnectingIp, "CF-Connecting-IP", CLIENT),
    ];
    const LIES: [(&str, &str); 6] = [
        ("Forwarded", "for=203.0.113.5;proto=https"),
        ("X-Forwarded-For", "203.0.113.5"),
        ("X-Real-IP", "203.0.113.5"),
        ("CF-Connecting-IP", "203.0.113.5"),
        ("X-Forwarded-Proto", "https"),
        ("True-Client-IP", "203.0.113.5"),
    ];

    /// B-R-171, W-R-031: fields from a peer that is no trusted proxy are ignored; its own address counts.
    #[test]
    fn peers_that_are_no_proxies_are_not_believed() {
        for (field, ..) in ADDRESSES {
            for scheme in [SchemeField::XForwardedProto, SchemeField::Forwarded] {
                assert_eq!(
                    read("198.51.100.7", Some(field), Some(scheme), &LIES),
                    (Some(ip("198.51.100.7")), None)
                );
            }
        }
    }

    /// B-R-171, W-R-031: a client writes every field that the proxy does not write; none of them counts, also if the proxy's is missing.
    #[test]
    fn only_the_named_field_is_read() {
        for (field, name, value) in ADDRESSES {
            let lies = LIES.iter().filter(|(lie, _)| *lie != name);
            let lies: Vec<_> = lies.copied().collect();
            assert_eq!(read("10.0.0.1", Some(field), None, &lies), (None, None));
            let said = [lies.as_slice(), &[(name, value)]].concat();
            assert_eq!(
                read("10.0.0.1", Some(field), None, &said),
                (Some(ip(CLIENT)), None),
                "{name}"
            );
        }
        assert_eq!(read("10.0.0.1", None, None, &LIES), (None, None));
        for (field, name) in [
            (SchemeField::XForwardedProto, "X-Forwarded-Proto"),
            (SchemeField::Forwarded, "Forwarded"),
        ] {
            let lies = LIES.iter().filter(|(lie, _)| *lie != name);
            let lies: Vec<_> = lies.copied().collect();
            let (_, scheme) = read("10.0.0.1", None, Some(field), &lies);
            assert_eq!(scheme, Some(Scheme::Http), "{name}");
        }
    }

    /// B-R-171: the nearest proxy wrote what stands last; trusted proxies are skipped; what is left of the client's address is its own word.
    #[test]
    fn lists_are_read_from_their_end() {
        let client = Some(ip(CLIENT));
        for (values, expected) in [
            (vec![CLIENT], client),
            (vec!["203.0.113.5, 192.0.2.1, 10.0.0.2"], client),
            (vec!["203.0.113.5", "192.0.2.1"], client),
            (
                vec!["203.0.113.5", "192.0.2.1", "10.0.0.2,10.0.0.1"],
                client,
            ),
            (vec!["\"203.0.113.5, 192.0.2.1"], client),
            (vec!["nonsense, \u{e4}, 192.0.2.1:4711"], client),
            (vec!["[2001:db8::17]:4711"], Some(ip("2001:db8::17"))),
            (vec!["192.0.2.1, [2001:DB8:0::1]"], client),
            (vec!["192.0.2.1, ::ffff:10.0.0.2"], client),
            (vec!["192.0.2.1, nonsense"], None),
            (vec!["192.0.2.1, unknown, 10.0.0.2"], None),
            (vec!["192.0.2.1,"], None),
            (vec!["10.0.0.1, 10.0.0.2"], None),
            (vec![""], None),
        ] {
            let lines: Vec<_> = values
                .iter()
                .map(|value| ("X-Forwarded-For", *value))
                .collect();
            let field = Some(AddressField::XForwardedFor);
            let (found, _) = read("10.0.0.1", field, None, &lines);
            assert_eq!(found, expected, "{values:?}");
            let (found, _) = read("::ffff:10.0.0.1", field, None, &lines);
            assert_eq!(found, expected, "{values:?}");
        }
    }

    /// Fields of one value: the last is the nearest proxy's; a proxy's address is no client's.
    #[test]
    fn single_values_are_read_from_their_end() {
        for (field, name) in [
            (AddressField::XRealIp, "X-Real-IP"),
            (AddressField::CfConnectingIp, "CF-Connecting-IP"),
        ] {
            for (values, expected) in [
                (vec!["2001:db8::17"], Some("2001:db8::17")),
                (vec!["203.0.113.5", CLIENT], Some(CLIENT)),
                (vec!["203.0.113.5, 192.0.2.1"], Some(CLIENT)),
                (vec!["203.0.113.5, 10.0.0.2"], None),
                (vec!["203.0.113.5", "nonsense"], None),
                (vec!["203.0.113.5 192.0.2.1"], None),
            ] {
                let lines: Vec<_> = values.iter().map(|value| (name, *value)).collect();
                let (found, _) = read("10.0.0.1", Some(field), None, &lines);
                assert_eq!(found, expected.map(ip), "{values:?}");
            }
        }
    }

    /// RFC 7239: an element for each proxy; quotes, case and space as it allows; nothing that a client opens swallows what proxies append.
    #[test]
    fn forwarded_elements_are_read_from_their_end() {
        let (https, http) = (Scheme::Https, Scheme::Http);
        for (values, expected, scheme) in [
            (
                vec!["for=\"[2001:db8::17]:4711\";proto=https;by=10.0.0.1"],
                Some("2001:db8::17"),
                https,
            ),
            (
                vec![
                    "For=203.0.113.5, for=\"192.0.2.1:80\" ; Proto=HTTPS, for=10.0.0.2;proto=http",
                ],
                Some(CLIENT),
                https,
            ),
            (
                vec!["for=203.0.113.5;proto=https", "for=192.0.2.1"],
                Some(CLIENT),
                http,
            ),
            // The proto of the way between two proxies says nothing of the client's.
            (
                vec!["for=192.0.2.1, for=10.0.0.2;proto=https"],
                Some(CLIENT),
                http,
            ),
            (vec!["for=\"_a,b;c\";proto=https"], None, https),
            (vec!["for=203.0.113.5, for=unknown;proto=http"], None, http),
            (
                vec!["for=203.0.113.5;proto=https;x=\", for=192.0.2.1"],
                None,
                http,
            ),
            (
                vec!["for=203.0.113.5;proto=https;x=\", for=\"[2001:db8::17]\""],
                None,
                http,
            ),
            (
                vec!["for=203.0.113.5;x=\"\\", "for=192.0.2.1;proto=https"],
                Some(CLIENT),
                https,
            ),
            (
                vec!["for=192.0.2.1;for=203.0.113.5;proto=https"],
                None,
                http,
            ),
            (vec!["for=192.0.2.1;proto=https;proto=http"], None, http),
            (vec!["192.0.2.1"], None, http),
            (vec!["for=10.0.0.2;proto=https"], None, http),
            (vec![""], None, http),
        ] {
            let lines: Vec<_> = values.iter().map(|value| ("Forwarded", *value)).collect();
            let found = read(
                "10.0.0.1",
                Some(AddressField::Forwarded),
                Some(SchemeField::Forwarded),
                &lines,
            );
            assert_eq!(found, (expected.map(ip), Some(scheme)), "{values:?}");
        }
    }

    #[test]
    fn schemes_are_read_from_their_end() {
        for (values, expected) in [
            (vec!["https"], Scheme::Https),
            (vec![" WSS "], Scheme::Https),
            (vec!["http, https"], Scheme::Https),
            (vec!["https, http"], Scheme::Http),
            (vec!["https", "http"], Scheme::Http),
            (vec!["\"https, http"], Scheme::Http),
            (vec!["https;"], Scheme::Http),
            (vec!["https,"], Scheme::Http),
            (vec![], Scheme::Http),
        ] {
            let lines: Vec<_> = values
                .iter()
                .map(|value| ("X-Forwarded-Proto", *value))
                .collect();
            let field = Some(SchemeField::XForwardedProto);
            let (_, scheme) = read("10.0.0.1", None, field, &lines);
            assert_eq!(scheme, Some(expected), "{values:?}");
        }
    }

    #[test]
    fn addresses_are_read_as_proxies_write_them() {
        for (text, read) in [
            ("192.0.2.1", Some("192.0.2.1")),
            ("192.0.2.1:4711", Some("192.0.2.1")),
            ("192.0.2.1:_hidden", Some("192.0.2.1")),
            ("2001:db8::17", Some("2001:db8::17")),
            ("[2001:db8::17]", Some("2001:db8::17")),
            ("[2001:db8::17]:80", Some("2001:db8::17")),
            ("::ffff:192.0.2.1", Some("192.0.2.1")),
            ("[::ffff:192.0.2.1]:1", Some("192.0.2.1")),
            ("[2001:db8::17]x", None),
            ("[2001:db8::17]:", None),
            ("[192.0.2.1]", None),
            ("192.0.2.1:", None),
            ("192.0.2.1:8 0", None),
            ("192.0.2.01", None),
            ("192.0.2.1/32", None),
            ("fe80::1%eth0", None),
            ("localhost", None),
            ("unknown", None),
            ("_hidden", None),
            ("", None),
            ("[", None),
        ] {
            assert_eq!(address(text), read.map(ip), "{text}");
        }
    }
}
