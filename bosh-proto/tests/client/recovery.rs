//! XEP-0124 §14.3, §17: lost requests, lost answers, errors of HTTP and of the binding.

use bosh_proto::client::{Cause, Failure};

use crate::support::*;

/// B-R-081: an answer that does not come is given up `W + max(5, W/10)` after its request, and the request sent again.
#[test]
fn a_late_answer_is_given_up() {
    let (mut world, poll) = World::held(config(), GRANTED);
    world.at(54_999);
    world.silent();
    world.at(55_000);
    let again = world.post();
    assert_eq!(again.body, poll.body);
    assert_ne!(again.id, poll.id);
    assert_eq!(world.abandoned, [poll.id]);

    // `W/10` where that is more, and 30 s where nothing is held.
    for (granted, late) in [
        ("wait='100' hold='1' requests='2'", 110_000),
        ("wait='0' hold='1' requests='2' inactivity='90'", 30_000),
    ] {
        let (mut world, poll) = World::held(config(), granted);
        world.at(late - 1);
        world.silent();
        world.at(late);
        assert_eq!(world.post().body, poll.body);
    }
}

/// B-R-096: the very bytes again, after 0, 1, 2, 4, 8, 8, 8, 16 s.
#[test]
fn a_broken_connection_is_followed_by_the_same_bytes() {
    let (mut world, poll) = World::held(config(), GRANTED);
    let mut last = poll.clone();
    let mut waits = Vec::new();
    loop {
        world.fail(last.id);
        let failed = world.millis();
        while world.session.poll_timeout().is_some() && world.closed.is_empty() {
            let posts = world.posts();
            if let [again] = posts.as_slice() {
                assert_eq!(again.body, poll.body);
                waits.push(again.at - failed);
                last = again.clone();
                break;
            }
            world.at(world.millis() + 500);
        }
        if !world.closed.is_empty() {
            break;
        }
    }
    assert_eq!(
        waits,
        [
            0, 1000, 2000, 4000, 8000, 8000, 8000, 16_000, 16_000, 16_000
        ]
    );
}

/// B-R-096: several lost requests go again in their order, none before one that waits.
#[test]
fn several_lost_requests_keep_their_order() {
    let (mut world, fifth) = World::held(config(), GRANTED);
    world.send(&message("a"));
    let sixth = world.post();
    world.fail(fifth.id);
    let again = world.post();
    world.fail(again.id);
    // The first waits a second; the second would be sent at once.
    world.fail(sixth.id);
    world.silent();
    world.at(1_000);
    let bodies: Vec<_> = world.posts().into_iter().map(|post| post.body).collect();
    assert_eq!(bodies, [fifth.body, sixth.body]);
}

/// B-R-097: given up `W + I` after the last answer, with what was not answered.
#[test]
fn a_silent_connection_manager_is_given_up() {
    let (mut world, _) = World::held(config(), GRANTED);
    world.send(&message("a"));
    world.at(60_000);
    world.send(&message("b"));
    world.at(79_999);
    assert!(world.closed.is_empty());
    world.at(80_000);
    assert_eq!(world.take_events(), ["closed Lost"]);
    assert_eq!(world.undelivered(), [message("a"), message("b")]);
    assert_eq!(world.session.poll_timeout(), None);
}

/// B-R-097: an answer starts the time anew.
#[test]
fn an_answer_is_a_sign_of_life() {
    let (mut world, poll) = World::held(config(), GRANTED);
    world.at(50_000);
    world.answer(poll.id, EMPTY);
    world.at(129_999);
    assert!(world.closed.is_empty());
    world.at(130_000);
    assert_eq!(world.closed.len(), 1);
}

/// B-R-098: a second answer to a request is ignored.
#[test]
fn a_second_answer_is_ignored() {
    let (mut world, poll) = World::held(config(), GRANTED);
    world.at(55_000);
    let again = world.post();
    world.answer(again.id, &with(&message("1")));
    world.posts();
    world.answer(poll.id, &with(&message("2")));
    world.answer(again.id, &with(&message("3")));
    assert_eq!(world.take_events(), [message("1")]);
    world.silent();
}

