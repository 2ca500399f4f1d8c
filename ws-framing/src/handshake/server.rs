//! The server's side (RFC 6455 §4.2).

use xmpp_http1::{RequestHead, Response};

/// Whom to let in.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// The subprotocol that must be offered; `None` for users without XMPP. Default `xmpp` (W-R-012, 013).
    pub subprotocol: Option<String>,
    /// Allowed origins, compared whole; empty is "same host" (W-R-016), `*` is any, `null` only if listed.
    pub origins: Vec<String>,
    /// Allowed hosts; empty is any (W-R-005).
    pub hosts: Vec<String>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            subprotocol: Some("xmpp".to_owned()),
            origins: Vec::new(),
            hosts: Vec::new(),
        }
    }
}

/// A handshake to go through with.
#[derive(Clone, Debug)]
pub struct Accepted {
    /// The 101, for `http1::server::Connection::respond`.
    pub response: Response,
    /// The subprotocol agreed.
    pub subprotocol: Option<String>,
}

/// A handshake to refuse.
#[derive(Clone, Debug)]
pub struct Rejected {
    /// The answer; it closes the connection (W-R-025).
    pub response: Response,
    /// Why, for the log.
    pub reason: &'static str,
}

/// Whether this request is meant as a WebSocket upgrade at all (`Upgrade` contains `websocket`).
pub fn is_upgrade(_head: &RequestHead) -> bool {
    todo!()
}

/// Judges an upgrade request. `surplus`: bytes already there behind it (W-R-026).
pub fn accept(
    _head: &RequestHead,
    _surplus: usize,
    _config: &Config,
) -> Result<Accepted, Box<Rejected>> {
    todo!()
}
