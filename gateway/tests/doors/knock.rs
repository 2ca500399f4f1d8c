//! Raw bytes to a door, and all that comes back until it closes.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
};

use crate::support::PATIENCE;

/// A connection that has said nothing yet.
pub(crate) fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).expect("it listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a time");
    stream.set_write_timeout(Some(PATIENCE)).expect("a time");
    stream
}

/// Sends all of it; gives all that comes back until the gateway closes, which it has to do by itself.
pub(crate) fn knock(address: SocketAddr, bytes: &[u8]) -> String {
    let mut stream = connect(address);
    stream.write_all(bytes).expect("it reads");
    rest(&mut stream)
}

/// What comes until the other side closes. A reset would have destroyed the farewell, so it is none.
pub(crate) fn rest(stream: &mut TcpStream) -> String {
    let mut read = Vec::new();
    stream.read_to_end(&mut read).expect("a clean end");
    String::from_utf8(read).expect("text")
}

/// The farewell of an HTTP connection: no body, and the field without which a page sees nothing (B-R-172).
pub(crate) fn farewell(status: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\nAccess-Control-Allow-Origin: *\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    )
}
