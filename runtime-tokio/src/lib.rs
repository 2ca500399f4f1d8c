//! XMPP over BOSH and WebSocket on tokio: clock, spawner, listeners, dialers and TLS for the
//! [driver].
//!
//! A BOSH endpoint whose sessions are all refused, as the smallest complete program:
//!
//! ```no_run
//! use std::sync::Arc;
//!
//! use xmpp_web_tokio::{Listener, Tokio, driver, seed};
//!
//! #[tokio::main(flavor = "current_thread")]
//! async fn main() -> std::io::Result<()> {
//!     let runtime = Tokio::current();
//!     let (hub, mut sessions) = driver::bosh::Hub::new(Arc::default(), seed()?, runtime.clone());
//!     tokio::spawn(async move {
//!         // Dropping a session closes it.
//!         while let Some(session) = sessions.next().await {
//!             println!("{:?} wants {:?}", session.key(), session.opening().header.to);
//!         }
//!     });
//!     let mut listener = Listener::bind("127.0.0.1:5280".parse().expect("an address"))?;
//!     let http = Arc::new(driver::http::Config::default());
//!     for id in 0.. {
//!         let (stream, peer) = listener.accept(|error| eprintln!("{error}")).await;
//!         let (hub, runtime, http) = (hub.clone(), runtime.clone(), Arc::clone(&http));
//!         tokio::spawn(async move {
//!             let mut connection = driver::http::Connection::new(stream, http, runtime);
//!             while let Some(request) = connection.next().await {
//!                 let body = driver::bosh::Request {
//!                     body: request.body,
//!                     connection: driver::bosh::ConnectionId(id),
//!                     source: Some(peer.ip()),
//!                     channel: driver::bosh::Channel::Plain,
//!                 };
//!                 connection.exchange(request.id, &hub, body, |answer| {
//!                     driver::http::Response::new(answer.status).with_body(answer.content_type, answer.body)
//!                 });
//!             }
//!         });
//!     }
//!     Ok(())
//! }
//! ```
#![forbid(unsafe_code)]

#[cfg(feature = "client")]
pub mod client;
mod io;
mod listener;
mod runtime;
pub mod tls;

pub use xmpp_web_driver as driver;

pub use io::Io;
pub use listener::{Listener, connect};
pub use runtime::{Tokio, seed};
