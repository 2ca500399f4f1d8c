//! A WebSocket echo server for test suites: `ws_echo_server_smol [ADDRESS [plain]]`.

use std::sync::Arc;

use smol::net::TcpListener;
use xmpp_web_smol::Smol;

#[path = "../../driver/examples/ws_echo/server.rs"]
mod server;

fn main() -> std::io::Result<()> {
    smol::block_on(async {
        let listener = TcpListener::bind(server::address()?).await?;
        println!("listening on {}", listener.local_addr()?);
        let config = server::config();
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            smol::spawn(server::serve(stream, Arc::clone(&config), Smol)).detach();
        }
    })
}
