//! RFC 7395: XMPP streams over a WebSocket.

use bytes::BytesMut;
use xmpp_wire::{Element, StreamError, StreamHeader};

use crate::{
    CloseCode, Instant, Transmit,
    connection::{self, Action, SendError},
};

/// How a session behaves: the connection's config; xml limits; message_bytes_before_auth 16 384; open_timeout 10 s, auth_timeout 60 s,
/// close_timeout 5 s; namespace mode strict or lenient (W-R-311); default language, ..
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Config {
    /// The WebSocket below.
    pub connection: connection::Config,
}

/// What the application learns.
#[derive(Debug)]
pub enum Event {
    /// The peer sent `<open/>`: the first, or the one of a restart (`restart` true). A server answers with `open`, `fail` or `close`.
    Opened {
        /// Its attributes.
        header: StreamHeader,
        /// Whether it restarts the stream.
        restart: bool,
    },
    /// An element; its namespace is explicit, it stands alone.
    Element(Element),
    /// The peer sent `<close/>`: finish sending, then `close` (at most `close_timeout`; the session answers by itself then).
    Closing,
    /// Room again after `SendError::Full`.
    Writable,
    /// The end, once.
    Closed(Closed),
}

/// How a session ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Closed {
    /// How the WebSocket ended.
    pub connection: connection::Closed,
    /// Whether `<close/>` went in either direction (a stream error and a redirect count): then it cannot be resumed (W-R-372).
    pub stream_closed: bool,
    /// The stream error that ended it, sent or received.
    pub error: Option<StreamError>,
}

/// A session, either role (the server's in this version).
#[derive(Debug)]
pub struct Session {}

impl Session {
    /// The server's end. `seed`: ids of streams that fail before the application opened them.
    pub fn server(_config: Config, _seed: [u8; 32], _now: Instant) -> Self {
        todo!()
    }
    /// Answers the peer's `<open/>`; features follow by `send`.
    pub fn open(
        &mut self,
        _header: StreamHeader,
        _now: Instant,
    ) -> Result<(), SendError<StreamHeader>> {
        todo!()
    }
    /// Queues an element as one message; it is made to stand alone, features and errors in the spelling of W-R-309.
    pub fn send(&mut self, _element: Element, _now: Instant) -> Result<(), SendError<Element>> {
        todo!()
    }
    /// Ends the stream, or answers the peer's `<close/>` (W-R-352).
    pub fn close(&mut self, _now: Instant) {
        todo!()
    }
    /// `<open/>` if not yet sent, the stream error, `<close/>`, Close with `code` (W-R-341, 343).
    pub fn fail(&mut self, _error: StreamError, _code: CloseCode, _now: Instant) {
        todo!()
    }
    /// A Close frame alone: no `<close/>`, so a resumable session stays resumable (W-R-417, 473).
    pub fn disconnect(&mut self, _code: CloseCode, _now: Instant) {
        todo!()
    }
    /// `<close see-other-uri=".."/>` (W-R-350).
    pub fn redirect(&mut self, _uri: &str, _now: Instant) {
        todo!()
    }
    /// XEP-0198 resumption is agreed: silence then drops the transport without XML (§6.5).
    pub fn set_resumable(&mut self, _resumable: bool) {
        todo!()
    }
    /// The application cannot take more.
    pub fn hold_input(&mut self, _now: Instant) {
        todo!()
    }
    /// It can again.
    pub fn release_input(&mut self, _now: Instant) {
        todo!()
    }
    /// Bytes came, appended to `input`.
    pub fn handle_input(&mut self, _input: &mut BytesMut, _now: Instant) {
        todo!()
    }
    /// The transport ended.
    pub fn handle_eof(&mut self, _now: Instant) {
        todo!()
    }
    /// A deadline may have passed.
    pub fn handle_timeout(&mut self, _now: Instant) {
        todo!()
    }
    /// Whether reading is useful now.
    pub fn wants_input(&self) -> bool {
        todo!()
    }
    /// The next order.
    pub fn poll_action(&mut self) -> Option<Action<Event>> {
        todo!()
    }
    /// The next bytes; ask when the last have been written.
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        todo!()
    }
    /// When to call `handle_timeout` at the latest.
    pub fn poll_timeout(&self) -> Option<Instant> {
        todo!()
    }
}
