//! A session, a clock, and a connection manager made of strings.

use std::time::{Duration, Instant};

use bosh_proto::{
    ExchangeId,
    client::{Action, Closed, Config, Event, Failure, Response, SendError, Session},
};
use bytes::Bytes;
use xmpp_wire::{Element, XmlLimits};

pub(crate) const BODY: &str = "<body xmlns='http://jabber.org/protocol/httpbind'";
pub(crate) const EMPTY: &str = "<body xmlns='http://jabber.org/protocol/httpbind'/>";
pub(crate) const ERROR: &str = "<body xmlns='http://jabber.org/protocol/httpbind' type='error'/>";
pub(crate) const FEATURES: &str =
    "<stream:features xmlns:stream='http://etherx.jabber.org/streams'/>";
pub(crate) const SUCCESS: &str = "<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>";

/// What our server grants: W=50 H=1 R=2 P=5 I=30 M=120, with acks.
pub(crate) const GRANTED: &str =
    "wait='50' hold='1' requests='2' polling='5' inactivity='30' maxpause='120' ver='1.11'";
/// A polling session's: W=0 H=0 R=1 P=5 I=60.
pub(crate) const POLLING: &str =
    "wait='0' hold='0' requests='1' polling='5' inactivity='60' ver='1.11'";

/// A request that was ordered.
#[derive(Clone, Debug)]
pub(crate) struct Posted {
    pub(crate) id: ExchangeId,
    pub(crate) body: String,
    /// Milliseconds after the start.
    pub(crate) at: u64,
}

impl Posted {
    pub(crate) fn rid(&self) -> u64 {
        self.attribute("rid")
            .expect("a rid")
            .parse()
            .expect("a number")
    }

    pub(crate) fn attribute(&self, name: &str) -> Option<&str> {
        attribute(&self.body, name)
    }

    /// What is inside of the wrapper.
    pub(crate) fn payload(&self) -> &str {
        let (_, rest) = self.body.split_once('>').expect("a tag");
        rest.strip_suffix("</body>").unwrap_or_default()
    }
}

/// A session with what came out of it so far.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) session: Session,
    epoch: Instant,
    pub(crate) now: Instant,
    /// Requests, in the order of the action queue; taken by `posts`.
    posted: Vec<Posted>,
    pub(crate) abandoned: Vec<ExchangeId>,
    pub(crate) events: Vec<String>,
    pub(crate) closed: Vec<Closed>,
}

/// A configuration for our domain.
pub(crate) fn config() -> Config {
    Config::new("lantern.example")
}

pub(crate) fn element(xml: &str) -> Element {
    let limits = XmlLimits::default().with_element_bytes(1 << 24);
    Element::parse(Bytes::copy_from_slice(xml.as_bytes()), &limits).expect("an element")
}

/// A message with that id.
pub(crate) fn message(id: &str) -> String {
    format!("<message xmlns='jabber:client' id='{id}'><body>x</body></message>")
}

/// An ordinary answer with these payloads.
pub(crate) fn with(payload: &str) -> String {
    format!("{BODY}>{payload}</body>")
}

/// An empty answer with these attributes.
pub(crate) fn tagged(attributes: &str) -> String {
    format!("{BODY} {attributes}/>")
}

impl World {
    pub(crate) fn new(config: Config) -> Self {
        Self::seeded(config, 7)
    }

    pub(crate) fn seeded(config: Config, seed: u8) -> Self {
        let epoch = epoch();
        let mut world = Self {
            session: Session::new(config, [seed; 32], epoch),
            epoch,
            now: epoch,
            posted: Vec::new(),
            abandoned: Vec::new(),
            events: Vec::new(),
            closed: Vec::new(),
        };
        world.drain();
        world
    }

    /// A session that was just opened with these attributes and features; its first poll is outstanding (unless it polls).
    pub(crate) fn open(config: Config, granted: &str) -> Self {
        let mut world = Self::new(config);
        let creation = world.post();
        world.answer(creation.id, &created(granted));
        world.events.clear();
        world
    }

    /// The same, and the poll that is held.
    pub(crate) fn held(config: Config, granted: &str) -> (Self, Posted) {
        let mut world = Self::open(config, granted);
        let poll = world.post();
        (world, poll)
    }

    pub(crate) fn send(&mut self, xml: &str) {
        self.try_send(xml).expect("room");
    }

    pub(crate) fn try_send(&mut self, xml: &str) -> Result<(), SendError<Element>> {
        let result = self.queue(xml);
        self.drain();
        result
    }

