use std::{
    fmt,
    net::{IpAddr, Ipv6Addr},
};

/// A host and, where one is written, its port: `name`, `name:port`, `192.0.2.1:port`,
/// `[2001:db8::1]:port` (RFC 3986 §3.2, without user information).
///
/// ```
/// use xmpp_machine::{Authority, Host, NotAnAuthority};
///
/// let authority = Authority::parse("[2001:db8::1]:5222")?;
/// assert_eq!((authority.host.to_string(), authority.port), ("2001:db8::1".to_owned(), Some(5222)));
/// assert_eq!(Authority::parse("xmpp.example")?.host, Host::Name("xmpp.example"));
/// assert_eq!(Authority::parse("user@xmpp.example:5222"), Err(NotAnAuthority::Host));
/// assert_eq!(Authority::parse("xmpp.example:+5222"), Err(NotAnAuthority::Port));
/// # Ok::<(), NotAnAuthority>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Authority<'a> {
    /// The host: a name, or an address.
    pub host: Host<'a>,
    /// 1 to 65 535.
    pub port: Option<u16>,
}

/// A host: a name, or an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Host<'a> {
    /// Letters and digits of any script, `-`, `_` and `.`, at most 253 characters in labels of 1 to
    /// 63; in the case that was written. One dot may end it.
    Name(&'a str),
    /// An IPv4 or IPv6 address.
    Address(IpAddr),
}

/// What is wrong with a host and port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAnAuthority {
    /// Neither a name nor an address; an IPv6 address without brackets.
    #[error("no host name and no address; an IPv6 address stands in brackets, as [::1]:5222")]
    Host,
    /// Not a number from 1 to 65 535.
    #[error("the port is not a number from 1 to 65535")]
    Port,
}

impl<'a> Authority<'a> {
    /// Reads `host`, `host:port` or `[v6]:port`. White space is an error.
    ///
    /// # Errors
    ///
    /// What is wrong. An empty port (`host:`), which RFC 3986 allows, is none here:
    /// [`Authority::parse_uri`] takes it.
    pub fn parse(text: &'a str) -> Result<Self, NotAnAuthority> {
        let (host, port) = split(text)?;
        let host = Host::parse(host)?;
        let port = port.map(read_port).transpose()?;
        Ok(Self { host, port })
    }

    /// The same for the authority of a URI or a `Host` field, where the port may be empty (RFC 3986
    /// §3.2.3).
    ///
    /// # Errors
    ///
    /// What is wrong.
    pub fn parse_uri(text: &'a str) -> Result<Self, NotAnAuthority> {
        Self::parse(text.strip_suffix(':').unwrap_or(text))
    }

    /// The same where the port is always there, so that an IPv6 address may come without brackets,
    /// as in the `route` of a BOSH client (XEP-0124 §7.1): the last colon is in front of the port.
    ///
    /// # Errors
    ///
    /// What is wrong; a port that is missing is.
    pub fn parse_route(text: &'a str) -> Result<Self, NotAnAuthority> {
        let (host, port) = text.rsplit_once(':').ok_or(NotAnAuthority::Port)?;
        match host.parse::<Ipv6Addr>() {
            Ok(address) => Ok(Self {
                host: Host::Address(address.into()),
                port: Some(read_port(port)?),
            }),
            Err(_) if host.ends_with(':') => Err(NotAnAuthority::Host),
            Err(_) => Self::parse(text).and_then(|authority| match authority.port {
                Some(_) => Ok(authority),
                None => Err(NotAnAuthority::Port),
            }),
        }
    }

    /// The same where a peer writes an IPv6 address without brackets and without a port, as some
    /// servers do in `see-other-host` and `location` (RFC 6120 §4.9.3.19 asks for brackets).
    ///
    /// # Errors
    ///
    /// What is wrong.
    pub fn parse_bare(text: &'a str) -> Result<Self, NotAnAuthority> {
        match text.parse::<Ipv6Addr>() {
            Ok(address) => Ok(Self {
                host: Host::Address(address.into()),
                port: None,
            }),
            Err(_) => Self::parse(text),
        }
    }
}

/// As it is written in a URI.
impl fmt::Display for Authority<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host {
            Host::Address(IpAddr::V6(address)) => write!(f, "[{address}]")?,
            Host::Address(_) | Host::Name(_) => self.host.fmt(f)?,
        }
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

impl<'a> Host<'a> {
    /// Reads a host as it stands in an authority: an IPv6 address in brackets.
    ///
    /// # Errors
    ///
    /// Neither a name nor an address.
    pub fn parse(text: &'a str) -> Result<Self, NotAnAuthority> {
        if let Some(inside) = text.strip_prefix('[') {
            let address = inside.strip_suffix(']').and_then(|text| text.parse().ok());
            let address: Ipv6Addr = address.ok_or(NotAnAuthority::Host)?;
            return Ok(Self::Address(address.into()));
        }
        if let Ok(address) = text.parse::<std::net::Ipv4Addr>() {
            return Ok(Self::Address(address.into()));
        }
        if is_name(text) {
            Ok(Self::Name(text))
        } else {
            Err(NotAnAuthority::Host)
        }
    }

    /// Whether it names this machine: a loopback address, or `localhost`.
    pub fn is_loopback(&self) -> bool {
        match self {
            Self::Name(name) => name
                .strip_suffix('.')
                .unwrap_or(name)
                .eq_ignore_ascii_case("localhost"),
            Self::Address(address) => address.to_canonical().is_loopback(),
        }
    }
}

/// Without brackets, as name look-ups take it.
impl fmt::Display for Host<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Address(address) => address.fmt(f),
        }
    }
}

