//! Sends many messages to itself and checks what comes back: `to_myself JID PASSWORD COUNT [URL]`.

use xmpp_web_tokio::Tokio;

#[path = "../../driver/examples/chat/to_myself.rs"]
mod to_myself;

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::process::ExitCode {
    to_myself::run(Tokio::current()).await
}
