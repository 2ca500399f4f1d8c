//! RFC 7395 §3.4, RFC 6120 §4.7: opening and restarting a stream.

use ws_framing::{
    connection::{Action, Cause, SendError},
    xmpp::{Config, Event, server},
};
use xmpp_wire::StreamHeader;

use crate::support::{
    Rig, close, seconds,
    stream::{ANSWER, CLOSE, FEATURES, MESSAGE, OPEN, SUCCESS, element, stream_error},
    text,
};

/// Our `<open/>` in front of an error, where nothing is known of the peer. The id is from the seed.
fn own_open(rig: &mut Rig<server::Session>, rest: &[String]) -> String {
    let mut transcript = rig.transcript();
    let open = transcript.remove(0);
    assert_eq!(transcript, rest);
    assert!(open.starts_with("<open xmlns=\"urn:ietf:params:xml:ns:xmpp-framing\" from=\""));
    open
}

fn fails(first: &str, condition: &str) -> String {
    let mut rig = Rig::session(Config::default());
    rig.feed(text(first));
    assert_eq!(rig.actions(), [], "{first}");
    let error = stream_error(condition);
    own_open(&mut rig, &[error, CLOSE.to_owned()])
}

/// W-R-320.
#[test]
fn a_server_is_silent_until_open() {
    let mut rig = Rig::session(Config::default());
    assert_eq!(rig.machine.poll_transmit(), None);
    let refused = rig.machine.send(element(FEATURES), rig.now);
    assert_eq!(refused, Err(SendError::Closed(element(FEATURES))));
    let header = StreamHeader::default();
    let refused = rig.machine.open(header.clone(), rig.now);
    assert_eq!(refused, Err(SendError::Closed(header)));
}

/// W-R-321, W-R-323, W-R-332: what `<open/>` says; a client's id is dropped, unknown attributes and the prefix do not matter.
#[test]
fn the_peers_header_is_told() {
    let mut rig = Rig::session(Config::default());
    rig.feed(text(
        "<f:open xmlns:f='urn:ietf:params:xml:ns:xmpp-framing' to='a.example' from='u@a.example' id='x' version='1.0' xml:lang='de' z='?'> </f:open>",
    ));
    let header = StreamHeader {
        from: Some("u@a.example".to_owned()),
        to: Some("a.example".to_owned()),
        id: None,
        version: Some("1.0".to_owned()),
        lang: Some("de".to_owned()),
    };
    let opened = Event::Opened {
        header,
        restart: false,
    };
    assert_eq!(rig.actions(), [Action::Deliver(opened)]);
    // W-R-325: `to` is the client's `from`.
    rig.answer("7");
    assert_eq!(
        rig.transcript(),
        [
            r#"<open xmlns="urn:ietf:params:xml:ns:xmpp-framing" from="a.example" to="u@a.example" id="7" xml:lang="en" version="1.0" />"#
        ]
    );
}

/// W-R-324, W-R-325, W-R-326, W-R-333: the exact spelling, and features behind it.
#[test]
fn open_is_answered_in_the_golden_spelling() {
    let mut rig = Rig::answered(Config::default());
    rig.send(FEATURES);
    assert_eq!(rig.transcript(), [ANSWER, FEATURES]);
    assert_eq!(CLOSE.len(), 53);
}

/// W-R-325: ids that the application does not name are 128 bits, never the same.
#[test]
fn ids_are_made_from_the_seed() {
    let mut ids = std::collections::BTreeSet::new();
    for seed in 0..100 {
        let mut rig = Rig::new(|now| server::Session::new(Config::default(), [seed; 32], now));
        for _ in 0..2 {
            rig.feed(text(OPEN));
            rig.actions();
            rig.machine.open(StreamHeader::default(), rig.now).unwrap();
            let open = rig.transcript().remove(0);
            let (_, id) = open.split_once("id=\"").unwrap();
            let (id, _) = id.split_once('"').unwrap();
            assert_eq!(id.len(), 32);
            assert!(ids.insert(id.to_owned()));
            rig.send(FEATURES);
            if rig.machine.send(element(SUCCESS), rig.now).is_ok() {
                rig.output();
            }
        }
    }
}

