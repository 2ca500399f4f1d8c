//! Both machines, the network between them, an application at each end, and one clock.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use bosh_proto::{
    Channel, ConnectionId, ExchangeId, Request,
    client::{self, Exported, Failure, Session},
    server::{self, Accept, Manager, SessionKey},
};
use bytes::Bytes;
use xmpp_wire::{Element, StreamHeader, ns};

use crate::ends::{End, element, message, short, text};
use crate::network::{Copy, Dice, Fate, Weather, as_seen, page};

/// Something on its way.
#[derive(Debug)]
enum Packet {
    /// A copy of a request, with the exchange that it belongs to at the client.
    Request {
        id: ExchangeId,
        body: Bytes,
        fate: Fate,
        copy: Copy,
    },
    Response {
        id: ExchangeId,
        response: client::Response,
    },
    /// The client notices that an exchange broke.
    Broken(ExchangeId),
    /// The server notices.
    Gone(ExchangeId),
    /// The bytes of the server's answer left.
    Sent(ExchangeId),
}

/// An exchange at the server, and whose it is.
#[derive(Clone, Copy, Debug)]
struct Served {
    client: ExchangeId,
    fate: Fate,
    copy: Copy,
}

#[derive(Debug)]
pub(crate) struct Pair {
    pub(crate) client: Option<Session>,
    pub(crate) manager: Manager,
    pub(crate) weather: Weather,
    pub(crate) dice: Dice,
    epoch: Instant,
    pub(crate) now: Instant,
    serial: u64,
    packets: BTreeMap<(Instant, u64), Packet>,
    served: BTreeMap<ExchangeId, Served>,
    faults: BTreeMap<Bytes, u32>,
    /// Exchanges that the client gave up.
    abandoned: Vec<ExchangeId>,
    key: Option<SessionKey>,
    /// What the newest creation asked for.
    pub(crate) header: Option<StreamHeader>,
    pub(crate) user: End,
    pub(crate) host: End,
    /// Every request on the wire, as it left.
    pub(crate) requests: Vec<String>,
    /// What happened, for the reader of a failure.
    pub(crate) log: Vec<String>,
}

/// Round trips take 20 to 60 ms.
const LATENCY: u64 = 10;

impl Pair {
    pub(crate) fn new(client: client::Config, mut server: server::Config, seed: u64) -> Self {
        server.auth_timeout = None;
        let epoch = epoch();
        Self {
            client: Some(Session::new(client, [9; 32], epoch)),
            manager: Manager::new(Arc::new(server), [7; 32]),
            weather: Weather::Calm,
            dice: Dice::new(seed),
            epoch,
            now: epoch,
            serial: 0,
            packets: BTreeMap::new(),
            served: BTreeMap::new(),
            faults: BTreeMap::new(),
            abandoned: Vec::new(),
            key: None,
            header: None,
            user: End::default(),
            host: End::default(),
            requests: Vec::new(),
            log: Vec::new(),
        }
    }

    /// A session that was opened in calm weather.
    pub(crate) fn open(client: client::Config, server: server::Config, seed: u64) -> Self {
        let mut pair = Self::new(client, server, seed);
        pair.drain();
        pair.run(500);
        assert_eq!(pair.user.events, ["opened"]);
        pair
    }

    pub(crate) fn client(&mut self) -> &mut Session {
        self.client.as_mut().expect("a session")
    }

    pub(crate) fn millis(&self) -> u64 {
        u64::try_from((self.now - self.epoch).as_millis()).expect("a short test")
    }

    /// The user says something.
    pub(crate) fn utter(&mut self, id: &str) {
        let now = self.now;
        let message = message(id);
        if self.client().send(element(&message), now).is_ok() {
            self.user.sent.push(message);
        }
        self.drain();
    }

    /// Another session, after the first is over.
    pub(crate) fn reopen(&mut self, config: client::Config) {
        self.user = End::default();
        // Its exchanges are counted anew.
        self.abandoned.clear();
        self.packets.retain(|_, packet| !packet.is_for_client());
        self.client = Some(Session::new(config, [10; 32], self.now));
        self.drain();
    }

    /// The server has something for the user.
    pub(crate) fn tell(&mut self, id: &str) {
        self.tell_xml(&message(id));
    }

