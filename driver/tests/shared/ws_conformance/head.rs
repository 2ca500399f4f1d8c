//! The opening handshake by hand, both ends (RFC 6455 §4).

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use sha1::{Digest, Sha1};

/// RFC 6455 §1.3: a key and its answer.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// Heads are short.
const HEAD_BYTES: usize = 4096;

/// The first line and the fields.
#[derive(Debug)]
pub(crate) struct Request {
    target: String,
    head: String,
}

impl Request {
    pub(crate) fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    /// A value of the query.
    pub(crate) fn query(&self, name: &str) -> Option<&str> {
        let (_, query) = self.target.split_once('?')?;
        query
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .find_map(|(key, value)| (key == name).then_some(value))
    }

    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        field(&self.head, name)
    }
}

/// Opens as a client. Tells the extensions that were agreed.
pub(crate) fn ask(
    stream: &mut TcpStream,
    address: SocketAddr,
    offer: Option<&str>,
) -> Result<Option<String>, String> {
    let offer = offer.map_or(String::new(), |offer| {
        format!("Sec-WebSocket-Extensions: {offer}\r\n")
    });
    let request = format!(
        "GET / HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Version: 13\r\n{offer}\r\n"
    );
    stream
        .write_all(request.as_bytes())
        .map_err(|error| error.to_string())?;
    let head = read(stream)?;
    let upgraded =
        head.starts_with("HTTP/1.1 101 ") && field(&head, "sec-websocket-accept") == Some(ACCEPT);
    if upgraded {
        Ok(field(&head, "sec-websocket-extensions").map(str::to_owned))
    } else {
        Err(format!("no upgrade: {head}"))
    }
}

pub(crate) fn read_request(stream: &mut TcpStream) -> Result<Request, String> {
    let head = read(stream)?;
    match head.split(' ').collect::<Vec<_>>()[..] {
        ["GET", target, ..] => Ok(Request {
            target: target.to_owned(),
            head: head.clone(),
        }),
        _ => Err(head),
    }
}

/// Answers as a server.
pub(crate) fn accept(
    stream: &mut TcpStream,
    request: &Request,
    extensions: Option<&str>,
) -> Result<(), String> {
    let key = request.field("sec-websocket-key").ok_or("no key")?;
    let accept = Sha1::new()
        .chain_update(key)
        .chain_update("258EAFA5-E914-47DA-95CA-C5AB0DC85B11")
        .finalize();
    let extensions = extensions.map_or(String::new(), |extensions| {
        format!("Sec-WebSocket-Extensions: {extensions}\r\n")
    });
    let response = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {}\r\n{extensions}\r\n",
        STANDARD.encode(accept)
    );
    stream
        .write_all(response.as_bytes())
        .map_err(|error| error.to_string())
}

/// A head, and not a byte behind it.
fn read(stream: &mut TcpStream) -> Result<String, String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream
            .read_exact(&mut byte)
            .map_err(|error| format!("a head: {error}"))?;
        head.push(byte[0]);
        if head.len() > HEAD_BYTES {
            return Err("a long head".to_owned());
        }
    }
    String::from_utf8(head).map_err(|_| "a head that is not text".to_owned())
}

fn field<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines()
        .filter_map(|line| line.split_once(':'))
        .find_map(|(key, value)| key.eq_ignore_ascii_case(name).then_some(value.trim()))
}
