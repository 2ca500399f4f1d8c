//! XEP-0206: XMPP over BOSH.

use crate::support::*;

/// A session whose client has just learnt that it is authenticated; the restart is on its way.
fn restarting() -> (World, Posted) {
    let (mut world, poll) = World::held(config(), GRANTED);
    world.answer(poll.id, &with(SUCCESS));
    let restart = world.post();
    world.take_events();
    (world, restart)
}

/// B-X-003: stanzas declare their namespace themselves.
#[test]
fn stanzas_declare_their_namespace() {
    let (mut world, _) = World::held(config(), GRANTED);
    for bare in [
        "<message to='a'/>",
        "<message xmlns='jabber:client' to='a'/>",
    ] {
        world.queue(bare).expect("room");
    }
    world.drain();
    let post = world.post();
    assert_eq!(
        post.payload(),
        "<message xmlns=\"jabber:client\" to='a'/><message xmlns='jabber:client' to='a'/>"
    );
}

/// B-X-004: stanzas in the wrapper's namespace are taken for `jabber:client`, with what inherits it.
#[test]
fn stanzas_without_a_namespace_are_adopted() {
    let (mut world, poll) = World::held(config(), GRANTED);
    world.answer(
        poll.id,
        &with("<message to='x'><body>hi</body><y xmlns='urn:y'><z/></y></message>"),
    );
    let events = world.take_events();
    let message = element(&events[0]);
    assert!(message.is("message", "jabber:client"));
    assert_eq!(
        message
            .child("body", "jabber:client")
            .expect("a body")
            .text(),
        "hi"
    );
    let own = message.child("y", "urn:y").expect("a child");
    assert!(own.child("z", "urn:y").is_some());
}

/// B-X-018, B-X-007, B-X-023: the restart's exact attributes; the user's JID where it is configured.
#[test]
fn success_is_followed_by_a_restart() {
    let (_, restart) = restarting();
    assert_eq!(
        restart.body,
        format!(
            "{BODY} xmlns:xmpp='urn:xmpp:xbosh' rid='{}' sid='S' to='lantern.example' xml:lang='en' xmpp:restart='true'/>",
            restart.rid()
        )
    );
    let mut external = config();
    external.from = Some("mira@lantern.example".into());
    let (mut world, poll) = World::held(external, GRANTED);
    world.answer(poll.id, &with(SUCCESS));
    assert_eq!(world.post().attribute("from"), Some("mira@lantern.example"));
}

/// B-X-018: SASL2 goes on without one.
#[test]
fn sasl2_needs_no_restart() {
    let (mut world, poll) = World::held(config(), GRANTED);
    world.answer(
        poll.id,
        &with("<success xmlns='urn:xmpp:sasl:2'><authorization-identifier>a@b</authorization-identifier></success>"),
    );
    assert_eq!(world.post().attribute("xmpp:restart"), None);
}

/// B-X-020: nothing is sent between success and the new features, and nothing travels with the restart.
#[test]
fn nothing_overtakes_a_restart() {
    let (mut world, poll) = World::held(config(), GRANTED);
    world.queue(&message("early")).expect("room");
    world.answer(poll.id, &with(SUCCESS));
    let restart = world.post();
    assert_eq!(restart.payload(), "");
    world.send(&message("later"));
    world.silent();
    world.take_events();
    world.answer(restart.id, &with(FEATURES));
    assert_eq!(world.take_events(), ["restarted", FEATURES]);
    assert_eq!(
        world.post().payload(),
        format!("{}{}", message("early"), message("later"))
    );
}

/// B-X-022, B-X-012: the features may come with a later answer.
#[test]
fn features_may_come_after_the_restarts_answer() {
    let (mut world, restart) = restarting();
    world.send(&message("later"));
    world.answer(restart.id, EMPTY);
    let poll = world.post();
    assert_eq!(poll.payload(), "");
    assert!(world.take_events().is_empty());
    world.answer(poll.id, &with(FEATURES));
    assert_eq!(world.take_events(), ["restarted", FEATURES]);
    assert_eq!(world.post().payload(), message("later"));
}

/// B-X-022: or with the answer to the request before it, as Prosody's (TR-33).
#[test]
fn features_may_come_before_the_restarts_answer() {
    let (mut world, poll) =
        World::held(config(), "wait='50' hold='1' requests='3' inactivity='30'");
    world.send(&message("other"));
    let second = world.post();
    world.answer(poll.id, &with(SUCCESS));
    let restart = world.post();
    world.take_events();
    world.answer(second.id, &with(FEATURES));
    assert_eq!(world.take_events(), ["restarted", FEATURES]);
    world.send(&message("later"));
    assert_eq!(world.post().payload(), message("later"));
    world.answer(restart.id, EMPTY);
    assert!(world.take_events().is_empty());
}

