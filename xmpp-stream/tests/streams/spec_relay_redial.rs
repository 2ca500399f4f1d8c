//! Servers that send their clients elsewhere (RFC 6120 §4.9.3.19), and nodes that keep a session (XEP-0198 §4).

use std::time::Duration;

use xmpp_stream::{client::Tls, relay::Target, session};

use crate::support::*;

fn elsewhere(place: &str) -> String {
    format!(
        "<stream:error><see-other-host xmlns='urn:ietf:params:xml:ns:xmpp-streams'>{place}</see-other-host></stream:error></stream:stream>"
    )
}

const UNREACHABLE: [&str; 2] = ["close unreachable internal-server-error", "CLOSE"];

/// W-R-418, W-R-415: the client sees the second server's stream alone; the header names the same domain.
#[test]
fn a_redirect_before_authentication_is_followed_unseen() {
    let mut scene = Scene::with(config(Tls::None));
    let first = scene.sent();
    assert_eq!(
        scene.server(&format!("{HEADER}{}", elsewhere("b.example:5269"))),
        ["redial b.example:5269"]
    );
    assert_eq!(scene.sent(), first);
    let second = HEADER.replace("id='1'", "id='2'");
    assert_eq!(
        scene.server(&format!("{second}{MECHANISMS}")),
        [
            "open id=\"2\" from=\"a.example\" lang=\"en\"".to_owned(),
            MECHANISMS.replace("<stream:features>", &format!("<stream:features {ST}>"))
        ]
    );
    scene.web("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>x</auth>");
    assert!(scene.sent().starts_with("<auth "));
}

/// W-R-418: before TLS as well as behind it, with STARTTLS done again at the next server.
#[test]
fn a_redirect_is_followed_before_tls_and_behind_it() {
    let plain =
        "<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/></stream:features>";
    let proceed = "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>";
    let mut scene = Scene::with(config(Tls::StartTls));
    let header = scene.sent();
    assert_eq!(
        scene.server(&format!("{HEADER}{}", elsewhere("b.example"))),
        ["redial b.example:5222"]
    );
    assert_eq!(scene.sent(), header);
    scene.server(&format!("{HEADER}{plain}"));
    assert_eq!(scene.server(proceed), ["START-TLS"]);
    scene.relay.handle_tls(scene.now);
    scene.sent();
    assert_eq!(
        scene.server(&format!("{HEADER}{}", elsewhere("[::1]:99"))),
        ["redial ::1:99"]
    );
    assert_eq!(scene.sent(), header);
    scene.server(&format!("{HEADER}{plain}"));
    assert_eq!(scene.server(proceed), ["START-TLS"]);
}

/// W-R-418: the place decides how TLS is done there; the deadline stays that of the first stream.
#[test]
fn the_place_decides_about_tls() {
    let mut scene = Scene::with(config(Tls::None));
    scene.sent();
    scene.server(&format!("{HEADER}{}", elsewhere("b.example")));
    scene.after(10);
    scene.relay.handle_redialed(Tls::StartTls, scene.now);
    let header = scene.sent();
    assert!(
        header.starts_with("<?xml") && header.ends_with('>'),
        "{header}"
    );
    assert_eq!(scene.server(&format!("{HEADER}{MECHANISMS}")), [""; 0]);
    assert!(scene.sent().starts_with("<starttls "));
    let proceed = "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>";
    assert_eq!(scene.server(proceed), ["START-TLS"]);
    scene.relay.handle_tls(scene.now);
    assert_eq!(scene.sent(), header);
    // The next one, told of behind TLS, has it from the first byte.
    scene.server(&format!("{HEADER}{}", elsewhere("c.example")));
    scene.relay.handle_redialed(Tls::Direct, scene.now);
    assert_eq!(scene.sent(), header);
    assert_eq!(scene.after_milliseconds(4_999), [""; 0]);
    assert_eq!(scene.server(&format!("{HEADER}{MECHANISMS}")).len(), 2);
}

