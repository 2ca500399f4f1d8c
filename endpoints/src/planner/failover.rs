//! What follows what: the next candidate, the failover from a node that refuses, redirects, waits.
//! This file changes the planner's state.
//!
//! - `Idle` becomes a round by `connect`.
//! - A round takes one stage after another: a stage puts candidates into the queue, at once or
//!   after a look-up; the queue is tried, one
//!   after a failure, one more after a silence; the next stage follows when all have failed.
//! - A round that is over becomes a wait, or `Idle` where patience is over; a wait becomes a round.
//! - An attempt that opens becomes the session. A session that is lost becomes a wait; one that is
//!   redirected, or whose node is given up, a
//!   round.

use std::collections::VecDeque;

use xmpp_machine::Moment;

use super::{
    Action, AttemptId, Config, Event, LookupId, Open, Patience, Planner, Query, Source, State,
    lookup::{Answer, Known, Lookup, What, host_meta_goes_first},
    round::{Attempt, Entry, Round, Stage},
};
use crate::{
    Candidate, Failure, Report, Subject,
    choice::{ceiling, jitter, shuffle},
    document::Offer,
};

/// What a step of a round gave.
enum Progress {
    /// Something is under way.
    Busy,
    /// Look at the round again.
    Again,
    /// Everything has been tried.
    Over,
}

impl Planner {
    /// Starts a round; `first` is tried before all others.
    pub(super) fn begin_round(&mut self, report: Report, first: Option<Entry>) {
        let mut round = Round::new(stages(&self.config), report, self.clock.latest());
        if let Some(first) = first {
            round.put_first(first);
        }
        self.state = State::Round(round);
    }

    /// Does all that can be done now.
    pub(super) fn advance(&mut self) {
        loop {
            match &self.state {
                State::Idle | State::Open(_) => return,
                State::Waiting { until } => {
                    if *until > self.clock.latest() {
                        return;
                    }
                    self.begin_round(Report::default(), None);
                }
                State::Round(_) => match self.next_candidate() {
                    Progress::Busy => return,
                    Progress::Again => {}
                    Progress::Over => self.end_round(),
                },
            }
        }
    }

    /// Tries the next candidate where that is due, or looks for more of them.
    fn next_candidate(&mut self) -> Progress {
        let State::Round(round) = &mut self.state else {
            return Progress::Busy;
        };
        let due = round.attempts.is_empty() || round.next_start <= self.clock.latest();
        let room = round.attempts.is_empty() || round.attempts.len() < self.config.parallel;
        if due
            && room
            && let Some(entry) = round.next_entry()
        {
            self.start(entry);
            return Progress::Again;
        }
        if !round.attempts.is_empty() || round.lookup.is_some() {
            return Progress::Busy;
        }
        match round.stages.pop_front() {
            None => Progress::Over,
            Some(stage) => {
                self.fill_queue(stage);
                Progress::Again
            }
        }
    }

    fn start(&mut self, entry: Entry) {
        let id = AttemptId(self.new_id());
        let State::Round(round) = &mut self.state else {
            return;
        };
        round.tried = true;
        round.next_start = self.clock.latest() + self.config.stagger;
        self.actions.push_back(Action::Attempt {
            id,
            candidate: entry.candidate.clone(),
            address: entry.address,
        });
        round.attempts.push(Attempt {
            id,
            entry,
            deadline: self.clock.latest() + self.config.attempt_timeout,
        });
    }

