//! Who is let in, before anything is made for them (W-R-476): connections, sessions, and bytes of clients that are not signed in.
//!
//! - All count against the totals. Those from one address count against its share, but not from loopback and not behind a proxy that does not tell
//!   its clients' addresses, where one address stands for many people.
//! - Connections that carry no session give way: when the last places are being taken, the oldest of them is dropped for each new one, since a
//!   client's session needs a second connection to send while its request is held. Those that have carried one go last.
//! - A session counts from its creation, and as not signed in until its server says otherwise.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::sync::Notify;
use xmpp_machine::AddressShare;

use super::{
    descriptors::Budget,
    rate::Creations,
    shares::{Peer, Refusal, Shares},
};

/// How long a connection that has carried a session may rest before it has to give way.
const REST: Duration = Duration::from_secs(1);
/// How long a new connection waits for those that give way to it.
const PATIENCE: Duration = Duration::from_secs(1);

/// The doorkeeper of the process.
#[derive(Clone, Debug)]
pub(crate) struct Admission(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    budget: Budget,
    creations: Creations,
    state: Mutex<State>,
    /// Places for connections are few.
    tight: AtomicBool,
    /// A place for a connection is free.
    freed: Notify,
}

#[derive(Debug)]
struct State {
    connections: Shares,
    /// Connections that carry no session: first those that never did, the oldest first.
    idle: BTreeMap<Turn, Idle>,
    /// How many connections were ever put among the idle ones.
    serial: u64,
    /// Connections that were told to give way and are still there.
    leaving: usize,
    sessions: usize,
    unauthenticated: Shares,
    bytes: Shares,
}

/// When a connection has to give way: whether it has carried a session, then its age.
type Turn = (bool, u64);

/// A connection that carries no session.
#[derive(Debug)]
struct Idle {
    since: Instant,
    gives_way: Arc<Notify>,
}

impl Admission {
    pub(crate) fn new(budget: Budget, creations: Creations) -> Self {
        let state = State {
            connections: Shares::new(budget.connections, budget.connections_per_address),
            idle: BTreeMap::new(),
            serial: 0,
            leaving: 0,
            sessions: 0,
            unauthenticated: Shares::new(
                budget.unauthenticated,
                budget.unauthenticated_per_address,
            ),
            bytes: Shares::new(budget.bytes, budget.bytes_per_address),
        };
        Self(Arc::new(Inner {
            budget,
            creations,
            state: Mutex::new(state),
            tight: AtomicBool::new(false),
            freed: Notify::new(),
        }))
    }

    /// A place for a connection. Waits a little where others are about to leave theirs.
    pub(crate) async fn connection(&self, peer: Peer) -> Result<ConnectionSlot, Refusal> {
        let until = tokio::time::Instant::now() + PATIENCE;
        loop {
            let freed = self.0.freed.notified();
            match self.try_connection(peer, Instant::now()) {
                Err(Refusal::Full) if self.0.lock().leaving > 0 => {
                    if tokio::time::timeout_at(until, freed).await.is_err() {
                        return Err(Refusal::Full);
                    }
                }
                admitted => return admitted,
            }
        }
    }

    fn try_connection(&self, peer: Peer, now: Instant) -> Result<ConnectionSlot, Refusal> {
        let share = peer.share();
        let mut state = self.0.lock();
        let taken = state.connections.take(share, 1);
        // Nobody gives way to an address that has its share.
        if taken != Err(Refusal::Share) {
            state.make_room(&self.0.budget, now);
        }
        taken?;
        let gives_way = Arc::<Notify>::default();
        let turn = state.wait(false, &gives_way, now);
        self.0.note_tightness(&state);
        drop(state);
        Ok(ConnectionSlot {
            inner: Arc::clone(&self.0),
            share,
            gives_way,
            turn: Some(turn),
        })
    }

    /// Whether places for connections are few: then connections end with their answers.
    pub(crate) fn is_tight(&self) -> bool {
        self.0.tight.load(Ordering::Relaxed)
    }

