//! Clients that do nothing wrong but too much of it, or nothing at all.

use std::{io::Write as _, thread, time::Duration};

use crate::{
    house::House,
    knock::{connect, rest},
    support::{
        bosh::Bosh,
        websocket::{Frame, WebSocket},
    },
    traffic::{signed_in, signed_in_bosh},
};

/// W-R-470: what waits for a client that does not read is bounded, and its sender is told so or waits.
#[test]
fn a_client_that_does_not_read_costs_bounded_memory() {
    let house = House::open();
    let slow = signed_in(house.address(), "slow");
    let mut sender = signed_in(house.address(), "sender");
    let before = house.resident();
    let body = "x".repeat(50_000);
    let mut most = 0;
    // 20 MB: more than twice what the kernel's buffers take for both of them.
    for number in 0..400 {
        sender.send(&format!(
            "<message xmlns='jabber:client' to='slow@localhost/door' id='{number}'><body>{body}</body></message>"
        ));
        most = most.max(house.resident());
    }
    // Behind all of them: whatever was refused was answered before this is.
    sender.send("<message xmlns='jabber:client' to='echo@localhost'><body>done</body></message>");
    while !matches!(sender.receive(), Some(Frame::Text(text)) if text.contains(">done<")) {}
    most = most.max(house.resident());
    assert!(most < before + 6 * 1_024, "{before} kB, then {most} kB");
    drop(slow);
    drop(sender);
    house.leave_intact();
}

/// They cost a descriptor each until their time for a head is over, and get no word: nothing was asked.
#[test]
fn connections_that_say_nothing_are_closed() {
    let house = House::configured(
        "silence",
        "[http]\nhead_seconds = 1\nkeep_alive_seconds = 1\n",
    );
    let mut silent: Vec<_> = (0..200).map(|_| connect(house.address())).collect();
    for stream in &mut silent {
        assert_eq!(rest(stream), "");
    }
    drop(silent);
    house.leave_intact();
}

/// Requests are read no further ahead than `http.pipelined` allows, and a client that takes no answers is left after
/// `http.write_seconds`.
#[test]
fn a_client_that_asks_and_does_not_read_is_left() {
    let house = House::configured("unread", "[http]\nwrite_seconds = 1\n");
    let before = house.resident();
    let request = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(1_000);
    let mut greedy: Vec<_> = (0..4).map(|_| connect(house.address())).collect();
    for stream in &mut greedy {
        stream.set_nonblocking(true).expect("a socket");
        // Until nothing more is taken from us, cut where that happens.
        while stream
            .write(request.as_bytes())
            .is_ok_and(|count| count == request.len())
        {}
    }
    thread::sleep(Duration::from_millis(500));
    assert!(house.resident() < before + 4 * 1_024);
    // With their ends still open: it is the gateway that leaves.
    house.leave_intact();
    drop(greedy);
}

/// With bytes unread on their side, so that the gateway meets resets as well as ends.
#[test]
fn clients_that_vanish_leave_nothing() {
    let house = House::open();
    for round in 0..10 {
        let mut half = connect(house.address());
        half.write_all(b"POST /bosh HTTP/1.1\r\nContent-Le")
            .expect("it reads");
        let mut unanswered = connect(house.address());
        unanswered
            .write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            .expect("it reads");
        let mut half_frame = WebSocket::open(house.address());
        half_frame.raw(b"\x81\xfe\x10");
        let mut talking = signed_in(house.address(), &format!("gone{round}"));
        talking.send("<message xmlns='jabber:client' to='echo@localhost'><body>x</body></message>");
        let mut logging_in = Bosh::create(house.address());
        logging_in.send("", "");
        let mut held = signed_in_bosh(house.address(), &format!("held{round}"));
        held.send("", "");
    }
    house.leave_intact();
}
