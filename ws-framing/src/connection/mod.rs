//! A WebSocket after its handshake, both roles.
//!
//! Rules. Everything that changes the state of the closing is in this file.
//! - `Open` until a Close frame is queued: ours (`close`), the answer to the peer's, or the one of
//!   a failure. The first queued is the only one.
//! - Messages are taken from the application until it has called `close`, has been told of the end,
//!   or the Close frame has been handed out: answers to what came before a peer's Close or fault
//!   still go out in front of ours.
//! - The server orders `Close` as soon as both Close frames are exchanged; the client waits for the
//!   end of the transport (RFC 6455 §7.1.1).
//! - After a failure nothing is decoded any more; bytes are taken and dropped (W-R-122).
//! - `Closed` is queued exactly once, with the order to close or abort right behind it.

mod carry;
mod config;
mod event;
mod liveness;
mod outbox;

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};

pub use config::{Binary, Compression, Config, ControlRate};
pub use event::{Action, Cause, Closed, Event, Message};
pub use xmpp_machine::SendError;

use liveness::Liveness;
use outbox::Outbox;
use xmpp_machine::{Bucket, Clock, Moment, Rate};

use crate::{
    CloseCode, Instant, Reason, Transmit, Utf8Bytes,
    frame::{
        CONTROL_BYTES, CloseFrame, DecodeLimits, Decoded, Decoder, Encoder, NO_CLOSE, Opcode, Role,
    },
    websocket::Carry as _,
};

/// Inflated bytes of messages behind which no more are decoded before the application has asked for
/// them: as much as one read brings where nothing is compressed. A read of compressed messages
/// could else become a thousand times as much.
const AHEAD_BYTES: usize = 65_536;
/// A queue whose room exceeds this gives it back when it is empty.
const KEPT_SLOTS: usize = 16;

/// RFC 6455 after the upgrade.
///
/// ```
/// use bytes::BytesMut;
/// use ws_framing::{CloseCode, Connection, Instant, connection::{Action, Config, Event, Message}};
///
/// let now = Instant::now();
/// let mut client = Connection::client(Config::default(), [7; 32], now);
/// let mut server = Connection::server(Config::default(), now);
/// client.send(Message::from("<a/>"), now)?;
/// let sent = client.poll_transmit().expect("a frame");
/// server.handle_input(&mut BytesMut::from(&sent.head[..]), now);
/// assert_eq!(server.poll_action(), Some(Action::Deliver(Event::Message(Message::from("<a/>")))));
/// # Ok::<(), ws_framing::connection::SendError<Message>>(())
/// ```
#[derive(Debug)]
pub struct Connection {
    config: Config,
    decoder: Decoder,
    outbox: Outbox,
    state: State,
    liveness: Liveness,
    /// The peer's control frames (W-R-153).
    control_frames: Bucket,
    actions: VecDeque<Action>,
    clock: Clock,
    /// The payload of the application's latest ping.
    asked: Option<Bytes>,
    held: bool,
    /// Bytes of the messages since there was last no action left, where they may be inflated.
    ahead: usize,
    /// `send` refused: `Writable` is owed.
    refused: bool,
    /// No more messages from the application: it closed, or it knows of the end.
    sealed: bool,
    /// What an abort dropped; taken by the layer above.
    unsent: Vec<Bytes>,
}

#[derive(Debug)]
enum State {
    Open,
    /// Our Close is queued or sent, the peer's is awaited.
    Closing {
        deadline: Moment,
        cause: Cause,
        /// Why we close, where the peer broke a rule.
        reason: Option<Reason>,
    },
    /// Both Close frames were exchanged; a client waits for the end of the transport.
    AwaitingEof {
        deadline: Moment,
        closed: Closed,
    },
    /// `Closed` was delivered; what is left is being written.
    Flushing {
        deadline: Moment,
    },
    Over,
}

/// Whether `handle_next` has to be called again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// Something was taken.
    More,
    /// The rest is unfinished, or not wanted.
    Done,
}

impl Connection {
    /// The client's end; mask keys come from `seed`.
    pub fn client(config: Config, seed: [u8; 32], now: Instant) -> Self {
        Self::new(config, Encoder::client(seed), now)
    }

    /// The server's end.
    pub fn server(config: Config, now: Instant) -> Self {
        Self::new(config, Encoder::server(), now)
    }

