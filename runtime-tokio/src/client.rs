//! XMPP clients on tokio. What they do is the [driver's](crate::driver::client).
//!
//! ```no_run
//! use xmpp_web_tokio::client::{self, Event};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let mut client = client::builder("example.com")?.connect().await?;
//! while let Some(event) = client.next().await {
//!     if let Event::Opened(opened) = event {
//!         println!("{} offers {:?}", opened.url, opened.features);
//!     }
//! }
//! # Ok(())
//! # }
//! ```

use std::{io, net::SocketAddr};

use tokio_rustls::TlsConnector;

pub use crate::driver::client::*;
use crate::{Io, Tokio, driver::tls::Handshake, listener::connect_to, runtime::seed};

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
        Ok(Box::new(connect_to(address).await?))
    }

    async fn start_tls(&self, stream: BoxStream, handshake: Handshake) -> io::Result<BoxStream> {
        let connector = TlsConnector::from(handshake.config);
        let stream = connector.connect(handshake.name, Io(stream)).await?;
        Ok(Box::new(Io(stream)))
    }

    fn seed(&self) -> io::Result<[u8; 32]> {
        seed()
    }
}
