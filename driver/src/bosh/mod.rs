//! BOSH exchanges: requests in, responses out.

mod hub;

pub use hub::{Exchange, Hub, Session, Sessions};
