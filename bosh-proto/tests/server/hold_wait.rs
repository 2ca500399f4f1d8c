//! XEP-0124 §8: hold, wait, order of answers, the linger.

use std::time::Duration;

use bosh_proto::{Channel, server::Config};

use crate::support::*;

/// B-R-069.
#[test]
fn a_request_is_held_until_there_is_a_payload() {
    let mut world = World::session(prompt(), "");
    let a = world.request(101, "");
    world.at(7299);
    assert_eq!(world.answer(a), None);
    world.at(7300);
    world.send(&message("m"));
    assert_eq!(world.answer(a).unwrap(), with(&message("m")));
}

/// B-R-070, B-R-072: each request by its own clock, with a payload or without.
#[test]
fn a_request_is_answered_empty_when_wait_is_over() {
    for payload in ["", "<presence xmlns='jabber:client'/>"] {
        let mut world = World::session(prompt(), "wait='10'");
        let a = world.request(101, payload);
        world.at(4000);
        assert_eq!(world.answer(a), None);
        let b = world.request(102, "<presence xmlns='jabber:client'/>");
        assert_eq!(world.answer(a).unwrap(), format!("{BODY} ack='102'/>"));
        world.at(13_999);
        assert_eq!(world.answer(b), None);
        world.at(14_000);
        assert_eq!(world.answer(b).unwrap(), EMPTY);
    }
}

/// B-R-070, at the boundary.
#[test]
fn wait_is_not_over_a_millisecond_early() {
    let mut world = World::session(prompt(), "wait='10'");
    let a = world.request(101, "");
    world.at(9999);
    assert_eq!(world.answer(a), None);
    world.at(10_000);
    assert_eq!(world.answer(a).unwrap(), EMPTY);
}

/// B-R-071.
#[test]
fn one_request_more_than_hold_releases_the_oldest_at_once() {
    let mut world = World::session(prompt(), "");
    let a = world.request(101, "");
    world.at(5000);
    let b = world.request(102, "");
    assert_eq!(world.answer(a).unwrap(), format!("{BODY} ack='102'/>"));
    assert_eq!(world.answer(b), None);
}

/// B-R-071 with hold 2.
#[test]
fn two_requests_are_held_where_two_are_granted() {
    let mut config = prompt();
    config.hold = 2;
    let mut world = World::session(config, "hold='2'");
    let a = world.request(101, "");
    let b = world.request(102, &message("1"));
    assert_eq!((world.answer(a), world.answer(b)), (None, None));
    let c = world.request(103, &message("2"));
    assert!(world.answer(a).is_some());
    assert_eq!((world.answer(b), world.answer(c)), (None, None));
    world.send(&message("m"));
    assert!(
        world
            .answer(b)
            .unwrap()
            .ends_with(&format!("{}</body>", message("m")))
    );
}

/// B-R-067.
#[test]
fn a_payload_leaves_on_the_oldest_held_request() {
    let mut config = prompt();
    config.hold = 2;
    let mut world = World::session(config, "hold='2'");
    let a = world.request(101, "");
    let b = world.request(102, &message("1"));
    world.send(&message("m"));
    assert!(world.answer(a).is_some());
    assert_eq!(world.answer(b), None);
}

/// B-R-073: everything queued leaves on the first answer, in order.
#[test]
fn queued_payloads_leave_together_on_the_next_request() {
    let mut world = World::session(prompt(), "");
    for id in ["1", "2", "3"] {
        world.send(&message(id));
    }
    let a = world.request(101, "");
    let all = [message("1"), message("2"), message("3")].concat();
    assert_eq!(world.answer(a).unwrap(), with(&all));
}

/// B-R-074: answers are bounded, elements are not split, none is lost.
#[test]
fn a_long_queue_is_spread_over_bodies_of_bounded_size() {
    let mut config = prompt();
    config.response_bytes = 1000;
    let mut world = World::session(config, "");
    let ids: Vec<_> = (0..40).map(|n| format!("{n:03}")).collect();
    for id in &ids {
        world.send(&message(id));
    }
    let mut got = String::new();
    let mut rid = 100;
    while got.matches("<message").count() < ids.len() {
        rid += 1;
        let id = world.request(rid, "");
        let answer = world.answer(id).unwrap();
        let payload = answer
            .strip_prefix(&format!("{BODY}>"))
            .unwrap()
            .strip_suffix("</body>")
            .unwrap();
        assert!(payload.len() <= 1000);
        got.push_str(payload);
    }
    let expected: String = ids.iter().map(|id| message(id)).collect();
    assert_eq!(got, expected);
}

