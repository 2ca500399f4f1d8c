//! Sends one message: `send_message JID PASSWORD TO TEXT [URL]`.

use xmpp_web_tokio::Tokio;

#[path = "../../driver/examples/chat/send_message.rs"]
mod send_message;

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::process::ExitCode {
    send_message::run(Tokio::current()).await
}
