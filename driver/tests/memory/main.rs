//! The driver over connections in memory, with a clock that the tests move.

mod binding;
mod http;
mod hub;
mod post;
mod proxy;
mod pump;
mod relay;
mod support;
