//! What a message of the peer means where the session stands (RFC 7395 §3.3).

use bytes::Bytes;
use xmpp_machine::Moment;
use xmpp_wire::{Element, StreamError, StreamHeader, XmlErrorKind, ns};

use super::{
    Event, Role, Session, WebSocket,
    content::{self, Position},
    framing::{self, Framing},
    session::Phase,
};
use crate::{Reason, connection::Message};

impl<R: Role, W: WebSocket> Session<R, W> {
    pub(super) fn receive(&mut self, message: Message, now: Moment) {
        let text = match message {
            Message::Text(text) => text.into_bytes(),
            // Only where the connection was told to take them.
            Message::Binary(_) => return self.fail_for_reason(Reason::NotMarkup, now),
        };
        match self.phase {
            Phase::Unopened | Phase::Streaming(_) | Phase::CloseSent { .. } => {
                self.handle_text(text, now);
            }
            Phase::Failed { .. } => {
                let element = Element::parse(text, &self.config.xml);
                if element.is_ok_and(|element| framing::is_close(&element)) {
                    self.close_connection(now);
                }
            }
            Phase::CloseReceived { .. } | Phase::CloseAnswered { .. } | Phase::Over => {}
        }
    }

    fn handle_text(&mut self, text: Bytes, now: Moment) {
        if text.trim_ascii().is_empty() {
            return R::handle_white_space(self, now);
        }
        if text.first() != Some(&b'<') {
            return self.fail_for_reason(Reason::NotMarkup, now);
        }
        match R::parse(text.clone(), &self.config.xml) {
            Ok(element) => self.handle_element(element, now),
            Err(error) => self.reject_bad_xml(error.kind, &text, now),
        }
    }

    fn reject_bad_xml(&mut self, kind: XmlErrorKind, text: &Bytes, now: Moment) {
        if let Some(error) = content::undeclared_stream_error(text) {
            return self.handle_error(error, now);
        }
        let position = if self.is_first() {
            Position::First
        } else {
            Position::Later
        };
        self.fail_for_reason(content::reason_for(kind, text, position), now);
    }

    /// Whether the peer's `<open/>` is what comes next.
    fn is_first(&self) -> bool {
        match self.phase {
            Phase::Unopened => true,
            Phase::Streaming(step) => R::is_awaiting_answer(step),
            Phase::CloseSent { .. }
            | Phase::Failed { .. }
            | Phase::CloseReceived { .. }
            | Phase::CloseAnswered { .. }
            | Phase::Over => false,
        }
    }

    fn handle_element(&mut self, element: Element, now: Moment) {
        if let Some(framing) = Framing::of(&element) {
            if element.name().namespace != ns::FRAMING {
                self.fail_for_reason(Reason::FramingNamespace, now);
            } else if !framing::is_bare(&element) {
                self.fail_for_reason(Reason::FramingNotEmpty, now);
            } else {
                match framing {
                    Framing::Open => R::handle_open(self, &element, now),
                    Framing::Close => self.handle_close(&element, now),
                }
            }
        } else if element.is("error", ns::STREAM) {
            self.handle_error(StreamError::from_element(&element), now);
        } else if self.is_first() {
            let reason = if element.is("stream", ns::STREAM) {
                Reason::StreamTagInsteadOfOpen
            } else if content::is_meant_as_stanza(&element) {
                Reason::StanzaBeforeOpen
            } else {
                Reason::FirstIsNotOpen
            };
            self.fail_for_reason(reason, now);
        } else {
            R::handle_element(self, element, now);
        }
    }

    fn handle_close(&mut self, close: &Element, now: Moment) {
        self.mark_stream_closed();
        R::note_redirect(self, close);
        match self.phase {
            // There is no stream to end: answered without an `<open/>`, and that is all (W-R-329).
            Phase::Unopened => {
                self.answer_close(now);
                self.close_connection(now);
            }
            // Nothing can have been promised yet that is still to be sent.
            Phase::Streaming(step) if !R::may_owe_elements(step) => {
                self.answer_close(now);
                self.deliver(Event::Closing);
            }
            Phase::Streaming(_) => {
                self.phase = Phase::CloseReceived {
                    deadline: now + self.config.close_timeout,
                };
                self.deliver(Event::Closing);
            }
            Phase::CloseSent { .. } | Phase::Failed { .. } => self.close_connection(now),
            Phase::CloseReceived { .. } | Phase::CloseAnswered { .. } | Phase::Over => {}
        }
    }

    /// Closes the stream for a stream error of the peer's, and sends none back (W-R-340).
    fn handle_error(&mut self, error: StreamError, now: Moment) {
        self.error = Some(Box::new(error));
        self.mark_stream_closed();
        match self.phase {
            Phase::CloseSent { .. } => self.close_connection(now),
            Phase::Unopened => {
                self.answer_close(now);
                self.close_connection(now);
            }
            Phase::Streaming(_)
            | Phase::Failed { .. }
            | Phase::CloseReceived { .. }
            | Phase::CloseAnswered { .. }
            | Phase::Over => {
                self.answer_close(now);
                self.deliver(Event::Closing);
            }
        }
    }
}

/// Whether the version is 1.0 at least. A missing one means 0.9 (RFC 6120 §4.7.5), which is not
/// spoken here (W-R-327).
pub(super) fn speaks_1_0(header: &StreamHeader) -> bool {
    let version = header.version.as_deref().and_then(framing::version);
    version.is_some_and(|version| version >= (1, 0))
}
