//! XMPP clients over WebSocket and BOSH: they find a node, open a stream, and find another node where it fails.
//!
//! A [`Client`] is a stream of [`Event`]s and a sink of elements, at the level of stanzas: what SASL, resource binding and stream management
//! say is the application's. Its own task does the work, so that pings are answered and requests held whatever the application is busy
//! with; what comes while it does not listen is bounded by [`Settings::inbox_events`] and [`Settings::inbox_bytes`], and then no longer read.
//!
//! ```
//! use std::error::Error;
//! use xmpp_web_driver::client::{Builder, Cause, Event, Network};
//! use xmpp_wire::{Element, ns};
//!
//! async fn echo(network: impl Network) -> Result<(), Box<dyn Error>> {
//!     let mut client = Builder::new("example.com", network)?.connect().await?;
//!     while let Some(event) = client.next().await {
//!         match event {
//!             // Each session is a new one: authenticate, bind, and send again what came back from the last.
//!             Event::Opened(opened) => println!("session {} at {}", opened.session, opened.url),
//!             Event::Element(element) if element.is("message", ns::CLIENT) => client.send(element).await?,
//!             Event::Element(_) | Event::Restarted => {}
//!             Event::Lost(lost) => eprintln!("{}; {} elements came back", lost.error, lost.undelivered.len()),
//!             Event::Unreachable(failed, delay) => eprintln!("{failed}; again in {delay:?}"),
//!             Event::Closed(closed) => println!("{}", closed.cause),
//!             _ => {}
//!         }
//!     }
//!     Ok(())
//! }
//! ```
//!
//! After a success of RFC 6120's SASL the client restarts the stream, over either transport: wait for the features, then bind a resource. What is
//! sent before they come waits for them.
//!
//! Every future here is cancel-safe: one that is dropped has changed nothing that is not seen by the next call.

mod bosh;
mod builder;
mod dial;
mod dialled;
mod engine;
mod error;
mod get;
mod network;
mod websocket;

use std::{
    future::poll_fn,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use futures_util::{Sink, Stream};
pub use xmpp_endpoints::{
    NotAnEndpoint, Transport, Url,
    planner::{NotADomain, Patience},
};
pub use xmpp_machine::SendError;
use xmpp_wire::{Element, StreamHeader};

use self::engine::Engine;
pub use self::{
    builder::{Builder, ConnectError, Settings},
    dial::Proxy,
    error::{Error, Failed},
    network::{BoxStream, ByteStream, Network},
};
use crate::halves::halves;

/// What a client tells.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event {
    /// A stream for the domain is open: a new session, the first or one after a loss.
    Opened(Opened),
    /// An element came; it declares all the namespaces that it uses.
    Element(Element),
    /// The stream was restarted, which the client does by itself behind a success of RFC 6120's SASL; the features are the next element. SASL2, and
    /// whatever else an application signs in with, restarts nothing.
    Restarted,
    /// The session is lost; a new one is looked for.
    Lost(Lost),
    /// Nothing that was tried led to a session; it is tried again after this time. Several in a row come as the latest alone.
    Unreachable(Failed, Duration),
    /// The client is over: nothing follows.
    Closed(Closed),
}

impl Event {
    /// What it weighs in the inbox.
    fn bytes(&self) -> usize {
        match self {
            Self::Element(element) => element.raw().len(),
            Self::Opened(_)
            | Self::Restarted
            | Self::Lost(_)
            | Self::Unreachable(..)
            | Self::Closed(_) => 0,
        }
    }
}

/// A new session. Nothing of an earlier one holds in it.
#[derive(Debug)]
#[non_exhaustive]
pub struct Opened {
    /// The first of a client is 1.
    pub session: u64,
    /// The URL of the endpoint that the session is at.
    pub url: Url,
    /// What the server said of itself.
    pub header: StreamHeader,
    /// The stream's features; `None` where another element came in their place, which follows.
    pub features: Option<Element>,
}

/// A session that is lost.
#[derive(Debug)]
#[non_exhaustive]
pub struct Lost {
    /// Why the session was lost.
    pub error: Error,
    /// Elements that were taken and not acknowledged, in order. Over BOSH that is known; over WebSocket these are the ones that had not left, and
    /// only XEP-0198 knows more.
    pub undelivered: Vec<Element>,
    /// When a new session is looked for; zero: at once.
    pub delay: Duration,
}

/// The end of a client.
#[derive(Debug)]
#[non_exhaustive]
pub struct Closed {
    /// Why the client is over.
    pub cause: Cause,
    /// Elements that were taken and not acknowledged, in order.
    pub undelivered: Vec<Element>,
}

/// Why a client is over.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Cause {
    /// `close`, or both halves were dropped.
    #[error("closed by the application")]
    Ours,
    /// The server ended its stream, without an error.
    #[error("closed by the server")]
    Server,
    /// The session was lost, and no other one is wanted: another node would say the same, or the application was closing.
    #[error("{0}")]
    Lost(Error),
    /// There was no session to be had.
    #[error("{0}")]
    Failed(Failed),
}

/// `restart` in a session in which RFC 6120's SASL has not succeeded, or without a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no restart is due")]
pub struct NotDue;

