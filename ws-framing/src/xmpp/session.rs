//! The session: its verbs and its phases.
//!
//! Rules. What changes the phase is here, in `receive` and in `closing`.
//! - Nothing is sent before the peer's `<open/>`, but a stream error of ours and its own `<open/>` (W-R-341).
//! - Nothing is sent behind our `<close/>`; elements that are still under way are delivered until the peer's (W-R-353), except behind a stream error
//!   of ours: then only `<close/>` is looked for (W-R-340).
//! - Who sent `<close/>` first starts the WebSocket closing handshake, once the other has answered or `close_timeout` is over; the other waits for
//!   that as long, then starts it (W-R-352).
//! - A success of RFC 6120's SASL makes a restart due: `<open/>` or `<close/>`, nothing else. One of SASL2 does not (W-R-357 to 359).
//! - `<close/>` in either direction ends the session for good; a lost transport or a Close frame alone leaves it resumable (W-R-372).

use std::{collections::VecDeque, sync::Arc};

use bytes::{Bytes, BytesMut};
use xmpp_wire::{Element, StreamError, StreamHeader, ns};

use super::{Config, Event, fault::Fault, framing, ids::Ids};
use crate::{
    CloseCode, Connection, Instant, Transmit, Utf8Bytes,
    connection::{self, Action, Cause, Message, Progress, SendError},
};

/// A session, either role (the server's in this version).
///
/// ```
/// use ws_framing::{Instant, xmpp::{Config, Session}};
///
/// let now = Instant::now();
/// let mut session = Session::server(Config::default(), [7; 32], now);
/// assert!(session.poll_transmit().is_none(), "a server waits for <open/>");
/// assert!(session.poll_timeout().is_some(), "but not for ever");
/// ```
#[derive(Debug)]
pub struct Session {
    pub(super) connection: Connection,
    pub(super) config: Arc<Config>,
    pub(super) phase: Phase,
    pub(super) auth: Auth,
    /// For `<open/>`, then for the success of SASL.
    pub(super) negotiation: Option<Instant>,
    /// The peer's latest `<open/>`.
    pub(super) peer: Option<Box<StreamHeader>>,
    /// What we called ourselves in our first `<open/>`.
    pub(super) from: Option<String>,
    /// The one message that came before the features (W-R-443).
    pub(super) early: Option<Box<Element>>,
    /// When white space last came (W-R-302).
    pub(super) blank_at: Option<Instant>,
    pub(super) stream_closed: bool,
    pub(super) error: Option<Box<StreamError>>,
    pub(super) resumable: bool,
    ids: Ids,
    actions: VecDeque<Action<Event>>,
    pub(super) now: Instant,
}

/// Where a session stands.
#[derive(Clone, Copy, Debug)]
pub(super) enum Phase {
    /// Nothing has come.
    AwaitingOpen,
    /// The peer's `<open/>` has; the application answers.
    Opened,
    /// Answered; the features have not been sent.
    AwaitingFeatures,
    Running,
    /// SASL has succeeded; the peer starts over.
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

/// Whether a success of SASL has been sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Auth {
    Awaited,
    Done,
}

impl Session {
    /// The server's end. `seed`: ids of streams that the application does not name. An `Arc` shares the configuration between sessions.
    pub fn server(config: impl Into<Arc<Config>>, seed: [u8; 32], now: Instant) -> Self {
        let config = config.into();
        let mut connection = Connection::server(config.connection.clone(), now);
        connection.report_silence();
        connection.set_message_bytes(
            config
                .message_bytes_before_auth
                .min(config.connection.message_bytes),
        );
        Self {
            connection,
            phase: Phase::AwaitingOpen,
            auth: Auth::Awaited,
            negotiation: config.open_timeout.map(|timeout| now + timeout),
            peer: None,
            from: None,
            early: None,
            blank_at: None,
            stream_closed: false,
            error: None,
            resumable: false,
            ids: Ids::new(seed),
            actions: VecDeque::new(),
            now,
            config,
        }
    }

