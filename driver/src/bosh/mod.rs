//! BOSH exchanges: requests in, responses out.

mod hub;
mod session;

use std::net::IpAddr;

pub use bosh_proto::{Channel, ConnectionId, Request, Response, server::Config};
pub use hub::{Exchange, Hub};
pub use session::{Session, Sessions};

/// Where a request comes from, as its manager has to know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The HTTP connection that brought the request.
    pub connection: ConnectionId,
    /// The client's address, where it is known.
    pub address: Option<IpAddr>,
    /// What carried it.
    pub channel: Channel,
}
