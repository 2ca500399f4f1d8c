//! What a message of the peer means where the session stands (RFC 7395 §3.3).

use std::time::Duration;

use bytes::Bytes;
use xmpp_wire::{Element, StreamError, StreamHeader, XmlErrorKind, ns};

use super::{
    Event, Session,
    content::{self, Position},
    fault::Fault,
    framing::{self, Framing},
    session::{Auth, Phase},
};
use crate::{Instant, connection::Message, frame::Role};

/// White space is forgiven once in this time (W-R-302).
const BLANK_INTERVAL: Duration = Duration::from_secs(10);

impl Session {
    pub(super) fn handle_message(&mut self, message: Message, now: Instant) {
        let text = match message {
            Message::Text(text) => text.into_bytes(),
            // Only where the connection was told to take them.
            Message::Binary(_) => return self.fault(Fault::Format, now),
        };
        match self.phase {
            Phase::Unopened
            | Phase::OpenSent { .. }
            | Phase::AwaitingOpen
            | Phase::Opened
            | Phase::AwaitingFeatures
            | Phase::Running
            | Phase::AwaitingRestart
            | Phase::CloseSent { .. } => self.handle_text(text, now),
            Phase::Failed { .. } => {
                let element = Element::parse(text, &self.config.xml);
                if element.is_ok_and(|element| framing::is_close(&element)) {
                    self.close_connection(now);
                }
            }
            Phase::CloseReceived { .. } | Phase::CloseAnswered { .. } | Phase::Over => {}
        }
    }

    fn handle_text(&mut self, text: Bytes, now: Instant) {
        if text.trim_ascii().is_empty() {
            return self.handle_blank(now);
        }
        if text.first() != Some(&b'<') {
            return self.fault(Fault::Format, now);
        }
        let parsed = match self.role {
            // What a server sends was written by its users, and must not end the session.
            Role::Client => Element::parse_from_server(text.clone(), &self.config.xml),
            Role::Server => Element::parse(text.clone(), &self.config.xml),
        };
        match parsed {
            Ok(element) => self.handle_element(element, now),
            Err(error) => self.handle_bad_xml(error.kind, &text, now),
        }
    }

    /// Some servers keep connections alive with white space (T-14): a client does not mind.
    fn handle_blank(&mut self, now: Instant) {
        if self.role == Role::Client {
            return;
        }
        let forgiven = self
            .blank_at
            .is_none_or(|at| now.duration_since(at) >= BLANK_INTERVAL);
        if forgiven {
            self.blank_at = Some(now);
        } else {
            self.fault(Fault::Format, now);
        }
    }

    fn handle_bad_xml(&mut self, kind: XmlErrorKind, text: &Bytes, now: Instant) {
        if let Some(error) = content::undeclared_error(text) {
            return self.handle_error(error, now);
        }
        let position = if self.is_first() {
            Position::First
        } else {
            Position::Later
        };
        self.fault(content::fault_of(kind, text, position), now);
    }

    /// Whether the peer's `<open/>` is what comes next.
    fn is_first(&self) -> bool {
        matches!(
            self.phase,
            Phase::Unopened | Phase::OpenSent { restart: false } | Phase::AwaitingOpen
        )
    }

    fn handle_element(&mut self, element: Element, now: Instant) {
        if let Some(framing) = Framing::of(&element) {
            if element.name().namespace != ns::FRAMING {
                self.fault(Fault::FramingNamespace, now);
            } else if !framing::is_bare(&element) {
                self.fault(Fault::Format, now);
            } else {
                match framing {
                    Framing::Open if self.role == Role::Client => self.handle_answer(&element, now),
                    Framing::Open => self.handle_open(&element, now),
                    Framing::Close => self.handle_close(&element, now),
                }
            }
            return;
        }
        if element.is("error", ns::STREAM) {
            return self.handle_error(StreamError::from_element(&element), now);
        }
        match self.phase {
            Phase::Unopened | Phase::OpenSent { restart: false } | Phase::AwaitingOpen => {
                let fault = if element.is("stream", ns::STREAM) {
                    Fault::FramingNamespace
                } else if content::is_meant_as_stanza(&element) {
                    Fault::NotAuthorized
                } else {
                    Fault::Format
                };
                self.fault(fault, now);
            }
            Phase::AwaitingRestart | Phase::OpenSent { restart: true } => {
                self.fault(Fault::NotAuthorized, now);
            }
            Phase::AwaitingFeatures | Phase::Running | Phase::CloseSent { .. }
                if self.role == Role::Client =>
            {
                self.handle_served(element, now);
            }
            Phase::Opened | Phase::AwaitingFeatures => self.handle_early(element, now),
            Phase::Running | Phase::CloseSent { .. } => match self.judge(element) {
                Ok(element) => self.deliver(Event::Element(element)),
                Err(fault) => self.fault(fault, now),
            },
            Phase::Failed { .. }
            | Phase::CloseReceived { .. }
            | Phase::CloseAnswered { .. }
            | Phase::Over => {}
        }
    }

