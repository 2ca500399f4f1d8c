//! Finding a node: documents, fallbacks, redirects, and errors that tell what was wrong.

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use xmpp_web_driver::{
    Runtime as _,
    client::{Builder, Cause, ConnectError, Error, Event, Failed, Network as _, Proxy, Transport},
    proxy::ProxyError,
};

use crate::{
    net::Net,
    node::{DOMAIN, Habit, Node, message, page},
    support::{End, World},
    talking::{connected, next_id, sign_in, start},
};

/// What came of a client with these endpoints that finds no session.
fn failed(world: &mut World, net: &Net, urls: &[&str]) -> Failed {
    let mut client = start(net, urls);
    let event = world.run(client.next());
    if let Some(Event::Closed(closed)) = event
        && let Cause::Failed(failed) = closed.cause
    {
        return failed;
    }
    panic!("no failure");
}

/// C-R-033: where WebSocket cannot be established through the network in between, BOSH is used.
#[test]
fn bosh_is_what_is_left() {
    let mut world = World::new();
    let net = Net::new(&world);
    let node = Node::start(&net, "t1.example", 11, 80, Habit::Echo);
    let box_in_between = SocketAddr::new(net.host("ws.example", 20), 80);
    for silent in [false, true] {
        if silent {
            net.swallow(box_in_between);
        } else {
            page(&net, box_in_between, 403, "no", "text/plain");
        }
        let before = world.now();
        let mut client = connected(
            &mut world,
            &net,
            &["ws://ws.example/ws", "http://t1.example/http-bind"],
        );
        let waited = world.now() - before;
        assert_eq!(
            waited,
            if silent {
                Duration::from_millis(500)
            } else {
                Duration::ZERO
            }
        );
        world.run(client.send(message(1))).expect("taken");
        assert_eq!(next_id(&mut world, &mut client), "1");
    }
    let bosh = node
        .opened()
        .iter()
        .filter(|(_, _, how)| *how == "bosh")
        .count();
    assert_eq!(bosh, 2);
}

/// W-R-051: two clients of one process do not shake hands with one address at a time; one with another address does not wait, and neither
/// does BOSH.
#[test]
fn one_handshake_at_a_time_to_one_address() {
    let mut world = World::new();
    let net = Net::new(&world);
    let here = Node::start(&net, "t1.example", 11, 80, Habit::Echo);
    let there = Node::start(&net, "t2.example", 12, 80, Habit::Echo);
    // The first connection is taken, and its handshake waits for an answer.
    let (serve, taken) = (net.service(here.address), Arc::new(Mutex::new(Vec::new())));
    let keep = Arc::clone(&taken);
    let hold = move |end| keep.lock().expect("no panic").push(end);
    net.serve(here.address, Arc::new(hold));
    let urls = ["ws://t1.example/ws"];
    let mut clients = [start(&net, &urls), start(&net, &urls)];
    world.settle();
    assert_eq!(net.dialled(), [here.address]);
    let _elsewhere = connected(&mut world, &net, &["ws://t2.example/ws"]);
    let _bosh = start(&net, &["http://t1.example/http-bind"]);
    world.settle();
    assert_eq!(net.dialled(), [there.address, here.address]);
    // It is answered: the other one goes on.
    let first = taken.lock().expect("no panic").remove(0);
    net.serve(here.address, Arc::clone(&serve));
    serve(first);
    for client in &mut clients {
        let event = world.run(client.next());
        assert!(matches!(event, Some(Event::Opened(_))), "{event:?}");
    }
    assert_eq!(net.dialled(), [here.address]);
}

/// B-D-001, C-R-020: host-meta of the domain, over HTTPS and with its name, says where to go.
#[test]
fn the_domains_own_document_is_asked() {
    let mut world = World::new();
    let net = Net::new(&world);
    let _node = Node::start(&net, "web.example", 11, 443, Habit::Echo);
    let domain = SocketAddr::new(net.host(DOMAIN, 1), 443);
    let document = r#"{"links": [{"rel": "urn:xmpp:alt-connections:websocket", "href": "wss://web.example/ws"}]}"#;
    page(&net, domain, 200, document, "application/json");
    let mut client = start(&net, &[]);
    let Some(Event::Opened(opened)) = world.run(client.next()) else {
        panic!("not opened");
    };
    assert_eq!(opened.url.to_string(), "wss://web.example/ws");
    assert_eq!(net.names(), [DOMAIN, "web.example"]);
}

/// C-R-020, C-R-026: a list of nodes, without those transports that are not wanted.
#[test]
fn a_list_of_nodes_is_asked() {
    let mut world = World::new();
    let net = Net::new(&world);
    let _node = Node::start(&net, "t1.example", 11, 80, Habit::Echo);
    let list = SocketAddr::new(net.host("list.example", 1), 80);
    let document = r#"{"ttl": 60, "nodes": [{"websocket": "ws://t1.example/ws", "bosh": "http://t1.example/http-bind"}]}"#;
    page(&net, list, 200, document, "application/json");
    let builder = Builder::new(DOMAIN, net.clone()).expect("a domain");
    let builder = builder
        .nodes("http://list.example/nodes.json")
        .expect("a URL");
    let mut client = builder
        .transports([Transport::Bosh])
        .start()
        .expect("entropy");
    let Some(Event::Opened(opened)) = world.run(client.next()) else {
        panic!("not opened");
    };
    assert_eq!(opened.url.to_string(), "http://t1.example/http-bind");
}

