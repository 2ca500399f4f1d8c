//! The pump with machines made for the purpose.

use std::{
    collections::VecDeque,
    future::Future as _,
    pin::pin,
    sync::{Arc, atomic::Ordering},
    task::{Context, Poll, Waker},
    time::{Duration, Instant},
};

use crate::support::{End, Flag, Manual, World, pipe};
use bytes::{Buf as _, Bytes, BytesMut};
use xmpp_http1::Transmit;
use xmpp_web_driver::{Action, Machine, Pump, Step};

/// Does what the test put into it, and keeps what it was told.
#[derive(Debug, Default)]
struct Script {
    orders: VecDeque<Action<&'static str, ()>>,
    transmits: VecDeque<Transmit>,
    /// How often bytes were asked for.
    asked: usize,
    input: Vec<u8>,
    /// Takes so many bytes at most of what it is offered.
    room: Option<usize>,
    held: bool,
    ended: usize,
    deadline: Option<Instant>,
    /// Ordered at the deadline, or when `expected` bytes have come.
    last: Option<Action<&'static str, ()>>,
    expected: Option<usize>,
}

impl Script {
    fn saying(bytes: &[u8]) -> Self {
        let half = Bytes::copy_from_slice(&bytes[..bytes.len() / 2]);
        let rest = Bytes::copy_from_slice(&bytes[bytes.len() / 2..]);
        Self {
            transmits: [Transmit {
                head: half,
                payload: rest,
            }]
            .into(),
            ..Self::default()
        }
    }
}

impl Machine for Script {
    type Event = &'static str;
    type Handover = ();

    fn handle_input(&mut self, input: &mut BytesMut, _now: Instant) {
        let count = self.room.unwrap_or(usize::MAX).min(input.len());
        self.input.extend_from_slice(&input[..count]);
        input.advance(count);
        if let Some(room) = &mut self.room {
            *room -= count;
        }
        if self
            .expected
            .is_some_and(|expected| self.input.len() >= expected)
        {
            self.orders.extend(self.last.take());
        }
    }

    fn handle_eof(&mut self, _now: Instant) {
        self.ended += 1;
        self.orders.push_back(Action::Deliver("ended"));
        self.orders.push_back(Action::Abort);
    }

    fn handle_timeout(&mut self, now: Instant) {
        if self.deadline.is_some_and(|at| at <= now) {
            self.deadline = None;
            self.orders.extend(self.last.take());
        }
    }

    fn wants_input(&self) -> bool {
        !self.held
    }

    fn poll_action(&mut self) -> Option<Action<Self::Event, ()>> {
        self.orders.pop_front()
    }

    fn poll_transmit(&mut self) -> Option<Transmit> {
        self.asked += 1;
        self.transmits.pop_front()
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.deadline
    }
}

fn pump(world: &World, machine: Script, io: End) -> Pump<Script, End, Manual> {
    Pump::new(machine, io, BytesMut::new(), world.runtime.clone())
}

/// Drives a pump to its end, and gives what it delivered.
async fn events(pump: &mut Pump<Script, End, Manual>) -> Vec<&'static str> {
    let mut events = Vec::new();
    while let Some(step) = pump.next().await {
        match step {
            Step::Event(event) => events.push(event),
            Step::Handover(()) => events.push("detached"),
        }
    }
    events
}

fn flood() -> Script {
    const BYTES: usize = 8 * 1024 * 1024;
    let piece = Bytes::from(vec![b'x'; 64 * 1024]);
    Script {
        transmits: (0..BYTES / piece.len())
            .map(|_| Transmit {
                head: piece.slice(..7),
                payload: piece.slice(7..),
            })
            .collect(),
        expected: Some(BYTES),
        last: Some(Action::Close),
        ..Script::default()
    }
}

#[test]
fn floods_in_both_directions_pass_each_other() {
    let mut world = World::new();
    let (here, there) = pipe(16 * 1024);
    let mut other = pump(&world, flood(), there);
    world.spawn(async move {
        assert_eq!(events(&mut other).await, Vec::<&str>::new());
        assert_eq!(other.machine().input.len(), 8 * 1024 * 1024);
    });
    let mut pump = pump(&world, flood(), here);
    assert_eq!(world.run(events(&mut pump)), Vec::<&str>::new());
    assert_eq!(pump.machine().input.len(), 8 * 1024 * 1024);
    world.settle();
    assert_eq!(world.tasks(), 0);
}

#[test]
fn a_future_dropped_after_each_poll_loses_nothing() {
    let mut world = World::new();
    let (here, there) = pipe(16 * 1024);
    let mut other = pump(&world, flood(), there);
    world.spawn(async move {
        events(&mut other).await;
        assert_eq!(other.machine().input.len(), 8 * 1024 * 1024);
    });
    let mut pump = pump(&world, flood(), here);
    world.run(std::future::poll_fn(|cx| pin!(pump.next()).poll(cx)));
    assert_eq!(pump.machine().input.len(), 8 * 1024 * 1024);
    world.settle();
    assert_eq!(world.tasks(), 0);
}

