//! What holds for every sequence of calls (ARCHITECTURE.md, the contract of every machine).

use std::time::Duration;

use bosh_proto::client::{Config, Exported, Failure, Session};
use proptest::prelude::*;

use crate::support::*;

/// Any call, sensible or not.
#[derive(Clone, Debug)]
enum Call {
    Send(usize),
    Sasl,
    Pause(u64),
    Resume,
    Close,
    /// 1 in 4 of them.
    Abort(u8),
    Hold,
    Release,
    /// An answer to one of the requests so far, whether or not it is still wanted.
    Answer(prop::sample::Index, usize),
    Status(prop::sample::Index, u16),
    Fail(prop::sample::Index, usize),
    Garbage(prop::sample::Index, Vec<u8>),
    /// Time passes, every deadline kept.
    Pass(u64),
    /// Time passes, and nobody calls.
    Late(u64),
    /// The clock goes back.
    Back(u64),
    /// Time passes at rest.
    Move(u64),
}

fn call() -> impl Strategy<Value = Call> {
    let index = any::<prop::sample::Index>;
    prop_oneof![
        6 => (0..300_usize).prop_map(Call::Send),
        1 => Just(Call::Sasl),
        1 => (0..130_u64).prop_map(Call::Pause),
        1 => Just(Call::Resume),
        1 => Just(Call::Close),
        1 => (0..4_u8).prop_map(Call::Abort),
        1 => Just(Call::Hold),
        1 => Just(Call::Release),
        12 => (index(), 0..ANSWERS).prop_map(|(at, which)| Call::Answer(at, which)),
        2 => (index(), prop_oneof![Just(0), Just(100), 200..600_u16]).prop_map(|(at, status)| Call::Status(at, status)),
        2 => (index(), 0..8_usize).prop_map(|(at, kind)| Call::Fail(at, kind)),
        1 => (index(), prop::collection::vec(any::<u8>(), 0..40)).prop_map(|(at, bytes)| Call::Garbage(at, bytes)),
        4 => (0..60_000_u64).prop_map(Call::Pass),
        2 => (0..200_000_u64).prop_map(Call::Late),
        1 => (0..60_000_u64).prop_map(Call::Back),
        1 => (0..60_000_u64).prop_map(Call::Move),
    ]
}

const ANSWERS: usize = 16;

/// The answer of that kind to a request.
fn answer(which: usize, request: &Posted) -> String {
    if request.attribute("sid").is_none() && which != 3 {
        return match which % 4 {
            0 => created(POLLING),
            1 => created("wait='3' hold='1' requests='3'"),
            2 => format!(
                "{BODY} sid='S' wait='70000' hold='999' requests='999' polling='x' ack='1'/>"
            ),
            _ => created(&format!("{GRANTED} ack='{}'", request.rid())),
        };
    }
    let rid = request.rid();
    match which {
        0..=2 => EMPTY.to_owned(),
        3 => tagged("type='terminate' condition='policy-violation'"),
        4 | 5 => with(&message("s")),
        6 => ERROR.to_owned(),
        7 => with(SUCCESS),
        8 => with(FEATURES),
        9 => tagged(&format!("ack='{}'", rid + 1)),
        10 => tagged(&format!("report='{}' time='5'", rid.saturating_sub(1))),
        11 => format!("{BODY} type='terminate'>{}</body>", message("s")),
        12 => request.body.clone(),
        13 => tagged("host='a/b' from=''"),
        14 => with(&message(&"s".repeat(3_000))),
        _ => with("<stream:error/>"),
    }
}