/// W-R-325, W-R-327: the lower version of both, as integers.
#[test]
fn versions() {
    for (theirs, ours, answer) in [
        ("1.0", None, "1.0"),
        ("1.1", None, "1.0"),
        ("2.0", None, "1.0"),
        ("10.0", Some("1.0"), "1.0"),
        ("1.0", Some("2.0"), "1.0"),
        ("1.0", Some("0.9"), "0.9"),
    ] {
        let mut rig = Rig::session(Config::default());
        rig.feed(text(&OPEN.replace("1.0", theirs)));
        let header = StreamHeader {
            version: ours.map(str::to_owned),
            ..StreamHeader::default()
        };
        rig.actions();
        rig.machine.open(header, rig.now).unwrap();
        let open = rig.transcript().remove(0);
        assert!(
            open.ends_with(&format!(" version=\"{answer}\" />")),
            "{open}"
        );
    }
    for version in ["", "0.9", "x", "1", "1.x", "-1.0", "+1.0", "1.0.0"] {
        fails(&OPEN.replace("1.0", version), "unsupported-version");
    }
    fails(&OPEN.replace(" version=\"1.0\"", ""), "unsupported-version");
}

/// W-R-328.
#[test]
fn open_and_close_are_in_the_framing_namespace() {
    for message in [
        "<open xmlns='jabber:client' to='a.example' version='1.0'/>",
        "<open to='a.example' version='1.0'/>",
        "<close xmlns='jabber:client'/>",
    ] {
        fails(message, "invalid-namespace");
        let mut rig = Rig::running(Config::default());
        rig.feed(text(message));
        assert_eq!(
            rig.transcript(),
            [stream_error("invalid-namespace"), CLOSE.to_owned()]
        );
    }
}

/// W-R-329: what comes in place of `<open/>`.
#[test]
fn the_first_message_is_open() {
    for header in [
        "<stream:stream to='a.example' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>",
        "<?xml version='1.0'?><stream:stream xmlns:stream='http://etherx.jabber.org/streams'>",
        "<stream xmlns='http://etherx.jabber.org/streams'/>",
    ] {
        fails(header, "invalid-namespace");
    }
    fails(MESSAGE, "not-authorized");
    fails("<presence/>", "not-authorized");
    fails("<iq xmlns='jabber:server'/>", "not-authorized");
    fails(
        "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>",
        "bad-format",
    );
    fails("<a>", "not-well-formed");
}

/// W-R-329: `<close/>` first ends what never was.
#[test]
fn close_before_open_is_answered_without_open() {
    let mut rig = Rig::session(Config::default());
    rig.feed(text(CLOSE));
    assert_eq!(rig.transcript(), [CLOSE, "Close 1000"]);
    rig.feed(close(1000));
    let end = rig.end();
    assert_eq!(
        (end.connection.cause, end.stream_closed, end.error),
        (Cause::Peer, true, None)
    );
}

/// W-R-330, W-R-331: there is one stream at a time.
#[test]
fn a_second_open_is_not_authorized() {
    for mut rig in [
        Rig::opened(Config::default()),
        Rig::answered(Config::default()),
        Rig::negotiating(Config::default()),
        Rig::running(Config::default()),
    ] {
        rig.output();
        rig.feed(text(OPEN));
        assert_eq!(rig.actions(), []);
        let transcript = rig.transcript();
        let error = &transcript[transcript.len() - 2];
        assert!(error.contains("<not-authorized "), "{error}");
        assert!(error.contains("no stream restart is due"), "{error}");
    }
}

/// W-R-332.
#[test]
fn open_and_close_are_empty() {
    fails(&OPEN.replace(" />", "><a/></open>"), "bad-format");
    fails(&OPEN.replace(" />", ">x</open>"), "bad-format");
    let mut rig = Rig::running(Config::default());
    rig.feed(text(&CLOSE.replace(" />", ">x</close>")));
    assert_eq!(
        rig.transcript(),
        [stream_error("bad-format"), CLOSE.to_owned()]
    );
}

