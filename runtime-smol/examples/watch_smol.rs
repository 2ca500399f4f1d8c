//! Shows everything that a client hears: `watch_smol JID PASSWORD [URL]`.

use xmpp_web_smol::Smol;

#[path = "../../driver/examples/chat/watch.rs"]
mod watch;

fn main() -> std::process::ExitCode {
    smol::block_on(watch::run(Smol))
}
