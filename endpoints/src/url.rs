use std::fmt;

use xmpp_machine::{Authority, Host, NotAnAuthority};

/// How an endpoint is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scheme {
    /// BOSH over TLS.
    Https,
    /// BOSH in the clear.
    Http,
    /// WebSocket over TLS.
    Wss,
    /// WebSocket in the clear.
    Ws,
    /// A stream of RFC 6120 over TCP, with STARTTLS. No URL of a document has it.
    Tcp,
}

impl Scheme {
    /// The name of the scheme in a URL.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Https => "https",
            Self::Http => "http",
            Self::Wss => "wss",
            Self::Ws => "ws",
            Self::Tcp => "tcp",
        }
    }

    /// Whether there is TLS before anything of the stream's is sent.
    pub fn is_secure(self) -> bool {
        match self {
            Self::Https | Self::Wss | Self::Tcp => true,
            Self::Http | Self::Ws => false,
        }
    }

    /// The port where a URL names none.
    pub fn port(self) -> u16 {
        match self {
            Self::Https | Self::Wss => 443,
            Self::Http | Self::Ws => 80,
            Self::Tcp => 5222,
        }
    }
}

/// The URL of an endpoint or of a document about endpoints, checked: `https`, `http`, `wss` or
/// `ws`, a host of ASCII, no user information, no fragment. Path and query are kept as they came.
///
/// ```
/// use xmpp_endpoints::{Scheme, Url};
///
/// let url = Url::parse("wss://T2.example:5291/ws?a=b")?;
/// assert_eq!((url.scheme(), url.host(), url.port(), url.target()), (Scheme::Wss, "t2.example", 5291, "/ws?a=b"));
/// assert_eq!(Url::parse("https://[::1]:443")?.authority(), "[::1]");
/// # Ok::<(), xmpp_endpoints::NotAnEndpoint>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Url {
    scheme: Scheme,
    host: String,
    port: u16,
    target: String,
}

/// Why a text is not the URL of an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotAnEndpoint {
    /// It has no scheme: a relative reference.
    #[error("it is relative; a whole URL is wanted")]
    Relative,
    /// Another scheme than `https`, `http`, `wss`, `ws`.
    #[error("its scheme is none of https, http, wss, ws")]
    Scheme,
    /// User information, which would be sent to whoever wrote the URL.
    #[error("it has user information")]
    UserInformation,
    /// A fragment, which means nothing to a server.
    #[error("it has a fragment")]
    Fragment,
    /// No host, or one that is neither a name of ASCII letters, digits, `-`, `_` and `.` nor an
    /// address.
    #[error("its host is no name or address; names beyond ASCII are written as A-labels (xn--...)")]
    Host,
    /// A port that is not from 1 to 65535.
    #[error("its port is not from 1 to 65535")]
    Port,
    /// Blanks, control characters or something beyond ASCII.
    #[error("it has characters that a URL cannot have")]
    Characters,
    /// More than 2 048 bytes.
    #[error("it is longer than 2048 bytes")]
    Length,
}

/// Longer ones are nobody's endpoint; what is remembered and reported is bounded by it.
const URL_BYTES: usize = 2048;

impl Url {
    /// Reads a URL.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, NotAnEndpoint> {
        if text.len() > URL_BYTES {
            return Err(NotAnEndpoint::Length);
        }
        let (scheme, rest) = text.split_once("://").ok_or(NotAnEndpoint::Relative)?;
        let scheme = match scheme.to_ascii_lowercase().as_str() {
            "https" => Scheme::Https,
            "http" => Scheme::Http,
            "wss" => Scheme::Wss,
            "ws" => Scheme::Ws,
            _ => return Err(NotAnEndpoint::Scheme),
        };
        if rest.contains('#') {
            return Err(NotAnEndpoint::Fragment);
        }
        if !rest.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(NotAnEndpoint::Characters);
        }
        let (authority, tail) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        if authority.contains('@') {
            return Err(NotAnEndpoint::UserInformation);
        }
        let (host, port) = split_authority(authority)?;
        let slash = if tail.starts_with('/') { "" } else { "/" };
        Ok(Self {
            scheme,
            host,
            port: port.unwrap_or(scheme.port()),
            target: format!("{slash}{tail}"),
        })
    }

    /// An RFC 6120 stream over TCP; `None` where the host is no name or address.
    pub(crate) fn tcp(host: &str, port: u16) -> Option<Self> {
        let (host, _) = split_authority(host).ok()?;
        Some(Self {
            scheme: Scheme::Tcp,
            host,
            port,
            target: String::new(),
        })
    }

    /// The same with another host, and another port where one is given (XEP-0206 §7
    /// `see-other-host`, Tigase's `host`).
    pub(crate) fn at(&self, host: String, port: Option<u16>) -> Self {
        Self {
            scheme: self.scheme,
            host,
            port: port.unwrap_or(self.port),
            target: self.target.clone(),
        }
    }

    /// What a redirect's `Location` means here: a whole URL, or a path of the same server.
    pub(crate) fn join(&self, location: &str) -> Result<Self, NotAnEndpoint> {
        if !location.starts_with('/') || location.starts_with("//") {
            return Self::parse(location);
        }
        Self::parse(&format!(
            "{}://{}{location}",
            self.scheme.as_str(),
            self.authority()
        ))
    }

    /// The scheme of the URL: the transport, and whether it uses TLS.
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// The host in lower case, an IPv6 address without brackets: for name resolution and TLS.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port, also where the URL names none.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The request target: path and query.
    pub fn target(&self) -> &str {
        &self.target
    }

    /// What an HTTP `Host` says: the host, and the port unless it is the scheme's own.
    pub fn authority(&self) -> String {
        let host = if self.host.contains(':') {
            format!("[{}]", self.host)
        } else {
            self.host.clone()
        };
        if self.port == self.scheme.port() {
            host
        } else {
            format!("{host}:{}", self.port)
        }
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}://{}{}",
            self.scheme.as_str(),
            self.authority(),
            self.target
        )
    }
}

