//! A small XMPP server at an address: `serve_sessions 127.0.0.1:5280`.

use xmpp_web_tokio::{Tokio, server};

#[path = "../../driver/examples/chat/serve_sessions.rs"]
mod serve_sessions;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address = std::env::args()
        .nth(1)
        .ok_or("usage: serve_sessions ADDRESS")?;
    let listener = xmpp_web_tokio::Listener::bind(address.parse()?)?;
    println!("listening at {}", listener.local_addr()?);
    let server = server::builder().start(xmpp_web_tokio::seed()?);
    server.listen(listener);
    serve_sessions::run(server, Tokio::current()).await;
    Ok(())
}
