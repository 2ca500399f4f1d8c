//! The verbs and phases that both ends share.
//!
//! Rules. What changes the phase is here, in `receive`, in `closing`, and in `client` and `server`.
//! - A client speaks first: `<open/>`, and again after a success of RFC 6120's SASL (W-R-320,
//!   W-R-357).
//! - A server sends nothing before the peer's `<open/>`, but a stream error of its own and the
//!   `<open/>` in front of it (W-R-341).
//! - Nothing is sent behind our `<close/>`; elements that are still under way are delivered until
//!   the peer's (W-R-353), except behind a stream error of ours: then only `<close/>` is looked for
//!   (W-R-340).
//! - Who sent `<close/>` first starts the WebSocket closing handshake, once the other has answered
//!   or `close_timeout` is over; the other waits for that as long, then starts it (W-R-352).
//! - A success of RFC 6120's SASL makes a restart due: `<open/>` or `<close/>`, nothing else. One
//!   of SASL2 does not (W-R-357 to 359). A client restarts by itself, at once.
//! - `<close/>` in either direction ends the session for good; a lost transport or a Close frame
//!   alone leaves it resumable (W-R-372).

use std::{collections::VecDeque, convert::Infallible, sync::Arc};

use bytes::{Bytes, BytesMut};
use xmpp_machine::Moment;
use xmpp_wire::{Element, StreamError, ns};

use super::{Config, Event, Role, WebSocket, content, framing, role::Rules, secrecy::SignIn};
use crate::{
    CloseCode, Connection, Instant, Reason, Transmit,
    connection::{self, Action, Cause, Progress, SendError},
    websocket::Carry,
};

/// One end of a stream: `R` says which, `W` what carries its messages.
///
/// [`client::Session`](super::client::Session) and [`server::Session`](super::server::Session) are
/// its names, with constructors and the verbs of one end alone.
#[derive(Debug)]
pub struct Session<R: Rules, W = Connection> {
    pub(super) role: R,
    pub(super) websocket: W,
    pub(super) config: Arc<Config>,
    pub(super) phase: Phase<R::Step>,
    pub(super) auth: Auth,
    /// When the peer's part of the negotiation is due: a client's `<open/>`, then the success of
    /// SASL; a server's features.
    pub(super) negotiation: Option<Moment>,
    /// Since when input is held; what the peer owes may come later by as much.
    pub(super) held_since: Option<Moment>,
    pub(super) stream_closed: bool,
    pub(super) error: Option<Box<StreamError>>,
    /// The first rule that the peer broke.
    pub(super) reason: Option<Reason>,
    pub(super) resumable: bool,
    pub(super) sign_in: SignIn,
    actions: VecDeque<Action<Event>>,
}

/// Where a session stands; `Step` is the end's own part of it.
#[derive(Clone, Copy, Debug)]
pub(super) enum Phase<Step> {
    /// No client's `<open/>` has been sent, or has come.
    Unopened,
    /// The stream is being negotiated, or runs.
    Streaming(Step),
    /// We sent `<close/>`.
    CloseSent { deadline: Moment },
    /// We sent a stream error and `<close/>`.
    Failed {
        deadline: Moment,
        code: CloseCode,
        cause: Cause,
    },
    /// The peer sent `<close/>`; the application finishes.
    CloseReceived { deadline: Moment },
    /// The peer's `<close/>` is answered; its Close frame is awaited.
    CloseAnswered { deadline: Moment },
    /// The WebSocket is closing, or closed.
    Over,
}

impl<Step> Phase<Step> {
    fn deadline(&self) -> Option<Moment> {
        match self {
            Self::CloseSent { deadline }
            | Self::Failed { deadline, .. }
            | Self::CloseReceived { deadline }
            | Self::CloseAnswered { deadline } => Some(*deadline),
            Self::Unopened | Self::Streaming(_) | Self::Over => None,
        }
    }
}

/// Whether a success of SASL has been sent, or has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Auth {
    Awaited,
    Done,
}

