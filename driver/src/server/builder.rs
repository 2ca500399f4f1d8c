use std::{fmt, future::Future, io, net::SocketAddr, pin::Pin, sync::Arc, time::Duration};

use bosh_proto::{Channel, binding};
use xmpp_http1::{Response, forwarded};

use super::Server;
use crate::{BoxStream, ByteStream, Runtime, http};

/// How a server behaves. The configurations of the machines below are here as they are.
#[derive(Clone)]
#[non_exhaustive]
pub struct Settings {
    /// The configuration of the HTTP connections.
    pub http: http::Config,
    /// Sessions over BOSH.
    pub bosh: crate::bosh::Config,
    /// Which pages may use BOSH, and how its answers are dressed.
    pub binding: binding::Config,
    /// A WebSocket's opening handshake: which pages may use it, and compression.
    pub handshake: ws_framing::handshake::server::Config,
    /// Sessions over WebSocket.
    pub websocket: ws_framing::xmpp::Config,
    /// How clients authenticate, over either transport. Default `Sasl`.
    pub authentication: Authentication,
    /// Paths of BOSH, with and without a slash behind them. Default `/http-bind` and `/bosh`, which clients are configured with.
    pub bosh_paths: Vec<String>,
    /// Paths of WebSockets. Default `/xmpp-websocket` and `/ws`.
    pub websocket_paths: Vec<String>,
    /// Connections at once, over all listeners; beyond them none is accepted, and the kernel lets them wait. Default 16 384: a process has
    /// no more descriptors on many systems, and each takes some kilobytes.
    pub connections: usize,
    /// From the connection to the end of its TLS handshake. Default 10 s.
    pub tls_timeout: Duration,
    /// How long a connection may still ask once the server is down: a BOSH client that is between two requests learns only from its next one
    /// that its session is over. Default 1 s, a few round trips.
    pub grace: Duration,
    /// Events of a session that wait for the application; beyond them nothing is read until half are taken. Default 64.
    pub inbox_events: usize,
    /// Bytes of elements among them. Default 262 144, the largest stanza that servers commonly pass.
    pub inbox_bytes: usize,
    /// The fields that proxies of [`Builder::trust`] write into every request; others are ignored. Default: `X-Forwarded-For` tells the address,
    /// and no field tells the scheme.
    pub forwarded: forwarded::Fields,
    pub(super) fallback: Fallback,
    pub(super) trusted: Trusted,
}

/// How the clients of a server authenticate. The sessions see the success of SASL, in either profile, in what the application sends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Authentication {
    /// By SASL: a stanza that comes before its success ends the session with `not-authorized` (RFC 6120 §4.9.3.12), except those of in-band
    /// registration and of authentication before SASL. Time and sizes have the stricter bounds of the machines' configurations until then.
    #[default]
    Sasl,
    /// Otherwise, or not at all: the application judges every element, from the first on, and bounds the time itself.
    Application,
}

type Fallback = Arc<dyn Fn(&http::Request) -> Response + Send + Sync>;
type Trusted = Arc<dyn Fn(std::net::IpAddr) -> bool + Send + Sync>;

/// The bounds of a session's inbox.
#[derive(Clone, Copy, Debug)]
pub(super) struct Inbox {
    pub(super) events: usize,
    pub(super) bytes: usize,
}

/// What answers the requests of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Route {
    Bosh,
    WebSocket,
    Fallback,
}

impl Default for Settings {
    fn default() -> Self {
        let paths = |paths: [&str; 2]| paths.map(str::to_owned).to_vec();
        Self {
            http: http::Config::default(),
            bosh: crate::bosh::Config::default(),
            binding: binding::Config::default(),
            handshake: ws_framing::handshake::server::Config::default(),
            websocket: ws_framing::xmpp::Config::default(),
            authentication: Authentication::Sasl,
            bosh_paths: paths(["/http-bind", "/bosh"]),
            websocket_paths: paths(["/xmpp-websocket", "/ws"]),
            connections: 16_384,
            tls_timeout: Duration::from_secs(10),
            grace: Duration::from_secs(1),
            inbox_events: 64,
            inbox_bytes: 262_144,
            forwarded: forwarded::Fields::default(),
            fallback: Arc::new(|_| {
                Response::new(404)
                    .with_body("text/plain; charset=utf-8", "There is nothing here.\n")
            }),
            trusted: Arc::new(|_| false),
        }
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("bosh_paths", &self.bosh_paths)
            .field("websocket_paths", &self.websocket_paths)
            .finish_non_exhaustive()
    }
}

impl Settings {
    pub(super) fn route(&self, path: Option<&str>) -> Route {
        let Some(path) = path else {
            return Route::Fallback;
        };
        let listed = |paths: &[String]| {
            paths
                .iter()
                .any(|known| path == known || path.strip_suffix('/') == Some(known))
        };
        if listed(&self.bosh_paths) {
            Route::Bosh
        } else if listed(&self.websocket_paths) {
            Route::WebSocket
        } else {
            Route::Fallback
        }
    }

