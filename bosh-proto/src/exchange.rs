use std::net::IpAddr;

use bytes::Bytes;

/// Names one exchange (one HTTP request and its answer). Not a `rid`: a retransmitted `rid` comes on a new exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ExchangeId(pub(crate) u64);

/// Names an HTTP connection, minted by the driver (B-R-015: order on a pipelined connection).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConnectionId(pub u64);

/// What carried a request, a fact from the driver (B-R-166, B-R-168).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Channel {
    /// Plain text.
    Plain,
    /// TLS, here or at a trusted proxy.
    Tls,
}

/// A POST that came in.
#[derive(Clone, Debug)]
pub struct Request {
    /// Its body.
    pub body: Bytes,
    /// Its connection.
    pub connection: ConnectionId,
    /// The client's address, for quotas and logs.
    pub source: Option<IpAddr>,
    /// Its channel.
    pub channel: Channel,
}

/// The answer to one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// 200, or a legacy error.
    pub status: u16,
    /// `text/xml; charset=utf-8`, or what the session asked for and was granted.
    pub content_type: &'static str,
    /// The body; the very bytes that a replay repeats.
    pub body: Bytes,
}
