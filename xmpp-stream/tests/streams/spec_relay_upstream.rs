//! From the web to the server (W-R-430 to 447).

use crate::support::*;
use xmpp_stream::{client::Tls, session};

const TO_SERVER: &str = "<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' \
                         to='a.example' version='1.0' xml:lang='de'>";

/// W-R-415, W-R-420, W-R-431, W-R-438, W-R-450, B-X-006: STARTTLS, of which the client sees nothing, SASL, a restart, a message, a client that closes.
#[test]
fn a_whole_session_in_golden_bytes() {
    let mut scene = Scene::with(config(Tls::StartTls));
    assert_eq!(scene.sent(), TO_SERVER);
    let plain =
        "<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/></stream:features>";
    assert_eq!(scene.server(&format!("{HEADER}{plain}")), [""; 0]);
    assert_eq!(
        scene.sent(),
        "<starttls xmlns=\"urn:ietf:params:xml:ns:xmpp-tls\"/>"
    );
    assert_eq!(
        scene.server("<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/><injected/>"),
        ["START-TLS"]
    );
    assert_eq!(scene.server("<injected/>"), [""; 0]);
    scene.relay.handle_tls(scene.now);
    assert_eq!(scene.sent(), TO_SERVER);
    let header = HEADER.replace("id='1'", "id='2'");
    assert_eq!(scene.server(&header), [""; 0]);
    assert_eq!(
        scene.server(
            "<stream:features><mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>EXTERNAL</mechanism>\
             <mechanism>SCRAM-SHA-256-PLUS</mechanism><mechanism>SCRAM-SHA-256</mechanism></mechanisms></stream:features>"
        ),
        [
            "open id=\"2\" from=\"a.example\" lang=\"en\"",
            "warn ChannelBinding",
            "warn External",
            "<stream:features xmlns:stream=\"http://etherx.jabber.org/streams\"><mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>\
             <mechanism>SCRAM-SHA-256-PLUS</mechanism><mechanism>SCRAM-SHA-256</mechanism></mechanisms></stream:features>"
        ]
    );
    let auth = format!("<auth {SASL} mechanism='SCRAM-SHA-256'>biws</auth>");
    assert_eq!(scene.web(&auth), [""; 0]);
    assert_eq!(scene.sent(), auth);
    let success = format!("<success {SASL}>dj0</success>");
    assert_eq!(scene.server(&success), [success]);
    assert_eq!(scene.restart(), [""; 0]);
    assert_eq!(scene.sent(), TO_SERVER);
    let header = HEADER.replace("id='1'", "id='3'");
    assert_eq!(
        scene.server(&format!("{header}{BIND}")),
        [
            "open id=\"3\" from=\"a.example\" lang=\"en\"",
            "<stream:features xmlns:stream=\"http://etherx.jabber.org/streams\"><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>\
             <limits xmlns=\"urn:xmpp:stream-limits:0\"><max-bytes xmlns=\"urn:xmpp:stream-limits:0\">262144</max-bytes></limits></stream:features>"
        ]
    );
    assert_eq!(
        scene.server("<message from='b@b.example/x'><body>hi</body></message>"),
        [
            "<message xmlns=\"jabber:client\" xml:lang=\"en\" from='b@b.example/x'><body>hi</body></message>"
        ]
    );
    assert_eq!(scene.server(" "), [""; 0]);
    assert_eq!(scene.event(session::Event::Closing), [""; 0]);
    assert_eq!(scene.sent(), "</stream:stream>");
    assert_eq!(scene.server("</stream:stream>"), ["close clean", "CLOSE"]);
    assert_eq!(scene.sent(), "");
}