/// B-D-022: a page, a stream for another domain, and the good one.
#[test]
fn it_goes_on_until_there_is_a_stream_for_the_domain() {
    for other in ["ws://t2.example/ws", "http://t2.example/http-bind"] {
        let mut world = World::new();
        let net = Net::new(&world);
        let html = SocketAddr::new(net.host("html.example", 10), 80);
        page(
            &net,
            html,
            200,
            "<html><body>Welcome<br></body></html>",
            "text/html",
        );
        let other_node = Node::start(&net, "t2.example", 12, 80, Habit::Other);
        let _node = Node::start(&net, "t3.example", 13, 80, Habit::Echo);
        let mut client = start(
            &net,
            &[
                "ws://html.example/",
                other,
                "http://html.example/",
                "http://t3.example/http-bind",
            ],
        );
        let Some(Event::Opened(opened)) = world.run(client.next()) else {
            panic!("not opened");
        };
        assert_eq!(opened.url.host(), "t3.example");
        world.settle();
        let sessions = other_node
            .opened()
            .iter()
            .filter(|(to, _, _)| to == DOMAIN)
            .count();
        assert_eq!(
            other_node.ended().len(),
            sessions,
            "the other domain's session was closed"
        );
    }
}

/// DNS, TCP, HTTP, something else, another domain, a stream error: each is told apart, in the order in which it was tried.
#[test]
fn errors_tell_what_was_wrong() {
    let mut world = World::new();
    let net = Net::new(&world);
    net.host("nobody.example", 10);
    let forbidden = SocketAddr::new(net.host("forbidden.example", 11), 80);
    page(&net, forbidden, 403, "no", "text/plain");
    let html = SocketAddr::new(net.host("html.example", 12), 80);
    page(&net, html, 200, "<html/>", "text/html");
    let _other = Node::start(&net, "other.example", 13, 80, Habit::Other);

    for scheme in ["ws", "http"] {
        let mut check = |host: &str, is_it: fn(&Error) -> bool| {
            let failed = failed(&mut world, &net, &[&format!("{scheme}://{host}/ws")]);
            let (url, error) = failed.errors().next().expect("an error");
            assert_eq!(url.host(), host);
            assert!(is_it(error), "{host}: {error:?}");
            assert!(failed.to_string().contains(host), "{failed}");
        };
        check(
            "unknown.example",
            |error| matches!(error, Error::Name { host, .. } if host == "unknown.example"),
        );
        check(
            "nobody.example",
            |error| matches!(error, Error::Connect { error, .. } if error.kind() == io::ErrorKind::ConnectionRefused),
        );
        check("forbidden.example", |error| {
            matches!(error, Error::Status(403))
        });
        check("html.example", |error| {
            matches!(error, Error::Status(200) | Error::NotXmpp(_))
        });
        check(
            "other.example",
            |error| matches!(error, Error::WrongDomain(domain) if domain == "other.example"),
        );
    }
}

/// C-R-024: `host-unknown` at one node is said by all; the others are not asked.
#[test]
fn a_refusal_of_the_domain_is_reported_at_once() {
    for path in ["ws", "http-bind"] {
        let scheme = if path == "ws" { "ws" } else { "http" };
        let mut world = World::new();
        let net = Net::new(&world);
        let nodes: Vec<Node> = (1..4)
            .map(|n| Node::start(&net, &format!("t{n}.example"), n, 80, Habit::Refuse))
            .collect();
        let urls: Vec<String> = (1..4)
            .map(|n| format!("{scheme}://t{n}.example/{path}"))
            .collect();
        let urls: Vec<&str> = urls.iter().map(String::as_str).collect();
        let failed = failed(&mut world, &net, &urls);
        assert!(
            failed.to_string().ends_with("the server said host-unknown"),
            "{failed}"
        );
        let asked = nodes
            .iter()
            .filter(|node| !node.opened().is_empty())
            .count();
        assert_eq!(asked, 1);
    }
}

