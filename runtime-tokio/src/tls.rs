//! TLS by rustls, with ring as its provider in every configuration.
//!
//! A [`Connector`] verifies that the server is who the XMPP domain says (RFC 6120 §13.7.2), wherever the connection leads. An
//! [`Acceptor`] serves a certificate from files. Streams close with `close_notify`.
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

mod fault;
mod pinned;

use std::{
    fmt, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::{
    TlsAcceptor, TlsConnector, client,
    rustls::{
        self, ClientConfig, RootCertStore, ServerConfig,
        client::WebPkiServerVerifier,
        crypto::{CryptoProvider, ring},
        pki_types::{
            CertificateDer, PrivateKeyDer, ServerName,
            pem::{self, PemObject as _},
        },
    },
    server,
};

pub use self::fault::Fault;
use crate::Io;

/// A TLS stream to a server.
pub type ClientStream<T> = Io<client::TlsStream<T>>;
/// A TLS stream to a client.
pub type ServerStream<T> = Io<server::TlsStream<T>>;

/// Why TLS cannot be had from the start: which file, what is wrong with it, what is wanted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SetupError {
    /// The file cannot be read.
    #[error("cannot read {}: {error}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        error: io::Error,
    },
    /// The file does not hold what it should.
    #[error("{}: {reason}", path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// What is wrong, and what is wanted.
        reason: String,
    },
    /// The system has no root certificates.
    #[error(
        "this system has no root certificates ({reason}); install them (Debian: ca-certificates) or name a PEM file with a CA"
    )]
    NoRoots {
        /// What was tried.
        reason: String,
    },
    /// rustls has no use for the provider.
    #[error("TLS cannot be set up: {0}")]
    Library(#[from] rustls::Error),
}

/// Not a name that a certificate can hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "\"{0}\" is not a name that a certificate can hold; names beyond ASCII are written as A-labels (xn--...)"
)]
pub struct InvalidName(String);

/// A name that a server must prove: a domain (A-labels) or an IP address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name(ServerName<'static>);

impl Name {
    /// The name, checked.
    ///
    /// # Errors
    ///
    /// Where no certificate can hold it.
    pub fn new(name: &str) -> Result<Self, InvalidName> {
        ServerName::try_from(name.to_owned())
            .map(Self)
            .map_err(|_| InvalidName(name.to_owned()))
    }
}

/// The CAs that are trusted. Cheap to clone.
#[derive(Clone)]
pub struct Roots {
    store: Arc<RootCertStore>,
    /// Those that are trusted as a server's own certificate too.
    own: Arc<[CertificateDer<'static>]>,
}

impl Roots {
    /// Those of the operating system; `SSL_CERT_FILE` and `SSL_CERT_DIR` replace them.
    ///
    /// # Errors
    ///
    /// Where there is none.
    pub fn platform() -> Result<Self, SetupError> {
        let found = rustls_native_certs::load_native_certs();
        let mut store = RootCertStore::empty();
        // Systems keep some certificates that are not usable; the others are.
        store.add_parsable_certificates(found.certs);
        if store.is_empty() {
            let reason = found
                .errors
                .first()
                .map_or_else(|| "none was found".to_owned(), |error| format!("{error}"));
            return Err(SetupError::NoRoots { reason });
        }
        Ok(Self {
            store: Arc::new(store),
            own: Arc::new([]),
        })
    }

    /// Those of a PEM file, and no others. A server whose own certificate is in it, self-signed, is trusted as well.
    ///
    /// # Errors
    ///
    /// Where it cannot be read, or holds no certificate, or one that cannot be used.
    pub fn from_file(path: &Path) -> Result<Self, SetupError> {
        let mut store = RootCertStore::empty();
        let own = certificates(path)?;
        for certificate in &own {
            store.add(certificate.clone()).map_err(|error| {
                unusable(path, format!("a certificate in it cannot be used: {error}"))
            })?;
        }
        Ok(Self {
            store: Arc::new(store),
            own: own.into(),
        })
    }
}

impl fmt::Debug for Roots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Roots({})", self.store.len())
    }
}

/// What a client says that it will speak (RFC 7301).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alpn {
    /// Nothing: STARTTLS knows already.
    Unsaid,
    /// `xmpp-client`, for direct TLS (XEP-0368).
    XmppClient,
}

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
        let webpki =
            WebPkiServerVerifier::builder_with_provider(Arc::clone(&roots.store), provider());
        let verifier = pinned::Verifier {
            webpki: webpki
                .build()
                .map_err(|error| rustls::Error::General(error.to_string()))?,
            trusted: Arc::clone(&roots.own),
        };
        let mut config = ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_no_client_auth();
        config.alpn_protocols = match alpn {
            Alpn::Unsaid => Vec::new(),
            Alpn::XmppClient => vec![b"xmpp-client".to_vec()],
        };
        Ok(Self(TlsConnector::from(Arc::new(config))))
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
        let made = self.0.connect(name.0.clone(), stream.0).await;
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
    /// With a PEM file of certificates (the server's own first, then those between it and its CA) and one of the key.
    ///
    /// # Errors
    ///
    /// Where a file cannot be read or holds something else, or the two do not belong together.
    pub fn from_files(certificate: &Path, key: &Path) -> Result<Self, SetupError> {
        let chain = certificates(certificate)?;
        let own_key = PrivateKeyDer::from_pem_file(key).map_err(|error| {
            if matches!(error, pem::Error::NoItemsFound) {
                unusable(
                    key,
                    "there is no private key in it; a PEM file with -----BEGIN PRIVATE KEY----- (PKCS #8, PKCS #1 or SEC 1, not encrypted) is wanted",
                )
            } else {
                unreadable(key, error)
            }
        })?;
        let mut config = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(chain, own_key)
            .map_err(|error| {
                unusable(
                    certificate,
                    format!(
                        "cannot be used with the key {}: {error}; the first certificate must be the one that was made for this key",
                        key.display()
                    ),
                )
            })?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        // Clients come back with what they keep; there is no table of sessions here.
        config.ticketer = ring::Ticketer::new()?;
        Ok(Self(TlsAcceptor::from(Arc::new(config))))
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

/// Passed explicitly: where another crate brings a second provider into the build, the implicit one panics.
fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, SetupError> {
    let found: Vec<_> = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect)
        .map_err(|error| unreadable(path, error))?;
    if found.is_empty() {
        return Err(unusable(
            path,
            "there is no certificate in it; a PEM file with -----BEGIN CERTIFICATE----- is wanted",
        ));
    }
    Ok(found)
}

fn unreadable(path: &Path, error: pem::Error) -> SetupError {
    if let pem::Error::Io(error) = error {
        let path = path.to_path_buf();
        SetupError::Unreadable { path, error }
    } else {
        unusable(path, format!("this is not PEM: {error}"))
    }
}

fn unusable(path: &Path, reason: impl Into<String>) -> SetupError {
    SetupError::Unusable {
        path: path.to_path_buf(),
        reason: reason.into(),
    }
}
