//! The initiating end (RFC 6120 §4.2).
//!
//! ```
//! use std::time::Instant;
//! use bytes::BytesMut;
//! use xmpp_stream::{Action, client::{Config, Event, Stream, Tls}};
//! use xmpp_wire::{Element, StreamHeader, ns};
//!
//! let now = Instant::now();
//! let header = StreamHeader { to: Some("a.example".into()), ..StreamHeader::default() };
//! let mut stream = Stream::new(Config::default().with_tls(Tls::None), header, now);
//! assert!(stream.poll_transmit().unwrap().starts_with(b"<?xml version='1.0'?><stream:stream "));
//!
//! let answer = "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0' id='1'><stream:features/>";
//! stream.handle_input(&mut BytesMut::from(answer), now);
//! assert!(matches!(stream.poll_action(), Some(Action::Deliver(Event::Opened(_)))));
//! assert!(matches!(stream.poll_action(), Some(Action::Deliver(Event::Element(_)))));
//! stream.send(Element::build("presence", ns::CLIENT).finish(), now)?;
//! assert_eq!(stream.poll_transmit().unwrap(), r#"<presence xmlns="jabber:client"/>"#);
//! # Ok::<(), xmpp_stream::SendError<xmpp_wire::Element>>(())
//! ```

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use xmpp_wire::{Element, NestedElement, Piece, StreamError, StreamHeader, XmlLimits, ns};

pub use crate::transport::Event;
use crate::{
    Action, Cause, Instant, Reason, SendError, StartTls,
    header::{self, Fault},
    transport::{Bounds, Transport, alone},
};

/// Where TLS comes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Tls {
    /// No TLS; for addresses that are trusted by configuration.
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
    /// How the stream is protected. Default STARTTLS.
    pub tls: Tls,
    /// Bounds on XML. Default `element_bytes` 524 288, twice what a web client may send (W-R-446).
    pub xml: XmlLimits,
    /// From the start, or a restart, to the features, connecting and the TLS handshake included. Default 15 s (W-R-444).
    pub features_timeout: Duration,
    /// For the peer's end tag, and for our last bytes to leave. Default 5 s.
    pub close_timeout: Duration,
    /// Bytes queued for the peer from which on `send` is `Full`. Default 262 144, one element of the usual limit.
    pub outbox_bytes: usize,
    /// For a peer that takes none of the bytes queued. Default 60 s: a TCP connection that silent is lost in practice.
    pub stall_timeout: Duration,
    /// Silence after which a space is written (RFC 6120 §4.6.1); never while authenticating (W-R-440).
    /// Default 300 s (RFC 6120 §4.6.4); `None` never.
    pub keepalive: Option<Duration>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            tls: Tls::default(),
            xml: XmlLimits::default().with_element_bytes(524_288),
            features_timeout: Duration::from_secs(15),
            close_timeout: Duration::from_secs(5),
            outbox_bytes: 262_144,
            stall_timeout: Duration::from_secs(60),
            keepalive: Some(Duration::from_secs(300)),
        }
    }
}

impl Config {
    /// The same with another place for TLS.
    #[must_use]
    pub fn with_tls(mut self, tls: Tls) -> Self {
        self.tls = tls;
        self
    }
}

/// How far the stream is. The first four are for STARTTLS alone, and none of them is shown to the application.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    PlainHeader,
    PlainFeatures,
    Proceed,
    Handshake,
    Header,
    Open,
}

/// Whether white space may be written (RFC 6120 §6.3.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Spaces {
    Allowed,
    /// From the first SASL element to the failure, or to the features behind success.
    Suspended,
}

/// One stream to a server.
#[derive(Debug)]
pub struct Stream {
    transport: Transport<StartTls>,
    phase: Phase,
    spaces: Spaces,
    header: StreamHeader,
    /// SASL succeeded, and the restart is due. A server that does not wait for it ends a stream of its own, which it opens for the error (ejabberd,
    /// Prosody).
    restart_due: bool,
    features_timeout: Duration,
    keepalive: Option<Duration>,
}

