//! The client's side (RFC 6455 §4.1).

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::{Bytes, BytesMut};
use rand_chacha::ChaCha12Rng;
use rand_core::{Rng, SeedableRng};
use xmpp_http1::{Limits, ResponseHead, Version, client::HeadReader};

pub use super::endpoint::{Endpoint, NotWebSocket};
use super::{accept_value, extensions};
use crate::CloseCode;
#[cfg(feature = "deflate")]
use crate::deflate;

/// What is asked for.
///
/// ```
/// use ws_framing::handshake::client::Config;
///
/// let mut config = Config::default();
/// config.origin = Some("https://app.example".to_owned());
/// assert_eq!(config.subprotocol.as_deref(), Some("xmpp"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Config {
    /// The only subprotocol offered (W-R-055); `None` offers none. Default `xmpp`.
    pub subprotocol: Option<String>,
    /// `Origin`, for servers that want one (W-R-066). Default none.
    pub origin: Option<String>,
    /// Bytes of a response head. Default 16 384, as for requests.
    pub head_bytes: usize,
    /// Responses before the last one (1xx) that are skipped. Default 8.
    pub informational: usize,
    /// Offers permessage-deflate; `None` does not. Default `None` (RFC 7692 §8; W-R-200).
    #[cfg(feature = "deflate")]
    pub compression: Option<deflate::Config>,
    /// What a server that does not agree to it gets. Default `Dispensable`.
    #[cfg(feature = "deflate")]
    pub need: Need,
}

/// Whether a client goes on without the compression that it offered.
#[cfg(feature = "deflate")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Need {
    /// The client goes on without compression.
    #[default]
    Dispensable,
    /// It closes the WebSocket with 1010 (RFC 6455 §7.4.1; W-R-218).
    Required,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            subprotocol: Some("xmpp".to_owned()),
            origin: None,
            head_bytes: 16_384,
            informational: 8,
            #[cfg(feature = "deflate")]
            compression: None,
            #[cfg(feature = "deflate")]
            need: Need::Dispensable,
        }
    }
}

impl Config {
    /// The fields that say what is wanted. A value that could split a head is left out.
    pub(super) fn fields(&self) -> impl Iterator<Item = (&'static str, String)> {
        #[cfg(feature = "deflate")]
        let extensions = self.compression.as_ref().map(deflate::offer);
        #[cfg(not(feature = "deflate"))]
        let extensions: Option<String> = None;
        [
            ("Sec-WebSocket-Protocol", self.subprotocol.clone()),
            ("Sec-WebSocket-Extensions", extensions),
            ("Origin", self.origin.clone()),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
        .filter(|(_, value)| is_field_value(value))
    }
}

/// A handshake under way: its request, and what the response must say.
///
/// ```
/// use bytes::BytesMut;
/// use ws_framing::handshake::client::{Config, Endpoint, Handshake, Upgraded};
///
/// let endpoint = Endpoint::parse("wss://chat.example/ws")?;
/// let mut handshake = Handshake::new(&endpoint, Config::default(), [7; 32]);
/// assert!(handshake.request().starts_with(b"GET /ws HTTP/1.1\r\nHost: chat.example\r\n"));
/// let mut input = BytesMut::from("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n");
/// assert_eq!(handshake.handle_input(&mut input), Ok(None), "more bytes are needed");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Handshake {
    config: Config,
    request: Bytes,
    accept: String,
    heads: HeadReader,
    limits: Limits,
    /// Interim answers so far.
    skipped: usize,
}

/// The connection is a WebSocket now; what is left of the input are its first frames.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Upgraded {
    /// The subprotocol agreed.
    pub subprotocol: Option<String>,
    /// What was agreed on compression, for `Connection::with_deflate`.
    #[cfg(feature = "deflate")]
    pub compression: Option<deflate::Agreed>,
    /// To close it with at once, because it is a WebSocket but not what was asked for: 1000 where
    /// the subprotocol is missing (W-R-062), 1010 where compression is and was required.
    pub farewell: Option<CloseCode>,
}

/// Why there is no WebSocket.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refused {
    /// Another answer than 101 (W-R-057).
    #[error("the server answered {status}")]
    Status {
        /// The HTTP status of the answer.
        status: u16,
        /// `Location`, which is not followed here.
        location: Option<String>,
    },
    /// A 101 that does not say what RFC 6455 §4.1 asks for.
    #[error("the server's handshake is wrong in {0}")]
    Field(&'static str),
    /// Not a response of HTTP/1.1, or one past the limits.
    #[error("the answer is no HTTP/1.1 response within the limits")]
    Malformed,
}

