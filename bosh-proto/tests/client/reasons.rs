//! Which rule ended a session on the client's side.

use bosh_proto::client::{Failure, Reason};

use crate::support::*;

fn reason(world: &World) -> Option<Reason> {
    world.closed.last().expect("closed").reason
}

#[test]
fn what_an_answer_breaks_has_a_name() {
    let mut config = config();
    config.response_bytes = 4_096;
    let stream = with("<stream:stream xmlns:stream='http://etherx.jabber.org/streams'/>");
    let long = with(&message(&"x".repeat(4_096)));
    for (body, broken) in [
        (&*stream, Reason::StreamElement),
        (&long, Reason::AnswerTooLong),
        (&with("<!-- x -->"), Reason::RestrictedXml),
        (&with(&"<a>".repeat(300)), Reason::XmlLimit),
    ] {
        let (mut world, poll) = World::held(config.clone(), GRANTED);
        world.answer(poll.id, body);
        assert_eq!(reason(&world), Some(broken), "{body}");
    }
    let mut world = World::new(config);
    let creation = world.post();
    world.answer(creation.id, EMPTY);
    assert_eq!(reason(&world), Some(Reason::SidMissing));
}

#[test]
fn what_comes_instead_of_an_answer_has_a_name() {
    for (status, body, broken) in [
        (302, "", Reason::HttpRedirect),
        (413, "", Reason::RequestTooLong),
        (403, "", Reason::StatusRepeated),
        (200, "<html/>", Reason::NotBosh),
        (
            200,
            "<body xmlns='http://jabber.org/protocol/httpbind' type='error'/>",
            Reason::ErrorRepeated,
        ),
    ] {
        let (mut world, mut poll) = World::held(config(), GRANTED);
        while world.closed.is_empty() {
            world.answer_with(poll.id, status, body);
            let wait = world.millis() + 8_000;
            world.at(wait);
            match world.posts().pop() {
                Some(next) => poll = next,
                None => break,
            }
        }
        assert_eq!(reason(&world), Some(broken), "{status}");
    }
    for (failure, broken) in [
        (Failure::TooLarge, Reason::AnswerTooLong),
        (Failure::Untrusted, Reason::Untrusted),
    ] {
        let (mut world, poll) = World::held(config(), GRANTED);
        world.fail_with(poll.id, failure);
        assert_eq!(reason(&world), Some(broken));
    }
    let (mut world, _) = World::held(config(), GRANTED);
    world.at(500_000);
    assert_eq!(reason(&world), Some(Reason::AnswersMissing));
    let mut once = config();
    once.creation_attempts = 1;
    for (status, broken) in [
        (503, Reason::CreationStatus),
        (0, Reason::CreationUnanswered),
    ] {
        let mut world = World::new(once.clone());
        let creation = world.post();
        if status == 0 {
            world.fail(creation.id);
        } else {
            world.answer_with(creation.id, status, "");
        }
        assert_eq!(reason(&world), Some(broken));
    }
}

#[test]
fn an_orderly_end_has_no_reason() {
    let (mut world, poll) = World::held(config(), GRANTED);
    world.answer(poll.id, &tagged("type='terminate'"));
    assert_eq!(reason(&world), None);
    let (mut world, _) = World::held(config(), GRANTED);
    world.close();
    world.at(60_000);
    assert_eq!(reason(&world), None);
}
