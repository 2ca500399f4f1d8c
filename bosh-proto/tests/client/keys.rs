//! XEP-0124 §15: key sequences.

use sha1::{Digest as _, Sha1};

use crate::support::*;

fn hash(key: &str) -> String {
    Sha1::digest(key.as_bytes())
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// B-R-154: off by default.
#[test]
fn keys_are_off_by_default() {
    let mut world = World::new(config());
    let creation = world.post();
    assert_eq!(creation.attribute("newkey"), None);
    world.answer(creation.id, &created(GRANTED));
    assert_eq!(world.post().attribute("key"), None);
}

/// B-R-155, B-R-156, B-R-157: every key hashes to the one before; the last of a sequence announces the next; a sequence has 256 to 4096.
#[test]
fn every_request_has_the_next_key_and_the_last_a_new_sequence() {
    let mut keyed = config();
    keyed.keys = true;
    let mut world = World::new(keyed);
    let creation = world.post();
    let mut expected = creation.attribute("newkey").expect("newkey").to_owned();
    assert_eq!(creation.attribute("key"), None);
    world.answer(creation.id, &created(GRANTED));
    let mut length = 1;
    let mut sequences = 0;
    while sequences < 2 {
        let post = world.post();
        let key = post.attribute("key").expect("a key");
        assert!(
            key.bytes()
                .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
        );
        assert_eq!(hash(key), expected);
        length += 1;
        expected = key.to_owned();
        if let Some(newkey) = post.attribute("newkey") {
            assert!((256..=4096).contains(&length), "{length}");
            expected = newkey.to_owned();
            length = 1;
            sequences += 1;
        }
        world.answer(post.id, &with("<x xmlns='y'/>"));
        world.events.clear();
    }
}

/// B-R-156: a retransmission repeats its key, and the next new request has the next one.
#[test]
fn a_retransmission_repeats_its_key() {
    let mut keyed = config();
    keyed.keys = true;
    let (mut world, poll) = World::held(keyed, GRANTED);
    world.fail(poll.id);
    let again = world.post();
    assert_eq!(again.body, poll.body);
    world.close();
    let last = world.post();
    assert_eq!(
        hash(last.attribute("key").expect("a key")),
        poll.attribute("key").expect("a key")
    );
}

/// B-R-155: two sessions have two sequences.
#[test]
fn sequences_are_unpredictable() {
    let newkey = |seed| {
        let mut keyed = config();
        keyed.keys = true;
        let creation = World::seeded(keyed, seed).post();
        creation.attribute("newkey").expect("newkey").to_owned()
    };
    assert_ne!(newkey(1), newkey(2));
}
