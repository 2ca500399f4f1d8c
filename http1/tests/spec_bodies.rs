//! Bodies (RFC 9112 §6, §7; websocket.md W-R-023; bosh.md B-R-004, B-R-019).

mod support;

use support::{Peer, assert_refused};
use xmpp_http1::{Response, server::Config};

/// A POST with these field lines, and what follows its head.
fn post(fields: &str, body: &str) -> String {
    format!("POST / HTTP/1.1\r\nHost: x\r\n{fields}\r\n{body}")
}

fn chunked(body: &str) -> String {
    post("Transfer-Encoding: chunked\r\n", body)
}

/// The body that comes through when `input` is cut everywhere in two, and into single bytes; the next request follows it.
fn body_of(input: &str) -> Vec<u8> {
    let whole = format!("{input}GET /next HTTP/1.1\r\nHost: x\r\n\r\n");
    let mut bodies = Vec::new();
    for cut in 0..=whole.len() {
        let mut peer = Peer::new(Config::default());
        let (front, back) = whole.as_bytes().split_at(cut);
        if cut == 0 {
            peer.feed(back, 1);
        } else {
            peer.feed(front, cut);
            peer.feed(back, whole.len());
        }
        assert_eq!(peer.log, ["POST /", "GET /next"], "{input:?} at {cut}");
        peer.respond(0, Response::new(204));
        assert_eq!(peer.text(), "HTTP/1.1 204 No Content\r\n\r\n");
        bodies.push(peer.requests[0].body.to_vec());
    }
    assert!(bodies.iter().all(|body| *body == bodies[0]), "{input:?}");
    bodies.remove(0)
}

/// RFC 9112 §6.3: as long as Content-Length says; without it there is none.
#[test]
fn content_length_delimits() {
    assert_eq!(body_of(&post("Content-Length: 5\r\n", "hello")), b"hello");
    assert_eq!(
        body_of(&post("content-length:  0005\t\r\n", "hello")),
        b"hello"
    );
    assert_eq!(body_of(&post("Content-Length: 0\r\n", "")), b"");
    assert_eq!(body_of(&post("", "")), b"");
}

/// RFC 9110 §8.6: digits alone, once.
#[test]
fn content_length_is_digits() {
    for value in [
        "", "+1", "-1", "1 1", "0x1", "1.0", "1, 1", "1,", "\"1\"", "1e1",
    ] {
        assert_refused(post(&format!("Content-Length: {value}\r\n"), ""), 400);
    }
}

/// W-R-023, RFC 9112 §6.3: several lengths are refused, also where they agree.
#[test]
fn several_lengths_are_refused() {
    assert_refused(post("Content-Length: 1\r\nContent-Length: 2\r\n", "a"), 400);
    assert_refused(post("Content-Length: 1\r\ncontent-length: 1\r\n", "a"), 400);
}

/// W-R-023, RFC 9112 §6.1: both framings at once.
#[test]
fn a_length_beside_a_coding_is_refused() {
    let (length, coding) = ("Content-Length: 5\r\n", "Transfer-Encoding: chunked\r\n");
    assert_refused(post(&format!("{length}{coding}"), "0\r\n\r\n"), 400);
    assert_refused(post(&format!("{coding}{length}"), "0\r\n\r\n"), 400);
    assert_refused(
        post(&format!("{coding}Content-Length: 0\r\n"), "0\r\n\r\n"),
        400,
    );
}

/// RFC 9112 §6.1: `chunked` is the last coding, once, and the only one that we have.
#[test]
fn only_chunked_is_a_transfer_coding() {
    let coding = |value: &str| post(&format!("Transfer-Encoding: {value}\r\n"), "0\r\n\r\n");
    assert_eq!(body_of(&coding("Chunked")), b"");
    assert_refused(coding("gzip, chunked"), 501);
    assert_refused(coding("identity, chunked"), 501);
    for value in [
        "chunked, gzip",
        "chunked, chunked",
        "xchunked",
        "chunked,",
        ", chunked",
        "chunked;q=1",
        "\"chunked\"",
        "\x0bchunked",
        "identity",
        "gzip",
        "",
    ] {
        assert_refused(coding(value), 400);
    }
    let twice = "Transfer-Encoding: chunked\r\n".repeat(2);
    assert_refused(post(&twice, "0\r\n\r\n"), 400);
}

