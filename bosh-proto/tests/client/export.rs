//! Sessions that are put to rest and go on elsewhere.

use std::{
    cell::RefCell,
    sync::LazyLock,
    time::{Duration, Instant},
};

use bosh_proto::client::{Config, DecodeError, Exported, Session};
use proptest::prelude::*;

use crate::support::*;

impl World {
    /// Puts the session to rest, as bytes, and lets it go on after `elapsed` milliseconds.
    pub(crate) fn relocate(&mut self, elapsed: u64) {
        let bytes = self.rest();
        self.wake(&bytes, elapsed);
    }

    fn rest(&mut self) -> Vec<u8> {
        let other = Session::new(config(), [1; 32], self.now);
        let session = std::mem::replace(&mut self.session, other);
        session.export(self.now).expect("not closed").to_bytes()
    }

    fn wake(&mut self, bytes: &[u8], elapsed: u64) {
        let exported = Exported::from_bytes(bytes).expect("our own bytes");
        assert_eq!(exported.to_bytes(), bytes, "written again as it was read");
        self.now += Duration::from_millis(elapsed);
        let elapsed = Duration::from_millis(elapsed);
        self.session = Session::import(exported, [8; 32], self.now, elapsed);
        self.drain();
    }
}

/// What was on its way is sent again, the same bytes; what waits still waits; rids go on.
#[test]
fn outstanding_requests_are_sent_again() {
    let (mut world, poll) = World::held(config(), GRANTED);
    world.send(&message("a"));
    let second = world.post();
    world.send(&message("b"));
    world.relocate(3_000);
    let bodies: Vec<_> = world.posts().into_iter().map(|post| post.body).collect();
    assert_eq!(bodies, [poll.body.clone(), second.body]);
    // An answer to the exchange from before is nobody's.
    world.answer(poll.id, &with(&message("old")));
    assert!(world.take_events().is_empty());
    assert!(world.closed.is_empty());
}

/// Answers and events that were not taken yet go along.
#[test]
fn answers_and_events_go_along() {
    let (mut world, poll) = World::held(config(), GRANTED);
    world.send(&message("a"));
    let second = world.post();
    world.answer(second.id, &with(&message("2")));
    // Taken in, but its event not polled yet.
    world.relocate(0);
    let again = world.post();
    assert_eq!(again.body, poll.body);
    let response = bosh_proto::client::Response {
        status: 200,
        body: with(&message("1")).into(),
    };
    world.session.handle_response(again.id, response, world.now);
    let bytes = world.rest();
    world.wake(&bytes, 0);
    assert_eq!(world.take_events(), [message("1"), message("2")]);
    let next = world.post();
    assert_eq!(next.rid(), second.rid() + 1);
}

/// Deadlines are what is left of them.
#[test]
fn time_goes_by_at_rest() {
    let mut world = World::open(config(), POLLING);
    let poll = world.post();
    world.answer(poll.id, EMPTY);
    world.relocate(3_000);
    world.at(4_999);
    world.silent();
    world.at(5_000);
    world.post();

    // Long overdue: at once.
    let mut world = World::open(config(), POLLING);
    let poll = world.post();
    world.answer(poll.id, EMPTY);
    world.relocate(500_000);
    world.post();
    let bytes = world.rest();
    let exported = Exported::from_bytes(&bytes).expect("our own bytes");
    world.session = Session::import(exported, [8; 32], world.now, Duration::MAX);
    world.drain();
    let poll = world.post();
    world.at(world.millis() + 9_999);
    assert!(world.closed.is_empty());
    world.answer(poll.id, EMPTY);
    world.at(world.millis() + 5_000);
    world.post();
}

/// A session that rests for too long is tried all the same: the connection manager knows whether it is over.
#[test]
fn an_overdue_session_is_tried() {
    let (mut world, poll) = World::held(config(), GRANTED);
    world.relocate(500_000);
    let again = world.post();
    assert_eq!(again.body, poll.body);
    world.at(509_999);
    assert!(world.closed.is_empty());
    world.at(510_000);
    assert_eq!(world.take_events(), ["closed Lost"]);
}