/// W-R-334: no `to`, or none that could be a domain.
#[test]
fn the_address_is_a_domain() {
    let open = fails(
        &OPEN.replace(" to=\"a.example\"", ""),
        "improper-addressing",
    );
    assert!(open.contains(" from=\"\" "), "{open}");
    for to in ["", "u@a.example", "a.example/r", "a b", "&lt;", "a&quot;b"] {
        fails(
            &OPEN.replace("\"a.example\"", &format!("\"{to}\"")),
            "improper-addressing",
        );
    }
    let mut config = Config::default();
    config.domain = Some("only.example".to_owned());
    let mut rig = Rig::session(config);
    rig.feed(text(&OPEN.replace(" to=\"a.example\"", "")));
    let [Action::Deliver(Event::Opened { header, .. })] = &rig.actions()[..] else {
        panic!("not opened");
    };
    assert_eq!(header.to.as_deref(), Some("only.example"));
}

/// W-R-334: the application knows which domains are served.
#[test]
fn an_unknown_host_is_told_so() {
    let mut rig = Rig::opened(Config::default());
    let error = xmpp_wire::StreamError::new("host-unknown");
    rig.machine
        .fail(error, ws_framing::CloseCode::NORMAL, rig.now);
    let open = own_open(&mut rig, &[stream_error("host-unknown"), CLOSE.to_owned()]);
    assert!(open.contains(" from=\"\" id=\""), "{open}");
}

/// W-R-335.
#[test]
fn opening_and_authentication_are_timed() {
    let mut rig = Rig::session(Config::default());
    let start = rig.now;
    rig.expire();
    assert_eq!(rig.now - start, seconds(10));
    own_open(
        &mut rig,
        &[stream_error("connection-timeout"), CLOSE.to_owned()],
    );

    let mut rig = Rig::negotiating(Config::default());
    let start = rig.now;
    while rig.now - start < seconds(60) {
        assert_eq!(rig.actions(), []);
        rig.expire();
        rig.feed(crate::support::masked(0x8a, b""));
    }
    assert_eq!(rig.now - start, seconds(60));
    let error = rig
        .transcript()
        .into_iter()
        .find(|text| text.contains("error"))
        .unwrap();
    assert!(error.contains("<policy-violation "), "{error}");
    assert_eq!(
        Rig::running(Config::default())
            .machine
            .poll_timeout()
            .map(|_| ()),
        Some(()),
        "only pings are left"
    );
}

/// W-R-357: a new header and id, nobody sends `<close/>`.
#[test]
fn the_success_of_sasl_restarts_the_stream() {
    let mut rig = Rig::negotiating(Config::default());
    rig.send(SUCCESS);
    rig.feed(text(OPEN));
    rig.answer("2");
    rig.send(FEATURES);
    let second = ANSWER.replace("\"1\"", "\"2\"");
    assert_eq!(rig.transcript(), [SUCCESS, &second, FEATURES]);
    rig.actions();
    rig.feed(text(MESSAGE));
    assert_eq!(rig.elements(), [MESSAGE]);
}

/// W-R-358: nothing but `<open/>` to the same domain, or `<close/>`.
#[test]
fn only_open_follows_success() {
    let other = OPEN.replace("a.example", "b.example");
    for message in [MESSAGE, "<r xmlns='urn:xmpp:sm:3'/>", &other] {
        let mut rig = Rig::negotiating(Config::default());
        rig.send(SUCCESS);
        rig.output();
        rig.feed(text(message));
        assert_eq!(rig.actions(), []);
        own_open(
            &mut rig,
            &[stream_error("not-authorized"), CLOSE.to_owned()],
        );
    }
    let mut rig = Rig::negotiating(Config::default());
    rig.send(SUCCESS);
    rig.feed(text(CLOSE));
    assert_eq!(rig.actions(), [Action::Deliver(Event::Closing)]);
}

/// W-R-359, W-R-439: SASL2 has no restart, and a success inside another element is none.
#[test]
fn the_success_of_sasl2_restarts_nothing() {
    let mut rig = Rig::negotiating(Config::default());
    rig.send("<message xmlns='jabber:client'><success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/></message>");
    rig.send("<success xmlns='urn:xmpp:sasl:2'/>");
    rig.send(FEATURES);
    rig.feed(text(MESSAGE));
    assert_eq!(rig.elements(), [MESSAGE]);
    rig.output();
    rig.feed(text(OPEN));
    assert!(rig.transcript().remove(0).contains("<not-authorized "));
}

