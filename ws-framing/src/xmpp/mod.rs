//! RFC 7395: XMPP streams over a WebSocket.
//!
//! [`client::Session`] and [`server::Session`] are the two ends of a stream. Either runs on bytes,
//! over a [`Connection`](crate::Connection) of its own, with the verbs of
//! [`xmpp_machine::Machine`]; or over the whole messages of somebody else's WebSocket
//! ([`Messages`]): a browser's, an HTTP server's, one inside HTTP/2.
//!
//! A server's application answers [`Event::Opened`] with `open`, sends the features, and then
//! elements. A client's opens first. Of SASL the session knows what changes the framing: it sees
//! the success that passes, lifts the tighter limits, and restarts or expects the restart where the
//! profile has one (SASL2 has none).

pub mod client;
mod closing;
mod config;
mod content;
mod event;
mod framing;
mod ids;
mod management;
mod messages;
mod receive;
mod redirect;
mod role;
mod secrecy;
pub mod server;
mod session;

pub use crate::websocket::WebSocket;
pub use config::{Channel, Config, Namespaces};
pub use event::{Closed, Event};
pub use management::{Management, Progress, Resumable};
pub use messages::{Messages, Outgoing};
pub use redirect::{SeeOther, Verdict};
pub use role::Role;
pub use session::Session;