impl fmt::Debug for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// The host in lower case, an IPv6 address without brackets, and the port where one is written.
pub(crate) fn split_authority(text: &str) -> Result<(String, Option<u16>), NotAnEndpoint> {
    let authority = Authority::parse_uri(text).map_err(|wrong| match wrong {
        NotAnAuthority::Host => NotAnEndpoint::Host,
        NotAnAuthority::Port => NotAnEndpoint::Port,
    })?;
    if !text.is_ascii() {
        return Err(NotAnEndpoint::Host);
    }
    let host = authority.host.to_string().to_ascii_lowercase();
    Ok((host, authority.port))
}

/// Whether it is a host's name in ASCII, or an IPv4 address.
pub(crate) fn is_host_name(text: &str) -> bool {
    text.is_ascii() && !text.starts_with('[') && Host::parse(text).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_endpoint() {
        use NotAnEndpoint as No;
        for (text, no) in [
            ("/bosh", No::Relative),
            ("bosh", No::Relative),
            ("", No::Relative),
            ("xmpp://h/", No::Scheme),
            ("tcp://h/", No::Scheme),
            ("wss://u@h/", No::UserInformation),
            ("wss://h/#x", No::Fragment),
            ("wss:///x", No::Host),
            ("wss://h..x/", No::Host),
            ("wss://h%41/", No::Host),
            ("wss://[::1/", No::Host),
            ("wss://[::1]x/", No::Host),
            ("wss://h:0/", No::Port),
            ("wss://h:+1/", No::Port),
            ("wss://h:65536/", No::Port),
            ("wss://h/a b", No::Characters),
            ("wss://h/\r\nX: y", No::Characters),
            ("wss://h\u{e9}/", No::Characters),
        ] {
            assert_eq!(Url::parse(text), Err(no), "{text}");
        }
        let long = format!("wss://h/{}", "x".repeat(URL_BYTES - 8));
        assert!(Url::parse(&long).is_ok());
        assert_eq!(Url::parse(&format!("{long}x")), Err(No::Length));
    }

    #[test]
    fn a_url_is_written_as_it_is_read() {
        for text in [
            "https://h.example/http-bind?x=%20",
            "http://127.0.0.1:5280/",
            "wss://[2001:db8::1]:5291/ws",
        ] {
            let url = Url::parse(text).unwrap();
            assert_eq!(url.to_string(), text);
            assert_eq!(Url::parse(&url.to_string()), Ok(url));
        }
        assert_eq!(
            Url::parse("WSS://H:443?q").unwrap().to_string(),
            "wss://h/?q"
        );
    }

    #[test]
    fn a_location_may_be_a_path_of_the_same_server() {
        let url = Url::parse("https://h:1/a").unwrap();
        let joined = |location| url.join(location).map(|url| url.to_string());
        assert_eq!(joined("/b?c"), Ok("https://h:1/b?c".to_owned()));
        assert_eq!(joined("http://i/"), Ok("http://i/".to_owned()));
        assert_eq!(joined("//i/"), Err(NotAnEndpoint::Relative));
        assert_eq!(joined("b"), Err(NotAnEndpoint::Relative));
    }
}
