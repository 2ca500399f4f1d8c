//! A planner, a clock, and what it has ordered.

use std::{collections::BTreeMap, time::Duration};

use xmpp_endpoints::{
    Candidate, Failure, Instant, Planner, Report, Url,
    planner::{Action, AttemptId, Config, Event, Fetched, LookupId, Query},
    redirect::Redirect,
};

pub(crate) const S: Duration = Duration::from_secs(1);
pub(crate) const DOMAIN: &str = "lantern.example";

pub(crate) struct World {
    pub(crate) planner: Planner,
    pub(crate) now: Instant,
    pub(crate) attempts: BTreeMap<AttemptId, Candidate>,
    pub(crate) lookups: BTreeMap<LookupId, Query>,
    /// All actions, as short texts.
    pub(crate) log: Vec<String>,
    pub(crate) waits: Vec<(Duration, Report)>,
    pub(crate) failed: Option<Report>,
}

impl World {
    pub(crate) fn new(config: Config, seed: [u8; 32]) -> Self {
        let now = epoch();
        let mut world = Self {
            planner: Planner::new(config, seed, now),
            now,
            attempts: BTreeMap::new(),
            lookups: BTreeMap::new(),
            log: Vec::new(),
            waits: Vec::new(),
            failed: None,
        };
        world.planner.connect(now).unwrap();
        world.drain();
        world
    }

    pub(crate) fn of(urls: &[&str], seed: [u8; 32]) -> Self {
        Self::new(
            config().with_endpoints(urls.iter().map(|url| parsed(url))),
            seed,
        )
    }

    pub(crate) fn drain(&mut self) {
        while let Some(action) = self.planner.poll_action() {
            match action {
                Action::LookUp { id, query } => {
                    self.log.push(match &query {
                        Query::Get { url, .. } => format!("get {url}"),
                        Query::Srv { name } => format!("srv {name}"),
                    });
                    self.lookups.insert(id, query);
                }
                Action::Attempt {
                    id,
                    candidate,
                    address,
                } => {
                    let at = address.map(|ip| format!(" at {ip}")).unwrap_or_default();
                    self.log.push(format!("try {}{at}", candidate.url));
                    self.attempts.insert(id, candidate);
                }
                Action::AbandonLookup(id) => {
                    assert!(self.lookups.remove(&id).is_some());
                    self.log.push("abandon look-up".to_owned());
                }
                Action::Abandon(id) => {
                    let candidate = self.attempts.remove(&id).expect("known");
                    self.log.push(format!("abandon {}", candidate.url));
                }
                Action::Deliver(Event::Waiting { delay, report }) => {
                    self.log.push("wait".to_owned());
                    self.waits.push((delay, report));
                }
                Action::Deliver(Event::Failed(report)) => {
                    self.log.push("failed".to_owned());
                    self.failed = Some(report);
                }
            }
        }
    }

    /// What was logged since the last call.
    pub(crate) fn news(&mut self) -> Vec<String> {
        std::mem::take(&mut self.log)
    }

    /// The only attempt under way.
    pub(crate) fn attempt(&self) -> (AttemptId, Candidate) {
        assert_eq!(self.attempts.len(), 1, "{:?}", self.attempts);
        let (id, candidate) = self.attempts.first_key_value().unwrap();
        (*id, candidate.clone())
    }

    /// The attempt at this URL.
    pub(crate) fn at(&self, url: &str) -> AttemptId {
        let mut found = self.attempts.iter();
        let found = found.find(|(_, candidate)| candidate.url.to_string() == url);
        *found.unwrap_or_else(|| panic!("no attempt at {url}")).0
    }

    pub(crate) fn fail(&mut self, id: AttemptId, failure: Failure) {
        self.attempts.remove(&id);
        self.planner.handle_failure(id, failure, self.now);
        self.drain();
    }

    pub(crate) fn open(&mut self, id: AttemptId) {
        self.planner.handle_opened(id, self.now);
        self.drain();
    }

    pub(crate) fn redirect(&mut self, id: AttemptId, redirect: Redirect) {
        self.attempts.remove(&id);
        self.planner.handle_redirect(id, &redirect, self.now);
        self.drain();
    }

    /// Answers the only look-up under way.
    pub(crate) fn answer(&mut self, fetched: &Fetched) {
        let (id, _) = self.lookups.pop_first().expect("a look-up");
        self.planner.handle_fetched(id, fetched, self.now);
        self.drain();
    }

    pub(crate) fn no_answer(&mut self) {
        let (id, _) = self.lookups.pop_first().expect("a look-up");
        let failure =
            Failure::Tls("certificate for other.example, lantern.example was expected".into());
        self.planner.handle_lookup_failure(id, failure, self.now);
        self.drain();
    }

    /// Lets the time of the next deadline come.
    pub(crate) fn jump(&mut self) -> Duration {
        let deadline = self.planner.poll_timeout().expect("a deadline");
        let step = deadline.saturating_duration_since(self.now);
        self.now = self.now.max(deadline);
        self.planner.handle_timeout(self.now);
        self.drain();
        step
    }

    pub(crate) fn pass(&mut self, time: Duration) {
        let until = self.now + time;
        while self.planner.poll_timeout().is_some_and(|at| at <= until) {
            self.jump();
        }
        self.now = until;
        self.planner.handle_timeout(until);
        self.drain();
    }

    pub(crate) fn report(&self) -> String {
        self.failed.as_ref().expect("it has failed").to_string()
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the virtual clock has to start somewhere"
)]
pub(crate) fn epoch() -> Instant {
    Instant::now()
}

pub(crate) fn config() -> Config {
    Config::new(DOMAIN).unwrap()
}

pub(crate) fn parsed(url: &str) -> Url {
    Url::parse(url).unwrap_or_else(|error| panic!("{url}: {error}"))
}

/// A seed for every number.
pub(crate) fn seed(number: u32) -> [u8; 32] {
    let mut seed = [0; 32];
    seed[..4].copy_from_slice(&number.to_le_bytes());
    seed
}

pub(crate) fn found(body: &str) -> Fetched {
    Fetched {
        status: 200,
        content_type: None,
        location: None,
        body: body.to_owned().into(),
    }
}

pub(crate) fn status(status: u16) -> Fetched {
    Fetched {
        status,
        ..found("<html/>")
    }
}