    /// Room for a session that is not signed in, at the rate of its transport. `rated`: whose rate of creations it counts against, beside that of all.
    pub(crate) fn session(&self, peer: Peer, rated: Peer, now: Instant) -> Result<Permit, Denied> {
        let limited = |limit| move |refusal| Denied { refusal, limit };
        let share = peer.share();
        let bytes = self.0.budget.session_bytes;
        let mut state = self.0.lock();
        if state.sessions >= self.0.budget.sessions {
            return Err(limited(Limit::Sessions)(Refusal::Full));
        }
        state
            .unauthenticated
            .take(share, 1)
            .map_err(limited(Limit::Unauthenticated))?;
        let taken = state
            .bytes
            .take(share, bytes)
            .map_err(limited(Limit::Bytes))
            .and_then(|()| {
                self.0
                    .creations
                    .admit(rated, now)
                    .map_err(limited(Limit::Rate))
                    .inspect_err(|_| state.bytes.give(share, bytes))
            });
        if let Err(refused) = taken {
            state.unauthenticated.give(share, 1);
            return Err(refused);
        }
        state.sessions += 1;
        drop(state);
        Ok(Permit(Arc::new(Session {
            inner: Arc::clone(&self.0),
            share,
            held: Mutex::new(Some(bytes)),
        })))
    }

    /// Room for bytes that a client sends which is not known to be signed in; dropping it gives them back.
    pub(crate) fn bytes(&self, peer: Peer, count: usize) -> Result<Bytes, Refusal> {
        let share = peer.share();
        self.0.lock().bytes.take(share, count)?;
        Ok(Bytes {
            inner: Arc::clone(&self.0),
            share,
            count,
        })
    }
}

impl Inner {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn note_tightness(&self, state: &State) {
        let Budget {
            connections, kept, ..
        } = self.budget;
        let tight = state.connections.taken() > connections - kept;
        self.tight.store(tight, Ordering::Relaxed);
    }
}

impl State {
    /// Makes a connection give way to the one that has come where places are being used up. Half of what is kept is left for those that are on their way out.
    fn make_room(&mut self, budget: &Budget, now: Instant) {
        let left = budget.connections.saturating_sub(self.connections.taken());
        let Some((&(carried, serial), idle)) = self.idle.first_key_value() else {
            return;
        };
        let goes = if carried {
            left == 0 && now.saturating_duration_since(idle.since) >= REST
        } else {
            left < budget.kept / 2
        };
        if goes && let Some(idle) = self.idle.remove(&(carried, serial)) {
            self.leaving += 1;
            idle.gives_way.notify_one();
        }
    }

    /// Puts a connection behind those that carry no session.
    fn wait(&mut self, carried: bool, gives_way: &Arc<Notify>, now: Instant) -> Turn {
        self.serial += 1;
        let turn = (carried, self.serial);
        let idle = Idle {
            since: now,
            gives_way: Arc::clone(gives_way),
        };
        self.idle.insert(turn, idle);
        turn
    }

    /// Takes it out of them again; it may have been told to give way meanwhile.
    fn stop_waiting(&mut self, turn: Turn) {
        if self.idle.remove(&turn).is_none() {
            self.leaving = self.leaving.saturating_sub(1);
        }
    }
}

/// Which limit refused a session, and whose it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Denied {
    pub(crate) refusal: Refusal,
    limit: Limit,
}

/// Which limit refused a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Limit {
    Sessions,
    Unauthenticated,
    Bytes,
    Rate,
}

impl Denied {
    /// For logs: which limit, and what to do.
    pub(crate) fn cause(self) -> &'static str {
        match (self.limit, self.refusal) {
            (Limit::Sessions, _) => {
                "new sessions refused: there are as many as may be; raise limits.connections, and the limit on open files with it"
            }
            (Limit::Unauthenticated, Refusal::Full) => {
                "new sessions refused: too many are not signed in; raise limits.unauthenticated_sessions"
            }
            (Limit::Unauthenticated, Refusal::Share) => {
                "new sessions refused: too many of one address are not signed in; raise limits.unauthenticated_sessions_per_address, \
                 or name a proxy in http.trusted_proxies"
            }
            (Limit::Bytes, _) => {
                "new sessions refused: too many bytes of clients that are not signed in; raise limits.unauthenticated_bytes"
            }
            (Limit::Rate, Refusal::Full) => {
                "new sessions refused: too many in a second from all together; raise limits.sessions_per_second"
            }
            (Limit::Rate, Refusal::Share) => {
                "WebSocket handshakes refused with 429: too many in a second from one address; \
                 raise websocket.handshakes_per_second_per_address"
            }
        }
    }
}

