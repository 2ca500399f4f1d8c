//! The server's end of a connection: requests come in, answers leave in their order.

mod connection;
mod reason;
mod recall;
mod receive;
mod replies;

use std::{borrow::Cow, time::Duration};

use bytes::Bytes;

use crate::{Limits, RequestHead};

pub use connection::Connection;
pub use reason::Reason;

/// How a connection behaves.
///
/// ```
/// use std::time::Duration;
/// use xmpp_http1::{Limits, server::Config};
///
/// let mut config = Config::default();
/// config.keep_alive_timeout = Duration::from_secs(30);
/// config.limits.body_bytes = 65_536;
/// config.error_fields.push(("Access-Control-Allow-Origin".into(), "*".into()));
/// assert_eq!(config.limits.head_bytes, Limits::default().head_bytes);
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// Bounds on requests.
    pub limits: Limits,
    /// A longer body is read only once the application agrees: `Event::Body` asks, `Connection::admit_body` or `refuse_body` answers.
    /// Default `None`: every body within `limits.body_bytes` is read.
    pub ask_above: Option<usize>,
    /// From accept, and from a request's first byte, to the end of its head. Default 10 s (W-R-028).
    pub head_timeout: Duration,
    /// From the end of the head to the end of the body. Default 30 s.
    pub body_timeout: Duration,
    /// Without a request under way. Default 75 s: longer than BOSH `wait` plus its inactivity hints, and than common proxies' pools.
    pub keep_alive_timeout: Duration,
    /// For the peer to take bytes that are queued, without progress, and to shut down after our close. Default 10 s.
    pub write_timeout: Duration,
    /// For a fault's answer to get its turn behind answers that the application owes; then the connection is dropped. Default 75 s: longer than BOSH holds a request.
    pub fault_timeout: Duration,
    /// Fields added to the answers that the connection makes itself (400, 405, 408, 413, 414, 417, 431, 500, 501, 505): CORS, so that browsers can see them.
    pub error_fields: Vec<(Cow<'static, str>, Cow<'static, str>)>,
    /// Read-EOF while answers are owed: `true` goes on and answers (TR-51), `false` (default) is `Closed` at once.
    pub half_close: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            ask_above: None,
            head_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(30),
            keep_alive_timeout: Duration::from_secs(75),
            write_timeout: Duration::from_secs(10),
            fault_timeout: Duration::from_secs(75),
            error_fields: Vec::new(),
            half_close: false,
        }
    }
}

/// Names a request on its connection; answers may be given in any order and leave in request order.
///
/// ```
/// use std::collections::BTreeMap;
/// use xmpp_http1::server::RequestId;
///
/// // What the application remembers of the requests that it holds.
/// let held: BTreeMap<RequestId, String> = BTreeMap::new();
/// # assert!(held.is_empty());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RequestId(pub(crate) u64);

/// A request that came in whole.
///
/// ```
/// use xmpp_http1::{Response, server::Request};
///
/// fn route(request: &Request) -> Response {
///     match (request.head.method(), request.head.path()) {
///         ("POST", Some("/echo")) => Response::new(200).with_body("text/plain", request.body.clone()),
///         (_, Some("/echo")) => Response::new(405).with_field("Allow", "POST"),
///         (_, _) => Response::new(404),
///     }
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Request {
    /// The name under which it is answered.
    pub id: RequestId,
    /// Start line and fields.
    pub head: RequestHead,
    /// The body, decoded.
    pub body: Bytes,
    /// Bytes already there behind the request; an upgrade refuses them (W-R-026).
    pub surplus: usize,
}

/// A body that the application is asked about before it is read.
#[derive(Clone, Debug)]
pub struct LongBody {
    /// Its request's start line and fields.
    pub head: RequestHead,
    /// Bytes of it, at most: those announced, or `Limits::body_bytes` where it is chunked.
    pub bytes: usize,
}

/// What to do next. The handover comes when the 101 has left.
pub type Action = xmpp_machine::Action<Event, crate::Upgraded>;

/// What the application learns.
#[derive(Debug)]
pub enum Event {
    /// A request announces a body above `Config::ask_above`. Nothing more is read until `Connection::admit_body` or `refuse_body`.
    Body(LongBody),
    /// A request came in whole.
    Request(Request),
    /// Every byte of that answer left.
    Sent(RequestId),
    /// The connection is over; requests not answered will never be.
    Closed(Closed),
}

/// How a connection ended, and which rule or deadline ended it.
///
/// ```
/// use xmpp_http1::server::{Action, Cause, Closed, Config, Connection, Event};
///
/// # fn example(now: xmpp_http1::Instant) {
/// let mut connection = Connection::new(Config::default().into(), now);
/// connection.abort(now);
/// let Some(Action::Deliver(Event::Closed(closed))) = connection.poll_action() else { return };
/// assert_eq!(closed, Closed { cause: Cause::Ours, reason: None });
/// assert!(matches!(connection.poll_action(), Some(Action::Abort)));
/// # }
/// # example(std::time::Instant::now());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Closed {
    /// Who ended the connection.
    pub cause: Cause,
    /// The rule that the client broke, or the deadline that it missed; `None` where it did neither.
    pub reason: Option<Reason>,
}

/// Who ended a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cause {
    /// We said so: `Response::close`, `close`, `abort`, or keep-alive ended.
    Ours,
    /// The peer ended it between requests or asked for it.
    Peer,
    /// The peer broke the protocol; it got this status, unless its turn never came (`Config::fault_timeout`).
    Fault(u16),
    /// The peer vanished in the middle.
    Network,
    /// A deadline passed.
    Timeout,
}
