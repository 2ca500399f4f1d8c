//! Echoes what a test server sends: the arguments are `[URL [AGENT]]`, by default ws://127.0.0.1:9001. It speaks the loop of Autobahn's
//! fuzzingserver: asks for the number of cases, runs each, has the reports written.

mod echo;

use std::{error::Error, process::ExitCode, time::Duration};

use bytes::BytesMut;
use ws_framing::{
    Connection,
    connection::{Event, Message},
    deflate,
    handshake::client::{Config, Endpoint, Handshake},
};
use xmpp_web_driver::{
    Pump, Step,
    client::{BoxStream, Network},
    websocket::open,
};

const TIMEOUT: Duration = Duration::from_secs(10);

pub(crate) async fn run(network: impl Network) -> ExitCode {
    match work(&network).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn work<N: Network>(network: &N) -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let base = arguments
        .next()
        .unwrap_or_else(|| "ws://127.0.0.1:9001".to_owned());
    let base = base.trim_end_matches('/');
    let agent = arguments.next().unwrap_or_else(|| "ws-framing".to_owned());
    let count = case_count(&format!("{base}/getCaseCount"), network).await?;
    println!("{count} cases");
    for case in 1..=count {
        let url = format!("{base}/runCase?case={case}&agent={agent}");
        let (connection, stream, unread) = dial(&url, network).await?;
        let closed = echo::echo(connection, stream, unread, network.clone()).await;
        let code = closed.map_or(0, |closed| closed.code);
        println!("case {case}: {code}");
    }
    let url = format!("{base}/updateReports?agent={agent}");
    let (connection, stream, unread) = dial(&url, network).await?;
    echo::echo(connection, stream, unread, network.clone()).await;
    Ok(())
}

/// A WebSocket to there.
async fn dial<N: Network>(
    url: &str,
    network: &N,
) -> Result<(Connection, BoxStream, BytesMut), Box<dyn Error>> {
    let endpoint = Endpoint::parse(url)?;
    if endpoint.is_secure() {
        return Err("only ws:// here".into());
    }
    let host = endpoint.host().trim_matches(['[', ']']);
    let addresses = network.resolve(host, endpoint.port()).await?;
    let address = *addresses.first().ok_or("no address")?;
    let stream = network.connect(address).await?;
    let mut config = Config::default();
    config.subprotocol = None;
    let mut compression = deflate::Config::default();
    compression.threshold_bytes = 0;
    config.compression = Some(compression);
    let handshake = Handshake::new(&endpoint, config, network.seed()?);
    let (upgraded, stream, unread) = open(stream, handshake, TIMEOUT, network).await?;
    let profile = echo::autobahn_profile();
    let mut connection = Connection::client(profile, network.seed()?, network.now());
    if let Some(agreed) = upgraded.compression {
        connection = connection.with_deflate(agreed);
    }
    Ok((connection, stream, unread))
}

/// The number that the server says.
async fn case_count<N: Network>(url: &str, network: &N) -> Result<u32, Box<dyn Error>> {
    let (connection, stream, unread) = dial(url, network).await?;
    let mut pump = Pump::new(connection, stream, unread, network.clone());
    let mut count = None;
    while let Some(step) = pump.next().await {
        if let Step::Event(Event::Message(Message::Text(text))) = step {
            count = Some(text.as_str().parse()?);
        }
    }
    count.ok_or_else(|| "the server did not say how many cases it has".into())
}
