//! Both ends of an HTTP/1.1 connection, told bytes in any pieces: what the application and the wire see.

use std::{sync::Arc, time::Instant};

use bytes::{Bytes, BytesMut};
use xmpp_http1::{Limits, Response, client, server};

/// Small, so that a fuzzer reaches them.
pub(crate) const HEAD_BYTES: usize = 512;
pub(crate) const START_LINE_BYTES: usize = 128;
pub(crate) const FIELDS: usize = 8;
pub(crate) const BODY_BYTES: usize = 256;

/// What came of some input.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// Orders and events, in words.
    pub(crate) log: Vec<String>,
    pub(crate) written: Vec<u8>,
    /// What belongs to the next protocol.
    pub(crate) unread: Vec<u8>,
}

impl Outcome {
    /// After an end without a next protocol nobody looks at what is left.
    fn leave(&mut self, input: &[u8]) {
        if self.log.last().is_some_and(|last| last == "Detach") {
            self.unread = input.to_vec();
        }
    }
}

pub(crate) fn limits(limits: &mut Limits) {
    limits.head_bytes = HEAD_BYTES;
    limits.start_line_bytes = START_LINE_BYTES;
    limits.fields = FIELDS;
    limits.body_bytes = BODY_BYTES;
}

fn pieces(bytes: &[u8], step: usize) -> impl Iterator<Item = &[u8]> {
    bytes.chunks(step.max(1))
}

/// A server that answers when it has heard everything, and what it was asked.
pub(crate) fn serve(bytes: &[u8], step: usize) -> (Outcome, Vec<server::Request>) {
    let now = Instant::now();
    let mut config = server::Config::default();
    limits(&mut config.limits);
    let mut server = Server {
        connection: server::Connection::new(Arc::new(config), now),
        now,
        input: BytesMut::new(),
        outcome: Outcome::default(),
        requests: Vec::new(),
    };
    for piece in pieces(bytes, step) {
        server.input.extend_from_slice(piece);
        server.drive();
    }
    let mut answered = 0;
    while let Some(id) = server.requests.get(answered).map(|request| request.id) {
        answered += 1;
        server.connection.respond(id, Response::new(200), now);
        server.drive();
    }
    outlive(now, |at| {
        server.connection.handle_timeout(at);
        server.drive();
        server.connection.poll_timeout()
    });
    let mut outcome = server.outcome;
    outcome.leave(&server.input);
    // Whether it is asked for depends on what came with the head.
    let text = String::from_utf8_lossy(&outcome.written);
    outcome.written = text
        .replace("HTTP/1.1 100 Continue\r\n\r\n", "")
        .into_bytes();
    (outcome, server.requests)
}

struct Server {
    connection: server::Connection,
    now: Instant,
    input: BytesMut,
    outcome: Outcome,
    requests: Vec<server::Request>,
}

impl Server {
    /// Goes on until nothing happens.
    fn drive(&mut self) {
        loop {
            if self.connection.wants_input() && !self.input.is_empty() {
                self.connection.handle_input(&mut self.input, self.now);
                assert_bounded(self.connection.wants_input(), &self.input);
            }
            let transmit = self.connection.poll_transmit();
            while let Some(action) = self.connection.poll_action() {
                if let server::Action::Deliver(server::Event::Request(request)) = action {
                    let line = format!("{:?} {:?}", request.head.target(), request.body);
                    self.outcome.log.push(line);
                    self.requests.push(request);
                } else {
                    self.outcome.log.push(format!("{action:?}"));
                }
            }
            let Some(transmit) = transmit else { break };
            self.outcome.written.extend_from_slice(&transmit.head);
            self.outcome.written.extend_from_slice(&transmit.payload);
        }
    }
}

/// What waits for more is a head, or a body of known length.
fn assert_bounded(wanted: bool, held: &[u8]) {
    let most = HEAD_BYTES.max(BODY_BYTES);
    assert!(!wanted || held.len() <= most, "{} bytes wait", held.len());
}

/// A client that asked this, and what it was answered. The server ends the connection behind the last byte.
pub(crate) fn ask(
    request: &client::Request,
    bytes: &[u8],
    step: usize,
) -> (Outcome, Vec<client::Response>) {
    let now = Instant::now();
    let mut config = client::Config::default();
    limits(&mut config.limits);
    let mut connection = client::Connection::new(Arc::new(config), now);
    let (mut input, mut outcome, mut responses) = (BytesMut::new(), Outcome::default(), Vec::new());
    connection
        .send(request.clone(), now)
        .expect("an idle connection");
    let ends: [Option<&[u8]>; 1] = [None];
    for piece in std::iter::once(Some(&b""[..]))
        .chain(pieces(bytes, step).map(Some))
        .chain(ends)
    {
        match piece {
            Some(piece) => {
                input.extend_from_slice(piece);
                if connection.wants_input() && !input.is_empty() {
                    connection.handle_input(&mut input, now);
                    assert_bounded(connection.wants_input(), &input);
                }
            }
            None => connection.handle_eof(now),
        }
        while let Some(action) = connection.poll_action() {
            if let client::Action::Deliver(client::Event::Response(response)) = action {
                let line = format!("{} {:?}", response.head.status(), response.body);
                outcome.log.push(line);
                responses.push(response);
            } else {
                outcome.log.push(format!("{action:?}"));
            }
        }
        while let Some(transmit) = connection.poll_transmit() {
            outcome.written.extend_from_slice(&transmit.head);
            outcome.written.extend_from_slice(&transmit.payload);
        }
    }
    outlive(now, |at| {
        connection.handle_timeout(at);
        connection.poll_timeout()
    });
    outcome.leave(&input);
    (outcome, responses)
}

/// What a server writes that answers a GET with this.
pub(crate) fn answered(status: u16, fields: &[(String, String)], body: Bytes) -> Vec<u8> {
    let now = Instant::now();
    let mut connection = server::Connection::new(Arc::default(), now);
    let mut input = BytesMut::from("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    connection.handle_input(&mut input, now);
    let mut response = Response::new(status);
    for (name, value) in fields {
        response = response.with_field(name.clone(), value.clone());
    }
    response.body = body;
    while let Some(action) = connection.poll_action() {
        if let server::Action::Deliver(server::Event::Request(request)) = action {
            connection.respond(request.id, response.clone(), now);
        }
    }
    let mut written = Vec::new();
    while let Some(transmit) = connection.poll_transmit() {
        written.extend_from_slice(&transmit.head);
        written.extend_from_slice(&transmit.payload);
    }
    written
}

/// Every deadline makes progress, until there is none.
fn outlive(mut now: Instant, mut timeout: impl FnMut(Instant) -> Option<Instant>) {
    let mut due = timeout(now);
    for _ in 0..100 {
        let Some(at) = due else { return };
        now = now.max(at);
        due = timeout(now);
        assert!(
            due.is_none_or(|next| next > at),
            "a deadline without progress"
        );
    }
    panic!("deadlines without an end");
}
