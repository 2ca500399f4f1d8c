//! The XMPP domains served, and where their servers are (W-R-430: a client never chooses an address).

use std::{net::IpAddr, path::Path, sync::Arc};

use xmpp_machine::{Authority, Host};
use xmpp_web_tokio::tls::{Alpn, Connector, Name, Roots};

use xmpp_stream::relay::Target;

use super::{Problem, file};

/// The name of the demonstration domain.
pub(crate) const DEMONSTRATION: &str = "localhost";

/// An XMPP domain that is served, and how its server is reached.
#[derive(Clone, Debug)]
pub(crate) struct Domain {
    pub(crate) server: Server,
    /// Belongs to another operator (W-R-417).
    pub(crate) foreign: bool,
    /// Hides SASL mechanisms that bind to the TLS channel (W-R-421).
    pub(crate) hide_channel_binding: bool,
    /// Anybody is let in (W-R-477).
    pub(crate) anonymous: bool,
    pub(crate) redirect_targets: Arc<RedirectTargets>,
    /// Put in front of each connection to the server, with the client's address (W-R-472).
    pub(crate) proxy_protocol: Option<file::ProxyProtocol>,
}

/// Where a domain's server may lead the gateway, by redirects and by the nodes of its sessions (W-R-418, W-R-419).
#[derive(Clone, Debug)]
pub(crate) struct RedirectTargets {
    /// `redirect_targets`: these and no others; `None` where the key is not written.
    listed: Option<Vec<Target>>,
    /// The way to a target that is not on loopback: as written for the domain, otherwise by verified TLS. `None` where neither can happen.
    pub(crate) protection: Option<Protection>,
}

/// What the configuration says of a redirect target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It is the domain's own server.
    Configured,
    /// The operator has named it among the redirect targets.
    Listed,
    /// No targets are named.
    Unlisted,
    /// Other targets are named.
    Excluded,
}

impl RedirectTargets {
    fn none() -> Self {
        Self {
            listed: None,
            protection: None,
        }
    }

    pub(crate) fn standing(&self, target: &Target) -> Standing {
        match &self.listed {
            None => Standing::Unlisted,
            Some(targets) if targets.contains(target) => Standing::Listed,
            Some(_) => Standing::Excluded,
        }
    }

    /// The number of targets that are named, where the key is written.
    pub(crate) fn count(&self) -> Option<usize> {
        self.listed.as_ref().map(Vec::len)
    }

    /// Whether one is named that other machines may have.
    fn lead_away(listed: Option<&[Target]>) -> bool {
        listed.is_some_and(|targets| targets.iter().any(|target| !is_here(&target.host)))
    }

    fn listed(domain: &str, written: Option<&[String]>) -> Result<Option<Vec<Target>>, Problem> {
        let target = |text: &String| {
            Target::parse(text).ok_or_else(|| {
                Problem::new(format!(
                    "domain \"{domain}\": redirect_targets: \"{text}\" is not HOST or HOST:PORT, such as \"node2.example.com:5222\""
                ))
            })
        };
        written
            .map(|texts| texts.iter().map(target).collect())
            .transpose()
    }
}

/// Where a domain's server is.
#[derive(Clone, Debug)]
pub(crate) enum Server {
    /// The demonstration server in this process.
    Demonstration,
    /// A server that is reached by TCP.
    Tcp {
        host: Arc<str>,
        port: u16,
        tls: Protection,
    },
}

/// What protects the way to a server (W-R-450).
#[derive(Clone, Debug)]
pub(crate) enum Protection {
    /// Plain text, because the configuration says so.
    None,
    /// Plain text to loopback addresses alone, where the configuration says nothing.
    Loopback,
    StartTls(Proof),
    Direct(Proof),
}

impl Protection {
    /// Whether a server at that address may be spoken to in this way.
    pub(crate) fn permits(&self, address: IpAddr) -> bool {
        match self {
            Self::Loopback => address.to_canonical().is_loopback(),
            Self::None | Self::StartTls(_) | Self::Direct(_) => true,
        }
    }

    /// Whether the server proves who it is.
    pub(crate) fn is_verified(&self) -> bool {
        match self {
            Self::StartTls(_) | Self::Direct(_) => true,
            Self::None | Self::Loopback => false,
        }
    }
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
            redirect_targets: Arc::new(RedirectTargets::none()),
            proxy_protocol: None,
        }
    }

    /// Reads a `[domain."name"]` of the configuration.
    pub(crate) fn from_file(name: &str, written: &file::Domain) -> Result<Self, Problem> {
        let (host, port) = host_and_port(&written.upstream).ok_or_else(|| {
            Problem::new(format!(
                "domain \"{name}\": upstream = \"{}\" is not HOST:PORT, such as \"127.0.0.1:5222\", \"[::1]:5222\" or \"xmpp.example.com:5222\"",
                written.upstream
            ))
        })?;
        let is_here = host.is_loopback();
        let ca = written.ca.as_deref();
        let listed = RedirectTargets::listed(name, written.redirect_targets.as_deref())?;
        let verified = || Proof::new(name, ca, Alpn::Unsaid).map(Protection::StartTls);
        let plain = match written.tls {
            Some(file::Tls::None) => true,
            None => is_here && !RedirectTargets::lead_away(listed.as_deref()),
            Some(file::Tls::Starttls | file::Tls::Direct) => false,
        };
        if plain && ca.is_some() {
            return Err(Problem::new(format!(
                "domain \"{name}\": a CA is named but TLS is \"none\", the default for loopback addresses; \
                 set it to \"starttls\" or \"direct\" (tls = ..., --upstream-tls ...)"
            )));
        }
        let tls = match written.tls {
            Some(file::Tls::None) => Protection::None,
            None if is_here => Protection::Loopback,
            None | Some(file::Tls::Starttls) => verified()?,
            Some(file::Tls::Direct) => Protection::Direct(Proof::new(name, ca, Alpn::XmppClient)?),
        };
        let protection = match &tls {
            Protection::Loopback if RedirectTargets::lead_away(listed.as_deref()) => {
                Some(verified()?)
            }
            Protection::Loopback => None,
            tls @ (Protection::None | Protection::StartTls(_) | Protection::Direct(_)) => {
                Some(tls.clone())
            }
        };
        Ok(Self {
            server: Server::Tcp {
                host: host.to_string().into(),
                port,
                tls,
            },
            foreign: written.foreign,
            hide_channel_binding: written.hide_channel_binding,
            anonymous: written.anonymous,
            redirect_targets: Arc::new(RedirectTargets { listed, protection }),
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
            redirect_targets: None,
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

fn host_and_port(text: &str) -> Option<(Host<'_>, u16)> {
    let Authority { host, port } = Authority::parse(text).ok()?;
    port.map(|port| (host, port))
}

/// Whether a host, an IPv6 address without brackets, is this machine.
fn is_here(host: &str) -> bool {
    Authority::parse_bare(host).is_ok_and(|authority| authority.host.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn upstreams_are_host_and_port() {
        for (text, host, port) in [
            ("127.0.0.1:5222", "127.0.0.1", 5222),
            ("[::1]:5222", "::1", 5222),
            ("xmpp.example:5222", "xmpp.example", 5222),
        ] {
            let (found, found_port) = host_and_port(text).expect(text);
            assert_eq!((&*found.to_string(), found_port), (host, port));
        }
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
                matches!(tls(loopback, None), Protection::Loopback),
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