/// B-R-098: where the abandoned transmission answers first, its answer is used, and the other dropped.
#[test]
fn an_abandoned_transmission_may_answer_first() {
    let (mut world, poll) = World::held(config(), GRANTED);
    world.at(55_000);
    let again = world.post();
    world.answer(poll.id, &with(&message("1")));
    assert_eq!(world.abandoned, [poll.id, again.id]);
    world.posts();
    world.answer(again.id, &with(&message("1")));
    assert_eq!(world.take_events(), [message("1")]);
}

/// B-R-142, B-R-143, B-R-144: by the body first, then by the status; modern and legacy connection managers.
#[test]
fn answers_are_judged_by_their_body_first() {
    let terminal = tagged("type='terminate' condition='policy-violation'");
    let html = "<html><body>Bad Gateway</body></html>";
    let modern = GRANTED;
    let legacy = "wait='50' hold='1' requests='2' inactivity='30'";
    for (granted, status, body, ends) in [
        (
            modern,
            404,
            terminal.as_str(),
            Some("closed Condition(PolicyViolation)"),
        ),
        (
            legacy,
            500,
            &terminal,
            Some("closed Condition(PolicyViolation)"),
        ),
        (modern, 404, html, None),
        (modern, 400, "", None),
        (modern, 403, "", None),
        (modern, 405, html, None),
        (modern, 410, html, None),
        (legacy, 400, html, Some("closed Status(400)")),
        (legacy, 403, "", Some("closed Status(403)")),
        (legacy, 404, "", Some("closed Status(404)")),
        (modern, 413, html, Some("closed Status(413)")),
        (legacy, 413, html, Some("closed Status(413)")),
        (modern, 301, html, Some("closed Status(301)")),
        (modern, 307, "", Some("closed Status(307)")),
        (modern, 308, EMPTY, Some("closed Status(308)")),
        (modern, 408, html, None),
        (modern, 425, html, None),
        (modern, 429, html, None),
        (legacy, 500, html, None),
        (modern, 502, html, None),
        (legacy, 503, "", None),
        (modern, 504, html, None),
    ] {
        let (mut world, poll) = World::held(config(), granted);
        world.answer_with(poll.id, status, body);
        match ends {
            Some(event) => {
                assert_eq!(world.take_events(), [event], "{status}");
                world.silent();
            }
            None => {
                assert!(world.take_events().is_empty(), "{status}");
                world.at(1_000);
                let again = world.post();
                assert_eq!(again.body, poll.body, "{status}");
                world.answer(again.id, &with(&message("1")));
                assert_eq!(world.take_events(), [message("1")]);
            }
        }
    }
}

/// B-R-144: a 4xx without a body that decides ends the session when it repeats twice.
#[test]
fn a_refusal_that_repeats_is_meant() {
    let (mut world, poll) = World::held(config(), GRANTED);
    world.answer_with(poll.id, 404, "");
    let again = world.post();
    world.answer_with(again.id, 404, "");
    world.at(1_000);
    let again = world.post();
    assert!(world.closed.is_empty());
    world.answer_with(again.id, 404, "");
    assert_eq!(world.take_events(), ["closed Status(404)"]);
}

/// B-R-144: a proxy's 502 three times, then the answer.
#[test]
fn a_proxys_trouble_is_survived() {
    let (mut world, poll) = World::held(config(), GRANTED);
    let mut last = poll.clone();
    for wait in [0, 1_000, 2_000] {
        world.answer_with(last.id, 502, "<html>Bad Gateway</html>");
        world.at(world.millis() + wait);
        last = world.post();
        assert_eq!(last.body, poll.body);
    }
    world.answer(last.id, &with(&message("1")));
    assert_eq!(world.take_events(), [message("1")]);
}

/// A request that is too large ends the session: it would stay so.
#[test]
fn too_large_is_final() {
    let (mut world, _) = World::held(config(), GRANTED);
    world.send(&message("a"));
    let big = world.post();
    world.answer_with(big.id, 413, "");
    assert_eq!(world.take_events(), ["closed Status(413)"]);
    assert_eq!(world.undelivered(), [message("a")]);
}

