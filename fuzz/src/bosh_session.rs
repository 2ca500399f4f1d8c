use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
    time::{Duration, Instant},
};

use bosh_proto::{
    Channel, Condition, ConnectionId, ExchangeId, Request, Response,
    server::{Accept, Action, Closed, Config, Event, Manager, Rate, SendError, SessionKey},
};
use bytes::Bytes;
use xmpp_wire::{Element, NestedElement, StreamHeader, Wrapped, XmlLimits, ns};

const BODY: &str = "<body xmlns='http://jabber.org/protocol/httpbind'";
/// Sessions at once.
const SESSIONS: usize = 4;
/// Bytes of payloads in one answer, and waiting.
const RESPONSE: usize = 1_000;
const OUTBOX: usize = 3_000;
/// Bytes of the largest element that is sent.
const ELEMENT: usize = 1_200;

const CREATIONS: [&str; 8] = [
    "",
    "wait='0'",
    "hold='0' wait='3'",
    "hold='2' wait='9'",
    "ack='1' wait='7' hold='2'",
    "newkey='88eb899051c6bd817163386eb396db6d928a5204'",
    "ver='1.6' content='text/xml; charset=iso-8859-1' xml:lang='de'",
    "ver='2.0' from='a@b' route='xmpp:[::1]:5222' xmlns:z='urn:xmpp:xbosh' z:version='1.0'",
];
const ATTRIBUTES: [&str; 12] = [
    "",
    "",
    "",
    "type='terminate'",
    "type='error'",
    "pause='7'",
    "pause='9999'",
    "ack='101'",
    "ack='103'",
    "xmpp:restart='true' to='a'",
    "key='12862cffad80fcbc7c657d5dc07587878154c291'",
    "stream='x' to='a' xml:lang='en'",
];

/// Reads operations out of bytes.
struct Script<'a>(&'a [u8]);

impl<'a> Script<'a> {
    fn next(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn number(&mut self) -> usize {
        usize::from(self.next().unwrap_or_default())
    }

    /// So many bytes as the next one says.
    fn bytes(&mut self) -> &'a [u8] {
        let length = self.number().min(self.0.len());
        let (taken, rest) = self.0.split_at(length);
        self.0 = rest;
        taken
    }

    fn one<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.number() % of.len()]
    }
}

/// What is known of a session from outside.
#[derive(Default)]
struct Known {
    closed: bool,
    /// The highest rid whose payload was delivered.
    delivered: u64,
    /// Elements that `send` took and that were not seen since.
    owed: BTreeSet<u64>,
}

struct World {
    manager: Manager,
    start: Instant,
    now: Instant,
    sessions: BTreeMap<SessionKey, Known>,
    /// The session whose creation is being answered.
    sids: Vec<String>,
    last: Vec<u8>,
    exchanges: Vec<ExchangeId>,
    open: BTreeSet<ExchangeId>,
    sent: u64,
}

/// Drives a connection manager with any calls at any times.
///
/// # Panics
///
/// Where an exchange is answered twice or never, `Closed` comes twice or never, a deadline makes no progress, an element is delivered
/// twice, out of order or lost, an answer is no wrapper, or a limit is passed.
pub fn bosh_session(data: &[u8]) {
    let mut script = Script(data);
    let mut world = World::new(script.number());
    while let Some(operation) = script.next() {
        world.operate(operation, &mut script);
        world.drain();
        assert!(world.manager.sessions() <= SESSIONS);
    }
    world.pass(Duration::from_secs(1_000_000));
    assert_eq!(world.manager.poll_timeout(), None, "something is left");
    assert_eq!(world.manager.sessions(), 0);
    assert!(world.open.is_empty(), "no answer to {:?}", world.open);
    for (key, known) in &world.sessions {
        assert!(known.closed, "{key:?} was not closed");
        assert!(known.owed.is_empty(), "{key:?} lost {:?}", known.owed);
    }
}

impl World {
    fn new(flags: usize) -> Self {
        let mut config = Config::default();
        config.sessions = SESSIONS;
        config.hold = 2;
        config.response_bytes = RESPONSE;
        config.outbox_bytes = OUTBOX;
        config.replay_responses = 4;
        config.replay_bytes = 2_000;
        config.body_bytes = 2_000;
        config.body_bytes_before_auth = 600;
        config.ascii_charsets = true;
        config.linger = Duration::from_millis(if flags & 1 == 0 { 5 } else { 0 });
        config.polling = Duration::from_secs(if flags & 2 == 0 { 0 } else { 5 });
        config.auth_timeout = (flags & 4 != 0).then_some(Duration::from_secs(60));
        config.server_ack = flags & 8 == 0;
        if flags & 16 != 0 {
            config.rates.session_requests = Some(Rate::new(1, 3));
            config.rates.session_bytes = Some(Rate::new(100, 500));
            config.rates.address_sessions = Some(Rate::new(1, 2));
            config.rates.address_requests = Some(Rate::new(2, 4));
            config.rates.address_bytes = Some(Rate::new(500, 1_000));
            config.rates.unauthenticated_per_address = 3;
            config.rates.addresses = 2;
        }
        let start = Instant::now();
        Self {
            manager: Manager::new(Arc::new(config), [7; 32]),
            start,
            now: start,
            sessions: BTreeMap::new(),
            sids: vec!["unknown".to_owned()],
            last: Vec::new(),
            exchanges: Vec::new(),
            open: BTreeSet::new(),
            sent: 0,
        }
    }

