//! XEP-0124 §8, §10 to §12: when requests are made.

use crate::support::*;

/// B-R-077: an answer is followed by the next request in the same moment.
#[test]
fn the_next_request_follows_the_last_answer_at_once() {
    let (mut world, poll) = World::held(config(), GRANTED);
    world.at(3_000);
    world.answer(poll.id, EMPTY);
    let next = world.post();
    assert_eq!((next.at, next.payload()), (3_000, ""));
    world.queue(&message("a")).expect("room");
    world.at(4_000);
    world.answer(next.id, EMPTY);
    assert_eq!(world.post().payload(), message("a"));
}

/// With `poll_delay` an empty request waits for the application's answer to what it heard; one that is empty itself is followed at once.
#[test]
fn an_empty_request_may_wait_for_the_answer_to_payloads() {
    let mut delayed = config();
    delayed.poll_delay = std::time::Duration::from_millis(5);
    let mut world = World::open(delayed, GRANTED);
    world.silent();
    world.at(5);
    let poll = world.post();
    world.at(3_000);
    world.answer(poll.id, &with(&message("a")));
    world.at(3_004);
    world.silent();
    world.send(&message("b"));
    let with_payload = world.post();
    assert_eq!(with_payload.payload(), message("b"));
    world.answer(with_payload.id, &with(&message("c")));
    world.at(3_008);
    world.silent();
    world.at(3_009);
    let empty = world.post();
    assert_eq!((empty.at, empty.payload()), (3_009, ""));
    world.answer(empty.id, EMPTY);
    assert_eq!(world.post().at, 3_009);
}

/// B-R-078: what is sent in one moment shares one body, and no bare request stands beside another.
#[test]
fn stanzas_of_one_moment_share_a_request() {
    let (mut world, _) = World::held(config(), GRANTED);
    let mut all = String::new();
    for n in 0..5 {
        let message = message(&n.to_string());
        world.queue(&message).expect("room");
        all.push_str(&message);
    }
    world.drain();
    assert_eq!(world.post().payload(), all);
    world.at(4_000);
    world.silent();
}

/// B-R-078: while a poll is held nothing empty is sent.
#[test]
fn no_empty_request_beside_another() {
    let (mut world, _) = World::held(config(), GRANTED);
    world.at(49_999);
    world.silent();
}

/// B-R-079, B-R-080: no more than `requests` are outstanding, but for the last one.
#[test]
fn the_window_is_kept_and_terminate_may_be_one_more() {
    let (mut world, poll) = World::held(config(), GRANTED);
    world.send(&message("a"));
    world.post();
    world.send(&message("b"));
    world.silent();
    world.close();
    let last = world.post();
    assert_eq!(last.attribute("type"), Some("terminate"));
    assert_eq!(last.payload(), message("b"));
    assert_eq!(last.rid(), poll.rid() + 2);
}

/// B-R-079: what waited leaves when there is room again.
#[test]
fn waiting_payloads_leave_when_an_answer_makes_room() {
    let (mut world, poll) = World::held(config(), GRANTED);
    world.send(&message("a"));
    world.post();
    world.send(&message("b"));
    world.send(&message("c"));
    world.silent();
    world.answer(poll.id, EMPTY);
    assert_eq!(
        world.post().payload(),
        format!("{}{}", message("b"), message("c"))
    );
}

/// B-R-083: rids have no gaps, whatever the requests are.
#[test]
fn every_new_request_takes_the_next_rid() {
    let mut world = World::new(config());
    let creation = world.post();
    let mut expected = creation.rid();
    world.answer(creation.id, &created(GRANTED));
    let mut next = |world: &mut World| {
        let post = world.post();
        expected += 1;
        assert_eq!(post.rid(), expected);
        post
    };
    let poll = next(&mut world);
    world.answer(poll.id, &with(SUCCESS));
    let restart = next(&mut world);
    assert_eq!(restart.attribute("xmpp:restart"), Some("true"));
    world.answer(restart.id, &with(FEATURES));
    let poll = next(&mut world);
    world
        .session
        .pause(std::time::Duration::from_secs(60), world.now)
        .expect("a pause");
    world.drain();
    let pause = next(&mut world);
    world.answer(poll.id, EMPTY);
    world.answer(pause.id, EMPTY);
    world.session.resume(world.now).expect("paused");
    world.drain();
    next(&mut world);
    world.close();
    next(&mut world);
}

/// B-R-068: answers are processed in the order of the requests.
#[test]
fn answers_are_processed_in_order() {
    let (mut world, poll) = World::held(config(), GRANTED);
    world.send(&message("out"));
    let second = world.post();
    world.answer(second.id, &with(&message("2")));
    assert!(world.take_events().is_empty());
    // A parked answer still counts as outstanding: the one before must stay repeatable.
    world.send(&message("more"));
    world.silent();
    world.answer(poll.id, &with(&message("1")));
    assert_eq!(world.take_events(), [message("1"), message("2")]);
}

