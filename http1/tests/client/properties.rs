//! The machine's contract: chunking is invisible, `Closed` comes once, deadlines progress, nothing panics.

use std::time::Duration;

use proptest::prelude::*;
use xmpp_http1::client::{Config, Request, SendError};

use crate::support::Server;

const FRAGMENTS: [&str; 26] = [
    "HTTP/1.1 200 OK\r\n",
    "HTTP/1.0 404 No\r\n",
    "HTTP/1.1 204\r\n",
    "HTTP/1.1 100 Continue\r\n\r\n",
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n",
    "\r\n",
    "\r",
    "\n",
    " ",
    "Content-Length: 3\r\n",
    "Content-Length: 0\r\n\r\n",
    "Transfer-Encoding: chunked\r\n",
    "Transfer-Encoding: gzip\r\n",
    "abc",
    "3\r\nabc\r\n",
    "0\r\n\r\n",
    "Connection: close\r\n",
    "Connection: keep-alive\r\n",
    "Keep-Alive: timeout=7\r\n",
    "3;e\r\n",
    "T: 1\r\n",
    " folded\r\n",
    "A: \u{e9}\r\n",
    "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    "HTTP/1.1 200 OK\r\n\r\nuntil the end",
];

/// Anything that can happen to a connection.
#[derive(Clone, Debug)]
enum Operation {
    Input(Vec<u8>),
    /// The socket takes what it was given, and asks for more.
    Write,
    Send(Request),
    Wait(u64),
    Timeout,
    Eof,
    Reset,
    Close,
    Abort,
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        8 => (0..FRAGMENTS.len()).prop_map(|pick| FRAGMENTS[pick].as_bytes().to_vec()),
        1 => proptest::collection::vec(any::<u8>(), 0..40),
    ]
}

fn request() -> impl Strategy<Value = Request> {
    (0..5usize, 0..3usize, 0..6u8).prop_map(|(kind, size, close)| {
        let mut request = match kind {
            0 => Request::new("HEAD", "/", "h"),
            1 => Request::new("CONNECT", "h:1", "h:1"),
            2 => Request::new("GET", "/", "h").with_field("Upgrade", "x"),
            3 => Request::new("G T", "/", "h"),
            _ => Request::new("POST", "/", "h")
                .with_body("x/y", vec![b'x'; [0, 2_000, 150_000][size]]),
        };
        request.close = close == 0;
        request
    })
}

fn operation() -> impl Strategy<Value = Operation> {
    prop_oneof![
        12 => bytes().prop_map(Operation::Input),
        10 => Just(Operation::Write),
        8 => request().prop_map(Operation::Send),
        2 => (0..60_000u64).prop_map(Operation::Wait),
        2 => Just(Operation::Timeout),
        1 => Just(Operation::Eof),
        1 => Just(Operation::Reset),
        1 => Just(Operation::Close),
        1 => Just(Operation::Abort),
    ]
}

/// Lets every deadline pass.
fn outlive(server: &mut Server) {
    while let Some(due) = server.connection.poll_timeout() {
        server.now = server.now.max(due);
        server.connection.handle_timeout(server.now);
        server.drive();
        assert!(
            server
                .connection
                .poll_timeout()
                .is_none_or(|next| next > due),
            "a deadline makes progress"
        );
    }
    assert!(!server.connection.wants_input());
    assert_eq!(server.connection.poll_transmit(), None);
}

/// What a server sees and says whose client asks again after each answer.
fn converse(input: &[u8], steps: &[usize], eof: bool) -> (Vec<String>, Vec<u8>) {
    let request = Request::new("POST", "/", "h").with_body("x/y", "hello");
    let mut server = Server::new(Config::default());
    server.ask(request.clone());
    let (mut rest, mut steps) = (input, steps.iter().cycle());
    while !rest.is_empty() {
        let step = steps.next().copied().unwrap_or(1).clamp(1, rest.len());
        let (piece, after) = rest.split_at(step);
        server.feed(piece, step);
        rest = after;
    }
    if eof {
        server.end();
    }
    outlive(&mut server);
    (server.log, server.output)
}

/// Does these operations, then lets every deadline pass. Checks the contract on the way.
fn operate(operations: &[Operation]) -> (Vec<String>, Vec<u8>, usize) {
    let mut server = Server::new(Config::default());
    let mut sent = 0;
    for operation in operations {
        match operation {
            Operation::Input(bytes) => {
                server.input.extend_from_slice(bytes);
                // Also where it is not wanted: nothing may break.
                server
                    .connection
                    .handle_input(&mut server.input, server.now);
            }
            Operation::Write => {
                if let Some(transmit) = server.connection.poll_transmit() {
                    server.output.extend_from_slice(&transmit.head);
                    server.output.extend_from_slice(&transmit.payload);
                }
            }
            Operation::Send(request) => match server.connection.send(request.clone(), server.now) {
                Ok(_) => sent += 1,
                Err(
                    SendError::Busy(same) | SendError::Closed(same) | SendError::Invalid(same, _),
                ) => {
                    assert_eq!(&same, request);
                }
            },
            Operation::Wait(milliseconds) => server.now += Duration::from_millis(*milliseconds),
            Operation::Timeout => {
                let due = server.connection.poll_timeout();
                server.connection.handle_timeout(server.now);
                if due.is_some_and(|due| due <= server.now) {
                    let next = server.connection.poll_timeout();
                    assert!(next > due || next.is_none());
                }
            }
            Operation::Eof => server.connection.handle_eof(server.now),
            Operation::Reset => server.connection.handle_reset(server.now),
            Operation::Close => server.connection.close(server.now),
            Operation::Abort => server.connection.abort(server.now),
        }
        server.orders();
    }
    server.drive();
    outlive(&mut server);
    // Every request is answered or said to be unanswered, and `Closed` comes once.
    let detached = server.log.iter().any(|line| line == "Detach");
    assert_eq!(server.closed.len(), usize::from(!detached));
    let unanswered = server
        .closed
        .iter()
        .filter(|closed| closed.unanswered.is_some())
        .count();
    assert_eq!(server.responses.len() + unanswered, sent);
    (server.log, server.output, sent)
}

proptest! {
    #[test]
    fn chunking_is_invisible(
        pieces in proptest::collection::vec(bytes(), 0..9),
        steps in proptest::collection::vec(1..40usize, 1..8),
        eof in any::<bool>(),
    ) {
        let input = pieces.concat();
        let whole = converse(&input, &[input.len()], eof);
        prop_assert_eq!(&whole, &converse(&input, &steps, eof));
        prop_assert_eq!(&whole, &converse(&input, &[1], eof));
    }

    #[test]
    fn arbitrary_bytes_are_a_fault(input in proptest::collection::vec(any::<u8>(), 1..200)) {
        let (log, _) = converse(&input, &[7], true);
        prop_assert!(log == ["Fault(HeadMalformed)", "Abort"] || log == ["Network", "Abort"], "{:?}", log);
    }

    #[test]
    fn whatever_happens_it_ends_once_and_the_same_again(
        operations in proptest::collection::vec(operation(), 0..30),
    ) {
        let (log, output, sent) = operate(&operations);
        let ended = log
            .iter()
            .position(|line| matches!(line.as_str(), "Close" | "Abort" | "Detach"))
            .expect("an end");
        let after: Vec<_> = log[ended + 1..].iter().map(String::as_str).collect();
        prop_assert!(after.is_empty() || (log[ended] == "Close" && after == ["Abort"]), "{:?}", log);
        prop_assert_eq!((log, output, sent), operate(&operations));
    }
}
