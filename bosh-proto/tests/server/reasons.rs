//! Which rule ended a session: one word each, where the client sees one condition for many.

use bosh_proto::server::{Cause, Closed, Rate, Reason};

use crate::support::*;

/// The end of a session to which all this was posted; its rids begin at 101.
fn end_of(mut world: World, posts: &[(u64, &str, &str)]) -> Closed {
    for (rid, attributes, payload) in posts {
        world.post(&world.text(*rid, attributes, payload));
    }
    let (_, closed) = world.closed.pop().expect("closed");
    closed
}

#[test]
fn every_rule_has_a_name_and_the_condition_that_the_client_got() {
    let stanza = message("1");
    let many = [(101, "", ""); 12];
    let doctype = "<!DOCTYPE x>";
    for (creation, posts, reason) in [
        ("", &[(101, "", "<a>")][..], Reason::NotWellFormed),
        ("", &[(101, "", doctype)], Reason::RestrictedXml),
        ("", &[(104, "", "")], Reason::WindowExceeded),
        ("", &[(1, "", "")], Reason::AnswerNotKept),
        ("", &many, Reason::RidRepeatedTooOften),
        ("", &[(101, "", ""), (102, "", "")], Reason::PollingTooOften),
        ("", &[(101, "pause='x'", "")], Reason::PauseMalformed),
        ("", &[(101, "pause='999'", "")], Reason::PauseTooLong),
        ("", &[(101, "newkey='x'", "")], Reason::NewKeyMalformed),
        (
            "newkey='d13815c953ebb4c6d5065d401f3f850e8813d79a'",
            &[(101, "", "")],
            Reason::KeyMissing,
        ),
        (
            "newkey='d13815c953ebb4c6d5065d401f3f850e8813d79a'",
            &[(101, "key='d13815c953ebb4c6d5065d401f3f850e8813d79a'", "")],
            Reason::KeyMismatch,
        ),
        (
            "newkey='d13815c953ebb4c6d5065d401f3f850e8813d79a'",
            &[(102, "", ""), (102, "", &stanza)],
            Reason::RetransmissionDiffers,
        ),
        (
            "",
            &[(
                101,
                "",
                "<stream:stream xmlns:stream='http://etherx.jabber.org/streams'/>",
            )],
            Reason::StreamElement,
        ),
    ] {
        let closed = end_of(World::session(prompt(), creation), posts);
        assert_eq!(closed.reason, Some(reason), "{posts:?}");
        let condition = reason.condition().expect("the client is told");
        assert_eq!(closed.cause, Cause::Fault(condition), "{reason}");
    }
}

#[test]
fn rules_of_the_configuration_have_names() {
    let long = message(&"x".repeat(200));
    let mut config = prompt();
    config.body_bytes_before_auth = 400;
    config.hold = 2;
    let world = World::session(config.clone(), "");
    let longer = message(&"x".repeat(400));
    let closed = end_of(world, &[(101, "", &longer)]);
    assert_eq!(closed.reason, Some(Reason::BodyTooLong));
    let world = World::session(config, "hold='2'");
    let closed = end_of(world, &[(102, "", &long), (103, "", &long)]);
    assert_eq!(closed.reason, Some(Reason::RidGap));
    let mut config = prompt();
    config.maxpause = std::time::Duration::ZERO;
    let closed = end_of(World::session(config, ""), &[(101, "pause='1'", "")]);
    assert_eq!(closed.reason, Some(Reason::PauseNotOffered));
    let mut config = prompt();
    config.rates.session_requests = Some(Rate::new(1, 1));
    config.rates.patience = std::time::Duration::ZERO;
    let stanza = message("1");
    let posts = [(101, "", &*stanza), (102, "", &stanza)];
    let closed = end_of(World::session(config, ""), &posts);
    assert_eq!(closed.reason, Some(Reason::RateExceeded));
    let mut config = prompt();
    config.refuse_early_stanzas = true;
    let closed = end_of(World::session(config, ""), &[(101, "", &stanza)]);
    assert_eq!(closed.reason, Some(Reason::EarlyStanza));
    assert_eq!(closed.cause, Cause::NotAuthorized);
}

#[test]
fn silence_has_a_reason_and_an_orderly_end_has_none() {
    let mut world = World::session(prompt(), "");
    world.at(31_000);
    assert_eq!(world.closed[0].1.reason, Some(Reason::Inactive));
    let mut world = World::session(prompt(), "");
    world.request_with(101, "pause='10'");
    world.at(11_000);
    assert_eq!(world.closed[0].1.reason, Some(Reason::PauseExpired));
    let mut config = prompt();
    config.auth_timeout = Some(std::time::Duration::from_secs(20));
    let mut world = World::session(config, "");
    world.request(101, "");
    world.at(20_000);
    assert_eq!(world.closed[0].1.reason, Some(Reason::AuthTimeout));
    let mut world = World::new(prompt());
    let creation = world.post(&format!("{BODY} rid='1' to='lantern.example' ver='1.11'/>"));
    world.disconnect(creation);
    assert_eq!(world.closed[0].1.reason, Some(Reason::CreationLost));
    let mut world = World::session(prompt(), "");
    world.request_with(101, "type='terminate'");
    assert_eq!(world.closed[0].1.reason, None);
    let mut world = World::session(prompt(), "");
    world.manager.shut_down(world.now);
    world.drain();
    assert_eq!(world.closed[0].1.reason, None);
}

/// Names are kebab-case of the variants.
#[test]
fn reasons_have_the_names_of_their_variants() {
    let server = Reason::ALL.iter();
    let server = server.map(|reason| (reason.as_str(), format!("{reason:?}")));
    let client = bosh_proto::client::Reason::ALL.iter();
    let client = client.map(|reason| (reason.as_str(), format!("{reason:?}")));
    for (name, variant) in server.chain(client) {
        assert_eq!(name.replace('-', ""), variant.to_lowercase());
    }
}
