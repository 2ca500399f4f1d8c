//! XEP-0206 and XEP-0124 §6: XMPP in the wrapper, namespaces.

use bosh_proto::server::SendError;

use crate::support::*;

fn delivered(attributes: &str, payload: &str) -> Vec<String> {
    let mut world = World::session(prompt(), "");
    world.take_events();
    let text = world.text(101, attributes, payload);
    world.post(&text);
    world.take_events()
}

/// B-X-004, TR-35.
#[test]
fn stanzas_in_the_wrapper_s_namespace_become_jabber_client() {
    let events = delivered(
        "",
        "<message to='x'><body>hi</body><x xmlns='jabber:x:oob'/></message>",
    );
    let message = element(&events[0]);
    assert!(message.is("message", "jabber:client"));
    assert_eq!(message.child("body", "jabber:client").unwrap().text(), "hi");
    assert!(message.child("x", "jabber:x:oob").is_some());
}

/// B-R-028: declarations and `xml:lang` of the wrapper travel with a stanza.
#[test]
fn inherited_declarations_and_language_travel() {
    let events = delivered(
        "xmlns:q='urn:q' xml:lang='de'",
        "<message xmlns='jabber:client'><q:x/></message>",
    );
    let message = element(&events[0]);
    assert!(message.child("x", "urn:q").is_some());
    assert_eq!(
        message
            .attribute_ns("lang", "http://www.w3.org/XML/1998/namespace")
            .as_deref(),
        Some("de")
    );
}

/// B-X-033, B-X-025, B-R-023, B-R-152: other elements, and errors of stanzas, pass untouched.
#[test]
fn elements_of_other_namespaces_pass_byte_for_byte() {
    let payloads = [
        "<r xmlns='urn:xmpp:sm:3'/>",
        "<json xmlns='urn:xmpp:json:0'>{\"a\": [1]}</json>",
        "<iq xmlns='jabber:client' type='error'><error/></iq>",
    ];
    assert_eq!(delivered("", &payloads.concat()), payloads);
    let mut world = World::session(prompt(), "");
    let a = world.request(101, "");
    world.send(payloads[2]);
    assert_eq!(world.answer(a), Some(with(payloads[2])));
    assert_eq!(world.manager.sessions(), 1);
}

/// B-X-025: bind, session and roster are payloads like any other, both ways.
#[test]
fn requests_to_the_server_pass_byte_for_byte() {
    let payloads = [
        "<iq xmlns='jabber:client' type='set' id='1'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>",
        "<iq xmlns='jabber:client' type='set' id='2'><session xmlns='urn:ietf:params:xml:ns:xmpp-session'/></iq>",
        "<iq xmlns='jabber:client' type='get' id='3'><query xmlns='jabber:iq:roster'/></iq>",
    ];
    assert_eq!(delivered("", &payloads.concat()), payloads);
    let mut world = World::session(prompt(), "");
    for payload in payloads {
        world.send(payload);
    }
    let a = world.request(101, "");
    assert_eq!(world.answer(a), Some(with(&payloads.concat())));
}

/// B-X-009: a stream header inside of BOSH ends the session, and its server hears nothing of it.
#[test]
fn a_stream_header_is_no_payload() {
    for payload in [
        "<stream:stream to='a' version='1.0'/>",
        "<stream:stream xmlns:stream='http://etherx.jabber.org/streams'></stream:stream>",
        "<s:stream xmlns:s='http://etherx.jabber.org/streams'><presence xmlns='jabber:client'/></s:stream>",
        "<stream:stream to='a' version='1.0'>",
    ] {
        let mut world = World::session(prompt(), "");
        world.take_events();
        let a = world.request(101, payload);
        assert_eq!(world.answer(a), Some(terminal("bad-request")), "{payload}");
        assert_eq!(world.take_events(), ["closed Fault(BadRequest)"]);
    }
}

/// B-X-018, B-X-019, B-X-021, B-X-008: by namespace, `true` or `1`; payloads beside it are ignored.
#[test]
fn a_restart_is_told_and_its_payloads_ignored() {
    for attribute in [
        "xmpp:restart='true'",
        "xmlns:z='urn:xmpp:xbosh' z:restart='1'",
        "xmlns:xmpp='urn:xmpp:xbosh' xmpp:restart='true'",
    ] {
        let events = delivered(
            &format!("to='LANTERN.example' xml:lang='en' {attribute}"),
            &message("ignored"),
        );
        assert_eq!(
            events,
            [
                "restarted StreamHeader { from: None, to: Some(\"lantern.example\"), id: None, version: None, lang: Some(\"en\") }"
            ],
            "{attribute}"
        );
    }
    assert_eq!(
        delivered("xmpp:restart='false'", &message("m")),
        [message("m")]
    );
    assert_eq!(delivered("restart='true'", &message("m")), [message("m")]);
}

