//! The session: its verbs and its phases.
//!
//! Rules. What changes the phase is here, in `client`, in `sending`, in `receive` and in `closing`.
//! - A client speaks first: `<open/>`, and again after a success of RFC 6120's SASL (W-R-320, W-R-357).
//! - A server sends nothing before the peer's `<open/>`, but a stream error of its own and the `<open/>` in front of it (W-R-341).
//! - Nothing is sent behind our `<close/>`; elements that are still under way are delivered until the peer's (W-R-353), except behind a stream error
//!   of ours: then only `<close/>` is looked for (W-R-340).
//! - Who sent `<close/>` first starts the WebSocket closing handshake, once the other has answered or `close_timeout` is over; the other waits for
//!   that as long, then starts it (W-R-352).
//! - A success of RFC 6120's SASL makes a restart due: `<open/>` or `<close/>`, nothing else. One of SASL2 does not (W-R-357 to 359). A client
//!   restarts by itself, at once.
//! - `<close/>` in either direction ends the session for good; a lost transport or a Close frame alone leaves it resumable (W-R-372).

use std::{collections::VecDeque, sync::Arc};

use bytes::{Bytes, BytesMut};
use xmpp_wire::{Element, StreamError, StreamHeader, ns};

use super::{
    Config, Event, fault::Fault, framing, ids::Ids, redirect::SeeOther, secrecy::SignIn,
    sending::document,
};
use crate::{
    CloseCode, Connection, Instant, Transmit, Utf8Bytes,
    connection::{self, Action, Cause, Message, Progress, SendError},
    frame::Role,
};

/// A session, either role.
///
/// ```
/// use bytes::BytesMut;
/// use ws_framing::{Instant, connection::Action, xmpp::{Config, Event, Session}};
/// use xmpp_wire::StreamHeader;
///
/// let now = Instant::now();
/// let mut server = Session::server(Config::default(), [7; 32], now);
/// assert!(server.poll_transmit().is_none(), "a server waits for <open/>");
///
/// let mut client = Session::client(Config::default(), [8; 32], now);
/// let header = StreamHeader { to: Some("a.example".to_owned()), ..StreamHeader::default() };
/// client.open(header, now)?;
/// let open = client.poll_transmit().expect("<open/>");
/// server.handle_input(&mut BytesMut::from(&[&open.head[..], &open.payload[..]].concat()[..]), now);
/// assert!(matches!(server.poll_action(), Some(Action::Deliver(Event::Opened { restart: false, .. }))));
/// # Ok::<(), ws_framing::connection::SendError<StreamHeader>>(())
/// ```
#[derive(Debug)]
pub struct Session {
    pub(super) role: Role,
    pub(super) connection: Connection,
    pub(super) config: Arc<Config>,
    pub(super) phase: Phase,
    pub(super) auth: Auth,
    /// A server's: for `<open/>`, then for the success of SASL. A client's: for the features.
    pub(super) negotiation: Option<Instant>,
    /// Since when input is held; what the peer owes may come later by as much.
    pub(super) held_since: Option<Instant>,
    /// The client's latest `<open/>`: the peer's, where we are the server.
    pub(super) asked: Option<Box<StreamHeader>>,
    /// What we called ourselves in our first `<open/>`, as a server.
    pub(super) from: Option<String>,
    /// The one message that came before the features (W-R-443).
    pub(super) early: Option<Box<Element>>,
    /// A client's: an element was refused because the stream restarts; `Writable` is due behind its features.
    pub(super) refused: bool,
    /// When white space last came (W-R-302).
    pub(super) blank_at: Option<Instant>,
    pub(super) stream_closed: bool,
    pub(super) error: Option<Box<StreamError>>,
    /// Where the server sent us.
    pub(super) see_other: Option<Box<SeeOther>>,
    pub(super) resumable: bool,
    pub(super) sign_in: SignIn,
    pub(super) ids: Ids,
    actions: VecDeque<Action<Event>>,
    pub(super) now: Instant,
}

