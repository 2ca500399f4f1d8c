use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use bosh_proto::{
    ExchangeId,
    client::{Action, Config, Event, Exported, Failure, Response, Session},
};
use bytes::Bytes;
use xmpp_wire::{Element, ns};

const BODY: &str = "<body xmlns='http://jabber.org/protocol/httpbind'";
const CREATED: [&str; 4] = [
    "sid='S' wait='9' hold='1' requests='2' polling='2' inactivity='20' maxpause='30' ver='1.11' ack='1'",
    "sid='S' wait='0' hold='0' requests='1' polling='5' inactivity='6'",
    "sid='S' wait='3' hold='2' requests='9'",
    "sid='S' wait='70000' hold='900' requests='900' polling='x' inactivity='0'",
];
const ANSWERS: [&str; 12] = [
    "/>",
    " type='error'/>",
    " type='terminate'/>",
    " type='terminate' condition='other-request'/>",
    " type='terminate' condition='remote-stream-error'><error/></body>",
    "><message id='a'><body>b</body></message></body>",
    "><success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/></body>",
    "><stream:features/></body>",
    " ack='9007199254740991' report='1' time='5'/>",
    " host='a' from='b'/>",
    " rid='1' sid='S'><stream:error/></body>",
    "><stream:stream/></body>",
];

/// Drives a BOSH client with any answers, failures and calls, at any times, and puts it to rest and wakes it at any moment.
///
/// # Panics
///
/// Where `Closed` comes twice or never, anything comes after it, a deadline makes no progress, one rid has two bodies, or what was written
/// of a session at rest is not read again as it was.
pub fn bosh_client(data: &[u8]) {
    let mut script = Script(data);
    let mut world = World::new(script.next().unwrap_or_default());
    while let Some(operation) = script.next() {
        world.operate(operation, &mut script);
        world.drain();
    }
    world.session.close(world.now);
    world.drain();
    world.pass(Duration::from_secs(5));
    assert!(world.closed, "not closed");
    assert_eq!(world.session.poll_timeout(), None, "something is left");
}

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
}

struct World {
    session: Session,
    now: Instant,
    /// Requests so far, and whether they are the session's creation.
    posted: Vec<(ExchangeId, bool)>,
    bodies: BTreeMap<u64, Bytes>,
    closed: bool,
}

impl World {
    fn new(flags: u8) -> Self {
        let mut config = Config::new("a");
        config.client_ack = flags & 1 != 0;
        config.keys = flags & 2 != 0;
        config.serialise = flags & 4 != 0;
        config.outbox_bytes = 500;
        config.request_bytes = 200;
        config.held_bytes = 300;
        config.response_bytes = 1_000;
        let now = Instant::now();
        let mut world = Self {
            session: Session::new(config, [flags; 32], now),
            now,
            posted: Vec::new(),
            bodies: BTreeMap::new(),
            closed: false,
        };
        world.drain();
        world
    }

    fn operate(&mut self, operation: u8, script: &mut Script<'_>) {
        let now = self.now;
        match operation % 16 {
            0..=3 => {
                let which = script.number();
                let Some((id, is_creation)) = self.exchange(script) else {
                    return;
                };
                let body = if is_creation && which < 200 {
                    let created = CREATED[which % CREATED.len()];
                    format!("{BODY} {created}><stream:features/></body>")
                } else {
                    format!("{BODY}{}", ANSWERS[which % ANSWERS.len()])
                };
                self.answer(id, 200, body.into());
            }
            4 => {
                let body = Bytes::copy_from_slice(script.bytes());
                if let Some((id, _)) = self.exchange(script) {
                    self.answer(id, 200, body);
                }
            }
            5 => {
                let mut body = format!("{BODY}>").into_bytes();
                body.extend_from_slice(script.bytes());
                body.extend_from_slice(b"</body>");
                if let Some((id, _)) = self.exchange(script) {
                    self.answer(id, 200, body.into());
                }
            }
            6 => {
                let status = 200 + u16::from(script.next().unwrap_or_default()) * 2;
                if let Some((id, _)) = self.exchange(script) {
                    self.answer(id, status, Bytes::from_static(b"<html/>"));
                }
            }
            7 => {
                let failure = match script.number() {
                    0 => Failure::Untrusted,
                    1 => Failure::TooLarge,
                    _ => Failure::Lost,
                };
                if let Some((id, _)) = self.exchange(script) {
                    self.session.handle_failure(id, failure, now);
                }
            }
            8 | 9 => {
                let text = "x".repeat(script.number());
                let element = Element::build("message", ns::CLIENT).text(&text).finish();
                let _ = self.session.send(element, now);
            }
            10 => {
                let period = Duration::from_secs(script.number() as u64);
                let _ = self.session.pause(period, now);
            }
            11 => {
                let _ = self.session.resume(now);
            }
            12 => match script.number() % 8 {
                0 => self.session.close(now),
                1 => self.session.abort(now),
                2 | 3 => self.session.hold_input(now),
                _ => self.session.release_input(now),
            },
            13 => self.pass(Duration::from_millis(script.number() as u64 * 400)),
            14 => {
                // Nobody called in time, and the clock is not exact.
                self.now += Duration::from_millis(script.number() as u64 * 1_000);
                self.session.handle_timeout(self.now);
                let earlier = self.now.checked_sub(Duration::from_secs(7));
                self.session.handle_timeout(earlier.unwrap_or(now));
            }
            _ => self.relocate(script),
        }
    }

