//! The way to the server as the relay sees it: redirects that it follows itself, nodes that keep a session, and what an operator should know.

use xmpp_machine::Authority;
use xmpp_wire::Repair;

/// What concerns the way to the server and not the client's session. The driver carries it out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServerAction {
    /// Drop the connection with everything that was not written or not read, connect there, and tell the relay how TLS is done there by
    /// `Relay::handle_redialed` (W-R-418, RFC 6120 §4.9.3.19). The certificate must be for the same domain as before. A place that may not be
    /// connected to is unreachable (`Relay::handle_unreachable`).
    Redial(Target),
    /// The server keeps the session of this XEP-0198 id at that node (W-R-419).
    Remember {
        /// The id of `<enabled/>`.
        id: String,
        /// The node that keeps the session (`location`, XEP-0198).
        node: Target,
    },
    /// A client wants to resume the session of this id before anything of it was forwarded: answer with `Relay::handle_located`.
    Locate {
        /// The `previd` of `<resume/>`.
        id: String,
    },
    /// The server has accepted the client's credentials. `account`: the user name that the client gave, where its mechanism shows one.
    LoginSucceeded {
        /// As the client wrote it.
        account: Option<String>,
    },
    /// The server has refused the client's credentials as wrong (`not-authorized`). Its answer comes behind this: `Relay::pause` holds it back.
    LoginFailed {
        /// As the client wrote it.
        account: Option<String>,
    },
    /// Something in the server's features that an operator should know (W-R-424).
    Warn(Warning),
    /// An element of the server's had to be mended so that it could pass, which an operator should know (W-R-445).
    Repaired {
        /// How the element was repaired.
        repair: Repair,
        /// Its `from`, unchecked.
        from: Option<String>,
    },
}

/// A place that a server named.
///
/// ```
/// use xmpp_stream::relay::Target;
///
/// let target = Target::parse("[2001:db8::1]:5269").expect("a place");
/// assert_eq!((target.host.as_str(), target.port), ("2001:db8::1", 5269));
/// assert_eq!(Target::parse("b.example").map(|target| target.port), Some(5222));
/// assert_eq!(Target::parse("b.example/x"), None);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// A name or an address, without brackets.
    pub host: String,
    /// 5222 where none was named.
    pub port: u16,
}

impl Target {
    /// Reads `host`, `host:port`, `[address]` or `[address]:port` (RFC 6120 §4.9.3.19, XEP-0198 §4).
    pub fn parse(text: &str) -> Option<Self> {
        let authority = Authority::parse_bare(text.trim()).ok()?;
        Some(Self {
            host: authority.host.to_string().to_lowercase(),
            port: authority.port.unwrap_or(5222),
        })
    }
}

/// What in a server's features deserves a word to the operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Warning {
    /// It offers channel binding (`-PLUS`) to the gateway, whose TLS is not the client's.
    ChannelBinding,
    /// It offers `EXTERNAL` to the gateway itself, which was cut out.
    External,
    /// It offers `ANONYMOUS`: any page could use it from its visitors' browsers, so origins should be listed (W-R-477).
    Anonymous,
}

impl std::fmt::Display for Warning {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::ChannelBinding => {
                "the server offers SASL channel binding (-PLUS) to the gateway; clients that can bind to their TLS cannot sign in, \
                 since it is not the server's; let the server offer no -PLUS to the gateway"
            }
            Self::External => {
                "the server offers SASL EXTERNAL to the gateway itself, which was cut out; clients that check the list of mechanisms \
                 (XEP-0474) cannot sign in; let the server ask for no certificate of the gateway's"
            }
            Self::Anonymous => {
                "the server lets anybody in (SASL ANONYMOUS); set anonymous = true for the domain, and list the origins that may use it"
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_hosts_and_ports() {
        let place = |host: &str, port| {
            Some(Target {
                host: host.to_owned(),
                port,
            })
        };
        assert_eq!(Target::parse(" B.example:80 "), place("b.example", 80));
        assert_eq!(Target::parse("192.0.2.1"), place("192.0.2.1", 5222));
        assert_eq!(Target::parse("2001:db8::1"), place("2001:db8::1", 5222));
        assert_eq!(Target::parse("[2001:db8::1]"), place("2001:db8::1", 5222));
        for wrong in [
            "",
            ":",
            "b.example:",
            "b.example:0",
            "b.example:65536",
            "b.example:+1",
            "a b",
            "u@b",
            "b/x",
            "[b]:1",
            "[::1",
            "[::1]x",
            "b\u{0}",
            "1:2:3",
        ] {
            assert_eq!(Target::parse(wrong), None, "{wrong}");
        }
    }
}