    fn new(config: Config, encoder: Encoder, now: Instant) -> Self {
        let mut clock = Clock::default();
        let now = clock.read(now);
        let limits = DecodeLimits {
            message_bytes: config.message_bytes,
            frame_bytes: config.frame_bytes,
            fragments: config.fragments,
            binary: config.binary == Binary::Accepted,
        };
        Self {
            decoder: Decoder::new(encoder.role(), limits),
            outbox: Outbox::new(encoder, config.fragment_bytes),
            state: State::Open,
            liveness: Liveness::new(&config, now),
            control_frames: Bucket::default(),
            actions: VecDeque::new(),
            clock,
            asked: None,
            held: false,
            ahead: 0,
            refused: false,
            sealed: false,
            unsent: Vec::new(),
            config,
        }
    }

    /// The same end, with what the handshake agreed on compression. Messages are compressed from
    /// the first on, unless `set_compression` withholds it.
    ///
    /// ```
    /// # use bytes::BytesMut;
    /// use ws_framing::{Connection, Instant, connection::{Config, Message}, deflate};
    ///
    /// let (now, deflate) = (Instant::now(), deflate::Config::default());
    /// let agreed = deflate::accept([&b"permessage-deflate"[..]], &deflate)?.expect("agreed").agreed;
    /// let mut server = Connection::server(Config::default(), now).with_deflate(agreed);
    /// server.send(Message::from("<a/>".repeat(1000)), now)?;
    /// assert!(server.poll_transmit().expect("a frame").payload.len() < 100);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[cfg(feature = "deflate")]
    #[must_use]
    pub fn with_deflate(mut self, agreed: crate::deflate::Agreed) -> Self {
        let (inflater, deflater) = match self.outbox.role() {
            Role::Server => agreed.for_server(),
            Role::Client => agreed.for_client(),
        };
        self.decoder.set_inflater(inflater);
        self.outbox.set_deflater(deflater);
        self
    }

    /// Allows or withholds compression of what is sent after this. Without an agreement nothing is
    /// compressed anyway.
    pub fn set_compression(&mut self, compression: Compression) {
        self.outbox.set_compression(compression);
    }

    /// Queues a message, which leaves as one frame, or as many as `Config::fragment_bytes` makes of
    /// it.
    ///
    /// # Errors
    ///
    /// `Full` above `Config::outbox_bytes`, until `Event::Writable`; `Closed` after `close` or the
    /// end.
    pub fn send(&mut self, message: Message, _now: Instant) -> Result<(), SendError<Message>> {
        match message {
            Message::Text(text) => self
                .queue_message(Opcode::Text, text.into_bytes())
                .map_err(|refused| refused.map(|text| Message::Text(Utf8Bytes::checked(text)))),
            Message::Binary(bytes) => self
                .queue_message(Opcode::Binary, bytes)
                .map_err(|refused| refused.map(Message::Binary)),
        }
    }

    /// Queues a ping (at most 125 bytes). `Event::Pong` follows when the latest one is answered.
    ///
    /// # Errors
    ///
    /// `TooLong`; `Full` with 16 pings in waiting; `Closed` after `close` or the end.
    pub fn ping(&mut self, payload: Bytes, _now: Instant) -> Result<(), SendError<Bytes>> {
        if payload.len() > CONTROL_BYTES {
            return Err(SendError::TooLong(payload));
        }
        if !matches!(self.state, State::Open) {
            return Err(SendError::Closed(payload));
        }
        if !self.outbox.ping(&payload) {
            return Err(SendError::Full(payload));
        }
        self.asked = Some(payload);
        Ok(())
    }

    /// Starts the closing handshake behind what is queued. A reason is cut at 123 bytes. Does
    /// nothing when closing already.
    pub fn close(&mut self, code: CloseCode, reason: &str, now: Instant) {
        let now = self.clock.read(now);
        self.sealed = true;
        self.queue_close(Cause::Ours, None, CloseFrame::new(code, reason), now);
    }

    /// The application cannot take more: nothing is read, the pong deadline stands still.
    pub fn hold_input(&mut self, now: Instant) {
        self.clock.read(now);
        self.hold();
    }

    /// The application can take more again: reading goes on, and the peer has the whole time to
    /// answer a ping.
    pub fn release_input(&mut self, now: Instant) {
        let now = self.clock.read(now);
        self.release(now);
    }

