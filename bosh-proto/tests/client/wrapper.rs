//! XEP-0124 §6: the wrapper, as receiver.

use crate::support::*;

/// B-R-020: the expanded name counts, not the prefix.
#[test]
fn the_wrapper_may_have_a_prefix() {
    let (mut world, poll) = World::held(config(), GRANTED);
    let body = format!(
        "<b:body xmlns:b='http://jabber.org/protocol/httpbind'>{}</b:body>",
        message("1")
    );
    world.answer(poll.id, &body);
    let events = world.take_events();
    assert!(element(&events[0]).is_stanza(), "{events:?}");
    for other in ["<x/>", "<body/>", "<body xmlns='urn:x'/>"] {
        let (mut world, poll) = World::held(config(), GRANTED);
        world.answer(poll.id, other);
        let again = world.post();
        world.answer(again.id, other);
        assert_eq!(world.closed.len(), 1, "{other}");
    }
}

/// B-R-021, B-R-022: what XMPP forbids inside of a wrapper ends the session, with a farewell.
#[test]
fn restricted_xml_ends_the_session() {
    for inside in [
        "<!-- a comment -->",
        "<?pi x?>",
        "<message xmlns='jabber:client'>&lol;</message>",
        "<message xmlns='jabber:client'><!-- deep --></message>",
        "x<message xmlns='jabber:client'/>",
    ] {
        let (mut world, poll) = World::held(config(), GRANTED);
        world.answer(poll.id, &with(inside));
        assert_eq!(world.take_events(), ["closed Fault"], "{inside}");
        assert_eq!(world.post().attribute("type"), Some("terminate"));
    }
    let (mut world, poll) = World::held(config(), GRANTED);
    let bomb = format!(
        "<!DOCTYPE body [<!ENTITY a 'aaaaaaaaaa'><!ENTITY b '&a;&a;&a;'>]>{}",
        with("<message xmlns='jabber:client'>&b;</message>")
    );
    world.answer(poll.id, &bomb);
    let again = world.post();
    world.answer(again.id, &bomb);
    assert_eq!(world.closed.len(), 1);
    assert!(
        !world
            .take_events()
            .iter()
            .any(|event| event.contains("aaaa"))
    );
}

/// W-R-305 (from a server), which holds here too: what another user wrote does not end the session.
#[test]
fn a_payload_that_breaks_namespaces_is_mended() {
    let deep = format!("{}{}", "<a>".repeat(80), "</a>".repeat(80));
    let broken = [
        "<message xmlns='jabber:client'><x p:y=''/></message>".to_owned(),
        format!("<message xmlns='jabber:client' id='1'>{deep}</message>"),
        message("2"),
    ];
    let (mut world, poll) = World::held(config(), GRANTED);
    world.answer(poll.id, &with(&broken.concat()));
    assert_eq!(
        world.take_events(),
        [
            "<message xmlns:p=\"urn:xmpp-web:undeclared:p\" xmlns='jabber:client'><x p:y=''/></message>",
            "<message xmlns='jabber:client' id='1'/>",
            &message("2"),
        ]
    );
    assert_eq!(world.closed.len(), 0);
}

/// B-R-022: white space between payloads is no payload.
#[test]
fn indented_bodies_are_read() {
    let (mut world, poll) = World::held(config(), GRANTED);
    let body = format!("{BODY}>\n  {}\n\t{}\r\n</body>", message("1"), message("2"));
    world.answer(poll.id, &body);
    assert_eq!(world.take_events(), [message("1"), message("2")]);
}

/// B-R-023: payloads of any namespaces pass, in order.
#[test]
fn foreign_payloads_pass() {
    let (mut world, poll) = World::held(config(), GRANTED);
    let payloads = [
        message("1"),
        "<r xmlns='urn:xmpp:sm:3'/>".to_owned(),
        "<json xmlns='urn:xmpp:json:0'>{\"a\":[1,\"&lt;\"]}</json>".to_owned(),
    ];
    world.answer(poll.id, &with(&payloads.concat()));
    assert_eq!(world.take_events(), payloads);
    for payload in &payloads {
        world.queue(payload).expect("room");
    }
    world.drain();
    let sent: String = world
        .posts()
        .iter()
        .map(|post| post.payload().to_owned())
        .collect();
    assert_eq!(sent, payloads.concat());
}

/// `stream:` needs no declaration, other prefixes do.
#[test]
fn the_usual_prefixes_are_known() {
    let mut world = World::new(config());
    let creation = world.post();
    let body = format!("{BODY} sid='S' {GRANTED}><stream:features/></body>");
    world.answer(creation.id, &body);
    let events = world.take_events();
    assert!(
        events[1].contains("xmlns:stream=\"http://etherx.jabber.org/streams\""),
        "{events:?}"
    );
    let poll = world.post();
    world.answer(poll.id, &with("<foo:x/>"));
    assert_eq!(world.closed.len(), 1);
}

/// B-R-025: UTF-8; an XML declaration is tolerated, and never sent.
#[test]
fn an_xml_declaration_is_tolerated() {
    let (mut world, poll) = World::held(config(), GRANTED);
    assert!(poll.body.starts_with("<body "));
    let text = "<message xmlns='jabber:client'><body>zß水🍌</body></message>";
    world.answer(
        poll.id,
        &format!("<?xml version='1.0' encoding='utf-8'?>{}", with(text)),
    );
    assert_eq!(world.take_events(), [text]);
    let poll = world.post();
    world.answer(
        poll.id,
        &format!("<?xml version='1.0' encoding='utf-16'?>{}", with(text)),
    );
    assert_eq!(world.take_events(), ["closed Fault"]);
}

/// B-R-028: what a payload inherits from its wrapper travels with it.
#[test]
fn inherited_declarations_travel() {
    let (mut world, poll) = World::held(config(), GRANTED);
    world.answer(
        poll.id,
        "<body xmlns='http://jabber.org/protocol/httpbind' xmlns:q='urn:q' xml:lang='de'><message xmlns='jabber:client'><q:x/></message></body>",
    );
    let events = world.take_events();
    let message = element(&events[0]);
    assert_eq!(message.attribute("xml:lang").as_deref(), Some("de"));
    assert!(message.child("x", "urn:q").is_some());
}

/// The answer's type is not looked at: there is none to look at.
#[test]
fn no_content_type_is_asked_for() {
    let (mut world, poll) = World::held(config(), GRANTED);
    world.answer_with(poll.id, 200, &with(&message("1")));
    assert_eq!(world.take_events(), [message("1")]);
}