/// Where a session stands.
#[derive(Clone, Copy, Debug)]
pub(super) enum Phase {
    /// A client's application has not opened the stream.
    Unopened,
    /// A client has sent `<open/>`; the answer is awaited.
    OpenSent {
        restart: bool,
    },
    /// A server: nothing has come.
    AwaitingOpen,
    /// The client's `<open/>` has; the application answers.
    Opened,
    /// Answered; the features have not been sent, or have not come.
    AwaitingFeatures,
    Running,
    /// SASL has succeeded; the client starts over.
    AwaitingRestart,
    /// We sent `<close/>`.
    CloseSent {
        deadline: Instant,
    },
    /// We sent a stream error and `<close/>`.
    Failed {
        deadline: Instant,
        code: CloseCode,
        cause: Cause,
    },
    /// The peer sent `<close/>`; the application finishes.
    CloseReceived {
        deadline: Instant,
    },
    /// The peer's `<close/>` is answered; its Close frame is awaited.
    CloseAnswered {
        deadline: Instant,
    },
    /// The WebSocket is closing, or closed.
    Over,
}

/// Whether a success of SASL has been sent, or has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Auth {
    Awaited,
    Done,
}

impl Session {
    /// The client's end of a WebSocket whose handshake is done. `seed`: the keys of its masks. `open` comes next.
    pub fn client(config: impl Into<Arc<Config>>, seed: [u8; 32], now: Instant) -> Self {
        let config = config.into();
        let connection = Connection::client(config.connection.clone(), seed, now);
        Self::new(Role::Client, Phase::Unopened, connection, config, seed, now)
    }

    /// The server's end. `seed`: ids of streams that the application does not name. An `Arc` shares the configuration between sessions.
    pub fn server(config: impl Into<Arc<Config>>, seed: [u8; 32], now: Instant) -> Self {
        let config = config.into();
        let mut connection = Connection::server(config.connection.clone(), now);
        connection.set_message_bytes(
            config
                .message_bytes_before_auth
                .min(config.connection.message_bytes),
        );
        let mut session = Self::new(
            Role::Server,
            Phase::AwaitingOpen,
            connection,
            config,
            seed,
            now,
        );
        session.negotiation = session.config.open_timeout.map(|timeout| now + timeout);
        session
    }

    fn new(
        role: Role,
        phase: Phase,
        mut connection: Connection,
        config: Arc<Config>,
        seed: [u8; 32],
        now: Instant,
    ) -> Self {
        connection.report_silence();
        Self {
            role,
            connection,
            phase,
            auth: Auth::Awaited,
            negotiation: None,
            held_since: None,
            asked: None,
            from: None,
            early: None,
            refused: false,
            blank_at: None,
            stream_closed: false,
            error: None,
            see_other: None,
            resumable: false,
            sign_in: SignIn::Over,
            ids: Ids::new(seed),
            actions: VecDeque::new(),
            now,
            config,
        }
    }

    /// Opens the stream, once.
    ///
    /// As a client: sends `<open/>` to the domain `to`; the language defaults to the configured one, `from` is left out on a channel that others can
    /// read (RFC 6120 §4.7.1), `id` always, `version` is 1.0. The server's `<open/>` becomes `Event::Opened`, its features an element.
    ///
    /// As a server: answers the peer's `<open/>`; features follow by `send`. What the header lacks is filled in: an unpredictable `id`, `to` as the
    /// peer's `from`, the default language; `version` is the lower of both sides' (RFC 6120 §4.7).
    ///
    /// # Errors
    ///
    /// `Closed` where no `<open/>` is due; a client's `Forbidden` where `to` is no domain.
    pub fn open(
        &mut self,
        mut header: StreamHeader,
        now: Instant,
    ) -> Result<(), SendError<StreamHeader>> {
        let now = self.advance(now);
        if self.role == Role::Client {
            return self.open_as_client(header, now);
        }
        if !matches!(self.phase, Phase::Opened) {
            return Err(SendError::Closed(header));
        }
        self.complete(&mut header);
        self.connection.send_last(framing::open(&header));
        self.from = self.from.take().or(header.from);
        self.phase = Phase::AwaitingFeatures;
        Ok(())
    }

