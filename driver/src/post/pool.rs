//! HTTP/1.1 connections to one connection manager, used one request at a time and again.
//!
//! - An idle connection is a place to put the next job; the connection's task makes a new place before it passes on an answer.
//! - The latest idle connection is used first, so that one that is not needed ends by its idle time.
//! - A request of which no byte was given out goes to another connection; any other failure is the caller's to judge.
//! - A connection counts from before it is made until it takes no more requests.

use std::{
    collections::VecDeque,
    fmt,
    future::{Future, poll_fn},
    io,
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    task::Poll,
    time::Duration,
};

use bosh_proto::binding::client::{self as binding, Endpoint};
use bytes::{Bytes, BytesMut};
use futures_channel::oneshot;
use xmpp_http1::client::{Connection, Progress, Request};

use super::{Connect, Failure, Post, Refused, Reply, carrier::Carrier};
use crate::{Pump, Runtime, alarm::Alarm};

/// How a pool behaves.
///
/// ```
/// let mut config = xmpp_web_driver::post::Config::default();
/// config.connections = 2;
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// Connections at once; a POST beyond them waits for one. At least 1. Default 4: two for `hold='1'` (B-R-016), one for a pause or the
    /// end beyond the window (B-R-080), one for a repetition while a dead connection is not known to be dead.
    pub connections: usize,
    /// For a stream to be made, TLS included. Default 10 s.
    pub connect_timeout: Duration,
    /// Bounds and deadlines of a connection. `head_timeout` has to be longer than the session's `wait`.
    pub http: Arc<xmpp_http1::client::Config>,
    /// How requests are dressed, and answers read.
    pub dress: Arc<binding::Config>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            connections: 4,
            connect_timeout: Duration::from_secs(10),
            http: Arc::default(),
            dress: Arc::default(),
        }
    }
}

/// HTTP/1.1 connections to one URL. Dropping it ends them, after the answers that are awaited.
pub struct Pool<C, R> {
    inner: Arc<Inner>,
    connector: C,
    endpoint: Endpoint,
    config: Config,
    runtime: R,
}

impl<C, R> fmt::Debug for Pool<C, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.inner.lock();
        f.debug_struct("Pool")
            .field("endpoint", &self.endpoint)
            .field("open", &state.open)
            .field("idle", &state.idle.len())
            .finish_non_exhaustive()
    }
}

impl<C: Connect, R: Runtime> Pool<C, R> {
    /// A pool without connections; the first POST makes one.
    pub fn new(endpoint: Endpoint, connector: C, config: Config, runtime: R) -> Self {
        Self {
            inner: Arc::new(Inner {
                limit: config.connections.max(1),
                state: Mutex::default(),
            }),
            connector,
            endpoint,
            config,
            runtime,
        }
    }

    /// A new connection's place. Its task runs by itself until the connection or the pool ends.
    async fn make(&self, permit: Permit) -> Result<IdleConnection, Failure> {
        let until = self.runtime.now() + self.config.connect_timeout;
        let mut alarm = Alarm::new();
        let mut connecting = pin!(self.connector.connect());
        let made = poll_fn(|cx| match connecting.as_mut().poll(cx) {
            Poll::Ready(made) => Poll::Ready(made),
            Poll::Pending if alarm.poll(cx, &self.runtime, until) => {
                Poll::Ready(Err(Refused::Unreached(io::ErrorKind::TimedOut.into())))
            }
            Poll::Pending => Poll::Pending,
        });
        let stream = made.await?;
        let machine = Connection::new(Arc::clone(&self.config.http), self.runtime.now());
        let pump = Pump::new(machine, stream, BytesMut::new(), self.runtime.clone());
        let (place, jobs) = oneshot::channel();
        let carrier = Carrier::new(pump, jobs, permit, Arc::clone(&self.config.dress));
        self.runtime.spawn(carrier.run());
        Ok(place)
    }
}

