//! A small XMPP server at an address: `serve_sessions_smol 127.0.0.1:5280`.

use smol::net::TcpListener;
use xmpp_web_smol::{
    Smol,
    server::{Builder, Tcp},
};

#[path = "../../driver/examples/chat/serve_sessions.rs"]
mod serve_sessions;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address = std::env::args()
        .nth(1)
        .ok_or("usage: serve_sessions_smol ADDRESS")?;
    smol::block_on(async {
        let listener = TcpListener::bind(address).await?;
        println!("listening at {}", listener.local_addr()?);
        let server = Builder::new(Smol).start(xmpp_web_smol::seed()?);
        server.listen(Tcp(listener));
        serve_sessions::run(server, Smol).await;
        Ok(())
    })
}
