//! Sends one message: `send_message_smol JID PASSWORD TO TEXT [URL]`.

use xmpp_web_smol::Smol;

#[path = "../../driver/examples/chat/send_message.rs"]
mod send_message;

fn main() -> std::process::ExitCode {
    smol::block_on(send_message::run(Smol))
}
