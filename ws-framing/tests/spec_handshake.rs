//! RFC 6455 §4.2: the server's side of the opening handshake.

use proptest::prelude::*;
use ws_framing::handshake::{
    extended_connect::{self, Request},
    server::{Config, EarlyBytes, accept, is_upgrade},
};
use xmpp_http1::{RequestHead, Response, Version};

const FIELDS: [(&str, &str); 6] = [
    ("Host", "chat.a.example"),
    ("Upgrade", "websocket"),
    ("Connection", "keep-alive, Upgrade"),
    ("Sec-WebSocket-Key", "EBESExQVFhcYGRobHB0eHw=="),
    ("Sec-WebSocket-Version", "13"),
    ("Sec-WebSocket-Protocol", "xmpp"),
];

/// The good request, with every line of `name` replaced by lines with these values.
fn with(name: &str, values: &[&str]) -> RequestHead {
    let head = RequestHead::new("GET", "/ws", Version::Http11);
    let head = FIELDS
        .iter()
        .filter(|(field, _)| *field != name)
        .fold(head, |head, (field, value)| head.with_field(field, value));
    values
        .iter()
        .fold(head, |head, value| head.with_field(name, value))
}

fn line(method: &str, target: &str, version: Version) -> RequestHead {
    FIELDS.iter().fold(
        RequestHead::new(method, target, version),
        |head, (field, value)| head.with_field(field, value),
    )
}

fn answer(head: &RequestHead, config: &Config) -> Response {
    match accept(head, 0, config) {
        Ok(accepted) => {
            assert!(!accepted.response.close);
            accepted.response
        }
        Err(rejected) => {
            assert!(rejected.response.close, "W-R-025");
            assert!(!rejected.response.body.is_empty());
            rejected.response
        }
    }
}

fn status(head: &RequestHead) -> u16 {
    answer(head, &Config::default()).status
}

fn field<'a>(response: &'a Response, name: &str) -> Option<&'a str> {
    let mut lines = response.fields.iter().filter(|(field, _)| field == name);
    let (_, value) = lines.next()?;
    assert_eq!(lines.next(), None, "two {name} lines");
    Some(value)
}

/// W-R-009, W-R-012, W-R-019: a whole handshake, field by field.
#[test]
fn the_golden_handshake() {
    let mut config = Config::default();
    config.origins = vec!["https://app.a.example".to_owned()];
    let accepted = accept(&with("Origin", &["https://app.a.example"]), 0, &config).unwrap();
    let fields = [
        ("Upgrade", "websocket"),
        ("Connection", "Upgrade"),
        ("Sec-WebSocket-Accept", "cW0HMpChSOllUrDZnf5AIF3ENuY="),
        ("Sec-WebSocket-Protocol", "xmpp"),
    ]
    .map(|(name, value)| (name.into(), value.into()));
    assert_eq!(accepted.response.status, 101);
    assert_eq!(accepted.response.fields, fields);
    assert!(accepted.response.body.is_empty());
    assert_eq!(accepted.subprotocol.as_deref(), Some("xmpp"));
    let second = with("Sec-WebSocket-Key", &["dGhlIHNhbXBsZSBub25jZQ=="]);
    let response = answer(&second, &Config::default());
    let expected = Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    assert_eq!(field(&response, "Sec-WebSocket-Accept"), expected);
}

/// W-R-002.
#[test]
fn only_get_with_http_1_1() {
    for (method, version, expected) in [
        ("GET", Version::Http11, 101),
        ("POST", Version::Http11, 405),
        ("get", Version::Http11, 405),
        ("GET", Version::Http10, 400),
    ] {
        let response = answer(&line(method, "/ws", version), &Config::default());
        assert_eq!(response.status, expected);
        let allow = (expected == 405).then_some("GET");
        assert_eq!(field(&response, "Allow"), allow);
    }
}

