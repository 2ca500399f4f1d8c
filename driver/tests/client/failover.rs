//! Nodes that die, and what their sessions leave.

use std::{
    collections::BTreeSet,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use bosh_proto::server::Config;
use xmpp_web_driver::client::{Client, Event, Lost, SendError};

use crate::{
    net::Net,
    node::{Habit, Node, message},
    support::World,
    talking::{connected, ids, next_id, once, sign_in, start},
};

const BOSH: [&str; 3] = [
    "http://t1.example/http-bind",
    "http://t2.example/http-bind",
    "http://t3.example/http-bind",
];
const WS: [&str; 3] = [
    "ws://t1.example/ws",
    "ws://t2.example/ws",
    "ws://t3.example/ws",
];

fn nodes(net: &Net, habit: &Habit) -> Vec<Node> {
    (1..4)
        .map(|n| Node::start(net, &format!("t{n}.example"), 10 + n, 80, habit.clone()))
        .collect()
}

fn lost(world: &mut World, client: &mut Client) -> Lost {
    match world.run(client.next()) {
        Some(Event::Lost(lost)) => lost,
        event => panic!("{event:?}"),
    }
}

fn at(nodes: &[Node], dialled: &[SocketAddr]) -> usize {
    let last = dialled.last().expect("something was dialled");
    nodes
        .iter()
        .position(|node| node.address == *last)
        .expect("a node")
}

/// B-T-001, B-T-010, C-R-022: one node for all requests of a session.
#[test]
fn a_session_stays_at_its_node() {
    for seed in 0..4 {
        let mut world = World::new();
        let net = Net::new(&world).seeded(seed);
        let nodes = nodes(&net, &Habit::Echo);
        let mut client = connected(&mut world, &net, &BOSH);
        for id in 0..100 {
            world.run(client.send(message(id))).expect("taken");
            assert_eq!(next_id(&mut world, &mut client), id.to_string());
        }
        let addresses: BTreeSet<SocketAddr> = net.dialled().into_iter().collect();
        assert_eq!(addresses.len(), 1, "{addresses:?}");
        let requests: usize = nodes.iter().map(|node| node.opened().len()).sum();
        assert!(requests > 100, "{requests}");
    }
}

/// C-R-023, B-T-003: where a node is dead at creation, another one is tried at once.
#[test]
fn a_dead_node_is_passed_over() {
    for (urls, seed) in [(BOSH, 1), (BOSH, 2), (WS, 1), (WS, 2), (WS, 3)] {
        let mut world = World::new();
        let net = Net::new(&world).seeded(seed);
        let nodes = nodes(&net, &Habit::Echo);
        nodes[0].kill();
        nodes[1].kill();
        let before = world.now();
        let _client = connected(&mut world, &net, &urls);
        assert_eq!(world.now(), before, "nothing to wait for");
        assert_eq!(at(&nodes, &net.dialled()), 2);
    }
}

/// C-R-023, B-T-003: of three nodes one refuses connections and one takes them and says nothing: 95 of 100 connects are through within a
/// second.
#[test]
fn two_of_three_nodes_are_bad() {
    const CONNECTS: u16 = 300;
    for urls in [BOSH, WS] {
        let mut quick = 0;
        for seed in 0..CONNECTS {
            let mut world = World::new();
            let net = Net::new(&world).seeded(seed);
            let nodes = nodes(&net, &Habit::Mute);
            nodes[0].kill();
            let taken = Mutex::new(Vec::new());
            let silent = move |end| taken.lock().expect("no panic").push(end);
            net.serve(nodes[1].address, Arc::new(silent));
            let before = world.now();
            let _client = connected(&mut world, &net, &urls);
            assert_eq!(at(&nodes, &net.dialled()), 2);
            quick += u16::from(world.now() - before < Duration::from_secs(1));
        }
        assert!(
            quick * 100 >= CONNECTS * 95,
            "{quick} of {CONNECTS}: {urls:?}"
        );
    }
}

/// C-R-042: after a node died the session is a new one, elsewhere, within 10 s; what was not acknowledged comes back in order, and
/// nothing is sent in the new session that was meant for the old one.
#[test]
fn a_new_session_follows_a_lost_one() {
    for (urls, seed) in [(BOSH, 1), (BOSH, 2), (WS, 1), (WS, 2)] {
        let mut world = World::new();
        let net = Net::new(&world).seeded(seed);
        let nodes = nodes(&net, &Habit::Mute);
        let mut client = connected(&mut world, &net, &urls);
        let first = at(&nodes, &net.dialled());
        world.run(client.send(message(0))).expect("taken");
        world.settle();
        assert_eq!(nodes[first].heard(), ["0"]);
        let killed = world.now();
        nodes[first].kill();
        world.settle();
        // Over BOSH a session outlives its connections: it takes elements while it tries.
        let mut expected = Vec::new();
        for id in 1..5 {
            match world.run(client.send(message(id))) {
                Ok(()) => expected.push(id.to_string()),
                Err(SendError::Closed(_)) => {}
                Err(error) => panic!("{error}"),
            }
        }
        let lost = lost(&mut world, &mut client);
        let back: Vec<String> = lost
            .undelivered
            .iter()
            .map(|element| element.attribute("id").unwrap_or_default().into_owned())
            .collect();
        // The held request that would have acknowledged the first is lost with the node.
        let acknowledged = usize::from(!back.contains(&"0".to_owned()));
        assert_eq!(back[1 - acknowledged..], expected, "{urls:?}");
        world.settle();
        let refused = world.run(client.send(message(9)));
        assert!(matches!(refused, Err(SendError::Closed(_))), "{refused:?}");
        let Some(Event::Opened(opened)) = world.run(client.next()) else {
            panic!("no new session");
        };
        let took = world.now() - killed;
        assert!(took < Duration::from_secs(10), "{took:?}");
        assert_eq!(opened.session, 2);
        let second = at(&nodes, &net.dialled());
        assert_ne!(first, second);
        sign_in(&mut world, &mut client);
        world.run(client.send(message(10))).expect("taken");
        world.settle();
        assert_eq!(nodes[second].heard(), ["10"], "nothing of the old session");
    }
}

/// C-R-023, B-T-003: a node whose connections break and which still listens keeps its session.
#[test]
fn a_broken_connection_is_no_lost_session() {
    let mut world = World::new();
    let net = Net::new(&world);
    let nodes = nodes(&net, &Habit::Echo);
    let mut client = connected(&mut world, &net, &BOSH);
    let first = at(&nodes, &net.dialled());
    for id in 0..10 {
        nodes[first].cut();
        world.run(client.send(message(id))).expect("taken");
        assert_eq!(next_id(&mut world, &mut client), id.to_string());
    }
    assert_eq!(nodes[first].heard(), ids(10), "each once");
    let sessions = nodes[first]
        .opened()
        .iter()
        .filter(|(_, _, how)| *how == "bosh")
        .count();
    assert_eq!(sessions, 1);
}

/// With no other node left the same one is tried again, after the first delay of a lost session.
#[test]
fn a_single_node_is_tried_again() {
    let mut world = World::new();
    let net = Net::new(&world);
    let node = Node::start(&net, "t1.example", 11, 80, Habit::Echo);
    let mut client = connected(&mut world, &net, &WS[..1]);
    node.kill();
    let lost = lost(&mut world, &mut client);
    assert!(lost.delay < Duration::from_secs(5));
    let event = world.run(client.next());
    assert!(
        matches!(&event, Some(Event::Unreachable(failed, delay))
        if *delay < Duration::from_secs(10) && failed.to_string().contains("refused")),
        "{event:?}"
    );
    let _again = Node::start(&net, "t1.example", 11, 80, Habit::Echo);
    loop {
        match world.run(client.next()) {
            Some(Event::Opened(opened)) => break assert_eq!(opened.session, 2),
            Some(Event::Unreachable(..)) => {}
            event => panic!("{event:?}"),
        }
    }
    sign_in(&mut world, &mut client);
    world.run(client.send(message(1))).expect("taken");
    assert_eq!(next_id(&mut world, &mut client), "1");
}

fn with_host(host: &str) -> Config {
    let mut config = Config::default();
    config.host = Some(host.to_owned());
    config
}

/// C-R-025, B-T-004: the attribute `host` of the creation response sends the following requests there, where the session is.
#[test]
fn host_is_followed_to_a_known_node() {
    let mut world = World::new();
    let net = Net::new(&world);
    let node = Node::configured(
        &net,
        "t1.example",
        11,
        80,
        Habit::Echo,
        with_host("t2.example"),
    );
    // The same process under its own name.
    let own = SocketAddr::new(net.host("t2.example", 12), 80);
    net.serve(own, net.service(node.address));
    let mut client = connected(&mut world, &net, &["http://t1.example/http-bind"]);
    let session = net.dialled();
    world.run(client.send(message(0))).expect("taken");
    assert_eq!(next_id(&mut world, &mut client), "0");
    // Not in the list: not followed.
    assert!(!session.contains(&own) && !net.dialled().contains(&own));
    drop(client);

    let urls = ["http://t1.example/http-bind", "http://t2.example/http-bind"];
    for seed in 0..8 {
        let net = net.clone().seeded(seed);
        let mut client = start(&net, &urls);
        let Some(Event::Opened(opened)) = world.run(client.next()) else {
            panic!("not opened");
        };
        net.dialled();
        for id in 0..5 {
            world.run(client.send(message(id))).expect("taken");
            assert_eq!(next_id(&mut world, &mut client), id.to_string());
        }
        if opened.url.host() == "t1.example" {
            let dialled = net.dialled();
            assert!(dialled.iter().all(|address| *address == own), "{dialled:?}");
            return;
        }
    }
    panic!("t1 was never the first");
}

/// C-R-025, B-T-005: a `host` that is a stranger's, no name, or that cannot be reached leaves the session where it was created.
#[test]
fn a_host_that_leads_nowhere_does_no_harm() {
    for host in ["evil.example", "gone.t1.example", "unresolved.t1.example"] {
        let mut world = World::new();
        let net = Net::new(&world);
        let node = Node::configured(&net, "t1.example", 11, 80, Habit::Echo, with_host(host));
        net.host("evil.example", 66);
        net.host("gone.t1.example", 67);
        let mut client = connected(&mut world, &net, &["http://t1.example/http-bind"]);
        for id in 0..20 {
            world.run(client.send(message(id))).expect("taken");
            assert_eq!(next_id(&mut world, &mut client), id.to_string());
        }
        assert_eq!(node.heard(), ids(20), "each once, with the same bytes");
        let sessions = node
            .opened()
            .iter()
            .filter(|(_, _, how)| *how == "bosh")
            .count();
        assert_eq!(sessions, 1);
        let strangers = net.dialled();
        assert!(
            strangers
                .iter()
                .all(|address| address.ip().to_string() != "127.0.0.66")
        );
        let tries = strangers
            .iter()
            .filter(|address| address.ip().to_string() == "127.0.0.67");
        assert!(tries.count() <= 2, "given up for this session");
    }
}

/// B-T-003: a node that falls silent in the middle of a session is tried until the session cannot live any longer; then another one is.
#[test]
fn a_silent_node_gets_the_full_time() {
    let mut world = World::new();
    let net = Net::new(&world);
    let nodes = nodes(&net, &Habit::Mute);
    let mut client = connected(&mut world, &net, &BOSH);
    let first = at(&nodes, &net.dialled());
    net.swallow(nodes[first].address);
    nodes[first].cut();
    let silent_since = world.now();
    world.run(client.send(message(0))).expect("taken");
    let lost = lost(&mut world, &mut client);
    assert_eq!(lost.undelivered.len(), 1);
    // `wait` and `inactivity` of the node.
    let took = world.now() - silent_since;
    let granted = Config::default().wait + Config::default().inactivity;
    assert!(
        took > granted - Duration::from_secs(15) && took < granted + Duration::from_secs(70),
        "{took:?} of {granted:?}"
    );
    let tries = net.dialled();
    assert!(
        tries.len() > 2 && tries.iter().all(|address| *address == nodes[first].address),
        "{tries:?}"
    );
    let event = world.run(client.next());
    assert!(matches!(event, Some(Event::Opened(_))), "{event:?}");
    assert_ne!(at(&nodes, &net.dialled()), first);
}

/// C-R-041: of three nodes with a hundred clients each one is killed; its clients are in a new session within 10 s, the others see nothing.
#[test]
fn a_hundred_clients_of_a_killed_node() {
    for urls in [BOSH, WS] {
        let mut world = World::new();
        let net = Net::new(&world);
        let nodes = nodes(&net, &Habit::Mute);
        let mut here: [Vec<Client>; 3] = Default::default();
        for seed in 0_u16.. {
            if here.iter().all(|clients| clients.len() == 100) {
                break;
            }
            let net = net.clone().seeded(seed);
            let client = connected(&mut world, &net, &urls);
            let at = at(&nodes, &net.dialled());
            if here[at].len() < 100 {
                here[at].push(client);
            }
        }
        world.settle();
        let killed = world.now();
        nodes[1].kill();
        let [first, mut orphans, last] = here;
        for client in &mut orphans {
            loop {
                match world.run(client.next()) {
                    Some(Event::Opened(opened)) => break assert_eq!(opened.session, 2),
                    Some(Event::Lost(_)) => {}
                    event => panic!("{event:?}"),
                }
            }
        }
        let took = world.now() - killed;
        assert!(took < Duration::from_secs(10), "{took:?}");
        for mut client in first.into_iter().chain(last) {
            let event = once(client.next());
            assert!(event.is_none(), "{event:?}");
        }
    }
}
