//! What a BOSH client meets in HTTP: content codings, origins, proxies.

use std::io::{Read as _, Write as _};

use flate2::{Compression, read::GzDecoder, write::GzEncoder};

use crate::support::{
    Gateway,
    bosh::{Bosh, attribute, creation},
    certificates::file,
    http::{self, Http},
};

fn gateway(name: &str, config: &str) -> Gateway {
    let text = format!("[[listener]]\naddress = '127.0.0.1:0'\n{config}\n");
    Gateway::run(&["--config", &file(&format!("{name}.toml"), &text)])
}

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text.as_bytes()).expect("memory");
    encoder.finish().expect("memory")
}

/// Posts bytes; gives head and body of the answer.
fn post(gateway: &Gateway, fields: &str, body: &[u8]) -> (String, Vec<u8>) {
    let mut http = Http::connect(gateway.address);
    let head = format!(
        "POST /http-bind HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {}\r\n{fields}\r\n",
        body.len()
    );
    http.stream.write_all(head.as_bytes()).expect("it reads");
    http.stream.write_all(body).expect("it reads");
    let mut answer = Vec::new();
    http.stream.read_to_end(&mut answer).expect("an answer");
    let end = answer
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .expect("a head");
    let body = answer.split_off(end + 4);
    (String::from_utf8(answer).expect("text"), body)
}

/// B-R-011, B-R-057: where it is configured, `accept` names codings that requests may come in, and answers leave in one that is asked for.
#[test]
fn bodies_may_be_coded_where_configured() {
    let gateway = gateway(
        "coded",
        "[bosh]\ncompression = true\ncompression_above = 100",
    );
    let (head, body) = post(
        &gateway,
        "Content-Encoding: gzip\r\nAccept-Encoding: gzip\r\n",
        &gzip(&creation("localhost")),
    );
    assert!(head.contains("\r\nContent-Encoding: gzip\r\n"), "{head}");
    let mut text = String::new();
    GzDecoder::new(body.as_slice())
        .read_to_string(&mut text)
        .expect("gzip");
    assert_eq!(attribute(&text, "accept").as_deref(), Some("gzip,deflate"));
    assert!(attribute(&text, "sid").is_some(), "{text}");
    let (head, body) = post(&gateway, "", creation("localhost").as_bytes());
    assert!(!head.contains("Content-Encoding"), "{head}");
    assert!(body.starts_with(b"<body"));
}

/// B-R-013: a body that grows beyond the cap is refused, and the gateway goes on.
#[test]
fn a_bomb_is_refused() {
    let gateway = gateway("bomb", "[bosh]\ncompression = true");
    let bomb = gzip(&" ".repeat(10 << 20));
    assert!(bomb.len() < 20_000);
    let (head, _) = post(&gateway, "Content-Encoding: gzip\r\n", &bomb);
    assert!(head.starts_with("HTTP/1.1 413 "), "{head}");
    let (head, _) = post(&gateway, "", creation("localhost").as_bytes());
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
}

/// B-R-012's other side: without configuration nothing is offered or taken.
#[test]
fn nothing_is_coded_by_default() {
    let gateway = Gateway::start();
    let (head, body) = post(
        &gateway,
        "Accept-Encoding: gzip\r\n",
        creation("localhost").as_bytes(),
    );
    assert!(!head.contains("Content-Encoding"), "{head}");
    let body = String::from_utf8(body).expect("text");
    assert_eq!(attribute(&body, "accept"), None);
    let (head, _) = post(
        &gateway,
        "Content-Encoding: gzip\r\n",
        &gzip(&creation("localhost")),
    );
    assert!(head.starts_with("HTTP/1.1 415 "), "{head}");
}

/// B-R-172, B-R-173: with a list, its pages alone may use BOSH, and are told so on errors too.
#[test]
fn listed_origins_alone_may_post() {
    let gateway = gateway("origins", "[bosh]\norigins = ['https://chat.example']");
    let ask = |origin: &str, body: &str| {
        let fields = format!("Origin: {origin}\r\nContent-Type: text/plain\r\n");
        http::ask(gateway.address, "POST", "/http-bind", &fields, body)
    };
    for body in [creation("localhost"), "nonsense".to_owned()] {
        let own = ask("https://chat.example", &body);
        assert_eq!(own.status, 200);
        assert_eq!(
            own.field("Access-Control-Allow-Origin"),
            Some("https://chat.example")
        );
        assert_eq!(own.field("Vary"), Some("Origin"));
        assert_eq!(own.field("Access-Control-Allow-Credentials"), None);
        let foreign = ask("https://evil.example", &body);
        assert_eq!(foreign.status, 403);
        assert_eq!(foreign.field("Access-Control-Allow-Origin"), None);
    }
    let preflight = http::ask(
        gateway.address,
        "OPTIONS",
        "/http-bind",
        "Origin: https://evil.example\r\nAccess-Control-Request-Method: POST\r\n",
        "",
    );
    assert_eq!(preflight.field("Access-Control-Allow-Methods"), None);
}