/// SASL succeeds once in a session (RFC 6120 §6.4.6): another success restarts nothing.
#[test]
fn a_second_success_restarts_nothing() {
    let (mut world, restart) = restarting();
    world.answer(restart.id, &with(FEATURES));
    let poll = world.post();
    world.answer(poll.id, &with(SUCCESS));
    assert_eq!(world.take_events(), ["restarted", FEATURES, SUCCESS]);
    assert_eq!(world.post().attribute("xmpp:restart"), None);
}

/// A restart whose features never come leaves a session of no use (TR-19).
#[test]
fn a_restart_without_features_ends_the_session() {
    let (mut world, restart) = restarting();
    world.answer(restart.id, EMPTY);
    let poll = world.post();
    world.at(50_000);
    world.answer(poll.id, EMPTY);
    world.post();
    world.at(59_999);
    assert!(world.closed.is_empty());
    world.at(60_000);
    assert_eq!(world.take_events(), ["closed NoFeatures"]);
    assert_eq!(world.post().attribute("type"), Some("terminate"));
}

/// No stream header is ever sent.
#[test]
fn no_stream_header_is_sent() {
    let (mut world, restart) = restarting();
    world.answer(restart.id, &with(FEATURES));
    let poll = world.post();
    for post in [restart, poll] {
        assert!(!post.body.contains("<stream:stream"));
    }
}

/// B-X-015, B-X-017: TLS and compression of the stream are not taken up.
#[test]
fn starttls_and_compression_are_not_taken_up() {
    let mut world = World::new(config());
    let creation = world.post();
    let features = "<stream:features xmlns:stream='http://etherx.jabber.org/streams'><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls><compression xmlns='http://jabber.org/features/compress'><method>zlib</method></compression></stream:features>";
    world.answer(creation.id, &created(GRANTED).replace(FEATURES, features));
    assert_eq!(world.post().payload(), "");
    world.at(49_000);
    world.silent();
}

/// Receivers go by the namespace, whatever the prefix.
#[test]
fn features_are_known_by_their_namespace() {
    for features in [
        "<features xmlns='http://etherx.jabber.org/streams'/>",
        "<s:features xmlns:s='http://etherx.jabber.org/streams'/>",
    ] {
        let (mut world, restart) = restarting();
        world.answer(restart.id, &with(features));
        assert_eq!(world.take_events(), ["restarted", features]);
    }
}

/// B-X-025: bind, session and roster are payloads like others.
#[test]
fn the_transport_knows_nothing_of_binding() {
    let (mut world, _) = World::held(config(), GRANTED);
    let bind = "<iq xmlns='jabber:client' type='set' id='b1'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>";
    world.send(bind);
    let post = world.post();
    assert_eq!(post.payload(), bind);
    world.at(1_000);
    world.silent();
}

/// Stream management passes untouched, and a location is only a payload.
#[test]
fn stream_management_passes() {
    let (mut world, poll) = World::held(config(), GRANTED);
    let enabled = "<enabled xmlns='urn:xmpp:sm:3' id='x' resume='true' location='10.0.0.1:5222'/>";
    world.answer(poll.id, &with(enabled));
    assert_eq!(world.take_events(), [enabled]);
    world.post();
    let resume = "<resume xmlns='urn:xmpp:sm:3' h='1' previd='x'/>";
    world.send(resume);
    assert_eq!(world.post().payload(), resume);
}

/// A stream error in an ordinary answer ends the session all the same.
#[test]
fn a_stream_error_ends_the_session_wherever_it_comes() {
    let (mut world, poll) = World::held(config(), GRANTED);
    let error = "<stream:error><reset xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>";
    world.answer(poll.id, &with(&format!("{}{error}", message("1"))));
    let events = world.take_events();
    assert_eq!(events[0], message("1"));
    assert!(
        events[1].starts_with("closed StreamError(Some("),
        "{events:?}"
    );
    assert_eq!(world.post().attribute("type"), Some("terminate"));
}

/// Nor is one taken: a stream inside of a body is the connection manager's fault.
#[test]
fn a_stream_header_in_an_answer_ends_the_session() {
    let (mut world, poll) = World::held(config(), GRANTED);
    world.answer(poll.id, &with("<stream:stream to='lantern.example'/>"));
    assert_eq!(world.take_events(), ["closed Fault"]);
}
