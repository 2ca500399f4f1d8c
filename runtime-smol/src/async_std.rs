//! The same on async-std, which is discontinued: for those who still run it.

use std::{future::Future, time::Instant};

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

#[cfg(feature = "client")]
mod client {
    use std::{io, net::SocketAddr};

    use async_std::net::{TcpStream, ToSocketAddrs as _};
    use futures_rustls::TlsConnector;

    use super::AsyncStd;
    use crate::{
        client::{BoxStream, Builder, Network, NotADomain},
        driver::tls::Handshake,
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
            Ok(Box::new(stream))
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

        fn seed(&self) -> io::Result<[u8; 32]> {
            seed()
        }
    }
}

#[cfg(feature = "server")]
mod server {
    use std::{io, net::SocketAddr};

    use async_std::net::TcpListener;

    use crate::{driver::BoxStream, server::Accept};

    impl Accept for TcpListener {
        async fn accept(&mut self) -> io::Result<(BoxStream, SocketAddr)> {
            let (stream, peer) = Self::accept(self).await?;
            let _ = stream.set_nodelay(true);
            Ok((Box::new(stream), peer))
        }
    }
}
