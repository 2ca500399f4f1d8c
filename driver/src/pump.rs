use std::{
    io,
    task::{Context, Poll},
};

use bytes::BytesMut;
use futures_io::{AsyncRead, AsyncWrite};

use crate::{Machine, Runtime};

/// One machine on one byte stream.
#[derive(Debug)]
pub struct Pump<M, S, R> {
    machine: M,
    io: S,
    runtime: R,
}

/// What a pump comes back with.
#[derive(Debug)]
pub enum Step<E> {
    /// The machine delivered.
    Event(E),
    /// The stream belongs to the next machine: `into_parts`.
    Detached,
    /// TLS is wanted: `into_parts`, handshake, then a new pump with the same machine.
    StartTls,
}

impl<M: Machine, S: AsyncRead + AsyncWrite + Unpin, R: Runtime> Pump<M, S, R> {
    /// A pump; `unread` are bytes that an earlier machine left.
    pub fn new(_machine: M, _io: S, _unread: BytesMut, _runtime: R) -> Self {
        todo!()
    }
    /// The machine.
    pub fn machine(&self) -> &M {
        todo!()
    }
    /// The machine, to tell it what the application wants; poll the pump afterwards.
    pub fn machine_mut(&mut self) -> &mut M {
        todo!()
    }
    /// Runs until the machine delivers; `None` when it is over. Cancel-safe: all progress lives in `self`.
    pub async fn next(&mut self) -> io::Result<Option<Step<M::Event>>> {
        std::future::poll_fn(|cx| self.poll_next(cx)).await
    }
    /// The same for hand-written futures.
    pub fn poll_next(&mut self, _cx: &mut Context<'_>) -> Poll<io::Result<Option<Step<M::Event>>>> {
        todo!()
    }
    /// Machine, stream, unread bytes.
    pub fn into_parts(self) -> (M, S, BytesMut) {
        todo!()
    }
}