/// B-R-145: 200 with something else than BOSH: one more try, then the session is lost.
#[test]
fn a_captive_portal_ends_the_session() {
    for portal in [
        "<!DOCTYPE html><html><body>Pay here</body></html>",
        "<html><body/></html>",
        "",
        "ok",
        "<body>no namespace</body>",
        "<body xmlns='http://jabber.org/protocol/httpbind'><mess",
    ] {
        let (mut world, poll) = World::held(config(), GRANTED);
        world.answer(poll.id, portal);
        let again = world.post();
        assert_eq!(again.body, poll.body);
        world.answer(again.id, portal);
        assert_eq!(world.take_events(), ["closed NotBosh"], "{portal}");
    }
    // And at creation.
    let mut world = World::new(config());
    let creation = world.post();
    world.answer(creation.id, "<html/>");
    let creation = world.post();
    world.answer(creation.id, "<html/>");
    assert_eq!(world.take_events(), ["closed NotBosh"]);
}

/// B-R-145: the second answer may be the right one.
#[test]
fn half_an_answer_is_asked_for_again() {
    let (mut world, poll) = World::held(config(), GRANTED);
    world.answer(poll.id, "<body xmlns='http://jabber.org/prot");
    let again = world.post();
    world.answer(again.id, &with(&message("1")));
    assert_eq!(world.take_events(), [message("1")]);
}

/// B-R-149, B-R-150: `type='error'` brings that request and those before it again, in their order, the same bytes.
#[test]
fn a_recoverable_error_is_recovered_from() {
    let (mut world, fifth) = World::held(config(), GRANTED);
    world.send(&message("a"));
    let sixth = world.post();
    world.answer(sixth.id, ERROR);
    let bodies: Vec<_> = world.posts().into_iter().map(|post| post.body).collect();
    assert_eq!(bodies, [fifth.body, sixth.body]);
    assert_eq!(world.abandoned, [fifth.id]);
    assert!(world.take_events().is_empty());
}

/// B-R-150: five times a request, and no more.
#[test]
fn recovery_is_bounded() {
    let (mut world, poll) = World::held(config(), GRANTED);
    let mut last = poll.clone();
    for _ in 0..5 {
        world.answer(last.id, ERROR);
        world.at(world.millis() + 16_000);
        last = world.post();
        assert_eq!(last.body, poll.body);
    }
    world.answer(last.id, ERROR);
    assert_eq!(world.take_events(), ["closed Refused"]);
    assert_eq!(world.post().attribute("type"), Some("terminate"));
}

/// B-R-151: an error for a transmission that we replaced ourselves is its expected echo.
#[test]
fn an_error_for_a_superseded_transmission_is_ignored() {
    let (mut world, poll) = World::held(config(), GRANTED);
    world.at(55_000);
    world.post();
    world.answer(poll.id, ERROR);
    world.silent();
    world.at(56_000);
    world.silent();
}

/// Nor does its failure, or a proxy's word about it, count.
#[test]
fn what_becomes_of_a_superseded_transmission_does_not_matter() {
    let (mut world, poll) = World::held(config(), GRANTED);
    world.at(55_000);
    world.post();
    world.fail(poll.id);
    world.answer_with(poll.id, 404, "");
    world.answer(poll.id, "<html/>");
    world.silent();
    assert!(world.closed.is_empty());
}

/// Encryption refused, or another certificate: nothing more is sent.
#[test]
fn an_untrusted_peer_gets_nothing_more() {
    let (mut world, poll) = World::held(config(), GRANTED);
    world.send(&message("a"));
    world.post();
    world.send(&message("b"));
    world.fail_with(poll.id, Failure::Untrusted);
    world.silent();
    assert_eq!(world.take_events(), ["closed Untrusted"]);
    assert_eq!(world.undelivered(), [message("a"), message("b")]);
}

/// B-R-152: errors of stanzas are payloads.
#[test]
fn errors_of_stanzas_pass() {
    let (mut world, poll) = World::held(config(), GRANTED);
    let error = "<iq xmlns='jabber:client' type='error' id='x'><error type='cancel'><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>";
    world.answer(poll.id, &with(error));
    assert_eq!(world.take_events(), [error]);
    world.send(error);
    let posts = world.posts();
    assert_eq!(posts.last().expect("a request").payload(), error);
    assert!(world.closed.is_empty());
}

