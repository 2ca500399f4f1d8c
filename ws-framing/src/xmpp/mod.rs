//! RFC 7395: XMPP streams over a WebSocket.
//!
//! A [`Session`] wraps a [`Connection`](crate::Connection) and has its verbs; the crate's page shows the loop that drives it. A server's application
//! answers [`Event::Opened`] with [`Session::open`], sends the features, and then elements. A client's opens first. Of SASL the session knows what
//! changes the framing: it sees the success that passes, lifts the tighter limits, and restarts or expects the restart where the profile has one
//! (SASL2 has none).

mod client;
mod closing;
mod config;
mod content;
mod event;
mod fault;
mod framing;
mod ids;
mod management;
mod receive;
mod redirect;
mod secrecy;
mod sending;
mod session;

pub use config::{Channel, Config, Namespaces};
pub use event::{Closed, Event};
pub use management::{Management, Progress, Resumable};
pub use redirect::{SeeOther, Verdict};
pub use session::Session;
