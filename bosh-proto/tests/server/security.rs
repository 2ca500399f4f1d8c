//! XEP-0124 §15, §19: keys, channels, secrets, sizes.

use std::time::Duration;

use bosh_proto::{Channel, server::Config};

use crate::support::*;

const K: [&str; 4] = [
    "d13815c953ebb4c6d5065d401f3f850e8813d79a",
    "da6eab2bb748dd3c1e44f6c234a8e719f92240b0",
    "12862cffad80fcbc7c657d5dc07587878154c291",
    "88eb899051c6bd817163386eb396db6d928a5204",
];

fn keyed() -> World {
    World::session(prompt(), &format!("newkey='{}'", K[3]))
}

/// B-R-155 to B-R-158, with the vectors.
#[test]
fn a_key_sequence_and_its_successor_are_accepted() {
    let mut world = keyed();
    world.request_with(101, &format!("key='{}'", K[2]));
    world.at(5000);
    world.request_with(102, &format!("key='{}'", K[1]));
    world.at(10_000);
    world.request_with(
        103,
        &format!(
            "key='{}' newkey='b38a6a0d42b7276443406e9f4bafdb2b48dc2483'",
            K[0]
        ),
    );
    world.at(15_000);
    world.request_with(104, "key='46b6458c99e647a28d3bd3d6c17d32230cf77c34'");
    assert_eq!(world.manager.sessions(), 1);
}

/// B-R-158: `newkey` in upper case.
#[test]
fn the_comparison_ignores_case() {
    let mut world = World::session(prompt(), &format!("newkey='{}'", K[3].to_uppercase()));
    let a = world.request_with(101, &format!("key='{}'", K[2]));
    assert_eq!(world.answer(a), None);
}

/// B-R-159.
#[test]
fn a_wrong_or_missing_key_ends_the_session_unheard() {
    for key in [
        String::new(),
        format!("key='{}'", K[1]),
        format!("key='{}'", K[2].to_uppercase()),
        "key='x'".to_owned(),
    ] {
        let mut world = keyed();
        let held = world.request_with(101, &format!("key='{}'", K[2]));
        world.take_events();
        let key = key
            .replace(K[1], K[3])
            .replace(&K[2].to_uppercase(), &K[1].to_uppercase());
        let text = world.text(102, &key, &message("1"));
        let b = world.post(&text);
        assert_eq!(
            world.answer(held).unwrap(),
            terminal("other-request"),
            "{key}"
        );
        assert_eq!(
            world.answer(b).unwrap(),
            terminal("item-not-found"),
            "{key}"
        );
        assert_eq!(world.take_events(), ["closed Fault(ItemNotFound)"]);
    }
}

/// B-R-160: verified in turn.
#[test]
fn keys_are_verified_in_rid_order() {
    let mut world = keyed();
    let text = world.text(102, &format!("key='{}'", K[1]), &message("2"));
    world.post(&text);
    let text = world.text(101, &format!("key='{}'", K[2]), &message("1"));
    world.post(&text);
    assert_eq!(
        world.take_events(),
        ["opening", &message("1"), &message("2")]
    );
}

/// B-R-099: in key mode a duplicate that differs is an attack.
#[test]
fn a_differing_duplicate_in_key_mode_ends_the_session() {
    let mut world = keyed();
    let attributes = format!("key='{}'", K[2]);
    world.request_with(101, &attributes);
    let same = world.request_with(101, &attributes);
    assert_eq!(world.answer(same), None);
    let text = world.text(101, &attributes, &message("evil"));
    let other = world.post(&text);
    assert_eq!(world.answer(other).unwrap(), terminal("item-not-found"));
    assert_eq!(world.manager.sessions(), 0);
}

/// B-R-166, B-R-168: closed without an answer, the session lives.
#[test]
fn a_plain_request_for_a_secure_session_is_dropped() {
    let mut world = World::session(prompt(), "");
    let text = world.text(101, "", &message("evil"));
    let plain = world.post_on(900, Channel::Plain, &text);
    assert_eq!(world.aborted, [plain]);
    assert_eq!(world.answer(plain), None);
    assert_eq!(world.take_events(), ["opening"]);
    let a = world.request(101, "");
    world.send(&message("m"));
    assert_eq!(world.answer(a).unwrap(), with(&message("m")));
}

/// B-R-115: it does not prolong its life either.
#[test]
fn a_plain_request_does_not_keep_a_secure_session() {
    let mut world = World::session(prompt(), "");
    world.at(29_000);
    let text = world.text(101, "", "");
    world.post_on(900, Channel::Plain, &text);
    world.at(30_001);
    assert_eq!(world.manager.sessions(), 0);
}

/// B-R-170.
#[test]
fn no_debug_output_shows_the_sid() {
    let mut world = World::session(prompt(), "");
    world.request(101, "");
    let text = format!("{:?}", world.manager);
    assert!(!text.contains(&world.sid));
}

/// B-R-019: a body above the cap touches nothing.
#[test]
fn a_body_above_the_cap_is_413_and_touches_nothing() {
    let mut config = prompt();
    config.body_bytes = 1000;
    let mut world = World::session(config, "");
    let big = world.text(101, "", &message(&"b".repeat(1000)));
    let id = world.post(&big);
    assert_eq!(world.response(id).status, 413);
    let a = world.request(101, "");
    assert_eq!(world.answer(a), None);
}

/// Tighter before authentication: at the boundary, and lifted by SASL success.
#[test]
fn bodies_before_authentication_are_small() {
    let body = |world: &World, len: usize| {
        let empty = world.text(101, "", &message("")).len();
        world.text(101, "", &message(&"b".repeat(len - empty)))
    };
    let mut world = World::session(prompt(), "");
    let fits = body(&world, 16_384);
    let id = world.post(&fits);
    assert_eq!(world.answer(id), None);

    let mut world = World::session(prompt(), "");
    let big = body(&world, 16_385);
    let id = world.post(&big);
    assert_eq!(world.answer(id).unwrap(), terminal("policy-violation"));

    for success in [
        "<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>",
        "<success xmlns='urn:xmpp:sasl:2'/>",
    ] {
        let mut world = World::session(prompt(), "");
        let big = body(&world, 100_000);
        world.send(success);
        let id = world.post(&big);
        assert_eq!(world.answer(id).unwrap(), with(success));
    }
}

/// B-R-170: nor a request held behind a gap, nor an answer on its way out.
#[test]
fn requests_and_responses_hide_their_bodies() {
    let mut world = World::session(prompt(), "");
    world.request(102, &message("deferred"));
    let first = world.order[0];
    let text = format!("{:?} {:?}", world.manager, world.response(first));
    assert!(!text.contains(&world.sid), "{text}");
}

/// W-R-335's deadline over BOSH: a stranger's session ends, one that signed in does not.
#[test]
fn a_session_that_does_not_sign_in_ends() {
    assert_eq!(
        Config::default().auth_timeout,
        Some(Duration::from_secs(60))
    );
    let config = || {
        let mut config = prompt();
        config.auth_timeout = Some(Duration::from_secs(40));
        config
    };
    let mut world = World::session(config(), "");
    world.at(20_000);
    let a = world.request(101, "");
    world.at(39_999);
    assert_eq!(world.answer(a), None);
    world.at(40_000);
    assert_eq!(world.answer(a), Some(terminal("policy-violation")));
    assert_eq!(world.manager.sessions(), 0);

    let mut world = World::session(config(), "");
    world.send("<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>");
    world.request(101, "");
    world.at(20_000);
    world.request(102, "");
    world.at(45_000);
    assert_eq!(world.manager.sessions(), 1);
}
