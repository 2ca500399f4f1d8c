//! XMPP's server's side of BOSH and WebSocket: clients that come to a listener become sessions.
//!
//! A [`Server`] is a stream of [`Opening`]s, clients that want a stream. Each is accepted, which makes it a [`Session`], or refused. A
//! session is a stream of [`Event`]s and a sink of elements, at the level of stanzas: SASL and resource binding are the application's. Its
//! own task does the work, so that pings are answered and requests held whatever the application is busy with; what comes while it does not
//! listen is bounded by [`Settings::inbox_events`] and [`Settings::inbox_bytes`], and then no longer read.
//!
//! ```
//! use xmpp_web_driver::{
//!     Runtime,
//!     server::{Builder, Event, Listener, Session},
//! };
//! use xmpp_wire::{Element, StreamError, StreamHeader, ns};
//!
//! async fn serve<R: Runtime>(runtime: R, listener: impl Listener, seed: [u8; 32]) {
//!     let mut server = Builder::new(runtime.clone()).start(seed);
//!     server.listen(listener);
//!     while let Some(opening) = server.next().await {
//!         if opening.asked().header.to.as_deref() == Some("example.com") {
//!             runtime.spawn(echo(opening.accept(StreamHeader::default())));
//!         } else {
//!             opening.refuse(StreamError::new("host-unknown"));
//!         }
//!     }
//! }
//!
//! async fn echo(mut session: Session) {
//!     let features = || Element::build("features", ns::STREAM).finish();
//!     let mut next = Some(features());
//!     loop {
//!         if let Some(element) = next.take()
//!             && session.send(element).await.is_err()
//!         {
//!             return;
//!         }
//!         next = match session.next().await {
//!             Some(Event::Element(auth)) if auth.is("auth", ns::SASL) => Some(Element::build("success", ns::SASL).finish()),
//!             Some(Event::Restarted(_)) => Some(features()),
//!             Some(Event::Element(element)) => Some(element),
//!             Some(Event::Closed(closed)) => return println!("{}", closed.cause),
//!             Some(_) => None,
//!             None => return,
//!         };
//!     }
//! }
//! ```
//!
//! A stanza that comes before the success of SASL never reaches the application: see [`Authentication`].
//!
//! Every future here is cancel-safe: one that is dropped has changed nothing that is not seen by the next call.

mod builder;
mod closed;
mod connection;
mod engine;
mod session;

use std::{
    fmt,
    future::{Future as _, poll_fn},
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
};

use futures_channel::{mpsc, oneshot};
use futures_util::Stream;
use ws_framing::connection as websocket;
pub use xmpp_machine::SendError;
use xmpp_wire::{Element, StreamError, StreamHeader};

use self::connection::{Down, Shared};
pub use self::{
    builder::{Authentication, Builder, Incoming, Listener, Peer, Settings},
    session::{Asked, Opening, Receiver, Sender, Session},
};
use crate::Runtime;

/// How a client came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// XEP-0124 and XEP-0206.
    Bosh,
    /// XMPP over WebSocket (RFC 7395).
    WebSocket,
}

/// What a session tells.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event {
    /// An element came; it declares all the namespaces that it uses.
    Element(Element),
    /// The client restarted the stream, and has been answered; features are due.
    Restarted(StreamHeader),
    /// The session has ended: nothing follows.
    Closed(Closed),
}

impl Event {
    /// What it weighs in the inbox.
    fn bytes(&self) -> usize {
        match self {
            Self::Element(element) => element.raw().len(),
            Self::Restarted(_) | Self::Closed(_) => 0,
        }
    }
}

/// The end of a session.
#[derive(Debug)]
#[non_exhaustive]
pub struct Closed {
    /// Why the session is over.
    pub cause: Cause,
    /// Elements that were taken and not delivered, in order. Over BOSH that is known; over WebSocket these are the ones that had not left, and
    /// only XEP-0198 knows more.
    pub undelivered: Vec<Element>,
}