/// What is sent again after a rest may be held for its whole `wait`, as after a broken connection.
#[test]
fn a_session_that_rested_is_not_given_up_while_its_request_is_held() {
    let (mut world, poll) = World::held(config(), GRANTED);
    world.at(27_000);
    world.relocate(3_000);
    let again = world.post();
    assert_eq!(again.body, poll.body);
    world.at(80_500);
    assert!(world.closed.is_empty());
    world.answer(again.id, EMPTY);
    assert_eq!(world.post().payload(), "");
}

/// A pause is made for this: the session goes on by a new request.
#[test]
fn a_paused_session_can_rest() {
    let (mut world, poll) = World::held(config(), GRANTED);
    let minute = Duration::from_secs(60);
    world.session.pause(minute, world.now).expect("a pause");
    world.drain();
    let pause = world.post();
    world.answer(poll.id, EMPTY);
    world.answer(pause.id, EMPTY);
    world.relocate(30_000);
    world.silent();
    world.session.resume(world.now).expect("paused");
    world.drain();
    assert_eq!(world.post().rid(), pause.rid() + 1);
    // Shortly before the period is over it goes on by itself.
    let (mut world, poll) = World::held(config(), GRANTED);
    world.session.pause(minute, world.now).expect("a pause");
    world.drain();
    let pause = world.post();
    world.answer(poll.id, EMPTY);
    world.answer(pause.id, EMPTY);
    world.at(10_000);
    world.relocate(20_000);
    world.silent();
    world.at(58_999);
    world.silent();
    world.at(59_000);
    world.post();
}

/// A creation under way is made anew; what was sent already waits for it.
#[test]
fn a_session_can_rest_before_it_is_open() {
    let mut world = World::new(config());
    let creation = world.post();
    world.send(&message("a"));
    world.relocate(1_000);
    let again = world.post();
    assert_eq!(again.attribute("sid"), None);
    assert_ne!(again.rid(), creation.rid());
    world.answer(again.id, &created(GRANTED));
    assert_eq!(world.post().payload(), message("a"));
}

/// Keys go on where they were.
#[test]
fn key_sequences_go_on() {
    use sha1::{Digest as _, Sha1};
    let mut keyed = config();
    keyed.keys = true;
    let (mut world, poll) = World::held(keyed, GRANTED);
    world.answer(poll.id, EMPTY);
    let poll = world.post();
    world.relocate(0);
    let again = world.post();
    assert_eq!(again.body, poll.body);
    world.answer(again.id, EMPTY);
    let next = world.post();
    let hash: String = Sha1::digest(next.attribute("key").expect("a key"))
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    assert_eq!(hash, poll.attribute("key").expect("a key"));
}

/// A session that is over has nothing to go on with.
#[test]
fn a_closed_session_is_not_exported() {
    let mut world = World::new(config());
    world.close();
    assert!(world.session.export(world.now).is_none());
}

/// Secrets are not shown.
#[test]
fn no_secret_is_shown() {
    let mut keyed = config();
    keyed.keys = true;
    let mut world = World::open(keyed, GRANTED);
    world.posts();
    assert!(!format!("{:?}", world.session).contains("'S'"));
    assert!(!format!("{:?}", world.session).contains("\"S\""));
    let exported = world.session.export(world.now).expect("open");
    let text = format!("{exported:?}");
    assert!(!text.contains("'S'") && !text.contains("seed"), "{text}");
}

/// A store that compares and swaps.
#[derive(Debug, Default)]
struct Store(RefCell<(u64, Vec<u8>)>);

impl Store {
    fn load(&self) -> Exported {
        Exported::from_bytes(&self.0.borrow().1).expect("a session")
    }

    /// Writes it where the stored generation is still the one expected.
    fn swap(&self, expected: u64, new: &Exported) -> bool {
        let mut stored = self.0.borrow_mut();
        if stored.0 != expected {
            return false;
        }
        *stored = (new.generation(), new.to_bytes());
        true
    }
}

/// One who wants to go on with a session.
fn take_over(store: &Store, loaded: Exported, now: Instant) -> Option<Session> {
    let before = loaded.generation();
    let claimed = loaded.claim();
    store
        .swap(before, &claimed)
        .then(|| Session::import(claimed, [3; 32], now, Duration::ZERO))
}