/// RFC 9112 §6.1: HTTP/1.0 has no transfer codings.
#[test]
fn http_1_0_has_no_transfer_coding() {
    assert_refused(
        "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        400,
    );
}

/// RFC 9112 §7.1: chunks join, wherever they are cut.
#[test]
fn chunks_join_at_every_cut() {
    assert_eq!(
        body_of(&chunked("5\r\nhello\r\n0A\r\n, world!!!\r\n0\r\n\r\n")),
        b"hello, world!!!"
    );
    assert_eq!(body_of(&chunked("000\r\n\r\n")), b"");
    assert_eq!(body_of(&chunked("2\r\n\r\n\r\n0\r\n\r\n")), b"\r\n");
}

/// RFC 9112 §7.1: a size is hexadecimal digits, a chunk ends in CRLF.
#[test]
fn malformed_chunks_are_refused() {
    for body in [
        "g\r\n",
        "\r\n",
        " 1\r\n",
        "1 \r\n",
        "-1\r\n",
        "+1\r\n",
        "0x1\r\n",
        "1\nx",
        "1\rx",
        "1\r\nxy",
        "1\r\nx\ny",
        "1\r\nx\r\r",
        "00000000000000001\r\n",
        "0\r\n\n",
        "0\r\n\rx",
        "1;a\nx",
        "1;a\0\r\n",
        "1 a\r\n",
    ] {
        assert_refused(chunked(body), 400);
    }
}

/// RFC 9112 §7.1.1: extensions are skipped.
#[test]
fn extensions_are_skipped() {
    let body = "1;a\r\nx\r\n1 ; b=\"c;d\"\r\ny\r\n0;e\r\n\r\n";
    assert_eq!(body_of(&chunked(body)), b"xy");
}

/// RFC 9112 §7.1.2: trailers are checked and skipped; none of them frames anything.
#[test]
fn trailers_are_skipped() {
    let body = "1\r\nx\r\n0\r\nA: b\r\nContent-Length: 99\r\nC:\r\n\r\n";
    assert_eq!(body_of(&chunked(body)), b"x");
    for trailer in [
        "A : b\r\n",
        " A: b\r\n",
        ": b\r\n",
        "A\r\n",
        "A: b\nC: d\r\n",
        "A: b\0\r\n",
    ] {
        assert_refused(chunked(&format!("0\r\n{trailer}\r\n")), 400);
    }
}

/// `head_bytes` bounds all extensions of a body: their bytes behind the semicolon count.
#[test]
fn the_bound_on_extensions_is_exact() {
    let with = |total: usize| {
        let half = "e".repeat(total / 2);
        let rest = "e".repeat(total - total / 2);
        chunked(&format!("1;{half}\r\nx\r\n0;{rest}\r\n\r\n"))
    };
    let mut peer = Peer::new(Config::default());
    peer.feed(with(16_384).as_bytes(), 1_000);
    assert_eq!(peer.requests[0].body, "x");
    assert_refused(with(16_385), 400);
}

/// `head_bytes` bounds the trailers: the bytes of names and values count.
#[test]
fn the_bound_on_trailer_bytes_is_exact() {
    let with = |total: usize| {
        chunked(&format!(
            "0\r\nA:{}\r\nB:{}\r\n\r\n",
            "a".repeat(9_999),
            "b".repeat(total - 10_001)
        ))
    };
    let mut peer = Peer::new(Config::default());
    peer.feed(with(16_384).as_bytes(), 1_000);
    assert_eq!(peer.requests.len(), 1);
    assert_refused(with(16_385), 431);
}

