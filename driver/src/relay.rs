//! One web session and its stream to a server, driven together.
//!
//! What the web side cannot take yet waits here, and the relay is held meanwhile: it delivers no more than it had cut already.

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
    Relay, client,
    relay::{self, WebAction, WebClose, WebClosed, WebEvent},
};
use xmpp_wire::{Element, Repair, StreamError, StreamHeader};

pub use crate::ended::Ended;
use crate::{Pump, Runtime, Step, bosh, link::Link};

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

/// The web's end of a relay.
trait Web {
    /// The next thing that the relay must hear; `Ready(None)` when the web session is over for good.
    fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Option<Heard>>;
    /// Carries out an order; gives it back where there is no room yet.
    fn apply(&mut self, action: WebAction) -> Option<WebAction>;
    /// The process is going down: ends the web session, and the stream where the session's end does not do so.
    fn shut_down<U: Upstream, R: Runtime>(&mut self, link: Option<&mut Link<U, R>>);
}

/// What the web side says.
enum Heard {
    /// Something for the relay.
    Event(WebEvent),
    /// The end of the web session, and what it says of its cause.
    Closed(Ended, WebEvent),
    /// A WebSocket client opened its first stream.
    Opened(StreamHeader),
    /// There is room again.
    Writable,
    /// Nothing that concerns the relay.
    Nothing,
}

/// A relay's two ends, and what waits for the web side.
struct Both<W, U: Upstream, R: Runtime> {
    web: W,
    web_over: bool,
    link: Option<Link<U, R>>,
    waiting: VecDeque<WebAction>,
    /// The first of `waiting` waits for room.
    full: bool,
    down: bool,
    /// What ended the session first.
    ended: Option<Ended>,
}

/// Turns of the loop before other tasks get theirs.
const TURNS: usize = 64;

