//! Async code that drives the machines of XMPP over the web and knows no runtime: futures-io streams in, and the four things of
//! [`Runtime`] that a clock and a spawner are.
//!
//! - [`Pump`] moves bytes between one machine and one stream. It decides nothing: it drives any [`Machine`].
//! - [`bosh::Hub`] is where HTTP exchanges meet BOSH sessions; [`http::Connection`] brings the exchanges, or gives its stream to a WebSocket.
//! - [`websocket`] opens one as a client.
//! - [`post`] carries a BOSH client's requests over HTTP/1.1; [`proxy`] is the way out through a proxy.
//! - `client` (a feature) is a whole client, `server` (another) a whole server's side: sessions as streams of events and sinks of elements.
//! - [`relay`] ties a client's session to a stream to a server.
//!
//! Every `next` here is cancel-safe: what it has done lives in the value that it was borrowed from. A WebSocket that echoes what it
//! hears, behind its handshake:
//!
//! ```
//! use bytes::BytesMut;
//! use futures_io::{AsyncRead, AsyncWrite};
//! use ws_framing::connection::{Config, Connection, Event};
//! use xmpp_web_driver::{Pump, Runtime, Step};
//!
//! async fn echo<S: AsyncRead + AsyncWrite + Unpin>(stream: S, unread: BytesMut, runtime: impl Runtime) {
//!     let machine = Connection::server(Config::default(), runtime.now());
//!     let mut pump = Pump::new(machine, stream, unread, runtime);
//!     while let Some(step) = pump.next().await {
//!         if let Step::Event(Event::Message(message)) = step {
//!             let now = pump.now();
//!             // A peer that does not read what it asked for fills the outbox.
//!             if pump.machine_mut().send(message, now).is_err() {
//!                 return;
//!             }
//!         }
//!     }
//! }
//! ```
//!
//! Decisions about this crate, in `docs/decisions/`: 0004, 0006, 0008, 0009, 0013, 0018, 0023,
//! 0026, 0030, 0031, 0033, 0034, 0035, 0036, 0037, 0040, 0041, 0042, 0052, 0055, 0059.
#![forbid(unsafe_code)]

mod accepted;
mod alarm;
pub mod bosh;
#[cfg(feature = "client")]
pub mod client;
mod dial;
mod ended;
#[cfg(any(feature = "client", feature = "server"))]
mod halves;
pub mod http;
mod link;
pub mod post;
pub mod proxy;
mod pump;
pub mod relay;
#[cfg(feature = "server")]
pub mod server;
mod stream;
#[cfg(feature = "tls")]
pub mod tls;
pub mod websocket;

pub use dial::dial;
pub use pump::{Pump, Step};
pub use stream::{BoxStream, ByteStream};
pub use xmpp_machine::{Action, Machine};

use std::{future::Future, time::Instant};

/// All that a runtime has to supply.
pub trait Runtime: Clone + Send + Sync + Unpin + 'static {
    /// A sleeping future.
    type Sleep: Future<Output = ()> + Send + Unpin;
    /// The current time of the runtime's clock.
    fn now(&self) -> Instant;
    /// Sleeps until then.
    fn sleep_until(&self, at: Instant) -> Self::Sleep;
    /// Runs a task by itself.
    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static);
}
