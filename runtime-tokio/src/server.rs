//! XMPP's server's side on tokio. What it does is the [driver's](crate::driver::server); the
//! crate's page has a complete program.
//!
//! ```no_run
//! use xmpp_web_tokio::{Listener, server, tls::Acceptor};
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let server = server::builder().configure(|settings| settings.connections = 1_000).start(xmpp_web_tokio::seed()?);
//! let acceptor = Acceptor::from_files("chat.pem".as_ref(), "chat.key".as_ref())?;
//! server.listen(server::Secure(Listener::bind("0.0.0.0:5281".parse()?)?, acceptor));
//! server.listen(Listener::bind("127.0.0.1:5280".parse()?)?);
//! # Ok(())
//! # }
//! ```

use std::{io, net::SocketAddr};

pub use crate::driver::server::*;
use crate::{Listener as Tcp, Tokio, runtime::seed, tls::Acceptor};

/// A server without a listener yet, on the runtime of this context.
///
/// # Panics
///
/// Outside a tokio runtime, as [`Tokio::current`].
pub fn builder() -> Builder<Tokio> {
    Builder::new(Tokio::current())
}

/// A server with every default that listens there, in plain text: for this machine, or behind a
/// proxy.
///
/// # Errors
///
/// The system's: the address cannot be listened on, or there is no entropy.
///
/// # Panics
///
/// As [`builder`].
pub fn bind(address: SocketAddr) -> io::Result<Server<Tokio>> {
    let listener = Tcp::bind(address)?;
    let server = builder().start(seed()?);
    server.listen(listener);
    Ok(server)
}

/// A listener whose connections speak TLS.
#[derive(Debug)]
pub struct Secure(pub Tcp, pub Acceptor);

impl Listener for Tcp {
    async fn accept(&mut self) -> io::Result<Incoming> {
        let (stream, peer) = self.try_accept().await?;
        Ok(Incoming::plain(Box::new(stream), peer))
    }
}

impl Listener for Secure {
    async fn accept(&mut self) -> io::Result<Incoming> {
        let (stream, peer) = self.0.try_accept().await?;
        let acceptor = self.1.clone();
        let handshake = async move { acceptor.accept(stream).await.map_err(io::Error::other) };
        Ok(Incoming::tls(handshake, peer))
    }
}