/// W-R-418: word of a place that was not asked for, or comes when the client has left, begins nothing.
#[test]
fn a_place_that_was_not_asked_for_begins_nothing() {
    let mut scene = Scene::authenticated();
    scene.relay.handle_redialed(Tls::StartTls, scene.now);
    assert_eq!(scene.sent(), "");
    assert_eq!(scene.orders(), [""; 0]);
    let mut scene = Scene::plain();
    scene.server(&format!("{HEADER}{}", elsewhere("b.example")));
    scene.sent();
    scene.event(session::Event::Closing);
    scene.sent();
    scene.relay.handle_redialed(Tls::None, scene.now);
    assert_eq!(scene.sent(), "");
}

/// W-R-418: whatever the cuts, and also where the header was shown already, or features.
#[test]
fn what_was_shown_is_not_shown_again() {
    let mut scene = Scene::plain();
    let mut orders = Vec::new();
    // The driver drops what is behind the error with its connection.
    let error = elsewhere("b.example").replace("</stream:stream>", "");
    for byte in format!("{HEADER}{error}").bytes() {
        orders.extend(scene.server(&char::from(byte).to_string()));
    }
    assert_eq!(orders, ["redial b.example:5222"]);
    let mut scene = Scene::greeted(HEADER);
    scene.server(&elsewhere("b.example"));
    assert_eq!(scene.server(&format!("{HEADER}{MECHANISMS}")).len(), 1);
    let mut scene = Scene::ready();
    assert_eq!(
        scene.server(&elsewhere("b.example")),
        ["redial b.example:5222"]
    );
    let presence = "<presence xmlns='jabber:client'/>";
    scene.web(presence);
    scene.sent();
    assert_eq!(scene.server(&format!("{HEADER}{MECHANISMS}")), [""; 0]);
    // What came meanwhile has waited for the features.
    assert_eq!(scene.sent(), presence);
}

/// W-R-418: bounded, as RFC 6120 asks; 0 follows none.
#[test]
fn redirects_are_followed_three_times() {
    let mut scene = Scene::plain();
    for _ in 0..3 {
        assert_eq!(
            scene
                .server(&format!("{HEADER}{}", elsewhere("b.example")))
                .len(),
            1
        );
    }
    let orders = scene.server(&format!("{HEADER}{}", elsewhere("b.example")));
    assert_eq!(orders[1..], UNREACHABLE);
    let mut none = config(Tls::None);
    none.redirects = 0;
    let mut scene = Scene::with(none);
    let orders = scene.server(&format!("{HEADER}{}", elsewhere("b.example")));
    assert_eq!(orders[1..], UNREACHABLE);
}

/// W-R-418: from the first `<auth/>` on a redirect is a loss, and never shown; nor is one that names no place.
#[test]
fn a_redirect_that_is_not_followed_is_hidden() {
    let mut scene = Scene::ready();
    scene.web("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>x</auth>");
    assert_eq!(scene.server(&elsewhere("evil.example")), UNREACHABLE);
    let mut scene = Scene::authenticated();
    scene.server("<enabled xmlns='urn:xmpp:sm:3' resume='true' id='x'/>");
    let orders = scene.server(&elsewhere("evil.example"));
    assert_eq!(orders, ["resumable false", UNREACHABLE[0], UNREACHABLE[1]]);
    for nowhere in ["", "a b", "x@y", "h:0"] {
        let mut scene = Scene::ready();
        assert_eq!(scene.server(&elsewhere(nowhere)), UNREACHABLE, "{nowhere}");
    }
}

/// W-R-418: what the first server was told would be missing at the second.
#[test]
fn a_redirect_behind_the_clients_data_is_not_followed() {
    let iq = "<iq xmlns='jabber:client' type='get' id='r'><query xmlns='jabber:iq:register'/></iq>";
    let mut scene = Scene::ready();
    scene.web(iq);
    assert_eq!(scene.server(&elsewhere("b.example")), UNREACHABLE);
    // Also where that was a login that failed.
    let mut scene = Scene::ready();
    scene.web(&format!("<auth {SASL} mechanism='PLAIN'>x</auth>"));
    scene.server(&format!("<failure {SASL}><not-authorized/></failure>"));
    assert_eq!(scene.server(&elsewhere("b.example")), UNREACHABLE);
}