/// W-R-003: origin-form and absolute-form; the target's authority replaces the Host field.
#[test]
fn target_forms() {
    let get = |target| line("GET", target, Version::Http11);
    assert_eq!(status(&get("/ws?x=y")), 101);
    assert_eq!(status(&get("*")), 400);
    assert_eq!(status(&get("chat.a.example:80")), 400);
    let mut config = Config::default();
    config.hosts = vec!["other.example".to_owned()];
    assert_eq!(answer(&get("http://other.example/ws"), &config).status, 101);
    assert_eq!(
        answer(&get("http://chat.a.example/ws"), &config).status,
        421
    );
}

/// W-R-004.
#[test]
fn exactly_one_valid_host() {
    for (values, expected) in [
        (&["chat.a.example"][..], 101),
        (&["chat.a.example:5280"], 101),
        (&["[::1]:5280"], 101),
        (&[], 400),
        (&["a.example", "b.example"], 400),
        (&[""], 400),
        (&["a b"], 400),
        (&["user@a.example"], 400),
        (&["a.example:x"], 400),
        (&["a.example:65536"], 400),
        (&["[::1"], 400),
    ] {
        assert_eq!(status(&with("Host", values)), expected, "{values:?}");
    }
}

/// W-R-005.
#[test]
fn unknown_hosts_are_misdirected() {
    let mut config = Config::default();
    config.hosts = vec!["chat.example".to_owned(), "b.example:8443".to_owned()];
    for (host, expected) in [
        ("chat.example", 101),
        ("CHAT.example:5280", 101),
        ("b.example:8443", 101),
        ("b.example", 421),
        ("evil.example", 421),
        ("chat.example.evil", 421),
    ] {
        assert_eq!(
            answer(&with("Host", &[host]), &config).status,
            expected,
            "{host}"
        );
    }
}

/// W-R-006, W-R-017: without the token it is no upgrade, and 426 says what would be.
#[test]
fn upgrade_is_a_list_of_tokens() {
    for (values, expected) in [
        (&["WebSocket"][..], 101),
        (&["foo, websocket"], 101),
        (&["foo", "websocket"], 101),
        (&["websocketx"], 426),
        (&[], 426),
    ] {
        let head = with("Upgrade", values);
        assert_eq!(is_upgrade(&head), expected == 101);
        let response = answer(&head, &Config::default());
        assert_eq!(response.status, expected, "{values:?}");
        if expected == 426 {
            assert_eq!(field(&response, "Upgrade"), Some("websocket"));
            assert_eq!(field(&response, "Connection"), Some("Upgrade"));
            assert_eq!(field(&response, "Sec-WebSocket-Version"), Some("13"));
        }
    }
}

/// W-R-007.
#[test]
fn connection_has_the_token() {
    for (values, expected) in [
        (&["keep-alive, Upgrade"][..], 101),
        (&["keep-alive", "upgrade"], 101),
        (&["keep-alive"], 400),
        (&[], 400),
    ] {
        assert_eq!(status(&with("Connection", values)), expected, "{values:?}");
    }
}

/// W-R-008: 24 characters for 16 bytes; the RFC's own nonce has spare bits set.
#[test]
fn the_key_is_sixteen_bytes() {
    for (values, expected) in [
        (&["AQIDBAUGBwgJCgsMDQ4PEC=="][..], 101),
        (&["EBESExQVFhcYGRobHB0eHw="], 400),
        (&["EBESExQVFhcYGRobHB0eHw==="], 400),
        (&["EBESExQVFhcYGRobHB0e"], 400),
        (&["EBESExQVFhcYGRobHB0eH==="], 400),
        (&["EBESExQVFhcYGRobHB0e-w=="], 400),
        (
            &["dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25jZQ=="],
            400,
        ),
        (&[], 400),
    ] {
        assert_eq!(
            status(&with("Sec-WebSocket-Key", values)),
            expected,
            "{values:?}"
        );
    }
}

/// W-R-010.
#[test]
fn the_version_is_13() {
    for (values, expected) in [
        (&["13"][..], 101),
        (&["8"], 426),
        (&["0"], 426),
        (&["255"], 426),
        (&[], 400),
        (&["013"], 400),
        (&["13, 8"], 400),
        (&["13", "13"], 400),
        (&["256"], 400),
        (&["+13"], 400),
    ] {
        let response = answer(&with("Sec-WebSocket-Version", values), &Config::default());
        assert_eq!(response.status, expected, "{values:?}");
        let told = (expected != 101).then_some("13");
        assert_eq!(field(&response, "Sec-WebSocket-Version"), told);
    }
}