    fn operate(&mut self, operation: u8, script: &mut Script<'_>) {
        match operation % 16 {
            0 => {
                let attributes = script.one(&CREATIONS);
                let payload = script.one(&["", "<message id='100'/>"]);
                let body = format!("{BODY} rid='100' to='a' {attributes}>{payload}</body>");
                self.post(body.into_bytes(), script);
            }
            1..=4 => {
                let body = self.request(script);
                self.post(body, script);
            }
            5 => self.post(self.last.clone(), script),
            6 => self.post(script.bytes().to_vec(), script),
            7 => {
                let mut body = self.request(script);
                body.truncate(body.len() - "</body>".len());
                body.extend_from_slice(script.bytes());
                body.extend_from_slice(b"</body>");
                self.post(body, script);
            }
            8 => {
                let id = self.exchange(script);
                if let Some(id) = id.filter(|id| !self.open.contains(id)) {
                    self.manager.handle_sent(id, self.now);
                }
            }
            9 => {
                if let Some(id) = self.exchange(script) {
                    // What was due may be answered first.
                    self.manager.handle_disconnect(id, self.now);
                    self.drain();
                    self.open.remove(&id);
                }
            }
            10 => {
                if let Some(key) = self.session(script) {
                    let header = StreamHeader {
                        from: Some("ä.example".to_owned()),
                        ..StreamHeader::default()
                    };
                    self.manager.accept(key, Accept { header }, self.now);
                }
            }
            11 | 12 => self.send(script),
            13 => self.end(script),
            14 => {
                let by = u64::try_from(script.number()).unwrap_or_default();
                let unit = script.one(&[1, 40, 1_000, 10_000]);
                self.pass(Duration::from_millis(by * unit));
            }
            _ => {
                if let Some(at) = self.manager.poll_timeout() {
                    let at = at.max(self.now);
                    self.pass(at - self.now);
                }
            }
        }
    }

    fn session(&self, script: &mut Script<'_>) -> Option<SessionKey> {
        let count = self.sessions.len().max(1);
        self.sessions
            .keys()
            .nth_back(script.number() % count)
            .copied()
    }

    fn exchange(&self, script: &mut Script<'_>) -> Option<ExchangeId> {
        let count = self.exchanges.len().max(1);
        self.exchanges
            .iter()
            .nth_back(script.number() % count)
            .copied()
    }

    fn request(&self, script: &mut Script<'_>) -> Vec<u8> {
        let sid = &self.sids[self.sids.len() - 1 - script.number() % self.sids.len()];
        let rid = 98 + script.number() % 16;
        let attributes = script.one(&ATTRIBUTES);
        let payload = match script.number() % 4 {
            0 | 1 => String::new(),
            2 => format!("<message id='{rid}'><body>x</body></message>"),
            _ => format!("<message id='{rid}'>{}</message>", "y".repeat(500)),
        };
        format!("{BODY} rid='{rid}' sid='{sid}' {attributes}>{payload}</body>").into_bytes()
    }

    fn post(&mut self, body: Vec<u8>, script: &mut Script<'_>) {
        let facts = script.number();
        self.last.clone_from(&body);
        let request = Request {
            body: body.into(),
            connection: ConnectionId(u64::try_from(facts % 4).unwrap_or_default()),
            address: match facts / 4 % 4 {
                0 => None,
                last => Some(IpAddr::V4(Ipv4Addr::new(192, 0, 2, last.to_le_bytes()[0]))),
            },
            channel: if facts >= 224 {
                Channel::Plain
            } else {
                Channel::Tls
            },
        };
        let id = self.manager.handle_request(request, self.now);
        self.exchanges.push(id);
        assert!(self.open.insert(id), "an id is given twice");
    }

