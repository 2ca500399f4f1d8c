//! One accepted connection: its requests, one after another, and perhaps a WebSocket at the end.

use std::{
    future::poll_fn,
    net::{IpAddr, SocketAddr},
    sync::Mutex,
    sync::PoisonError,
    time::Instant,
};

use futures_io::{AsyncRead, AsyncWrite};
use ws_framing::{deflate::Agreed, handshake::server::accept, xmpp};
use xmpp_http1::{RequestHead, Response, forwarded, server::LongBody};
use xmpp_web_tokio::{
    Tokio,
    driver::{
        bosh::{Channel, ConnectionId, Origin},
        http::{BodyPermit, Connection, Request},
        relay::serve_ws,
    },
};

use super::{
    admission::{ConnectionSlot, Permit},
    gate::Gate,
    reports::Cause,
    route::{Health, Route, Rules},
    shares::{Peer, Refusal},
};
use crate::logging::Untrusted;

/// An accepted connection and what is known of it.
pub(crate) struct Accepted<S> {
    pub(crate) io: S,
    pub(crate) peer: SocketAddr,
    /// Who speaks HTTP here: the peer, or the one that a PROXY header tells; `None` where it tells none.
    pub(crate) speaker: Option<IpAddr>,
    /// Whose share it counts against.
    pub(crate) asking: Peer,
    pub(crate) rules: std::sync::Arc<Rules>,
    /// What may be said of its channel (W-R-452).
    pub(crate) protected: bool,
    pub(crate) place: ConnectionSlot,
}

/// What comes after a request.
enum Next {
    Request,
    Upgrade(Box<(Request, Facts, Upgrade)>),
}

/// A handshake to go through with.
struct Upgrade {
    response: Response,
    compression: Option<Agreed>,
    permit: Permit,
}

/// A connection, with TLS or without.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

/// Serves it until it is over.
pub(crate) async fn serve<S: Stream>(accepted: Accepted<S>, gate: Gate) {
    let number = gate.number();
    let Accepted {
        io,
        peer,
        speaker,
        asking,
        rules,
        protected,
        mut place,
    } = accepted;
    tracing::debug!(connection = number, %peer, "connection accepted");
    let facts = Facts {
        number,
        peer,
        speaker,
        asking,
        client: match asking {
            Peer::Client(address) => Some(address),
            Peer::Proxy => None,
        },
        protected,
    };
    let mut connection =
        Connection::new(io, std::sync::Arc::clone(&gate.http), gate.runtime.clone())
            .with_bodies(bodies(facts, &gate));
    let mut shutdown = gate.shutdown.signal();
    let mut down = false;
    let upgrade = loop {
        let next = poll_fn(|cx| {
            connection.set_hasty(gate.admission.is_tight());
            let next = connection.poll_next(cx);
            place.set_carries_session(connection.carries_session());
            next
        });
        let request = tokio::select! {
            request = next => request,
            () = &mut shutdown, if !down => {
                down = true;
                connection.close();
                continue;
            }
        };
        let Some(request) = request else {
            break None;
        };
        let seen = facts.behind_proxies(&request.head, &gate);
        match answer(&mut connection, request, seen, &rules, &gate) {
            Next::Request => {}
            Next::Upgrade(upgrade) => break Some(*upgrade),
        }
    };
    if let Some((request, facts, upgrade)) = upgrade {
        let Upgrade {
            response,
            compression,
            permit,
        } = upgrade;
        place.set_carries_session(true);
        match connection.upgrade(request.id, response).await {
            Ok((io, unread)) => websocket(io, unread, &facts, compression, &permit, &gate).await,
            Err(error) => {
                tracing::debug!(connection = number, %error, "connection lost before its upgrade")
            }
        }
    }
    tracing::debug!(connection = number, "connection over");
}

/// What is known of a request beside itself: what all of its connection have in common, or what a proxy says.
#[derive(Clone, Copy, Debug)]
struct Facts {
    number: u64,
    peer: SocketAddr,
    speaker: Option<IpAddr>,
    asking: Peer,
    /// The client's address, where it is known.
    client: Option<IpAddr>,
    protected: bool,
}

impl Facts {
    /// The client's address; the proxy's where it tells none.
    fn address(&self) -> IpAddr {
        self.client.unwrap_or_else(|| self.peer.ip())
    }

    /// The same where a trusted proxy speaks for its clients (B-R-171).
    fn behind_proxies(self, head: &RequestHead, gate: &Gate) -> Self {
        let proxies = &gate.config.proxies;
        let Some(speaker) = self.speaker.filter(|ip| proxies.contains(*ip)) else {
            return self;
        };
        let fields = gate.config.forwarded;
        let client = forwarded::client(head, speaker, fields, |ip| proxies.contains(ip));
        Self {
            asking: client.address.map_or(Peer::Proxy, Peer::Client),
            client: client.address,
            protected: client
                .scheme
                .map_or(self.protected, |scheme| scheme == forwarded::Scheme::Https),
            ..self
        }
    }
}

/// Decides about bodies that are longer than a client needs before it signs in: they count until they have come whole. On a connection that has carried
/// requests of a client that was signed in they do not, unless a proxy shares it between clients.
fn bodies(
    facts: Facts,
    gate: &Gate,
) -> impl FnMut(&LongBody, bool) -> Option<BodyPermit> + Send + 'static {
    let gate = gate.clone();
    move |body, signed_in| {
        let is_own = facts
            .speaker
            .is_some_and(|ip| !gate.config.proxies.contains(ip));
        if signed_in && is_own {
            return Some(Box::new(()));
        }
        let facts = facts.behind_proxies(&body.head, &gate);
        match gate.admission.bytes(facts.asking, body.bytes) {
            Ok(bytes) => Some(Box::new(bytes)),
            Err(_) => {
                let cause = "requests refused with 503: too many bytes of clients that are not signed in; raise limits.unauthenticated_bytes";
                gate.reports.note(Cause::new(cause), Some(facts.address()));
                None
            }
        }
    }
}