    /// Puts what a stage gives into the queue, or asks for it.
    fn fill_queue(&mut self, stage: Stage) {
        let now = self.clock.latest();
        let State::Round(round) = &mut self.state else {
            return;
        };
        match stage {
            Stage::Resting => {
                // All have failed before: start over with them (C-R-023).
                let resting = std::mem::take(&mut round.resting);
                if !round.tried {
                    round.queue = resting.into();
                    return;
                }
                for entry in &resting {
                    if let Some(why) = self.memory.rests(entry, now) {
                        let lately = Failure::Lately(Box::new(why.clone()));
                        round.report.add(entry.into(), lately);
                    }
                }
            }
            Stage::Expired(source) => {
                let known = self.known.get(source).and_then(Option::as_ref);
                if let Some(offer) = known.map(|known| known.offer.clone()) {
                    self.enqueue(&offer);
                }
            }
            Stage::Probe(source) | Stage::Source(source) => {
                if let Some(Source::Given(candidates)) = self.config.sources.get(source) {
                    let offer = Offer {
                        candidates: candidates.clone(),
                        ..Offer::default()
                    };
                    return self.enqueue(&offer);
                }
                let known = self.known.get(source).and_then(Option::as_ref);
                if let Some(known) = known.filter(|known| known.expires > now) {
                    let offer = known.offer.clone();
                    self.use_offer(source, stage, &offer);
                } else if round.asked.contains(&source) {
                    if known.is_some() && stage == Stage::Source(source) {
                        // Behind all other sources (XEP-0487 §3.2), before those that failed
                        // lately.
                        let behind = round.stages.len().saturating_sub(1);
                        round.stages.insert(behind, Stage::Expired(source));
                    }
                } else {
                    round.asked.push(source);
                    // Again, when the answer is there.
                    round.stages.push_front(stage);
                    let what = self.config.sources.get(source);
                    if let Some(what) =
                        what.and_then(|source| What::first(source, &self.config.domain))
                    {
                        let deadline = now + self.config.lookup_timeout;
                        self.ask(source, what, deadline);
                    }
                }
            }
        }
    }

    fn use_offer(&mut self, source: usize, stage: Stage, offer: &Offer) {
        let State::Round(round) = &mut self.state else {
            return;
        };
        match stage {
            Stage::Probe(_) if offer.is_complete => {
                // It says all there is: no SRV records (XEP-0487 §2.2), and not a second time.
                let sources = &self.config.sources;
                round.stages.retain(|stage| match stage {
                    Stage::Source(at) => {
                        *at != source && !matches!(sources.get(*at), Some(Source::Srv))
                    }
                    Stage::Probe(_) | Stage::Expired(_) | Stage::Resting => true,
                });
                self.enqueue(offer);
            }
            Stage::Probe(_) => {}
            Stage::Source(_) | Stage::Expired(_) | Stage::Resting => self.enqueue(offer),
        }
    }

    fn ask(&mut self, source: usize, what: What, deadline: Moment) {
        let id = LookupId(self.new_id());
        let query: Query = what.query(&self.config);
        self.actions.push_back(Action::LookUp { id, query });
        if let State::Round(round) = &mut self.state {
            round.lookup = Some(Lookup {
                id,
                source,
                deadline,
                what,
            });
        }
    }

    /// Puts a source's candidates into the queue: the preferred transport first, then by priority,
    /// then as they are drawn.
    fn enqueue(&mut self, offer: &Offer) {
        let now = self.clock.latest();
        let State::Round(round) = &mut self.state else {
            return;
        };
        for ignored in &offer.ignored {
            let link = Subject::Link(ignored.url.clone());
            round.report.add(link, ignored.reason.into());
        }
        let rank = |candidate: &Candidate| {
            let mut transports = self.config.transports.iter();
            transports.position(|&wanted| wanted == candidate.transport())
        };
        let mut groups = std::collections::BTreeMap::<_, Vec<(u16, &Candidate)>>::new();
        for candidate in &offer.candidates {
            let Some(rank) = rank(candidate) else {
                let unwanted = Failure::Unwanted(candidate.transport());
                let endpoint = Subject::Endpoint(candidate.url.clone());
                round.report.add(endpoint, unwanted);
                continue;
            };
            let group = groups.entry((rank, candidate.priority)).or_default();
            group.push((candidate.weight, candidate));
        }
        for (_, group) in groups {
            for candidate in shuffle(&mut self.rng, group) {
                let addresses = if candidate.addresses.is_empty() {
                    vec![None]
                } else {
                    let all = candidate.addresses.iter();
                    shuffle(&mut self.rng, all.map(|&ip| (1, Some(ip))).collect())
                };
                for address in addresses {
                    if !round.seen.insert((candidate.url.clone(), address)) {
                        continue;
                    }
                    let entry = Entry {
                        candidate: candidate.clone(),
                        address,
                        chain: Vec::new(),
                    };
                    if self.memory.rests(&entry, now).is_some() {
                        round.resting.push(entry);
                    } else {
                        round.queue.push_back(entry);
                    }
                }
            }
        }
    }

