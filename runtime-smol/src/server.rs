//! XMPP's server's side on smol. What it does is the [driver's](crate::driver::server); the crate's
//! page has a complete program.
//!
//! ```no_run
//! use smol::net::TcpListener;
//! use xmpp_web_smol::{Smol, driver, server::{Builder, Secure, Tcp}};
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let server = Builder::new(Smol).configure(|settings| settings.connections = 1_000).start(xmpp_web_smol::seed()?);
//! let config = driver::tls::server("chat.pem".as_ref(), "chat.key".as_ref())?;
//! server.listen(Secure::new(Tcp(TcpListener::bind("0.0.0.0:5281").await?), config));
//! server.listen(Tcp(TcpListener::bind("127.0.0.1:5280").await?));
//! # Ok(())
//! # }
//! ```

use std::{fmt, future::Future, io, net::SocketAddr, sync::Arc};

use futures_rustls::{TlsAcceptor, rustls::ServerConfig};
use smol::net::{TcpListener, TcpStream};

pub use crate::driver::server::*;
use crate::{Smol, driver::BoxStream, seed};

/// A server with every default that listens there, in plain text, on smol's global executor: for
/// this machine, or behind a proxy.
///
/// # Errors
///
/// The system's: the address cannot be listened on, or there is no entropy.
pub async fn bind(address: SocketAddr) -> io::Result<Server<Smol>> {
    let listener = TcpListener::bind(address).await?;
    let server = Builder::new(Smol).start(seed()?);
    server.listen(Tcp(listener));
    Ok(server)
}

/// A listener whose connections are plain.
#[derive(Debug)]
pub struct Tcp<L = TcpListener>(pub L);

/// A listener whose connections speak TLS.
pub struct Secure<L = TcpListener> {
    tcp: Tcp<L>,
    acceptor: TlsAcceptor,
}

impl<L> Secure<L> {
    /// With what the driver makes of files, or a configuration of rustls.
    pub fn new(tcp: Tcp<L>, config: impl Into<Arc<ServerConfig>>) -> Self {
        Self {
            tcp,
            acceptor: TlsAcceptor::from(config.into()),
        }
    }
}

impl<L> fmt::Debug for Secure<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secure")
    }
}

/// Something that accepts connections, of whichever runtime.
pub trait Accept: Send + 'static {
    /// Waits for the next connection and the address that it came from.
    fn accept(&mut self) -> impl Future<Output = io::Result<(BoxStream, SocketAddr)>> + Send;
}

impl Accept for TcpListener {
    async fn accept(&mut self) -> io::Result<(BoxStream, SocketAddr)> {
        let (stream, peer): (TcpStream, _) = Self::accept(self).await?;
        // A peer that is gone already shows itself at the first read.
        let _ = stream.set_nodelay(true);
        Ok((Box::new(stream), peer))
    }
}

impl<L: Accept> Listener for Tcp<L> {
    async fn accept(&mut self) -> io::Result<Incoming> {
        let (stream, peer) = self.0.accept().await?;
        Ok(Incoming::plain(stream, peer))
    }
}

impl<L: Accept> Listener for Secure<L> {
    async fn accept(&mut self) -> io::Result<Incoming> {
        let (stream, peer) = self.tcp.0.accept().await?;
        let handshake = self.acceptor.accept(stream);
        Ok(Incoming::tls(handshake, peer))
    }
}
