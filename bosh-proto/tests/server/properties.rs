//! What holds for every sequence of calls, and for every link within the window.

use std::collections::{BTreeMap, BTreeSet};

use bosh_proto::{Channel, Condition, ExchangeId, server::SendError};
use proptest::prelude::*;

use crate::support::*;

/// What may happen on a link that loses, repeats and reorders, and at its ends.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// The client sends a new request, with a payload or without.
    New(bool),
    /// A copy on the way arrives.
    Arrive(usize),
    /// The client retransmits a request without an answer.
    Repeat(usize),
    /// An exchange without an answer breaks, and the client retransmits.
    Break(usize),
    /// The server sends an element.
    Send,
    /// Time passes.
    Pass(u16),
    /// The next answers are lost on the way, or not any more.
    Lose(bool),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => any::<bool>().prop_map(Step::New),
        4 => any::<usize>().prop_map(Step::Arrive),
        1 => any::<usize>().prop_map(Step::Repeat),
        1 => any::<usize>().prop_map(Step::Break),
        3 => Just(Step::Send),
        1 => (0..2000_u16).prop_map(Step::Pass),
        1 => any::<bool>().prop_map(Step::Lose),
    ]
}

/// A client behind such a link.
struct Link {
    world: World,
    millis: u64,
    requests: u64,
    next: u64,
    /// Requests without an answer at the client.
    outstanding: BTreeMap<u64, String>,
    /// Copies on the way to the server.
    flying: Vec<u64>,
    /// Exchanges without an answer.
    exchanges: BTreeMap<ExchangeId, u64>,
    /// Answers at the client, waiting for their turn.
    parked: BTreeMap<u64, String>,
    processed: u64,
    received: String,
    sent: String,
    uttered: Vec<String>,
    loses: bool,
    count: u32,
    /// Rids in the order of their first ordinary answers, but those whose exchange broke: they may be answered unheard (B-R-076).
    order: Vec<u64>,
    broken: BTreeSet<u64>,
}

impl Link {
    fn new(hold: u8) -> Self {
        let mut config = prompt();
        config.hold = hold;
        config.polling = std::time::Duration::ZERO;
        config.duplicates_per_rid = u8::MAX;
        config.duplicates_per_minute = u8::MAX;
        config.linger = std::time::Duration::from_millis(5);
        let mut world = World::session(config, &format!("hold='{hold}' wait='50'"));
        world.take_events();
        Self {
            world,
            millis: 0,
            requests: u64::from(hold) + 1,
            next: FIRST + 1,
            outstanding: BTreeMap::new(),
            flying: Vec::new(),
            exchanges: BTreeMap::new(),
            parked: BTreeMap::new(),
            processed: FIRST,
            received: String::new(),
            sent: String::new(),
            uttered: Vec::new(),
            loses: false,
            count: 0,
            order: Vec::new(),
            broken: BTreeSet::new(),
        }
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::New(has_payload) => self.utter(has_payload),
            Step::Arrive(at) if !self.flying.is_empty() => {
                let rid = self.flying.remove(at % self.flying.len());
                self.arrive(rid);
            }
            Step::Repeat(at) if !self.outstanding.is_empty() => {
                let rid = self.outstanding.keys().nth(at % self.outstanding.len());
                self.flying.extend(rid);
            }
            Step::Break(at) if !self.exchanges.is_empty() => {
                let broken = self.exchanges.keys().nth(at % self.exchanges.len());
                let id = *broken.expect("one of them");
                let rid = self.exchanges.remove(&id).expect("its rid");
                self.world.disconnect(id);
                self.broken.insert(rid);
                self.flying.push(rid);
            }
            Step::Send => {
                self.count += 1;
                let message = message(&format!("s{}", self.count));
                if self.world.try_send(&message).is_ok() {
                    self.sent.push_str(&message);
                }
            }
            Step::Pass(millis) => {
                self.millis += u64::from(millis);
                self.world.at(self.millis);
            }
            Step::Lose(loses) => self.loses = loses,
            Step::Arrive(_) | Step::Repeat(_) | Step::Break(_) => {}
        }
        self.collect();
    }

    fn utter(&mut self, has_payload: bool) {
        if self.next > self.processed + self.requests {
            return;
        }
        let rid = self.next;
        self.next += 1;
        let payload = if has_payload {
            let message = message(&format!("c{rid}"));
            self.uttered.push(message.clone());
            message
        } else {
            String::new()
        };
        self.outstanding
            .insert(rid, self.world.text(rid, "", &payload));
        self.flying.push(rid);
    }

    fn arrive(&mut self, rid: u64) {
        let text = self.outstanding.get(&rid).expect("outstanding").clone();
        let id = self.world.post(&text);
        self.exchanges.insert(id, rid);
    }

    /// Answers on their way back.
    fn collect(&mut self) {
        for id in std::mem::take(&mut self.world.order) {
            let Some(rid) = self.exchanges.remove(&id) else {
                continue;
            };
            let answer = self.world.answer(id).expect("an answer");
            assert!(!answer.contains("terminate"), "{answer}");
            let is_error = answer == ERROR;
            if !is_error && !self.order.contains(&rid) && !self.broken.contains(&rid) {
                self.order.push(rid);
            }
            let is_elsewhere =
                self.flying.contains(&rid) || self.exchanges.values().any(|other| *other == rid);
            if is_error || self.loses {
                if !is_elsewhere && self.outstanding.contains_key(&rid) {
                    self.flying.push(rid);
                }
                continue;
            }
            self.outstanding.remove(&rid);
            self.flying.retain(|other| *other != rid);
            self.parked.entry(rid).or_insert(answer);
        }
        while let Some(answer) = self.parked.remove(&(self.processed + 1)) {
            self.processed += 1;
            let payload = answer
                .split_once("'>")
                .and_then(|_| answer.strip_suffix("</body>"))
                .map(|answer| &answer[answer.find('>').expect("a tag") + 1..]);
            self.received.push_str(payload.unwrap_or_default());
        }
    }

    /// A good link at last: everything arrives.
    fn settle(&mut self) {
        self.step(Step::Lose(false));
        for _ in 0..500 {
            while let Some(rid) = self.flying.pop() {
                self.arrive(rid);
                self.collect();
            }
            if self.received == self.sent && self.world.events.len() == self.uttered.len() {
                return;
            }
            self.millis += 10;
            self.world.at(self.millis);
            self.utter(false);
            self.collect();
        }
    }
}

