//! SOCKS 5: no authentication, or user and password (RFC 1928, RFC 1929).

use std::{
    future::{Future, poll_fn},
    io,
    net::IpAddr,
    pin::{Pin, pin},
    task::Poll,
    time::Duration,
};

use bytes::BytesMut;
use futures_io::{AsyncRead, AsyncWrite};
use xmpp_machine::Proved as _;

use super::{Credentials, Host, ProxyError, Target, Tunnel};
use crate::{Runtime, alarm::Alarm};

const VERSION: u8 = 5;
const NO_AUTHENTICATION: u8 = 0;
const USER_PASSWORD: u8 = 2;
const NOTHING_ACCEPTABLE: u8 = 0xff;
/// RFC 1929's own version.
const SUBNEGOTIATION: u8 = 1;
const CONNECT: u8 = 1;
const IPV4: u8 = 1;
const NAME: u8 = 3;
const IPV6: u8 = 4;

/// Why a proxy refused to connect (RFC 1928 §6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// 1
    #[error("general failure")]
    General,
    /// 2
    #[error("not allowed by the proxy's rules")]
    NotAllowed,
    /// 3
    #[error("the network is unreachable")]
    NetworkUnreachable,
    /// 4
    #[error("the host is unreachable")]
    HostUnreachable,
    /// 5
    #[error("the connection was refused")]
    ConnectionRefused,
    /// 6
    #[error("the time to live expired")]
    Expired,
    /// 7
    #[error("the proxy does not know CONNECT")]
    Command,
    /// 8
    #[error("the proxy does not know this kind of address")]
    AddressType,
    /// A code that RFC 1928 §6 does not assign.
    #[error("code {0}")]
    Other(u8),
}

/// Asks the SOCKS 5 proxy at the other end of `stream` for a tunnel, within `timeout`. User and password are told only if the proxy wants
/// them. Never reads a byte behind the proxy's answer.
///
/// # Errors
///
/// See [`ProxyError`].
pub async fn connect<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: S,
    target: &Target,
    credentials: Option<&Credentials>,
    timeout: Duration,
    runtime: impl Runtime,
) -> Result<Tunnel<S>, ProxyError> {
    let until = runtime.now() + timeout;
    {
        let mut alarm = Alarm::new();
        let mut asking = pin!(ask(&mut stream, target, credentials));
        poll_fn(|cx| match asking.as_mut().poll(cx) {
            Poll::Ready(answer) => Poll::Ready(answer),
            Poll::Pending if alarm.poll(cx, &runtime, until) => {
                Poll::Ready(Err(ProxyError::Timeout))
            }
            Poll::Pending => Poll::Pending,
        })
        .await?;
    }
    Ok(Tunnel::new(stream, BytesMut::new()))
}

async fn ask<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    target: &Target,
    credentials: Option<&Credentials>,
) -> Result<(), ProxyError> {
    let methods: &[u8] = match credentials {
        None => &[VERSION, 1, NO_AUTHENTICATION],
        Some(_) => &[VERSION, 2, NO_AUTHENTICATION, USER_PASSWORD],
    };
    write(stream, methods).await?;
    let [version, method] = read(stream).await?;
    if version != VERSION {
        return Err(ProxyError::Malformed("not SOCKS 5"));
    }
    match (method, credentials) {
        (NO_AUTHENTICATION, _) => {}
        (USER_PASSWORD, Some(credentials)) => authenticate(stream, credentials).await?,
        (NOTHING_ACCEPTABLE, _) => return Err(ProxyError::Unauthorized),
        _ => return Err(ProxyError::Malformed("a method that was not offered")),
    }
    write(stream, &request(target)).await?;
    let [version, code, _reserved, kind] = read(stream).await?;
    if version != VERSION {
        return Err(ProxyError::Malformed("not SOCKS 5"));
    }
    if let Some(refusal) = refusal(code) {
        return Err(ProxyError::Refused(refusal));
    }
    // Where the proxy connects from, which nobody asks here.
    match kind {
        IPV4 => read::<S, 6>(stream).await.map(drop),
        IPV6 => read::<S, 18>(stream).await.map(drop),
        NAME => {
            let [length] = read(stream).await?;
            for _ in 0..usize::from(length) + 2 {
                read::<S, 1>(stream).await?;
            }
            Ok(())
        }
        _ => Err(ProxyError::Malformed("an unknown kind of address")),
    }
}

/// RFC 1929 §2.
async fn authenticate<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    Credentials { user, password }: &Credentials,
) -> Result<(), ProxyError> {
    let mut message = vec![SUBNEGOTIATION];
    for text in [user, password] {
        push_counted(&mut message, text);
    }
    write(stream, &message).await?;
    // Some proxies repeat the other version; the status is what counts.
    let [_version, status] = read(stream).await?;
    if status == 0 {
        Ok(())
    } else {
        Err(ProxyError::Unauthorized)
    }
}

fn request(target: &Target) -> Vec<u8> {
    let mut message = vec![VERSION, CONNECT, 0];
    match &target.host {
        Host::Address(IpAddr::V4(address)) => {
            message.push(IPV4);
            message.extend_from_slice(&address.octets());
        }
        Host::Address(IpAddr::V6(address)) => {
            message.push(IPV6);
            message.extend_from_slice(&address.octets());
        }
        Host::Name(name) => {
            message.push(NAME);
            push_counted(&mut message, name);
        }
    }
    message.extend_from_slice(&target.port.to_be_bytes());
    message
}

/// A text behind its length. `Target` and `Credentials` have 255 bytes at most.
fn push_counted(message: &mut Vec<u8>, text: &str) {
    message.push(u8::try_from(text.len()).unwrap_or(u8::MAX));
    message.extend_from_slice(text.as_bytes());
}

fn refusal(code: u8) -> Option<Refusal> {
    Some(match code {
        0 => return None,
        1 => Refusal::General,
        2 => Refusal::NotAllowed,
        3 => Refusal::NetworkUnreachable,
        4 => Refusal::HostUnreachable,
        5 => Refusal::ConnectionRefused,
        6 => Refusal::Expired,
        7 => Refusal::Command,
        8 => Refusal::AddressType,
        other => Refusal::Other(other),
    })
}

async fn write<S: AsyncWrite + Unpin>(stream: &mut S, mut bytes: &[u8]) -> io::Result<()> {
    poll_fn(|cx| {
        while !bytes.is_empty() {
            match Pin::new(&mut *stream).poll_write(cx, bytes) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(Ok(count)) => bytes = bytes.proved(count..),
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
            }
        }
        Pin::new(&mut *stream).poll_flush(cx)
    })
    .await
}

async fn read<S: AsyncRead + Unpin, const N: usize>(stream: &mut S) -> Result<[u8; N], ProxyError> {
    let mut bytes = [0; N];
    let mut filled = 0;
    poll_fn(|cx| {
        while filled < N {
            let (_, room) = bytes.split_at_mut(filled);
            match Pin::new(&mut *stream).poll_read(cx, room) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into())),
                Poll::Ready(Ok(count)) => filled += count,
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
            }
        }
        Poll::Ready(Ok(()))
    })
    .await?;
    Ok(bytes)
}
