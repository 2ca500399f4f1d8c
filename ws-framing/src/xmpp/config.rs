use std::time::Duration;

use xmpp_wire::XmlLimits;

use crate::connection;

/// How a session behaves.
///
/// ```
/// use ws_framing::xmpp::{Config, Namespaces};
///
/// let mut config = Config::default();
/// config.namespaces = Namespaces::Lenient;
/// assert_eq!(config.message_bytes_before_auth, 16_384);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Config {
    /// The WebSocket below. Its `message_bytes` count once authentication has succeeded.
    pub connection: connection::Config,
    /// Bounds on the XML of one message. Their `element_bytes` should not be below the connection's `message_bytes`.
    pub xml: XmlLimits,
    /// A server's: bytes of a message until the success of SASL (either profile) has been sent. Default 16 384: above RFC 6120's floor of 10 000, and
    /// ample for negotiation.
    pub message_bytes_before_auth: usize,
    /// A server's: from the start to the peer's `<open/>`; `None` is no bound. Default 10 s.
    pub open_timeout: Option<Duration>,
    /// A server's: from the peer's first `<open/>` to the success of SASL; `None` is no bound. Default 60 s.
    pub auth_timeout: Option<Duration>,
    /// A server's: a stanza before the success of SASL ends the stream with `not-authorized` (RFC 6120 §4.9.3.12). Default true; false for applications
    /// that do not use SASL.
    pub refuse_early_stanzas: bool,
    /// A client's: from each `<open/>` of ours to the features; `None` is no bound. Default 30 s: a gateway takes up to 15 s to reach the server.
    pub features_timeout: Option<Duration>,
    /// For the peer's `<close/>`, for the application's answer to one, and for the peer's Close frame behind it, each. Default 5 s.
    pub close_timeout: Duration,
    /// What a stanza without a namespace is. Default `Strict`.
    pub namespaces: Namespaces,
    /// `xml:lang` of our `<open/>` where the application names none. Default `en`.
    pub lang: String,
    /// The domain of a listener that has exactly one: taken where the peer's `<open/>` has no `to` (W-R-334), and named in the `<open/>`
    /// before an error. Default none: then `to` is required.
    pub domain: Option<String>,
    /// A client's: what the WebSocket runs on. Default `Plain`, which assumes the least.
    pub channel: Channel,
    /// A client's: how many redirects may still be followed; the application lowers it with each hop, 0 follows none. Default 3 (RFC 6120 §4.9.3.19
    /// suggests 2 to 5).
    pub redirects: u8,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            connection: connection::Config::default(),
            xml: XmlLimits::default(),
            message_bytes_before_auth: 16_384,
            open_timeout: Some(Duration::from_secs(10)),
            auth_timeout: Some(Duration::from_secs(60)),
            refuse_early_stanzas: true,
            close_timeout: Duration::from_secs(5),
            namespaces: Namespaces::Strict,
            features_timeout: Some(Duration::from_secs(30)),
            lang: "en".to_owned(),
            domain: None,
            channel: Channel::Plain,
            redirects: 3,
        }
    }
}

/// What a message, presence or iq without any namespace is (W-R-311).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Namespaces {
    /// A stream error, as RFC 7395 §3.3.3 has it.
    #[default]
    Strict,
    /// In `jabber:client`, which is then declared on it: what ejabberd and Openfire do.
    Lenient,
}

/// What a client's WebSocket runs on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Channel {
    /// `ws`: others can read it. No JID is sent in the clear (RFC 6120 §4.7.1), and any redirect is an improvement.
    #[default]
    Plain,
    /// `wss`: a redirect must not lead out of TLS (RFC 7395 §6).
    Tls,
}
