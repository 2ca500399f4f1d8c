//! XEP-0124 §7, XEP-0206 §3: how sessions are created.

use std::time::Duration;

use bosh_proto::client::{Cause, Event, Session};

use crate::support::*;

/// B-R-031, B-R-037, B-R-039, B-R-047, B-X-005, B-X-007: the first request, as the XEP's examples spell it.
#[test]
fn the_first_request_asks_for_everything() {
    let mut world = World::new(config());
    let creation = world.post();
    let rid = creation.rid();
    assert_eq!(
        creation.body,
        format!(
            "{BODY} xmlns:xmpp='urn:xmpp:xbosh' rid='{rid}' to='lantern.example' ver='1.11' wait='50' hold='1' xml:lang='en' xmpp:version='1.0'/>"
        )
    );
    world.answer(creation.id, &created(GRANTED));
    world.send(&message("a"));
    for later in world.posts() {
        for once in [
            "to", "ver", "wait", "hold", "route", "from", "content", "xml:lang",
        ] {
            assert_eq!(later.attribute(once), None, "{}", later.body);
        }
    }
}

/// B-R-042: what is asked for only where it is configured.
#[test]
fn route_from_and_acks_are_configured() {
    let mut config = config();
    config.route = Some("xmpp:lantern.example:5222".into());
    config.from = Some("mira@lantern.example".into());
    config.client_ack = true;
    let creation = World::new(config).post();
    assert_eq!(
        creation.attribute("route"),
        Some("xmpp:lantern.example:5222")
    );
    assert_eq!(creation.attribute("from"), Some("mira@lantern.example"));
    assert_eq!(creation.attribute("ack"), Some("1"));
}

/// B-R-041: polling is asked for only by configuration.
#[test]
fn polling_is_only_asked_for_where_it_is_configured() {
    let creation = World::new(config()).post();
    assert_ne!(creation.attribute("wait"), Some("0"));
    assert_ne!(creation.attribute("hold"), Some("0"));
    let mut polling = config();
    polling.wait = Duration::ZERO;
    polling.hold = 0;
    let creation = World::new(polling).post();
    assert_eq!(creation.attribute("wait"), Some("0"));
    assert_eq!(creation.attribute("hold"), Some("0"));
}

/// B-R-029, B-R-030: every request has a rid, all but the first have the sid.
#[test]
fn the_first_request_has_no_sid_and_all_others_have_it() {
    let mut world = World::new(config());
    let creation = world.post();
    assert_eq!(creation.attribute("sid"), None);
    world.answer(creation.id, &created(GRANTED));
    world.send(&message("a"));
    world.close();
    let later = world.posts();
    assert_eq!(later.len(), 3);
    assert!(later.iter().all(|post| post.attribute("sid") == Some("S")));
    let rids: Vec<_> = later.iter().map(|post| post.rid()).collect();
    assert_eq!(rids, [1, 2, 3].map(|n| creation.rid() + n));
}

/// B-R-082, B-R-084: rids start in 2^32 to 2^52, afresh for every session.
#[test]
fn rids_start_large_and_afresh() {
    let mut seen = std::collections::BTreeSet::new();
    for seed in 0..200 {
        let rid = World::seeded(config(), seed).post().rid();
        assert!((1 << 32..=1 << 52).contains(&rid));
        assert!(rid + (1 << 40) < 1 << 53);
        assert!(seen.insert(rid));
    }
}

/// B-R-049: nothing else is sent before the creation response, and a creation that was lost is tried again with another rid.
#[test]
fn a_lost_creation_is_tried_again_with_another_rid() {
    let mut world = World::new(config());
    let first = world.post();
    world.send(&message("a"));
    world.silent();
    world.at(54_999);
    world.silent();
    world.at(55_000);
    let second = world.post();
    assert_eq!(world.abandoned, [first.id]);
    assert_ne!(second.rid(), first.rid());
    assert_eq!(second.payload(), "");
    // The orphan's answer is nobody's.
    world.answer(first.id, &created(GRANTED).replace("'S'", "'T'"));
    assert!(world.take_events().is_empty());
    world.answer(second.id, &created(GRANTED));
    let payload = world.post();
    assert_eq!(payload.attribute("sid"), Some("S"));
    assert_eq!(payload.payload(), message("a"));
}

