//! Echoes WebSocket messages, any subprotocol aside: `ws_echo_server [ADDRESS [plain]]`, by default 127.0.0.1:9001; with port 0 the system
//! chooses. The address is printed. With `plain` no compression is agreed to. For clients of test suites, such as Autobahn's fuzzingclient.

mod echo;

use std::{io, sync::Arc};

use tokio::net::TcpStream;
use ws_framing::{
    Connection,
    deflate::{self, Takeover},
    handshake::server::{self, accept},
};
use xmpp_web_tokio::{
    Io, Listener, Tokio,
    driver::{Runtime, http},
};

#[tokio::main]
async fn main() -> io::Result<()> {
    let address = std::env::args()
        .nth(1)
        .unwrap_or_else(|| "127.0.0.1:9001".to_owned());
    let address = address
        .parse()
        .map_err(|_| io::Error::other(format!("{address} is not ADDRESS:PORT")))?;
    let mut listener = Listener::bind(address)?;
    println!("listening on {}", listener.local_addr()?);
    let mut config = server::Config::default();
    config.subprotocol = None;
    config.origins = vec!["*".to_owned()];
    let mut compression = deflate::Config::default();
    compression.our_takeover = Takeover::Keep;
    compression.their_takeover = Takeover::Keep;
    compression.threshold_bytes = 0;
    if std::env::args().nth(2).as_deref() != Some("plain") {
        config.compression = Some(compression);
    }
    let config = Arc::new(config);
    loop {
        let (stream, peer) = listener.accept(|error| eprintln!("{error}")).await;
        let config = Arc::clone(&config);
        tokio::spawn(async move {
            if let Err(error) = serve(stream, &config).await {
                eprintln!("{peer}: {error}");
            }
        });
    }
}

async fn serve(stream: Io<TcpStream>, config: &server::Config) -> io::Result<()> {
    let runtime = Tokio::current();
    let mut http = http::Connection::new(stream, Arc::default(), runtime.clone());
    while let Some(request) = http.next().await {
        match accept(&request.head, request.surplus, config) {
            Ok(accepted) => {
                let (stream, unread) = http.upgrade(request.id, accepted.response).await?;
                let mut connection = Connection::server(echo::autobahn_profile(), runtime.now());
                if let Some(agreed) = accepted.compression {
                    connection = connection.with_deflate(agreed);
                }
                echo::echo(connection, stream, unread).await;
                return Ok(());
            }
            Err(rejected) => http.respond(request.id, rejected.response),
        }
    }
    Ok(())
}
