use xmpp_wire::{Element, StreamError};

/// What the driver must do.
#[derive(Debug)]
pub enum Action<E> {
    /// Tell the application.
    Deliver(E),
    /// Write what is left, take the stream back (with what is unread), do the TLS handshake, then `handle_tls`. Unread bytes are discarded (W-R-450).
    StartTls,
    /// Write what is left, shut down, drop.
    Close,
    /// Drop now.
    Abort,
}

/// How a stream ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Closed {
    /// Why.
    pub cause: Cause,
    /// The stream error that ended it, sent or received.
    pub error: Option<StreamError>,
}

/// Why a stream ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cause {
    /// We ended it.
    Ours,
    /// The peer ended it, with its end tag or an error.
    Peer,
    /// The peer broke the protocol.
    Fault,
    /// The transport ended without an end tag.
    Network,
    /// A deadline passed (header, features, close, stalled writes).
    Timeout,
    /// TLS could not be had.
    Tls,
}

/// Why `send` refused; the element comes back.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// No room: wait for `Event::Writable`.
    #[error("the outbox is full; send again after Event::Writable")]
    Full(Element),
    /// Not open, or closing.
    #[error("the stream is not open")]
    Closed(Element),
}
