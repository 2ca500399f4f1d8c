//! A WebSocket after its handshake, both roles.

use bytes::{Bytes, BytesMut};

use crate::{CloseCode, Instant, Transmit};

/// How a connection behaves. Fields per the ledger's table of limits: message_bytes, frame_bytes, fragments, close_timeout,
/// ping_interval (Option), pong_timeout, control_rate, outbox_bytes, binary (accepted or refused with 1003), ..
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Config {}

/// Text that is known to be UTF-8.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Utf8Bytes(Bytes);

/// A whole message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// Opcode 1.
    Text(Utf8Bytes),
    /// Opcode 2.
    Binary(Bytes),
}

/// What the driver must do.
#[derive(Debug)]
pub enum Action<E = Event> {
    /// Tell the application.
    Deliver(E),
    /// Write what is left, shut down, drain a little (W-R-164), drop.
    Close,
    /// Drop now.
    Abort,
}

/// What the application learns.
#[derive(Debug)]
pub enum Event {
    /// A message.
    Message(Message),
    /// A pong.
    Pong(Bytes),
    /// Room again after `SendError::Full`.
    Writable,
    /// The end, once.
    Closed(Closed),
}

/// How a WebSocket ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Closed {
    /// The first Close frame's code; 1005 if it had none, 1006 if none came (W-R-163).
    pub code: u16,
    /// Its reason; for logs only (W-R-166).
    pub diagnostic: String,
    /// Who or what ended it.
    pub cause: Cause,
}

/// Who or what ended a WebSocket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cause {
    /// We closed it.
    Ours,
    /// The peer closed it.
    Peer,
    /// The peer broke the protocol; it got this code.
    Fault(CloseCode),
    /// The transport ended without a Close frame.
    Network,
    /// The peer was silent: no pong.
    Timeout,
}

/// Why `send` refused; what was given comes back.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SendError<T> {
    /// No room: wait for `Event::Writable`.
    #[error("the outbox is full; send again after Event::Writable")]
    Full(T),
    /// After our Close, or before the stream is open.
    #[error("closing or closed")]
    Closed(T),
}

/// RFC 6455 after the upgrade.
#[derive(Debug)]
pub struct Connection {}

impl Connection {
    /// The client's end; mask keys come from `seed`.
    pub fn client(_config: Config, _seed: [u8; 32], _now: Instant) -> Self {
        todo!()
    }
    /// The server's end.
    pub fn server(_config: Config, _now: Instant) -> Self {
        todo!()
    }
    /// Queues a message.
    pub fn send(&mut self, _message: Message, _now: Instant) -> Result<(), SendError<Message>> {
        todo!()
    }
    /// Queues a ping (at most 125 bytes).
    pub fn ping(&mut self, _payload: Bytes, _now: Instant) -> Result<(), SendError<Bytes>> {
        todo!()
    }
    /// Starts the closing handshake behind what is queued.
    pub fn close(&mut self, _code: CloseCode, _reason: &str, _now: Instant) {
        todo!()
    }
    /// The application cannot take more: nothing is read, the pong deadline stands still.
    pub fn hold_input(&mut self, _now: Instant) {
        todo!()
    }
    /// It can again.
    pub fn release_input(&mut self, _now: Instant) {
        todo!()
    }
    /// Replaces the bounds on messages (tighter before authentication).
    pub fn set_message_bytes(&mut self, _bytes: usize) {
        todo!()
    }
    /// Bytes came, appended to `input`.
    pub fn handle_input(&mut self, _input: &mut BytesMut, _now: Instant) {
        todo!()
    }
    /// The transport ended.
    pub fn handle_eof(&mut self, _now: Instant) {
        todo!()
    }
    /// A deadline may have passed.
    pub fn handle_timeout(&mut self, _now: Instant) {
        todo!()
    }
    /// Whether reading is useful now.
    pub fn wants_input(&self) -> bool {
        todo!()
    }
    /// The next order.
    pub fn poll_action(&mut self) -> Option<Action> {
        todo!()
    }
    /// The next bytes; ask when the last have been written.
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        todo!()
    }
    /// When to call `handle_timeout` at the latest.
    pub fn poll_timeout(&self) -> Option<Instant> {
        todo!()
    }
}
