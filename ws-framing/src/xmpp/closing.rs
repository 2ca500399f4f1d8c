//! How a stream ends: our `<close/>`, the answer to the peer's, stream errors, and the WebSocket's own closing behind them. The rules are at
//! the top of `session`.

use bytes::Bytes;
use xmpp_wire::{Element, StreamError, StreamHeader, XmlLimits, ns};

use super::{Closed, Event, Session, fault::Fault, framing, session::Phase};
use crate::{
    CloseCode, Instant,
    connection::{self, Cause},
    frame::Role,
};

impl Session {
    /// The peer's mistake, or its silence.
    pub(super) fn fault(&mut self, fault: Fault, now: Instant) {
        let code = fault.answer().code;
        let cause = match fault {
            Fault::Silent | Fault::AuthTimeout => Cause::Timeout,
            Fault::TooBig
            | Fault::XmlLimits
            | Fault::NotWellFormed
            | Fault::Restricted
            | Fault::Encoding
            | Fault::Format
            | Fault::FramingNamespace
            | Fault::ContentNamespace
            | Fault::ContentPrefix
            | Fault::ElementType
            | Fault::NotAuthorized
            | Fault::SecondOpen
            | Fault::Version
            | Fault::Addressing
            | Fault::Premature => Cause::Fault(code),
        };
        self.fail_for(cause, fault.error(), code, now);
    }

    pub(super) fn fail_for(
        &mut self,
        cause: Cause,
        error: StreamError,
        code: CloseCode,
        now: Instant,
    ) {
        if self.resumable && error.condition == "connection-timeout" {
            self.connection.abort_for(cause, "the peer is silent");
            return self.finish();
        }
        if self.resumable && error.condition == "system-shutdown" {
            return self.disconnect(code, now);
        }
        match self.phase {
            Phase::AwaitingOpen | Phase::Opened | Phase::AwaitingRestart
                if self.role == Role::Server =>
            {
                self.send_own_open(cause, &error.condition);
            }
            Phase::Unopened
            | Phase::OpenSent { .. }
            | Phase::AwaitingOpen
            | Phase::Opened
            | Phase::AwaitingRestart
            | Phase::AwaitingFeatures
            | Phase::Running
            | Phase::CloseReceived { .. } => {}
            Phase::CloseSent { .. } => {
                self.connection.close_for(cause, code, "", now);
                return self.finish();
            }
            Phase::Failed { .. } | Phase::CloseAnswered { .. } | Phase::Over => return,
        }
        self.connection.send_last(error.to_element().raw().clone());
        self.fail_sent_for(cause, error, code, now);
    }

    /// The application sent a stream error as an element.
    pub(super) fn fail_sent(&mut self, error: StreamError, now: Instant) {
        self.fail_sent_for(Cause::Ours, error, CloseCode::NORMAL, now);
    }

    /// The stream error is on its way: what follows it.
    fn fail_sent_for(&mut self, cause: Cause, error: StreamError, code: CloseCode, now: Instant) {
        self.error = Some(Box::new(error));
        if matches!(self.phase, Phase::CloseReceived { .. }) {
            return self.answer_close(now);
        }
        self.send_close(Bytes::from_static(framing::CLOSE), now);
        self.phase = Phase::Failed {
            deadline: now + self.config.close_timeout,
            code,
            cause,
        };
        if code == CloseCode::TOO_BIG {
            // Input is no longer decoded, so no answer can be waited for (W-R-344).
            self.close_connection(now);
        }
    }

    /// Our `<open/>` in front of a stream error. Its `from` is a domain of ours, or empty where we know none (W-R-334).
    fn send_own_open(&mut self, cause: Cause, condition: &str) {
        // The application knows the domain unless it says that it does not.
        let vouched = cause == Cause::Ours
            && !matches!(
                condition,
                "host-unknown" | "host-gone" | "improper-addressing"
            );
        let wanted = self.asked.as_ref().and_then(|asked| asked.to.clone());
        let from = self
            .from
            .clone()
            .or_else(|| self.config.domain.clone())
            .or_else(|| wanted.filter(|_| vouched));
        let mut header = StreamHeader {
            from: Some(from.unwrap_or_default()),
            ..StreamHeader::default()
        };
        self.complete(&mut header);
        self.connection.send_last(framing::open(&header));
    }

