//! A manager, a clock, and an application that notes what it learns.

use std::{
    collections::BTreeMap,
    net::IpAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use bosh_proto::{
    Channel, Condition, ConnectionId, ExchangeId, Request, Response,
    server::{Accept, Action, Closed, Config, Event, Manager, Opening, SendError, SessionKey},
};
use bytes::Bytes;
use xmpp_wire::{Element, StreamHeader, XmlLimits};

/// Whether the driver reports that bytes left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reports {
    AtOnce,
    Never,
}

/// When orders are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Drains {
    AtOnce,
    Late,
}

/// A manager with what came out of it so far.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) manager: Manager,
    pub(crate) reports: Reports,
    /// Whether orders are taken after each call, or wait for `drain_now`.
    pub(crate) drains: Drains,
    /// Where requests come from.
    pub(crate) address: Option<IpAddr>,
    epoch: Instant,
    pub(crate) now: Instant,
    connections: u64,
    /// Answers in the order of the action queue.
    pub(crate) order: Vec<ExchangeId>,
    answers: BTreeMap<ExchangeId, Response>,
    pub(crate) aborted: Vec<ExchangeId>,
    pub(crate) openings: Vec<Opening>,
    pub(crate) events: Vec<String>,
    /// Sessions that were told of room, to be taken out.
    pub(crate) writable: Vec<SessionKey>,
    pub(crate) closed: Vec<(SessionKey, Closed)>,
    pub(crate) key: Option<SessionKey>,
    pub(crate) sid: String,
}

pub(crate) const BODY: &str = "<body xmlns='http://jabber.org/protocol/httpbind'";
pub(crate) const FEATURES: &str = "<stream:features xmlns:stream='http://etherx.jabber.org/streams'><mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>PLAIN</mechanism></mechanisms></stream:features>";
pub(crate) const EMPTY: &str = "<body xmlns='http://jabber.org/protocol/httpbind'/>";
pub(crate) const ERROR: &str = "<body xmlns='http://jabber.org/protocol/httpbind' type='error'/>";
/// The rid of the creation requests of `World::session`.
pub(crate) const FIRST: u64 = 100;

pub(crate) fn element(xml: &str) -> Element {
    let limits = XmlLimits::default().with_element_bytes(1 << 24);
    Element::parse(Bytes::copy_from_slice(xml.as_bytes()), &limits).expect("an element")
}

/// A message with that id.
pub(crate) fn message(id: &str) -> String {
    format!("<message xmlns='jabber:client' id='{id}'><body>x</body></message>")
}

/// A terminal body.
pub(crate) fn terminal(condition: &str) -> String {
    format!("{BODY} type='terminate' condition='{condition}'/>")
}

/// An ordinary answer with these payloads.
pub(crate) fn with(payload: &str) -> String {
    format!("{BODY}>{payload}</body>")
}

/// A configuration whose releases are immediate.
pub(crate) fn prompt() -> Config {
    let mut config = Config::default();
    config.linger = Duration::ZERO;
    config
}

impl World {
    pub(crate) fn new(mut config: Config) -> Self {
        if config.auth_timeout == Config::default().auth_timeout {
            // Sessions here live for minutes and mostly never sign in.
            config.auth_timeout = None;
        }
        let epoch = epoch();
        Self {
            manager: Manager::new(Arc::new(config), [7; 32]),
            reports: Reports::AtOnce,
            drains: Drains::AtOnce,
            address: None,
            epoch,
            now: epoch,
            connections: 0,
            order: Vec::new(),
            answers: BTreeMap::new(),
            aborted: Vec::new(),
            openings: Vec::new(),
            events: Vec::new(),
            writable: Vec::new(),
            closed: Vec::new(),
            key: None,
            sid: String::new(),
        }
    }

    /// A session whose creation (rid `FIRST`) was answered with features, at 0, and then the clock stands at `SETTLED`.
    pub(crate) fn session(config: Config, attributes: &str) -> Self {
        let mut world = Self::new(config);
        world.open(FIRST, attributes);
        world
    }

    /// Creates a session with that rid and these attributes beside `to`, up to the answer with features.
    pub(crate) fn open(&mut self, rid: u64, attributes: &str) -> String {
        let version = if attributes.contains("ver=") || attributes.contains("legacy") {
            ""
        } else {
            "ver='1.11'"
        };
        let attributes = attributes.replace("legacy", "");
        let id = self.post(&format!(
            "{BODY} rid='{rid}' to='lantern.example' {version} {attributes}/>"
        ));
        self.accept();
        self.send(FEATURES);
        let answer = self.answer(id).expect("an answer to the creation");
        self.sid = attribute(&answer, "sid").expect("a sid").to_owned();
        answer
    }

    pub(crate) fn accept(&mut self) {
        let header = StreamHeader {
            from: Some("lantern.example".to_owned()),
            id: Some("upstream-1".to_owned()),
            version: Some("1.0".to_owned()),
            ..StreamHeader::default()
        };
        let key = self.key();
        self.manager.accept(key, Accept { header }, self.now);
        self.drain();
    }

    pub(crate) fn key(&self) -> SessionKey {
        self.key.expect("a session")
    }

    /// Posts bytes on a fresh connection over TLS.
    pub(crate) fn post(&mut self, body: &str) -> ExchangeId {
        self.connections += 1;
        self.post_on(self.connections, Channel::Tls, body)
    }

    pub(crate) fn post_on(&mut self, connection: u64, channel: Channel, body: &str) -> ExchangeId {
        let request = Request {
            body: Bytes::copy_from_slice(body.as_bytes()),
            connection: ConnectionId(connection),
            address: self.address,
            channel,
        };
        let id = self.manager.handle_request(request, self.now);
        self.drain();
        id
    }

