use std::time::{Duration, Instant};

use bytes::BytesMut;
use ws_framing::{
    CloseCode,
    connection::{Action, SendError},
    xmpp::{self, Config, Event, Namespaces, Session, client, server},
};
use xmpp_wire::{Element, StreamError, StreamHeader, XmlLimits};

/// What a peer may say, right, wrong and at the wrong time.
const MESSAGES: [&str; 24] = [
    "<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to='a.example' version='1.0'/>",
    "<open xmlns=\"urn:ietf:params:xml:ns:xmpp-framing\" from=\"a.example\" id=\"1\" version=\"1.0\" />",
    "<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' version='1.0'/>",
    "<close xmlns='urn:ietf:params:xml:ns:xmpp-framing'/>",
    "<close xmlns='urn:ietf:params:xml:ns:xmpp-framing' see-other-uri='wss://b.example/'/>",
    "<close xmlns='u:x'/>",
    "<stream:features xmlns:stream='http://etherx.jabber.org/streams'><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/></stream:features>",
    "<stream:error xmlns:stream='http://etherx.jabber.org/streams'><conflict xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>",
    "<stream:error><bad-format xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>",
    "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>",
    "<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>",
    "<success xmlns='urn:xmpp:sasl:2'/>",
    "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'/>",
    "<message xmlns='jabber:client'><body>hi</body></message>",
    "<presence/>",
    "<c:message xmlns:c='jabber:client'/>",
    "<message xmlns='jabber:server'/>",
    "<x xmlns='u:x'/>",
    "<iq xmlns='jabber:client' type='result'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>",
    "<enabled xmlns='urn:xmpp:sm:3' resume='true'/>",
    " ",
    "<a><!-- --></a>",
    "<a/><b/>",
    "<?xml version='1.0'?><y xmlns='u:y'/>",
];

/// What an application may send, allowed or not.
const ELEMENTS: [&str; 10] = [
    "<message xmlns='jabber:client'><body>hi</body></message>",
    "<features xmlns='http://etherx.jabber.org/streams'/>",
    "<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>",
    "<success xmlns='urn:xmpp:sasl:2'/>",
    "<stream:error xmlns:stream='http://etherx.jabber.org/streams'><reset xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>",
    "<presence/>",
    "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>",
    "<open xmlns='urn:ietf:params:xml:ns:xmpp-framing'/>",
    "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'/>",
    "<iq xmlns='jabber:client' type='result'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>",
];

/// The machine's role, and that of its peer's frames.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Client,
    Server,
}

type Opened = Result<(), SendError<StreamHeader>>;

/// What both ends are asked, each in its own way.
struct Verbs<R: xmpp::Role> {
    open: fn(&mut Session<R>, StreamHeader, Instant) -> Opened,
    redirect: fn(&mut Session<R>, &str, Instant),
}

/// A session, its driver's buffer, and what was promised so far.
struct Rig<R: xmpp::Role> {
    session: Session<R>,
    verbs: Verbs<R>,
    input: BytesMut,
    now: Instant,
    /// Bytes of one `handle_input`.
    step: usize,
    /// Orders and bytes, in one transcript.
    told: Vec<String>,
    closed: bool,
    shut: bool,
    aborted: bool,
    /// Refusals that no `Writable` has answered yet; one that waits to be drained may be followed by another.
    refusals: usize,
}

/// Runs the operations that `data` says (the first byte chooses role and configuration) on two sessions, one that gets its input at once and one that
/// gets it byte by byte.
///
/// # Panics
///
/// Where a promise of every machine is broken (ARCHITECTURE.md), or the two can be told apart.
pub fn xmpp_session(data: &[u8]) {
    let Some((&first, operations)) = data.split_first() else {
        return;
    };
    let now = Instant::now();
    let whole = run(first, operations, now, usize::MAX);
    let cut = run(first, operations, now, 1);
    assert_eq!(whole, cut, "byte by byte");
}