/// W-R-432, W-R-441, W-R-310: what a client must not send ends both sides.
#[test]
fn what_a_client_must_not_send_ends_both_sides() {
    for (xml, condition) in [
        ("<foo/>", "invalid-namespace"),
        ("<message xmlns='jabber:server'/>", "invalid-namespace"),
        (
            "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>",
            "not-authorized",
        ),
        (
            "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>",
            "not-authorized",
        ),
        (
            "<c:message xmlns:c='jabber:client'/>",
            "bad-namespace-prefix",
        ),
    ] {
        let mut scene = Scene::ready();
        assert_eq!(
            scene.web(xml),
            [format!("close fault {condition}")],
            "{xml}"
        );
        assert_eq!(scene.sent(), "</stream:stream>");
        assert_eq!(scene.web("<presence xmlns='jabber:client'/>"), [""; 0]);
        assert_eq!(scene.sent(), "");
    }
}

/// W-R-433: valid elements pass unchanged.
#[test]
fn elements_pass_unchanged() {
    let mut scene = Scene::authenticated();
    for xml in [
        "<message  xmlns='jabber:client'\tto=\"b@b\" ><body>&lt;\u{e9}<![CDATA[</stream:stream>]]></body></message >",
        "<foo xmlns='u:x'/>",
        "<r xmlns='urn:xmpp:sm:3'/>",
        "<q:y xmlns:q='u:y' xmlns:stream='u:z'><stream:w/></q:y>",
    ] {
        assert_eq!(scene.web(xml), [""; 0]);
        assert_eq!(scene.sent(), xml);
    }
}

/// W-R-434: a client's stream error ends both sides and is not answered with one.
#[test]
fn a_stream_error_of_the_client_is_not_echoed() {
    let mut scene = Scene::ready();
    assert_eq!(
        scene.web("<stream:error xmlns:stream='http://etherx.jabber.org/streams'><bad-format xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>"),
        ["close clean"]
    );
    assert_eq!(scene.sent(), "</stream:stream>");
}

/// W-R-436: what the server still sends is passed on; the client is answered in any case.
#[test]
fn a_client_that_closes_gets_what_comes_until_the_deadline() {
    let mut scene = Scene::authenticated();
    scene.event(session::Event::Closing);
    assert_eq!(scene.sent(), "</stream:stream>");
    assert_eq!(
        scene.server("<presence/>"),
        ["<presence xmlns=\"jabber:client\" xml:lang=\"en\"/>"]
    );
    assert_eq!(scene.after(5), ["close clean", "CLOSE"]);
}

/// W-R-437
#[test]
fn a_lost_client_ends_the_stream_unless_it_can_be_resumed() {
    let mut scene = Scene::authenticated();
    assert_eq!(scene.lost(&[]), [""; 0]);
    assert_eq!(scene.sent(), "</stream:stream>");
    let mut scene = Scene::authenticated();
    scene.server("<enabled xmlns='urn:xmpp:sm:3' resume='true' id='x'/>");
    assert_eq!(scene.lost(&[]), ["ABORT"]);
    assert_eq!(scene.sent(), "");
}

/// W-R-439: a success that answers nothing, or lies deeper, changes nothing.
#[test]
fn success_counts_only_while_authenticating() {
    let mut scene = Scene::ready();
    scene.server(&format!("<message><success {SASL}/></message>"));
    assert_eq!(scene.restart(), ["close fault not-authorized"]);
    let mut scene = Scene::ready();
    scene.server(&format!("<success {SASL}/>"));
    assert_eq!(scene.restart(), ["close fault not-authorized"]);
}

/// W-R-439: SASL2 success is followed by features, not by a restart.
#[test]
fn sasl2_success_restarts_nothing() {
    let mut scene = Scene::ready();
    scene.web("<authenticate xmlns='urn:xmpp:sasl:2' mechanism='PLAIN'/>");
    scene.sent();
    scene.server("<success xmlns='urn:xmpp:sasl:2'/>");
    assert_eq!(scene.server(BIND).len(), 1);
    scene.web("<presence xmlns='jabber:client'/>");
    assert_eq!(scene.sent(), "<presence xmlns='jabber:client'/>");
    assert_eq!(scene.restart(), ["close fault not-authorized"]);
}

