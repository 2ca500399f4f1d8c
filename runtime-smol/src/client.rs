//! XMPP clients on smol. What they do is the [driver's](crate::driver::client).
//! A complete program (the example `page_client_smol`):
//!
//! ```no_run
#![doc = include_str!("../examples/page_client_smol.rs")]
//! ```

use std::{io, net::SocketAddr};

use futures_rustls::TlsConnector;
use smol::net::TcpStream;

pub use crate::driver::client::*;
use crate::{
    Smol,
    driver::{tls::Handshake, websocket::Turns},
    seed,
};

/// A client for a domain, on smol's global executor.
///
/// # Errors
///
/// Where it is no domain.
pub fn builder(domain: &str) -> Result<Builder<Smol>, NotADomain> {
    Builder::new(domain, Smol)
}

impl Network for Smol {
    async fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        smol::net::resolve((host, port)).await
    }

    async fn connect(&self, address: SocketAddr) -> io::Result<BoxStream> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Box::new(stream))
    }

    async fn start_tls(&self, stream: BoxStream, handshake: Handshake) -> io::Result<BoxStream> {
        let connector = TlsConnector::from(handshake.config);
        let stream = connector.connect(handshake.name, stream).await?;
        Ok(Box::new(stream))
    }

    fn turns(&self) -> &Turns {
        Turns::of_process()
    }

    fn seed(&self) -> io::Result<[u8; 32]> {
        seed()
    }
}
