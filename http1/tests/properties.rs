//! The machine's contract: chunking is invisible, `Closed` comes once, deadlines progress, nothing panics.

#[expect(clippy::disallowed_methods, reason = "an epoch for the test")]
fn epoch() -> Instant {
    Instant::now()
}

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::BytesMut;
use proptest::prelude::*;
use xmpp_http1::{
    Response,
    server::{Action, Config, Connection, Event},
};

const FRAGMENTS: [&str; 24] = [
    "GET / HTTP/1.1\r\n",
    "POST /b HTTP/1.1\r\n",
    "HEAD * HTTP/1.0\r\n",
    "Host: x\r\n",
    "\r\n",
    "\r",
    "\n",
    " ",
    "Content-Length: 3\r\n",
    "Transfer-Encoding: chunked\r\n",
    "abc",
    "3\r\nabc\r\n",
    "0\r\n\r\n",
    "Connection: close\r\n",
    "GET /c HTTP/1.1\r\nHost: x\r\n\r\n",
    "3;e\r\n",
    "T: 1\r\n",
    "A: \u{e9}\r\n",
    "Host: y z\r\n",
    "Expect: 100-continue\r\n",
    "POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc",
    "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    "GET /u HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n",
];

/// What comes after the last byte.
#[derive(Clone, Copy, Debug)]
enum Last {
    Answers,
    Eof,
}

/// What the application and the peer see, and how often `Closed` came.
fn run(input: &[u8], steps: &[usize], last: Last) -> (Vec<String>, Vec<u8>, usize) {
    let mut now = epoch();
    let mut connection = Connection::new(Arc::new(Config::default()), now);
    let (mut buffer, mut log, mut output) = (BytesMut::new(), Vec::new(), Vec::new());
    let (mut owed, mut closed) = (Vec::new(), 0);
    let mut drive = |connection: &mut Connection, buffer: &mut BytesMut, owed: &mut Vec<_>, now| {
        loop {
            if connection.wants_input() && !buffer.is_empty() {
                connection.handle_input(buffer, now);
            }
            let transmit = connection.poll_transmit();
            while let Some(action) = connection.poll_action() {
                match action {
                    Action::Deliver(Event::Request(request)) => {
                        log.push(format!("{:?} {:?}", request.head.target(), request.body));
                        owed.push(request.id);
                    }
                    Action::Deliver(Event::Closed(end)) => {
                        closed += 1;
                        log.push(format!("{:?}", end.cause));
                    }
                    Action::Deliver(Event::Body(_)) => log.push("body".into()),
                    Action::Deliver(Event::Sent(_)) => log.push("sent".into()),
                    Action::Handover(_) => log.push("detach".into()),
                    Action::Close => log.push("close".into()),
                    Action::Abort => log.push("abort".into()),
                }
            }
            let Some(transmit) = transmit else { break };
            output.extend_from_slice(&transmit.head);
            output.extend_from_slice(&transmit.payload);
        }
    };
    let (mut rest, mut steps) = (input, steps.iter().cycle());
    while !rest.is_empty() {
        let step = steps.next().copied().unwrap_or(1).clamp(1, rest.len());
        let (piece, after) = rest.split_at(step);
        buffer.extend_from_slice(piece);
        rest = after;
        drive(&mut connection, &mut buffer, &mut owed, now);
    }
    if let Last::Eof = last {
        connection.handle_eof(now);
        drive(&mut connection, &mut buffer, &mut owed, now);
    }
    while let Some(id) = owed.pop() {
        connection.respond(id, Response::new(200), now);
        drive(&mut connection, &mut buffer, &mut owed, now);
    }
    while let Some(at) = connection.poll_timeout() {
        assert!(at > now);
        now = at;
        connection.handle_timeout(now);
        drive(&mut connection, &mut buffer, &mut owed, now);
        assert!(owed.is_empty());
    }
    (log, without_100(&output), closed)
}

/// A 100 depends on what came with the head (RFC 9110 §10.1.1 lets a server leave it out): the one thing that a cut may change.
fn without_100(output: &[u8]) -> Vec<u8> {
    String::from_utf8_lossy(output)
        .replace("HTTP/1.1 100 Continue\r\n\r\n", "")
        .into_bytes()
}

/// Anything that can happen to a connection.
#[derive(Clone, Debug)]
enum Operation {
    Input(Vec<u8>),
    /// The socket takes what it was given, and asks for more.
    Write,
    /// Answers one of the requests that came, answered or not.
    Respond {
        index: usize,
        status: u16,
        size: usize,
        closing: bool,
    },
    Wait(u64),
    Timeout,
    Eof,
    Close,
    Abort,
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        8 => (0..FRAGMENTS.len()).prop_map(|pick| FRAGMENTS[pick].as_bytes().to_vec()),
        1 => proptest::collection::vec(any::<u8>(), 0..40),
    ]
}

fn operation() -> impl Strategy<Value = Operation> {
    let respond = (0..6usize, 0..7usize, 0..3usize, 0..8u8);
    prop_oneof![
        12 => bytes().prop_map(Operation::Input),
        8 => Just(Operation::Write),
        6 => respond.prop_map(|(index, status, size, closing)| Operation::Respond {
            index,
            status: [0, 100, 101, 200, 204, 404, 999][status],
            size: [0, 2_000, 150_000][size],
            closing: closing == 0,
        }),
        2 => (0..90_000u64).prop_map(Operation::Wait),
        2 => Just(Operation::Timeout),
        1 => Just(Operation::Eof),
        1 => Just(Operation::Close),
        1 => Just(Operation::Abort),
    ]
}