proptest! {
    /// B-R-066 to B-R-068, B-R-075, B-R-076, B-R-091, B-R-092: every element exactly once and in order, both ways, and answers in rid
    /// order, whatever a link does within the window.
    #[test]
    fn every_element_arrives_once_and_in_order(
        hold in 1..=2_u8,
        steps in prop::collection::vec(step(), 1..80),
    ) {
        let mut link = Link::new(hold);
        for step in steps {
            link.step(step);
        }
        link.settle();
        prop_assert_eq!(&link.world.events, &link.uttered);
        prop_assert_eq!(&link.received, &link.sent);
        prop_assert!(link.order.is_sorted(), "{:?}", link.order);
    }
}

/// Any call, sensible or not.
#[derive(Clone, Debug)]
enum Call {
    Create(usize),
    Request {
        rid: u64,
        attributes: usize,
        payload: usize,
        connection: u64,
    },
    Garbage(Vec<u8>),
    Sent(usize),
    Disconnect(usize),
    Accept,
    Send(usize),
    Close(usize),
    Hold,
    Release,
    Pass(u32),
    Shutdown,
}

const CREATIONS: [&str; 5] = [
    "",
    "wait='0'",
    "hold='0'",
    "ack='1' wait='7'",
    "newkey='88eb899051c6bd817163386eb396db6d928a5204'",
];
const ATTRIBUTES: [&str; 9] = [
    "",
    "",
    "",
    "type='terminate'",
    "pause='7'",
    "pause='999'",
    "ack='101'",
    "xmpp:restart='true'",
    "key='12862cffad80fcbc7c657d5dc07587878154c291'",
];
const PAYLOADS: [&str; 5] = [
    "",
    "",
    "<message><body>x</body></message>",
    "<r xmlns='urn:xmpp:sm:3'/>",
    "<broken",
];

fn call() -> impl Strategy<Value = Call> {
    prop_oneof![
        2 => (0..CREATIONS.len()).prop_map(Call::Create),
        8 => (98..108_u64, 0..ATTRIBUTES.len(), 0..PAYLOADS.len(), 0..3_u64).prop_map(
            |(rid, attributes, payload, connection)| Call::Request { rid, attributes, payload, connection }
        ),
        1 => prop::collection::vec(any::<u8>(), 0..40).prop_map(Call::Garbage),
        6 => any::<usize>().prop_map(Call::Sent),
        2 => any::<usize>().prop_map(Call::Disconnect),
        2 => Just(Call::Accept),
        6 => (0..2000_usize).prop_map(Call::Send),
        1 => (0..20_usize).prop_map(Call::Close),
        1 => Just(Call::Hold),
        1 => Just(Call::Release),
        4 => (0..40_000_u32).prop_map(Call::Pass),
        1 => Just(Call::Shutdown),
    ]
}

/// How a driver may treat a manager without any difference to what comes out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Driver {
    Exact,
    /// Takes orders after several calls.
    Batching,
    /// Has a clock that goes back, and calls `handle_timeout` more often than it has to.
    Nervous,
}