fn split(text: &str) -> Result<(&str, Option<&str>), NotAnAuthority> {
    // User information is no host, and would hide one.
    if text.contains('@') {
        return Err(NotAnAuthority::Host);
    }
    if !text.starts_with('[') {
        return Ok(match text.split_once(':') {
            // An IPv6 address without brackets.
            Some((_, rest)) if rest.contains(':') => return Err(NotAnAuthority::Host),
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        });
    }
    let end = text.find(']').ok_or(NotAnAuthority::Host)? + 1;
    let (host, rest) = text.split_at(end);
    match rest.strip_prefix(':') {
        Some(port) => Ok((host, Some(port))),
        None if rest.is_empty() => Ok((host, None)),
        None => Err(NotAnAuthority::Host),
    }
}

fn read_port(text: &str) -> Result<u16, NotAnAuthority> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let port = text.parse().ok().filter(|port| digits && *port != 0);
    port.ok_or(NotAnAuthority::Port)
}

fn is_name(text: &str) -> bool {
    let name = text.strip_suffix('.').unwrap_or(text);
    let is_legal = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_');
    let mut labels = name.split('.');
    let is_label = |label: &str| (1..=63).contains(&label.len()) && label.chars().all(is_legal);
    // What looks like an IPv4 address and is none is no name either (WHATWG URL, "ends in a
    // number").
    let ends_in_number = name
        .rsplit('.')
        .next()
        .is_some_and(|last| !last.is_empty() && last.bytes().all(|byte| byte.is_ascii_digit()));
    name.len() <= 253 && labels.all(is_label) && !ends_in_number
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One table for all readers.
    #[test]
    fn legal_forms() {
        for (text, host, port) in [
            ("xmpp.example", "xmpp.example", None),
            ("xmpp.example.", "xmpp.example.", None),
            ("XMPP.example:5222", "XMPP.example", Some(5222)),
            ("node_1:1", "node_1", Some(1)),
            (
                "b\u{fc}cher.example:65535",
                "b\u{fc}cher.example",
                Some(65535),
            ),
            ("localhost:05222", "localhost", Some(5222)),
            ("192.0.2.1", "192.0.2.1", None),
            ("127.0.0.1:5222", "127.0.0.1", Some(5222)),
            ("[::1]", "::1", None),
            ("[2001:DB8::1]:5222", "2001:db8::1", Some(5222)),
            ("[::ffff:192.0.2.1]:80", "::ffff:192.0.2.1", Some(80)),
        ] {
            let authority = Authority::parse(text).expect(text);
            assert_eq!((&*authority.host.to_string(), authority.port), (host, port));
            assert_eq!(Authority::parse_uri(text), Ok(authority));
            assert_eq!(Authority::parse_bare(text), Ok(authority));
            let written = authority.to_string();
            assert_eq!(Authority::parse(&written), Ok(authority), "{written}");
        }
    }

    #[test]
    fn what_is_no_host_and_port() {
        for text in [
            "",
            ":5222",
            "user@host:5222",
            "user:word@host",
            "[zz]:5222",
            "[::1",
            "[::1]x:5222",
            "[::1]5222",
            "[127.0.0.1]:5222",
            "[fe80::1%eth0]:5222",
            "::1:5222",
            "2001:db8::1",
            "host/path:5222",
            "a b:5222",
            " host:5222",
            "host\u{0}:5222",
            "http://host:5222",
            ".example",
            "a..example",
            "256.1.1.1:5222",
            "127.1:5222",
            "host,other:5222",
            "%41:5222",
        ] {
            assert_eq!(
                Authority::parse(text),
                Err(NotAnAuthority::Host),
                "{text:?}"
            );
        }
        for text in [
            "host:",
            "host:0",
            "host:+5222",
            "host:-1",
            "host:65536",
            "host:52 22",
            "host:5222/",
            "127.0.0.1:+5222",
            "[::1]:",
            "[::1]:http",
        ] {
            assert_eq!(
                Authority::parse(text),
                Err(NotAnAuthority::Port),
                "{text:?}"
            );
        }
        assert!(Authority::parse(&format!("{}:1", "a".repeat(64))).is_err());
        assert!(Authority::parse(&format!("{}:1", "a.".repeat(128))).is_err());
    }

    /// The named leniences.
    #[test]
    fn what_peers_write() {
        assert_eq!(Authority::parse_uri("host:"), Authority::parse("host"));
        assert_eq!(Authority::parse_uri("[::1]:"), Authority::parse("[::1]"));
        assert_eq!(Authority::parse_bare("::1"), Authority::parse("[::1]"));
        assert_eq!(
            Authority::parse_bare("::1:5222").expect("an address").port,
            None
        );
        assert!(Authority::parse_bare("[::1").is_err());
        for text in ["host:5222", "192.0.2.1:1", "[::1]:5222"] {
            assert_eq!(Authority::parse_route(text), Authority::parse(text));
        }
        assert_eq!(
            Authority::parse_route("::1:5222"),
            Authority::parse("[::1]:5222")
        );
        for text in ["host", "host:", "[::1]", "::1:", "user@host:1", "a:b:1"] {
            assert!(Authority::parse_route(text).is_err(), "{text}");
        }
    }

    #[test]
    fn hosts_of_this_machine() {
        for text in [
            "localhost",
            "LOCALHOST.",
            "127.0.0.1",
            "127.9.9.9",
            "[::1]",
            "[::ffff:127.0.0.1]",
        ] {
            assert!(Host::parse(text).expect(text).is_loopback(), "{text}");
        }
        for text in ["localhost.example", "192.0.2.1", "0.0.0.0", "[2001:db8::1]"] {
            assert!(!Host::parse(text).expect(text).is_loopback(), "{text}");
        }
    }
}