    /// Answers the peer's `<open/>`; features follow by `send`. What the header lacks is filled in: an unpredictable `id`, `to` as the peer's
    /// `from`, the default language; `version` is the lower of both sides' (RFC 6120 §4.7).
    ///
    /// # Errors
    ///
    /// `Closed` where no `<open/>` of the peer waits for an answer.
    pub fn open(
        &mut self,
        mut header: StreamHeader,
        now: Instant,
    ) -> Result<(), SendError<StreamHeader>> {
        self.advance(now);
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
    /// `Full` until `Event::Writable`; `Closed` before `open`, between the success of SASL and the restart, and once the stream is closing.
    pub fn send(&mut self, element: Element, now: Instant) -> Result<(), SendError<Element>> {
        let now = self.advance(now);
        match self.phase {
            Phase::AwaitingFeatures | Phase::Running | Phase::CloseReceived { .. } => {}
            Phase::AwaitingOpen
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

    /// Ends the stream, or answers the peer's `<close/>` (W-R-352). Before the peer's `<open/>` there is no stream: the WebSocket is closed.
    pub fn close(&mut self, now: Instant) {
        let now = self.advance(now);
        match self.phase {
            Phase::AwaitingOpen => self.disconnect(CloseCode::NORMAL, now),
            Phase::Opened | Phase::AwaitingFeatures | Phase::Running | Phase::AwaitingRestart => {
                self.send_close(Bytes::from_static(framing::CLOSE), now);
            }
            Phase::CloseReceived { .. } => self.answer_close(now),
            Phase::CloseSent { .. }
            | Phase::Failed { .. }
            | Phase::CloseAnswered { .. }
            | Phase::Over => {}
        }
    }

    /// `<open/>` if not yet sent, the stream error, `<close/>`, Close with `code` (W-R-341, 343). Where the session can be resumed,
    /// `system-shutdown` is a Close frame alone, and `connection-timeout` drops the transport (§6.5).
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

    /// `<close see-other-uri=".."/>` (W-R-350). Clients heed it before the features only. Does nothing before the peer's `<open/>`.
    pub fn redirect(&mut self, uri: &str, now: Instant) {
        let now = self.advance(now);
        match self.phase {
            Phase::Opened | Phase::AwaitingFeatures | Phase::Running | Phase::AwaitingRestart => {
                self.send_close(framing::redirect(uri), now);
            }
            Phase::AwaitingOpen
            | Phase::CloseSent { .. }
            | Phase::Failed { .. }
            | Phase::CloseReceived { .. }
            | Phase::CloseAnswered { .. }
            | Phase::Over => {}
        }
    }

    /// XEP-0198 resumption is agreed: silence then drops the transport without XML (§6.5).
    pub fn set_resumable(&mut self, resumable: bool) {
        self.resumable = resumable;
    }

    /// The application cannot take more.
    pub fn hold_input(&mut self, now: Instant) {
        self.connection.hold_input(now);
    }

    /// It can again.
    pub fn release_input(&mut self, now: Instant) {
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
            self.fault(Fault::Silent, now);
        }
        if self.negotiation.is_some_and(|deadline| now >= deadline) {
            self.negotiation = None;
            let fault = if matches!(self.phase, Phase::AwaitingOpen) {
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
            Phase::AwaitingOpen
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
        self.actions.pop_front()
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
            Phase::AwaitingOpen
            | Phase::Opened
            | Phase::AwaitingFeatures
            | Phase::Running
            | Phase::AwaitingRestart
            | Phase::Over => None,
        };
        [self.connection.poll_timeout(), self.negotiation, closing]
            .into_iter()
            .flatten()
            .min()
    }

    /// What the connection wants to tell.
    fn drain(&mut self, now: Instant) {
        while let Some(action) = self.connection.poll_action() {
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

    /// What a sent element changes.
    fn handle_sent(&mut self, element: &Element, now: Instant) {
        let name = element.name();
        match (name.namespace, name.local) {
            (ns::STREAM, "error") => {
                self.fail_sent(StreamError::from_element(element), now);
            }
            (ns::STREAM, "features") if matches!(self.phase, Phase::AwaitingFeatures) => {
                self.phase = Phase::Running;
                if let Some(early) = self.early.take() {
                    self.deliver(Event::Element(*early));
                }
            }
            (ns::SASL, "success") if self.auth == Auth::Awaited => {
                self.authenticated();
                if !matches!(self.phase, Phase::CloseReceived { .. }) {
                    self.phase = Phase::AwaitingRestart;
                }
            }
            (ns::SASL2, "success") if self.auth == Auth::Awaited => self.authenticated(),
            _ => {}
        }
    }

    fn authenticated(&mut self) {
        self.auth = Auth::Done;
        self.negotiation = None;
        self.connection
            .set_message_bytes(self.config.connection.message_bytes);
    }

    /// Fills in what our `<open/>` must have (W-R-325).
    pub(super) fn complete(&mut self, header: &mut StreamHeader) {
        let peer = self.peer.as_deref();
        let version = |header: &StreamHeader| header.version.as_deref().and_then(framing::version);
        let ours = version(header).unwrap_or((1, 0)).min((1, 0));
        let (major, minor) = peer.and_then(version).unwrap_or(ours).min(ours);
        header.version = Some(format!("{major}.{minor}"));
        if header.to.is_none() {
            header.to = peer.and_then(|peer| peer.from.clone());
        }
        header.lang.get_or_insert_with(|| self.config.lang.clone());
        header.id.get_or_insert_with(|| self.ids.next());
    }

    pub(super) fn deliver(&mut self, event: Event) {
        self.actions.push_back(Action::Deliver(event));
    }

    /// Time does not go back.
    fn advance(&mut self, now: Instant) -> Instant {
        self.now = self.now.max(now);
        self.now
    }
}

/// An element as a message of its own. Language is inherited by what carries human text (W-R-407).
fn document(element: &Element) -> Bytes {
    let name = element.name();
    let alone = match (name.namespace, name.local) {
        (ns::STREAM, "error") => element.standalone_with_lang().with_stream_prefix(),
        (ns::STREAM, _) => element.with_stream_prefix(),
        _ if element.is_stanza() => element.standalone_with_lang(),
        _ => element.standalone(),
    };
    alone.raw().clone()
}
