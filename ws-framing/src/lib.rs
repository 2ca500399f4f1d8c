//! WebSocket (RFC 6455) and its XMPP subprotocol (RFC 7395) as pure state machines.
#![forbid(unsafe_code)]

pub mod connection;
pub mod frame;
pub mod handshake;
pub mod xmpp;

/// The clock's type: std's, and `web_time`'s on wasm32-unknown-unknown.
#[cfg(not(all(target_arch = "wasm32", target_os = "unknown")))]
pub use std::time::Instant;
#[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
pub use web_time::Instant;

pub use connection::Connection;
pub use frame::CloseCode;
pub use xmpp_http1::Transmit;
