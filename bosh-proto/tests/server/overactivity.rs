//! XEP-0124 §11, §12: overactivity and polling.

use crate::support::*;

/// B-R-125: more than `requests` of which none was answered as far as the driver reports.
#[test]
fn more_unanswered_requests_than_granted_are_a_violation() {
    for (kind, fine) in [
        ("", false),
        ("type='terminate'", true),
        ("pause='10'", true),
    ] {
        let mut world = World::session(prompt(), "");
        world.reports = Reports::Never;
        world.request(101, &message("1"));
        world.request(102, &message("2"));
        world.at(500);
        let c = world.post(&world.text(103, kind, &message("3")));
        let violated = world.closed.last().is_some_and(|(_, closed)| {
            closed.cause == bosh_proto::server::Cause::Fault(bosh_proto::Condition::PolicyViolation)
        });
        world.at(3000);
        assert_eq!(
            violated || world.answer(c) == Some(terminal("policy-violation")),
            !fine,
            "{kind}"
        );
    }
}

/// B-R-125: a report may be a moment behind the client, and counts for a second at most.
#[test]
fn an_answer_just_issued_or_long_issued_counts_as_answered() {
    for millis in [99, 499, 1000] {
        let mut world = World::session(prompt(), "");
        world.reports = Reports::Never;
        world.request(101, &message("1"));
        world.request(102, &message("2"));
        world.at(millis);
        world.request(103, &message("3"));
        assert_eq!(world.manager.sessions(), 1, "{millis}");
    }
}

/// B-R-125: an answer that waits for the bytes of the one before has not left, so its request counts.
#[test]
fn requests_whose_answers_wait_for_their_turn_are_unanswered() {
    let mut world = World::session(prompt(), "");
    world.reports = Reports::Never;
    let a = world.request(101, "");
    let b = world.request(102, &message("1"));
    assert!(world.answer(a).is_some());
    world.send(&message("m"));
    let c = world.request(103, &message("2"));
    world.send(&message("n"));
    assert_eq!((world.answer(b), world.answer(c)), (None, None));
    assert_eq!(world.manager.sessions(), 1);
    world.request(104, &message("3"));
    assert_eq!(world.manager.sessions(), 0);
    world.at(3000);
    let (_, closed) = world.closed.last().expect("closed");
    let violation = bosh_proto::Condition::PolicyViolation;
    assert_eq!(closed.cause, bosh_proto::server::Cause::Fault(violation));
}

/// B-R-126.
#[test]
fn an_empty_request_too_soon_after_a_held_one_is_a_violation() {
    let mut world = World::session(prompt(), "");
    let a = world.request(101, "");
    world.at(4999);
    let b = world.request(102, "");
    assert_eq!(world.answer(a).unwrap(), terminal("other-request"));
    assert_eq!(world.answer(b).unwrap(), terminal("policy-violation"));

    let mut world = World::session(prompt(), "");
    world.request(101, "");
    world.at(5000);
    let b = world.request(102, "");
    assert_eq!(world.answer(b), None);

    let mut world = World::session(prompt(), "");
    world.request(101, "");
    world.at(1000);
    let b = world.request(102, &message("1"));
    assert_eq!(world.answer(b), None);
}

/// B-R-126: after B-R-076, a dead transaction is an answered one.
#[test]
fn a_dead_transaction_does_not_count() {
    let mut world = World::session(prompt(), "");
    let a = world.request(101, "");
    world.disconnect(a);
    let b = world.request(102, "");
    assert_eq!(world.answer(b), None);
}

/// B-R-127.
#[test]
fn a_polling_client_keeps_the_polling_interval() {
    for (millis, fine) in [(4999, false), (5000, true)] {
        let mut world = World::session(prompt(), "wait='0'");
        world.request(101, "");
        world.at(millis);
        let b = world.request(102, "");
        let expected = if fine {
            EMPTY.to_owned()
        } else {
            terminal("policy-violation")
        };
        assert_eq!(world.answer(b).unwrap(), expected, "{millis}");
    }
}

/// B-R-127: not after an answer with payloads, nor with payloads of its own.
#[test]
fn a_polling_client_may_hurry_where_there_is_traffic() {
    let mut world = World::session(prompt(), "wait='0'");
    world.send(&message("m"));
    world.request(101, "");
    world.at(100);
    let b = world.request(102, "");
    assert_eq!(world.answer(b).unwrap(), EMPTY);
    world.at(200);
    let c = world.request(103, &message("1"));
    assert_eq!(world.answer(c).unwrap(), EMPTY);
    world.at(300);
    let d = world.request(104, "");
    assert_eq!(world.answer(d).unwrap(), EMPTY);
}

/// B-R-128: restart, pause, terminate and add-stream bodies are not empty polls.
#[test]
fn bodies_with_a_meaning_of_their_own_are_not_empty() {
    for attributes in [
        "xmpp:restart='true'",
        "pause='10'",
        "type='terminate'",
        "to='other.example'",
    ] {
        let mut world = World::session(prompt(), "");
        world.request(101, "");
        world.at(200);
        let b = world.request_with(102, attributes);
        assert_ne!(
            world.answer(b),
            Some(terminal("policy-violation")),
            "{attributes}"
        );
    }
}

/// B-R-129.
#[test]
fn without_polling_any_frequency_is_fine() {
    let mut config = prompt();
    config.polling = std::time::Duration::ZERO;
    let mut world = World::session(config, "");
    for rid in 101..140 {
        world.request(rid, "");
    }
    assert_eq!(world.manager.sessions(), 1);
}

/// B-R-125: retransmissions do not count.
#[test]
fn retransmissions_are_not_new_requests() {
    let mut world = World::session(prompt(), "");
    world.request(101, "");
    for _ in 0..5 {
        world.request(101, "");
    }
    assert_eq!(world.manager.sessions(), 1);
}
