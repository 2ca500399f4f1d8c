use std::collections::BTreeMap;

use xmpp_endpoints::{
    Candidate, Failure, Transport,
    planner::{Config, Source},
};

use crate::world::{S, World, config, found, parsed, seed};

const NODES: [&str; 3] = [
    "wss://t1.example/",
    "wss://t2.example/",
    "wss://t3.example/",
];

/// How often each URL is the first that is tried.
fn firsts(config: impl Fn() -> Config, seeds: u32) -> BTreeMap<String, u32> {
    let mut counts = BTreeMap::new();
    for number in 0..seeds {
        let world = World::new(config(), seed(number));
        let (_, candidate) = world.attempt();
        *counts.entry(candidate.url.to_string()).or_default() += 1;
    }
    counts
}

/// The sum that is small where counts fit the shares.
fn chi_square(counts: &BTreeMap<String, u32>, shares: &[(&str, f64)]) -> f64 {
    let all: f64 = counts.values().copied().map(f64::from).sum();
    let whole: f64 = shares.iter().map(|(_, share)| share).sum();
    let term = |(url, share): &(&str, f64)| {
        let expected = all * share / whole;
        let seen = f64::from(counts.get(*url).copied().unwrap_or(0));
        (seen - expected).powi(2) / expected
    };
    shares.iter().map(term).sum()
}

/// C-R-021, B-T-001: one of the nodes, each as likely as the other. With two degrees of freedom a
/// fair choice is above 13.8 once in a thousand times; the seeds are fixed.
#[test]
fn a_node_is_picked_uniformly() {
    let counts = firsts(|| config().with_endpoints(NODES.map(parsed)), 10_000);
    let sum = chi_square(&counts, &NODES.map(|node| (node, 1.0)));
    assert!(sum < 13.8, "{counts:?}: {sum}");
    assert_eq!(counts.len(), 3);
}

/// C-R-021, B-D-021: within a priority by weight, and lower priorities first.
#[test]
fn a_node_is_picked_by_priority_and_weight() {
    let candidate = |url, priority, weight| Candidate::new(parsed(url)).with_rank(priority, weight);
    let candidates = vec![
        candidate(NODES[0], 5, 10),
        candidate(NODES[1], 5, 30),
        candidate(NODES[2], 5, 60),
        candidate("wss://later.example/", 6, 1_000),
    ];
    let with = || {
        let mut config = config();
        config.sources = vec![Source::Given(candidates.clone())];
        config
    };
    let counts = firsts(with, 10_000);
    let sum = chi_square(
        &counts,
        &[(NODES[0], 1.0), (NODES[1], 3.0), (NODES[2], 6.0)],
    );
    assert!(sum < 13.8, "{counts:?}: {sum}");
    assert_eq!(counts.len(), 3, "the later priority is never the first");
    let mut world = World::new(with(), [7; 32]);
    for _ in 0..3 {
        let (id, candidate) = world.attempt();
        assert_ne!(candidate.url.host(), "later.example");
        world.fail(id, Failure::Refused);
    }
    assert_eq!(world.attempt().1.url.host(), "later.example");
}

/// B-D-010: two links of one relation are tried in a random order, the second after the first
/// failed.
#[test]
fn the_order_of_links_means_nothing() {
    let document = r#"{"links": [{"rel": "urn:xmpp:alt-connections:xbosh", "href": "https://t1.example/"},
        {"rel": "urn:xmpp:alt-connections:xbosh", "href": "https://t2.example/"}]}"#;
    let mut orders = BTreeMap::<Vec<String>, u32>::new();
    for number in 0..200 {
        let mut world = World::new(config(), seed(number));
        world.answer(&found(document));
        world.news();
        let (id, first) = world.attempt();
        world.fail(id, Failure::Refused);
        let (_, second) = world.attempt();
        *orders
            .entry(vec![first.url.to_string(), second.url.to_string()])
            .or_default() += 1;
    }
    assert_eq!(orders.len(), 2, "{orders:?}");
    assert!(orders.values().all(|&count| count > 60), "{orders:?}");
}

