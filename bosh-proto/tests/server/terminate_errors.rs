//! XEP-0124 §13, §17: how sessions end.

use bosh_proto::Condition;

use crate::support::*;

/// B-R-134, B-R-135, B-R-136: payloads first; the oldest open request gets the terminate, the other an empty body.
#[test]
fn terminate_is_answered_on_the_oldest_request() {
    let mut world = World::session(prompt(), "");
    let a = world.request(101, "");
    let text = world.text(
        102,
        "type='terminate'",
        "<presence xmlns='jabber:client' type='unavailable'/>",
    );
    let b = world.post(&text);
    assert_eq!(
        world.answer(a).unwrap(),
        format!("{BODY} type='terminate' ack='102'/>")
    );
    assert_eq!(world.answer(b).unwrap(), EMPTY);
    assert!(world.order.ends_with(&[a, b]));
    assert_eq!(
        world.take_events(),
        [
            "opening",
            "<presence xmlns='jabber:client' type='unavailable'/>",
            "closed Terminated"
        ]
    );
}

/// B-R-136.
#[test]
fn terminate_alone_is_answered_itself() {
    let mut world = World::session(prompt(), "");
    let a = world.request_with(101, "type='terminate'");
    assert_eq!(
        world.answer(a).unwrap(),
        format!("{BODY} type='terminate'/>")
    );
}

/// Contract: responses in order while bytes are pending, `Closed` after the last of them, once.
#[test]
fn closed_comes_after_the_last_answer() {
    let mut world = World::session(prompt(), "");
    world.reports = Reports::Never;
    let a = world.request(101, "");
    let b = world.request_with(102, "type='terminate'");
    assert!(world.answer(a).is_some());
    assert_eq!(world.answer(b), None);
    assert!(world.closed.is_empty());
    assert_eq!(world.manager.sessions(), 0);
    world.sent(a);
    assert_eq!(world.answer(b).unwrap(), EMPTY);
    assert_eq!(world.closed.len(), 1);
    world.at(600_000);
    assert_eq!(world.closed.len(), 1);
}

/// B-R-139: every condition, as the application wants it.
#[test]
fn the_application_ends_a_session_with_any_condition() {
    for condition in Condition::ALL {
        let mut world = World::session(prompt(), "");
        let a = world.request(101, "");
        world.close(Some(condition), None);
        assert_eq!(world.answer(a).unwrap(), terminal(condition.as_str()));
        assert_eq!(world.take_events(), ["opening", "closed Ours"]);
    }
}

/// B-R-139: no condition is an ordinary end.
#[test]
fn a_clean_close_has_no_condition() {
    let mut world = World::session(prompt(), "");
    let a = world.request(101, "");
    world.close(None, None);
    assert_eq!(
        world.answer(a).unwrap(),
        format!("{BODY} type='terminate'/>")
    );
}

/// B-X-027, §16.7: queued stanzas, then the whole stream error, in one body.
#[test]
fn a_stream_error_leaves_whole_after_what_is_queued() {
    let error = "<stream:error xmlns:stream='http://etherx.jabber.org/streams'><conflict xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>";
    let mut world = World::session(prompt(), "");
    world.send(&message("m7"));
    world.close(Some(Condition::UndefinedCondition), Some(error));
    let a = world.request(101, "");
    assert_eq!(
        world.answer(a).unwrap(),
        format!(
            "<body xmlns='http://jabber.org/protocol/httpbind' xmlns:stream='http://etherx.jabber.org/streams' type='terminate' condition='remote-stream-error'>{}<stream:error><conflict xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error></body>",
            message("m7")
        )
    );
    assert_eq!(world.take_events(), ["opening", "closed Ours"]);
}

/// `close` while nothing is open waits for the next request, no longer than inactivity.
#[test]
fn a_close_without_a_request_waits_for_one() {
    let mut world = World::session(prompt(), "");
    world.close(Some(Condition::RemoteConnectionFailed), None);
    assert!(world.closed.is_empty());
    assert!(world.try_send(&message("late")).is_err());
    let a = world.request(101, &message("unheard"));
    assert_eq!(
        world.answer(a).unwrap(),
        terminal("remote-connection-failed")
    );
    assert_eq!(world.take_events(), ["opening", "closed Ours"]);

    let mut world = World::session(prompt(), "");
    let a = world.request(101, "");
    world.disconnect(a);
    world.send(&message("m"));
    world.close(None, None);
    world.at(30_001);
    assert_eq!(world.take_events(), ["opening", "closed Ours"]);
    assert_eq!(world.undelivered(), [message("m")]);
}

