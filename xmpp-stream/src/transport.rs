//! What both ends of a stream share: input and output queues, closing, deadlines.
//!
//! Rules. A stream is `Live` until somebody ends it. Our end tag makes it `Closing`: elements are still delivered
//! until the peer's end tag or the deadline (RFC 6120 §4.4). The peer's end tag makes it `PeerEnded`: we may finish
//! sending until the deadline. Then `Closed` is delivered, once, and `Close` lets the rest be written (`Flushing`);
//! a flush that outlives its deadline is aborted. `Over` is for good.
//!
//! Input is kept here and cut one piece at a time, when the actions of the last piece have been taken: whatever the
//! application answers (a restart, a hold) takes effect before the next byte is looked at.

use std::{collections::VecDeque, convert::Infallible, time::Duration};

use bytes::{Buf as _, Bytes, BytesMut};
use xmpp_machine::Clock;
use xmpp_wire::{
    Element, NestedElement, Piece, Repair, Splitter, StreamError, StreamHeader, XmlLimits, ns,
};

use crate::{
    Instant, Reason,
    header::{self, END_TAG, Fault, HEADER_BYTES},
    outbox::Outbox,
};

/// What to do next. Only a client's stream hands its bytes over.
pub type Action<E, H = StartTls> = xmpp_machine::Action<E, H>;

/// Why a byte stream is handed over: for a TLS handshake, behind which the machine is told `handle_tls` and goes on. Unread bytes are
/// discarded (W-R-450).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StartTls;

/// What the application learns of a stream.
#[derive(Debug)]
pub enum Event {
    /// The peer's header: the first one (a client's: after TLS, where TLS was asked for), and one after each restart.
    /// A server answers it with `open` or `fail`.
    Opened(StreamHeader),
    /// The element that comes next had to be mended, since it broke Namespaces in XML or a limit (`Splitter::stream_of_server`); of a server's
    /// elements only.
    Repaired {
        /// How the element was repaired.
        repair: Repair,
        /// The `from` of the element.
        from: Option<String>,
    },
    /// A first-level element, made to stand alone with what it inherits of its header; features and stream errors among them.
    Element(Element),
    /// The peer's end tag; `close` answers it, and the stream by itself after `close_timeout`.
    Ended,
    /// Room again after `SendError::Full`.
    Writable,
    /// The end, once.
    Closed(Closed),
}

/// How a stream ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Closed {
    /// Who or what ended the stream.
    pub cause: Cause,
    /// The rule that was broken, or the time that passed; none where either side ended the stream by its rules.
    pub reason: Option<Reason>,
    /// The stream error that ended it, sent or received.
    pub error: Option<StreamError>,
}

/// Why a stream ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cause {
    /// We ended it.
    Ours,
    /// The peer ended it, with its end tag or an error.
    Peer,
    /// The peer broke the protocol.
    Fault,
    /// The transport ended without an end tag.
    Network,
    /// A deadline passed (header, features, stalled writes).
    Timeout,
    /// TLS could not be had.
    Tls,
}

/// Bounds and deadlines that both ends have.
#[derive(Clone, Debug)]
pub(crate) struct Bounds {
    /// The peer is a server: its elements are mended.
    pub(crate) from_server: bool,
    pub(crate) xml: XmlLimits,
    pub(crate) outbox_bytes: usize,
    pub(crate) close_timeout: Duration,
    pub(crate) stall_timeout: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Life {
    Live,
    PeerEnded,
    Closing,
    Flushing,
    Over,
}

/// One end of a stream; `H` is what it hands its bytes over for.
#[derive(Debug)]
pub(crate) struct Transport<H = Infallible> {
    bounds: Bounds,
    actions: VecDeque<Action<Event, H>>,
    out: Outbox,
    splitter: Splitter,
    input: BytesMut,
    life: Life,
    clock: Clock,
    /// The latest time that `clock` saw.
    now: Instant,
    held_since: Option<Instant>,
    /// The transport ended; said when what came before has been looked at.
    eof: bool,
    /// For something that the peer owes: its header, its features.
    patience: Option<Instant>,
    close_at: Option<Instant>,
    stall_at: Option<Instant>,
    /// Bytes were taken since `stall_at` was set.
    progressed: bool,
    /// When something was last written.
    written_at: Instant,
}

impl<H> Transport<H> {
    pub(crate) fn new(bounds: Bounds, now: Instant) -> Self {
        Self {
            actions: VecDeque::new(),
            out: Outbox::new(bounds.outbox_bytes),
            splitter: fresh(&bounds),
            bounds,
            input: BytesMut::new(),
            life: Life::Live,
            clock: Clock::new(now),
            now,
            held_since: None,
            eof: false,
            patience: None,
            close_at: None,
            stall_at: None,
            progressed: false,
            written_at: now,
        }
    }