/// An answer larger than the driver reads is the connection manager's fault, whichever of the two notices.
#[test]
fn an_answer_too_large_for_the_driver_ends_the_session() {
    let (mut world, poll) = World::held(config(), GRANTED);
    world.fail_with(poll.id, Failure::TooLarge);
    assert_eq!(world.closed[0].cause, Cause::Fault);
}

/// ejabberd may answer a duplicate with its own request's attributes and payloads (TR-18).
#[test]
fn an_echo_is_not_delivered() {
    let (mut world, _) = World::held(config(), GRANTED);
    world.send(&message("mine"));
    let second = world.post();
    world.fail(second.id);
    let again = world.post();
    let rid = again.rid();
    let echo = format!(
        "{BODY} rid='{rid}' sid='S'>{}{}</body>",
        message("mine"),
        message("theirs")
    );
    world.answer(again.id, &echo);
    // Its turn comes behind the poll, whose answer left before it: that is asked for again soon.
    assert!(world.take_events().is_empty());
    world.at(1_999);
    world.silent();
    world.at(2_000);
    let poll = world.post();
    assert_eq!(poll.rid(), rid - 1);
    world.answer(poll.id, EMPTY);
    assert_eq!(world.take_events(), [message("theirs")]);
}

/// Answers leave in order: one that is missing before another is late or lost. Asked for again after 2 s, and then every 5 s, or the
/// session would die of inactivity, since nothing is held meanwhile.
#[test]
fn an_answer_missing_before_another_is_asked_for_soon() {
    let (mut world, poll) = World::held(config(), GRANTED);
    world.send(&message("a"));
    let second = world.post();
    world.at(4_000);
    world.answer(second.id, &with(&message("2")));
    world.at(5_999);
    world.silent();
    world.at(6_000);
    let again = world.post();
    assert_eq!(again.body, poll.body);
    world.at(10_999);
    world.silent();
    world.at(11_000 + 1_000);
    let again = world.post();
    assert_eq!(again.body, poll.body);
    world.answer(again.id, &with(&message("1")));
    assert_eq!(world.take_events(), [message("1"), message("2")]);
}

/// A connection manager answers the oldest request when more than `hold` have come: where it does not, what was sent has vanished, and all of it
/// goes again after a sixth of `inactivity`, as long as that is not over.
#[test]
fn an_answer_that_a_later_request_should_have_released_is_asked_for_again() {
    let (mut world, poll) = World::held(config(), GRANTED);
    world.at(2_000);
    world.send(&message("a"));
    let second = world.post();
    let wanted = [poll.body.clone(), second.body.clone()];
    for tried in 1..=5 {
        world.at(2_000 + 5_000 * tried - 1);
        world.silent();
        world.at(2_000 + 5_000 * tried);
        let again: Vec<_> = world.posts().into_iter().map(|post| post.body).collect();
        assert_eq!(again, wanted);
    }
    world.at(40_000);
    world.silent();
}

/// A large request is given time to be uploaded before its answer is missed.
#[test]
fn a_slow_upload_is_not_cut_short() {
    let (mut world, _) = World::held(config(), GRANTED);
    world.send(&message(&"a".repeat(40_960)));
    world.post();
    world.at(14_999);
    world.silent();
    world.at(16_000);
    assert_eq!(world.posts().len(), 2);
}

/// A request whose connection broke late is held anew: the session is not given up while the connection manager may still answer it.
#[test]
fn a_request_that_was_sent_again_late_may_be_held_for_its_whole_wait() {
    let (mut world, poll) = World::held(config(), GRANTED);
    world.at(40_000);
    world.fail(poll.id);
    let again = world.post();
    assert_eq!((again.at, again.body), (40_000, poll.body));
    world.at(89_999);
    assert!(world.take_events().is_empty());
    world.answer(again.id, EMPTY);
    assert_eq!(world.post().payload(), "");
}
