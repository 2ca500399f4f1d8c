//! What an idle session costs, counted by the allocator: `cargo test -p bosh-proto --test memory --release -- --nocapture` counts
//! 100 000 sessions, the ordinary test run fewer.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use bosh_proto::{
    Channel, ConnectionId, ExchangeId, Request,
    server::{Accept, Action, Config, Event, Manager},
};
use xmpp_wire::{Element, StreamHeader, ns};

/// Counts the bytes that are allocated now.
struct Counting;

static ALLOCATED: AtomicUsize = AtomicUsize::new(0);

// SAFETY: everything is passed on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATED.fetch_add(layout.size(), Ordering::Relaxed);
        // SAFETY: as above.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        ALLOCATED.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// Sessions counted: enough for tables that double to be as full as they are on average.
const SESSIONS: usize = if cfg!(debug_assertions) {
    3_000
} else {
    100_000
};

/// What an idle session that was just created, or has one exchange behind it, may cost; the bodies kept for replay count apart.
const BOUND: usize = 600;

/// The same with as many answers kept as the window of replay holds.
const BOUND_FULL: usize = 640;

const BODY: &str = "<body xmlns='http://jabber.org/protocol/httpbind'";

struct Sessions {
    manager: Manager,
    now: Instant,
    sids: Vec<String>,
    /// Bytes of answers that are kept for replay.
    bodies: usize,
}

impl Sessions {
    fn post(&mut self, body: String, at: usize) -> ExchangeId {
        let request = Request {
            body: body.into(),
            connection: ConnectionId(at as u64),
            address: None,
            channel: Channel::Tls,
        };
        self.manager.handle_request(request, self.now)
    }

    /// Carries out what is ordered, as an application that has features for everybody.
    fn drain(&mut self) {
        while let Some(action) = self.manager.poll_action() {
            match action {
                Action::Respond { id, response } => {
                    let text = std::str::from_utf8(&response.body).expect("UTF-8");
                    if let Some(sid) = text.split(" sid='").nth(1) {
                        self.bodies += response.body.len();
                        self.sids.push(sid[..24].to_owned());
                    } else {
                        assert_eq!(text, format!("{BODY}/>"));
                    }
                    self.manager.handle_sent(id, self.now);
                }
                Action::Deliver { session, event } => {
                    assert!(matches!(event, Event::Opening(_)), "{event:?}");
                    let header = StreamHeader {
                        from: Some("lantern.example".to_owned()),
                        ..StreamHeader::default()
                    };
                    self.manager.accept(session, Accept { header }, self.now);
                    let features = Element::build("stream:features", ns::STREAM).finish();
                    self.manager
                        .send(session, features, self.now)
                        .expect("room");
                }
                Action::Abort { id } => panic!("{id:?} aborted"),
            }
        }
    }

    fn pass(&mut self, seconds: u64) {
        self.now += Duration::from_secs(seconds);
        self.manager.handle_timeout(self.now);
        self.drain();
    }
}

#[test]
fn an_idle_session_costs_little() {
    let mut config = Config::default();
    config.sessions = SESSIONS;
    config.auth_timeout = Some(Duration::from_secs(3_600));
    let mut sids = Vec::with_capacity(SESSIONS);
    sids.resize_with(SESSIONS, || "x".repeat(24));
    sids.clear();
    #[expect(clippy::disallowed_methods, reason = "any instant does")]
    let now = Instant::now();
    let mut all = Sessions {
        manager: Manager::new(Arc::new(config), [7; 32]),
        now,
        sids,
        bodies: 0,
    };
    let start = ALLOCATED.load(Ordering::Relaxed);
    let cost = |all: &Sessions, what: &str, bound: usize| {
        let sids: usize = all.sids.iter().map(String::len).sum();
        let bytes = ALLOCATED.load(Ordering::Relaxed) - start - all.bodies - sids;
        let each = bytes / SESSIONS;
        println!(
            "{what}: {each} bytes a session, and {} kept for replay",
            all.bodies / SESSIONS
        );
        assert_eq!(all.manager.sessions(), SESSIONS);
        assert!(each <= bound, "{what}: {each} bytes a session");
    };

    for at in 0..SESSIONS {
        all.post(
            format!("{BODY} rid='100' to='lantern.example' ver='1.11' wait='10' hold='1'/>"),
            at,
        );
        all.drain();
    }
    cost(&all, "created", BOUND);

    let request = |all: &mut Sessions, rid: u64| {
        for at in 0..SESSIONS {
            let body = format!("{BODY} rid='{rid}' sid='{}'/>", all.sids[at]);
            all.post(body, at);
            all.drain();
        }
    };
    request(&mut all, 101);
    all.pass(10);
    cost(&all, "one empty exchange done", BOUND);

    request(&mut all, 102);
    cost(&all, "one request held", BOUND);

    all.pass(10);
    for rid in 103..106 {
        request(&mut all, rid);
        all.pass(10);
    }
    // The creation's answer has left the window of replay.
    all.bodies = 0;
    cost(&all, "after many exchanges", BOUND_FULL);
}
