//! RFC 6120 streams on a byte stream, both ends, and the relay between a client's session and a stream, as pure state
//! machines: they are told what happened and what time it is, and asked what to do. They never wait.
//!
//! [`client::Stream`] opens a stream and negotiates STARTTLS, [`server::Stream`] answers one; [`Relay`] owns a
//! `client::Stream` and translates between it and a client's session (BOSH, WebSocket).
//!
//! The loop that drives each of them, here over blocking I/O:
//!
//! ```
//! use std::{io::{Read, Write}, time::Instant};
//! use bytes::BytesMut;
//! use xmpp_stream::{Action, client::{Event, Stream}};
//!
//! /// Runs until the application has something to answer; `None` when the stream is over.
//! fn next(stream: &mut Stream, socket: &mut (impl Read + Write), now: impl Fn() -> Instant) -> std::io::Result<Option<Event>> {
//!     let (mut input, mut scratch) = (BytesMut::new(), [0; 16_384]);
//!     let mut closing = false;
//!     loop {
//!         while let Some(action) = stream.poll_action() {
//!             match action {
//!                 Action::Deliver(event) => return Ok(Some(event)),
//!                 // Not asked for here: write what is left, do the handshake, then `handle_tls`.
//!                 Action::Handover(_) => return Err(std::io::ErrorKind::Unsupported.into()),
//!                 Action::Close => closing = true,
//!                 Action::Abort => return Ok(None),
//!             }
//!         }
//!         while let Some(bytes) = stream.poll_transmit() {
//!             socket.write_all(&bytes)?;
//!         }
//!         if closing {
//!             return Ok(None);
//!         }
//!         if stream.poll_timeout().is_some_and(|at| at <= now()) {
//!             stream.handle_timeout(now());
//!         } else if stream.wants_input() {
//!             match socket.read(&mut scratch)? {
//!                 0 => stream.handle_eof(now()),
//!                 count => {
//!                     input.extend_from_slice(&scratch[..count]);
//!                     stream.handle_input(&mut input, now());
//!                 }
//!             }
//!         }
//!     }
//! }
//!
//! # use xmpp_stream::client::{Config, Tls};
//! # struct Socket(&'static [u8]);
//! # impl Read for Socket { fn read(&mut self, to: &mut [u8]) -> std::io::Result<usize> { self.0.read(to) } }
//! # impl Write for Socket { fn write(&mut self, from: &[u8]) -> std::io::Result<usize> { Ok(from.len()) } fn flush(&mut self) -> std::io::Result<()> { Ok(()) } }
//! # let epoch = Instant::now();
//! # let mut stream = Stream::new(Config::default().with_tls(Tls::None), Default::default(), epoch);
//! # let mut socket = Socket(b"<s:stream xmlns='jabber:client' xmlns:s='http://etherx.jabber.org/streams' version='1.0'><s:features/></s:stream>");
//! # assert!(matches!(next(&mut stream, &mut socket, || epoch)?, Some(Event::Opened(_))));
//! # assert!(matches!(next(&mut stream, &mut socket, || epoch)?, Some(Event::Element(_))));
//! # assert!(matches!(next(&mut stream, &mut socket, || epoch)?, Some(Event::Ended)));
//! # stream.close(epoch);
//! # assert!(matches!(next(&mut stream, &mut socket, || epoch)?, Some(Event::Closed(_))));
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! Decisions about this crate, in `docs/decisions/`: 0001, 0005, 0009, 0027, 0031, 0038, 0047,
//! 0050, 0052, 0057, 0059, 0060.
#![forbid(unsafe_code)]

pub mod client;
mod features;
mod header;
mod outbox;
mod reason;
pub mod relay;
pub mod server;
pub mod session;
mod transport;

/// The clock's type: std's, and `web_time`'s on wasm32-unknown-unknown.
#[cfg(not(all(target_arch = "wasm32", target_os = "unknown")))]
pub use std::time::Instant;
#[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
pub use web_time::Instant;

pub use reason::Reason;
pub use relay::Relay;
pub use transport::{Action, Cause, Closed, Event, StartTls};
pub use xmpp_machine::SendError;