fn answer<S: Stream>(
    connection: &mut Connection<S, Tokio>,
    request: Request,
    facts: Facts,
    rules: &Rules,
    gate: &Gate,
) -> Next {
    let health = if gate.shutdown.is_down() {
        Health::Draining
    } else if gate.troubles.are_over() {
        Health::Serving
    } else {
        Health::Troubled
    };
    match rules.route(&request.head, health) {
        Route::Answer(mut response) => {
            response.close |= gate.admission.is_tight();
            connection.respond(request.id, response);
        }
        Route::Misdirected(misdirected) => {
            let name = request.head.authority().unwrap_or_default();
            let cause = Cause::new(misdirected.cause).about("host", name);
            gate.reports.note(cause, Some(facts.address()));
            connection.respond(request.id, misdirected.response);
        }
        Route::WebSocket => match accept(&request.head, request.surplus, &rules.handshake) {
            Ok(_) if health == Health::Draining => {
                connection.respond(
                    request.id,
                    super::route::text(503, "Going down.\n").closing(),
                );
            }
            Ok(accepted) => match gate
                .admission
                .session(facts.asking, facts.asking, Instant::now())
            {
                Ok(permit) => {
                    let upgrade = Upgrade {
                        response: accepted.response,
                        compression: accepted.compression,
                        permit,
                    };
                    return Next::Upgrade(Box::new((request, facts, upgrade)));
                }
                Err(denied) => {
                    let (status, words) = match denied.refusal {
                        Refusal::Full => (503, "Too many sessions.\n"),
                        Refusal::Share => (429, "Too many sessions from this address.\n"),
                    };
                    gate.reports
                        .note(Cause::new(denied.cause()), Some(facts.address()));
                    let answer = super::route::text(status, words).with_field("Retry-After", "5");
                    connection.respond(request.id, answer);
                }
            },
            Err(rejected) => {
                let cause = match rejected.response.status {
                    403 => foreign(
                        "WebSocket handshakes refused with 403: the page's origin is not allowed; list it in websocket.origins",
                        &request,
                    ),
                    _ => Cause::new("WebSocket handshakes refused as malformed")
                        .about("reason", rejected.reason),
                };
                gate.reports.note(cause, Some(facts.address()));
                connection.respond(request.id, rejected.response);
            }
        },
        Route::Bosh => {
            if bosh_proto::binding::is_foreign(&gate.binding, &request.head) {
                let cause = foreign(
                    "BOSH requests refused with 403: the page's origin is not allowed; list it in bosh.origins",
                    &request,
                );
                gate.reports.note(cause, Some(facts.address()));
            }
            let origin = Origin {
                connection: ConnectionId(facts.number),
                address: facts.client,
                channel: if facts.protected {
                    Channel::Tls
                } else {
                    Channel::Plain
                },
            };
            connection.serve_bosh(request, &gate.hub, &gate.binding, origin);
        }
    }
    Next::Request
}

/// The cause to log for a page of an origin that is not allowed.
fn foreign(text: &'static str, request: &Request) -> Cause {
    let origin = request.head.fields("origin").next().unwrap_or_default();
    Cause::new(text).about("origin", &String::from_utf8_lossy(origin))
}

async fn websocket<S: Stream>(
    io: S,
    unread: bytes::BytesMut,
    facts: &Facts,
    compression: Option<Agreed>,
    permit: &Permit,
    gate: &Gate,
) {
    let &Facts {
        number,
        peer,
        client,
        protected,
        ..
    } = facts;
    let seed = match xmpp_web_tokio::seed() {
        Ok(seed) => seed,
        Err(error) => {
            let cause = Cause::new("a WebSocket is dropped: the system gives no random numbers")
                .because(&error.to_string());
            return gate.reports.note(cause, Some(facts.address()));
        }
    };
    let started = Instant::now();
    let mut session =
        xmpp::server::Session::new(gate.config.machines.websocket.clone(), seed, started);
    if let Some(agreed) = compression {
        session = session.with_deflate(agreed);
    }
    // Pings are answered by the browser, so that only a client that is gone is silent for as long (W-R-426).
    let connection = &gate.config.machines.websocket.connection;
    let idle = connection
        .ping_interval
        .map(|interval| interval + connection.pong_timeout);
    let named = Mutex::new(None);
    let decide = |header: &xmpp_wire::StreamHeader| {
        let domain = Untrusted::domain(header);
        let decision = gate.decide(header, client, protected, idle, permit);
        tracing::info!(transport = "websocket", connection = number, %domain, source = %client.unwrap_or_else(|| peer.ip()), ?decision, "session opened");
        *named.lock().unwrap_or_else(PoisonError::into_inner) = Some(domain);
        decision
    };
    let ended = serve_ws(
        session,
        io,
        unread,
        decide,
        gate.shutdown.signal(),
        gate.runtime.clone(),
    )
    .await;
    let domain = named.into_inner().unwrap_or_else(PoisonError::into_inner);
    let domain = domain.map_or_else(|| "(none)".to_owned(), |domain| domain.to_string());
    tracing::info!(transport = "websocket", connection = number, %domain, duration = ?started.elapsed(), cause = %Untrusted::new(&ended.to_string()), "session closed");
}
