//! A session from its start to its end, over either transport.

use std::{
    future::{Future, poll_fn},
    mem,
    net::SocketAddr,
    pin::pin,
    task::{Context, Poll, Waker},
    time::Duration,
};

use xmpp_web_driver::Runtime as _;
use xmpp_web_driver::client::{Builder, Cause, Client, Event, SendError};
use xmpp_wire::{Element, ns};

use crate::{
    net::Net,
    node::{DOMAIN, Habit, Node, large, message},
    support::World,
};

pub(crate) const BOTH: [&str; 2] = ["ws://t1.example/ws", "http://t1.example/http-bind"];

/// A client that is connected, has heard of it, and has signed in.
pub(crate) fn connected(world: &mut World, net: &Net, urls: &[&str]) -> Client {
    let mut client = start(net, urls);
    let event = world.run(client.next());
    assert!(matches!(event, Some(Event::Opened(_))), "{event:?}");
    sign_in(world, &mut client);
    client
}

/// SASL, and the restart behind it.
pub(crate) fn sign_in(world: &mut World, client: &mut Client) {
    let auth = Element::build("auth", ns::SASL).attribute("mechanism", "ANONYMOUS");
    world.run(client.send(auth.finish())).expect("taken");
    let event = world.run(client.next());
    assert!(
        matches!(&event, Some(Event::Element(success)) if success.is("success", ns::SASL)),
        "{event:?}"
    );
    client.restart().expect("due");
    let event = world.run(client.next());
    assert!(matches!(event, Some(Event::Restarted)), "{event:?}");
    let event = world.run(client.next());
    assert!(
        matches!(&event, Some(Event::Element(features)) if features.is("features", ns::STREAM)),
        "{event:?}"
    );
}

pub(crate) fn start(net: &Net, urls: &[&str]) -> Client {
    let mut builder = Builder::new(DOMAIN, net.clone()).expect("a domain");
    for url in urls {
        builder = builder.endpoint(url).expect("an endpoint");
    }
    builder.start().expect("entropy")
}

