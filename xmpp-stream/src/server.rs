//! The receiving end (RFC 6120 §4.3).
//!
//! ```
//! use std::time::Instant;
//! use bytes::BytesMut;
//! use xmpp_stream::{Action, server::{Config, Event, Stream}};
//! use xmpp_wire::{Element, StreamHeader, ns};
//!
//! let now = Instant::now();
//! let mut stream = Stream::new(Config::default(), now);
//! let header = "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='a.example' version='1.0'>";
//! stream.handle_input(&mut BytesMut::from(header), now);
//! let Some(Action::Deliver(Event::Opened(header))) = stream.poll_action() else { panic!() };
//! stream.open(StreamHeader { from: header.to, id: Some("unguessable".into()), ..StreamHeader::default() }, now)?;
//! stream.send(Element::build("stream:features", ns::STREAM).finish(), now)?;
//! assert!(stream.poll_transmit().unwrap().starts_with(b"<?xml version='1.0'?><stream:stream "));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::{convert::Infallible, time::Duration};

use bytes::{Bytes, BytesMut};
use xmpp_wire::{Element, Piece, StreamError, StreamHeader, XmlLimits, ns};

pub use crate::transport::Event;
use crate::{
    Action, Cause, Instant, Reason, SendError,
    header::{self, Fault},
    transport::{Bounds, Transport},
};

/// How a stream behaves.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// Bounds on XML. Default `XmlLimits::default`.
    pub xml: XmlLimits,
    /// For the client's header, the first and that of a restart. Default 30 s.
    pub open_timeout: Duration,
    /// For the client's end tag, and for our last bytes to leave. Default 5 s.
    pub close_timeout: Duration,
    /// Bytes queued for the client from which on `send` is `Full`. Default 262 144, one element of the usual limit.
    pub outbox_bytes: usize,
    /// For a client that takes none of the bytes queued. Default 60 s.
    pub stall_timeout: Duration,
    /// The header before an error that comes earlier than `open` (RFC 6120 §4.9.1.2): `from` one of the server's domains,
    /// `id` an unpredictable one. Default empty.
    pub refusal: StreamHeader,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            xml: XmlLimits::default(),
            open_timeout: Duration::from_secs(30),
            close_timeout: Duration::from_secs(5),
            outbox_bytes: 262_144,
            stall_timeout: Duration::from_secs(60),
            refusal: StreamHeader::default(),
        }
    }
}

/// Why [`Stream::open`] sent no header; it comes back.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The client has sent none (`Event::Opened`), or it has its answer.
    #[error("no header of the client's waits for an answer")]
    NotAsked(StreamHeader),
    /// Closing, or closed.
    #[error("the stream is closed")]
    Closed(StreamHeader),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// The client's header is due.
    Header,
    /// The client's header came; our header is due.
    Answer,
    Open,
}

/// One stream from a client.
#[derive(Debug)]
pub struct Stream {
    transport: Transport,
    phase: Phase,
    open_timeout: Duration,
    refusal: StreamHeader,
}

impl Stream {
    /// A stream on a connection accepted now.
    pub fn new(config: Config, now: Instant) -> Self {
        let bounds = Bounds {
            from_server: false,
            xml: config.xml,
            outbox_bytes: config.outbox_bytes,
            close_timeout: config.close_timeout,
            stall_timeout: config.stall_timeout,
        };
        let mut stream = Self {
            transport: Transport::new(bounds, now),
            phase: Phase::Header,
            open_timeout: config.open_timeout,
            refusal: config.refusal,
        };
        stream.transport.expect_within(Some(stream.open_timeout));
        stream
    }

    /// Answers the client's header, each one once, with `from`, `id`, `lang` and perhaps `to`; features follow by `send`.
    ///
    /// # Errors
    ///
    /// Gives the header back where no header of the client's waits for an answer, or the stream is closing or closed.
    pub fn open(&mut self, header: StreamHeader, now: Instant) -> Result<(), OpenError> {
        self.transport.advance(now);
        if !self.transport.is_writable() {
            return Err(OpenError::Closed(header));
        }
        if self.phase != Phase::Answer {
            return Err(OpenError::NotAsked(header));
        }
        self.phase = Phase::Open;
        self.transport.write(&header::write(&header));
        Ok(())
    }

