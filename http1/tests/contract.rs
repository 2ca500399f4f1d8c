//! The contract of every machine, held against both ends of a connection
//! (`xmpp_machine::contract`).

use std::{sync::Arc, time::Duration};

use bytes::BytesMut;
use xmpp_http1::{Instant, Response, Transmit, Upgraded, client, server};
use xmpp_machine::{
    Action, Machine,
    contract::{Script, Seen, Step, check},
};

/// A server's connection with its application, which answers requests by their number.
#[derive(Debug)]
struct Application {
    connection: server::Connection,
    requests: Vec<server::RequestId>,
}

impl Application {
    fn new(now: Instant) -> Self {
        Self {
            connection: server::Connection::new(Arc::default(), now),
            requests: Vec::new(),
        }
    }

    fn respond(&mut self, number: usize, response: Response, now: Instant) {
        self.connection
            .respond(self.requests[number], response, now);
    }
}

impl Machine for Application {
    /// In words: how much of the next request was there already (`Request::surplus`) depends on how
    /// the input is cut.
    type Event = String;
    type Handover = Upgraded;

    fn handle_input(&mut self, input: &mut BytesMut, now: Instant) {
        self.connection.handle_input(input, now);
    }
    fn handle_eof(&mut self, now: Instant) {
        self.connection.handle_eof(now);
    }
    fn handle_reset(&mut self, now: Instant) {
        self.connection.handle_reset(now);
    }
    fn handle_timeout(&mut self, now: Instant) {
        self.connection.handle_timeout(now);
    }
    fn wants_input(&self) -> bool {
        self.connection.wants_input()
    }
    fn poll_action(&mut self) -> Option<Action<String, Upgraded>> {
        let action = self.connection.poll_action()?;
        Some(action.map(|event| match event {
            server::Event::Request(request) => {
                self.requests.push(request.id);
                format!("{} {:?}", request.head.target(), request.body)
            }
            other
            @ (server::Event::Body(_) | server::Event::Sent(_) | server::Event::Closed(_)) => {
                format!("{other:?}")
            }
        }))
    }
    fn poll_transmit(&mut self) -> Option<Transmit> {
        self.connection.poll_transmit()
    }
    fn poll_timeout(&self) -> Option<Instant> {
        self.connection.poll_timeout()
    }
}

fn serve(steps: Vec<Step<Application>>) -> Seen {
    let is_closed = |event: &String| event.starts_with("Closed");
    check(&Script::new(Application::new, is_closed, steps))
}

fn ask(steps: Vec<Step<client::Connection>>) -> Seen {
    let make = |now| client::Connection::new(Arc::default(), now);
    let is_closed = |event: &client::Event| matches!(event, client::Event::Closed(_));
    check(&Script::new(make, is_closed, steps))
}

fn input<M>(text: &str) -> Step<M> {
    Step::Input(text.as_bytes().to_vec())
}

fn wait<M>(seconds: u64) -> Step<M> {
    Step::Wait(Duration::from_secs(seconds))
}

/// The reason in the end's event, and what followed it.
fn assert_end(seen: &Seen, reason: &str, end: &[&str]) {
    let at = seen
        .actions
        .iter()
        .position(|action| action.contains("Closed"))
        .expect("an end");
    let (closed, rest) = seen.actions[at..].split_first().expect("an end");
    assert!(closed.contains(&format!("reason: {reason}")), "{seen:?}");
    assert_eq!(rest, end);
}

const GET: &str = "GET /a HTTP/1.1\r\nHost: x\r\n\r\n";

fn ok(text: &'static str) -> Response {
    Response::new(200).with_body("text/plain", text)
}