    fn send(&mut self, script: &mut Script<'_>) {
        let Some(key) = self.session(script) else {
            return;
        };
        self.sent += 1;
        let number = self.sent;
        let element = match script.number() % 5 {
            0 => "<stream:features xmlns:stream='http://etherx.jabber.org/streams'/>".to_owned(),
            1 => format!("<success xmlns='{}'/>", ns::SASL),
            2 => format!("<message xmlns='jabber:client' n='{number}'><ö/></message>"),
            3 => format!("<message xmlns='jabber:client' n='{number}'>é</message>"),
            _ => {
                let length = script.number() * 4;
                format!(
                    "<message xmlns='jabber:client' n='{number}'>{}</message>",
                    "m".repeat(length)
                )
            }
        };
        assert!(element.len() <= ELEMENT);
        let is_numbered = element.contains(" n='");
        let element = Element::parse(Bytes::from(element), &XmlLimits::default()).expect("good");
        let known = self.sessions.get_mut(&key).expect("known");
        match self.manager.send(key, element.clone(), self.now) {
            Ok(()) => {
                assert!(!known.closed, "taken for a session that is over");
                if is_numbered {
                    known.owed.insert(number);
                }
            }
            Err(SendError::Full(back) | SendError::Closed(back)) => assert_eq!(back, element),
            Err(other) => panic!("{other}"),
        }
    }

    fn end(&mut self, script: &mut Script<'_>) {
        let Some(key) = self.session(script) else {
            return;
        };
        match script.number() {
            0..=63 => self.manager.hold_input(key, self.now),
            64..=127 => self.manager.release_input(key, self.now),
            128..=159 => {
                let condition = script.one(&Condition::ALL);
                self.manager.close(key, Some(condition), None, self.now);
            }
            160..=191 => {
                let error = "<stream:error xmlns:stream='http://etherx.jabber.org/streams'/>";
                let error = Element::parse(error.into(), &XmlLimits::default()).expect("good");
                self.manager.close(key, None, Some(error), self.now);
            }
            192..=223 => self.manager.redirect(key, "https://a/?<&ö", self.now),
            224..=247 => self.manager.close(key, None, None, self.now),
            _ => self.manager.shut_down(self.now),
        }
    }

    /// Moves the clock, stopping at each deadline.
    fn pass(&mut self, by: Duration) {
        let until = self.now + by;
        while let Some(at) = self.manager.poll_timeout().filter(|at| *at <= until) {
            self.now = self.now.max(at);
            self.manager.handle_timeout(self.now);
            self.drain();
            let next = self.manager.poll_timeout();
            assert!(next.is_none_or(|next| next > at), "no progress");
        }
        self.now = until;
        assert!(self.now >= self.start);
    }

    fn drain(&mut self) {
        while let Some(action) = self.manager.poll_action() {
            match action {
                Action::Respond { id, response } => {
                    assert!(self.open.remove(&id), "{id:?} is answered twice");
                    self.answered(&response);
                }
                Action::Abort { id } => assert!(self.open.remove(&id), "{id:?} is aborted twice"),
                Action::Deliver { session, event } => self.delivered(session, event),
            }
        }
    }

    fn answered(&mut self, response: &Response) {
        assert!([200, 400, 403, 404, 413].contains(&response.status));
        let most = OUTBOX + 2 * ELEMENT + 1_000;
        assert!(response.body.len() <= most, "{}", response.body.len());
        let limits = XmlLimits::default();
        let body = Wrapped::parse(response.body.clone(), &[], &limits).expect("a wrapper");
        assert!(body.wrapper.is("body", ns::HTTPBIND));
        if response.content_type.contains("iso-8859-1") {
            assert!(response.body.is_ascii());
        }
        if let Some(sid) = body.wrapper.attribute("sid") {
            self.sids.push(sid.into_owned());
        }
        for element in &body.elements {
            self.settle(element);
        }
    }

    /// An element of ours was seen again.
    fn settle(&mut self, element: &NestedElement) {
        let number = element.attribute("n").and_then(|text| text.parse().ok());
        if let Some(number) = number {
            for known in self.sessions.values_mut() {
                known.owed.remove(&number);
            }
        }
    }

    fn delivered(&mut self, key: SessionKey, event: Event) {
        if let Event::Opening(_) = event {
            let again = self.sessions.insert(key, Known::default());
            assert!(again.is_none(), "{key:?} opens twice");
            return;
        }
        let known = self.sessions.get_mut(&key).expect("opened before");
        assert!(!known.closed, "{event:?} after the end");
        match event {
            Event::Element(element) => {
                assert_eq!(
                    element.scope().prefixes().count(),
                    0,
                    "does not stand alone"
                );
                let rid = element.attribute("id").and_then(|text| text.parse().ok());
                if let Some(rid) = rid.filter(|_| element.is("message", ns::CLIENT)) {
                    assert!(rid > known.delivered, "{rid} after {}", known.delivered);
                    known.delivered = rid;
                }
            }
            Event::Closed(Closed { undelivered, .. }) => {
                known.closed = true;
                for element in &undelivered {
                    self.settle(element);
                }
            }
            Event::Opening(_) | Event::Restarted(_) | Event::Paused(_) | Event::Writable => {}
        }
    }
}
