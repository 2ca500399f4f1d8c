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
    Response, Upgraded, forwarded,
    server::{Config, LongBody, Request, RequestId},
};

use crate::{
    Pump, Runtime, Step,
    bosh::{Exchange, Hub, Origin},
};

/// Makes the HTTP response of the manager's answer.
type Dress = Box<dyn FnOnce(bosh_proto::Response) -> Response + Send>;

/// Whatever stands for the room of a long body: dropped when the body has come whole, or comes no more.
pub type BodyPermit = Box<dyn Send>;

/// Asked about a long body, with whether the connection has carried a request of a client that had signed in.
type AdmitBody = Box<dyn FnMut(&LongBody, bool) -> Option<BodyPermit> + Send>;

/// An accepted connection. While it is asked for the next request it also writes answers, and drives the exchanges in flight.
pub struct Connection<S, R: Runtime> {
    pump: Pump<xmpp_http1::server::Connection, S, R>,
    in_flight: Vec<InFlight<R>>,
    admit_body: Option<AdmitBody>,
    body: Option<BodyPermit>,
    /// It has carried a request of a client that had signed in.
    signed_in: bool,
    /// It ends where its session waits on another one.
    hasty: bool,
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
            admit_body: None,
            body: None,
            signed_in: false,
            hasty: false,
        }
    }

    /// Asks `admit` about each body above `Config::ask_above` before it is read: with `None` its request gets a 503 and the connection ends.
    /// The second argument says whether the connection has carried a request of a client that had signed in. Without this all are read.
    #[must_use]
    pub fn with_bodies(
        mut self,
        admit: impl FnMut(&LongBody, bool) -> Option<BodyPermit> + Send + 'static,
    ) -> Self {
        self.admit_body = Some(Box::new(admit));
        self
    }

    /// Whether a request of a client that had signed in waits for its answer.
    pub fn carries_session(&self) -> bool {
        self.in_flight
            .iter()
            .any(|flight| flight.dress.is_some() && flight.exchange.is_signed_in())
    }

    /// For when connections are few: a BOSH answer ends its connection where the session waits on another one, and nothing else is owed here.
    pub fn set_hasty(&mut self, hasty: bool) {
        self.hasty = hasty;
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
                Some(Step::Event(Event::Request(request))) => {
                    self.body = None;
                    return Poll::Ready(Some(request));
                }
                Some(Step::Event(Event::Body(body))) => self.ask(&body),
                Some(Step::Event(Event::Sent(id))) => self.sent(id),
                Some(Step::Event(Event::Closed(closed))) => {
                    tracing::debug!(cause = ?closed.cause, reason = ?closed.reason, "connection closed");
                    self.in_flight.clear();
                }
                // Only `upgrade` makes the machine detach, and it polls the pump by itself.
                Some(Step::Handover(_)) | None => {
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
        self.signed_in |= exchange.is_signed_in();
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
            address: origin.address,
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
                Some(Step::Handover(Upgraded)) => break,
                // Earlier answers may still be on their way; no request is read behind an upgrade.
                Some(Step::Event(Event::Sent(id))) => self.sent(id),
                Some(Step::Event(Event::Request(_) | Event::Body(_) | Event::Closed(_))) | None => {
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

    /// Decides about a long body.
    fn ask(&mut self, body: &LongBody) {
        let now = self.pump.now();
        match &mut self.admit_body {
            None => self.pump.machine_mut().admit_body(now),
            Some(admit) => match admit(body, self.signed_in) {
                Some(permit) => {
                    self.body = Some(permit);
                    self.pump.machine_mut().admit_body(now);
                }
                None => self.pump.machine_mut().refuse_body(503, now),
            },
        }
    }

    fn poll_exchanges(&mut self, cx: &mut Context<'_>) {
        let now = self.pump.now();
        let alone = self.in_flight.len() == 1;
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
                        let mut response = dress(answer);
                        response.close |= self.hasty && alone && flight.exchange.waits_elsewhere();
                        self.pump
                            .machine_mut()
                            .respond(flight.request, response, now);
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