#[test]
fn a_peer_that_never_reads_does_not_outlive_the_deadline() {
    let mut world = World::new();
    let (here, _there) = pipe(16);
    let machine = Script {
        deadline: Some(world.now() + Duration::from_secs(10)),
        last: Some(Action::Abort),
        ..Script::saying(&[b'x'; 1000])
    };
    let mut pump = pump(&world, machine, here);
    let started = world.now();
    assert_eq!(world.run(pump.next()), None);
    assert_eq!(world.now() - started, Duration::from_secs(10));
}

#[test]
fn a_flush_that_a_peer_blocks_ends_with_the_machines_abort() {
    let mut world = World::new();
    let (here, _there) = pipe(16);
    let machine = Script {
        orders: [Action::Close].into(),
        deadline: Some(world.now() + Duration::from_secs(5)),
        last: Some(Action::Abort),
        ..Script::saying(&[b'x'; 1000])
    };
    let mut pump = pump(&world, machine, here);
    let started = world.now();
    assert_eq!(world.run(pump.next()), None);
    assert_eq!(world.now() - started, Duration::from_secs(5));
}

#[test]
fn bytes_queued_before_a_close_all_arrive() {
    let mut world = World::new();
    let (here, mut there) = pipe(16);
    let said: Vec<u8> = (0..=255).cycle().take(5000).collect();
    let machine = Script {
        orders: [Action::Deliver("closed"), Action::Close].into(),
        ..Script::saying(&said)
    };
    let mut pump = pump(&world, machine, here);
    world.spawn(async move {
        assert_eq!(events(&mut pump).await, ["closed"]);
    });
    assert_eq!(world.run(there.rest()), said);
    drop(there);
    world.settle();
    assert_eq!(world.tasks(), 0);
}

/// W-R-164
#[test]
fn what_a_peer_sends_behind_a_farewell_is_read_and_thrown_away() {
    let mut world = World::new();
    let (here, mut there) = pipe(64);
    let machine = Script {
        orders: [Action::Close].into(),
        ..Script::saying(b"farewell")
    };
    let mut pump = pump(&world, machine, here);
    world.spawn(async move {
        assert_eq!(events(&mut pump).await, Vec::<&str>::new());
        assert_eq!(pump.machine().input, b"");
    });
    // More than the pipe holds: it must be read for this to end, before the farewell is looked at.
    world.run(there.say([b'x'; 4096]));
    assert_eq!(world.run(there.rest()), b"farewell");
    drop(there);
    world.settle();
    assert_eq!(world.tasks(), 0);
}

/// W-R-164
#[test]
fn draining_is_bounded_by_time_and_by_bytes() {
    let closing = || Script {
        orders: [Action::Close].into(),
        ..Script::default()
    };
    let mut world = World::new();
    let (here, _silent) = pipe(64);
    let mut one = pump(&world, closing(), here);
    let started = world.now();
    assert_eq!(world.run(one.next()), None);
    assert_eq!(world.now() - started, Duration::from_secs(2));

    let (here, mut there) = pipe(64 * 1024);
    let mut one = pump(&world, closing(), here);
    world.spawn(async move {
        // Until the pump is dropped, its socket with it.
        use futures_lite::AsyncWriteExt as _;
        while there.write_all(&[b'x'; 4096]).await.is_ok() {}
    });
    let started = world.now();
    assert_eq!(world.run(one.next()), None);
    assert_eq!(world.now(), started);
    drop(one);
    world.settle();
    assert_eq!(world.tasks(), 0);
}

#[test]
fn the_last_words_of_a_peer_are_heard_after_a_write_failed() {
    let mut world = World::new();
    let (here, mut there) = pipe(64);
    world.run(there.say("because"));
    there.refuse_input();
    let mut pump = pump(&world, Script::saying(b"lost"), here);
    drop(there);
    assert_eq!(world.run(events(&mut pump)), ["ended"]);
    assert_eq!(pump.machine().input, b"because");
    assert_eq!(pump.machine().ended, 1);
}

#[test]
fn bytes_that_were_lost_are_not_taken_for_written() {
    let mut world = World::new();
    let (here, there) = pipe(4);
    let mut pump = pump(&world, Script::saying(b"never read"), here);
    let waker = Waker::from(Flag::new());
    let polled = pump.poll_next(&mut Context::from_waker(&waker));
    assert_eq!(polled, Poll::Pending);
    drop(there);
    assert_eq!(world.run(pump.next()), Some(Step::Event("ended")));
    assert_eq!(pump.machine().asked, 1);
}

#[test]
fn input_that_was_left_is_offered_again_when_the_application_made_room() {
    let mut world = World::new();
    let (here, mut there) = pipe(64);
    let machine = Script {
        room: Some(3),
        expected: Some(6),
        last: Some(Action::Deliver("all")),
        ..Script::default()
    };
    let mut pump = pump(&world, machine, here);
    world.run(there.say("abcdef"));
    let waker = Waker::from(Flag::new());
    let polled = pump.poll_next(&mut Context::from_waker(&waker));
    assert_eq!(polled, Poll::Pending);
    assert_eq!(pump.machine().input, b"abc");
    pump.machine_mut().room = None;
    assert_eq!(world.run(pump.next()), Some(Step::Event("all")));
    assert_eq!(pump.machine().input, b"abcdef");
}