impl<R: Role, W: WebSocket> Session<R, W> {
    pub(super) fn with_role(role: R, websocket: W, config: Arc<Config>) -> Self {
        Self {
            role,
            websocket,
            config,
            phase: Phase::Unopened,
            auth: Auth::Awaited,
            negotiation: None,
            held_since: None,
            stream_closed: false,
            error: None,
            reason: None,
            resumable: false,
            sign_in: SignIn::Over,
            actions: VecDeque::new(),
        }
    }

    /// Queues an element as one message; it is made to stand alone, features and errors in the
    /// spelling of W-R-309. A stream error is followed by the closing, as in `fail`.
    ///
    /// # Errors
    ///
    /// `Full` until `Event::Writable`, and between the success of SASL and the features of a
    /// client's restarted stream; `Closed` before both sides have opened, as a server between the
    /// success of SASL and the restart, and once the stream is closing; `Forbidden` for what must
    /// not be sent over this binding: elements in no namespace or in RFC 7395's own, and those of
    /// STARTTLS.
    pub fn send(&mut self, element: Element, now: Instant) -> Result<(), SendError<Element>> {
        let now = self.read_clock(now);
        if matches!(element.name().namespace, "" | ns::FRAMING | ns::TLS) {
            return Err(SendError::Forbidden(element));
        }
        if R::must_wait(self) {
            return Err(SendError::Full(element));
        }
        let may_send = match self.phase {
            Phase::Streaming(step) => R::may_send(step),
            Phase::CloseReceived { .. } => true,
            Phase::Unopened
            | Phase::CloseSent { .. }
            | Phase::Failed { .. }
            | Phase::CloseAnswered { .. }
            | Phase::Over => false,
        };
        if !may_send {
            return Err(SendError::Closed(element));
        }
        if let Err(refused) = self.websocket.send_text(content::document(&element)) {
            return Err(refused.map(|_| element));
        }
        if element.is("error", ns::STREAM) {
            self.close_behind_error(
                Cause::Ours,
                StreamError::from_element(&element),
                CloseCode::NORMAL,
                now,
            );
        } else {
            R::note_sent(self, &element);
        }
        self.drain(now);
        Ok(())
    }

    /// Ends the stream, or answers the peer's `<close/>` (W-R-352). Before the client's `<open/>`
    /// there is no stream: the WebSocket is closed.
    pub fn close(&mut self, now: Instant) {
        let time = self.read_clock(now);
        match self.phase {
            Phase::Unopened => self.disconnect(CloseCode::NORMAL, now),
            Phase::Streaming(_) => self.send_close(Bytes::from_static(framing::CLOSE), time),
            Phase::CloseReceived { .. } => self.answer_close(time),
            Phase::CloseSent { .. }
            | Phase::Failed { .. }
            | Phase::CloseAnswered { .. }
            | Phase::Over => {}
        }
    }

    /// A server's `<open/>` if not yet sent, the stream error, `<close/>`, Close with `code`
    /// (W-R-341, 343). Where the session can be resumed, `system-shutdown` is a Close frame alone,
    /// and `connection-timeout` drops the transport (W-R-360).
    pub fn fail(&mut self, error: StreamError, code: CloseCode, now: Instant) {
        let now = self.read_clock(now);
        self.fail_for(Cause::Ours, error, code, now);
        self.drain(now);
    }

    /// A Close frame alone: no `<close/>`, so a resumable session stays resumable (W-R-417, 473).
    pub fn disconnect(&mut self, code: CloseCode, now: Instant) {
        let now = self.read_clock(now);
        self.close_websocket(Cause::Ours, code, now);
        self.drain(now);
    }

    /// XEP-0198 resumption is agreed: a client's silence then drops the transport without XML
    /// (W-R-372). A client does so in any case.
    pub fn set_resumable(&mut self, resumable: bool) {
        self.resumable = resumable;
    }

    /// The application cannot take more: nothing is read, and what the peer owes may come later by
    /// as much.
    pub fn hold_input(&mut self, now: Instant) {
        let now = self.read_clock(now);
        self.held_since.get_or_insert(now);
        self.websocket.hold();
    }

