//! What a peer can make a connection hold, counted by the allocator: whatever comes, one message and a constant.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    sync::atomic::{AtomicUsize, Ordering},
};

use bytes::BytesMut;
use ws_conformance::{Cuts, Frame, Subject};
use ws_framing::{
    Connection, Instant,
    connection::{Binary, Config},
};

/// Counts the bytes that are allocated now, and the most that were.
struct Counting;

static NOW: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);

// SAFETY: everything is passed on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let now = NOW.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        MOST.fetch_max(now, Ordering::Relaxed);
        // SAFETY: as above.
        unsafe { System.alloc(layout) }
    }

    /// A block that grows is one block: large ones are moved in the page table, not copied.
    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let before = NOW.fetch_add(size, Ordering::Relaxed);
        NOW.fetch_sub(layout.size(), Ordering::Relaxed);
        MOST.fetch_max(before + size - layout.size(), Ordering::Relaxed);
        // SAFETY: as above.
        unsafe { System.realloc(pointer, layout, size) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        NOW.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

const MESSAGE_BYTES: usize = 100_000;
/// One read of the transport.
const READ_BYTES: usize = 4096;
/// Queues, control frames, a window and a codec.
const CONSTANT: usize = 64 * 1024;

fn config() -> Config {
    let mut config = Config::default();
    config.message_bytes = MESSAGE_BYTES;
    config.frame_bytes = MESSAGE_BYTES;
    config.binary = Binary::Accepted;
    config.control_rate = None;
    config
}

#[expect(
    clippy::disallowed_methods,
    reason = "an epoch has to come from somewhere"
)]
fn now() -> Instant {
    Instant::now()
}

/// The most bytes that were held while `bytes` came, the caller's buffer with them. Nothing is written; messages are dropped as they come.
fn most(mut connection: Connection, bytes: &[u8]) -> usize {
    let now = now();
    let before = NOW.load(Ordering::Relaxed);
    MOST.store(before, Ordering::Relaxed);
    let mut input = BytesMut::new();
    for read in bytes.chunks(READ_BYTES) {
        input.extend_from_slice(read);
        loop {
            connection.handle_input(&mut input, now);
            let all = connection.wants_input();
            while let Some(action) = connection.poll_action() {
                drop(action);
            }
            if all || !connection.wants_input() {
                break;
            }
        }
    }
    MOST.load(Ordering::Relaxed) - before
}

fn server() -> Connection {
    Connection::server(config(), now())
}

fn wire(frames: impl IntoIterator<Item = Frame>) -> Vec<u8> {
    let mut bytes = Vec::new();
    for frame in frames {
        frame.write(Subject::Server, &mut bytes);
    }
    bytes
}

/// Frames of any kind and size, some of them wrong.
fn noise(seed: u64) -> Vec<u8> {
    let mut random = Cuts::new(seed);
    let mut frames = Vec::new();
    let mut bytes = 0;
    while bytes < 600_000 {
        let size = match random.below(4) {
            0 => 0,
            1 => random.below(130),
            2 => random.below(5000),
            _ => random.below(MESSAGE_BYTES + 500),
        };
        let first = [0x01, 0x00, 0x00, 0x80, 0x81, 0x82, 0x89, 0x8a, 0x02][random.below(9)];
        let frame = Frame {
            first,
            payload: vec![b'a'; if first & 8 == 0 { size } else { size % 126 }].into(),
        };
        bytes += size + 14;
        frames.push(frame);
    }
    wire(frames)
}

/// W-R-123, W-R-211: one test, the counter is the process's.
#[test]
fn a_peer_makes_a_connection_hold_one_message() {
    // Whole messages stay in the caller's buffer, which doubles as it grows.
    let whole = wire([Frame::text(vec![b'a'; MESSAGE_BYTES])]);
    let held = most(server(), &whole);
    assert!(held <= 2 * MESSAGE_BYTES + CONSTANT, "whole: {held}");
    assert!(held >= MESSAGE_BYTES, "whole: {held}: nothing was counted");

    let payload = vec![b'a'; MESSAGE_BYTES].into();
    for size in [100, 1000, 50_000] {
        let held = most(server(), &wire(Frame::fragments(1, &payload, size)));
        assert!(
            held <= MESSAGE_BYTES + CONSTANT,
            "fragments of {size}: {held}"
        );
    }

    let floods = [
        (
            "fragments",
            wire((0..20_000).map(|_| Frame::text("").unfinished())),
        ),
        (
            "empty continuations",
            wire((0..20_000).map(|at| {
                if at == 0 {
                    Frame::text("").unfinished()
                } else {
                    Frame::continuation("").unfinished()
                }
            })),
        ),
        (
            "pings",
            wire((0..20_000).map(|_| Frame::ping(vec![7; 125]))),
        ),
        (
            "pongs",
            wire((0..20_000).map(|_| Frame::pong(vec![7; 125]))),
        ),
        (
            "announced",
            b"\x81\xff\x00\x00\x00\x00\x00\x01\x00\x00".repeat(9),
        ),
        (
            "behind a failure",
            [b"\x83".to_vec(), vec![0; 500_000]].concat(),
        ),
    ];
    for (name, bytes) in floods {
        let held = most(server(), &bytes);
        assert!(held <= CONSTANT, "{name}: {held}");
    }

    for seed in 0..100 {
        let held = most(server(), &noise(seed));
        assert!(held <= 2 * MESSAGE_BYTES + CONSTANT, "seed {seed}: {held}");
    }
    #[cfg(feature = "deflate")]
    compressed();
}

/// Also where it inflates to a thousand times as much.
#[cfg(feature = "deflate")]
fn compressed() {
    use ws_framing::{
        CloseCode,
        connection::{Action, Cause, Event},
        deflate::{self, Takeover},
    };

    let mut config = deflate::Config::default();
    config.their_takeover = Takeover::Keep;
    let accepted = deflate::accept([&b"permessage-deflate"[..]], &config)
        .expect("a well-formed offer")
        .expect("an offer that can be met");
    let agreed = ws_conformance::agree(
        &[ws_conformance::Request::default()],
        Subject::Server,
        &accepted.response,
    )
    .expect("what was asked for");
    let inflating = || server().with_deflate(accepted.agreed);
    let bomb = ws_conformance::compress(agreed, &vec![0; 16 << 20]);
    assert!(bomb.len() < 17_000, "{}", bomb.len());
    let once = Frame::binary(bomb.clone()).reserved(4);
    let parts = Frame::fragments(2, &bomb.into(), 100)
        .into_iter()
        .enumerate()
        .map(|(at, frame)| if at == 0 { frame.reserved(4) } else { frame });
    for bytes in [wire([once]), wire(parts)] {
        let mut connection = inflating();
        connection.handle_input(&mut BytesMut::from(&bytes[..]), now());
        let Some(Action::Deliver(Event::Closed(closed))) = connection.poll_action() else {
            panic!("a bomb goes through");
        };
        assert_eq!(closed.cause, Cause::Fault(CloseCode::TOO_BIG));
        let held = most(inflating(), &bytes);
        assert!(held <= MESSAGE_BYTES + CONSTANT, "a bomb: {held}");
    }
    // Small messages of one read are not all inflated before the first is taken.
    let fits = ws_conformance::compress(agreed, &vec![b'a'; MESSAGE_BYTES]);
    assert!(fits.len() < READ_BYTES / 30, "{}", fits.len());
    let many = wire((0..500).map(|_| Frame::binary(fits.clone()).reserved(4)));
    let held = most(inflating(), &many);
    assert!(held <= MESSAGE_BYTES + 2 * CONSTANT, "messages: {held}");
}