/// Why a session is over.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Cause {
    /// `close` or `fail`, both halves were dropped, or the server went down.
    #[error("closed by the server")]
    Ours,
    /// The client ended its stream, without an error.
    #[error("closed by the client")]
    Client,
    /// The client was lost, or broke a rule.
    #[error("{0}")]
    Lost(Error),
}

/// Why a session was lost.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The WebSocket was closed, with this code and reason.
    #[error("the WebSocket was closed with {} {}{rule}", .0.code, .0.diagnostic, rule = crate::ended::in_brackets(&.0.reason))]
    WebSocket(Box<websocket::Closed>),
    /// A stream error: the client's, or the one that it got for what it did.
    #[error("the stream was ended: {}", .0.condition)]
    Stream(Box<StreamError>),
    /// The BOSH session: its client fell silent, or broke the protocol.
    #[error("the BOSH session ended: {0:?}{rule}", rule = crate::ended::in_brackets(.1))]
    Bosh(
        bosh_proto::server::Cause,
        Option<bosh_proto::server::Reason>,
    ),
}

/// A server: the clients that come to its listeners. Dropping it shuts it down.
pub struct Server<R: Runtime> {
    incoming: mpsc::UnboundedReceiver<Opening>,
    /// For listeners to come; none once it is down.
    opened: Option<mpsc::UnboundedSender<Opening>>,
    shared: Arc<Shared<R>>,
    down: Down,
    control: Control,
}

impl<R: Runtime> fmt::Debug for Server<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").finish_non_exhaustive()
    }
}

impl<R: Runtime> Server<R> {
    fn start(runtime: R, settings: Settings, seed: [u8; 32]) -> Self {
        let (opened, incoming) = mpsc::unbounded();
        let (control, down) = Control::new();
        let (shared, sessions) = Shared::new(runtime, settings, seed, down.clone());
        let shared = Arc::new(shared);
        let taking = connection::take_bosh(sessions, Arc::clone(&shared), opened.clone());
        shared.runtime.spawn(taking);
        Self {
            incoming,
            opened: Some(opened),
            shared,
            down,
            control,
        }
    }

    /// Accepts connections here too. A server that is down accepts none.
    pub fn listen(&self, listener: impl Listener) {
        if let Some(opened) = &self.opened {
            let shared = Arc::clone(&self.shared);
            let listening = connection::listen(listener, shared, opened.clone());
            self.shared.runtime.spawn(listening);
        }
    }

    /// The next client; `None` once the server is down and its last connection is over.
    pub async fn next(&mut self) -> Option<Opening> {
        poll_fn(|cx| Pin::new(&mut *self).poll_next(cx)).await
    }

    /// What shuts it down from elsewhere.
    pub fn control(&self) -> Control {
        self.control.clone()
    }

    /// Shuts it down, as [`Control::shut_down`].
    pub fn shut_down(&self) {
        self.control.shut_down();
    }
}

impl<R: Runtime> Stream for Server<R> {
    type Item = Opening;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Opening>> {
        if self.opened.is_some() && Pin::new(&mut self.down).poll(cx).is_ready() {
            self.opened = None;
        }
        Pin::new(&mut self.incoming).poll_next(cx)
    }
}

impl<R: Runtime> Drop for Server<R> {
    fn drop(&mut self) {
        self.control.shut_down();
    }
}

/// Shuts a server down. Dropping it does nothing.
#[derive(Clone, Debug)]
pub struct Control(Arc<Mutex<Option<oneshot::Sender<()>>>>);

impl Control {
    fn new() -> (Self, Down) {
        let (signal, down) = oneshot::channel();
        (Self(Arc::new(Mutex::new(Some(signal)))), Down::new(down))
    }

    /// Accepts no more connections, and ends every session with `system-shutdown`: each has its `Closed`, held requests are answered. To wait
    /// for the end, go on with [`Server::next`] until `None`; what a peer may take for that is bounded by the machines' own deadlines.
    pub fn shut_down(&self) {
        drop(self.0.lock().unwrap_or_else(PoisonError::into_inner).take());
    }
}
