//! ws and wss URIs (RFC 6455 §3).

use xmpp_machine::Authority;

/// Where a WebSocket is: a checked URI.
///
/// ```
/// use ws_framing::handshake::client::Endpoint;
///
/// let endpoint = Endpoint::parse("ws://chat.example:5280?a=b")?;
/// assert_eq!((endpoint.host(), endpoint.port()), ("chat.example", 5280));
/// assert_eq!(endpoint.target(), "/?a=b");
/// assert!(!endpoint.is_secure());
/// # Ok::<(), ws_framing::handshake::client::NotWebSocket>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    secure: bool,
    host: String,
    port: u16,
    target: String,
}

/// Not a ws or wss URI, or one with a fragment or user information.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a ws: or wss: URI without fragment and user information")]
pub struct NotWebSocket;

impl Endpoint {
    /// Reads a URI.
    ///
    /// # Errors
    ///
    /// `NotWebSocket`, before anything is connected (W-R-050).
    pub fn parse(uri: &str) -> Result<Self, NotWebSocket> {
        let (scheme, rest) = uri.split_once("://").ok_or(NotWebSocket)?;
        let secure = match scheme.to_ascii_lowercase().as_str() {
            "ws" => false,
            "wss" => true,
            _ => return Err(NotWebSocket),
        };
        let printable = rest.bytes().all(|byte| byte.is_ascii_graphic());
        if !printable || rest.contains('#') {
            return Err(NotWebSocket);
        }
        let (authority, tail) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        let Authority { host, port } = Authority::parse_uri(authority).map_err(|_| NotWebSocket)?;
        let host = Authority { host, port: None }.to_string();
        let port = port.unwrap_or(if secure { 443 } else { 80 });
        let slash = if tail.starts_with('/') { "" } else { "/" };
        Ok(Self {
            secure,
            host: host.to_ascii_lowercase(),
            port,
            target: format!("{slash}{tail}"),
        })
    }

    /// Whether TLS comes first (wss).
    pub fn is_secure(&self) -> bool {
        self.secure
    }

    /// The host, an IPv6 address in brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port, also where the URI names none.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The request target: path and query.
    pub fn target(&self) -> &str {
        &self.target
    }

    /// What `Host` says: the host, and the port unless it is the scheme's own.
    pub fn authority(&self) -> String {
        match (self.secure, self.port) {
            (true, 443) | (false, 80) => self.host.clone(),
            _ => format!("{}:{}", self.host, self.port),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// W-R-050: ports and paths that are not written.
    #[test]
    fn ports_and_paths_have_defaults() {
        for (uri, authority, port, target) in [
            ("wss://H.example", "h.example", 443, "/"),
            ("ws://h.example:80/a?b", "h.example", 80, "/a?b"),
            ("ws://h.example:443/", "h.example:443", 443, "/"),
            ("WSS://[::1]:5281?q", "[::1]:5281", 5281, "/?q"),
        ] {
            let endpoint = Endpoint::parse(uri).unwrap();
            assert_eq!(endpoint.authority(), authority);
            assert_eq!((endpoint.port(), endpoint.target()), (port, target));
        }
    }

    /// W-R-050: refused before anything is connected.
    #[test]
    fn what_is_no_websocket_uri() {
        for uri in [
            "http://h/",
            "wss://h/#x",
            "ws://u@h/",
            "ws:///x",
            "ws://h:x/",
            "ws://h:65536/",
            "ws://h/a b",
            "ws://h/\r\nX: y",
            "h",
        ] {
            assert_eq!(Endpoint::parse(uri), Err(NotWebSocket), "{uri}");
        }
    }
}
