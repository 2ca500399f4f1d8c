//! A plain XMPP stream over TCP.

use std::io;

use bytes::BytesMut;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

pub(crate) struct Stream {
    socket: TcpStream,
    input: BytesMut,
    header: String,
}

impl Stream {
    pub(crate) async fn open(address: &str, domain: &str) -> io::Result<Self> {
        let socket = TcpStream::connect(address).await?;
        socket.set_nodelay(true)?;
        let header = format!(
            "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='{domain}' version='1.0'>"
        );
        let mut stream = Self {
            socket,
            input: BytesMut::with_capacity(4096),
            header,
        };
        stream.restart().await?;
        Ok(stream)
    }

    pub(crate) async fn restart(&mut self) -> io::Result<()> {
        self.socket.write_all(self.header.as_bytes()).await
    }

    pub(crate) async fn send(&mut self, start: &str, rest: &str) -> io::Result<()> {
        let stanza = format!("{start}{rest}");
        self.socket.write_all(stanza.as_bytes()).await
    }

    pub(crate) async fn until(&mut self, needle: &str) -> io::Result<String> {
        loop {
            let text = String::from_utf8_lossy(&self.input);
            if text.contains(needle) {
                let text = text.into_owned();
                self.input.clear();
                return Ok(text);
            }
            if self.socket.read_buf(&mut self.input).await? == 0 {
                return Err(io::Error::other(format!("ended before {needle}")));
            }
        }
    }
}
