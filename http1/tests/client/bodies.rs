//! How the body of an answer is delimited (RFC 9112 §6.3, §7.1).

use xmpp_http1::client::{Config, Reason, Request};

use crate::support::{Server, assert_fault, get, heard};

const OK: &str = "HTTP/1.1 200 OK\r\n";

fn chunked(body: &str) -> String {
    format!("{OK}Transfer-Encoding: chunked\r\n\r\n{body}")
}

/// RFC 9110 §8.6: a length that is repeated is one length, so that both ways of reading agree.
#[test]
fn a_length_delimits() {
    for fields in [
        "Content-Length: 2\r\n",
        "content-length:2\r\n",
        "Content-Length: 2\r\nContent-Length: 2\r\n",
        "Content-Length: 2, 2\r\n",
        "Content-Length: 002\r\n",
    ] {
        assert_eq!(
            heard(&get(), format!("{OK}{fields}\r\nhi")),
            ["200 hi"],
            "{fields}"
        );
    }
}

/// RFC 9112 §6.3: a client closes and throws away what it cannot delimit.
#[test]
fn a_length_that_is_ambiguous_is_refused() {
    for fields in [
        "Content-Length: 2\r\nContent-Length: 3\r\n",
        "Content-Length: 2, 3\r\n",
        "Content-Length:\r\n",
        "Content-Length: 2,\r\n",
        "Content-Length: +2\r\n",
        "Content-Length: -2\r\n",
        "Content-Length: 0x2\r\n",
        "Content-Length: 2 2\r\n",
        "Content-Length: \"2\"\r\n",
        "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 2\r\n",
        "Transfer-Encoding: gzip\r\nContent-Length: 2\r\n",
    ] {
        assert_fault(
            &get(),
            format!("{OK}{fields}\r\n2\r\nhi\r\n0\r\n\r\n"),
            Reason::LengthAmbiguous,
        );
    }
    assert_fault(
        &get(),
        "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
        Reason::LengthAmbiguous,
    );
}

#[test]
fn chunked_is_the_only_coding() {
    for value in [
        "gzip",
        "gzip, chunked",
        "chunked, gzip",
        "chunked, chunked",
        "identity",
        "xchunked",
        "chunked;q=1",
        "",
    ] {
        assert_fault(
            &get(),
            format!("{OK}Transfer-Encoding: {value}\r\n\r\n0\r\n\r\n"),
            Reason::CodingUnsupported,
        );
    }
    assert_fault(
        &get(),
        format!("{OK}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        Reason::CodingUnsupported,
    );
}

#[test]
fn chunks_join_and_their_trimmings_are_skipped() {
    for body in [
        "2\r\nhi\r\n0\r\n\r\n",
        "1\r\nh\r\n01\r\ni\r\n000\r\n\r\n",
        "2;name=\"v;\"\r\nhi\r\n0;x\r\n\r\n",
        "2 ;x\r\nhi\r\n0\r\nTrailer: 1\r\nB: 2\r\n\r\n",
    ] {
        assert_eq!(heard(&get(), chunked(body)), ["200 hi"], "{body:?}");
    }
}

#[test]
fn malformed_chunks_are_refused() {
    for body in [
        "x\r\n",
        "-2\r\n",
        "0x2\r\n",
        "\r\n",
        " 2\r\n",
        "2\nhi",
        "2\r\nhi0\r\n",
        "2\r\nhi\n0\r\n\r\n",
        "2\r\nhi\r\n0\r\n: x\r\n",
        "2\r\nhi\r\n0\r\nA b\r\n",
        "2\r\nhi\r\n0\r\n\rx",
        "00000000000000002\r\n",
    ] {
        assert_fault(&get(), chunked(body), Reason::ChunkMalformed);
    }
}

/// RFC 9112 §6.3: HEAD, 204 and 304 have no body, whatever their fields say.
#[test]
fn some_answers_have_no_body() {
    let head = Request::new("HEAD", "/", "h");
    for (request, answer, log) in [
        (
            &head,
            "HTTP/1.1 200 OK\r\nContent-Length: 9999999\r\n\r\n",
            "200 ",
        ),
        (
            &head,
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
            "200 ",
        ),
        (&head, "HTTP/1.1 200 OK\r\n\r\n", "200 "),
        (&get(), "HTTP/1.1 204 No Content\r\n\r\n", "204 "),
        (
            &get(),
            "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n",
            "304 ",
        ),
    ] {
        assert_eq!(heard(request, answer), [log], "{answer}");
        // The connection is idle: it takes the next request.
        let mut server = Server::asked(request.clone());
        server.feed(answer, 5);
        server.ask(get());
        server.feed("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx", 5);
        assert_eq!(server.log, [log, "200 x"]);
    }
}

/// RFC 9112 §6.3: without a length the body ends with the connection, where the connection ends in order.
#[test]
fn the_end_of_the_connection_delimits() {
    for (end, log) in [
        ("eof", &["200 hi there", "Peer", "Close"][..]),
        ("reset", &["Network", "Abort"][..]),
    ] {
        for step in [1, 100] {
            let mut server = Server::asked(get());
            server.feed(format!("{OK}\r\nhi there"), step);
            assert_eq!(server.log, [""; 0]);
            match end {
                "eof" => server.end(),
                _ => {
                    server.connection.handle_reset(server.now);
                    server.drive();
                }
            }
            assert_eq!(server.log, log);
        }
    }
}

#[test]
fn the_bound_on_a_body_is_exact() {
    let mut config = Config::default();
    config.limits.body_bytes = 8;
    let known =
        |length: usize| format!("{OK}Content-Length: {length}\r\n\r\n{}", "x".repeat(length));
    let chunks = |length: usize| chunked(&format!("4\r\nabcd\r\n{length:x}\r\n"));
    let until_end = |length: usize| format!("{OK}\r\n{}", "x".repeat(length));
    for (answer, past) in [
        (known(8), known(9)),
        (chunks(4), chunks(5)),
        (until_end(8), until_end(9)),
    ] {
        for step in [1, 1_000] {
            let mut server = Server::new(config.clone());
            server.ask(get());
            server.feed(&answer, step);
            assert!(!server.log.contains(&"Abort".into()), "{answer}");
            let mut server = Server::new(config.clone());
            server.ask(get());
            server.feed(&past, step);
            assert_eq!(server.log, ["Fault(BodyTooLong)", "Abort"], "{past}");
        }
    }
    assert_fault(
        &get(),
        format!("{OK}Content-Length: 99999999999999999999999999\r\n\r\n"),
        Reason::BodyTooLong,
    );
}

/// `head_bytes` also bounds a chunked body's trailers and extensions.
#[test]
fn trailers_and_extensions_are_bounded() {
    let pad = "x".repeat(16_400);
    assert_fault(
        &get(),
        chunked(&format!("0\r\nA: {pad}\r\n\r\n")),
        Reason::HeadTooLong,
    );
    assert_fault(
        &get(),
        chunked(&format!("1;{pad}\r\n")),
        Reason::ChunkMalformed,
    );
}
