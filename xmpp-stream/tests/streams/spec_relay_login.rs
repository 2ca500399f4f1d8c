//! Attempts to sign in: what the relay tells of them, and answers that are held back.

use std::time::Duration;

use crate::support::*;
use xmpp_stream::session;

/// `\0juliet\0wrong` and `\0romeo\0wrong`
const JULIET: &str = "AGp1bGlldAB3cm9uZw==";
const ROMEO: &str = "AHJvbWVvAHdyb25n";
const SASL2: &str = "xmlns='urn:xmpp:sasl:2'";

fn auth(initial: &str) -> String {
    format!("<auth {SASL} mechanism='PLAIN'>{initial}</auth>")
}

fn failure(condition: &str) -> String {
    format!("<failure {SASL}><{condition}/></failure>")
}

/// What a server says of credentials is told with the name that the client gave, in both profiles.
#[test]
fn outcomes_are_told_with_the_account() {
    let mut scene = Scene::ready();
    scene.web(&auth(JULIET));
    scene.server(&failure("not-authorized"));
    assert_eq!(scene.logins, ["Some(\"juliet\") failed"]);
    scene.web(&auth(ROMEO));
    scene.server(&format!("<success {SASL}/>"));
    assert_eq!(scene.logins[1..], ["Some(\"romeo\") succeeded"]);

    let mut scene = Scene::ready();
    let authenticate = format!(
        "<authenticate {SASL2} mechanism='PLAIN'><initial-response>{JULIET}</initial-response></authenticate>"
    );
    scene.web(&authenticate);
    scene.server(&format!(
        "<failure {SASL2}><not-authorized {SASL}/></failure>"
    ));
    scene.web(&authenticate.replace(JULIET, "%"));
    scene.server(&format!("<success {SASL2}/>"));
    assert_eq!(scene.logins, ["Some(\"juliet\") failed", "None succeeded"]);
}

/// RFC 6120 §6.5: what does not say that a guess was wrong is not told, nor what answers no attempt.
#[test]
fn other_failures_are_not_told() {
    for condition in ["aborted", "account-disabled", "temporary-auth-failure"] {
        let mut scene = Scene::ready();
        scene.web(&auth(JULIET));
        scene.server(&failure(condition));
        assert_eq!(scene.logins, [""; 0], "{condition}");
    }
    let mut scene = Scene::ready();
    assert_eq!(scene.server(&failure("not-authorized")).len(), 1);
    assert_eq!(scene.server(&format!("<success {SASL}/>")).len(), 1);
    assert_eq!(scene.logins, [""; 0]);
}

/// What a client sends while an answer is held back waits as well.
#[test]
fn a_client_is_not_heard_meanwhile() {
    let mut scene = Scene::ready();
    scene.delay = Some(Duration::from_secs(1));
    scene.web(&auth(JULIET));
    scene.server(&failure("not-authorized"));
    scene.sent();
    scene.web(&auth(ROMEO));
    assert_eq!(scene.sent(), "");
    assert_eq!(scene.after(1).len(), 1);
    assert_eq!(scene.sent(), auth(ROMEO));
}

/// The answer, and all that is behind it, comes when the time is over and not before.
#[test]
fn an_answer_is_held_back() {
    let mut scene = Scene::ready();
    scene.delay = Some(Duration::from_secs(3));
    scene.web(&auth(JULIET));
    scene.sent();
    let failed = failure("not-authorized");
    assert_eq!(scene.server(&format!("{failed}</stream:stream>")), [""; 0]);
    assert_eq!(
        scene.relay.poll_timeout(),
        Some(scene.now + Duration::from_secs(3))
    );
    assert!(!scene.relay.wants_input());
    assert_eq!(scene.eof(), [""; 0]);
    assert_eq!(scene.after_milliseconds(2_999), [""; 0]);
    let orders = scene.after_milliseconds(1);
    assert_eq!(orders[0], failed);
    assert_eq!(orders[1], "close clean");
}

/// Attempts that a client sends without waiting reach the server one after another, each behind the answer to the one before.
#[test]
fn attempts_wait_for_the_answer_before() {
    let mut scene = Scene::ready();
    scene.delay = Some(Duration::from_secs(1));
    let abort = format!("<abort {SASL}/>");
    scene.web(&auth(JULIET));
    scene.web(&abort);
    scene.web(&auth(ROMEO));
    scene.web(&auth(JULIET));
    assert_eq!(scene.sent(), format!("{}{abort}", auth(JULIET)));
    // What was aborted is no guess.
    let aborted = failure("aborted");
    assert_eq!(scene.server(&aborted), [aborted]);
    assert_eq!(scene.sent(), auth(ROMEO));
    let failed = failure("not-authorized");
    assert_eq!(scene.server(&failed), [""; 0]);
    assert_eq!(scene.sent(), "");
    assert_eq!(scene.after(1), [failed]);
    assert_eq!(scene.sent(), auth(JULIET));
    assert_eq!(scene.logins, ["Some(\"romeo\") failed"]);
    assert_eq!(scene.server(&format!("<success {SASL}/>")).len(), 1);
}

/// What waits is bounded as before the features.
#[test]
fn what_waits_for_an_answer_is_bounded() {
    let mut scene = Scene::ready();
    scene.web(&auth(JULIET));
    let mut ended = Vec::new();
    for _ in 0..1_000 {
        ended.extend(scene.web(&auth(ROMEO)));
        if !ended.is_empty() {
            break;
        }
    }
    assert_eq!(ended, ["close fault policy-violation"]);
    assert_eq!(scene.sent().matches("<auth").count(), 1);
}

/// A client that leaves while an answer is held back does not get it.
#[test]
fn leaving_does_not_show_the_answer() {
    let held = || {
        let mut scene = Scene::ready();
        scene.delay = Some(Duration::from_secs(5));
        scene.web(&auth(JULIET));
        assert_eq!(scene.server(&failure("not-authorized")), [""; 0]);
        scene
    };
    let mut scene = held();
    assert_eq!(scene.event(session::Event::Closing), [""; 0]);
    assert!(scene.sent().ends_with("</stream:stream>"));
    assert_eq!(scene.server("</stream:stream>"), ["close clean", "CLOSE"]);
    let mut scene = held();
    assert_eq!(scene.lost(&[]), [""; 0]);
    assert!(scene.sent().ends_with("</stream:stream>"));
}

/// The answer that uses up an address's attempts is still shown, and nothing that was sent ahead reaches the server.
#[test]
fn a_refusal_comes_behind_the_answer() {
    let mut scene = Scene::ready();
    scene.delay = Some(Duration::from_secs(2));
    scene.web(&auth(JULIET));
    scene.web(&auth(ROMEO));
    scene.sent();
    let failed = failure("not-authorized");
    assert_eq!(scene.server(&failed), [""; 0]);
    scene.web(&auth(ROMEO));
    assert_eq!(scene.sent(), "");
    scene.relay.refuse_login(scene.now);
    assert_eq!(scene.sent(), "</stream:stream>");
    assert_eq!(
        scene.after(2),
        [failed.as_str(), "close fault policy-violation"]
    );
    assert_eq!(scene.sent(), "");
}

/// An address that may not try any more: the attempt does not reach the server.
#[test]
fn a_refused_attempt_ends_the_session() {
    let mut scene = Scene::ready();
    scene.relay.refuse_login(scene.now);
    assert_eq!(scene.orders(), ["close fault policy-violation"]);
    assert_eq!(scene.sent(), "</stream:stream>");
}
