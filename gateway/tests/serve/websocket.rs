//! WebSocket through the binary to the demonstration domain.

use crate::support::{
    Gateway,
    websocket::{CLOSE, Frame, OPEN, WebSocket, handshake},
};

/// `\0ada\0correct horse`
const ADA: &str = "AGFkYQBjb3JyZWN0IGhvcnNl";
/// `\0witness\0x`
const WITNESS: &str = "AHdpdG5lc3MAeA==";

#[test]
fn a_session_from_the_handshake_to_the_close_frame() {
    let gateway = Gateway::start();
    let mut socket = WebSocket::signed_in(gateway.address, ADA);
    socket.echo("there and back &lt;again&gt;");
    socket.send(CLOSE);
    let close = socket.until("<close");
    assert!(
        close.contains("urn:ietf:params:xml:ns:xmpp-framing"),
        "{close}"
    );
    // Whoever got `<close/>` may close the WebSocket first (RFC 7395 §3.6).
    socket.close(1000);
    assert_eq!(socket.rest(), [Frame::Close(1000)]);
}

/// C-R-002.
#[test]
fn every_path_upgrades() {
    let gateway = Gateway::start();
    for path in ["/xmpp-websocket", "/ws", "/"] {
        assert!(
            WebSocket::connect(gateway.address, path, &handshake("xmpp")).is_ok(),
            "{path}"
        );
    }
}

/// W-R-013, W-R-016, W-R-017.
#[test]
fn handshakes_that_are_not_for_us_are_refused() {
    let gateway = Gateway::start();
    let status = |fields: &str| {
        WebSocket::connect(gateway.address, "/xmpp-websocket", fields)
            .map_or_else(|answer| answer.status, |_| 101)
    };
    assert_eq!(status(&handshake("chat")), 400);
    assert_eq!(status(""), 426);
    let origin = |origin: &str| format!("{}Origin: {origin}\r\n", handshake("xmpp"));
    assert_eq!(status(&origin("https://attacker.example")), 403);
    assert_eq!(status(&origin("http://127.0.0.1:8080")), 101);
}

#[test]
fn what_is_wrong_is_answered_and_disturbs_nobody() {
    let gateway = Gateway::start();
    let mut witness = WebSocket::signed_in(gateway.address, WITNESS);
    let mut round = 0;
    let mut check = |code: u16, spoil: &dyn Fn(&mut WebSocket), said: &str| {
        let mut socket = WebSocket::open(gateway.address);
        spoil(&mut socket);
        let rest = socket.rest();
        assert_eq!(rest.last(), Some(&Frame::Close(code)), "{rest:?}");
        let text: String = rest.iter().map(|frame| format!("{frame:?}")).collect();
        assert!(text.contains(said), "{said} is not in {text}");
        round += 1;
        witness.echo(&format!("round {round}"));
    };
    // RFC 6455 §5.1: a client that does not mask; a reserved opcode; a reserved bit.
    check(1002, &|socket| socket.raw(b"\x81\x05hello"), "");
    check(1002, &|socket| socket.frame(0x83, b"x"), "");
    check(1002, &|socket| socket.frame(0xc1, b"x"), "");
    // RFC 6455 §8.1, RFC 7395 §3.2.
    check(1007, &|socket| socket.frame(0x81, b"\xff"), "");
    check(1003, &|socket| socket.frame(0x82, b"<x/>"), "");
    // RFC 7395 §3.3: a message is one element; RFC 6120 §4.9.3 has the conditions.
    check(1000, &|socket| socket.send("<message"), "not-well-formed");
    check(
        1000,
        &|socket| socket.send("<!--x--><message xmlns='jabber:client'/>"),
        "restricted-xml",
    );
    check(
        1000,
        &|socket| socket.send("<message xmlns='jabber:client'/>"),
        "not-authorized",
    );
}

/// C-R-035, W-R-430.
#[test]
fn domains_that_are_not_served_are_refused() {
    let gateway = Gateway::start();
    let mut socket = WebSocket::connect(gateway.address, "/ws", &handshake("xmpp")).expect("a 101");
    socket.send(&OPEN.replace("localhost", "elsewhere.example"));
    let rest = socket.rest();
    let text: String = rest.iter().map(|frame| format!("{frame:?}")).collect();
    assert!(text.contains("host-unknown"), "{text}");
    assert_eq!(rest.last(), Some(&Frame::Close(1000)), "{text}");
}

/// W-R-031: nobody is trusted to say for whom it asks, so that a header cannot change whose connection this is.
#[test]
fn a_spoofed_address_is_nobodys() {
    let gateway = Gateway::start();
    let fields = format!(
        "{}X-Forwarded-For: 203.0.113.9\r\nForwarded: for=203.0.113.9\r\nX-Real-IP: 203.0.113.9\r\n",
        handshake("xmpp")
    );
    let http = crate::support::http::Http::connect(gateway.address);
    let mut socket = WebSocket::open_with(http, &fields).sign_in(ADA);
    socket.echo("who am I?");
    gateway.logs("session opened");
    let log = gateway.log();
    assert!(log.contains("source=127.0.0.1"), "{log}");
    assert!(!log.contains("203.0.113.9"), "{log}");
}

/// W-R-473.
#[test]
fn sigterm_ends_streams_with_system_shutdown_and_1001() {
    let mut gateway = Gateway::start();
    let mut socket = WebSocket::signed_in(gateway.address, ADA);
    gateway.terminate();
    let rest = socket.rest();
    let text: String = rest.iter().map(|frame| format!("{frame:?}")).collect();
    assert!(text.contains("system-shutdown"), "{text}");
    assert_eq!(rest.last(), Some(&Frame::Close(1001)), "{text}");
    drop(socket);
    assert_eq!(gateway.ended().code(), Some(0));
}

/// W-R-165, W-R-474.
#[test]
fn logs_hold_no_secret() {
    let mut gateway = Gateway::with(&["--log", "trace"]);
    let mut socket = WebSocket::signed_in(gateway.address, ADA);
    socket.echo("a private matter");
    socket.send(CLOSE);
    socket.until("<close");
    drop(socket);
    gateway.terminate();
    gateway.ended();
    let log = gateway.log();
    assert!(log.contains("session opened"), "{log}");
    assert!(log.contains("cause=\"the client ended it\""), "{log}");
    for secret in [ADA, "correct horse", "a private matter"] {
        assert!(!log.contains(secret), "{secret} in:\n{log}");
    }
}