/// Does these operations, then answers everything and lets every deadline pass. Checks the contract on the way.
fn operate(operations: &[Operation], half_close: bool) -> (Vec<String>, Vec<u8>) {
    let start = epoch();
    let mut now = start;
    let mut config = Config::default();
    config.half_close = half_close;
    let mut connection = Connection::new(Arc::new(config), now);
    let (mut buffer, mut log, mut output) = (BytesMut::new(), Vec::new(), Vec::new());
    let mut ids = Vec::new();
    let mut orders = |connection: &mut Connection, ids: &mut Vec<_>| {
        while let Some(action) = connection.poll_action() {
            if let Action::Deliver(Event::Request(request)) = &action {
                ids.push(request.id);
            }
            log.push(format!("{action:?}"));
        }
    };
    let write = |connection: &mut Connection, output: &mut Vec<u8>| {
        let Some(transmit) = connection.poll_transmit() else {
            return false;
        };
        output.extend_from_slice(&transmit.head);
        output.extend_from_slice(&transmit.payload);
        true
    };
    for operation in operations {
        match operation {
            Operation::Input(bytes) => {
                buffer.extend_from_slice(bytes);
                // Also where it is not wanted: nothing may break.
                connection.handle_input(&mut buffer, now);
            }
            Operation::Write => {
                write(&mut connection, &mut output);
            }
            Operation::Respond {
                index,
                status,
                size,
                closing,
            } => {
                if let Some(&id) = ids.get(*index) {
                    let mut response = Response::new(*status).with_body("x/y", vec![b'x'; *size]);
                    response.close = *closing;
                    connection.respond(id, response, now);
                }
            }
            Operation::Wait(milliseconds) => now += Duration::from_millis(*milliseconds),
            Operation::Timeout => {
                let due = connection.poll_timeout();
                connection.handle_timeout(now);
                if due.is_some_and(|due| due <= now) {
                    assert!(connection.poll_timeout() > due || connection.poll_timeout().is_none());
                }
            }
            Operation::Eof => connection.handle_eof(now),
            Operation::Close => connection.close(now),
            Operation::Abort => connection.abort(now),
        }
        orders(&mut connection, &mut ids);
    }
    let mut answered = 0;
    for _ in 0..1_000 {
        if connection.wants_input() && !buffer.is_empty() {
            connection.handle_input(&mut buffer, now);
        }
        orders(&mut connection, &mut ids);
        if write(&mut connection, &mut output) {
            continue;
        }
        orders(&mut connection, &mut ids);
        if let Some(&id) = ids.get(answered) {
            answered += 1;
            connection.respond(id, Response::new(204), now);
        } else if let Some(due) = connection.poll_timeout() {
            now = now.max(due);
            connection.handle_timeout(now);
            assert!(connection.poll_timeout().is_none_or(|next| next > due));
        } else {
            break;
        }
    }
    orders(&mut connection, &mut ids);
    assert_eq!(connection.poll_timeout(), None);
    assert!(!connection.wants_input());
    (log, output)
}

proptest! {
    #[test]
    fn chunking_is_invisible_and_the_end_comes_once(
        pieces in proptest::collection::vec(bytes(), 0..9),
        steps in proptest::collection::vec(1..40usize, 1..8),
        last in prop_oneof![Just(Last::Answers), Just(Last::Eof)],
    ) {
        let input = pieces.concat();
        let whole = run(&input, &[input.len()], last);
        prop_assert_eq!(&whole, &run(&input, &steps, last));
        prop_assert_eq!(&whole, &run(&input, &[1], last));
        prop_assert_eq!(whole.2, 1);
    }

    #[test]
    fn arbitrary_bytes_end_in_one_answer(
        input in proptest::collection::vec(any::<u8>(), 1..200),
    ) {
        let (_, output, closed) = run(&input, &[7], Last::Answers);
        prop_assert_eq!(closed, 1);
        let output = String::from_utf8_lossy(&output);
        prop_assert!(output.is_empty() || output.starts_with("HTTP/1.1 4"), "{}", output);
    }

    #[test]
    fn whatever_happens_it_ends_once_and_the_same_again(
        operations in proptest::collection::vec(operation(), 0..30),
        half_close in any::<bool>(),
    ) {
        let (log, output) = operate(&operations, half_close);
        let count = |what: &str| log.iter().filter(|line| line.starts_with(what)).count();
        prop_assert_eq!(count("Deliver(Closed") + count("Handover"), 1, "{:?}", log);
        prop_assert!(count("Close") <= 1 && count("Abort") <= 1);
        let ended = log.iter().position(|line| line.starts_with("Deliver(Closed") || line.starts_with("Handover"));
        let after: Vec<_> = log.iter().skip(ended.unwrap_or_default() + 1).collect();
        let ends: [&[&str]; 4] = [&[], &["Close"], &["Abort"], &["Close", "Abort"]];
        prop_assert!(ends.iter().any(|end| after == *end), "{:?}", after);
        prop_assert_eq!((log, output), operate(&operations, half_close));
    }
}
