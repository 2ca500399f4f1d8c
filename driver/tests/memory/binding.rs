//! BOSH sessions over HTTP as clients speak it: versions, framings, types.

use bosh_proto::server::Accept;
use xmpp_web_driver::{
    Runtime as _,
    bosh::{Hub, Session},
};
use xmpp_wire::{Element, ns};

use crate::{
    http::serve,
    hub::{attribute, creation, element, hub, message, request},
    support::{End, Manual, World, pipe},
};

/// How a client sends its requests.
#[derive(Clone, Copy)]
enum Style {
    /// HTTP/1.1, one connection for all.
    Kept,
    /// HTTP/1.0, a connection for each.
    Fresh,
}

/// A client of this style, and how many connections it made.
struct Client {
    style: Style,
    hub: Hub<Manual>,
    connection: Option<End>,
    made: usize,
}

impl Client {
    fn post(&mut self, world: &mut World, body: &str) {
        let version = match self.style {
            Style::Kept => "HTTP/1.1\r\nHost: localhost",
            Style::Fresh => "HTTP/1.0",
        };
        let length = body.len();
        let text = format!("POST /http-bind {version}\r\nContent-Length: {length}\r\n\r\n{body}");
        let connection = self.connection.get_or_insert_with(|| {
            self.made += 1;
            connect(world, &self.hub)
        });
        world.run(connection.say(text));
        world.settle();
    }

    /// The answer's body, which is as long as it says.
    fn answer(&mut self, world: &mut World) -> String {
        let connection = self.connection.as_mut().expect("a request was sent");
        let answer = match self.style {
            Style::Kept => world.run(connection.until(">")),
            Style::Fresh => {
                let answer = world.run(connection.rest());
                self.connection = None;
                String::from_utf8(answer).expect("text")
            }
        };
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
        let length: usize = head
            .split_once("Content-Length: ")
            .and_then(|(_, rest)| rest.lines().next()?.parse().ok())
            .expect("a length");
        let mut body = body.to_owned();
        if let Some(connection) = &mut self.connection {
            while body.len() < length {
                body.push_str(&world.run(connection.until(">")));
            }
        }
        assert_eq!(body.len(), length, "{head}");
        body
    }
}

fn connect(world: &World, hub: &Hub<Manual>) -> End {
    let (io, client) = pipe(64 * 1024);
    let runtime = world.runtime.clone();
    runtime.spawn(serve(io, hub.clone(), runtime.clone()));
    client
}

fn accept(session: &Session<Manual>) {
    session
        .hub()
        .with(|manager, now| {
            manager.accept(session.key(), Accept::default(), now);
            let features = Element::build("stream:features", ns::STREAM).finish();
            manager.send(session.key(), features, now)
        })
        .expect("room");
}

/// What the two ends of a session see, and the connections that it took.
fn converse(style: Style) -> (Vec<String>, Vec<String>, usize) {
    let mut world = World::new();
    let (hub, mut sessions) = hub(&world);
    let mut client = Client {
        style,
        hub,
        connection: None,
        made: 0,
    };
    client.post(&mut world, &creation(60));
    let mut session = world.run(sessions.next()).expect("a session");
    accept(&session);
    let mut bodies = vec![client.answer(&mut world)];
    let sid = attribute(&bodies[0], "sid");
    for rid in 1001..1005 {
        client.post(&mut world, &request(&sid, rid, &message(1)));
        session
            .hub()
            .with(|manager, now| manager.send(session.key(), element(message(2)), now))
            .expect("room");
        bodies.push(client.answer(&mut world));
    }
    let end = format!(
        "<body xmlns='http://jabber.org/protocol/httpbind' sid='{sid}' rid='1005' type='terminate'/>"
    );
    client.post(&mut world, &end);
    bodies.push(client.answer(&mut world));
    let mut events = Vec::new();
    while let Some(event) = world.run(session.next()) {
        events.push(format!("{event:?}"));
    }
    (bodies, events, client.made)
}

/// B-R-002: HTTP/1.0 with a connection for each request is the same session as HTTP/1.1 on one connection.
#[test]
fn http_1_0_without_keep_alive_is_the_same_session() {
    let (bodies, events, made) = converse(Style::Kept);
    assert_eq!((bodies.len(), made), (6, 1));
    assert!(bodies[4].contains(&message(2)), "{bodies:?}");
    assert_eq!(converse(Style::Fresh), (bodies, events, 6));
}

/// Feeds a creation in two pieces; gives what the client reads up to the end of the answer.
fn create(head: &str, body: &str, cut: usize) -> String {
    let mut world = World::new();
    let (hub, mut sessions) = hub(&world);
    let mut client = connect(&world, &hub);
    let text = format!("POST /http-bind HTTP/1.1\r\nHost: localhost\r\n{head}\r\n{body}");
    let (first, second) = text.split_at(cut.min(text.len()));
    world.run(client.say(first));
    world.settle();
    world.run(client.say(second));
    let session = world.run(sessions.next()).expect("a session");
    accept(&session);
    world.run(client.until("</body>"))
}

/// B-R-004: a creation in chunks with extensions and trailers, cut at every byte, makes a session; one that is asked for with
/// `Expect: 100-continue` is asked for.
#[test]
fn chunked_creations_make_sessions_at_every_cut() {
    let body = creation(60);
    let (one, rest) = body.split_at(9);
    let (two, three) = rest.split_at(100);
    let chunks: String = [one, two, three]
        .map(|chunk| format!("{:x};name=\"value\"\r\n{chunk}\r\n", chunk.len()))
        .concat();
    let chunked = format!("{chunks}0\r\nTrailer: x\r\n\r\n");
    let head = "Transfer-Encoding: chunked\r\nTrailer: Trailer\r\n";
    for cut in 1..chunked.len() + 120 {
        let answer = create(head, &chunked, cut);
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{cut}: {answer}");
        assert!(answer.contains(" sid='"), "{cut}: {answer}");
    }
    let expecting = format!("{head}Expect: 100-continue\r\n");
    let cut = "POST /http-bind HTTP/1.1\r\nHost: localhost\r\n\r\n".len() + expecting.len();
    let answer = create(&expecting, &chunked, cut);
    assert!(
        answer.starts_with("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n"),
        "{answer}"
    );
}

/// B-R-006: what a request says of its type, and fields that BOSH does not name, change nothing.
#[test]
fn the_type_of_a_request_does_not_matter() {
    let body = creation(60);
    let length = format!("Content-Length: {}\r\n", body.len());
    let plain = create(&length, &body, 9);
    for field in [
        "Content-Type: text/xml; charset=utf-8\r\n",
        "Content-Type: text/plain\r\n",
        "Content-Type: application/x-www-form-urlencoded\r\n",
        "Content-Type: ;;\r\n",
        "Accept: application/json\r\nX-Odd: 1\r\n",
    ] {
        assert_eq!(
            create(&format!("{field}{length}"), &body, 9),
            plain,
            "{field}"
        );
    }
}
