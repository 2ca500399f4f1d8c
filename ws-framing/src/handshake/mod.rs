//! The opening handshake as pure functions over heads (RFC 6455 §4).

pub mod server;