/// W-R-011, W-R-012, W-R-013, W-R-014.
#[test]
fn the_subprotocol_is_one_token_of_the_offer() {
    for (values, expected) in [
        (&["foo, xmpp"][..], 101),
        (&["foo", "xmpp"], 101),
        (&["xmpp,,foo"], 101),
        (&[], 400),
        (&["soap"], 400),
        (&["XMPP"], 400),
        (&["x mpp"], 400),
        (&["xmpp, b@d"], 400),
    ] {
        let response = answer(&with("Sec-WebSocket-Protocol", values), &Config::default());
        assert_eq!(response.status, expected, "{values:?}");
        let agreed = (expected == 101).then_some("xmpp");
        assert_eq!(field(&response, "Sec-WebSocket-Protocol"), agreed);
    }
    let mut config = Config::default();
    config.subprotocol = None;
    for values in [&[][..], &["soap"]] {
        let accepted = accept(&with("Sec-WebSocket-Protocol", values), 0, &config).unwrap();
        assert_eq!(accepted.subprotocol, None);
        assert_eq!(field(&accepted.response, "Sec-WebSocket-Protocol"), None);
    }
}

/// W-R-015: listed origins are compared whole.
#[test]
fn listed_origins_are_compared_whole() {
    let mut config = Config::default();
    config.origins = vec!["https://app.example".to_owned()];
    for (values, expected) in [
        (&["https://app.example"][..], 101),
        (&["HTTPS://App.Example"], 101),
        (&[], 101),
        (&["https://app.example.evil"], 403),
        (&["https://app.example:444"], 403),
        (&["http://app.example"], 403),
        (&["https://chat.a.example"], 403),
        (&["null"], 403),
        (&["https://app.example", "https://app.example"], 400),
    ] {
        let response = answer(&with("Origin", values), &config);
        assert_eq!(response.status, expected, "{values:?}");
    }
    config.origins = vec!["null".to_owned()];
    assert_eq!(answer(&with("Origin", &["null"]), &config).status, 101);
    config.origins = vec!["*".to_owned()];
    assert_eq!(
        answer(&with("Origin", &["https://any.example"]), &config).status,
        101
    );
    assert_eq!(answer(&with("Origin", &["null"]), &config).status, 101);
}

/// W-R-016: without a list, the same host, whatever scheme and port.
#[test]
fn the_same_host_is_allowed_by_default() {
    for (origin, expected) in [
        ("https://chat.a.example", 101),
        ("http://CHAT.a.example:8080", 101),
        ("https://chat.a.example.evil", 403),
        ("https://app.a.example", 403),
        ("https://a.example", 403),
        ("null", 403),
        ("chat.a.example", 403),
        ("", 403),
    ] {
        assert_eq!(status(&with("Origin", &[origin])), expected, "{origin}");
    }
    let head = with("Host", &["[::1]:5280"]).with_field("Origin", "http://[::1]:8080");
    assert_eq!(status(&head), 101);
}

/// W-R-020, W-R-021: nothing is agreed, and what cannot be read is refused.
#[test]
fn extensions_are_read_and_not_agreed() {
    for (values, expected) in [
        (&["foo; a=1"][..], 101),
        (&["permessage-deflate; client_max_window_bits"], 101),
        (&["permessage-deflate", "foo; a=\"b\", bar"], 101),
        (&["permessage-deflate; ;"], 400),
        (&["permessage-deflate;"], 400),
        (&["foo; a="], 400),
        (&["foo; =1"], 400),
        (&["f oo"], 400),
        (&["foo; a=\"b c\""], 400),
    ] {
        let response = answer(
            &with("Sec-WebSocket-Extensions", values),
            &Config::default(),
        );
        assert_eq!(response.status, expected, "{values:?}");
        assert_eq!(field(&response, "Sec-WebSocket-Extensions"), None);
    }
}