impl Stream {
    /// Opens with this header (`to`, `from`, `lang`) as soon as bytes are asked for. `from` is left out before TLS.
    pub fn new(config: Config, header: StreamHeader, now: Instant) -> Self {
        let bounds = Bounds {
            from_server: true,
            xml: config.xml,
            outbox_bytes: config.outbox_bytes,
            close_timeout: config.close_timeout,
            stall_timeout: config.stall_timeout,
        };
        let mut stream = Self {
            transport: Transport::new(bounds, now),
            phase: Phase::Header,
            spaces: Spaces::Allowed,
            header: StreamHeader { id: None, ..header },
            restart_due: false,
            features_timeout: config.features_timeout,
            keepalive: config.keepalive,
        };
        stream.expect_features();
        if config.tls == Tls::StartTls {
            stream.phase = Phase::PlainHeader;
            let plain = StreamHeader {
                from: None,
                ..stream.header.clone()
            };
            stream.transport.write(&header::write(&plain));
        } else {
            stream.write_header();
        }
        stream
    }

    /// Queues an element; it is made to stand alone.
    ///
    /// # Errors
    ///
    /// Gives the element back where there is no room, no open stream, or no namespace.
    pub fn send(&mut self, element: Element, now: Instant) -> Result<(), SendError<Element>> {
        self.transport.advance(now);
        if !self.is_open() {
            return Err(SendError::Closed(element));
        }
        if element.name().namespace.is_empty() {
            return Err(SendError::Forbidden(element));
        }
        if self.transport.refuses() {
            return Err(SendError::Full(element));
        }
        self.push(&element);
        Ok(())
    }

    /// Whether `send` can succeed: the peer's header has come, and we have not ended the stream.
    pub fn is_open(&self) -> bool {
        self.phase == Phase::Open && self.transport.is_writable()
    }

    /// Queues an element whatever the mark; the relay has taken it already.
    pub(crate) fn push(&mut self, element: &Element) {
        if matches!(element.name().namespace, ns::SASL | ns::SASL2) {
            self.spaces = Spaces::Suspended;
        }
        self.transport.write_element(element);
    }

    /// Lowers the silence after which a space is written, where one is: the peer has said how long it lets a stream be idle.
    pub(crate) fn keep_alive_within(&mut self, silence: Duration) {
        let silence = silence.max(Duration::from_secs(1));
        self.keepalive = self.keepalive.map(|configured| configured.min(silence));
    }

    /// The latest time that this stream was told.
    pub(crate) fn now(&self) -> Instant {
        self.transport.now()
    }

    /// A new header on the same connection, a fresh parser; no end tag (RFC 6120 §4.3.3).
    pub fn restart(&mut self, header: StreamHeader, now: Instant) {
        self.transport.advance(now);
        if self.phase != Phase::Open || !self.transport.is_live() {
            return;
        }
        self.header = StreamHeader { id: None, ..header };
        self.restart_due = false;
        self.transport.renew_parser();
        self.phase = Phase::Header;
        self.expect_features();
        self.write_header();
    }

    /// Sends the end tag and waits for the peer's, or answers it. Elements are still delivered.
    pub fn close(&mut self, now: Instant) {
        self.transport.advance(now);
        if self.phase == Phase::Handshake {
            self.transport.abort(Cause::Ours, None);
        } else {
            self.transport.close();
        }
    }

    /// Sends the stream error and the end tag, and ends.
    pub fn fail(&mut self, error: StreamError, now: Instant) {
        self.transport.advance(now);
        if self.phase == Phase::Handshake {
            self.transport.abort(Cause::Ours, None);
        } else {
            self.transport.fail(Cause::Ours, None, error);
        }
    }

    /// Drops the connection without an end tag: the peer may keep the session for resumption (B-X-032, W-R-437).
    pub fn abort(&mut self, now: Instant) {
        self.transport.advance(now);
        self.transport.abort(Cause::Ours, None);
    }