/// A connection's place; dropping it gives it back.
#[derive(Debug)]
pub(crate) struct ConnectionSlot {
    inner: Arc<Inner>,
    share: Option<AddressShare>,
    gives_way: Arc<Notify>,
    /// Its turn among those that carry no session.
    turn: Option<Turn>,
}

impl ConnectionSlot {
    /// Says whether the connection carries a session now. One that does not may have to give way.
    pub(crate) fn set_carries_session(&mut self, carries: bool) {
        match (carries, self.turn) {
            (true, Some(turn)) => {
                self.inner.lock().stop_waiting(turn);
                self.turn = None;
            }
            (false, None) => {
                let now = Instant::now();
                self.turn = Some(self.inner.lock().wait(true, &self.gives_way, now));
            }
            (true, None) | (false, Some(_)) => {}
        }
    }

    /// Counts it against the address that turned out to be behind it, as well.
    pub(crate) fn assign(&mut self, peer: Peer) -> Result<(), Refusal> {
        let share = peer.share();
        if self.share.is_none() {
            self.inner.lock().connections.assign(share, 1)?;
            self.share = share;
        }
        Ok(())
    }

    /// Told when the connection has to give way.
    pub(crate) fn gives_way(&self) -> Arc<Notify> {
        Arc::clone(&self.gives_way)
    }
}

impl Drop for ConnectionSlot {
    fn drop(&mut self) {
        let mut state = self.inner.lock();
        state.connections.give(self.share, 1);
        if let Some(turn) = self.turn {
            state.stop_waiting(turn);
        }
        self.inner.note_tightness(&state);
        drop(state);
        self.inner.freed.notify_one();
    }
}

/// A session's room. It ends with the last clone.
#[derive(Clone, Debug)]
pub(crate) struct Permit(Arc<Session>);

#[derive(Debug)]
struct Session {
    inner: Arc<Inner>,
    share: Option<AddressShare>,
    /// Bytes that it may have parked while it is not signed in.
    held: Mutex<Option<usize>>,
}

impl Permit {
    /// Counts bytes that the client sends before it is signed in; `false` where there is no room for them.
    pub(crate) fn admit(&self, bytes: usize) -> bool {
        let Session { inner, share, held } = &*self.0;
        let mut held = held.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut *held {
            Some(held) => {
                let taken = inner.lock().bytes.take(*share, bytes).is_ok();
                if taken {
                    *held += bytes;
                }
                taken
            }
            None => true,
        }
    }

    /// The client has signed in: it counts as one of all sessions from now on.
    pub(crate) fn signed_in(&self) {
        self.0.signed_in();
    }
}

impl Session {
    fn signed_in(&self) {
        let held = self
            .held
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(held) = held {
            let mut state = self.inner.lock();
            state.unauthenticated.give(self.share, 1);
            state.bytes.give(self.share, held);
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.signed_in();
        let mut state = self.inner.lock();
        state.sessions = state.sessions.saturating_sub(1);
    }
}

/// Room for bytes; dropping it gives it back.
#[derive(Debug)]
pub(crate) struct Bytes {
    inner: Arc<Inner>,
    share: Option<AddressShare>,
    count: usize,
}

impl Drop for Bytes {
    fn drop(&mut self) {
        self.inner.lock().bytes.give(self.share, self.count);
    }
}

#[cfg(test)]
mod tests {
    use std::{
        pin::pin,
        task::{Context, Waker},
    };

    use super::*;
    use crate::config::Config;

    /// 64 connections and 48 sessions.
    fn admission(limits: &str) -> Admission {
        let text = format!("[limits]\nconnections = 64\n{limits}");
        let config = Config::from_text(&text).expect("a configuration");
        let budget = Budget::new(&config).expect("room");
        Admission::new(budget, Creations::new(1_000, 2))
    }

    fn client(last: u8) -> Peer {
        Peer::Client([192, 0, 2, last].into())
    }

    fn is_told(place: &ConnectionSlot) -> bool {
        let gives_way = place.gives_way();
        let told = pin!(gives_way.notified());
        told.poll(&mut Context::from_waker(Waker::noop()))
            .is_ready()
    }

