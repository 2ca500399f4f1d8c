//! Every element exactly once and in order, both ways, as long as the session lives; and when it dies, both know, and nothing is lost
//! without a word.

use std::time::Duration;

use bosh_proto::{client, server};
use proptest::prelude::*;

use crate::{ends::End, network::Weather, world::Pair};

/// What the two ends do.
#[derive(Clone, Copy, Debug)]
enum Step {
    Utter,
    Tell,
    /// Time passes.
    Pass(u64),
    /// The client's machine stands still.
    Sleep(u64),
    /// The user pauses for a while, and comes back.
    Pause(u64),
    HoldInput,
    ReleaseInput,
    /// The session is put to rest, and goes on elsewhere after a while.
    Move(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => Just(Step::Utter),
        6 => Just(Step::Tell),
        6 => (0..3_000_u64).prop_map(Step::Pass),
        2 => (0..20_000_u64).prop_map(Step::Pass),
        1 => (0..5_000_u64).prop_map(Step::Sleep),
        1 => (0..12_000_u64).prop_map(Step::Pause),
        1 => Just(Step::HoldInput),
        1 => Just(Step::ReleaseInput),
        1 => (0..5_000_u64).prop_map(Step::Move),
    ]
}

/// What the two ends agree on.
#[derive(Clone, Copy, Debug)]
struct Terms {
    wait: u64,
    hold: u8,
    client_ack: bool,
    keys: bool,
    serialise: bool,
}

fn terms() -> impl Strategy<Value = Terms> {
    (
        prop_oneof![Just(50_u64), Just(10), Just(0)],
        0..=2_u8,
        any::<bool>(),
        any::<bool>(),
        any::<bool>(),
    )
        .prop_map(|(wait, hold, client_ack, keys, serialise)| Terms {
            wait,
            hold,
            client_ack,
            keys,
            serialise,
        })
}

fn configs(terms: Terms) -> (client::Config, server::Config) {
    let mut client = client::Config::new("lantern.example");
    client.wait = Duration::from_secs(terms.wait);
    client.hold = terms.hold;
    client.client_ack = terms.client_ack;
    client.keys = terms.keys;
    client.serialise = terms.serialise;
    let mut server = server::Config::default();
    server.hold = 2;
    (client, server)
}

fn play(pair: &mut Pair, steps: &[Step]) {
    for (at, step) in steps.iter().enumerate() {
        if pair.user.closed.is_some() {
            return;
        }
        let now = pair.now;
        match step {
            Step::Utter => pair.utter(&format!("c{at}")),
            Step::Tell => pair.tell(&format!("s{at}")),
            Step::Pass(millis) => pair.run(*millis),
            Step::Sleep(millis) => pair.sleep(*millis),
            Step::Pause(millis) => {
                let _ = pair.client().pause(Duration::from_secs(25), now);
                pair.drain();
                pair.run(*millis);
                let now = pair.now;
                let _ = pair.client().resume(now);
                pair.drain();
            }
            Step::Move(millis) => pair.relocate(*millis),
            Step::HoldInput => pair.client().hold_input(now),
            Step::ReleaseInput => {
                pair.client().release_input(now);
                pair.drain();
            }
        }
    }
    let now = pair.now;
    pair.client().release_input(now);
    pair.drain();
}

/// What was received is a beginning of what was sent, and the rest is known not to have arrived.
fn accounted(from: &End, to: &End, log: &[String]) {
    assert!(
        from.sent.starts_with(&to.received),
        "sent {:#?}\nreceived {:#?}",
        from.sent,
        to.received
    );
    for lost in &from.sent[to.received.len()..] {
        assert!(
            from.undelivered.contains(lost),
            "{lost} is lost silently: {log:#?}"
        );
    }
    assert!(is_in_order(&from.undelivered, &from.sent));
}

fn is_in_order(some: &[String], all: &[String]) -> bool {
    let mut rest = all.iter();
    some.iter()
        .filter(|one| one.starts_with("<message"))
        .all(|one| rest.any(|other| other == one))
}

/// Half as many cases as usual: each is a whole session's life.
fn half() -> ProptestConfig {
    let usual = ProptestConfig::default();
    ProptestConfig {
        cases: usual.cases / 2,
        ..usual
    }
}

