//! Shows everything that a client hears: `watch JID PASSWORD [URL]`.

use xmpp_web_tokio::Tokio;

#[path = "../../driver/examples/chat/watch.rs"]
mod watch;

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::process::ExitCode {
    watch::run(Tokio::current()).await
}
