//! The client's connection.

mod bodies;
mod ends;
mod exchange;
mod heads;
mod properties;
mod support;
