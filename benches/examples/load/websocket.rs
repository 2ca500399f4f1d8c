//! A WebSocket client of the XMPP subprotocol (RFC 7395), as far as a load needs one: whole, small messages.

use std::io;

use bytes::{Buf, BytesMut};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// The key is not secret, and a load has nothing to hide (RFC 6455 §10.3).
const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

pub(crate) struct WebSocket {
    socket: TcpStream,
    input: BytesMut,
    open: String,
}

impl WebSocket {
    pub(crate) async fn open(address: &str, domain: &str) -> io::Result<Self> {
        let mut socket = TcpStream::connect(address).await?;
        socket.set_nodelay(true)?;
        let head = format!(
            "GET /xmpp-websocket HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: xmpp\r\n\r\n"
        );
        socket.write_all(head.as_bytes()).await?;
        let mut input = BytesMut::with_capacity(4096);
        let end = loop {
            if let Some(end) = input.windows(4).position(|window| window == b"\r\n\r\n") {
                break end;
            }
            if socket.read_buf(&mut input).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        };
        let head = input.split_to(end + 4);
        if !head.starts_with(b"HTTP/1.1 101") {
            return Err(io::Error::other(
                String::from_utf8_lossy(&head).into_owned(),
            ));
        }
        let open = format!(
            "<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to='{domain}' version='1.0'/>"
        );
        let mut session = Self {
            socket,
            input,
            open,
        };
        session.restart().await?;
        Ok(session)
    }

    pub(crate) async fn restart(&mut self) -> io::Result<()> {
        let open = self.open.clone();
        self.message(&open).await
    }

    pub(crate) async fn send(&mut self, start: &str, rest: &str) -> io::Result<()> {
        // SASL's element has a namespace already.
        let namespace = if start.contains(" xmlns=") {
            ""
        } else {
            " xmlns='jabber:client'"
        };
        self.message(&format!("{start}{namespace}{rest}")).await
    }

    async fn message(&mut self, text: &str) -> io::Result<()> {
        let mut frame = Vec::with_capacity(text.len() + 8);
        frame.push(0x81);
        match u8::try_from(text.len()) {
            Ok(length) if length < 126 => frame.push(0x80 | length),
            _ => {
                let length = u16::try_from(text.len()).map_err(io::Error::other)?;
                frame.push(0x80 | 126);
                frame.extend_from_slice(&length.to_be_bytes());
            }
        }
        frame.extend_from_slice(&MASK);
        frame.extend(
            text.bytes()
                .zip(MASK.iter().cycle())
                .map(|(byte, key)| byte ^ key),
        );
        self.socket.write_all(&frame).await
    }

    pub(crate) async fn until(&mut self, needle: &str) -> io::Result<String> {
        let mut text = String::new();
        loop {
            while let Some(message) = self.received() {
                text.push_str(&message);
            }
            if text.contains(needle) {
                return Ok(text);
            }
            if self.socket.read_buf(&mut self.input).await? == 0 {
                return Err(io::Error::other(format!("ended after {text}")));
            }
        }
    }

    /// The payload of the next whole frame.
    fn received(&mut self) -> Option<String> {
        let (header, length) = match *self.input.get(1)? {
            126 => {
                let length = [*self.input.get(2)?, *self.input.get(3)?];
                (4, usize::from(u16::from_be_bytes(length)))
            }
            length => (2, usize::from(length)),
        };
        if self.input.len() < header + length {
            return None;
        }
        self.input.advance(header);
        Some(String::from_utf8_lossy(&self.input.split_to(length)).into_owned())
    }
}
