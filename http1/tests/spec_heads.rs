//! Heads (RFC 9112 §2 to §5; websocket.md W-R-002 to 004, 019, 022, 024, 027 to 029).

mod support;

use support::{Peer, assert_refused};
use xmpp_http1::{Response, Version, server::Config};

/// The head of a request that is good, with these field lines added.
fn with(fields: &str) -> String {
    format!("GET / HTTP/1.1\r\nHost: x\r\n{fields}\r\n")
}

/// A good head comes through, at every cut, and its answer leaves.
fn accepted(head: &str) -> xmpp_http1::RequestHead {
    let mut heads = Vec::new();
    for step in [1, 7, head.len()] {
        let mut peer = Peer::new(Config::default());
        peer.feed(head.as_bytes(), step);
        assert_eq!(peer.requests.len(), 1, "{head:?}: {}", peer.text());
        heads.push(peer.requests[0].head.clone());
        peer.respond(0, Response::new(204));
        assert!(
            peer.text().starts_with("HTTP/1.1 204 No Content\r\n"),
            "{head:?}"
        );
    }
    assert!(heads.iter().all(|head| *head == heads[0]));
    heads.remove(0)
}

/// W-R-002, RFC 9112 §3.1: the method is any token, in its own case; which ones are served is the application's.
#[test]
fn a_method_is_a_token_in_its_own_case() {
    assert_eq!(
        accepted("get / HTTP/1.1\r\nHost: x\r\n\r\n").method(),
        "get"
    );
    let odd = accepted("M-SEARCH! / HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_eq!(odd.method(), "M-SEARCH!");
    assert_refused("G(T / HTTP/1.1\r\nHost: x\r\n\r\n", 400);
    assert_refused(" GET / HTTP/1.1\r\nHost: x\r\n\r\n", 400);
    assert_refused("/ HTTP/1.1\r\nHost: x\r\n\r\n", 400);
}

/// RFC 9112 §2.3: 1.0 and 1.1, and later minor versions as 1.1 (RFC 9110 §2.5); another major version gets 505 (§15.6.6), another name 400.
#[test]
fn versions_are_1_0_and_1_1() {
    assert_eq!(
        accepted("GET / HTTP/1.0\r\n\r\n").version(),
        Version::Http10
    );
    assert_eq!(accepted(&with("")).version(), Version::Http11);
    for later in ["HTTP/1.2", "HTTP/1.9"] {
        let head = accepted(&format!(
            "GET /HTTP/1.2 {later}\r\nHost: x\r\nA: HTTP/1.2\r\n\r\n"
        ));
        assert_eq!(
            (head.version(), head.target()),
            (Version::Http11, "/HTTP/1.2")
        );
        assert_eq!(head.field("a"), Some(&b"HTTP/1.2"[..]));
        assert_refused(format!("GET / {later}\r\n\r\n"), 400);
        assert_refused(format!("GET / {later}\r\nHost: x\r\nA : b\r\n\r\n"), 400);
    }
    for version in ["HTTP/2.0", "HTTP/0.9", "HTTP/3.0"] {
        assert_refused(format!("GET / {version}\r\nHost: x\r\n\r\n"), 505);
    }
    for version in [
        "HTTX/1.1",
        "http/1.1",
        "HTTP/1.1.",
        "HTTP/11",
        "HTTP/1",
        "HTTP/1.10",
    ] {
        assert_refused(format!("GET / {version}\r\nHost: x\r\n\r\n"), 400);
    }
    assert_refused("GET /\r\nHost: x\r\n\r\n", 400);
    assert_refused("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505);
}

/// RFC 9112 §3: one space between the parts of the start line.
#[test]
fn the_start_line_has_single_spaces() {
    for line in [
        "GET  / HTTP/1.1",
        "GET /  HTTP/1.1",
        "GET / HTTP/1.1 ",
        "GET\t/ HTTP/1.1",
        "GET /a b HTTP/1.1",
    ] {
        assert_refused(format!("{line}\r\nHost: x\r\n\r\n"), 400);
    }
}

/// RFC 9112 §2.2: an empty line or two before the start line is skipped, more are not.
#[test]
fn empty_lines_before_the_start_line_are_skipped() {
    assert_eq!(accepted(&format!("\r\n\r\n{}", with(""))).target(), "/");
    assert_refused(format!("\r\n\r\n\r\n{}", with("")), 400);
    assert_refused(format!("\r{}", with("")), 400);
    assert_refused(format!("\n{}", with("")), 400);
}

/// W-R-003, RFC 9112 §3.2: origin-form and absolute-form, whose authority replaces Host.
#[test]
fn the_authority_of_an_absolute_target_replaces_host() {
    let head = accepted("GET http://a.example:81/p?q HTTP/1.1\r\nHost: b.example\r\n\r\n");
    assert_eq!(head.authority(), Some("a.example:81"));
    assert_eq!((head.path(), head.query()), (Some("/p"), Some("q")));
    let head = accepted("GET /p?q HTTP/1.1\r\nHost: b.example\r\n\r\n");
    assert_eq!(head.authority(), Some("b.example"));
    assert_eq!((head.path(), head.query()), (Some("/p"), Some("q")));
}

/// W-R-003, RFC 9112 §3.2.3, §3.2.4: authority-form is CONNECT's and `*` is OPTIONS's alone.
#[test]
fn other_target_forms_are_refused() {
    for target in [
        "*",
        "x:1",
        "x",
        "http://",
        "http://u@x/",
        "?q",
        "/a#b",
        "a/b",
    ] {
        assert_refused(format!("GET {target} HTTP/1.1\r\nHost: x\r\n\r\n"), 400);
    }
    assert_refused("CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n", 405);
    assert_refused("CONNECT / HTTP/1.1\r\nHost: x\r\n\r\n", 400);
    let head = accepted("OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_eq!((head.target(), head.path()), ("*", None));
}

/// W-R-004, RFC 9112 §3.2: exactly one valid Host; HTTP/1.0 may leave it out, but not name two.
#[test]
fn host_comes_exactly_once_and_is_valid() {
    assert_refused("GET / HTTP/1.1\r\n\r\n", 400);
    assert_refused(with("Host: x\r\n"), 400);
    assert_refused(with("host: y\r\n"), 400);
    assert_refused("GET / HTTP/1.0\r\nHost: x\r\nHost: x\r\n\r\n", 400);
    for host in [
        "", "a b", "a,b", "u@a", "a/b", "a:b", "a:65536", "[::1", "a:1:2",
    ] {
        let head = format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n");
        if host == "a,b" {
            assert_eq!(accepted(&head).authority(), Some("a,b")); // RFC 3986 §3.2.2 sub-delims
        } else {
            assert_refused(head, 400);
        }
    }
    for host in ["x:5280", "[::1]:80", "127.0.0.1", "X.Example"] {
        let head = accepted(&format!("GET / HTTP/1.1\r\nHOST:\t{host} \r\n\r\n"));
        assert_eq!(head.authority(), Some(host));
    }
}

/// W-R-024, RFC 9112 §5.1: no white space between a name and its colon, and a name is a token.
#[test]
fn a_field_name_is_a_token_up_to_its_colon() {
    for line in [
        "A : b",
        "A\t: b",
        ": b",
        "A",
        "A(: b",
        "\u{e9}: b",
        "A b: c",
    ] {
        assert_refused(with(&format!("{line}\r\n")), 400);
    }
}

/// W-R-024, RFC 9112 §5.2: a folded line is refused, also as the first.
#[test]
fn folded_lines_are_refused() {
    assert_refused(with("A: b\r\n c\r\n"), 400);
    assert_refused(with("A: b\r\n\tc\r\n"), 400);
    assert_refused("GET / HTTP/1.1\r\n Host: x\r\nHost: x\r\n\r\n", 400);
}

/// W-R-024, RFC 9112 §2.2: lines end in CRLF.
#[test]
fn bare_line_ends_are_refused() {
    assert_refused(with("A: b\rc\r\n"), 400);
    assert_refused(with("A: b\nC: d\r\n"), 400);
    assert_refused("GET / HTTP/1.1\nHost: x\r\n\r\n", 400);
    assert_refused("GET / HTTP/1.1\r\nHost: x\n\r\n", 400);
    assert_refused("GET / HTTP/1.1\r\nHost: x\r\n\n", 400);
    assert_refused("GET / HTTP/1.1\r\nHost: x\r\r\n\r\n", 400);
}

/// W-R-024, RFC 9110 §5.5: no NUL or other control in a value but tab.
#[test]
fn controls_in_values_are_refused() {
    for octet in (0..0x20).chain([0x7f]) {
        let text = char::from(octet);
        match text {
            '\t' => {
                assert_eq!(
                    accepted(&with("A: b\tc\r\n")).field("a"),
                    Some(&b"b\tc"[..])
                );
            }
            '\n' | '\r' => {}
            other => assert_refused(with(&format!("A: b{other}c\r\n")), 400),
        }
    }
}

/// W-R-029: a value is octets; the target is text.
#[test]
fn values_are_opaque_and_targets_are_text() {
    let mut peer = Peer::new(Config::default());
    peer.feed(b"GET / HTTP/1.1\r\nHost: x\r\nA: \xff\xfe\r\n\r\n", 3);
    assert_eq!(peer.requests[0].head.field("A"), Some(&b"\xff\xfe"[..]));
    assert_refused(b"GET /\xff HTTP/1.1\r\nHost: x\r\n\r\n", 400);
    assert_refused(b"GET / HTTP/1.1\r\nHost: \xff\r\n\r\n", 400);
}

/// RFC 9112 §5.1: the white space around a value is not part of it; a value may be empty.
#[test]
fn values_are_trimmed() {
    let head = accepted(&with("A: \t b c \t\r\nB:\r\nC: \r\n"));
    assert_eq!(head.field("a"), Some(&b"b c"[..]));
    assert_eq!(head.field("b"), Some(&b""[..]));
    assert_eq!(head.field("c"), Some(&b""[..]));
}

/// What is exactly at a bound is let through at every pace, one more gets `status`.
fn bound(at: String, past: String, status: u16) {
    for step in [1_000, 300_000] {
        let mut peer = Peer::new(Config::default());
        peer.feed(at.as_bytes(), step);
        assert_eq!((peer.requests.len(), peer.text()), (1, ""), "{status}");
    }
    assert_refused(past, status);
}

/// W-R-027: `head_bytes` counts the head with its blank line.
#[test]
fn the_bound_on_a_heads_bytes_is_exact() {
    let head = |size: usize| {
        with(&format!(
            "A: {}\r\n",
            "a".repeat(size - with("A: \r\n").len())
        ))
    };
    bound(head(16_384), head(16_385), 431);
}

/// W-R-027: `start_line_bytes` counts the start line without its end.
#[test]
fn the_bound_on_the_start_line_is_exact() {
    let line = |size: usize| format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "a".repeat(size - 14));
    bound(line(8_192), line(8_193), 414);
}

/// W-R-027: `fields` counts field lines.
#[test]
fn the_bound_on_field_lines_is_exact() {
    let fields = |count: usize| with(&"A: b\r\n".repeat(count - 1));
    bound(fields(100), fields(101), 431);
}

/// W-R-027: a head without an end is refused at the bound, not read on.
#[test]
fn an_endless_head_is_refused_at_the_bound() {
    let mut peer = Peer::new(Config::default());
    peer.feed("a".repeat(8_193).as_bytes(), 1);
    assert_eq!(peer.text(), "");
    peer.feed(b"a", 1);
    assert_eq!(peer.text(), support::farewell(414));
    let mut peer = Peer::new(Config::default());
    let open = "GET / HTTP/1.1\r\nA: ";
    peer.feed(open.as_bytes(), 1);
    peer.feed("a".repeat(16_383 - open.len()).as_bytes(), 1);
    assert_eq!(peer.text(), "");
    peer.feed(b"a", 1);
    assert_eq!(peer.text(), support::farewell(431));
}

/// W-R-022: the body of an upgrade belongs to its request: it is delivered with it, for the handshake to refuse.
#[test]
fn an_upgrades_body_is_not_left_for_the_next_protocol() {
    let mut peer = Peer::new(Config::default());
    let head = "Upgrade: websocket\r\nConnection: Upgrade\r\nContent-Length: 3\r\n";
    peer.feed((with(head) + "abc").as_bytes(), 5);
    assert_eq!(
        (&peer.requests[0].body[..], peer.requests[0].surplus),
        (&b"abc"[..], 0)
    );
    peer.respond(0, Response::new(400));
    assert_eq!(peer.text(), support::farewell(400));
    assert_eq!(peer.log, ["GET /", "sent", "Ours", "Close"]);
}

/// W-R-019: a 101 has neither Content-Length nor Transfer-Encoding, and no body.
#[test]
fn a_101_has_no_body() {
    let mut peer = Peer::new(Config::default());
    peer.feed(
        with("Upgrade: websocket\r\nConnection: Upgrade\r\n").as_bytes(),
        99,
    );
    let answer = Response::new(101)
        .with_field("Upgrade", "websocket")
        .with_field("Transfer-Encoding", "chunked");
    peer.respond(0, answer.with_body("text/plain", "no"));
    assert_eq!(
        peer.text(),
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nContent-Type: text/plain\r\nConnection: Upgrade\r\n\r\n"
    );
}

/// Contract 9: a head fed byte by byte takes time in proportion to its length.
#[test]
fn a_head_in_single_bytes_is_linear() {
    let mut config = Config::default();
    config.limits.head_bytes = 1_000_000;
    let head = with(&format!("A: {}\r\n", "a".repeat(600_000)));
    #[expect(clippy::disallowed_methods, reason = "it measures")]
    let start = std::time::Instant::now();
    let mut peer = Peer::new(config);
    peer.feed(head.as_bytes(), 1);
    // To look again at every byte for every byte is 180 GB, far more than 5 s however fast the search.
    assert!(start.elapsed() < std::time::Duration::from_secs(5));
    assert_eq!(peer.requests.len(), 1);
}
