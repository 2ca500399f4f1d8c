//! What the linger (B-R-071) may not do: get a client punished.

use std::{collections::BTreeMap, time::Duration};

use bosh_proto::{Channel, ExchangeId, server::Rate};
use proptest::prelude::*;

use crate::support::*;

/// What happens in every world of a schedule, at the same time.
#[derive(Clone, Debug)]
enum Step {
    /// A new request: whether it leaves a rid out, what it is, and on which connection it comes if not on a new one.
    Request {
        skips: bool,
        kind: usize,
        connection: Option<u64>,
    },
    /// A retransmission of the request that many before the newest.
    Repeat(usize),
    /// The exchange of the request that many before the newest breaks.
    Break(usize),
    /// The server sends this element.
    Send(usize),
    Hold,
    Release,
    /// Milliseconds.
    Pass(u64),
}

/// Attributes and payloads of requests.
const KINDS: [(&str, &str); 8] = [
    ("", ""),
    ("", ""),
    ("", ""),
    ("", "<message xmlns='jabber:client' id='c'/>"),
    ("", "<message xmlns='jabber:client' id='c'/>"),
    ("ack='100'", ""),
    ("pause='10'", ""),
    ("xmpp:restart='true' xmlns:xmpp='urn:xmpp:xbosh'", ""),
];
const WITH_PAYLOAD: usize = 3;

/// Elements that share a body with others, that fill one, and that travel alone.
fn payload(which: usize) -> String {
    match which {
        0..4 => message("s"),
        4 => message(&"s".repeat(900)),
        _ => FEATURES.to_owned(),
    }
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let millis = prop_oneof![
        0..4_u64,
        0..12_u64,
        90..120_u64,
        980..1_010_u64,
        4_990..5_010_u64
    ];
    let connection = prop::option::weighted(0.3, 500..502_u64);
    let request = (prop::bool::weighted(0.1), 0..KINDS.len(), connection);
    let step = prop_oneof![
        12 => request.prop_map(|(skips, kind, connection)| Step::Request { skips, kind, connection }),
        1 => (0..3_usize).prop_map(Step::Repeat),
        1 => (0..3_usize).prop_map(Step::Break),
        8 => (0..6_usize).prop_map(Step::Send),
        1 => Just(Step::Hold),
        1 => Just(Step::Release),
        12 => millis.prop_map(Step::Pass),
    ];
    prop::collection::vec(step, 1..60)
}

/// How a driver reports that bytes left.
#[derive(Clone, Debug)]
enum Report {
    /// So many milliseconds after the answer was issued.
    After(u64),
    /// When the clock shows the next multiple of this: a driver, or a network, that stands still for a while.
    Every(u64),
    Never,
}

fn reports() -> impl Strategy<Value = Vec<Report>> {
    let report = prop_oneof![
        6 => Just(Report::After(0)),
        3 => prop_oneof![1..8_u64, 95..105_u64, 900..1_100_u64].prop_map(Report::After),
        2 => prop_oneof![5..20_u64, 150..400_u64].prop_map(Report::Every),
        1 => Just(Report::Never),
    ];
    prop::collection::vec(report, 1..6)
}

/// A schedule in the world of one linger.
struct Lane<'a> {
    world: World,
    millis: u64,
    reports: &'a [Report],
    /// The newest exchange of each rid.
    exchanges: BTreeMap<u64, ExchangeId>,
    /// Reports to come: when, of what.
    due: Vec<(u64, ExchangeId)>,
    seen: usize,
}

impl<'a> Lane<'a> {
    fn new(setup: &Setup, linger: u64, reports: &'a [Report]) -> Self {
        let mut config = prompt();
        config.linger = Duration::from_millis(linger);
        config.hold = setup.hold;
        config.response_bytes = 1_000;
        if setup.is_slow {
            config.rates.session_requests = Some(Rate::new(100, 3));
        }
        let hold = setup.hold;
        let attributes = format!("hold='{hold}' wait='{}' {}", setup.wait, setup.attributes);
        let mut world = World::session(config, &attributes);
        world.reports = Reports::Never;
        let seen = world.order.len();
        Self {
            world,
            millis: 0,
            reports,
            exchanges: BTreeMap::new(),
            due: Vec::new(),
            seen,
        }
    }

    /// Moves the clock, with the driver's reports on the way.
    fn at(&mut self, target: u64) {
        loop {
            self.watch();
            let next = self.due.iter().map(|(at, _)| *at).min();
            // The manager's own deadlines may bring answers, whose reports come in between.
            let step = next
                .map_or(target, |at| at.min(target))
                .min(self.millis + 1);
            if let Some(at) = next.filter(|at| *at <= self.millis) {
                let place = self.due.iter().position(|(due, _)| *due == at);
                let (_, id) = self.due.remove(place.expect("one of them"));
                self.world.sent(id);
                continue;
            }
            if self.millis >= target {
                return;
            }
            let quiet = self.world.manager.poll_timeout();
            let quiet = quiet.map_or(target, |at| {
                u64::try_from(at.duration_since(self.world.start()).as_millis()).expect("soon")
            });
            // As far as nothing happens, at once.
            let free = next.unwrap_or(target).min(target).min(quiet);
            self.millis = step.max(free);
            self.world.at(self.millis);
        }
    }

    /// Notes when answers issued since will be reported.
    fn watch(&mut self) {
        while let Some(id) = self.world.order.get(self.seen) {
            self.seen += 1;
            let rid = self.exchanges.iter().find(|(_, other)| *other == id);
            let Some((rid, _)) = rid else { continue };
            let which = usize::try_from(*rid).expect("small") % self.reports.len();
            let at = match self.reports[which] {
                Report::After(delay) => self.millis + delay,
                Report::Every(period) => self.millis.next_multiple_of(period),
                Report::Never => continue,
            };
            self.due.push((at, *id));
        }
    }