/// B-R-074: an element above the soft bound travels alone and whole.
#[test]
fn an_element_larger_than_the_bound_travels_alone() {
    let mut config = prompt();
    config.response_bytes = 100;
    let mut world = World::session(config, "");
    let big = message(&"b".repeat(500));
    world.send(&message("a"));
    world.send(&big);
    world.send(&message("c"));
    for (rid, expected) in [(101, message("a")), (102, big), (103, message("c"))] {
        let id = world.request(rid, "");
        assert_eq!(world.answer(id).unwrap(), with(&expected));
    }
}

/// B-R-071: the release of a held request waits up to 5 ms for a payload, which then leaves on it.
#[test]
fn a_payload_within_the_linger_leaves_on_the_older_request() {
    let mut world = World::session(Config::default(), "");
    let a = world.request(101, "");
    let b = world.request(102, &message("question"));
    world.at(4);
    assert_eq!(world.answer(a), None);
    world.send(&message("answer"));
    assert_eq!(
        world.answer(a).unwrap(),
        format!("{BODY} ack='102'>{}</body>", message("answer"))
    );
    world.at(1000);
    assert_eq!(world.answer(b), None);
}

/// B-R-071: a linger that ran out unused switches it off, a payload that would have been in time switches it on again.
#[test]
fn the_linger_adapts_to_a_one_way_burst() {
    let mut world = World::session(Config::default(), "");
    let a = world.request(101, "");
    let b = world.request(102, &message("1"));
    world.at(5);
    assert!(world.answer(a).is_some());
    // Off: at once.
    let c = world.request(103, &message("2"));
    assert!(world.answer(b).is_some());
    // A payload 3 ms after that release would have been in time ..
    world.at(8);
    world.send(&message("x"));
    assert!(world.answer(c).is_some());
    // .. so the next release waits again.
    let d = world.request(104, "");
    let e = world.request(105, &message("3"));
    assert_eq!(world.answer(d), None);
    world.at(13);
    assert!(world.answer(d).is_some());
    assert_eq!(world.answer(e), None);
}

/// B-R-071, B-R-125: a new request ends the linger before it is judged.
#[test]
fn a_lingering_request_is_answered_before_the_next_one_is_judged() {
    let mut world = World::session(Config::default(), "");
    let a = world.request(101, "");
    let b = world.request(102, &message("1"));
    world.at(2);
    assert_eq!(world.answer(a), None);
    let c = world.request(103, &message("2"));
    let released = |rid| Some(format!("{BODY} ack='{rid}'/>"));
    assert_eq!(
        (world.answer(a), world.answer(b)),
        (released(102), released(103))
    );
    assert_eq!(world.answer(c), None);
}

/// B-R-071, B-R-126: without the linger the element would have left on the second request, so that one counts as answered.
#[test]
fn a_request_that_is_open_for_the_linger_alone_does_not_count() {
    let mut world = World::session(Config::default(), "");
    let a = world.request(101, "");
    let b = world.request(102, &message("1"));
    world.send(&message("m"));
    assert!(
        world
            .answer(a)
            .is_some_and(|answer| answer.contains("<message"))
    );
    let c = world.request(103, "");
    world.at(10);
    assert_eq!(world.answer(b).unwrap(), format!("{BODY} ack='103'/>"));
    assert_eq!(world.answer(c), None);
    // That was all it was owed.
    let d = world.request(104, "");
    assert_eq!(world.answer(d).unwrap(), terminal("policy-violation"));
}

/// B-R-071: an answer that a linger delayed does not count as unanswered while its report is missing.
#[test]
fn an_answer_that_a_linger_delayed_counts_as_sent() {
    let mut world = World::session(Config::default(), "");
    world.reports = Reports::Never;
    world.request(101, "");
    world.request(102, &message("1"));
    world.at(200);
    let c = world.request(103, &message("2"));
    assert_eq!(world.manager.sessions(), 1);
    assert_eq!(world.answer(c), None);
}

/// B-R-071: a server that takes nothing ends the linger.
#[test]
fn held_input_ends_the_linger() {
    let mut world = World::session(Config::default(), "");
    let a = world.request(101, &message("1"));
    let b = world.request(102, &message("2"));
    world.manager.hold_input(world.key(), world.now);
    world.drain();
    assert_eq!(world.answer(a).unwrap(), format!("{BODY} ack='102'/>"));
    let c = world.request(103, &message("3"));
    world.at(1000);
    assert_eq!((world.answer(b), world.answer(c)), (None, None));
    assert_eq!(world.manager.sessions(), 1);
}

