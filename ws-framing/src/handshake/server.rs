//! The server's side (RFC 6455 §4.2).

use xmpp_http1::{RequestHead, Response, Version};
use xmpp_machine::{Authority, Host};

use super::{accept_value, extensions, is_key, is_token};
#[cfg(feature = "deflate")]
use crate::deflate;

/// Whom to let in.
///
/// ```
/// use ws_framing::handshake::server::Config;
///
/// let mut config = Config::default();
/// config.origins = vec!["https://app.example".to_owned()];
/// assert_eq!(config.subprotocol.as_deref(), Some("xmpp"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Config {
    /// The subprotocol that must be offered; `None` for users without XMPP, who agree on none. Default `xmpp` (W-R-012, W-R-013).
    pub subprotocol: Option<String>,
    /// Allowed origins, compared whole; empty is "same host" (W-R-016), `*` is any, `null` only if listed.
    pub origins: Vec<String>,
    /// Allowed hosts, with their port unless it is the scheme's default; one without port allows every port. Empty is any (W-R-005).
    pub hosts: Vec<String>,
    /// What bytes behind the request mean. Default `Refused` (W-R-026).
    pub early_bytes: EarlyBytes,
    /// How permessage-deflate is agreed to where it is offered; `None` declines it. Default `None` (RFC 7692 §8; W-R-200).
    #[cfg(feature = "deflate")]
    pub compression: Option<deflate::Config>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            subprotocol: Some("xmpp".to_owned()),
            origins: Vec::new(),
            hosts: Vec::new(),
            early_bytes: EarlyBytes::Refused,
            #[cfg(feature = "deflate")]
            compression: None,
        }
    }
}

/// What bytes that came before our 101 mean; RFC 6455 §4.1 forbids them, browsers never send any.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EarlyBytes {
    /// The upgrade is refused.
    #[default]
    Refused,
    /// They are taken as frames.
    Accepted,
}

/// A handshake to go through with.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Accepted {
    /// The 101, for `http1::server::Connection::respond`.
    pub response: Response,
    /// The subprotocol agreed.
    pub subprotocol: Option<String>,
    /// What was agreed on compression, for `Connection::with_deflate`.
    #[cfg(feature = "deflate")]
    pub compression: Option<deflate::Agreed>,
}

/// A handshake to refuse.
#[derive(Clone, Debug)]
pub struct Rejected {
    /// The answer; it closes the connection (W-R-025).
    pub response: Response,
    /// Why, for the log.
    pub reason: &'static str,
}

impl Rejected {
    pub(super) fn new(status: u16, reason: &'static str) -> Box<Self> {
        let response = Response::new(status)
            .with_body("text/plain; charset=utf-8", format!("{reason}\n"))
            .closing();
        Box::new(Self { response, reason })
    }

    fn with_field(mut self: Box<Self>, name: &'static str, value: &'static str) -> Box<Self> {
        self.response = self.response.with_field(name, value);
        self
    }
}

/// Whether this request is meant as a WebSocket upgrade at all (`Upgrade` contains `websocket`).
pub fn is_upgrade(head: &RequestHead) -> bool {
    head.has_token("upgrade", "websocket")
}

