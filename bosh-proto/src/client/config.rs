use std::time::Duration;

use xmpp_wire::XmlLimits;

/// What a session asks for, and its bounds; each default has its reason here.
///
/// `wait` goes on the wire in whole seconds, rounded down, 65 535 at most.
///
/// ```
/// use bosh_proto::client::Config;
///
/// let mut config = Config::new("lantern.example");
/// config.lang = Some("de".into());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Config {
    /// The XMPP domain, not the URL's host (B-R-032).
    pub to: String,
    /// The user's bare JID. Default none: some clusters answer it with a redirect (B-R-045, TR-47).
    pub from: Option<String>,
    /// `xml:lang` (B-R-051). Default `en`.
    pub lang: Option<String>,
    /// `wait` (B-R-037). Default 50 s: below the 60 s after which common proxies give up. Zero makes a polling session (B-R-041).
    pub wait: Duration,
    /// `hold` (B-R-039). Default 1: one held request is enough, and each more costs a connection. Zero makes a polling session, which few
    /// servers do well (TR-01).
    pub hold: u8,
    /// `route`, such as `xmpp:lantern.example:5222`, for a connection manager that is a proxy (B-R-042). Default none.
    pub route: Option<String>,
    /// Acknowledge responses (XEP-0124 §9.2). Default false: deployed servers handle it badly (TR-40).
    pub client_ack: bool,
    /// Protect the session with a key sequence (XEP-0124 §15). Default false: pointless under TLS (B-R-154).
    pub keys: bool,
    /// Send no payloads while others may be on their way, for connection managers that do not put requests in order (TR-17).
    /// Default false: it costs up to 2 s a stanza.
    pub serialise: bool,
    /// How long an empty request waits behind an answer that carried payloads, for a payload that may leave on it. Default zero: it is made at once
    /// (B-R-077). A few milliseconds save a request where the application answers what it hears, and keep two requests from overtaking each other:
    /// ejabberd then answers the second only when the first's `wait` is over.
    pub poll_delay: Duration,
    /// How often the creation is tried, each time with a new `rid` (B-R-049). Default 3; 1 where the caller has further nodes to try (B-T-003).
    pub creation_attempts: u8,
    /// How long a restart waits for its features; then the session is of no use (TR-19). Default 60 s, a request's whole life.
    pub restart_timeout: Duration,
    /// How long lost requests are sent again where the connection manager names no `inactivity`. Default 120 s, as a long pause.
    pub patience: Duration,
    /// Soft bound of one request's payloads: no further element is added that passes it. Default 65 536: deployed servers take it.
    pub request_bytes: usize,
    /// Bytes of elements that wait for room in the window; beyond it `send` refuses. An element larger than all of it is taken by an empty
    /// outbox. Default 131 072: two full requests.
    pub outbox_bytes: usize,
    /// The largest response. Default 1 048 576: a roster of some thousand contacts fits.
    pub response_bytes: usize,
    /// Bytes of elements that may come while the input is held; beyond it no request is made, and the session ends when it cannot live
    /// without one. Default 1 048 576, as one response.
    pub held_bytes: usize,
    /// Bounds on XML. Default as `XmlLimits`, with elements as large as a response.
    pub xml: XmlLimits,
}

impl Config {
    /// A session with that XMPP domain.
    pub fn new(to: &str) -> Self {
        Self {
            to: to.to_owned(),
            ..Self::default()
        }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            to: String::new(),
            from: None,
            lang: Some("en".to_owned()),
            wait: Duration::from_secs(50),
            hold: 1,
            route: None,
            client_ack: false,
            keys: false,
            serialise: false,
            poll_delay: Duration::ZERO,
            creation_attempts: 3,
            restart_timeout: Duration::from_secs(60),
            patience: Duration::from_secs(120),
            request_bytes: 65_536,
            outbox_bytes: 131_072,
            response_bytes: 1_048_576,
            held_bytes: 1_048_576,
            xml: XmlLimits::default().with_element_bytes(1_048_576),
        }
    }
}