/// B-R-166, B-R-168: a session that began behind https is not answered where the proxy says http, and goes on.
#[test]
fn a_session_does_not_leave_the_protected_way() {
    let gateway = gateway(
        "ways",
        "[http]\ntrusted_proxies = ['127.0.0.1']\nclient_scheme = 'x-forwarded-proto'",
    );
    let secured = "X-Forwarded-For: 192.0.2.77\r\nX-Forwarded-Proto: https\r\n";
    let created = http::ask(
        gateway.address,
        "POST",
        "/http-bind",
        secured,
        &creation("localhost"),
    );
    let sid = attribute(&created.body, "sid").expect("a sid");
    let body = |rid: u64| {
        format!(
            "<body rid='{rid}' sid='{sid}' type='terminate' xmlns='http://jabber.org/protocol/httpbind'/>"
        )
    };
    let mut http = Http::connect(gateway.address);
    let plain = secured.replace("https", "http");
    http.send("POST", "/http-bind", &plain, &body(1001));
    let mut nothing = Vec::new();
    // Closed, with a reset or without.
    let _ = http.stream.read_to_end(&mut nothing);
    assert!(nothing.is_empty());
    let answer = http::ask(gateway.address, "POST", "/http-bind", secured, &body(1001));
    assert_eq!(
        attribute(&answer.body, "type").as_deref(),
        Some("terminate")
    );
    assert_eq!(
        attribute(&answer.body, "condition"),
        None,
        "{}",
        answer.body
    );
}

/// B-R-133: rates are configured, and a client that is faster is slowed down, not refused.
#[test]
fn a_client_above_its_rate_is_answered_later() {
    let gateway = gateway(
        "rates",
        "[http]\ntrusted_proxies = ['127.0.0.1']\n[bosh.rates]\naddress_sessions = { per_second = 1, burst = 1 }\npatience_seconds = 1",
    );
    let ask = |address: &str| {
        let fields = format!("X-Forwarded-For: {address}\r\nX-Forwarded-Proto: https\r\n");
        let started = std::time::Instant::now();
        let answer = http::ask(
            gateway.address,
            "POST",
            "/http-bind",
            &fields,
            &creation("localhost"),
        );
        (started.elapsed().as_millis(), answer.body)
    };
    let (_, first) = ask("192.0.2.1");
    assert!(attribute(&first, "sid").is_some());
    let (late, second) = ask("192.0.2.1");
    assert!(attribute(&second, "sid").is_some(), "{second}");
    assert!(late >= 500, "{late} ms");
    let (_, other) = ask("192.0.2.2");
    assert!(attribute(&other, "sid").is_some());
}

/// B-R-006: what a body is typed as does not matter, nor what other fields say.
#[test]
fn the_type_of_a_request_is_ignored() {
    let gateway = Gateway::start();
    for fields in [
        "Content-Type: text/plain\r\n",
        "Content-Type: application/x-www-form-urlencoded\r\n",
        "Content-Type: application/json\r\nX-Something: else\r\nCookie: a=b\r\n",
        "",
    ] {
        let (head, body) = post(&gateway, fields, creation("localhost").as_bytes());
        assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
        assert!(!head.contains("Set-Cookie"), "{head}");
        let body = String::from_utf8(body).expect("text");
        assert!(attribute(&body, "sid").is_some(), "{fields}: {body}");
    }
}

/// B-R-006: libpurple (Pidgin) puts its content type into `Content-Encoding`, and signs in all the same.
#[test]
fn libpurple_signs_in() {
    let gateway = Gateway::start();
    let mut http = Http::connect(gateway.address);
    let mut post = |body: &str| {
        let fields =
            "User-Agent: libpurple 2.14.12\r\nContent-Encoding: text/xml; charset=utf-8\r\n";
        let answer = http.ask("POST", "/http-bind", fields, body);
        assert_eq!(answer.status, 200, "{body}: {}", answer.body);
        answer.body
    };
    let created = post(
        "<body content='text/xml; charset=utf-8' secure='true' to='localhost' xml:lang='en' xmpp:version='1.0' ver='1.6' xmlns:xmpp='urn:xmpp:xbosh' rid='7001' wait='60' hold='1' xmlns='http://jabber.org/protocol/httpbind'/>",
    );
    let sid = attribute(&created, "sid").expect("a sid");
    let later = |rid: u32, rest: &str| {
        format!(
            "<body rid='{rid}' sid='{sid}' to='localhost' xml:lang='en' xmlns='http://jabber.org/protocol/httpbind' xmlns:xmpp='urn:xmpp:xbosh' {rest}"
        )
    };
    let auth = format!(
        "><auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{ADA}</auth></body>"
    );
    let answer = post(&later(7002, &auth));
    assert!(answer.contains("<success"), "{answer}");
    let answer = post(&later(7003, "xmpp:restart='true'/>"));
    assert!(
        answer.contains("urn:ietf:params:xml:ns:xmpp-bind"),
        "{answer}"
    );
    let bind = "><iq type='set' id='purple1' xmlns='jabber:client'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq></body>";
    let answer = post(&later(7004, bind));
    assert!(answer.contains(">ada@localhost/"), "{answer}");
}