    /// W-R-476: the oldest without a session goes first, those that have carried one only when nothing else is left and they have rested.
    #[test]
    fn connections_give_way_in_their_turn() {
        let admission = admission("");
        let start = Instant::now();
        let mut places: Vec<ConnectionSlot> = (0..57)
            .map(|_| admission.try_connection(Peer::Proxy, start).expect("room"))
            .collect();
        assert!(is_told(&places[0]), "eight places are left");
        assert!(!is_told(&places[1]));
        for place in &mut places[1..] {
            place.set_carries_session(true);
        }
        places.remove(0);
        places[0].set_carries_session(false);
        for _ in 0..8 {
            let mut place = admission.try_connection(Peer::Proxy, start).expect("room");
            place.set_carries_session(true);
            places.push(place);
        }
        let refused = admission.try_connection(Peer::Proxy, Instant::now());
        assert_eq!(
            refused.err(),
            Some(Refusal::Full),
            "it has just carried one"
        );
        assert!(!is_told(&places[0]));
        let later = Instant::now() + REST;
        let refused = admission.try_connection(Peer::Proxy, later);
        assert_eq!(refused.err(), Some(Refusal::Full), "it has not left yet");
        assert!(is_told(&places[0]));
        assert_eq!(admission.0.lock().leaving, 1);
        places.remove(0);
        assert_eq!(admission.0.lock().leaving, 0);
        places.push(admission.try_connection(Peer::Proxy, later).expect("room"));
        drop(places);
        let state = admission.0.lock();
        assert_eq!((state.connections.taken(), state.idle.len()), (0, 0));
    }

    /// W-R-476: an address that has its share drives nobody out.
    #[test]
    fn nobody_gives_way_to_an_address_that_has_its_share() {
        let admission = admission("connections_per_address = 4");
        let start = Instant::now();
        let places: Vec<ConnectionSlot> = (0..56)
            .map(|_| admission.try_connection(Peer::Proxy, start).expect("room"))
            .collect();
        let own: Vec<ConnectionSlot> = (0..4)
            .map(|_| admission.try_connection(client(1), start).expect("room"))
            .collect();
        assert!(places[..4].iter().all(is_told));
        for _ in 0..100 {
            let refused = admission.try_connection(client(1), start);
            assert_eq!(refused.err(), Some(Refusal::Share));
        }
        assert!(!places[4..].iter().chain(&own).any(is_told));
    }

    /// W-R-476: what a refused session had taken already is given back, and signing in or ending gives back the rest.
    #[test]
    fn sessions_give_back_what_they_took() {
        let admission = admission("unauthenticated_sessions_per_address = 3");
        let now = Instant::now();
        let taken = || {
            let state = admission.0.lock();
            (
                state.sessions,
                state.unauthenticated.taken(),
                state.bytes.taken(),
            )
        };
        let create = |rated| admission.session(client(1), rated, now);
        let first = create(Peer::Proxy).expect("room");
        let second = create(Peer::Proxy).expect("room");
        assert_eq!(taken(), (2, 2, 32_768));
        for _ in 0..10 {
            let _ = admission.0.creations.admit(client(1), now);
        }
        let denied = create(client(1)).expect_err("its rate");
        assert!(denied.cause().contains("handshakes_per_second_per_address"));
        assert_eq!(taken(), (2, 2, 32_768));
        let third = create(Peer::Proxy).expect("room");
        let denied = create(Peer::Proxy).expect_err("its share");
        assert_eq!(denied.refusal, Refusal::Share);
        assert_eq!(taken(), (3, 3, 49_152));
        assert!(first.admit(1_000));
        first.signed_in();
        first.signed_in();
        assert!(first.admit(usize::MAX), "nothing counts any more");
        assert_eq!(taken(), (3, 2, 32_768));
        assert!(second.admit(1_000));
        assert!(!second.admit(usize::MAX));
        assert_eq!(taken().2, 33_768);
        drop((first, second.clone(), second, third));
        assert_eq!(taken(), (0, 0, 0));
        let bytes = admission.bytes(client(1), 9).expect("room");
        assert_eq!(taken().2, 9);
        drop(bytes);
        assert_eq!(taken().2, 0);
    }

    /// W-R-476: all sessions together, signed in or not.
    #[test]
    fn sessions_leave_places_for_their_requests() {
        let admission = admission("");
        let permits: Vec<Permit> = (0..48)
            .map(|_| {
                let permit = admission
                    .session(Peer::Proxy, Peer::Proxy, Instant::now())
                    .expect("room");
                permit.signed_in();
                permit
            })
            .collect();
        let denied = admission
            .session(Peer::Proxy, Peer::Proxy, Instant::now())
            .expect_err("full");
        assert!(denied.cause().contains("limits.connections"));
        drop(permits);
    }
}
