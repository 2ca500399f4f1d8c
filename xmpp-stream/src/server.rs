//! The receiving end (RFC 6120 §4.3).

use bytes::{Bytes, BytesMut};
use xmpp_wire::{Element, StreamError, StreamHeader};

use crate::{Action, Closed, Instant, SendError};

/// How a stream behaves (xml limits, open_timeout, close_timeout, outbox_bytes, stall_timeout ..).
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Config {}

/// What the application learns.
#[derive(Debug)]
pub enum Event {
    /// The peer's header, the first or one after `expect_restart`: answer with `open` or `fail`.
    Opened(StreamHeader),
    /// A first-level element.
    Element(Element),
    /// The peer's end tag; `close` answers it.
    Ended,
    /// Room again after `SendError::Full`.
    Writable,
    /// The end, once.
    Closed(Closed),
}

/// One stream from a client.
#[derive(Debug)]
pub struct Stream {}

impl Stream {
    /// A stream on a connection accepted now.
    pub fn new(_config: Config, _now: Instant) -> Self {
        todo!()
    }
    /// Answers the peer's header; features follow by `send`.
    pub fn open(&mut self, _header: StreamHeader, _now: Instant) {
        todo!()
    }
    /// Queues an element.
    pub fn send(&mut self, _element: Element, _now: Instant) -> Result<(), SendError> {
        todo!()
    }
    /// The next thing from the peer is a new header (after SASL success).
    pub fn expect_restart(&mut self, _now: Instant) {
        todo!()
    }
    /// Sends the end tag and waits for the peer's, or answers it.
    pub fn close(&mut self, _now: Instant) {
        todo!()
    }
    /// Sends the header if not yet sent, the error and the end tag.
    pub fn fail(&mut self, _error: StreamError, _now: Instant) {
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
    pub fn poll_transmit(&mut self) -> Option<Bytes> {
        todo!()
    }
    /// When to call `handle_timeout` at the latest.
    pub fn poll_timeout(&self) -> Option<Instant> {
        todo!()
    }
}
