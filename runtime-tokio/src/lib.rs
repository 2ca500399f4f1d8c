//! XMPP over BOSH and WebSocket on tokio.
#![forbid(unsafe_code)]

use std::{future::Future, io, net::SocketAddr, time::Instant};

pub use xmpp_web_driver as driver;

/// tokio's clock and spawner; made inside a runtime.
#[derive(Clone, Debug)]
pub struct Tokio {}

impl Tokio {
    /// The runtime of this context.
    pub fn current() -> Self {
        todo!()
    }
}

impl driver::Runtime for Tokio {
    type Sleep = std::pin::Pin<Box<tokio::time::Sleep>>;
    fn now(&self) -> Instant {
        todo!()
    }
    fn sleep_until(&self, _at: Instant) -> Self::Sleep {
        todo!()
    }
    fn spawn(&self, _task: impl Future<Output = ()> + Send + 'static) {
        todo!()
    }
}

/// Wraps any tokio stream as a futures-io stream; forwards polls (vectored writes too) and copies nothing.
#[derive(Debug)]
pub struct Io<T>(pub T);

/// A listener on one address (IPv6 addresses listen on IPv6 alone).
#[derive(Debug)]
pub struct Listener {}

impl Listener {
    /// Listens there (SO_REUSEADDR, backlog 1 024). Errors say which address.
    pub fn bind(_address: SocketAddr) -> io::Result<Self> {
        todo!()
    }
    /// The address, with the port that the kernel chose for port 0.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        todo!()
    }
    /// The next connection (TCP_NODELAY set). Accept errors are waited out here (50 ms to 1 s, never spinning) and reported through `report`, at most once a second.
    pub async fn accept(
        &mut self,
        _report: impl Fn(&io::Error),
    ) -> (Io<tokio::net::TcpStream>, SocketAddr) {
        todo!()
    }
}

/// Connects to `host:port`, every address in turn (IPv6 and IPv4), each bounded by a share of `timeout`.
pub async fn connect(
    _host: &str,
    _port: u16,
    _timeout: std::time::Duration,
) -> io::Result<Io<tokio::net::TcpStream>> {
    todo!()
}

/// 32 bytes of OS entropy, for seeds.
pub fn seed() -> [u8; 32] {
    todo!()
}
