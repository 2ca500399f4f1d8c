use std::{
    io::{self, IoSlice, IoSliceMut},
    pin::Pin,
    task::{Context, Poll},
};

use bytes::{Buf as _, BytesMut};
use futures_io::{AsyncRead, AsyncWrite};

/// A stream through a proxy. What came together with the proxy's answer is read first.
#[derive(Debug)]
pub struct Tunnel<S> {
    stream: S,
    unread: BytesMut,
}

impl<S> Tunnel<S> {
    pub(super) fn new(stream: S, unread: BytesMut) -> Self {
        Self { stream, unread }
    }

    /// The stream below, and the bytes that came behind the proxy's answer and were not read yet.
    pub fn into_parts(self) -> (S, BytesMut) {
        (self.stream, self.unread)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Tunnel<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        if self.unread.is_empty() {
            return Pin::new(&mut self.stream).poll_read(cx, buf);
        }
        let count = buf.len().min(self.unread.len());
        if let (Some(to), Some(from)) = (buf.get_mut(..count), self.unread.get(..count)) {
            to.copy_from_slice(from);
        }
        self.unread.advance(count);
        Poll::Ready(Ok(count))
    }

    fn poll_read_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.unread.is_empty() {
            return Pin::new(&mut self.stream).poll_read_vectored(cx, bufs);
        }
        match bufs.iter_mut().find(|buf| !buf.is_empty()) {
            Some(buf) => self.poll_read(cx, buf),
            None => Poll::Ready(Ok(0)),
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Tunnel<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_close(cx)
    }
}