impl<C: Connect, R: Runtime> Post for Pool<C, R> {
    async fn post(&self, body: Bytes) -> Result<Reply, Failure> {
        loop {
            let request = binding::request(&self.endpoint, &self.config.dress, body.clone());
            if let Some(flaw) = request.flaw() {
                return Err(Failure::Invalid(flaw));
            }
            let (reused, place) = match self.inner.turn().await {
                Turn::Use(place) => (true, place),
                Turn::Make(permit) => (false, self.make(permit).await?),
            };
            let (answer, answered) = oneshot::channel();
            let result = match place.send(Job { request, answer }) {
                Ok(()) => answered.await.unwrap_or(Err(Failure::Lost(None))),
                Err(_) => Err(UNSENT),
            };
            match result {
                // The connection ended before it heard of this; the next one may not have.
                Err(Failure::Lost(Some(Progress::Unsent))) if reused => {}
                result => return result,
            }
        }
    }
}

/// What becomes of a request that no byte left of.
pub(super) const UNSENT: Failure = Failure::Lost(Some(Progress::Unsent));

/// What the connections' tasks share with the pool. They hold it weakly: its end is theirs.
pub(super) struct Inner {
    limit: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Places for the next job; the newest last. Those of connections that ended may be among them.
    idle: Vec<IdleConnection>,
    /// Connections that take requests, or are being made.
    open: usize,
    /// Posts that wait for their turn, in order.
    waiting: VecDeque<oneshot::Sender<Turn>>,
}

/// Where an idle connection's task finds its next job.
pub(super) type IdleConnection = oneshot::Sender<Job>;

/// A request for a connection's task.
pub(super) struct Job {
    pub(super) request: Request,
    pub(super) answer: oneshot::Sender<Result<Reply, Failure>>,
}

/// What a post goes on with.
enum Turn {
    /// An idle connection. Dropping it ends the connection.
    Use(IdleConnection),
    /// The right to make a connection.
    Make(Permit),
}

/// A connection's right to be. Dropping it makes room for another.
pub(super) struct Permit(Option<Weak<Inner>>);

impl Permit {
    /// Makes a connection idle; it ends where the pool is gone.
    pub(super) fn release(&self, place: IdleConnection) {
        if let Some(inner) = self.0.as_ref().and_then(Weak::upgrade) {
            inner.give(Turn::Use(place));
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let Some(weak) = self.0.take() else { return };
        if let Some(inner) = weak.upgrade() {
            inner.give(Turn::Make(Self(Some(weak))));
        }
    }
}

impl Inner {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for an idle connection, or for the right to make one.
    async fn turn(self: &Arc<Self>) -> Turn {
        let waits = {
            let mut state = self.lock();
            while let Some(place) = state.idle.pop() {
                if !place.is_canceled() {
                    return Turn::Use(place);
                }
            }
            if state.open < self.limit {
                state.open += 1;
                return Turn::Make(Permit(Some(Arc::downgrade(self))));
            }
            let (waiting, waits) = oneshot::channel();
            // Those that gave up hold no place in the queue.
            state.waiting.retain(|waiting| !waiting.is_canceled());
            state.waiting.push_back(waiting);
            waits
        };
        match waits.await {
            Ok(turn) => turn,
            // The queue lives as long as the pool, which is borrowed here.
            Err(oneshot::Canceled) => std::future::pending().await,
        }
    }

    /// Gives a turn to the next post that waits, or keeps it. Nobody is woken under the lock.
    fn give(&self, mut turn: Turn) {
        loop {
            let waiting = {
                let mut state = self.lock();
                let Some(waiting) = state.waiting.pop_front() else {
                    match turn {
                        Turn::Use(place) => {
                            state.idle.retain(|place| !place.is_canceled());
                            state.idle.push(place);
                        }
                        Turn::Make(mut permit) => {
                            permit.0 = None;
                            state.open = state.open.saturating_sub(1);
                        }
                    }
                    return;
                };
                waiting
            };
            match waiting.send(turn) {
                Ok(()) => return,
                Err(back) => turn = back,
            }
        }
    }
}