/// B-R-111, B-R-130: a polling client spaces its requests by `polling`, below `inactivity`.
#[test]
fn a_polling_client_spaces_its_requests() {
    let mut polling = config();
    polling.wait = std::time::Duration::ZERO;
    polling.hold = 0;
    let mut world = World::open(polling, POLLING);
    // The creation response had payloads: at once.
    let mut last = world.post();
    assert_eq!(last.at, 0);
    for _ in 0..4 {
        world.at(last.at + 100);
        world.answer(last.id, EMPTY);
        // Payloads are not urgent either.
        world.send(&message("a"));
        world.silent();
        // Counted from the answer, so that no delay of the request before makes it less at the other end.
        world.at(last.at + 5_099);
        world.silent();
        world.at(last.at + 5_100);
        let next = world.post();
        assert_eq!(next.at, last.at + 5_100);
        last = next;
    }
    // More may be waiting where payloads came from.
    world.answer(last.id, &with(&message("b")));
    assert_eq!(world.post().at, last.at);
}

/// B-R-111: `polling` at or above `inactivity` would be too late: a second before it.
#[test]
fn a_polling_client_comes_before_inactivity() {
    let mut polling = config();
    polling.wait = std::time::Duration::ZERO;
    polling.hold = 0;
    let mut world = World::open(
        polling,
        "wait='0' hold='0' requests='1' polling='60' inactivity='60'",
    );
    let poll = world.post();
    world.answer(poll.id, EMPTY);
    world.at(58_999);
    world.silent();
    world.at(59_000);
    world.post();
}

/// B-R-132: `requests='1'` means one at a time, but for the last.
#[test]
fn one_request_at_a_time_where_one_is_granted() {
    let (mut world, _) = World::held(config(), "wait='50' hold='1' requests='1' inactivity='60'");
    world.send(&message("a"));
    world.at(30_000);
    world.silent();
    world.close();
    assert_eq!(world.post().attribute("type"), Some("terminate"));
}

/// A connection manager that does not hold does not make the client spin.
#[test]
fn polls_that_come_back_at_once_are_spaced() {
    let (mut world, mut poll) = World::held(config(), GRANTED);
    for _ in 0..2 {
        world.answer(poll.id, EMPTY);
        poll = world.post();
        assert_eq!(poll.at, 0);
    }
    for _ in 0..3 {
        world.answer(poll.id, EMPTY);
        world.at(poll.at + 4_999);
        world.silent();
        world.at(poll.at + 5_000);
        poll = world.post();
    }
    // A payload never waits for that.
    world.answer(poll.id, EMPTY);
    world.send(&message("a"));
    assert_eq!(world.post().payload(), message("a"));
}

/// A session that was granted many requests uses 16 of them.
#[test]
fn the_window_is_bounded_whatever_is_granted() {
    let (mut world, _) = World::held(config(), "wait='50' hold='1' requests='255'");
    for n in 0..30 {
        world.send(&message(&n.to_string()));
    }
    assert_eq!(world.posts().len(), 15);
}

/// B-X-001: a SASL element has a body of its own.
#[test]
fn sasl_elements_travel_alone() {
    let (mut world, poll) = World::held(config(), "wait='50' hold='1' requests='4'");
    let auth = "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AA==</auth>";
    for xml in [&message("a"), auth, &message("b")] {
        world.queue(xml).expect("room");
    }
    world.drain();
    let payloads: Vec<_> = world
        .posts()
        .iter()
        .map(|post| post.payload().to_owned())
        .collect();
    assert_eq!(payloads, [message("a"), auth.to_owned(), message("b")]);
    // As receiver, any mix in order.
    let mix = format!("{SUCCESS}{}", message("c"));
    world.answer(poll.id, &with(&mix));
    assert_eq!(world.take_events(), [SUCCESS.to_owned(), message("c")]);
}

/// B-X-035: an answer to `<r/>` shares the body with a stanza of the same moment.
#[test]
fn acks_of_stream_management_share_a_body() {
    let (mut world, _) = World::held(config(), GRANTED);
    let ack = "<a xmlns='urn:xmpp:sm:3' h='1'/>";
    world.queue(ack).expect("room");
    world.queue(&message("a")).expect("room");
    world.drain();
    assert_eq!(world.post().payload(), format!("{ack}{}", message("a")));
}

/// Large payloads are spread over several requests, and no element is split.
#[test]
fn a_request_has_a_soft_bound() {
    let mut config = config();
    config.request_bytes = 2 * message("a").len();
    let (mut world, _) = World::held(config, "wait='50' hold='1' requests='4'");
    let big = message(&"m".repeat(300));
    for xml in [&message("a"), &message("b"), &message("c"), &big] {
        world.queue(xml).expect("room");
    }
    world.drain();
    let payloads: Vec<_> = world
        .posts()
        .iter()
        .map(|post| post.payload().to_owned())
        .collect();
    assert_eq!(
        payloads,
        [
            format!("{}{}", message("a"), message("b")),
            message("c"),
            big
        ]
    );
}

/// For connection managers that do not put requests in order (TR-17): no payload beside another whose receipt is unproven.
#[test]
fn payloads_can_be_serialised() {
    let mut config = config();
    config.serialise = true;
    let (mut world, poll) = World::held(config, "wait='50' hold='1' requests='3' ack='1'");
    world.send(&message("a"));
    let first = world.post();
    world.send(&message("b"));
    world.silent();
    world.at(1_999);
    world.silent();
    world.at(2_000);
    let second = world.post();
    assert_eq!(second.payload(), message("b"));
    world.send(&message("c"));
    world.silent();
    // Proof is an answer, or an ack.
    world.answer(poll.id, &tagged(&format!("ack='{}'", second.rid())));
    assert_eq!(world.post().payload(), message("c"));
    world.answer(first.id, EMPTY);
}