    /// Writes what is said once for both transports into the configurations of both.
    pub(super) fn spread(&mut self) {
        let by_sasl = self.authentication == Authentication::Sasl;
        let (bosh, websocket) = (&mut self.bosh, &mut self.websocket);
        bosh.refuse_early_stanzas = by_sasl;
        websocket.refuse_early_stanzas = by_sasl;
        if !by_sasl {
            bosh.auth_timeout = None;
            bosh.body_bytes_before_auth = bosh.body_bytes;
            websocket.auth_timeout = None;
            websocket.message_bytes_before_auth = websocket.connection.message_bytes;
        }
    }

    pub(super) fn inbox(&self) -> Inbox {
        Inbox {
            events: self.inbox_events,
            bytes: self.inbox_bytes,
        }
    }
}

/// Where a request comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Peer {
    /// The client's address; behind a trusted proxy the one that it names, if it does.
    pub address: Option<std::net::IpAddr>,
    /// What carried it, here or at the trusted proxy.
    pub channel: Channel,
}

impl Peer {
    pub(super) fn of(
        request: &http::Request,
        address: std::net::IpAddr,
        channel: Channel,
        settings: &Settings,
    ) -> Self {
        let client = forwarded::client(&request.head, address, settings.forwarded, |ip| {
            (settings.trusted)(ip)
        });
        let channel = match client.scheme {
            Some(forwarded::Scheme::Https) => Channel::Tls,
            Some(forwarded::Scheme::Http) => Channel::Plain,
            None => channel,
        };
        Self {
            address: client.address,
            channel,
        }
    }
}

/// A connection that was accepted.
pub struct Incoming {
    pub(super) stream: Pin<Box<dyn Future<Output = io::Result<BoxStream>> + Send>>,
    pub(super) peer: SocketAddr,
    pub(super) channel: Channel,
}

impl fmt::Debug for Incoming {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Incoming")
            .field("peer", &self.peer)
            .field("channel", &self.channel)
            .finish_non_exhaustive()
    }
}

impl Incoming {
    /// A connection in plain text.
    pub fn plain(stream: BoxStream, peer: SocketAddr) -> Self {
        Self {
            stream: Box::pin(std::future::ready(Ok(stream))),
            peer,
            channel: Channel::Plain,
        }
    }

    /// One whose TLS handshake is still to be done; it is done by the connection's own task, and dropped after
    /// [`Settings::tls_timeout`].
    pub fn tls<S: ByteStream + 'static>(
        handshake: impl Future<Output = io::Result<S>> + Send + 'static,
        peer: SocketAddr,
    ) -> Self {
        let boxed = async move {
            let stream: BoxStream = Box::new(handshake.await?);
            Ok(stream)
        };
        Self {
            stream: Box::pin(boxed),
            peer,
            channel: Channel::Tls,
        }
    }
}

/// What a runtime has to supply for servers beside its clock: connections.
pub trait Listener: Send + 'static {
    /// The next one, with Nagle's algorithm off; it does not wait for handshakes. After an error it is called again, later.
    fn accept(&mut self) -> impl Future<Output = io::Result<Incoming>> + Send;
}

/// Builds a [`Server`](super::Server): its runtime, its settings, what it answers itself.
#[derive(Debug)]
pub struct Builder<R> {
    runtime: R,
    settings: Settings,
}

impl<R: Runtime> Builder<R> {
    /// A builder with the default settings.
    pub fn new(runtime: R) -> Self {
        Self {
            runtime,
            settings: Settings::default(),
        }
    }

    /// Answers requests for other paths; by default that is a 404.
    #[must_use]
    pub fn fallback(
        mut self,
        fallback: impl Fn(&http::Request) -> Response + Send + Sync + 'static,
    ) -> Self {
        self.settings.fallback = Arc::new(fallback);
        self
    }

    /// The proxies that are believed, in the fields of [`Settings::forwarded`]. Default: none.
    #[must_use]
    pub fn trust(
        mut self,
        proxies: impl Fn(std::net::IpAddr) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.settings.trusted = Arc::new(proxies);
        self
    }

    /// Changes any of the [`Settings`].
    #[must_use]
    pub fn configure(mut self, change: impl FnOnce(&mut Settings)) -> Self {
        change(&mut self.settings);
        self
    }

    /// A server without a listener yet: [`Server::listen`] adds them. `seed` must come from the operating system's generator: `sid`s are drawn
    /// from it.
    pub fn start(self, seed: [u8; 32]) -> Server<R> {
        Server::start(self.runtime, self.settings, seed)
    }
}
