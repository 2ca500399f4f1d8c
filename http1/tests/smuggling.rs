//! Request smuggling: where two readers could see different requests there is one answer, and nothing after it.

mod support;

use support::{Peer, assert_refused, farewell};
use xmpp_http1::{Response, server::Config};

const HIDDEN: &str = "GET /hidden HTTP/1.1\r\nHost: x\r\n\r\n";

/// Heads whose length is in doubt, each with what one of two readers takes for a request.
fn ambiguous() -> Vec<(String, u16)> {
    let post =
        |fields: &str, body: &str| format!("POST / HTTP/1.1\r\nHost: x\r\n{fields}\r\n{body}");
    let length = HIDDEN.len();
    let chunk = "0\r\n\r\n";
    vec![
        // CL.TE and TE.CL
        (
            post(
                &format!(
                    "Content-Length: {}\r\nTransfer-Encoding: chunked\r\n",
                    length + 5
                ),
                chunk,
            ),
            400,
        ),
        (
            post("Transfer-Encoding: chunked\r\nContent-Length: 4\r\n", chunk),
            400,
        ),
        // CL.CL
        (
            post(
                &format!("Content-Length: 0\r\nContent-Length: {length}\r\n"),
                "",
            ),
            400,
        ),
        (post(&format!("Content-Length: 0, {length}\r\n"), ""), 400),
        (post("Content-Length: 0\r\nContent-Length: 0\r\n", ""), 400),
        // Hidden codings (TE.TE)
        (
            post(
                "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
                chunk,
            ),
            400,
        ),
        (post("Transfer-Encoding: xchunked\r\n", chunk), 400),
        (post("Transfer-Encoding: identity, chunked\r\n", chunk), 501),
        (post("Transfer-Encoding:\x0bchunked\r\n", chunk), 400),
        (post("Transfer-Encoding: chunked\x0c\r\n", chunk), 400),
        (post("Transfer-Encoding : chunked\r\n", chunk), 400),
        (post("Transfer-Encoding\t: chunked\r\n", chunk), 400),
        (post("Transfer-Encoding\r\n : chunked\r\n", chunk), 400),
        (post("Transfer-Encoding:\r\n chunked\r\n", chunk), 400),
        (post(" Transfer-Encoding: chunked\r\n", chunk), 400),
        (post("X: y\nTransfer-Encoding: chunked\r\n", chunk), 400),
        (post("X: y\rTransfer-Encoding: chunked\r\n", chunk), 400),
        (post("X: y\0\r\nContent-Length: 0\r\n", ""), 400),
        (post("Content-Length: +0\r\n", ""), 400),
        (post("Content-Length: 0x0\r\n", ""), 400),
        (post("Content_Length : 5\r\n", ""), 400),
        // Chunks
        (post("Transfer-Encoding: chunked\r\n", "0\n\n"), 400),
        (post("Transfer-Encoding: chunked\r\n", "0\r\n\n"), 400),
        (
            post("Transfer-Encoding: chunked\r\n", "1\r\nxx\r\n0\r\n\r\n"),
            400,
        ),
        (
            post("Transfer-Encoding: chunked\r\n", "1;\nxx\r\n0\r\n\r\n"),
            400,
        ),
        (
            post("Transfer-Encoding: chunked\r\n", "10000000000000000\r\n"),
            413,
        ),
        (
            post("Transfer-Encoding: chunked\r\n", "0\r\nA\n: b\r\n\r\n"),
            400,
        ),
        // HTTP/1.0
        (
            "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n".into(),
            400,
        ),
        (
            "POST / HTTP/1.0\r\nContent-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n".into(),
            400,
        ),
        // Two readings of the host
        (
            "GET http://a/ HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n".into(),
            400,
        ),
        ("GET / HTTP/1.1\r\nHost: a\r\n Host: b\r\n\r\n".into(), 400),
    ]
}

/// W-R-023, RFC 9112 §6.3: what follows a head whose length is in doubt is never read as a request.
#[test]
fn nothing_behind_an_ambiguous_head_is_a_request() {
    for (case, status) in ambiguous() {
        assert_refused(case + HIDDEN, status);
    }
}

/// A fault behind good requests: these are answered, in order, and then it is.
#[test]
fn a_fault_behind_good_requests_is_the_last_answer() {
    for (case, status) in ambiguous() {
        let mut peer = Peer::new(Config::default());
        let good = "GET /a HTTP/1.1\r\nHost: x\r\n\r\nGET /b HTTP/1.1\r\nHost: x\r\n\r\n";
        peer.feed(format!("{good}{case}{HIDDEN}").as_bytes(), 11);
        peer.feed(HIDDEN.as_bytes(), 5);
        assert_eq!(peer.log, ["GET /a", "GET /b"]);
        peer.respond(1, Response::new(204));
        peer.respond(0, Response::new(204));
        let ok = "HTTP/1.1 204 No Content\r\n\r\n";
        assert_eq!(peer.text(), format!("{ok}{ok}{}", farewell(status)));
        assert_eq!(
            peer.log[2..],
            [
                "sent".to_owned(),
                "sent".into(),
                format!("Fault({status})"),
                "Close".into()
            ]
        );
    }
}

/// RFC 9112 §9.6: nothing behind a request that closes is one.
#[test]
fn nothing_behind_connection_close_is_a_request() {
    for last in [
        "GET /a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        "GET /a HTTP/1.1\r\nHost: x\r\nConnection: keep-alive, CLOSE\r\n\r\n",
        "GET /a HTTP/1.0\r\n\r\n",
    ] {
        let mut peer = Peer::new(Config::default());
        peer.feed(format!("{last}{HIDDEN}").as_bytes(), 13);
        peer.respond(0, Response::new(204));
        peer.feed(HIDDEN.as_bytes(), 13);
        assert_eq!(
            peer.text(),
            "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"
        );
        assert_eq!(peer.log, ["GET /a", "sent", "Peer", "Close"]);
    }
}

/// A body is a body, whatever it looks like.
#[test]
fn a_request_inside_a_body_is_no_request() {
    let length = HIDDEN.len();
    for input in [
        format!("GET /a HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n{HIDDEN}"),
        format!(
            "GET /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n{length:x}\r\n{HIDDEN}\r\n0\r\n\r\n"
        ),
    ] {
        let mut peer = Peer::new(Config::default());
        peer.feed(input.as_bytes(), 6);
        assert_eq!(peer.log, ["GET /a"]);
        assert_eq!(peer.requests[0].body, HIDDEN);
    }
}