/// Request after request, then silence.
#[test]
fn a_server_that_keeps_its_connection() {
    let seen = serve(vec![
        input(GET),
        Step::Call(|application, now| application.respond(0, ok("1"), now)),
        wait(5),
        input(GET),
        Step::Call(|application, now| application.respond(1, ok("2"), now)),
        wait(80),
    ]);
    assert_eq!(
        seen.output
            .windows(4)
            .filter(|text| text == b"200 ")
            .count(),
        2
    );
    assert_end(&seen, "None", &["Close", "Abort"]);
}

/// RFC 9112 §9.3.2: answers leave in the order of the requests, whatever order they are given in.
#[test]
fn a_server_whose_client_pipelines() {
    let seen = serve(vec![
        input(GET),
        input(
            &[
                GET,
                "POST /b HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc",
                GET,
            ]
            .concat(),
        ),
        Step::Call(|application, now| application.respond(2, ok("third"), now)),
        Step::Call(|application, now| application.respond(0, ok("first"), now)),
        Step::Call(|application, now| application.respond(1, ok("second"), now)),
        Step::Call(|application, now| application.respond(3, ok("fourth").closing(), now)),
        Step::End,
    ]);
    let text = String::from_utf8(seen.output.clone()).expect("text");
    let at = ["first", "second", "third", "fourth"].map(|body| text.find(body));
    assert!(at.is_sorted() && at[0].is_some(), "{text}");
    assert_end(&seen, "None", &["Close", "Abort"]);
}

/// RFC 9112 §7.1.
#[test]
fn a_server_that_reads_chunks() {
    let seen = serve(vec![
        input("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3;e\r\nabc\r\n"),
        wait(1),
        input("2\r\nde\r\n0\r\nT: 1\r\n\r\n"),
        Step::Call(|application, now| application.respond(0, ok("read"), now)),
        Step::Call(|application, now| application.connection.close(now)),
        Step::Reset,
    ]);
    assert!(seen.actions[0].contains("abcde"), "{seen:?}");
    assert_end(&seen, "None", &["Close", "Abort"]);
}

/// W-R-024: a fault is answered behind what is owed, and ends the connection.
#[test]
fn a_server_whose_client_breaks_a_rule() {
    let seen = serve(vec![
        input(&[GET, "GET / HTTP/1.1\nHost: x\r\n\r\n", GET].concat()),
        wait(1),
        Step::Call(|application, now| application.respond(0, ok("owed"), now)),
        wait(60),
    ]);
    let text = String::from_utf8(seen.output.clone()).expect("text");
    assert!(text.contains("owedHTTP/1.1 400 "), "{text}");
    assert_end(&seen, "Some(BareLineFeed)", &["Close", "Abort"]);
}

/// W-R-028: a head, a body and an answer's turn have their time.
#[test]
fn a_server_whose_client_falls_silent() {
    let post = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc";
    for (steps, reason, end) in [
        (
            vec![wait(100)],
            "Some(RequestMissing)",
            &["Close", "Abort"][..],
        ),
        (
            vec![input("GET / HT"), wait(100)],
            "Some(HeadTimeout)",
            &["Close", "Abort"],
        ),
        (
            vec![input(post), wait(100)],
            "Some(BodyTimeout)",
            &["Close", "Abort"],
        ),
        (
            vec![input(GET), input("\0"), wait(100)],
            "Some(NotHttp)",
            &["Abort"],
        ),
        (vec![input(GET), Step::End], "None", &["Abort"]),
    ] {
        assert_end(&serve(steps), reason, end);
    }
}

/// W-R-025: behind a 101 the stream, with what was not read, is the next protocol's.
#[test]
fn a_server_that_hands_its_stream_over() {
    let seen = serve(vec![
        input(
            "GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n\x01\x02\x03",
        ),
        Step::Call(|application, now| {
            let switching = Response::new(101).with_field("Upgrade", "websocket");
            application.respond(0, switching, now);
        }),
    ]);
    assert_eq!(
        seen.actions.last().map(String::as_str),
        Some("Handover(Upgraded)")
    );
    assert_eq!(seen.left, b"\x01\x02\x03");
}

