//! HTTP connections: pages, exchanges, upgrades.

use std::sync::Arc;

use bosh_proto::{Channel, ConnectionId, server::Accept};
use futures_lite::AsyncReadExt as _;
use xmpp_http1::Response;
use xmpp_web_driver::{
    bosh::{Hub, Session},
    http::{BodyPermit, Config, Connection},
};
use xmpp_wire::{Element, ns};

use crate::{
    hub::{attribute, creation, element, hub, message, request},
    support::{End, Manual, World, pipe},
};

fn post(body: &str) -> String {
    format!(
        "POST /http-bind HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// Hands every request to the hub, as a BOSH endpoint does.
pub(crate) async fn serve(io: End, hub: Hub<Manual>, runtime: Manual) {
    let mut connection = Connection::new(io, Arc::default(), runtime);
    while let Some(request) = connection.next().await {
        let exchange = bosh_proto::Request {
            body: request.body,
            connection: ConnectionId(1),
            address: None,
            channel: Channel::Plain,
        };
        connection.exchange(request.id, &hub, exchange, |answer| {
            Response::new(answer.status).with_body(answer.content_type, answer.body)
        });
    }
}

/// A served connection, and a session opened through it.
fn session(world: &mut World) -> (End, Hub<Manual>, Session<Manual>, String) {
    let (hub, mut sessions) = hub(world);
    let (io, mut client) = pipe(64 * 1024);
    world.spawn(serve(io, hub.clone(), world.runtime.clone()));
    world.run(client.say(post(&creation(60))));
    let session = world.run(sessions.next()).expect("a session");
    hub.with(|manager, now| {
        manager.accept(session.key(), Accept::default(), now);
        let features = Element::build("stream:features", ns::STREAM).finish();
        manager.send(session.key(), features, now)
    })
    .expect("room");
    let created = world.run(client.until("</body>"));
    let sid = attribute(&created, "sid");
    (client, hub, session, sid)
}

fn send(session: &Session<Manual>, id: usize) {
    session
        .hub()
        .with(|manager, now| manager.send(session.key(), element(message(id)), now))
        .expect("room");
}

#[test]
fn pipelined_exchanges_are_answered_in_their_order() {
    let mut world = World::new();
    let (mut client, _hub, session, sid) = session(&mut world);
    let both = post(&request(&sid, 1001, "")) + &post(&request(&sid, 1002, ""));
    world.run(client.say(both));
    send(&session, 1);
    let first = world.run(client.until("</body>"));
    assert!(first.contains(&message(1)), "{first}");
    send(&session, 2);
    let second = world.run(client.until("</body>"));
    assert!(second.contains(&message(2)), "{second}");
}

/// W-R-476: where connections are few, one that its session does not need ends with its answer; the only one of a session stays.
#[test]
fn a_hasty_connection_ends_where_its_session_waits_elsewhere() {
    let mut world = World::new();
    let (mut first, hub, session, sid) = session(&mut world);
    let (io, mut second) = pipe(64 * 1024);
    let runtime = world.runtime.clone();
    let shared = hub.clone();
    world.spawn(async move {
        let mut connection = Connection::new(io, Arc::default(), runtime);
        connection.set_hasty(true);
        while let Some(request) = connection.next().await {
            let exchange = bosh_proto::Request {
                body: request.body,
                connection: ConnectionId(2),
                address: None,
                channel: Channel::Plain,
            };
            connection.exchange(request.id, &shared, exchange, |answer| {
                Response::new(answer.status).with_body(answer.content_type, answer.body)
            });
        }
    });
    world.run(second.say(post(&request(&sid, 1001, ""))));
    send(&session, 1);
    let alone = world.run(second.until("</body>"));
    assert!(!alone.contains("Connection: close"), "{alone}");
    world.run(second.say(post(&request(&sid, 1002, ""))));
    world.settle();
    // The next comes on another connection and releases it.
    world.run(first.say(post(&request(&sid, 1003, &message(2)))));
    let released = world.run(second.until("\r\n\r\n"));
    assert!(released.contains("Connection: close"), "{released}");
}

/// B-R-019: a long body is read by leave, which learns whether the connection has carried a request of a client that was signed in.
#[test]
fn long_bodies_are_read_by_leave() {
    let mut world = World::new();
    let (_client, hub, session, sid) = session(&mut world);
    let success = Element::build("success", ns::SASL).finish();
    let connect = |world: &mut World| {
        let (io, client) = pipe(64 * 1024);
        let (hub, runtime) = (hub.clone(), world.runtime.clone());
        world.spawn(async move {
            let mut config = Config::default();
            config.ask_above = Some(400);
            let mut connection = Connection::new(io, Arc::new(config), runtime)
                .with_bodies(|_, signed_in| signed_in.then(|| Box::new(()) as BodyPermit));
            while let Some(request) = connection.next().await {
                let exchange = bosh_proto::Request {
                    body: request.body,
                    connection: ConnectionId(3),
                    address: None,
                    channel: Channel::Plain,
                };
                connection.exchange(request.id, &hub, exchange, |answer| {
                    Response::new(answer.status).with_body(answer.content_type, answer.body)
                });
            }
        });
        client
    };
    let long = |rid| {
        post(&request(
            &sid,
            rid,
            &message(1).replace("/>", &format!(" x='{}'/>", "x".repeat(500))),
        ))
    };
    let mut client = connect(&mut world);
    world.run(client.say(long(1001)));
    let refused = world.run(client.until("\r\n\r\n"));
    assert!(refused.starts_with("HTTP/1.1 503 "), "{refused}");
    let mut client = connect(&mut world);
    world.run(client.say(post(&request(&sid, 1001, ""))));
    hub.with(|manager, now| manager.send(session.key(), success, now))
        .expect("room");
    world.run(client.until("</body>"));
    world.run(client.say(post(&request(&sid, 1002, ""))));
    send(&session, 2);
    world.run(client.until("</body>"));
    world.run(client.say(long(1003)));
    send(&session, 3);
    let answer = world.run(client.until("</body>"));
    assert!(answer.contains(&message(3)), "{answer}");
}

#[test]
fn a_connection_that_ends_gives_up_its_exchanges() {
    let mut world = World::new();
    let (mut client, hub, session, sid) = session(&mut world);
    world.run(client.say(post(&request(&sid, 1001, ""))));
    world.settle();
    drop(client);
    world.settle();
    send(&session, 1);
    let (io, mut client) = pipe(64 * 1024);
    world.spawn(serve(io, hub, world.runtime.clone()));
    world.run(client.say(post(&request(&sid, 1001, ""))));
    let answer = world.run(client.until("</body>"));
    assert!(answer.contains(&message(1)), "{answer}");
}

#[test]
fn an_answer_that_never_left_is_repeated_on_the_next_connection() {
    let mut world = World::new();
    let (hub, mut sessions) = hub(&world);
    // The answer does not fit: its last bytes never leave.
    let (io, mut client) = pipe(400);
    world.spawn(serve(io, hub.clone(), world.runtime.clone()));
    let creating = post(&creation(60));
    world.run(client.say(&creating));
    let session = world.run(sessions.next()).expect("a session");
    hub.with(|manager, now| {
        manager.accept(session.key(), Accept::default(), now);
        let features = Element::build("stream:features", ns::STREAM)
            .attribute("xml:lang", &"x".repeat(1000))
            .finish();
        manager.send(session.key(), features, now)
    })
    .expect("room");
    world.settle();
    let mut beginning = vec![0; 300];
    world.run(client.read_exact(&mut beginning)).expect("read");
    drop(client);
    world.settle();
    let (io, mut client) = pipe(64 * 1024);
    world.spawn(serve(io, hub, world.runtime.clone()));
    let sid = attribute(&String::from_utf8_lossy(&beginning), "sid");
    // A creation has no sid to be repeated under: the session is there, and goes on.
    world.run(client.say(post(&request(&sid, 1001, ""))));
    send(&session, 1);
    let answer = world.run(client.until("</body>"));
    assert!(answer.contains(&message(1)), "{answer}");
}

#[test]
fn a_request_is_answered_and_the_connection_kept_and_closed() {
    let mut world = World::new();
    let (io, mut client) = pipe(64 * 1024);
    let runtime = world.runtime.clone();
    world.spawn(async move {
        let mut connection = Connection::new(io, Arc::default(), runtime);
        let mut seen = 0;
        while let Some(request) = connection.next().await {
            seen += 1;
            assert_eq!(request.head.method(), "GET");
            let page = Response::new(200).with_body("text/plain", format!("page {seen}"));
            connection.respond(request.id, page);
            if seen == 2 {
                connection.close();
            }
        }
        assert_eq!(seen, 2);
    });
    let get = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
    world.run(client.say(get));
    world.run(client.until("page 1"));
    world.run(client.say(get));
    let last = world.run(client.rest());
    assert!(String::from_utf8_lossy(&last).ends_with("page 2"));
    drop(client);
    world.settle();
    assert_eq!(world.tasks(), 0);
}

/// W-R-025
#[test]
fn an_upgrade_gives_the_stream_away_behind_its_101() {
    let mut world = World::new();
    let (io, mut client) = pipe(64 * 1024);
    let runtime = world.runtime.clone();
    world.spawn(async move {
        let mut connection = Connection::new(io, Arc::default(), runtime);
        let request = connection.next().await.expect("a request");
        let switching = Response::new(101).with_field("Upgrade", "websocket");
        let (mut io, unread) = connection
            .upgrade(request.id, switching)
            .await
            .expect("upgraded");
        assert_eq!(unread, "");
        let mut frame = [0; 5];
        io.read_exact(&mut frame).await.expect("read");
        assert_eq!(&frame, b"frame");
        io.say("answer").await;
    });
    world.run(client.say(
        "GET /ws HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
    ));
    let head = world.run(client.until("\r\n\r\n"));
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    world.run(client.say("frame"));
    assert_eq!(world.run(client.rest()), b"answer");
}

#[test]
fn an_upgrade_of_a_connection_that_is_gone_fails() {
    let mut world = World::new();
    let (io, mut client) = pipe(64 * 1024);
    let mut connection = Connection::new(io, Arc::default(), world.runtime.clone());
    world.run(client.say(
        "GET /ws HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
    ));
    let request = world.run(connection.next()).expect("a request");
    drop(client);
    let upgraded = world.run(connection.upgrade(request.id, Response::new(101)));
    let error = upgraded.err().expect("an error");
    assert_eq!(error.kind(), std::io::ErrorKind::UnexpectedEof);
}
