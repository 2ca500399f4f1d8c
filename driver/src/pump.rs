//! One machine on one byte stream.
//!
//! Rules: write, read and clock are always polled together, so that a peer that will not read can stop neither our reading nor a
//! deadline. All progress lives in the pump: a dropped `next()` loses nothing. An I/O error is the transport's end, and the machine hears of
//! it as `handle_eof`; what it still wants to write then is thrown away.

use std::{
    cell::RefCell,
    future::Future,
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};

use bytes::{Buf, BytesMut};
use futures_io::{AsyncRead, AsyncWrite};
use xmpp_http1::Transmit;

use crate::{Machine, Order, Runtime};

/// Bytes of one read. One buffer per thread, initialised once: filling it with zeros for each read would cost more than the protocols.
const READ_BYTES: usize = 64 * 1024;
/// Turns of the loop before other tasks get theirs.
const TURNS: usize = 32;
/// What a peer may still send behind our last bytes; closing with unread data would destroy them (RFC 6455 §7.1.1).
const DRAIN_BYTES: usize = 4 * 1024 * 1024;
/// How long it may do so.
const DRAIN_TIME: Duration = Duration::from_secs(2);

thread_local! {
    static SCRATCH: RefCell<Vec<u8>> = RefCell::new(vec![0; READ_BYTES]);
}

/// What a pump comes back with.
#[derive(Debug, PartialEq, Eq)]
pub enum Step<E> {
    /// The machine delivered.
    Event(E),
    /// The stream belongs to the next machine: `into_parts`.
    Detached,
    /// TLS is wanted on the stream: do the handshake, then tell the machine.
    StartTls,
}

/// What comes once the bytes are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Running,
    Detaching,
    StartingTls,
    Closing,
    Draining { left: usize },
    Over,
}

/// One machine on one byte stream.
#[derive(Debug)]
pub struct Pump<M, S, R: Runtime> {
    machine: M,
    io: S,
    runtime: R,
    input: BytesMut,
    output: Transmit,
    sleep: Option<(Instant, R::Sleep)>,
    phase: Phase,
    /// Bytes were left behind an earlier machine: the new one looks at them before the first read.
    unread: bool,
    unflushed: bool,
    eof: bool,
    broken: bool,
}

impl<M: Machine, S: AsyncRead + AsyncWrite + Unpin, R: Runtime> Pump<M, S, R> {
    /// A pump; `unread` are bytes that an earlier machine left.
    pub fn new(machine: M, io: S, unread: BytesMut, runtime: R) -> Self {
        Self {
            machine,
            io,
            runtime,
            unread: !unread.is_empty(),
            input: unread,
            output: Transmit::default(),
            sleep: None,
            phase: Phase::Running,
            unflushed: false,
            eof: false,
            broken: false,
        }
    }

    /// The machine.
    pub fn machine(&self) -> &M {
        &self.machine
    }

    /// The machine, to tell it what the application wants; poll the pump afterwards.
    pub fn machine_mut(&mut self) -> &mut M {
        &mut self.machine
    }

    /// The stream, to exchange it for another one; poll the pump afterwards.
    pub fn io_mut(&mut self) -> &mut S {
        &mut self.io
    }

    /// Throws away what was read and not yet taken by the machine: plain text in front of a TLS handshake.
    pub fn discard_input(&mut self) {
        self.input = BytesMut::new();
        self.unread = false;
    }

    /// The clock.
    pub fn now(&self) -> Instant {
        self.runtime.now()
    }

    /// Runs until the machine delivers; `None` when it is over. Cancel-safe: all progress lives in `self`.
    pub async fn next(&mut self) -> Option<Step<M::Event>> {
        std::future::poll_fn(|cx| self.poll_next(cx)).await
    }

