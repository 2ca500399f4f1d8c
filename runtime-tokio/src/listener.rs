use std::{
    future::{Future as _, poll_fn},
    io,
    net::SocketAddr,
    pin::pin,
    task::Poll,
    time::{Duration, Instant},
};

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpListener, TcpStream};

use crate::{Io, Tokio, driver::dial};

/// Connections that the kernel keeps for us until they are accepted.
const BACKLOG: i32 = 1024;
/// First and longest wait after an error that says that the process has run out of something.
const WAIT: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));

/// A listener on one address; an IPv6 address listens on IPv6 alone.
#[derive(Debug)]
pub struct Listener {
    listener: TcpListener,
    wait: Duration,
    reported: Option<Instant>,
}

impl Listener {
    /// Listens on that address. Needs tokio's I/O driver.
    ///
    /// # Errors
    ///
    /// The system's, with the address in the text.
    pub fn bind(address: SocketAddr) -> io::Result<Self> {
        let bind = || {
            let socket = Socket::new(
                Domain::for_address(address),
                Type::STREAM,
                Some(Protocol::TCP),
            )?;
            if address.is_ipv6() {
                socket.set_only_v6(true)?;
            }
            // A restarted process need not wait for connections of the old one to time out.
            #[cfg(unix)]
            socket.set_reuse_address(true)?;
            socket.set_nonblocking(true)?;
            socket.bind(&address.into())?;
            socket.listen(BACKLOG)?;
            TcpListener::from_std(socket.into())
        };
        let listener = bind().map_err(|error: io::Error| {
            io::Error::new(error.kind(), format!("cannot listen on {address}: {error}"))
        })?;
        Ok(Self {
            listener,
            wait: WAIT.0,
            reported: None,
        })
    }

    /// The address, with the port that the kernel chose for port 0.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// The next connection, with Nagle's algorithm off. Cancel-safe.
    pub(crate) async fn try_accept(&self) -> io::Result<(Io<TcpStream>, SocketAddr)> {
        accept_on(&self.listener).await
    }

    /// The next connection, with Nagle's algorithm off. Errors are waited out here (50 ms to 1 s):
    /// `report` hears of the first at once and of those behind it once a second, and gets `None` as
    /// soon as the listener accepts again, whether or not a connection is there. Cancel-safe.
    pub async fn accept(
        &mut self,
        mut report: impl FnMut(Option<&io::Error>),
    ) -> (Io<TcpStream>, SocketAddr) {
        let Self {
            listener,
            wait,
            reported,
        } = self;
        loop {
            let mut accepted = pin!(accept_on(listener));
            // The kernel refuses before it looks whether somebody is there.
            let now = poll_fn(|cx| Poll::Ready(accepted.as_mut().poll(cx))).await;
            if !matches!(now, Poll::Ready(Err(_))) && reported.take().is_some() {
                report(None);
            }
            let accepted = match now {
                Poll::Ready(accepted) => accepted,
                Poll::Pending => accepted.await,
            };
            let error = match accepted {
                Ok(accepted) => {
                    *wait = WAIT.0;
                    return accepted;
                }
                Err(error) => error,
            };
            if matches!(
                error.kind(),
                io::ErrorKind::ConnectionAborted
                    | io::ErrorKind::ConnectionReset
                    | io::ErrorKind::Interrupted
            ) {
                // A client that was gone before it was accepted.
                continue;
            }
            if reported.is_none_or(|at| at.elapsed() >= Duration::from_secs(1)) {
                *reported = Some(Instant::now());
                report(Some(&error));
            }
            tokio::time::sleep(*wait).await;
            *wait = (*wait * 2).min(WAIT.1);
        }
    }
}

async fn accept_on(listener: &TcpListener) -> io::Result<(Io<TcpStream>, SocketAddr)> {
    let (stream, peer) = listener.accept().await?;
    // A peer that is gone already shows itself at the first read.
    let _ = stream.set_nodelay(true);
    Ok((Io(stream), peer))
}

/// Connects to `host:port`: every address that the name has in turn, each with its share of
/// `timeout`.
///
/// # Errors
///
/// The last address's, `TimedOut` where it did not answer, `NotFound` where the name has none.
pub async fn connect(host: &str, port: u16, timeout: Duration) -> io::Result<Io<TcpStream>> {
    let look_up = async { Ok(tokio::net::lookup_host((host, port)).await?.collect()) };
    dial(host, look_up, connect_one, timeout, &Tokio::current()).await
}

/// The same where the look-up was done: connects to one of these addresses.
///
/// # Errors
///
/// As [`connect`]'s.
pub async fn connect_to(addresses: &[SocketAddr], timeout: Duration) -> io::Result<Io<TcpStream>> {
    let known = std::future::ready(Ok(addresses.to_vec()));
    let runtime = Tokio::current();
    dial("the server", known, connect_one, timeout, &runtime).await
}

/// A connection, with Nagle's algorithm off.
pub(crate) async fn connect_one(address: SocketAddr) -> io::Result<Io<TcpStream>> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(Io(stream))
}
