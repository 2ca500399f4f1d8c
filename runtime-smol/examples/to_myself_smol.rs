//! Sends many messages to itself and checks what comes back: `to_myself JID PASSWORD COUNT [URL]`.

use xmpp_web_smol::Smol;

#[path = "../../driver/examples/chat/to_myself.rs"]
mod to_myself;

fn main() -> std::process::ExitCode {
    smol::block_on(to_myself::run(Smol))
}
