//! RFC 6120 streams on a byte stream, both ends, and the relay between a web session and a stream.
#![forbid(unsafe_code)]

pub mod client;
mod features;
pub mod relay;
pub mod server;
mod transport;

/// The clock's type: std's, and `web_time`'s on wasm32-unknown-unknown.
#[cfg(not(all(target_arch = "wasm32", target_os = "unknown")))]
pub use std::time::Instant;
#[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
pub use web_time::Instant;

pub use relay::Relay;
pub use transport::{Action, Cause, Closed, SendError};
