//! XEP-0124 §5 and §19: methods, CORS and origins.
#![cfg(feature = "binding")]

use bosh_proto::binding::{self, Config, Inbound};
use xmpp_http1::{RequestHead, Response, Version};

fn head(method: &str) -> RequestHead {
    RequestHead::new(method, "/http-bind", Version::Http11)
}

fn listed() -> Config {
    Config::default().with_origins(["https://Chat.example"])
}

fn answer(config: &Config, head: &RequestHead) -> Response {
    match binding::inbound(config, head) {
        Inbound::Answer(response) => response,
        Inbound::Exchange => panic!("an exchange"),
    }
}

fn field<'a>(response: &'a Response, name: &str) -> Option<&'a str> {
    let mut values = response.fields.iter().filter(|(n, _)| n == name);
    let value = values.next().map(|(_, value)| value.as_ref());
    assert!(values.next().is_none(), "{name} twice");
    value
}

/// B-R-017.
#[test]
fn get_shows_a_person_what_this_is() {
    let page = answer(&Config::default(), &head("GET"));
    assert_eq!(page.status, 200);
    assert_eq!(
        field(&page, "Content-Type"),
        Some("text/html; charset=utf-8")
    );
    assert!(page.body.starts_with(b"<!DOCTYPE html>"));
    assert_eq!(answer(&Config::default(), &head("HEAD")).status, 200);
}

/// B-R-017.
#[test]
fn other_methods_are_refused_with_allow() {
    for method in ["PUT", "DELETE", "TRACE", "post"] {
        let refusal = answer(&Config::default(), &head(method));
        assert_eq!(refusal.status, 405, "{method}");
        assert_eq!(field(&refusal, "Allow"), Some("GET, HEAD, POST, OPTIONS"));
        assert_eq!(field(&refusal, "Access-Control-Allow-Origin"), Some("*"));
    }
}

/// B-R-172.
#[test]
fn a_preflight_allows_posts_with_a_content_type_for_a_day() {
    let head = head("OPTIONS").with_field("Origin", "https://chat.example");
    let open = answer(&Config::default(), &head);
    assert_eq!(open.status, 204);
    assert_eq!(field(&open, "Access-Control-Allow-Origin"), Some("*"));
    assert_eq!(
        field(&open, "Access-Control-Allow-Methods"),
        Some("POST, OPTIONS")
    );
    assert_eq!(
        field(&open, "Access-Control-Allow-Headers"),
        Some("Content-Type")
    );
    assert_eq!(field(&open, "Access-Control-Max-Age"), Some("86400"));
    assert_eq!(field(&open, "Access-Control-Allow-Credentials"), None);
    assert_eq!(field(&open, "Vary"), None);

    let own = answer(&listed(), &head);
    assert_eq!(
        field(&own, "Access-Control-Allow-Origin"),
        Some("https://chat.example")
    );
    assert_eq!(field(&own, "Vary"), Some("Origin"));
}

/// B-R-172.
#[test]
fn a_preflight_from_elsewhere_allows_nothing() {
    let foreign = answer(
        &listed(),
        &head("OPTIONS").with_field("Origin", "https://evil.example"),
    );
    assert_eq!(field(&foreign, "Access-Control-Allow-Origin"), None);
    assert_eq!(field(&foreign, "Access-Control-Allow-Methods"), None);
    assert_eq!(field(&foreign, "Vary"), Some("Origin"));
}

/// B-R-173.
#[test]
fn a_post_from_a_foreign_origin_never_reaches_a_session() {
    let post = |origins: &[&str]| {
        origins.iter().fold(head("POST"), |head, origin| {
            head.with_field("Origin", origin)
        })
    };
    assert_eq!(
        answer(&listed(), &post(&["https://evil.example"])).status,
        403
    );
    assert_eq!(answer(&listed(), &post(&["null"])).status, 403);
    assert_eq!(
        answer(
            &listed(),
            &post(&["https://chat.example", "https://evil.example"])
        )
        .status,
        403
    );
    assert_eq!(
        binding::inbound(&listed(), &post(&["https://CHAT.example"])),
        Inbound::Exchange
    );
    assert_eq!(binding::inbound(&listed(), &post(&[])), Inbound::Exchange);
    assert_eq!(
        binding::inbound(&Config::default(), &post(&["https://evil.example"])),
        Inbound::Exchange
    );
}

