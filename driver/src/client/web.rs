//! A session over either transport, in one small vocabulary.

use std::{
    mem,
    task::{Context, Poll},
};

use xmpp_endpoints::redirect::Redirect;
use xmpp_wire::{Element, StreamHeader, ns};

use super::{Error, bosh::Bosh, network::Network, websocket::WebSocket};

/// What a session tells.
pub(super) enum WebEvent {
    Opened(StreamHeader),
    Restarted,
    Element(Element),
    Writable,
    /// The server ends its stream: the answer is `close`, behind what is still queued.
    Closing,
    /// Whether somebody listened, the last time that a request was made (BOSH).
    Reached(Reached),
    Closed(End),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reached {
    Refused,
    Heard,
}

/// How a session ended.
pub(super) struct End {
    pub(super) why: Why,
    pub(super) redirect: Option<Redirect>,
    pub(super) undelivered: Vec<Element>,
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
            undelivered: Vec::new(),
        }
    }
}

/// Why an element was not taken; it comes back.
pub(super) enum Refused {
    /// The outbox is full; `WebEvent::Writable` follows when there is room.
    Full(Element),
    Closed(Element),
    Forbidden(Element),
}

pub(super) enum Web<N: Network> {
    WebSocket(Box<WebSocket<N>>),
    Bosh(Box<Bosh<N>>),
}

impl<N: Network> Web<N> {
    /// `None` when everything has been said and done.
    pub(super) fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Option<WebEvent>> {
        match self {
            Self::WebSocket(socket) => socket.poll_event(cx),
            Self::Bosh(bosh) => bosh.poll_event(cx),
        }
    }

    pub(super) fn send(&mut self, element: Element) -> Result<(), Refused> {
        match self {
            Self::WebSocket(socket) => socket.send(element),
            Self::Bosh(bosh) => bosh.send(element),
        }
    }

    pub(super) fn close(&mut self) {
        match self {
            Self::WebSocket(socket) => socket.close(),
            Self::Bosh(bosh) => bosh.close(),
        }
    }

    /// Ends it without a word: `Closed` follows at once.
    pub(super) fn abort(&mut self) {
        match self {
            Self::WebSocket(socket) => socket.abort(),
            Self::Bosh(bosh) => bosh.abort(),
        }
    }

    pub(super) fn hold_input(&mut self) {
        match self {
            Self::WebSocket(socket) => socket.hold_input(),
            Self::Bosh(bosh) => bosh.hold_input(),
        }
    }

    pub(super) fn release_input(&mut self) {
        match self {
            Self::WebSocket(socket) => socket.release_input(),
            Self::Bosh(bosh) => bosh.release_input(),
        }
    }

    async fn next(&mut self) -> Option<WebEvent> {
        std::future::poll_fn(|cx| self.poll_event(cx)).await
    }

    /// Lets it finish what it has to say, with nobody listening; its own deadlines bound that.
    pub(super) async fn finish(mut self) {
        while self.next().await.is_some() {}
    }
}

/// A session whose stream is open: the server's header and, mostly, its features have been seen.
pub(super) struct Opening<N: Network> {
    guard: Guard<N>,
    pub(super) header: StreamHeader,
    pub(super) features: Option<Element>,
    /// What came in place of the features.
    pub(super) early: Option<Element>,
}

impl<N: Network> Opening<N> {
    /// Waits for a stream of `domain`. Dropping the future closes what was opened.
    pub(super) async fn wait(web: Web<N>, network: N, domain: &str) -> Result<Self, End> {
        let mut guard = Guard {
            web: Some(web),
            network,
        };
        let mut opened = None;
        loop {
            let event = match &mut guard.web {
                Some(web) => web.next().await,
                None => None,
            };
            match event {
                Some(WebEvent::Opened(header)) => opened = Some(header),
                Some(WebEvent::Element(element)) => {
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
                Some(WebEvent::Closed(mut end)) => {
                    if matches!(end.why, Why::Ours | Why::Peer) {
                        end.why =
                            Why::Lost(Error::Lost("before the stream's features came".to_owned()));
                    }
                    return Err(end);
                }
                Some(WebEvent::Closing) => {
                    if let Some(web) = &mut guard.web {
                        web.close();
                    }
                }
                Some(WebEvent::Restarted | WebEvent::Writable | WebEvent::Reached(_)) => {}
                None => return Err(End::lost(Error::Lost("it ended at once".to_owned()))),
            }
        }
    }

    /// The session itself.
    pub(super) fn into_web(mut self) -> Option<Web<N>> {
        self.guard.web.take()
    }
}

/// Closes a session that nobody wants, so that the server need not wait for it to fall silent.
struct Guard<N: Network> {
    web: Option<Web<N>>,
    network: N,
}

impl<N: Network> Drop for Guard<N> {
    fn drop(&mut self) {
        if let Some(mut web) = mem::take(&mut self.web) {
            web.close();
            self.network.spawn(web.finish());
        }
    }
}
