use std::net::IpAddr;

use bytes::Bytes;

use crate::{Condition, body};

/// Names one exchange (one HTTP request and its answer). Not a `rid`: a retransmitted `rid` comes on a new exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ExchangeId(pub(crate) u64);

/// Names an HTTP connection, minted by the driver (B-R-015: order on a pipelined connection).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConnectionId(pub u64);

/// What carried a request, a fact from the driver (B-R-166, B-R-168).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Channel {
    /// The request came in plain text.
    Plain,
    /// TLS, here or at a trusted proxy.
    Tls,
}

/// A BOSH request as it came by HTTP POST.
#[derive(Clone)]
pub struct Request {
    /// The body of the POST, decoded.
    pub body: Bytes,
    /// The connection that it came on: answers on one connection leave in order by themselves.
    pub connection: ConnectionId,
    /// The client's address, for quotas and logs.
    pub address: Option<IpAddr>,
    /// Whether it came over TLS.
    pub channel: Channel,
}

/// Without the body, which holds the session's secret `sid` (B-R-170).
impl std::fmt::Debug for Request {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Request")
            .field("bytes", &self.body.len())
            .field("connection", &self.connection)
            .field("address", &self.address)
            .field("channel", &self.channel)
            .finish()
    }
}

/// The answer to a BOSH request.
#[derive(Clone, PartialEq, Eq)]
pub struct Response {
    /// The HTTP status: 200, or the legacy one of a condition (B-R-140).
    pub status: u16,
    /// `text/xml; charset=utf-8`, or what the session asked for and was granted.
    pub content_type: &'static str,
    /// The body; the very bytes that a replay repeats.
    pub body: Bytes,
}

impl Response {
    /// A terminal body outside of any session.
    pub(crate) fn terminal(status: u16, condition: Condition) -> Self {
        Self {
            status,
            content_type: "text/xml; charset=utf-8",
            body: body::terminal(condition),
        }
    }
}

/// Without the body: that of a session's creation holds its secret `sid` (B-R-170).
impl std::fmt::Debug for Response {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Response")
            .field("status", &self.status)
            .field("content_type", &self.content_type)
            .field("bytes", &self.body.len())
            .finish()
    }
}
