use std::{collections::BTreeSet, time::Duration};

use xmpp_endpoints::{
    Failure,
    document::HostMeta2,
    planner::{Busy, Patience},
};

use crate::world::{S, World, config, found, parsed, seed};

const NODES: [&str; 3] = [
    "https://t1.example/",
    "https://t2.example/",
    "https://t3.example/",
];

fn hosts(log: &[String]) -> Vec<&str> {
    log.iter()
        .filter_map(|line| line.strip_prefix("try https://")?.strip_suffix(".example/"))
        .collect()
}

/// C-R-023, B-T-003: a node that is dead at creation is followed by another one at once; none comes
/// twice before all were tried.
#[test]
fn another_node_follows_at_once() {
    for number in 0..50 {
        let mut world = World::of(&NODES, seed(number));
        for _ in 0..3 {
            let (id, _) = world.attempt();
            world.fail(id, Failure::Refused);
        }
        let log = world.news();
        let tried: BTreeSet<&str> = hosts(&log).into_iter().collect();
        assert_eq!(tried.len(), 3, "{log:?}");
        assert_eq!(log.last().unwrap(), "failed");
        assert_eq!(
            world.report().matches("the connection was refused").count(),
            3
        );
    }
}

/// C-R-023: when all have failed it waits, exponentially with full jitter up to a cap, and starts
/// over.
#[test]
fn rounds_are_apart_by_growing_waits() {
    let mut most = [Duration::ZERO; 6];
    for number in 0..300 {
        let mut config = config().with_endpoints(NODES.map(parsed));
        config.first = Patience::Endless;
        let mut world = World::new(config, seed(number));
        for (round, most) in most.iter_mut().enumerate() {
            for _ in 0..3 {
                let (id, _) = world.attempt();
                world.fail(id, Failure::Refused);
            }
            let log = world.news();
            assert_eq!(
                hosts(&log).into_iter().collect::<BTreeSet<_>>().len(),
                3,
                "{log:?}"
            );
            let delay = world.waits[round].0;
            *most = (*most).max(delay);
            assert_eq!(world.jump(), delay);
        }
    }
    for (most, ceiling) in most.iter().zip([5, 10, 20, 40, 60, 60]) {
        let ceiling = ceiling * S;
        assert!(
            *most < ceiling && *most > ceiling * 95 / 100,
            "{most:?} of {ceiling:?}"
        );
    }
}

/// W-R-065: after an abnormal end the first delay is drawn from 0 to 5 s, then it doubles to a cap
/// (RFC 6455 §7.2.3).
#[test]
fn a_lost_session_waits_before_it_comes_back() {
    let mut delays = Vec::new();
    for number in 0..300 {
        let mut world = World::of(&NODES[..1], seed(number));
        for _ in 0..6 {
            let (id, _) = world.attempt();
            world.open(id);
            world.fail(id, Failure::Network("reset".to_owned()));
            world.jump();
        }
        delays.push(
            world
                .waits
                .iter()
                .map(|(delay, _)| *delay)
                .collect::<Vec<_>>(),
        );
    }
    for (at, ceiling) in [5, 10, 20, 40, 60, 60].into_iter().enumerate() {
        let most = delays.iter().map(|delays| delays[at]).max().unwrap();
        let least = delays.iter().map(|delays| delays[at]).min().unwrap();
        assert!(
            most < ceiling * S && most > ceiling * S * 9 / 10,
            "{most:?} of {ceiling} s"
        );
        assert!(least < ceiling * S / 20, "{least:?}");
    }
}

/// A session that lived for a minute was a success: the next delay is a first one again.
#[test]
fn a_success_ends_a_row_of_failures() {
    for number in 0..100 {
        let mut world = World::of(&NODES[..1], seed(number));
        for lived in [0, 0, 0, 60] {
            let (id, _) = world.attempt();
            world.open(id);
            world.pass(lived * S);
            world.fail(id, Failure::TimedOut);
            world.jump();
        }
        assert!(world.waits[3].0 < 5 * S);
    }
}

