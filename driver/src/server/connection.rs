//! Listeners, their connections, and what becomes of them.

use std::{
    future::{Future, poll_fn},
    io,
    net::SocketAddr,
    pin::{Pin, pin},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll, Waker},
    time::Duration,
};

use bosh_proto::{Channel, binding};
use bytes::BytesMut;
use futures_channel::{mpsc::UnboundedSender, oneshot};
use futures_util::{
    FutureExt as _,
    future::{self, Either, FusedFuture as _, select},
};
use rand_chacha::ChaCha12Rng;
use rand_core::{Rng as _, SeedableRng as _};
use ws_framing::{
    handshake::server::{Accepted, accept},
    xmpp,
};
use xmpp_http1::Response;
use xmpp_stream::session::Event;

use super::{
    Asked, Incoming, Listener, Opening, Peer, Settings, Transport, builder::Route, engine::Engine,
    session,
};
use crate::{
    BoxStream, Pump, Runtime,
    accepted::AcceptedSession,
    bosh::{ConnectionId, Hub, Origin, Sessions},
    http::{self, Connection},
};

/// First and longest wait after an error of a listener, such as no descriptors left.
const WAIT: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));

/// Resolves when the server goes down.
#[derive(Clone)]
pub(super) struct Down(future::Shared<oneshot::Receiver<()>>);

impl Down {
    pub(super) fn new(signal: oneshot::Receiver<()>) -> Self {
        Self(signal.shared())
    }
}

impl Future for Down {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.0.is_terminated() {
            return Poll::Ready(());
        }
        Pin::new(&mut self.0).poll(cx).map(|_| ())
    }
}

/// What the tasks of a server have in common.
pub(super) struct Shared<R: Runtime> {
    pub(super) runtime: R,
    settings: Settings,
    http: Arc<http::Config>,
    binding: Arc<binding::Config>,
    websocket: Arc<xmpp::Config>,
    hub: Hub<R>,
    down: Down,
    rng: Mutex<ChaCha12Rng>,
    numbers: AtomicU64,
    seats: Mutex<Seats>,
}

/// How many connections there are, and who waits for there to be fewer.
#[derive(Default)]
struct Seats {
    taken: usize,
    waiting: Vec<Waker>,
}

/// A connection's seat among those that `Settings::connections` allows; dropping it gives it back.
struct Seat<R: Runtime>(Arc<Shared<R>>);

impl<R: Runtime> Drop for Seat<R> {
    fn drop(&mut self) {
        let mut seats = self.0.seats();
        seats.taken -= 1;
        let waiting = std::mem::take(&mut seats.waiting);
        drop(seats);
        for waker in waiting {
            waker.wake();
        }
    }
}

impl<R: Runtime> Shared<R> {
    pub(super) fn new(
        runtime: R,
        mut settings: Settings,
        seed: [u8; 32],
        down: Down,
    ) -> (Self, Sessions<R>) {
        settings.spread();
        let mut rng = ChaCha12Rng::from_seed(seed);
        let config = Arc::new(settings.bosh.clone());
        let (hub, sessions) = Hub::new(config, draw(&mut rng), runtime.clone());
        let shared = Self {
            runtime,
            http: Arc::new(settings.http.clone()),
            binding: Arc::new(settings.binding.clone()),
            websocket: Arc::new(settings.websocket.clone()),
            settings,
            hub,
            down,
            rng: Mutex::new(rng),
            numbers: AtomicU64::new(0),
            seats: Mutex::default(),
        };
        (shared, sessions)
    }

