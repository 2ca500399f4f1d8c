//! The client's end of a connection: one request at a time, and its answer.

mod connection;
mod reason;
mod receive;
mod request;

use std::time::Duration;

use bytes::Bytes;

use crate::{Limits, ResponseHead};

pub use connection::Connection;
pub use reason::Reason;
pub use receive::HeadReader;
pub use request::{Flaw, Request};

/// How a connection behaves.
///
/// ```
/// use std::time::Duration;
/// use xmpp_http1::client::Config;
///
/// let mut config = Config::default();
/// config.head_timeout = Duration::from_secs(20);
/// config.limits.body_bytes = 65_536;
/// assert_eq!(config.limits.head_bytes, 16_384);
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// Bounds on an answer; `pipelined` means nothing here. `body_bytes` is 2 097 152 by default: connection managers put all that waits for
    /// a client into one answer.
    pub limits: Limits,
    /// Answers before the last one (1xx) that are skipped; past it the server is at fault. Default 8 (W-R-064).
    pub informational: usize,
    /// From the request's last byte to the end of the answer's head. Default 90 s: longer than BOSH holds a request, its own patience included.
    pub head_timeout: Duration,
    /// From the end of the head to the end of the body. Default 30 s.
    pub body_timeout: Duration,
    /// Without a request under way; a `Keep-Alive: timeout=` of the server's shortens it to a second less than it says. Default 50 s: below the
    /// 60 s after which common proxies close, so that a request seldom meets a connection that is being closed.
    pub keep_alive_timeout: Duration,
    /// For the server to take bytes that are queued, without progress, and to shut down after our close. Default 10 s.
    pub write_timeout: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            limits: Limits {
                body_bytes: 2_097_152,
                ..Limits::default()
            },
            informational: 8,
            head_timeout: Duration::from_secs(90),
            body_timeout: Duration::from_secs(30),
            keep_alive_timeout: Duration::from_secs(50),
            write_timeout: Duration::from_secs(10),
        }
    }
}

/// Names a request on its connection.
///
/// ```
/// use std::collections::BTreeMap;
/// use xmpp_http1::client::RequestId;
///
/// // What the application remembers of its requests.
/// let asked: BTreeMap<RequestId, String> = BTreeMap::new();
/// # assert!(asked.is_empty());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RequestId(pub(crate) u64);

/// An answer that came in whole.
///
/// ```
/// use xmpp_http1::client::Response;
///
/// fn text(response: &Response) -> Option<&str> {
///     (response.head.status() == 200).then_some(())?;
///     std::str::from_utf8(&response.body).ok()
/// }
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Response {
    /// The request that it answers.
    pub id: RequestId,
    /// Status line and fields.
    pub head: ResponseHead,
    /// The body, decoded; empty for HEAD, 204, 304, and where the connection changed hands.
    pub body: Bytes,
}

/// Without the body and the fields, which may hold secrets (B-R-170).
impl std::fmt::Debug for Response {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Response")
            .field("id", &self.id)
            .field("status", &self.head.status())
            .field("bytes", &self.body.len())
            .finish()
    }
}

/// What to do next. The handover comes where the answer was a 101, or a 2xx to CONNECT.
pub type Action = xmpp_machine::Action<Event, crate::Upgraded>;

/// What the application learns.
#[derive(Debug)]
pub enum Event {
    /// The answer came in whole. Unless `Closed` or a handover follows, the connection takes the next request.
    Response(Response),
    /// The connection is over.
    Closed(Closed),
}

/// How a connection ended, which rule or deadline ended it, and what became of its request.
///
/// ```
/// use xmpp_http1::client::{Action, Cause, Closed, Config, Connection, Event, Progress, Request};
///
/// # fn example(now: xmpp_http1::Instant) {
/// let mut connection = Connection::new(Config::default().into(), now);
/// let id = connection.send(Request::new("GET", "/", "a.example"), now).expect("an idle connection");
/// connection.abort(now);
/// let Some(Action::Deliver(Event::Closed(closed))) = connection.poll_action() else { return };
/// assert_eq!(closed.cause, Cause::Ours);
/// let unanswered = closed.unanswered.expect("the request had no answer");
/// // Nothing of it left: it can be sent again without harm.
/// assert_eq!((unanswered.id, unanswered.progress), (id, Progress::Unsent));
/// assert!(matches!(connection.poll_action(), Some(Action::Abort)));
/// # }
/// # example(std::time::Instant::now());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Closed {
    /// Who ended the connection.
    pub cause: Cause,
    /// The rule that the server broke, or the deadline that it missed; `None` where it did neither.
    pub reason: Option<Reason>,
    /// The request that will not be answered any more.
    pub unanswered: Option<Unanswered>,
}

/// A request without an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unanswered {
    /// The name that `send` gave it.
    pub id: RequestId,
    /// How far it came: whether it may be sent again.
    pub progress: Progress,
}

/// How far a request came (RFC 9112 §9.3.1, §9.5: when it may be sent again).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Progress {
    /// No byte of it was given out: the server knows nothing of it.
    Unsent,
    /// Bytes of it were given out, and none of an answer came: the server may have acted on it, or may never have seen it.
    Sent,
    /// Bytes of an answer came: the server has acted on it, in part at least.
    Answering,
}

/// Who ended a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cause {
    /// We said so: `Request::close`, `close`, `abort`, or keep-alive ended.
    Ours,
    /// The server ended it between answers, with one, or asked for it.
    Peer,
    /// The server broke the protocol, or a limit.
    Fault,
    /// The connection broke in the middle of an exchange.
    Network,
    /// A deadline passed.
    Timeout,
}

/// A request that cannot be sent; nothing changed, and it comes back.
///
/// ```
/// use xmpp_http1::client::{Config, Connection, Request, SendError};
///
/// # fn example(now: xmpp_http1::Instant) {
/// let mut connection = Connection::new(Config::default().into(), now);
/// assert!(connection.send(Request::new("GET", "/", "a.example"), now).is_ok());
/// // No pipelining (B-R-014): the second waits for the answer, or takes another connection.
/// let refused = connection.send(Request::new("GET", "/2", "a.example"), now);
/// let Err(SendError::Busy(request)) = refused else { unreachable!() };
/// assert_eq!(&*request.target, "/2");
/// # }
/// # example(std::time::Instant::now());
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError<T> {
    /// A request is under way: wait for its `Event::Response`.
    #[error("the connection is busy; send again after Event::Response")]
    Busy(T),
    /// The connection is closing or closed: open another one.
    #[error("the connection is closing or closed")]
    Closed(T),
    /// It would not be a request on the wire.
    #[error("not a request: {1}")]
    Invalid(T, Flaw),
}

impl<T> SendError<T> {
    /// What was given.
    pub fn into_inner(self) -> T {
        match self {
            Self::Busy(given) | Self::Closed(given) | Self::Invalid(given, _) => given,
        }
    }
}
