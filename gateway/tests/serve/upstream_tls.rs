//! TLS between the gateway and a domain's server (W-R-450, W-R-451, W-R-444).

use rcgen::{CertificateParams, date_time_ymd};

use crate::support::{
    Gateway,
    bosh::{Bosh, attribute, creation, post},
    certificates::{Authority, file, params},
    server::{Server, Way},
    websocket::{Frame, OPEN, WebSocket, handshake},
};

/// `\0ada\0correct horse`
const ADA: &str = "AGFkYQBjb3JyZWN0IGhvcnNl";

/// A gateway that trusts `ca` alone, in front of the server.
fn gateway(server: &Server, tls: &str, ca: &str) -> Gateway {
    let settings = file("upstream-tls.toml", "[upstream]\nfeatures_seconds = 2\n");
    let address = server.address.to_string();
    Gateway::with(&[
        "--config",
        &settings,
        "--domain",
        "localhost",
        "--upstream",
        &address,
        "--upstream-tls",
        tls,
        "--upstream-ca",
        ca,
    ])
}

/// Both transports work, and the server has seen nothing in plain text that says who the client is.
fn works(way: Way, tls: &str) -> (Gateway, Server) {
    let authority = Authority::new(&format!("works-{way:?}"));
    let server = Server::start(way, authority.sign(&params("localhost")));
    let gateway = gateway(&server, tls, &authority.file);
    Bosh::signed_in(gateway.address, ADA).echo("by BOSH, behind TLS");
    WebSocket::signed_in(gateway.address, ADA).echo("by WebSocket, behind TLS");
    says_nothing(&server);
    (gateway, server)
}

/// Nothing of the client's in plain text: not its words, not its name (RFC 6120 §4.7.1).
fn says_nothing(server: &Server) {
    let plain = server.plain();
    for word in ["from=", "<auth", ADA, "<iq", "<message"] {
        assert!(!plain.contains(word), "{word} is in {plain}");
    }
}

/// Neither transport gets through; both hear it in the way that is theirs, and so does the log.
fn fails(way: Way, tls: &str, params: &CertificateParams, reason: &str) {
    let authority = Authority::new(&format!("fails-{way:?}-{}", reason.len()));
    let server = Server::start(way, authority.sign(params));
    refused(&server, &gateway(&server, tls, &authority.file), reason);
}

fn refused(server: &Server, gateway: &Gateway, reason: &str) {
    let answer = post(gateway.address, &creation("localhost"));
    let condition = attribute(&answer.body, "condition");
    assert_eq!(
        condition.as_deref(),
        Some("remote-connection-failed"),
        "{}",
        answer.body
    );

    let mut socket =
        WebSocket::connect(gateway.address, "/xmpp-websocket", &handshake("xmpp")).expect("a 101");
    socket.send(OPEN);
    socket.send(&format!(
        "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{ADA}</auth>"
    ));
    let rest = socket.rest();
    let texts: Vec<&str> = rest
        .iter()
        .filter_map(|frame| match frame {
            Frame::Text(text) => Some(text.as_str()),
            Frame::Compressed(_) | Frame::Close(_) | Frame::Ping | Frame::Pong => None,
        })
        .collect();
    let [open, error, close] = texts.as_slice() else {
        panic!("{rest:?}");
    };
    assert!(open.starts_with("<open"), "{open}");
    assert!(error.contains("<internal-server-error"), "{error}");
    assert!(close.starts_with("<close"), "{close}");
    assert_eq!(rest.last(), Some(&Frame::Close(1011)), "{rest:?}");

    says_nothing(server);
    gateway.logs(reason);
    let log = gateway.log();
    let warnings: Vec<&str> = log.lines().filter(|line| line.contains("WARN")).collect();
    // Twice lost, but in less than ten seconds.
    assert_eq!(warnings.len(), 1, "{log}");
    assert!(warnings[0].contains("domain=localhost"), "{log}");
}

#[test]
fn starttls_carries_both_transports() {
    let (_gateway, server) = works(Way::StartTls, "starttls");
    assert!(server.plain().contains("<starttls"), "{}", server.plain());
    assert_eq!(server.alpn(), None);
}

/// XEP-0368.
#[test]
fn direct_tls_carries_both_transports() {
    let (_gateway, server) = works(Way::Direct, "direct");
    assert_eq!(server.plain(), "");
    assert_eq!(server.alpn().as_deref(), Some(&b"xmpp-client"[..]));
}

/// RFC 7590 §3.1: somebody in between may have taken the feature out.
#[test]
fn starttls_is_tried_where_it_is_not_offered() {
    works(Way::Unannounced, "starttls");
}

/// RFC 6120 §5.4.3.3.
#[test]
fn plain_text_behind_proceed_is_not_parsed() {
    let authority = Authority::new("injected");
    let server = Server::start(Way::Injected, authority.sign(&params("localhost")));
    let gateway = gateway(&server, "starttls", &authority.file);
    let mut socket =
        WebSocket::connect(gateway.address, "/xmpp-websocket", &handshake("xmpp")).expect("a 101");
    socket.send(OPEN);
    let features = socket.until("<mechanism");
    assert!(features.contains("<mechanism>PLAIN"), "{features}");
    let answer = post(gateway.address, &creation("localhost")).body;
    assert!(!answer.contains("X-INJECTED"), "{answer}");
}

/// B-R-169: a server without TLS is not spoken to where TLS is configured.
#[test]
fn a_server_that_refuses_starttls_is_not_spoken_to() {
    let reason = "the server did not agree to STARTTLS";
    fails(Way::Refused, "starttls", &params("localhost"), reason);
}

#[test]
fn a_server_that_says_nothing_more_is_left_in_time() {
    fails(Way::Silent, "starttls", &params("localhost"), "timed out");
}

/// W-R-451: the certificate has to be for the domain, and one for the server's address is not.
#[test]
fn a_certificate_for_the_address_alone_is_refused() {
    let reason = r#"the certificate is not for \"localhost\" but for"#;
    fails(Way::StartTls, "starttls", &params("127.0.0.1"), reason);
    fails(Way::Direct, "direct", &params("127.0.0.1"), reason);
}

#[test]
fn an_expired_certificate_is_refused() {
    let mut expired = params("localhost");
    expired.not_before = date_time_ymd(2020, 1, 1);
    expired.not_after = date_time_ymd(2021, 1, 1);
    let reason = "the certificate has expired";
    fails(Way::StartTls, "starttls", &expired, reason);
    fails(Way::Direct, "direct", &expired, reason);
}

#[test]
fn a_certificate_of_another_ca_is_refused() {
    let known = Authority::new("known");
    for (way, tls) in [(Way::StartTls, "starttls"), (Way::Direct, "direct")] {
        let authority = Authority::new(&format!("unknown-{tls}"));
        let server = Server::start(way, authority.sign(&params("localhost")));
        let gateway = gateway(&server, tls, &known.file);
        refused(&server, &gateway, "the certificate's issuer is unknown");
    }
}