fn get(connection: &mut client::Connection, now: Instant) {
    let request = client::Request::new("GET", "/", "h");
    connection.send(request, now).expect("an idle connection");
}

const ANSWER: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";

/// One request after the other, then silence.
#[test]
fn a_client_that_keeps_its_connection() {
    let seen = ask(vec![
        Step::Call(get),
        wait(5),
        input(ANSWER),
        Step::Call(get),
        input("HTTP/1.1 103 Early Hints\r\n\r\n"),
        input(ANSWER),
        wait(60),
    ]);
    let answers = seen
        .actions
        .iter()
        .filter(|action| action.contains("status: 200"));
    assert_eq!(answers.count(), 2);
    assert_end(&seen, "None", &["Close", "Abort"]);
}

/// RFC 9112 §6.3, §7.1: bodies in chunks, and one that the end of the connection ends.
#[test]
fn a_client_that_reads_bodies() {
    let seen = ask(vec![
        Step::Call(get),
        input("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"),
        wait(1),
        input("0\r\n\r\n"),
        Step::Call(get),
        input("HTTP/1.0 200 OK\r\n\r\nto the end"),
        Step::End,
    ]);
    assert!(seen.actions[1].contains("bytes: 10"), "{seen:?}");
    assert_end(&seen, "None", &["Close"]);
}

/// What breaks a rule is dropped, and the request is unanswered.
#[test]
fn a_client_whose_server_breaks_a_rule() {
    for (bytes, reason) in [
        ("SSH-2.0-x\r\n", "Some(HeadMalformed)"),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 1, 2\r\n\r\n",
            "Some(LengthAmbiguous)",
        ),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx",
            "Some(ChunkMalformed)",
        ),
        (
            "HTTP/1.1 101 Switching Protocols\r\n\r\n",
            "Some(UpgradeUnasked)",
        ),
    ] {
        let seen = ask(vec![Step::Call(get), input(bytes), wait(1)]);
        assert_end(&seen, reason, &["Abort"]);
    }
    let seen = ask(vec![Step::Call(get), input(ANSWER), input("HTTP")]);
    assert_end(&seen, "Some(Unsolicited)", &["Abort"]);
}

/// A head and a body have their time; a connection that breaks is dropped.
#[test]
fn a_client_whose_server_falls_silent() {
    let half = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc";
    for (steps, reason) in [
        (vec![Step::Call(get), wait(100)], "Some(HeadTimeout)"),
        (
            vec![Step::Call(get), input(half), wait(100)],
            "Some(BodyTimeout)",
        ),
        (vec![Step::Call(get), input(half), Step::End], "None"),
        (vec![Step::Call(get), input(half), Step::Reset], "None"),
    ] {
        assert_end(&ask(steps), reason, &["Abort"]);
    }
}

/// Behind a 101 that was asked for the stream is the next protocol's.
#[test]
fn a_client_that_hands_its_stream_over() {
    let seen = ask(vec![
        Step::Call(|connection, now| {
            let request = client::Request::new("GET", "/", "h")
                .with_field("Upgrade", "websocket")
                .with_field("Connection", "Upgrade");
            connection.send(request, now).expect("an idle connection");
        }),
        input(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n\x01\x00",
        ),
    ]);
    assert_eq!(
        seen.actions.last().map(String::as_str),
        Some("Handover(Upgraded)")
    );
    assert_eq!(seen.left, b"\x01\x00");
}

/// Names are kebab-case of the variants.
#[test]
fn reasons_have_the_names_of_their_variants() {
    let server = server::Reason::ALL.iter();
    let server = server.map(|reason| (reason.as_str(), format!("{reason:?}")));
    let client = client::Reason::ALL.iter();
    let client = client.map(|reason| (reason.as_str(), format!("{reason:?}")));
    for (name, variant) in server.chain(client) {
        assert_eq!(name.replace('-', ""), variant.to_lowercase());
    }
}