/// B-R-049: the tries are bounded, and what was queued comes back.
#[test]
fn creation_is_tried_as_often_as_configured() {
    let mut world = World::new(config());
    world.send(&message("a"));
    for wait in [0, 1000] {
        let creation = world.post();
        world.fail(creation.id);
        world.at(world.millis() + wait);
    }
    let creation = world.post();
    world.fail(creation.id);
    assert_eq!(world.take_events(), ["closed Lost"]);
    assert_eq!(world.undelivered(), [message("a")]);
    assert_eq!(world.session.poll_timeout(), None);
}

/// B-R-063: everything but the sid has a default.
#[test]
fn what_the_creation_response_leaves_out_has_a_default() {
    let full = format!("{GRANTED} ack='1'");
    let opened = |attributes: &str| {
        let mut session = Session::new(config(), [7; 32], epoch());
        let mut opened = None;
        while let Some(action) = session.poll_action() {
            match action {
                bosh_proto::client::Action::Request { id, .. } if opened.is_none() => {
                    let body = format!("{BODY} sid='S' {attributes}/>").into();
                    let response = bosh_proto::client::Response { status: 200, body };
                    session.handle_response(id, response, epoch());
                }
                bosh_proto::client::Action::Deliver(Event::Opened(terms)) => opened = Some(terms),
                bosh_proto::client::Action::Request { .. }
                | bosh_proto::client::Action::Abandon { .. }
                | bosh_proto::client::Action::Deliver(_) => {}
            }
        }
        opened.expect("opened")
    };
    let all = opened(&full);
    assert_eq!(all.wait.as_secs(), 50);
    assert_eq!(all.requests, 2);
    assert_eq!(all.version, Some((1, 11)));
    assert!(all.acknowledges);
    let without = |name: &str| {
        let start = full.find(&format!("{name}='")).expect("an attribute");
        let end = start
            + full[start..]
                .find("' ")
                .map_or(full.len() - start, |at| at + 2);
        opened(&format!("{}{}", &full[..start], &full[end..]))
    };
    // As asked.
    assert_eq!(without("wait").wait.as_secs(), 50);
    assert_eq!(without("hold").hold, 1);
    assert_eq!(without("requests").requests, 2);
    assert_eq!(without("polling").polling, Duration::ZERO);
    assert_eq!(without("inactivity").inactivity, None);
    assert_eq!(without("maxpause").maxpause, None);
    assert_eq!(without("ver").version, None);
    assert!(!without("ack").acknowledges);
    let mut world = World::new(config());
    let creation = world.post();
    world.answer(creation.id, &format!("{BODY} {GRANTED}/>"));
    assert_eq!(world.take_events(), ["closed Fault"]);
}

/// B-R-063: without `inactivity` the session is polled at once all the same.
#[test]
fn without_inactivity_the_poll_comes_at_once() {
    let mut world = World::open(config(), "wait='50' hold='1' requests='2'");
    assert_eq!(world.post().payload(), "");
}

/// B-R-064: a response that grants more than was asked, or too little, is survived.
#[test]
fn odd_grants_are_survived() {
    // Tigase's answer to `hold='0'`.
    let mut polling = config();
    polling.hold = 0;
    polling.wait = Duration::ZERO;
    let mut world = World::open(polling, "wait='0' hold='1' requests='2'");
    assert!(world.post().body.contains("sid='S'"));

    // A longer wait than asked: the larger one counts.
    let (mut world, poll) = World::held(config(), "wait='100' hold='1' requests='2'");
    world.at(109_999);
    world.silent();
    world.at(110_000);
    assert_eq!(world.post().body, poll.body);

    // `requests` below `hold`, or zero: one at a time.
    for requests in ["requests='1' hold='2'", "requests='0'"] {
        let (mut world, _) = World::held(config(), &format!("wait='50' {requests}"));
        world.send(&message("a"));
        world.silent();
    }

    // What is no number counts as missing.
    let (mut world, _) = World::held(config(), "wait='x' hold='-1' requests='1e3' polling='2.5'");
    world.send(&message("a"));
    assert_eq!(world.post().payload(), message("a"));
}

