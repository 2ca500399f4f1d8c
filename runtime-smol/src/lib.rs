//! XMPP over BOSH and WebSocket on smol: clock and spawner for the [driver]. smol's streams are
//! futures-io streams: they go into the driver as they are.
//!
//! A server that lets clients sign in and sends every message back, over either transport, as a
//! complete program (the example `page_server_smol`):
//!
//! ```no_run
#![doc = include_str!("../examples/page_server_smol.rs")]
//! ```
//!
//! The [`client`]'s page has one of a client. The example `serve_sessions_smol` has users with names.
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
#[cfg(feature = "server")]
pub mod server;

pub use xmpp_web_driver as driver;

#[cfg(feature = "async-std")]
pub use self::async_std::{AsyncStd, Socket};

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