/// C-R-023: the node whose session was lost comes after those that have not failed lately, and
/// comes back after its backoff.
#[test]
fn failed_nodes_come_back_after_a_backoff() {
    let mut config = config().with_endpoints(NODES.map(parsed));
    config.backoff = 30 * S;
    config.backoff_most = 30 * S;
    let mut came_back = 0;
    for number in 0..60 {
        let mut world = World::new(config.clone(), seed(number));
        let (id, first) = world.attempt();
        world.open(id);
        world.fail(id, Failure::TimedOut);
        world.jump();
        let (id, second) = world.attempt();
        assert_ne!(first.url, second.url, "it has failed lately");
        world.fail(id, Failure::Refused);
        let (id, third) = world.attempt();
        assert!(third.url != first.url && third.url != second.url);
        world.fail(id, Failure::Refused);
        // The first rests still: the round is over without it, and says why.
        let (_, report) = world.waits.last().unwrap();
        let resting = "it failed lately: there was no answer in time";
        assert!(report.to_string().contains(resting), "{report}");
        assert!(world.attempts.is_empty());
        // A session elsewhere, and a good while later, any of them.
        world.jump();
        let (id, _) = world.attempt();
        world.open(id);
        world.pass(100 * S);
        let node = world.attempts[&id].url.clone();
        world.fail(id, Failure::TimedOut);
        world.jump();
        came_back += u32::from(world.attempt().1.url == first.url && node != first.url);
    }
    assert!(came_back > 0);
}

/// C-R-023, B-T-003: inside a session every attempt that is refused for 5 s gives it up where
/// another node is left; one that had any other end begins the time anew, and a single node is
/// never given up here.
#[test]
fn a_node_where_nobody_listens_is_given_up() {
    let mut world = World::of(&NODES, [7; 32]);
    let (id, node) = world.attempt();
    world.open(id);
    world.news();
    for _ in 0..3 {
        world.planner.handle_refused(id, world.now);
        world.pass(2 * S);
    }
    world.drain();
    assert_eq!(world.news(), [""; 0], "4 s so far");
    world.planner.handle_heard(id);
    for _ in 0..3 {
        world.planner.handle_refused(id, world.now);
        world.pass(2 * S);
    }
    assert_eq!(world.news(), [""; 0], "4 s since the other end");
    world.planner.handle_refused(id, world.now);
    world.drain();
    let news = world.news();
    assert_eq!(news[0], format!("abandon {}", node.url));
    assert!(news[1].starts_with("try"), "{news:?}");
    assert_ne!(world.attempt().1.url, node.url);

    let mut world = World::of(&["https://t1.example/", "wss://t1.example/"], [7; 32]);
    let (id, _) = world.attempt();
    world.open(id);
    for _ in 0..100 {
        world.planner.handle_refused(id, world.now);
        world.pass(S);
    }
    assert!(
        world.planner.is_open(),
        "the same node by another transport is no other node"
    );
}

/// C-R-024: what another node would repeat is reported; nothing else is tried.
#[test]
fn a_refusal_of_the_domain_is_not_failed_over() {
    for condition in ["not-authorized", "host-unknown", "policy-violation"] {
        let mut world = World::of(&NODES, [7; 32]);
        world.pass(S / 2);
        world.news();
        assert_eq!(world.attempts.len(), 2);
        let id = *world.attempts.first_key_value().unwrap().0;
        world.fail(id, Failure::Condition(condition.to_owned()));
        let log = world.news();
        assert!(
            log[0].starts_with("abandon") && log[1] == "failed",
            "{log:?}"
        );
        assert!(world.report().ends_with(condition), "{}", world.report());
        let report = world.failed.as_ref().unwrap();
        assert_eq!(
            report.refusal(),
            Some(&Failure::Condition(condition.to_owned()))
        );
        assert_eq!(world.planner.poll_timeout(), None);
        // The same in a session.
        let mut world = World::of(&NODES, [7; 32]);
        let (id, _) = world.attempt();
        world.open(id);
        world.fail(id, Failure::Condition(condition.to_owned()));
        assert!(world.waits.is_empty() && world.report().ends_with(condition));
    }
    let mut world = World::of(&NODES, [7; 32]);
    let (id, _) = world.attempt();
    world.fail(id, Failure::Condition("system-shutdown".to_owned()));
    assert_eq!(world.attempts.len(), 1, "another node may be up");
}