/// B-R-140: statuses for clients without `ver`, and 200 for what has none.
#[test]
fn legacy_clients_get_http_statuses() {
    for (attributes, status) in [("legacy", 404), ("ver='1.6'", 200)] {
        let mut world = World::session(prompt(), attributes);
        let a = world.request(101, "");
        let b = world.request(999, "");
        assert_eq!(world.response(a).status, 200);
        assert_eq!(world.response(b).status, status);
        assert_eq!(world.answer(b).unwrap(), terminal("item-not-found"));
    }
    let mut world = World::session(prompt(), "legacy");
    let a = world.request_with(101, "pause='999'");
    assert_eq!(world.response(a).status, 403);
    let mut world = World::session(prompt(), "legacy");
    let a = world.request(101, "");
    world.close(Some(Condition::RemoteConnectionFailed), None);
    assert_eq!(world.response(a).status, 200);
}

/// B-R-141, TR-06.
#[test]
fn an_unknown_sid_is_not_found() {
    let mut world = World::new(prompt());
    for sid in ["", "x", "AAAAAAAAAAAAAAAAAAAAAAAA"] {
        let id = world.post(&format!("{BODY} rid='1' sid='{sid}'/>"));
        assert_eq!(world.response(id).status, 200);
        assert_eq!(world.answer(id).unwrap(), terminal("item-not-found"));
    }
}

/// B-R-146.
#[test]
fn a_fault_is_answered_in_rid_order() {
    let mut world = World::session(prompt(), "");
    let a = world.request(101, "");
    let b = world.request_with(102, "pause='999'");
    assert_eq!(world.answer(a).unwrap(), terminal("other-request"));
    assert_eq!(world.answer(b).unwrap(), terminal("policy-violation"));
    assert!(world.order.ends_with(&[a, b]));
}

/// B-R-020, B-R-021, B-R-022: what is no body ends in bad-request.
#[test]
fn bodies_that_are_none_are_refused() {
    for body in [
        "",
        "x",
        "<body/>",
        "<x xmlns='http://jabber.org/protocol/httpbind'/>",
        "<body xmlns='http://jabber.org/protocol/httpbind'>",
        "<!DOCTYPE body []><body xmlns='http://jabber.org/protocol/httpbind'/>",
        "<body xmlns='http://jabber.org/protocol/httpbind'/><x/>",
    ] {
        let mut world = World::new(prompt());
        let id = world.post(body);
        assert_eq!(world.response(id).status, 200);
        assert_eq!(world.answer(id).unwrap(), terminal("bad-request"), "{body}");
    }
}

/// B-R-020 to B-R-024: broken insides end the session that the start tag names.
#[test]
fn broken_insides_end_their_session() {
    for inside in [
        "<!-- comment -->",
        "<?pi?>",
        "text",
        "<message>",
        "<foo:x/>",
        "<message a='1' a='2'/>",
        "&unknown;",
        "<stream:stream xmlns:stream='http://etherx.jabber.org/streams'/>",
    ] {
        let mut world = World::session(prompt(), "");
        let a = world.request(101, "");
        let b = world.request(102, inside);
        assert_eq!(
            world.answer(a).unwrap(),
            terminal("other-request"),
            "{inside}"
        );
        assert_eq!(
            world.answer(b).unwrap(),
            terminal("bad-request"),
            "{inside}"
        );
        assert_eq!(world.take_events(), ["opening", "closed Fault(BadRequest)"]);
    }
}

/// B-R-020, B-R-022, B-R-025: what is unusual and right is accepted.
#[test]
fn unusual_bodies_are_accepted() {
    let mut world = World::session(prompt(), "");
    let sid = world.sid.clone();
    world.take_events();
    world.post(&format!("<?xml version='1.0'?><b:body xmlns:b='http://jabber.org/protocol/httpbind' rid='101' sid='{sid}'>\n  <presence xmlns='jabber:client'/>\n  <message xmlns='jabber:client'/>\n</b:body>"));
    assert_eq!(world.manager.sessions(), 1);
    assert_eq!(world.take_events().len(), 2);
}

