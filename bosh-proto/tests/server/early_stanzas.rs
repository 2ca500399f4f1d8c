//! Stanzas before authentication, where the application is the server (RFC 6120 §4.9.3.12).

use crate::support::*;

const AUTH: &str = "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>";
const SUCCESS: &str = "<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>";

fn refusing() -> bosh_proto::server::Config {
    let mut config = prompt();
    config.refuse_early_stanzas = true;
    config
}

/// B-X-027: the stream error on the oldest request, as for one of the server's own; nothing of the stanza or behind it is delivered.
fn assert_refused(world: &mut World, oldest: &str, events: &[&str]) {
    assert!(
        oldest.contains("condition='remote-stream-error'") && oldest.contains("<not-authorized "),
        "{oldest}"
    );
    let mut expected = events.to_vec();
    expected.push("closed NotAuthorized");
    assert_eq!(world.take_events(), expected);
}

#[test]
fn a_stanza_before_authentication_ends_the_session() {
    for stanza in [
        message("m"),
        "<presence xmlns='jabber:client'/>".to_owned(),
        "<iq xmlns='jabber:client' type='get'><ping xmlns='urn:xmpp:ping'/></iq>".to_owned(),
        // In the wrapper's namespace it is one as well (B-X-004).
        "<message/>".to_owned(),
    ] {
        let mut world = World::session(refusing(), "");
        let held = world.request(101, "");
        world.take_events();
        let id = world.request(102, &format!("{AUTH}{stanza}{AUTH}"));
        let oldest = world.answer(held).expect("an answer");
        assert_refused(&mut world, &oldest, &[AUTH]);
        assert_eq!(world.answer(id), Some(terminal("other-request")));
        // The same as the only request, and together with the client's own end.
        for attributes in ["", "type='terminate'"] {
            let mut world = World::session(refusing(), "");
            world.take_events();
            let text = world.text(101, attributes, &stanza);
            let id = world.post(&text);
            let answer = world.answer(id).expect("an answer");
            assert_refused(&mut world, &answer, &[]);
        }
    }
}

/// What came before the server's stream was open is judged when it is delivered, also where the client has gone already (B-R-135).
#[test]
fn what_came_with_the_creation_is_refused_as_well() {
    let creation = format!(
        "{BODY} rid='{FIRST}' to='lantern.example' ver='1.11'>{}</body>",
        message("m")
    );
    let mut world = World::new(refusing());
    let id = world.post(&creation);
    world.take_events();
    world.accept();
    let answer = world.answer(id).expect("an answer");
    assert_refused(&mut world, &answer, &[]);
    // The client has gone before the stream was open.
    for (config, delivered) in [(refusing(), false), (prompt(), true)] {
        let mut world = World::new(config);
        let creation = format!(
            "{BODY} rid='{FIRST}' to='lantern.example' ver='1.11'>{}</body>",
            message("m")
        );
        let id = world.post(&creation);
        world.at(6_000);
        let answer = world.answer(id).expect("without features");
        world.learn(&[id]);
        assert!(attribute(&answer, "sid").is_some());
        world.request_with(101, "type='terminate'");
        world.take_events();
        world.accept();
        let mut expected = vec![message("m"), "closed Terminated".to_owned()];
        expected.drain(..usize::from(!delivered));
        assert_eq!(world.take_events(), expected);
    }
}

/// Success of either profile, in-band registration (XEP-0077), and authentication before SASL (XEP-0078).
#[test]
fn what_may_come_is_delivered() {
    for allowed in [
        AUTH,
        "<authenticate xmlns='urn:xmpp:sasl:2'/>",
        "<iq xmlns='jabber:client' type='get'><query xmlns='jabber:iq:register'/></iq>",
        "<iq xmlns='jabber:client' type='set'><query xmlns='jabber:iq:auth'/></iq>",
    ] {
        let mut world = World::session(refusing(), "");
        world.take_events();
        world.request(101, allowed);
        assert_eq!(world.take_events(), [allowed]);
    }
    for success in [SUCCESS, "<success xmlns='urn:xmpp:sasl:2'/>"] {
        let mut world = World::session(refusing(), "");
        world.request(101, AUTH);
        world.send(success);
        world.take_events();
        world.request(102, &message("m"));
        assert_eq!(world.take_events(), [message("m")]);
    }
    // A connection manager in front of a server judges nothing.
    let mut world = World::session(prompt(), "");
    world.take_events();
    world.request(101, &message("m"));
    assert_eq!(world.take_events(), [message("m")]);
}