/// `fields` bounds the trailers' lines.
#[test]
fn the_bound_on_trailer_lines_is_exact() {
    let with = |lines: usize| chunked(&format!("0\r\n{}\r\n", "A: b\r\n".repeat(lines)));
    let mut peer = Peer::new(Config::default());
    peer.feed(with(100).as_bytes(), 1_000);
    assert_eq!(peer.requests.len(), 1);
    assert_refused(with(101), 431);
}

/// B-R-019: a body past the bound gets 413 before it is read; the bound itself is let through.
#[test]
fn the_bound_on_a_body_is_exact() {
    let body = "a".repeat(262_144);
    for input in [
        post("Content-Length: 262144\r\n", &body),
        chunked(&format!("40000\r\n{body}\r\n0\r\n\r\n")),
        chunked(&format!("1\r\nb\r\n3ffff\r\n{}\r\n0\r\n\r\n", &body[1..])),
    ] {
        let mut peer = Peer::new(Config::default());
        peer.feed(input.as_bytes(), 10_000);
        assert_eq!(peer.requests[0].body.len(), 262_144);
    }
    assert_refused(post("Content-Length: 262145\r\n", ""), 413);
    assert_refused(post("Content-Length: 99999999999999999999999\r\n", ""), 413);
    assert_refused(chunked("40001\r\n"), 413);
    assert_refused(chunked("ffffffffffffffff\r\n"), 413);
    let mut peer = Peer::new(Config::default());
    peer.feed(chunked(&format!("40000\r\n{body}\r\n1")).as_bytes(), 10_000);
    assert_eq!(peer.text(), support::farewell(413));
}

/// B-R-004, RFC 9110 §10.1.1: a 100 at once while the body is awaited, and once.
#[test]
fn an_awaited_body_is_asked_for_once() {
    for (fields, body) in [
        ("Expect: 100-continue\r\nContent-Length: 2\r\n", "ab"),
        (
            "Expect: 100-Continue\r\nTransfer-Encoding: chunked\r\n",
            "2\r\nab\r\n0\r\n\r\n",
        ),
    ] {
        let mut peer = Peer::new(Config::default());
        peer.feed(post(fields, "").as_bytes(), 9);
        assert_eq!(peer.text(), "HTTP/1.1 100 Continue\r\n\r\n");
        assert!(peer.log.is_empty());
        peer.feed(body.as_bytes(), 1);
        assert_eq!(peer.requests[0].body, "ab");
        peer.respond(0, Response::new(204));
        assert_eq!(
            peer.text(),
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n"
        );
        assert_eq!(peer.log, ["POST /", "sent"]);
    }
}

/// RFC 9110 §10.1.1: no 100 where the body came with the head, where there is none, and to HTTP/1.0.
#[test]
fn a_body_that_is_there_is_not_asked_for() {
    for input in [
        post("Expect: 100-continue\r\nContent-Length: 1\r\n", "a"),
        post("Expect: 100-continue\r\n", ""),
        "POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n".into(),
    ] {
        let mut peer = Peer::new(Config::default());
        peer.feed(input.as_bytes(), 1_000);
        assert_eq!(peer.text(), "", "{input:?}");
    }
}