proptest! {
    #![proptest_config(half())]

    /// Faults that a session must survive: everything arrives, once and in order.
    #[test]
    fn a_session_survives_a_gusty_network(
        terms in terms(),
        seed in any::<u64>(),
        steps in prop::collection::vec(step(), 1..60),
    ) {
        let (client, mut server) = configs(terms);
        server.duplicates_per_minute = u8::MAX;
        let mut pair = Pair::open(client, server, seed);
        pair.weather = Weather::Gusty;
        play(&mut pair, &steps);
        pair.weather = Weather::Calm;
        pair.run(100_000);
        prop_assert_eq!(pair.user.closed, None, "{:#?}", pair.log);
        prop_assert_eq!(&pair.user.sent, &pair.host.received);
        prop_assert_eq!(&pair.host.sent, &pair.user.received);
        let now = pair.now;
        pair.client().close(now);
        pair.drain();
        pair.run(100_000);
        prop_assert_eq!(pair.user.events.last().map(String::as_str), Some("closed Ours"));
        prop_assert_eq!(pair.host.events.last().map(String::as_str), Some("closed Terminated"));
        prop_assert!(pair.user.undelivered.is_empty());
    }

    /// Whatever the network does: in order and once, and what did not arrive is handed back.
    #[test]
    fn nothing_is_lost_silently_in_a_storm(
        terms in terms(),
        seed in any::<u64>(),
        steps in prop::collection::vec(step(), 1..60),
    ) {
        let (client, server) = configs(terms);
        let mut pair = Pair::open(client, server, seed);
        pair.weather = Weather::Stormy;
        play(&mut pair, &steps);
        pair.weather = Weather::Calm;
        pair.run(200_000);
        if pair.user.closed.is_none() {
            prop_assert_eq!(&pair.user.sent, &pair.host.received);
            prop_assert_eq!(&pair.host.sent, &pair.user.received);
            let now = pair.now;
            pair.client().close(now);
            pair.drain();
            pair.run(200_000);
        }
        prop_assert!(pair.user.closed.is_some() && pair.host.closed.is_some());
        accounted(&pair.user, &pair.host, &pair.log);
        if terms.client_ack {
            accounted(&pair.host, &pair.user, &pair.log);
        } else {
            // Without acks an answer that left counts as delivered.
            prop_assert!(pair.host.sent.starts_with(&pair.user.received));
        }
    }

    /// A network that dies: both ends know within the negotiated time, and what did not arrive is handed back.
    #[test]
    fn both_ends_learn_of_a_dead_network(
        terms in terms(),
        seed in any::<u64>(),
        before in prop::collection::vec(step(), 1..20),
        after in prop::collection::vec(prop_oneof![Just(Step::Utter), Just(Step::Tell), Just(Step::Pass(500))], 0..10),
    ) {
        let (client, server) = configs(terms);
        let mut pair = Pair::open(client, server, seed);
        play(&mut pair, &before);
        pair.run(30_000);
        prop_assert_eq!(pair.user.closed, None);
        pair.weather = Weather::Dead;
        let dead = pair.millis();
        play(&mut pair, &after);
        let polls = terms.wait == 0 || terms.hold == 0;
        let (wait, inactivity) = if polls { (terms.wait, 60) } else { (terms.wait, 30) };
        pair.run(1_000 * (wait + inactivity + 60));
        // The last answer may have left just before, and the next poll may have been due only `polling` later.
        let limit = dead + 1_000 * (wait + inactivity + if polls { 5 } else { 0 }) + 100;
        let (user, host) = (pair.user.closed.expect("closed"), pair.host.closed.expect("closed"));
        prop_assert!(user <= limit, "{user} {limit}");
        prop_assert!(host <= limit, "{host} {limit}");
        accounted(&pair.user, &pair.host, &pair.log);
        if terms.client_ack {
            accounted(&pair.host, &pair.user, &pair.log);
        } else {
            // Without acks an answer that left counts as delivered.
            prop_assert!(pair.host.sent.starts_with(&pair.user.received));
        }
    }
}
