//! Whole messages in place of frames, and the session's verbs over them.

use std::{collections::VecDeque, time::Duration};

use bytes::Bytes;
use xmpp_machine::{Clock, Moment, SendError};

use super::{Config, Event, Role, Session, WebSocket};
use crate::{
    CloseCode, Instant, Reason, Utf8Bytes,
    connection::{self, Action, Cause, Message},
    frame::NO_CLOSE,
    websocket::Carry,
};

/// The messages of a WebSocket that somebody else runs: a browser's, an HTTP server's, one inside
/// HTTP/2.
///
/// It queues what the session sends until [`Session::poll_message`] takes it.
///
/// ```
/// use ws_framing::{Instant, connection::{Action, Message}, xmpp::{Config, Event, Outgoing, client}};
/// use xmpp_wire::StreamHeader;
///
/// let now = Instant::now();
/// let mut session = client::Session::over_messages(Config::default(), now);
/// session.open(StreamHeader { to: Some("a.example".to_owned()), ..StreamHeader::default() }, now)?;
/// // What the WebSocket is to send.
/// let Some(Outgoing::Text(open)) = session.poll_message() else { panic!("no message") };
/// assert!(open.as_str().starts_with("<open "));
/// // What it received.
/// let answer = "<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' from='a.example' id='1' version='1.0'/>";
/// session.handle_message(Message::from(answer), now);
/// assert!(matches!(session.poll_action(), Some(Action::Deliver(Event::Opened { .. }))));
/// // It was closed.
/// session.handle_closed(1006, "", now);
/// assert!(matches!(session.poll_action(), Some(Action::Deliver(Event::Closed(_)))));
/// assert!(matches!(session.poll_action(), Some(Action::Close)));
/// # Ok::<(), ws_framing::connection::SendError<StreamHeader>>(())
/// ```
#[derive(Debug)]
pub struct Messages {
    clock: Clock,
    state: State,
    queue: VecDeque<Bytes>,
    /// Bytes in the queue.
    queued: usize,
    /// `send` refused: `Writable` is owed.
    refused: bool,
    held: bool,
    message_bytes: usize,
    outbox_bytes: usize,
    close_timeout: Duration,
    actions: VecDeque<Action>,
}

#[derive(Debug)]
enum State {
    Open,
    /// We want the WebSocket closed.
    Closing {
        deadline: Moment,
        cause: Cause,
        reason: Option<Reason>,
        /// Until it is handed out behind the last message.
        order: Option<CloseCode>,
    },
    Over,
}

/// What to do with the WebSocket below a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outgoing {
    /// Send it as one text message.
    Text(Utf8Bytes),
    /// Close the WebSocket with this code; nothing follows. Tell the session when it is closed.
    Close(CloseCode),
}

impl Messages {
    pub(super) fn new(config: &Config, now: Instant) -> Self {
        Self {
            clock: Clock::new(now),
            state: State::Open,
            queue: VecDeque::new(),
            queued: 0,
            refused: false,
            held: false,
            message_bytes: config.connection.message_bytes,
            outbox_bytes: config.connection.outbox_bytes,
            close_timeout: config.connection.close_timeout,
            actions: VecDeque::new(),
        }
    }

    fn poll(&mut self) -> Option<Outgoing> {
        if let Some(text) = self.queue.pop_front() {
            self.queued -= text.len();
            let has_room = self.queued <= self.outbox_bytes / 2;
            if matches!(self.state, State::Open) && self.refused && has_room {
                self.refused = false;
                self.actions
                    .push_back(Action::Deliver(connection::Event::Writable));
            }
            return Some(Outgoing::Text(Utf8Bytes::checked(text)));
        }
        match &mut self.state {
            State::Closing { order, .. } => order.take().map(Outgoing::Close),
            State::Open | State::Over => None,
        }
    }

    fn end(&mut self, closed: connection::Closed, last: Action) {
        self.state = State::Over;
        self.actions
            .push_back(Action::Deliver(connection::Event::Closed(closed)));
        self.actions.push_back(last);
    }

    fn handle_closed(&mut self, code: u16, text: &str) {
        let (cause, reason) = match self.state {
            State::Closing { cause, reason, .. } => (cause, reason),
            State::Open if code == NO_CLOSE => (Cause::Network, Some(Reason::TransportEnded)),
            State::Open => (Cause::Peer, None),
            State::Over => return,
        };
        let closed = connection::Closed {
            code,
            diagnostic: text.to_owned(),
            cause,
            reason,
        };
        self.end(closed, Action::Close);
    }
}

