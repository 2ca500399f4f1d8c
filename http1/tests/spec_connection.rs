//! The server's connection: order, persistence, what it sends, upgrade, ends, deadlines.

mod support;

use std::time::Duration;

use support::{Peer, assert_refused, farewell};
use xmpp_http1::{
    Response,
    server::{Action, Cause, Config, Event},
};

const GET: &str = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
const NO_CONTENT: &str = "HTTP/1.1 204 No Content\r\n\r\n";
const UPGRADE: &str =
    "GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n\r\n";

/// Lets every deadline pass, one after the other; each makes progress.
fn wait_until_the_end(peer: &mut Peer) {
    let mut last = None;
    while let Some(at) = peer.connection.poll_timeout() {
        assert!(last.is_none_or(|last| at > last));
        (last, peer.now) = (Some(at), at);
        peer.connection.handle_timeout(at);
        peer.drive();
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
        peer.respond(1, Response::new(204));
        assert_eq!(peer.text(), "");
        peer.respond(0, Response::new(200).with_body("text/plain", "A"));
        assert_eq!(
            peer.text(),
            "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 1\r\n\r\nA\
             HTTP/1.1 204 No Content\r\n\r\n"
        );
        assert_eq!(peer.log, ["POST /a", "POST /b", "sent", "sent"]);
    }
}

