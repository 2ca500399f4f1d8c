//! The server's connection: order, persistence, faults, upgrade, deadlines.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::BytesMut;
use xmpp_http1::{
    Response,
    server::{Action, Cause, Config, Connection, Event, Request, RequestId},
};

struct Peer {
    connection: Connection,
    input: BytesMut,
    now: Instant,
    requests: Vec<Request>,
    log: Vec<String>,
    output: Vec<u8>,
}

impl Peer {
    fn new(config: Config) -> Self {
        #[expect(clippy::disallowed_methods, reason = "an epoch for the test")]
        let now = Instant::now();
        Self {
            connection: Connection::new(Arc::new(config), now),
            input: BytesMut::new(),
            now,
            requests: Vec::new(),
            log: Vec::new(),
            output: Vec::new(),
        }
    }

    fn orders(&mut self) {
        while let Some(action) = self.connection.poll_action() {
            self.log.push(match action {
                Action::Deliver(Event::Request(request)) => {
                    let line = format!("{} {}", request.head.method(), request.head.target());
                    self.requests.push(request);
                    line
                }
                Action::Deliver(Event::Sent(_)) => "sent".into(),
                Action::Deliver(Event::Closed(closed)) => format!("{:?}", closed.cause),
                Action::Detach => "Detach".into(),
                Action::Close => "Close".into(),
                Action::Abort => "Abort".into(),
            });
        }
    }

    fn drive(&mut self) {
        loop {
            if self.connection.wants_input() && !self.input.is_empty() {
                self.connection.handle_input(&mut self.input, self.now);
            }
            self.orders();
            let transmit = self.connection.poll_transmit();
            self.orders();
            let Some(transmit) = transmit else { break };
            self.output.extend_from_slice(&transmit.head);
            self.output.extend_from_slice(&transmit.payload);
        }
    }

    fn feed(&mut self, bytes: &[u8], step: usize) {
        for piece in bytes.chunks(step) {
            self.input.extend_from_slice(piece);
            self.drive();
        }
    }

    fn respond(&mut self, id: RequestId, response: Response) {
        self.connection.respond(id, response, self.now);
        self.drive();
    }

    fn text(&self) -> &str {
        std::str::from_utf8(&self.output).expect("text")
    }
}

/// B-R-015, contract 7: answers leave in request order, however the input is cut.
#[test]
fn answers_leave_in_request_order_at_every_cut() {
    let input = b"POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi\
        POST /b HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n\
        2;e=1\r\nyo\r\n1\r\n!\r\n0\r\nT: 1\r\n\r\n";
    for step in 1..=input.len() {
        let mut peer = Peer::new(Config::default());
        peer.feed(input, step);
        let bodies: Vec<_> = peer.requests.iter().map(|r| r.body.to_vec()).collect();
        assert_eq!(bodies, [b"hi".to_vec(), b"yo!".to_vec()]);
        let ids: Vec<_> = peer.requests.iter().map(|r| r.id).collect();
        peer.respond(ids[1], Response::new(204));
        assert_eq!(peer.text(), "");
        peer.respond(ids[0], Response::new(200).with_body("text/plain", "A"));
        assert_eq!(
            peer.text(),
            "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 1\r\n\r\nA\
             HTTP/1.1 204 No Content\r\n\r\n"
        );
        assert_eq!(peer.log, ["POST /a", "POST /b", "sent", "sent"]);
    }
}

