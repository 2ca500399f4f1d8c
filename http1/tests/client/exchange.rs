//! Requests and their answers on one connection: order, persistence, interim answers, upgrade, tunnel.

use bytes::Bytes;
use xmpp_http1::client::{Config, Flaw, Progress, Request, SendError};

use crate::support::{Server, assert_fault, get, heard};

const ANSWER: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";

fn post(body: impl Into<Bytes>) -> Request {
    Request::new("POST", "/http-bind", "h").with_body("text/xml; charset=utf-8", body)
}

/// B-R-014: no second request on a busy connection, RFC 9112 §9.3.2; the refused one comes back as it was.
#[test]
fn a_busy_connection_takes_no_second_request() {
    let mut server = Server::asked(get());
    let second = post("second");
    for state in ["sent", "in the head", "in the body"] {
        let refused = server.connection.send(second.clone(), server.now);
        assert_eq!(refused, Err(SendError::Busy(second.clone())), "{state}");
        server.feed(&ANSWER[..if state == "sent" { 10 } else { 30 }], 100);
    }
    server = Server::asked(get());
    server.feed(ANSWER, 100);
    server.ask(second);
    server.feed(ANSWER, 100);
    assert_eq!(server.log, ["200 hi", "200 hi"]);
    assert_eq!(
        server.text(),
        "GET / HTTP/1.1\r\nHost: h\r\n\r\n\
         POST /http-bind HTTP/1.1\r\nHost: h\r\nContent-Type: text/xml; charset=utf-8\r\nContent-Length: 6\r\n\r\nsecond"
    );
    assert_ne!(server.responses[0].id, server.responses[1].id);
}

/// B-R-003: `Content-Length` counts the bytes of the encoded body, and there is no transfer coding.
#[test]
fn the_length_counts_bytes() {
    let server = Server::asked(post("<body>\u{1f600}</body>"));
    assert!(server.text().contains("\r\nContent-Length: 17\r\n"));
    assert!(!server.text().contains("Transfer-Encoding"));
}

/// A long body leaves in pieces, whole and in order, and without a copy.
#[test]
fn a_long_body_leaves_in_pieces() {
    let body: Vec<u8> = (0..200_000u32).flat_map(u32::to_le_bytes).collect();
    let mut server = Server::new(Config::default());
    let body = Bytes::from(body);
    server
        .connection
        .send(post(body.clone()), server.now)
        .expect("idle");
    let first = server.connection.poll_transmit().expect("bytes");
    assert!(first.head.ends_with(b"\r\n\r\n"));
    assert_eq!(first.payload.as_ptr(), body.as_ptr());
    assert_eq!(first.payload.len(), 65_536);
    server.drive();
    assert_eq!([&first.payload[..], &server.output].concat(), body);
}

#[test]
fn the_connection_goes_on_or_ends_as_the_server_says() {
    for (answer, goes_on) in [
        ("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", true),
        (
            "HTTP/1.1 200 OK\r\nConnection: x, Close\r\nContent-Length: 0\r\n\r\n",
            false,
        ),
        ("HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", false),
        (
            "HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 0\r\n\r\n",
            true,
        ),
        (
            "HTTP/1.0 200 OK\r\nConnection: keep-alive, close\r\nContent-Length: 0\r\n\r\n",
            false,
        ),
    ] {
        let mut server = Server::asked(get());
        server.feed(answer, 9);
        let end: &[&str] = if goes_on {
            &["200 "]
        } else {
            &["200 ", "Peer", "Close"]
        };
        assert_eq!(server.log, end, "{answer}");
        let next = server.connection.send(get(), server.now);
        assert_eq!(next.is_ok(), goes_on, "{answer}");
    }
}

#[test]
fn a_request_that_closes_is_the_last() {
    let mut server = Server::asked(get().closing());
    assert!(server.text().ends_with("Connection: close\r\n\r\n"));
    server.feed(ANSWER, 100);
    assert_eq!(server.log, ["200 hi", "Ours", "Close"]);
    let refused = server.connection.send(get(), server.now);
    assert_eq!(refused, Err(SendError::Closed(get())));
}

/// RFC 9110 §15.2: interim answers are skipped, up to the bound.
#[test]
fn interim_answers_are_skipped_up_to_the_bound() {
    let interim = "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n";
    assert_eq!(heard(&get(), interim.repeat(8) + ANSWER), ["200 hi"]);
    assert_eq!(
        heard(&get(), format!("HTTP/1.1 100\r\n\r\n{ANSWER}")),
        ["200 hi"]
    );
    assert_fault(
        &get(),
        interim.repeat(9),
        xmpp_http1::client::Reason::TooManyInterim,
    );
    // The bound is for each answer anew.
    let mut server = Server::asked(get());
    for _ in 0..3 {
        server.feed(interim.repeat(8) + ANSWER, 50);
        server.ask(get());
    }
    assert_eq!(server.log, ["200 hi"; 3]);
}

