//! The client's end of an opening handshake, over real sockets.
#![cfg(test)]

use std::{net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};
use ws_framing::handshake::{
    RequestHead, Version,
    client::{Config, Endpoint, Handshake, Refused},
    server,
};
use xmpp_web_tokio::{
    Io, Tokio,
    driver::websocket::{OpenError, open},
};

async fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

fn handshake(address: SocketAddr) -> Handshake {
    let endpoint = Endpoint::parse(&format!("ws://{address}/ws")).unwrap();
    Handshake::new(&endpoint, Config::default(), [7; 32])
}

async fn dial(address: SocketAddr, timeout: Duration) -> Result<Vec<u8>, OpenError> {
    let stream = Io(TcpStream::connect(address).await?);
    let opened = open(stream, handshake(address), timeout, &Tokio::current()).await;
    opened.map(|(upgraded, _, unread)| {
        assert_eq!(upgraded.subprotocol.as_deref(), Some("xmpp"));
        unread.to_vec()
    })
}

/// A request's head, and nothing behind it.
async fn request(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    String::from_utf8(head).unwrap()
}

/// The 101 for it.
fn answer(request: &str) -> String {
    let lines = request
        .lines()
        .skip(1)
        .filter_map(|line| line.split_once(": "));
    let head = lines.fold(
        RequestHead::new("GET", "/ws", Version::Http11),
        |head, (name, value)| head.with_field(name, value),
    );
    let accepted = server::accept(&head, 0, &server::Config::default()).unwrap();
    let fields = accepted.response.fields.iter();
    let fields: String = fields
        .map(|(name, value)| format!("{name}: {value}\r\n"))
        .collect();
    format!("HTTP/1.1 101 Switching Protocols\r\n{fields}\r\n")
}

/// W-R-056: nothing is sent behind the request before the whole answer is there; what comes behind
/// it is kept.
#[tokio::test]
async fn nothing_is_sent_before_the_answer() {
    let (listener, address) = listener().await;
    let client = tokio::spawn(dial(address, Duration::from_secs(10)));
    let (mut stream, _) = listener.accept().await.unwrap();
    let asked = request(&mut stream).await;
    let answer = answer(&asked);
    let (front, back) = answer.split_at(answer.len() - 2);
    stream.write_all(front.as_bytes()).await.unwrap();
    let quiet = tokio::time::timeout(Duration::from_millis(50), stream.read_u8()).await;
    assert!(quiet.is_err(), "{quiet:?}");
    assert!(!client.is_finished());
    let rest = [back.as_bytes(), b"\x88\x00"].concat();
    stream.write_all(&rest).await.unwrap();
    assert_eq!(client.await.unwrap().unwrap(), b"\x88\x00");
}

#[tokio::test]
async fn what_is_no_answer_is_told() {
    let (listener, address) = listener().await;
    let client = tokio::spawn(dial(address, Duration::from_secs(10)));
    let (mut stream, _) = listener.accept().await.unwrap();
    request(&mut stream).await;
    stream
        .write_all(b"HTTP/1.1 404 Not Found\r\n\r\n")
        .await
        .unwrap();
    let refused = client.await.unwrap();
    assert!(
        matches!(
            refused,
            Err(OpenError::Refused(Refused::Status { status: 404, .. }))
        ),
        "{refused:?}"
    );
    // The end instead of an answer, and silence.
    let client = tokio::spawn(dial(address, Duration::from_secs(10)));
    let (mut stream, _) = listener.accept().await.unwrap();
    request(&mut stream).await;
    drop(stream);
    assert!(matches!(client.await.unwrap(), Err(OpenError::Io(_))));
    let client = tokio::spawn(dial(address, Duration::from_millis(100)));
    let (_stream, _) = listener.accept().await.unwrap();
    assert!(matches!(client.await.unwrap(), Err(OpenError::Timeout)));
}
