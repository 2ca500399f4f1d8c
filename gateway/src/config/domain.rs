//! The XMPP domains served, and where their servers are (W-R-430: a client never chooses an address).

use std::{net::IpAddr, path::Path, sync::Arc};

use xmpp_web_tokio::tls::{Alpn, Connector, Name, Roots};

use xmpp_stream::relay::Target;

use super::{Problem, file};

/// The name of the demonstration domain.
pub(crate) const DEMONSTRATION: &str = "localhost";

/// One domain.
#[derive(Clone, Debug)]
pub(crate) struct Domain {
    pub(crate) server: Server,
    /// Belongs to another operator (W-R-417).
    pub(crate) foreign: bool,
    /// W-R-421's switch.
    pub(crate) hide_channel_binding: bool,
    /// Anybody is let in (W-R-477).
    pub(crate) anonymous: bool,
    pub(crate) places: Arc<Places>,
    /// Put in front of each connection to the server, with the client's address (W-R-472).
    pub(crate) proxy_protocol: Option<file::ProxyProtocol>,
}

/// Where a domain's server may send its clients (W-R-418, W-R-419).
#[derive(Clone, Debug)]
pub(crate) enum Places {
    /// Anywhere by a redirect; no node is remembered.
    Unlisted,
    /// There, and nowhere else.
    Listed(Vec<Target>),
}

impl Places {
    /// Whether a redirect may lead there.
    pub(crate) fn allow(&self, target: &Target) -> bool {
        match self {
            Self::Unlisted => true,
            Self::Listed(_) => self.name(target),
        }
    }

    /// Whether that place is listed.
    pub(crate) fn name(&self, target: &Target) -> bool {
        match self {
            Self::Unlisted => false,
            Self::Listed(places) => places.contains(target),
        }
    }

    fn from_file(domain: &str, written: Option<&[String]>) -> Result<Self, Problem> {
        let Some(written) = written else {
            return Ok(Self::Unlisted);
        };
        let place = |text: &String| {
            Target::parse(text).ok_or_else(|| {
                Problem::new(format!(
                    "domain \"{domain}\": elsewhere: \"{text}\" is not HOST or HOST:PORT, such as \"node2.example.com:5222\""
                ))
            })
        };
        Ok(Self::Listed(
            written.iter().map(place).collect::<Result<_, _>>()?,
        ))
    }
}

/// Where a domain's server is.
#[derive(Clone, Debug)]
pub(crate) enum Server {
    /// In this process.
    Demonstration,
    /// There, by TCP.
    Tcp {
        host: Arc<str>,
        port: u16,
        tls: Protection,
    },
}

/// What protects the way to a server (W-R-450).
#[derive(Clone, Debug)]
pub(crate) enum Protection {
    /// Nothing, by configuration.
    None,
    StartTls(Proof),
    Direct(Proof),
}

/// What a server has to prove, and by whose word: it is the XMPP domain, wherever the server is (W-R-451).
#[derive(Clone, Debug)]
pub(crate) struct Proof {
    pub(crate) connector: Connector,
    pub(crate) name: Name,
}

impl Proof {
    fn new(domain: &str, ca: Option<&Path>, alpn: Alpn) -> Result<Self, Problem> {
        let wrong = |error: &dyn std::fmt::Display| {
            Problem::new(format!("domain \"{domain}\": TLS to the server: {error}"))
        };
        let name = Name::new(&normalised(domain)).map_err(|error| wrong(&error))?;
        let roots = ca.map_or_else(Roots::platform, Roots::from_file);
        let connector = roots.and_then(|roots| Connector::new(&roots, alpn));
        Ok(Self {
            connector: connector.map_err(|error| wrong(&error))?,
            name,
        })
    }
}

impl Domain {
    pub(crate) fn demonstration() -> Self {
        Self {
            server: Server::Demonstration,
            foreign: false,
            hide_channel_binding: false,
            anonymous: false,
            places: Arc::new(Places::Unlisted),
            proxy_protocol: None,
        }
    }

    /// From `[domain."name"]`.
    pub(crate) fn from_file(name: &str, written: &file::Domain) -> Result<Self, Problem> {
        let (host, port) = host_and_port(&written.upstream).ok_or_else(|| {
            Problem::new(format!(
                "domain \"{name}\": upstream = \"{}\" is not HOST:PORT, such as \"127.0.0.1:5222\", \"[::1]:5222\" or \"xmpp.example.com:5222\"",
                written.upstream
            ))
        })?;
        let tls = written.tls.unwrap_or(if is_loopback(host) {
            file::Tls::None
        } else {
            file::Tls::Starttls
        });
        let ca = written.ca.as_deref();
        let tls = match (tls, ca) {
            (file::Tls::None, Some(_)) => {
                return Err(Problem::new(format!(
                    "domain \"{name}\": a CA is named but TLS is \"none\", the default for loopback addresses; \
                     set it to \"starttls\" or \"direct\" (tls = ..., --upstream-tls ...)"
                )));
            }
            (file::Tls::None, None) => Protection::None,
            (file::Tls::Starttls, ca) => Protection::StartTls(Proof::new(name, ca, Alpn::Unsaid)?),
            (file::Tls::Direct, ca) => Protection::Direct(Proof::new(name, ca, Alpn::XmppClient)?),
        };
        Ok(Self {
            server: Server::Tcp {
                host: host.into(),
                port,
                tls,
            },
            foreign: written.foreign,
            hide_channel_binding: written.hide_channel_binding,
            anonymous: written.anonymous,
            places: Arc::new(Places::from_file(name, written.elsewhere.as_deref())?),
            proxy_protocol: written.proxy_protocol,
        })
    }

