//! BOSH through the binary to the demonstration domain.

use crate::support::{
    Gateway,
    bosh::{Bosh, attribute, creation, post},
    http,
};

/// `\0ada\0correct horse`
const ADA: &str = "AGFkYQBjb3JyZWN0IGhvcnNl";
/// `\0witness\0x`
const WITNESS: &str = "AHdpdG5lc3MAeA==";

#[test]
fn a_session_from_creation_to_termination() {
    let gateway = Gateway::start();
    let mut session = Bosh::signed_in(gateway.address, ADA);
    session.echo("there and back &lt;again&gt;");
    let answer = session.exchange("type='terminate'", "");
    assert_eq!(attribute(&answer, "type").as_deref(), Some("terminate"));
    assert_eq!(attribute(&answer, "condition"), None);
}

/// B-R-045: `from` proves nothing.
#[test]
fn from_does_not_change_who_is_signed_in() {
    let gateway = Gateway::start();
    let creation = creation("localhost").replacen("<body ", "<body from='mallory@localhost' ", 1);
    let mut session = Bosh::create_by(http::Http::connect(gateway.address), &creation);
    let bound = session.sign_in(ADA);
    assert!(bound.contains(">ada@localhost/"), "{bound}");
}

/// Both paths of B-R-175, and the fields of B-R-172.
#[test]
fn both_paths_create_sessions_that_any_page_may_read() {
    let gateway = Gateway::start();
    for path in ["/http-bind", "/bosh"] {
        let answer = http::ask(
            gateway.address,
            "POST",
            path,
            "Origin: https://elsewhere.example\r\n",
            &creation("localhost"),
        );
        assert_eq!(answer.status, 200);
        assert_eq!(answer.field("Access-Control-Allow-Origin"), Some("*"));
        assert!(attribute(&answer.body, "sid").is_some(), "{}", answer.body);
    }
    let preflight = http::ask(
        gateway.address,
        "OPTIONS",
        "/http-bind",
        "Origin: https://elsewhere.example\r\nAccess-Control-Request-Method: POST\r\n",
        "",
    );
    assert!(
        preflight.status == 200 || preflight.status == 204,
        "{}",
        preflight.head
    );
    assert_eq!(
        preflight.field("Access-Control-Allow-Methods"),
        Some("POST, OPTIONS")
    );
}

/// C-R-035.
#[test]
fn domains_that_are_not_served_are_refused() {
    let gateway = Gateway::start();
    let condition = |body: &str| attribute(&post(gateway.address, body).body, "condition");
    assert_eq!(
        condition(&creation("elsewhere.example")).as_deref(),
        Some("host-unknown")
    );
    assert_eq!(
        condition(&creation("")).as_deref(),
        Some("improper-addressing")
    );
}

#[test]
fn what_is_wrong_is_answered_and_disturbs_nobody() {
    let gateway = Gateway::start();
    let mut witness = Bosh::signed_in(gateway.address, WITNESS);
    let cases = [
        ("not XML", "bad-request"),
        ("<body", "bad-request"),
        (
            "<body xmlns='http://jabber.org/protocol/httpbind'/>",
            "bad-request",
        ),
        ("<other xmlns='urn:example'/>", "bad-request"),
        (
            "<!DOCTYPE body [<!ENTITY a 'b'>]><body rid='1' xmlns='http://jabber.org/protocol/httpbind'>&a;</body>",
            "bad-request",
        ),
        (
            "<body rid='1' sid='AAAAAAAAAAAAAAAAAAAAAAAA' xmlns='http://jabber.org/protocol/httpbind'/>",
            "item-not-found",
        ),
    ];
    for (round, (body, condition)) in cases.iter().enumerate() {
        let answer = post(gateway.address, body);
        assert_eq!(
            attribute(&answer.body, "type").as_deref(),
            Some("terminate"),
            "{body}: {}",
            answer.body
        );
        assert_eq!(
            attribute(&answer.body, "condition").as_deref(),
            Some(*condition),
            "{body}"
        );
        assert_eq!(
            answer.field("Access-Control-Allow-Origin"),
            Some("*"),
            "{body}"
        );
        witness.echo(&format!("round {round}"));
    }
    let large = format!("<body>{}</body>", "x".repeat(300_000));
    let mut http = http::Http::connect(gateway.address);
    http.send("POST", "/http-bind", "Expect: 100-continue\r\n", "");
    drop(http);
    let refused = http::ask(gateway.address, "POST", "/http-bind", "", &large);
    assert_eq!(refused.status, 413);
    assert_eq!(refused.field("Access-Control-Allow-Origin"), Some("*"));
    witness.echo("still here");
}

/// B-R-153, C-R-040.
#[test]
fn sigterm_answers_held_requests_and_exits_with_zero() {
    let mut gateway = Gateway::start();
    let mut session = Bosh::signed_in(gateway.address, ADA);
    session.send("", "");
    // A second request shows that the first is held, as answers come in order.
    let mut other = Bosh::signed_in(gateway.address, WITNESS);
    other.echo("before the end");
    gateway.terminate();
    let answer = session.http.receive();
    assert_eq!(
        attribute(&answer.body, "type").as_deref(),
        Some("terminate"),
        "{}",
        answer.body
    );
    assert_eq!(
        attribute(&answer.body, "condition").as_deref(),
        Some("system-shutdown")
    );
    assert_eq!(gateway.ended().code(), Some(0));
    assert!(gateway.log().contains("going down"), "{}", gateway.log());
    assert!(
        gateway.log().contains("cause=shutdown"),
        "{}",
        gateway.log()
    );
}

/// W-R-165, W-R-474, B-R-170.
#[test]
fn logs_hold_no_secret() {
    let mut gateway = Gateway::with(&["--log", "trace"]);
    let mut session = Bosh::signed_in(gateway.address, ADA);
    session.echo("a private matter");
    let _ = http::ask(
        gateway.address,
        "GET",
        "/nothing?token=query-secret",
        "",
        "",
    );
    let sid = session.sid.clone();
    session.exchange("type='terminate'", "");
    gateway.terminate();
    gateway.ended();
    let log = gateway.log();
    assert!(log.contains("session opened"), "{log}");
    assert!(log.contains("cause=\"the client ended it\""), "{log}");
    for secret in [
        ADA,
        "correct horse",
        "a private matter",
        "query-secret",
        sid.as_str(),
    ] {
        assert!(!log.contains(secret), "{secret} in:\n{log}");
    }
}