    /// Queues an element; it is made to stand alone.
    ///
    /// # Errors
    ///
    /// Gives the element back where there is no room, no open stream, or no namespace.
    pub fn send(&mut self, element: Element, now: Instant) -> Result<(), SendError<Element>> {
        self.transport.advance(now);
        if self.phase != Phase::Open || !self.transport.is_writable() {
            return Err(SendError::Closed(element));
        }
        if element.name().namespace.is_empty() {
            return Err(SendError::Forbidden(element));
        }
        if self.transport.refuses() {
            return Err(SendError::Full(element));
        }
        self.transport.write_element(&element);
        Ok(())
    }

    /// The next thing from the peer is a new header (after SASL success, which is sent first).
    pub fn expect_restart(&mut self, now: Instant) {
        self.transport.advance(now);
        if self.phase == Phase::Open && self.transport.is_live() {
            self.phase = Phase::Header;
            self.transport.renew_parser();
            self.transport.expect_within(Some(self.open_timeout));
        }
    }

    /// Sends the end tag and waits for the peer's, or answers it.
    pub fn close(&mut self, now: Instant) {
        self.transport.advance(now);
        self.open_for_farewell();
        self.transport.close();
    }

    /// Sends the header if not yet sent, the error and the end tag, and ends.
    pub fn fail(&mut self, error: StreamError, now: Instant) {
        self.transport.advance(now);
        self.end(Cause::Ours, None, error);
    }

    /// The application cannot take more.
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

    /// Bytes came, appended to `input`; all are taken.
    pub fn handle_input(&mut self, input: &mut BytesMut, now: Instant) {
        self.transport.advance(now);
        self.transport.take_input(input);
    }

    /// The transport ended.
    pub fn handle_eof(&mut self, now: Instant) {
        self.transport.advance(now);
        self.transport.handle_eof();
    }

    /// A deadline may have passed.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.transport.advance(now);
        if self.transport.handle_timeout() {
            let error = StreamError::new("connection-timeout");
            self.end(Cause::Timeout, Some(Reason::HeaderTimeout), error);
        }
    }

    /// Whether reading is useful now.
    pub fn wants_input(&self) -> bool {
        self.transport.wants_input() && self.phase != Phase::Answer
    }

    /// The next order.
    pub fn poll_action(&mut self) -> Option<Action<Event, Infallible>> {
        loop {
            if let Some(action) = self.transport.pop_action() {
                return Some(action);
            }
            if let Some(piece) = self.next_piece() {
                self.take(piece);
            } else if self.transport.is_lost() {
                self.transport.lost(Cause::Network, Reason::ConnectionLost);
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
        self.transport.poll_timeout()
    }

    /// Nothing is looked at between the client's header and ours.
    fn next_piece(&mut self) -> Option<Result<Piece, Fault>> {
        match self.phase {
            Phase::Answer => None,
            Phase::Header | Phase::Open => self.transport.next_piece(),
        }
    }

    fn take(&mut self, piece: Result<Piece, Fault>) {
        match piece {
            Err(fault) => self.end(Cause::Fault, Some(fault.reason), fault.error),
            Ok(Piece::Open(tag)) => match header::check(&tag) {
                Err(fault) => self.end(Cause::Fault, Some(fault.reason), fault.error),
                Ok(header) => {
                    self.phase = Phase::Answer;
                    self.transport.expect_within(None);
                    self.transport.deliver(Event::Opened(header));
                }
            },
            Ok(Piece::Close) => self.transport.peer_ended(),
            Ok(Piece::Element(element)) if element.is("error", ns::STREAM) => {
                let error = StreamError::from_element(&element);
                self.transport.deliver(Event::Element(element.standalone()));
                self.transport.peer_failed(error);
            }
            Ok(Piece::Element(element)) => {
                self.transport.deliver(Event::Element(element.standalone()))
            }
        }
    }

    fn end(&mut self, cause: Cause, reason: Option<Reason>, error: StreamError) {
        self.open_for_farewell();
        self.transport.fail(cause, reason, error);
    }

    /// A farewell needs a stream to stand in (RFC 6120 §4.9.1.2); after our end tag there is none to open.
    fn open_for_farewell(&mut self) {
        if self.phase != Phase::Open && self.transport.is_writable() {
            self.phase = Phase::Open;
            let header = header::write(&self.refusal);
            self.transport.write(&header);
        }
    }
}

xmpp_machine::machine!(Stream, Event, Infallible);
