//! Harnesses of the fuzz targets: functions that panic when a promise is broken, so that stable Rust replays what fuzzing found.

// Ranges that were proved are asserted in debug builds alone (`xmpp_machine::Proved`).
#[cfg(all(fuzzing, not(debug_assertions)))]
compile_error!("fuzz targets run with debug assertions: `cargo fuzz run -a`");

mod body_attrs;
mod bosh_client;
mod bosh_session;
mod deflate;
mod handshake;
mod host_meta;
mod http_body;
mod http_ends;
mod http_head;
mod server_elements;
mod stream_relay;
mod ws_connection;
mod ws_frame;
mod xml_split;
mod xmpp_session;

pub use body_attrs::body_attrs;
pub use bosh_client::bosh_client;
pub use bosh_session::bosh_session;
pub use deflate::deflate;
pub use handshake::handshake;
pub use host_meta::host_meta;
pub use http_body::http_body;
pub use http_head::http_head;
pub use server_elements::server_elements;
pub use stream_relay::stream_relay;
pub use ws_connection::ws_connection;
pub use ws_frame::ws_frame;
pub use xml_split::xml_split;
pub use xmpp_session::xmpp_session;