    /// Takes the time, which never goes backwards.
    pub(crate) fn advance(&mut self, now: Instant) -> Instant {
        self.now = self.clock.advance(now);
        self.now
    }

    pub(crate) fn now(&self) -> Instant {
        self.now
    }

    /// Whether elements may still be sent.
    pub(crate) fn is_writable(&self) -> bool {
        matches!(self.life, Life::Live | Life::PeerEnded)
    }

    pub(crate) fn is_live(&self) -> bool {
        self.life == Life::Live
    }

    /// Whether `Closed` has been ordered.
    pub(crate) fn is_finished(&self) -> bool {
        matches!(self.life, Life::Flushing | Life::Over)
    }

    pub(crate) fn wants_input(&self) -> bool {
        self.cuts() && !self.eof
    }

    /// Whether the input may be looked at.
    fn cuts(&self) -> bool {
        matches!(self.life, Life::Live | Life::Closing) && self.held_since.is_none()
    }

    pub(crate) fn queued(&self) -> usize {
        self.out.queued()
    }

    pub(crate) fn written_at(&self) -> Instant {
        self.written_at
    }

    pub(crate) fn deliver(&mut self, event: Event) {
        self.actions.push_back(Action::Deliver(event));
    }

    pub(crate) fn order(&mut self, action: Action<Event, H>) {
        self.actions.push_back(action);
    }

    pub(crate) fn pop_action(&mut self) -> Option<Action<Event, H>> {
        if self.is_writable() && self.out.has_room_again() {
            self.deliver(Event::Writable);
        }
        self.actions.pop_front()
    }

    pub(crate) fn expect_within(&mut self, patience: Option<Duration>) {
        self.patience = patience.map(|patience| self.now + patience);
    }

    pub(crate) fn hold(&mut self) {
        self.held_since.get_or_insert(self.now);
    }

    /// What the peer owed while we did not listen, it gets as much time for.
    pub(crate) fn release(&mut self) {
        if let Some(since) = self.held_since.take() {
            let held = self.now.saturating_duration_since(since);
            self.patience = self.patience.map(|at| at + held);
        }
    }

    pub(crate) fn take_input(&mut self, input: &mut BytesMut) {
        if matches!(self.life, Life::Live | Life::Closing) {
            self.input.unsplit(input.split());
        } else {
            input.clear();
        }
    }

    /// A fresh parser; what came behind the old stream belongs to the new one.
    pub(crate) fn renew_parser(&mut self) {
        self.splitter = fresh(&self.bounds);
    }

    /// Whether what was read and not yet looked at begins a stream, white space in front of it dropped; `None` until that can be told.
    pub(crate) fn begins_stream(&mut self) -> Option<bool> {
        let space = self.input.len() - self.input.trim_ascii_start().len();
        self.input.advance(space);
        let input = &self.input[..];
        let starts: [&[u8]; 2] = [b"<?xml", b"<stream:stream"];
        if starts.iter().any(|start| input.starts_with(start)) {
            Some(true)
        } else if starts.iter().any(|start| start.starts_with(input)) {
            None
        } else {
            Some(false)
        }
    }