/// B-R-007, B-R-018, B-R-172, B-R-174: what every answer to a POST carries, and what none does.
#[test]
fn answers_are_typed_uncached_and_readable_by_the_page() {
    let response = bosh_proto::Response {
        status: 200,
        content_type: "text/xml; charset=utf-8",
        body: "<body xmlns='http://jabber.org/protocol/httpbind' type='terminate' condition='item-not-found'/>".into(),
    };
    let answer = binding::outbound(&Config::default(), &head("POST"), response.clone());
    assert_eq!(
        answer.fields,
        [
            ("Content-Type", "text/xml; charset=utf-8"),
            ("Cache-Control", "no-store"),
            ("X-Content-Type-Options", "nosniff"),
            ("Access-Control-Allow-Origin", "*"),
        ]
        .map(|(name, value)| (name.into(), value.into()))
    );
    assert_eq!(answer.body, response.body);
    assert!(!answer.close);
    let big = bosh_proto::Response {
        status: 413,
        ..response
    };
    assert!(binding::outbound(&Config::default(), &head("POST"), big).close);
}

/// B-R-172.
#[test]
fn answers_made_elsewhere_get_the_same_cors_fields() {
    assert_eq!(
        binding::cors(&Config::default(), &head("POST")),
        [("Access-Control-Allow-Origin", "*".to_owned())]
    );
    let own = head("POST").with_field("Origin", "https://chat.example");
    assert_eq!(
        binding::cors(&listed(), &own),
        [
            (
                "Access-Control-Allow-Origin",
                "https://chat.example".to_owned()
            ),
            ("Vary", "Origin".to_owned()),
        ]
    );
}

#[cfg(feature = "compression")]
mod compression {
    use std::io::{Read as _, Write as _};

    use bosh_proto::{
        Coding,
        binding::{self, Config},
    };
    use flate2::{Compression, read, write};

    use super::{field, head, listed};

    fn coding() -> Config {
        let mut config = Config::default();
        config.codings = Coding::ALL.to_vec();
        config
    }

    fn response(length: usize) -> bosh_proto::Response {
        let text = format!(
            "<body xmlns='http://jabber.org/protocol/httpbind'>{}</body>",
            "<presence xmlns='jabber:client'/>".repeat(length / 33)
        );
        bosh_proto::Response {
            status: 200,
            content_type: "text/xml; charset=utf-8",
            body: text.into(),
        }
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = write::GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(bytes).expect("memory");
        encoder.finish().expect("memory")
    }

    /// B-R-011: 4 KiB leave coded for who asks for it, and never for who does not, and decode to the same.
    #[test]
    fn answers_are_coded_for_clients_that_ask() {
        let plain = response(4_096);
        let asking = head("POST").with_field("Accept-Encoding", "br, gzip");
        let answer = binding::outbound(&coding(), &asking, plain.clone());
        assert_eq!(field(&answer, "Content-Encoding"), Some("gzip"));
        assert_eq!(field(&answer, "Vary"), Some("Accept-Encoding"));
        assert_eq!(
            field(&answer, "Content-Type"),
            Some("text/xml; charset=utf-8")
        );
        assert!(answer.body.len() < plain.body.len() / 4);
        let mut decoded = Vec::new();
        read::GzDecoder::new(&answer.body[..])
            .read_to_end(&mut decoded)
            .unwrap();
        assert_eq!(decoded, plain.body);

        let asking = head("POST").with_field("Accept-Encoding", "deflate");
        let answer = binding::outbound(&coding(), &asking, plain.clone());
        assert_eq!(field(&answer, "Content-Encoding"), Some("deflate"));
        let mut decoded = Vec::new();
        read::ZlibDecoder::new(&answer.body[..])
            .read_to_end(&mut decoded)
            .unwrap();
        assert_eq!(decoded, plain.body);

        for (config, fields) in [
            (coding(), ""),
            (coding(), "gzip;q=0"),
            (Config::default(), "gzip"),
        ] {
            let head = head("POST").with_field("Accept-Encoding", fields);
            let answer = binding::outbound(&config, &head, plain.clone());
            assert_eq!(field(&answer, "Content-Encoding"), None, "{fields}");
            assert_eq!(answer.body, plain.body);
        }
    }

    /// Caches that know several answers are told of both reasons; the bound below which nothing is coded.
    #[test]
    fn short_answers_are_left_alone() {
        let asking = head("POST")
            .with_field("Accept-Encoding", "gzip")
            .with_field("Origin", "https://chat.example");
        let mut config = listed();
        config.codings = vec![Coding::Gzip];
        let long = response(2_000);
        config.coded_above = long.body.len();
        let answer = binding::outbound(&config, &asking, long.clone());
        assert_eq!(field(&answer, "Content-Encoding"), Some("gzip"));
        assert_eq!(field(&answer, "Vary"), Some("Origin, Accept-Encoding"));
        config.coded_above = long.body.len() + 1;
        let answer = binding::outbound(&config, &asking, long);
        assert_eq!(field(&answer, "Content-Encoding"), None);
        assert_eq!(field(&answer, "Vary"), Some("Origin, Accept-Encoding"));
    }

