//! CONNECT (RFC 9110 §9.3.6).

use std::{io, sync::Arc, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::BytesMut;
use futures_io::{AsyncRead, AsyncWrite};
use xmpp_http1::client::{Cause, Closed, Config, Connection, Event, Request};

use super::{Credentials, ProxyError, Target, Tunnel};
use crate::{Pump, Runtime, Step};

/// Asks the HTTP proxy at the other end of `stream` for a tunnel; the answer has `timeout` to come.
///
/// # Errors
///
/// See [`ProxyError`].
pub async fn connect<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    target: &Target,
    credentials: Option<&Credentials>,
    timeout: Duration,
    runtime: impl Runtime,
) -> Result<Tunnel<S>, ProxyError> {
    let mut config = Config::default();
    config.head_timeout = timeout;
    config.body_timeout = timeout;
    // Only the status of a refusal matters.
    config.limits.body_bytes = 65_536;
    let now = runtime.now();
    let mut machine = Connection::new(Arc::new(config), now);
    machine
        .send(request(target, credentials), now)
        .map_err(|_| ProxyError::Target)?;
    let mut pump = Pump::new(machine, stream, BytesMut::new(), runtime);
    loop {
        match pump.next().await {
            Some(Step::Event(Event::Response(response))) => match response.head.status() {
                200..=299 => {}
                407 => return Err(ProxyError::Unauthorized),
                status => return Err(ProxyError::Status(status)),
            },
            Some(Step::Handover(xmpp_http1::Upgraded)) => break,
            Some(Step::Event(Event::Closed(closed))) => return Err(reason(&closed)),
            None => return Err(ended()),
        }
    }
    let (_, stream, unread) = pump.into_parts();
    Ok(Tunnel::new(stream, unread))
}

fn request(target: &Target, credentials: Option<&Credentials>) -> Request {
    let authority: Arc<str> = target.authority().into();
    let request = Request::new("CONNECT", Arc::clone(&authority), authority);
    match credentials {
        None => request,
        Some(Credentials { user, password }) => {
            let basic = STANDARD.encode(format!("{user}:{password}"));
            request.with_field("Proxy-Authorization", format!("Basic {basic}"))
        }
    }
}

fn reason(closed: &Closed) -> ProxyError {
    match closed.cause {
        Cause::Timeout => ProxyError::Timeout,
        Cause::Fault => ProxyError::Malformed("its answer is no HTTP/1.1, or past the limits"),
        Cause::Ours | Cause::Peer | Cause::Network | _ => ended(),
    }
}

fn ended() -> ProxyError {
    ProxyError::Io(io::ErrorKind::UnexpectedEof.into())
}