/// W-R-440: no white space between `<auth/>` and the features behind success.
#[test]
fn no_white_space_is_written_while_authenticating() {
    let mut scene = Scene::ready();
    scene.after(300);
    assert_eq!(scene.sent(), " ");
    scene.web(&format!("<auth {SASL} mechanism='PLAIN'>x</auth>"));
    scene.sent();
    assert_eq!(scene.relay.poll_timeout(), None);
    scene.after(900);
    assert_eq!(scene.sent(), "");
    scene.server(&format!("<failure {SASL}><not-authorized/></failure>"));
    scene.after(300);
    assert_eq!(scene.sent(), " ");
}

/// W-R-443, B-R-050: a client that comes early waits for the features, within a bound.
#[test]
fn elements_before_the_features_wait_within_a_bound() {
    let mut scene = Scene::plain();
    let presence = "<presence xmlns='jabber:client'/>";
    assert_eq!(scene.web(presence), [""; 0]);
    scene.server(HEADER);
    assert_eq!(scene.sent(), "");
    scene.server(MECHANISMS);
    assert_eq!(scene.sent(), presence);

    let mut bounded = config(Tls::None);
    bounded.early_bytes = presence.len();
    let mut scene = Scene::with(bounded);
    assert_eq!(scene.web(presence), [""; 0]);
    assert_eq!(scene.web(presence), ["close fault policy-violation"]);
}

/// W-R-444, W-R-417
#[test]
fn a_server_that_cannot_be_had_is_told_by_whose_it_is() {
    for (foreign, condition) in [
        (false, "internal-server-error"),
        (true, "remote-connection-failed"),
    ] {
        let with = || {
            let mut with = config(Tls::StartTls);
            with.foreign = foreign;
            with
        };
        let close = format!("close unreachable {condition}");
        let mut scene = Scene::with(with());
        scene.relay.handle_unreachable(scene.now);
        assert_eq!(scene.orders(), [&close[..], "ABORT"]);
        let mut scene = Scene::with(with());
        assert_eq!(scene.after(15), [&close[..], "CLOSE"]);
        let mut scene = Scene::with(with());
        scene.server(&format!("{HEADER}<stream:features/>"));
        assert_eq!(
            scene.server("<failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"),
            [&close[..], "CLOSE"]
        );
    }
}

/// W-R-445, W-R-411: the server hears what was wrong, the client a fixed text; nothing can be resumed.
#[test]
fn a_server_that_breaks_the_protocol_is_told_how() {
    for (xml, condition) in [
        ("<!-- x -->", "restricted-xml"),
        ("<a></b>", "not-well-formed"),
        ("text", "bad-format"),
        (
            "<a xmlns='urn:xmpp:sm:3' h='1'><a:b:c/></a>",
            "not-well-formed",
        ),
        (
            "<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl' p:a='&x;'/>",
            "restricted-xml",
        ),
    ] {
        let mut scene = Scene::authenticated();
        scene.server("<enabled xmlns='urn:xmpp:sm:3' resume='1' id='x'/>");
        assert_eq!(
            scene.server(xml),
            [
                "resumable false",
                "close internal internal-server-error \"the connection to the server failed\"",
                "CLOSE"
            ],
            "{xml}"
        );
        assert_eq!(
            scene.sent(),
            format!(
                "<stream:error {ST}><{condition} xmlns=\"urn:ietf:params:xml:ns:xmpp-streams\"/></stream:error></stream:stream>"
            )
        );
    }
}

