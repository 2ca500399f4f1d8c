//! XEP-0124 over a pool of HTTP/1.1 connections.

use std::{
    collections::VecDeque,
    future::Future,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Instant,
};

use bosh_proto::{
    ExchangeId,
    binding::client::Endpoint,
    client::{Action, Cause, Closed, Event, Failure, Response, Session},
};
use bytes::Bytes;
use xmpp_endpoints::{
    Candidate, Url,
    redirect::{self, Redirect},
};
use xmpp_stream::session::{self, Dialled};

use super::{
    Error, Settings,
    dial::Dialer,
    dialled::{DialledSession, End, Reached, Why},
    error::unpacked,
    network::Network,
};
use crate::{
    alarm::Alarm,
    post::{self, Pool, Post as _, Reply},
};

type Posting = Pin<Box<dyn Future<Output = Result<Reply, post::Failure>> + Send>>;
type Carrier<N> = Arc<Pool<Dialer<N>, N>>;

/// A request that is under way.
struct Exchange {
    id: ExchangeId,
    body: Bytes,
    /// It goes to the node that `host` named.
    followed: bool,
    posting: Posting,
}

pub(super) struct Bosh<N: Network> {
    session: Session,
    network: N,
    settings: Arc<Settings>,
    alarm: Alarm<N>,
    exchanges: Vec<Exchange>,
    /// Where the session was created.
    url: Url,
    origin: Carrier<N>,
    /// Where the attribute `host` sends its requests (B-T-004); given up for good when that cannot be reached (B-T-005).
    followed: Option<(Url, Carrier<N>)>,
    unfollowed: bool,
    /// Nodes that `host` may name.
    nodes: Vec<Url>,
    /// Why the last request was not carried.
    fault: Option<Error>,
    events: VecDeque<session::Event<End>>,
    reached: Option<Reached>,
    over: bool,
}

impl<N: Network> Bosh<N> {
    /// A session that is created when it is polled.
    pub(super) fn open(
        dialer: Dialer<N>,
        url: &Url,
        nodes: Vec<Url>,
        settings: Arc<Settings>,
        network: N,
        seed: [u8; 32],
    ) -> Result<DialledSession<N>, Error> {
        let mut config = settings.bosh.clone();
        config.to = settings.planner.domain.clone();
        config.from = settings.from.clone().filter(|_| url.scheme().is_secure());
        config.lang = settings.lang.clone().or(config.lang);
        // The planner tries again, there and elsewhere (B-T-003).
        config.creation_attempts = 1;
        let session = Session::new(config, seed, network.now());
        Ok(DialledSession::Bosh(Box::new(Self {
            session,
            origin: carrier(dialer, url, &settings, &network)?,
            network,
            settings,
            alarm: Alarm::new(),
            exchanges: Vec::new(),
            url: url.clone(),
            followed: None,
            unfollowed: false,
            nodes,
            fault: None,
            events: VecDeque::new(),
            reached: None,
            over: false,
        })))
    }

    pub(super) fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Option<session::Event<End>>> {
        loop {
            while let Some(action) = self.session.poll_action() {
                match action {
                    Action::Request { id, body } => self.post(id, body),
                    Action::Abandon { id } => self.exchanges.retain(|exchange| exchange.id != id),
                    Action::Deliver(event) => self.deliver(event),
                }
            }
            if let Some(event) = self.events.pop_front() {
                return Poll::Ready(Some(event));
            }
            if self.over && self.exchanges.is_empty() {
                return Poll::Ready(None);
            }
            if !(self.poll_exchanges(cx) || self.poll_clock(cx)) {
                return Poll::Pending;
            }
        }
    }

    fn post(&mut self, id: ExchangeId, body: Bytes) {
        let followed = self.followed.as_ref();
        let carrier = Arc::clone(followed.map_or(&self.origin, |(_, carrier)| carrier));
        let posted = body.clone();
        self.exchanges.push(Exchange {
            id,
            body,
            followed: followed.is_some(),
            posting: Box::pin(async move { carrier.post(posted).await }),
        });
    }

    /// Whether one of the requests has come to its end.
    fn poll_exchanges(&mut self, cx: &mut Context<'_>) -> bool {
        let mut ended = None;
        for (at, exchange) in self.exchanges.iter_mut().enumerate() {
            if let Poll::Ready(result) = exchange.posting.as_mut().poll(cx) {
                ended = Some((at, result));
                break;
            }
        }
        let Some((at, result)) = ended else {
            return false;
        };
        let exchange = self.exchanges.swap_remove(at);
        let now = self.network.now();
        match result {
            Ok(Reply { status, body }) => {
                self.reached = Some(Reached::Heard);
                let response = Response { status, body };
                self.session.handle_response(exchange.id, response, now);
            }
            Err(post::Failure::Unreached(_) | post::Failure::Untrusted(_)) if exchange.followed => {
                tracing::debug!(
                    "the node that host names cannot be reached: back to the session's own URL"
                );
                self.followed = None;
                self.unfollowed = true;
                self.post(exchange.id, exchange.body);
            }
            Err(failure) => self.handle_failure(exchange.id, failure),
        }
        true
    }

