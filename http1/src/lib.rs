//! HTTP/1.1 (RFC 9112) as pure state machines, both ends of a connection: [`server`] and [`client`].
//!
//! They do no I/O, read no clock and start no thread. The driver moves bytes and time:
//!
//! ```
//! use bytes::BytesMut;
//! use xmpp_http1::{Instant, Response, server::{Action, Config, Connection, Event}};
//!
//! # fn example(now: Instant) {
//! let mut connection = Connection::new(Config::default().into(), now);
//! let mut input = BytesMut::from("GET / HTTP/1.1\r\nHost: a.example\r\n\r\n");
//! let mut written = Vec::new();
//! 'drive: loop {
//!     // Also after an answer: it may have made room for what was read before.
//!     if connection.wants_input() && !input.is_empty() {
//!         connection.handle_input(&mut input, now);
//!     }
//!     let mut idle = true;
//!     while let Some(action) = connection.poll_action() {
//!         idle = false;
//!         match action {
//!             Action::Deliver(Event::Request(request)) => {
//!                 let answer = Response::new(200).with_body("text/plain", "hello");
//!                 connection.respond(request.id, answer, now);
//!             }
//!             Action::Deliver(Event::Body(_) | Event::Sent(_) | Event::Closed(_)) => {}
//!             Action::Handover(_) | Action::Close | Action::Abort => break 'drive,
//!         }
//!     }
//!     // One at a time, as the socket takes them; then drain the orders again.
//!     if let Some(transmit) = connection.poll_transmit() {
//!         written.extend_from_slice(&transmit.head);
//!         written.extend_from_slice(&transmit.payload);
//!     } else if idle && connection.poll_timeout().is_some() {
//!         break; // a driver waits here: for bytes, and for the deadline to call `handle_timeout`
//!     }
//! }
//! assert!(written.ends_with(b"\r\n\r\nhello"));
//! # }
//! # example(std::time::Instant::now());
//! ```
//!
//! Decisions about this crate, in `docs/decisions/`: 0012, 0026, 0041, 0045, 0052, 0057.
#![forbid(unsafe_code)]

mod chunked;
pub mod client;
pub mod forwarded;
mod framing;
mod head;
mod limits;
mod parse;
mod response;
mod response_head;
pub mod server;
mod target;
mod write;

pub use head::{RequestHead, Version};
pub use limits::Limits;
pub use response::Response;
pub use response_head::ResponseHead;
pub use xmpp_machine::{Instant, Transmit};

/// Why a byte stream is handed over: the connection is no longer an HTTP connection, and the next protocol takes the stream with the bytes
/// that were not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Upgraded;
