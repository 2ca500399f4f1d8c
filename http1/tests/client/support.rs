//! A server of the connection under test: it feeds bytes, and notes what the application and the wire see.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::BytesMut;
use xmpp_http1::client::{
    Action, Cause, Closed, Config, Connection, Event, Reason, Request, Response,
};

pub(crate) struct Server {
    pub(crate) connection: Connection,
    /// Read and not yet taken.
    pub(crate) input: BytesMut,
    pub(crate) now: Instant,
    pub(crate) responses: Vec<Response>,
    pub(crate) closed: Vec<Closed>,
    /// Orders and events, in words.
    pub(crate) log: Vec<String>,
    /// What the connection wrote.
    pub(crate) output: Vec<u8>,
}

pub(crate) fn epoch() -> Instant {
    #[expect(clippy::disallowed_methods, reason = "an epoch for the test")]
    Instant::now()
}

impl Server {
    pub(crate) fn new(config: Config) -> Self {
        let now = epoch();
        Self {
            connection: Connection::new(Arc::new(config), now),
            input: BytesMut::new(),
            now,
            responses: Vec::new(),
            closed: Vec::new(),
            log: Vec::new(),
            output: Vec::new(),
        }
    }

    /// One whose request has left.
    pub(crate) fn asked(request: Request) -> Self {
        let mut server = Self::new(Config::default());
        server.ask(request);
        server
    }

    /// Sends a request, and takes every byte of it.
    pub(crate) fn ask(&mut self, request: Request) {
        self.connection
            .send(request, self.now)
            .expect("an idle connection");
        self.drive();
    }

    /// Takes the orders that are there.
    pub(crate) fn orders(&mut self) {
        while let Some(action) = self.connection.poll_action() {
            self.log.push(match action {
                Action::Deliver(Event::Response(response)) => {
                    let status = response.head.status();
                    let body = String::from_utf8_lossy(&response.body).into_owned();
                    self.responses.push(response);
                    format!("{status} {body}")
                }
                Action::Deliver(Event::Closed(closed)) => {
                    let line = match (closed.cause, closed.reason) {
                        (Cause::Fault, Some(reason)) => format!("Fault({reason:?})"),
                        (cause, _) => format!("{cause:?}"),
                    };
                    self.closed.push(closed);
                    line
                }
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
            let Some(transmit) = self.connection.poll_transmit() else {
                break;
            };
            self.output.extend_from_slice(&transmit.head);
            self.output.extend_from_slice(&transmit.payload);
        }
    }

    /// Bytes come in pieces of `step`.
    pub(crate) fn feed(&mut self, bytes: impl AsRef<[u8]>, step: usize) {
        for piece in bytes.as_ref().chunks(step) {
            self.input.extend_from_slice(piece);
            self.drive();
        }
    }

    /// The server shuts down its side.
    pub(crate) fn end(&mut self) {
        self.connection.handle_eof(self.now);
        self.drive();
    }

    /// Time passes.
    pub(crate) fn wait(&mut self, period: Duration) {
        self.now += period;
        self.connection.handle_timeout(self.now);
        self.drive();
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.output).expect("text")
    }
}

pub(crate) fn get() -> Request {
    Request::new("GET", "/", "h")
}

/// The log of a connection that answered `bytes`, which must be the same however they are cut.
pub(crate) fn heard(request: &Request, bytes: impl AsRef<[u8]>) -> Vec<String> {
    let bytes = bytes.as_ref();
    let mut logs = [bytes.len().max(1), 1, 2, 7].map(|step| {
        let mut server = Server::asked(request.clone());
        server.feed(bytes, step);
        server.log
    });
    let whole = std::mem::take(&mut logs[0]);
    for cut in &logs[1..] {
        assert_eq!(cut, &whole, "{}", String::from_utf8_lossy(bytes));
    }
    whole
}

/// `bytes` are refused for this reason: one `Closed`, the request unanswered, and the connection dropped.
pub(crate) fn assert_fault(request: &Request, bytes: impl AsRef<[u8]>, reason: Reason) {
    let bytes = bytes.as_ref();
    assert_eq!(
        heard(request, bytes),
        [format!("Fault({reason:?})"), "Abort".into()],
        "{}",
        String::from_utf8_lossy(&bytes[..bytes.len().min(120)])
    );
}
