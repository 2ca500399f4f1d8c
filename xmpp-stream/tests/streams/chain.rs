//! A web client, the gateway's two machines and a server, in memory: what one end says arrives at the other.

use std::{collections::VecDeque, time::Instant};

use bytes::BytesMut;
use ws_framing::{connection, xmpp};
use xmpp_stream::{
    Action, Relay, relay, server,
    session::{Accepted as _, Order, websocket},
};
use xmpp_wire::{Element, StreamHeader, XmlLimits, ns};

use crate::support::{config, epoch};

/// Which end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Client,
    Server,
}

/// Everything between a client's application and a server's.
pub(crate) struct Chain {
    pub(crate) client: xmpp::client::Session,
    pub(crate) web: xmpp::server::Session,
    pub(crate) relay: Option<Relay>,
    pub(crate) server: server::Stream,
    pub(crate) now: Instant,
    /// Orders that the web side had no room for.
    waiting: VecDeque<Order>,
    /// Bytes under way, to each of the four machines.
    pipes: [BytesMut; 4],
    /// What the web side and the client have not taken yet.
    unread: [BytesMut; 2],
    /// How many bytes move at once.
    pub(crate) cut: usize,
    /// The server's connection can be used.
    pub(crate) linked: bool,
    /// What the ends were told, but for the negotiation.
    pub(crate) at_client: Vec<Element>,
    pub(crate) at_server: Vec<Element>,
    /// The client's end.
    pub(crate) closed: Option<xmpp::Closed>,
    pub(crate) server_closed: Option<xmpp_stream::Closed>,
    /// Everything that was written towards the server.
    pub(crate) upstream: Vec<u8>,
    /// The web side's connection ends behind what it has written.
    web_shut: bool,
    signed_in: bool,
    pub(crate) ready: bool,
}

impl Chain {
    pub(crate) fn new(cut: usize) -> Self {
        let now = epoch();
        let mut client = xmpp::client::Session::new(xmpp::Config::default(), [1; 32], now);
        let header = StreamHeader {
            to: Some("a.example".to_owned()),
            ..StreamHeader::default()
        };
        client.open(header, now).expect("not yet open");
        Self {
            client,
            web: xmpp::server::Session::new(xmpp::Config::default(), [2; 32], now),
            relay: None,
            server: server::Stream::new(server::Config::default(), now),
            now,
            waiting: VecDeque::new(),
            pipes: Default::default(),
            unread: Default::default(),
            cut,
            linked: true,
            at_client: Vec::new(),
            at_server: Vec::new(),
            closed: None,
            server_closed: None,
            upstream: Vec::new(),
            web_shut: false,
            signed_in: false,
            ready: false,
        }
    }

    /// Authenticated, with a resource, and with what the server answers to `<enable/>`.
    pub(crate) fn enabled(cut: usize, enabled: &str) -> Self {
        let mut chain = Self::new(cut);
        chain.run();
        assert!(chain.ready, "not signed in");
        chain.say(
            Side::Client,
            "<enable xmlns='urn:xmpp:sm:3' resume='true'/>",
        );
        chain.run();
        chain.say(Side::Server, enabled);
        chain.run();
        chain.at_client.clear();
        chain.at_server.clear();
        chain
    }

    /// An end says that, if there is room.
    pub(crate) fn say(&mut self, side: Side, xml: &str) -> bool {
        let limits = XmlLimits::default().with_element_bytes(usize::MAX);
        let element = Element::parse(xml.to_owned().into(), &limits).expect("well-formed");
        match side {
            Side::Client => self.client.send(element, self.now).is_ok(),
            Side::Server => self.server.send(element, self.now).is_ok(),
        }
    }

    /// The server's bytes say that, past its own machine.
    pub(crate) fn inject(&mut self, raw: &str) {
        self.pipes[3].extend_from_slice(raw.as_bytes());
    }

    /// Until nothing moves.
    pub(crate) fn run(&mut self) {
        // What was heard in one round is answered in the next.
        while self.step() || self.step() {}
    }