/// Runs the calls and tells everything that came out.
fn run(calls: &[Call], driver: Driver) -> Vec<String> {
    let mut config = prompt();
    config.linger = std::time::Duration::from_millis(5);
    config.outbox_bytes = 4000;
    let mut world = World::new(config);
    world.reports = Reports::Never;
    let mut millis = 0;
    let mut exchanges = Vec::new();
    let mut lost = BTreeSet::new();
    // Refusals that no `Writable` followed yet, by session.
    let mut refused: BTreeSet<String> = BTreeSet::new();
    for (at, call) in calls.iter().enumerate() {
        let is_told = matches!(call, Call::Create(_) | Call::Sent(_) | Call::Pass(_));
        if driver == Driver::Batching {
            // What a call needs to know must have been told before: a sid, or that there is an answer.
            if is_told || matches!(call, Call::Request { .. }) {
                world.drain_now();
                world.learn(&exchanges);
            }
            world.drains = if is_told {
                Drains::AtOnce
            } else {
                Drains::Late
            };
        }
        let now = world.now;
        let back = std::time::Duration::from_millis(at as u64 % 7);
        if driver == Driver::Nervous && !is_told {
            world.now = now.checked_sub(back).expect("a later instant");
        }
        match call {
            Call::Create(which) => {
                let attributes = CREATIONS[*which];
                let id = world.post(&format!("{BODY} rid='100' to='a' {attributes}/>"));
                exchanges.push(id);
            }
            Call::Request {
                rid,
                attributes,
                payload,
                connection,
            } => {
                let text = world.text(*rid, ATTRIBUTES[*attributes], PAYLOADS[*payload]);
                exchanges.push(world.post_on(1_000_000 + connection, Channel::Tls, &text));
            }
            Call::Garbage(bytes) => {
                exchanges.push(world.post(&String::from_utf8_lossy(bytes)));
            }
            Call::Sent(at) if !exchanges.is_empty() => {
                let id = exchanges[at % exchanges.len()];
                if world.answer(id).is_some() {
                    world.sent(id);
                }
            }
            Call::Disconnect(at) if !exchanges.is_empty() => {
                let id = exchanges[at % exchanges.len()];
                lost.insert(id);
                world.disconnect(id);
            }
            Call::Accept if world.key.is_some() => world.accept(),
            Call::Send(size) if world.key.is_some() => {
                let key = format!("{:?}", world.key());
                match world.try_send(&message(&"m".repeat(*size))) {
                    Err(SendError::Full(_)) => {
                        refused.insert(key);
                    }
                    // A refusal lasts until `Writable`.
                    Ok(()) if driver == Driver::Exact => assert!(!refused.contains(&key)),
                    Ok(()) | Err(_) => {}
                }
            }
            Call::Close(which) if world.key.is_some() => {
                world.close(Condition::ALL.get(*which).copied(), None);
            }
            Call::Hold if world.key.is_some() => {
                world.manager.hold_input(world.key(), world.now);
                world.drain();
            }
            Call::Release if world.key.is_some() => {
                world.manager.release_input(world.key(), world.now);
                world.drain();
            }
            Call::Pass(by) => {
                millis += u64::from(*by);
                world.at(millis);
            }
            Call::Shutdown => {
                world.manager.shut_down(world.now);
                world.drain();
            }
            Call::Sent(_)
            | Call::Disconnect(_)
            | Call::Accept
            | Call::Send(_)
            | Call::Close(_)
            | Call::Hold
            | Call::Release => {}
        }
        world.now = world.now.max(now);
        let due = world.manager.poll_timeout();
        if driver == Driver::Nervous && due.is_none_or(|due| due > world.now) {
            world.manager.handle_timeout(world.now);
            world.drain();
        }
        for key in std::mem::take(&mut world.writable) {
            assert!(refused.remove(&format!("{key:?}")), "writable unasked");
        }
        world.learn(&exchanges);
    }
    // Silence: every session ends, every exchange was answered.
    world.drain_now();
    world.drains = Drains::AtOnce;
    world.at(millis + 1_000_000);
    assert_eq!(world.manager.poll_timeout(), None);
    assert_eq!(world.manager.sessions(), 0);
    assert_eq!(world.closed.len(), world.openings.len());
    let keys: BTreeSet<_> = world.closed.iter().map(|(key, _)| *key).collect();
    assert_eq!(keys.len(), world.closed.len(), "closed twice");
    for id in exchanges.iter().filter(|id| !lost.contains(*id)) {
        assert!(world.answer(*id).is_some(), "no answer to {id:?}");
    }
    let answers = world.order.iter().filter_map(|id| world.answer(*id));
    answers.chain(world.events.iter().cloned()).collect()
}

proptest! {
    /// The contract, by its points: orders may be taken late (1); no panic, every exchange answered once (2); `Closed` once, nothing left
    /// (3); clocks that go back and calls of `handle_timeout` that are not needed change nothing (4); progress at each deadline (5, in
    /// `World::at`); the same calls give the same again (6); a refusal lasts until one `Writable` (8). Bodies come whole, and are read by a
    /// scanner with properties of its own (7, 9).
    #[test]
    fn any_calls_keep_the_contract(calls in prop::collection::vec(call(), 1..60)) {
        let exact = run(&calls, Driver::Exact);
        prop_assert_eq!(&run(&calls, Driver::Exact), &exact);
        prop_assert_eq!(&run(&calls, Driver::Batching), &exact);
        prop_assert_eq!(&run(&calls, Driver::Nervous), &exact);
    }
}
