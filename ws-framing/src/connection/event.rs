//! What a connection orders and tells.

use bytes::Bytes;

use crate::{CloseCode, Reason, Utf8Bytes};

/// A whole message.
///
/// ```
/// use ws_framing::connection::Message;
///
/// let message = Message::from("<presence xmlns='jabber:client'/>");
/// assert_eq!(message.as_bytes().len(), 33);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// A text message (opcode 1).
    Text(Utf8Bytes),
    /// A binary message (opcode 2).
    Binary(Bytes),
}

impl Message {
    /// The payload of the message.
    pub fn as_bytes(&self) -> &Bytes {
        match self {
            Self::Text(text) => text.as_bytes(),
            Self::Binary(bytes) => bytes,
        }
    }
}

impl From<&'static str> for Message {
    fn from(text: &'static str) -> Self {
        Self::Text(text.into())
    }
}

impl From<String> for Message {
    fn from(text: String) -> Self {
        Self::Text(text.into())
    }
}

/// What to do next. Behind the last bytes of `Close` the peer's are read and dropped for a while
/// (W-R-164).
pub type Action<E = Event> = xmpp_machine::Action<E>;

/// What the application learns.
#[derive(Debug, PartialEq, Eq)]
pub enum Event {
    /// A complete message came.
    Message(Message),
    /// The answer to `Connection::ping`. Pongs that nobody asked for only show that the peer is
    /// there (RFC 6455 §5.5.3).
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
    /// Its reason, or what the peer did wrong; for logs only (W-R-166).
    pub diagnostic: String,
    /// Who or what ended it.
    pub cause: Cause,
    /// The rule that was broken, or the time that was let pass, where that ended it.
    pub reason: Option<Reason>,
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
    /// The peer was silent: no pong, or nothing that was due.
    Timeout,
}
