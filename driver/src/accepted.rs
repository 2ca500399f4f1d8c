//! A session that a client opened, whatever carries it.

use std::{
    task::{Context, Poll, ready},
    time::Instant,
};

use bosh_proto::server as bosh_server;
use futures_io::{AsyncRead, AsyncWrite};
use ws_framing::xmpp;
use xmpp_stream::session::{Accepted, Event, bosh::ManagedSession, websocket};

use crate::{Pump, Runtime, Step, bosh};

/// A session that a client opened, over either transport.
pub(crate) enum AcceptedSession<S, R: Runtime> {
    WebSocket(Box<Pump<xmpp::server::Session, S, R>>),
    Bosh(Box<bosh::Session<R>>),
}

/// How it ended, in its transport's words.
pub(crate) enum End {
    WebSocket(Box<xmpp::Closed>),
    Bosh(bosh_server::Closed),
}

impl<S: AsyncRead + AsyncWrite + Unpin, R: Runtime> AcceptedSession<S, R> {
    /// What it tells next; `None` when everything has been said and done.
    pub(crate) fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Option<Event<End>>> {
        match self {
            Self::WebSocket(pump) => {
                let Some(Step::Event(event)) = ready!(pump.poll_next(cx)) else {
                    return Poll::Ready(None);
                };
                Poll::Ready(Some(websocket::event(event).map(End::WebSocket)))
            }
            Self::Bosh(session) => loop {
                let Some(event) = ready!(session.poll_next(cx)) else {
                    return Poll::Ready(None);
                };
                if let Some(event) = xmpp_stream::session::bosh::event(event) {
                    return Poll::Ready(Some(event.map(End::Bosh)));
                }
            },
        }
    }

    /// Tells it something; poll it afterwards.
    pub(crate) fn tell<T>(&mut self, tell: impl FnOnce(&mut dyn Accepted, Instant) -> T) -> T {
        match self {
            Self::WebSocket(pump) => {
                let now = pump.now();
                tell(pump.machine_mut(), now)
            }
            Self::Bosh(session) => {
                let key = session.key();
                session
                    .hub()
                    .with(|manager, now| tell(&mut ManagedSession { manager, key }, now))
            }
        }
    }
}