/// B-X-030, B-X-031: what was queued, and what had left on an answer that nothing followed.
#[test]
fn undelivered_elements_are_handed_back_in_order() {
    let mut world = World::session(prompt(), "");
    world.request(101, "");
    world.send(&message("seen"));
    world.request(102, "");
    world.send(&message("unseen"));
    world.send(&message("queued"));
    world.at(30_001);
    assert_eq!(world.undelivered(), [message("unseen"), message("queued")]);
}

/// B-X-031: client acks say so exactly.
#[test]
fn acknowledged_elements_are_not_handed_back() {
    let mut world = World::session(prompt(), "ack='1'");
    world.request(101, "");
    world.send(&message("lost"));
    let text = world.text(102, "ack='100'", &message("1"));
    let b = world.post(&text);
    world.disconnect(b);
    world.at(30_001);
    assert_eq!(world.undelivered(), [message("lost")]);
}

/// B-R-153.
#[test]
fn shutdown_answers_every_held_request_and_refuses_creation() {
    let mut world = World::new(prompt());
    let mut held = Vec::new();
    for _ in 0..3 {
        world.open(FIRST, "");
        held.push(world.request(101, ""));
    }
    world.manager.shut_down(world.now);
    world.drain();
    for id in held {
        assert_eq!(world.answer(id).unwrap(), terminal("system-shutdown"));
    }
    assert_eq!(world.closed.len(), 3);
    assert_eq!(world.manager.sessions(), 0);
    let id = world.post(&format!("{BODY} rid='1' to='a' ver='1.11'/>"));
    assert_eq!(world.answer(id).unwrap(), terminal("system-shutdown"));
}

/// B-R-135: what came before the server's stream was open is still delivered, then the session is over.
#[test]
fn payloads_before_the_stream_and_terminate_are_delivered_when_it_opens() {
    let mut world = World::new(prompt());
    let id = world.post(&format!(
        "{BODY} rid='100' to='a' ver='1.11' wait='0'>{}</body>",
        message("1")
    ));
    world.at(0);
    world.sid = attribute(&world.answer(id).unwrap(), "sid")
        .unwrap()
        .to_owned();
    let text = world.text(101, "type='terminate'", &message("2"));
    let end = world.post(&text);
    assert_eq!(
        world.answer(end).unwrap(),
        format!("{BODY} type='terminate'/>")
    );
    assert_eq!(world.take_events(), ["opening"]);
    assert!(matches!(
        world.try_send(&message("late")),
        Err(bosh_proto::server::SendError::Closed(_))
    ));
    let again = world.request(102, "");
    assert_eq!(world.answer(again), Some(terminal("item-not-found")));
    world.accept();
    assert_eq!(
        world.take_events(),
        [message("1"), message("2"), "closed Terminated".to_owned()]
    );
}

/// B-R-135: a server that is never reached ends the wait.
#[test]
fn a_session_that_left_before_its_stream_does_not_wait_for_ever() {
    let leave = || {
        let mut world = World::new(prompt());
        let id = world.post(&format!("{BODY} rid='100' to='a' ver='1.11' wait='0'/>"));
        world.at(0);
        world.sid = attribute(&world.answer(id).unwrap(), "sid")
            .unwrap()
            .to_owned();
        let text = world.text(101, "type='terminate'", &message("1"));
        world.post(&text);
        assert_eq!(world.take_events(), ["opening"]);
        world
    };
    let mut world = leave();
    world.close(Some(bosh_proto::Condition::RemoteConnectionFailed), None);
    assert_eq!(world.take_events(), ["closed Terminated"]);
    let mut world = leave();
    world.at(60_000);
    assert!(world.events.is_empty());
    world.at(60_001);
    assert_eq!(world.take_events(), ["closed Terminated"]);
    assert_eq!(world.manager.poll_timeout(), None);
    let mut world = leave();
    world.manager.shut_down(world.now);
    world.drain();
    assert_eq!(world.take_events(), ["closed Terminated"]);
}

/// B-X-030, B-X-031: what is queued when a client leaves is not put into an answer that clients throw away; it comes back.
#[test]
fn what_is_queued_at_a_terminate_comes_back() {
    let mut world = World::session(prompt(), "");
    world.send(&message("m"));
    let end = world.request_with(101, "type='terminate'");
    assert_eq!(
        world.answer(end).unwrap(),
        format!("{BODY} type='terminate'/>")
    );
    assert_eq!(world.undelivered(), [message("m")]);
}
