//! XEP-0124 §13, §17.2: how sessions end.

use bosh_proto::{
    Condition,
    client::{Cause, Redirect, SendError},
};

use crate::support::*;

/// A session with a poll held and a terminate request behind it.
fn closing() -> (World, Posted, Posted) {
    let (mut world, poll) = World::held(config(), GRANTED);
    world
        .queue("<presence xmlns='jabber:client' type='unavailable'/>")
        .expect("room");
    world.close();
    let last = world.post();
    (world, poll, last)
}

/// B-R-134: the end may take last payloads along.
#[test]
fn last_payloads_leave_with_the_terminate_request() {
    let (mut world, poll, last) = closing();
    assert_eq!(
        last.body,
        format!(
            "{BODY} rid='{}' sid='S' type='terminate'><presence xmlns='jabber:client' type='unavailable'/></body>",
            poll.rid() + 1
        )
    );
    match world.try_send(&message("late")) {
        Err(SendError::Closed(back)) => assert_eq!(back, element(&message("late"))),
        other => panic!("{other:?}"),
    }
    world.silent();
}

/// B-R-137: whatever comes of the terminate request, the session is over, once.
#[test]
fn anything_ends_a_session_that_is_closing() {
    let over = |world: &mut World| {
        assert_eq!(world.take_events(), ["closed Ours"]);
        assert_eq!(world.session.poll_timeout(), None);
        world.at(100_000);
        world.silent();
        assert!(world.take_events().is_empty());
    };
    for terminal in [
        "type='terminate'",
        "type='terminate' condition='item-not-found'",
        "type='terminate' condition='remote-stream-error'",
    ] {
        let (mut world, poll, last) = closing();
        world.answer(poll.id, &tagged(terminal));
        if terminal != "type='terminate'" {
            assert_eq!(world.abandoned, [last.id]);
            over(&mut world);
        }
        let (mut world, poll, last) = closing();
        world.answer(poll.id, EMPTY);
        world.answer(last.id, &tagged(terminal));
        over(&mut world);
    }
    let (mut world, poll, last) = closing();
    world.answer(poll.id, EMPTY);
    world.answer(last.id, EMPTY);
    assert!(world.undelivered().is_empty());
    over(&mut world);
    for status in [404, 500] {
        let (mut world, _, last) = closing();
        world.answer_with(last.id, status, "");
        over(&mut world);
    }
    // MongooseIM's 200 with nothing in it.
    let (mut world, _, last) = closing();
    world.answer(last.id, "");
    over(&mut world);
    let (mut world, _, last) = closing();
    world.fail(last.id);
    over(&mut world);
    let (mut world, _, _) = closing();
    world.at(4_999);
    assert!(world.closed.is_empty());
    world.at(5_000);
    assert_eq!(world.undelivered().len(), 1);
    over(&mut world);
}

/// B-R-137: an end that is told on the held request crosses our last one, whose own answer tells whether what it had was taken. It has 2 s.
#[test]
fn an_end_on_the_held_request_waits_for_the_answer_to_the_last() {
    // Prosody's words, and ejabberd's.
    for held in [
        "type='terminate'",
        "type='terminate' condition='other-request'",
    ] {
        let end = tagged("type='terminate'");
        let (mut world, poll, last) = closing();
        world.answer(poll.id, &tagged(held));
        assert!(world.take_events().is_empty());
        world.answer(last.id, &end);
        assert_eq!(world.take_events(), ["closed Ours"]);
        assert!(world.undelivered().is_empty());
        world.silent();

        let (mut world, poll, last) = closing();
        world.answer(last.id, &end);
        world.answer(poll.id, &tagged(held));
        assert_eq!(world.take_events(), ["closed Ours"]);
        assert!(world.undelivered().is_empty());

        let (mut world, poll, last) = closing();
        world.answer(poll.id, &tagged(held));
        world.at(2_000);
        assert_eq!(world.abandoned, [last.id]);
        assert_eq!(world.take_events(), ["closed Ours"]);
        assert_eq!(world.undelivered().len(), 1);
    }
}

/// B-R-138: what comes with the end, or before it, is delivered first.
#[test]
fn payloads_that_come_with_the_end_are_delivered() {
    let (mut world, poll, last) = closing();
    let body = format!("{BODY} type='terminate'>{}</body>", message("1"));
    world.answer(poll.id, &body);
    world.answer(last.id, &tagged("type='terminate'"));
    assert_eq!(
        world.take_events(),
        [message("1"), "closed Ours".to_owned()]
    );

    // The end overtakes the answer before it.
    let (mut world, poll, last) = closing();
    world.answer(last.id, &tagged("type='terminate'"));
    assert!(world.closed.is_empty());
    world.at(1_999);
    world.answer(poll.id, &with(&message("1")));
    assert_eq!(
        world.take_events(),
        [message("1"), "closed Ours".to_owned()]
    );

    // It is not waited for longer than 2 s.
    let (mut world, _, last) = closing();
    world.answer(last.id, &tagged("type='terminate'"));
    world.at(1_999);
    assert!(world.closed.is_empty());
    world.at(2_000);
    assert_eq!(world.take_events(), ["closed Ours"]);
}

