//! XMPP over BOSH and WebSocket on smol: clock and spawner for the [driver]. smol's streams are futures-io streams: they go
//! into the driver as they are.
//!
//! A WebSocket that answers every message with the same, from an accepted connection on:
//!
//! ```no_run
//! use std::sync::Arc;
//!
//! use xmpp_web_smol::{Smol, driver};
//!
//! fn main() -> std::io::Result<()> {
//!     smol::block_on(async {
//!         let listener = smol::net::TcpListener::bind("127.0.0.1:5280").await?;
//!         let config = Arc::new(driver::http::Config::default());
//!         loop {
//!             let (stream, _) = listener.accept().await?;
//!             let config = Arc::clone(&config);
//!             smol::spawn(async move {
//!                 let mut http = driver::http::Connection::new(stream, config, Smol);
//!                 while let Some(request) = http.next().await {
//!                     http.respond(request.id, driver::http::Response::new(404));
//!                 }
//!             })
//!             .detach();
//!         }
//!     })
//! }
//! ```
#![forbid(unsafe_code)]

use std::{future::Future, time::Instant};

pub use xmpp_web_driver as driver;

/// smol's clock and its global executor.
#[derive(Clone, Copy, Debug, Default)]
pub struct Smol;

/// A sleep of smol's.
#[derive(Debug)]
pub struct Sleep(smol::Timer);

impl Future for Sleep {
    type Output = ();

    fn poll(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<()> {
        std::pin::Pin::new(&mut self.0).poll(cx).map(|_| ())
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