/// B-R-163: an add-stream body is an ordinary empty request.
#[test]
fn adding_a_stream_is_an_ordinary_request() {
    let mut world = World::session(prompt(), "");
    let a = world.request_with(101, "to='other.example' stream='x'");
    assert_eq!(world.answer(a), None);
    assert_eq!(world.take_events(), ["opening"]);
}

/// B-X-001, B-X-002: features and SASL elements travel alone, stanzas share.
#[test]
fn features_and_sasl_elements_travel_alone() {
    let mut world = World::session(prompt(), "");
    let success = "<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>";
    world.send(&message("1"));
    world.send(success);
    world.send(FEATURES);
    world.send(&message("2"));
    world.send("<r xmlns='urn:xmpp:sm:3'/>");
    let mut answers = Vec::new();
    for rid in 101..=104 {
        let id = world.request(rid, "");
        answers.push(world.answer(id).unwrap());
    }
    assert_eq!(answers[0], with(&message("1")));
    assert_eq!(answers[1], with(success));
    assert!(answers[2].starts_with("<body xmlns='http://jabber.org/protocol/httpbind' xmlns:stream='http://etherx.jabber.org/streams'><stream:features><mechanisms"));
    assert_eq!(
        answers[3],
        with(&format!("{}<r xmlns='urn:xmpp:sm:3'/>", message("2")))
    );
}

/// B-X-002: whatever prefix the server used.
#[test]
fn features_get_the_literal_prefix() {
    let mut world = World::session(prompt(), "");
    world.send("<features xmlns='http://etherx.jabber.org/streams'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></features>");
    let a = world.request(101, "");
    let answer = world.answer(a).unwrap();
    assert!(
        answer.contains("xmlns:stream='http://etherx.jabber.org/streams'"),
        "{answer}"
    );
    assert!(answer.contains("<stream:features"), "{answer}");
}

/// B-X-003: a stanza without a namespace leaves in `jabber:client`, not in the wrapper's.
#[test]
fn stanzas_declare_their_namespace_themselves() {
    let mut world = World::session(prompt(), "");
    world.send("<message id='m'/>");
    let a = world.request(101, "");
    let answer = world.answer(a).unwrap();
    assert!(answer.contains("jabber:client"), "{answer}");
}

/// Backpressure: a full outbox gives the element back, and tells when there is room.
#[test]
fn a_full_outbox_refuses_and_tells_of_room() {
    let mut config = prompt();
    config.outbox_bytes = 1000;
    config.response_bytes = 400;
    let mut world = World::session(config, "");
    let one = message("0123456789");
    let mut taken = 0;
    let refused = loop {
        match world.try_send(&one) {
            Ok(()) => taken += 1,
            Err(error) => break error,
        }
    };
    assert_eq!(taken, 1000 / one.len());
    assert!(matches!(&refused, SendError::Full(back) if *back == element(&one)));
    world.take_events();
    world.request(101, "");
    assert_eq!(world.take_events(), [""; 0]);
    world.request(102, "");
    assert_eq!(world.take_events(), ["writable"]);
    world.send(&one);
    let mut got = 0;
    for rid in 101..110 {
        let id = world.request(rid, &one);
        got += world
            .answer(id)
            .map_or(0, |answer| answer.matches("<message").count());
    }
    assert_eq!(got, taken + 1);
}

/// Backpressure: an element larger than the whole outbox is taken by an empty one.
#[test]
fn an_oversized_element_fits_an_empty_outbox() {
    let mut config = prompt();
    config.outbox_bytes = 100;
    let mut world = World::session(config, "");
    let big = message(&"b".repeat(500));
    world.send(&big);
    assert!(world.try_send(&message("x")).is_err());
    let a = world.request(101, "");
    assert_eq!(world.answer(a).unwrap(), with(&big));
}

/// Backpressure: while the server takes nothing, requests with payloads stay unanswered until `wait` is over.
#[test]
fn held_input_leaves_requests_unanswered() {
    let mut world = World::session(prompt(), "wait='10'");
    world.manager.hold_input(world.key(), world.now);
    let a = world.request(101, &message("1"));
    let b = world.request(102, &message("2"));
    world.send(&message("m"));
    assert_eq!((world.answer(a), world.answer(b)), (None, None));
    world.at(9999);
    assert_eq!(world.answer(a), None);
    world.at(10_000);
    assert_eq!(
        world.answer(a).unwrap(),
        format!("{BODY} ack='102'>{}</body>", message("m"))
    );
}

/// Backpressure: and go on when it takes again.
#[test]
fn released_input_answers_as_usual() {
    let mut world = World::session(prompt(), "wait='10'");
    world.manager.hold_input(world.key(), world.now);
    let a = world.request(101, &message("1"));
    let b = world.request(102, &message("2"));
    world.at(500);
    world.manager.release_input(world.key(), world.now);
    world.drain();
    assert_eq!(world.answer(a).unwrap(), format!("{BODY} ack='102'/>"));
    assert_eq!(world.answer(b), None);
}