    /// One element may wait for the features to be sent, within the bound before authentication; more would be a queue (W-R-443).
    fn handle_early(&mut self, element: Element, now: Instant) {
        let fits = element.raw().len() <= self.config.message_bytes_before_auth;
        match self.judge(element) {
            Ok(element) if fits && self.early.is_none() => {
                self.early = Some(Box::new(element.detached()))
            }
            Ok(_) => self.fault(Fault::Premature, now),
            Err(fault) => self.fault(fault, now),
        }
    }

    fn judge(&self, element: Element) -> Result<Element, Fault> {
        let element = content::accept(element, self.config.namespaces)?;
        let refused = self.auth == Auth::Awaited
            && self.config.refuse_early_stanzas
            && !element.may_come_before_authentication();
        if refused {
            Err(Fault::NotAuthorized)
        } else {
            Ok(element)
        }
    }

    fn handle_open(&mut self, element: &Element, now: Instant) {
        let restart = match self.phase {
            Phase::AwaitingOpen => false,
            Phase::AwaitingRestart => true,
            // It crossed our `<close/>`.
            Phase::CloseSent { .. } => return,
            Phase::Unopened
            | Phase::OpenSent { .. }
            | Phase::Opened
            | Phase::AwaitingFeatures
            | Phase::Running
            | Phase::Failed { .. }
            | Phase::CloseReceived { .. }
            | Phase::CloseAnswered { .. }
            | Phase::Over => return self.fault(Fault::SecondOpen, now),
        };
        let first_to = self.asked.take().and_then(|asked| asked.to);
        let mut header = StreamHeader {
            // A client's id means nothing (RFC 6120 §4.7.3).
            id: None,
            ..StreamHeader::from_element(element)
        };
        if header.to.is_none() {
            header.to.clone_from(&self.config.domain);
        }
        self.asked = Some(Box::new(header.clone()));
        let fault = if restart && header.to != first_to {
            // W-R-358.
            Some(Fault::NotAuthorized)
        } else if !speaks_1_0(&header) {
            Some(Fault::Version)
        } else if !header.to.as_deref().is_some_and(framing::is_domain) {
            Some(Fault::Addressing)
        } else {
            None
        };
        if let Some(fault) = fault {
            return self.fault(fault, now);
        }
        if !restart {
            self.negotiation = self.config.auth_timeout.map(|timeout| now + timeout);
        }
        self.phase = Phase::Opened;
        self.deliver(Event::Opened { header, restart });
    }

    fn handle_close(&mut self, close: &Element, now: Instant) {
        self.stream_closed = true;
        self.early = None;
        self.negotiation = None;
        if self.role == Role::Client {
            self.note_redirect(close);
        }
        match self.phase {
            // There is no stream to end: answered without an `<open/>`, and that is all (W-R-329).
            Phase::AwaitingOpen | Phase::Unopened => {
                self.answer_close(now);
                self.close_connection(now);
            }
            // Nothing can have been promised yet that is still to be sent.
            Phase::OpenSent { .. } => {
                self.answer_close(now);
                self.deliver(Event::Closing);
            }
            Phase::CloseSent { .. } | Phase::Failed { .. } => self.close_connection(now),
            Phase::Opened | Phase::AwaitingFeatures | Phase::Running | Phase::AwaitingRestart => {
                self.phase = Phase::CloseReceived {
                    deadline: now + self.config.close_timeout,
                };
                self.deliver(Event::Closing);
            }
            Phase::CloseReceived { .. } | Phase::CloseAnswered { .. } | Phase::Over => {}
        }
    }

    /// The receiver of a stream error closes too, and sends none back (W-R-340).
    fn handle_error(&mut self, error: StreamError, now: Instant) {
        self.error = Some(Box::new(error));
        self.stream_closed = true;
        self.early = None;
        self.negotiation = None;
        match self.phase {
            Phase::CloseSent { .. } => self.close_connection(now),
            Phase::Unopened | Phase::AwaitingOpen => {
                self.answer_close(now);
                self.close_connection(now);
            }
            Phase::OpenSent { .. }
            | Phase::Opened
            | Phase::AwaitingFeatures
            | Phase::Running
            | Phase::AwaitingRestart
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

/// A missing version means 0.9 (RFC 6120 §4.7.5), which is not spoken here (W-R-327).
pub(super) fn speaks_1_0(header: &StreamHeader) -> bool {
    let version = header.version.as_deref().and_then(framing::version);
    version.is_some_and(|version| version >= (1, 0))
}