    /// The same for hand-written futures.
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Step<M::Event>>> {
        for _ in 0..TURNS {
            if self.phase == Phase::Over {
                return Poll::Ready(None);
            }
            if let Some(event) = self.take_orders() {
                return Poll::Ready(event);
            }
            if self.output_is_empty() && !matches!(self.phase, Phase::Draining { .. }) {
                self.output = self.machine.poll_transmit().unwrap_or_default();
                // What became due by the last bytes' leaving comes before what follows them.
                if let Some(event) = self.take_orders() {
                    return Poll::Ready(event);
                }
            }
            let wrote = self.poll_write(cx).is_ready();
            if self.output_is_empty()
                && !self.unflushed
                && let Poll::Ready(step) = self.poll_phase(cx)
            {
                return Poll::Ready(step);
            }
            let read = self.poll_read(cx).is_ready();
            let fired = self.poll_timer(cx).is_ready();
            if !(wrote || read || fired) {
                return Poll::Pending;
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Machine, stream, unread bytes.
    pub fn into_parts(self) -> (M, S, BytesMut) {
        (self.machine, self.io, self.input)
    }

    fn take_orders(&mut self) -> Option<Option<Step<M::Event>>> {
        while let Some(order) = self.machine.poll_order() {
            self.phase = match order {
                Order::Deliver(event) => return Some(Some(Step::Event(event))),
                Order::Detach => Phase::Detaching,
                Order::StartTls => Phase::StartingTls,
                Order::Close => Phase::Closing,
                Order::Abort => {
                    self.phase = Phase::Over;
                    return Some(None);
                }
            };
        }
        None
    }

    fn output_is_empty(&self) -> bool {
        self.output.head.is_empty() && self.output.payload.is_empty()
    }

    /// Everything is written: what the phase asks for then. `Pending` goes on with the loop.
    fn poll_phase(&mut self, cx: &mut Context<'_>) -> Poll<Option<Step<M::Event>>> {
        match self.phase {
            Phase::Running | Phase::Draining { .. } => Poll::Pending,
            Phase::Detaching => {
                self.phase = Phase::Running;
                Poll::Ready(Some(Step::Detached))
            }
            Phase::StartingTls => {
                self.phase = Phase::Running;
                Poll::Ready(Some(Step::StartTls))
            }
            Phase::Closing => {
                // An error here means that the transport is gone already.
                let closed = ready!(Pin::new(&mut self.io).poll_close(cx));
                if self.eof || self.broken || closed.is_err() {
                    self.phase = Phase::Over;
                    return Poll::Ready(None);
                }
                self.phase = Phase::Draining { left: DRAIN_BYTES };
                let until = self.runtime.now() + DRAIN_TIME;
                self.sleep = Some((until, self.runtime.sleep_until(until)));
                Poll::Pending
            }
            Phase::Over => Poll::Ready(None),
        }
    }

    /// `Ready` where something was written, or need not be written any more.
    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.output_is_empty() {
            if self.unflushed {
                let flushed = ready!(Pin::new(&mut self.io).poll_flush(cx));
                self.unflushed = false;
                if flushed.is_err() {
                    self.lose_transport();
                }
                return Poll::Ready(());
            }
            return Poll::Pending;
        }
        if self.broken {
            self.output = Transmit::default();
            return Poll::Ready(());
        }
        let Transmit { head, payload } = &mut self.output;
        let io = Pin::new(&mut self.io);
        let written = if payload.is_empty() {
            ready!(io.poll_write(cx, head))
        } else if head.is_empty() {
            ready!(io.poll_write(cx, payload))
        } else {
            ready!(io.poll_write_vectored(cx, &[IoSlice::new(head), IoSlice::new(payload)]))
        };
        match written {
            Ok(0) => self.lose_transport(),
            Ok(count) => {
                let of_head = count.min(head.len());
                head.advance(of_head);
                payload.advance((count - of_head).min(payload.len()));
                self.unflushed = true;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => self.lose_transport(),
        }
        Poll::Ready(())
    }

    /// `Ready` where the machine heard of something.
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let Phase::Draining { left } = self.phase {
            return self.poll_drain(cx, left);
        }
        if self.phase != Phase::Running || self.eof || !self.machine.wants_input() {
            return Poll::Pending;
        }
        if std::mem::take(&mut self.unread) {
            self.hand_over_input();
            return Poll::Ready(());
        }
        let (io, input) = (Pin::new(&mut self.io), &mut self.input);
        let read = SCRATCH.with_borrow_mut(|scratch| {
            let count = ready!(io.poll_read(cx, scratch))?;
            input.extend_from_slice(scratch.get(..count).unwrap_or_default());
            Poll::Ready(Ok::<usize, io::Error>(count))
        });
        match ready!(read) {
            Ok(0) => {
                self.eof = true;
                self.machine.handle_eof(self.runtime.now());
            }
            Ok(_) => self.hand_over_input(),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => self.lose_transport(),
        }
        Poll::Ready(())
    }

    fn hand_over_input(&mut self) {
        self.machine
            .handle_input(&mut self.input, self.runtime.now());
        if self.input.is_empty() {
            // An idle connection holds no buffer.
            self.input = BytesMut::new();
        } else if !self.machine.wants_input() {
            // What it left will be looked at when it wants input again, without a new read.
            self.unread = true;
        }
    }

    fn poll_drain(&mut self, cx: &mut Context<'_>, left: usize) -> Poll<()> {
        let io = Pin::new(&mut self.io);
        let read = SCRATCH.with_borrow_mut(|scratch| io.poll_read(cx, scratch));
        self.phase = match ready!(read) {
            Ok(count) if count > 0 && count < left => Phase::Draining { left: left - count },
            Ok(_) | Err(_) => Phase::Over,
        };
        Poll::Ready(())
    }

    fn lose_transport(&mut self) {
        self.broken = true;
        self.unflushed = false;
        self.output = Transmit::default();
        if !self.eof {
            self.eof = true;
            self.machine.handle_eof(self.runtime.now());
        }
        if matches!(self.phase, Phase::Draining { .. }) {
            self.phase = Phase::Over;
        }
    }

    /// `Ready` where a deadline has passed.
    fn poll_timer(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let draining = matches!(self.phase, Phase::Draining { .. });
        let wanted = if draining {
            self.sleep.as_ref().map(|(at, _)| *at)
        } else {
            self.machine.poll_timeout()
        };
        let Some(wanted) = wanted else {
            self.sleep = None;
            return Poll::Pending;
        };
        loop {
            let (at, sleep) = match &mut self.sleep {
                // A sleep that ends too early is armed again: deadlines mostly move to later, with every byte that comes.
                Some((at, sleep)) if *at <= wanted => (*at, sleep),
                slot => {
                    let (at, sleep) = slot.insert((wanted, self.runtime.sleep_until(wanted)));
                    (*at, sleep)
                }
            };
            if Pin::new(sleep).poll(cx).is_pending() {
                return Poll::Pending;
            }
            let now = self.runtime.now();
            self.sleep = None;
            if at < wanted && now < wanted {
                continue;
            }
            if draining {
                self.phase = Phase::Over;
            } else {
                self.machine.handle_timeout(now.max(at));
            }
            return Poll::Ready(());
        }
    }
}