/// Judges an upgrade request. `surplus`: bytes already there behind it (W-R-026).
///
/// ```
/// use ws_framing::handshake::server::{Config, accept};
/// use xmpp_http1::{RequestHead, Version};
///
/// let head = RequestHead::new("GET", "/ws", Version::Http11)
///     .with_field("Host", "chat.example")
///     .with_field("Upgrade", "websocket")
///     .with_field("Connection", "keep-alive, Upgrade")
///     .with_field("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
///     .with_field("Sec-WebSocket-Version", "13")
///     .with_field("Sec-WebSocket-Protocol", "xmpp");
/// let accepted = accept(&head, 0, &Config::default()).expect("a good request");
/// assert_eq!(accepted.response.status, 101);
/// assert_eq!(accepted.subprotocol.as_deref(), Some("xmpp"));
/// ```
///
/// A head that another HTTP stack has read is made from its parts:
///
/// ```
/// use ws_framing::handshake::{RequestHead, Version, server::{Config, accept}};
///
/// // As `http::Request` and most others give them.
/// let fields = [("host", &b"chat.example"[..]), ("upgrade", b"websocket"), ("connection", b"Upgrade")];
/// let head = fields.into_iter().fold(
///     RequestHead::new("GET", "/ws", Version::Http11),
///     |head, (name, value)| head.with_field(name, value),
/// );
/// let rejected = accept(&head, 0, &Config::default()).expect_err("it has no key");
/// assert_eq!(rejected.response.status, 400);
/// ```
///
/// # Errors
///
/// The answer for everything that RFC 6455 §4.2.1 or the configuration refuses.
pub fn accept(
    head: &RequestHead,
    surplus: usize,
    config: &Config,
) -> Result<Accepted, Box<Rejected>> {
    check_request_line(head)?;
    check_host(head, config)?;
    check_body(head)?;
    if !is_upgrade(head) {
        return Err(Rejected::new(426, "this is a WebSocket endpoint")
            .with_field("Upgrade", "websocket")
            .with_field("Connection", "Upgrade")
            .with_field("Sec-WebSocket-Version", "13"));
    }
    if !head.has_token("connection", "upgrade") {
        return Err(Rejected::new(400, "Connection does not say Upgrade"));
    }
    check_version(head)?;
    let Some(key) = head.field("sec-websocket-key").filter(|key| is_key(key)) else {
        return Err(Rejected::new(
            400,
            "Sec-WebSocket-Key is not one key of 16 bytes",
        ));
    };
    let agreement = judge_fields(head, config)?;
    if surplus > 0 && config.early_bytes == EarlyBytes::Refused {
        return Err(Rejected::new(400, "bytes behind the request"));
    }
    let response = Response::new(101)
        .with_field("Upgrade", "websocket")
        .with_field("Connection", "Upgrade")
        .with_field("Sec-WebSocket-Accept", accept_value(key));
    Ok(agreement.accepted(response))
}

/// What the fields that mean the same in every version of HTTP agree on.
pub(super) fn judge_fields(
    head: &RequestHead,
    config: &Config,
) -> Result<Agreement, Box<Rejected>> {
    // What cannot be read is an error, what is not known is ignored (W-R-020).
    let Some(offered) = extensions::parse(head.fields("sec-websocket-extensions")) else {
        return Err(Rejected::new(400, "Sec-WebSocket-Extensions is malformed"));
    };
    #[cfg(not(feature = "deflate"))]
    drop(offered);
    #[cfg(feature = "deflate")]
    let compression = config
        .compression
        .as_ref()
        .and_then(|config| deflate::accept_first(&offered, config));
    let subprotocol = choose_subprotocol(head, config)?;
    check_origin(head, config)?;
    Ok(Agreement {
        subprotocol,
        #[cfg(feature = "deflate")]
        compression,
    })
}

/// What a handshake agreed on.
pub(super) struct Agreement {
    subprotocol: Option<String>,
    #[cfg(feature = "deflate")]
    compression: Option<deflate::Accepted>,
}

impl Agreement {
    /// Says so in the response.
    pub(super) fn accepted(self, mut response: Response) -> Accepted {
        if let Some(subprotocol) = &self.subprotocol {
            response = response.with_field("Sec-WebSocket-Protocol", subprotocol.clone());
        }
        #[cfg(feature = "deflate")]
        let compression = self.compression.map(|accepted| {
            response
                .fields
                .push(("Sec-WebSocket-Extensions".into(), accepted.response.into()));
            accepted.agreed
        });
        Accepted {
            response,
            subprotocol: self.subprotocol,
            #[cfg(feature = "deflate")]
            compression,
        }
    }
}

/// W-R-002, W-R-003.
fn check_request_line(head: &RequestHead) -> Result<(), Box<Rejected>> {
    if head.method() != "GET" {
        return Err(Rejected::new(405, "only GET opens a WebSocket").with_field("Allow", "GET"));
    }
    if head.version() < Version::Http11 {
        return Err(Rejected::new(400, "HTTP/1.1 is needed"));
    }
    if head.path().is_none() {
        return Err(Rejected::new(400, "the request target names no path"));
    }
    Ok(())
}

/// W-R-004, W-R-005.
pub(super) fn check_host(head: &RequestHead, config: &Config) -> Result<(), Box<Rejected>> {
    let named = head.field("host").and(head.authority());
    let Some(authority) = named.and_then(|text| Authority::parse_uri(text).ok()) else {
        return Err(Rejected::new(400, "not exactly one valid Host"));
    };
    let known = |allowed: &String| {
        Authority::parse_uri(allowed).is_ok_and(|allowed| {
            is_same_host(allowed.host, authority.host)
                && (allowed.port.is_none() || allowed.port == authority.port)
        })
    };
    if config.hosts.is_empty() || config.hosts.iter().any(known) {
        Ok(())
    } else {
        Err(Rejected::new(421, "no such host here"))
    }
}