    fn post(&mut self, rid: u64, connection: u64, kind: usize) {
        let (attributes, payload) = KINDS[kind];
        let text = self.world.text(rid, attributes, payload);
        let id = self.world.post_on(connection, Channel::Tls, &text);
        self.exchanges.insert(rid, id);
        self.watch();
    }

    /// What does not depend on the client.
    fn step(&mut self, step: &Step) {
        let key = self.world.key();
        let now = self.world.now;
        match *step {
            Step::Request { .. } | Step::Repeat(_) => {}
            Step::Break(back) => {
                if let Some(id) = self.exchanges.values().rev().nth(back).copied() {
                    self.world.disconnect(id);
                }
            }
            Step::Send(which) => {
                // The session may have ended in its own way.
                let _ = self.world.try_send(&payload(which));
            }
            Step::Hold => self.world.manager.hold_input(key, now),
            Step::Release => self.world.manager.release_input(key, now),
            Step::Pass(by) => self.at(self.millis + by),
        }
        self.world.drain_now();
    }

    fn lives(&self) -> bool {
        self.world.manager.sessions() == 1
    }

    /// Rids without an answer, as its client sees it.
    fn unanswered(&self) -> usize {
        let exchanges = self.exchanges.values();
        exchanges
            .filter(|id| self.world.answer(**id).is_none())
            .count()
    }
}

/// What the worlds of a schedule have in common.
#[derive(Clone, Debug)]
struct Setup {
    hold: u8,
    wait: u64,
    attributes: &'static str,
    is_slow: bool,
}

fn setup() -> impl Strategy<Value = Setup> {
    let attributes = prop_oneof![4 => Just(""), 1 => Just("ack='1'")];
    let wait = prop_oneof![Just(50), Just(2_u64)];
    (1..4_u8, wait, attributes, prop::bool::weighted(0.2)).prop_map(
        |(hold, wait, attributes, is_slow)| Setup {
            hold,
            wait,
            attributes,
            is_slow,
        },
    )
}

/// A client that keeps to its window, and to `polling`, as the answers without a linger allow it.
#[derive(Default)]
struct Client {
    /// Requests sent so far, with their kinds.
    sent: BTreeMap<u64, usize>,
    /// A rid that was left out.
    gap: Option<u64>,
    last: Option<u64>,
}

impl Client {
    /// Rids and kinds of what it sends now; `skips` leaves one out, and the next request fills the gap afterwards.
    fn requests(
        &mut self,
        plain: &Lane<'_>,
        setup: &Setup,
        skips: bool,
        kind: usize,
    ) -> Vec<(u64, usize)> {
        let window = usize::from(setup.hold) + 1;
        let unanswered = plain.unanswered() + usize::from(self.gap.is_some() || skips);
        if unanswered >= window {
            return Vec::new();
        }
        let is_hasty = self.last.is_some_and(|last| plain.millis < last + 5_000);
        let (attributes, payload) = KINDS[kind];
        let is_bare = payload.is_empty() && !attributes.contains("restart");
        let kind = if is_bare && is_hasty && unanswered + 1 == window {
            WITH_PAYLOAD
        } else {
            kind
        };
        self.last = Some(plain.millis);
        let next = self.sent.last_key_value().map_or(FIRST, |(rid, _)| *rid) + 1;
        let skips = skips && self.gap.is_none();
        let mut requests = vec![(next + u64::from(skips), kind)];
        if skips {
            self.gap = Some(next);
        } else {
            requests.extend(self.gap.take().map(|rid| (rid, WITH_PAYLOAD)));
        }
        self.sent.extend(requests.iter().copied());
        requests
    }
}

/// Runs a schedule without and with a linger, up to its end or to the first punishment without one.
fn compare(setup: &Setup, linger: u64, steps: &[Step], reports: &[Report]) -> Result<(), String> {
    let mut lanes = [0, linger].map(|linger| Lane::new(setup, linger, reports));
    let mut client = Client::default();
    for (at, step) in (0..).zip(steps) {
        // Places of their own for connections that are used again.
        let fresh = 10_000 + 2 * at;
        let requests = match *step {
            Step::Request {
                skips,
                kind,
                connection,
            } => {
                let connections = [connection.unwrap_or(fresh), fresh + 1];
                let requests = client.requests(&lanes[0], setup, skips, kind);
                requests.into_iter().zip(connections).collect()
            }
            Step::Repeat(back) => {
                let sent = client.sent.iter().rev().nth(back);
                let again = sent.map(|(rid, kind)| ((*rid, *kind), fresh));
                Vec::from_iter(again)
            }
            Step::Break(_) | Step::Send(_) | Step::Hold | Step::Release | Step::Pass(_) => {
                Vec::new()
            }
        };
        for lane in &mut lanes {
            for ((rid, kind), connection) in &requests {
                lane.post(*rid, *connection, *kind);
            }
            lane.step(step);
        }
        let [plain, lingering] = &lanes;
        if !plain.lives() {
            break;
        }
        if !lingering.lives() {
            let end = lingering.world.events.last();
            return Err(format!("step {at} at {} ms: {end:?}", plain.millis));
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    /// B-R-071, B-R-125, B-R-126: a session that lives without a linger lives with any, whatever the client, the application, the driver
    /// and the network do, and when.
    #[test]
    fn no_schedule_is_punished_for_the_linger(
        setup in setup(),
        linger in prop_oneof![Just(5_u64), 1..20_u64, Just(1_000_u64)],
        steps in steps(),
        reports in reports(),
    ) {
        prop_assert_eq!(compare(&setup, linger, &steps, &reports), Ok(()));
    }
}
