//! A WebSocket echo client for test suites: `ws_echo_client [URL [AGENT]]`.

use std::process::ExitCode;

use xmpp_web_tokio::Tokio;

#[path = "../../driver/examples/ws_echo/client.rs"]
mod client;

#[tokio::main]
async fn main() -> ExitCode {
    client::run(Tokio::current()).await
}