    pub(crate) fn tell_xml(&mut self, message: &str) {
        let Some(key) = self.key else { return };
        let message = message.to_owned();
        if self.manager.send(key, element(&message), self.now).is_ok() {
            self.host.sent.push(message);
        }
        self.drain();
    }

    pub(crate) fn end_by_server(&mut self) {
        if let Some(key) = self.key {
            self.manager.close(key, None, None, self.now);
            self.drain();
        }
    }

    /// Lets time pass, with everything that happens meanwhile.
    pub(crate) fn run(&mut self, millis: u64) {
        let target = self.now + Duration::from_millis(millis);
        let mut turns = 0;
        while let Some(at) = self.next().filter(|at| *at <= target) {
            turns += 1;
            assert!(turns < 20_000, "no end at {} ms", self.millis());
            self.now = self.now.max(at);
            self.step();
        }
        self.now = target;
    }

    /// The client's machine stands still while the world goes on: a suspended laptop, a background tab.
    pub(crate) fn sleep(&mut self, millis: u64) {
        let client = self.client.take();
        let before = self.packets.len();
        self.run(millis);
        self.client = client;
        assert!(self.packets.len() <= before + 1_000);
        self.step();
    }

    /// The session is put to rest as bytes, and goes on elsewhere after a while, with its connections gone.
    pub(crate) fn relocate(&mut self, millis: u64) {
        let exported = self.client.take().expect("a session").export(self.now);
        let bytes = exported.expect("not closed").to_bytes();
        let served: Vec<_> = self.served.keys().copied().collect();
        for served in served {
            let there = self.latency();
            self.put(there, Packet::Gone(served));
        }
        self.run(millis);
        let exported = Exported::from_bytes(&bytes).expect("our own bytes");
        let elapsed = Duration::from_millis(millis);
        self.client = Some(Session::import(
            exported.claim(),
            [11; 32],
            self.now,
            elapsed,
        ));
        self.step();
    }