    /// Sends without taking orders afterwards.
    pub(crate) fn queue(&mut self, xml: &str) -> Result<(), SendError<Element>> {
        self.session.send(element(xml), self.now)
    }

    pub(crate) fn close(&mut self) {
        self.session.close(self.now);
        self.drain();
    }

    /// A 200 with that body.
    pub(crate) fn answer(&mut self, id: ExchangeId, body: &str) {
        self.answer_with(id, 200, body);
    }

    pub(crate) fn answer_with(&mut self, id: ExchangeId, status: u16, body: &str) {
        let response = Response {
            status,
            body: Bytes::copy_from_slice(body.as_bytes()),
        };
        self.session.handle_response(id, response, self.now);
        self.drain();
    }

    pub(crate) fn fail(&mut self, id: ExchangeId) {
        self.fail_with(id, Failure::Lost);
    }

    pub(crate) fn fail_with(&mut self, id: ExchangeId, failure: Failure) {
        self.session.handle_failure(id, failure, self.now);
        self.drain();
    }

    /// The requests ordered since the last call.
    pub(crate) fn posts(&mut self) -> Vec<Posted> {
        std::mem::take(&mut self.posted)
    }

    /// The one request ordered since the last call.
    #[track_caller]
    pub(crate) fn post(&mut self) -> Posted {
        let posts = self.posts();
        assert_eq!(posts.len(), 1, "{posts:#?}");
        posts.into_iter().next().expect("one")
    }

    /// Nothing was ordered since the last call.
    #[track_caller]
    pub(crate) fn silent(&mut self) {
        let posts = self.posts();
        assert!(posts.is_empty(), "{posts:#?}");
    }

    pub(crate) fn take_events(&mut self) -> Vec<String> {
        std::mem::take(&mut self.events)
    }

    /// The raw bytes of what was handed back at the end.
    pub(crate) fn undelivered(&self) -> Vec<String> {
        let closed = self.closed.last().expect("a closed session");
        closed
            .undelivered
            .iter()
            .map(|element| String::from_utf8(element.raw().to_vec()).expect("UTF-8"))
            .collect()
    }

    /// Milliseconds since the start.
    pub(crate) fn millis(&self) -> u64 {
        u64::try_from((self.now - self.epoch).as_millis()).expect("a short test")
    }

    /// Moves the clock to that many milliseconds after the start, stopping at every deadline on the way.
    pub(crate) fn at(&mut self, millis: u64) {
        let target = self.epoch + Duration::from_millis(millis);
        assert!(target >= self.now, "the clock went backwards");
        while let Some(next) = self.session.poll_timeout().filter(|at| *at <= target) {
            self.now = self.now.max(next);
            self.session.handle_timeout(self.now);
            self.drain();
            let later = self.session.poll_timeout();
            assert!(
                later.is_none_or(|later| later > next),
                "handle_timeout made no progress"
            );
        }
        self.now = target;
    }

    /// Takes every action.
    pub(crate) fn drain(&mut self) {
        while let Some(action) = self.session.poll_action() {
            match action {
                Action::Request { id, body } => {
                    let body = String::from_utf8(body.to_vec()).expect("UTF-8");
                    let at = self.millis();
                    self.posted.push(Posted { id, body, at });
                }
                Action::Abandon { id } => self.abandoned.push(id),
                Action::Deliver(event) => self.note(event),
            }
        }
    }

    fn note(&mut self, event: Event) {
        assert!(self.closed.is_empty(), "{event:?} after the end");
        let text = match event {
            Event::Opened(opened) => format!("opened {}", opened.requests),
            Event::Element(element) => String::from_utf8(element.raw().to_vec()).expect("UTF-8"),
            Event::Restarted => "restarted".to_owned(),
            Event::Host(host) => format!("host {host}"),
            Event::Identified(from) => format!("from {from}"),
            Event::Paused(pause) => format!("{pause:?}"),
            Event::Writable => "writable".to_owned(),
            Event::Closed(closed) => {
                let text = format!("closed {:?}", closed.cause);
                self.closed.push(closed);
                text
            }
            other => format!("{other:?}"),
        };
        self.events.push(text);
    }
}

/// A creation response with features.
pub(crate) fn created(granted: &str) -> String {
    format!("{BODY} sid='S' {granted}>{FEATURES}</body>")
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
pub(crate) fn epoch() -> Instant {
    Instant::now()
}
