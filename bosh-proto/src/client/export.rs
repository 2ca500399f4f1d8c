//! A session at rest, and how it goes on elsewhere: after a page's reload, in another process, on another node.

use std::{collections::VecDeque, time::Duration};

use bytes::Bytes;
use xmpp_wire::Element;

use super::{
    Action, Config, Event, Pause,
    outbox::Outbox,
    receive::{Answer, Parked},
    session::{Hint, Kind, Pending, Phase, Restart, Session, Way},
    terms::Terms,
};
use crate::{Instant, body::Body, keys::Chain, rid::Rid};

/// A session at rest: a plain value with durations instead of instants, made by [`Session::export`] and brought back to life by
/// [`Session::import`]. Requests without an answer, parked answers, queued elements and events that were not taken yet are part of it.
///
/// It holds the session's secrets (`sid`, keys): whoever has it has the session. Its [`Debug`](std::fmt::Debug) shows none of them.
///
/// # One owner
///
/// A session has one owner at a time. Two that import the same value both use the next `rid`s: the connection manager takes the first body
/// under each, answers the other with a replay or `type='error'`, and drops its elements without a word; answers go to whichever asked
/// last, so each misses half; with keys the second is an attack and ends the session (B-R-099). A store shared by several owners
/// therefore needs compare-and-swap on the [generation](Self::generation):
///
/// 1. read the value, and [`claim`](Self::claim) it: the generation grows by one;
/// 2. write the claimed value back on the condition that the stored generation is still the one that was read;
/// 3. import the claimed value only if that write won.
///
/// ```
/// use std::time::{Duration, Instant};
///
/// use bosh_proto::client::{Action, Config, Exported, Session};
///
/// # #[expect(clippy::disallowed_methods)]
/// let now = Instant::now();
/// let session = Session::new(Config::new("lantern.example"), [7; 32], now);
/// let stored = session.export(now).expect("not closed").to_bytes();
///
/// // A minute later, elsewhere.
/// let read = Exported::from_bytes(&stored).expect("our own bytes");
/// let claimed = read.clone().claim();
/// assert_eq!(claimed.generation(), read.generation() + 1);
/// // .. the store's compare-and-swap won ..
/// let mut session = Session::import(claimed, [8; 32], now, Duration::from_secs(60));
/// assert!(matches!(session.poll_action(), Some(Action::Request { .. })));
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Exported {
    pub(super) generation: u64,
    pub(super) config: Config,
    pub(super) terms: Terms,
    pub(super) phase: PhaseAtRest,
    pub(super) restart: RestartAtRest,
    pub(super) from: Option<String>,
    pub(super) host: Option<String>,
    /// Ids are not used again: a driver may still hear of those from before.
    pub(super) exchanges: u64,
    pub(super) next: u64,
    pub(super) acked: u64,
    pub(super) doubled: Vec<(u64, Duration)>,
    pub(super) pending: Vec<PendingAtRest>,
    pub(super) outbox: Vec<Element>,
    pub(super) refused: bool,
    /// A key sequence's seed, and how many keys of it are left.
    pub(super) chain: Option<(String, u64)>,
    pub(super) skipped: Vec<Element>,
    pub(super) lost: Option<Duration>,
    pub(super) spaced: Duration,
    pub(super) idle: Option<Duration>,
    pub(super) held: Option<Duration>,
    pub(super) linger: Option<Duration>,
    pub(super) has_fallen: bool,
    pub(super) must_send: bool,
    pub(super) quick: u8,
    pub(super) refusals: u8,
    pub(super) events: Vec<EventAtRest>,
}