    /// Everything that was read and not yet looked at is dropped.
    pub(crate) fn discard_input(&mut self) {
        self.input = BytesMut::new();
    }

    /// The next piece of the input, or what is wrong with it.
    pub(crate) fn next_piece(&mut self) -> Option<Result<Piece, Fault>> {
        if !self.cuts() || self.input.is_empty() {
            return None;
        }
        let piece = self.splitter.next_piece(&mut self.input);
        if self.input.is_empty() {
            // An idle stream holds no buffer.
            self.discard_input();
        }
        match piece {
            Ok(Some(Piece::Open(tag))) => {
                self.splitter.set_limits(self.bounds.xml.clone());
                Some(Ok(Piece::Open(tag)))
            }
            Ok(piece) => piece.map(Ok),
            Err(error) => Some(Err(header::xml_fault(error))),
        }
    }

    /// What was done to the element that came last, so that it could pass.
    pub(crate) fn repaired(&self) -> Option<Repair> {
        self.splitter.repaired()
    }

    pub(crate) fn refuses(&mut self) -> bool {
        self.out.refuses()
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) {
        self.out.push_slice(bytes);
        self.wrote();
    }

    pub(crate) fn write_element(&mut self, element: &Element) {
        self.out.push(element.raw());
        self.wrote();
    }

    fn wrote(&mut self) {
        self.written_at = self.now;
        if self.stall_at.is_none() {
            self.stall_at = Some(self.now + self.bounds.stall_timeout);
            self.progressed = false;
        }
    }

    /// Our end tag, or the answer to the peer's.
    pub(crate) fn close(&mut self) {
        match self.life {
            Life::Live => {
                self.write(END_TAG);
                self.life = Life::Closing;
                self.patience = None;
                self.close_at = Some(self.now + self.bounds.close_timeout);
            }
            Life::PeerEnded => {
                self.write(END_TAG);
                self.finish(Cause::Peer, None, None);
            }
            Life::Closing | Life::Flushing | Life::Over => {}
        }
    }

    /// The error and the end tag; nothing that the peer still sends is looked at.
    pub(crate) fn fail(&mut self, cause: Cause, reason: Option<Reason>, error: StreamError) {
        if self.is_finished() {
            return;
        }
        // After our end tag nothing more may be written.
        if self.life != Life::Closing {
            self.write_element(&error.to_element());
            self.write(END_TAG);
        }
        self.finish(cause, reason, Some(error));
    }

    /// The peer's end tag.
    pub(crate) fn peer_ended(&mut self) {
        match self.life {
            Life::Live => {
                self.life = Life::PeerEnded;
                self.patience = None;
                self.close_at = Some(self.now + self.bounds.close_timeout);
                self.discard_input();
                self.deliver(Event::Ended);
            }
            Life::Closing => self.finish(Cause::Ours, None, None),
            Life::PeerEnded | Life::Flushing | Life::Over => {}
        }
    }

    /// The peer's stream error: it is answered with the end tag (RFC 6120 §4.9.1.1).
    pub(crate) fn peer_failed(&mut self, error: StreamError) {
        if self.life == Life::Live {
            self.write(END_TAG);
        }
        self.finish(Cause::Peer, None, Some(error));
    }

    pub(crate) fn handle_eof(&mut self) {
        self.eof = true;
    }

    /// Whether the transport's end is what comes next.
    pub(crate) fn is_lost(&self) -> bool {
        self.eof && self.life != Life::Over && (self.held_since.is_none() || self.is_finished())
    }

    /// The transport ended; `cause` and `reason` where nobody had ended the stream.
    pub(crate) fn lost(&mut self, cause: Cause, reason: Reason) {
        self.out.clear();
        let (cause, reason) = match self.life {
            Life::Live => (cause, Some(reason)),
            Life::PeerEnded => (Cause::Peer, None),
            Life::Closing => (Cause::Ours, None),
            Life::Flushing | Life::Over => {
                self.over();
                return;
            }
        };
        self.finish(cause, reason, None);
        self.over();
    }