fn run(first: u8, operations: &[u8], now: Instant, step: usize) -> Vec<String> {
    let role = if first & 1 == 0 {
        Role::Server
    } else {
        Role::Client
    };
    let mut config = Config::default();
    if first & 2 != 0 {
        config.namespaces = Namespaces::Lenient;
    }
    if first & 4 != 0 {
        config.connection.outbox_bytes = 100;
    }
    if first & 8 != 0 {
        config.domain = Some("a.example".to_owned());
    }
    match role {
        Role::Client => {
            let verbs = Verbs {
                open: client::Session::open,
                redirect: |_, _, _| {},
            };
            let session = client::Session::new(config, [7; 32], now);
            converse(session, verbs, role, operations, now, step)
        }
        Role::Server => {
            let verbs = Verbs {
                open: server::Session::open,
                redirect: server::Session::redirect,
            };
            let session = server::Session::new(config, [7; 32], now);
            converse(session, verbs, role, operations, now, step)
        }
    }
}

fn converse<R: xmpp::Role>(
    session: Session<R>,
    verbs: Verbs<R>,
    role: Role,
    operations: &[u8],
    now: Instant,
    step: usize,
) -> Vec<String> {
    let mut rig = Rig {
        session,
        verbs,
        input: BytesMut::new(),
        now,
        step,
        told: Vec::new(),
        closed: false,
        shut: false,
        aborted: false,
        refusals: 0,
    };
    let mut operations = operations.iter().copied();
    while let Some(operation) = operations.next() {
        rig.apply(operation, role, &mut operations);
    }
    // However it stands, time ends it: nothing waits for ever but a client that nobody opened or that may be idle.
    rig.drain();
    for _ in 0..64 {
        let Some(deadline) = rig.session.poll_timeout() else {
            break;
        };
        rig.expire(deadline);
        rig.transmit();
        rig.drain();
    }
    assert_eq!(rig.session.poll_timeout(), None, "still waiting");
    rig.told
}

impl<R: xmpp::Role> Rig<R> {
    fn apply(&mut self, operation: u8, role: Role, more: &mut impl Iterator<Item = u8>) {
        let now = self.now;
        let header = StreamHeader {
            to: Some("a.example".to_owned()),
            from: Some("b.example".to_owned()),
            ..StreamHeader::default()
        };
        match operation {
            0..=95 => {
                let message = MESSAGES[usize::from(operation) % MESSAGES.len()];
                self.feed(&frame(0x81, message.as_bytes(), role));
            }
            96..=103 => {
                // Bytes as they are.
                let count = more.next().unwrap_or_default();
                let bytes: Vec<u8> = more.take(usize::from(count % 32)).collect();
                self.feed(&bytes);
            }
            104..=111 => {
                let bytes: Vec<u8> = more.take(usize::from(operation % 8)).collect();
                let (first, payload) = bytes.split_first().unwrap_or((&0x88, &[]));
                self.feed(&frame(*first, payload, role));
            }
            112..=191 => self.send(ELEMENTS[usize::from(operation) % ELEMENTS.len()]),
            192..=199 => {
                if let Err(refused) = (self.verbs.open)(&mut self.session, header.clone(), now) {
                    assert_eq!(refused.into_inner(), header);
                }
            }
            200..=211 => self.session.close(now),
            212 => self
                .session
                .fail(StreamError::new("policy-violation"), CloseCode::NORMAL, now),
            213 => self.session.disconnect(CloseCode::GOING_AWAY, now),
            214 => (self.verbs.redirect)(&mut self.session, "wss://b.example/", now),
            215 => self.session.set_resumable(true),
            216 => self.session.set_resumable(false),
            217..=219 => self.session.hold_input(now),
            220..=223 => {
                self.session.release_input(now);
                self.feed(&[]);
            }
            224..=231 => {
                if let Some(deadline) = self.session.poll_timeout() {
                    self.expire(deadline);
                }
            }
            232..=235 => {
                self.now += Duration::from_secs(u64::from(operation % 4) * 7);
                self.session.handle_timeout(self.now);
            }
            // A clock that goes back, and a call that is not due.
            236 => self.session.handle_timeout(now - Duration::from_secs(3)),
            237..=239 => self.session.handle_eof(now),
            240..=247 => self.transmit(),
            248..=255 => self.drain(),
        }
    }