/// RFC 9112 §9.3.2: the 100 of a second request waits until the first is answered.
#[test]
fn a_100_waits_for_its_turn() {
    let mut peer = Peer::new(Config::default());
    peer.feed(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", 99);
    peer.feed(
        post("Expect: 100-continue\r\nContent-Length: 1\r\n", "").as_bytes(),
        99,
    );
    assert_eq!(peer.text(), "");
    peer.respond(0, Response::new(204));
    assert_eq!(
        peer.text(),
        "HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n"
    );
}

/// RFC 9110 §10.1.1: another expectation gets 417; a body that is too large gets 413 in place of its 100.
#[test]
fn other_expectations_are_refused() {
    assert_refused(post("Expect: wonders\r\n", ""), 417);
    assert_refused(post("Expect: 100-continue, wonders\r\n", ""), 417);
    assert_refused(
        post("Expect: 100-continue\r\nContent-Length: 262145\r\n", ""),
        413,
    );
}

/// A connection that asks about bodies above eight bytes.
fn asking() -> Peer {
    let mut config = Config::default();
    config.ask_above = Some(8);
    Peer::new(config)
}

/// B-R-019: a long body is read only once the application agrees, wherever the input is cut; short ones are never asked about.
#[test]
fn long_bodies_are_asked_about_before_they_are_read() {
    let next = "GET /next HTTP/1.1\r\nHost: x\r\n\r\n";
    let known = post("Content-Length: 9\r\n", "123456789");
    let pieces = chunked("4\r\n1234\r\n5\r\n56789\r\n0\r\n\r\n");
    for (input, bytes) in [(known, 9), (pieces, Config::default().limits.body_bytes)] {
        let whole = format!("{input}{next}");
        for cut in 0..whole.len() {
            let mut peer = asking();
            let (front, back) = whole.as_bytes().split_at(cut);
            peer.feed(front, cut.max(1));
            peer.feed(back, whole.len());
            assert_eq!(peer.log, [format!("body of {bytes}")], "{input:?} at {cut}");
            assert!(!peer.connection.wants_input());
            assert_eq!(peer.connection.read_bytes(), 16_384);
            peer.connection.admit_body(peer.now);
            assert_eq!(peer.connection.read_bytes(), usize::MAX);
            peer.drive();
            assert_eq!(peer.log[1..], ["POST /", "GET /next"], "{input:?} at {cut}");
            assert_eq!(&peer.requests[0].body[..], b"123456789");
        }
    }
    let mut peer = asking();
    let short = chunked("4\r\n1234\r\n4\r\n5678\r\n0\r\n\r\n");
    for input in [post("Content-Length: 8\r\n", "12345678"), short] {
        peer.feed(input.as_bytes(), 1);
    }
    assert_eq!(peer.log, ["POST /", "POST /"]);
    // Each body has a question of its own.
    peer.feed(post("Content-Length: 9\r\n", "123456789").as_bytes(), 1);
    assert_eq!(peer.log[2..], ["body of 9"]);
}

/// B-R-019: a refused body's request gets the status, and nothing behind it is read.
#[test]
fn a_refused_body_ends_the_connection_with_its_status() {
    let mut peer = asking();
    let request = post("Content-Length: 9\r\nExpect: 100-continue\r\n", "");
    peer.feed(request.as_bytes(), 1);
    assert_eq!((peer.text(), peer.log.len()), ("", 1));
    peer.connection.refuse_body(503, peer.now);
    peer.feed(b"123456789GET /next HTTP/1.1\r\nHost: x\r\n\r\n", 1);
    assert_eq!(
        peer.text(),
        "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    );
    assert_eq!(peer.log, ["body of 9", "Fault(503)", "Close"]);
    // Late answers to the question change nothing.
    peer.connection.admit_body(peer.now);
    peer.connection.refuse_body(413, peer.now);
    peer.drive();
    assert_eq!(peer.log.len(), 3);
}

/// RFC 9110 §10.1.1: a client that waits for 100 gets it once its body is admitted.
#[test]
fn an_admitted_body_is_asked_for_with_100() {
    let mut peer = asking();
    let request = post("Content-Length: 9\r\nExpect: 100-continue\r\n", "");
    peer.feed(request.as_bytes(), 1);
    peer.connection.admit_body(peer.now);
    peer.drive();
    assert_eq!(peer.text(), "HTTP/1.1 100 Continue\r\n\r\n");
}