/// What RFC 6120 and XEP-0077 let come before authentication.
#[test]
fn stanzas_wait_for_authentication() {
    for stanza in [
        MESSAGE,
        "<iq xmlns='jabber:client' type='get'><ping xmlns='urn:xmpp:ping'/></iq>",
    ] {
        let mut rig = Rig::negotiating(Config::default());
        rig.feed(text(stanza));
        assert_eq!(
            rig.transcript(),
            [stream_error("not-authorized"), CLOSE.to_owned()]
        );
    }
    let mut rig = Rig::negotiating(Config::default());
    for allowed in [
        "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AGEAYg==</auth>",
        "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='PLAIN'/>",
        "<iq xmlns='jabber:client' type='get'><query xmlns='jabber:iq:register'/></iq>",
    ] {
        rig.feed(text(allowed));
        assert_eq!(rig.elements(), [allowed]);
    }
    let mut config = Config::default();
    config.refuse_early_stanzas = false;
    let mut rig = Rig::negotiating(config);
    rig.feed(text(MESSAGE));
    assert_eq!(rig.elements(), [MESSAGE]);
}

/// The limit on messages before either success, at the boundary, and after it.
#[test]
fn messages_are_smaller_before_authentication() {
    let sized = |bytes: usize| {
        let around = "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl'></auth>";
        around.replace("></", &format!(">{}</", "A".repeat(bytes - around.len())))
    };
    let mut rig = Rig::negotiating(Config::default());
    rig.feed(text(&sized(16_384)));
    assert_eq!(rig.elements(), [sized(16_384)]);
    rig.feed(text(&sized(16_385)));
    assert_eq!(rig.transcript().pop().as_deref(), Some("Close 1009"));
    for success in [SUCCESS, "<success xmlns='urn:xmpp:sasl:2'/>"] {
        let mut rig = Rig::negotiating(Config::default());
        rig.send(success);
        rig.feed(text(&sized(16_385)));
        assert!(
            !rig.transcript().contains(&"Close 1009".to_owned()),
            "{success}"
        );
    }
    let mut rig = Rig::running(Config::default());
    rig.feed(text(&sized(262_144)));
    assert_eq!(rig.elements().len(), 1);
    rig.feed(text(&sized(262_145)));
    assert_eq!(rig.transcript().pop().as_deref(), Some("Close 1009"));
}

/// W-R-443: one message waits for the features, a second is too many.
#[test]
fn one_message_may_come_before_the_features() {
    let auth = "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>";
    for mut rig in [
        Rig::opened(Config::default()),
        Rig::answered(Config::default()),
    ] {
        rig.feed(text(auth));
        assert_eq!(rig.actions(), []);
    }
    let mut rig = Rig::answered(Config::default());
    rig.feed(text(auth));
    rig.send(FEATURES);
    assert_eq!(rig.elements(), [auth]);
    let mut rig = Rig::answered(Config::default());
    rig.output();
    rig.feed(text(auth)).feed(text(auth));
    assert_eq!(rig.actions(), []);
    let transcript = rig.transcript();
    assert!(
        transcript[0].contains("<policy-violation "),
        "{transcript:?}"
    );
    assert_eq!(transcript[1..], [CLOSE]);
}

/// W-R-444: the application vouches for the domain when it fails for another reason than the host.
#[test]
fn an_unreachable_server_is_told_with_the_domain() {
    let mut rig = Rig::opened(Config::default());
    let error = xmpp_wire::StreamError::new("remote-connection-failed");
    rig.machine
        .fail(error, ws_framing::CloseCode::INTERNAL_ERROR, rig.now);
    let rest = [stream_error("remote-connection-failed"), CLOSE.to_owned()];
    let open = own_open(&mut rig, &rest);
    assert!(open.contains(" from=\"a.example\" id=\""), "{open}");
    rig.feed(text(CLOSE));
    assert_eq!(rig.transcript(), ["Close 1011"]);
}

/// W-R-340 before `<open/>`: an error of the peer ends what never was.
#[test]
fn an_error_in_place_of_open_closes() {
    let mut rig = Rig::session(Config::default());
    rig.feed(text(&stream_error("reset")));
    assert_eq!(rig.actions(), []);
    assert_eq!(rig.transcript(), [CLOSE, "Close 1000"]);
}
