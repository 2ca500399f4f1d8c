//! One loop for every machine on a byte stream: HTTP/1.1, WebSocket frames, RFC 7395 sessions, RFC 6120 streams and the relay.

use std::time::Instant;

use bytes::BytesMut;
use ws_framing::{CloseCode, Connection, connection, connection::Message, xmpp};
use xmpp_http1::{Response, client as http_client, server as http_server};
use xmpp_machine::{Action, Machine};
use xmpp_stream::{
    Event, Relay,
    client::{self, Tls},
    relay, server,
    session::{self, Order},
};
use xmpp_wire::StreamHeader;

use crate::support::{config, element, epoch, opening};

const FEATURES: &str = "<stream:features xmlns:stream='http://etherx.jabber.org/streams'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></stream:features>";
const MESSAGE: &str = "<message xmlns='jabber:client'><body>hi</body></message>";

/// A machine at one end of a pipe, and what its application does with an event.
struct End<M: Machine> {
    machine: M,
    hear: fn(&mut M, M::Event, Instant),
    input: BytesMut,
    is_over: bool,
}

impl<M: Machine> End<M> {
    fn new(machine: M, hear: fn(&mut M, M::Event, Instant)) -> Self {
        let (input, is_over) = (BytesMut::new(), false);
        Self {
            machine,
            hear,
            input,
            is_over,
        }
    }

    /// Does all that can be done now.
    fn run<P: Machine>(&mut self, peer: &mut End<P>, now: Instant) {
        if self.machine.wants_input() && !self.input.is_empty() {
            self.machine.handle_input(&mut self.input, now);
        } else if peer.is_over {
            self.machine.handle_eof(now);
        }
        if self.machine.poll_timeout().is_some_and(|at| at <= now) {
            self.machine.handle_timeout(now);
        }
        loop {
            while let Some(action) = self.machine.poll_action() {
                match action {
                    Action::Deliver(event) => (self.hear)(&mut self.machine, event, now),
                    Action::Handover(_) => unreachable!("nobody asked for it"),
                    Action::Close | Action::Abort => self.is_over = true,
                }
            }
            let Some(transmit) = self.machine.poll_transmit() else {
                return;
            };
            peer.input.extend_from_slice(&transmit.head);
            peer.input.extend_from_slice(&transmit.payload);
        }
    }
}

/// Runs both ends of a pipe until both are over.
fn run<A: Machine, B: Machine>(mut a: End<A>, mut b: End<B>, now: Instant) {
    for _ in 0..100 {
        a.run(&mut b, now);
        b.run(&mut a, now);
    }
    assert!(a.is_over && b.is_over);
}

/// A server that greets a client, sends a message for each of the client's, and ends when the client does.
fn serve(stream: &mut server::Stream, event: Event, now: Instant) {
    match event {
        Event::Opened(_) => {
            stream
                .open(StreamHeader::default(), now)
                .expect("a header is due");
            stream.send(element(FEATURES), now).expect("room");
        }
        Event::Element(_) => stream.send(element(MESSAGE), now).expect("room"),
        Event::Ended => stream.close(now),
        Event::Repaired { .. } | Event::Writable | Event::Closed(_) => {}
    }
}

#[test]
fn one_loop_drives_http() {
    let now = epoch();
    let mut client = http_client::Connection::new(http_client::Config::default().into(), now);
    let request = http_client::Request::new("GET", "/", "a.example").closing();
    client.send(request, now).unwrap();
    let server = http_server::Connection::new(http_server::Config::default().into(), now);
    let answer = |server: &mut http_server::Connection, event, now| {
        if let http_server::Event::Request(request) = event {
            server.respond(request.id, Response::new(204), now);
        }
    };
    run(
        End::new(client, |_, _, _| {}),
        End::new(server, answer),
        now,
    );
}

#[test]
fn one_loop_drives_websockets() {
    let now = epoch();
    let mut client = Connection::client(connection::Config::default(), [1; 32], now);
    client.send(Message::from("hello"), now).unwrap();
    let server = Connection::server(connection::Config::default(), now);
    let end = |machine: &mut Connection, event, now| {
        if let connection::Event::Message(_) = event {
            machine.close(CloseCode::NORMAL, "", now);
        }
    };
    run(End::new(client, |_, _, _| {}), End::new(server, end), now);

    let mut client = xmpp::client::Session::new(xmpp::Config::default(), [1; 32], now);
    client.open(opening(), now).unwrap();
    let server = xmpp::server::Session::new(xmpp::Config::default(), [2; 32], now);
    let close = |session: &mut xmpp::client::Session, event, now| {
        if let xmpp::Event::Element(_) = event {
            session.close(now);
        }
    };
    let greet = |session: &mut xmpp::server::Session, event, now| match event {
        xmpp::Event::Opened { .. } => {
            session.open(StreamHeader::default(), now).unwrap();
            session.send(element(FEATURES), now).unwrap();
        }
        xmpp::Event::Closing => session.close(now),
        xmpp::Event::Element(_) | xmpp::Event::Writable | xmpp::Event::Closed(_) => {}
    };
    run(End::new(client, close), End::new(server, greet), now);
}

#[test]
fn one_loop_drives_streams() {
    let now = epoch();
    let config = client::Config::default().with_tls(Tls::None);
    let client = client::Stream::new(config, opening(), now);
    let server = server::Stream::new(server::Config::default(), now);
    let close = |stream: &mut client::Stream, event, now| {
        if let Event::Element(_) = event {
            stream.close(now);
        }
    };
    run(End::new(client, close), End::new(server, serve), now);
}

#[test]
fn one_loop_drives_a_relay() {
    let now = epoch();
    let relay = Relay::new(config(Tls::None), opening(), now);
    let server = server::Stream::new(server::Config::default(), now);
    // The client says something when the features have come, and leaves with the answer.
    let hear = |relay: &mut Relay, event, now| {
        if let relay::Event::Session(Order::Element(element)) = event {
            let event = if element.is_stanza() {
                session::Event::Closing
            } else {
                session::Event::Element(crate::support::element(MESSAGE))
            };
            relay.handle_session::<()>(event, now);
        }
    };
    run(End::new(relay, hear), End::new(server, serve), now);
}