    /// Queues an element as one message; it is made to stand alone, features and errors in the spelling of W-R-309. A stream error is followed
    /// by the closing, as in `fail`.
    ///
    /// # Errors
    ///
    /// `Full` until `Event::Writable`, and between the success of SASL and the features of a client's restarted stream; `Closed` before both sides
    /// have opened, as a server between the success of SASL and the restart, and once the stream is closing; `Forbidden` for what must not be sent over this binding: elements in no namespace or in RFC 7395's own, and those of STARTTLS.
    pub fn send(&mut self, element: Element, now: Instant) -> Result<(), SendError<Element>> {
        let now = self.advance(now);
        if matches!(element.name().namespace, "" | ns::FRAMING | ns::TLS) {
            return Err(SendError::Forbidden(element));
        }
        if self.is_restarting() {
            self.refused = true;
            return Err(SendError::Full(element));
        }
        match self.phase {
            Phase::AwaitingFeatures | Phase::Running | Phase::CloseReceived { .. } => {}
            Phase::Unopened
            | Phase::OpenSent { .. }
            | Phase::AwaitingOpen
            | Phase::Opened
            | Phase::AwaitingRestart
            | Phase::CloseSent { .. }
            | Phase::Failed { .. }
            | Phase::CloseAnswered { .. }
            | Phase::Over => return Err(SendError::Closed(element)),
        }
        let message = Message::Text(Utf8Bytes::checked(document(&element)));
        if let Err(refused) = self.connection.send(message, now) {
            return Err(refused.map(|_| element));
        }
        self.handle_sent(&element, now);
        self.drain(now);
        Ok(())
    }

    /// Ends the stream, or answers the peer's `<close/>` (W-R-352). Before the client's `<open/>` there is no stream: the WebSocket is closed.
    pub fn close(&mut self, now: Instant) {
        let now = self.advance(now);
        match self.phase {
            Phase::Unopened | Phase::AwaitingOpen => self.disconnect(CloseCode::NORMAL, now),
            Phase::OpenSent { .. }
            | Phase::Opened
            | Phase::AwaitingFeatures
            | Phase::Running
            | Phase::AwaitingRestart => {
                self.send_close(Bytes::from_static(framing::CLOSE), now);
            }
            Phase::CloseReceived { .. } => self.answer_close(now),
            Phase::CloseSent { .. }
            | Phase::Failed { .. }
            | Phase::CloseAnswered { .. }
            | Phase::Over => {}
        }
    }

    /// A server's `<open/>` if not yet sent, the stream error, `<close/>`, Close with `code` (W-R-341, 343). Where the session can be resumed,
    /// `system-shutdown` is a Close frame alone, and `connection-timeout` drops the transport (W-R-360).
    pub fn fail(&mut self, error: StreamError, code: CloseCode, now: Instant) {
        let now = self.advance(now);
        self.fail_for(Cause::Ours, error, code, now);
        self.drain(now);
    }

    /// A Close frame alone: no `<close/>`, so a resumable session stays resumable (W-R-417, 473).
    pub fn disconnect(&mut self, code: CloseCode, now: Instant) {
        let now = self.advance(now);
        self.connection.close_for(Cause::Ours, code, "", now);
        self.finish();
        self.drain(now);
    }

    /// `<close see-other-uri=".."/>` (W-R-350), a server's. Deployed clients heed it before the features only. Does nothing before the peer's `<open/>`.
    pub fn redirect(&mut self, uri: &str, now: Instant) {
        let now = self.advance(now);
        if self.role == Role::Client {
            return;
        }
        match self.phase {
            Phase::Opened | Phase::AwaitingFeatures | Phase::Running | Phase::AwaitingRestart => {
                self.send_close(framing::redirect(uri), now);
            }
            Phase::Unopened
            | Phase::OpenSent { .. }
            | Phase::AwaitingOpen
            | Phase::CloseSent { .. }
            | Phase::Failed { .. }
            | Phase::CloseReceived { .. }
            | Phase::CloseAnswered { .. }
            | Phase::Over => {}
        }
    }

    /// XEP-0198 resumption is agreed: a client's silence then drops the transport without XML (W-R-372). A client does so in any case.
    pub fn set_resumable(&mut self, resumable: bool) {
        self.resumable = resumable;
    }

    /// The application cannot take more: nothing is read, and what the peer owes may come later by as much.
    pub fn hold_input(&mut self, now: Instant) {
        let now = self.advance(now);
        self.held_since.get_or_insert(now);
        self.connection.hold_input(now);
    }

