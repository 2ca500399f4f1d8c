//! HTTP connections that carry BOSH exchanges, pages and upgrades.

use std::{
    fmt,
    future::Future as _,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bosh_proto::binding::{self, Inbound};
use bytes::BytesMut;
use futures_io::{AsyncRead, AsyncWrite};
use xmpp_http1::server::Event;
pub use xmpp_http1::{
    Response, forwarded,
    server::{Config, Request, RequestId},
};

use crate::{
    Pump, Runtime, Step,
    bosh::{Exchange, Hub, Origin},
};

/// Makes the HTTP response of the manager's answer.
type Dress = Box<dyn FnOnce(bosh_proto::Response) -> Response + Send>;

/// An accepted connection. While it is asked for the next request it also writes answers, and drives the exchanges in flight.
pub struct Connection<S, R: Runtime> {
    pump: Pump<xmpp_http1::server::Connection, S, R>,
    in_flight: Vec<InFlight<R>>,
}

struct InFlight<R: Runtime> {
    request: RequestId,
    exchange: Exchange<R>,
    /// Taken when the answer is there; its bytes may still be on their way then.
    dress: Option<Dress>,
}

impl<S, R: Runtime> fmt::Debug for Connection<S, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("in_flight", &self.in_flight.len())
            .finish_non_exhaustive()
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin, R: Runtime> Connection<S, R> {
    /// A connection accepted now.
    pub fn new(io: S, config: Arc<Config>, runtime: R) -> Self {
        let machine = xmpp_http1::server::Connection::new(config, runtime.now());
        Self {
            pump: Pump::new(machine, io, BytesMut::new(), runtime),
            in_flight: Vec::new(),
        }
    }

    /// The next request; `None` when the connection is over. Cancel-safe.
    pub async fn next(&mut self) -> Option<Request> {
        std::future::poll_fn(|cx| self.poll_next(cx)).await
    }

    /// The same for hand-written futures.
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Request>> {
        loop {
            self.poll_exchanges(cx);
            let Poll::Ready(step) = self.pump.poll_next(cx) else {
                return Poll::Pending;
            };
            match step {
                Some(Step::Event(Event::Request(request))) => return Poll::Ready(Some(request)),
                Some(Step::Event(Event::Sent(id))) => self.sent(id),
                Some(Step::Event(Event::Closed(closed))) => {
                    tracing::debug!(cause = ?closed.cause, "connection closed");
                    self.in_flight.clear();
                }
                // Only `upgrade` makes the machine detach, and it polls the pump by itself.
                Some(Step::Detached | Step::StartTls) | None => {
                    self.in_flight.clear();
                    return Poll::Ready(None);
                }
            }
        }
    }

    /// Answers one at once.
    pub fn respond(&mut self, id: RequestId, response: Response) {
        let now = self.pump.now();
        self.pump.machine_mut().respond(id, response, now);
    }

    /// Answers one with what the hub says; `dress` makes the HTTP response of it. The hub hears when the bytes left, or
    /// that the client is gone.
    pub fn exchange(
        &mut self,
        id: RequestId,
        hub: &Hub<R>,
        request: bosh_proto::Request,
        dress: impl FnOnce(bosh_proto::Response) -> Response + Send + 'static,
    ) {
        let exchange = hub.exchange(request);
        self.in_flight.push(InFlight {
            request: id,
            exchange,
            dress: Some(Box::new(dress)),
        });
    }

    /// Answers a request to a BOSH endpoint: with what the hub says, or at once where it is no exchange (a preflight, a page that may not).
    pub fn serve_bosh(
        &mut self,
        request: Request,
        hub: &Hub<R>,
        config: &Arc<binding::Config>,
        origin: Origin,
    ) {
        let Request { id, head, body, .. } = request;
        let content = match binding::inbound(config, &head) {
            Inbound::Answer(response) => Err(response),
            Inbound::Exchange => binding::content(config, &head, body),
        };
        let body = match content {
            Ok(body) => body,
            Err(response) => return self.respond(id, response),
        };
        let request = bosh_proto::Request {
            body,
            connection: origin.connection,
            source: origin.source,
            channel: origin.channel,
        };
        let config = Arc::clone(config);
        let dress = move |answer| binding::outbound(&config, &head, answer);
        self.exchange(id, hub, request, dress);
    }

    /// Answers with a 101 and gives the stream away, with the bytes that were read behind the request.
    ///
    /// # Errors
    ///
    /// `UnexpectedEof` where the connection ended before the 101 had left.
    pub async fn upgrade(mut self, id: RequestId, response: Response) -> io::Result<(S, BytesMut)> {
        self.respond(id, response);
        loop {
            let step = std::future::poll_fn(|cx| {
                self.poll_exchanges(cx);
                self.pump.poll_next(cx)
            });
            match step.await {
                Some(Step::Detached) => break,
                // Earlier answers may still be on their way; no request is read behind an upgrade.
                Some(Step::Event(Event::Sent(id))) => self.sent(id),
                Some(Step::Event(Event::Request(_) | Event::Closed(_)) | Step::StartTls) | None => {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
            }
        }
        let (_, io, unread) = self.pump.into_parts();
        Ok((io, unread))
    }

    /// Reads no more requests; what is owed still leaves (`next` until `None`).
    pub fn close(&mut self) {
        let now = self.pump.now();
        self.pump.machine_mut().close(now);
    }

    fn poll_exchanges(&mut self, cx: &mut Context<'_>) {
        let now = self.pump.now();
        for flight in &mut self.in_flight {
            if flight.dress.is_none() {
                continue;
            }
            match Pin::new(&mut flight.exchange).poll(cx) {
                Poll::Pending => {}
                Poll::Ready(None) => {
                    flight.dress = None;
                    self.pump.machine_mut().abort(now);
                }
                Poll::Ready(Some(answer)) => {
                    if let Some(dress) = flight.dress.take() {
                        self.pump
                            .machine_mut()
                            .respond(flight.request, dress(answer), now);
                    }
                }
            }
        }
    }

    fn sent(&mut self, id: RequestId) {
        if let Some(place) = self
            .in_flight
            .iter()
            .position(|flight| flight.request == id)
        {
            self.in_flight.swap_remove(place).exchange.sent();
        }
    }
}
