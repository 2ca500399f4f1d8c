//! What holds for any order of calls.

use std::time::Duration;

use proptest::{collection::vec, prelude::*};
use xmpp_endpoints::{
    Candidate, Failure, Instant, Planner,
    document::HostMeta2,
    planner::{
        Action, AttemptId, Config, Event, Fetched, LookupId, Patience, Query, Source, SrvRecord,
    },
    redirect::Redirect,
};

use crate::world::{config, epoch, found, parsed, status};

#[derive(Clone, Debug)]
enum Call {
    Connect,
    Close,
    Answer(usize, usize),
    NoAnswer(usize),
    Records(usize, usize),
    Open(usize),
    Fail(usize, usize),
    Redirect(usize, usize),
    Refused(usize),
    Heard(usize),
    Closed(usize),
    Pass(u64),
    Back(u64),
    Jump,
}

fn call() -> impl Strategy<Value = Call> {
    let n = 0..8_usize;
    prop_oneof![
        2 => Just(Call::Connect),
        1 => Just(Call::Close),
        4 => (n.clone(), n.clone()).prop_map(|(at, which)| Call::Answer(at, which)),
        1 => n.clone().prop_map(Call::NoAnswer),
        2 => (n.clone(), n.clone()).prop_map(|(at, which)| Call::Records(at, which)),
        2 => n.clone().prop_map(Call::Open),
        4 => (n.clone(), n.clone()).prop_map(|(at, which)| Call::Fail(at, which)),
        2 => (n.clone(), n.clone()).prop_map(|(at, which)| Call::Redirect(at, which)),
        1 => n.clone().prop_map(Call::Refused),
        1 => n.clone().prop_map(Call::Heard),
        1 => n.prop_map(Call::Closed),
        2 => (0..90_000_u64).prop_map(Call::Pass),
        1 => (0..90_000_u64).prop_map(Call::Back),
        4 => Just(Call::Jump),
    ]
}

fn any_config() -> impl Strategy<Value = Config> {
    (
        any::<bool>(),
        any::<bool>(),
        0..4_usize,
        0..3_u32,
        0..3_usize,
    )
        .prop_map(|(srv, version_2, given, rounds, parallel)| {
            let mut config = config();
            let candidates = (0..given).map(|n| {
                let scheme = if n % 2 == 0 { "wss" } else { "https" };
                Candidate::new(parsed(&format!("{scheme}://g{n}.example/")))
            });
            config.sources = vec![
                Source::Given(candidates.collect()),
                Source::HostMeta,
                Source::Nodes(parsed("https://n.example/")),
            ];
            if srv {
                config.sources.insert(0, Source::Srv);
            }
            if version_2 {
                config.host_meta_2 = HostMeta2::On;
            }
            config.first = Patience::Rounds(rounds);
            config.parallel = parallel;
            config
        })
}

fn documents(which: usize) -> Fetched {
    match which {
        0 => status(404),
        1 => Fetched {
            location: Some("https://elsewhere.example/".to_owned()),
            ..status(301)
        },
        2 => found(
            r#"{"nodes": [{"websocket": "wss://n1.example/", "bosh": "https://n1.example/"}, {"bosh": "https://n2.example/", "weight": 0}]}"#,
        ),
        3 => found("{}"),
        4 => found(r#"{"links": []}"#),
        _ => found(
            r#"{"xmpp": {"ttl": 61}, "links": [{"rel": "urn:xmpp:alt-connections:websocket", "href": "wss://h1.example/", "priority": 1,
                "weight": 2, "sni": "x.example", "ips": ["192.0.2.1", "192.0.2.2"]},
                {"rel": "urn:xmpp:alt-connections:xbosh", "href": "https://h2.example/"}]}"#,
        ),
    }
}

fn failures(which: usize) -> Failure {
    match which {
        0 => Failure::Condition("host-unknown".to_owned()),
        1 => Failure::Condition("system-shutdown".to_owned()),
        2 => Failure::TimedOut,
        _ => Failure::Refused,
    }
}

/// A planner under calls that need not make sense, and what must hold all the same.
struct Run {
    planner: Planner,
    now: Instant,
    lookups: Vec<LookupId>,
    /// All that were ever ordered, also those that are over.
    attempts: Vec<AttemptId>,
    under_way: Vec<AttemptId>,
    parallel: usize,
    actions: Vec<String>,
}

impl Run {
    fn new(config: Config, now: Instant) -> Self {
        let parallel = config.parallel.max(1);
        Self {
            planner: Planner::new(config, [7; 32], now),
            now,
            lookups: Vec::new(),
            attempts: Vec::new(),
            under_way: Vec::new(),
            parallel,
            actions: Vec::new(),
        }
    }