    /// The application can take more again.
    pub fn release_input(&mut self, now: Instant) {
        let now = self.read_clock(now);
        if let Some(since) = self.held_since.take() {
            let held = now.since(since);
            self.negotiation = self.negotiation.map(|deadline| deadline + held);
        }
        self.websocket.release(now);
    }

    /// A deadline may have passed.
    pub fn handle_timeout(&mut self, now: Instant) {
        let now = self.read_clock(now);
        if let Some(reason) = self.websocket.handle_deadline(now) {
            R::handle_silence(self, reason, now);
        }
        if self.negotiation_deadline().is_some_and(|at| now >= at) {
            self.negotiation = None;
            let step = match self.phase {
                Phase::Streaming(step) => Some(step),
                Phase::Unopened
                | Phase::CloseSent { .. }
                | Phase::Failed { .. }
                | Phase::CloseReceived { .. }
                | Phase::CloseAnswered { .. }
                | Phase::Over => None,
            };
            self.fail_for_reason(R::overdue(step), now);
        }
        if self.phase.deadline().is_some_and(|at| now >= at) {
            if matches!(self.phase, Phase::CloseReceived { .. }) {
                self.answer_close(now);
            } else {
                self.close_connection(now);
            }
        }
        self.drain(now);
    }

    /// When to call `handle_timeout` at the latest.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let deadlines = [
            self.websocket.next_deadline(),
            self.negotiation_deadline(),
            self.phase.deadline(),
        ];
        let next = deadlines.into_iter().flatten().min()?;
        self.websocket.clock().instant(next)
    }

    /// Whether reading is useful now.
    pub fn wants_input(&self) -> bool {
        self.websocket.wants_input()
    }

    /// While nothing is read, the peer cannot bring what it owes.
    fn negotiation_deadline(&self) -> Option<Moment> {
        self.negotiation.filter(|_| self.held_since.is_none())
    }

    pub(super) fn next_action(&mut self) -> Option<Action<Event>> {
        let action = self.actions.pop_front();
        if action.is_none() {
            self.websocket.caught_up();
        }
        action
    }

    /// Takes what the WebSocket wants to tell.
    pub(super) fn drain(&mut self, now: Moment) {
        while let Some(action) = self.websocket.next_action() {
            match action {
                Action::Deliver(connection::Event::Message(message)) => self.receive(message, now),
                Action::Deliver(connection::Event::Writable) => self.deliver(Event::Writable),
                Action::Deliver(connection::Event::Pong(_)) => {}
                Action::Deliver(connection::Event::Closed(closed)) => {
                    self.deliver_closed(closed, now);
                }
                Action::Close => self.actions.push_back(Action::Close),
                Action::Abort => self.actions.push_back(Action::Abort),
            }
        }
    }

    pub(super) fn deliver(&mut self, event: Event) {
        self.actions.push_back(Action::Deliver(event));
    }

    pub(super) fn read_clock(&mut self, now: Instant) -> Moment {
        self.websocket.clock_mut().read(now)
    }
}

/// The session over bytes: the verbs of [`xmpp_machine::Machine`].
impl<R: Role> Session<R> {
    /// Bytes came, appended to `input`; as `Connection::handle_input`.
    pub fn handle_input(&mut self, input: &mut BytesMut, now: Instant) {
        let now = self.read_clock(now);
        // One message at a time: an answer to the first may be the end of all.
        while self.websocket.handle_next(input, now) == Progress::More {
            self.drain(now);
        }
    }

    /// The transport ended.
    pub fn handle_eof(&mut self, now: Instant) {
        let time = self.read_clock(now);
        self.websocket.handle_eof(now);
        self.drain(time);
    }

    /// The next order.
    pub fn poll_action(&mut self) -> Option<Action<Event>> {
        self.next_action()
    }

    /// The next bytes; ask when the last have been written.
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        let transmit = self.websocket.poll_transmit();
        self.drain(Carry::clock(&self.websocket).latest());
        transmit
    }
}

xmpp_machine::machine!([R: Role] Session<R>, Event, Infallible);
