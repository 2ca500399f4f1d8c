//! A peer of the connection under test: it feeds bytes, and notes what the application and the wire see.

use std::{sync::Arc, time::Instant};

use bytes::BytesMut;
use xmpp_http1::{
    Response,
    server::{Action, Config, Connection, Event, Request},
};

pub(crate) struct Peer {
    pub(crate) connection: Connection,
    /// Read and not yet taken.
    pub(crate) input: BytesMut,
    pub(crate) now: Instant,
    /// Every request that came, answered or not.
    pub(crate) requests: Vec<Request>,
    /// The other orders and events, in words.
    pub(crate) log: Vec<String>,
    pub(crate) output: Vec<u8>,
}

impl Peer {
    pub(crate) fn new(config: Config) -> Self {
        #[expect(clippy::disallowed_methods, reason = "an epoch for the test")]
        let now = Instant::now();
        Self {
            connection: Connection::new(Arc::new(config), now),
            input: BytesMut::new(),
            now,
            requests: Vec::new(),
            log: Vec::new(),
            output: Vec::new(),
        }
    }

    /// Takes the orders that are there.
    pub(crate) fn orders(&mut self) {
        while let Some(action) = self.connection.poll_action() {
            self.log.push(match action {
                Action::Deliver(Event::Request(request)) => {
                    let line = format!("{} {}", request.head.method(), request.head.target());
                    self.requests.push(request);
                    line
                }
                Action::Deliver(Event::Body(body)) => format!("body of {}", body.bytes),
                Action::Deliver(Event::Sent(_)) => "sent".into(),
                Action::Deliver(Event::Closed(closed)) => format!("{:?}", closed.cause),
                Action::Handover(_) => "Detach".into(),
                Action::Close => "Close".into(),
                Action::Abort => "Abort".into(),
            });
        }
    }

    /// Goes on until nothing happens: the socket takes every byte at once.
    pub(crate) fn drive(&mut self) {
        loop {
            if self.connection.wants_input() && !self.input.is_empty() {
                self.connection.handle_input(&mut self.input, self.now);
            }
            self.orders();
            let transmit = self.connection.poll_transmit();
            self.orders();
            let Some(transmit) = transmit else { break };
            self.output.extend_from_slice(&transmit.head);
            self.output.extend_from_slice(&transmit.payload);
        }
    }

    /// Bytes come in pieces of `step`.
    pub(crate) fn feed(&mut self, bytes: &[u8], step: usize) {
        for piece in bytes.chunks(step) {
            self.input.extend_from_slice(piece);
            self.drive();
        }
    }

    /// Answers the request that came as the `index`th.
    pub(crate) fn respond(&mut self, index: usize, response: Response) {
        let id = self.requests[index].id;
        self.connection.respond(id, response, self.now);
        self.drive();
    }

    /// What left.
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.output).expect("text")
    }
}

/// The answer of the connection itself to a fault.
pub(crate) fn farewell(status: u16) -> String {
    let (reason, allow) = match status {
        400 => ("Bad Request", ""),
        405 => ("Method Not Allowed", "Allow: GET, HEAD, POST, OPTIONS\r\n"),
        413 => ("Content Too Large", ""),
        414 => ("URI Too Long", ""),
        417 => ("Expectation Failed", ""),
        431 => ("Request Header Fields Too Large", ""),
        501 => ("Not Implemented", ""),
        505 => ("HTTP Version Not Supported", ""),
        other => panic!("{other} is not a fault's answer"),
    };
    format!("HTTP/1.1 {status} {reason}\r\n{allow}Content-Length: 0\r\nConnection: close\r\n\r\n")
}

/// `case` gets this status, one `Closed` and `Close`, however it is cut; what follows it is no request.
pub(crate) fn assert_refused(case: impl AsRef<[u8]>, status: u16) {
    let case = case.as_ref();
    let shown = String::from_utf8_lossy(&case[..case.len().min(120)]);
    let input = [case, b"GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"].concat();
    for step in [1, 7, input.len()] {
        let mut peer = Peer::new(Config::default());
        peer.feed(&input, step);
        assert_eq!(
            peer.log,
            [format!("Fault({status})"), "Close".into()],
            "{shown:?} in pieces of {step}"
        );
        assert_eq!(peer.text(), farewell(status), "{shown:?}");
        assert!(peer.input.is_empty(), "{shown:?}");
    }
}
