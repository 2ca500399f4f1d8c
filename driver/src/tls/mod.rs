//! TLS by rustls, with ring as its provider in every configuration: who is trusted, what is offered, what went wrong. The handshake
//! itself is the runtime's.
//!
//! ```
//! use xmpp_web_driver::tls::{Alpn, Expected, Name, Roots, SetupError};
//!
//! # fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let expected = Expected::name(Name::new("t2.example")?).or(Name::new("example.com")?);
//! let handshake = Roots::platform()?.handshake(Alpn::Http11, expected)?;
//! // `handshake.config` and `handshake.name` are what tokio-rustls and futures-rustls ask for.
//! # Ok(())
//! # }
//! ```

mod fault;
mod server;
mod verifier;

use std::{
    fmt, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use rustls::{
    ClientConfig, RootCertStore,
    client::WebPkiServerVerifier,
    crypto::{CryptoProvider, ring},
    pki_types::{
        CertificateDer, ServerName,
        pem::{self, PemObject as _},
    },
};

pub use self::{fault::Fault, server::server};

/// Why TLS cannot be had from the start: which file, what is wrong with it, what is wanted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SetupError {
    /// The file cannot be read.
    #[error("cannot read {}: {error}", path.display())]
    Unreadable {
        /// The file's path.
        path: PathBuf,
        /// The system's reason.
        error: io::Error,
    },
    /// The file does not hold what it should.
    #[error("{}: {reason}", path.display())]
    Unusable {
        /// The file's path.
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

    /// As rustls has it.
    pub fn into_server_name(self) -> ServerName<'static> {
        self.0
    }
}

/// Who a server must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expected {
    sni: Name,
    names: Vec<Name>,
    pins: Vec<[u8; 32]>,
}

impl Expected {
    /// This name, which is sent to it too.
    pub fn name(name: Name) -> Self {
        Self::sending(name.clone()).or(name)
    }

    /// Nobody yet; this name is sent, which need not be one of those that are accepted.
    pub fn sending(sni: Name) -> Self {
        Self {
            sni,
            names: Vec::new(),
            pins: Vec::new(),
        }
    }

    /// Accepts a certificate for this name too.
    #[must_use]
    pub fn or(mut self, name: Name) -> Self {
        if !self.names.contains(&name) {
            self.names.push(name);
        }
        self
    }

    /// Or whoever has a key whose SubjectPublicKeyInfo has this SHA-256 (XEP-0487 §2.2), with whatever name and CA.
    #[must_use]
    pub fn or_pinned(mut self, pin: [u8; 32]) -> Self {
        self.pins.push(pin);
        self
    }
}

/// What a client says that it will speak (RFC 7301).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alpn {
    /// Nothing: STARTTLS knows already.
    Unsaid,
    /// `xmpp-client`, for direct TLS (XEP-0368).
    XmppClient,
    /// `http/1.1`, for BOSH and WebSocket.
    Http11,
}

/// The CAs that are trusted. Cheap to clone.
#[derive(Clone)]
pub struct Roots {
    store: Arc<RootCertStore>,
    /// Those that are trusted as a server's own certificate too.
    own: Arc<[CertificateDer<'static>]>,
}

/// All that a runtime needs for one server's handshake. Cheap to clone; sessions are resumed within it.
#[derive(Clone, Debug)]
pub struct Handshake {
    /// The configuration, which holds who must be there.
    pub config: Arc<ClientConfig>,
    /// The name that is sent.
    pub name: ServerName<'static>,
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

    /// A configuration for clients that say with each connection which name must be proved: TLS 1.2 and 1.3, without a certificate of
    /// our own.
    ///
    /// # Errors
    ///
    /// `Library`, which a build that works once does not give.
    pub fn client(&self, alpn: Alpn) -> Result<ClientConfig, SetupError> {
        self.config(alpn, None)
    }

    /// What a handshake with that server needs.
    ///
    /// # Errors
    ///
    /// `Library`, which a build that works once does not give.
    pub fn handshake(&self, alpn: Alpn, expected: Expected) -> Result<Handshake, SetupError> {
        let alternatives = verifier::Alternatives {
            names: expected.names.into_iter().map(|name| name.0).collect(),
            pins: expected.pins,
        };
        Ok(Handshake {
            config: Arc::new(self.config(alpn, Some(alternatives))?),
            name: expected.sni.0,
        })
    }

    fn config(
        &self,
        alpn: Alpn,
        alternatives: Option<verifier::Alternatives>,
    ) -> Result<ClientConfig, SetupError> {
        let webpki =
            WebPkiServerVerifier::builder_with_provider(Arc::clone(&self.store), provider());
        let verifier = verifier::Verifier {
            webpki: webpki
                .build()
                .map_err(|error| rustls::Error::General(error.to_string()))?,
            trusted: Arc::clone(&self.own),
            alternatives,
        };
        let mut config = ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_no_client_auth();
        config.alpn_protocols = match alpn {
            Alpn::Unsaid => Vec::new(),
            Alpn::XmppClient => vec![b"xmpp-client".to_vec()],
            Alpn::Http11 => vec![b"http/1.1".to_vec()],
        };
        Ok(config)
    }
}

impl fmt::Debug for Roots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Roots({})", self.store.len())
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