    fn feed(&mut self, bytes: &[u8]) {
        if bytes.is_empty() {
            self.session.handle_input(&mut self.input, self.now);
        }
        for piece in bytes.chunks(self.step.min(bytes.len().max(1))) {
            self.input.extend_from_slice(piece);
            self.session.handle_input(&mut self.input, self.now);
        }
    }

    fn send(&mut self, xml: &str) {
        let element = Element::parse(xml.to_owned().into(), &XmlLimits::default());
        let element = element.expect("one of ours");
        match self.session.send(element.clone(), self.now) {
            Ok(()) => self.told.push(format!("sent {xml}")),
            Err(refused) => {
                if matches!(refused, SendError::Full(_)) {
                    assert!(!self.closed, "full behind the end");
                    self.refusals += 1;
                }
                assert_eq!(refused.into_inner(), element);
            }
        }
    }

    /// The deadline passes: what comes next is later.
    fn expire(&mut self, deadline: Instant) {
        self.now = self.now.max(deadline);
        self.session.handle_timeout(self.now);
        let next = self.session.poll_timeout();
        assert!(next.is_none_or(|next| next > self.now), "no progress");
    }

    fn transmit(&mut self) {
        while let Some(transmit) = self.session.poll_transmit() {
            assert!(!self.aborted, "bytes behind the abort");
            assert!(!transmit.head.is_empty() || !transmit.payload.is_empty());
            self.told
                .push(format!("{:?}{:?}", transmit.head, transmit.payload));
        }
    }

    fn drain(&mut self) {
        while let Some(action) = self.session.poll_action() {
            self.told.push(format!("{action:?}"));
            assert!(!self.aborted, "{action:?} behind the abort");
            match action {
                Action::Abort => {
                    assert!(self.closed, "an abort before `Closed`");
                    self.aborted = true;
                    self.shut = true;
                    assert_eq!(self.session.poll_timeout(), None);
                    assert!(!self.session.wants_input());
                }
                Action::Close => {
                    assert!(self.closed && !self.shut, "a close out of order");
                    self.shut = true;
                }
                Action::Deliver(event) => {
                    assert!(!self.closed, "{event:?} behind `Closed`");
                    self.hear(event);
                }
            }
        }
    }

    fn hear(&mut self, event: Event) {
        match event {
            Event::Element(element) => {
                let again = Element::parse(element.raw().clone(), &XmlLimits::default());
                assert_eq!(again.expect("stands alone").name(), element.name());
                assert_ne!(element.name().namespace, "");
            }
            Event::Writable => {
                assert!(self.refusals > 0, "nobody waited");
                self.refusals -= 1;
            }
            Event::Closed(_) => self.closed = true,
            Event::Opened { .. } | Event::Closing => {}
        }
    }
}

/// A frame of the peer's.
fn frame(first: u8, payload: &[u8], role: Role) -> Vec<u8> {
    let mask = if role == Role::Server { 0x80 } else { 0 };
    let mut frame = vec![first];
    match u8::try_from(payload.len()) {
        Ok(length) if length < 126 => frame.push(mask | length),
        Ok(_) | Err(_) => {
            frame.push(mask | 126);
            let length = u16::try_from(payload.len()).expect("a short payload");
            frame.extend_from_slice(&length.to_be_bytes());
        }
    }
    if role == Role::Server {
        frame.extend_from_slice(&[0; 4]);
    }
    frame.extend_from_slice(payload);
    frame
}
