//! One web session tied to one stream to a server: the translation of XEP-0206 and RFC 7395 (ledger B-X, W-R-400 ff.), as a pure machine.

use bytes::{Bytes, BytesMut};
use xmpp_wire::{Element, StreamError, StreamHeader};

use crate::{Action, Instant, client};

#[cfg(feature = "bosh")]
pub mod bosh;
#[cfg(feature = "ws")]
pub mod ws;

/// How a relay behaves.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// The stream to the server.
    pub stream: client::Config,
    /// Whether the web side's channel is protected (W-R-452); otherwise PLAIN is cut.
    pub protected: bool,
    /// W-R-421's switch. Default off.
    pub hide_channel_binding: bool,
    /// Whether the server belongs to another operator (W-R-417's condition). Default false.
    pub foreign: bool,
    /// What a web client may send in one element, for `<limits/>` (W-R-426).
    pub web_element_bytes: usize,
}

/// What the web side tells the relay.
#[derive(Debug)]
pub enum WebEvent {
    /// The client restarted its stream.
    Restarted(StreamHeader),
    /// An element from the client.
    Element(Element),
    /// The client ended its stream (`<close/>`, terminate): the server's end tag is waited for, then `WebAction::Close` answers.
    Closing,
    /// The web session is over.
    Closed(WebClosed),
}

/// How the web session ended.
#[derive(Debug)]
pub struct WebClosed {
    /// The client ended its stream on purpose (clean), so nothing may be resumed.
    pub clean: bool,
    /// Elements that never reached the client (B-X-030).
    pub undelivered: Vec<Element>,
}

/// What the web side must do, in order. Delivered as `Action::Deliver`.
#[derive(Debug)]
pub enum WebAction {
    /// The server's header: answer the client's opening (or restart) with it.
    Open(StreamHeader),
    /// An element for the client.
    Element(Element),
    /// XEP-0198 resumption became agreed, or ended (W-R-447).
    Resumable(bool),
    /// End the web session.
    Close(WebClose),
    /// The stream's outbox is above its mark: stop reading the client (`hold`) ...
    Hold,
    /// ... and go on.
    Release,
}

/// How the web session must end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WebClose {
    /// Cleanly: `<close/>` and 1000, terminate without a condition.
    Clean,
    /// The server's own stream error, passed on: 1000, `remote-stream-error`.
    StreamError(StreamError),
    /// The server was lost or never reached (W-R-417, W-R-444): condition per `foreign`, 1011; `remote-connection-failed`.
    Unreachable(StreamError),
    /// Lost, but resumable: no XML, 1011; `remote-connection-failed` (W-R-417).
    Lost,
    /// The client broke the rules of the relay (`<starttls/>`, W-R-441): this error, 1000; `policy-violation` or `bad-request`.
    Fault(StreamError),
    /// The server broke the protocol or a limit (W-R-445, 446): `internal-server-error`, 1011.
    Internal(StreamError),
}

/// What `Relay::poll_action` orders.
pub type RelayAction = Action<WebAction>;

/// One web session tied to one stream.
#[derive(Debug)]
pub struct Relay {}

impl Relay {
    /// A relay for a client that opened with `header`; its `to` names the XMPP domain.
    pub fn new(_config: Config, _header: StreamHeader, _now: Instant) -> Self {
        todo!()
    }
    /// The web side did something.
    pub fn handle_web(&mut self, _event: WebEvent, _now: Instant) {
        todo!()
    }
    /// The web side's outbox is full: read no more from the server.
    pub fn hold_input(&mut self, _now: Instant) {
        todo!()
    }
    /// It has room again.
    pub fn release_input(&mut self, _now: Instant) {
        todo!()
    }
    /// The gateway is going down (W-R-473): `shutdown` tells the web side by itself; this ends the stream, without an end tag where it can be resumed.
    pub fn shutdown(&mut self, _now: Instant) {
        todo!()
    }
    /// Whether XEP-0198 resumption is active (W-R-447).
    pub fn resumable(&self) -> bool {
        todo!()
    }
    /// The server could not be reached (DNS, TCP, TLS).
    pub fn handle_unreachable(&mut self, _now: Instant) {
        todo!()
    }
    /// TLS is up.
    pub fn handle_tls(&mut self, _now: Instant) {
        todo!()
    }
    /// Bytes came from the server, appended to `input`.
    pub fn handle_input(&mut self, _input: &mut BytesMut, _now: Instant) {
        todo!()
    }
    /// The server's connection ended.
    pub fn handle_eof(&mut self, _now: Instant) {
        todo!()
    }
    /// A deadline may have passed.
    pub fn handle_timeout(&mut self, _now: Instant) {
        todo!()
    }
    /// Whether reading from the server is useful now.
    pub fn wants_input(&self) -> bool {
        todo!()
    }
    /// The next order.
    pub fn poll_action(&mut self) -> Option<RelayAction> {
        todo!()
    }
    /// The next bytes for the server; ask when the last have been written.
    pub fn poll_transmit(&mut self) -> Option<Bytes> {
        todo!()
    }
    /// When to call `handle_timeout` at the latest.
    pub fn poll_timeout(&self) -> Option<Instant> {
        todo!()
    }
}
