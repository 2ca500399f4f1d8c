//! Sends every message back: `echo_bot_smol JID PASSWORD [URL]`.

use xmpp_web_smol::Smol;

#[path = "../../driver/examples/chat/echo_bot.rs"]
mod echo_bot;

fn main() -> std::process::ExitCode {
    smol::block_on(echo_bot::run(Smol))
}