/// C-R-033: WebSocket is preferred at whatever node; BOSH is what is left where it cannot be
/// established.
#[test]
fn a_mixed_list_prefers_websocket() {
    let urls = [
        "https://t1.example/",
        "wss://t1.example/",
        "https://t2.example/",
        "wss://t2.example/",
    ];
    for number in 0..20 {
        let mut world = World::of(&urls, seed(number));
        let mut transports = Vec::new();
        for _ in 0..4 {
            let (id, candidate) = world.attempt();
            transports.push(candidate.transport());
            world.fail(id, Failure::Status(502));
        }
        use Transport::{Bosh, WebSocket};
        assert_eq!(transports, [WebSocket, WebSocket, Bosh, Bosh]);
    }
}

/// C-R-033: a WebSocket that is silent, as behind a box that swallows it, costs half a second, not
/// its own deadline: BOSH joins it.
#[test]
fn a_silent_websocket_is_joined_by_bosh() {
    let urls = [
        "wss://t1.example/",
        "wss://t2.example/",
        "https://t1.example/",
        "https://t2.example/",
    ];
    let mut world = World::of(&urls, [7; 32]);
    assert_eq!(world.attempt().1.transport(), Transport::WebSocket);
    assert_eq!(world.jump(), S / 2);
    let transports: Vec<Transport> = world.attempts.values().map(Candidate::transport).collect();
    assert_eq!(transports, [Transport::WebSocket, Transport::Bosh]);
    let (bosh, _) = world
        .attempts
        .last_key_value()
        .map(|(id, c)| (*id, c.clone()))
        .unwrap();
    world.news();
    world.open(bosh);
    assert_eq!(
        world.attempts.len(),
        1,
        "the silent one is abandoned: {:?}",
        world.log
    );
    assert!(world.planner.is_open());
    assert_eq!(world.planner.poll_timeout(), None);
}

/// The preferred one may still win after the other has joined.
#[test]
fn the_first_that_opens_wins() {
    let mut world = World::of(&["wss://t1.example/", "https://t1.example/"], [7; 32]);
    world.pass(S);
    assert_eq!(world.attempts.len(), 2);
    let slow = world.at("https://t1.example/");
    world.open(world.at("wss://t1.example/"));
    assert_eq!(world.attempt().1.transport(), Transport::WebSocket);
    world.planner.handle_opened(slow, world.now);
    world
        .planner
        .handle_failure(slow, Failure::Refused, world.now);
    world.drain();
    assert_eq!(
        world.attempts.len(),
        1,
        "what is told of an abandoned attempt is ignored"
    );
    assert!(world.planner.is_open());
}

/// Attempts at the same time are bounded, and so is each in time.
#[test]
fn so_many_attempts_at_once_and_no_more() {
    let urls: Vec<String> = (0..9).map(|n| format!("wss://t{n}.example/")).collect();
    let urls: Vec<&str> = urls.iter().map(String::as_str).collect();
    let mut world = World::of(&urls, [7; 32]);
    let mut most = 0;
    let start = world.now;
    while world.failed.is_none() {
        world.jump();
        most = most.max(world.attempts.len());
    }
    assert_eq!(most, 3);
    let tried = world
        .log
        .iter()
        .filter(|line| line.starts_with("try"))
        .count();
    assert_eq!(tried, 9, "each once");
    assert_eq!(
        world.now - start,
        61 * S,
        "three at a time, 20 s each, half a second between the first of them"
    );
    assert!(world.report().contains("no answer in time"));
}

/// Transports that the application does not have are not tried, and the report says so.
#[test]
fn an_unwanted_transport_is_left_out() {
    let mut config =
        config().with_endpoints(["wss://t1.example/", "https://t1.example/"].map(parsed));
    config.transports = vec![Transport::Bosh];
    let mut world = World::new(config, [7; 32]);
    let (id, candidate) = world.attempt();
    assert_eq!(candidate.transport(), Transport::Bosh);
    world.fail(id, Failure::Refused);
    assert_eq!(
        world.report(),
        "wss://t1.example/: WebSocket is not among the wanted transports; https://t1.example/: the connection was refused"
    );
}

/// An endpoint that two sources name is tried once in a round.
#[test]
fn the_same_endpoint_is_not_tried_twice() {
    let mut config = config();
    let given = Candidate::new(parsed("wss://t1.example/"));
    config.sources = vec![Source::Given(vec![given.clone(), given]), Source::HostMeta];
    let mut world = World::new(config, [7; 32]);
    let (id, _) = world.attempt();
    world.fail(id, Failure::Refused);
    world.answer(&found(r#"{"links": [{"rel": "urn:xmpp:alt-connections:websocket", "href": "wss://t1.example/"}]}"#));
    assert!(world.attempts.is_empty() && world.failed.is_some());
}
