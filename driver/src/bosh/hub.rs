//! Where HTTP exchanges meet BOSH sessions.
//!
//! Rules: the manager is touched under the lock alone, and what it orders is handed out before the lock is released, so that the
//! order of events is the manager's. The critical section is pure computation; nothing is awaited in it.

use std::{
    collections::HashMap,
    fmt,
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    task::{Context, Poll, ready},
    time::Instant,
};

use bosh_proto::{
    ExchangeId, Request, Response,
    server::{Action, Config, Event, Manager, Opening, SessionKey},
};
use futures_channel::{mpsc, oneshot};
use futures_util::{StreamExt as _, task::AtomicWaker};

use crate::Runtime;

/// Where exchanges meet sessions: a `Manager` behind one short lock, and its timer.
pub struct Hub<R> {
    inner: Arc<Inner>,
    runtime: R,
}

struct Inner {
    state: Mutex<State>,
    timer: Arc<AtomicWaker>,
}

struct State {
    manager: Manager,
    exchanges: HashMap<ExchangeId, oneshot::Sender<Option<Response>>>,
    /// Unbounded in type only: the manager's limits bound what a session can have on its way to its application.
    sessions: HashMap<SessionKey, mpsc::UnboundedSender<Event>>,
    opened: mpsc::UnboundedSender<Opened>,
    /// What the timer's sleep is set to.
    armed: Option<Instant>,
}

struct Opened {
    key: SessionKey,
    opening: Opening,
    events: mpsc::UnboundedReceiver<Event>,
}

impl<R: Clone> Clone for Hub<R> {
    fn clone(&self) -> Self {
        Self {
            inner: Arc::clone(&self.inner),
            runtime: self.runtime.clone(),
        }
    }
}

impl<R> fmt::Debug for Hub<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hub").finish_non_exhaustive()
    }
}

impl<R: Runtime> Hub<R> {
    /// A hub, and the sessions that will open on it. Its timer is a task of the runtime and ends with the last clone of the hub.
    pub fn new(config: Arc<Config>, seed: [u8; 32], runtime: R) -> (Self, Sessions<R>) {
        let (opened, incoming) = mpsc::unbounded();
        let state = State {
            manager: Manager::new(config, seed),
            exchanges: HashMap::new(),
            sessions: HashMap::new(),
            opened,
            armed: None,
        };
        let timer = Arc::new(AtomicWaker::new());
        let inner = Arc::new(Inner {
            state: Mutex::new(state),
            timer: Arc::clone(&timer),
        });
        runtime.spawn(Timer {
            inner: Arc::downgrade(&inner),
            timer,
            runtime: runtime.clone(),
            sleep: None,
        });
        let hub = Self {
            inner,
            runtime: runtime.clone(),
        };
        (
            hub.clone(),
            Sessions {
                incoming,
                hub: Arc::downgrade(&hub.inner),
                runtime,
            },
        )
    }

    /// Hands a request to the manager.
    pub fn exchange(&self, request: Request) -> Exchange<R> {
        let (sender, answer) = oneshot::channel();
        let id = self.inner.tell(self.runtime.now(), |state, now| {
            let id = state.manager.handle_request(request, now);
            state.exchanges.insert(id, sender);
            id
        });
        Exchange {
            hub: self.clone(),
            id,
            answer,
            open: true,
        }
    }

    /// Tells the manager something under the lock, then hands out what it ordered.
    pub fn with<T>(&self, tell: impl FnOnce(&mut Manager, Instant) -> T) -> T {
        self.inner.tell(self.runtime.now(), |state, now| {
            tell(&mut state.manager, now)
        })
    }

    /// Closes every session, answers every held request, refuses new ones.
    pub fn shutdown(&self) {
        self.with(Manager::shutdown);
    }

    /// Live sessions.
    pub fn sessions(&self) -> usize {
        self.inner.lock().manager.sessions()
    }
}

impl Inner {
    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic elsewhere must not take every session with it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell<T>(&self, now: Instant, tell: impl FnOnce(&mut State, Instant) -> T) -> T {
        let mut state = self.lock();
        let told = tell(&mut state, now);
        let answers = state.hand_out(now);
        let wanted = state.manager.poll_timeout();
        let earlier = wanted.is_some_and(|wanted| state.armed.is_none_or(|armed| wanted < armed));
        if earlier {
            state.armed = wanted;
        }
        drop(state);
        for (answer, response) in answers {
            // An error says that the exchange was dropped: the manager hears of that by itself.
            let _ = answer.send(response);
        }
        if earlier {
            self.timer.wake();
        }
        told
    }
}

impl State {
    /// Drains the manager: events into their sessions' queues, in order; answers come back, to be sent without the lock.
    fn hand_out(
        &mut self,
        now: Instant,
    ) -> Vec<(oneshot::Sender<Option<Response>>, Option<Response>)> {
        let mut answers = Vec::new();
        while let Some(action) = self.manager.poll_action() {
            match action {
                Action::Respond { id, response } => {
                    answers.extend(
                        self.exchanges
                            .remove(&id)
                            .map(|answer| (answer, Some(response))),
                    );
                }
                Action::Abort { id } => {
                    answers.extend(self.exchanges.remove(&id).map(|answer| (answer, None)))
                }
                Action::Deliver {
                    session,
                    event: Event::Opening(opening),
                } => {
                    let (sender, events) = mpsc::unbounded();
                    self.sessions.insert(session, sender);
                    let refused = self
                        .opened
                        .unbounded_send(Opened {
                            key: session,
                            opening,
                            events,
                        })
                        .is_err();
                    if refused {
                        self.manager.close(
                            session,
                            Some(bosh_proto::Condition::SystemShutdown),
                            None,
                            now,
                        );
                    }
                }
                Action::Deliver { session, event } => {
                    let closed = matches!(event, Event::Closed(_));
                    if let Some(queue) = self.sessions.get(&session) {
                        // An error says that the application dropped the session: it closed it then.
                        let _ = queue.unbounded_send(event);
                    }
                    if closed {
                        self.sessions.remove(&session);
                    }
                }
            }
        }
        answers
    }
}

