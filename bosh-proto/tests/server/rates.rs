//! Rates of sessions and sources, which slow down before they refuse.

use std::net::{IpAddr, Ipv4Addr};

use bosh_proto::server::{Config, Rate, Rates};

use crate::support::*;

fn limited(set: impl FnOnce(&mut Rates)) -> Config {
    let mut config = prompt();
    set(&mut config.rates);
    config
}

fn address(last: u8) -> Option<IpAddr> {
    Some(Ipv4Addr::new(192, 0, 2, last).into())
}

/// B-R-133: beyond its burst a session's answers come at its rate; what it sends is delivered at once.
#[test]
fn a_fast_session_is_slowed_down() {
    let config = limited(|rates| rates.session_requests = Some(Rate::new(10, 3)));
    let mut world = World::session(config, "");
    world.take_events();
    for rid in 101..104 {
        world.request(rid, &message("c"));
        world.send(&message("s"));
    }
    // The fourth owes a tenth of a second, whatever waits for it.
    let slowed = world.request(104, &message("slow"));
    world.send(&message("s4"));
    assert_eq!(world.events.last(), Some(&message("slow")));
    world.at(99);
    assert_eq!(world.answer(slowed), None);
    world.at(100);
    assert_eq!(world.answer(slowed), Some(with(&message("s4"))));
    // At its rate it is never behind.
    for (count, rid) in (105..120).enumerate() {
        world.at(200 + 100 * count as u64);
        let id = world.request(rid, "");
        world.send(&message("s"));
        assert_eq!(world.answer(id), Some(with(&message("s"))), "{rid}");
    }
    assert_eq!(world.manager.sessions(), 1);
}

/// B-R-133: the same for bytes.
#[test]
fn a_session_with_large_bodies_is_slowed_down() {
    let config = limited(|rates| rates.session_bytes = Some(Rate::new(1_000, 2_000)));
    let mut world = World::session(config, "");
    let fits = world.request(101, &message(&"b".repeat(1_700)));
    world.send(&message("1"));
    assert_eq!(world.answer(fits), Some(with(&message("1"))));
    let text = world.text(102, "", &message(&"b".repeat(1_700)));
    let id = world.post(&text);
    world.send(&message("2"));
    world.at(1_500);
    assert_eq!(world.answer(id), None);
    world.at(2_000);
    assert_eq!(world.answer(id), Some(with(&message("2"))));
}

/// B-R-133: retransmissions are not counted (they have bounds of their own, B-R-095): after many of them a new request is answered at once.
#[test]
fn retransmissions_cost_nothing() {
    let config = limited(|rates| rates.session_requests = Some(Rate::new(1, 2)));
    let mut world = World::session(config, "");
    for _ in 0..9 {
        world.request(101, "");
    }
    let id = world.request(102, &message("c"));
    world.send(&message("1"));
    assert_eq!(world.answer(id), Some(with(&message("1"))));
    let id = world.request(103, &message("c"));
    world.send(&message("2"));
    assert_eq!(world.answer(id), None, "the third new one is slowed down");
}

/// B-R-133: sheer frequency ends a session only far above what an answered client can do, and never where `polling` was not told.
#[test]
fn only_abuse_is_ended() {
    let config = |polling: u64| {
        limited(|rates| {
            rates.session_requests = Some(Rate::new(1, 1));
            rates.patience = std::time::Duration::from_secs(2);
        })
        .with_polling(polling)
    };
    let pauses = |world: &mut World| {
        for rid in 101..110 {
            // A pause is answered at once, so that its client is not stopped by the window.
            let id = world.post(&world.text(rid, "pause='9'", ""));
            if world.answer(id).as_deref() != Some(EMPTY) {
                return;
            }
        }
    };
    for polling in [5, 0] {
        let mut world = World::session(config(polling), "");
        pauses(&mut world);
        let id = world.post(&world.text(110, "", &message("c")));
        if polling > 0 {
            assert_eq!(world.answer(id), Some(terminal("policy-violation")));
            assert_eq!(world.manager.sessions(), 0);
        } else {
            assert_eq!(world.answer(id), None);
            assert_eq!(world.manager.sessions(), 1);
            world.send(&message("s"));
            world.at(2_001);
            assert_eq!(world.answer(id), Some(with(&message("s"))));
        }
    }
}

