//! A WebSocket client that makes its frames by hand.

use std::{
    io::{self, Read as _, Write as _},
    net::SocketAddr,
};

use super::http::{Answer, Http};

/// A WebSocket.
pub(crate) struct WebSocket {
    http: Http,
}

/// A frame from the server.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Frame {
    Text(String),
    /// With RSV1.
    Compressed(Vec<u8>),
    Close(u16),
    Ping,
    Pong,
}

/// The fields of a browser's handshake.
pub(crate) fn handshake(protocol: &str) -> String {
    format!(
        "Upgrade: websocket\r\nConnection: keep-alive, Upgrade\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: {protocol}\r\n"
    )
}

impl WebSocket {
    /// A WebSocket, or the answer that refused it.
    pub(crate) fn connect(address: SocketAddr, path: &str, fields: &str) -> Result<Self, Answer> {
        Self::connect_on(Http::connect(address), path, fields)
    }

    /// The same on a connection that is there already.
    pub(crate) fn connect_on(mut http: Http, path: &str, fields: &str) -> Result<Self, Answer> {
        let answer = http.ask("GET", path, fields, "");
        if answer.status != 101 {
            return Err(answer);
        }
        assert_eq!(
            answer.field("Sec-WebSocket-Accept"),
            Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
        );
        assert_eq!(answer.field("Sec-WebSocket-Protocol"), Some("xmpp"));
        Ok(Self { http })
    }

    /// With an open stream and its features.
    pub(crate) fn open(address: SocketAddr) -> Self {
        Self::open_on(Http::connect(address))
    }

    fn open_on(http: Http) -> Self {
        Self::open_with(http, &handshake("xmpp"))
    }

    /// With these fields in the handshake.
    pub(crate) fn open_with(http: Http, fields: &str) -> Self {
        let mut socket = Self::connect_on(http, "/xmpp-websocket", fields).expect("a 101");
        socket.send(OPEN);
        socket.until("<mechanism");
        socket
    }

    /// Signed in and bound.
    pub(crate) fn signed_in(address: SocketAddr, initial: &str) -> Self {
        Self::signed_in_on(Http::connect(address), initial)
    }

    /// The same on a connection that is there already.
    pub(crate) fn signed_in_on(http: Http, initial: &str) -> Self {
        Self::open_on(http).sign_in(initial)
    }

    /// Signs in and binds.
    pub(crate) fn sign_in(self, initial: &str) -> Self {
        let mut socket = self;
        socket.send(&format!(
            "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{initial}</auth>"
        ));
        socket.until("<success");
        socket.send(OPEN);
        socket.until("urn:ietf:params:xml:ns:xmpp-bind");
        socket.send("<iq xmlns='jabber:client' type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>");
        socket.until("</jid>");
        socket
    }

    /// One text message in one frame.
    pub(crate) fn send(&mut self, text: &str) {
        self.frame(0x81, text.as_bytes());
    }

    /// One masked frame with that first byte.
    pub(crate) fn frame(&mut self, first: u8, payload: &[u8]) {
        let mask = [0x12, 0x34, 0x56, 0x78];
        let mut frame = vec![first];
        match u8::try_from(payload.len()) {
            Ok(length) if length < 126 => frame.push(0x80 | length),
            _ => {
                frame.push(0x80 | 126);
                frame.extend_from_slice(
                    &u16::try_from(payload.len())
                        .expect("a short one")
                        .to_be_bytes(),
                );
            }
        }
        frame.extend_from_slice(&mask);
        frame.extend(
            payload
                .iter()
                .zip(mask.iter().cycle())
                .map(|(byte, mask)| byte ^ mask),
        );
        self.raw(&frame);
    }

    /// Bytes as they are.
    pub(crate) fn raw(&mut self, bytes: &[u8]) {
        self.http.stream.write_all(bytes).expect("it reads");
    }

    /// The next frame; `None` at the end.
    pub(crate) fn receive(&mut self) -> Option<Frame> {
        let mut start = [0; 2];
        if let Err(error) = self.http.stream.read_exact(&mut start) {
            let ended = [io::ErrorKind::UnexpectedEof, io::ErrorKind::ConnectionReset];
            assert!(ended.contains(&error.kind()), "{error}");
            return None;
        }
        let length = match start[1] {
            126 => {
                let mut length = [0; 2];
                self.http.stream.read_exact(&mut length).expect("a length");
                usize::from(u16::from_be_bytes(length))
            }
            short => usize::from(short),
        };
        let mut payload = vec![0; length];
        self.http
            .stream
            .read_exact(&mut payload)
            .expect("a payload");
        Some(match start[0] {
            0x81 => Frame::Text(String::from_utf8(payload).expect("UTF-8")),
            0xc1 => Frame::Compressed(payload),
            0x88 => Frame::Close(
                payload
                    .get(..2)
                    .map_or(1005, |code| u16::from_be_bytes([code[0], code[1]])),
            ),
            0x89 => Frame::Ping,
            0x8a => Frame::Pong,
            other => panic!("first byte {other:#x}"),
        })
    }

    /// Messages until one says `wanted`.
    pub(crate) fn until(&mut self, wanted: &str) -> String {
        loop {
            match self.receive() {
                Some(Frame::Text(text)) if text.contains(wanted) => return text,
                Some(Frame::Text(_) | Frame::Ping | Frame::Pong) => {}
                other => panic!("{other:?} instead of {wanted}"),
            }
        }
    }

    /// Everything until the end; `<close/>` and the Close frame are answered.
    pub(crate) fn rest(&mut self) -> Vec<Frame> {
        let mut frames = Vec::new();
        while let Some(frame) = self.receive() {
            match &frame {
                Frame::Close(code) => self.close(*code),
                Frame::Text(text) if text.starts_with("<close") => self.send(CLOSE),
                Frame::Text(_) | Frame::Compressed(_) | Frame::Ping | Frame::Pong => {}
            }
            frames.push(frame);
        }
        frames
    }

    /// A Close frame, where the server still reads.
    pub(crate) fn close(&mut self, code: u16) {
        let [high, low] = code.to_be_bytes();
        let masked = [0x88, 0x82, 0, 0, 0, 0, high, low];
        let _ = self.http.stream.write_all(&masked);
    }

    /// Says something to the echo contact and hears it.
    pub(crate) fn echo(&mut self, said: &str) {
        self.send(&format!("<message xmlns='jabber:client' to='echo@localhost' type='chat'><body>{said}</body></message>"));
        let answer = self.until(said);
        assert!(answer.contains("from=\"echo@localhost"), "{answer}");
    }
}

/// The opening of a stream.
pub(crate) const OPEN: &str =
    "<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to='localhost' version='1.0'/>";
/// The end of a stream.
pub(crate) const CLOSE: &str = "<close xmlns='urn:ietf:params:xml:ns:xmpp-framing'/>";
