//! Echoes what a test server sends: `ws_echo_client [URL [AGENT]]`, by default ws://127.0.0.1:9001. It speaks the loop of Autobahn's
//! fuzzingserver: asks for the number of cases, runs each, has the reports written.

mod echo;

use std::{error::Error, time::Duration};

use bytes::BytesMut;
use tokio::net::TcpStream;
use ws_framing::{
    Connection, Instant,
    connection::{Event, Message},
    deflate,
    handshake::client::{Config, Endpoint, Handshake},
};
use xmpp_web_tokio::{
    Io, Tokio, connect,
    driver::{Pump, Step, websocket::open},
    seed,
};

const TIMEOUT: Duration = Duration::from_secs(10);

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let base = arguments
        .next()
        .unwrap_or_else(|| "ws://127.0.0.1:9001".to_owned());
    let base = base.trim_end_matches('/');
    let agent = arguments.next().unwrap_or_else(|| "ws-framing".to_owned());
    let count = case_count(&format!("{base}/getCaseCount")).await?;
    println!("{count} cases");
    for case in 1..=count {
        let (connection, stream, unread) =
            dial(&format!("{base}/runCase?case={case}&agent={agent}")).await?;
        let closed = echo::echo(connection, stream, unread).await;
        let code = closed.map_or(0, |closed| closed.code);
        println!("case {case}: {code}");
    }
    let (connection, stream, unread) = dial(&format!("{base}/updateReports?agent={agent}")).await?;
    echo::echo(connection, stream, unread).await;
    Ok(())
}

/// A WebSocket to there.
async fn dial(url: &str) -> Result<(Connection, Io<TcpStream>, BytesMut), Box<dyn Error>> {
    let endpoint = Endpoint::parse(url)?;
    if endpoint.is_secure() {
        return Err("only ws:// here".into());
    }
    let host = endpoint.host().trim_matches(['[', ']']);
    let stream = connect(host, endpoint.port(), TIMEOUT).await?;
    let mut config = Config::default();
    config.subprotocol = None;
    let mut compression = deflate::Config::default();
    compression.threshold_bytes = 0;
    config.compression = Some(compression);
    let handshake = Handshake::new(&endpoint, config, seed()?);
    let (upgraded, stream, unread) = open(stream, handshake, TIMEOUT, &Tokio::current()).await?;
    let mut connection = Connection::client(echo::autobahn_profile(), seed()?, Instant::now());
    if let Some(agreed) = upgraded.compression {
        connection = connection.with_deflate(agreed);
    }
    Ok((connection, stream, unread))
}

/// The number that the server says.
async fn case_count(url: &str) -> Result<u32, Box<dyn Error>> {
    let (connection, stream, unread) = dial(url).await?;
    let mut pump = Pump::new(connection, stream, unread, Tokio::current());
    let mut count = None;
    while let Some(step) = pump.next().await {
        if let Step::Event(Event::Message(Message::Text(text))) = step {
            count = Some(text.as_str().parse()?);
        }
    }
    count.ok_or_else(|| "the server did not say how many cases it has".into())
}
