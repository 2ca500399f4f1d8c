//! XMPP over BOSH and WebSocket on smol: clock and spawner for the [driver]. smol's streams are futures-io streams: they
//! go into the driver as they are.
//!
//! A WebSocket server that answers every message with the same:
//!
//! ```no_run
//! use std::{io, sync::Arc};
//!
//! use smol::net::{TcpListener, TcpStream};
//! use ws_framing::{
//!     connection::{Config, Connection, Event},
//!     handshake::server::{self, accept},
//! };
//! use xmpp_web_smol::{
//!     Smol,
//!     driver::{Pump, Runtime as _, Step, http},
//! };
//!
//! fn main() -> io::Result<()> {
//!     smol::block_on(async {
//!         let listener = TcpListener::bind("127.0.0.1:5281").await?;
//!         loop {
//!             let (stream, _) = listener.accept().await?;
//!             smol::spawn(async move {
//!                 if let Err(error) = serve(stream).await {
//!                     eprintln!("{error}");
//!                 }
//!             })
//!             .detach();
//!         }
//!     })
//! }
//!
//! async fn serve(stream: TcpStream) -> io::Result<()> {
//!     let mut handshake = server::Config::default();
//!     handshake.subprotocol = None;
//!     let mut connection = http::Connection::new(stream, Arc::default(), Smol);
//!     while let Some(request) = connection.next().await {
//!         match accept(&request.head, request.surplus, &handshake) {
//!             Ok(accepted) => {
//!                 let (stream, unread) = connection.upgrade(request.id, accepted.response).await?;
//!                 let machine = Connection::server(Config::default(), Smol.now());
//!                 let mut pump = Pump::new(machine, stream, unread, Smol);
//!                 while let Some(step) = pump.next().await {
//!                     if let Step::Event(Event::Message(message)) = step {
//!                         // A peer that does not read what it asked for fills the outbox.
//!                         let sent = pump.machine_mut().send(message, Smol.now());
//!                         sent.map_err(|refused| io::Error::other(refused.to_string()))?;
//!                     }
//!                 }
//!                 return Ok(());
//!             }
//!             Err(rejected) => connection.respond(request.id, rejected.response),
//!         }
//!     }
//!     Ok(())
//! }
//! ```
#![forbid(unsafe_code)]

use std::{
    future::Future,
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Instant,
};

#[cfg(feature = "async-std")]
mod async_std;
#[cfg(feature = "client")]
pub mod client;

pub use xmpp_web_driver as driver;

#[cfg(feature = "async-std")]
pub use self::async_std::AsyncStd;

/// smol's clock and its global executor.
#[derive(Clone, Copy, Debug, Default)]
pub struct Smol;

/// A sleep of smol's.
#[derive(Debug)]
pub struct Sleep(smol::Timer);

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.0).poll(cx).map(|_| ())
    }
}

impl driver::Runtime for Smol {
    type Sleep = Sleep;

    fn now(&self) -> Instant {
        Instant::now()
    }

    fn sleep_until(&self, at: Instant) -> Sleep {
        Sleep(smol::Timer::at(at))
    }

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        smol::spawn(task).detach();
    }
}

/// 32 bytes of entropy from the operating system, for seeds.
///
/// # Errors
///
/// Where the system has none to give.
pub fn seed() -> io::Result<[u8; 32]> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed)
        .map_err(|error| io::Error::other(format!("no entropy from the system: {error}")))?;
    Ok(seed)
}