    fn next(&self) -> Option<Instant> {
        let client = self.client.as_ref();
        [
            client.and_then(Session::poll_timeout),
            self.manager.poll_timeout(),
            self.packets
                .iter()
                .find(|(_, packet)| client.is_some() || !packet.is_for_client())
                .map(|((at, _), _)| *at),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// What is due now.
    fn step(&mut self) {
        let now = self.now;
        let due: Vec<_> = self
            .packets
            .iter()
            .filter(|((at, _), packet)| {
                *at <= now && (self.client.is_some() || !packet.is_for_client())
            })
            .map(|(key, _)| *key)
            .collect();
        for key in due {
            if let Some(packet) = self.packets.remove(&key) {
                self.arrive(packet);
                self.drain();
            }
        }
        if let Some(client) = &mut self.client
            && client.poll_timeout().is_some_and(|at| at <= now)
        {
            let due = client.poll_timeout();
            client.handle_timeout(now);
            self.drain();
            let later = self.client().poll_timeout();
            assert!(
                later.is_none_or(|later| Some(later) > due),
                "no progress: {:#?}",
                self.client
            );
        }
        if self.manager.poll_timeout().is_some_and(|at| at <= now) {
            self.manager.handle_timeout(now);
        }
        self.drain();
    }

    /// What is on its way to the client is lost, and nobody notices.
    pub(crate) fn lose_answers(&mut self) {
        self.packets.retain(|_, packet| !packet.is_for_client());
    }

    fn put(&mut self, after: u64, packet: Packet) {
        self.serial += 1;
        let at = self.now + Duration::from_millis(after);
        self.packets.insert((at, self.serial), packet);
    }

    fn latency(&mut self) -> u64 {
        let jitter = match self.weather {
            Weather::Calm | Weather::Dead => 1,
            Weather::Gusty => 100,
            Weather::Stormy => 2_000,
        };
        LATENCY + self.dice.roll(jitter)
    }

    fn arrive(&mut self, packet: Packet) {
        let now = self.now;
        self.log.push(match &packet {
            Packet::Request { id, body, .. } => {
                format!("{} request {id:?} {}", self.millis(), short(body))
            }
            Packet::Response { .. } | Packet::Broken(_) | Packet::Gone(_) | Packet::Sent(_) => {
                format!("{} {packet:?}", self.millis())
            }
        });
        match packet {
            // Only a storm carries on what its sender gave up: a copy that arrives after the server's replay buffer has moved on is a fault
            // by the letter (B-R-093), and no client can help it.
            Packet::Request { id, .. }
                if self.weather != Weather::Stormy && self.abandoned.contains(&id) => {}
            Packet::Request {
                id,
                body,
                fate,
                copy,
            } => {
                self.serial += 1;
                let request = Request {
                    body,
                    connection: ConnectionId(self.serial),
                    address: None,
                    channel: Channel::Tls,
                };
                let served = self.manager.handle_request(request, now);
                self.served.insert(
                    served,
                    Served {
                        client: id,
                        fate,
                        copy,
                    },
                );
                match fate {
                    Fate::Cut(after) => {
                        let (here, there) = (after + self.latency(), after + self.latency());
                        self.put(here, Packet::Broken(id));
                        self.put(there, Packet::Gone(served));
                    }
                    Fate::Proxy { status, .. } => {
                        let (here, there) = (self.latency(), self.latency());
                        self.put(
                            here,
                            Packet::Response {
                                id,
                                response: page(status),
                            },
                        );
                        self.put(there, Packet::Gone(served));
                    }
                    Fate::Twice { answers } if answers != copy => {
                        // The proxy drops the connection of the copy that it does not wait for.
                        let there = 200 + self.latency();
                        self.put(there, Packet::Gone(served));
                    }
                    Fate::Good
                    | Fate::LostBefore { .. }
                    | Fate::LostAfter { .. }
                    | Fate::Twice { .. } => {}
                }
                if self.abandoned.contains(&id) {
                    let there = self.latency();
                    self.put(there, Packet::Gone(served));
                }
            }
            Packet::Response { id, response } => {
                self.client().handle_response(id, response, now);
            }
            Packet::Broken(id) => self.client().handle_failure(id, Failure::Lost, now),
            Packet::Gone(id) => {
                self.served.remove(&id);
                self.manager.handle_disconnect(id, now);
            }
            Packet::Sent(id) => self.manager.handle_sent(id, now),
        }
    }

    pub(crate) fn drain(&mut self) {
        loop {
            let mut idle = true;
            while let Some(action) = self.client.as_mut().and_then(Session::poll_action) {
                idle = false;
                self.obey_client(action);
            }
            while let Some(action) = self.manager.poll_action() {
                idle = false;
                self.obey_server(action);
            }
            if idle {
                return;
            }
        }
    }

    fn obey_client(&mut self, action: client::Action) {
        let at = self.millis();
        match action {
            client::Action::Request { id, body } => {
                self.requests
                    .push(String::from_utf8(body.to_vec()).expect("UTF-8"));
                let faults = self.faults.entry(body.clone()).or_default();
                let fate = self.weather.fate(&mut self.dice, faults);
                self.log
                    .push(format!("{at} {id:?} {fate:?} {}", short(&body)));
                let delay = self.latency();
                match fate {
                    Fate::LostBefore { noticed } => {
                        if noticed {
                            self.put(delay, Packet::Broken(id));
                        }
                        return;
                    }
                    Fate::Proxy {
                        status,
                        arrives: false,
                    } => {
                        let response = page(status);
                        self.put(delay, Packet::Response { id, response });
                        return;
                    }
                    Fate::Twice { .. } => {
                        let (body, copy) = (body.clone(), Copy::Second);
                        // Before the client can have sent anything else, unless anything may happen.
                        let later = match self.weather {
                            Weather::Stormy => delay + self.latency(),
                            Weather::Calm | Weather::Gusty | Weather::Dead => {
                                delay + self.dice.roll(LATENCY)
                            }
                        };
                        self.put(
                            later,
                            Packet::Request {
                                id,
                                body,
                                fate,
                                copy,
                            },
                        );
                    }
                    Fate::Good | Fate::LostAfter { .. } | Fate::Cut(_) | Fate::Proxy { .. } => {}
                }
                let copy = Copy::First;
                self.put(
                    delay,
                    Packet::Request {
                        id,
                        body,
                        fate,
                        copy,
                    },
                );
            }
            client::Action::Abandon { id } => {
                self.log.push(format!("{at} abandon {id:?}"));
                self.abandoned.push(id);
                let served: Vec<_> = self
                    .served
                    .iter()
                    .filter(|(_, served)| served.client == id)
                    .map(|(served, _)| *served)
                    .collect();
                for served in served {
                    let there = self.latency();
                    self.put(there, Packet::Gone(served));
                }
            }
            client::Action::Deliver(event) => match event {
                client::Event::Opened(_) => self.user.events.push("opened".to_owned()),
                client::Event::Element(element) if element.is("features", ns::STREAM) => {}
                client::Event::Element(element) => self.user.received.push(text(&element)),
                client::Event::Restarted => self.user.events.push("restarted".to_owned()),
                client::Event::Closed(closed) => {
                    let cause = format!("{:?}", closed.cause);
                    self.user.close(at, cause, closed.undelivered);
                }
                client::Event::Paused(pause) => self.user.events.push(format!("{pause:?}")),
                client::Event::Writable | client::Event::Host(_) | client::Event::Identified(_) => {
                }
                other => panic!("{other:?}"),
            },
        }
    }

    fn obey_server(&mut self, action: server::Action) {
        let at = self.millis();
        match action {
            server::Action::Respond { id, response } => {
                let Some(served) = self.served.remove(&id) else {
                    return;
                };
                let client = served.client;
                self.log
                    .push(format!("{at} answers {client:?} {}", short(&response.body)));
                let (left, there) = (self.dice.roll(5), self.latency());
                self.put(left, Packet::Sent(id));
                let arrives = match served.fate {
                    Fate::LostAfter { noticed } => {
                        if noticed {
                            self.put(there, Packet::Broken(client));
                        }
                        false
                    }
                    Fate::Proxy { .. } | Fate::LostBefore { .. } => false,
                    Fate::Twice { answers } => answers == served.copy,
                    // A cut that has not happened yet comes too late.
                    Fate::Good | Fate::Cut(_) => true,
                };
                if arrives && self.weather != Weather::Dead {
                    let response = as_seen(&response);
                    self.put(
                        there,
                        Packet::Response {
                            id: client,
                            response,
                        },
                    );
                }
            }
            server::Action::Abort { id } => panic!("{id:?} aborted"),
            server::Action::Deliver { session, event } => match event {
                server::Event::Opening(opening) => {
                    self.key = Some(session);
                    self.header = Some(opening.header.clone());
                    // An orphan of a lost creation counts for nothing.
                    self.host = End::default();
                    let header = StreamHeader {
                        from: opening.header.to,
                        ..StreamHeader::default()
                    };
                    self.manager.accept(session, Accept { header }, self.now);
                    self.features(session);
                }
                _ if self.key != Some(session) => {}
                server::Event::Element(element) => {
                    let text = text(&element);
                    if element.is("auth", ns::SASL) {
                        let success = Element::build("success", ns::SASL).finish();
                        self.manager.send(session, success, self.now).expect("room");
                    } else {
                        self.host.received.push(text);
                    }
                }
                server::Event::Restarted(_) => {
                    self.host.events.push("restarted".to_owned());
                    self.features(session);
                }
                server::Event::Paused(period) => {
                    self.host
                        .events
                        .push(format!("paused {}", period.as_secs()));
                }
                server::Event::Writable => {}
                server::Event::Closed(closed) => {
                    let cause = format!("{:?}", closed.cause);
                    self.host.close(at, cause, closed.undelivered);
                }
            },
        }
    }

    fn features(&mut self, session: SessionKey) {
        let features = Element::build("stream:features", ns::STREAM).finish();
        self.manager
            .send(session, features, self.now)
            .expect("room");
    }
}

impl Packet {
    fn is_for_client(&self) -> bool {
        match self {
            Self::Response { .. } | Self::Broken(_) => true,
            Self::Request { .. } | Self::Gone(_) | Self::Sent(_) => false,
        }
    }
}

/// Any instant does.
#[expect(
    clippy::disallowed_methods,
    reason = "the virtual clock has to start somewhere"
)]
fn epoch() -> Instant {
    Instant::now()
}