    /// Uses an answer, if it is to the look-up that is under way.
    pub(super) fn answer_lookup(
        &mut self,
        id: LookupId,
        answer: impl FnOnce(&What, &Config) -> Answer,
    ) {
        let State::Round(round) = &mut self.state else {
            return;
        };
        let Some(lookup) = round.lookup.take_if(|lookup| lookup.id == id) else {
            return;
        };
        match answer(&lookup.what, &self.config) {
            Answer::Known(offer) => {
                if offer.candidates.is_empty() {
                    let subject = lookup.what.subject();
                    round.report.add(subject, Failure::NothingOffered);
                }
                let ttl = offer.ttl.unwrap_or(self.config.ttl);
                let expires = self.clock.latest() + ttl;
                if let Some(known) = self.known.get_mut(lookup.source) {
                    *known = Some(Known { offer, expires });
                }
            }
            Answer::Ask(what, failure) => {
                // Another document has its own time; a redirect goes on in the same.
                let deadline = match failure {
                    Some(failure) => {
                        round.report.add(lookup.what.subject(), failure);
                        self.clock.latest() + self.config.lookup_timeout
                    }
                    None => lookup.deadline,
                };
                self.ask(lookup.source, what, deadline);
            }
            Answer::Failed(failure) => round.report.add(lookup.what.subject(), failure),
        }
        self.advance();
    }

    /// An attempt or the session is over.
    pub(super) fn fail(&mut self, id: AttemptId, failure: Failure) {
        match &mut self.state {
            State::Idle | State::Waiting { .. } => {}
            State::Round(round) => {
                let Some(at) = round.attempts.iter().position(|attempt| attempt.id == id) else {
                    return;
                };
                let attempt = round.attempts.remove(at);
                // The next one need not wait.
                round.next_start = self.clock.latest();
                round
                    .report
                    .add(attempted(id, &attempt.entry), failure.clone());
                if failure.is_final() {
                    self.give_up();
                } else {
                    self.remember(&attempt.entry, failure);
                }
            }
            State::Open(open) if open.id == id => {
                let mut report = Report::default();
                report.add(attempted(id, &open.entry), failure.clone());
                let State::Open(open) = std::mem::replace(&mut self.state, State::Idle) else {
                    return;
                };
                self.judge_session(&open);
                if failure.is_final() {
                    return self.tell(Event::Failed(report));
                }
                self.remember(&open.entry, failure);
                self.wait(report);
            }
            State::Open(_) => {}
        }
    }

    /// Fails over from a node on which nobody listens any more: another one is tried at once.
    pub(super) fn failover(&mut self, id: AttemptId) {
        let State::Open(open) = std::mem::replace(&mut self.state, State::Idle) else {
            return;
        };
        let mut report = Report::default();
        report.add(attempted(id, &open.entry), Failure::Refused);
        self.judge_session(&open);
        self.failures = self.failures.saturating_add(1);
        self.remember(&open.entry, Failure::Refused);
        self.begin_round(report, None);
    }