    /// The text of a request of the session.
    pub(crate) fn text(&self, rid: u64, attributes: &str, payload: &str) -> String {
        let sid = &self.sid;
        let attributes = if attributes.is_empty() {
            String::new()
        } else {
            format!(" {attributes}")
        };
        if payload.is_empty() {
            format!("{BODY} rid='{rid}' sid='{sid}'{attributes}/>")
        } else {
            format!("{BODY} rid='{rid}' sid='{sid}'{attributes}>{payload}</body>")
        }
    }

    /// A request of the session with a payload, or an empty one.
    pub(crate) fn request(&mut self, rid: u64, payload: &str) -> ExchangeId {
        let text = self.text(rid, "", payload);
        self.post(&text)
    }

    /// An empty request of the session with further attributes.
    pub(crate) fn request_with(&mut self, rid: u64, attributes: &str) -> ExchangeId {
        let text = self.text(rid, attributes, "");
        self.post(&text)
    }

    /// Queues an element.
    pub(crate) fn send(&mut self, xml: &str) {
        self.try_send(xml).expect("room");
    }

    pub(crate) fn try_send(&mut self, xml: &str) -> Result<(), SendError<Element>> {
        let key = self.key();
        let result = self.manager.send(key, element(xml), self.now);
        self.drain();
        result
    }

    pub(crate) fn close(&mut self, condition: Option<Condition>, error: Option<&str>) {
        let key = self.key();
        let error = error.map(element);
        self.manager.close(key, condition, error, self.now);
        self.drain();
    }

    pub(crate) fn disconnect(&mut self, id: ExchangeId) {
        self.manager.handle_disconnect(id, self.now);
        self.drain();
    }

    pub(crate) fn sent(&mut self, id: ExchangeId) {
        self.manager.handle_sent(id, self.now);
        self.drain();
    }

    /// Moves the clock to that many milliseconds after the start, stopping at every deadline on the way.
    pub(crate) fn at(&mut self, millis: u64) {
        let target = self.epoch + Duration::from_millis(millis);
        assert!(target >= self.now, "the clock went backwards");
        while let Some(next) = self.manager.poll_timeout().filter(|at| *at <= target) {
            self.now = self.now.max(next);
            self.manager.handle_timeout(self.now);
            self.drain_now();
            let later = self.manager.poll_timeout();
            assert!(
                later.is_none_or(|later| later > next),
                "handle_timeout made no progress"
            );
        }
        self.now = target;
    }

    /// When the clock began.
    pub(crate) fn start(&self) -> Instant {
        self.epoch
    }

    /// Takes every action, where that is to be done after each call.
    pub(crate) fn drain(&mut self) {
        if self.drains == Drains::AtOnce {
            self.drain_now();
        }
    }

    /// Takes every action.
    pub(crate) fn drain_now(&mut self) {
        while let Some(action) = self.manager.poll_action() {
            match action {
                Action::Respond { id, response } => {
                    self.order.push(id);
                    let again = self.answers.insert(id, response);
                    assert!(again.is_none(), "answered twice");
                    if self.reports == Reports::AtOnce {
                        self.manager.handle_sent(id, self.now);
                    }
                }
                Action::Abort { id } => self.aborted.push(id),
                Action::Deliver { session, event } => self.note(session, event),
            }
        }
    }

    fn note(&mut self, session: SessionKey, event: Event) {
        let text = match event {
            Event::Opening(opening) => {
                self.key = Some(session);
                self.openings.push(opening);
                "opening".to_owned()
            }
            Event::Element(element) => String::from_utf8(element.raw().to_vec()).expect("UTF-8"),
            Event::Restarted(header) => format!("restarted {header:?}"),
            Event::Paused(period) => format!("paused {}", period.as_secs()),
            Event::Writable => {
                self.writable.push(session);
                "writable".to_owned()
            }
            Event::Closed(closed) => {
                let text = format!("closed {:?}", closed.cause);
                self.closed.push((session, closed));
                text
            }
        };
        self.events.push(text);
    }

    /// The body of the answer to an exchange, if there is one.
    pub(crate) fn answer(&self, id: ExchangeId) -> Option<String> {
        let response = self.answers.get(&id)?;
        Some(String::from_utf8(response.body.to_vec()).expect("UTF-8"))
    }

    pub(crate) fn response(&self, id: ExchangeId) -> &Response {
        self.answers.get(&id).expect("an answer")
    }

    /// Goes on with the session that the newest of these exchanges created.
    pub(crate) fn learn(&mut self, exchanges: &[ExchangeId]) {
        let sid = exchanges.iter().rev().find_map(|id| {
            let answer = self.answer(*id)?;
            attribute(&answer, "sid").map(str::to_owned)
        });
        if let Some(sid) = sid {
            self.sid = sid;
        }
    }

    /// Takes the events noted so far.
    pub(crate) fn take_events(&mut self) -> Vec<String> {
        std::mem::take(&mut self.events)
    }

    /// The raw bytes of what was handed back at the end.
    pub(crate) fn undelivered(&self) -> Vec<String> {
        let (_, closed) = self.closed.last().expect("a closed session");
        closed
            .undelivered
            .iter()
            .map(|element| String::from_utf8(element.raw().to_vec()).expect("UTF-8"))
            .collect()
    }
}

/// The value of an attribute as our wrappers spell it.
pub(crate) fn attribute<'a>(body: &'a str, name: &str) -> Option<&'a str> {
    let tag = body.split('>').next()?;
    let (_, rest) = tag.split_once(&format!(" {name}='"))?;
    rest.split('\'').next()
}

/// Any instant does.
#[expect(
    clippy::disallowed_methods,
    reason = "the virtual clock has to start somewhere"
)]
fn epoch() -> Instant {
    Instant::now()
}
