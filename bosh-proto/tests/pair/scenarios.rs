//! Scripted runs of both machines.

use std::time::Duration;

use bosh_proto::{client, server};

use crate::{ends::element, network::Weather, world::Pair};

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

/// B-R-108, B-R-109: the server reports an answer that the client lacks; the client asks again, and gets the stored one.
#[test]
fn a_report_brings_back_a_lost_answer() {
    let (mut client, server) = configs();
    client.client_ack = true;
    let mut pair = Pair::open(client, server, 1);
    pair.utter("first");
    pair.run(1_000);
    // The answer to the held request is lost, and nobody notices.
    pair.tell("ship ahoy");
    pair.lose_answers();
    assert!(pair.user.received.is_empty());
    pair.run(3_000);
    let before = pair.requests.len();
    pair.utter("hello?");
    pair.run(100);
    assert_eq!(pair.user.received, pair.host.sent);
    let again = &pair.requests[before + 1];
    assert!(pair.requests[..before].contains(again), "{again}");
    assert!(pair.log.iter().any(|line| line.contains("report=")));
    assert_eq!(pair.host.received, pair.user.sent);
}

/// B-X-009: a stream header is no payload, and the one upstream is made of the creation request.
#[test]
fn a_stream_header_is_refused() {
    let mut pair = pair();
    let header = pair.header.clone().expect("opened");
    assert_eq!(header.to.as_deref(), Some("lantern.example"));
    assert_eq!(header.lang.as_deref(), Some("en"));
    assert_eq!(header.version.as_deref(), Some("1.0"));
    let now = pair.now;
    let stream = "<stream:stream xmlns:stream='http://etherx.jabber.org/streams' to='a'/>";
    pair.client().send(element(stream), now).expect("room");
    pair.drain();
    pair.run(1_000);
    assert_eq!(
        pair.user.events.last().expect("an event"),
        "closed Condition(BadRequest)"
    );
    assert_eq!(pair.user.undelivered, [stream]);
    assert!(pair.host.received.is_empty());
}

/// B-X-034: a stream's management goes on over another session; a location is only text on the way.
#[test]
fn stream_management_resumes_across_two_sessions() {
    let mut pair = pair();
    let first = pair.requests.last().expect("a request").clone();
    let enable = "<enable xmlns='urn:xmpp:sm:3' resume='true'/>";
    let resume = "<resume xmlns='urn:xmpp:sm:3' h='1' previd='x'/>";
    let now = pair.now;
    pair.client().send(element(enable), now).expect("room");
    pair.drain();
    pair.run(100);
    pair.tell_xml("<enabled xmlns='urn:xmpp:sm:3' id='x' location='10.0.0.1:5222' resume='true'/>");
    pair.run(100);
    assert!(pair.user.received[0].contains("location='10.0.0.1:5222'"));
    pair.weather = Weather::Dead;
    pair.run(100_000);
    assert_eq!(pair.user.events.last().expect("an event"), "closed Lost");
    pair.weather = Weather::Calm;
    pair.reopen(configs().0);
    pair.run(500);
    let auth = "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AA==</auth>";
    let now = pair.now;
    pair.client().send(element(auth), now).expect("room");
    pair.drain();
    pair.run(500);
    let now = pair.now;
    pair.client().send(element(resume), now).expect("room");
    pair.drain();
    pair.run(500);
    assert_eq!(pair.host.received, [resume]);
    pair.tell_xml("<resumed xmlns='urn:xmpp:sm:3' h='1' previd='x'/>");
    pair.run(500);
    let last = pair.user.received.last().expect("an element");
    assert!(last.starts_with("<resumed"), "{:#?}", pair.log);
    let sid = |body: &str| {
        body.split("sid='")
            .nth(1)
            .map(|rest| rest.split('\'').next().map(str::to_owned))
    };
    assert_ne!(sid(&first), sid(pair.requests.last().expect("a request")));
}

/// Two owners of one session without a store that compares and swaps: the second's element is taken for a repetition, and lost.
#[test]
fn two_owners_without_a_store_harm_each_other() {
    let mut pair = pair();
    let now = pair.now;
    let exported = pair
        .client
        .take()
        .expect("a session")
        .export(now)
        .expect("open");
    let stored = exported.to_bytes();
    let import = |now| {
        let exported = client::Exported::from_bytes(&stored).expect("our own bytes");
        client::Session::import(exported, [1; 32], now, Duration::ZERO)
    };
    pair.client = Some(import(now));
    pair.utter("first owner");
    pair.run(1_000);
    let now = pair.now;
    pair.client = Some(import(now));
    pair.utter("second owner");
    pair.run(1_000);
    assert_eq!(pair.user.sent.len(), 2);
    assert_eq!(pair.host.received, pair.user.sent[..1]);
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
