use xmpp_wire::{Element, StreamError, StreamHeader};

use super::SeeOther;
use crate::connection;

/// What the application learns.
#[derive(Debug, PartialEq, Eq)]
pub enum Event {
    /// The peer sent `<open/>`: the first, or the one of a restart (`restart` true). A server answers with `open`, `fail` or `close`: `to` is a domain;
    /// whether it is served here is the application's to know. To a client it is the answer; the features are the next element.
    Opened {
        /// The attributes of the peer's `<open/>`.
        header: StreamHeader,
        /// Whether it restarts the stream.
        restart: bool,
    },
    /// An element came; it declares all the namespaces that it uses.
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
    /// Where the server sent us, judged; the application decides (a client's, RFC 7395 §3.6.1).
    pub see_other: Option<SeeOther>,
    /// Elements that were accepted and never handed out, in order, where the transport was lost first. Those that were handed out may be lost too: only
    /// XEP-0198 tells.
    pub undelivered: Vec<Element>,
}
