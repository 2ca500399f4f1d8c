//! Sends every message back: `echo_bot JID PASSWORD [URL]`.

use xmpp_web_tokio::Tokio;

#[path = "../../driver/examples/chat/echo_bot.rs"]
mod echo_bot;

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::process::ExitCode {
    echo_bot::run(Tokio::current()).await
}
