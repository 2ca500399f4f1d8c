//! A session over either transport, in the vocabulary of all sessions.

use std::{
    mem,
    task::{Context, Poll, ready},
    time::Instant,
};

use ws_framing::xmpp;
use xmpp_endpoints::redirect::Redirect;
use xmpp_stream::session::{self, Dialled, Event};
use xmpp_wire::{Element, StreamHeader, ns};

use super::{Error, bosh::Bosh, network::Network, websocket};
use crate::{BoxStream, Pump, Step};

/// Whether somebody listened where a request went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reached {
    Refused,
    Heard,
}

/// Why a session ended.
pub(super) struct End {
    pub(super) why: Why,
    pub(super) redirect: Option<Redirect>,
}

pub(super) enum Why {
    /// `close` was called.
    Ours,
    /// The server ended its stream, without an error.
    Peer,
    /// The session was lost for another reason.
    Lost(Error),
}

impl End {
    pub(super) fn lost(error: Error) -> Self {
        Self {
            why: Why::Lost(error),
            redirect: None,
        }
    }
}

/// A session that we opened, over either transport.
pub(super) enum DialledSession<N: Network> {
    WebSocket(Box<Pump<xmpp::client::Session, BoxStream, N>>),
    Bosh(Box<Bosh<N>>),
}

impl<N: Network> DialledSession<N> {
    /// What it tells next; `None` when everything has been said and done.
    pub(super) fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Option<Event<End>>> {
        match self {
            Self::WebSocket(pump) => {
                let Some(Step::Event(event)) = ready!(pump.poll_next(cx)) else {
                    return Poll::Ready(None);
                };
                let event = session::websocket::event(event);
                Poll::Ready(Some(event.map(|closed| websocket::end(*closed))))
            }
            Self::Bosh(bosh) => bosh.poll_event(cx),
        }
    }

    /// Tells it something; poll it afterwards.
    pub(super) fn tell<T>(&mut self, tell: impl FnOnce(&mut dyn Dialled, Instant) -> T) -> T {
        match self {
            Self::WebSocket(pump) => {
                let now = pump.now();
                tell(pump.machine_mut(), now)
            }
            Self::Bosh(bosh) => bosh.tell(tell),
        }
    }

    /// Whether somebody listened, where a request was made since this was last asked (BOSH).
    pub(super) fn take_reached(&mut self) -> Option<Reached> {
        match self {
            Self::WebSocket(_) => None,
            Self::Bosh(bosh) => bosh.take_reached(),
        }
    }

    async fn next(&mut self) -> Option<Event<End>> {
        std::future::poll_fn(|cx| self.poll_event(cx)).await
    }

    /// Lets it finish what it has to say, with nobody listening; its own deadlines bound that.
    pub(super) async fn finish(mut self) {
        while self.next().await.is_some() {}
    }
}

/// A session whose stream is open: the server's header and, mostly, its features have been seen.
pub(super) struct OpenedSession<N: Network> {
    guard: Guard<N>,
    pub(super) header: StreamHeader,
    pub(super) features: Option<Element>,
    /// What came in place of the features.
    pub(super) early: Option<Element>,
}

impl<N: Network> OpenedSession<N> {
    /// Waits for a stream of `domain`. Dropping the future closes what was opened.
    pub(super) async fn wait(
        session: DialledSession<N>,
        network: N,
        domain: &str,
    ) -> Result<Self, End> {
        let mut guard = Guard {
            session: Some(session),
            network,
        };
        let mut opened = None;
        loop {
            let event = match &mut guard.session {
                Some(session) => session.next().await,
                None => None,
            };
            match event {
                Some(Event::Opened(header)) => opened = Some(header),
                Some(Event::Element(element)) => {
                    // Not before: an error may follow on a header of whoever knows no such domain (RFC 6120 §4.9.1.3).
                    let from = opened.as_ref().and_then(|header| header.from.as_deref());
                    if let Some(other) = from.filter(|from| !from.eq_ignore_ascii_case(domain)) {
                        return Err(End::lost(Error::WrongDomain(other.to_owned())));
                    }
                    let is_features = element.is("features", ns::STREAM);
                    let (features, early) = if is_features {
                        (Some(element), None)
                    } else {
                        (None, Some(element))
                    };
                    return Ok(Self {
                        guard,
                        header: opened.unwrap_or_default(),
                        features,
                        early,
                    });
                }
                Some(Event::Closed(closed)) => {
                    let mut end = closed.how;
                    if matches!(end.why, Why::Ours | Why::Peer) {
                        end.why =
                            Why::Lost(Error::Lost("before the stream's features came".to_owned()));
                    }
                    return Err(end);
                }
                Some(Event::Closing) => {
                    if let Some(session) = &mut guard.session {
                        session.tell(|session, now| session.close(now));
                    }
                }
                Some(Event::Restarted(_) | Event::Writable) => {}
                None => return Err(End::lost(Error::Lost("it ended at once".to_owned()))),
            }
        }
    }

    /// The session itself.
    pub(super) fn into_session(mut self) -> Option<DialledSession<N>> {
        let mut session = self.guard.session.take()?;
        // What was heard before is no news.
        session.take_reached();
        Some(session)
    }
}

/// Closes a session that nobody wants, so that the server need not wait for it to fall silent.
struct Guard<N: Network> {
    session: Option<DialledSession<N>>,
    network: N,
}

impl<N: Network> Drop for Guard<N> {
    fn drop(&mut self) {
        if let Some(mut session) = mem::take(&mut self.session) {
            session.tell(|session, now| session.close(now));
            self.network.spawn(session.finish());
        }
    }
}
