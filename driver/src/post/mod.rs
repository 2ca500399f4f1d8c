//! What carries a BOSH client's requests: one POST at a time to one URL, and what came of it.
//!
//! [`Post`] is all that a session needs. [`Pool`] is HTTP/1.1 over whatever streams a [`Connect`] makes; any other HTTP stack does as well:
//!
//! ```
//! use bytes::Bytes;
//! use xmpp_web_driver::post::{Failure, Post, Reply};
//! # struct Client; struct Answer { status: u16, body: Bytes } struct Lost;
//! # impl Client { async fn send(&self, _body: Bytes) -> Result<Answer, Lost> { Err(Lost) } }
//!
//! /// Some HTTP client, such as reqwest's or hyper's.
//! struct Other(Client);
//!
//! impl Post for Other {
//!     async fn post(&self, body: Bytes) -> Result<Reply, Failure> {
//!         // Dropping this future must abandon the request: its answer is not wanted any more.
//!         let answer = self.0.send(body).await.map_err(|_| Failure::Lost(None))?;
//!         Ok(Reply { status: answer.status, body: answer.body })
//!     }
//! }
//! ```

mod carrier;
mod pool;

use std::{fmt, future::Future, io};

pub use bosh_proto::binding::client::{Endpoint, Unreadable};
use bytes::Bytes;
use futures_io::{AsyncRead, AsyncWrite};
pub use xmpp_http1::client::{Cause, Progress, Reason};

pub use pool::{Config, Pool};

/// Carries POSTs to the URL of one connection manager.
pub trait Post {
    /// Posts a body; several may be under way at once. A request is sent once: whether it is repeated is the session's decision, which alone
    /// knows what may be sent twice. Dropping the future abandons the request.
    fn post(&self, body: Bytes) -> impl Future<Output = Result<Reply, Failure>> + Send;
}

/// The answer to a POST.
#[derive(Clone, PartialEq, Eq)]
pub struct Reply {
    /// The status code.
    pub status: u16,
    /// The body, without its content coding.
    pub body: Bytes,
}

/// Without the body: that of a session's creation holds its secret `sid` (B-R-170).
impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reply")
            .field("status", &self.status)
            .field("bytes", &self.body.len())
            .finish()
    }
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// There was no connection: nothing was sent.
    #[error("no connection: {0}")]
    Unreached(#[source] io::Error),
    /// The peer's certificate is not valid, or encryption was refused: nothing was sent, and nothing may be (B-R-167).
    #[error("not a trusted connection: {0}")]
    Untrusted(#[source] io::Error),
    /// The connection broke. How far the request had come, where that is known.
    #[error("the connection broke before the answer was whole")]
    Lost(Option<Progress>),
    /// A deadline of the connection's passed.
    #[error("the answer did not come in time")]
    Timeout(Progress),
    /// The answer is larger than this client reads.
    #[error("the answer is larger than this client reads")]
    TooLarge,
    /// The answer is no HTTP.
    #[error("the answer is no HTTP/1.1: {0}")]
    NotHttp(Reason),
    /// The answer's content coding was not asked for, or is broken.
    #[error("not readable: {0}")]
    Unreadable(#[source] Unreadable),
    /// The request cannot be sent as configured.
    #[error("not a request: {0}")]
    Invalid(xmpp_http1::client::Flaw),
}

impl From<Reply> for bosh_proto::client::Response {
    fn from(reply: Reply) -> Self {
        Self {
            status: reply.status,
            body: reply.body,
        }
    }
}

impl From<Failure> for bosh_proto::client::Failure {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Untrusted(_) => Self::Untrusted,
            Failure::TooLarge => Self::TooLarge,
            // What came is no answer from a connection manager: the same as none.
            Failure::Unreached(_)
            | Failure::Lost(_)
            | Failure::Timeout(_)
            | Failure::NotHttp(_)
            | Failure::Unreadable(_)
            | Failure::Invalid(_) => Self::Lost,
        }
    }
}

/// Makes streams to one connection manager: TCP, TLS behind it, a proxy in between.
pub trait Connect: Send + Sync + 'static {
    /// The byte stream to the connection manager.
    type Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static;
    /// Connects. The caller bounds the time; dropping the future gives up.
    fn connect(&self) -> impl Future<Output = Result<Self::Stream, Refused>> + Send;
}

/// Why there is no stream.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// Nobody answered, or no name was found.
    #[error(transparent)]
    Unreached(#[from] io::Error),
    /// TLS failed: a certificate that is not valid, or none.
    #[error("TLS failed: {0}")]
    Untrusted(#[source] io::Error),
}

impl From<Refused> for Failure {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Unreached(error) => Self::Unreached(error),
            Refused::Untrusted(error) => Self::Untrusted(error),
        }
    }
}