impl WebSocket for Messages {}

impl Carry for Messages {
    fn clock(&self) -> &Clock {
        &self.clock
    }

    fn clock_mut(&mut self) -> &mut Clock {
        &mut self.clock
    }

    fn send_text(&mut self, text: Bytes) -> Result<(), SendError<Bytes>> {
        if !matches!(self.state, State::Open) {
            return Err(SendError::Closed(text));
        }
        if self.queued > 0 && self.queued + text.len() > self.outbox_bytes {
            self.refused = true;
            return Err(SendError::Full(text));
        }
        self.send_last(text);
        Ok(())
    }

    fn send_last(&mut self, text: Bytes) {
        let is_open = match self.state {
            State::Open => true,
            State::Closing { order, .. } => order.is_some(),
            State::Over => false,
        };
        if is_open {
            self.queued += text.len();
            self.queue.push_back(text);
        }
    }

    fn start_closing(
        &mut self,
        cause: Cause,
        reason: Option<Reason>,
        code: CloseCode,
        now: Moment,
    ) {
        if matches!(self.state, State::Open) {
            self.state = State::Closing {
                deadline: now + self.close_timeout,
                cause,
                reason,
                order: Some(code),
            };
        }
    }

    fn drop_transport(&mut self, cause: Cause, reason: Option<Reason>, diagnostic: &'static str) {
        if !matches!(self.state, State::Over) {
            let closed = connection::Closed {
                code: NO_CLOSE,
                diagnostic: diagnostic.to_owned(),
                cause,
                reason,
            };
            self.end(closed, Action::Abort);
        }
    }

    fn next_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    fn set_message_bytes(&mut self, bytes: usize) {
        self.message_bytes = bytes;
    }

    fn hold(&mut self) {
        self.held = true;
    }

    fn release(&mut self, _: Moment) {
        self.held = false;
    }

    fn handle_deadline(&mut self, now: Moment) -> Option<Reason> {
        match self.state {
            State::Closing {
                deadline,
                cause,
                reason,
                ..
            } if now >= deadline => {
                let overdue = Reason::CloseTimeout;
                self.drop_transport(cause, reason.or(Some(overdue)), overdue.close_text());
            }
            State::Open | State::Closing { .. } | State::Over => {}
        }
        None
    }

    fn next_deadline(&self) -> Option<Moment> {
        match self.state {
            State::Closing { deadline, .. } => Some(deadline),
            State::Open | State::Over => None,
        }
    }

    fn wants_input(&self) -> bool {
        !self.held && !matches!(self.state, State::Over)
    }

    fn take_unsent(&mut self) -> Vec<Bytes> {
        self.queued = 0;
        self.queue.drain(..).collect()
    }
}

/// The session over whole messages. Pings and pongs are the business of whoever runs the WebSocket.
impl<R: Role> Session<R, Messages> {
    /// A message of the peer's came; messages that came while input is held are taken too.
    pub fn handle_message(&mut self, message: Message, now: Instant) {
        let now = self.read_clock(now);
        if matches!(self.websocket.state, State::Over) {
            return;
        }
        if message.as_bytes().len() > self.websocket.message_bytes {
            self.fail_too_long(now);
        } else {
            self.receive(message, now);
        }
        self.drain(now);
    }

    /// The WebSocket is closed, by whomever: its code (1005 if it had none, 1006 if no Close frame
    /// came) and its text.
    pub fn handle_closed(&mut self, code: u16, text: &str, now: Instant) {
        let now = self.read_clock(now);
        self.websocket.handle_closed(code, text);
        self.drain(now);
    }

    /// What to do next with the WebSocket; ask when the last message has been taken.
    pub fn poll_message(&mut self) -> Option<Outgoing> {
        let outgoing = self.websocket.poll();
        self.drain(self.websocket.clock.latest());
        outgoing
    }

    /// The next order: `Close` where the WebSocket is closed, and `Abort` where it is to be dropped
    /// as it is.
    pub fn poll_action(&mut self) -> Option<Action<Event>> {
        self.next_action()
    }
}