const ADA: &str = "AGFkYQB4";

/// B-R-003: the length is that of the bytes, and nothing is chunked.
#[test]
fn answers_tell_their_length_in_bytes() {
    let gateway = Gateway::start();
    let mut session = Bosh::signed_in(gateway.address, ADA);
    session.send(
        "",
        "<message xmlns='jabber:client' to='echo@localhost' type='chat'><body>🏮🏮</body></message>",
    );
    let mut answer = session.http.receive();
    while !answer.body.contains("🏮🏮") {
        session.send("", "");
        answer = session.http.receive();
    }
    let length = answer.body.len().to_string();
    assert_eq!(answer.field("Content-Length"), Some(length.as_str()));
    assert_ne!(answer.body.len(), answer.body.chars().count());
    assert_eq!(answer.field("Transfer-Encoding"), None);
}

/// B-R-014, B-R-015: requests on one connection before the answer to the first are answered in their order.
#[test]
fn pipelined_requests_are_answered_in_order() {
    let gateway = Gateway::start();
    let mut session = Bosh::signed_in(gateway.address, ADA);
    // The first would be held; the second, behind it, lets it go.
    session.send("", "");
    session.send(
        "",
        "<message xmlns='jabber:client' to='echo@localhost' type='chat'><body>behind</body></message>",
    );
    let first = session.http.receive();
    session.send("type='terminate'", "");
    let second = session.http.receive();
    let third = session.http.receive();
    let all = format!("{}{}{}", first.body, second.body, third.body);
    assert!(all.contains("behind"), "{all}");
    assert_eq!(attribute(&first.body, "type"), None);
    assert!(all.contains("type='terminate'"), "{all}");
}

/// B-X-024: no client is let in by EXTERNAL, whatever `from` it claims; the mechanism is not offered either.
#[test]
fn external_does_not_authenticate() {
    let gateway = Gateway::start();
    let mut session = Bosh::create(gateway.address);
    let answer = session.exchange(
        "from='ada@localhost'",
        "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='EXTERNAL'>YWRhQGxvY2FsaG9zdA==</auth>",
    );
    let answer = session.until(answer, "<failure");
    assert!(!answer.contains("<success"), "{answer}");
    let bind = session.exchange(
        "",
        "<iq xmlns='jabber:client' type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>",
    );
    assert!(!bind.contains("</jid>"), "{bind}");
}

/// B-R-071, B-R-125: a client that does not wait for the answer to its oldest request is served with every linger as without one.
#[test]
fn a_lingering_release_is_no_fault_of_the_client() {
    for milliseconds in [0, 5, 1_000] {
        let config = format!("[bosh]\nlinger_milliseconds = {milliseconds}");
        let gateway = gateway(&format!("linger-{milliseconds}"), &config);
        for round in 0..5 {
            let mut session = Bosh::signed_in(gateway.address, ADA);
            let said = format!("round {round}");
            // A stanza that nobody answers, then one that echo does.
            let silent = "<message xmlns='jabber:client' to='echo@localhost'/>";
            let spoken = format!(
                "<message xmlns='jabber:client' to='echo@localhost' type='chat'><body>{said}</body></message>"
            );
            session.send("", "");
            let mut held = std::mem::replace(&mut session.http, Http::connect(gateway.address));
            std::thread::sleep(std::time::Duration::from_millis(20));
            session.send("", silent);
            let mut second = std::mem::replace(&mut session.http, Http::connect(gateway.address));
            session.send("", &spoken);
            let mut heard = String::new();
            for http in [&mut held, &mut second] {
                let answer = http.receive();
                assert!(
                    !answer.body.contains("terminate"),
                    "{milliseconds} ms: {}",
                    answer.body
                );
                heard.push_str(&answer.body);
            }
            if !heard.contains(&said) {
                let last = session.http.receive().body;
                session.until(last, &said);
            }
        }
    }
}