/// Two owners race for a session, in either order; one gets it, and hands it on.
#[test]
fn of_two_owners_one_wins() {
    for first_is_first in [true, false] {
        let (mut world, poll) = World::held(config(), GRANTED);
        let store = Store(RefCell::new((0, world.rest())));
        // Both have read before either writes.
        let (first, second) = (store.load(), store.load());
        let (first, second) = if first_is_first {
            let first = take_over(&store, first, world.now);
            (first, take_over(&store, second, world.now))
        } else {
            let second = take_over(&store, second, world.now);
            (take_over(&store, first, world.now), second)
        };
        assert_eq!(first.is_some(), first_is_first);
        assert_eq!(second.is_some(), !first_is_first);
        world.session = first.or(second).expect("one of them");
        world.drain();
        assert_eq!(world.post().body, poll.body);
        assert_eq!(world.session.generation(), 1);
        // The owner stores what it exports under the generation that it holds, and the next one claims that.
        let now = world.now;
        let exported = std::mem::replace(
            &mut world.session,
            Session::new(Config::default(), [0; 32], now),
        )
        .export(now)
        .expect("open");
        assert!(store.swap(1, &exported));
        let next = take_over(&store, store.load(), now).expect("the only one");
        assert_eq!(next.generation(), 2);
    }
}

/// Some sessions at rest, of every phase.
static SAMPLES: LazyLock<Vec<Vec<u8>>> = LazyLock::new(samples);

fn samples() -> Vec<Vec<u8>> {
    let mut samples = Vec::new();
    let mut keyed = config();
    keyed.keys = true;
    keyed.client_ack = true;
    keyed.from = Some("mira@lantern.example".into());
    samples.push(World::new(keyed.clone()).rest());
    let (mut world, poll) =
        World::held(keyed, &format!("{GRANTED} ack='1' from='lantern.example'"));
    world.send(&message("a"));
    let second = world.post();
    world.send(&message("b"));
    world.answer(second.id, &with(&message("2")));
    samples.push(world.rest());
    let bytes = samples[1].clone();
    world.wake(&bytes, 0);
    let pause = world.session.pause(Duration::from_secs(60), world.now);
    pause.expect("a pause");
    samples.push(world.rest());
    let bytes = samples[2].clone();
    world.wake(&bytes, 0);
    world.close();
    samples.push(world.rest());
    assert!(poll.rid() > 0);
    let (mut world, poll) = World::held(config(), GRANTED);
    world.answer(poll.id, &with(SUCCESS));
    samples.push(world.rest());
    samples
}

/// Another form, another version, or less than a whole value is refused.
#[test]
fn other_bytes_are_refused() {
    for sample in SAMPLES.clone() {
        assert!(Exported::from_bytes(&sample).is_ok());
        for cut in 0..sample.len() {
            assert!(Exported::from_bytes(&sample[..cut]).is_err(), "{cut}");
        }
        let text = String::from_utf8(sample).expect("UTF-8");
        let newer = text.replacen("session 1", "session 2", 1);
        assert_eq!(
            Exported::from_bytes(newer.as_bytes()).err(),
            Some(DecodeError::Version)
        );
    }
    let big = vec![b'x'; Exported::MAX_BYTES + 1];
    assert_eq!(Exported::from_bytes(&big).err(), Some(DecodeError::TooBig));
}

proptest! {
    /// Whatever the bytes: an error, or a session that keeps the contract.
    #[test]
    fn forged_bytes_do_no_harm(
        sample in 0..5_usize,
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..3_u8), 1..4),
        elapsed in 0..100_000_u64,
    ) {
        let mut bytes = SAMPLES[sample].clone();
        for (at, byte, kind) in edits {
            let at = at.index(bytes.len());
            match kind {
                0 => bytes[at] = byte,
                1 => bytes[at] = b'0' + byte % 10,
                _ => { bytes.remove(at); }
            }
        }
        if let Ok(exported) = Exported::from_bytes(&bytes) {
            let mut world = World::new(config());
            world.posts();
            world.session = Session::import(exported, [5; 32], world.now, Duration::from_millis(elapsed));
            world.drain();
            world.at(400_000);
        }
    }
}
