//! BOSH exchanges: requests in, responses out.

mod hub;

pub use bosh_proto::{Channel, ConnectionId, Request, Response, server::Config};
pub use hub::{Exchange, Hub, Session, Sessions};
