//! One round: every candidate of every source once.

use std::{
    collections::{BTreeSet, VecDeque},
    net::IpAddr,
};

use xmpp_machine::Moment;

use super::{AttemptId, lookup::Lookup};
use crate::{Candidate, Report, Transport, Url};

/// A candidate at one of its addresses, not tried yet in this round.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) candidate: Candidate,
    pub(super) address: Option<IpAddr>,
    /// The redirects that led here, the first first.
    pub(super) chain: Vec<Url>,
}

/// An attempt under way.
#[derive(Debug)]
pub(super) struct Attempt {
    pub(super) id: AttemptId,
    pub(super) entry: Entry,
    pub(super) deadline: Moment,
}

/// Where the next candidates come from; numbers are indices into `Config::sources`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// A source's host-meta, looked up early because it may say that it is complete (XEP-0487
    /// §2.2).
    Probe(usize),
    /// The source at this place in `Config::sources`.
    Source(usize),
    /// What a source gave before, though its time is over.
    Expired(usize),
    /// Those that failed lately.
    Resting,
}

#[derive(Debug)]
pub(super) struct Round {
    pub(super) stages: VecDeque<Stage>,
    pub(super) lookup: Option<Lookup>,
    /// Sources that were asked in this round.
    pub(super) asked: Vec<usize>,
    /// In the order in which they are tried.
    pub(super) queue: VecDeque<Entry>,
    pub(super) resting: Vec<Entry>,
    /// What has been in the queue or rests: several documents may name the same endpoint.
    pub(super) seen: BTreeSet<(Url, Option<IpAddr>)>,
    pub(super) attempts: Vec<Attempt>,
    /// When the next attempt joins those that are silent; not later than now after a failure.
    pub(super) next_start: Moment,
    /// Something was tried.
    pub(super) tried: bool,
    pub(super) report: Report,
}

impl Round {
    pub(super) fn new(stages: VecDeque<Stage>, report: Report, now: Moment) -> Self {
        Self {
            stages,
            lookup: None,
            asked: Vec::new(),
            queue: VecDeque::new(),
            resting: Vec::new(),
            seen: BTreeSet::new(),
            attempts: Vec::new(),
            next_start: now,
            tried: false,
            report,
        }
    }

    /// Tries it before all others, and not a second time.
    pub(super) fn put_first(&mut self, entry: Entry) {
        let url = &entry.candidate.url;
        self.queue.retain(|queued| queued.candidate.url != *url);
        self.resting.retain(|resting| resting.candidate.url != *url);
        self.seen.insert((url.clone(), None));
        self.queue.push_front(entry);
    }

    /// The next entry to try. Beside attempts that are silent, one of another transport: a box on
    /// the way may swallow theirs. Where nothing is under way, the preferred transport goes on at
    /// the next node.
    pub(super) fn next_entry(&mut self) -> Option<Entry> {
        let is_under_way = |transport: Transport| {
            let mut attempts = self.attempts.iter();
            attempts.any(|attempt| attempt.entry.candidate.transport() == transport)
        };
        let mut queue = self.queue.iter();
        let other = queue.position(|entry| !is_under_way(entry.candidate.transport()));
        self.queue.remove(other.unwrap_or(0))
    }
}