    /// The application cannot take more: no element is delivered, nothing is read, and the peer's deadline stands still.
    pub fn hold_input(&mut self, now: Instant) {
        self.transport.advance(now);
        self.transport.hold();
    }

    /// The application can take more again.
    pub fn release_input(&mut self, now: Instant) {
        self.transport.advance(now);
        self.transport.release();
    }

    /// Bytes queued and not yet asked for.
    pub fn queued(&self) -> usize {
        self.transport.queued()
    }

    /// TLS is up: the stream begins anew, and for the application begins at all.
    pub fn handle_tls(&mut self, now: Instant) {
        self.transport.advance(now);
        if self.phase == Phase::Handshake && self.transport.is_live() {
            self.transport.discard_input();
            self.transport.renew_parser();
            self.phase = Phase::Header;
            self.write_header();
        }
    }

    /// Bytes came, appended to `input`; all are taken.
    pub fn handle_input(&mut self, input: &mut BytesMut, now: Instant) {
        self.transport.advance(now);
        if self.phase == Phase::Handshake {
            // Injected behind `<proceed/>` (W-R-450).
            input.clear();
        } else {
            self.transport.take_input(input);
        }
    }

    /// The transport ended, or could not be had (no connection, no TLS).
    pub fn handle_eof(&mut self, now: Instant) {
        self.transport.advance(now);
        self.transport.handle_eof();
    }

    /// A deadline may have passed.
    pub fn handle_timeout(&mut self, now: Instant) {
        let now = self.transport.advance(now);
        if self.keepalive_at().is_some_and(|at| at <= now) {
            self.transport.write(b" ");
        }
        if self.transport.handle_timeout() {
            let reason = Some(if self.is_plain() {
                Reason::StartTlsTimeout
            } else {
                Reason::FeaturesTimeout
            });
            if self.phase == Phase::Handshake {
                self.transport.abort(Cause::Timeout, reason);
            } else {
                let error = StreamError::new("connection-timeout");
                self.transport.fail(Cause::Timeout, reason, error);
            }
        }
    }

    /// Whether reading is useful now.
    pub fn wants_input(&self) -> bool {
        self.transport.wants_input() && self.phase != Phase::Handshake
    }

    /// The next order.
    pub fn poll_action(&mut self) -> Option<Action<Event>> {
        loop {
            if let Some(action) = self.transport.pop_action() {
                return Some(action);
            }
            if let Some(piece) = self.next_piece() {
                self.take(piece);
            } else if self.transport.is_lost() {
                let (cause, reason) = match self.phase {
                    Phase::Proceed | Phase::Handshake => (Cause::Tls, Reason::StartTlsLost),
                    Phase::PlainHeader | Phase::PlainFeatures | Phase::Header | Phase::Open => {
                        (Cause::Network, Reason::ConnectionLost)
                    }
                };
                self.transport.lost(cause, reason);
            } else {
                return None;
            }
        }
    }

    /// The next bytes; ask when the last have been written.
    pub fn poll_transmit(&mut self) -> Option<Bytes> {
        self.transport.poll_transmit()
    }

    /// When to call `handle_timeout` at the latest. Any other call may change it.
    pub fn poll_timeout(&self) -> Option<Instant> {
        [self.transport.poll_timeout(), self.keepalive_at()]
            .into_iter()
            .flatten()
            .min()
    }

    fn write_header(&mut self) {
        let header = header::write(&self.header);
        self.transport.write(&header);
    }

    fn expect_features(&mut self) {
        self.transport.expect_within(Some(self.features_timeout));
    }

    /// When a space is due: on an open stream, idle, outside of negotiations.
    fn keepalive_at(&self) -> Option<Instant> {
        let idle = self.phase == Phase::Open
            && self.spaces == Spaces::Allowed
            && self.transport.is_live()
            && self.transport.queued() == 0;
        Some(self.transport.written_at() + self.keepalive.filter(|_| idle)?)
    }