    /// A redirect is followed: it is tried before all others.
    pub(super) fn follow_redirect(&mut self, id: AttemptId, next: Entry) {
        let redirected = Failure::Redirected(next.candidate.url.clone());
        match &mut self.state {
            State::Idle | State::Waiting { .. } => {}
            State::Round(round) => {
                round.put_first(next);
                self.fail(id, redirected);
            }
            State::Open(open) if open.id == id => {
                let mut report = Report::default();
                report.add(attempted(id, &open.entry), redirected.clone());
                let State::Open(open) = std::mem::replace(&mut self.state, State::Idle) else {
                    return;
                };
                self.judge_session(&open);
                self.remember(&open.entry, redirected);
                self.begin_round(report, Some(next));
            }
            State::Open(_) => {}
        }
    }

    /// A session that lived long enough ends a row of failures.
    fn judge_session(&mut self, open: &Open) {
        if self.has_settled(open) {
            self.failures = 0;
            self.memory.forget(&open.entry);
        }
    }

    fn remember(&mut self, entry: &Entry, failure: Failure) {
        let backoff = (self.config.backoff, self.config.backoff_most);
        self.memory
            .failed(entry, failure, self.clock.latest(), backoff);
    }

    /// A refusal that every node would repeat: nothing else is tried (C-R-024).
    fn give_up(&mut self) {
        if let State::Round(mut round) = std::mem::replace(&mut self.state, State::Idle) {
            let report = std::mem::take(&mut round.report);
            self.abandon(round);
            self.tell(Event::Failed(report));
        }
    }

    fn end_round(&mut self) {
        if let State::Round(round) = std::mem::replace(&mut self.state, State::Idle) {
            self.rounds = self.rounds.saturating_add(1);
            self.wait(round.report);
        }
    }

    /// Waits for the next round, or gives up. First below `backoff`, then below twice as much, and
    /// so on (RFC 6455 §7.2.3).
    fn wait(&mut self, report: Report) {
        let patience = if self.opened {
            self.config.again
        } else {
            self.config.first
        };
        if let Patience::Rounds(most) = patience
            && self.rounds >= most
        {
            self.state = State::Idle;
            return self.tell(Event::Failed(report));
        }
        self.failures = self.failures.saturating_add(1);
        let (base, most) = (self.config.backoff, self.config.backoff_most);
        let delay = jitter(&mut self.rng, ceiling(base, most, self.failures));
        self.state = State::Waiting {
            until: self.clock.latest() + delay,
        };
        self.tell(Event::Waiting { delay, report });
    }

    /// Gives up attempts and look-ups whose time is over.
    pub(super) fn expire(&mut self) {
        let now = self.clock.latest();
        let State::Round(round) = &self.state else {
            return;
        };
        let late: Vec<AttemptId> = round
            .attempts
            .iter()
            .filter(|attempt| attempt.deadline <= now)
            .map(|attempt| attempt.id)
            .collect();
        let lookup = round.lookup.as_ref();
        let lookup = lookup
            .filter(|lookup| lookup.deadline <= now)
            .map(|lookup| lookup.id);
        for id in late {
            self.actions.push_back(Action::Abandon(id));
            self.fail(id, Failure::TimedOut);
        }
        if let Some(id) = lookup {
            self.actions.push_back(Action::AbandonLookup(id));
            self.answer_lookup(id, |what, config| what.failed(Failure::TimedOut, config));
        }
    }
}

fn attempted(id: AttemptId, entry: &Entry) -> Subject {
    Subject::Attempt(id, entry.candidate.url.clone(), entry.address)
}

/// The stages of a round, in order.
fn stages(config: &Config) -> VecDeque<Stage> {
    let place = |wanted: &Source| config.sources.iter().position(|source| source == wanted);
    let probe = match (place(&Source::Srv), place(&Source::HostMeta)) {
        (Some(srv), Some(host_meta)) if srv < host_meta && host_meta_goes_first(config) => {
            Some(Stage::Probe(host_meta))
        }
        (_, _) => None,
    };
    let sources = (0..config.sources.len()).map(Stage::Source);
    let stages = probe.into_iter().chain(sources);
    stages.chain([Stage::Resting]).collect()
}
