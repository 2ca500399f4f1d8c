//! How a relay ends, from either side (RFC 6120 §4.4, RFC 7395 §3.6, XEP-0206 §7).

use crate::support::*;
use xmpp_stream::session;

const ENABLED: &str = "<enabled xmlns='urn:xmpp:sm:3' resume='true' id='x'/>";

/// W-R-416: the error is passed on whole; nothing is sent behind our end tag.
#[test]
fn a_stream_error_is_passed_on_whole() {
    let mut scene = Scene::authenticated();
    assert_eq!(
        scene.server(
            "<stream:error><conflict xmlns='urn:ietf:params:xml:ns:xmpp-streams'/><text xmlns='urn:ietf:params:xml:ns:xmpp-streams' xml:lang='fr'>x</text>\
             <a xmlns='u:a'/><b xmlns='u:b'/></stream:error></stream:stream>"
        ),
        [
            &format!("close with <stream:error {ST} xml:lang=\"en\"><conflict xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>\
             <text xmlns='urn:ietf:params:xml:ns:xmpp-streams' xml:lang='fr'>x</text><a xmlns='u:a'/><b xmlns='u:b'/></stream:error>"),
            "CLOSE"
        ]
    );
    assert_eq!(scene.web("<presence xmlns='jabber:client'/>"), [""; 0]);
    assert_eq!(scene.sent(), "</stream:stream>");
}

/// W-R-416: between success and the client's restart, ejabberd and Prosody open the new stream by themselves to end it, as when a client is lost there and
/// their patience is over. However the bytes are cut.
#[test]
fn a_stream_error_before_the_restart_is_the_servers_end() {
    let late = format!(
        "\n{HEADER}<stream:error><connection-timeout xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error></stream:stream>"
    );
    let closing = format!(
        "close with <stream:error {ST} xml:lang=\"en\"><connection-timeout xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>"
    );
    for late in [late.clone(), late.replace("<?xml version='1.0'?>", "")] {
        for cut in 0..late.len() {
            let mut scene = Scene::ready();
            scene.web(&format!("<auth {SASL} mechanism='PLAIN'>x</auth>"));
            scene.server(&format!("<success {SASL}/>"));
            let mut orders = scene.server(&late[..cut]);
            orders.extend(scene.server(&late[cut..]));
            assert_eq!(orders, [closing.as_str(), "CLOSE"], "{cut}");
        }
    }
}

/// W-R-416: what the client still sends after the server's end tag is forwarded, until it closes too.
#[test]
fn a_server_that_closes_is_answered_when_the_client_is_done() {
    let mut scene = Scene::authenticated();
    scene.server(ENABLED);
    assert_eq!(
        scene.server("</stream:stream>"),
        ["resumable false", "close clean"]
    );
    let presence = "<presence xmlns='jabber:client' type='unavailable'/>";
    scene.web(presence);
    assert_eq!(scene.sent(), presence);
    assert_eq!(scene.lost(&[]), ["CLOSE"]);
    assert_eq!(scene.sent(), "</stream:stream>");
}

/// The same, with a client that never closes.
#[test]
fn a_server_that_closes_is_answered_in_time() {
    let mut scene = Scene::authenticated();
    scene.server("</stream:stream>");
    assert_eq!(scene.after(5), ["CLOSE"]);
    assert_eq!(scene.sent(), "</stream:stream>");
}

/// W-R-417
#[test]
fn a_lost_server_leaves_a_resumable_client_without_xml() {
    let mut scene = Scene::authenticated();
    assert_eq!(
        scene.eof(),
        ["close unreachable internal-server-error", "CLOSE"]
    );
    let mut scene = Scene::authenticated();
    scene.server(ENABLED);
    scene.server("<message><bo");
    assert_eq!(scene.eof(), ["close lost", "CLOSE"]);
    assert_eq!(scene.sent(), "");
}

/// B-X-030, B-X-031
#[test]
fn what_the_client_never_got_is_returned_before_the_end() {
    let mut scene = Scene::authenticated();
    scene.lost(&[
        "<presence xmlns='jabber:client' from='c@c'/>",
        "<iq xmlns='jabber:client' type='get' from='b@b' id='1'/>",
        "<message xmlns='jabber:client' from='c@c'/>",
    ]);
    let sent = scene.sent();
    assert_eq!(sent.matches("type=\"error\"").count(), 2);
    assert!(sent.starts_with("<iq xmlns=\"jabber:client\" type=\"error\" to=\"b@b\" id=\"1\">"));
    assert!(sent.ends_with("</message></stream:stream>"));
}

/// B-X-032: with stream management on, the server still holds them.
#[test]
fn nothing_is_returned_while_the_server_counts() {
    for (enabled, orders, sent) in [
        (ENABLED, &["ABORT"][..], ""),
        ("<enabled xmlns='urn:xmpp:sm:3'/>", &[], "</stream:stream>"),
    ] {
        let mut scene = Scene::authenticated();
        scene.server(enabled);
        assert_eq!(
            scene.lost(&["<message xmlns='jabber:client' from='c@c'/>"]),
            orders
        );
        assert_eq!(scene.sent(), sent);
    }
}

/// B-X-032, W-R-372: a client that ends its stream gives up resumption. B-R-135: its last payloads go first.
#[test]
fn a_client_that_terminates_ends_a_resumable_stream() {
    let mut scene = Scene::authenticated();
    scene.server(ENABLED);
    let presence = "<presence xmlns='jabber:client' type='unavailable'/>";
    scene.web(presence);
    scene.event(session::Event::Closed(session::Closed {
        how: (),
        clean: true,
        undelivered: Vec::new(),
    }));
    assert_eq!(scene.sent(), format!("{presence}</stream:stream>"));
    assert_eq!(scene.server("</stream:stream>"), ["CLOSE"]);
}

/// W-R-473
#[test]
fn shutdown_ends_the_stream_as_it_can_be_resumed_or_not() {
    let mut scene = Scene::authenticated();
    scene.relay.shutdown(scene.now);
    assert_eq!(scene.sent(), "</stream:stream>");
    assert_eq!(scene.after(5), ["CLOSE"]);
    let mut scene = Scene::authenticated();
    scene.server(ENABLED);
    scene.relay.shutdown(scene.now);
    assert_eq!(scene.orders(), ["ABORT"]);
    assert_eq!(scene.sent(), "");
}

/// A server that takes no bytes is given up.
#[test]
fn a_server_that_takes_nothing_is_given_up() {
    let mut scene = Scene::authenticated();
    scene.web("<presence xmlns='jabber:client'/>");
    assert_eq!(
        scene.after(60),
        ["close unreachable internal-server-error", "ABORT"]
    );
    assert_eq!(scene.relay.poll_timeout(), None);
}
