use std::{
    fmt,
    net::IpAddr,
    sync::{Arc, OnceLock},
};

use xmpp_endpoints::{
    Candidate, NotAnEndpoint, Transport, Url,
    planner::{self, NotADomain, Source},
};

use super::{Client, Proxy, network::Network};
use crate::{
    post,
    tls::{Roots, SetupError},
};

/// Addresses of a host that are known here; `None` asks the system.
#[derive(Clone)]
pub(super) struct Resolver(pub(super) Arc<Known>);

type Known = dyn Fn(&str) -> Option<Vec<IpAddr>> + Send + Sync;

impl fmt::Debug for Resolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Resolver")
    }
}

/// How a client behaves. The configurations of the machines below are here as they are; what only a client as a whole can know (domain,
/// channel, number of attempts) is filled in.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Settings {
    /// Where to connect, and how eagerly.
    pub planner: planner::Config,
    /// A session over WebSocket.
    pub websocket: ws_framing::xmpp::Config,
    /// A WebSocket's opening handshake.
    pub handshake: ws_framing::handshake::client::Config,
    /// A session over BOSH. Here `poll_delay` is 5 ms by default.
    pub bosh: bosh_proto::client::Config,
    /// What carries BOSH's requests.
    pub post: post::Config,
    /// The user's bare JID, which is said on protected channels alone. Default none.
    pub from: Option<String>,
    /// `xml:lang`. Default: the transports' own, `en`.
    pub lang: Option<String>,
    /// A proxy on the way. Default none.
    pub proxy: Option<Proxy>,
    /// How long it may take to answer. Default 10 s.
    pub proxy_timeout: std::time::Duration,
    /// Events that wait for the application; beyond them nothing is read until half are taken. Default 64.
    pub inbox_events: usize,
    /// Bytes of elements among them. Default 262 144, the largest stanza that servers commonly pass.
    pub inbox_bytes: usize,
    pub(super) resolver: Option<Resolver>,
    roots: OnceLock<Roots>,
}

/// Long enough for an application to answer what it hears, and nothing that anybody would notice.
const POLL_DELAY: std::time::Duration = std::time::Duration::from_millis(5);

impl Settings {
    fn new(domain: &str) -> Result<Self, NotADomain> {
        let mut bosh = bosh_proto::client::Config::default();
        bosh.poll_delay = POLL_DELAY;
        Ok(Self {
            planner: planner::Config::new(domain)?,
            websocket: ws_framing::xmpp::Config::default(),
            handshake: ws_framing::handshake::client::Config::default(),
            bosh,
            post: post::Config::default(),
            from: None,
            lang: None,
            proxy: None,
            proxy_timeout: std::time::Duration::from_secs(10),
            inbox_events: 64,
            inbox_bytes: 262_144,
            resolver: None,
            roots: OnceLock::new(),
        })
    }

    /// Those that were given, or the platform's, which are read once.
    pub(super) fn roots(&self) -> Result<&Roots, SetupError> {
        if let Some(roots) = self.roots.get() {
            return Ok(roots);
        }
        let platform = Roots::platform()?;
        Ok(self.roots.get_or_init(|| platform))
    }
}

/// Builds a [`Client`](super::Client): its network, its settings, its endpoints.
#[derive(Debug)]
pub struct Builder<N> {
    network: N,
    settings: Settings,
}

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The system has no entropy.
    #[error("no entropy: {0}")]
    Entropy(std::io::Error),
    /// Nothing that was tried led to a session.
    #[error("{0}")]
    Failed(#[from] super::Failed),
    /// The server ended the session before the application had heard of it.
    #[error("the server closed the stream at once")]
    Closed,
}

impl<N: Network> Builder<N> {
    /// For a domain, whose endpoints are found by its host-meta.
    ///
    /// # Errors
    ///
    /// A text that is no domain.
    pub fn new(domain: &str, network: N) -> Result<Self, NotADomain> {
        Ok(Self {
            network,
            settings: Settings::new(domain)?,
        })
    }

    /// An endpoint that is known, in place of discovery; several calls give several.
    ///
    /// # Errors
    ///
    /// Where it is no URL of an endpoint.
    pub fn endpoint(mut self, url: &str) -> Result<Self, NotAnEndpoint> {
        let candidate = Candidate::new(Url::parse(url)?);
        let sources = &mut self.settings.planner.sources;
        if let [Source::Given(candidates)] = sources.as_mut_slice() {
            candidates.push(candidate);
        } else {
            *sources = vec![Source::Given(vec![candidate])];
        }
        Ok(self)
    }

    /// A list of nodes at this URL, in place of discovery.
    ///
    /// # Errors
    ///
    /// A text that is no URL.
    pub fn nodes(mut self, url: &str) -> Result<Self, NotAnEndpoint> {
        self.settings.planner.sources = vec![Source::Nodes(Url::parse(url)?)];
        Ok(self)
    }

    /// The transports that are wanted, the preferred one first. Default: WebSocket, then BOSH.
    #[must_use]
    pub fn transports(mut self, transports: impl IntoIterator<Item = Transport>) -> Self {
        self.settings.planner.transports = transports.into_iter().collect();
        self
    }

    /// The CAs that are trusted. Default: the platform's.
    #[must_use]
    pub fn roots(mut self, roots: Roots) -> Self {
        self.settings.roots = roots.into();
        self
    }

    /// A proxy on the way to everything.
    #[must_use]
    pub fn proxy(mut self, proxy: Proxy) -> Self {
        self.settings.proxy = Some(proxy);
        self
    }

    /// Addresses that are known here: for a host that `resolver` gives `None` for, the system is asked.
    #[must_use]
    pub fn resolver(
        mut self,
        resolver: impl Fn(&str) -> Option<Vec<IpAddr>> + Send + Sync + 'static,
    ) -> Self {
        self.settings.resolver = Some(Resolver(Arc::new(resolver)));
        self
    }

    /// Changes any of the [`Settings`].
    #[must_use]
    pub fn configure(mut self, change: impl FnOnce(&mut Settings)) -> Self {
        change(&mut self.settings);
        self
    }

    /// A client that is connecting: its first event is `Opened`, or `Closed`.
    ///
    /// # Errors
    ///
    /// Where the system has no entropy.
    pub fn start(self) -> std::io::Result<Client> {
        let seed = self.network.seed()?;
        Ok(Client::start(self.network, self.settings, seed))
    }

    /// A client that is connected; its first event is `Opened`. Dropping the future gives up.
    ///
    /// # Errors
    ///
    /// Says what was tried and what came of it.
    pub async fn connect(self) -> Result<Client, ConnectError> {
        let client = self.start().map_err(ConnectError::Entropy)?;
        client.opened().await?;
        Ok(client)
    }
}