/// C-R-034, W-R-351, B-R-165: a redirect is followed, to the other transport too, with the same `to`; never from TLS to plain.
#[test]
fn a_redirect_is_followed_under_the_rules() {
    for (from, to, followed) in [
        ("wss://t1.example/ws", "wss://t2.example/ws", true),
        ("wss://t1.example/ws", "https://t2.example/http-bind", true),
        (
            "https://t1.example/http-bind",
            "https://t2.example/http-bind",
            true,
        ),
        ("https://t1.example/http-bind", "wss://t2.example/ws", true),
        ("wss://t1.example/ws", "ws://t2.example/ws", false),
        (
            "https://t1.example/http-bind",
            "http://t2.example/http-bind",
            false,
        ),
    ] {
        let mut world = World::new();
        let net = Net::new(&world);
        let _first = Node::start(&net, "t1.example", 11, 443, Habit::Redirect(to.to_owned()));
        let port = if followed { 443 } else { 80 };
        let second = Node::start(&net, "t2.example", 12, port, Habit::Echo);
        let mut client = start(&net, &[from]);
        let event = world.run(client.next());
        if followed {
            let Some(Event::Opened(opened)) = event else {
                panic!("{from} {to}: {event:?}");
            };
            assert_eq!(opened.url.to_string(), to);
            assert!(second.opened().iter().any(|(to, _, _)| to == DOMAIN));
        } else {
            let Some(Event::Closed(closed)) = event else {
                panic!("{from} {to}: {event:?}");
            };
            let text = closed.cause.to_string();
            assert!(
                text.contains("it leads to a connection without TLS"),
                "{text}"
            );
            assert!(second.opened().is_empty());
        }
    }
}

/// C-R-034: nodes that send each other their clients are seen through.
#[test]
fn nodes_that_send_on_for_ever() {
    for (a, b) in [
        ("wss://t1.example/ws", "wss://t2.example/ws"),
        (
            "https://t1.example/http-bind",
            "https://t2.example/http-bind",
        ),
    ] {
        let mut world = World::new();
        let net = Net::new(&world);
        let _first = Node::start(&net, "t1.example", 11, 443, Habit::Redirect(b.to_owned()));
        let _second = Node::start(&net, "t2.example", 12, 443, Habit::Redirect(a.to_owned()));
        let failed = failed(&mut world, &net, &[a]);
        assert!(failed.to_string().contains("it leads back"), "{failed}");
    }
}

/// A proxy for CONNECT, which notes what it was asked for.
fn proxy(net: &Net, address: SocketAddr) -> Arc<Mutex<Vec<String>>> {
    let asked: Arc<Mutex<Vec<String>>> = Arc::default();
    let (net, notes) = (net.clone(), Arc::clone(&asked));
    let there = net.clone();
    let service = move |mut end: End| {
        let (net, notes) = (there.clone(), Arc::clone(&notes));
        there.runtime.spawn(async move {
            let head = end.until("\r\n\r\n").await;
            let target = head.split(' ').nth(1).unwrap_or_default().to_owned();
            notes.lock().expect("no panic").push(target.clone());
            let addresses = net
                .resolve(&target[..target.find(':').unwrap_or(0)], 80)
                .await;
            end.say("HTTP/1.1 200 OK\r\n\r\n").await;
            net.service(addresses.expect("a host")[0])(end);
        });
    };
    net.serve(address, Arc::new(service));
    asked
}

/// Through a proxy, which resolves the names: both transports, and nothing beside it.
#[test]
fn everything_goes_through_the_proxy() {
    for url in ["ws://t1.example/ws", "http://t1.example/http-bind"] {
        let mut world = World::new();
        let net = Net::new(&world);
        let _node = Node::start(&net, "t1.example", 11, 80, Habit::Echo);
        let address = SocketAddr::new(net.host("proxy.example", 30), 3128);
        let asked = proxy(&net, address);
        let builder = Builder::new(DOMAIN, net.clone()).expect("a domain");
        let mut client = builder
            .endpoint(url)
            .expect("an endpoint")
            .proxy(Proxy::http("proxy.example", 3128))
            .start()
            .expect("entropy");
        let event = world.run(client.next());
        assert!(matches!(event, Some(Event::Opened(_))), "{event:?}");
        sign_in(&mut world, &mut client);
        world.run(client.send(message(1))).expect("taken");
        assert_eq!(next_id(&mut world, &mut client), "1");
        let asked = asked.lock().expect("no panic").clone();
        assert!(
            !asked.is_empty() && asked.iter().all(|target| target == "t1.example:80"),
            "{asked:?}"
        );
        assert!(net.dialled().iter().all(|dialled| *dialled == address));
    }
}

/// A proxy that refuses is told apart from a node that does.
#[test]
fn a_proxy_that_refuses() {
    let mut world = World::new();
    let net = Net::new(&world);
    let address = SocketAddr::new(net.host("proxy.example", 30), 3128);
    page(&net, address, 200, "no proxy", "text/plain");
    for url in ["ws://t1.example/ws", "http://t1.example/http-bind"] {
        let builder = Builder::new(DOMAIN, net.clone()).expect("a domain");
        let client = builder
            .endpoint(url)
            .expect("an endpoint")
            .proxy(Proxy::http("proxy.example", 3128))
            .start()
            .expect("entropy");
        let Err(ConnectError::Failed(failed)) = world.run(client.opened()) else {
            panic!("no failure");
        };
        let (_, error) = failed.errors().next().expect("an error");
        assert!(
            matches!(error, Error::Proxy(ProxyError::Status(405))),
            "{error:?}"
        );
    }
}