/// Without the secrets (B-R-170).
impl std::fmt::Debug for Exported {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Exported")
            .field("generation", &self.generation)
            .field("phase", &self.phase)
            .field("pending", &self.pending.len())
            .field("queued", &self.outbox.len())
            .finish_non_exhaustive()
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PhaseAtRest {
    Creating,
    Open,
    Pausing {
        period: Duration,
        sent: Option<(u64, Duration)>,
    },
    Paused {
        period: Duration,
        rest: Duration,
    },
    Closing {
        rest: Duration,
        sent: Option<u64>,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RestartAtRest {
    None,
    Due,
    Sent(Duration),
    Done,
}

#[derive(Clone, PartialEq, Eq)]
pub(super) struct PendingAtRest {
    pub(super) kind: Kind,
    pub(super) body: Bytes,
    pub(super) payload: Vec<Element>,
    pub(super) answer: AnswerAtRest,
    pub(super) errors: u8,
    pub(super) garbage: u8,
    pub(super) failures: u32,
}

#[derive(Clone, PartialEq, Eq)]
pub(super) enum AnswerAtRest {
    None,
    Implied,
    /// The answer's whole document, ordinary or terminal.
    Document(Bytes),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum EventAtRest {
    Opened(Option<String>),
    Element(Element),
    Restarted,
    Host(String),
    Identified(String),
    Granted(Duration),
    Unconfirmed(Duration),
    Writable,
}

impl Exported {
    /// How often the session was claimed before.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// The same session, claimed by its next owner: the generation grows by one.
    #[must_use]
    pub fn claim(mut self) -> Self {
        self.generation = self.generation.saturating_add(1);
        self
    }
}

/// The least that is tried after an import, however much time went by: the connection manager knows better whether the session is over.
const LEAST_PATIENCE: Duration = Duration::from_secs(10);

impl Session {
    /// Puts the session to rest, at any moment and with nothing lost; `None` where it is over. Exchanges under way are dropped without an
    /// order: whoever exports ends them, and the requests are sent again after the import.
    pub fn export(mut self, now: Instant) -> Option<Exported> {
        let now = self.now.max(now);
        let rest = |at: Instant| at.saturating_duration_since(now);
        let phase = match self.phase {
            Phase::Over => return None,
            Phase::Creating { .. } => {
                // It is created anew, with another rid (B-R-049).
                self.pending.clear();
                PhaseAtRest::Creating
            }
            Phase::Open => PhaseAtRest::Open,
            Phase::Pausing { period, sent } => PhaseAtRest::Pausing {
                period,
                sent: sent.map(|(rid, until)| (rid.get(), rest(until))),
            },
            Phase::Paused { period, until } => PhaseAtRest::Paused {
                period,
                rest: rest(until),
            },
            Phase::Closing { until, sent } => PhaseAtRest::Closing {
                rest: rest(until),
                sent: sent.map(Rid::get),
            },
        };
        let events = self.actions.drain(..).filter_map(at_rest).collect();
        let (outbox, refused) = self.outbox.into_parts();
        Some(Exported {
            generation: self.generation,
            config: self.config,
            terms: self.terms,
            phase,
            restart: match self.restart {
                Restart::None => RestartAtRest::None,
                Restart::Due => RestartAtRest::Due,
                Restart::Sent(until) => RestartAtRest::Sent(rest(until)),
                Restart::Done => RestartAtRest::Done,
            },
            from: self.from,
            host: self.host,
            exchanges: self.exchanges,
            next: self.next.get(),
            acked: self.acked.get(),
            doubled: self
                .doubled
                .into_iter()
                .map(|(rid, until)| (rid.get(), rest(until)))
                .collect(),
            pending: self
                .pending
                .into_iter()
                .map(|pending| PendingAtRest {
                    kind: pending.kind,
                    body: pending.body,
                    payload: pending.payload,
                    answer: match pending.way {
                        Way::Out(..) | Way::Again(_) => AnswerAtRest::None,
                        Way::Answered(parked) => match parked.answer {
                            Answer::Implied => AnswerAtRest::Implied,
                            Answer::Ordinary(_) | Answer::Terminal(_) => {
                                AnswerAtRest::Document(parked.document)
                            }
                        },
                    },
                    errors: pending.errors,
                    garbage: pending.garbage,
                    failures: pending.failures,
                })
                .collect(),
            outbox,
            refused,
            chain: self.chain.map(|chain| {
                let (seed, left) = chain.parts();
                (seed.to_owned(), u64::try_from(left).unwrap_or_default())
            }),
            skipped: self.skipped,
            lost: self.lost_at.map(rest),
            spaced: rest(self.spaced_until),
            idle: self.idle_until.map(rest),
            held: self.held_until.map(rest),
            linger: self.linger_until.map(rest),
            has_fallen: self.has_fallen,
            must_send: self.must_send,
            quick: self.quick,
            refusals: self.refusals,
            events,
        })
    }

    /// Goes on with a session, `elapsed` after its export. What was on its way is sent again, the same bytes; what the connection manager
    /// answered before it answers again. `seed` must come from the operating system's generator, as for a new session.
    pub fn import(exported: Exported, seed: [u8; 32], now: Instant, elapsed: Duration) -> Self {
        let at = |rest: Duration| now + rest.saturating_sub(elapsed);
        let mut session = Self::new(exported.config, seed, now);
        session.generation = exported.generation;
        session.exchanges = exported.exchanges;
        session.outbox = Outbox::from_parts(exported.outbox, exported.refused);
        session.actions = exported
            .events
            .into_iter()
            .map(|event| Action::Deliver(awake(event, &exported.terms)))
            .collect();
        if exported.phase == PhaseAtRest::Creating {
            return session;
        }
        session.phase = match exported.phase {
            PhaseAtRest::Creating | PhaseAtRest::Open => Phase::Open,
            PhaseAtRest::Pausing { period, sent } => Phase::Pausing {
                period,
                sent: sent.map(|(rid, rest)| (Rid::new(rid), at(rest))),
            },
            PhaseAtRest::Paused { period, rest } => Phase::Paused {
                period,
                until: at(rest),
            },
            PhaseAtRest::Closing { rest, sent } => Phase::Closing {
                until: at(rest),
                sent: sent.map(Rid::new),
            },
        };
        session.restart = match exported.restart {
            RestartAtRest::None => Restart::None,
            RestartAtRest::Due => Restart::Due,
            RestartAtRest::Sent(rest) => Restart::Sent(at(rest).max(now + LEAST_PATIENCE)),
            RestartAtRest::Done => Restart::Done,
        };
        session.terms = exported.terms;
        session.from = exported.from;
        session.host = exported.host;
        session.next = Rid::new(exported.next);
        session.acked = Rid::new(exported.acked);
        session.doubled = exported
            .doubled
            .into_iter()
            .map(|(rid, rest)| (Rid::new(rid), at(rest)))
            .collect();
        // What is sent again may be held anew, unless nobody can be there any more.
        let broken = exported
            .lost
            .is_none_or(|rest| at(rest) > now)
            .then_some(now);
        let count = u64::try_from(exported.pending.len()).unwrap_or_default();
        let first = session.next.minus(count);
        session.pending = (0..)
            .zip(exported.pending)
            .map(|(place, pending)| Pending {
                broken,
                ..wake(first.plus(place), pending, now, &session.config)
            })
            .collect::<VecDeque<_>>();
        session.chain = exported
            .chain
            .map(|(seed, left)| Chain::new(&seed, usize::try_from(left).unwrap_or_default()));
        session.skipped = exported.skipped;
        session.lost_at = exported.lost.map(|rest| at(rest).max(now + LEAST_PATIENCE));
        session.spaced_until = at(exported.spaced);
        session.idle_until = exported.idle.map(at);
        session.held_until = exported.held.map(at);
        session.linger_until = exported.linger.map(at);
        session.has_fallen = exported.has_fallen;
        session.must_send = exported.must_send;
        session.quick = exported.quick;
        session.refusals = exported.refusals;
        session
    }
}

fn wake(rid: Rid, pending: PendingAtRest, now: Instant, config: &Config) -> Pending {
    let way = match pending.answer {
        AnswerAtRest::None => Way::Again(now),
        AnswerAtRest::Implied => Way::Answered(Box::new(Parked {
            answer: Answer::Implied,
            document: Bytes::new(),
        })),
        // It was read before; should the value have been tampered with, it is asked for again.
        AnswerAtRest::Document(document) => {
            match Body::parse_from_server(document.clone(), &config.xml) {
                Ok(body) => {
                    let answer = if body.is_terminate() {
                        Answer::Terminal(body)
                    } else {
                        Answer::Ordinary(body)
                    };
                    Way::Answered(Box::new(Parked { answer, document }))
                }
                Err(_) => Way::Again(now),
            }
        }
    };
    Pending {
        rid,
        kind: pending.kind,
        body: pending.body,
        payload: pending.payload,
        way,
        stale: Vec::new(),
        since: now,
        sent: now,
        broken: None,
        hint: Hint::None,
        failures: pending.failures,
        errors: pending.errors,
        garbage: pending.garbage,
    }
}

/// An order that was not carried out yet: requests are sent again anyway, and there is nothing to abandon.
fn at_rest(action: Action) -> Option<EventAtRest> {
    let Action::Deliver(event) = action else {
        return None;
    };
    Some(match event {
        Event::Opened(opened) => EventAtRest::Opened(opened.from),
        Event::Element(element) => EventAtRest::Element(element),
        Event::Restarted => EventAtRest::Restarted,
        Event::Host(host) => EventAtRest::Host(host),
        Event::Identified(from) => EventAtRest::Identified(from),
        Event::Paused(Pause::Granted(period)) => EventAtRest::Granted(period),
        Event::Paused(Pause::Unconfirmed(period)) => EventAtRest::Unconfirmed(period),
        Event::Writable => EventAtRest::Writable,
        // The session is not over.
        Event::Closed(_) => return None,
    })
}

fn awake(event: EventAtRest, terms: &Terms) -> Event {
    match event {
        EventAtRest::Opened(from) => Event::Opened(terms.opened(from)),
        EventAtRest::Element(element) => Event::Element(element),
        EventAtRest::Restarted => Event::Restarted,
        EventAtRest::Host(host) => Event::Host(host),
        EventAtRest::Identified(from) => Event::Identified(from),
        EventAtRest::Granted(period) => Event::Paused(Pause::Granted(period)),
        EventAtRest::Unconfirmed(period) => Event::Paused(Pause::Unconfirmed(period)),
        EventAtRest::Writable => Event::Writable,
    }
}