/// What a client's halves share, whatever the network.
trait Handle: Send + Sync {
    fn poll_event(&self, cx: &mut Context<'_>) -> Poll<Option<Event>>;
    fn poll_opened(&self, cx: &mut Context<'_>) -> Poll<Result<(), Option<Failed>>>;
    fn poll_ready(&self, cx: &mut Context<'_>) -> Poll<()>;
    fn poll_over(&self, cx: &mut Context<'_>) -> Poll<()>;
    fn send(&self, element: Element) -> Result<(), SendError<Element>>;
    fn restart(&self) -> Result<(), NotDue>;
    fn close(&self);
    fn forget(&self);
}

struct Shared<N: Network>(Mutex<Engine<N>>);

impl<N: Network> Shared<N> {
    fn lock(&self) -> MutexGuard<'_, Engine<N>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<N: Network> Handle for Shared<N> {
    fn poll_event(&self, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        self.lock().poll_event(cx)
    }
    fn poll_opened(&self, cx: &mut Context<'_>) -> Poll<Result<(), Option<Failed>>> {
        self.lock().poll_opened(cx)
    }
    fn poll_ready(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.lock().poll_ready(cx)
    }
    fn poll_over(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.lock().poll_over(cx)
    }
    fn send(&self, element: Element) -> Result<(), SendError<Element>> {
        self.lock().send(element)
    }
    fn restart(&self) -> Result<(), NotDue> {
        self.lock().restart()
    }
    fn close(&self) {
        self.lock().close();
    }
    fn forget(&self) {
        self.lock().forget();
    }
}

/// A client: both halves in one. Dropping it closes the session; its own task sees to that.
#[derive(Debug)]
pub struct Client {
    sender: Sender,
    receiver: Receiver,
}

/// The half that sends.
pub struct Sender(Arc<dyn Handle>);

/// The half that listens. Dropping it closes the client: nobody would read what comes.
pub struct Receiver(Arc<dyn Handle>);

impl Client {
    fn start<N: Network>(network: N, settings: Settings, seed: [u8; 32]) -> Self {
        let engine = Engine::new(network.clone(), settings, seed);
        let shared = Arc::new(Shared(Mutex::new(engine)));
        let handle: Arc<dyn Handle> = shared.clone();
        network.spawn(poll_fn(move |cx| shared.lock().poll_run(cx)));
        Self {
            sender: Sender(Arc::clone(&handle)),
            receiver: Receiver(handle),
        }
    }

    /// Waits for the first session; its `Opened` is then the next event.
    ///
    /// # Errors
    ///
    /// Says what was tried and what came of it.
    pub async fn opened(&self) -> Result<(), ConnectError> {
        let opened = poll_fn(|cx| self.receiver.0.poll_opened(cx)).await;
        opened.map_err(|failed| failed.map_or(ConnectError::Closed, ConnectError::Failed))
    }

    /// The next event; `None` behind `Closed`.
    pub async fn next(&mut self) -> Option<Event> {
        self.receiver.next().await
    }

    /// Sends an element, waiting for room. Where the future is dropped, it was not taken.
    ///
    /// # Errors
    ///
    /// Gives the element back: `Closed` without a session that the application has heard of, `Forbidden`.
    pub async fn send(&mut self, element: Element) -> Result<(), SendError<Element>> {
        self.sender.send(element).await
    }

    /// Sends an element if there is room.
    ///
    /// # Errors
    ///
    /// Gives the element back: `Full`, `Closed`, `Forbidden`.
    pub fn try_send(&mut self, element: Element) -> Result<(), SendError<Element>> {
        self.sender.try_send(element)
    }

    /// Asks whether the stream was restarted, as [`Sender::restart`] does.
    ///
    /// # Errors
    ///
    /// Before such a success, and after SASL2's.
    pub fn restart(&mut self) -> Result<(), NotDue> {
        self.sender.restart()
    }

    /// Ends the session, behind what was sent, and waits for its end. What still comes meanwhile is dropped; to hear it, call
    /// [`Sender::close`] and go on with `next`.
    pub async fn close(&mut self) -> Option<Closed> {
        self.sender.close();
        loop {
            match self.next().await {
                Some(Event::Closed(closed)) => return Some(closed),
                Some(_) => {}
                None => return None,
            }
        }
    }

    /// Both halves, for two tasks.
    pub fn split(self) -> (Sender, Receiver) {
        (self.sender, self.receiver)
    }
}

impl Sender {
    /// Sends an element, waiting for room. Where the future is dropped, it was not taken.
    ///
    /// # Errors
    ///
    /// Gives the element back: `Closed` without a session that the application has heard of, `Forbidden`.
    pub async fn send(&mut self, element: Element) -> Result<(), SendError<Element>> {
        let mut element = Some(element);
        poll_fn(|cx| {
            loop {
                std::task::ready!(self.0.poll_ready(cx));
                let Some(given) = element.take() else {
                    return Poll::Ready(Ok(()));
                };
                match self.0.send(given) {
                    // Another half was faster: halves are not cloned, but their handles live in two tasks.
                    Err(SendError::Full(back)) => element = Some(back),
                    sent => return Poll::Ready(sent),
                }
            }
        })
        .await
    }

    /// Sends an element if there is room.
    ///
    /// # Errors
    ///
    /// Gives the element back: `Full`, `Closed`, `Forbidden`.
    pub fn try_send(&mut self, element: Element) -> Result<(), SendError<Element>> {
        self.0.send(element)
    }

    /// Asks for the restart of the stream after a success of RFC 6120's SASL. The client makes it by itself, over either transport, as soon as the
    /// success arrives: a program may call this, at any time behind the success and any number of times, or leave it out.
    ///
    /// # Errors
    ///
    /// Before such a success, and after SASL2's.
    pub fn restart(&mut self) -> Result<(), NotDue> {
        self.0.restart()
    }

    /// Starts to end the session, behind what was sent; `Closed` comes out of the other half.
    pub fn close(&mut self) {
        self.0.close();
    }
}

impl Receiver {
    /// The next event; `None` behind `Closed`.
    pub async fn next(&mut self) -> Option<Event> {
        poll_fn(|cx| self.0.poll_event(cx)).await
    }
}

halves!(Client);