/// The manager's clock.
struct Timer<R: Runtime> {
    inner: Weak<Inner>,
    timer: Arc<AtomicWaker>,
    runtime: R,
    sleep: Option<(Instant, R::Sleep)>,
}

impl<R: Runtime> Future for Timer<R> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        this.timer.register(cx.waker());
        loop {
            let Some(inner) = this.inner.upgrade() else {
                return Poll::Ready(());
            };
            let now = this.runtime.now();
            let wanted = {
                let mut state = inner.lock();
                state.armed = state.manager.poll_timeout();
                state.armed
            };
            match wanted {
                None => {
                    this.sleep = None;
                    return Poll::Pending;
                }
                Some(wanted) if wanted <= now => {
                    inner.tell(now, |state, now| state.manager.handle_timeout(now));
                    continue;
                }
                Some(wanted) => {
                    // A sleep that ends too early only brings us here again.
                    let keep = this.sleep.as_ref().is_some_and(|(at, _)| *at <= wanted);
                    if !keep {
                        this.sleep = Some((wanted, this.runtime.sleep_until(wanted)));
                    }
                }
            }
            // The last hub may be dropped while we sleep: its drop wakes us.
            drop(inner);
            let Some((_, sleep)) = &mut this.sleep else {
                return Poll::Pending;
            };
            ready!(Pin::new(sleep).poll(cx));
            this.sleep = None;
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.timer.wake();
    }
}

/// The sessions that clients open.
pub struct Sessions<R> {
    incoming: mpsc::UnboundedReceiver<Opened>,
    hub: Weak<Inner>,
    runtime: R,
}

impl<R> fmt::Debug for Sessions<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sessions").finish_non_exhaustive()
    }
}

impl<R: Runtime> Sessions<R> {
    /// The next session that a client opened; `None` after the hub is gone. Cancel-safe.
    pub async fn next(&mut self) -> Option<Session<R>> {
        let Opened {
            key,
            opening,
            events,
        } = self.incoming.next().await?;
        let hub = Hub {
            inner: self.hub.upgrade()?,
            runtime: self.runtime.clone(),
        };
        Some(Session {
            hub,
            key,
            opening,
            events,
            over: false,
        })
    }
}

/// One session: its opening, and its events in order. Dropping it closes the session with `internal-server-error`.
pub struct Session<R: Runtime> {
    hub: Hub<R>,
    key: SessionKey,
    opening: Opening,
    events: mpsc::UnboundedReceiver<Event>,
    over: bool,
}

impl<R: Runtime> fmt::Debug for Session<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}

impl<R: Runtime> Session<R> {
    /// Its key.
    pub fn key(&self) -> SessionKey {
        self.key
    }

    /// What the client asked for.
    pub fn opening(&self) -> &Opening {
        &self.opening
    }

    /// The hub.
    pub fn hub(&self) -> &Hub<R> {
        &self.hub
    }

    /// The next event; `None` after `Closed`. Cancel-safe.
    pub async fn next(&mut self) -> Option<Event> {
        std::future::poll_fn(|cx| self.poll_next(cx)).await
    }

    /// The same for hand-written futures.
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        if self.over {
            return Poll::Ready(None);
        }
        let event = ready!(self.events.poll_next_unpin(cx));
        self.over = matches!(event, None | Some(Event::Closed(_)));
        Poll::Ready(event)
    }
}

impl<R: Runtime> Drop for Session<R> {
    fn drop(&mut self) {
        if !self.over {
            let condition = Some(bosh_proto::Condition::InternalServerError);
            self.hub
                .with(|manager, now| manager.close(self.key, condition, None, now));
        }
    }
}

/// An exchange under way: resolves to the answer, or to `None` where the connection must be dropped without one (XEP-0124 §19.1).
/// Tell it when the answer's bytes left (`sent`); dropping it before tells the manager that the client is gone.
pub struct Exchange<R: Runtime> {
    hub: Hub<R>,
    id: ExchangeId,
    answer: oneshot::Receiver<Option<Response>>,
    /// The manager has not heard of its end.
    open: bool,
}

impl<R: Runtime> fmt::Debug for Exchange<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exchange")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

impl<R: Runtime> Exchange<R> {
    /// The bytes of the answer left.
    pub fn sent(mut self) {
        self.open = false;
        self.hub
            .with(|manager, now| manager.handle_sent(self.id, now));
    }
}

impl<R: Runtime> Future for Exchange<R> {
    type Output = Option<Response>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        // A sender that is gone has nothing to say: the connection is dropped then too.
        Pin::new(&mut self.answer)
            .poll(cx)
            .map(|answer| answer.unwrap_or(None))
    }
}

impl<R: Runtime> Drop for Exchange<R> {
    fn drop(&mut self) {
        if self.open {
            self.hub.inner.tell(self.hub.runtime.now(), |state, now| {
                state.exchanges.remove(&self.id);
                state.manager.handle_disconnect(self.id, now);
            });
        }
    }
}
