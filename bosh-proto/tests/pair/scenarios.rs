//! Scripted runs of both machines.

use std::time::Duration;

use bosh_proto::{client, server};

use crate::{
    network::Weather,
    world::{Pair, element},
};

fn configs() -> (client::Config, server::Config) {
    (
        client::Config::new("lantern.example"),
        server::Config::default(),
    )
}

fn pair() -> Pair {
    let (client, server) = configs();
    Pair::open(client, server, 1)
}

/// B-X-018, B-X-020, B-X-021, B-X-022: sign in, restart, talk.
#[test]
fn a_session_signs_in_and_talks() {
    let mut pair = pair();
    let auth = "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AA==</auth>";
    let now = pair.now;
    pair.client().send(element(auth), now).expect("room");
    pair.drain();
    pair.run(1_000);
    assert_eq!(pair.user.events, ["opened", "restarted"]);
    assert_eq!(pair.host.events, ["restarted"]);
    pair.utter("1");
    pair.tell("2");
    pair.run(1_000);
    assert_eq!(pair.host.received, pair.user.sent);
    assert_eq!(pair.user.received.last(), pair.host.sent.last());
}

/// B-R-134, B-R-135, B-R-137, B-R-138: last payloads both ways, and a clean end.
#[test]
fn last_payloads_cross_a_clean_end() {
    let mut pair = pair();
    let now = pair.now;
    pair.utter("bye");
    pair.client().close(now);
    pair.drain();
    pair.tell("late");
    pair.run(1_000);
    assert_eq!(pair.host.received, pair.user.sent);
    assert_eq!(pair.user.received, pair.host.sent);
    assert_eq!(pair.user.events.last().expect("an event"), "closed Ours");
    assert_eq!(
        pair.host.events.last().expect("an event"),
        "closed Terminated"
    );
    assert!(pair.user.undelivered.is_empty());
}

/// The server's end reaches the client.
#[test]
fn the_server_ends_the_session() {
    let mut pair = pair();
    pair.tell("1");
    pair.end_by_server();
    pair.run(1_000);
    assert_eq!(pair.user.received, pair.host.sent);
    assert_eq!(
        pair.user.events.last().expect("an event"),
        "closed Terminated"
    );
}

/// B-R-124: a pause whose request was lost, and one whose answer was lost, both end with the session alive.
#[test]
fn a_pause_is_survived_whatever_is_lost() {
    for ping in [true, false] {
        for weather in [Weather::Dead, Weather::Calm] {
            let mut pair = pair();
            pair.weather = weather;
            let now = pair.now;
            pair.client()
                .pause(Duration::from_secs(20), now)
                .expect("a pause");
            pair.drain();
            if weather == Weather::Calm {
                // The request arrives, its answer does not.
                pair.run(12);
                pair.lose_answers();
            }
            pair.weather = Weather::Calm;
            pair.run(12_000);
            assert_eq!(
                pair.user.events.last().expect("an event"),
                "Unconfirmed(20s)"
            );
            if ping {
                pair.utter("ping");
            }
            pair.tell("news");
            let now = pair.now;
            pair.client().resume(now).expect("paused");
            pair.drain();
            pair.run(120_000);
            assert_eq!(pair.user.closed, None, "{ping} {weather:?}");
            assert_eq!(pair.host.received, pair.user.sent);
            assert_eq!(pair.user.received, pair.host.sent);
        }
    }
}

/// An idle session costs one request each `wait`, and never ends.
#[test]
fn an_idle_session_polls_once_each_wait() {
    let mut pair = pair();
    let before = pair.requests.len();
    pair.run(490_000);
    assert_eq!(pair.user.closed, None);
    assert_eq!(pair.requests.len() - before, 9);
}
