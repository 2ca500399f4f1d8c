//! One client's session tied to one stream to a server: the translation of XEP-0206 and RFC 7395 §3, as a pure machine.
//!
//! It speaks to the session in the vocabulary of all sessions ([`session`](crate::session)).
//!
//! ```
//! use std::time::Instant;
//! use bytes::BytesMut;
//! use xmpp_stream::{Action, Relay, client::Tls, relay::{Config, Event}, session::{self, Order}};
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
//! let mut orders = Vec::new();
//! while let Some(Action::Deliver(Event::Session(order))) = relay.poll_action() {
//!     orders.push(order);
//! }
//! assert!(matches!(&orders[..], [Order::Open(_), Order::Element(_), Order::Element(message)]
//!     if message.raw() == "<message xmlns=\"jabber:client\"><body>hi</body></message>"));
//!
//! relay.handle_session::<()>(session::Event::Element(Element::build("presence", ns::CLIENT).finish()), now);
//! assert_eq!(relay.poll_transmit().unwrap(), "<presence xmlns=\"jabber:client\"/>");
//! ```

use std::time::Duration;

use crate::{Action, client, session::Order};

mod bounce;
mod from_server;
mod login;
mod machine;
mod redial;
mod resumption;
mod upstream;

pub use login::begins_login;
pub use machine::Relay;
pub use upstream::{ServerAction, Target, Warning};

/// How a relay behaves.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// The stream to the server.
    pub stream: client::Config,
    /// Whether the client's channel is protected (W-R-452); otherwise mechanisms that show secrets are cut. Default false.
    pub protected: bool,
    /// Hides `-PLUS` and channel-binding lists (W-R-421, W-R-424). Default false: hiding breaks more than it mends.
    pub hide_channel_binding: bool,
    /// Whether the server belongs to another operator: its loss is then told as `remote-connection-failed` (W-R-417). Default false.
    pub foreign: bool,
    /// How many other servers the relay may be sent to before authentication, by `see-other-host` (W-R-418) or to the node that keeps a session
    /// (W-R-419); 0 follows none. Default 3 (RFC 6120 §4.9.3.19 suggests 2 to 5).
    pub redirects: u8,
    /// How long the client's session lets a client be silent, for `<limits/>` (W-R-426). Default `None`: no bound of its own.
    pub web_idle: Option<Duration>,
    /// What a web client may send in one element, for `<limits/>` (W-R-426). Default 262 144, that of BOSH and WebSocket sessions.
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

/// What a relay asks for.
#[derive(Debug)]
pub enum Event {
    /// An order for the accepted session, in order.
    Session(Order),
    /// Something about the way to the server, which the driver sees to.
    Server(ServerAction),
}

pub(crate) type RelayAction = Action<Event>;