    /// Drops the connection as it is.
    pub(crate) fn abort(&mut self, cause: Cause, reason: Option<Reason>) {
        if !self.is_finished() {
            self.deliver(Event::Closed(Closed {
                cause,
                reason,
                error: None,
            }));
        }
        if self.life != Life::Over {
            self.order(Action::Abort);
            self.over();
        }
    }

    /// `Closed`, then `Close`; what is queued may still leave.
    pub(crate) fn finish(
        &mut self,
        cause: Cause,
        reason: Option<Reason>,
        error: Option<StreamError>,
    ) {
        if self.is_finished() {
            return;
        }
        self.discard_input();
        self.deliver(Event::Closed(Closed {
            cause,
            reason,
            error,
        }));
        self.order(Action::Close);
        self.life = Life::Flushing;
        self.patience = None;
        self.stall_at = None;
        self.close_at = Some(self.now + self.bounds.close_timeout);
    }

    fn over(&mut self) {
        self.life = Life::Over;
        self.out.clear();
        self.discard_input();
        self.patience = None;
        self.stall_at = None;
        self.close_at = None;
    }

    /// True where the peer did not bring what it owed in time; the caller knows what to say.
    pub(crate) fn handle_timeout(&mut self) -> bool {
        let due = |at: Option<Instant>| at.is_some_and(|at| at <= self.now);
        let (stalled, closing) = (due(self.stall_at), due(self.close_at));
        let impatient = due(self.patience) && self.held_since.is_none();
        if closing {
            self.close_at = None;
            match self.life {
                Life::PeerEnded => self.close(),
                Life::Closing => self.finish(Cause::Ours, Some(Reason::EndTagTimeout), None),
                Life::Flushing => self.abort(Cause::Timeout, None),
                Life::Live | Life::Over => {}
            }
        } else if stalled && !self.is_finished() {
            if std::mem::take(&mut self.progressed) {
                self.stall_at = Some(self.now + self.bounds.stall_timeout);
            } else {
                self.abort(Cause::Timeout, Some(Reason::WriteStalled));
            }
        }
        if impatient {
            self.patience = None;
        }
        impatient && !self.is_finished()
    }

    pub(crate) fn poll_transmit(&mut self) -> Option<Bytes> {
        let bytes = self.out.pop();
        match &bytes {
            Some(_) => self.progressed = true,
            None => {
                self.stall_at = None;
                if self.life == Life::Flushing {
                    self.over();
                }
            }
        }
        bytes
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        let patience = self.patience.filter(|_| self.held_since.is_none());
        [patience, self.close_at, self.stall_at]
            .into_iter()
            .flatten()
            .min()
    }
}

/// A parser that takes a header of bounded size first.
fn fresh(bounds: &Bounds) -> Splitter {
    let bytes = bounds.xml.element_bytes.min(HEADER_BYTES);
    let limits = bounds.xml.clone().with_element_bytes(bytes);
    if bounds.from_server {
        Splitter::stream_of_server(limits)
    } else {
        Splitter::stream(limits)
    }
}

/// An element of a server's stream as the client's end delivers it: it stands alone, the stream's own with the literal prefix, what is in `jabber:client`
/// without one (W-R-406). What carries text for people inherits the stream's language (W-R-407).
pub(crate) fn alone(element: &NestedElement) -> Element {
    let element = element.unprefixed(ns::CLIENT);
    let name = element.name();
    match (name.namespace, name.local) {
        (ns::STREAM, "error") => element.standalone_with_lang().with_stream_prefix(),
        (ns::STREAM, _) => element.with_stream_prefix(),
        (ns::CLIENT, _) => element.standalone_with_lang(),
        (ns::SERVER, "message" | "presence" | "iq") => {
            element.unprefixed(ns::SERVER).standalone_with_lang()
        }
        _ => element.standalone(),
    }
}
