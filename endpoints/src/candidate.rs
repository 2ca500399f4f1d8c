use std::{fmt, net::IpAddr};

use crate::{Scheme, Url};

/// The transport that carries the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Transport {
    /// XMPP over WebSocket (RFC 7395).
    WebSocket,
    /// XEP-0124 and XEP-0206.
    Bosh,
    /// RFC 6120 over TCP, for applications that have it: the web's transports are what is left
    /// where it fails.
    Tcp,
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::WebSocket => "WebSocket",
            Self::Bosh => "BOSH",
            Self::Tcp => "TCP",
        })
    }
}

/// Who a server must prove to be.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Identity {
    /// The name for TLS's server name indication.
    pub sni: String,
    /// A certificate for one of these names is accepted: always the name that was dialled; the XMPP
    /// domain beside it where the endpoint was learnt from that domain's own host-meta, or by a
    /// redirect (C-R-032, XEP-0156 §2.2).
    pub names: Vec<String>,
    /// So is one whose key (SHA-256 of its SubjectPublicKeyInfo) is here (XEP-0487 §2.2).
    pub pins: Vec<[u8; 32]>,
}

impl Identity {
    /// The identity of one name, and no other.
    pub fn of(name: &str) -> Self {
        Self {
            sni: name.to_owned(),
            names: vec![name.to_owned()],
            pins: Vec::new(),
        }
    }

    /// Another name that is accepted.
    #[must_use]
    pub(crate) fn or(mut self, name: &str) -> Self {
        if !self.names.iter().any(|known| known == name) {
            self.names.push(name.to_owned());
        }
        self
    }
}

/// An endpoint that may be tried.
///
/// ```
/// use xmpp_endpoints::{Candidate, Transport, Url};
///
/// let candidate = Candidate::new(Url::parse("wss://t2.example:5291/")?);
/// assert_eq!(candidate.transport(), Transport::WebSocket);
/// assert_eq!(candidate.identity.names, ["t2.example"], "whatever domain is asked for there");
/// # Ok::<(), xmpp_endpoints::NotAnEndpoint>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Candidate {
    /// Where it is. HTTP's `Host` names this host; the stream's `to` is the XMPP domain (C-R-022).
    pub url: Url,
    /// Lower ones first; 0 to 65 535, and [`Candidate::LAST`].
    pub priority: u32,
    /// Its share among those of the same priority. One of weight 0 comes behind the others.
    pub weight: u16,
    /// Who the server must prove to be.
    pub identity: Identity,
    /// Where the name leads (XEP-0487 `ips`); empty: the resolver knows.
    pub addresses: Vec<IpAddr>,
}

impl Candidate {
    /// Behind every priority that a document can give.
    pub const LAST: u32 = 65_536;

    /// Priority 0, weight 1; proves the URL's own name, found by the resolver.
    pub fn new(url: Url) -> Self {
        let identity = Identity::of(url.host());
        Self {
            url,
            priority: 0,
            weight: 1,
            identity,
            addresses: Vec::new(),
        }
    }

    /// The same with a priority and a weight.
    #[must_use]
    pub fn with_rank(mut self, priority: u16, weight: u16) -> Self {
        self.priority = priority.into();
        self.weight = weight;
        self
    }

    /// What the URL's scheme stands for.
    pub fn transport(&self) -> Transport {
        match self.url.scheme() {
            Scheme::Https | Scheme::Http => Transport::Bosh,
            Scheme::Wss | Scheme::Ws => Transport::WebSocket,
            Scheme::Tcp => Transport::Tcp,
        }
    }
}
