//! Where a client wants to go: the domain in `to`, compared as names are (B-R-034), and `route` (B-R-044).

use std::fmt;

use xmpp_machine::Authority;

/// Whether a domain is in a list, after normalisation of both.
pub(super) fn is_listed(domains: &[String], normalised: &str) -> bool {
    domains
        .iter()
        .any(|domain| domain == normalised || normalise(domain) == normalised)
}

/// A domain for comparison, as RFC 7622 §3.2 has it: without outer white space and trailing dot, lower case, A-labels as U-labels.
/// What is not a name by IDNA is only made lower case; no served domain is spelled like it.
pub(super) fn normalise(domain: &str) -> String {
    let domain = domain.trim();
    let domain = domain.strip_suffix('.').unwrap_or(domain);
    let lower = domain.to_ascii_lowercase();
    if lower.is_ascii() && !lower.contains("xn--") {
        return lower;
    }
    unicode(&lower).unwrap_or_else(|| lower.to_lowercase())
}

#[cfg(feature = "idna")]
fn unicode(domain: &str) -> Option<String> {
    let (mut name, result) = idna::domain_to_unicode(domain);
    result.ok()?;
    // Other full stops than the ASCII one are known only now.
    if name.ends_with('.') {
        name.pop();
    }
    Some(name)
}

#[cfg(not(feature = "idna"))]
fn unicode(_: &str) -> Option<String> {
    None
}

/// What a client's `route` names (XEP-0124 §7.1): `proto:host:port`, which is not a URI.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// The protocol, such as `xmpp`.
    pub protocol: String,
    /// A name or an address, lower case; IPv6 in brackets or without, as it came.
    pub host: String,
    /// The port of the XMPP server.
    pub port: u16,
}

impl Route {
    /// Reads it: split at the first and the last colon, since addresses have colons too. `None` is not a route.
    ///
    /// ```
    /// use bosh_proto::server::Route;
    ///
    /// let route = Route::parse("xmpp:[::1]:5222").expect("a route");
    /// assert_eq!((route.host.as_str(), route.port), ("[::1]", 5222));
    /// assert_eq!(Route::parse("xmpp:5222"), None);
    /// ```
    pub fn parse(text: &str) -> Option<Self> {
        let (protocol, rest) = text.trim().split_once(':')?;
        let is_bad = |c: char| c.is_whitespace() || c.is_control();
        if protocol.is_empty() || protocol.contains(is_bad) {
            return None;
        }
        let port = Authority::parse_route(rest).ok()?.port?;
        let (host, _) = rest.rsplit_once(':')?;
        Some(Self {
            protocol: protocol.to_ascii_lowercase(),
            host: normalise(host),
            port,
        })
    }
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.protocol, self.host, self.port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// B-R-034: case, trailing dot, white space, and the two spellings of one international name.
    #[cfg(feature = "idna")]
    #[test]
    fn domains_are_normalised() {
        assert_eq!(normalise(" LANTERN.example. "), "lantern.example");
        assert_eq!(normalise("lantern.example"), "lantern.example");
        assert_eq!(normalise(" \t"), "");
        for spelling in [
            "bücher.example",
            "BÜCHER.Example",
            "xn--bcher-kva.example",
            "XN--BCHER-KVA.example.",
            "bu\u{308}cher.example",
            "bücher\u{3002}example",
        ] {
            assert_eq!(normalise(spelling), "bücher.example", "{spelling}");
        }
        assert_eq!(normalise("xn--.example"), "xn--.example");
        assert_eq!(normalise("[::1]"), "[::1]");
        assert!(is_listed(
            &["XN--bcher-kva.example".to_owned()],
            "bücher.example"
        ));
    }

    #[test]
    fn routes_are_split_at_the_first_and_the_last_colon() {
        let parts = |text: &str| {
            let Route {
                protocol,
                host,
                port,
            } = Route::parse(text)?;
            Some((protocol, host, port))
        };
        let some =
            |protocol: &str, host: &str, port| Some((protocol.to_owned(), host.to_owned(), port));
        assert_eq!(parts("xmpp:[::1]:5222"), some("xmpp", "[::1]", 5222));
        assert_eq!(parts("xmpp:::1:5222"), some("xmpp", "::1", 5222));
        assert_eq!(
            parts(" XMPP:Lantern.example:5222 "),
            some("xmpp", "lantern.example", 5222)
        );
        for bad in [
            "",
            "xmpp",
            "xmpp:",
            "xmpp:host",
            "xmpp::5222",
            ":host:5222",
            "xmpp:host:",
            "xmpp:host:0",
            "xmpp:host:65536",
            "xmpp:host:+1",
            "xmpp:ho st:1",
        ] {
            assert_eq!(parts(bad), None, "{bad}");
        }
    }
}
