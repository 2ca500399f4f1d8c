//! WebSocket (RFC 6455) and its XMPP subprotocol (RFC 7395) as pure state machines: no sockets, no
//! clock, no entropy, no threads.
//!
//! A machine is told what happened and asked what to do. This is the whole loop, here for a server
//! whose transport is `S`:
//!
//! ```
//! use std::io::{self, Read, Write};
//!
//! use bytes::BytesMut;
//! use ws_framing::{Connection, Instant, connection::{Action, Config, Event}};
//!
//! fn echo(mut stream: impl Read + Write, unread: BytesMut) -> io::Result<()> {
//!     let mut connection = Connection::server(Config::default(), Instant::now());
//!     let mut input = unread; // what came behind the upgrade
//!     let mut scratch = [0; 4096];
//!     connection.handle_input(&mut input, Instant::now());
//!     loop {
//!         // 1. Orders.
//!         let mut closing = false;
//!         while let Some(action) = connection.poll_action() {
//!             match action {
//!                 Action::Deliver(Event::Message(message)) => {
//!                     // A full outbox gives the message back; a real application waits for `Event::Writable`.
//!                     if let Err(refused) = connection.send(message, Instant::now()) {
//!                         eprintln!("not sent: {refused}");
//!                     }
//!                 }
//!                 Action::Deliver(Event::Closed(closed)) => println!("closed: {}", closed.code),
//!                 Action::Deliver(Event::Pong(_) | Event::Writable) => {}
//!                 Action::Close => closing = true,
//!                 Action::Abort => return Ok(()),
//!             }
//!         }
//!         // 2. Bytes to write, one piece at a time.
//!         while let Some(transmit) = connection.poll_transmit() {
//!             stream.write_all(&transmit.head)?;
//!             stream.write_all(&transmit.payload)?;
//!         }
//!         if closing {
//!             return Ok(());
//!         }
//!         // 3. Bytes to read, or the deadline: a real driver waits for whichever is first.
//!         match stream.read(&mut scratch)? {
//!             0 => connection.handle_eof(Instant::now()),
//!             count => {
//!                 input.extend_from_slice(&scratch[..count]);
//!                 connection.handle_input(&mut input, Instant::now());
//!             }
//!         }
//!         if connection.poll_timeout().is_some_and(|deadline| deadline <= Instant::now()) {
//!             connection.handle_timeout(Instant::now());
//!         }
//!     }
//! }
//! # struct Wire(&'static [u8], Vec<u8>);
//! # impl Read for Wire { fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> { self.0.read(buf) } }
//! # impl Write for Wire { fn write(&mut self, buf: &[u8]) -> io::Result<usize> { self.1.write(buf) } fn flush(&mut self) -> io::Result<()> { Ok(()) } }
//! # let mut wire = Wire(&[0x81, 0x82, 0, 0, 0, 0, b'h', b'i', 0x88, 0x80, 0, 0, 0, 0], Vec::new());
//! # echo(&mut wire, BytesMut::new())?;
//! # assert_eq!(wire.1, [0x81, 2, b'h', b'i', 0x88, 0]);
//! # Ok::<(), io::Error>(())
//! ```
//!
//! Each layer can be used alone:
//!
//! - [`handshake`]: the opening handshake as functions from heads to answers.
//! - [`Connection`]: frames, control frames, the closing handshake; messages in and out (RFC 6455).
//! - [`xmpp::client::Session`] and [`xmpp::server::Session`] over [`xmpp::Messages`]: RFC 7395 on
//!   the whole messages of somebody else's WebSocket, without frames.
//! - The same over a [`Connection`]: bytes below, XMPP's elements above, with the verbs of
//!   [`xmpp_machine::Machine`].
//!
//! What a peer does wrong is never an error of a call: it becomes the farewell on the wire, one
//! `Closed` event, which names the [`Reason`], and the order to close.
//!
//! Decisions about this crate, in `docs/decisions/`: 0004, 0011, 0015, 0019, 0032, 0037, 0042,
//! 0052, 0056, 0057, 0060.
#![forbid(unsafe_code)]

pub mod connection;
#[cfg(feature = "deflate")]
pub mod deflate;
#[cfg(not(feature = "deflate"))]
#[path = "deflate/absent.rs"]
mod deflate;
pub mod frame;
pub mod handshake;
mod reason;
mod websocket;
pub mod xmpp;

pub use connection::Connection;
pub use frame::{CloseCode, NotUtf8, Utf8Bytes};
pub use reason::Reason;
pub use xmpp_machine::{Instant, Transmit};