    /// One round of everything; says whether anything moved.
    pub(crate) fn step(&mut self) -> bool {
        let now = self.now;
        let mut moved = false;
        let transmits = [
            self.client
                .poll_transmit()
                .map(|t| [&t.head[..], &t.payload[..]].concat()),
            self.web
                .poll_transmit()
                .map(|t| [&t.head[..], &t.payload[..]].concat()),
            self.relay
                .as_mut()
                .and_then(|relay| relay.poll_transmit())
                .map(|b| b.to_vec()),
            self.server.poll_transmit().map(|b| b.to_vec()),
        ];
        for (pipe, bytes) in self.pipes.iter_mut().zip(transmits) {
            pipe.extend_from_slice(&bytes.unwrap_or_default());
        }
        let cut = self.cut;
        let mut take = |pipe: &mut BytesMut| {
            let piece = pipe.split_to(pipe.len().min(cut));
            moved |= !piece.is_empty();
            piece
        };
        let [up, down, to_server, from_server] = &mut self.pipes;
        let mut pieces = [take(up), take(down), BytesMut::new(), BytesMut::new()];
        if self.linked {
            pieces[2] = take(to_server);
            pieces[3] = take(from_server);
        }
        let [up, down, mut to_server, mut from_server] = pieces;
        self.unread[0].unsplit(up);
        self.web.handle_input(&mut self.unread[0], now);
        self.unread[1].unsplit(down);
        self.client.handle_input(&mut self.unread[1], now);
        self.upstream.extend_from_slice(&to_server);
        self.server.handle_input(&mut to_server, now);
        if let Some(relay) = &mut self.relay {
            relay.handle_input(&mut from_server, now);
        }
        if self.web_shut && !moved {
            self.client.handle_eof(now);
        }
        self.act();
        moved
    }

    fn act(&mut self) {
        let now = self.now;
        while let Some(action) = self.web.poll_action() {
            match action {
                connection::Action::Deliver(xmpp::Event::Opened {
                    header,
                    restart: false,
                }) => {
                    self.relay = Some(Relay::new(
                        config(xmpp_stream::client::Tls::None),
                        header,
                        now,
                    ));
                }
                connection::Action::Deliver(event) => {
                    if let Some(relay) = &mut self.relay {
                        relay.handle_session(websocket::event(event), now);
                    }
                }
                connection::Action::Close | connection::Action::Abort => self.web_shut = true,
            }
        }
        if let Some(relay) = &mut self.relay {
            while let Some(action) = relay.poll_action() {
                match action {
                    Action::Deliver(relay::Event::Server(_)) => {}
                    Action::Deliver(relay::Event::Session(order)) => {
                        if let Order::Element(element) = &order {
                            let alone =
                                Element::parse(element.raw().clone(), &XmlLimits::default());
                            assert_eq!(alone.expect("stands alone").name(), element.name());
                        }
                        self.waiting.push_back(order);
                    }
                    Action::Handover(_) => panic!("no TLS here"),
                    Action::Close => {}
                    Action::Abort => {
                        self.server.handle_eof(now);
                        self.linked = false;
                    }
                }
            }
            while let Some(order) = self.waiting.pop_front() {
                if let Err(order) = self.web.apply(order, now) {
                    self.waiting.push_front(order);
                    relay.hold_input(now);
                    break;
                }
            }
            if self.waiting.is_empty() {
                relay.release_input(now);
            }
        }
        while let Some(action) = self.client.poll_action() {
            if let connection::Action::Deliver(event) = action {
                self.hear_as_client(event);
            }
        }
        while let Some(action) = self.server.poll_action() {
            if let Action::Deliver(event) = action {
                self.hear_as_server(event);
            }
        }
    }

    fn hear_as_client(&mut self, event: xmpp::Event) {
        let now = self.now;
        match event {
            xmpp::Event::Element(element) if !self.ready => {
                let name = element.name();
                match (name.namespace, name.local) {
                    (ns::STREAM, "features") if element.child("bind", ns::BIND).is_some() => {
                        self.ready = true;
                    }
                    (ns::STREAM, "features") => {
                        self.say(Side::Client, "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>x</auth>");
                    }
                    (ns::SASL, "success") => {}
                    _ => self.at_client.push(element),
                }
            }
            xmpp::Event::Element(element) => self.at_client.push(element),
            xmpp::Event::Closing => self.client.close(now),
            xmpp::Event::Closed(closed) => self.closed = Some(closed),
            xmpp::Event::Opened { .. } | xmpp::Event::Writable => {}
        }
    }

    fn hear_as_server(&mut self, event: server::Event) {
        let now = self.now;
        match event {
            server::Event::Opened(header) => {
                let answer = StreamHeader {
                    from: header.to,
                    id: Some("id".to_owned()),
                    ..StreamHeader::default()
                };
                self.server.open(answer, now).expect("asked");
                let inside = if self.signed_in {
                    "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>"
                } else {
                    "<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>PLAIN</mechanism></mechanisms>"
                };
                self.say(Side::Server, &format!("<stream:features xmlns:stream='http://etherx.jabber.org/streams'>{inside}</stream:features>"));
            }
            server::Event::Element(element) if element.is("auth", ns::SASL) => {
                self.signed_in = true;
                self.say(
                    Side::Server,
                    "<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>",
                );
                self.server.expect_restart(now);
            }
            server::Event::Element(element) => self.at_server.push(element),
            server::Event::Ended => self.server.close(now),
            server::Event::Closed(closed) => self.server_closed = Some(closed),
            server::Event::Writable | server::Event::Repaired { .. } => {}
        }
    }
}