/// B-R-061: the server's identity may come late.
#[test]
fn the_servers_identity_is_taken_from_any_response() {
    let (mut world, poll) = World::held(config(), GRANTED);
    world.answer(poll.id, &tagged("from='lantern.example'"));
    assert_eq!(world.take_events(), ["from lantern.example"]);
    let poll = world.post();
    world.answer(poll.id, &tagged("from='lantern.example'"));
    assert!(world.take_events().is_empty());
}

/// B-X-012: no features yet means another empty request, and in a polling session not before its time.
#[test]
fn missing_features_are_waited_for_with_empty_requests() {
    let mut world = World::new(config());
    let creation = world.post();
    world.answer(creation.id, &tagged(&format!("sid='S' {GRANTED}")));
    assert_eq!(world.post().payload(), "");

    let mut world = World::new(config());
    let creation = world.post();
    world.answer(creation.id, &tagged(&format!("sid='S' {POLLING}")));
    world.at(4_999);
    world.silent();
    world.at(5_000);
    assert_eq!(world.post().payload(), "");
}

/// B-X-013, B-X-014, B-R-027, B-R-162: a Tigase-style response: no `restartlogic`, attributes of its own, no features.
#[test]
fn foreign_attributes_are_ignored() {
    let mut world = World::new(config());
    let creation = world.post();
    world.answer(
        creation.id,
        "<body xmlns='http://jabber.org/protocol/httpbind' xmlns:xmpp='urn:xmpp:xbosh' xmlns:stream='http://etherx.jabber.org/streams' wait='30' inactivity='10' polling='10' requests='2' hold='1' maxpause='10' sid='S' ver='1.6' from='lantern.example' secure='true' xmpp:version='1.0' host='t2.nodes.example' authid='c2a9' ack='117' window='3' stream='x' cache='on' foo='b'/>",
    );
    assert_eq!(world.take_events(), ["opened 2", "host t2.nodes.example"]);
    let poll = world.post();
    assert_eq!(poll.attribute("stream"), None);
    assert_eq!(poll.attribute("cache"), None);
    world.answer(poll.id, &with(FEATURES));
    world.take_events();
    // The restart is tried although it was not offered.
    let poll = world.post();
    world.answer(poll.id, &with(SUCCESS));
    assert_eq!(world.post().attribute("xmpp:restart"), Some("true"));
}

/// B-R-164: payloads in a body that names a stream belong to the one there is.
#[test]
fn a_named_stream_is_the_only_one() {
    let (mut world, poll) = World::held(config(), &format!("{GRANTED} stream='x'"));
    let body = format!("{BODY} stream='x'>{}</body>", message("a"));
    world.answer(poll.id, &body);
    assert_eq!(world.take_events(), [message("a")]);
    let poll = world.post();
    world.answer(poll.id, &tagged("stream='y'"));
    assert!(world.take_events().is_empty());
}

/// Whatever coding the response offers, requests are plain text.
#[test]
fn an_offer_of_codings_changes_nothing() {
    let (_, poll) = World::held(config(), &format!("{GRANTED} accept='gzip,deflate'"));
    assert!(poll.body.starts_with(BODY));
}

/// The seed alone makes two sessions differ.
#[test]
fn same_seed_same_session() {
    let creation = |seed| World::seeded(config(), seed).post().body;
    assert_eq!(creation(1), creation(1));
    assert_ne!(creation(1), creation(2));
}

/// An endpoint that cannot be reached at creation is given up at once where the caller has others.
#[test]
fn one_try_where_there_are_other_nodes() {
    let mut config = config();
    config.creation_attempts = 1;
    let mut world = World::new(config);
    let creation = world.post();
    world.fail(creation.id);
    assert_eq!(world.closed.last().expect("closed").cause, Cause::Lost);
}
