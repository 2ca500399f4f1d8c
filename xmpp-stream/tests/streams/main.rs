//! The requirements of streams and relays (`docs/conformance/`), one test each.

mod chain;
mod contract;
#[cfg(feature = "ws")]
mod machines;
mod spec_chain;
mod spec_client_stream;
#[cfg(feature = "bosh")]
mod spec_relay_bosh;
mod spec_relay_closing;
mod spec_relay_downstream;
mod spec_relay_features;
mod spec_relay_login;
mod spec_relay_redial;
mod spec_relay_repair;
mod spec_relay_upstream;
mod spec_server_stream;
mod support;
