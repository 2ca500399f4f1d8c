//! A WebSocket echo server for test suites: `ws_echo_server_async_std [ADDRESS [plain]]`.

use std::sync::Arc;

use async_std::{net::TcpListener, task};
use xmpp_web_smol::{AsyncStd, Socket};

#[path = "../../driver/examples/ws_echo/server.rs"]
mod server;

fn main() -> std::io::Result<()> {
    task::block_on(async {
        let listener = TcpListener::bind(server::address()?).await?;
        println!("listening on {}", listener.local_addr()?);
        let config = server::config();
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            task::spawn(server::serve(Socket(stream), Arc::clone(&config), AsyncStd));
        }
    })
}