/// W-R-003, 004, 023, 024, 027, B-R-019: the fault's status, one `Closed`, `Close`; nothing behind it is a request.
#[test]
fn faults_close_and_nothing_behind_them_is_parsed() {
    let long = format!("GET /{} HTTP/1.1\r\n", "a".repeat(9_000));
    let big = format!(
        "GET / HTTP/1.1\r\nHost: x\r\nA: {}\r\n\r\n",
        "a".repeat(20_000)
    );
    let many = format!(
        "GET / HTTP/1.1\r\nHost: x\r\n{}\r\n",
        "A: b\r\n".repeat(100)
    );
    let post = "POST / HTTP/1.1\r\nHost: x\r\n";
    let with = |fields: &str| format!("{post}{fields}\r\n");
    let cases = [
        (long, 414),
        (big, 431),
        (many, 431),
        (
            with("Content-Length: 1\r\nTransfer-Encoding: chunked\r\n"),
            400,
        ),
        (with("Content-Length: 1\r\nContent-Length: 1\r\n"), 400),
        (with("Content-Length: 1, 1\r\n"), 400),
        (with("Content-Length: +1\r\n"), 400),
        (with("Content-Length:\r\n"), 400),
        (with("Content-Length: 262145\r\n"), 413),
        (with("Content-Length: 99999999999999999999999\r\n"), 413),
        (with("Transfer-Encoding: gzip, chunked\r\n"), 501),
        (with("Transfer-Encoding: chunked, gzip\r\n"), 400),
        (with("Transfer-Encoding: chunked, chunked\r\n"), 400),
        (with("Transfer-Encoding: xchunked\r\n"), 400),
        (
            with("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"),
            400,
        ),
        (
            "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n".into(),
            400,
        ),
        (with("Transfer-Encoding : chunked\r\n"), 400),
        (with("A: b\r\n c\r\n"), 400),
        (with("A: b\rc\r\n"), 400),
        (with("A: b\0c\r\n"), 400),
        (with("A: b\x7fc\r\n"), 400),
        (with("A: b\nC: d\r\n"), 400),
        (with("Host: x\r\n"), 400),
        (with("Expect: wonders\r\n"), 417),
        (with("Transfer-Encoding: chunked\r\n") + "g\r\n", 400),
        (with("Transfer-Encoding: chunked\r\n") + "1 \r\n", 400),
        (with("Transfer-Encoding: chunked\r\n") + "1\nx", 400),
        (with("Transfer-Encoding: chunked\r\n") + "1\r\nxy", 400),
        (with("Transfer-Encoding: chunked\r\n") + "40001\r\n", 413),
        ("GET / HTTP/1.1\r\n\r\n".into(), 400),
        ("GET / HTTP/1.1\r\nHost: a b\r\n\r\n".into(), 400),
        ("GET / HTTP/2.0\r\nHost: x\r\n\r\n".into(), 505),
        ("GET / HTTX/1.1\r\nHost: x\r\n\r\n".into(), 400),
        ("GET  / HTTP/1.1\r\nHost: x\r\n\r\n".into(), 400),
        ("GET * HTTP/1.1\r\nHost: x\r\n\r\n".into(), 400),
        ("GET x:1 HTTP/1.1\r\nHost: x\r\n\r\n".into(), 400),
        ("CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n".into(), 405),
    ];
    for (case, status) in cases {
        let input = case.clone() + "GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n";
        for step in [1, 7, input.len()] {
            let mut peer = Peer::new(Config::default());
            peer.feed(input.as_bytes(), step);
            let shown = case.get(..60).unwrap_or(&case);
            assert!(peer.requests.is_empty(), "{shown}");
            assert!(
                peer.text().starts_with(&format!("HTTP/1.1 {status} ")),
                "{shown}: {}",
                peer.text()
            );
            assert!(peer.text().contains("\r\nConnection: close\r\n"));
            assert_eq!(
                peer.log,
                [format!("Fault({status})"), "Close".into()],
                "{shown}"
            );
        }
    }
}

