//! HTTP/1.1 over a socket, or over TLS.

use std::{
    io::{self, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
};

use super::PATIENCE;

/// A byte stream.
pub(crate) trait Duplex: io::Read + io::Write + Send {}
impl<T: io::Read + io::Write + Send> Duplex for T {}

/// A connection.
pub(crate) struct Http {
    pub(crate) stream: Box<dyn Duplex>,
    host: String,
    /// Fields of every request.
    pub(crate) fields: String,
    /// Where to connect again when an answer closes the connection.
    again: Option<SocketAddr>,
    closed: bool,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    /// The value of a field.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }
}

/// A TCP connection whose waits are bounded.
pub(crate) fn dial(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).expect("it listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a time");
    stream.set_write_timeout(Some(PATIENCE)).expect("a time");
    stream
}

impl Http {
    pub(crate) fn connect(address: SocketAddr) -> Self {
        Self {
            again: Some(address),
            ..Self::on(Box::new(dial(address)), address)
        }
    }

    /// On a stream that is there already.
    pub(crate) fn on(stream: Box<dyn Duplex>, address: SocketAddr) -> Self {
        Self {
            stream,
            host: address.to_string(),
            fields: String::new(),
            again: None,
            closed: false,
        }
    }

    pub(crate) fn send(&mut self, method: &str, path: &str, fields: &str, body: &str) {
        let length = if body.is_empty() && method != "POST" {
            String::new()
        } else {
            format!("Content-Length: {}\r\n", body.len())
        };
        if let (true, Some(address)) = (self.closed, self.again) {
            self.stream = Box::new(dial(address));
            self.closed = false;
        }
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\n{}{length}{fields}\r\n{body}",
            self.host, self.fields
        );
        self.stream.write_all(request.as_bytes()).expect("it reads");
    }

    pub(crate) fn receive(&mut self) -> Answer {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            assert_eq!(
                self.stream.read(&mut byte).expect("an answer"),
                1,
                "closed in: {}",
                String::from_utf8_lossy(&head)
            );
            head.extend_from_slice(&byte);
        }
        let head = String::from_utf8(head).expect("text");
        let status = head
            .split(' ')
            .nth(1)
            .and_then(|status| status.parse().ok())
            .expect("a status");
        let mut answer = Answer {
            status,
            head,
            body: String::new(),
        };
        let length = answer
            .field("Content-Length")
            .map_or(0, |length| length.parse().expect("a length"));
        self.closed = answer.field("Connection") == Some("close");
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body).expect("the body");
        answer.body = String::from_utf8(body).expect("text");
        answer
    }

    pub(crate) fn ask(&mut self, method: &str, path: &str, fields: &str, body: &str) -> Answer {
        self.send(method, path, fields, body);
        self.receive()
    }
}

/// One request on a connection of its own.
pub(crate) fn ask(
    address: SocketAddr,
    method: &str,
    path: &str,
    fields: &str,
    body: &str,
) -> Answer {
    Http::connect(address).ask(method, path, fields, body)
}