/// W-R-022, W-R-023: an upgrade has no body.
fn check_body(head: &RequestHead) -> Result<(), Box<Rejected>> {
    let has_body = head.fields("transfer-encoding").next().is_some()
        || head.fields("content-length").any(|length| length != b"0");
    if has_body {
        Err(Rejected::new(400, "an upgrade request with a body"))
    } else {
        Ok(())
    }
}

/// W-R-010.
pub(super) fn check_version(head: &RequestHead) -> Result<(), Box<Rejected>> {
    let status = match head.field("sec-websocket-version") {
        Some(b"13") => return Ok(()),
        Some(other) if is_version(other) => 426,
        Some(_) | None => 400,
    };
    let rejected = Rejected::new(status, "Sec-WebSocket-Version is not 13");
    let rejected = if status == 426 {
        // RFC 9110 §15.5.22: a 426 says what to upgrade to.
        rejected
            .with_field("Upgrade", "websocket")
            .with_field("Connection", "Upgrade")
    } else {
        rejected
    };
    Err(rejected.with_field("Sec-WebSocket-Version", "13"))
}

/// RFC 6455 §4.3: 0 to 255 without leading zeros.
fn is_version(text: &[u8]) -> bool {
    let digits = !text.is_empty() && text.iter().all(u8::is_ascii_digit);
    let canonical = text == b"0" || text.first() != Some(&b'0');
    let number = std::str::from_utf8(text)
        .ok()
        .and_then(|text| text.parse::<u8>().ok());
    digits && canonical && number.is_some()
}

/// W-R-011, W-R-012, W-R-013, W-R-014.
fn choose_subprotocol(
    head: &RequestHead,
    config: &Config,
) -> Result<Option<String>, Box<Rejected>> {
    if !head.list("sec-websocket-protocol").all(is_token) {
        return Err(Rejected::new(400, "Sec-WebSocket-Protocol is malformed"));
    }
    let Some(wanted) = &config.subprotocol else {
        return Ok(None);
    };
    if head
        .list("sec-websocket-protocol")
        .any(|offered| offered == wanted.as_bytes())
    {
        Ok(Some(wanted.clone()))
    } else {
        Err(Rejected::new(
            400,
            "the subprotocol of this endpoint is not offered",
        ))
    }
}

/// W-R-015, W-R-016.
fn check_origin(head: &RequestHead, config: &Config) -> Result<(), Box<Rejected>> {
    let mut origins = head.fields("origin");
    let Some(origin) = origins.next() else {
        // Not a browser (RFC 6455 §4.2.1).
        return Ok(());
    };
    if origins.next().is_some() {
        return Err(Rejected::new(400, "more than one Origin"));
    }
    let allowed = if config.origins.is_empty() {
        comes_from(origin, head.authority().unwrap_or_default())
    } else {
        config
            .origins
            .iter()
            .any(|allowed| allowed == "*" || allowed.as_bytes().eq_ignore_ascii_case(origin))
    };
    if allowed {
        Ok(())
    } else {
        Err(Rejected::new(403, "this Origin is not allowed"))
    }
}

/// Whether a page of that origin is on this host. Scheme and port are not compared: the page usually lives on 443 and this
/// listener elsewhere.
fn comes_from(origin: &[u8], authority: &str) -> bool {
    let origin = std::str::from_utf8(origin).unwrap_or_default();
    let theirs = origin
        .split_once("://")
        .map(|(_, authority)| Authority::parse_uri(authority));
    match (theirs, Authority::parse_uri(authority)) {
        (Some(Ok(theirs)), Ok(ours)) => is_same_host(theirs.host, ours.host),
        _ => false,
    }
}

fn is_same_host(one: Host<'_>, other: Host<'_>) -> bool {
    match (one, other) {
        (Host::Name(one), Host::Name(other)) => one.eq_ignore_ascii_case(other),
        (Host::Address(one), Host::Address(other)) => one == other,
        (Host::Name(_), Host::Address(_)) | (Host::Address(_), Host::Name(_)) => false,
    }
}
