//! BOSH exchanges: requests in, responses out.

mod hub;
mod session;

pub use bosh_proto::{Channel, ConnectionId, Request, Response, server::Config};
pub use hub::{Exchange, Hub};
pub use session::{Session, Sessions};