#[test]
fn nothing_is_read_while_the_machine_wants_no_input() {
    let mut world = World::new();
    let (here, mut there) = pipe(64);
    let machine = Script {
        held: true,
        deadline: Some(world.now() + Duration::from_secs(1)),
        last: Some(Action::Deliver("time")),
        ..Script::default()
    };
    let mut pump = pump(&world, machine, here);
    world.run(there.say("abc"));
    assert_eq!(world.run(pump.next()), Some(Step::Event("time")));
    assert_eq!(pump.machine().input, b"");
}

#[test]
fn bytes_left_by_an_earlier_machine_come_first() {
    let mut world = World::new();
    let (here, mut there) = pipe(64);
    let machine = Script {
        expected: Some(6),
        last: Some(Action::Deliver("all")),
        ..Script::default()
    };
    let mut pump = Pump::new(machine, here, "abc".into(), world.runtime.clone());
    world.run(there.say("def"));
    assert_eq!(world.run(pump.next()), Some(Step::Event("all")));
    assert_eq!(pump.machine().input, b"abcdef");
}

#[test]
fn a_stream_is_given_away_when_the_bytes_before_have_left() {
    let mut world = World::new();
    let (here, mut there) = pipe(4);
    let machine = Script {
        orders: [Action::Handover(())].into(),
        ..Script::saying(b"switching")
    };
    let mut pump = pump(&world, machine, here);
    world.spawn(async move {
        assert_eq!(pump.next().await, Some(Step::Handover(())));
        let (_, mut io, unread) = pump.into_parts();
        assert_eq!(unread, "");
        io.say("next").await;
    });
    assert_eq!(world.run(there.rest()), b"switchingnext");
}

#[test]
fn head_and_payload_leave_in_one_write() {
    let mut world = World::new();
    let (here, mut there) = pipe(64);
    let mut pump = pump(&world, Script::saying(b"head and payload"), here);
    world.spawn(async move {
        events(&mut pump).await;
    });
    world.run(there.until("payload"));
    assert_eq!(there.writes_received(), 1);
}

/// A machine that always has something to deliver, as one whose peer floods it.
struct Endless;

impl Machine for Endless {
    type Event = ();
    type Handover = std::convert::Infallible;

    fn handle_input(&mut self, input: &mut BytesMut, _now: Instant) {
        input.clear();
    }
    fn handle_eof(&mut self, _now: Instant) {}
    fn handle_timeout(&mut self, _now: Instant) {}
    fn wants_input(&self) -> bool {
        true
    }
    fn poll_action(&mut self) -> Option<Action<()>> {
        None
    }
    fn poll_transmit(&mut self) -> Option<Transmit> {
        Some(Transmit {
            head: "x".into(),
            payload: Bytes::new(),
        })
    }
    fn poll_timeout(&self) -> Option<Instant> {
        None
    }
}

/// Takes and gives without end.
struct Chasm;

impl futures_io::AsyncRead for Chasm {
    fn poll_read(
        self: std::pin::Pin<&mut Self>,
        _cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<std::io::Result<usize>> {
        Poll::Ready(Ok(buf.len()))
    }
}

impl futures_io::AsyncWrite for Chasm {
    fn poll_write(
        self: std::pin::Pin<&mut Self>,
        _cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        Poll::Ready(Ok(buf.len()))
    }
    fn poll_flush(
        self: std::pin::Pin<&mut Self>,
        _cx: &mut Context<'_>,
    ) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }
    fn poll_close(
        self: std::pin::Pin<&mut Self>,
        _cx: &mut Context<'_>,
    ) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[test]
fn an_endless_stream_leaves_time_for_others() {
    let world = World::new();
    let mut pump = Pump::new(Endless, Chasm, BytesMut::new(), world.runtime.clone());
    let flag = Flag::new();
    let waker = Waker::from(Arc::clone(&flag));
    assert!(
        pump.poll_next(&mut Context::from_waker(&waker))
            .is_pending()
    );
    assert_eq!(flag.times.load(Ordering::SeqCst), 1);
}

#[test]
fn a_deadline_that_moves_later_makes_no_new_sleep_until_the_old_one_ends() {
    let mut world = World::new();
    let (here, mut there) = pipe(64);
    let deadline = world.now() + Duration::from_secs(1);
    let machine = Script {
        deadline: Some(deadline),
        last: Some(Action::Deliver("time")),
        ..Script::default()
    };
    let mut pump = pump(&world, machine, here);
    for later in 1..=100 {
        pump.machine_mut().deadline = Some(deadline + Duration::from_secs(later));
        let waker = Waker::from(Flag::new());
        assert!(
            pump.poll_next(&mut Context::from_waker(&waker))
                .is_pending()
        );
    }
    assert_eq!(world.runtime.sleeps_made(), 1);
    world.run(there.say("x"));
    assert_eq!(world.run(pump.next()), Some(Step::Event("time")));
    assert_eq!(world.now(), deadline + Duration::from_secs(100));
    assert_eq!(world.runtime.sleeps_made(), 2);
}