/// W-R-444: all servers together have the time of one.
#[test]
fn the_deadline_for_features_is_not_renewed() {
    let mut scene = Scene::plain();
    scene.after(10);
    scene.server(&format!("{HEADER}{}", elsewhere("b.example")));
    assert_eq!(scene.after_milliseconds(4_999), [""; 0]);
    assert_eq!(scene.after_milliseconds(1), UNREACHABLE);
}

/// A place that cannot be reached, or is not allowed.
#[test]
fn a_place_that_is_not_reached_ends_the_session() {
    let mut scene = Scene::plain();
    scene.server(&format!("{HEADER}{}", elsewhere("b.example")));
    scene.relay.handle_unreachable(scene.now);
    assert_eq!(scene.orders(), [UNREACHABLE[0], "ABORT"]);
    assert_eq!(scene.relay.poll_timeout(), None);
}

/// A client that leaves while its server is looked for leaves nothing behind.
#[test]
fn a_client_that_leaves_meanwhile_ends_the_search() {
    let mut scene = Scene::plain();
    scene.server(&format!("{HEADER}{}", elsewhere("b.example")));
    scene.event(session::Event::Closing);
    scene.sent();
    assert_eq!(scene.after(5), ["close clean", "CLOSE"]);
    assert_eq!(
        scene.server(&format!("{HEADER}{}", elsewhere("c.example"))),
        [""; 0]
    );
}

const RESUMING: &str = "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='PLAIN'><initial-response>x</initial-response><resume xmlns='urn:xmpp:sm:3' previd='some' h='1'/></authenticate>";

/// W-R-419: a session is resumed at the node that keeps it; the client sees nothing of that.
#[test]
fn a_session_is_resumed_at_its_node() {
    let mut scene = Scene::ready();
    assert_eq!(scene.web(RESUMING), ["locate some"]);
    assert_eq!(scene.web("<presence xmlns='jabber:client'/>"), [""; 0]);
    assert_eq!(scene.sent(), "");
    scene
        .relay
        .handle_located(Target::parse("node2.example:5299"), scene.now);
    assert_eq!(scene.orders(), ["redial node2.example:5299"]);
    scene.sent();
    assert_eq!(scene.server(&format!("{HEADER}{MECHANISMS}")), [""; 0]);
    assert_eq!(
        scene.sent(),
        format!("{RESUMING}<presence xmlns='jabber:client'/>")
    );
    let success = "<success xmlns='urn:xmpp:sasl:2'><resumed xmlns='urn:xmpp:sm:3' previd='some' h='1'/></success>";
    assert_eq!(scene.server(success), [success, "resumable true"]);
}

/// W-R-419: where nobody knows it, the configured server is asked; each client asks once.
#[test]
fn an_unknown_session_goes_to_the_configured_server() {
    let mut scene = Scene::ready();
    scene.web(RESUMING);
    scene.relay.handle_located(None, scene.now);
    assert_eq!(scene.orders(), [""; 0]);
    assert_eq!(scene.sent(), RESUMING);
    scene.server("<failure xmlns='urn:xmpp:sasl:2'><not-authorized xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/></failure>");
    assert_eq!(scene.web(RESUMING), [""; 0]);
    assert_eq!(scene.sent(), RESUMING);
    // An answer to nothing does nothing.
    scene.relay.handle_located(Target::parse("x"), scene.now);
    assert_eq!(scene.orders(), [""; 0]);
}

/// A client that leaves before the answer.
#[test]
fn an_answer_that_comes_too_late_does_nothing() {
    let mut scene = Scene::ready();
    scene.web(RESUMING);
    scene.lost(&[]);
    scene.relay.handle_located(Target::parse("x"), scene.now);
    assert_eq!(scene.orders(), [""; 0]);
    assert_eq!(scene.sent(), "</stream:stream>");
    scene.now += Duration::from_secs(5);
    scene.relay.handle_timeout(scene.now);
    assert_eq!(scene.orders(), ["CLOSE"]);
}
