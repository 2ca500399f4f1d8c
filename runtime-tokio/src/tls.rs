//! TLS handshakes on tokio; who is trusted and what is offered is the [driver's](driver::tls).
//!
//! A [`Connector`] verifies that the server is who the XMPP domain says (RFC 6120 §13.7.2),
//! wherever the connection leads. An [`Acceptor`] serves a certificate from files. Streams close
//! with `close_notify`.
//!
//! ```no_run
//! use xmpp_web_tokio::{connect, tls::{Alpn, Connector, Name, Roots}};
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let connector = Connector::new(&Roots::platform()?, Alpn::XmppClient)?;
//! let stream = connect("xmpp.example.com", 5223, std::time::Duration::from_secs(10)).await?;
//! let stream = connector.connect(&Name::new("example.com")?, stream).await?;
//! # drop(stream);
//! # Ok(())
//! # }
//! ```

use std::{fmt, path::Path, sync::Arc};

use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::{TlsAcceptor, TlsConnector, client, server};

pub use crate::driver::tls::{Alpn, Fault, InvalidName, Name, Roots, SetupError};
use crate::{Io, driver};

/// A TLS stream to a server.
pub type ClientStream<T> = Io<client::TlsStream<T>>;
/// A TLS stream to a client.
pub type ServerStream<T> = Io<server::TlsStream<T>>;

/// Makes TLS streams to servers. Cheap to clone.
#[derive(Clone)]
pub struct Connector(TlsConnector);

impl Connector {
    /// TLS 1.2 and 1.3, without a certificate of our own.
    ///
    /// # Errors
    ///
    /// `Library`, which a build that works once does not give.
    pub fn new(roots: &Roots, alpn: Alpn) -> Result<Self, SetupError> {
        Ok(Self(Arc::new(roots.client(alpn)?).into()))
    }

    /// Does the handshake. Has no deadline of its own: bound it, and drop it.
    ///
    /// # Errors
    ///
    /// Where the server cannot prove `name`, or the handshake fails.
    pub async fn connect<T: AsyncRead + AsyncWrite + Unpin>(
        &self,
        name: &Name,
        stream: Io<T>,
    ) -> Result<ClientStream<T>, Fault> {
        let name = name.clone().into_server_name();
        let made = self.0.connect(name, stream.0).await;
        made.map(Io).map_err(Fault::from)
    }
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Connector")
    }
}

/// Makes TLS streams to clients that speak HTTP/1.1. Cheap to clone.
#[derive(Clone)]
pub struct Acceptor(TlsAcceptor);

impl Acceptor {
    /// With a PEM file of certificates (the server's own first, then those between it and its CA)
    /// and one of the key.
    ///
    /// # Errors
    ///
    /// Where a file cannot be read or holds something else, or the two do not belong together.
    pub fn from_files(certificate: &Path, key: &Path) -> Result<Self, SetupError> {
        Ok(Self(
            Arc::new(driver::tls::server(certificate, key)?).into(),
        ))
    }

    /// Does the handshake. Has no deadline of its own: bound it, and drop it.
    ///
    /// # Errors
    ///
    /// Where the client does not speak TLS, or wants what is not there.
    pub async fn accept<T: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: Io<T>,
    ) -> Result<ServerStream<T>, Fault> {
        let made = self.0.accept(stream.0).await;
        made.map(Io).map_err(Fault::from)
    }
}

impl fmt::Debug for Acceptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Acceptor")
    }
}
