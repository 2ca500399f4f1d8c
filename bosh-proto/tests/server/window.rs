//! XEP-0124 §14.2: the window and gaps.

use crate::support::*;

/// B-R-085, B-R-086.
#[test]
fn the_window_is_requests_wide() {
    let mut world = World::session(prompt(), "wait='10'");
    let deferred = world.request(102, &message("2"));
    assert_eq!(world.answer(deferred), None);
    let beyond = world.request(103, &message("3"));
    assert_eq!(world.answer(beyond).unwrap(), terminal("item-not-found"));
    assert_eq!(world.answer(deferred).unwrap(), terminal("other-request"));
    let later = world.request(101, "");
    assert_eq!(world.answer(later).unwrap(), terminal("item-not-found"));
    assert_eq!(
        world.take_events(),
        ["opening", "closed Fault(ItemNotFound)"]
    );
}

/// B-R-087.
#[test]
fn terminate_and_pause_may_be_one_rid_further() {
    let mut world = World::session(prompt(), "");
    let c = world.request_with(103, "type='terminate'");
    assert_eq!(world.answer(c), None);
    world.request(101, &message("1"));
    world.request(102, &message("2"));
    assert_eq!(
        world.take_events(),
        ["opening", &message("1"), &message("2"), "closed Terminated"]
    );

    let mut world = World::session(prompt(), "");
    let c = world.request_with(103, "pause='10'");
    assert_eq!(world.answer(c), None);
    let mut world = World::session(prompt(), "");
    let d = world.request_with(104, "type='terminate'");
    assert_eq!(world.answer(d).unwrap(), terminal("item-not-found"));
}

/// B-R-088.
#[test]
fn terminate_takes_effect_in_its_turn() {
    let mut world = World::session(prompt(), "");
    let b = world.request_with(102, "type='terminate'");
    assert_eq!(world.answer(b), None);
    let a = world.request(101, &message("1"));
    assert_eq!(
        world.take_events(),
        ["opening", &message("1"), "closed Terminated"]
    );
    assert_eq!(
        world.answer(a).unwrap(),
        format!("{BODY} type='terminate' ack='102'/>")
    );
    assert_eq!(world.answer(b).unwrap(), EMPTY);
}

/// B-R-066: every order of arrival within the window gives the same order of delivery.
#[test]
fn every_permutation_within_the_window_is_delivered_in_order() {
    for order in [
        [1, 2, 3],
        [1, 3, 2],
        [2, 1, 3],
        [2, 3, 1],
        [3, 1, 2],
        [3, 2, 1],
    ] {
        let mut config = prompt();
        config.hold = 2;
        let mut world = World::session(config, "hold='2'");
        world.take_events();
        for n in order {
            world.request(100 + n, &message(&n.to_string()));
        }
        assert_eq!(
            world.take_events(),
            [message("1"), message("2"), message("3")],
            "{order:?}"
        );
        let ids = world.order.clone();
        assert_eq!(ids.len(), 2, "creation and 101");
    }
}

/// B-R-094: a gap is reported after `wait`, and the session ends `inactivity` later.
#[test]
fn a_gap_is_reported_after_wait_and_ends_with_inactivity() {
    let mut world = World::session(prompt(), "wait='10'");
    let b = world.request(102, &message("2"));
    world.at(9999);
    assert_eq!(world.answer(b), None);
    world.at(10_000);
    assert_eq!(world.answer(b).unwrap(), ERROR);
    world.at(40_000);
    assert_eq!(world.manager.sessions(), 1);
    world.at(40_001);
    assert_eq!(world.take_events(), ["opening", "closed Inactive"]);
}

/// B-R-094: the payloads behind a gap are kept and used once.
#[test]
fn a_gap_that_fills_late_delivers_both_once() {
    let mut world = World::session(prompt(), "wait='10'");
    let b = world.request(102, &message("2"));
    world.at(15_000);
    assert_eq!(world.answer(b).unwrap(), ERROR);
    world.request(101, &message("1"));
    assert_eq!(
        world.take_events(),
        ["opening", &message("1"), &message("2")]
    );
    let again = world.request(102, &message("2"));
    world.send(&message("m"));
    assert_eq!(world.answer(again).unwrap(), with(&message("m")));
    assert_eq!(world.take_events(), [""; 0]);
}

/// B-R-148.
#[test]
fn a_type_other_than_terminate_is_none() {
    let mut world = World::session(prompt(), "");
    let a = world.request_with(101, "type='error'");
    assert_eq!(world.answer(a), None);
    world.send(&message("m"));
    assert_eq!(world.answer(a).unwrap(), with(&message("m")));
}

/// B-R-048 on a session: a rid that is none ends it.
#[test]
fn a_rid_that_is_none_ends_the_session() {
    let mut world = World::session(prompt(), "");
    let a = world.request(101, "");
    let sid = world.sid.clone();
    let b = world.post(&format!("{BODY} rid='x' sid='{sid}'/>"));
    assert_eq!(world.answer(a).unwrap(), terminal("other-request"));
    assert_eq!(world.answer(b).unwrap(), terminal("bad-request"));
}
