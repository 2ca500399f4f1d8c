use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Instant,
};

use bosh_proto::{
    ExchangeId, Request, Response,
    server::{Config, Event, Manager, Opening, SessionKey},
};

use crate::Runtime;

/// Where exchanges meet sessions: a `Manager` behind one short lock, and its timer.
#[derive(Clone, Debug)]
pub struct Hub<R> {
    runtime: R,
}

/// The sessions that clients open.
#[derive(Debug)]
pub struct Sessions {}

/// One session: its opening, and its events in order. Dropping it closes the session with `internal-server-error`.
#[derive(Debug)]
pub struct Session<R> {
    hub: Hub<R>,
}

/// An exchange under way: resolves to the answer, or to `None` where the connection must be dropped without one (B-R-168).
/// Dropping it tells the manager that the client is gone.
#[derive(Debug)]
pub struct Exchange<R> {
    hub: Hub<R>,
}

impl<R: Runtime> Hub<R> {
    /// A hub, and the sessions that will open on it.
    pub fn new(_config: Arc<Config>, _seed: [u8; 32], _runtime: R) -> (Self, Sessions) {
        todo!()
    }
    /// Hands a request to the manager.
    pub fn exchange(&self, _request: Request) -> Exchange<R> {
        todo!()
    }
    /// The bytes of that answer left.
    pub fn sent(&self, _id: ExchangeId) {
        todo!()
    }
    /// Tells the manager something under the lock, then hands out what it ordered.
    pub fn with<T>(&self, _tell: impl FnOnce(&mut Manager, Instant) -> T) -> T {
        todo!()
    }
    /// Closes every session, answers every held request, refuses new ones.
    pub fn shutdown(&self) {
        todo!()
    }
    /// Live sessions.
    pub fn sessions(&self) -> usize {
        todo!()
    }
}

impl Sessions {
    /// The next session that a client opened; `None` after the hub is gone.
    pub async fn next<R: Runtime>(&mut self) -> Option<Session<R>> {
        todo!()
    }
}

impl<R: Runtime> Session<R> {
    /// Its key.
    pub fn key(&self) -> SessionKey {
        todo!()
    }
    /// What the client asked for.
    pub fn opening(&self) -> &Opening {
        todo!()
    }
    /// The hub.
    pub fn hub(&self) -> &Hub<R> {
        &self.hub
    }
    /// The next event; `None` after `Closed`. Cancel-safe.
    pub async fn next(&mut self) -> Option<Event> {
        todo!()
    }
}

impl<R> Exchange<R> {
    /// Its id, for `Hub::sent`.
    pub fn id(&self) -> ExchangeId {
        todo!()
    }
}

impl<R> Future for Exchange<R> {
    type Output = Option<Response>;
    fn poll(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<Self::Output> {
        todo!()
    }
}
