//! What a server does beside its sessions: other paths, proxies, and how many connections it takes.

use std::net::SocketAddr;

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::{Duration, timeout},
};
use xmpp_web_tokio::{
    Listener, Tokio,
    driver::{
        bosh::Channel,
        http::{Response, forwarded::SchemeField},
    },
    seed,
    server::{self, Builder, Server, Transport},
};
use xmpp_wire::{StreamError, StreamHeader};

const PATIENCE: Duration = Duration::from_secs(10);
const CREATION: &str = "<body xmlns='http://jabber.org/protocol/httpbind' rid='1' to='lantern.example' \
                        hold='1' wait='1' ver='1.6' content='text/xml; charset=utf-8' \
                        xmpp:version='1.0' xmlns:xmpp='urn:xmpp:xbosh'/>";

fn start(builder: Builder<Tokio>) -> (Server<Tokio>, SocketAddr) {
    let listener = Listener::bind("127.0.0.1:0".parse().expect("an address")).expect("served");
    let address = listener.local_addr().expect("an address");
    let server = builder.start(seed().expect("entropy"));
    server.listen(listener);
    (server, address)
}

/// One request, and what is answered until `end` is in it.
async fn ask(stream: &mut TcpStream, request: &str, end: &str) -> String {
    stream.write_all(request.as_bytes()).await.expect("written");
    let mut answer = String::new();
    while !answer.contains(end) {
        let mut bytes = [0; 4096];
        let read = timeout(PATIENCE, stream.read(&mut bytes)).await;
        let count = read.expect("in time").expect("read");
        assert_ne!(count, 0, "the end behind: {answer}");
        answer.push_str(std::str::from_utf8(&bytes[..count]).expect("text"));
    }
    answer
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: lantern.example\r\n\r\n")
}

fn create(path: &str, fields: &str) -> String {
    let length = CREATION.len();
    format!(
        "POST {path} HTTP/1.1\r\nHost: lantern.example\r\n{fields}Content-Length: {length}\r\n\r\n{CREATION}"
    )
}

fn upgrade(path: &str) -> String {
    format!(
        "GET {path} HTTP/1.1\r\nHost: lantern.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
         Sec-WebSocket-Protocol: xmpp\r\n\r\n"
    )
}

#[tokio::test]
async fn one_connection_serves_every_path() {
    let builder = server::builder()
        .configure(|settings| settings.websocket_paths = vec!["/talk".to_owned()])
        .fallback(|request| match request.head.path() {
            Some("/hello") => Response::new(200).with_body("text/plain", "a lantern"),
            _ => Response::new(404).with_body("text/plain", "no lantern"),
        });
    let (mut server, address) = start(builder);
    let mut stream = TcpStream::connect(address).await.expect("connected");
    let hello = ask(&mut stream, &get("/hello"), "a lantern").await;
    assert!(hello.starts_with("HTTP/1.1 200 "), "{hello}");
    let nothing = ask(&mut stream, &get("/ws"), "no lantern").await;
    assert!(nothing.starts_with("HTTP/1.1 404 "), "{nothing}");
    let refusing = async {
        let opening = server.next().await.expect("a client");
        assert_eq!(opening.asked().transport, Transport::Bosh);
        opening.refuse(StreamError::new("host-unknown"));
    };
    let request = create("/http-bind/", "");
    let (refused, ()) = tokio::join!(ask(&mut stream, &request, "host-unknown"), refusing);
    assert!(refused.contains("type='terminate'"), "{refused}");
    let mut stream = TcpStream::connect(address).await.expect("connected");
    ask(&mut stream, &get("/hello"), "a lantern").await;
    let switched = ask(&mut stream, &upgrade("/talk"), "\r\n\r\n").await;
    assert!(switched.starts_with("HTTP/1.1 101 "), "{switched}");
}

#[tokio::test]
async fn there_is_nothing_at_other_paths() {
    let (_server, address) = start(server::builder());
    let mut stream = TcpStream::connect(address).await.expect("connected");
    let nothing = ask(&mut stream, &get("/"), "nothing here").await;
    assert!(nothing.starts_with("HTTP/1.1 404 "), "{nothing}");
}

#[tokio::test]
async fn trusted_proxies_alone_speak_for_their_clients() {
    for (trusted, source, channel) in [
        (true, "192.0.2.7", Channel::Tls),
        (false, "127.0.0.1", Channel::Plain),
    ] {
        let builder = server::builder()
            .trust(move |address| trusted && address.is_loopback())
            .configure(|settings| {
                settings.forwarded.scheme = Some(SchemeField::XForwardedProto);
            });
        let (mut server, address) = start(builder);
        let mut stream = TcpStream::connect(address).await.expect("connected");
        let fields = "X-Forwarded-For: 192.0.2.7\r\nX-Forwarded-Proto: https\r\nForwarded: for=203.0.113.5\r\n";
        stream
            .write_all(create("/bosh", fields).as_bytes())
            .await
            .expect("written");
        let opening = server.next().await.expect("a client");
        let peer = opening.asked().peer;
        assert_eq!(peer.address, source.parse().ok());
        assert_eq!(peer.channel, channel);
    }
}

#[tokio::test]
async fn connections_beyond_the_bound_wait() {
    let builder = server::builder().configure(|settings| settings.connections = 2);
    let (_server, address) = start(builder);
    let mut first = TcpStream::connect(address).await.expect("connected");
    let mut second = TcpStream::connect(address).await.expect("connected");
    for stream in [&mut first, &mut second] {
        ask(stream, &get("/"), "nothing here").await;
    }
    let mut third = TcpStream::connect(address)
        .await
        .expect("the kernel's alone");
    third.write_all(get("/").as_bytes()).await.expect("written");
    let early = timeout(Duration::from_millis(200), third.read(&mut [0; 64])).await;
    assert!(early.is_err(), "it is not served yet");
    drop(first);
    ask(&mut third, "", "nothing here").await;
}

/// Dropping an opening refuses its client, and dropping a server those that come later.
#[tokio::test]
async fn what_is_dropped_is_refused() {
    let (mut server, address) = start(server::builder());
    let mut stream = TcpStream::connect(address).await.expect("connected");
    let request = create("/http-bind", "");
    let (refused, ()) = tokio::join!(ask(&mut stream, &request, "internal-server-error"), async {
        drop(server.next().await.expect("a client"));
    });
    assert!(refused.contains("type='terminate'"), "{refused}");

    let mut stream = TcpStream::connect(address).await.expect("connected");
    let (answer, session) = tokio::join!(ask(&mut stream, &request, "</body>"), async {
        let opening = server.next().await.expect("a client");
        let mut session = opening.accept(StreamHeader::default());
        let features = xmpp_wire::Element::build("features", xmpp_wire::ns::STREAM).finish();
        session.send(features).await.expect("open");
        session
    });
    assert!(answer.contains("sid="), "{answer}");
    drop(server);
    drop(session);
    let refused = timeout(PATIENCE, async {
        while TcpStream::connect(address).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    refused.await.expect("nobody listens any more");
}
