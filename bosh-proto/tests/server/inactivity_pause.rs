//! XEP-0124 §10: inactivity and pause.

use crate::support::*;

/// B-R-112, B-R-113: from the last answer, strictly longer than `inactivity`.
#[test]
fn a_silent_session_ends_after_inactivity() {
    let mut world = World::session(prompt(), "");
    world.at(30_000);
    let a = world.request(101, "");
    assert_eq!(world.answer(a), None);
    world.at(31_000);
    world.send(&message("m"));
    world.at(61_000);
    assert_eq!(world.manager.sessions(), 1);
    world.at(61_001);
    assert_eq!(world.manager.sessions(), 0);
    let late = world.request(102, "");
    assert_eq!(world.answer(late).unwrap(), terminal("item-not-found"));
}

/// A late timer lets no request in.
#[test]
fn a_request_after_inactivity_is_refused_before_the_timer_fired() {
    let mut world = World::session(prompt(), "");
    world.now += std::time::Duration::from_millis(30_001);
    let late = world.request(101, "");
    assert_eq!(world.answer(late).unwrap(), terminal("item-not-found"));
    assert_eq!(world.take_events(), ["opening", "closed Inactive"]);
}

/// B-R-112: not while a request is held.
#[test]
fn a_held_request_keeps_the_session() {
    let mut world = World::session(prompt(), "wait='50'");
    world.request(101, "");
    world.at(50_000);
    assert_eq!(world.manager.sessions(), 1);
    world.at(80_000);
    assert_eq!(world.manager.sessions(), 1);
    world.at(80_001);
    assert_eq!(world.manager.sessions(), 0);
}

/// B-R-114: from the disconnect.
#[test]
fn a_dead_transaction_does_not_keep_the_session() {
    let mut world = World::session(prompt(), "");
    let a = world.request(101, "");
    world.at(4000);
    world.disconnect(a);
    world.at(34_000);
    assert_eq!(world.manager.sessions(), 1);
    world.at(34_001);
    assert_eq!(world.take_events(), ["opening", "closed Inactive"]);
}

/// B-R-115: a replay is a sign of life.
#[test]
fn a_duplicate_keeps_the_session() {
    let mut world = World::session(prompt(), "");
    world.request(101, "");
    world.send(&message("m"));
    world.at(29_000);
    world.request(101, "");
    world.at(59_000);
    assert_eq!(world.manager.sessions(), 1);
    world.at(59_001);
    assert_eq!(world.manager.sessions(), 0);
}

/// B-R-119, §16.5.
#[test]
fn pause_answers_everything_and_stretches_inactivity() {
    let mut world = World::session(prompt(), "");
    let a = world.request(101, "");
    let b = world.request_with(102, "pause='60'");
    assert_eq!(world.answer(a).unwrap(), format!("{BODY} ack='102'/>"));
    assert_eq!(world.answer(b).unwrap(), EMPTY);
    assert!(world.order.ends_with(&[a, b]));
    world.at(60_000);
    assert_eq!(world.manager.sessions(), 1);
    world.at(60_001);
    assert_eq!(
        world.take_events(),
        ["opening", "paused 60", "closed Inactive"]
    );
}

/// B-R-120.
#[test]
fn the_answer_to_a_pause_has_no_payloads() {
    let mut world = World::session(prompt(), "");
    world.send(&message("m"));
    let a = world.request_with(101, "pause='60'");
    assert_eq!(world.answer(a).unwrap(), EMPTY);
    world.at(40_000);
    let b = world.request(102, "");
    assert_eq!(world.answer(b).unwrap(), with(&message("m")));
}

/// B-R-121.
#[test]
fn a_pause_may_be_shorter_than_inactivity() {
    let mut world = World::session(prompt(), "");
    world.request_with(101, "pause='5'");
    world.at(5000);
    assert_eq!(world.manager.sessions(), 1);
    world.at(5001);
    assert_eq!(world.manager.sessions(), 0);
}

/// B-R-122.
#[test]
fn the_next_request_restores_inactivity() {
    let mut world = World::session(prompt(), "");
    world.request_with(101, "pause='60'");
    world.at(40_000);
    world.request(102, "");
    world.at(41_000);
    world.send(&message("m"));
    world.at(71_000);
    assert_eq!(world.manager.sessions(), 1);
    world.at(71_001);
    assert_eq!(world.manager.sessions(), 0);
}

/// B-R-123.
#[test]
fn a_pause_out_of_range_ends_the_session() {
    for (pause, condition) in [
        ("121", "policy-violation"),
        ("70000", "policy-violation"),
        ("x", "bad-request"),
        ("-1", "bad-request"),
    ] {
        let mut world = World::session(prompt(), "");
        let a = world.request_with(101, &format!("pause='{pause}'"));
        assert_eq!(world.answer(a).unwrap(), terminal(condition), "{pause}");
    }
    let mut off = prompt();
    off.maxpause = std::time::Duration::ZERO;
    let mut world = World::session(off, "");
    let a = world.request_with(101, "pause='1'");
    assert_eq!(world.answer(a).unwrap(), terminal("policy-violation"));
}

/// B-R-123: the longest pause, no pause at all, and payloads beside it.
#[test]
fn a_pause_within_range_is_taken() {
    for (pause, taken) in [("120", "paused 120"), ("0", "paused 1")] {
        let mut world = World::session(prompt(), "");
        let text = world.text(101, &format!("pause='{pause}'"), &message("1"));
        let a = world.post(&text);
        assert_eq!(world.answer(a).unwrap(), EMPTY);
        assert_eq!(world.take_events(), ["opening", &message("1"), taken]);
    }
}

/// B-R-110.
#[test]
fn a_repeated_pause_neither_prolongs_nor_ends_it() {
    let mut world = World::session(prompt(), "");
    world.request_with(101, "pause='60'");
    world.at(10_000);
    let again = world.request_with(101, "pause='60'");
    assert_eq!(world.answer(again).unwrap(), EMPTY);
    world.at(60_000);
    assert_eq!(world.manager.sessions(), 1);
    world.at(60_001);
    assert_eq!(world.manager.sessions(), 0);
}