/// B-R-002: HTTP/1.0 closes unless it asked to stay; HEAD has the length and no body.
#[test]
fn http_1_0_closes_unless_asked() {
    let mut peer = Peer::new(Config::default());
    peer.feed(
        b"HEAD / HTTP/1.0\r\nConnection: keep-alive\r\n\r\nget / HTTP/1.0\r\n\r\n",
        9,
    );
    for index in [0, 1] {
        peer.respond(index, Response::new(200).with_body("text/plain", "x"));
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

/// Reading stops at the bound on pipelined requests, and goes on when one is answered.
#[test]
fn pipelining_is_bounded() {
    let mut config = Config::default();
    config.limits.pipelined = 2;
    let mut peer = Peer::new(config);
    peer.feed(GET.repeat(3).as_bytes(), 1_000);
    assert_eq!(
        (peer.requests.len(), peer.connection.wants_input()),
        (2, false)
    );
    peer.respond(0, Response::new(204));
    assert_eq!(peer.requests.len(), 3);
}

/// An answer to an unknown or answered request changes nothing.
#[test]
fn a_second_answer_is_ignored() {
    let mut peer = Peer::new(Config::default());
    peer.feed(GET.as_bytes(), 100);
    peer.respond(0, Response::new(204));
    peer.respond(0, Response::new(200).closing());
    assert_eq!(peer.text(), NO_CONTENT);
    assert_eq!(peer.log, ["GET /", "sent"]);
}

/// RFC 9112 §9.6: an answer that closes is the last, whatever was pipelined behind it.
#[test]
fn an_answer_that_closes_is_the_last() {
    let mut peer = Peer::new(Config::default());
    peer.feed(GET.repeat(3).as_bytes(), 100);
    peer.respond(2, Response::new(200));
    peer.respond(1, Response::new(204).closing());
    assert_eq!(peer.text(), "");
    peer.respond(0, Response::new(204));
    let last = "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n";
    assert_eq!(peer.text(), format!("{NO_CONTENT}{last}"));
    assert_eq!(peer.log[3..], ["sent", "sent", "Ours", "Close"]);
}

/// An answer that closes leaves although the peer shut down its side: what is behind it is owed nothing.
#[test]
fn an_answer_that_closes_leaves_after_eof() {
    let mut peer = Peer::new(Config::default());
    peer.feed(GET.repeat(2).as_bytes(), 100);
    let answer = Response::new(204).closing();
    peer.connection
        .respond(peer.requests[0].id, answer, peer.now);
    peer.connection.handle_eof(peer.now);
    peer.drive();
    assert_eq!(
        peer.text(),
        "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"
    );
    assert_eq!(peer.log, ["GET /", "GET /", "sent", "Ours", "Close"]);
}

/// A payload past 64 KiB leaves in pieces, whole and in order, and `Sent` comes after its last byte.
#[test]
fn a_long_payload_leaves_whole_and_in_order() {
    for size in [1_024, 1_025, 65_536, 65_537, 300_001] {
        let mut peer = Peer::new(Config::default());
        peer.feed(GET.repeat(2).as_bytes(), 100);
        let body: Vec<u8> = (0..size).map(|at: u32| (at % 251) as u8).collect();
        peer.connection.respond(
            peer.requests[0].id,
            Response::new(200).with_body("x/y", body.clone()),
            peer.now,
        );
        peer.connection
            .respond(peer.requests[1].id, Response::new(204), peer.now);
        while let Some(transmit) = peer.connection.poll_transmit() {
            assert!(transmit.payload.len() <= 65_536);
            peer.output.extend_from_slice(&transmit.head);
            peer.output.extend_from_slice(&transmit.payload);
            let sent = peer.output.ends_with(NO_CONTENT.as_bytes());
            peer.orders();
            assert!(sent || peer.log.len() <= 3, "{:?}", peer.log);
        }
        peer.orders();
        assert_eq!(peer.log, ["GET /", "GET /", "sent", "sent"]);
        let head =
            format!("HTTP/1.1 200 OK\r\nContent-Type: x/y\r\nContent-Length: {size}\r\n\r\n");
        let expected = [head.as_bytes(), &body, NO_CONTENT.as_bytes()].concat();
        assert!(peer.output == expected, "{size}");
    }
}

/// Answers that the connection makes itself carry the configured fields; the application's do not.
#[test]
fn error_fields_are_on_the_connections_own_answers() {
    let mut config = Config::default();
    let cors = ("Access-Control-Allow-Origin".into(), "*".into());
    config.error_fields = vec![cors, ("Content-Length".into(), "9".into())];
    let own = |reason: &str| {
        format!(
            "HTTP/1.1 {reason}\r\nAccess-Control-Allow-Origin: *\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        )
    };
    let mut peer = Peer::new(config.clone());
    peer.feed(b"GET / HTTP/1.1\r\n\r\n", 100);
    assert_eq!(peer.text(), own("400 Bad Request"));

    let mut peer = Peer::new(config.clone());
    peer.feed(b"GET", 100);
    wait_until_the_end(&mut peer);
    assert_eq!(peer.text(), own("408 Request Timeout"));

    let mut peer = Peer::new(config);
    peer.feed(GET.repeat(2).as_bytes(), 100);
    peer.respond(0, Response::new(204));
    peer.respond(1, Response::new(101));
    let own = own("500 Internal Server Error").replace("Connection: close\r\n", "");
    assert_eq!(peer.text(), format!("{NO_CONTENT}{own}"));
}

/// W-R-019, W-R-025, W-R-026: the 101 leaves, then `Detach`; the bytes behind the head are untouched.
#[test]
fn an_upgrade_leaves_the_bytes_behind_it() {
    let mut peer = Peer::new(Config::default());
    peer.feed(format!("{UPGRADE}frames").as_bytes(), 1_000);
    assert!(!peer.connection.wants_input());
    assert_eq!(peer.requests[0].surplus, 6);
    peer.respond(0, Response::new(101).with_field("Upgrade", "websocket"));
    assert_eq!(
        peer.text(),
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
    );
    assert_eq!(peer.log, ["GET /ws", "sent", "Detach"]);
    assert_eq!(&peer.input[..], b"frames");
    assert_eq!(peer.connection.poll_timeout(), None);
}

/// W-R-032: wherever its bytes are cut, a handshake yields the same actions, accepted or refused.
#[test]
fn a_handshake_is_the_same_at_every_cut() {
    let answers = [
        Response::new(101).with_field("Upgrade", "websocket"),
        Response::new(403).with_body("text/plain", "no"),
    ];
    for answer in answers {
        let run = |cut: usize| {
            let mut peer = Peer::new(Config::default());
            let (first, second) = UPGRADE.as_bytes().split_at(cut);
            peer.feed(first, first.len().max(1));
            peer.feed(second, second.len().max(1));
            let request = peer.requests.first().cloned().expect("a request");
            peer.respond(0, answer.clone());
            (request.head, request.surplus, peer.log, peer.output)
        };
        let whole = run(0);
        for cut in 1..=UPGRADE.len() {
            assert_eq!(run(cut), whole, "cut at {cut}");
        }
    }
}

/// B-R-003: an answer's length counts the bytes of its encoded body, and there is no transfer coding.
#[test]
fn an_answers_length_counts_bytes() {
    let mut peer = Peer::new(Config::default());
    peer.feed(GET.as_bytes(), 100);
    peer.respond(
        0,
        Response::new(200).with_body("text/xml; charset=utf-8", "<body>\u{1f600}</body>"),
    );
    assert_eq!(
        peer.text(),
        "HTTP/1.1 200 OK\r\nContent-Type: text/xml; charset=utf-8\r\nContent-Length: 17\r\n\r\n<body>\u{1f600}</body>"
    );
}

/// W-R-025: an upgrade to websocket that is declined closes, and what was read behind it is dropped.
#[test]
fn a_declined_websocket_closes() {
    let mut peer = Peer::new(Config::default());
    peer.feed(format!("{UPGRADE}{GET}").as_bytes(), 1_000);
    peer.respond(0, Response::new(404));
    assert_eq!(
        peer.text(),
        "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    );
    assert_eq!(peer.log, ["GET /ws", "sent", "Ours", "Close"]);
    assert!(peer.input.is_empty());
}

/// An upgrade behind an answer that closes is forgotten: the peer's end is heard of, what it sends is dropped.
#[test]
fn an_upgrade_behind_an_answer_that_closes_is_forgotten() {
    let mut peer = Peer::new(Config::default());
    peer.feed(format!("{GET}{UPGRADE}frames").as_bytes(), 1_000);
    peer.respond(0, Response::new(204).closing());
    peer.respond(1, Response::new(101));
    assert_eq!(peer.log, ["GET /", "GET /ws", "sent", "Ours", "Close"]);
    assert!(peer.connection.wants_input() && peer.input.is_empty());
}

/// RFC 9110 §7.8: an offer of another protocol may be passed over, and the connection goes on.
#[test]
fn another_upgrade_is_passed_over() {
    let mut peer = Peer::new(Config::default());
    let head =
        "GET /h HTTP/1.1\r\nHost: x\r\nUpgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\n\r\n";
    peer.feed(format!("{head}{GET}").as_bytes(), 1_000);
    assert_eq!(peer.log, ["GET /h"]);
    peer.respond(0, Response::new(204));
    assert_eq!(peer.text(), NO_CONTENT);
    assert_eq!(peer.log, ["GET /h", "GET /", "sent"]);
}

/// `close`: what is owed still leaves, nothing more is read.
#[test]
fn close_answers_what_is_owed() {
    let mut peer = Peer::new(Config::default());
    peer.feed(GET.as_bytes(), 100);
    peer.feed(
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\na",
        100,
    );
    peer.connection.close(peer.now);
    peer.drive();
    peer.feed(format!("bc{GET}").as_bytes(), 100);
    assert_eq!(peer.log, ["GET /"]);
    peer.respond(0, Response::new(204));
    assert_eq!(
        peer.text(),
        "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"
    );
    assert_eq!(peer.log, ["GET /", "sent", "Ours", "Close"]);
    peer.connection.close(peer.now);
    peer.connection.handle_eof(peer.now);
    peer.drive();
    assert_eq!(peer.log[4..], ["Abort"]);
    assert_eq!(peer.connection.poll_timeout(), None);
}

/// B-R-168: `abort` drops everything, once.
#[test]
fn abort_answers_nothing() {
    let mut peer = Peer::new(Config::default());
    peer.feed(GET.as_bytes(), 100);
    peer.connection
        .respond(peer.requests[0].id, Response::new(204), peer.now);
    for _ in 0..2 {
        peer.connection.abort(peer.now);
        peer.drive();
        peer.feed(GET.as_bytes(), 100);
    }
    assert_eq!(peer.text(), "");
    assert_eq!(peer.log, ["GET /", "Ours", "Abort"]);
    assert!(!peer.connection.wants_input());
    assert_eq!(peer.connection.poll_timeout(), None);
}

/// W-R-028 and the other deadlines: each makes progress, and the end comes.
#[test]
fn deadlines_end_it() {
    let body = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n";
    for (input, output) in [("", ""), ("GET", "HTTP/1.1 408 "), (body, "HTTP/1.1 408 ")] {
        let mut peer = Peer::new(Config::default());
        peer.feed(input.as_bytes(), 100);
        wait_until_the_end(&mut peer);
        assert_eq!(peer.log, ["Timeout", "Close", "Abort"]);
        assert!(peer.text().starts_with(output));
    }
}

/// The deadlines are those of the configuration, from the moments that it names.
#[test]
fn deadlines_start_where_they_should() {
    let mut peer = Peer::new(Config::default());
    let after = |peer: &Peer| peer.connection.poll_timeout().map(|at| at - peer.now);
    assert_eq!(after(&peer), Some(Duration::from_secs(10)));
    peer.now += Duration::from_secs(4);
    peer.feed(b"POST / HTTP/1.1\r\n", 1);
    assert_eq!(after(&peer), Some(Duration::from_secs(6)));
    peer.feed(b"Host: x\r\nContent-Length: 2\r\n\r\n", 1);
    assert_eq!(after(&peer), Some(Duration::from_secs(30)));
    peer.now += Duration::from_secs(1);
    peer.feed(b"a", 1);
    assert_eq!(after(&peer), Some(Duration::from_secs(29)));
    peer.feed(b"b", 1);
    assert_eq!(after(&peer), None); // the application's turn
    peer.respond(0, Response::new(204));
    assert_eq!(after(&peer), Some(Duration::from_secs(75)));
    peer.now += Duration::from_secs(70);
    peer.feed(b"G", 1);
    assert_eq!(after(&peer), Some(Duration::from_secs(10)));
}

/// Keep-alive that runs out is our end, without an answer.
#[test]
fn an_idle_connection_is_closed_quietly() {
    let mut peer = Peer::new(Config::default());
    peer.feed(GET.as_bytes(), 100);
    peer.respond(0, Response::new(204));
    wait_until_the_end(&mut peer);
    assert_eq!(peer.text(), NO_CONTENT);
    assert_eq!(peer.log, ["GET /", "sent", "Ours", "Close", "Abort"]);
}

/// A peer that takes nothing is dropped after `write_timeout`; one that takes a piece in it is not.
#[test]
fn a_write_stall_ends_it() {
    let mut peer = Peer::new(Config::default());
    peer.feed(GET.as_bytes(), 100);
    let answer = Response::new(200).with_body("x/y", vec![0; 200_000]);
    peer.connection
        .respond(peer.requests[0].id, answer, peer.now);
    assert!(peer.connection.poll_transmit().is_some());
    let ten = Duration::from_secs(10);
    assert_eq!(peer.connection.poll_timeout(), Some(peer.now + ten));
    peer.now += Duration::from_secs(9);
    assert!(peer.connection.poll_transmit().is_some());
    peer.now += Duration::from_secs(1);
    peer.connection.handle_timeout(peer.now);
    peer.orders();
    assert_eq!(peer.log, ["GET /"]);
    assert_eq!(peer.connection.poll_timeout(), Some(peer.now + ten));
    peer.now += ten;
    peer.connection.handle_timeout(peer.now);
    peer.orders();
    assert_eq!(peer.log, ["GET /", "Timeout", "Abort"]);
    assert!(peer.connection.poll_transmit().is_none());
    assert_eq!(peer.connection.poll_timeout(), None);
}

/// After `Close` the peer has `write_timeout` to shut down.
#[test]
fn a_peer_that_does_not_shut_down_is_dropped() {
    let mut peer = Peer::new(Config::default());
    peer.feed(
        b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        100,
    );
    peer.respond(0, Response::new(204));
    let by = peer.now + Duration::from_secs(10);
    assert_eq!(peer.connection.poll_timeout(), Some(by));
    wait_until_the_end(&mut peer);
    assert_eq!(peer.log, ["GET /", "sent", "Peer", "Close", "Abort"]);
}

/// A fault's answer waits behind the answers that are owed, but not for ever.
#[test]
fn a_fault_behind_a_held_request_ends() {
    for fault in [
        "\0",
        "POST / HTTP/1.1\r\n",
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n",
    ] {
        let mut peer = Peer::new(Config::default());
        peer.feed(format!("{GET}{fault}").as_bytes(), 100);
        wait_until_the_end(&mut peer);
        let cause = if fault == "\0" {
            Cause::Fault(400)
        } else {
            Cause::Timeout
        };
        assert_eq!(
            peer.log,
            ["GET /".to_owned(), format!("{cause:?}"), "Abort".into()]
        );
        assert_eq!(peer.text(), "");
    }
    // Answered in time, the fault's answer leaves behind it.
    let mut peer = Peer::new(Config::default());
    peer.feed(format!("{GET}\0").as_bytes(), 100);
    let by = peer.now + Config::default().fault_timeout;
    assert_eq!(peer.connection.poll_timeout(), Some(by));
    peer.now = by - Duration::from_secs(1);
    peer.feed(b"more", 1);
    peer.respond(0, Response::new(204));
    assert_eq!(peer.text(), format!("{NO_CONTENT}{}", farewell(400)));
    assert_refused("\0", 400);
}

/// What comes after the last request is dropped up to a bound; then reading stops (W-R-164).
#[test]
fn what_is_discarded_is_bounded() {
    let mut peer = Peer::new(Config::default());
    peer.feed(b"\0", 1);
    peer.feed(&vec![b'a'; 262_142], 65_536);
    assert!(peer.connection.wants_input());
    peer.feed(b"a", 1);
    assert!(!peer.connection.wants_input());
    wait_until_the_end(&mut peer);
    assert_eq!(peer.log, ["Fault(400)", "Close", "Abort"]);
}

/// TR-51: read-EOF while an answer is owed.
#[test]
fn half_close_goes_on_where_configured() {
    for half_close in [false, true] {
        let mut config = Config::default();
        config.half_close = half_close;
        let mut peer = Peer::new(config);
        peer.feed(GET.as_bytes(), 100);
        peer.connection.handle_eof(peer.now);
        peer.drive();
        peer.respond(0, Response::new(204));
        if half_close {
            assert_eq!(peer.log, ["GET /", "sent", "Peer", "Close"]);
        } else {
            assert_eq!(peer.log, ["GET /", "Network", "Abort"]);
        }
    }
}

/// Read-EOF with nothing owed: between requests it is the peer's end, within one the network's.
#[test]
fn eof_tells_where_it_came() {
    for (input, cause) in [
        ("", "Peer"),
        ("GET", "Network"),
        (
            "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\na",
            "Network",
        ),
    ] {
        let mut peer = Peer::new(Config::default());
        peer.feed(input.as_bytes(), 100);
        peer.connection.handle_eof(peer.now);
        peer.connection.handle_eof(peer.now);
        peer.drive();
        assert_eq!(peer.log, [cause, "Close"]);
        assert_eq!(peer.text(), "");
        assert_eq!(peer.connection.poll_timeout(), None);
    }
}

/// Contract 4: time that goes back is clamped, and a timeout that is not due changes nothing.
#[test]
fn time_does_not_go_back() {
    let mut peer = Peer::new(Config::default());
    let start = peer.now;
    peer.connection
        .handle_timeout(start + Duration::from_secs(5));
    peer.connection.handle_timeout(start);
    assert_eq!(
        peer.connection.poll_timeout(),
        Some(start + Duration::from_secs(10))
    );
    peer.feed(GET.as_bytes(), 100);
    peer.respond(0, Response::new(204));
    assert_eq!(
        peer.connection.poll_timeout(),
        Some(start + Duration::from_secs(80))
    );
    assert!(!matches!(
        peer.connection.poll_action(),
        Some(Action::Deliver(Event::Closed(_)))
    ));
}