/// RFC 9110 §7.8: the 101 is delivered, then the stream belongs to the next protocol, with what came behind the head.
#[test]
fn an_upgrade_leaves_the_bytes_behind_it() {
    let request = get().with_field("Upgrade", "websocket");
    let answer = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n\x01\x02";
    let mut server = Server::asked(request.clone());
    assert!(
        server
            .text()
            .contains("\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n")
    );
    server.feed(answer, 1_000);
    assert_eq!(server.log, ["101 ", "Detach"]);
    assert_eq!(server.input, "\x01\x02");
    assert_eq!(server.connection.poll_timeout(), None);
    assert!(!server.connection.wants_input());
    // Another answer is an answer like any other.
    let mut server = Server::asked(request);
    server.feed(
        "HTTP/1.1 426 No\r\nUpgrade: x\r\nContent-Length: 2\r\n\r\nno",
        7,
    );
    assert_eq!(server.log, ["426 no"]);
}

#[test]
fn a_101_that_nobody_asked_for_is_a_fault() {
    let answer = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n";
    assert_fault(&get(), answer, xmpp_http1::client::Reason::UpgradeUnasked);
    // Also where the request is still on its way.
    let mut server = Server::new(Config::default());
    let request = post(vec![b'x'; 100_000]).with_field("Upgrade", "websocket");
    server.connection.send(request, server.now).expect("idle");
    server.connection.poll_transmit().expect("the first piece");
    server.input.extend_from_slice(answer.as_bytes());
    server
        .connection
        .handle_input(&mut server.input, server.now);
    server.orders();
    assert_eq!(server.log, ["Fault(UpgradeUnasked)", "Abort"]);
}

/// RFC 9110 §9.3.6: a 2xx to CONNECT has no body and gives the connection away; any other answer is one.
#[test]
fn a_tunnel_is_given_away() {
    let connect = Request::new("CONNECT", "x.example:5222", "x.example:5222");
    for fields in [
        "",
        "Content-Length: 5\r\n",
        "Transfer-Encoding: chunked\r\n",
    ] {
        let mut server = Server::asked(connect.clone());
        assert_eq!(
            server.text(),
            "CONNECT x.example:5222 HTTP/1.1\r\nHost: x.example:5222\r\n\r\n"
        );
        server.feed(format!("HTTP/1.1 200 Go\r\n{fields}\r\ntunnel"), 1_000);
        assert_eq!(server.log, ["200 ", "Detach"]);
        assert_eq!(server.input, "tunnel");
    }
    let mut server = Server::asked(connect);
    server.feed("HTTP/1.1 407 No\r\nContent-Length: 2\r\n\r\nno", 3);
    assert_eq!(server.log, ["407 no"]);
}

/// What answers nothing ends the connection at once: it would be taken for the answer to the next request.
#[test]
fn bytes_that_answer_nothing_end_it() {
    let unsolicited = ["Fault(Unsolicited)", "Abort"];
    let mut server = Server::new(Config::default());
    server.feed(ANSWER, 1_000);
    assert_eq!(server.log, unsolicited);
    for surplus in [ANSWER, "\r\n", "x"] {
        let expected: Vec<_> = ["200 hi"].into_iter().chain(unsolicited).collect();
        assert_eq!(heard(&get(), format!("{ANSWER}{surplus}")), expected);
    }
    // A 204 with a body: the body is no answer.
    let log = heard(&get(), "HTTP/1.1 204 No\r\nContent-Length: 2\r\n\r\nhi");
    assert_eq!(log, ["204 ", "Fault(Unsolicited)", "Abort"]);
    // Before a byte of the request was given out nothing can be its answer, and it may be sent again.
    let mut server = Server::new(Config::default());
    let id = server.connection.send(get(), server.now).expect("idle");
    server.input.extend_from_slice(b"HTTP/1.1 408 Late\r\n");
    server
        .connection
        .handle_input(&mut server.input, server.now);
    server.orders();
    assert_eq!(server.log, unsolicited);
    let unanswered = server.closed[0].unanswered.expect("the request");
    assert_eq!((unanswered.id, unanswered.progress), (id, Progress::Unsent));
}

/// RFC 9112 §9.3: an answer that comes before its request has left is the last.
#[test]
fn an_early_answer_ends_it() {
    let mut server = Server::new(Config::default());
    server
        .connection
        .send(post(vec![b'x'; 300_000]), server.now)
        .expect("idle");
    server.connection.poll_transmit().expect("the first piece");
    server
        .input
        .extend_from_slice(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n");
    server
        .connection
        .handle_input(&mut server.input, server.now);
    server.drive();
    assert_eq!(server.log, ["413 ", "Ours", "Close"]);
    assert_eq!(server.text(), "");
}

#[test]
fn what_is_no_request_comes_back() {
    let mut server = Server::new(Config::default());
    let request = get().with_field("A", "b\r\nC: d");
    let refused = server.connection.send(request.clone(), server.now);
    assert_eq!(refused, Err(SendError::Invalid(request, Flaw::Field)));
    server.ask(get());
    assert_eq!(server.text(), "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
}