    /// Puts the session to rest, and wakes it; what was tampered with is refused, or goes on as a session all the same.
    fn relocate(&mut self, script: &mut Script<'_>) {
        if self.closed {
            return;
        }
        let other = Session::new(Config::new("a"), [0; 32], self.now);
        let session = std::mem::replace(&mut self.session, other);
        let exported = session.export(self.now).expect("not closed");
        let bytes = exported.to_bytes();
        let read = Exported::from_bytes(&bytes).expect("our own bytes");
        assert_eq!(read.to_bytes(), bytes, "read as it was written");
        let mut forged = bytes.clone();
        let edit = script.bytes();
        if !edit.is_empty() {
            let at = script.number() * 256 + script.number();
            let at = at % forged.len();
            for (place, byte) in forged.iter_mut().skip(at).zip(edit) {
                *place = *byte;
            }
            if let Ok(forged) = Exported::from_bytes(&forged) {
                let mut session = Session::import(forged, [2; 32], self.now, Duration::ZERO);
                while session.poll_action().is_some() {}
                session.close(self.now);
                while session.poll_action().is_some() {}
            }
        }
        let elapsed = Duration::from_millis(script.number() as u64 * 100);
        self.now += elapsed;
        self.session = Session::import(read.claim(), [1; 32], self.now, elapsed);
    }

    fn exchange(&self, script: &mut Script<'_>) -> Option<(ExchangeId, bool)> {
        let back = script.number() % 4;
        self.posted.iter().rev().nth(back).copied()
    }

    fn answer(&mut self, id: ExchangeId, status: u16, body: Bytes) {
        let response = Response { status, body };
        self.session.handle_response(id, response, self.now);
    }

    fn pass(&mut self, by: Duration) {
        let target = self.now + by;
        while let Some(at) = self.session.poll_timeout().filter(|at| *at <= target) {
            self.now = self.now.max(at);
            self.session.handle_timeout(self.now);
            self.drain();
            let later = self.session.poll_timeout();
            assert!(later.is_none_or(|later| later > at), "no progress");
        }
        self.now = target;
    }

    fn drain(&mut self) {
        while let Some(action) = self.session.poll_action() {
            assert!(!self.closed, "{action:?} after the end");
            match action {
                Action::Request { id, body } => self.note(id, body),
                Action::Deliver(Event::Closed(_)) => self.closed = true,
                Action::Deliver(_) | Action::Abandon { .. } => {}
            }
        }
    }

    fn note(&mut self, id: ExchangeId, body: Bytes) {
        let text = std::str::from_utf8(&body).expect("UTF-8");
        let is_creation = !text.contains(" sid='");
        let rid = text
            .split(" rid='")
            .nth(1)
            .and_then(|rest| rest.split('\'').next());
        let rid = rid.expect("a rid").parse().expect("a number");
        self.posted.push((id, is_creation));
        let before = self.bodies.insert(rid, body.clone());
        assert!(
            before.is_none_or(|before| before == body),
            "two bodies of {rid}"
        );
    }
}
