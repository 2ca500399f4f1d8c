//! The same on async-std, which is discontinued: for those who still run it.

use std::{
    future::Future,
    io::{self, IoSlice},
    net::Shutdown,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Instant,
};

use async_std::net::TcpStream;
use futures_io::{AsyncRead, AsyncWrite};

use crate::{Sleep, driver};

/// async-std's executor, and the clock that it shares with smol.
#[derive(Clone, Copy, Debug, Default)]
pub struct AsyncStd;

impl driver::Runtime for AsyncStd {
    type Sleep = Sleep;

    fn now(&self) -> Instant {
        Instant::now()
    }

    fn sleep_until(&self, at: Instant) -> Sleep {
        Sleep(smol::Timer::at(at))
    }

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        drop(async_std::task::spawn(task));
    }
}

/// A stream of async-std's. Its own `poll_close` only flushes, so that a peer would wait for our
/// end in vain; this one shuts down writing.
#[derive(Debug)]
pub struct Socket(pub TcpStream);

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write_vectored(cx, bufs)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.0).poll_flush(cx))?;
        Poll::Ready(self.0.shutdown(Shutdown::Write))
    }
}

#[cfg(feature = "client")]
mod client {
    use std::{io, net::SocketAddr};

    use async_std::net::{TcpStream, ToSocketAddrs as _};
    use futures_rustls::TlsConnector;

    use super::{AsyncStd, Socket};
    use crate::{
        client::{BoxStream, Builder, Network, NotADomain},
        driver::{tls::Handshake, websocket::Turns},
        seed,
    };

    impl AsyncStd {
        /// A client for a domain.
        ///
        /// # Errors
        ///
        /// Where it is no domain.
        pub fn client(domain: &str) -> Result<Builder<Self>, NotADomain> {
            Builder::new(domain, Self)
        }
    }

    impl Network for AsyncStd {
        async fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
            Ok((host, port).to_socket_addrs().await?.collect())
        }

        async fn connect(&self, address: SocketAddr) -> io::Result<BoxStream> {
            let stream = TcpStream::connect(address).await?;
            stream.set_nodelay(true)?;
            Ok(Box::new(Socket(stream)))
        }

        async fn start_tls(
            &self,
            stream: BoxStream,
            handshake: Handshake,
        ) -> io::Result<BoxStream> {
            let connector = TlsConnector::from(handshake.config);
            let stream = connector.connect(handshake.name, stream).await?;
            Ok(Box::new(stream))
        }

        fn turns(&self) -> &Turns {
            Turns::of_process()
        }

        fn seed(&self) -> io::Result<[u8; 32]> {
            seed()
        }
    }
}

#[cfg(feature = "server")]
mod server {
    use std::{io, net::SocketAddr};

    use async_std::net::TcpListener;

    use super::Socket;
    use crate::{driver::BoxStream, server::Accept};

    impl Accept for TcpListener {
        async fn accept(&mut self) -> io::Result<(BoxStream, SocketAddr)> {
            let (stream, peer) = Self::accept(self).await?;
            let _ = stream.set_nodelay(true);
            Ok((Box::new(Socket(stream)), peer))
        }
    }
}
