//! HTTP/1.1 (RFC 9112) as pure state machines.
#![forbid(unsafe_code)]

mod head;
mod limits;
mod response;
pub mod server;
mod transmit;

/// The clock's type: std's, and `web_time`'s on wasm32-unknown-unknown.
#[cfg(not(all(target_arch = "wasm32", target_os = "unknown")))]
pub use std::time::Instant;
#[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
pub use web_time::Instant;

pub use head::{RequestHead, Version};
pub use limits::Limits;
pub use response::Response;
pub use transmit::Transmit;
