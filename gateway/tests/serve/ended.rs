//! What the log says of sessions: who ended them, and nothing that a peer could forge.

use std::{fs, path::PathBuf};

use crate::support::{
    Gateway,
    bosh::{self, Bosh},
    http::{Http, ask},
    scripted::{Scripted, features, header, mechanisms},
    websocket::{OPEN, WebSocket, handshake},
};

const ADA: &str = "AGFkYQBjb3JyZWN0IGhvcnNl";

/// A gateway with this configuration, which is a file of that name.
fn configured(name: &str, text: &str, arguments: &[&str]) -> Gateway {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::write(&path, text).expect("a writable directory");
    let path = path.to_str().expect("text");
    Gateway::with(&[&["--config", path], arguments].concat())
}

/// Waits until sessions over that transport have ended for these reasons, in any order.
fn ended(gateway: &Gateway, transport: &str, causes: &[&str]) {
    for cause in causes {
        gateway.logs(&format!("cause={cause}"));
    }
    let log = gateway.log();
    let mut found: Vec<&str> = log
        .lines()
        .filter(|line| line.contains("session closed") && line.contains(transport))
        .filter_map(|line| Some(line.split_once("cause=")?.1))
        .collect();
    let mut wanted = causes.to_vec();
    found.sort_unstable();
    wanted.sort_unstable();
    assert_eq!(found, wanted, "{log}");
}

/// A client that does not sign in is ended by us, and is not lost.
#[test]
fn a_client_that_does_not_sign_in_is_told_from_one_that_is_lost() {
    let text = "[bosh]\nauth_seconds = 1\ninactivity_seconds = 1\n[websocket]\nauth_seconds = 1\n";
    let gateway = configured("auth.toml", text, &[]);
    let mut slow = Bosh::create(gateway.address);
    let answer = slow.exchange("", "");
    assert!(answer.contains("policy-violation"), "{answer}");
    let mut lost = Bosh::signed_in(gateway.address, ADA);
    lost.echo("before it is lost");
    drop(lost);
    let mut faulty = Bosh::signed_in(gateway.address, ADA);
    faulty.rid += 100;
    faulty.send("", "");
    assert!(faulty.http.receive().body.contains("item-not-found"));
    ended(
        &gateway,
        "bosh",
        &[
            "\"the client did not sign in in time\"",
            "\"the client was lost\"",
            "\"the client broke a rule: item-not-found (window-exceeded)\"",
        ],
    );

    let mut slow = WebSocket::open(gateway.address);
    slow.until("policy-violation");
    slow.rest();
    drop(WebSocket::signed_in(gateway.address, ADA));
    let mut faulty = WebSocket::signed_in(gateway.address, ADA);
    faulty.send("<message");
    faulty.until("not-well-formed");
    faulty.rest();
    let mut unmasked = WebSocket::signed_in(gateway.address, ADA);
    unmasked.raw(b"\x81\x01a");
    unmasked.rest();
    ended(
        &gateway,
        "websocket",
        &[
            "\"the client did not sign in in time\"",
            "\"the client was lost\"",
            "\"the client broke a rule: not-well-formed\"",
            "\"the client broke a rule: 1002 (unmasked-frame)\"",
        ],
    );
}

/// The client vanishes between success and its restart; ejabberd and Prosody open the new stream to end it.
#[test]
fn a_server_that_gives_up_a_client_that_vanished_has_broken_nothing() {
    let server = Scripted::start(|peer| {
        peer.until("<stream:stream")?;
        peer.say(&header("1"))?;
        peer.say(&features(&mechanisms(&["PLAIN"])))?;
        peer.until("</auth>")?;
        peer.say("<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>")?;
        std::thread::sleep(std::time::Duration::from_millis(100));
        peer.say(&header("2"))?;
        peer.say("<stream:error><connection-timeout xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error></stream:stream>")
    });
    let address = server.address.to_string();
    let arguments = ["--domain", "localhost", "--upstream", &address];
    let gateway = configured(
        "gives_up.toml",
        "[bosh]\ninactivity_seconds = 1\n",
        &arguments,
    );
    let mut session = Bosh::create(gateway.address);
    let auth =
        format!("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{ADA}</auth>");
    session.exchange("", &auth);
    drop(session);
    ended(
        &gateway,
        "bosh",
        &["\"the server ended it: connection-timeout\""],
    );
}

/// What a client ends before the process is told to go is the client's doing.
#[test]
fn a_session_that_its_client_ended_did_not_end_by_the_shutdown() {
    let mut gateway = Gateway::start();
    let mut session = Bosh::signed_in(gateway.address, ADA);
    session.exchange("type='terminate'", "");
    gateway.terminate();
    gateway.ended();
    ended(&gateway, "bosh", &["\"the client ended it\""]);
}

/// Whatever a client writes into what is logged stays one value of one field in one line.
#[test]
fn no_field_of_the_log_can_be_forged() {
    let gateway = Gateway::with(&["--log", "trace"]);
    let forged =
        "x source=192.0.2.66 cause=forged \u{202e}\u{2066}\u{200f}\u{61c}\u{85}\u{2028}\"\\ ";
    let escaped =
        r#""x source=192.0.2.66 cause=forged \u{202e}\u{2066}\u{200f}\u{61c}\u{85}\u{2028}\"\\ ""#;
    let attribute = forged.replace('"', "&quot;") + "&#9;&#10;info";
    let escaped_attribute = escaped.replace("\\\\ \"", "\\\\ \\t\\ninfo\"");
    let mut http = Http::connect(gateway.address);
    let refused = http.ask("POST", "/http-bind", "", &bosh::creation(&attribute));
    assert!(refused.body.contains("terminate"), "{}", refused.body);
    let fields = handshake("xmpp");
    let mut socket = WebSocket::connect(gateway.address, "/ws", &fields).expect("a 101");
    // A WebSocket's `to` has to look like a domain.
    socket.send(&OPEN.replace("localhost", "x\u{202e}source=192.0.2.66"));
    socket.rest();
    let fields = format!("{fields}Origin: https://{forged}.example\r\n");
    let answer = WebSocket::connect(gateway.address, "/ws", &fields).err();
    assert_eq!(answer.map(|answer| answer.status), Some(403));
    // Neither path nor Host is logged; what is not a header field at all is refused.
    let path = "/%0Asource=192.0.2.66?source=192.0.2.66";
    ask(gateway.address, "GET", path, "", "");
    gateway.logs("origin is not allowed");
    for (transport, domain) in [
        ("bosh", escaped_attribute.as_str()),
        ("websocket", r#""x\u{202e}source=192.0.2.66""#),
    ] {
        for event in ["session opened", "session closed"] {
            let wanted = format!("{event} transport=\"{transport}\"");
            gateway.logs(&wanted);
            let log = gateway.log();
            let line = log.lines().find(|line| line.contains(&wanted));
            let line = line.expect("a line");
            assert!(line.contains(&format!(" domain={domain} ")), "{line}");
        }
    }
    let log = gateway.log();
    let origin = log.lines().find(|line| line.contains("origin is not"));
    let origin = origin.expect("a line");
    let wanted = escaped.replacen("\"x", "\"https://x", 1);
    let wanted = wanted.strip_suffix('"').expect("a quote");
    assert!(origin.contains(&format!("origin={wanted}")), "{origin}");
    for line in log.lines() {
        let quotes = line.replace("\\\\", "").replace("\\\"", "");
        let bare: String = quotes.split('"').step_by(2).collect();
        assert!(
            !bare.contains("192.0.2.66") && !bare.contains("forged"),
            "{line}"
        );
        assert!(line.starts_with("20"), "{line}");
    }
}