    /// From `--domain`, `--upstream`, `--upstream-tls` and `--upstream-ca`.
    pub(crate) fn from_argument(
        name: &str,
        upstream: &str,
        tls: Option<file::Tls>,
        ca: Option<&Path>,
    ) -> Result<Self, Problem> {
        let written = file::Domain {
            upstream: upstream.to_owned(),
            tls,
            ca: ca.map(Path::to_path_buf),
            foreign: false,
            hide_channel_binding: false,
            anonymous: false,
            elsewhere: None,
            proxy_protocol: None,
        };
        Self::from_file(name, &written)
    }
}

/// A domain as it is compared, and as a certificate names it: without a root dot, lower case, in A-labels.
pub(crate) fn normalised(domain: &str) -> String {
    let lower = domain
        .strip_suffix('.')
        .unwrap_or(domain)
        .to_ascii_lowercase();
    if lower.is_ascii() && !lower.contains("xn--") {
        return lower;
    }
    match idna::domain_to_ascii(&lower) {
        Ok(name) => name,
        // Not a name, and none that is served.
        Err(_) => lower.to_lowercase(),
    }
}

fn host_and_port(text: &str) -> Option<(&str, u16)> {
    let (host, port) = text.rsplit_once(':')?;
    let port = port.parse().ok().filter(|port| *port != 0)?;
    let host = match host.strip_prefix('[') {
        Some(rest) => rest.strip_suffix(']')?,
        None if host.contains(':') => return None,
        None => host,
    };
    let plausible = !host.is_empty()
        && !host.contains(|c: char| c.is_whitespace() || c.is_control() || c == '/');
    plausible.then_some((host, port))
}

fn is_loopback(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost")
        || host
            .parse::<IpAddr>()
            .is_ok_and(|ip| ip.to_canonical().is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn upstreams_are_host_and_port() {
        assert_eq!(host_and_port("127.0.0.1:5222"), Some(("127.0.0.1", 5222)));
        assert_eq!(host_and_port("[::1]:5222"), Some(("::1", 5222)));
        assert_eq!(
            host_and_port("xmpp.example:5222"),
            Some(("xmpp.example", 5222))
        );
        for wrong in [
            "",
            "host",
            ":5222",
            "host:",
            "host:0",
            "host:65536",
            "::1:5222",
            "[::1:5222",
            "a b:1",
            "http://h:1",
        ] {
            assert_eq!(host_and_port(wrong), None, "{wrong}");
        }
    }

    fn tls(upstream: &str, tls: Option<file::Tls>) -> Protection {
        match Domain::from_argument("example.com", upstream, tls, None)
            .expect("a domain")
            .server
        {
            Server::Tcp { tls, .. } => tls,
            Server::Demonstration => panic!("a server"),
        }
    }

    #[test]
    fn only_loopback_is_trusted_without_a_word() {
        for loopback in ["127.0.0.1:5222", "[::1]:5222", "LocalHost:5222"] {
            assert!(
                matches!(tls(loopback, None), Protection::None),
                "{loopback}"
            );
        }
        let trusted = tls("192.0.2.1:5222", Some(file::Tls::None));
        assert!(matches!(trusted, Protection::None));
        // With the system's CAs, where it has any.
        match Domain::from_argument("example.com", "192.0.2.1:5222", None, None) {
            Ok(domain) => assert!(matches!(
                domain.server,
                Server::Tcp {
                    tls: Protection::StartTls(_),
                    ..
                }
            )),
            Err(problem) => assert!(problem.to_string().contains("no root certificates")),
        }
    }

    #[test]
    fn what_cannot_work_is_told_at_once() {
        let refused = |domain, tls, ca: Option<&str>| {
            Domain::from_argument(domain, "127.0.0.1:5222", tls, ca.map(Path::new))
                .expect_err("refused")
                .to_string()
        };
        let direct = Some(file::Tls::Direct);
        let error = refused("example.com", direct, Some("/nonexistent/ca.pem"));
        assert!(
            error.contains(
                "domain \"example.com\": TLS to the server: cannot read /nonexistent/ca.pem"
            ),
            "{error}"
        );
        let error = refused("xn--bücher.example", direct, None);
        assert!(error.contains("A-labels (xn--...)"), "{error}");
        let error = refused("example.com", None, Some("/nonexistent/ca.pem"));
        assert!(
            error.contains("a CA is named but TLS is \"none\""),
            "{error}"
        );
    }

    #[test]
    fn names_compare_without_case_and_root_dot() {
        assert_eq!(normalised("Example.COM."), "example.com");
        for spelling in [
            "Bücher.example",
            "xn--bcher-kva.Example.",
            "BÜCHER.example.",
        ] {
            assert_eq!(normalised(spelling), "xn--bcher-kva.example");
        }
    }
}
