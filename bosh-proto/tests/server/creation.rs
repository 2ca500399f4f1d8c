//! Ledger §3: what creation grants and answers.

use bosh_proto::server::Config;

use crate::support::*;

/// B-R-053, B-R-055, §16.1: the worked example, byte for byte.
#[test]
fn the_creation_response_is_spelled_as_the_worked_example() {
    let mut world = World::new(Config::default());
    let answer = world.open(
        4_172_900_350_117,
        "ver='1.11' wait='50' hold='1' ack='1' xml:lang='en' xmpp:version='1.0'",
    );
    let sid = attribute(&answer, "sid").unwrap();
    assert_eq!(
        answer,
        format!(
            "<body xmlns='http://jabber.org/protocol/httpbind' xmlns:xmpp='urn:xmpp:xbosh' xmlns:stream='http://etherx.jabber.org/streams' sid='{sid}' wait='50' hold='1' requests='2' polling='5' inactivity='30' maxpause='120' ver='1.11' from='lantern.example' ack='4172900350117' xmpp:version='1.0' xmpp:restartlogic='true'><stream:features><mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>PLAIN</mechanism></mechanisms></stream:features></body>"
        )
    );
}

/// §16.2 to 16.6: a session's worked life.
#[test]
fn a_whole_session_goes_as_the_worked_examples() {
    let mut world = World::session(prompt(), "wait='50' hold='1' ack='1'");
    let auth = "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AG1pcmEAbGFtcC1vaWw=</auth>";
    world.at(81);
    let a = world.request(101, auth);
    world.send("<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>");
    assert_eq!(
        world.answer(a).unwrap(),
        with("<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>")
    );
    world.at(141);
    let b = world.request_with(
        102,
        "xmlns:xmpp='urn:xmpp:xbosh' to='lantern.example' xml:lang='en' xmpp:restart='true'",
    );
    world.send("<stream:features xmlns:stream='http://etherx.jabber.org/streams'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></stream:features>");
    assert_eq!(
        world.answer(b).unwrap(),
        "<body xmlns='http://jabber.org/protocol/httpbind' xmlns:stream='http://etherx.jabber.org/streams'><stream:features><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></stream:features></body>"
    );
    let c = world.request(103, "<presence xmlns='jabber:client'/>");
    world.at(9000);
    let d = world.post(&world.text(104, "ack='102'", &message("m1")));
    assert_eq!(world.answer(c).unwrap(), format!("{BODY} ack='104'/>"));
    world.at(12_400);
    world.send(&message("m2"));
    assert_eq!(world.answer(d).unwrap(), with(&message("m2")));
    let e = world.request(105, "");
    world.at(20_000);
    let f = world.post(&world.text(
        106,
        "ack='104' type='terminate'",
        "<presence xmlns='jabber:client' type='unavailable'/>",
    ));
    assert_eq!(
        world.answer(e).unwrap(),
        format!("{BODY} type='terminate' ack='106'/>")
    );
    assert_eq!(world.answer(f).unwrap(), EMPTY);
    assert_eq!(
        world.take_events(),
        [
            "opening",
            auth,
            "restarted StreamHeader { from: None, to: Some(\"lantern.example\"), id: None, version: None, lang: Some(\"en\") }",
            "<presence xmlns='jabber:client'/>",
            &message("m1"),
            "<presence xmlns='jabber:client' type='unavailable'/>",
            "closed Terminated",
        ]
    );
    assert_eq!(world.manager.sessions(), 0);
}
