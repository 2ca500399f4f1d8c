//! XEP-0124 §9: `ack` and `report`.

use crate::support::*;

/// A session with both kinds of acks, two requests on their way for a second.
fn two() -> (World, Posted, Posted) {
    let mut config = config();
    config.client_ack = true;
    let (mut world, fifth) = World::held(config, &format!("{GRANTED} ack='1'"));
    world.send(&message("a"));
    let sixth = world.post();
    world.at(1_000);
    (world, fifth, sixth)
}

/// B-R-103: an answer that does not acknowledge a later request is a hint, and no more.
#[test]
fn a_missing_ack_is_a_hint_that_a_request_was_lost() {
    let (mut world, fifth, sixth) = two();
    world.answer(fifth.id, EMPTY);
    world.at(2_999);
    world.silent();
    world.at(3_000);
    let again = world.post();
    assert_eq!(again.body, sixth.body);
    assert_eq!(world.abandoned, [sixth.id]);
    // Once.
    world.at(20_000);
    world.silent();
}

/// B-R-103: no hint where the request was acknowledged, or answered meanwhile, or is too young.
#[test]
fn an_acknowledged_request_is_not_repeated() {
    let (mut world, fifth, sixth) = two();
    world.answer(fifth.id, &tagged(&format!("ack='{}'", sixth.rid())));
    world.at(20_000);
    world.silent();

    let (mut world, fifth, sixth) = two();
    world.answer(fifth.id, EMPTY);
    world.at(2_000);
    world.answer(sixth.id, EMPTY);
    world.posts();
    world.at(20_000);
    world.silent();

    // Crossing.
    let (mut world, fifth) = World::held(config(), &format!("{GRANTED} ack='1'"));
    world.send(&message("a"));
    world.post();
    world.answer(fifth.id, EMPTY);
    world.at(20_000);
    world.silent();
}

/// B-R-103: acks do not regress, and no value breaks anything (TR-39).
#[test]
fn any_ack_is_survived() {
    for ack in ["0", "1", "x", "", "9007199254740991", "-5"] {
        let (mut world, fifth, sixth) = two();
        world.answer(fifth.id, &tagged(&format!("ack='{ack}'")));
        world.answer(sixth.id, &with(&message("b")));
        assert_eq!(world.take_events(), [message("b")]);
    }
    // An old value on a replayed body does not take an ack back.
    let (mut world, fifth, sixth) = two();
    world.answer(fifth.id, &tagged(&format!("ack='{}'", sixth.rid())));
    world.send(&message("c"));
    world.posts();
    world.answer(sixth.id, &tagged(&format!("ack='{}'", fifth.rid())));
    world.close();
    world.at(10_000);
    assert!(!world.undelivered().contains(&message("a")));
}

/// B-R-104, B-R-105, B-R-106: the highest rid up to which all answers are there, left out where that is the one before.
#[test]
fn requests_acknowledge_answers() {
    let mut config = config();
    config.client_ack = true;
    let mut world = World::new(config);
    let creation = world.post();
    assert_eq!(creation.attribute("ack"), Some("1"));
    world.answer(creation.id, &created(GRANTED));
    let eighth = world.post();
    assert_eq!(eighth.attribute("ack"), None);
    world.send(&message("a"));
    let ninth = world.post();
    assert_eq!(
        ninth.attribute("ack"),
        Some(creation.rid().to_string().as_str())
    );
    world.answer(eighth.id, EMPTY);
    world.answer(ninth.id, EMPTY);
    assert_eq!(world.post().attribute("ack"), None);
}

/// B-R-105: without the announcement, never.
#[test]
fn acks_are_off_by_default() {
    let (mut world, _) = World::held(config(), GRANTED);
    world.send(&message("a"));
    assert_eq!(world.post().attribute("ack"), None);
}

/// B-R-109: a report of an answer that is missing brings the request again; one of an answer that is here changes nothing.
#[test]
fn a_reported_answer_is_asked_for_again() {
    let mut config = config();
    config.client_ack = true;
    let (mut world, fifth) = World::held(config, "wait='50' hold='2' requests='3'");
    world.send(&message("a"));
    let sixth = world.post();
    let report = tagged(&format!("report='{}' time='3020'", fifth.rid()));
    world.at(3_020);
    world.answer(sixth.id, &report);
    // The answer with the report waits for its turn, but the report itself cannot.
    let again = world.post();
    assert_eq!(again.body, fifth.body);
    world.answer(again.id, &with(&message("1")));
    assert_eq!(world.take_events(), [message("1")]);
    let poll = world.post();
    world.answer(poll.id, &report);
    let next = world.post();
    assert_eq!(next.rid(), poll.rid() + 1);
}

/// An answered request of which another copy may be on its way is not acknowledged yet: its answer must be kept for that copy.
#[test]
fn what_was_sent_twice_is_acknowledged_later() {
    let mut config = config();
    config.client_ack = true;
    let (mut world, poll) = World::held(config, GRANTED);
    world.at(55_000);
    world.post();
    world.answer(poll.id, EMPTY);
    let next = world.post();
    let before = (poll.rid() - 1).to_string();
    assert_eq!(next.attribute("ack"), Some(before.as_str()));
    world.at(64_999);
    world.answer(next.id, EMPTY);
    let next = world.post();
    assert_eq!(next.attribute("ack"), Some(before.as_str()));
    world.at(65_000);
    world.answer(next.id, EMPTY);
    assert_eq!(world.post().attribute("ack"), None);
}

/// Nor a pause whose answer a later one implied: a copy of it may be on its way, too.
#[test]
fn a_pause_without_its_answer_is_acknowledged_later() {
    let mut config = config();
    config.client_ack = true;
    let (mut world, poll) = World::held(config, GRANTED);
    let minute = std::time::Duration::from_secs(60);
    world.session.pause(minute, world.now).expect("a pause");
    world.drain();
    let pause = world.post();
    world.answer(poll.id, EMPTY);
    world.at(10_000);
    world.session.resume(world.now).expect("paused");
    world.drain();
    let new = world.post();
    world.answer(new.id, EMPTY);
    let next = world.post();
    let before = (pause.rid() - 1).to_string();
    assert_eq!(next.attribute("ack"), Some(before.as_str()));
}