/// B-R-133: requests of all sessions of a source together, and another source is not touched.
#[test]
fn a_fast_source_is_slowed_down_in_all_its_sessions() {
    let config = limited(|rates| rates.address_requests = Some(Rate::new(1, 2)));
    let mut world = World::new(config);
    world.address = address(1);
    world.open(FIRST, "");
    let (first_key, first_sid) = (world.key, world.sid.clone());
    world.open(FIRST, "");
    let id = world.request(101, "");
    world.send(&message("s"));
    world.at(999);
    assert_eq!(world.answer(id), None);
    world.at(1_000);
    assert_eq!(world.answer(id), Some(with(&message("s"))));
    // The other session comes from elsewhere now.
    world.address = address(2);
    (world.key, world.sid) = (first_key, first_sid);
    let id = world.request(101, "");
    world.send(&message("s"));
    assert_eq!(world.answer(id), Some(with(&message("s"))));
}

/// B-R-133: requests for sids that are not known, bodies that are none, and refused creations count for their source and wait as all others do.
#[test]
fn requests_of_no_session_are_slowed_down() {
    let unknown = format!("{BODY} rid='1' sid='nobody'/>");
    let refused = format!("{BODY} rid='1' ver='1.11'/>");
    for (body, condition) in [
        (unknown.as_str(), "item-not-found"),
        ("hello", "bad-request"),
        ("<body", "bad-request"),
        (refused.as_str(), "improper-addressing"),
    ] {
        let config = limited(|rates| rates.address_requests = Some(Rate::new(1, 2)));
        let mut world = World::new(config);
        world.address = address(1);
        for _ in 0..2 {
            let free = world.post(body);
            assert_eq!(world.answer(free), Some(terminal(condition)));
        }
        let (third, gone) = (world.post(body), world.post(body));
        world.disconnect(gone);
        let fifth = world.post(body);
        for (id, millis) in [(third, 1_000), (fifth, 3_000)] {
            world.at(millis - 1);
            assert_eq!(world.answer(id), None, "{body}");
            world.at(millis);
            assert_eq!(world.answer(id), Some(terminal(condition)), "{body}");
        }
        assert_eq!(world.answer(gone), None, "its connection is gone");
        // Others do not wait, and nobody does at the end.
        let late = world.post(body);
        world.address = address(2);
        let other = world.post(body);
        assert_eq!(world.answer(other), Some(terminal(condition)));
        assert_eq!(world.answer(late), None);
        let now = world.start() + std::time::Duration::from_secs(3);
        world.manager.shut_down(now);
        world.drain();
        assert_eq!(world.answer(late), Some(terminal(condition)));
    }
}

/// B-R-133: what a client that is not signed in makes the manager keep is bounded in all as one body is.
#[test]
fn what_unauthenticated_clients_park_is_bounded() {
    let config = || {
        let mut config = prompt();
        config.body_bytes_before_auth = 1_000;
        config.hold = 2;
        config
    };
    // Behind a gap: one that fits, and one too many.
    let mut world = World::session(config(), "hold='2'");
    let kept = world.request(103, &message(&"x".repeat(100)));
    assert_eq!(world.answer(kept), None);
    let beyond = world.request(102, &message(&"x".repeat(100)));
    assert!(world.answer(beyond).is_none(), "it waits for 101");
    let mut world = World::session(config(), "hold='2'");
    let kept = world.request(103, &message(&"x".repeat(500)));
    assert_eq!(world.answer(kept), None);
    let beyond = world.request(102, &message(&"x".repeat(500)));
    assert_eq!(world.answer(beyond), Some(terminal("policy-violation")));
    // Before the server's stream is open.
    let mut world = World::new(config());
    let creation = format!("{BODY} rid='100' to='a' ver='1.11' hold='2' wait='50'/>");
    world.post(&creation);
    world.at(5_001);
    let answer = world.order.first().and_then(|id| world.answer(*id));
    world.sid = attribute(&answer.expect("an answer"), "sid")
        .expect("a sid")
        .to_owned();
    world.request(101, &message(&"x".repeat(500)));
    let beyond = world.request(102, &message(&"x".repeat(500)));
    world.at(5_002);
    assert_eq!(world.answer(beyond), Some(terminal("policy-violation")));
    // Signed in, the window is the bound.
    let mut world = World::session(config(), "hold='2'");
    world.send("<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>");
    world.request(103, &message(&"x".repeat(3_000)));
    world.request(102, &message(&"x".repeat(3_000)));
    assert_eq!(world.manager.sessions(), 1);
}

