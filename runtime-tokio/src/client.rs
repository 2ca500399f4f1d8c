//! XMPP clients on tokio. What they do is the [driver's](crate::driver::client).
//! A complete program (the example `page_client`):
//!
//! ```no_run
#![doc = include_str!("../examples/page_client.rs")]
//! ```

use std::{io, net::SocketAddr};

use tokio_rustls::TlsConnector;

pub use crate::driver::client::*;
use crate::{
    Io, Tokio,
    driver::{tls::Handshake, websocket::Turns},
    listener::connect_one,
    runtime::seed,
};

/// A client for a domain, on the runtime of this context.
///
/// # Errors
///
/// Where it is no domain.
///
/// # Panics
///
/// Outside a tokio runtime, as [`Tokio::current`].
pub fn builder(domain: &str) -> Result<Builder<Tokio>, NotADomain> {
    Builder::new(domain, Tokio::current())
}

impl Network for Tokio {
    async fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        Ok(tokio::net::lookup_host((host, port)).await?.collect())
    }

    async fn connect(&self, address: SocketAddr) -> io::Result<BoxStream> {
        Ok(Box::new(connect_one(address).await?))
    }

    async fn start_tls(&self, stream: BoxStream, handshake: Handshake) -> io::Result<BoxStream> {
        let connector = TlsConnector::from(handshake.config);
        let stream = connector.connect(handshake.name, Io(stream)).await?;
        Ok(Box::new(Io(stream)))
    }

    fn turns(&self) -> &Turns {
        Turns::of_process()
    }

    fn seed(&self) -> io::Result<[u8; 32]> {
        seed()
    }
}
