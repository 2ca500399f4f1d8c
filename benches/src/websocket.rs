//! One message over and over, by ours and by the rivals, over memory: `receive` reads a masked frame on the server's side, `send` masks one
//! on the client's. All check UTF-8, and all copy what comes into a buffer of their own.

use std::{
    io::{self, Read, Write},
    pin::Pin,
    task::{Context, Poll},
};

use bytes::{Bytes, BytesMut};
use futures_util::{FutureExt as _, SinkExt as _, StreamExt as _};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use ws_framing::{
    Connection, Instant, Utf8Bytes,
    connection::{Action, Config, Event, Message},
};

/// An XMPP-like text of that many bytes.
pub fn text(bytes: usize) -> String {
    let mut text = "<body>and so on, </body>".repeat(bytes / 24 + 1);
    text.truncate(bytes);
    text
}

/// A side that a message comes to or leaves from; gives the payload's length.
pub trait Peer {
    /// Reads the frame that is there.
    fn receive(&mut self) -> usize;
    /// Writes a frame.
    fn send(&mut self) -> usize;
}

/// The names that `peer` knows.
pub const PEERS: [&str; 3] = ["ws-framing", "tungstenite", "tokio-websockets"];

/// One of `PEERS` with a message of that many bytes.
pub fn peer(name: &str, bytes: usize, now: Instant) -> Option<Box<dyn Peer>> {
    Some(match name {
        "ws-framing" => Box::new(Ours::new(bytes, now)),
        "tungstenite" => Box::new(Tungstenite::new(bytes, now)),
        "tokio-websockets" => Box::new(TokioWebsockets::new(bytes, now)),
        _ => return None,
    })
}

struct Ours {
    client: Connection,
    server: Connection,
    text: Utf8Bytes,
    frame: Bytes,
    input: BytesMut,
    now: Instant,
}

impl Ours {
    fn new(bytes: usize, now: Instant) -> Self {
        let mut client = Connection::client(Config::default(), [7; 32], now);
        let text = Utf8Bytes::from(text(bytes));
        let sent = client.send(Message::Text(text.clone()), now);
        assert!(sent.is_ok(), "an empty outbox has room");
        let frame = client.poll_transmit().unwrap_or_default();
        Self {
            client,
            server: Connection::server(Config::default(), now),
            text,
            frame: [frame.head, frame.payload].concat().into(),
            input: BytesMut::with_capacity(65_536),
            now,
        }
    }
}

impl Peer for Ours {
    fn receive(&mut self) -> usize {
        self.input.extend_from_slice(&self.frame);
        self.server.handle_input(&mut self.input, self.now);
        match self.server.poll_action() {
            Some(Action::Deliver(Event::Message(message))) => message.as_bytes().len(),
            _ => 0,
        }
    }

    fn send(&mut self) -> usize {
        let sent = self.client.send(Message::Text(self.text.clone()), self.now);
        assert!(sent.is_ok(), "an empty outbox has room");
        let transmit = self.client.poll_transmit().unwrap_or_default();
        transmit.head.len() + transmit.payload.len()
    }
}

/// The frame, once; what is written is dropped.
struct Pipe {
    frame: Bytes,
    at: usize,
}

impl Pipe {
    fn next_part(&mut self, most: usize) -> &[u8] {
        let rest = self.frame.get(self.at..).unwrap_or_default();
        let part = rest.get(..most).unwrap_or(rest);
        self.at += part.len();
        part
    }
}

impl Read for Pipe {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let part = self.next_part(out.len());
        if part.is_empty() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        if let Some(room) = out.get_mut(..part.len()) {
            room.copy_from_slice(part);
        }
        Ok(part.len())
    }
}

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl AsyncRead for Pipe {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let part = self.next_part(out.remaining());
        if part.is_empty() {
            return Poll::Pending;
        }
        out.put_slice(part);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Pipe {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

struct Tungstenite {
    client: tungstenite::WebSocket<Pipe>,
    server: tungstenite::WebSocket<Pipe>,
    text: Option<tungstenite::Utf8Bytes>,
    length: usize,
}

impl Tungstenite {
    fn new(bytes: usize, now: Instant) -> Self {
        use tungstenite::{WebSocket, protocol::Role};
        let frame = Ours::new(bytes, now).frame;
        let pipe = || Pipe {
            frame: frame.clone(),
            at: 0,
        };
        Self {
            client: WebSocket::from_raw_socket(pipe(), Role::Client, None),
            server: WebSocket::from_raw_socket(pipe(), Role::Server, None),
            text: Some(text(bytes).into()),
            length: frame.len(),
        }
    }
}

impl Peer for Tungstenite {
    fn receive(&mut self) -> usize {
        self.server.get_mut().at = 0;
        self.server.read().map_or(0, |message| message.len())
    }

    fn send(&mut self) -> usize {
        let message = self.text.clone().unwrap_or_default();
        match self.client.send(tungstenite::Message::Text(message)) {
            Ok(()) => self.length,
            Err(_) => 0,
        }
    }
}

struct TokioWebsockets {
    client: tokio_websockets::WebSocketStream<Pipe>,
    server: tokio_websockets::WebSocketStream<Pipe>,
    payload: tokio_websockets::Payload,
    length: usize,
}

impl TokioWebsockets {
    fn new(bytes: usize, now: Instant) -> Self {
        let frame = Ours::new(bytes, now).frame;
        let pipe = || Pipe {
            frame: frame.clone(),
            at: 0,
        };
        Self {
            client: tokio_websockets::ClientBuilder::new().take_over(pipe()),
            server: tokio_websockets::ServerBuilder::new().serve(pipe()),
            payload: text(bytes).into(),
            length: frame.len(),
        }
    }
}

impl Peer for TokioWebsockets {
    fn receive(&mut self) -> usize {
        self.server.get_mut().at = 0;
        match self.server.next().now_or_never() {
            Some(Some(Ok(message))) => message.as_payload().len(),
            _ => 0,
        }
    }

    fn send(&mut self) -> usize {
        let message = tokio_websockets::Message::text(self.payload.clone());
        match self.client.send(message).now_or_never() {
            Some(Ok(())) => self.length,
            _ => 0,
        }
    }
}