    fn call(&mut self, call: &Call) {
        let (planner, now) = (&mut self.planner, self.now);
        let any = |ids: &[AttemptId], at: usize| ids.get(ids.len().checked_sub(at + 1)?).copied();
        let lookup = |at: usize| {
            self.lookups
                .get(self.lookups.len().checked_sub(at + 1)?)
                .copied()
        };
        match *call {
            Call::Connect => drop(planner.connect(now)),
            Call::Close => planner.close(now),
            Call::Answer(at, which) => {
                if let Some(id) = lookup(at) {
                    planner.handle_fetched(id, &documents(which), now);
                }
            }
            Call::NoAnswer(at) => {
                if let Some(id) = lookup(at) {
                    planner.handle_lookup_failure(id, Failure::Refused, now);
                }
            }
            Call::Records(at, count) => {
                let record = |n| SrvRecord {
                    priority: n,
                    weight: n,
                    port: 5222,
                    target: format!("s{n}.example"),
                };
                if let Some(id) = lookup(at) {
                    let records: Vec<_> = (0..u16::try_from(count).unwrap()).map(record).collect();
                    planner.handle_records(id, &records, now);
                }
            }
            Call::Open(at) => {
                if let Some(id) = any(&self.attempts, at) {
                    planner.handle_opened(id, now);
                    if planner.is_open() && self.under_way.contains(&id) {
                        self.under_way
                            .retain(|other| *other == id || !planner.is_open());
                        self.under_way.retain(|other| *other != id);
                    }
                }
            }
            Call::Fail(at, which) => {
                if let Some(id) = any(&self.attempts, at) {
                    self.under_way.retain(|other| *other != id);
                    planner.handle_failure(id, failures(which), now);
                }
            }
            Call::Redirect(at, which) => {
                if let Some(id) = any(&self.attempts, at) {
                    self.under_way.retain(|other| *other != id);
                    let to = match which {
                        0 => Redirect::Uri("ws://plain.example/".to_owned()),
                        1 => Redirect::Host("other.example".to_owned()),
                        n => Redirect::Uri(format!("wss://r{n}.example/")),
                    };
                    planner.handle_redirect(id, &to, now);
                }
            }
            Call::Refused(at) => {
                if let Some(id) = any(&self.attempts, at) {
                    planner.handle_refused(id, now);
                }
            }
            Call::Heard(at) => {
                if let Some(id) = any(&self.attempts, at) {
                    planner.handle_heard(id);
                }
            }
            Call::Closed(at) => {
                if let Some(id) = any(&self.attempts, at) {
                    planner.handle_closed(id, now);
                }
            }
            Call::Pass(millis) => {
                self.now += Duration::from_millis(millis);
                planner.handle_timeout(self.now);
            }
            Call::Back(millis) => planner.handle_timeout(
                now.checked_sub(Duration::from_millis(millis))
                    .unwrap_or(now),
            ),
            Call::Jump => {
                if let Some(at) = planner.poll_timeout() {
                    self.now = self.now.max(at);
                    planner.handle_timeout(at);
                    let next = planner.poll_timeout();
                    assert!(next.is_none_or(|next| next > at), "no progress at {call:?}");
                }
            }
        }
        self.drain();
    }

    fn drain(&mut self) {
        while let Some(action) = self.planner.poll_action() {
            self.actions.push(format!("{action:?}"));
            match action {
                Action::LookUp { id, query } => {
                    if let Query::Get { url, .. } = query {
                        assert!(url.scheme().is_secure());
                    }
                    self.lookups.push(id);
                }
                Action::Attempt { id, candidate, .. } => {
                    assert!(
                        candidate.url.scheme().is_secure(),
                        "nothing here is in the clear: {candidate:?}"
                    );
                    assert!(!self.attempts.contains(&id));
                    self.attempts.push(id);
                    self.under_way.push(id);
                    assert!(self.under_way.len() <= self.parallel, "{:?}", self.actions);
                }
                Action::Abandon(id) => self.under_way.retain(|other| *other != id),
                Action::AbandonLookup(_) | Action::Deliver(Event::Waiting { .. }) => {}
                Action::Deliver(Event::Failed(_)) => assert!(self.planner.poll_timeout().is_none()),
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// Any calls: no panic, bounded attempts, no endpoint without TLS where none was given,
    /// progress at every deadline, and the same actions for the same calls.
    #[test]
    fn the_contract_holds_for_any_calls(config in any_config(), calls in vec(call(), 0..80)) {
        let epoch = epoch();
        let mut first = Run::new(config.clone(), epoch);
        let mut second = Run::new(config, epoch);
        for call in &calls {
            first.call(call);
            second.call(call);
        }
        prop_assert_eq!(first.actions, second.actions);
    }

    /// Nobody answers: whatever the sources, it comes to an end in bounded time.
    #[test]
    fn silence_comes_to_an_end(config in any_config()) {
        let epoch = epoch();
        let mut run = Run::new(config, epoch);
        run.call(&Call::Connect);
        for _ in 0..200 {
            if run.planner.poll_timeout().is_none() {
                break;
            }
            run.call(&Call::Jump);
        }
        prop_assert_eq!(run.planner.poll_timeout(), None);
        prop_assert!(run.actions.last().unwrap().contains("Failed"));
    }
}
