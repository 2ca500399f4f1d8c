//! One web session tied to one stream to a server: the translation of XEP-0206 and RFC 7395 §3, as a pure machine.
//!
//! The web side has a small vocabulary of its own ([`WebEvent`], [`WebAction`]); [`bosh`] and [`ws`] map it to the sessions
//! of the two protocols.
//!
//! ```
//! use std::time::Instant;
//! use bytes::BytesMut;
//! use xmpp_stream::{Action, Relay, client::Tls, relay::{Config, WebAction, WebEvent}};
//! use xmpp_wire::{Element, StreamHeader, ns};
//!
//! let now = Instant::now();
//! let mut config = Config::default();
//! config.protected = true;
//! config.stream.tls = Tls::None;
//! let opening = StreamHeader { to: Some("a.example".into()), ..StreamHeader::default() };
//! let mut relay = Relay::new(config, opening, now);
//! assert!(relay.poll_transmit().unwrap().starts_with(b"<?xml version='1.0'?><stream:stream "));
//!
//! let server = "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' id='1' version='1.0'>\
//!               <stream:features><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></stream:features><message><body>hi</body></message>";
//! relay.handle_input(&mut BytesMut::from(server), now);
//! let mut web = Vec::new();
//! while let Some(Action::Deliver(action)) = relay.poll_action() {
//!     web.push(action);
//! }
//! assert!(matches!(&web[..], [WebAction::Open(_), WebAction::Element(_), WebAction::Element(message)]
//!     if message.raw() == "<message xmlns=\"jabber:client\"><body>hi</body></message>"));
//!
//! relay.handle_web(WebEvent::Element(Element::build("presence", ns::CLIENT).finish()), now);
//! assert_eq!(relay.poll_transmit().unwrap(), "<presence xmlns=\"jabber:client\"/>");
//! ```

use std::time::Duration;

use xmpp_wire::{Element, StreamError, StreamHeader};

use crate::{Action, client};

#[cfg(feature = "bosh")]
pub mod bosh;
mod bounce;
mod from_server;
mod login;
mod machine;
mod redial;
mod resumption;
mod upstream;
#[cfg(feature = "ws")]
pub mod ws;

pub use login::begins_login;
pub use machine::Relay;
pub use upstream::{ServerAction, Target, Warning};

/// How a relay behaves.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// The stream to the server.
    pub stream: client::Config,
    /// Whether the web side's channel is protected (W-R-452); otherwise mechanisms that show secrets are cut. Default false.
    pub protected: bool,
    /// Hides `-PLUS` and channel-binding lists (W-R-421, W-R-424). Default false: hiding breaks more than it mends.
    pub hide_channel_binding: bool,
    /// Whether the server belongs to another operator: its loss is then told as `remote-connection-failed` (W-R-417). Default false.
    pub foreign: bool,
    /// How many other servers the relay may be sent to before authentication, by `see-other-host` (W-R-418) or to the node that keeps a session
    /// (W-R-419); 0 follows none. Default 3 (RFC 6120 §4.9.3.19 suggests 2 to 5).
    pub redirects: u8,
    /// How long the web side lets a client be silent, for `<limits/>` (W-R-426). Default `None`: no bound of its own.
    pub web_idle: Option<Duration>,
    /// What a web client may send in one element, for `<limits/>` (W-R-426). Default 262 144, that of both web sides.
    pub web_element_bytes: usize,
    /// Bytes taken from a client while the server's features have not come (W-R-443, B-R-050). Default 16 384, the usual bound
    /// on what comes before authentication.
    pub early_bytes: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            stream: client::Config::default(),
            protected: false,
            hide_channel_binding: false,
            foreign: false,
            redirects: 3,
            web_idle: None,
            web_element_bytes: 262_144,
            early_bytes: 16_384,
        }
    }
}

/// What the web side tells the relay.
#[derive(Debug)]
pub enum WebEvent {
    /// The client restarted its stream.
    Restarted(StreamHeader),
    /// An element from the client; it stands alone.
    Element(Element),
    /// The client ended its stream (`<close/>`): the server's end tag is waited for, then `WebAction::Close` answers.
    Closing,
    /// The web session is over.
    Closed(WebClosed),
}

/// How the web session ended.
#[derive(Debug)]
pub struct WebClosed {
    /// The stream was ended on purpose (`<close/>`, terminate), so nothing may be resumed.
    pub clean: bool,
    /// Elements that never reached the client (B-X-030).
    pub undelivered: Vec<Element>,
}

/// What the web side must do, in order. Delivered as `Action::Deliver`.
#[derive(Debug)]
pub enum WebAction {
    /// The server's header: answer the client's opening (or restart) with it.
    Open(StreamHeader),
    /// An element for the client; it stands alone, in the spelling of W-R-309.
    Element(Element),
    /// XEP-0198 resumption became agreed, or ended (W-R-447).
    Resumable(bool),
    /// End the web session. The last order.
    Close(WebClose),
    /// The stream's outbox is above its mark: stop reading the client (`hold_input`) ...
    Hold,
    /// ... and go on.
    Release,
    /// Nothing for the web side: the driver sees to it.
    Server(ServerAction),
}

/// How the web session must end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WebClose {
    /// Cleanly: `<close/>` and 1000; terminate without a condition.
    Clean,
    /// The server's own `<stream:error/>`, passed on whole: 1000; `remote-stream-error`.
    StreamError(Element),
    /// The server was lost or never reached (W-R-417, W-R-444): this error, 1011; `remote-connection-failed`.
    Unreachable(StreamError),
    /// The server was lost, but the session can be resumed (W-R-417): no XML, 1011; `remote-connection-failed`.
    Lost,
    /// The client broke the rules of the relay (`<starttls/>`, W-R-441): this error, 1000; `policy-violation` or `bad-request`.
    Fault(StreamError),
    /// The server offers nothing that may be used here (W-R-427): this error, 1000; `undefined-condition` (B-X-016).
    Refused(StreamError),
    /// The server broke the protocol or a limit (W-R-445, 446): this error, 1011; `internal-server-error`.
    Internal(StreamError),
}

/// What `Relay::poll_action` orders.
pub type RelayAction = Action<WebAction>;
