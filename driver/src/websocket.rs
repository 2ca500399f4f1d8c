//! The client's end of a WebSocket's opening handshake, on a stream that is connected (and has done its TLS) already.

use std::{
    collections::BTreeMap,
    io,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError, Weak},
    task::{Context, Poll},
    time::Duration,
};

use bytes::{Buf, BytesMut};
use futures_io::{AsyncRead, AsyncWrite};
use futures_util::lock;
use ws_framing::handshake::client::{Handshake, Refused, Upgraded};
use xmpp_machine::Proved as _;

use crate::Runtime;

/// Bytes of one read.
const READ_BYTES: usize = 4096;

/// Whose turn it is to connect: to one address and port one WebSocket at a time, until its handshake has come to an end (RFC 6455 §4.1).
/// The clients of this crate take them from [`Network::turns`](crate::client::Network::turns).
///
/// ```
/// use xmpp_web_driver::websocket::Turns;
///
/// async fn dial(turns: &Turns, address: std::net::SocketAddr) {
///     let turn = turns.wait(address).await;
///     // Connect, and `open`; then the next may.
///     drop(turn);
/// }
/// ```
#[derive(Debug, Default)]
pub struct Turns(Mutex<BTreeMap<String, Weak<lock::Mutex<()>>>>);

/// The turn; it ends when this is dropped.
#[derive(Debug)]
pub struct Turn {
    _turn: lock::OwnedMutexGuard<()>,
}

impl Turns {
    /// Those of the whole process, which is one client of RFC 6455 §4.1.
    pub fn of_process() -> &'static Self {
        static TURNS: Turns = Turns(Mutex::new(BTreeMap::new()));
        &TURNS
    }

    /// Waits until nobody else is connecting to that address and port; where a proxy looks names up, to that name and port. Cancel-safe.
    pub async fn wait(&self, remote: impl ToString) -> Turn {
        Turn {
            _turn: self.lock_of(remote.to_string()).lock_owned().await,
        }
    }

    fn lock_of(&self, remote: String) -> Arc<lock::Mutex<()>> {
        let mut locks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(lock) = locks.get(&remote).and_then(Weak::upgrade) {
            return lock;
        }
        // Those that nobody has or waits for are forgotten.
        locks.retain(|_, lock| lock.strong_count() > 0);
        let lock = Arc::default();
        locks.insert(remote, Arc::downgrade(&lock));
        lock
    }
}

/// Why there is no WebSocket.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The server refused the handshake.
    #[error("the WebSocket handshake failed: {0}")]
    Refused(#[from] Refused),
    /// The connection failed, or ended, before the handshake was over.
    #[error("the connection was lost in the WebSocket handshake: {0}")]
    Io(#[from] io::Error),
    /// No whole answer came in time.
    #[error("the server did not answer the WebSocket handshake in time")]
    Timeout,
}

/// Sends the handshake's request and reads its answer, within `timeout`. Stream and unread bytes are for a `Pump` then.
///
/// Nothing is written behind the request before the answer has been judged (RFC 6455 §4.1).
///
/// # Errors
///
/// The stream is of no more use, and is dropped.
pub async fn open<S: AsyncRead + AsyncWrite + Unpin>(
    mut io: S,
    mut handshake: Handshake,
    timeout: Duration,
    runtime: &impl Runtime,
) -> Result<(Upgraded, S, BytesMut), OpenError> {
    let mut request = handshake.request().clone();
    let mut input = BytesMut::new();
    let mut flushed = false;
    let mut sleep = runtime.sleep_until(runtime.now() + timeout);
    let upgraded = std::future::poll_fn(|cx| {
        if let Poll::Ready(answer) = poll(
            cx,
            &mut io,
            &mut request,
            &mut flushed,
            &mut input,
            &mut handshake,
        ) {
            return Poll::Ready(answer);
        }
        std::future::Future::poll(Pin::new(&mut sleep), cx).map(|()| Err(OpenError::Timeout))
    })
    .await?;
    Ok((upgraded, io, input))
}

fn poll<S: AsyncRead + AsyncWrite + Unpin>(
    cx: &mut Context<'_>,
    io: &mut S,
    request: &mut bytes::Bytes,
    flushed: &mut bool,
    input: &mut BytesMut,
    handshake: &mut Handshake,
) -> Poll<Result<Upgraded, OpenError>> {
    while !request.is_empty() {
        match Pin::new(&mut *io).poll_write(cx, request)? {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(0) => {
                return Poll::Ready(Err(io::Error::from(io::ErrorKind::WriteZero).into()));
            }
            Poll::Ready(count) => request.advance(count),
        }
    }
    if !*flushed {
        match Pin::new(&mut *io).poll_flush(cx)? {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(()) => *flushed = true,
        }
    }
    loop {
        let mut scratch = [0; READ_BYTES];
        match Pin::new(&mut *io).poll_read(cx, &mut scratch)? {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(0) => {
                return Poll::Ready(Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()));
            }
            Poll::Ready(count) => {
                input.extend_from_slice(scratch.proved(..count));
                if let Some(upgraded) = handshake.handle_input(input)? {
                    return Poll::Ready(Ok(upgraded));
                }
            }
        }
    }
}