/// B-R-071, B-R-108: with client acks nothing lingers.
#[test]
fn a_session_with_client_acks_is_released_at_once() {
    let mut world = World::session(Config::default(), "ack='1'");
    let a = world.request(101, "");
    world.request(102, &message("1"));
    assert!(world.answer(a).is_some());
}

/// B-R-065, B-R-066: in the call that accepts the request, in rid order.
#[test]
fn payloads_are_delivered_at_once_and_in_rid_order() {
    let mut world = World::session(prompt(), "");
    world.take_events();
    world.request(102, &message("2"));
    assert_eq!(world.take_events(), [""; 0]);
    world.request(101, &message("1"));
    assert_eq!(world.take_events(), [message("1"), message("2")]);
}

/// B-R-067, TR-21: n+1 is issued when the bytes of n left.
#[test]
fn the_next_answer_waits_for_the_bytes_of_the_one_before() {
    let mut world = World::session(prompt(), "");
    world.reports = Reports::Never;
    let a = world.request(101, "");
    let b = world.request(102, &message("1"));
    assert!(world.answer(a).is_some());
    world.send(&message("m"));
    assert_eq!(world.answer(b), None);
    world.at(30);
    world.sent(a);
    assert_eq!(world.answer(b).unwrap(), with(&message("m")));
}

/// B-R-067: for a second at most.
#[test]
fn the_next_answer_waits_no_longer_than_a_second() {
    let mut world = World::session(prompt(), "");
    world.reports = Reports::Never;
    world.request(101, "");
    let b = world.request(102, &message("1"));
    world.send(&message("m"));
    world.at(999);
    assert_eq!(world.answer(b), None);
    world.at(1000);
    assert!(world.answer(b).is_some());
}

/// B-R-015: on one connection HTTP keeps the order, and nothing waits.
#[test]
fn pipelined_requests_are_answered_in_turn() {
    let mut world = World::session(prompt(), "");
    world.reports = Reports::Never;
    let a = world.text(101, "", "");
    let b = world.text(102, "", &message("1"));
    let a = world.post_on(900, Channel::Tls, &a);
    let b = world.post_on(900, Channel::Tls, &b);
    assert!(world.answer(a).is_some());
    world.send(&message("m"));
    assert!(world.answer(b).is_some());
    assert!(world.order.ends_with(&[a, b]));
}

/// The wait of a session that polls is nothing (§4.1).
#[test]
fn polling_requests_are_answered_at_once() {
    for asked in ["wait='0'", "hold='0'"] {
        let mut world = World::session(prompt(), asked);
        let a = world.request(101, &message("1"));
        assert_eq!(world.answer(a).unwrap(), EMPTY, "{asked}");
        world.send(&message("m"));
        let b = world.request(102, "");
        assert_eq!(world.answer(b).unwrap(), with(&message("m")), "{asked}");
    }
}

/// Design: many sessions, each with its own clock.
#[test]
fn deadlines_of_many_sessions_fire_each_at_its_time() {
    let mut config = prompt();
    config.wait = Duration::from_secs(20);
    let mut world = World::new(config);
    let mut held = Vec::new();
    for n in 0..50_u64 {
        world.at(n * 100);
        world.open(FIRST, "");
        held.push((n * 100 + 20_000, world.request(101, "")));
    }
    for (due, id) in held {
        world.at(due - 1);
        assert_eq!(world.answer(id), None);
        world.at(due);
        assert_eq!(world.answer(id).unwrap(), EMPTY);
    }
}

/// B-R-009: a request is answered 200 after `wait` although its server stands still, and nothing says that its payload was delivered.
#[test]
fn an_answer_says_nothing_of_delivery() {
    let mut world = World::session(prompt(), "wait='10'");
    world.take_events();
    world.manager.hold_input(world.key(), world.now);
    let a = world.request(101, &message("1"));
    world.at(9_999);
    assert_eq!(world.answer(a), None);
    world.at(10_000);
    assert_eq!(world.response(a).status, 200);
    assert_eq!(world.answer(a).unwrap(), EMPTY);
    assert_eq!(world.take_events(), [message("1")]);
}
