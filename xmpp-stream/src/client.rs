//! The initiating end (RFC 6120 §4.2).

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use xmpp_wire::{Element, StreamError, StreamHeader, XmlLimits};

use crate::{Action, Closed, Instant, SendError};

/// Where TLS comes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Tls {
    /// Never; for addresses that are trusted by configuration.
    None,
    /// STARTTLS, attempted even where it is not offered (RFC 7590 §3.1).
    #[default]
    StartTls,
    /// From the first byte: the driver does it before the first `poll_transmit`.
    Direct,
}

/// How a stream behaves.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// TLS.
    pub tls: Tls,
    /// Bounds on XML. Default `element_bytes` 524 288, twice what a web client may send (W-R-446).
    pub xml: XmlLimits,
    /// From a header of ours to the features (and the TLS handshake in between). Default 15 s (W-R-444).
    pub features_timeout: Duration,
    /// For the peer's end tag. Default 5 s.
    pub close_timeout: Duration,
    /// Bytes queued for the peer before `send` is `Full`. Default 262 144.
    pub outbox_bytes: usize,
    /// For a peer that takes none of the bytes queued. Default 60 s.
    pub stall_timeout: Duration,
    /// Silence after which a space is written (W-R-440, W-R-442). Default 300 s; `None` never.
    pub keepalive: Option<Duration>,
}

/// What the application learns.
#[derive(Debug)]
pub enum Event {
    /// The peer's header, after TLS where TLS was asked for (W-R-415); also after each restart.
    Opened(StreamHeader),
    /// A first-level element, features and stream errors among them; with the scope of the header.
    Element(Element),
    /// The peer's end tag; `close` answers it, at the latest after `close_timeout`.
    Ended,
    /// Room again after `SendError::Full`.
    Writable,
    /// The end, once.
    Closed(Closed),
}

/// One stream to a server.
#[derive(Debug)]
pub struct Stream {}

impl Stream {
    /// Opens with this header as soon as bytes are asked for.
    pub fn new(_config: Config, _header: StreamHeader, _now: Instant) -> Self {
        todo!()
    }
    /// Queues an element. It must stand alone and be in a namespace (W-R-432).
    pub fn send(&mut self, _element: Element, _now: Instant) -> Result<(), SendError> {
        todo!()
    }
    /// A new header on the same connection, a fresh parser; no end tag (RFC 6120 §4.3.3).
    pub fn restart(&mut self, _header: StreamHeader, _now: Instant) {
        todo!()
    }
    /// Sends the end tag and waits for the peer's.
    pub fn close(&mut self, _now: Instant) {
        todo!()
    }
    /// Sends the stream error and the end tag.
    pub fn fail(&mut self, _error: StreamError, _now: Instant) {
        todo!()
    }
    /// Drops the connection without an end tag: the peer may keep the session for resumption (B-X-032, W-R-437).
    pub fn abort(&mut self, _now: Instant) {
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
    /// Bytes queued and not yet asked for.
    pub fn queued(&self) -> usize {
        todo!()
    }
    /// TLS is up.
    pub fn handle_tls(&mut self, _now: Instant) {
        todo!()
    }
    /// Bytes came, appended to `input`.
    pub fn handle_input(&mut self, _input: &mut BytesMut, _now: Instant) {
        todo!()
    }
    /// The transport ended, or could not be had.
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