/// B-R-133: drivers learn whose request an exchange carries.
#[test]
fn an_exchange_tells_whether_its_client_has_signed_in() {
    let mut world = World::session(prompt(), "");
    let before = world.request(101, "");
    assert!(!world.manager.is_signed_in(before));
    world.send("<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>");
    let held = world.request(102, "");
    assert!(world.manager.is_signed_in(held));
    assert!(!world.manager.waits_elsewhere(before), "nobody asks");
    // The next request releases the first; its session waits on the second alone.
    world.reports = Reports::Never;
    let next = world.request(103, &message("c"));
    assert!(world.answer(held).is_some());
    assert!(world.manager.waits_elsewhere(held));
    world.send(&message("s"));
    assert!(!world.manager.waits_elsewhere(next));
    let unknown = world.post(&format!("{BODY} rid='1' sid='nobody'/>"));
    assert!(!world.manager.is_signed_in(unknown));
}

/// B-R-133: and bytes.
#[test]
fn a_source_with_large_bodies_is_slowed_down() {
    let config = limited(|rates| rates.address_bytes = Some(Rate::new(1_000, 1_000)));
    let mut world = World::session(config, "");
    world.address = address(1);
    let text = world.text(101, "", "");
    let text = format!("{text}{}", " ".repeat(1_500 - text.len()));
    let id = world.post(&text);
    world.send(&message("s"));
    world.at(499);
    assert_eq!(world.answer(id), None);
    world.at(500);
    assert_eq!(world.answer(id), Some(with(&message("s"))));
}

/// B-R-133: new sessions are answered later, and refused when that would take too long.
#[test]
fn new_sessions_of_a_source_are_slowed_down_and_then_refused() {
    let config = limited(|rates| {
        rates.address_sessions = Some(Rate::new(1, 2));
        rates.patience = std::time::Duration::from_secs(3);
    });
    let mut world = World::new(config);
    world.address = address(1);
    world.open(FIRST, "");
    world.open(FIRST, "");
    let create = |world: &mut World| {
        let id = world.post(&format!("{BODY} rid='1' to='a' ver='1.11' wait='50'/>"));
        if world.answer(id).is_none() {
            world.accept();
            world.send(FEATURES);
        }
        id
    };
    let third = create(&mut world);
    let fourth = create(&mut world);
    let fifth = create(&mut world);
    let sixth = create(&mut world);
    assert_eq!(world.answer(sixth), Some(terminal("policy-violation")));
    for (id, millis) in [(third, 1_000), (fourth, 2_000), (fifth, 3_000)] {
        world.at(millis - 1);
        assert_eq!(world.answer(id), None, "{millis}");
        world.at(millis);
        let answer = world.answer(id).expect("an answer");
        assert!(attribute(&answer, "sid").is_some(), "{answer}");
        assert!(answer.contains("<stream:features>"), "{answer}");
    }
    world.address = address(2);
    world.open(FIRST, "");
}

/// B-R-133: strangers of one source are bounded; signing in and ending make room.
#[test]
fn unauthenticated_sessions_of_an_address_are_bounded() {
    let config = limited(|rates| rates.unauthenticated_per_address = 2);
    let mut world = World::new(config);
    world.address = address(1);
    world.open(FIRST, "");
    world.open(FIRST, "");
    let creation = format!("{BODY} rid='1' to='a' ver='1.11'/>");
    let refused = world.post(&creation);
    assert_eq!(world.answer(refused), Some(terminal("policy-violation")));
    world.send("<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>");
    world.open(FIRST, "");
    let refused = world.post(&creation);
    assert_eq!(world.answer(refused), Some(terminal("policy-violation")));
    world.request_with(101, "type='terminate'");
    world.open(FIRST, "");
    world.address = None;
    world.open(FIRST, "");
}

/// B-R-133: a slowed session can be ended from both sides at once.
#[test]
fn a_slowed_session_ends_at_once() {
    let config = || limited(|rates| rates.session_requests = Some(Rate::new(1, 1)));
    let mut world = World::session(config(), "");
    let a = world.request(101, "");
    world.at(100);
    let b = world.request(102, &message("c"));
    world.close(None, None);
    assert!(world.answer(a).is_some());
    assert_eq!(
        attribute(&world.answer(b).unwrap(), "type"),
        Some("terminate")
    );
    let mut world = World::session(config(), "");
    world.request(101, "");
    let end = world.request_with(102, "type='terminate'");
    assert!(world.answer(end).is_some());
    assert_eq!(world.manager.sessions(), 0);
}

trait WithPolling {
    fn with_polling(self, seconds: u64) -> Self;
}

impl WithPolling for Config {
    fn with_polling(mut self, seconds: u64) -> Self {
        self.polling = std::time::Duration::from_secs(seconds);
        self
    }
}
