//! A client's session and its stream to a server, driven together.
//!
//! What the client's session cannot take yet waits here, and the relay is held meanwhile: it delivers no more than it had cut already.

use std::{
    collections::VecDeque,
    fmt,
    future::Future,
    io,
    pin::Pin,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use bytes::BytesMut;
use futures_io::{AsyncRead, AsyncWrite};
use ws_framing::xmpp;
use xmpp_stream::{
    Relay, client, relay,
    session::{Ending, Event, Order},
};
use xmpp_wire::{Element, Repair, StreamError, StreamHeader};

pub use crate::ended::Ended;
use crate::{BoxStream, Pump, Runtime, accepted::AcceptedSession, bosh, link::Link};

/// How to reach the server of one domain.
pub trait Upstream: Send + 'static {
    /// The byte stream.
    type Stream: AsyncRead + AsyncWrite + Unpin + Send;
    /// Connects (with direct TLS where that is configured).
    fn connect(&self) -> impl Future<Output = io::Result<Self::Stream>> + Send + 'static;
    /// Does the TLS handshake for STARTTLS.
    fn start_tls(
        &self,
        stream: Self::Stream,
    ) -> impl Future<Output = io::Result<Self::Stream>> + Send + 'static;
    /// Connects to another place that the server named on the connection `from`, which is to be dropped; proven for the same domain as before (RFC 6120
    /// §4.9.3.19). Says how the stream does TLS there. Fails where the place may not be connected to; by default none may.
    fn connect_to(
        &self,
        target: &relay::Target,
        from: Self::Stream,
    ) -> impl Future<Output = io::Result<(Self::Stream, client::Tls)>> + Send + 'static {
        let _ = (target, from);
        std::future::ready(Err(io::ErrorKind::PermissionDenied.into()))
    }
    /// Remembers at which node the server keeps a session of XEP-0198. By default nothing is remembered.
    fn remember(&self, id: &str, node: &relay::Target) {
        let _ = (id, node);
    }
    /// Where the session of that id is, if it was remembered.
    fn locate(&self, id: &str) -> Option<relay::Target> {
        let _ = id;
        None
    }
    /// Asked for each element of a client that has not signed in, before it waits for the server: `false` ends the session with
    /// `policy-violation`. By default there is no bound beside those of the machines.
    fn admit(&self, bytes: usize) -> bool {
        let _ = bytes;
        true
    }
    /// Whether this client may try to authenticate (once more); otherwise its session ends with `policy-violation`. Asked for each attempt and
    /// behind each failure. By default it may.
    fn admits_login(&self) -> bool {
        true
    }
    /// Hears that the server accepted the client's credentials, and the user name that the client gave, where its mechanism shows one.
    fn login_succeeded(&self, account: Option<&str>) {
        let _ = account;
    }
    /// Hears that the server refused the client's credentials as wrong (`not-authorized`), and says how long the answer is held back. By default
    /// it is not.
    fn login_failed(&self, account: Option<&str>) -> Duration {
        let _ = account;
        Duration::ZERO
    }
    /// Hears what an operator should know of the server's features, for each session.
    fn warn(&self, warning: relay::Warning) {
        let _ = warning;
    }
    /// Hears of each element of the server's that broke Namespaces in XML or a limit, and was mended so that its recipient keeps its stream: what was
    /// done, and its `from`, unchecked.
    fn repaired(&self, repair: Repair, from: Option<&str>) {
        let _ = (repair, from);
    }
    /// Hears, once for each client that loses its server by it, why `connect` or `start_tls` failed or the stream was
    /// lost: for logs.
    fn lost(&self, reason: &io::Error) {
        let _ = reason;
    }
}

/// What is decided about a stream that a client wants to open, by its `to`.
pub enum Decision<U> {
    /// Relay it there.
    Relay(relay::Config, U),
    /// Refuse it with this stream error (`host-unknown`, `improper-addressing`, `system-shutdown`); over BOSH with the
    /// condition of the same name.
    Refuse(StreamError),
}

impl<U> fmt::Debug for Decision<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Relay(..) => f.write_str("Relay"),
            Self::Refuse(error) => write!(f, "Refuse({})", error.condition),
        }
    }
}

