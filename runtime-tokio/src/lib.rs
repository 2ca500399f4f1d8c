//! XMPP over BOSH and WebSocket on tokio: clock, spawner, listeners, dialers and TLS for the
//! [driver].
//!
//! A server that sends every message back, over either transport, as a complete program:
//!
//! ```no_run
//! use xmpp_web_tokio::server::{self, Event, Session};
//! use xmpp_wire::{Element, StreamHeader, ns};
//!
//! #[tokio::main]
//! async fn main() -> std::io::Result<()> {
//!     let mut server = server::bind("127.0.0.1:5280".parse().expect("an address"))?;
//!     while let Some(opening) = server.next().await {
//!         println!("{:?}", opening.asked());
//!         tokio::spawn(echo(opening.accept(StreamHeader::default())));
//!     }
//!     Ok(())
//! }
//!
//! async fn echo(mut session: Session) -> Result<(), server::SendError> {
//!     session.send(Element::build("features", ns::STREAM).finish()).await?;
//!     while let Some(event) = session.next().await {
//!         match event {
//!             Event::Element(element) if element.is("message", ns::CLIENT) => session.send(element).await?,
//!             Event::Closed(closed) => println!("{}", closed.cause),
//!             _ => {}
//!         }
//!     }
//!     Ok(())
//! }
//! ```
//!
//! The [`client`]'s page has one of a client. The example `serve_sessions` also lets clients sign in.
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
pub use listener::{Listener, connect};
pub use runtime::{Tokio, seed};
