//! XEP-0124 §10: pauses.

use std::time::Duration;

use bosh_proto::client::CallError;

use crate::support::*;

impl World {
    fn pause(&mut self, seconds: u64) -> Result<(), CallError> {
        let result = self.session.pause(Duration::from_secs(seconds), self.now);
        self.drain();
        result
    }

    fn resume(&mut self) {
        self.session.resume(self.now).expect("paused");
        self.drain();
    }

    /// A session in a pause of 90 s from 40 s on, confirmed; gives the poll's and the pause's rid.
    fn paused() -> Self {
        let (mut world, poll) = Self::held(config(), GRANTED);
        world.at(40_000);
        world.pause(90).expect("a pause");
        let pause = world.post();
        assert_eq!(pause.attribute("pause"), Some("90"));
        world.answer(poll.id, &with(&message("last")));
        world.silent();
        world.answer(pause.id, EMPTY);
        world.silent();
        assert_eq!(
            world.take_events(),
            [message("last"), "Granted(90s)".to_owned()]
        );
        world
    }
}

/// B-R-118: only what was offered.
#[test]
fn a_pause_is_between_one_second_and_maxpause() {
    let (mut world, _) = World::held(config(), GRANTED);
    let max = Duration::from_secs(120);
    assert_eq!(world.pause(0), Err(CallError::PauseRange { max }));
    assert_eq!(world.pause(121), Err(CallError::PauseRange { max }));
    world.silent();
    assert_eq!(world.pause(120), Ok(()));
    assert_eq!(world.post().attribute("pause"), Some("120"));

    let (mut world, _) = World::held(config(), "wait='50' hold='1' requests='2'");
    assert_eq!(world.pause(1), Err(CallError::NoPause));
    world.silent();
    assert_eq!(World::new(config()).pause(1), Err(CallError::NotOpen));
}

/// Any period that is offered, such as one below `inactivity`.
#[test]
fn a_pause_may_be_short() {
    let (mut world, _) = World::held(config(), GRANTED);
    world.pause(5).expect("a pause");
    assert_eq!(world.post().attribute("pause"), Some("5"));
}

/// B-R-080: a pause may be one request more than the window has.
#[test]
fn a_pause_may_be_one_more() {
    let (mut world, _) = World::held(config(), GRANTED);
    world.send(&message("a"));
    world.post();
    world.pause(60).expect("a pause");
    assert_eq!(world.post().attribute("pause"), Some("60"));
}

/// B-R-124: nothing is sent during a pause; what waits leaves on resume.
#[test]
fn nothing_is_sent_during_a_pause() {
    let mut world = World::paused();
    world.send(&message("later"));
    world.at(97_000);
    world.silent();
    world.resume();
    assert_eq!(world.post().payload(), message("later"));
    world.at(98_000);
    world.silent();
}

/// B-R-124: resumed without anything to say, it polls.
#[test]
fn a_resumed_session_polls() {
    let mut world = World::paused();
    world.at(97_000);
    world.resume();
    assert_eq!(world.post().payload(), "");
}

/// Shortly before a pause is over the session goes on by itself.
#[test]
fn a_pause_ends_by_itself_in_time() {
    let mut world = World::paused();
    world.at(128_999);
    world.silent();
    world.at(129_000);
    world.post();
    assert!(world.closed.is_empty());
}

/// B-R-097: a paused session is given up after `W + pause`.
#[test]
fn a_paused_session_is_given_up_after_its_pause() {
    let (mut world, _) = World::held(config(), GRANTED);
    world.pause(90).expect("a pause");
    world.at(10_000);
    assert_eq!(world.take_events(), ["Unconfirmed(90s)"]);
    world.at(149_999);
    assert!(world.closed.is_empty());
    world.at(150_000);
    assert_eq!(world.take_events(), ["closed Lost"]);
}

/// B-R-124: without its answer a pause begins after 10 s, and is not repeated before a new request was tried.
#[test]
fn an_unanswered_pause_is_repeated_after_a_new_request() {
    let (mut world, poll) = World::held(config(), GRANTED);
    world.pause(60).expect("a pause");
    let pause = world.post();
    world.answer(poll.id, EMPTY);
    world.fail(pause.id);
    world.at(9_999);
    world.silent();
    assert!(world.take_events().is_empty());
    world.at(10_000);
    world.silent();
    assert_eq!(world.take_events(), ["Unconfirmed(60s)"]);
    world.send(&message("ping"));
    world.at(30_000);
    world.silent();
    world.resume();
    let new = world.post();
    assert_eq!(new.payload(), message("ping"));
    world.at(39_999);
    world.silent();
    world.at(40_000);
    let bodies: Vec<_> = world.posts().into_iter().map(|post| post.body).collect();
    assert_eq!(bodies, [pause.body, new.body]);
}

/// B-R-124: an answer to the new request shows that the pause was received: it is not repeated.
#[test]
fn an_answer_to_a_later_request_answers_the_pause() {
    let (mut world, poll) = World::held(config(), GRANTED);
    world.pause(60).expect("a pause");
    let pause = world.post();
    world.answer(poll.id, EMPTY);
    world.at(30_000);
    world.take_events();
    world.send(&message("ping"));
    world.resume();
    let new = world.post();
    world.at(31_000);
    world.answer(new.id, &with(&message("pong")));
    assert_eq!(world.take_events(), [message("pong")]);
    assert_eq!(world.abandoned, [pause.id]);
    let next = world.post();
    assert_eq!(next.payload(), "");
    world.at(60_000);
    world.silent();
}

/// A session that is closed in a pause tells so.
#[test]
fn a_paused_session_can_be_closed() {
    let mut world = World::paused();
    world.send(&message("later"));
    world.close();
    let last = world.post();
    assert_eq!(last.attribute("type"), Some("terminate"));
    assert_eq!(last.payload(), message("later"));
}

/// A pause that was taken back before its request left is none.
#[test]
fn a_pause_can_be_taken_back() {
    let (mut world, _) = World::held(config(), GRANTED);
    world
        .session
        .pause(Duration::from_secs(60), world.now)
        .expect("a pause");
    world.resume();
    world.silent();
    assert_eq!(world.session.resume(world.now), Err(CallError::NotPaused));
}

/// While a pause has no answer there is no second one: it would count on the first.
#[test]
fn no_second_pause_before_the_first_is_settled() {
    let (mut world, poll) = World::held(config(), GRANTED);
    world.pause(60).expect("a pause");
    let pause = world.post();
    world.answer(poll.id, EMPTY);
    world.at(5_000);
    world.resume();
    let new = world.post();
    assert_eq!(world.pause(60), Err(CallError::NotOpen));
    world.silent();
    world.answer(pause.id, EMPTY);
    world.answer(new.id, EMPTY);
    world.posts();
    assert_eq!(world.pause(60), Ok(()));
}
