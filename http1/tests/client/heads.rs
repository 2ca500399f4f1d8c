//! Heads of answers (RFC 9112 §4, §5).

use xmpp_http1::{
    Version,
    client::{Config, Reason},
};

use crate::support::{Server, assert_fault, get, heard};

fn with(fields: &str) -> String {
    format!("HTTP/1.1 200 OK\r\n{fields}Content-Length: 0\r\n\r\n")
}

/// RFC 9112 §4: the reason may be anything, or nothing; RFC 9110 §2.5: the minor version may be a later one.
#[test]
fn the_reason_is_not_read() {
    for line in [
        "HTTP/1.1 200 OK",
        "HTTP/1.1 200 ",
        "HTTP/1.1 200",
        "HTTP/1.1 200 Ja wohl!",
        "HTTP/1.1 200 \u{e9}",
        "HTTP/1.2 200 OK",
    ] {
        let answer = format!("{line}\r\nContent-Length: 0\r\n\r\n");
        assert_eq!(heard(&get(), answer), ["200 "], "{line}");
    }
}

#[test]
fn a_status_line_that_is_none_is_refused() {
    for line in [
        "HTTP/2.0 200 OK",
        "HTTP/1.10 200 OK",
        "HTTP/1.: 200 OK",
        "HTTP/0.9 200 OK",
        "http/1.1 200 OK",
        "HTTP/1.1  200 OK",
        "HTTP/1.1 20 OK",
        "HTTP/1.1 2000 OK",
        "HTTP/1.1 2x0 OK",
        "HTTP/1.1 099 OK",
        "HTTP/1.1 200\tOK",
        "ICY 200 OK",
        " HTTP/1.1 200 OK",
        "",
        "<html>",
        "SSH-2.0-OpenSSH_9.6",
    ] {
        assert_fault(
            &get(),
            format!("{line}\r\nContent-Length: 0\r\n\r\n"),
            Reason::HeadMalformed,
        );
    }
}

/// Another protocol is known by its first octets: there may never be an end of a head.
#[test]
fn another_protocol_is_seen_at_once() {
    for greeting in ["SSH-2.0-x", "220 mail", "HTTP/2", "<", "\x15\x03"] {
        assert_fault(&get(), greeting, Reason::HeadMalformed);
    }
    assert_eq!(heard(&get(), "HTTP/1."), [""; 0]);
}

#[test]
fn versions_and_fields_are_given_as_they_came() {
    let mut server = Server::asked(get());
    server.feed(
        b"HTTP/1.0 404 No\r\nContent-Length: 0\r\nA:  b c \r\nX: \xff\r\nA: d\r\n\r\n",
        3,
    );
    let head = &server.responses[0].head;
    assert_eq!((head.status(), head.version()), (404, Version::Http10));
    assert_eq!(head.fields("a").collect::<Vec<_>>(), [&b"b c"[..], b"d"]);
    assert_eq!(head.field("x"), Some(&[0xff][..]));
}

/// RFC 9112 §5.2: a client reads a folded line as one; before the first field it is refused (§2.2).
#[test]
fn folded_lines_are_one_line() {
    let mut server = Server::asked(get());
    server.feed(
        "HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\td\r\nContent-Length:\r\n 2\r\n\r\nhi",
        1,
    );
    assert_eq!(server.log, ["200 hi"]);
    assert_eq!(
        server.responses[0].head.field("a"),
        Some(&b"b   c  \td"[..])
    );
    assert_fault(
        &get(),
        "HTTP/1.1 200 OK\r\n Content-Length: 0\r\n\r\n",
        Reason::HeadMalformed,
    );
}

/// RFC 9112 §2.2, §5.1; RFC 9110 §5.5: nothing that one reader takes for the end of a line and another does not.
#[test]
fn what_could_be_read_in_two_ways_is_refused() {
    for fields in [
        "A : b\r\n",
        ": b\r\n",
        "A\r\n",
        "A: b\n",
        "A: b\rC: d\r\n",
        "A: b\0\r\n",
        "A: b\x7f\r\n",
        "A b: c\r\n",
        "A\u{e9}: c\r\n",
    ] {
        assert_fault(&get(), with(fields), Reason::HeadMalformed);
    }
}

#[test]
fn the_bounds_on_a_head_are_exact() {
    let limits = Config::default().limits;
    let pad = |length: usize| format!("A: {}\r\n", "b".repeat(length - with("A: \r\n").len()));
    assert_eq!(heard(&get(), with(&pad(limits.head_bytes))), ["200 "]);
    assert_fault(
        &get(),
        with(&pad(limits.head_bytes + 1)),
        Reason::HeadTooLong,
    );
    let lines = |count: usize| with(&"A: b\r\n".repeat(count - 1));
    assert_eq!(heard(&get(), lines(limits.fields)), ["200 "]);
    assert_fault(&get(), lines(limits.fields + 1), Reason::HeadTooLong);
    let reason = |length: usize| {
        let pad = "x".repeat(length - "HTTP/1.1 200 ".len());
        format!("HTTP/1.1 200 {pad}\r\nContent-Length: 0\r\n\r\n")
    };
    assert_eq!(heard(&get(), reason(limits.start_line_bytes)), ["200 "]);
    assert_fault(
        &get(),
        reason(limits.start_line_bytes + 1),
        Reason::HeadTooLong,
    );
}

/// An endless head is refused at the bound, and not kept.
#[test]
fn an_endless_head_ends_at_the_bound() {
    let mut server = Server::asked(get());
    server.feed("HTTP/1.1 200 OK\r\n", 64);
    let mut fed = 17;
    while server.log.is_empty() {
        server.feed("A: bbbbbbbbbbbb\r\n", 64);
        fed += 17;
        assert!(fed <= 16_384 + 17, "refused too late");
    }
    assert_eq!(server.log, ["Fault(HeadTooLong)", "Abort"]);
}
