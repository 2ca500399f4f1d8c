//! The machine's contract: chunking is invisible, `Closed` comes once, deadlines progress, nothing panics.

#[expect(clippy::disallowed_methods, reason = "an epoch for the test")]
fn epoch() -> Instant {
    Instant::now()
}

use std::{sync::Arc, time::Instant};

use bytes::BytesMut;
use proptest::prelude::*;
use xmpp_http1::{
    Response,
    server::{Action, Config, Connection, Event},
};

const FRAGMENTS: [&str; 22] = [
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
    "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc",
    "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    "GET /u HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n",
];

/// What the application and the peer see, and how often `Closed` came.
fn run(input: &[u8], steps: &[usize]) -> (Vec<String>, Vec<u8>, usize) {
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
                    Action::Deliver(Event::Sent(_)) => log.push("sent".into()),
                    Action::Detach => log.push("detach".into()),
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
    (log, output, closed)
}

proptest! {
    #[test]
    fn chunking_is_invisible_and_the_end_comes_once(
        picks in proptest::collection::vec(0..FRAGMENTS.len(), 0..9),
        steps in proptest::collection::vec(1..40usize, 1..8),
    ) {
        let input: String = picks.iter().map(|&pick| FRAGMENTS[pick]).collect();
        let whole = run(input.as_bytes(), &[input.len()]);
        prop_assert_eq!(&whole, &run(input.as_bytes(), &steps));
        prop_assert_eq!(&whole, &run(input.as_bytes(), &[1]));
        prop_assert_eq!(whole.2, 1);
    }
}
