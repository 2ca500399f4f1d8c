//! A WebSocket echo client for test suites: `ws_echo_client_async_std [URL [AGENT]]`.

use std::process::ExitCode;

use xmpp_web_smol::AsyncStd;

#[path = "../../driver/examples/ws_echo/client.rs"]
mod client;

fn main() -> ExitCode {
    async_std::task::block_on(client::run(AsyncStd))
}
