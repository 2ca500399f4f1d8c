//! One BOSH request a number of times, to be counted by valgrind: `bosh_request <whole|http> <body-0|body-1|body-5> <times>`.
//! The difference of two numbers of times, divided, is what one costs.
//!
//! `whole`: a POST with a browser's head comes on one of two connections, its stanzas are delivered, the window steps, and the request
//! that was held is answered. `http`: the same POST and answer without BOSH.

use std::{hint::black_box, sync::Arc, time::Duration};

use bosh_proto::{
    Channel, ConnectionId, ExchangeId, Request,
    binding::{self, Inbound},
    server::{Accept, Action, Config, Event, Manager, SessionKey},
};
use bytes::{Bytes, BytesMut};
use xmpp_http1::{
    Instant, Response, Transmit,
    server::{self, Connection, RequestId},
};
use xmpp_web_benches::{DOCUMENTS, post};
use xmpp_wire::{Element, StreamHeader, ns};

/// More than are ever asked for: they are made before, so that making them is not in the difference.
const REQUESTS: usize = 400;
const NAMESPACE: &str = "http://jabber.org/protocol/httpbind";

struct Gateway {
    manager: Manager,
    binding: binding::Config,
    connections: [Connection; 2],
    input: BytesMut,
    /// What is held: the exchange, its connection, its request.
    held: Vec<(ExchangeId, usize, server::Request)>,
    delivered: usize,
    answers: usize,
    last: Transmit,
    now: Instant,
}

impl Gateway {
    fn new(now: Instant) -> Self {
        let config: Arc<server::Config> = server::Config::default().into();
        let mut manager = Config::default();
        // Nobody signs in here.
        manager.auth_timeout = None;
        Self {
            manager: Manager::new(Arc::new(manager), [7; 32]),
            binding: binding::Config::default(),
            connections: [
                Connection::new(Arc::clone(&config), now),
                Connection::new(config, now),
            ],
            input: BytesMut::with_capacity(65536),
            held: Vec::new(),
            delivered: 0,
            answers: 0,
            last: Transmit::default(),
            now,
        }
    }

    /// The bytes of one request come on a connection.
    fn read(&mut self, index: usize, bytes: &[u8]) -> server::Request {
        self.input.extend_from_slice(bytes);
        let connection = &mut self.connections[index];
        connection.handle_input(&mut self.input, self.now);
        match connection.poll_action() {
            Some(server::Action::Deliver(server::Event::Request(request))) => request,
            other => panic!("{other:?}"),
        }
    }

    /// The answer's bytes leave.
    fn write(&mut self, index: usize, id: RequestId, response: Response) {
        let connection = &mut self.connections[index];
        connection.respond(id, response, self.now);
        let transmit = connection.poll_transmit().expect("an answer");
        self.last = black_box(transmit);
        assert!(connection.poll_transmit().is_none());
        match connection.poll_action() {
            Some(server::Action::Deliver(server::Event::Sent(_))) => self.answers += 1,
            other => panic!("{other:?}"),
        }
    }

    fn post(&mut self, index: usize, bytes: &[u8]) {
        let request = self.read(index, bytes);
        assert_eq!(
            binding::inbound(&self.binding, &request.head),
            Inbound::Exchange
        );
        let exchange = Request {
            body: request.body.clone(),
            connection: ConnectionId(index as u64),
            address: None,
            channel: Channel::Tls,
        };
        let id = self.manager.handle_request(exchange, self.now);
        self.held.push((id, index, request));
        self.drain();
        // The older of two requests is answered after a moment.
        if let Some(at) = self.manager.poll_timeout().filter(|_| self.held.len() > 1) {
            self.now = self.now.max(at);
            self.manager.handle_timeout(self.now);
            self.drain();
        }
    }

    fn drain(&mut self) {
        while let Some(action) = self.manager.poll_action() {
            match action {
                Action::Respond { id, response } => {
                    let held = self
                        .held
                        .iter()
                        .position(|(exchange, _, _)| *exchange == id);
                    let (_, index, request) = self.held.swap_remove(held.expect("it is held"));
                    let response = binding::outbound(&self.binding, &request.head, response);
                    self.write(index, request.id, response);
                    self.manager.handle_sent(id, self.now);
                }
                Action::Deliver { session, event } => self.deliver(session, event),
                Action::Abort { id } => panic!("{id:?} aborted"),
            }
        }
    }

    fn deliver(&mut self, session: SessionKey, event: Event) {
        match event {
            Event::Opening(_) => {
                let header = StreamHeader::default();
                self.manager.accept(session, Accept { header }, self.now);
                let features = Element::build("stream:features", ns::STREAM).finish();
                self.manager
                    .send(session, features, self.now)
                    .expect("an empty outbox has room");
            }
            Event::Element(element) => {
                drop(black_box(element));
                self.delivered += 1;
            }
            other @ (Event::Restarted(_)
            | Event::Paused(_)
            | Event::Writable
            | Event::Closed(_)) => {
                panic!("{other:?}")
            }
        }
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, work, document, times] = arguments.as_slice() else {
        panic!("bosh_request <whole|http> <body-0|body-1|body-5> <times>");
    };
    let times: usize = times.parse().expect("a number of times");
    let (_, text) = DOCUMENTS
        .iter()
        .find(|(name, _)| name == document)
        .expect("a document of benches/data");
    let stanzas = text
        .split_once('>')
        .and_then(|(_, rest)| rest.rsplit_once("</body>"))
        .map_or("", |(stanzas, _)| stanzas);

    let mut gateway = Gateway::new(Instant::now());
    gateway.post(
        0,
        &post(&format!(
            "<body xmlns='{NAMESPACE}' rid='1' to='lantern.example' ver='1.11' wait='60' hold='1'/>"
        )),
    );
    let created = String::from_utf8([&gateway.last.head[..], &gateway.last.payload[..]].concat())
        .expect("UTF-8");
    let sid = created
        .split_once(" sid='")
        .and_then(|(_, rest)| rest.split_once('\''))
        .expect("a sid")
        .0;
    let requests: Vec<Vec<u8>> = (2..REQUESTS + 2)
        .map(|rid| {
            post(&format!(
                "<body xmlns='{NAMESPACE}' rid='{rid}' sid='{sid}'>{stanzas}</body>"
            ))
        })
        .collect();

    gateway.last = Transmit::default();
    gateway.answers = 0;
    for (turn, bytes) in requests.iter().take(times).enumerate() {
        // Nobody asks faster than he may (XEP-0124 §11).
        gateway.now += Duration::from_secs(10);
        match work.as_str() {
            "whole" => gateway.post(turn % 2, bytes),
            "http" => {
                let request = gateway.read(0, bytes);
                let response = Response::new(200)
                    .with_body("text/xml; charset=utf-8", Bytes::from_static(b"<body/>"));
                gateway.write(0, request.id, response);
            }
            other => panic!("{other}?"),
        }
    }
    println!("{} stanzas, {} answers", gateway.delivered, gateway.answers);
}
