//! Clients on a network in memory, with nodes that the tests start, kill and bend, and a clock that moves when nothing else does.

mod cancel;
mod early;
mod failover;
mod finding;
mod net;
mod node;
mod restart;
mod server;
#[path = "../memory/support/mod.rs"]
#[allow(dead_code, unused_imports, reason = "the other tests use more of it")]
mod support;
mod talking;
