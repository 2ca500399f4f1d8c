//! The XMPP domains served, and where their servers are (W-R-430: a client never chooses an address).

use std::{net::IpAddr, sync::Arc};

use super::{Problem, file};

/// The name of the demonstration domain.
pub(crate) const DEMONSTRATION: &str = "localhost";

/// One domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Domain {
    pub(crate) server: Server,
    /// Belongs to another operator (W-R-417).
    pub(crate) foreign: bool,
    /// W-R-421's switch.
    pub(crate) hide_channel_binding: bool,
}

/// Where a domain's server is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Server {
    /// In this process.
    Demonstration,
    /// There, by TCP.
    Tcp { host: Arc<str>, port: u16 },
}

impl Domain {
    pub(crate) fn demonstration() -> Self {
        Self {
            server: Server::Demonstration,
            foreign: false,
            hide_channel_binding: false,
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
        match tls {
            file::Tls::None => {}
            file::Tls::Starttls | file::Tls::Direct => {
                return Err(Problem::new(format!(
                    "domain \"{name}\": TLS to the server is not available in this version; \
                     write tls = \"none\" if everything between here and {} can be trusted",
                    written.upstream
                )));
            }
        }
        Ok(Self {
            server: Server::Tcp {
                host: host.into(),
                port,
            },
            foreign: written.foreign,
            hide_channel_binding: written.hide_channel_binding,
        })
    }

    /// From `--domain` and `--upstream`.
    pub(crate) fn from_argument(name: &str, upstream: &str) -> Result<Self, Problem> {
        let written = file::Domain {
            upstream: upstream.to_owned(),
            tls: None,
            foreign: false,
            hide_channel_binding: false,
        };
        Self::from_file(name, &written)
    }
}

/// A domain as it is compared: without a root dot, lower case.
pub(crate) fn normalised(domain: &str) -> String {
    domain.strip_suffix('.').unwrap_or(domain).to_lowercase()
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

    #[test]
    fn servers_elsewhere_need_tls_or_trust() {
        let error = Domain::from_argument("example.com", "192.0.2.1:5222").expect_err("refused");
        assert!(
            error
                .to_string()
                .contains("TLS to the server is not available in this version"),
            "{error}"
        );
        assert!(error.to_string().contains("tls = \"none\""), "{error}");
        let written = file::Domain {
            upstream: "192.0.2.1:5222".into(),
            tls: Some(file::Tls::None),
            foreign: false,
            hide_channel_binding: false,
        };
        let domain = Domain::from_file("example.com", &written).expect("trusted");
        assert_eq!(
            domain.server,
            Server::Tcp {
                host: "192.0.2.1".into(),
                port: 5222
            }
        );
    }

    #[test]
    fn names_compare_without_case_and_root_dot() {
        assert_eq!(normalised("Example.COM."), "example.com");
    }
}
