use std::time::Duration;

use xmpp_wire::XmlLimits;

use super::{Rates, Route};
use crate::Coding;

/// How the manager behaves; every bound has its default and reason here.
///
/// Durations that go on the wire (`wait`, `polling`, `inactivity*`, `maxpause`) are sent in whole seconds, rounded down, 65 535 at most.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// Cap of `wait` (B-R-038). Default 55 s: below the 60 s of common proxies (TR-24).
    pub wait: Duration,
    /// Cap of `hold` (B-R-040), not less than 1: nobody is made to poll (B-R-131). Default 1: one held request is all that a client needs, and each more costs a connection.
    pub hold: u8,
    /// `polling`: how far apart empty requests must be (XEP-0124 §11, §12); zero does not advertise it, and allows any frequency (B-R-129).
    /// Default 5 s, as deployed servers have.
    pub polling: Duration,
    /// `inactivity` of a session that waits (B-R-117): how long it lives without a request. Default 30 s, a bit above a bad round trip.
    pub inactivity: Duration,
    /// `inactivity` of a polling session (B-R-117). Default 60 s: well above `polling`.
    pub inactivity_polling: Duration,
    /// The longest `pause` (B-R-059); zero switches pausing off. Default 120 s, enough for a page to load.
    pub maxpause: Duration,
    /// How long a held request's release by a newer one waits for a payload that may leave on it (B-R-071). Default 5 ms; zero switches it off.
    pub linger: Duration,
    /// When the creation request is answered without features (B-R-062), or `wait` if that is less. Default 5 s.
    pub creation_timeout: Duration,
    /// From creation to SASL success, seen in what is sent; then `policy-violation` (as W-R-335 for
    /// WebSocket). Default 60 s: a person types a password in that time, and sessions of clients
    /// that never sign in do not pile up. `None` for applications that do not use SASL.
    pub auth_timeout: Option<Duration>,
    /// A stanza before SASL success ends the session with the stream error `not-authorized` (RFC 6120 §4.9.3.12). Default false: a server behind the
    /// connection manager judges what its clients send; true where the application is the server.
    pub refuse_early_stanzas: bool,
    /// Codings that requests may come in, told on creation as `accept` (B-R-057): those that the HTTP side decodes, such as
    /// `binding::Config::codings`. Default none.
    pub accept: Vec<Coding>,
    /// Acknowledge requests with `ack` (XEP-0124 §9.1). Default true.
    pub server_ack: bool,
    /// Bounds on XML. Default as `XmlLimits`.
    pub xml: XmlLimits,
    /// The largest request body (B-R-019), normally refused by the HTTP side already. Default 262 144, as one element (`XmlLimits`).
    pub body_bytes: usize,
    /// The largest request body before SASL succeeded; beyond it `policy-violation`. Default 16 384:
    /// more than any SASL message or Kerberos ticket in common use. It also bounds what an unauthenticated session may make us keep in all: payloads
    /// before the server's stream is open, and requests behind a gap.
    pub body_bytes_before_auth: usize,
    /// Soft bound of one response's payloads (B-R-074): no further element is added that passes it. Default 65 536:
    /// a phone on a bad line gets it in a few seconds.
    pub response_bytes: usize,
    /// Bytes of elements that wait for a request; beyond it `send` refuses. An element larger than all of it is taken by an
    /// empty outbox. Default 262 144: four full responses.
    pub outbox_bytes: usize,
    /// With client acks: the most responses kept for replay (B-R-089). Default 32, far above any window; without, `requests` + 1 are kept.
    pub replay_responses: usize,
    /// With client acks: the most bytes kept for replay; the newest `requests` + 1 stay whatever their size. Default 262 144.
    pub replay_bytes: usize,
    /// How fast clients may be (B-R-133). Default: no limit.
    pub rates: Rates,
    /// Sessions at once; creation is refused beyond with `policy-violation`. Default 65 536.
    pub sessions: usize,
    /// Duplicates of one rid (B-R-095). Default 10: above what a client's backoff makes of one wait (TR-20).
    pub duplicates_per_rid: u8,
    /// Duplicates of a session in a minute (B-R-095). Default 30.
    pub duplicates_per_minute: u8,
    /// Grant `content='text/html'` (B-R-008). Default false: a browser could be made to run what a response quotes.
    pub allow_html: bool,
    /// Grant `content` with a charset that has ASCII in it (`us-ascii`, `iso-8859-1`, `iso-8859-15`, `windows-1252`), and write whatever is not
    /// ASCII as character references (B-R-026). Default false: clients that want this are not known.
    pub ascii_charsets: bool,
    /// Domains served, in any spelling (B-R-034); others get `host-unknown` (B-R-033). Default empty: any, the application decides.
    pub domains: Vec<String>,
    /// Domains served no more: `host-gone` (B-R-033). Default empty.
    pub domains_gone: Vec<String>,
    /// Proxy mode: `route` is read, and must be one of these (B-R-044). Default none: `route` is ignored whatever it holds, since who lets
    /// clients choose where to connect is an open relay.
    pub routes: Option<Vec<Route>>,
    /// Put before the random part of each `sid`, for balancers that read it (B-T-007); not a secret. Default none.
    pub node_tag: Option<String>,
    /// Sent as `host` on creation (B-T-006): this node's own name, for clients that follow it. Default none.
    pub host: Option<String>,
    /// Send the server's stream id as `authid` (B-X-014, obsolete). Default false.
    pub authid: bool,
    /// `xml:lang` where the client gives none (B-R-051). Default none.
    pub default_lang: Option<String>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            wait: Duration::from_secs(55),
            hold: 1,
            polling: Duration::from_secs(5),
            inactivity: Duration::from_secs(30),
            inactivity_polling: Duration::from_secs(60),
            maxpause: Duration::from_secs(120),
            linger: Duration::from_millis(5),
            creation_timeout: Duration::from_secs(5),
            auth_timeout: Some(Duration::from_secs(60)),
            refuse_early_stanzas: false,
            accept: Vec::new(),
            server_ack: true,
            xml: XmlLimits::default(),
            body_bytes: 262_144,
            body_bytes_before_auth: 16_384,
            response_bytes: 65_536,
            outbox_bytes: 262_144,
            replay_responses: 32,
            replay_bytes: 262_144,
            rates: Rates::default(),
            sessions: 65_536,
            duplicates_per_rid: 10,
            duplicates_per_minute: 30,
            allow_html: false,
            ascii_charsets: false,
            domains: Vec::new(),
            domains_gone: Vec::new(),
            routes: None,
            node_tag: None,
            host: None,
            authid: false,
            default_lang: None,
        }
    }
}

/// Whole seconds for the wire.
pub(super) fn seconds(duration: Duration) -> u16 {
    u16::try_from(duration.as_secs()).unwrap_or(u16::MAX)
}