/// W-R-022, W-R-023.
#[test]
fn a_body_is_refused() {
    assert_eq!(status(&with("Content-Length", &["0"])), 101);
    assert_eq!(status(&with("Content-Length", &["5"])), 400);
    assert_eq!(status(&with("Content-Length", &["0", "5"])), 400);
    assert_eq!(status(&with("Transfer-Encoding", &["chunked"])), 400);
}

/// W-R-026: frames before our 101, and the switch for them.
#[test]
fn early_bytes_are_refused() {
    let head = with("Upgrade", &["websocket"]);
    let mut config = Config::default();
    assert_eq!(accept(&head, 0, &config).unwrap().response.status, 101);
    let rejected = accept(&head, 1, &config).unwrap_err();
    assert_eq!(rejected.response.status, 400);
    assert_eq!(rejected.reason, "bytes behind the request");
    config.early_bytes = EarlyBytes::Accepted;
    assert_eq!(accept(&head, 1, &config).unwrap().response.status, 101);
}

/// W-R-029: octets that nobody reads do no harm.
#[test]
fn an_unknown_field_may_hold_any_octets() {
    let head = with("Upgrade", &["websocket"]).with_field("X-Unknown", [0xff, 0xfe]);
    assert_eq!(status(&head), 101);
    let head = with("Origin", &[]).with_field("Origin", [b'h', 0xff]);
    assert_eq!(status(&head), 403);
}

/// W-R-001: whatever is wrong, the answer is an HTTP error, and never a 101.
#[test]
fn one_mutation_is_enough_to_be_refused() {
    let key = "EBESExQVFhcYGRobHB0eHw==";
    for (head, expected) in [
        (line("POST", "/ws", Version::Http11), 405),
        (line("get", "/ws", Version::Http11), 405),
        (line("GET", "/ws", Version::Http10), 400),
        (line("GET", "*", Version::Http11), 400),
        (with("Host", &[]), 400),
        (with("Host", &["a.example", "a.example"]), 400),
        (with("Host", &["a b"]), 400),
        (with("Upgrade", &[]), 426),
        (with("Upgrade", &["websocketx"]), 426),
        (with("Connection", &["keep-alive"]), 400),
        (with("Connection", &[]), 400),
        (with("Sec-WebSocket-Key", &[]), 400),
        (with("Sec-WebSocket-Key", &[key, key]), 400),
        (with("Sec-WebSocket-Key", &["AAAA"]), 400),
        (with("Sec-WebSocket-Version", &[]), 400),
        (with("Sec-WebSocket-Version", &["8"]), 426),
        (with("Sec-WebSocket-Version", &["013"]), 400),
        (with("Sec-WebSocket-Version", &["13", "13"]), 400),
        (with("Sec-WebSocket-Protocol", &[]), 400),
        (with("Sec-WebSocket-Protocol", &["soap"]), 400),
        (with("Sec-WebSocket-Protocol", &["x mpp"]), 400),
        (with("Sec-WebSocket-Extensions", &["a; ;"]), 400),
        (with("Origin", &["https://other.example"]), 403),
        (with("Origin", &["null"]), 403),
        (
            with(
                "Origin",
                &["https://chat.a.example", "https://chat.a.example"],
            ),
            400,
        ),
        (with("Content-Length", &["5"]), 400),
        (with("Transfer-Encoding", &["chunked"]), 400),
    ] {
        assert_eq!(status(&head), expected, "{head:?}");
    }
    assert_eq!(status(&with("Origin", &["https://chat.a.example"])), 101);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// W-R-014: what is agreed to was offered, and it is one token.
    #[test]
    fn the_subprotocol_was_offered(
        lines in prop::collection::vec("(xmpp|soap|XMPP|xmpp-framing|, |,|a){0,6}", 0..4),
        wanted in prop::option::of(prop::sample::select(vec!["xmpp", "soap"])),
    ) {
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let head = with("Sec-WebSocket-Protocol", &lines);
        let mut config = Config::default();
        config.subprotocol = wanted.map(str::to_owned);
        if let Ok(accepted) = accept(&head, 0, &config) {
            let agreed = field(&accepted.response, "Sec-WebSocket-Protocol");
            let offered: Vec<&[u8]> = head.list("Sec-WebSocket-Protocol").collect();
            prop_assert!(agreed.is_none_or(|agreed| offered.contains(&agreed.as_bytes())));
            prop_assert_eq!(agreed, wanted);
        }
    }
}

