//! Ledger §1 and §13: methods, CORS and origins.
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
