//! A WebSocket echo client for test suites: `ws_echo_client_smol [URL [AGENT]]`.

use std::process::ExitCode;

use xmpp_web_smol::Smol;

#[path = "../../driver/examples/ws_echo/client.rs"]
mod client;

fn main() -> ExitCode {
    smol::block_on(client::run(Smol))
}