/// A signal that the process is going down.
pub trait Shutdown: Future<Output = ()> + Unpin + Send + 'static {}
impl<T: Future<Output = ()> + Unpin + Send + 'static> Shutdown for T {}

/// A relay's two ends, and the orders that wait for the client's session.
struct Both<S, U: Upstream, R: Runtime> {
    session: AcceptedSession<S, R>,
    session_over: bool,
    link: Option<Link<U, R>>,
    waiting: VecDeque<Order>,
    /// The first of `waiting` waits for room.
    full: bool,
    down: bool,
    /// What ended the session first.
    ended: Option<Ended>,
}

/// Turns of the loop before other tasks get theirs.
const TURNS: usize = 64;

impl<S: AsyncRead + AsyncWrite + Unpin, U: Upstream, R: Runtime> Both<S, U, R> {
    fn new(session: AcceptedSession<S, R>) -> Self {
        Self {
            session,
            session_over: false,
            link: None,
            waiting: VecDeque::new(),
            full: false,
            down: false,
            ended: None,
        }
    }

    /// Drives both ends until both are over. `open` makes the link when a WebSocket client asks for it.
    fn poll_run(
        &mut self,
        cx: &mut Context<'_>,
        shutdown: &mut impl Shutdown,
        now: impl Fn() -> Instant,
        mut open: impl FnMut(&mut AcceptedSession<S, R>, &StreamHeader) -> Result<Link<U, R>, Ended>,
    ) -> Poll<Ended> {
        for turn in 0..TURNS {
            let mut progress = false;
            if let Some(link) = &mut self.link
                && let Poll::Ready(order) = link.poll_next(cx)
            {
                progress = true;
                match order {
                    // These say what to do about the client's input: behind output that waits they would come too late.
                    Some(order @ (Order::Hold | Order::Release)) => {
                        self.apply_now(order);
                    }
                    Some(order) => {
                        if let Order::End(ending) = &order {
                            let reason = link.relay().reason();
                            self.ended
                                .get_or_insert_with(|| Ended::by_order(ending, reason));
                        }
                        self.waiting.push_back(order);
                        self.apply_waiting(now());
                    }
                    None => self.link = None,
                }
            }
            if !self.session_over
                && let Poll::Ready(event) = self.session.poll_event(cx)
            {
                progress = true;
                match event {
                    None => self.session_over = true,
                    Some(Event::Writable) => {
                        self.full = false;
                        self.apply_waiting(now());
                        if let (false, Some(link)) = (self.full, &mut self.link) {
                            link.relay_mut().release_input(now());
                        }
                    }
                    Some(Event::Opened(header)) => {
                        if self.link.is_none() {
                            match open(&mut self.session, &header) {
                                Ok(link) => self.link = Some(link),
                                Err(ended) => {
                                    self.ended.get_or_insert(ended);
                                }
                            }
                        }
                    }
                    Some(Event::Element(element)) if !self.admits(&element) => {
                        let ending = Ending::Fault(StreamError::new("policy-violation"));
                        self.ended
                            .get_or_insert_with(|| Ended::by_order(&ending, None));
                        self.apply_now(Order::End(ending));
                    }
                    Some(Event::Closed(mut closed)) => {
                        self.ended.get_or_insert_with(|| Ended::by_session(&closed));
                        self.return_waiting(&mut closed.undelivered);
                        if let Some(link) = &mut self.link {
                            link.handle_session(Event::Closed(closed));
                            link.relay_mut().release_input(now());
                        }
                    }
                    Some(event) => {
                        self.ended = self.ended.take().or_else(|| Ended::by_client(&event));
                        if let Some(link) = &mut self.link {
                            link.handle_session(event);
                        }
                    }
                }
            }
            // What happened before the signal came is looked at first: it may have ended the session.
            if (!progress || turn + 1 == TURNS)
                && !self.down
                && Pin::new(&mut *shutdown).poll(cx).is_ready()
            {
                self.down = true;
                self.ended.get_or_insert(Ended::Shutdown);
                progress = true;
                self.shut_down();
            }
            if self.session_over && self.link.is_none() {
                return Poll::Ready(self.ended.take().unwrap_or(Ended::ClientLost));
            }
            if !progress {
                return Poll::Pending;
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Whether an element of the client's may wait for the server.
    fn admits(&self, element: &Element) -> bool {
        self.link.as_ref().is_none_or(|link| {
            link.relay().is_authenticated() || link.upstream().admit(element.raw().len())
        })
    }

    /// Carries out what waits, until the session has no room.
    fn apply_waiting(&mut self, now: Instant) {
        while !self.full
            && let Some(order) = self.waiting.pop_front()
        {
            if let Some(order) = self.apply_now(order) {
                self.waiting.push_front(order);
                self.full = true;
                if let Some(link) = &mut self.link {
                    link.relay_mut().hold_input(now);
                }
            }
        }
    }

    /// Carries an order out; gives it back where there is no room yet.
    fn apply_now(&mut self, order: Order) -> Option<Order> {
        if self.session_over {
            return None;
        }
        self.session
            .tell(|session, now| session.apply(order, now).err())
    }

    /// What waited for a session that is over has not reached the client either.
    fn return_waiting(&mut self, undelivered: &mut Vec<Element>) {
        self.full = false;
        for order in self.waiting.drain(..) {
            if let Order::Element(element) = order {
                undelivered.push(element);
            }
        }
    }

    /// The process is going down. `Hub::shutdown` has closed a BOSH session: `Closed` is on its way, with what must be returned to the server first.
    fn shut_down(&mut self) {
        let AcceptedSession::WebSocket(_) = self.session else {
            return;
        };
        let resumable = self
            .link
            .as_ref()
            .is_some_and(|link| link.relay().resumable());
        self.session
            .tell(|session, now| session.shut_down(resumable, now));
        if let Some(link) = &mut self.link {
            link.shut_down();
        }
    }
}

/// Serves one BOSH session until it is over. On `shutdown` (after `Hub::shutdown`) the stream is ended too, without an
/// end tag where it can be resumed. Says what ended it.
pub async fn serve_bosh<R: Runtime, U: Upstream>(
    session: bosh::Session<R>,
    decision: Decision<U>,
    mut shutdown: impl Shutdown,
    runtime: R,
) -> Ended {
    let header = session.opening().header.clone();
    let session = AcceptedSession::<BoxStream, R>::Bosh(Box::new(session));
    let mut both = Both::new(session);
    match decide_link(decision, &mut both.session, &header, &runtime) {
        Ok(link) => both.link = Some(link),
        Err(ended) => both.ended = Some(ended),
    }
    let now = || runtime.now();
    std::future::poll_fn(|cx| both.poll_run(cx, &mut shutdown, now, |_, _| Err(Ended::ClientLost)))
        .await
}

/// Serves one WebSocket from its 101 until it is over. `decide` is asked once, at the first `<open/>`. Says what
/// ended it.
pub async fn serve_ws<R: Runtime, U: Upstream, S: AsyncRead + AsyncWrite + Unpin + Send>(
    session: xmpp::server::Session,
    io: S,
    unread: BytesMut,
    decide: impl FnOnce(&StreamHeader) -> Decision<U> + Send,
    mut shutdown: impl Shutdown,
    runtime: R,
) -> Ended {
    let pump = Pump::new(session, io, unread, runtime.clone());
    let mut both = Both::new(AcceptedSession::WebSocket(Box::new(pump)));
    let mut decide = Some(decide);
    let now = || runtime.now();
    std::future::poll_fn(|cx| {
        both.poll_run(cx, &mut shutdown, now, |session, header| {
            let decide = decide.take().ok_or(Ended::ClientLost)?;
            decide_link(decide(header), session, header, &runtime)
        })
    })
    .await
}

/// The way to the server, or the refusal of the session.
fn decide_link<S: AsyncRead + AsyncWrite + Unpin, U: Upstream, R: Runtime>(
    decision: Decision<U>,
    session: &mut AcceptedSession<S, R>,
    header: &StreamHeader,
    runtime: &R,
) -> Result<Link<U, R>, Ended> {
    match decision {
        Decision::Relay(config, upstream) => {
            let relay = Relay::new(config, header.clone(), runtime.now());
            Ok(Link::new(relay, upstream, runtime.clone()))
        }
        Decision::Refuse(error) => {
            let ended = Ended::Refused(error.condition.clone());
            session.tell(|session, now| session.refuse(error, now));
            Err(ended)
        }
    }
}
