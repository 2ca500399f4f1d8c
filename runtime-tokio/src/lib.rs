//! XMPP over BOSH and WebSocket on tokio: clock, spawner, listeners, dialers and TLS for the
//! [driver].
//!
//! A server that lets clients sign in and sends every message back, over either transport, as a
//! complete program (the example `page_server`):
//!
//! ```no_run
#![doc = include_str!("../examples/page_server.rs")]
//! ```
//!
//! The [`client`]'s page has one of a client. The example `serve_sessions` has users with names.
#![forbid(unsafe_code)]

#[cfg(feature = "client")]
pub mod client;
mod io;
mod listener;
mod runtime;
#[cfg(feature = "server")]
pub mod server;
pub mod tls;

pub use xmpp_web_driver as driver;

pub use io::Io;
pub use listener::{Listener, connect, connect_to};
pub use runtime::{Tokio, seed};