/// W-R-446, W-R-445: a stanza loses its content, which is told; what is no stanza costs the stream.
#[test]
fn an_element_beyond_the_output_limit_loses_its_content() {
    let mut small = config(Tls::None);
    small.stream.xml.element_bytes = 1000;
    let mut scene = Scene::with(small);
    scene.sent();
    scene.server(&format!("{HEADER}{MECHANISMS}"));
    let body = "x".repeat(1000);
    assert_eq!(
        scene.server(&format!(
            "<message from='b@a.example/c'><body>{body}</body></message>"
        )),
        [
            "repaired Emptied { excess: Bytes, found: 1053, limit: 1000 } of \"b@a.example/c\"",
            "<message xmlns=\"jabber:client\" xml:lang=\"en\" from='b@a.example/c'/>",
        ]
    );
    assert_eq!(scene.sent(), "");
    assert_eq!(
        scene.server(&format!("<x xmlns='u:x'>{body}</x>")),
        [
            "close internal internal-server-error \"the connection to the server failed\"",
            "CLOSE"
        ]
    );
}

/// W-R-447: all carriers of the signal.
#[test]
fn resumption_is_seen_in_every_carrier() {
    for (xml, resumable) in [
        ("<enabled xmlns='urn:xmpp:sm:3' resume='true'/>", true),
        ("<enabled xmlns='urn:xmpp:sm:3' resume='1'/>", true),
        ("<enabled xmlns='urn:xmpp:sm:3' resume='0'/>", false),
        ("<enabled xmlns='urn:xmpp:sm:3'/>", false),
        ("<resumed xmlns='urn:xmpp:sm:3' h='1' previd='x'/>", true),
        (
            "<success xmlns='urn:xmpp:sasl:2'><resumed xmlns='urn:xmpp:sm:3'/></success>",
            true,
        ),
        (
            "<success xmlns='urn:xmpp:sasl:2'><bound xmlns='urn:xmpp:bind:0'><enabled xmlns='urn:xmpp:sm:3' resume='true'/></bound></success>",
            true,
        ),
        (
            "<message><enabled xmlns='urn:xmpp:sm:3' resume='true'/></message>",
            false,
        ),
    ] {
        let mut scene = Scene::ready();
        scene.server(xml);
        assert_eq!(scene.relay.resumable(), resumable, "{xml}");
    }
}

/// W-R-470: a client that sends faster than the server takes is held, and let go at half of the mark.
#[test]
fn a_client_is_held_while_the_server_does_not_take_its_bytes() {
    let mut bounded = config(Tls::None);
    bounded.stream.outbox_bytes = 10_000;
    let mut scene = Scene::with(bounded);
    scene.sent();
    scene.server(&format!("{HEADER}{MECHANISMS}"));
    let large = format!(
        "<message xmlns='jabber:client'>{}</message>",
        "x".repeat(6000)
    );
    assert_eq!(scene.web(&large), [""; 0]);
    assert_eq!(scene.web(&large), ["hold"]);
    assert_eq!(scene.web(&large), [""; 0]);
    assert_eq!(scene.sent(), large.repeat(3));
    assert_eq!(scene.orders(), ["release"]);
}

/// W-R-470: at half of the mark, and not only when nothing is left: a server that takes its bytes slowly must not stop its client each time.
#[test]
fn a_client_is_let_go_while_half_of_the_mark_still_waits() {
    let mut bounded = config(Tls::None);
    bounded.stream.outbox_bytes = 10_000;
    let mut scene = Scene::with(bounded);
    scene.sent();
    scene.server(&format!("{HEADER}{MECHANISMS}"));
    let message = format!(
        "<message xmlns='jabber:client'>{}</message>",
        "x".repeat(4500)
    );
    assert_eq!(scene.web(&message), [""; 0]);
    assert_eq!(scene.web(&message), [""; 0]);
    assert_eq!(scene.web(&message), ["hold"]);
    assert!(scene.relay.poll_transmit().is_some());
    assert_eq!(scene.orders(), [""; 0], "two of three wait");
    assert!(scene.relay.poll_transmit().is_some());
    assert_eq!(scene.orders(), ["release"], "one of three waits");
    assert_eq!(scene.sent(), message);
    assert_eq!(scene.orders(), [""; 0]);
}
