//! XEP-0124 §9: acknowledgements, reports.

use crate::support::*;

/// B-R-100, B-R-102.
#[test]
fn answers_acknowledge_the_highest_rid_without_a_gap() {
    let mut config = prompt();
    config.hold = 2;
    let mut world = World::session(config, "hold='2'");
    let a = world.request(101, "");
    world.request(103, &message("3"));
    world.send(&message("m"));
    assert_eq!(world.answer(a).unwrap(), with(&message("m")));
    let b = world.request(102, &message("2"));
    world.send(&message("n"));
    assert_eq!(
        world.answer(b).unwrap(),
        format!("{BODY} ack='103'>{}</body>", message("n"))
    );
}

/// B-R-101: where acks are off, there are none.
#[test]
fn no_answer_acknowledges_where_acks_are_off() {
    let mut config = prompt();
    config.server_ack = false;
    let mut world = World::session(config, "");
    let a = world.request(101, "");
    world.request(102, &message("2"));
    assert_eq!(world.answer(a).unwrap(), EMPTY);
}

/// B-R-107: absence acknowledges everything before.
#[test]
fn absence_of_ack_releases_every_earlier_answer() {
    let mut world = World::session(prompt(), "ack='1'");
    world.request(101, &message("1"));
    world.send(&message("m"));
    world.request(102, &message("2"));
    let gone = world.request(101, &message("1"));
    assert_eq!(world.answer(gone).unwrap(), terminal("item-not-found"));
}

/// B-R-089, B-R-107: what is not acknowledged stays, beyond requests + 1.
#[test]
fn unacknowledged_answers_are_kept() {
    let mut world = World::session(prompt(), "ack='1'");
    let mut first = None;
    for rid in 101..=110 {
        let text = world.text(rid, "ack='100'", &message("c"));
        let id = world.post(&text);
        world.send(&message(&format!("s{rid}")));
        first = first.or(world.answer(id));
    }
    let again = world.post(&world.text(101, "ack='100'", &message("c")));
    assert_eq!(world.answer(again), first);
}

/// B-R-089: up to the hard cap, then the oldest goes.
#[test]
fn unacknowledged_answers_are_bounded() {
    let mut config = prompt();
    config.replay_responses = 5;
    let mut world = World::session(config, "ack='1'");
    for rid in 101..=110 {
        let text = world.text(rid, "ack='100'", &message("c"));
        world.post(&text);
        world.send(&message("s"));
    }
    let kept = world.request(106, &message("c"));
    assert_eq!(world.answer(kept).unwrap(), with(&message("s")));
    let gone = world.request(105, &message("c"));
    assert_eq!(world.answer(gone).unwrap(), terminal("item-not-found"));
}

/// B-R-107: an `ack` of its own rid or above, and one that goes back, are ignored.
#[test]
fn acks_ahead_or_behind_are_ignored() {
    let mut world = World::session(prompt(), "ack='1'");
    world.post(&world.text(101, "", &message("1")));
    world.send(&message("m1"));
    world.post(&world.text(102, "ack='102'", &message("2")));
    world.send(&message("m2"));
    let kept = world.request(101, &message("1"));
    assert_eq!(world.answer(kept).unwrap(), with(&message("m1")));
    world.post(&world.text(103, "ack='102'", &message("3")));
    world.send(&message("m3"));
    world.post(&world.text(104, "ack='100'", &message("4")));
    world.send(&message("m4"));
    let kept = world.request(103, &message("3"));
    assert_eq!(world.answer(kept).unwrap(), with(&message("m3")));
    let gone = world.request(102, &message("2"));
    assert_eq!(world.answer(gone).unwrap(), terminal("item-not-found"));
}

/// B-R-046: only `1` announces acks.
#[test]
fn another_ack_at_creation_announces_nothing() {
    let mut world = World::session(prompt(), "ack='7'");
    world.request(101, &message("1"));
    world.send(&message("m"));
    world.request(102, &message("2"));
    let kept = world.request(101, &message("1"));
    assert_eq!(world.answer(kept).unwrap(), with(&message("m")));
}

/// B-R-108, §16.4.
#[test]
fn a_response_that_got_lost_is_reported_once_and_at_once() {
    let mut world = World::session(prompt(), "ack='1'");
    world.request(101, "");
    world.send(&message("m"));
    world.at(2852);
    let b = world.post(&world.text(102, "ack='100'", &message("1")));
    assert_eq!(
        world.answer(b).unwrap(),
        format!("{BODY} report='101' time='2852'/>")
    );
    world.at(6000);
    let c = world.post(&world.text(103, "ack='100'", &message("2")));
    assert_eq!(world.answer(c), None);
}

/// B-R-108: younger than two seconds, it may be crossing.
#[test]
fn a_young_response_is_not_reported() {
    let mut world = World::session(prompt(), "ack='1'");
    world.request(101, "");
    world.send(&message("m"));
    world.at(1999);
    let b = world.post(&world.text(102, "ack='100'", &message("1")));
    assert_eq!(world.answer(b), None);
}

/// B-R-108: `time` has sixteen bits.
#[test]
fn the_time_of_a_report_is_clamped() {
    let mut world = World::session(prompt(), "ack='1'");
    world.request(101, "");
    world.send(&message("m"));
    for millis in [20_000, 40_000, 60_000] {
        world.at(millis);
        world.request(101, "");
    }
    world.at(70_000);
    let text = world.text(102, "ack='100'", &message("1"));
    let b = world.post(&text);
    assert_eq!(
        world.answer(b).unwrap(),
        format!("{BODY} report='101' time='65535'/>")
    );
}