/// W-R-032: a request that comes in pieces gets the answer of one that comes whole, and what follows from it.
#[test]
fn cuts_of_a_request_are_invisible() {
    use xmpp_http1::server::{Action, Connection, Event};

    let mut request = "GET /ws?a HTTP/1.1\r\n".to_owned();
    for (name, value) in FIELDS {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    request.push_str("\r\n");
    let run = |cut: usize| {
        let rig_now = crate::support::Rig::server(Default::default()).now;
        let mut connection = Connection::new(Default::default(), rig_now);
        let mut input = bytes::BytesMut::new();
        for piece in [&request[..cut], &request[cut..]] {
            input.extend_from_slice(piece.as_bytes());
            connection.handle_input(&mut input, rig_now);
        }
        let Some(Action::Deliver(Event::Request(request))) = connection.poll_action() else {
            panic!("cut at {cut}: no request");
        };
        let accepted = accept(&request.head, request.surplus, &Config::default()).unwrap();
        connection.respond(request.id, accepted.response, rig_now);
        let mut output = Vec::new();
        let mut actions = Vec::new();
        while let Some(transmit) = connection.poll_transmit() {
            output.extend_from_slice(&transmit.head);
            output.extend_from_slice(&transmit.payload);
        }
        while let Some(action) = connection.poll_action() {
            actions.push(format!("{action:?}"));
        }
        (request.head, accepted.subprotocol, output, actions)
    };
    let whole = run(request.len());
    assert!(whole.2.starts_with(b"HTTP/1.1 101 "));
    for cut in 0..request.len() {
        assert_eq!(run(cut), whole, "cut at {cut}");
    }
}

/// W-R-082: what an extended CONNECT has to say, and what it gets.
#[test]
fn extended_connect() {
    let good = [
        (":method", "CONNECT"),
        (":protocol", "websocket"),
        (":scheme", "https"),
        (":path", "/ws?a"),
        (":authority", "chat.a.example"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-protocol", "foo, xmpp"),
        ("origin", "https://chat.a.example"),
    ];
    let judge = |fields: &[(&str, &str)]| {
        let judged = extended_connect::accept(&Request::new(fields), &Config::default());
        judged.map_or_else(|rejected| rejected.response, |accepted| accepted.response)
    };
    let response = judge(&good);
    assert_eq!(response.status, 200);
    let fields: Vec<_> = response
        .fields
        .iter()
        .map(|(name, value)| (name.as_ref(), value.as_ref()))
        .collect();
    assert_eq!(fields, [("Sec-WebSocket-Protocol", "xmpp")]);
    for (name, value, expected) in [
        (":method", "GET", 405),
        (":protocol", "connect-udp", 501),
        // A plain CONNECT is no request for a tunnel here.
        (":protocol", "", 400),
        (":scheme", "wss", 400),
        (":path", "*", 400),
        (":authority", "", 400),
        ("sec-websocket-version", "8", 426),
        ("sec-websocket-protocol", "soap", 400),
        ("origin", "https://other.example", 403),
        ("connection", "Upgrade", 400),
        ("upgrade", "websocket", 400),
        ("host", "ignored.example", 200),
        ("sec-websocket-key", "ignored", 200),
    ] {
        let changed: Vec<_> = good
            .into_iter()
            .filter(|(field, _)| *field != name)
            .chain(
                [(name, value)]
                    .into_iter()
                    .filter(|(_, value)| !value.is_empty()),
            )
            .collect();
        assert_eq!(judge(&changed).status, expected, "{name}: {value}");
    }
}