    /// Replaces the bound on messages (tighter before authentication), for frames that begin after
    /// this.
    pub fn set_message_bytes(&mut self, bytes: usize) {
        self.decoder.set_message_bytes(bytes);
    }

    /// Bytes came, appended to `input`. Whole messages are taken off its front, unmasked in place;
    /// what is unfinished stays. Between calls `input` may only be appended to. While input is
    /// held, nothing is taken.
    ///
    /// With compression, messages stay too where inflated ones of 64 KiB wait for `poll_action`:
    /// `wants_input` says `false` until that has given all, and then what is left of `input` has to
    /// be offered again, whether or not more came.
    pub fn handle_input(&mut self, input: &mut BytesMut, now: Instant) {
        let now = self.clock.read(now);
        while self.handle_next(input, now) == Progress::More {}
    }

    /// The transport ended.
    pub fn handle_eof(&mut self, now: Instant) {
        let now = self.clock.read(now);
        let ended = Some(Reason::TransportEnded);
        match std::mem::replace(&mut self.state, State::Over) {
            State::Open => self.end_at_once(closed_without_frame(
                Cause::Network,
                ended,
                "the transport ended",
            )),
            State::Closing { cause, reason, .. } => {
                self.end_and_flush(
                    closed_without_frame(
                        cause,
                        reason.or(ended),
                        "the transport ended without a Close frame",
                    ),
                    now,
                );
            }
            State::AwaitingEof { closed, .. } => self.end_and_flush(closed, now),
            State::Flushing { .. } | State::Over => {}
        }
    }

    /// A deadline may have passed.
    pub fn handle_timeout(&mut self, now: Instant) {
        let now = self.clock.read(now);
        if let Some(reason) = self.handle_deadline(now) {
            self.drop_transport(Cause::Timeout, Some(reason), reason.close_text());
        }
    }

    /// Whether reading is useful now.
    pub fn wants_input(&self) -> bool {
        match self.state {
            State::Open | State::Closing { .. } | State::AwaitingEof { .. } => {
                !self.held && self.ahead < AHEAD_BYTES
            }
            State::Flushing { .. } | State::Over => false,
        }
    }

    /// The next order.
    pub fn poll_action(&mut self) -> Option<Action> {
        let action = self.next_action();
        if action.is_none() {
            self.caught_up();
        }
        action
    }