    fn seats(&self) -> MutexGuard<'_, Seats> {
        self.seats.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn seed(&self) -> [u8; 32] {
        draw(&mut self.rng.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

async fn seat<R: Runtime>(shared: &Arc<Shared<R>>) -> Seat<R> {
    poll_fn(|cx| {
        let mut seats = shared.seats();
        if seats.taken < shared.settings.connections {
            seats.taken += 1;
            return Poll::Ready(());
        }
        if !seats.waiting.iter().any(|w| w.will_wake(cx.waker())) {
            seats.waiting.push(cx.waker().clone());
        }
        Poll::Pending
    })
    .await;
    Seat(Arc::clone(shared))
}

/// The same unless the server goes down before.
async fn until_down<R: Runtime, T>(
    shared: &Shared<R>,
    future: impl Future<Output = T>,
) -> Option<T> {
    match select(shared.down.clone(), pin!(future)).await {
        Either::Left(_) => None,
        Either::Right((value, _)) => Some(value),
    }
}

/// Accepts connections until the server goes down.
pub(super) async fn listen<R: Runtime>(
    mut listener: impl Listener,
    shared: Arc<Shared<R>>,
    opened: UnboundedSender<Opening>,
) {
    let mut wait = WAIT.0;
    while let Some(seat) = until_down(&shared, seat(&shared)).await {
        let Some(accepted) = until_down(&shared, listener.accept()).await else {
            return;
        };
        match accepted {
            Ok(incoming) => {
                wait = WAIT.0;
                shared.runtime.spawn(serve(incoming, seat, opened.clone()));
            }
            // It was gone before it was accepted.
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
            Err(error) => {
                tracing::warn!(%error, "no connection is accepted");
                let until = shared.runtime.now() + wait;
                until_down(&shared, shared.runtime.sleep_until(until)).await;
                wait = (wait * 2).min(WAIT.1);
            }
        }
    }
}

/// Serves one connection until it is over.
async fn serve<R: Runtime>(incoming: Incoming, seat: Seat<R>, opened: UnboundedSender<Opening>) {
    let shared = &seat.0;
    let runtime = &shared.runtime;
    let Incoming {
        stream,
        peer,
        channel,
    } = incoming;
    let until = runtime.now() + shared.settings.tls_timeout;
    let stream = match select(stream, runtime.sleep_until(until)).await {
        Either::Left((Ok(stream), _)) => stream,
        Either::Left((Err(error), _)) => {
            return tracing::debug!(%peer, %error, "no TLS with this client");
        }
        Either::Right(_) => return tracing::debug!(%peer, "no TLS with this client in time"),
    };
    let connection = Connection::new(stream, Arc::clone(&shared.http), runtime.clone());
    let Some((stream, unread, upgrade)) = requests(connection, peer, channel, shared).await else {
        return;
    };
    let mut machine =
        xmpp::server::Session::new(Arc::clone(&shared.websocket), shared.seed(), runtime.now());
    if let Some(agreed) = upgrade.accepted.compression {
        machine = machine.with_deflate(agreed);
    }
    let pump = Pump::new(machine, stream, unread, runtime.clone());
    let mut session = AcceptedSession::WebSocket(Box::new(pump));
    let Some(header) = first(&mut session, shared).await else {
        return;
    };
    let asked = Asked {
        header,
        transport: Transport::WebSocket,
        peer: upgrade.peer,
    };
    run(session, asked, shared, opened).await;
}

/// A handshake to go through with.
struct Upgrade {
    accepted: Accepted,
    peer: Peer,
}

/// Answers requests until one asks for a WebSocket, or the connection is over.
async fn requests<R: Runtime>(
    mut connection: Connection<BoxStream, R>,
    peer: SocketAddr,
    channel: Channel,
    shared: &Shared<R>,
) -> Option<(BoxStream, BytesMut, Upgrade)> {
    let number = ConnectionId(shared.numbers.fetch_add(1, Ordering::Relaxed));
    let mut down = Some(shared.down.clone());
    let mut grace = None;
    loop {
        let request = poll_fn(|cx| {
            if down
                .as_mut()
                .is_some_and(|down| down.poll_unpin(cx).is_ready())
            {
                down = None;
                let until = shared.runtime.now() + shared.settings.grace;
                grace = Some(shared.runtime.sleep_until(until));
            }
            if grace
                .as_mut()
                .is_some_and(|grace| grace.poll_unpin(cx).is_ready())
            {
                grace = None;
                connection.close();
            }
            connection.poll_next(cx)
        });
        let request = request.await?;
        let settings = &shared.settings;
        let peer = Peer::of(&request, peer.ip(), channel, settings);
        match settings.route(request.head.path()) {
            Route::Bosh => {
                let origin = Origin {
                    connection: number,
                    address: peer.address,
                    channel: peer.channel,
                };
                connection.serve_bosh(request, &shared.hub, &shared.binding, origin);
            }
            Route::WebSocket => {
                let handshake = accept(&request.head, request.surplus, &settings.handshake);
                match handshake {
                    Ok(_) if down.is_none() => {
                        connection.respond(request.id, Response::new(503).closing());
                    }
                    Ok(accepted) => {
                        let response = accepted.response.clone();
                        let (stream, unread) =
                            connection.upgrade(request.id, response).await.ok()?;
                        return Some((stream, unread, Upgrade { accepted, peer }));
                    }
                    Err(rejected) => {
                        tracing::debug!(?peer, reason = rejected.reason, "no WebSocket");
                        connection.respond(request.id, rejected.response);
                    }
                }
            }
            Route::Fallback => {
                let response = (settings.fallback)(&request);
                connection.respond(request.id, response);
            }
        }
        if grace.take().is_some() {
            connection.close();
        }
    }
}

/// A WebSocket's first `<open/>`; `None` where it ends without one.
async fn first<R: Runtime>(
    session: &mut AcceptedSession<BoxStream, R>,
    shared: &Shared<R>,
) -> Option<xmpp_wire::StreamHeader> {
    let mut down = Some(shared.down.clone());
    loop {
        let event = poll_fn(|cx| {
            if down
                .as_mut()
                .is_some_and(|down| down.poll_unpin(cx).is_ready())
            {
                down = None;
                session.tell(|session, now| session.shut_down(false, now));
            }
            session.poll_event(cx)
        });
        match event.await? {
            Event::Opened(header) => return Some(header),
            Event::Closing => session.tell(|session, now| session.close(now)),
            Event::Restarted(_) | Event::Element(_) | Event::Writable | Event::Closed(_) => {}
        }
    }
}

/// Offers a client to the application, and drives its session until that is over.
async fn run<R: Runtime>(
    session: AcceptedSession<BoxStream, R>,
    asked: Asked,
    shared: &Shared<R>,
    opened: UnboundedSender<Opening>,
) {
    let engine = Engine::new(session, shared.settings.inbox());
    let engine = Arc::new(session::Shared::new(engine));
    // An opening that nobody takes any more is dropped, and refused by that.
    let _ = opened.unbounded_send(Opening::new(asked, Arc::clone(&engine)));
    let mut down = Some(shared.down.clone());
    poll_fn(|cx| {
        let mut engine = engine.lock();
        if down
            .as_mut()
            .is_some_and(|down| down.poll_unpin(cx).is_ready())
        {
            down = None;
            engine.shut_down();
        }
        engine.poll_run(cx)
    })
    .await;
}

/// Takes the sessions of BOSH clients until the server goes down.
pub(super) async fn take_bosh<R: Runtime>(
    mut sessions: Sessions<R>,
    shared: Arc<Shared<R>>,
    opened: UnboundedSender<Opening>,
) {
    while let Some(Some(session)) = until_down(&shared, sessions.next()).await {
        let opening = session.opening();
        let asked = Asked {
            header: opening.header.clone(),
            transport: Transport::Bosh,
            peer: Peer {
                address: opening.address,
                channel: opening.channel,
            },
        };
        let (shared, opened) = (Arc::clone(&shared), opened.clone());
        let runtime = shared.runtime.clone();
        runtime.spawn(async move {
            run(
                AcceptedSession::Bosh(Box::new(session)),
                asked,
                &shared,
                opened,
            )
            .await
        });
    }
    shared.hub.shutdown();
}

fn draw(rng: &mut ChaCha12Rng) -> [u8; 32] {
    let mut seed = [0; 32];
    rng.fill_bytes(&mut seed);
    seed
}
