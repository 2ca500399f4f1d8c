//! Deadlines of many sessions: an idle one is woken for what is due, and for nothing else.

use bosh_proto::server::Config;

use crate::support::*;

/// Steps from deadline to deadline up to that time; gives their number.
fn wakes(world: &mut World, millis: u64) -> usize {
    let until = world.start() + std::time::Duration::from_millis(millis);
    let mut count = 0;
    while let Some(at) = world.manager.poll_timeout().filter(|at| *at <= until) {
        world.now = world.now.max(at);
        world.manager.handle_timeout(world.now);
        world.drain();
        count += 1;
    }
    world.now = until;
    count
}

#[test]
fn idle_sessions_are_woken_for_what_is_due() {
    const SESSIONS: usize = 500;
    let mut world = World::new(Config::default());
    let mut sids = Vec::new();
    for at in 0..SESSIONS as u64 {
        world.at(at);
        world.open(FIRST, "wait='50'");
        sids.push(world.sid.clone());
    }
    // Each holds a request for 50 s; the deadline for silence that was set before fires once and moves on.
    world.at(1_000);
    for (at, sid) in (1_001..).zip(&sids) {
        world.at(at);
        world.sid.clone_from(sid);
        world.request(FIRST + 1, "");
    }
    let held = wakes(&mut world, 50_999);
    assert!(held <= SESSIONS, "{held} wakes while all requests are held");
    let answered = wakes(&mut world, 60_000);
    assert_eq!(answered, SESSIONS, "one wake for each answer");
    assert_eq!(world.manager.sessions(), SESSIONS);
    // Half a minute of silence later they end, and nothing is left to wait for.
    let ended = wakes(&mut world, 1_000_000);
    assert_eq!(ended, SESSIONS, "one wake for each end");
    assert_eq!(world.manager.sessions(), 0);
    assert_eq!(world.manager.poll_timeout(), None);
}
