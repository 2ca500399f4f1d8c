use std::{future::Future, io, net::SocketAddr, pin::pin, time::Duration, time::Instant};

use futures_util::future::{Either, select};

use crate::Runtime;

/// Connects to a host: its addresses in turn, each with its share of the time that is left.
///
/// # Errors
///
/// The last address's, `TimedOut` where it did not answer, `NotFound` where the name has none.
pub async fn dial<S, C: Future<Output = io::Result<S>>>(
    host: &str,
    look_up: impl Future<Output = io::Result<Vec<SocketAddr>>>,
    connect: impl Fn(SocketAddr) -> C,
    timeout: Duration,
    runtime: &impl Runtime,
) -> io::Result<S> {
    let until = runtime.now() + timeout;
    let resolved = by(runtime, until, look_up).await;
    let addresses = resolved.ok_or_else(|| timed_out("the name's look-up"))??;
    let mut last = io::Error::new(io::ErrorKind::NotFound, format!("{host} has no address"));
    for (tried, address) in addresses.iter().enumerate() {
        let left = until.saturating_duration_since(runtime.now());
        let share = left / u32::try_from(addresses.len() - tried).unwrap_or(u32::MAX);
        match by(runtime, runtime.now() + share, connect(*address)).await {
            Some(Ok(stream)) => return Ok(stream),
            Some(Err(error)) => {
                last = io::Error::new(error.kind(), format!("{address}: {error}"));
            }
            None => last = timed_out(&address.to_string()),
        }
    }
    Err(last)
}

async fn by<T>(
    runtime: &impl Runtime,
    until: Instant,
    future: impl Future<Output = T>,
) -> Option<T> {
    match select(pin!(future), runtime.sleep_until(until)).await {
        Either::Left((value, _)) => Some(value),
        Either::Right(_) => None,
    }
}

fn timed_out(what: &str) -> io::Error {
    io::Error::new(
        io::ErrorKind::TimedOut,
        format!("{what} did not answer in time"),
    )
}