impl<W: Web, U: Upstream, R: Runtime> Both<W, U, R> {
    /// Drives both ends until both are over. `open` makes the link when a WebSocket client asks for it.
    fn poll_run(
        &mut self,
        cx: &mut Context<'_>,
        shutdown: &mut impl Shutdown,
        now: impl Fn() -> Instant,
        mut open: impl FnMut(&mut W, &StreamHeader) -> Result<Link<U, R>, Ended>,
    ) -> Poll<Ended> {
        for turn in 0..TURNS {
            let mut progress = false;
            if let Some(link) = &mut self.link
                && let Poll::Ready(action) = link.poll_action(cx)
            {
                progress = true;
                match action {
                    // These say what to do about the client's input: behind output that waits they would come too late.
                    Some(action @ (WebAction::Hold | WebAction::Release)) => {
                        self.apply_now(action);
                    }
                    Some(
                        action @ (WebAction::Open(_)
                        | WebAction::Element(_)
                        | WebAction::Resumable(_)
                        | WebAction::Server(_)
                        | WebAction::Close(_)),
                    ) => {
                        if let WebAction::Close(close) = &action {
                            self.ended.get_or_insert_with(|| Ended::by_order(close));
                        }
                        self.waiting.push_back(action);
                        self.apply_waiting(now());
                    }
                    None => self.link = None,
                }
            }
            if !self.web_over
                && let Poll::Ready(heard) = self.web.poll_event(cx)
            {
                progress = true;
                match heard {
                    None => self.web_over = true,
                    Some(Heard::Nothing) => {}
                    Some(Heard::Writable) => {
                        self.full = false;
                        self.apply_waiting(now());
                        if let (false, Some(link)) = (self.full, &mut self.link) {
                            link.relay_mut().release_input(now());
                        }
                    }
                    Some(Heard::Opened(header)) => {
                        if self.link.is_none() {
                            match open(&mut self.web, &header) {
                                Ok(link) => self.link = Some(link),
                                Err(ended) => {
                                    self.ended.get_or_insert(ended);
                                }
                            }
                        }
                    }
                    Some(Heard::Event(WebEvent::Element(element))) if !self.admits(&element) => {
                        let error = StreamError::new("policy-violation");
                        let close = WebClose::Fault(error);
                        self.ended.get_or_insert_with(|| Ended::by_order(&close));
                        self.apply_now(WebAction::Close(close));
                    }
                    Some(Heard::Event(event)) => {
                        self.ended = self.ended.take().or_else(|| Ended::by_client(&event));
                        if let Some(link) = &mut self.link {
                            link.handle_web(event);
                        }
                    }
                    Some(Heard::Closed(ended, mut event)) => {
                        self.ended.get_or_insert(ended);
                        if let WebEvent::Closed(closed) = &mut event {
                            self.return_waiting(closed);
                        }
                        if let Some(link) = &mut self.link {
                            link.handle_web(event);
                            link.relay_mut().release_input(now());
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
                self.web.shut_down(self.link.as_mut());
            }
            if self.web_over && self.link.is_none() {
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

    /// Carries out what waits, until the web side has no room.
    fn apply_waiting(&mut self, now: Instant) {
        while !self.full
            && let Some(action) = self.waiting.pop_front()
        {
            if let Some(action) = self.apply_now(action) {
                self.waiting.push_front(action);
                self.full = true;
                if let Some(link) = &mut self.link {
                    link.relay_mut().hold_input(now);
                }
            }
        }
    }

    fn apply_now(&mut self, action: WebAction) -> Option<WebAction> {
        if self.web_over {
            return None;
        }
        self.web.apply(action)
    }

    /// What waited for a session that is over has not reached the client either.
    fn return_waiting(&mut self, closed: &mut WebClosed) {
        self.full = false;
        for action in self.waiting.drain(..) {
            if let WebAction::Element(element) = action {
                closed.undelivered.push(element);
            }
        }
    }
}

struct BoshWeb<R: Runtime>(bosh::Session<R>);

impl<R: Runtime> Web for BoshWeb<R> {
    fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Option<Heard>> {
        use bosh_proto::server::Event;
        self.0.poll_next(cx).map(|event| {
            event.map(|event| match event {
                Event::Writable => Heard::Writable,
                Event::Closed(closed) => {
                    let ended = Ended::by_bosh(&closed);
                    relay::bosh::event(Event::Closed(closed))
                        .map_or(Heard::Nothing, |event| Heard::Closed(ended, event))
                }
                event @ (Event::Opening(_)
                | Event::Element(_)
                | Event::Restarted(_)
                | Event::Paused(_)) => {
                    relay::bosh::event(event).map_or(Heard::Nothing, Heard::Event)
                }
            })
        })
    }

    fn apply(&mut self, action: WebAction) -> Option<WebAction> {
        let key = self.0.key();
        self.0
            .hub()
            .with(|manager, now| relay::bosh::apply(manager, key, action, now).err())
    }

    fn shut_down<U: Upstream, L: Runtime>(&mut self, _link: Option<&mut Link<U, L>>) {
        // `Hub::shutdown` has closed the session: `Closed` is on its way, with what must be returned to the server first.
    }
}

struct WsWeb<S, R: Runtime>(Pump<xmpp::server::Session, S, R>);

impl<S: AsyncRead + AsyncWrite + Unpin, R: Runtime> Web for WsWeb<S, R> {
    fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Option<Heard>> {
        use xmpp::Event;
        self.0.poll_next(cx).map(|step| match step? {
            Step::Event(Event::Opened {
                header,
                restart: false,
            }) => Some(Heard::Opened(header)),
            Step::Event(Event::Writable) => Some(Heard::Writable),
            Step::Event(Event::Closed(closed)) => {
                let ended = Ended::by_websocket(&closed);
                relay::ws::event(Event::Closed(closed))
                    .map(|event| Heard::Closed(ended, event))
                    .or(Some(Heard::Nothing))
            }
            Step::Event(event) => {
                Some(relay::ws::event(event).map_or(Heard::Nothing, Heard::Event))
            }
        })
    }

    fn apply(&mut self, action: WebAction) -> Option<WebAction> {
        let now = self.0.now();
        relay::ws::apply(self.0.machine_mut(), action, now).err()
    }

    fn shut_down<U: Upstream, L: Runtime>(&mut self, mut link: Option<&mut Link<U, L>>) {
        let now = self.0.now();
        let resumable = link
            .as_mut()
            .is_some_and(|link| link.relay_mut().resumable());
        relay::ws::shutdown(self.0.machine_mut(), resumable, now);
        if let Some(link) = link {
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
    let (link, ended) = match decision {
        Decision::Relay(config, upstream) => {
            let header = session.opening().header.clone();
            let relay = Relay::new(config, header, runtime.now());
            (Some(Link::new(relay, upstream, runtime.clone())), None)
        }
        Decision::Refuse(error) => {
            let condition = relay::bosh::refusal(&error);
            session
                .hub()
                .with(|manager, now| manager.close(session.key(), Some(condition), None, now));
            (None, Some(Ended::Refused(error.condition)))
        }
    };
    let web = BoshWeb(session);
    let mut both = Both {
        web,
        web_over: false,
        link,
        waiting: VecDeque::new(),
        full: false,
        down: false,
        ended,
    };
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
    let web = WsWeb(Pump::new(session, io, unread, runtime.clone()));
    let mut both = Both {
        web,
        web_over: false,
        link: None,
        waiting: VecDeque::new(),
        full: false,
        down: false,
        ended: None,
    };
    let mut decide = Some(decide);
    let now = || runtime.now();
    std::future::poll_fn(|cx| {
        both.poll_run(cx, &mut shutdown, now, |web, header| {
            let Some(decide) = decide.take() else {
                return Err(Ended::ClientLost);
            };
            match decide(header) {
                Decision::Relay(config, upstream) => {
                    let relay = Relay::new(config, header.clone(), runtime.now());
                    Ok(Link::new(relay, upstream, runtime.clone()))
                }
                Decision::Refuse(error) => {
                    let ended = Ended::Refused(error.condition.clone());
                    relay::ws::refuse(web.0.machine_mut(), error, runtime.now());
                    Err(ended)
                }
            }
        })
    })
    .await
}