/// The connection manager's end without a condition, and with each.
#[test]
fn the_other_side_may_end_the_session() {
    let (mut world, poll) = World::held(config(), GRANTED);
    world.answer(poll.id, &tagged("type='terminate'"));
    assert_eq!(world.closed[0].cause, Cause::Terminated);
    for condition in Condition::ALL {
        if matches!(
            condition,
            Condition::RemoteStreamError | Condition::OtherRequest
        ) {
            continue;
        }
        let (mut world, poll) = World::held(config(), GRANTED);
        world.send(&message("a"));
        world.post();
        world.send(&message("b"));
        let body = tagged(&format!("type='terminate' condition='{condition}'"));
        world.answer(poll.id, &body);
        assert_eq!(world.closed[0].cause, Cause::Condition(condition));
        assert_eq!(world.undelivered(), [message("a"), message("b")]);
        world.silent();
    }
    let (mut world, poll) = World::held(config(), GRANTED);
    world.answer(poll.id, &tagged("type='terminate' condition='new'"));
    assert_eq!(
        world.closed[0].cause,
        Cause::Condition(Condition::UndefinedCondition)
    );
}

/// What was acknowledged is not handed back, what a fault answered is.
#[test]
fn what_was_not_acknowledged_is_handed_back_in_order() {
    let (mut world, poll) = World::held(config(), &format!("{GRANTED} ack='1'"));
    world.send(&message("a"));
    let second = world.post();
    world.answer(poll.id, &tagged(&format!("ack='{}'", second.rid())));
    world.send(&message("b"));
    let third = world.post();
    world.send(&message("c"));
    world.answer(
        second.id,
        &tagged("type='terminate' condition='internal-server-error'"),
    );
    assert_eq!(third.rid(), second.rid() + 1);
    assert_eq!(world.undelivered(), [message("b"), message("c")]);
}

/// `see-other-uri` is handed up; the caller decides.
#[test]
fn another_uri_is_handed_up() {
    let uri = "https://web2.lantern.example/http-bind";
    for child in [
        format!("<uri>{uri}</uri>"),
        format!("<uri xmlns='http://jabber.org/protocol/httpbind'> {uri}\n</uri>"),
    ] {
        let (mut world, poll) = World::held(config(), GRANTED);
        let body = format!("{BODY} type='terminate' condition='see-other-uri'>{child}</body>");
        world.answer(poll.id, &body);
        assert_eq!(world.take_events(), ["closed Condition(SeeOtherUri)"]);
        assert_eq!(
            world.closed[0].redirect,
            Some(Redirect::Uri(uri.to_owned()))
        );
    }
    let (mut world, poll) = World::held(config(), GRANTED);
    world.answer(
        poll.id,
        &tagged("type='terminate' condition='see-other-uri'"),
    );
    assert_eq!(world.closed[0].redirect, None);
}

const STREAM: &str = "xmlns:stream='http://etherx.jabber.org/streams'";

/// B-X-028: whole, only its children, or none; with and without the prefix; what came before it first.
#[test]
fn stream_errors_come_in_many_forms() {
    let conflict = "<conflict xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>";
    for (form, condition) in [
        (
            format!("<stream:error>{conflict}</stream:error>"),
            Some("conflict"),
        ),
        (conflict.to_owned(), Some("conflict")),
        (format!("<error>{conflict}</error>"), Some("conflict")),
        (
            format!("<error xmlns='http://etherx.jabber.org/streams'>{conflict}</error>"),
            Some("conflict"),
        ),
        (String::new(), None),
    ] {
        let (mut world, poll) = World::held(config(), GRANTED);
        let body = format!(
            "{BODY} {STREAM} type='terminate' condition='remote-stream-error'>{}{form}</body>",
            message("last")
        );
        world.answer(poll.id, &body);
        assert_eq!(
            world.take_events().first(),
            Some(&message("last")),
            "{form}"
        );
        let Cause::StreamError(error) = &world.closed[0].cause else {
            panic!("{:?}", world.closed[0]);
        };
        let found = error.as_ref().map(|error| error.condition.as_str());
        assert_eq!(found, condition, "{form}");
    }
}

