//! Ways out through a proxy: CONNECT of HTTP ([`http`], RFC 9110 §9.3.6) and SOCKS 5 ([`socks5`], RFC 1928).
//!
//! Each takes a stream to the proxy and gives back the same stream, which then leads to the target. TLS to the target comes behind it.
//!
//! ```
//! use std::time::Duration;
//! use futures_io::{AsyncRead, AsyncWrite};
//! use xmpp_web_driver::{Runtime, proxy::{self, Credentials, ProxyError, Target, Tunnel}};
//!
//! async fn out<S: AsyncRead + AsyncWrite + Unpin>(stream: S, runtime: impl Runtime) -> Result<Tunnel<S>, ProxyError> {
//!     let target = Target::new("xmpp.example", 5222)?;
//!     let credentials = Credentials::new("user", "secret")?;
//!     proxy::socks5::connect(stream, &target, Some(&credentials), Duration::from_secs(10), runtime).await
//! }
//! ```

pub mod http;
pub mod socks5;
mod tunnel;

use std::{fmt, io, net::IpAddr};

use xmpp_machine::Authority;

pub use tunnel::Tunnel;

/// Where a tunnel leads: a host name or an address, and a port. Names are resolved by the proxy.
///
/// ```
/// use xmpp_web_driver::proxy::Target;
///
/// assert_eq!(Target::new("xmpp.example", 5222)?.authority(), "xmpp.example:5222");
/// assert_eq!(Target::new("[::1]", 443)?.authority(), "[::1]:443");
/// assert!(Target::new("a b", 443).is_err());
/// # Ok::<(), xmpp_web_driver::proxy::ProxyError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    host: Host,
    port: u16,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Host {
    Address(IpAddr),
    Name(String),
}

impl Target {
    /// Names the host and port that the proxy is to connect to.
    ///
    /// # Errors
    ///
    /// `ProxyError::Target` for what is neither an address nor a host name in ASCII (at most 253 bytes, in labels of 1 to 63).
    pub fn new(host: &str, port: u16) -> Result<Self, ProxyError> {
        let authority = Authority::parse_bare(host).map_err(|_| ProxyError::Target)?;
        let host = match authority.host {
            _ if authority.port.is_some() => return Err(ProxyError::Target),
            xmpp_machine::Host::Address(address) => Host::Address(address),
            xmpp_machine::Host::Name(name) if name.is_ascii() => Host::Name(name.to_owned()),
            xmpp_machine::Host::Name(_) => return Err(ProxyError::Target),
        };
        Ok(Self { host, port })
    }

    /// `host:port`, an IPv6 address in brackets.
    pub fn authority(&self) -> String {
        match &self.host {
            Host::Address(IpAddr::V4(address)) => format!("{address}:{}", self.port),
            Host::Address(IpAddr::V6(address)) => format!("[{address}]:{}", self.port),
            Host::Name(name) => format!("{name}:{}", self.port),
        }
    }
}

/// What a proxy wants to know of its user.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    user: String,
    password: String,
}

impl Credentials {
    /// Credentials for either kind of proxy.
    ///
    /// # Errors
    ///
    /// `ProxyError::Credentials` where one is empty or longer than 255 bytes (RFC 1929), or the user has a colon (RFC 7617 §2).
    pub fn new(user: &str, password: &str) -> Result<Self, ProxyError> {
        let fits = |text: &str| (1..=255).contains(&text.len());
        if !fits(user) || !fits(password) || user.contains(':') {
            return Err(ProxyError::Credentials);
        }
        Ok(Self {
            user: user.to_owned(),
            password: password.to_owned(),
        })
    }
}

/// Without the password.
impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("user", &self.user)
            .finish_non_exhaustive()
    }
}

/// Why there is no tunnel. The stream is gone: what is left in it is of no use.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProxyError {
    /// The target cannot be named to a proxy.
    #[error("not a host name or an address")]
    Target,
    /// The credentials cannot be told to a proxy.
    #[error("a user or password that is empty, longer than 255 bytes, or a user with a colon")]
    Credentials,
    /// The stream to the proxy failed, or ended.
    #[error("the stream to the proxy failed: {0}")]
    Io(#[from] io::Error),
    /// The proxy did not answer in time.
    #[error("the proxy did not answer in time")]
    Timeout,
    /// The proxy wants credentials, or other ones.
    #[error("the proxy asks for credentials, or refuses these")]
    Unauthorized,
    /// An HTTP proxy refused with this status.
    #[error("the proxy answered {0}")]
    Status(u16),
    /// A SOCKS proxy refused.
    #[error("the proxy refused: {0}")]
    Refused(socks5::Refusal),
    /// What came is not of this kind of proxy, or past the limits.
    #[error("the proxy broke the protocol: {0}")]
    Malformed(&'static str),
}
