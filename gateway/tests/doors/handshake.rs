//! Requests that open no WebSocket (RFC 6455 §4.2).

use crate::{house::House, knock::knock, support::websocket::handshake};

/// A handshake with one thing replaced.
fn spoilt(from: &str, to: &str) -> String {
    let request = format!(
        "GET /ws HTTP/1.1\r\nHost: localhost:5280\r\n{}\r\n",
        handshake("xmpp")
    );
    assert!(request.contains(from), "{from}");
    request.replace(from, to)
}

/// The answer to a request, and the end: what is behind it is no second request (W-R-025).
fn refused(house: &House, request: &str, status: &str, reason: &str, fields: &str) {
    let behind = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";
    for _ in 0..5 {
        for request in [request.to_owned(), format!("{request}{behind}")] {
            let answer = knock(house.address(), request.as_bytes());
            assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{answer}");
            assert!(
                answer.starts_with(&format!("HTTP/1.1 {status}\r\n")),
                "{request}{answer}"
            );
            assert!(
                answer.ends_with(&format!("\r\n\r\n{reason}\n")),
                "{request}{answer}"
            );
            for field in fields.lines() {
                assert!(answer.contains(&format!("\r\n{field}\r\n")), "{answer}");
            }
        }
    }
}

/// W-R-011, W-R-013.
#[test]
fn a_wrong_subprotocol_gets_400() {
    let house = House::open();
    let missing = "the subprotocol of this endpoint is not offered";
    for offer in [
        "Sec-WebSocket-Protocol: soap\r\n",
        "Sec-WebSocket-Protocol: XMPP\r\n",
        "",
    ] {
        let request = spoilt("Sec-WebSocket-Protocol: xmpp\r\n", offer);
        refused(&house, &request, "400 Bad Request", missing, "");
    }
    let request = spoilt("Protocol: xmpp", "Protocol: x mpp");
    refused(
        &house,
        &request,
        "400 Bad Request",
        "Sec-WebSocket-Protocol is malformed",
        "",
    );
    house.leave_intact();
}

/// W-R-008.
#[test]
fn a_bad_key_gets_400() {
    let house = House::open();
    let reason = "Sec-WebSocket-Key is not one key of 16 bytes";
    let key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    for bad in [
        String::new(),
        key.replace("Q==", "=="),
        key.replace("dGhl", "dGhldGhl"),
        key.replace("dGhl", "d*hl"),
        key.repeat(2),
    ] {
        refused(&house, &spoilt(key, &bad), "400 Bad Request", reason, "");
    }
    house.leave_intact();
}

/// W-R-010, W-R-017.
#[test]
fn a_wrong_version_and_a_plain_get_are_told_426() {
    let house = House::open();
    let reason = "Sec-WebSocket-Version is not 13";
    let version = "Sec-WebSocket-Version: 13";
    for wrong in ["8", "14"] {
        let request = spoilt(version, &format!("Sec-WebSocket-Version: {wrong}"));
        refused(
            &house,
            &request,
            "426 Upgrade Required",
            reason,
            "Upgrade: websocket\nSec-WebSocket-Version: 13",
        );
    }
    for wrong in ["013", "13, 8", "256"] {
        let request = spoilt(version, &format!("Sec-WebSocket-Version: {wrong}"));
        refused(&house, &request, "400 Bad Request", reason, version);
    }
    let request = spoilt("Upgrade: websocket", "Upgrade: websocketx");
    refused(
        &house,
        &request,
        "426 Upgrade Required",
        "this is a WebSocket endpoint",
        "Upgrade: websocket\nSec-WebSocket-Version: 13\nConnection: close, Upgrade",
    );
    let request = spoilt("Connection: keep-alive, Upgrade", "Connection: keep-alive");
    refused(
        &house,
        &request,
        "400 Bad Request",
        "Connection does not say Upgrade",
        "",
    );
    house.leave_intact();
}

/// W-R-015, W-R-016.
#[test]
fn a_foreign_origin_gets_403() {
    let house = House::open();
    for origin in [
        "https://attacker.example",
        "https://localhost.attacker.example",
        "https://attackerlocalhost",
        "null",
        "localhost",
        "",
    ] {
        let request = spoilt(
            "Upgrade: websocket",
            &format!("Origin: {origin}\r\nUpgrade: websocket"),
        );
        refused(
            &house,
            &request,
            "403 Forbidden",
            "this Origin is not allowed",
            "",
        );
    }
    let twice = "Origin: http://localhost\r\nOrigin: http://localhost\r\nUpgrade: websocket";
    refused(
        &house,
        &spoilt("Upgrade: websocket", twice),
        "400 Bad Request",
        "more than one Origin",
        "",
    );
    house.leave_intact();
}
