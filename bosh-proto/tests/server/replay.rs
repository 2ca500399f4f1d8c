//! XEP-0124 §14.3: duplicates, dead transactions, replay.

use crate::support::*;

/// B-R-089, B-R-091: the last three answers of a session with two requests, byte for byte; the one before is gone.
#[test]
fn the_last_answers_are_replayed_byte_for_byte() {
    let mut world = World::session(prompt(), "");
    let mut answers = Vec::new();
    for n in 101..=110 {
        let id = world.request(n, &message(&format!("c{n}")));
        world.send(&message(&format!("s{n}")));
        answers.push(world.answer(id).unwrap());
    }
    world.take_events();
    for (n, answer) in (101..=110).zip(&answers).skip(7) {
        let again = world.request(n, &message(&format!("c{n}")));
        assert_eq!(&world.answer(again).unwrap(), answer);
    }
    assert_eq!(world.take_events(), [""; 0]);
    let gone = world.request(107, "");
    assert_eq!(world.answer(gone).unwrap(), terminal("item-not-found"));
}

/// B-R-093: too old, too new and unknown look the same.
#[test]
fn no_answer_tells_why_a_rid_is_not_found() {
    let old = {
        let mut world = World::session(prompt(), "");
        let id = world.request(50, "");
        world.answer(id).unwrap()
    };
    let new = {
        let mut world = World::session(prompt(), "");
        let id = world.request(500, "");
        world.answer(id).unwrap()
    };
    let unknown = {
        let mut world = World::new(prompt());
        world.sid = "A".repeat(24);
        let id = world.request(1, "");
        world.answer(id).unwrap()
    };
    assert_eq!(old, terminal("item-not-found"));
    assert_eq!(old, new);
    assert_eq!(old, unknown);
}

/// B-R-092.
#[test]
fn a_duplicate_takes_the_place_of_the_held_transaction() {
    let mut world = World::session(prompt(), "wait='10'");
    let a = world.request(101, "");
    world.at(6000);
    let b = world.request(101, "");
    assert_eq!(world.answer(a).unwrap(), ERROR);
    // B-R-070: by the clock of the transaction that carries the answer.
    world.at(15_999);
    assert_eq!(world.answer(b), None);
    world.send(&message("m"));
    assert_eq!(world.answer(b).unwrap(), with(&message("m")));
}

/// B-R-090: a recoverable error is not the rid's answer.
#[test]
fn after_a_recoverable_error_the_rid_is_unanswered() {
    let mut world = World::session(prompt(), "");
    world.request(101, "");
    world.request(101, "");
    let c = world.request(101, "");
    world.send(&message("m"));
    assert_eq!(world.answer(c).unwrap(), with(&message("m")));
}

/// B-R-075.
#[test]
fn a_payload_is_never_bound_to_a_dead_transaction() {
    let mut world = World::session(prompt(), "");
    let a = world.request(101, "");
    world.disconnect(a);
    world.send(&message("m"));
    assert_eq!(world.answer(a), None);
    let b = world.request(101, "");
    assert_eq!(world.answer(b).unwrap(), with(&message("m")));
    let c = world.request(102, "");
    assert_eq!(world.answer(c), None);
}

/// B-R-076.
#[test]
fn a_newer_request_takes_what_a_dead_one_could_not() {
    let mut world = World::session(prompt(), "");
    let a = world.request(101, "");
    world.disconnect(a);
    world.send(&message("m"));
    let b = world.request(102, "");
    assert_eq!(world.answer(b).unwrap(), with(&message("m")));
    let late = world.request(101, "");
    assert_eq!(world.answer(late).unwrap(), EMPTY);
}

/// B-R-076, where the newer request is already held.
#[test]
fn a_held_newer_request_takes_over_at_the_disconnect() {
    let mut config = prompt();
    config.hold = 2;
    let mut world = World::session(config, "hold='2'");
    let a = world.request(101, "");
    let b = world.request(102, &message("1"));
    world.disconnect(a);
    assert_eq!(world.answer(b), None);
    world.send(&message("m"));
    assert_eq!(world.answer(b).unwrap(), with(&message("m")));
    let late = world.request(101, "");
    assert_eq!(world.answer(late).unwrap(), EMPTY);
}

/// B-R-095.
#[test]
fn the_eleventh_duplicate_of_a_rid_is_a_violation() {
    let mut world = World::session(prompt(), "");
    world.request(101, "");
    let mut last = world.request(101, "");
    for _ in 1..10 {
        last = world.request(101, "");
    }
    assert_eq!(world.answer(last), None);
    let eleventh = world.request(101, "");
    assert_eq!(world.answer(last).unwrap(), terminal("other-request"));
    assert_eq!(
        world.answer(eleventh).unwrap(),
        terminal("policy-violation")
    );
}

/// B-R-095: thirty in a minute, whatever the rid.
#[test]
fn thirty_duplicates_a_minute_are_enough() {
    let mut world = World::session(prompt(), "");
    let mut count = 0;
    for rid in 101..=104 {
        world.request(rid, &message("1"));
        for _ in 0..8 {
            let id = world.request(rid, &message("1"));
            count += 1;
            if count == 31 {
                assert_eq!(world.answer(id).unwrap(), terminal("policy-violation"));
                return;
            }
        }
    }
    panic!("never limited");
}

/// B-R-099: without keys a differing body is the duplicate that it claims to be.
#[test]
fn a_differing_duplicate_is_not_delivered() {
    let mut world = World::session(prompt(), "");
    world.request(101, &message("1"));
    world.take_events();
    let b = world.request(101, &message("other"));
    assert_eq!(world.answer(b), None);
    assert_eq!(world.take_events(), [""; 0]);
}

/// B-R-091: the creation answer is replayed within reach too, as any other.
#[test]
fn an_answer_that_waits_for_its_turn_is_given_to_the_duplicate_in_turn() {
    let mut world = World::session(prompt(), "");
    world.reports = Reports::Never;
    let a = world.request(101, "");
    let b = world.request(102, &message("1"));
    world.send(&message("m"));
    assert_eq!(world.answer(b), None);
    let c = world.request(102, &message("1"));
    assert_eq!(world.answer(b).unwrap(), ERROR);
    assert_eq!(world.answer(c), None);
    world.sent(a);
    assert_eq!(world.answer(c).unwrap(), with(&message("m")));
}