    fn next_piece(&mut self) -> Option<Result<Piece, Fault>> {
        if self.restart_due && self.transport.begins_stream()? {
            self.restart_due = false;
            self.transport.renew_parser();
        }
        self.transport.next_piece()
    }

    fn take(&mut self, piece: Result<Piece, Fault>) {
        match piece {
            Err(fault) => {
                self.transport
                    .fail(Cause::Fault, Some(fault.reason), fault.error);
            }
            Ok(Piece::Open(tag)) => match header::check(&tag) {
                Err(fault) => {
                    self.transport
                        .fail(Cause::Fault, Some(fault.reason), fault.error);
                }
                Ok(_) if self.phase == Phase::PlainHeader => self.phase = Phase::PlainFeatures,
                // Opened before we restarted: for an error.
                Ok(_) if self.phase == Phase::Open => {}
                Ok(header) => {
                    self.phase = Phase::Open;
                    self.transport.deliver(Event::Opened(header));
                }
            },
            Ok(Piece::Close) if self.is_plain() => self.end_without_starttls(),
            Ok(Piece::Close) => self.transport.peer_ended(),
            Ok(Piece::Element(element)) if element.is("error", ns::STREAM) => {
                let error = StreamError::from_element(&element);
                if !self.is_plain() {
                    self.transport.deliver(Event::Element(alone(&element)));
                }
                self.transport.peer_failed(error);
            }
            Ok(Piece::Element(element)) if self.is_plain() => self.negotiate_starttls(&element),
            Ok(Piece::Element(element)) => {
                if let Some(repair) = self.transport.repaired() {
                    let from = element.attribute("from").map(|from| from.into_owned());
                    self.transport.deliver(Event::Repaired { repair, from });
                }
                let element = alone(&element);
                self.note(&element);
                self.transport.deliver(Event::Element(element));
            }
        }
    }

    fn is_plain(&self) -> bool {
        match self.phase {
            Phase::PlainHeader | Phase::PlainFeatures | Phase::Proceed | Phase::Handshake => true,
            Phase::Header | Phase::Open => false,
        }
    }

    /// The stream before TLS: features are answered with `<starttls/>` whatever they hold, `<proceed/>` with TLS.
    fn negotiate_starttls(&mut self, element: &NestedElement) {
        if !self.transport.is_live() {
            return;
        }
        match self.phase {
            Phase::PlainFeatures if element.is("features", ns::STREAM) => {
                self.phase = Phase::Proceed;
                let starttls = Element::build("starttls", ns::TLS).finish();
                self.transport.write_element(&starttls);
            }
            Phase::Proceed if element.is("proceed", ns::TLS) => {
                self.phase = Phase::Handshake;
                self.transport.discard_input();
                self.transport.order(Action::Handover(StartTls));
            }
            Phase::PlainHeader
            | Phase::PlainFeatures
            | Phase::Proceed
            | Phase::Handshake
            | Phase::Header
            | Phase::Open => self.end_without_starttls(),
        }
    }

    fn end_without_starttls(&mut self) {
        if self.transport.is_live() {
            self.transport.write(header::END_TAG);
            self.transport
                .finish(Cause::Tls, Some(Reason::StartTlsRefused), None);
        } else {
            self.transport.peer_ended();
        }
    }

    /// Features end the wait for them, and authentication; so does a failure.
    fn note(&mut self, element: &Element) {
        let name = element.name();
        match (name.namespace, name.local) {
            (ns::STREAM, "features") => {
                self.transport.expect_within(None);
                self.spaces = Spaces::Allowed;
            }
            (ns::SASL | ns::SASL2, "failure") | (ns::SASL2, "success") => {
                self.spaces = Spaces::Allowed;
            }
            (ns::SASL, "success") => self.restart_due = true,
            _ => {}
        }
    }
}

xmpp_machine::machine!(Stream, Event, StartTls);
