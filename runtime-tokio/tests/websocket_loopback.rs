//! WebSockets over real sockets, from the HTTP request on: a server that echoes messages, and our
//! own client's end.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use bytes::BytesMut;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    task::JoinHandle,
};
use ws_framing::{
    CloseCode,
    connection::{Config, Connection, Event, Message},
    handshake::server::{self, accept},
};
use xmpp_web_tokio::{
    Io, Listener, Tokio, connect,
    driver::{Pump, Runtime as _, Step, http},
};

/// Serves one connection; its task ends with the connection.
async fn serve(mut listener: Listener) -> u16 {
    let runtime = Tokio::current();
    let (stream, _) = listener.accept(|error| panic!("{error:?}")).await;
    let mut connection = http::Connection::new(stream, Arc::default(), runtime.clone());
    let request = connection.next().await.expect("a request");
    let mut config = server::Config::default();
    config.subprotocol = None;
    let accepted = accept(&request.head, request.surplus, &config).expect("a good handshake");
    let (io, unread) = connection
        .upgrade(request.id, accepted.response)
        .await
        .expect("upgraded");
    let machine = Connection::server(Config::default(), runtime.now());
    let mut pump = Pump::new(machine, io, unread, runtime);
    let mut code = 0;
    while let Some(step) = pump.next().await {
        match step {
            Step::Event(Event::Message(message)) => {
                let now = pump.now();
                pump.machine_mut().send(message, now).expect("room");
            }
            Step::Event(Event::Closed(closed)) => code = closed.code,
            Step::Event(Event::Pong(_) | Event::Writable) => {}
        }
    }
    code
}

async fn client(address: SocketAddr) -> Pump<Connection, Io<TcpStream>, Tokio> {
    let host = address.ip().to_string();
    let mut io = connect(&host, address.port(), Duration::from_secs(5))
        .await
        .expect("connected");
    let request = format!(
        "GET /ws HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    io.0.write_all(request.as_bytes()).await.expect("written");
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(io.0.read_u8().await.expect("a byte"));
    }
    assert!(head.starts_with(b"HTTP/1.1 101 "));
    let runtime = Tokio::current();
    let machine = Connection::client(Config::default(), [7; 32], runtime.now());
    Pump::new(machine, io, BytesMut::new(), runtime)
}

fn start(address: &str) -> Option<(SocketAddr, JoinHandle<u16>)> {
    let listener = Listener::bind(address.parse().expect("an address")).ok()?;
    let address = listener.local_addr().ok()?;
    Some((address, tokio::spawn(serve(listener))))
}

async fn ended(server: JoinHandle<u16>) -> u16 {
    tokio::time::timeout(Duration::from_secs(10), server)
        .await
        .expect("in time")
        .expect("no panic")
}

#[tokio::test]
async fn messages_come_back_on_both_families() {
    let mut served = 0;
    for address in ["127.0.0.1:0", "[::1]:0"] {
        // A host without IPv6 has nothing to listen on there.
        let Some((address, server)) = start(address) else {
            continue;
        };
        served += 1;
        let mut pump = client(address).await;
        for size in [0, 1, 125, 126, 5_000, 65_536, 100_000] {
            let sent = Message::Text("x".repeat(size).into());
            let now = pump.now();
            pump.machine_mut().send(sent.clone(), now).expect("room");
            match pump.next().await {
                Some(Step::Event(Event::Message(message))) => assert_eq!(message, sent),
                other => panic!("{other:?}"),
            }
        }
        let now = pump.now();
        pump.machine_mut().close(CloseCode::NORMAL, "done", now);
        match pump.next().await {
            Some(Step::Event(Event::Closed(closed))) => assert_eq!(closed.code, 1000),
            other => panic!("{other:?}"),
        }
        assert!(pump.next().await.is_none());
        drop(pump);
        assert_eq!(ended(server).await, 1000);
    }
    assert!(served >= 1);
}

/// W-R-163
#[tokio::test]
async fn a_client_that_vanishes_is_noticed() {
    let (address, server) = start("127.0.0.1:0").expect("served");
    drop(client(address).await);
    assert_eq!(ended(server).await, 1006);
}

#[tokio::test]
async fn what_cannot_be_had_says_which_address() {
    let listener = Listener::bind("127.0.0.1:0".parse().expect("an address")).expect("served");
    let address = listener.local_addr().expect("an address");
    let taken = Listener::bind(address).expect_err("taken");
    assert_eq!(taken.kind(), std::io::ErrorKind::AddrInUse);
    assert!(taken.to_string().contains(&address.to_string()), "{taken}");
    drop(listener);
    let refused = connect("127.0.0.1", address.port(), Duration::from_secs(5))
        .await
        .expect_err("refused");
    assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
    assert!(
        refused.to_string().contains(&address.to_string()),
        "{refused}"
    );
}

/// Serves one connection, and answers two requests at a time, the last first.
async fn serve_pages(mut listener: Listener, config: http::Config) {
    let (stream, _) = listener.accept(|error| panic!("{error:?}")).await;
    let mut connection = http::Connection::new(stream, Arc::new(config), Tokio::current());
    let mut waiting = Vec::new();
    while let Some(request) = connection.next().await {
        waiting.push(request);
        if waiting.len() == 2 {
            while let Some(request) = waiting.pop() {
                let page = http::Response::new(200)
                    .with_body("text/plain", request.head.target().to_owned());
                connection.respond(request.id, page);
            }
        }
    }
}

const TWO: &[u8] =
    b"GET /one HTTP/1.1\r\nHost: x\r\n\r\nGET /two HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";

#[tokio::test]
async fn pipelined_requests_are_answered_in_order() {
    let listener = Listener::bind("127.0.0.1:0".parse().expect("an address")).expect("served");
    let address = listener.local_addr().expect("an address");
    let server = tokio::spawn(serve_pages(listener, http::Config::default()));
    let mut stream = TcpStream::connect(address).await.expect("connected");
    stream.write_all(TWO).await.expect("written");
    let mut answers = String::new();
    stream.read_to_string(&mut answers).await.expect("read");
    let one = answers.find("/one").expect("the first answer");
    let two = answers.find("/two").expect("the second answer");
    assert!(one < two, "{answers}");
    drop(stream);
    server.await.expect("no panic");
}

/// TR-51
#[tokio::test]
async fn a_client_that_only_listens_any_more_is_answered_where_that_is_allowed() {
    let listener = Listener::bind("127.0.0.1:0".parse().expect("an address")).expect("served");
    let address = listener.local_addr().expect("an address");
    let mut config = http::Config::default();
    config.half_close = true;
    let server = tokio::spawn(serve_pages(listener, config));
    let mut stream = TcpStream::connect(address).await.expect("connected");
    stream.write_all(TWO).await.expect("written");
    stream.shutdown().await.expect("shut down");
    let mut answers = String::new();
    stream.read_to_string(&mut answers).await.expect("read");
    assert!(answers.contains("/two"), "{answers}");
    server.await.expect("no panic");
}
