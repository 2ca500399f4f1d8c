//! A relay and its connection to the server, which may not be there yet.

use std::{
    future::Future,
    io,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::BytesMut;
use futures_io::{AsyncRead, AsyncWrite};
use xmpp_stream::{
    Cause, Relay,
    client::Tls as StreamTls,
    relay::{self, ServerAction, begins_login},
    session::{Ending, Event, Order},
};

use crate::{Pump, Runtime, Step, relay::Upstream};

/// A stream that is on its way: until then it neither reads nor writes.
enum Slot<S> {
    Empty,
    Here(S),
}

type Dial<S> = Pin<Box<dyn Future<Output = io::Result<S>> + Send>>;
/// A dial to another place, and how TLS is done there.
type Redial<S> = Dial<(S, StreamTls)>;

/// What makes the stream.
enum Making<S> {
    Connection(Dial<S>),
    Elsewhere(Redial<S>),
    Tls(Dial<S>),
    Nothing,
}

pub(crate) struct Link<U: Upstream, R: Runtime> {
    pump: Pump<Relay, Slot<U::Stream>, R>,
    making: Making<U::Stream>,
    upstream: U,
    /// Why the server was not reached has been told.
    reported: bool,
}

impl<U: Upstream, R: Runtime> Link<U, R> {
    /// Starts to connect when it is polled.
    pub(crate) fn new(relay: Relay, upstream: U, runtime: R) -> Self {
        let making = Making::Connection(Box::pin(upstream.connect()));
        Self {
            pump: Pump::new(relay, Slot::Empty, BytesMut::new(), runtime),
            making,
            upstream,
            reported: false,
        }
    }

    pub(crate) fn upstream(&self) -> &U {
        &self.upstream
    }

    pub(crate) fn relay(&self) -> &Relay {
        self.pump.machine()
    }

    pub(crate) fn relay_mut(&mut self) -> &mut Relay {
        self.pump.machine_mut()
    }

    /// Tells the relay what the client's session told. Nobody waits for a server that a client leaves before it is reached.
    pub(crate) fn handle_session<E>(&mut self, event: Event<E>) {
        let now = self.pump.now();
        if let Event::Element(element) = &event
            && begins_login(element)
            && !self.upstream.admits_login()
        {
            return self.pump.machine_mut().refuse_login(now);
        }
        let leaves = matches!(event, Event::Closing | Event::Closed(_));
        self.pump.machine_mut().handle_session(event, now);
        if leaves {
            self.stop_dialing();
        }
    }

    /// The process is going down.
    pub(crate) fn shut_down(&mut self) {
        let now = self.pump.now();
        self.pump.machine_mut().shutdown(now);
        self.stop_dialing();
    }

    fn stop_dialing(&mut self) {
        if matches!(self.making, Making::Connection(_) | Making::Elsewhere(_)) {
            self.making = Making::Nothing;
            let now = self.pump.now();
            self.pump.machine_mut().handle_unreachable(now);
        }
    }

    /// The next order for the client's session; `None` when the stream is over.
    pub(crate) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Order>> {
        loop {
            self.poll_making(cx);
            let Poll::Ready(step) = self.pump.poll_next(cx) else {
                return Poll::Pending;
            };
            match step {
                Some(Step::Event(relay::Event::Server(action))) => self.apply(action),
                Some(Step::Event(relay::Event::Session(order))) => {
                    if let Order::End(Ending::Unreachable(_) | Ending::Lost) = &order {
                        self.report(None);
                    }
                    return Poll::Ready(Some(order));
                }
                Some(Step::Handover(xmpp_stream::StartTls)) => {
                    // Plain text behind <proceed/> is nobody's (RFC 6120 §5.4.3.3).
                    self.pump.resume();
                    if let Slot::Here(stream) = std::mem::replace(self.pump.io_mut(), Slot::Empty) {
                        self.making = Making::Tls(Box::pin(self.upstream.start_tls(stream)));
                    }
                }
                None => {
                    tracing::debug!("the stream to the server is over");
                    return Poll::Ready(None);
                }
            }
        }
    }

    /// What the relay wants of the way to the server.
    fn apply(&mut self, action: ServerAction) {
        let now = self.pump.now();
        match action {
            ServerAction::Redial(target) => {
                tracing::debug!(host = %target.host, port = target.port, "the server is elsewhere");
                self.making = match self.pump.replace_io(Slot::Empty) {
                    Slot::Here(from) => {
                        Making::Elsewhere(Box::pin(self.upstream.connect_to(&target, from)))
                    }
                    // Nobody can have said so.
                    Slot::Empty => {
                        self.pump.machine_mut().handle_unreachable(now);
                        Making::Nothing
                    }
                };
            }
            ServerAction::Remember { id, node } => self.upstream.remember(&id, &node),
            ServerAction::Locate { id } => {
                let node = self.upstream.locate(&id);
                self.pump.machine_mut().handle_located(node, now);
            }
            ServerAction::LoginSucceeded { account } => {
                self.upstream.login_succeeded(account.as_deref());
            }
            ServerAction::LoginFailed { account } => {
                let delay = self.upstream.login_failed(account.as_deref());
                if !delay.is_zero() {
                    self.pump.machine_mut().pause(now + delay);
                }
                // Behind the answer: what was sent ahead does not reach the server.
                if !self.upstream.admits_login() {
                    self.pump.machine_mut().refuse_login(now);
                }
            }
            ServerAction::Warn(warning) => self.upstream.warn(warning),
            ServerAction::Repaired { repair, from } => {
                self.upstream.repaired(repair, from.as_deref());
            }
        }
    }

    /// Says once why there is no server: the error, or what the stream knows.
    fn report(&mut self, error: Option<io::Error>) {
        if std::mem::replace(&mut self.reported, true) {
            return;
        }
        let cause = self.pump.machine().cause();
        let error = error.unwrap_or_else(|| match cause {
            Some(Cause::Tls) => io::Error::other("the server did not agree to STARTTLS"),
            Some(Cause::Timeout) => io::ErrorKind::TimedOut.into(),
            Some(Cause::Network) => io::ErrorKind::UnexpectedEof.into(),
            Some(_) | None => io::Error::other("the server ended the stream"),
        });
        tracing::debug!(%error, "the server was not reached, or was lost");
        self.upstream.lost(&error);
    }

    fn poll_making(&mut self, cx: &mut Context<'_>) {
        let made = match &mut self.making {
            Making::Connection(dial) | Making::Tls(dial) => {
                dial.as_mut().poll(cx).map_ok(|stream| (stream, None))
            }
            Making::Elsewhere(dial) => dial
                .as_mut()
                .poll(cx)
                .map_ok(|(stream, tls)| (stream, Some(tls))),
            Making::Nothing => return,
        };
        let Poll::Ready(made) = made else {
            return;
        };
        let was = std::mem::replace(&mut self.making, Making::Nothing);
        let now = self.pump.now();
        match made {
            Ok((stream, elsewhere)) => {
                tracing::debug!("the server was reached");
                if let Some(tls) = elsewhere {
                    // With the bytes that the relay had for a place that it did not know.
                    self.pump.replace_io(Slot::Here(stream));
                    self.pump.machine_mut().handle_redialed(tls, now);
                } else {
                    *self.pump.io_mut() = Slot::Here(stream);
                }
                if matches!(was, Making::Tls(_)) {
                    self.pump.machine_mut().handle_tls(now);
                }
            }
            Err(error) => {
                self.report(Some(error));
                self.pump.machine_mut().handle_unreachable(now);
            }
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Slot<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Here(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Empty => Poll::Pending,
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Slot<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Here(stream) => Pin::new(stream).poll_write(cx, buf),
            Self::Empty => Poll::Pending,
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Here(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
            Self::Empty => Poll::Pending,
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Here(stream) => Pin::new(stream).poll_flush(cx),
            Self::Empty => Poll::Ready(Ok(())),
        }
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Here(stream) => Pin::new(stream).poll_close(cx),
            // There is nothing to wait for: an error ends the pump at once.
            Self::Empty => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
        }
    }
}
