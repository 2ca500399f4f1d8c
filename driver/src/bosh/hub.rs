//! Where HTTP exchanges meet BOSH sessions.
//!
//! Rules: the manager is touched under the lock alone, and its events are in their sessions' queues before the lock is released, so that
//! their order is the manager's. Answers to exchanges have no order among each other that the manager does not keep by waiting for
//! `handle_sent`: they leave, as all wake-ups do, without the lock. The critical section is pure computation; nothing is awaited in it.

use std::{
    collections::HashMap,
    fmt,
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    task::{Context, Poll, Waker},
    time::Instant,
};

use bosh_proto::{
    Condition, ExchangeId, Request, Response,
    server::{Action, Config, Event, Manager, SessionKey},
};
use futures_channel::{mpsc, oneshot};
use futures_util::task::AtomicWaker;

use super::session::{Inbox, Opened, Sessions};
use crate::{Runtime, alarm::Alarm};

/// Where exchanges meet sessions: a `Manager` behind one short lock, and its timer.
pub struct Hub<R> {
    inner: Arc<Inner>,
    runtime: R,
}

pub(super) struct Inner {
    state: Mutex<State>,
    timer: Arc<AtomicWaker>,
}

struct State {
    manager: Manager,
    exchanges: HashMap<ExchangeId, oneshot::Sender<Option<Answer>>>,
    sessions: HashMap<SessionKey, Arc<Inbox>>,
    opened: mpsc::UnboundedSender<Opened>,
    /// What the timer's sleep is set to, at the latest.
    armed: Option<Instant>,
}

/// The manager's answer to an exchange.
struct Answer {
    response: Response,
    /// Its session waits on another exchange.
    waits_elsewhere: bool,
}

/// What is passed on once the lock is released.
#[derive(Default)]
struct Outcome {
    answers: Vec<(oneshot::Sender<Option<Answer>>, Option<Answer>)>,
    readers: Vec<Waker>,
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
        let (hub, sessions) = Self::without_timer(config, seed, runtime);
        hub.runtime.spawn(hub.timer());
        (hub, sessions)
    }

    /// The same for an application that watches over its tasks: nothing happens in time unless it runs [`Hub::timer`].
    pub fn without_timer(config: Arc<Config>, seed: [u8; 32], runtime: R) -> (Self, Sessions<R>) {
        let (opened, incoming) = mpsc::unbounded();
        let state = State {
            manager: Manager::new(config, seed),
            exchanges: HashMap::new(),
            sessions: HashMap::new(),
            opened,
            armed: None,
        };
        let inner = Arc::new(Inner {
            state: Mutex::new(state),
            timer: Arc::new(AtomicWaker::new()),
        });
        let weak = WeakHub {
            inner: Arc::downgrade(&inner),
            runtime: runtime.clone(),
        };
        (Self { inner, runtime }, Sessions::new(incoming, weak))
    }

    /// The hub's timer: a future to be run as long as the hub lives; it ends with the last clone. One at a time: where it was dropped, a new one goes on.
    pub fn timer(&self) -> impl Future<Output = ()> + Send + use<R> {
        Timer {
            inner: Arc::downgrade(&self.inner),
            timer: Arc::clone(&self.inner.timer),
            runtime: self.runtime.clone(),
            alarm: Alarm::new(),
        }
    }

    /// Hands a request to the manager.
    pub fn exchange(&self, request: Request) -> Exchange<R> {
        let (sender, answer) = oneshot::channel();
        let (id, signed_in) = self.inner.tell(self.runtime.now(), |state, now| {
            let id = state.manager.handle_request(request, now);
            state.exchanges.insert(id, sender);
            (id, state.manager.is_signed_in(id))
        });
        Exchange {
            hub: self.clone(),
            id,
            answer,
            signed_in,
            waits_elsewhere: false,
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
        self.with(Manager::shut_down);
    }

    /// The number of live sessions.
    pub fn sessions(&self) -> usize {
        self.inner.lock().manager.sessions()
    }
}

/// A hub that does not keep the hub alive.
pub(super) struct WeakHub<R> {
    inner: Weak<Inner>,
    runtime: R,
}