/// `see-other-host` is handed up with its target; the caller decides.
#[test]
fn another_host_is_handed_up() {
    let (mut world, poll) = World::held(config(), GRANTED);
    let host = "<see-other-host xmlns='urn:ietf:params:xml:ns:xmpp-streams'>t2.nodes.example</see-other-host>";
    let body = format!(
        "{BODY} {STREAM} type='terminate' condition='remote-stream-error'><stream:error>{host}</stream:error></body>"
    );
    world.answer(poll.id, &body);
    assert_eq!(
        world.closed[0].redirect,
        Some(Redirect::Host("t2.nodes.example".to_owned()))
    );
}

/// B-T-009: a creation that is answered with a redirect makes no session, whatever `sid` it names.
#[test]
fn a_creation_may_be_redirected() {
    let mut world = World::new(config());
    world.send(&message("a"));
    let creation = world.post();
    let host = "<see-other-host xmlns='urn:ietf:params:xml:ns:xmpp-streams'>t2.nodes.example</see-other-host>";
    let body = format!(
        "{BODY} {STREAM} sid='S' {GRANTED} type='terminate' condition='remote-stream-error'><stream:error>{host}</stream:error></body>"
    );
    world.answer(creation.id, &body);
    world.silent();
    assert!(
        !world
            .take_events()
            .iter()
            .any(|event| event.contains("opened"))
    );
    assert_eq!(
        world.closed[0].redirect,
        Some(Redirect::Host("t2.nodes.example".to_owned()))
    );
    assert_eq!(world.undelivered(), [message("a")]);
}

/// The node that holds the session is named once, and again where it changes.
#[test]
fn the_nodes_name_is_handed_up() {
    let (mut world, poll) = World::held(config(), GRANTED);
    world.answer(poll.id, &tagged("host='t2.nodes.example'"));
    assert_eq!(world.take_events(), ["host t2.nodes.example"]);
    let poll = world.post();
    world.answer(poll.id, &tagged("host='t2.nodes.example'"));
    assert!(world.take_events().is_empty());
    let poll = world.post();
    world.at(5_000);
    world.answer(poll.id, &tagged("host='t1.nodes.example'"));
    assert_eq!(world.take_events(), ["host t1.nodes.example"]);
    let poll = world.post();
    world.answer(poll.id, &tagged(&format!("host='{}'", "a".repeat(256))));
    assert!(world.take_events().is_empty());
}

/// A creation that is not wanted any more is dropped at once.
#[test]
fn closing_before_the_session_is_there() {
    let mut world = World::new(config());
    let creation = world.post();
    world.send(&message("a"));
    world.close();
    assert_eq!(world.take_events(), ["closed Ours"]);
    assert_eq!(world.abandoned, [creation.id]);
    assert_eq!(world.undelivered(), [message("a")]);
}

/// A request that fell with another one: the other's answer says why, and is waited for, 2 s at most.
#[test]
fn the_reason_is_on_the_request_that_has_it() {
    let other = tagged("type='terminate' condition='other-request'");
    let (mut world, poll) = World::held(config(), GRANTED);
    world.send(&message("a"));
    let second = world.post();
    world.answer(poll.id, &other);
    assert!(world.closed.is_empty());
    world.send(&message("b"));
    world.silent();
    world.answer(
        second.id,
        &tagged("type='terminate' condition='bad-request'"),
    );
    assert_eq!(world.take_events(), ["closed Condition(BadRequest)"]);
    assert_eq!(world.undelivered(), [message("a"), message("b")]);

    let (mut world, poll) = World::held(config(), GRANTED);
    world.send(&message("a"));
    world.post();
    world.answer(poll.id, &other);
    world.relocate(0);
    world.at(1_999);
    assert!(world.closed.is_empty());
    world.at(2_000);
    assert_eq!(world.take_events(), ["closed Condition(OtherRequest)"]);
    assert_eq!(world.undelivered(), [message("a")]);

    let (mut world, poll) = World::held(config(), GRANTED);
    world.answer(poll.id, &other);
    assert_eq!(world.take_events(), ["closed Condition(OtherRequest)"]);
}

/// Where not even the request beyond the window has room, the last word follows when the time for it is over.
#[test]
fn a_full_window_does_not_keep_the_last_word_back() {
    let (mut world, _) = World::held(config(), GRANTED);
    world.send(&message("a"));
    let minute = std::time::Duration::from_secs(60);
    world.session.pause(minute, world.now).expect("a pause");
    world.drain();
    assert_eq!(world.posts().len(), 2);
    world.close();
    world.silent();
    world.at(4_999);
    world.silent();
    world.at(5_000);
    let last = world.post();
    assert_eq!(last.attribute("type"), Some("terminate"));
    assert_eq!(world.take_events(), ["closed Ours"]);
    assert_eq!(world.undelivered(), [message("a")]);
}
