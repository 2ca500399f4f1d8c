//! How a stream ends: our `<close/>`, the answer to the peer's, stream errors, and the WebSocket's
//! own closing behind them. The rules are at the top of `session`.

use bytes::Bytes;
use xmpp_machine::Moment;
use xmpp_wire::{Element, StreamError, XmlLimits, ns};

use super::{Closed, Event, Role, Session, WebSocket, framing, session::Phase};
use crate::{
    CloseCode, Reason,
    connection::{self, Cause},
};

impl<R: Role, W: WebSocket> Session<R, W> {
    /// Ends the stream for a rule that the peer broke, or for its silence.
    pub(super) fn fail_for_reason(&mut self, reason: Reason, now: Moment) {
        let is_late = matches!(
            reason,
            Reason::PongTimeout
                | Reason::OpenTimeout
                | Reason::FeaturesTimeout
                | Reason::AuthTimeout
        );
        let cause = if is_late {
            Cause::Timeout
        } else {
            Cause::Fault(reason.close_code())
        };
        if !matches!(
            self.phase,
            Phase::Failed { .. } | Phase::CloseAnswered { .. } | Phase::Over
        ) {
            self.reason.get_or_insert(reason);
        }
        self.fail_for(cause, error_for(reason), reason.close_code(), now);
    }

    /// A message is above the limit. No stream error is sent where there is no stream.
    pub(super) fn fail_too_long(&mut self, now: Moment) {
        let reason = Reason::MessageTooLong;
        match self.phase {
            Phase::Streaming(_) => self.fail_for_reason(reason, now),
            Phase::Unopened
            | Phase::CloseSent { .. }
            | Phase::Failed { .. }
            | Phase::CloseReceived { .. }
            | Phase::CloseAnswered { .. } => {
                self.reason.get_or_insert(reason);
                let code = reason.close_code();
                self.close_websocket(Cause::Fault(code), code, now);
            }
            Phase::Over => {}
        }
    }

    pub(super) fn fail_for(
        &mut self,
        cause: Cause,
        error: StreamError,
        code: CloseCode,
        now: Moment,
    ) {
        if self.resumable && error.condition == "connection-timeout" {
            return self.drop_silent_peer(cause, "the peer is silent");
        }
        if self.resumable && error.condition == "system-shutdown" {
            return self.close_websocket(Cause::Ours, code, now);
        }
        match self.phase {
            Phase::Unopened | Phase::Streaming(_) => {
                R::prepare_error(self, cause == Cause::Ours, &error.condition);
            }
            Phase::CloseReceived { .. } => {}
            Phase::CloseSent { .. } => return self.close_websocket(cause, code, now),
            Phase::Failed { .. } | Phase::CloseAnswered { .. } | Phase::Over => return,
        }
        self.websocket.send_last(error.to_element().raw().clone());
        self.close_behind_error(cause, error, code, now);
    }

    /// The stream error is queued: what follows it.
    pub(super) fn close_behind_error(
        &mut self,
        cause: Cause,
        error: StreamError,
        code: CloseCode,
        now: Moment,
    ) {
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

    /// Drops the transport of a peer that nobody can tell anything.
    pub(super) fn drop_silent_peer(&mut self, cause: Cause, diagnostic: &'static str) {
        self.websocket
            .drop_transport(cause, self.reason, diagnostic);
        self.mark_over();
    }

    pub(super) fn send_close(&mut self, close: Bytes, now: Moment) {
        self.websocket.send_last(close);
        self.mark_stream_closed();
        self.phase = Phase::CloseSent {
            deadline: now + self.config.close_timeout,
        };
    }

    /// Answers the peer's `<close/>`, which came first.
    pub(super) fn answer_close(&mut self, now: Moment) {
        self.websocket.send_last(Bytes::from_static(framing::CLOSE));
        self.phase = Phase::CloseAnswered {
            deadline: now + self.config.close_timeout,
        };
    }

    /// `<close/>` or a stream error went one way: the session cannot be resumed, and nothing more
    /// is negotiated.
    pub(super) fn mark_stream_closed(&mut self) {
        self.stream_closed = true;
        self.negotiation = None;
        self.role.forget_early();
    }

    /// Starts the WebSocket's own closing handshake, for what ended the stream.
    pub(super) fn close_connection(&mut self, now: Moment) {
        let (cause, code) = match self.phase {
            Phase::Failed { code, cause, .. } => (cause, code),
            Phase::CloseReceived { .. } | Phase::CloseAnswered { .. } => {
                (Cause::Peer, CloseCode::NORMAL)
            }
            Phase::Unopened | Phase::Streaming(_) | Phase::CloseSent { .. } | Phase::Over => {
                (Cause::Ours, CloseCode::NORMAL)
            }
        };
        self.close_websocket(cause, code, now);
    }

    pub(super) fn close_websocket(&mut self, cause: Cause, code: CloseCode, now: Moment) {
        self.websocket.start_closing(cause, self.reason, code, now);
        self.mark_over();
    }

    /// Tells the application that the WebSocket ended, or is about to: it decided, or was told.
    pub(super) fn deliver_closed(&mut self, mut closed: connection::Closed, now: Moment) {
        // Who ended the stream ended it all; that the peer went on by a shorter way changes
        // nothing.
        if matches!(closed.cause, Cause::Network | Cause::Peer) {
            closed.cause = match self.phase {
                Phase::Failed { cause, .. } => cause,
                Phase::CloseSent { .. } => Cause::Ours,
                Phase::CloseReceived { .. } | Phase::CloseAnswered { .. } => Cause::Peer,
                Phase::Unopened | Phase::Streaming(_) | Phase::Over => closed.cause,
            };
        }
        let too_big = closed.cause == Cause::Fault(CloseCode::TOO_BIG);
        if too_big && matches!(self.phase, Phase::Streaming(_)) {
            // The Close frame is queued and lets these messages pass (W-R-344).
            self.fail_for_reason(Reason::MessageTooLong, now);
        }
        self.mark_over();
        closed.reason = self.reason.or(closed.reason);
        let closed = Closed {
            connection: closed,
            stream_closed: self.stream_closed,
            error: self.error.take().map(|error| *error),
            see_other: self.role.take_redirect(),
            undelivered: self.take_undelivered(),
        };
        self.deliver(Event::Closed(closed));
    }

    /// What was accepted and never handed out; our own framing is not the application's.
    fn take_undelivered(&mut self) -> Vec<Element> {
        // Ours, and measured by nobody.
        let mut limits = XmlLimits::default();
        limits.element_bytes = usize::MAX;
        limits.depth = usize::MAX;
        limits.attributes = usize::MAX;
        limits.declarations = usize::MAX;
        self.websocket
            .take_unsent()
            .into_iter()
            .filter_map(|message| Element::parse(message, &limits).ok())
            .filter(|element| !matches!(element.name().namespace, ns::FRAMING | ns::STREAM))
            .collect()
    }

    fn mark_over(&mut self) {
        self.phase = Phase::Over;
        self.negotiation = None;
        self.role.forget_early();
    }
}

/// The stream error that a broken rule gets (W-R-360).
fn error_for(reason: Reason) -> StreamError {
    let error = StreamError::new(reason.condition().unwrap_or("undefined-condition"));
    let error = match reason.error_text() {
        Some(text) => error.with_text(text),
        None => error,
    };
    if reason.close_code() == CloseCode::TOO_BIG {
        error.with_application(Element::build("stanza-too-big", ns::ERRORS).finish())
    } else {
        error
    }
}
