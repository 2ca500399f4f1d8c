//! Which endpoint to try, when, and what comes after it fails.

mod config;
mod failover;
mod lookup;
mod memory;
mod round;

use std::{collections::VecDeque, net::IpAddr, time::Duration};

use rand_chacha::ChaCha12Rng;
use rand_core::SeedableRng as _;
use xmpp_machine::{Clock, Moment};

use self::{
    lookup::{Answer, Known},
    memory::Memory,
    round::{Entry, Round},
};
use crate::{
    Candidate, Failure, Instant, Report, Subject, Url,
    redirect::{self, Redirect, Refusal},
};

pub use self::{
    config::{Config, NotADomain, Patience, Source},
    lookup::{Fetched, SrvRecord},
};

/// An attempt to open a stream, and the session that it becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AttemptId(u64);

/// A question about endpoints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LookupId(u64);

/// What the driver must do next, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Find out; then `handle_fetched`, `handle_records` or `handle_lookup_failure`.
    LookUp {
        /// Comes back with the answer.
        id: LookupId,
        /// What is asked.
        query: Query,
    },
    /// Open a stream for the domain there; then `handle_opened`, `handle_failure` or
    /// `handle_redirect`.
    Attempt {
        /// Comes back with what came of it.
        id: AttemptId,
        /// The endpoint to try, and the names that its certificate may prove.
        candidate: Candidate,
        /// The one of its addresses that is tried; `None`: all that the resolver gives, in the
        /// manner of RFC 8305.
        address: Option<IpAddr>,
    },
    /// The answer is no longer wanted.
    AbandonLookup(LookupId),
    /// The stream is no longer wanted: close it, if it is open.
    Abandon(AttemptId),
    /// Tell the application this.
    Deliver(Event),
}

/// A question about endpoints.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Query {
    /// An HTTP GET without cookies that follows no redirect, over TLS for the URL's host where its
    /// scheme says so.
    Get {
        /// The URL of the document.
        url: Url,
        /// The value of the request's `Accept` field.
        accept: &'static str,
        /// Bytes of the body that are wanted; read one more to show that there is one.
        most: usize,
    },
    /// Look up the SRV records of a name.
    Srv {
        /// The DNS name of the records.
        name: String,
    },
}

/// What the application learns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Everything failed, or the session was lost. It is tried again after a while.
    Waiting {
        /// How long it waits.
        delay: Duration,
        /// What was tried, and why it failed.
        report: Report,
    },
    /// It is not tried again, until `connect` is called.
    Failed(Report),
}

/// `connect` while it is connecting or connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a connection is there, or on its way")]
pub struct Busy;

#[derive(Debug)]
enum State {
    Idle,
    Round(Round),
    Waiting { until: Moment },
    Open(Open),
}

/// The session that is open, and where it leads.
#[derive(Debug)]
struct Open {
    id: AttemptId,
    entry: Entry,
    since: Moment,
    /// Since when every request was refused.
    refused: Option<Moment>,
}

/// Finds a node to connect to and another one where it fails: sources, candidates in random order,
/// staggered attempts, redirects, failures remembered, waits between rounds.
///
/// It is told what came of its orders, and keeps the contract of every machine here: drain
/// [`poll_action`](Self::poll_action) after any calls, then read
/// [`poll_timeout`](Self::poll_timeout). What it is told about an attempt or a look-up that it has
/// abandoned is ignored.
///
/// ```
/// use xmpp_endpoints::{Failure, Instant, Planner, Url, planner::{Action, Config, Event}};
///
/// let now = Instant::now();
/// let config = Config::new("example.com")?.with_endpoints([Url::parse("wss://t1.example/")?, Url::parse("https://t1.example/http-bind")?]);
/// let mut planner = Planner::new(config, [7; 32], now);
/// planner.connect(now)?;
/// let Some(Action::Attempt { id, candidate, .. }) = planner.poll_action() else { panic!() };
/// assert_eq!(candidate.url.to_string(), "wss://t1.example/", "WebSocket is preferred");
/// planner.handle_failure(id, Failure::Status(403), now);
/// let Some(Action::Attempt { id, candidate, .. }) = planner.poll_action() else { panic!() };
/// assert_eq!(candidate.url.to_string(), "https://t1.example/http-bind", "BOSH is what is left");
/// planner.handle_opened(id, now);
/// assert_eq!((planner.poll_action(), planner.poll_timeout()), (None, None));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Planner {
    config: Config,
    rng: ChaCha12Rng,
    clock: Clock,
    state: State,
    /// What each source gave, by its index in `Config::sources`.
    known: Vec<Option<Known>>,
    memory: Memory,
    /// Rounds, and lost sessions, that failed in a row.
    failures: u32,
    /// Rounds since `connect`, or since a session was lost.
    rounds: u32,
    /// There was a session since `connect`.
    opened: bool,
    ids: u64,
    actions: VecDeque<Action>,
}

