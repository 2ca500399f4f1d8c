//! The client's own state: planner, attempts, the session, and the events that wait for the application. It lives behind a mutex that is
//! never held across a wait: the client's task polls it, the application's calls change it and wake the task.

mod calls;

use std::{
    collections::VecDeque,
    future::Future,
    mem,
    net::IpAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use rand_chacha::ChaCha12Rng;
use rand_core::{Rng as _, SeedableRng as _};
use xmpp_endpoints::{
    Candidate, Failure, Planner, Report, Transport, Url,
    planner::{self, Action, AttemptId, Fetched, LookupId, Query},
};
use xmpp_stream::session;
use xmpp_wire::{Element, ns};

use super::{
    Cause, Closed, Error, Event, Failed, Lost, Opened, Settings,
    bosh::Bosh,
    dial::Dialer,
    dialled::{DialledSession, End, OpenedSession, Reached, Why},
    get::get,
    network::Network,
    websocket,
};
use crate::alarm::Alarm;

/// Turns of one poll, so that other tasks have theirs (smol has no budget of its own).
const TURNS: u32 = 64;

type Trying<N> = Pin<Box<dyn Future<Output = Result<OpenedSession<N>, End>> + Send>>;
type Asking = Pin<Box<dyn Future<Output = Result<Fetched, Error>> + Send>>;

struct Attempt<N: Network> {
    id: AttemptId,
    url: Url,
    trying: Trying<N>,
}

struct Lookup {
    id: LookupId,
    url: Url,
    asking: Asking,
}

struct Current<N: Network> {
    id: AttemptId,
    session: DialledSession<N>,
    /// Taken from the application, and waiting for room.
    parked: Option<Element>,
    /// RFC 6120's SASL has succeeded.
    restarts: bool,
}

/// A session that was lost, until it is known what comes of it.
struct Gone {
    error: Error,
    undelivered: Vec<Element>,
}

pub(super) struct Engine<N: Network> {
    network: N,
    settings: Arc<Settings>,
    planner: Planner,
    rng: ChaCha12Rng,
    alarm: Alarm<N>,
    lookups: Vec<Lookup>,
    attempts: Vec<Attempt<N>>,
    current: Option<Current<N>>,
    gone: Option<Gone>,
    /// Of the round that is under way.
    errors: Vec<(Url, Error)>,
    events: VecDeque<Event>,
    bytes: usize,
    held: bool,
    /// Sessions so far, and the last that the application has heard of: what it sends is meant for that one.
    sessions: u64,
    heard_of: u64,
    closing: bool,
    /// The application dropped its receiver.
    forgotten: bool,
    over: bool,
    task: Option<Waker>,
    reader: Option<Waker>,
    writers: Vec<Waker>,
}

impl<N: Network> Engine<N> {
    pub(super) fn new(network: N, settings: Settings, seed: [u8; 32]) -> Self {
        let now = network.now();
        let mut rng = ChaCha12Rng::from_seed(seed);
        let mut planner = Planner::new(settings.planner.clone(), draw(&mut rng), now);
        // It is idle: nothing can be busy.
        let _ = planner.connect(now);
        Self {
            network,
            settings: Arc::new(settings),
            planner,
            rng,
            alarm: Alarm::new(),
            lookups: Vec::new(),
            attempts: Vec::new(),
            current: None,
            gone: None,
            errors: Vec::new(),
            events: VecDeque::new(),
            bytes: 0,
            held: false,
            sessions: 0,
            heard_of: 0,
            closing: false,
            forgotten: false,
            over: false,
            task: None,
            reader: None,
            writers: Vec::new(),
        }
    }

    /// Until the client is over.
    pub(super) fn poll_run(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.task = Some(cx.waker().clone());
        for _ in 0..TURNS {
            let planned = self.follow_plan();
            let looked = self.poll_lookups(cx);
            let tried = self.poll_attempts(cx);
            let talked = self.poll_session(cx);
            let fired = self.poll_clock(cx);
            if self.over && self.current.is_none() {
                return Poll::Ready(());
            }
            if !(planned || looked || tried || talked || fired) {
                return Poll::Pending;
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn follow_plan(&mut self) -> bool {
        let mut followed = false;
        while let Some(action) = self.planner.poll_action() {
            followed = true;
            match action {
                Action::LookUp { id, query } => self.look_up(id, query),
                Action::AbandonLookup(id) => self.lookups.retain(|lookup| lookup.id != id),
                Action::Attempt {
                    id,
                    candidate,
                    address,
                } => self.attempt(id, &candidate, address),
                Action::Abandon(id) => self.abandon(id),
                Action::Deliver(planner::Event::Waiting { delay, report }) => {
                    self.waiting(delay, report);
                }
                Action::Deliver(planner::Event::Failed(report)) => self.failed(report),
            }
        }
        // A redirect is followed without a wait.
        if let Some(gone) = self.gone.take() {
            self.lost(gone, Duration::ZERO);
        }
        followed
    }

    fn look_up(&mut self, id: LookupId, query: Query) {
        let Query::Get { url, accept, most } = query else {
            // There is no TCP here, and so nothing that SRV records could lead to.
            let failure = Failure::Unwanted(Transport::Tcp);
            return self
                .planner
                .handle_lookup_failure(id, failure, self.network.now());
        };
        let network = self.network.clone();
        let candidate = Candidate::new(url.clone());
        let dialer = Dialer::new(
            network.clone(),
            Arc::clone(&self.settings),
            &candidate,
            None,
        );
        let document = url.clone();
        let asking = async move {
            let stream = dialer?.dial().await?;
            get(stream, &document, accept, most, network).await
        };
        self.lookups.push(Lookup {
            id,
            url,
            asking: Box::pin(asking),
        });
    }

    fn poll_lookups(&mut self, cx: &mut Context<'_>) -> bool {
        for at in 0..self.lookups.len() {
            let Some(lookup) = self.lookups.get_mut(at) else {
                break;
            };
            let Poll::Ready(result) = lookup.asking.as_mut().poll(cx) else {
                continue;
            };
            let Lookup { id, url, .. } = self.lookups.swap_remove(at);
            let now = self.network.now();
            match result {
                Ok(fetched) => self.planner.handle_fetched(id, &fetched, now),
                Err(error) => {
                    self.planner.handle_lookup_failure(id, error.failure(), now);
                    self.errors.push((url, error));
                }
            }
            return true;
        }
        false
    }

    fn attempt(&mut self, id: AttemptId, candidate: &Candidate, address: Option<IpAddr>) {
        let network = self.network.clone();
        let settings = Arc::clone(&self.settings);
        let dialer = Dialer::new(network.clone(), Arc::clone(&settings), candidate, address);
        let seeds = [draw(&mut self.rng), draw(&mut self.rng)];
        let url = candidate.url.clone();
        let transport = candidate.transport();
        let nodes: Vec<Url> = self.planner.nodes().cloned().collect();
        let here = url.clone();
        let trying = async move {
            let made = match transport {
                Transport::Bosh => dialer.and_then(|dialer| {
                    let (settings, network) = (Arc::clone(&settings), network.clone());
                    Bosh::open(dialer, &here, nodes, settings, network, seeds[0])
                }),
                Transport::WebSocket | Transport::Tcp => match dialer {
                    Ok(dialer) => {
                        websocket::open(&dialer, &here, &settings, network.clone(), seeds).await
                    }
                    Err(error) => Err(error),
                },
            };
            let session = made.map_err(End::lost)?;
            OpenedSession::wait(session, network, &settings.planner.domain).await
        };
        self.attempts.push(Attempt {
            id,
            url,
            trying: Box::pin(trying),
        });
    }

    fn poll_attempts(&mut self, cx: &mut Context<'_>) -> bool {
        for at in 0..self.attempts.len() {
            let Some(attempt) = self.attempts.get_mut(at) else {
                break;
            };
            let Poll::Ready(result) = attempt.trying.as_mut().poll(cx) else {
                continue;
            };
            let Attempt { id, url, .. } = self.attempts.swap_remove(at);
            let now = self.network.now();
            match result {
                Ok(opening) => {
                    self.planner.handle_opened(id, now);
                    self.open(id, url, opening);
                }
                Err(end) => self.attempt_ended(id, url, end),
            }
            return true;
        }
        false
    }

    fn attempt_ended(&mut self, id: AttemptId, url: Url, end: End) {
        let now = self.network.now();
        let error = match (&end.redirect, end.why) {
            (Some(redirect), _) => redirect.into(),
            (None, Why::Lost(error)) => error,
            (None, Why::Ours | Why::Peer) => Error::Lost("it ended at once".to_owned()),
        };
        match &end.redirect {
            Some(redirect) => self.planner.handle_redirect(id, redirect, now),
            None => self.planner.handle_failure(id, error.failure(), now),
        }
        self.errors.push((url, error));
    }

    fn open(&mut self, id: AttemptId, url: Url, mut opening: OpenedSession<N>) {
        let header = mem::take(&mut opening.header);
        let (features, early) = (opening.features.take(), opening.early.take());
        let Some(session) = opening.into_session() else {
            return;
        };
        self.errors.clear();
        self.sessions += 1;
        self.current = Some(Current {
            id,
            session,
            parked: None,
            restarts: early.as_ref().is_some_and(is_success),
        });
        self.held = false;
        self.deliver(Event::Opened(Opened {
            session: self.sessions,
            url,
            header,
            features,
        }));
        if let Some(early) = early {
            self.deliver(Event::Element(early));
        }
    }

    fn poll_session(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(current) = &mut self.current else {
            return false;
        };
        let (id, event) = (current.id, current.session.poll_event(cx));
        match current.session.take_reached() {
            Some(Reached::Heard) => self.planner.handle_heard(id),
            Some(Reached::Refused) => self.planner.handle_refused(id, self.network.now()),
            None if event.is_pending() => return false,
            None => {}
        }
        let Poll::Ready(event) = event else {
            return true;
        };
        match event {
            Some(session::Event::Element(element)) => {
                current.restarts |= is_success(&element);
                self.deliver(Event::Element(element));
            }
            Some(session::Event::Restarted(_)) => self.deliver(Event::Restarted),
            Some(session::Event::Writable) => self.writable(),
            Some(session::Event::Closing) => {
                current.session.tell(|session, now| session.close(now));
            }
            Some(session::Event::Closed(closed)) => {
                self.session_ended(closed.how, closed.undelivered);
            }
            Some(session::Event::Opened(_)) => {}
            None => {
                let error = Error::Lost("it ended without a word".to_owned());
                self.session_ended(End::lost(error), Vec::new());
            }
        }
        true
    }

    /// There is room for what was parked, and then for more.
    fn writable(&mut self) {
        let Some(current) = &mut self.current else {
            return;
        };
        if let Some(element) = current.parked.take()
            && let Err(refused) = current
                .session
                .tell(|session, now| session.send(element, now))
        {
            current.parked = Some(refused.into_inner());
            return;
        }
        self.wake_writers();
    }

    fn session_ended(&mut self, end: End, mut undelivered: Vec<Element>) {
        let Some(Current {
            id,
            session,
            parked,
            ..
        }) = self.current.take()
        else {
            return;
        };
        self.network.spawn(session.finish());
        undelivered.extend(parked);
        let now = self.network.now();
        self.wake_writers();
        let error = match (&end.redirect, end.why) {
            (redirect, why @ (Why::Ours | Why::Peer)) if redirect.is_none() || self.closing => {
                self.planner.handle_closed(id, now);
                let cause = match why {
                    Why::Ours => Cause::Ours,
                    Why::Peer | Why::Lost(_) => Cause::Server,
                };
                return self.end(cause, undelivered);
            }
            (Some(redirect), _) => redirect.into(),
            (None, Why::Lost(error)) => error,
            (None, Why::Ours | Why::Peer) => Error::Lost("it ended".to_owned()),
        };
        if self.closing {
            self.planner.close(now);
            return self.end(Cause::Lost(error), undelivered);
        }
        match &end.redirect {
            Some(redirect) => self.planner.handle_redirect(id, redirect, now),
            None => self.planner.handle_failure(id, error.failure(), now),
        }
        self.gone = Some(Gone { error, undelivered });
    }

    /// The planner does not want it any more.
    fn abandon(&mut self, id: AttemptId) {
        if let Some(at) = self.attempts.iter().position(|attempt| attempt.id == id) {
            self.attempts.swap_remove(at);
        } else if let Some(current) = self.current.take_if(|current| current.id == id) {
            self.give_up(current);
        }
    }

    /// Nobody listens where the session is, and another node is left: what it has not brought over comes back.
    fn give_up(&mut self, mut current: Current<N>) {
        current.session.tell(|session, now| session.abort(now));
        let mut cx = Context::from_waker(Waker::noop());
        let mut undelivered = Vec::new();
        while let Poll::Ready(Some(event)) = current.session.poll_event(&mut cx) {
            match event {
                session::Event::Closed(closed) => {
                    undelivered = closed.undelivered;
                    break;
                }
                session::Event::Element(element) => self.deliver(Event::Element(element)),
                session::Event::Opened(_)
                | session::Event::Restarted(_)
                | session::Event::Writable
                | session::Event::Closing => {}
            }
        }
        undelivered.extend(current.parked);
        self.wake_writers();
        self.gone = Some(Gone {
            error: Error::Lost("nobody listens there any more".to_owned()),
            undelivered,
        });
    }

    fn waiting(&mut self, delay: Duration, report: Report) {
        if let Some(gone) = self.gone.take() {
            return self.lost(gone, delay);
        }
        let failed = self.take_failed(report);
        // Only the latest of them is of interest.
        if matches!(self.events.back(), Some(Event::Unreachable(..))) {
            self.events.pop_back();
        }
        self.deliver(Event::Unreachable(failed, delay));
    }

    fn lost(&mut self, gone: Gone, delay: Duration) {
        self.deliver(Event::Lost(Lost {
            error: gone.error,
            undelivered: gone.undelivered,
            delay,
        }));
    }

    fn failed(&mut self, report: Report) {
        match self.gone.take() {
            Some(gone) => self.end(Cause::Lost(gone.error), gone.undelivered),
            None => {
                let failed = self.take_failed(report);
                self.end(Cause::Failed(failed), Vec::new());
            }
        }
    }

    fn take_failed(&mut self, report: Report) -> Failed {
        Failed {
            report,
            errors: mem::take(&mut self.errors),
        }
    }

    fn end(&mut self, cause: Cause, undelivered: Vec<Element>) {
        if mem::replace(&mut self.over, true) {
            return;
        }
        self.lookups.clear();
        self.attempts.clear();
        self.deliver(Event::Closed(Closed { cause, undelivered }));
        self.wake_writers();
    }

    fn poll_clock(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(deadline) = self.planner.poll_timeout() else {
            return false;
        };
        if !self.alarm.poll(cx, &self.network, deadline) {
            return false;
        }
        self.planner.handle_timeout(self.network.now());
        true
    }

    /// An event for the application. Beyond the inbox's bounds nothing more is read; what was read already still comes.
    fn deliver(&mut self, event: Event) {
        if self.forgotten {
            return;
        }
        self.bytes += event.bytes();
        self.events.push_back(event);
        let full = self.events.len() >= self.settings.inbox_events
            || self.bytes >= self.settings.inbox_bytes;
        if full
            && !self.held
            && !self.closing
            && let Some(current) = &mut self.current
        {
            self.held = true;
            current.session.tell(|session, now| session.hold_input(now));
        }
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
    }

    fn wake_writers(&mut self) {
        for writer in self.writers.drain(..) {
            writer.wake();
        }
    }

    fn wake_task(&mut self) {
        if let Some(task) = self.task.take() {
            task.wake();
        }
    }
}

fn is_success(element: &Element) -> bool {
    element.is("success", ns::SASL)
}

fn draw(rng: &mut ChaCha12Rng) -> [u8; 32] {
    let mut seed = [0; 32];
    rng.fill_bytes(&mut seed);
    seed
}
