//! Whose word on a client's address and channel counts: the trusted proxies', in the fields that the configuration names.

use crate::support::{
    Gateway,
    bosh::creation,
    certificates::file,
    http::{self, Http},
    websocket::{WebSocket, handshake},
};

fn gateway(name: &str, http: &str) -> Gateway {
    let text = format!("[[listener]]\naddress = '127.0.0.1:0'\n[http]\n{http}\n");
    Gateway::run(&["--config", &file(&format!("{name}.toml"), &text)])
}

/// What a client writes that wants another's address, or to be taken for one that came by TLS.
const LIES: [(&str, &str); 6] = [
    ("Forwarded", "for=203.0.113.9;proto=https"),
    ("X-Forwarded-For", "203.0.113.9"),
    ("X-Real-IP", "203.0.113.9"),
    ("CF-Connecting-IP", "203.0.113.9"),
    ("X-Forwarded-Proto", "https"),
    ("X-Forwarded-Host", "203.0.113.9"),
];

/// The lies in all fields that the proxy does not write, then the fields that it writes, as lines.
fn fields(written: &[(&str, &str)]) -> String {
    let lies = LIES
        .iter()
        .filter(|(lie, _)| !written.iter().any(|(name, _)| name == lie));
    lies.chain(written)
        .map(|(name, value)| format!("{name}: {value}\r\n"))
        .collect()
}

/// Whether PLAIN is offered to a client whose requests have these fields, over BOSH and over WebSocket.
fn offers_plain(gateway: &Gateway, fields: &str) -> bool {
    let body = creation("localhost");
    let bosh = http::ask(gateway.address, "POST", "/http-bind", fields, &body).body;
    assert!(bosh.contains("<mechanism"), "{bosh}");
    let fields = format!("{}{fields}", handshake("xmpp"));
    let http = Http::connect(gateway.address);
    let mut socket = WebSocket::connect_on(http, "/xmpp-websocket", &fields).expect("a 101");
    socket.send(crate::support::websocket::OPEN);
    let websocket = socket.until("<mechanism");
    assert_eq!(bosh.contains(">PLAIN<"), websocket.contains(">PLAIN<"));
    bosh.contains(">PLAIN<")
}

/// The two lines that tell of the sessions of `offers_plain`.
fn sources(gateway: &Gateway) -> Vec<String> {
    for transport in ["bosh", "websocket"] {
        gateway.logs(&format!("session opened transport=\"{transport}\""));
    }
    let log = gateway.log();
    log.lines()
        .filter(|line| line.contains("session opened"))
        .map(str::to_owned)
        .collect()
}

/// B-R-171, W-R-031: behind a trusted proxy each field can be the one that tells the address; a client's lies in all others change nothing.
#[test]
fn the_named_field_alone_tells_the_address() {
    for (key, name, value) in [
        (
            "x-forwarded-for",
            "X-Forwarded-For",
            "203.0.113.9, 192.0.2.77",
        ),
        (
            "forwarded",
            "Forwarded",
            "for=203.0.113.9, for=\"192.0.2.77:4711\"",
        ),
        ("x-real-ip", "X-Real-IP", "192.0.2.77"),
        ("cf-connecting-ip", "CF-Connecting-IP", "192.0.2.77"),
    ] {
        let gateway = gateway(
            &format!("named-{key}"),
            &format!("trusted_proxies = ['127.0.0.0/8']\nclient_address = '{key}'"),
        );
        assert!(offers_plain(&gateway, &fields(&[(name, value)])), "{key}");
        for line in sources(&gateway) {
            assert!(line.contains("192.0.2.77"), "{key}: {line}");
        }
        assert!(
            !gateway.log().contains("203.0.113.9"),
            "{key}: {}",
            gateway.log()
        );
    }
}

/// The same if the proxy does not write it: then nothing tells the address.
#[test]
fn a_missing_field_is_not_replaced_by_another() {
    for (key, name) in [
        ("x-forwarded-for", "X-Forwarded-For"),
        ("forwarded", "Forwarded"),
        ("x-real-ip", "X-Real-IP"),
        ("cf-connecting-ip", "CF-Connecting-IP"),
    ] {
        let gateway = gateway(
            &format!("missing-{key}"),
            &format!("trusted_proxies = ['127.0.0.1']\nclient_address = '{key}'"),
        );
        let without = fields(&[(name, "")]).replace(&format!("{name}: \r\n"), "");
        assert!(offers_plain(&gateway, &without), "{key}");
        assert_eq!(sources(&gateway).len(), 2);
        assert!(
            !gateway.log().contains("203.0.113.9"),
            "{key}: {}",
            gateway.log()
        );
    }
}

/// B-R-171, W-R-452: without a field that tells the scheme the channel is what the listener is; with one nothing else makes a client protected.
#[test]
fn the_named_field_alone_tells_the_scheme() {
    let listener = gateway("scheme-none", "trusted_proxies = ['127.0.0.1']");
    assert!(offers_plain(
        &listener,
        "X-Forwarded-Proto: http\r\nForwarded: proto=http\r\n"
    ));
    for (key, name, https, http) in [
        ("x-forwarded-proto", "X-Forwarded-Proto", "https", "http"),
        (
            "forwarded",
            "Forwarded",
            "for=192.0.2.77;proto=https",
            "for=192.0.2.77;proto=http",
        ),
    ] {
        let gateway = gateway(
            &format!("scheme-{key}"),
            &format!("trusted_proxies = ['127.0.0.1']\nclient_scheme = '{key}'"),
        );
        assert!(offers_plain(&gateway, &fields(&[(name, https)])), "{key}");
        for plain in [http, "", "nonsense", &format!("{https}, {http}")] {
            assert!(
                !offers_plain(&gateway, &fields(&[(name, plain)])),
                "{plain}"
            );
        }
    }
}

/// B-R-171: a peer that is no trusted proxy says nothing of itself.
#[test]
fn nobody_else_is_believed() {
    let gateway = gateway(
        "nobody-else",
        "trusted_proxies = ['127.0.0.2']\nclient_scheme = 'x-forwarded-proto'",
    );
    assert!(offers_plain(&gateway, "X-Forwarded-Proto: http\r\n"));
    assert!(offers_plain(&gateway, &fields(&[])));
    for line in sources(&gateway) {
        assert!(line.contains("127.0.0.1"), "{line}");
    }
    assert!(!gateway.log().contains("203.0.113.9"), "{}", gateway.log());
}