impl<R: Runtime> WeakHub<R> {
    pub(super) fn upgrade(&self) -> Option<Hub<R>> {
        Some(Hub {
            inner: self.inner.upgrade()?,
            runtime: self.runtime.clone(),
        })
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
        let outcome = state.hand_out(now);
        let wanted = state.manager.poll_timeout();
        let earlier = wanted.is_some_and(|wanted| state.armed.is_none_or(|armed| wanted < armed));
        if earlier {
            state.armed = wanted;
        }
        drop(state);
        for (answer, response) in outcome.answers {
            // An error says that the exchange was dropped: the manager hears of that by itself.
            let _ = answer.send(response);
        }
        for reader in outcome.readers {
            reader.wake();
        }
        if earlier {
            self.timer.wake();
        }
        told
    }
}

impl State {
    /// Drains the manager.
    fn hand_out(&mut self, now: Instant) -> Outcome {
        let mut outcome = Outcome::default();
        while let Some(action) = self.manager.poll_action() {
            match action {
                Action::Respond { id, response } => {
                    let sender = self.exchanges.remove(&id);
                    let answer = Answer {
                        response,
                        waits_elsewhere: self.manager.waits_elsewhere(id),
                    };
                    outcome
                        .answers
                        .extend(sender.map(|sender| (sender, Some(answer))));
                }
                Action::Abort { id } => {
                    let answer = self.exchanges.remove(&id);
                    outcome.answers.extend(answer.map(|answer| (answer, None)));
                }
                Action::Deliver { session, event } => {
                    self.deliver(session, event, now, &mut outcome.readers);
                }
            }
        }
        outcome
    }

    fn deliver(
        &mut self,
        session: SessionKey,
        event: Event,
        now: Instant,
        readers: &mut Vec<Waker>,
    ) {
        let event = match event {
            Event::Opening(opening) => {
                tracing::debug!(?session, "session opens");
                let events = Arc::<Inbox>::default();
                self.sessions.insert(session, Arc::clone(&events));
                let opened = Opened {
                    key: session,
                    opening,
                    events,
                };
                if self.opened.unbounded_send(opened).is_err() {
                    // Nobody takes sessions any more.
                    let condition = Some(Condition::SystemShutdown);
                    self.manager.close(session, condition, None, now);
                }
                return;
            }
            event @ (Event::Element(_)
            | Event::Restarted(_)
            | Event::Paused(_)
            | Event::Writable
            | Event::Closed(_)) => event,
        };
        let inbox = if let Event::Closed(closed) = &event {
            tracing::debug!(?session, cause = ?closed.cause, reason = ?closed.reason, "session closed");
            self.sessions.remove(&session)
        } else {
            self.sessions.get(&session).map(Arc::clone)
        };
        readers.extend(inbox.and_then(|inbox| inbox.push(event)));
    }
}

/// The manager's clock: sleeps until its deadline, and is woken when that moves earlier.
struct Timer<R: Runtime> {
    inner: Weak<Inner>,
    timer: Arc<AtomicWaker>,
    runtime: R,
    alarm: Alarm<R>,
}

impl<R: Runtime> Future for Timer<R> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        this.timer.register(cx.waker());
        // The last hub may be dropped while we sleep: its drop wakes us.
        while let Some(inner) = this.inner.upgrade() {
            let deadline = {
                let mut state = inner.lock();
                state.armed = state.manager.poll_timeout();
                state.armed
            };
            let due = deadline.is_some_and(|at| this.alarm.poll(cx, &this.runtime, at));
            if !due {
                return Poll::Pending;
            }
            inner.tell(this.runtime.now(), |state, now| {
                state.manager.handle_timeout(now);
            });
        }
        Poll::Ready(())
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.timer.wake();
    }
}

/// An exchange under way: resolves to the answer, or to `None` where the connection must be dropped without one (XEP-0124 §19.1).
/// Poll it by reference and keep it until the answer's bytes have left, then say so (`sent`): dropping it before tells the
/// manager that the client is gone, and the answer with it.
pub struct Exchange<R: Runtime> {
    hub: Hub<R>,
    id: ExchangeId,
    answer: oneshot::Receiver<Option<Answer>>,
    /// Its request came from a client that had signed in.
    signed_in: bool,
    /// Once it is answered: its session waits on another exchange.
    waits_elsewhere: bool,
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
    /// Whether its request belongs to a session whose client had signed in by then.
    pub fn is_signed_in(&self) -> bool {
        self.signed_in
    }

    /// Whether its session waited on another exchange when it was answered: then its connection is not needed.
    pub fn waits_elsewhere(&self) -> bool {
        self.waits_elsewhere
    }

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
        Pin::new(&mut self.answer).poll(cx).map(|answer| {
            let answer = answer.ok().flatten()?;
            self.waits_elsewhere = answer.waits_elsewhere;
            Some(answer.response)
        })
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
