//! Echoes WebSocket messages, any subprotocol aside: the arguments are `[ADDRESS [plain]]`, by default 127.0.0.1:9001; with port 0 the system
//! chooses. The address is printed. With `plain` no compression is agreed to. For clients of test suites, such as Autobahn's fuzzingclient.

mod echo;

use std::{io, net::SocketAddr, sync::Arc};

use futures_io::{AsyncRead, AsyncWrite};
use ws_framing::{
    Connection,
    deflate::{self, Takeover},
    handshake::server::{Config, accept},
};
use xmpp_web_driver::{Runtime, http};

/// Where to listen.
pub(crate) fn address() -> io::Result<SocketAddr> {
    let address = std::env::args()
        .nth(1)
        .unwrap_or_else(|| "127.0.0.1:9001".to_owned());
    address
        .parse()
        .map_err(|_| io::Error::other(format!("{address} is not ADDRESS:PORT")))
}

/// How handshakes are answered.
pub(crate) fn config() -> Arc<Config> {
    let mut config = Config::default();
    config.subprotocol = None;
    config.origins = vec!["*".to_owned()];
    let mut compression = deflate::Config::default();
    compression.our_takeover = Takeover::Keep;
    compression.their_takeover = Takeover::Keep;
    compression.threshold_bytes = 0;
    if std::env::args().nth(2).as_deref() != Some("plain") {
        config.compression = Some(compression);
    }
    Arc::new(config)
}

/// Serves one connection until it is over.
pub(crate) async fn serve<S>(stream: S, config: Arc<Config>, runtime: impl Runtime)
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let mut http = http::Connection::new(stream, Arc::default(), runtime.clone());
    while let Some(request) = http.next().await {
        match accept(&request.head, request.surplus, &config) {
            Ok(accepted) => {
                let upgraded = http.upgrade(request.id, accepted.response).await;
                let (stream, unread) = match upgraded {
                    Ok(upgraded) => upgraded,
                    Err(error) => return eprintln!("{error}"),
                };
                let mut connection = Connection::server(echo::autobahn_profile(), runtime.now());
                if let Some(agreed) = accepted.compression {
                    connection = connection.with_deflate(agreed);
                }
                echo::echo(connection, stream, unread, runtime).await;
                return;
            }
            Err(rejected) => http.respond(request.id, rejected.response),
        }
    }
}