/// One turn of every task that can go on, without the clock.
pub(crate) fn turn(world: &mut World) {
    let mut waited = false;
    world.run(poll_fn(|cx| {
        cx.waker().wake_by_ref();
        if mem::replace(&mut waited, true) {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }));
}

/// A millisecond with all that happens in it.
pub(crate) fn tick(world: &mut World) {
    let then = world.now() + Duration::from_millis(1);
    let sleep = world.runtime.sleep_until(then);
    world.run(sleep);
}

/// One poll, and the future is gone.
pub(crate) fn once<T>(future: impl Future<Output = T>) -> Option<T> {
    let mut cx = Context::from_waker(Waker::noop());
    match pin!(future).poll(&mut cx) {
        Poll::Ready(value) => Some(value),
        Poll::Pending => None,
    }
}

/// The id of the next message.
pub(crate) fn next_id(world: &mut World, client: &mut Client) -> String {
    match world.run(client.next()) {
        Some(Event::Element(element)) => element.attribute("id").unwrap_or_default().into_owned(),
        event => panic!("no message but {event:?}"),
    }
}

pub(crate) fn ids(count: usize) -> Vec<String> {
    (0..count).map(|id| id.to_string()).collect()
}

/// C-R-022, B-T-002, B-R-032: the stream's `to` is the domain, while HTTP's Host and TLS name the node.
#[test]
fn it_opens_talks_and_closes() {
    for url in BOTH {
        let mut world = World::new();
        let net = Net::new(&world);
        let node = Node::start(&net, "t1.example", 11, 80, Habit::Echo);
        let mut client = start(&net, &[url]);
        let Some(Event::Opened(opened)) = world.run(client.next()) else {
            panic!("not opened");
        };
        assert_eq!((opened.session, opened.url.to_string().as_str()), (1, url));
        assert_eq!(opened.header.from.as_deref(), Some(DOMAIN));
        assert!(
            opened
                .features
                .is_some_and(|features| features.is("features", ns::STREAM))
        );
        sign_in(&mut world, &mut client);
        for id in 0..20 {
            world.run(client.send(message(id))).expect("taken");
        }
        for id in ids(20) {
            assert_eq!(next_id(&mut world, &mut client), id);
        }
        let closed = world.run(client.close()).expect("the end");
        assert!(matches!(closed.cause, Cause::Ours), "{:?}", closed.cause);
        assert!(closed.undelivered.is_empty());
        assert!(world.run(client.next()).is_none(), "nothing follows");
        assert_eq!(node.heard(), ids(20));
        let opened = node.opened();
        assert!(opened.iter().any(|(to, _, _)| to == DOMAIN), "{opened:?}");
        let hosts = opened
            .iter()
            .filter(|(_, _, how)| !matches!(*how, "bosh" | "compressed"));
        assert!(hosts.clone().count() > 0);
        for (_, host, _) in hosts {
            assert_eq!(host, "t1.example");
        }
        world.settle();
        assert_eq!(node.ended().len(), 1, "the server has heard of the end");
    }
}

/// C-R-022, B-T-008: TLS names the node of the URL.
#[test]
fn tls_names_the_node() {
    for url in [
        "wss://t2.nodes.example:5291/ws",
        "https://t2.nodes.example:5281/http-bind",
    ] {
        let mut world = World::new();
        let net = Net::new(&world);
        let port = url
            .split([':', '/'])
            .nth(4)
            .and_then(|port| port.parse().ok());
        let node = Node::start(
            &net,
            "t2.nodes.example",
            12,
            port.expect("a port"),
            Habit::Echo,
        );
        let client = connected(&mut world, &net, &[url]);
        let names = net.names();
        assert!(
            !names.is_empty() && names.iter().all(|name| name == "t2.nodes.example"),
            "{names:?}"
        );
        assert!(node.opened().iter().any(|(to, _, _)| to == DOMAIN));
        drop(client);
    }
}

/// After a success of SASL the stream is restarted; before it, no restart is due.
#[test]
fn a_stream_is_restarted() {
    for url in BOTH {
        let mut world = World::new();
        let net = Net::new(&world);
        let _node = Node::start(&net, "t1.example", 11, 80, Habit::Echo);
        let mut client = start(&net, &[url]);
        assert!(client.restart().is_err(), "there is no session");
        let event = world.run(client.next());
        assert!(matches!(event, Some(Event::Opened(_))), "{event:?}");
        sign_in(&mut world, &mut client);
        world.run(client.send(message(7))).expect("taken");
        assert_eq!(next_id(&mut world, &mut client), "7");
    }
}

/// Compression that the handshake agrees on is what the session speaks; by default none is offered.
#[test]
fn messages_may_be_compressed() {
    for offers in [true, false] {
        let mut world = World::new();
        let net = Net::new(&world);
        let node = Node::start(&net, "t1.example", 11, 80, Habit::Echo);
        let builder = Builder::new(DOMAIN, net.clone()).expect("a domain");
        let mut client = builder
            .endpoint(BOTH[0])
            .expect("an endpoint")
            .configure(|settings| {
                if offers {
                    settings.handshake.compression = Some(ws_framing::deflate::Config::default());
                }
            })
            .start()
            .expect("entropy");
        let event = world.run(client.next());
        assert!(matches!(event, Some(Event::Opened(_))), "{event:?}");
        sign_in(&mut world, &mut client);
        for id in 0..20 {
            world.run(client.send(large(id))).expect("taken");
            assert_eq!(next_id(&mut world, &mut client), id.to_string());
        }
        let compressed = node.opened().iter().any(|(_, _, how)| *how == "compressed");
        assert_eq!(compressed, offers);
    }
}

/// The halves live in two tasks; dropping the one that listens closes the client.
#[test]
fn halves_and_their_ends() {
    for url in BOTH {
        let mut world = World::new();
        let net = Net::new(&world);
        let node = Node::start(&net, "t1.example", 11, 80, Habit::Echo);
        let (mut sender, mut receiver) = connected(&mut world, &net, &[url]).split();
        world.run(sender.send(message(0))).expect("taken");
        let event = world.run(receiver.next());
        assert!(matches!(event, Some(Event::Element(_))), "{event:?}");
        drop(sender);
        world.settle();
        assert_eq!(node.ended().len(), 0, "one may still listen");
        drop(receiver);
        world.settle();
        assert_eq!(node.ended().len(), 1, "{url}");
    }
}

/// A client that is dropped while it is connecting closes what it has opened; what a server makes of a creation whose answer nobody awaited
/// is left to fall silent.
#[test]
fn a_client_that_is_dropped_early_closes_what_it_opened() {
    for url in BOTH {
        let mut left = 0;
        for turns in 0..16 {
            let mut world = World::new();
            let net = Net::new(&world);
            let node = Node::start(&net, "t1.example", 11, 80, Habit::Echo);
            let client = start(&net, &[url]);
            for _ in 0..turns {
                turn(&mut world);
            }
            drop(client);
            world.settle();
            let opened = node.opened();
            let sessions = opened.iter().filter(|(to, _, _)| !to.is_empty()).count();
            left += usize::from(node.ended().len() < sessions);
        }
        let unawaited = if url.starts_with("http") { 5 } else { 0 };
        assert!(left <= unawaited, "{url}: {left}");
    }
}

/// Backpressure towards the application: what it does not take is not read, and the server stops; nothing is lost when it goes on.
#[test]
fn an_application_that_does_not_listen_stops_the_server() {
    for url in BOTH {
        let mut world = World::new();
        let net = Net::new(&world);
        let _node = Node::start(&net, "t1.example", 11, 80, Habit::Flood(3_000));
        let mut builder = Builder::new(DOMAIN, net.clone()).expect("a domain");
        builder = builder.endpoint(url).expect("an endpoint");
        let mut client = builder
            .configure(|settings| {
                settings.inbox_events = 16;
                // No time passes here.
                settings.bosh.poll_delay = Duration::ZERO;
            })
            .start()
            .expect("entropy");
        world.settle();
        let mut taken = Vec::new();
        let mut take = |event: Option<Event>| match event {
            Some(Event::Element(element)) => {
                taken.push(element.attribute("id").unwrap_or_default().into_owned());
                taken.len()
            }
            Some(Event::Opened(_)) => 0,
            event => panic!("{event:?}"),
        };
        let mut waiting = 0;
        while let Some(event) = once(client.next()) {
            waiting = take(event);
        }
        // What was read already when the inbox was full still came: one read of a WebSocket, or the answers to two requests.
        assert!((15..=300).contains(&waiting), "{url}: {waiting}");
        while waiting < 3_000 {
            let event = world.run(client.next());
            waiting = take(event);
        }
        assert_eq!(taken, ids(3_000), "{url}");
    }
}

/// Backpressure towards the server: one that takes nothing stops the application, and what was taken comes back at the end.
#[test]
fn a_server_that_does_not_listen_stops_the_application() {
    for url in BOTH {
        let mut world = World::new();
        let net = Net::new(&world);
        let node = Node::start(&net, "t1.example", 11, 80, Habit::Deaf);
        let client = connected(&mut world, &net, &[url]);
        let (mut sender, mut receiver) = client.split();
        let mut taken = 0;
        while sender.try_send(large(taken)).is_ok() {
            taken += 1;
            world.settle();
            assert!(taken < 2_000, "{url}: no end of room");
        }
        let refused = sender.try_send(large(taken));
        assert!(matches!(refused, Err(SendError::Full(_))), "{refused:?}");
        node.kill();
        let lost = loop {
            match world.run(receiver.next()) {
                Some(Event::Lost(lost)) => break lost,
                Some(Event::Closed(closed)) => panic!("{closed:?}"),
                Some(_) => {}
                None => panic!("closed"),
            }
        };
        let back: Vec<String> = lost
            .undelivered
            .iter()
            .map(|element| element.attribute("id").unwrap_or_default().into_owned())
            .collect();
        // Over BOSH all of it is known to be lost, over WebSocket what had not left.
        let expected = ids(taken);
        assert!(expected.ends_with(&back), "{url}: {back:?}");
        assert!(!back.is_empty());
        if url.starts_with("http") {
            assert_eq!(back, expected);
        }
    }
}

/// What must not be sent comes back.
#[test]
fn an_element_in_no_namespace_is_not_sent() {
    let mut world = World::new();
    let net = Net::new(&world);
    let _node = Node::start(&net, "t1.example", 11, 80, Habit::Echo);
    let mut client = connected(&mut world, &net, &BOTH[..1]);
    let refused = world.run(client.send(Element::build("x", "").finish()));
    assert!(
        matches!(refused, Err(SendError::Forbidden(_))),
        "{refused:?}"
    );
}

/// IPv6 first, and the other family after a quarter of a second of silence.
#[test]
fn a_silent_address_costs_a_quarter_of_a_second() {
    let mut world = World::new();
    let net = Net::new(&world);
    let node = Node::start(&net, "t1.example", 11, 80, Habit::Echo);
    let six: SocketAddr = "[2001:db8::1]:80".parse().expect("an address");
    net.swallow(six);
    let addresses = vec![node.address.ip(), six.ip()];
    let builder = Builder::new(DOMAIN, net.clone()).expect("a domain");
    let client = builder
        .endpoint(BOTH[0])
        .expect("an endpoint")
        .resolver(move |host| (host == "t1.example").then(|| addresses.clone()))
        .start()
        .expect("entropy");
    let before = world.now();
    world.run(client.opened()).expect("a session");
    assert_eq!(world.now() - before, Duration::from_millis(250));
    assert_eq!(net.dialled(), [six, node.address]);
}