impl Planner {
    /// A planner that does nothing yet. `seed` must not be used for anything else.
    pub fn new(config: Config, seed: [u8; 32], now: Instant) -> Self {
        let known = config.sources.iter().map(|_| None).collect();
        Self {
            config,
            rng: ChaCha12Rng::from_seed(seed),
            clock: Clock::new(now),
            state: State::Idle,
            known,
            memory: Memory::default(),
            failures: 0,
            rounds: 0,
            opened: false,
            ids: 0,
            actions: VecDeque::new(),
        }
    }

    /// The configuration of the planner.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Starts to look for a node.
    ///
    /// # Errors
    ///
    /// `Busy` where it has started before and neither failed nor was closed.
    pub fn connect(&mut self, now: Instant) -> Result<(), Busy> {
        self.clock.read(now);
        let State::Idle = self.state else {
            return Err(Busy);
        };
        self.opened = false;
        self.rounds = 0;
        self.begin_round(Report::default(), None);
        self.advance();
        Ok(())
    }

    /// Stops: nothing is looked for, and a session is no longer wanted.
    pub fn close(&mut self, now: Instant) {
        self.clock.read(now);
        match std::mem::replace(&mut self.state, State::Idle) {
            State::Idle | State::Waiting { .. } => {}
            State::Round(round) => self.abandon(round),
            State::Open(open) => self.actions.push_back(Action::Abandon(open.id)),
        }
    }

    /// The document was answered.
    pub fn handle_fetched(&mut self, id: LookupId, fetched: &Fetched, now: Instant) {
        self.clock.read(now);
        self.answer_lookup(id, |what, config| what.fetched(fetched, config));
    }

    /// The SRV records, none where there are none.
    pub fn handle_records(&mut self, id: LookupId, records: &[SrvRecord], now: Instant) {
        self.clock.read(now);
        self.answer_lookup(id, |_, config| {
            Answer::Known(lookup::srv_offer(records, config))
        });
    }

    /// The look-up failed.
    pub fn handle_lookup_failure(&mut self, id: LookupId, failure: Failure, now: Instant) {
        self.clock.read(now);
        self.answer_lookup(id, |what, config| what.failed(failure, config));
    }

    /// The attempt has led to a stream for the domain over a connection that is what the candidate
    /// asks for. All others are abandoned.
    pub fn handle_opened(&mut self, id: AttemptId, now: Instant) {
        self.clock.read(now);
        let State::Round(round) = &mut self.state else {
            return;
        };
        let Some(at) = round.attempts.iter().position(|attempt| attempt.id == id) else {
            return;
        };
        let attempt = round.attempts.remove(at);
        let open = State::Open(Open {
            id,
            entry: attempt.entry,
            since: self.clock.latest(),
            refused: None,
        });
        if let State::Round(round) = std::mem::replace(&mut self.state, open) {
            self.abandon(round);
        }
        self.opened = true;
        self.rounds = 0;
    }

    /// The attempt failed, or its session was lost.
    pub fn handle_failure(&mut self, id: AttemptId, failure: Failure, now: Instant) {
        self.clock.read(now);
        self.fail(id, failure);
        self.advance();
    }

    /// The server redirects, before or after the stream was opened; its stream is over.
    pub fn handle_redirect(&mut self, id: AttemptId, redirect: &Redirect, now: Instant) {
        self.clock.read(now);
        let (entry, settled) = match &self.state {
            State::Round(round) => {
                let Some(attempt) = round.attempts.iter().find(|attempt| attempt.id == id) else {
                    return;
                };
                (&attempt.entry, false)
            }
            State::Open(open) if open.id == id => (&open.entry, self.has_settled(open)),
            State::Open(_) | State::Idle | State::Waiting { .. } => return,
        };
        let chain: &[Url] = if settled { &[] } else { &entry.chain };
        let (domain, policy) = (&self.config.domain, &self.config.redirects);
        match redirect::follow(&entry.candidate, redirect, chain, domain, policy) {
            Ok(candidate) => {
                let mut chain = chain.to_vec();
                chain.push(entry.candidate.url.clone());
                let next = Entry {
                    address: None,
                    candidate,
                    chain,
                };
                self.follow_redirect(id, next);
            }
            Err(refusal) => self.fail(id, Failure::Redirect(refusal)),
        }
        self.advance();
    }