    /// The next bytes; ask when the last have been written.
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        let transmit = self.outbox.poll_transmit();
        if self.refused && self.may_send() && self.outbox.bytes() <= self.config.outbox_bytes / 2 {
            self.refused = false;
            self.actions.push_back(Action::Deliver(Event::Writable));
        }
        transmit
    }

    /// When to call `handle_timeout` at the latest. Changes with every call that is told the time.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.clock.instant(self.next_deadline()?)
    }

    fn queue_message(&mut self, opcode: Opcode, payload: Bytes) -> Result<(), SendError<Bytes>> {
        if !self.may_send() {
            return Err(SendError::Closed(payload));
        }
        let queued = self.outbox.bytes();
        if queued > 0 && queued + payload.len() > self.config.outbox_bytes {
            self.refused = true;
            return Err(SendError::Full(payload));
        }
        self.outbox.message(opcode, payload);
        Ok(())
    }

    /// Takes one message or control frame off the front of `input`, so that the layer above can
    /// answer it before the next is looked at.
    pub(crate) fn handle_next(&mut self, input: &mut BytesMut, now: Moment) -> Progress {
        if self.held || input.is_empty() {
            return Progress::Done;
        }
        if !matches!(self.state, State::Open | State::Closing { .. }) {
            input.clear();
            return Progress::Done;
        }
        if self.ahead >= AHEAD_BYTES {
            return Progress::Done;
        }
        if matches!(self.state, State::Open) {
            self.liveness.note_input(now);
        }
        match self.decoder.next(input) {
            Ok(Some(decoded)) => self.handle_decoded(decoded, now),
            Ok(None) => return Progress::Done,
            Err(reason) => self.fail_for_reason(reason, now),
        }
        Progress::More
    }

    /// Queues our Close frame; nothing where one is queued or was sent already.
    fn queue_close(
        &mut self,
        cause: Cause,
        reason: Option<Reason>,
        frame: CloseFrame,
        now: Moment,
    ) {
        if !matches!(self.state, State::Open) {
            return;
        }
        self.outbox.close(frame);
        self.liveness.stop();
        self.state = State::Closing {
            deadline: now + self.config.close_timeout,
            cause,
            reason,
        };
    }

    fn may_send(&self) -> bool {
        !self.sealed
            && match self.state {
                State::Open => true,
                State::AwaitingEof { .. } | State::Flushing { .. } => self.outbox.is_open(),
                State::Closing { .. } | State::Over => false,
            }
    }

    fn handle_decoded(&mut self, decoded: Decoded, now: Moment) {
        match decoded {
            Decoded::Message(message) => {
                if self.decoder.inflates() {
                    self.ahead += message.as_bytes().len();
                }
                self.deliver(Event::Message(message));
            }
            Decoded::Close(frame) => self.handle_close(frame, now),
            Decoded::Ping(_) | Decoded::Pong(_) if !self.admit_control_frame(now) => {
                self.fail_for_reason(Reason::ControlFlood, now);
            }
            Decoded::Ping(payload) => self.outbox.pong(&payload),
            Decoded::Pong(payload) => {
                if self.asked.as_ref() == Some(&payload) {
                    self.asked = None;
                    self.deliver(Event::Pong(payload));
                }
            }
        }
    }

    /// The peer's first Close: answered with its code where ours is not out yet (RFC 6455 §5.5.1).
    fn handle_close(&mut self, frame: CloseFrame, now: Moment) {
        let (cause, reason) = match self.state {
            State::Closing { cause, reason, .. } => (cause, reason),
            State::Open | State::AwaitingEof { .. } | State::Flushing { .. } | State::Over => {
                (Cause::Peer, None)
            }
        };
        let closed = Closed {
            code: frame.number(),
            diagnostic: frame.reason,
            cause,
            reason,
        };
        self.outbox.close(CloseFrame {
            code: frame.code,
            reason: String::new(),
        });
        match self.outbox.role() {
            Role::Server => self.end_and_flush(closed, now),
            Role::Client => {
                self.state = State::AwaitingEof {
                    deadline: now + self.config.close_timeout,
                    closed,
                };
            }
        }
    }

    /// Fails the connection for a rule that the peer broke (RFC 6455 §7.1.7).
    fn fail_for_reason(&mut self, reason: Reason, now: Moment) {
        let (cause, first_reason) = match self.state {
            // The end was ours before the peer went wrong.
            State::Closing { cause, reason, .. } => (cause, reason),
            State::Open | State::AwaitingEof { .. } | State::Flushing { .. } | State::Over => {
                (Cause::Fault(reason.close_code()), None)
            }
        };
        self.outbox
            .close(CloseFrame::new(reason.close_code(), reason.close_text()));
        self.end_and_flush(
            closed_without_frame(cause, first_reason.or(Some(reason)), reason.close_text()),
            now,
        );
    }

    /// Whether one more ping or pong of the peer's is within the rate.
    fn admit_control_frame(&mut self, now: Moment) -> bool {
        self.config.control_rate.is_none_or(|rate| {
            let rate = Rate::new(rate.per_second, rate.burst);
            self.control_frames.try_take(1, rate, now)
        })
    }

    /// The end, what is queued first.
    fn end_and_flush(&mut self, closed: Closed, now: Moment) {
        self.state = State::Flushing {
            deadline: now + self.config.close_timeout,
        };
        self.deliver(Event::Closed(closed));
        self.actions.push_back(Action::Close);
    }

    /// The end at once.
    fn end_at_once(&mut self, closed: Closed) {
        self.state = State::Over;
        self.unsent = self.outbox.take_messages();
        self.outbox.clear();
        self.deliver(Event::Closed(closed));
        self.actions.push_back(Action::Abort);
    }

    fn deliver(&mut self, event: Event) {
        self.actions.push_back(Action::Deliver(event));
    }
}

/// How a WebSocket ended whose peer sent no Close frame.
fn closed_without_frame(cause: Cause, reason: Option<Reason>, diagnostic: &str) -> Closed {
    Closed {
        code: NO_CLOSE,
        diagnostic: diagnostic.to_owned(),
        cause,
        reason,
    }
}

xmpp_machine::machine!(Connection, Event, std::convert::Infallible);
