//! RFC 7395: XMPP streams over a WebSocket.
//!
//! A [`Session`] wraps a [`Connection`](crate::Connection) and has its verbs; the crate's page shows the loop that drives it. The application
//! answers [`Event::Opened`] with [`Session::open`], sends the features, and then elements. Of SASL the session knows what changes the framing:
//! it sees the success that is sent, lifts the tighter limits, and expects the restart where the profile has one.

mod closing;
mod config;
mod content;
mod event;
mod fault;
mod framing;
mod ids;
mod receive;
mod session;

pub use config::{Config, Namespaces};
pub use event::{Closed, Event};
pub use session::Session;