impl Handshake {
    /// A handshake; its key comes from `seed`, which must not be used for anything else.
    pub fn new(endpoint: &Endpoint, config: Config, seed: [u8; 32]) -> Self {
        let mut nonce = [0; 16];
        ChaCha12Rng::from_seed(seed).fill_bytes(&mut nonce);
        let key = STANDARD.encode(nonce);
        let mut request = format!(
            "GET {} HTTP/1.1\r\nHost: {}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n",
            endpoint.target(),
            endpoint.authority(),
        );
        for (name, value) in config.fields() {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        request.push_str("\r\n");
        let mut limits = Limits::default();
        limits.head_bytes = config.head_bytes;
        Self {
            config,
            request: request.into(),
            accept: accept_value(key.as_bytes()),
            heads: HeadReader::default(),
            limits,
            skipped: 0,
        }
    }

    /// What to send, before anything else and without anything behind it (W-R-056).
    pub fn request(&self) -> &Bytes {
        &self.request
    }

    /// Bytes came, appended to `input`. Takes the response's head off its front; `None` needs more.
    ///
    /// # Errors
    ///
    /// The connection is no WebSocket: close it.
    pub fn handle_input(&mut self, input: &mut BytesMut) -> Result<Option<Upgraded>, Refused> {
        while let Some(head) = self
            .heads
            .read(input, &self.limits)
            .map_err(|_| Refused::Malformed)?
        {
            if head.version() != Version::Http11 {
                return Err(Refused::Malformed);
            }
            match head.status() {
                101 => return self.judge_upgrade(&head).map(Some),
                100..=199 if self.skipped < self.config.informational => self.skipped += 1,
                100..=199 => return Err(Refused::Malformed),
                status => {
                    return Err(Refused::Status {
                        status,
                        location: head.field("location").map(|value| text(value).to_owned()),
                    });
                }
            }
        }
        Ok(None)
    }

    /// W-R-058, W-R-059, W-R-060, W-R-061, W-R-062.
    fn judge_upgrade(&self, head: &ResponseHead) -> Result<Upgraded, Refused> {
        let is_websocket = |value: &[u8]| value.eq_ignore_ascii_case(b"websocket");
        if !head.field("upgrade").is_some_and(is_websocket) {
            return Err(Refused::Field("Upgrade"));
        }
        if !head.has_token("connection", "upgrade") {
            return Err(Refused::Field("Connection"));
        }
        if head.field("sec-websocket-accept") != Some(self.accept.as_bytes()) {
            return Err(Refused::Field("Sec-WebSocket-Accept"));
        }
        let extensions = head.fields("sec-websocket-extensions");
        let protocols: Vec<&str> = head.fields("sec-websocket-protocol").map(text).collect();
        agreed(&self.config, extensions, &protocols)
    }
}

/// What the fields that mean the same in every version of HTTP agree on, of a response that says
/// that this is a WebSocket.
pub(super) fn agreed<'a>(
    config: &Config,
    extensions: impl Iterator<Item = &'a [u8]>,
    protocols: &[&str],
) -> Result<Upgraded, Refused> {
    #[cfg(feature = "deflate")]
    let compression = match &config.compression {
        Some(config) => deflate::confirm(extensions, config)
            .map_err(|_| Refused::Field("Sec-WebSocket-Extensions"))?,
        None => none_agreed(extensions).map(|()| None)?,
    };
    #[cfg(not(feature = "deflate"))]
    none_agreed(extensions)?;
    let subprotocol = match protocols {
        [] => None,
        [named] if config.subprotocol.as_deref() == Some(named) => Some((*named).to_owned()),
        [_, ..] => return Err(Refused::Field("Sec-WebSocket-Protocol")),
    };
    let mut farewell = None;
    #[cfg(feature = "deflate")]
    if config.need == Need::Required && compression.is_none() {
        farewell = Some(CloseCode::MISSING_EXTENSION);
    }
    if subprotocol != config.subprotocol {
        farewell = Some(CloseCode::NORMAL);
    }
    Ok(Upgraded {
        subprotocol,
        #[cfg(feature = "deflate")]
        compression,
        farewell,
    })
}

/// A value that is not text matches nothing.
fn text(value: &[u8]) -> &str {
    std::str::from_utf8(value).unwrap_or("\u{fffd}")
}

/// Where none was offered.
fn none_agreed<'a>(mut lines: impl Iterator<Item = &'a [u8]>) -> Result<(), Refused> {
    if lines.all(|line| extensions::parse([line]).is_some_and(|list| list.is_empty())) {
        Ok(())
    } else {
        Err(Refused::Field("Sec-WebSocket-Extensions"))
    }
}

fn is_field_value(value: &str) -> bool {
    value.bytes().all(|byte| matches!(byte, b' '..=b'~'))
}
