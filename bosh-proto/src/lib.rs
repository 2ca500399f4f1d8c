//! BOSH (XEP-0124, XEP-0206) as pure state machines.
#![forbid(unsafe_code)]

#[cfg(feature = "binding")]
pub mod binding;
mod body;
mod condition;
mod exchange;
mod keys;
mod rid;
pub mod server;

/// The clock's type: std's, and `web_time`'s on wasm32-unknown-unknown.
#[cfg(not(all(target_arch = "wasm32", target_os = "unknown")))]
pub use std::time::Instant;
#[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
pub use web_time::Instant;

pub use condition::Condition;
pub use exchange::{Channel, ConnectionId, ExchangeId, Request, Response};
