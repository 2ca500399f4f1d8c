//! The scenarios, one file for each section of the standards.
#![cfg(test)]

mod contract;
mod layers;
mod pair;
mod properties;
mod spec_control_close;
#[cfg(feature = "deflate")]
mod spec_deflate;
#[cfg(feature = "deflate")]
mod spec_deflate_handshake;
mod spec_frames;
mod spec_handshake;
mod spec_handshake_client;
mod spec_text;
mod spec_xmpp_client;
mod spec_xmpp_closing;
#[cfg(feature = "deflate")]
mod spec_xmpp_compression;
mod spec_xmpp_errors;
mod spec_xmpp_framing;
mod spec_xmpp_management;
mod spec_xmpp_opening;
mod support;
mod xmpp_pair;