    /// It can again.
    pub fn release_input(&mut self, now: Instant) {
        let now = self.advance(now);
        if let Some(since) = self.held_since.take() {
            let held = now.duration_since(since);
            self.negotiation = self.negotiation.map(|deadline| deadline + held);
        }
        self.connection.release_input(now);
    }

    /// Bytes came, appended to `input`; as `Connection::handle_input`.
    pub fn handle_input(&mut self, input: &mut BytesMut, now: Instant) {
        let now = self.advance(now);
        // One message at a time: an answer to the first may be the end of all.
        while self.connection.handle_next(input, now) == Progress::More {
            self.drain(now);
        }
    }

    /// The transport ended.
    pub fn handle_eof(&mut self, now: Instant) {
        let now = self.advance(now);
        self.connection.handle_eof(now);
        self.drain(now);
    }

    /// A deadline may have passed.
    pub fn handle_timeout(&mut self, now: Instant) {
        let now = self.advance(now);
        self.connection.handle_timeout(now);
        if self.connection.take_silence() {
            match self.role {
                // The application hears of it now, not when nobody has taken a farewell either; and the session may still be resumed.
                Role::Client => {
                    self.connection
                        .abort_for(Cause::Timeout, "the server is silent");
                    self.finish();
                }
                Role::Server => self.fault(Fault::Silent, now),
            }
        }
        if self
            .negotiation_deadline()
            .is_some_and(|deadline| now >= deadline)
        {
            self.negotiation = None;
            let fault = if self.role == Role::Client || matches!(self.phase, Phase::AwaitingOpen) {
                Fault::Silent
            } else {
                Fault::AuthTimeout
            };
            self.fault(fault, now);
        }
        match self.phase {
            Phase::CloseReceived { deadline } if now >= deadline => self.answer_close(now),
            Phase::CloseSent { deadline } if now >= deadline => self.close_connection(now),
            Phase::Failed { deadline, .. } if now >= deadline => self.close_connection(now),
            Phase::CloseAnswered { deadline } if now >= deadline => self.close_connection(now),
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
        self.drain(now);
    }

    /// Whether reading is useful now.
    pub fn wants_input(&self) -> bool {
        self.connection.wants_input()
    }

    /// The next order.
    pub fn poll_action(&mut self) -> Option<Action<Event>> {
        let action = self.actions.pop_front();
        if action.is_none() {
            self.connection.caught_up();
        }
        action
    }

    /// The next bytes; ask when the last have been written.
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        let transmit = self.connection.poll_transmit();
        self.drain(self.now);
        transmit
    }

    /// When to call `handle_timeout` at the latest.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let closing = match self.phase {
            Phase::CloseSent { deadline }
            | Phase::Failed { deadline, .. }
            | Phase::CloseReceived { deadline }
            | Phase::CloseAnswered { deadline } => Some(deadline),
            Phase::Unopened
            | Phase::OpenSent { .. }
            | Phase::AwaitingOpen
            | Phase::Opened
            | Phase::AwaitingFeatures
            | Phase::Running
            | Phase::AwaitingRestart
            | Phase::Over => None,
        };
        [
            self.connection.poll_timeout(),
            self.negotiation_deadline(),
            closing,
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// While nothing is read, the peer cannot bring what it owes.
    fn negotiation_deadline(&self) -> Option<Instant> {
        self.negotiation.filter(|_| self.held_since.is_none())
    }

    /// What the connection wants to tell.
    fn drain(&mut self, now: Instant) {
        while let Some(action) = self.connection.next_action() {
            match action {
                Action::Deliver(connection::Event::Message(message)) => {
                    self.handle_message(message, now);
                }
                Action::Deliver(connection::Event::Writable) => self.deliver(Event::Writable),
                Action::Deliver(connection::Event::Pong(_)) => {}
                Action::Deliver(connection::Event::Closed(closed)) => self.handle_closed(closed),
                Action::Close => self.actions.push_back(Action::Close),
                Action::Abort => self.actions.push_back(Action::Abort),
            }
        }
    }

    pub(super) fn deliver(&mut self, event: Event) {
        self.actions.push_back(Action::Deliver(event));
    }

    /// Time does not go back.
    pub(super) fn advance(&mut self, now: Instant) -> Instant {
        self.now = self.now.max(now);
        self.now
    }
}

xmpp_machine::machine!(Session, Event, std::convert::Infallible);
