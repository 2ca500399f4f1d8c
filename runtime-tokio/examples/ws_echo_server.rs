//! A WebSocket echo server for test suites: `ws_echo_server [ADDRESS [plain]]`.

use std::sync::Arc;

use xmpp_web_tokio::{Listener, Tokio};

#[path = "../../driver/examples/ws_echo/server.rs"]
mod server;

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let mut listener = Listener::bind(server::address()?)?;
    println!("listening on {}", listener.local_addr()?);
    let config = server::config();
    let report = |error: Option<&std::io::Error>| {
        if let Some(error) = error {
            eprintln!("{error}");
        }
    };
    loop {
        let (stream, _) = listener.accept(report).await;
        tokio::spawn(server::serve(stream, Arc::clone(&config), Tokio::current()));
    }
}
