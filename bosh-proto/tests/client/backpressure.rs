//! Bounds towards the application, both ways.

use bosh_proto::client::SendError;

use crate::support::*;

/// A full outbox gives the element back; `Writable` follows once, at the low mark.
#[test]
fn a_full_outbox_refuses_and_says_when_there_is_room() {
    let mut config = config();
    config.outbox_bytes = 2 * message("a").len();
    let (mut world, poll) = World::held(config, GRANTED);
    world.send(&message("0"));
    let second = world.post();
    world.send(&message("a"));
    world.send(&message("b"));
    match world.try_send(&message("c")) {
        Err(SendError::Full(back)) => assert_eq!(back, element(&message("c"))),
        other => panic!("{other:?}"),
    }
    // Refused once, refused until `Writable`.
    assert!(world.try_send("<a/>").is_err());
    world.silent();
    assert!(world.take_events().is_empty());
    world.answer(poll.id, EMPTY);
    assert_eq!(
        world.post().payload(),
        format!("{}{}", message("a"), message("b"))
    );
    assert_eq!(world.take_events(), ["writable"]);
    world.send(&message("c"));
    world.answer(second.id, EMPTY);
    assert!(world.take_events().is_empty());
}

/// An empty outbox takes an element of any size.
#[test]
fn an_empty_outbox_takes_any_element() {
    let mut config = config();
    config.outbox_bytes = 10;
    let (mut world, _) = World::held(config, GRANTED);
    world.send(&message("larger than ten bytes"));
    world.post();
}

/// B-R-111: while nobody reads, the client polls no more than it must to stay alive.
#[test]
fn a_held_client_polls_in_time_before_inactivity() {
    let (mut world, poll) = World::held(config(), GRANTED);
    world.session.hold_input(world.now);
    world.at(10_000);
    world.answer(poll.id, &with(&message("1")));
    // What came is delivered all the same.
    assert_eq!(world.take_events(), [message("1")]);
    world.at(29_999);
    world.silent();
    world.at(30_000);
    let poll = world.post();
    world.answer(poll.id, EMPTY);
    world.silent();
    // Sending is not reading.
    world.send(&message("out"));
    assert_eq!(world.post().payload(), message("out"));
    world.session.release_input(world.now);
    world.drain();
    world.silent();
}

/// Released, it polls at once.
#[test]
fn a_released_client_polls_at_once() {
    let (mut world, poll) = World::held(config(), GRANTED);
    world.session.hold_input(world.now);
    world.answer(poll.id, EMPTY);
    world.silent();
    world.at(1_000);
    world.session.release_input(world.now);
    world.drain();
    assert_eq!(world.post().at, 1_000);
}

/// What comes while nobody reads is bounded: then the session ends when it can live no longer, and not before.
#[test]
fn a_client_that_never_reads_ends_its_session() {
    let mut config = config();
    config.held_bytes = message("1").len();
    let (mut world, poll) = World::held(config, GRANTED);
    world.session.hold_input(world.now);
    world.answer(poll.id, &with(&message("1")));
    // At the bound: alive.
    world.at(20_000);
    let poll = world.post();
    world.answer(poll.id, &with(&message("2")));
    // Beyond it: nothing is sent that might bring more.
    world.send(&message("out"));
    world.silent();
    world.at(48_999);
    world.silent();
    world.at(49_000);
    let last = world.post();
    assert_eq!(last.attribute("type"), Some("terminate"));
    assert_eq!(
        world.take_events().last().expect("an event"),
        "closed Overflow"
    );
    assert_eq!(world.undelivered(), [message("out")]);
}

/// A response above the bound ends the session.
#[test]
fn a_response_above_the_bound_is_refused() {
    let answer = with(&message("1"));
    for (bytes, events) in [
        (answer.len(), vec![message("1")]),
        (answer.len() - 1, vec!["closed Fault".to_owned()]),
    ] {
        let mut config = config();
        config.response_bytes = bytes.max(created(GRANTED).len());
        let padding = config.response_bytes - bytes;
        let (mut world, poll) = World::held(config, GRANTED);
        let padded = answer.replace(
            "</body></message>",
            &format!("{}</body></message>", "y".repeat(padding)),
        );
        world.answer(poll.id, &padded);
        assert_eq!(world.take_events().len(), events.len());
        if events[0].starts_with("closed") {
            assert_eq!(world.closed.len(), 1);
        }
    }
}