    pub(super) fn send_close(&mut self, close: Bytes, now: Instant) {
        self.connection.send_last(close);
        self.stream_closed = true;
        self.negotiation = None;
        self.early = None;
        self.phase = Phase::CloseSent {
            deadline: now + self.config.close_timeout,
        };
    }

    /// The peer's `<close/>` came first.
    pub(super) fn answer_close(&mut self, now: Instant) {
        self.connection
            .send_last(Bytes::from_static(framing::CLOSE));
        self.phase = Phase::CloseAnswered {
            deadline: now + self.config.close_timeout,
        };
    }

    /// Starts the WebSocket's own closing handshake.
    pub(super) fn close_connection(&mut self, now: Instant) {
        let (cause, code) = match self.phase {
            Phase::Failed { code, cause, .. } => (cause, code),
            Phase::CloseReceived { .. } | Phase::CloseAnswered { .. } => {
                (Cause::Peer, CloseCode::NORMAL)
            }
            Phase::Unopened
            | Phase::OpenSent { .. }
            | Phase::AwaitingOpen
            | Phase::Opened
            | Phase::AwaitingFeatures
            | Phase::Running
            | Phase::AwaitingRestart
            | Phase::CloseSent { .. }
            | Phase::Over => (Cause::Ours, CloseCode::NORMAL),
        };
        self.connection.close_for(cause, code, "", now);
        self.finish();
    }

    /// The connection ended, or is about to: it decided, or was told.
    pub(super) fn handle_closed(&mut self, mut closed: connection::Closed) {
        // Who ended the stream ended it all; that the peer went on by a shorter way changes nothing.
        if matches!(closed.cause, Cause::Network | Cause::Peer) {
            closed.cause = match self.phase {
                Phase::Failed { cause, .. } => cause,
                Phase::CloseSent { .. } => Cause::Ours,
                Phase::CloseReceived { .. } | Phase::CloseAnswered { .. } => Cause::Peer,
                Phase::Unopened
                | Phase::OpenSent { .. }
                | Phase::AwaitingOpen
                | Phase::Opened
                | Phase::AwaitingFeatures
                | Phase::Running
                | Phase::AwaitingRestart
                | Phase::Over => closed.cause,
            };
        }
        let too_big = closed.cause == Cause::Fault(CloseCode::TOO_BIG);
        match self.phase {
            Phase::OpenSent { .. }
            | Phase::Opened
            | Phase::AwaitingFeatures
            | Phase::Running
            | Phase::AwaitingRestart
                if too_big =>
            {
                // The Close frame is queued and lets these messages pass (W-R-344).
                self.fault(Fault::TooBig, self.now);
            }
            Phase::Unopened
            | Phase::OpenSent { .. }
            | Phase::AwaitingOpen
            | Phase::Opened
            | Phase::AwaitingFeatures
            | Phase::Running
            | Phase::AwaitingRestart
            | Phase::CloseSent { .. }
            | Phase::Failed { .. }
            | Phase::CloseReceived { .. }
            | Phase::CloseAnswered { .. }
            | Phase::Over => {}
        }
        self.finish();
        let closed = Closed {
            connection: closed,
            stream_closed: self.stream_closed,
            error: self.error.take().map(|error| *error),
            see_other: self.see_other.take().map(|other| *other),
            undelivered: self.undelivered(),
        };
        self.deliver(Event::Closed(closed));
    }

    /// What was accepted and never handed out; our own framing is not the application's.
    fn undelivered(&mut self) -> Vec<Element> {
        // Ours, and measured by nobody.
        let mut limits = XmlLimits::default();
        limits.element_bytes = usize::MAX;
        limits.depth = usize::MAX;
        limits.attributes = usize::MAX;
        limits.declarations = usize::MAX;
        self.connection
            .take_unsent()
            .into_iter()
            .filter_map(|message| Element::parse(message, &limits).ok())
            .filter(|element| !matches!(element.name().namespace, ns::FRAMING | ns::STREAM))
            .collect()
    }

    pub(super) fn finish(&mut self) {
        self.phase = Phase::Over;
        self.negotiation = None;
        self.early = None;
    }
}
