//! The way to a domain's server: TCP, or the demonstration domain in this process.

use std::{
    future::Future,
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use futures_io::{AsyncRead, AsyncWrite};
use tokio::{io::DuplexStream, net::TcpStream};
use xmpp_web_tokio::{Io, connect, driver};

use crate::{config::Server, demo::Demo};

/// How to reach one domain's server.
#[derive(Clone, Debug)]
pub(crate) struct Upstream {
    server: Server,
    demonstration: Demo,
    timeout: Duration,
}

impl Upstream {
    pub(crate) fn new(server: Server, demonstration: Demo, timeout: Duration) -> Self {
        Self {
            server,
            demonstration,
            timeout,
        }
    }
}

impl driver::relay::Upstream for Upstream {
    type Stream = Stream;

    fn connect(&self) -> impl Future<Output = io::Result<Stream>> + Send + 'static {
        let Self {
            server,
            demonstration,
            timeout,
        } = self.clone();
        async move {
            match server {
                Server::Demonstration => Ok(Stream::Memory(Io(demonstration.connect()))),
                Server::Tcp { host, port } => match connect(&host, port, timeout).await {
                    Ok(io) => Ok(Stream::Tcp(io)),
                    Err(error) => {
                        tracing::warn!(server = %format_args!("{host}:{port}"), %error, "server cannot be reached");
                        Err(error)
                    }
                },
            }
        }
    }

    fn start_tls(
        &self,
        _stream: Stream,
    ) -> impl Future<Output = io::Result<Stream>> + Send + 'static {
        std::future::ready(Err(io::Error::new(
            io::ErrorKind::Unsupported,
            "TLS to the server is not available in this version",
        )))
    }
}

/// A connection to a server.
#[derive(Debug)]
pub(crate) enum Stream {
    Tcp(Io<TcpStream>),
    Memory(Io<DuplexStream>),
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(io) => Pin::new(io).poll_read(cx, buf),
            Self::Memory(io) => Pin::new(io).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(io) => Pin::new(io).poll_write(cx, buf),
            Self::Memory(io) => Pin::new(io).poll_write(cx, buf),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(io) => Pin::new(io).poll_write_vectored(cx, bufs),
            Self::Memory(io) => Pin::new(io).poll_write_vectored(cx, bufs),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(io) => Pin::new(io).poll_flush(cx),
            Self::Memory(io) => Pin::new(io).poll_flush(cx),
        }
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(io) => Pin::new(io).poll_close(cx),
            Self::Memory(io) => Pin::new(io).poll_close(cx),
        }
    }
}
