use xmpp_wire::{Element, StreamError, StreamHeader};

use crate::connection;

/// What the application learns.
#[derive(Debug, PartialEq, Eq)]
pub enum Event {
    /// The peer sent `<open/>`: the first, or the one of a restart (`restart` true). A server answers with `open`, `fail` or `close`.
    /// `to` is a domain; whether it is served here is the application's to know.
    Opened {
        /// Its attributes.
        header: StreamHeader,
        /// Whether it restarts the stream.
        restart: bool,
    },
    /// An element; its namespace is explicit, it stands alone.
    Element(Element),
    /// The peer sent `<close/>`: finish sending, then `close` (at most `close_timeout`; the session answers by itself then). Also where it sent a stream
    /// error: that has been answered, nothing more can be sent.
    Closing,
    /// Room again after `SendError::Full`.
    Writable,
    /// The end, once.
    Closed(Closed),
}

/// How a session ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Closed {
    /// How the WebSocket ended.
    pub connection: connection::Closed,
    /// Whether `<close/>` went in either direction (a stream error and a redirect count): then it cannot be resumed (W-R-372).
    pub stream_closed: bool,
    /// The stream error that ended it, sent or received.
    pub error: Option<StreamError>,
}