/// C-R-022, C-R-032, B-T-002, B-T-008, W-R-068: the node proves the name in its own URL; the domain
/// is what is asked for there.
#[test]
fn a_node_proves_the_name_that_was_dialled() {
    let world = World::of(&["wss://t2.nodes.example:5291/"], [7; 32]);
    let (_, candidate) = world.attempt();
    assert_eq!(candidate.identity.sni, "t2.nodes.example");
    assert_eq!(
        candidate.identity.names,
        ["t2.nodes.example"],
        "configured: no other name"
    );
    assert_eq!(candidate.url.authority(), "t2.nodes.example:5291");
    assert_eq!(world.planner.config().domain, "lantern.example");
}

/// C-R-042: a session that comes after a lost one is another attempt, never the same.
#[test]
fn a_new_session_has_a_new_id() {
    let mut world = World::of(&NODES[..1], [7; 32]);
    let (old, _) = world.attempt();
    world.open(old);
    world.fail(old, Failure::TimedOut);
    world.jump();
    let (new, _) = world.attempt();
    assert_ne!(old, new);
    world.open(new);
    world
        .planner
        .handle_failure(old, Failure::TimedOut, world.now);
    world.planner.handle_closed(old, world.now);
    world.planner.handle_refused(old, world.now);
    world.drain();
    assert!(
        world.planner.is_open(),
        "what is told of the old one changes nothing"
    );
}

#[test]
fn patience_ends() {
    let mut config = config().with_endpoints([parsed(NODES[0])]);
    config.first = Patience::Rounds(3);
    config.again = Patience::Rounds(0);
    let mut world = World::new(config, [7; 32]);
    for _ in 0..3 {
        let (id, _) = world.attempt();
        world.fail(id, Failure::Refused);
        if world.failed.is_none() {
            world.jump();
        }
    }
    assert_eq!(
        world.news().iter().filter(|line| *line == "wait").count(),
        2
    );
    assert!(world.failed.take().is_some());
    world.planner.connect(world.now).unwrap();
    world.drain();
    let (id, _) = world.attempt();
    world.open(id);
    world.fail(id, Failure::TimedOut);
    assert_eq!(
        world.report(),
        "https://t1.example/: there was no answer in time",
        "no second session is wanted"
    );
}

#[test]
fn closing_abandons_what_is_under_way() {
    let mut world = World::of(&NODES, [7; 32]);
    assert_eq!(world.planner.connect(world.now), Err(Busy));
    world.pass(S);
    world.planner.close(world.now);
    world.drain();
    assert!(world.attempts.is_empty());
    assert_eq!(world.planner.poll_timeout(), None);
    world.planner.connect(world.now).unwrap();
    world.drain();
    let (id, _) = world.attempt();
    world.open(id);
    world.planner.close(world.now);
    world.drain();
    assert!(world.attempts.is_empty() && !world.planner.is_open());

    let mut world = World::new(crate::world::config(), [7; 32]);
    world.planner.close(world.now);
    world.drain();
    assert!(world.lookups.is_empty());
}

/// Every refused and failed candidate is in the final error: what was tried, and what was not and
/// why.
#[test]
fn the_final_error_explains_everything() {
    let mut config = config();
    config.host_meta_2 = HostMeta2::On;
    let mut world = World::new(config, [7; 32]);
    world.answer(&found(
        r#"{"links": [{"rel": "urn:xmpp:alt-connections:websocket", "href": "ws://a.example/"},
            {"rel": "urn:xmpp:alt-connections:xbosh", "href": "/bosh\n"},
            {"rel": "urn:xmpp:alt-connections:websocket", "href": "wss://b.example/"},
            {"rel": "urn:xmpp:alt-connections:xbosh", "href": "https://c.example/"}]}"#,
    ));
    let (id, _) = world.attempt();
    world.fail(
        id,
        Failure::Tls(
            "the certificate is for other.example; b.example or lantern.example was expected"
                .to_owned(),
        ),
    );
    let (id, _) = world.attempt();
    world.fail(id, Failure::Status(502));
    assert_eq!(
        world.report(),
        "\"ws://a.example/\": not used: wss is wanted here; \
         \"/bosh\\n\": not used: it is relative; a whole URL is wanted; \
         wss://b.example/: TLS: the certificate is for other.example; b.example or lantern.example was expected; \
         https://c.example/: the server answered 502"
    );
}
