//! Where the gateway listens, and what it may say of the channel there (W-R-452).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use xmpp_web_tokio::tls::Acceptor;

use super::{Problem, file};

/// The port of BOSH (B-R-175, C-R-001).
const PORT: u16 = 5280;

/// One address and what it serves.
#[derive(Clone, Debug)]
pub(crate) struct Listener {
    pub(crate) address: SocketAddr,
    pub(crate) bosh: Served,
    pub(crate) websocket: Served,
    pub(crate) channel: Channel,
    pub(crate) compression: Compression,
    pub(crate) proxy_header: ProxyHeader,
    /// TLS from the first byte (C-R-003).
    pub(crate) tls: Option<Acceptor>,
    /// Listened on only where the host has the address.
    pub(crate) presence: Presence,
}

/// Whether a transport is served here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Served {
    Yes,
    No,
}

/// Whether WebSocket clients that offer permessage-deflate get it (W-R-200).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Compression {
    Off,
    On,
}

/// Whether connections begin with a header of the PROXY protocol, from trusted proxies alone (W-R-031).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ProxyHeader {
    None,
    Required,
}

/// What protects a listener's connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Channel {
    /// The gateway ends the TLS itself.
    Tls,
    /// They never leave this machine.
    Loopback,
    /// A proxy in front does TLS, as the configuration says.
    ProxyTls,
    /// Nothing: allowed by name, without PLAIN.
    Plain,
}

impl Channel {
    pub(crate) fn is_protected(self) -> bool {
        match self {
            Self::Tls | Self::Loopback | Self::ProxyTls => true,
            Self::Plain => false,
        }
    }
}

/// Whether the process can run without this listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Presence {
    Required,
    Optional,
}

impl Listener {
    /// Both loopback addresses; a host without IPv6 has the first alone.
    pub(crate) fn defaults() -> Vec<Self> {
        let at = |ip: IpAddr, presence| Self {
            address: SocketAddr::new(ip, PORT),
            bosh: Served::Yes,
            websocket: Served::Yes,
            channel: Channel::Loopback,
            compression: Compression::Off,
            proxy_header: ProxyHeader::None,
            tls: None,
            presence,
        };
        vec![
            at(Ipv4Addr::LOCALHOST.into(), Presence::Required),
            at(Ipv6Addr::LOCALHOST.into(), Presence::Optional),
        ]
    }

    /// Reads a `[[listener]]` of the configuration.
    pub(crate) fn from_file(written: &file::Listener) -> Result<Self, Problem> {
        let address = written.address;
        let served = |transport| match &written.transports {
            Some(transports) if !transports.contains(&transport) => Served::No,
            Some(_) | None => Served::Yes,
        };
        if written.transports.as_ref().is_some_and(Vec::is_empty) {
            return Err(Problem::new(format!(
                "listener {address}: transports is empty; name \"bosh\", \"websocket\" or both, or leave the key out"
            )));
        }
        let tls =
            match &written.tls {
                Some(files) => {
                    let acceptor = Acceptor::from_files(&files.certificate, &files.key);
                    Some(acceptor.map_err(|error| {
                        Problem::new(format!("listener {address}: tls: {error}"))
                    })?)
                }
                None => None,
            };
        let channel = if written.trusted_proxy_tls && tls.is_some() {
            Channel::ProxyTls
        } else if tls.is_some() {
            Channel::Tls
        } else if address.ip().to_canonical().is_loopback() {
            Channel::Loopback
        } else if written.trusted_proxy_tls {
            Channel::ProxyTls
        } else if written.allow_plaintext {
            Channel::Plain
        } else {
            return Err(Problem::new(format!(
                "listener {address} is reachable from other machines without encryption; \
                 write tls = {{ certificate = \"FILE\", key = \"FILE\" }}, \
                 trusted_proxy_tls = true if only a proxy that does TLS connects to it, \
                 or allow_plaintext = true (clients are not offered SASL PLAIN then)"
            )));
        };
        Ok(Self {
            address,
            bosh: served(file::Transport::Bosh),
            websocket: served(file::Transport::Websocket),
            channel,
            compression: if written.compression {
                Compression::On
            } else {
                Compression::Off
            },
            proxy_header: if written.proxy_protocol {
                ProxyHeader::Required
            } else {
                ProxyHeader::None
            },
            tls,
            presence: Presence::Required,
        })
    }

    /// Makes the listener of a `--listen` argument.
    pub(crate) fn from_argument(
        address: SocketAddr,
        allow_plaintext: bool,
    ) -> Result<Self, Problem> {
        let written = file::Listener {
            address,
            transports: None,
            tls: None,
            trusted_proxy_tls: false,
            allow_plaintext,
            compression: false,
            proxy_protocol: false,
        };
        Self::from_file(&written).map_err(|_| {
            Problem::new(format!(
                "--listen {address} is reachable from other machines without encryption; \
                 add --allow-plaintext (clients are not offered SASL PLAIN then), \
                 or configure a [[listener]] with tls, or with trusted_proxy_tls = true behind a proxy that does TLS"
            ))
        })
    }
}
