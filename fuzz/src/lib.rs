//! Harnesses of the fuzz targets: functions that panic when a promise is broken, so that stable Rust replays what fuzzing found.

mod deflate;
mod handshake;
mod host_meta;
mod ws_connection;
mod ws_frame;
mod xml_split;

pub use deflate::deflate;
pub use handshake::handshake;
pub use host_meta::host_meta;
pub use ws_connection::ws_connection;
pub use ws_frame::ws_frame;
pub use xml_split::xml_split;
