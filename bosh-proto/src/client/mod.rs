//! The client's side: one session, from its creation to its end.
//!
//! [`Session`] orders POSTs ([`Action::Request`]) and is told what came of them ([`Session::handle_response`],
//! [`Session::handle_failure`]). It never waits for a poll to send what the window has room for, sends the same bytes again when an
//! answer is lost, and hands back what was not acknowledged when the session ends.

mod compose;
mod config;
mod deliver;
mod encoding;
mod export;
mod fields;
mod finish;
mod outbox;
mod pause;
mod reading;
mod reason;
mod receive;
mod recover;
mod schedule;
mod session;
mod terms;

use std::time::Duration;

use bytes::Bytes;
use xmpp_wire::{Element, StreamError};

pub use config::Config;
pub use export::Exported;
pub use fields::DecodeError;
pub use reason::Reason;
pub use session::Session;
pub use xmpp_machine::SendError;

use crate::{Condition, ExchangeId};

/// What the driver must do next, in order.
pub enum Action {
    /// POST it to the session's URL; then `handle_response` or `handle_failure`, once.
    Request {
        /// The name of this exchange, which comes back with its answer.
        id: ExchangeId,
        /// The body. A retransmission has the very bytes of the first time.
        body: Bytes,
    },
    /// Close that exchange's connection, or reset its stream: its answer is no longer wanted. An answer that is there already may still be
    /// handed in.
    Abandon {
        /// The exchange that is given up.
        id: ExchangeId,
    },
    /// Tell the application this.
    Deliver(Event),
}

/// Without the body, which holds the session's secret `sid` (B-R-170).
impl std::fmt::Debug for Action {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Request { id, body } => f
                .debug_struct("Request")
                .field("id", id)
                .field("bytes", &body.len())
                .finish(),
            Self::Abandon { id } => f.debug_struct("Abandon").field("id", id).finish(),
            Self::Deliver(event) => f.debug_tuple("Deliver").field(event).finish(),
        }
    }
}

/// What the application learns.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event {
    /// The session exists (XEP-0124 §7.2).
    Opened(Opened),
    /// An element from the server, in order. Stanzas are in `jabber:client` (B-X-004), every element stands alone.
    Element(Element),
    /// The stream was restarted (XEP-0206 §5): the features that follow are the new stream's.
    Restarted,
    /// A response named the node that holds the session (Tigase's `host`), for the first time or another one. Untrusted: whether to follow
    /// it is the caller's decision (B-T-004, B-T-005). At most 255 bytes.
    Host(String),
    /// A response after the first told the server's identity (B-R-061).
    Identified(String),
    /// The session is paused: nothing is sent until `resume`, or until shortly before the period is over (XEP-0124 §10).
    Paused(Pause),
    /// There is room again after `SendError::Full`.
    Writable,
    /// The session is over.
    Closed(Closed),
}

/// What a creation response granted, after the defaults of what it left out (B-R-063).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Opened {
    /// The server's identity, where it was told yet.
    pub from: Option<String>,
    /// How long a request is held.
    pub wait: Duration,
    /// How many requests are held.
    pub hold: u8,
    /// How many requests may be outstanding; this client uses 16 at most.
    pub requests: u8,
    /// How far apart empty requests must be; zero: at any distance.
    pub polling: Duration,
    /// How long the session lives without a request; `None`: for ever.
    pub inactivity: Option<Duration>,
    /// The longest pause; `None`: no pauses.
    pub maxpause: Option<Duration>,
    /// BOSH's version as major and minor; `None`: a legacy connection manager.
    pub version: Option<(u32, u32)>,
    /// The connection manager acknowledges requests (XEP-0124 §9.1).
    pub acknowledges: bool,
}

/// Whether the connection manager is known to have granted a pause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pause {
    /// The connection manager answered the pause request.
    Granted(Duration),
    /// It did not within 10 s: whether it knows is open (B-R-124). On `resume`, send something that is answered at once, such as a ping.
    Unconfirmed(Duration),
}

/// How a session ended, and what was not delivered in it.
#[derive(Debug)]
pub struct Closed {
    /// Who ended it, and how.
    pub cause: Cause,
    /// The rule that ended it; `None` where the application, the connection manager or the server
    /// did.
    pub reason: Option<Reason>,
    /// Where the connection manager or the server wants the client to go instead. Untrusted (B-R-147, B-X-029).
    pub redirect: Option<Redirect>,
    /// Elements taken by `send` and not acknowledged, in order: queued, or sent in a request whose answer never came.
    pub undelivered: Vec<Element>,
}

/// Who ended a session, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cause {
    /// `close` was called.
    Ours,
    /// The connection manager ended it without a condition: the server closed its stream.
    Terminated,
    /// The connection manager ended it with this condition (XEP-0124 §17.2).
    Condition(Condition),
    /// The server ended its stream: `remote-stream-error`. `None` where the error was left out, as some do for an ordinary end (TR-30).
    StreamError(Option<StreamError>),
    /// An HTTP status that ends the session (B-R-144): 3xx, 413, or another 4xx again and again.
    Status(u16),
    /// Answers that are not BOSH, such as a captive portal's (B-R-145).
    NotBosh,
    /// The connection manager broke the protocol: restricted XML, no `sid`, a response larger than `Config::response_bytes`.
    Fault,
    /// It refused the same request with `type='error'` more than five times (B-R-150).
    Refused,
    /// No connection, or no answer, for as long as the session can live without (B-R-097), or at its creation.
    Lost,
    /// TLS was refused, or the certificate is another one (B-R-167). Nothing more was sent.
    Untrusted,
    /// No features within `Config::restart_timeout` of a restart (TR-19).
    NoFeatures,
    /// More than `Config::held_bytes` came while the input was held, and the session could live no longer without a request.
    Overflow,
}

/// Where to go for a new session. As it came: the caller checks it before use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Redirect {
    /// `see-other-uri` (XEP-0124 §17.2). At most 2 048 bytes.
    Uri(String),
    /// `see-other-host` in a stream error (RFC 6120 §4.9.3.19). At most 1 023 bytes.
    Host(String),
}

/// The answer to a request: a status and a body, of whatever type (B-R-006).
#[derive(Clone)]
pub struct Response {
    /// The HTTP status code.
    pub status: u16,
    /// The body, without its content coding.
    pub body: Bytes,
}

/// Without the body: that of a session's creation holds its secret `sid` (B-R-170).
impl std::fmt::Debug for Response {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Response")
            .field("status", &self.status)
            .field("bytes", &self.body.len())
            .finish()
    }
}

/// Why a request has no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Failure {
    /// No connection, or one that broke before the whole answer was there.
    Lost,
    /// The answer is larger than the driver reads: the same as one above `Config::response_bytes`.
    TooLarge,
    /// The peer's certificate is not valid, or encryption was refused: nothing more is sent (B-R-167).
    Untrusted,
}

/// Why `pause` or `resume` did nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CallError {
    /// There is no session yet, or it is restarting, pausing, closing or closed, or an earlier pause has no answer yet.
    #[error("the session is not open")]
    NotOpen,
    /// The connection manager offers no pauses (B-R-118).
    #[error("the connection manager did not offer maxpause")]
    NoPause,
    /// Not between one second and `maxpause` (B-R-118).
    #[error("a pause takes between 1 s and {} s", max.as_secs())]
    PauseRange {
        /// The longest pause that was offered.
        max: Duration,
    },
    /// `resume` was called without a pause.
    #[error("the session is not paused")]
    NotPaused,
}