/// W-R-019, 025, 026: the 101 leaves, then `Detach`; the bytes behind the head are untouched.
#[test]
fn an_upgrade_leaves_the_bytes_behind_it() {
    let head = b"GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n\r\n";
    let mut peer = Peer::new(Config::default());
    peer.feed(&[&head[..], b"frames"].concat(), 1_000);
    assert!(!peer.connection.wants_input());
    assert_eq!(peer.requests[0].surplus, 6);
    peer.respond(
        peer.requests[0].id,
        Response::new(101).with_field("Upgrade", "websocket"),
    );
    assert_eq!(
        peer.text(),
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
    );
    assert_eq!(peer.log, ["GET /ws", "sent", "Detach"]);
    assert_eq!(&peer.input[..], b"frames");

    let mut peer = Peer::new(Config::default());
    peer.feed(
        &[&head[..], b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"].concat(),
        1_000,
    );
    peer.respond(peer.requests[0].id, Response::new(404));
    assert_eq!(
        peer.text(),
        "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    );
    assert_eq!(peer.log, ["GET /ws", "sent", "Ours", "Close"]);
}

/// B-R-002: HTTP/1.0 closes unless it asked to stay.
#[test]
fn http_1_0_closes_unless_asked() {
    let mut peer = Peer::new(Config::default());
    peer.feed(
        b"HEAD / HTTP/1.0\r\nConnection: keep-alive\r\n\r\nget / HTTP/1.0\r\n\r\n",
        9,
    );
    let ids: Vec<_> = peer.requests.iter().map(|r| r.id).collect();
    for id in ids {
        let unsafe_field = Response::new(200).with_field("A", "b\r\nC: d");
        peer.respond(id, unsafe_field.with_body("text/plain", "x"));
    }
    assert_eq!(
        peer.text(),
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 1\r\nConnection: keep-alive\r\n\r\n\
         HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 1\r\nConnection: close\r\n\r\nx"
    );
    assert_eq!(
        peer.log,
        ["HEAD /", "get /", "sent", "sent", "Peer", "Close"]
    );
}

/// B-R-004: a 100 at once while the body is awaited.
#[test]
fn an_awaited_body_is_asked_for() {
    let mut peer = Peer::new(Config::default());
    peer.feed(
        b"POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n",
        99,
    );
    assert_eq!(peer.text(), "HTTP/1.1 100 Continue\r\n\r\n");
    peer.feed(b"x", 1);
    assert_eq!(peer.requests[0].body, "x");
}

/// Reading stops at the bound on pipelined requests, and goes on when one is answered.
#[test]
fn pipelining_is_bounded() {
    let mut config = Config::default();
    config.limits.pipelined = 2;
    let mut peer = Peer::new(config);
    peer.feed(
        "GET / HTTP/1.1\r\nHost: x\r\n\r\n".repeat(3).as_bytes(),
        1_000,
    );
    assert_eq!(
        (peer.requests.len(), peer.connection.wants_input()),
        (2, false)
    );
    peer.respond(peer.requests[0].id, Response::new(204));
    assert_eq!(peer.requests.len(), 3);
}

/// W-R-028 and the other deadlines: each makes progress, and the end comes.
#[test]
fn deadlines_end_it() {
    for (input, log, output) in [
        ("", vec!["Timeout", "Close", "Abort"], ""),
        ("GET", vec!["Timeout", "Close", "Abort"], "HTTP/1.1 408 "),
        (
            "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n",
            vec!["Timeout", "Close", "Abort"],
            "HTTP/1.1 408 ",
        ),
    ] {
        let mut peer = Peer::new(Config::default());
        peer.feed(input.as_bytes(), 100);
        let mut last = peer.now;
        while let Some(at) = peer.connection.poll_timeout() {
            assert!(at > last);
            (last, peer.now) = (at, at);
            peer.connection.handle_timeout(at);
            peer.drive();
        }
        assert_eq!(peer.log, log);
        assert!(peer.text().starts_with(output));
    }
    let mut idle = Peer::new(Config::default());
    idle.feed(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", 100);
    assert_eq!(idle.connection.poll_timeout(), None);
    idle.respond(idle.requests[0].id, Response::new(204));
    assert_eq!(
        idle.connection.poll_timeout(),
        Some(idle.now + Duration::from_secs(75))
    );
}

/// TR-51: read-EOF while an answer is owed.
#[test]
fn half_close_goes_on_where_configured() {
    for half_close in [false, true] {
        let mut config = Config::default();
        config.half_close = half_close;
        let mut peer = Peer::new(config);
        peer.feed(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", 100);
        peer.connection.handle_eof(peer.now);
        peer.drive();
        peer.respond(peer.requests[0].id, Response::new(204));
        let gone = format!("{:?}", Cause::Network);
        if half_close {
            assert_eq!(peer.log, ["GET /", "sent", "Peer", "Close"]);
        } else {
            assert_eq!(peer.log, ["GET /".to_owned(), gone, "Abort".into()]);
        }
    }
}

/// W-R-027, B-R-019: what is exactly at a bound is let through, one more is not.
#[test]
fn bounds_are_exact() {
    let head = |size: usize| {
        let fixed = "GET / HTTP/1.1\r\nHost: x\r\nA: \r\n\r\n".len();
        format!(
            "GET / HTTP/1.1\r\nHost: x\r\nA: {}\r\n\r\n",
            "a".repeat(size - fixed)
        )
    };
    let line = |size: usize| format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "a".repeat(size - 14));
    let fields = |count: usize| {
        format!(
            "GET / HTTP/1.1\r\nHost: x\r\n{}\r\n",
            "A: b\r\n".repeat(count - 1)
        )
    };
    let body = |size: usize| {
        format!(
            "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: {size}\r\n\r\n{}",
            "a".repeat(size)
        )
    };
    for (at, past, status) in [
        (head(16_384), head(16_385), 431),
        (line(8_192), line(8_193), 414),
        (fields(100), fields(101), 431),
        (body(262_144), body(262_145), 413),
    ] {
        for step in [1_000, 300_000] {
            let mut peer = Peer::new(Config::default());
            peer.feed(at.as_bytes(), step);
            assert_eq!((peer.requests.len(), peer.text()), (1, ""), "{status}");
            let mut peer = Peer::new(Config::default());
            peer.feed(past.as_bytes(), step);
            assert_eq!(peer.log, [format!("Fault({status})"), "Close".into()]);
        }
    }
}