    fn handle_failure(&mut self, id: ExchangeId, failure: post::Failure) {
        let refused = matches!(&failure, post::Failure::Unreached(error)
            if error.kind() == io::ErrorKind::ConnectionRefused);
        self.reached = Some(if refused {
            Reached::Refused
        } else {
            Reached::Heard
        });
        let told = if matches!(failure, post::Failure::Untrusted(_)) {
            Failure::Untrusted
        } else if matches!(failure, post::Failure::TooLarge) {
            Failure::TooLarge
        } else {
            Failure::Lost
        };
        self.fault = Some(fault(failure));
        let now = self.network.now();
        self.session.handle_failure(id, told, now);
    }

    fn poll_clock(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(deadline) = self.session.poll_timeout() else {
            return false;
        };
        if !self.alarm.poll(cx, &self.network, deadline) {
            return false;
        }
        let now = self.network.now();
        self.session.handle_timeout(now);
        true
    }

    fn deliver(&mut self, event: Event) {
        if let Event::Host(host) = event {
            return self.follow(&host);
        }
        if let Some(event) = session::bosh::client_event(event) {
            self.over |= matches!(event, session::Event::Closed(_));
            let event = event.map(|closed| self.end(closed));
            self.events.push_back(event);
        }
    }

    /// A response named the node that holds the session.
    fn follow(&mut self, host: &str) {
        if self.unfollowed {
            return;
        }
        let url = self.followed.as_ref().map_or(&self.url, |(url, _)| url);
        let planner = &self.settings.planner;
        let (domain, policy) = (&planner.domain, &planner.redirects);
        match redirect::host_attribute(url, host, domain, &self.nodes, policy) {
            Ok(None) => {}
            Ok(Some(url)) => {
                let candidate = Candidate::new(url.clone());
                let (settings, network) = (Arc::clone(&self.settings), self.network.clone());
                let made = Dialer::new(network.clone(), settings, &candidate, None)
                    .and_then(|dialer| carrier(dialer, &url, &self.settings, &network));
                match made {
                    Ok(made) => self.followed = Some((url, made)),
                    Err(error) => tracing::debug!(%error, "host is not followed"),
                }
            }
            Err(refusal) => tracing::debug!(%refusal, "host is not followed"),
        }
    }

    fn end(&mut self, closed: Closed) -> End {
        let redirect = closed.redirect.map(|redirect| match redirect {
            bosh_proto::client::Redirect::Uri(uri) => Redirect::Uri(uri),
            bosh_proto::client::Redirect::Host(host) => Redirect::Host(host),
        });
        let why = match closed.cause {
            Cause::Ours => Why::Ours,
            Cause::Terminated => Why::Peer,
            Cause::StreamError(Some(error)) => Why::Lost(Error::Stream(Box::new(error))),
            Cause::Status(status) => Why::Lost(Error::Status(status)),
            Cause::NotBosh => Why::Lost(Error::NotXmpp("its answers are no BOSH".to_owned())),
            cause @ (Cause::Lost | Cause::Untrusted) => Why::Lost(
                self.fault
                    .take()
                    .unwrap_or(Error::Bosh(Box::new(cause), closed.reason)),
            ),
            cause @ (Cause::StreamError(None) | Cause::Condition(_) | _) => {
                Why::Lost(Error::Bosh(Box::new(cause), closed.reason))
            }
        };
        End { why, redirect }
    }

    pub(super) fn tell<T>(&mut self, tell: impl FnOnce(&mut dyn Dialled, Instant) -> T) -> T {
        tell(&mut self.session, self.network.now())
    }

    pub(super) fn take_reached(&mut self) -> Option<Reached> {
        self.reached.take()
    }
}

fn fault(failure: post::Failure) -> Error {
    match failure {
        post::Failure::Unreached(error) | post::Failure::Untrusted(error) => unpacked(error),
        post::Failure::Timeout(_) => Error::TimedOut,
        post::Failure::NotHttp(_) => Error::NotXmpp(failure.to_string()),
        post::Failure::Unreadable(error) => Error::NotXmpp(error.to_string()),
        post::Failure::Lost(_) | post::Failure::TooLarge | post::Failure::Invalid(_) => {
            Error::Lost(failure.to_string())
        }
    }
}

fn carrier<N: Network>(
    dialer: Dialer<N>,
    url: &Url,
    settings: &Settings,
    network: &N,
) -> Result<Carrier<N>, Error> {
    let endpoint =
        Endpoint::parse(&url.to_string()).map_err(|error| Error::NotXmpp(error.to_string()))?;
    let config = settings.post.clone();
    Ok(Arc::new(Pool::new(
        endpoint,
        dialer,
        config,
        network.clone(),
    )))
}