    /// A request of the session could not be sent because nobody listens there. Where that goes on
    /// for `Config::refused_for`, without [`handle_heard`](Self::handle_heard) in between, and
    /// another node is left, the session is abandoned and counts as lost; that was wait enough, and
    /// another node is tried at once.
    pub fn handle_refused(&mut self, id: AttemptId, now: Instant) {
        let now = self.clock.read(now);
        let alternative = self.has_alternative();
        let State::Open(open) = &mut self.state else {
            return;
        };
        if open.id != id {
            return;
        }
        let since = *open.refused.get_or_insert(now);
        if alternative && now.since(since) >= self.config.refused_for {
            self.actions.push_back(Action::Abandon(id));
            self.failover(id);
            self.advance();
        }
    }

    /// A request of the session had another end than being refused: an answer, or silence.
    pub fn handle_heard(&mut self, id: AttemptId) {
        if let State::Open(open) = &mut self.state
            && open.id == id
        {
            open.refused = None;
        }
    }

    /// The session has ended because one of its ends wanted that: nothing more is tried.
    pub fn handle_closed(&mut self, id: AttemptId, now: Instant) {
        self.clock.read(now);
        let State::Open(open) = &self.state else {
            return;
        };
        if open.id == id {
            if self.has_settled(open) {
                self.failures = 0;
                self.memory.forget(&open.entry);
            }
            self.state = State::Idle;
        }
    }

    /// A deadline may have passed.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.clock.read(now);
        self.expire();
        self.advance();
    }

    /// The next thing that the driver must do.
    pub fn poll_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// When to call `handle_timeout` at the latest.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let first = match &self.state {
            State::Idle | State::Open(_) => None,
            State::Waiting { until } => Some(*until),
            State::Round(round) => {
                let start = (!round.queue.is_empty()
                    && round.attempts.len() < self.config.parallel)
                    .then_some(round.next_start);
                let attempts = round.attempts.iter().map(|attempt| attempt.deadline);
                let lookup = round.lookup.as_ref().map(|lookup| lookup.deadline);
                start.into_iter().chain(attempts).chain(lookup).min()
            }
        };
        self.clock.instant(first?)
    }

    /// Whether a session is there.
    pub fn is_open(&self) -> bool {
        matches!(self.state, State::Open(_))
    }

    /// The URLs of all endpoints that the sources have given so far.
    pub fn nodes(&self) -> impl Iterator<Item = &Url> {
        self.candidates().map(|candidate| &candidate.url)
    }

    /// Where the attribute `host` of a BOSH response sends the following requests of this session,
    /// whose requests go to `url` now; see [`redirect::host_attribute`].
    ///
    /// # Errors
    ///
    /// Why it is not followed.
    pub fn host_attribute(&self, url: &Url, value: &str) -> Result<Option<Url>, Refusal> {
        let nodes: Vec<Url> = self.nodes().cloned().collect();
        let (domain, policy) = (&self.config.domain, &self.config.redirects);
        redirect::host_attribute(url, value, domain, &nodes, policy)
    }

    /// All that the sources have given so far.
    fn candidates(&self) -> impl Iterator<Item = &Candidate> {
        let given = self.config.sources.iter().flat_map(|source| match source {
            Source::Given(candidates) => candidates.as_slice(),
            Source::HostMeta | Source::Nodes(_) | Source::Srv => &[],
        });
        let known = self.known.iter().flatten();
        given.chain(known.flat_map(|known| &known.offer.candidates))
    }

    /// Whether another node than the session's is known.
    fn has_alternative(&self) -> bool {
        let State::Open(open) = &self.state else {
            return false;
        };
        let own = &open.entry.candidate.url;
        self.candidates()
            .map(|candidate| &candidate.url)
            .any(|url| (url.host(), url.port()) != (own.host(), own.port()))
    }

    fn has_settled(&self, open: &Open) -> bool {
        self.clock.latest().since(open.since) >= self.config.settled
    }

    fn new_id(&mut self) -> u64 {
        self.ids += 1;
        self.ids
    }

    fn abandon(&mut self, round: Round) {
        let lookup = round.lookup.map(|lookup| Action::AbandonLookup(lookup.id));
        let attempts = round.attempts.iter();
        let attempts = attempts.map(|attempt| Action::Abandon(attempt.id));
        self.actions.extend(lookup.into_iter().chain(attempts));
    }

    fn tell(&mut self, event: Event) {
        self.actions.push_back(Action::Deliver(event));
    }
}

impl From<&Entry> for Subject {
    fn from(entry: &Entry) -> Self {
        Self::Endpoint(entry.candidate.url.clone())
    }
}