/// Runs the calls, and tells everything that came out.
fn run(calls: &[Call]) -> Vec<String> {
    let mut config = config();
    config.outbox_bytes = 1_000;
    config.request_bytes = 400;
    config.held_bytes = 2_000;
    config.response_bytes = 3_500;
    config.client_ack = calls.len().is_multiple_of(2);
    config.keys = calls.len().is_multiple_of(11);
    let mut world = World::new(config);
    let mut posted: Vec<Posted> = Vec::new();
    let mut accepted: Vec<String> = Vec::new();
    for (count, call) in calls.iter().enumerate() {
        posted.extend(world.posts());
        if !world.closed.is_empty() {
            assert_eq!(world.session.poll_timeout(), None);
        }
        let pick = |at: &prop::sample::Index| posted.get(at.index(posted.len().max(1))).cloned();
        match call {
            Call::Send(size) => {
                let message = message(&format!("{count}-{}", "x".repeat(*size)));
                if world.queue(&message).is_ok() {
                    accepted.push(message);
                }
            }
            Call::Sasl => {
                let auth = "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>";
                if world.queue(auth).is_ok() {
                    accepted.push(auth.to_owned());
                }
            }
            Call::Pause(seconds) => {
                let period = Duration::from_secs(*seconds);
                let _ = world.session.pause(period, world.now);
            }
            Call::Resume => {
                let _ = world.session.resume(world.now);
            }
            Call::Close => world.session.close(world.now),
            Call::Abort(0) => world.session.abort(world.now),
            Call::Abort(_) => {}
            Call::Hold => world.session.hold_input(world.now),
            Call::Release => world.session.release_input(world.now),
            Call::Answer(at, which) => {
                if let Some(request) = pick(at) {
                    world.answer(request.id, &answer(*which, &request));
                }
            }
            Call::Status(at, status) => {
                if let Some(request) = pick(at) {
                    world.answer_with(request.id, *status, "<html/>");
                }
            }
            Call::Fail(at, kind) => {
                let failure = match kind {
                    0 => Failure::Untrusted,
                    1 => Failure::TooLarge,
                    _ => Failure::Lost,
                };
                if let Some(request) = pick(at) {
                    world.fail_with(request.id, failure);
                }
            }
            Call::Garbage(at, bytes) => {
                if let Some(request) = pick(at) {
                    world.answer(request.id, &String::from_utf8_lossy(bytes));
                }
            }
            Call::Pass(millis) => world.at(world.millis() + millis),
            Call::Late(millis) => {
                world.now += Duration::from_millis(*millis);
                world.session.handle_timeout(world.now);
                // Once more does nothing.
                world.drain();
                let before = posted.len() + world.events.len();
                world.session.handle_timeout(world.now);
                world.drain();
                assert_eq!(before, posted.len() + world.events.len());
            }
            Call::Back(millis) => {
                let back = Duration::from_millis(*millis);
                let earlier = world.now.checked_sub(back).unwrap_or(world.now);
                world.session.handle_timeout(earlier);
            }
            Call::Move(_) if !world.closed.is_empty() => {}
            Call::Move(millis) => {
                let other = Session::new(Config::default(), [1; 32], world.now);
                let session = std::mem::replace(&mut world.session, other);
                let exported = session.export(world.now).expect("not closed");
                world.now += Duration::from_millis(*millis);
                let bytes = exported.to_bytes();
                let exported = Exported::from_bytes(&bytes).expect("our own bytes");
                let elapsed = Duration::from_millis(*millis);
                world.session = Session::import(exported, [2; 32], world.now, elapsed);
            }
        }
        world.drain();
    }
    // Nobody answers any more, and the application has had enough.
    world.session.close(world.now);
    world.drain();
    world.at(world.millis() + 5_000);
    posted.extend(world.posts());
    assert!(!world.closed.is_empty(), "not closed");
    assert_eq!(world.session.poll_timeout(), None);
    assert!(world.session.poll_action().is_none());
    let undelivered = world.undelivered();
    for element in &accepted {
        let is_sent = posted.iter().any(|post| post.body.contains(element));
        assert!(
            is_sent || undelivered.contains(element),
            "{element} is lost"
        );
    }
    // The same rid, the same bytes; new rids without a gap.
    let sid = |post: &Posted| post.attribute("sid").is_some();
    let rids: std::collections::BTreeMap<_, _> = posted
        .iter()
        .filter(|post| sid(post))
        .map(|post| (post.rid(), post.body.clone()))
        .collect();
    for post in posted.iter().filter(|post| sid(post)) {
        assert_eq!(rids[&post.rid()], post.body, "other bytes under one rid");
    }
    let range = rids.keys().next().copied().zip(rids.keys().last().copied());
    if let Some((first, last)) = range {
        assert_eq!(last - first + 1, rids.len() as u64, "a gap");
    }
    let bodies = posted.into_iter().map(|post| post.body);
    bodies.chain(world.events).chain(undelivered).collect()
}

/// Half as many cases as usual: each is run twice.
fn half() -> ProptestConfig {
    let usual = ProptestConfig::default();
    ProptestConfig {
        cases: usual.cases / 2,
        ..usual
    }
}

proptest! {
    #![proptest_config(half())]

    /// B-R-029, B-R-030, B-R-083, B-R-096: no panic, `Closed` once and nothing after it, progress at each deadline, late and backward time
    /// harmless, export at any point, nothing accepted is forgotten, no rid with two bodies; and the same again for the same calls.
    #[test]
    fn any_calls_keep_the_contract(calls in prop::collection::vec(call(), 1..80)) {
        prop_assert_eq!(run(&calls), run(&calls));
    }
}