    /// B-R-013: 10 KiB that become 10 MiB are refused at the cap; at the cap exactly a body passes.
    #[test]
    fn what_grows_beyond_the_cap_is_refused() {
        let coded = head("POST").with_field("Content-Encoding", "gzip");
        let bomb = gzip(&vec![b' '; 10 << 20]);
        assert!(bomb.len() < 11_000, "{}", bomb.len());
        let refusal = binding::content(&coding(), &coded, bomb.into()).unwrap_err();
        assert_eq!(refusal.status, 413);
        assert!(refusal.close);
        assert_eq!(field(&refusal, "Access-Control-Allow-Origin"), Some("*"));
        let cap = Config::default().decoded_bytes;
        for (length, fits) in [(cap, true), (cap + 1, false)] {
            let body = gzip(&vec![b' '; length]).into();
            let decoded = binding::content(&coding(), &coded, body);
            assert_eq!(decoded.is_ok_and(|body| body.len() == length), fits);
        }
    }

    /// B-R-057: every coding that can be offered round-trips.
    #[test]
    fn requests_come_in_every_coding_that_is_offered() {
        let text = "<body xmlns='http://jabber.org/protocol/httpbind' rid='1'/>";
        let mut zlib = write::ZlibEncoder::new(Vec::new(), Compression::default());
        zlib.write_all(text.as_bytes()).unwrap();
        for (name, coded) in [
            ("gzip", gzip(text.as_bytes())),
            ("X-GZIP", gzip(text.as_bytes())),
            ("deflate", zlib.finish().unwrap()),
            ("identity", text.into()),
        ] {
            let head = head("POST").with_field("Content-Encoding", name);
            let body = binding::content(&coding(), &head, coded.into()).unwrap();
            assert_eq!(body, text, "{name}");
        }
        let plain = binding::content(&coding(), &head("POST"), text.into()).unwrap();
        assert_eq!(plain, text);
    }

    /// What cannot be read is answered where a page can see it.
    #[test]
    fn unreadable_bodies_are_told_apart() {
        let named = |name: &str| head("POST").with_field("Content-Encoding", name);
        for (config, name, known) in [
            (coding(), "br", "gzip, deflate"),
            (coding(), "gzip, gzip", "gzip, deflate"),
            (Config::default(), "gzip", "identity"),
        ] {
            let body = gzip(b"<body/>").into();
            let refusal = binding::content(&config, &named(name), body).unwrap_err();
            assert_eq!(refusal.status, 415, "{name}");
            assert_eq!(field(&refusal, "Accept-Encoding"), Some(known));
            assert_eq!(field(&refusal, "Access-Control-Allow-Origin"), Some("*"));
        }
        let broken = binding::content(&coding(), &named("gzip"), "<body/>".into()).unwrap_err();
        assert_eq!(broken.status, 200);
        assert!(
            broken
                .body
                .ends_with(b"type='terminate' condition='bad-request'/>")
        );
    }
}

/// B-R-017: a GET that names a session reaches none, so that it dies when it would have.
#[test]
fn a_get_does_not_keep_a_session() {
    use std::{sync::Arc, time::Duration};

    use bosh_proto::server::{Action, Config as Server, Event, Manager};

    #[expect(clippy::disallowed_methods, reason = "any instant does")]
    let start = std::time::Instant::now();
    let at = |millis| start + Duration::from_millis(millis);
    let mut manager = Manager::new(Arc::new(Server::default()), [7; 32]);
    let request = bosh_proto::Request {
        body:
            "<body xmlns='http://jabber.org/protocol/httpbind' rid='1' to='a' ver='1.11' wait='1'/>"
                .into(),
        connection: bosh_proto::ConnectionId(1),
        address: None,
        channel: bosh_proto::Channel::Tls,
    };
    manager.handle_request(request, at(0));
    manager.handle_timeout(at(1_000));
    let mut sid = String::new();
    while let Some(action) = manager.poll_action() {
        if let Action::Respond { id, response } = action {
            let body = String::from_utf8(response.body.to_vec()).unwrap();
            let rest = body.split(" sid='").nth(1).unwrap();
            sid = rest.split('\'').next().unwrap().to_owned();
            manager.handle_sent(id, at(1_000));
        }
    }
    assert!(!sid.is_empty());
    for method in ["GET", "HEAD", "OPTIONS", "PUT"] {
        let head = RequestHead::new(method, &format!("/http-bind?sid={sid}"), Version::Http11);
        let Inbound::Answer(_) = binding::inbound(&Config::default(), &head) else {
            panic!("{method} reaches the manager");
        };
    }
    manager.handle_timeout(at(31_000));
    assert_eq!(manager.sessions(), 1);
    manager.handle_timeout(at(31_001));
    assert_eq!(manager.sessions(), 0);
    assert!(matches!(
        manager.poll_action(),
        Some(Action::Deliver {
            event: Event::Closed(_),
            ..
        })
    ));
}
