//! All sessions of one connection manager: routing by `sid`, creation, timers.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use slab::Slab;
use xmpp_machine::{Clock, Moment};
use xmpp_wire::Element;

use super::{
    Accept, Action, Cause, Config, Event, Opening, Reason, SendError, SessionKey, create,
    exchanges::{Exchanges, handle, parts},
    late::Late,
    outbox::{Queued, Spares},
    pace::{Addresses, Admission},
    session::{Arrival, Context, Farewell, Phase, Session},
    sid::Sids,
    timers::Timers,
};
use crate::{Channel, Condition, ExchangeId, Instant, Request, Response, body::Body, rid::Rid};

/// Room for actions that is kept while there are none.
const KEPT_ACTIONS: usize = 256;

/// All sessions of one connection manager, routed by `sid`.
///
/// After any calls, drain [`poll_action`](Self::poll_action), then read [`poll_timeout`](Self::poll_timeout). Time may be inexact;
/// an instant before the latest one seen counts as that one.
#[derive(Debug)]
pub struct Manager {
    config: Arc<Config>,
    sessions: Slab<Box<Session>>,
    sids: Sids,
    exchanges: Exchanges,
    timers: Timers,
    lingers: VecDeque<(Moment, SessionKey)>,
    spares: Spares,
    addresses: Addresses,
    late: Late,
    actions: VecDeque<Action>,
    serial: u32,
    clock: Clock,
    is_down: bool,
}

impl Manager {
    /// A manager whose sids and hashes come from `seed`, which must come from the operating system's generator.
    pub fn new(config: Arc<Config>, seed: [u8; 32]) -> Self {
        Self {
            config,
            sessions: Slab::new(),
            sids: Sids::new(seed),
            exchanges: Exchanges::default(),
            timers: Timers::default(),
            lingers: VecDeque::new(),
            spares: Spares::default(),
            addresses: Addresses::default(),
            late: Late::default(),
            actions: VecDeque::new(),
            serial: 0,
            clock: Clock::default(),
            is_down: false,
        }
    }

    /// A POST came in. Each id is answered by one `Respond` or `Abort`, unless `handle_disconnect` comes first.
    pub fn handle_request(&mut self, request: Request, now: Instant) -> ExchangeId {
        let now = self.advance(now);
        // Each request counts, also those that lead to no session (B-R-133).
        let rates = &self.config.rates;
        let delay = self
            .addresses
            .charge(request.address, request.body.len(), rates, now);
        if request.body.len() > self.config.body_bytes {
            let answer = Response::terminal(413, Condition::PolicyViolation);
            return self.answer_alone(answer, delay, now);
        }
        match Body::parse(request.body.clone(), &self.config.xml) {
            Ok(body) if body.attribute("sid").is_none() => self.create(&request, body, delay, now),
            Ok(body) => self.route(&request, body, None, delay, now),
            Err(error) => match Body::salvage(&request.body, &self.config.xml) {
                Some(body) if body.attribute("sid").is_some() => {
                    self.route(&request, body, Some(Reason::of_xml(error.kind)), delay, now)
                }
                Some(_) | None => {
                    let answer = Response::terminal(200, Condition::BadRequest);
                    self.answer_alone(answer, delay, now)
                }
            },
        }
    }

    /// Whether that exchange waits for the answer of a session whose client has signed in.
    pub fn is_signed_in(&self, id: ExchangeId) -> bool {
        self.session_of(id)
            .is_some_and(|session| session.unauthenticated.is_none())
    }

    /// Whether the session of an exchange that has just been answered waits on another one: then the connection of the first is not needed.
    pub fn waits_elsewhere(&self, id: ExchangeId) -> bool {
        self.session_of(id)
            .is_some_and(|session| session.unanswered().any(|open| open.exchange.is_live()))
    }

    /// The session of an exchange that is waited on.
    fn session_of(&self, id: ExchangeId) -> Option<&Session> {
        let exchange = self.exchanges.get(id)?;
        let session = self.sessions.get(parts(exchange.session.0).1)?;
        (session.key == exchange.session).then_some(session)
    }

    /// The bytes of that answer left. Ids that are not waited for are ignored.
    pub fn handle_sent(&mut self, id: ExchangeId, now: Instant) {
        let now = self.advance(now);
        if let Some(exchange) = self.exchanges.remove(id) {
            self.with(exchange.session, now, |session, ctx| {
                session.note_sent(id, ctx);
            });
        }
    }

    /// That exchange's connection is gone, before its answer's bytes left.
    pub fn handle_disconnect(&mut self, id: ExchangeId, now: Instant) {
        let now = self.advance(now);
        if let Some(exchange) = self.exchanges.remove(id) {
            self.with(exchange.session, now, |session, ctx| session.lose(id, ctx));
        } else {
            self.late.remove(id);
        }
    }

    /// A deadline may have passed.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.advance(now);
    }

    /// The server's stream is open: the creation response waits for the first element (features), and payloads that came early are
    /// delivered. After a restart, or after the response, only a `from` that is news is told to the client (B-R-060).
    pub fn accept(&mut self, session: SessionKey, accept: Accept, now: Instant) {
        let now = self.clock.read(now);
        self.with(session, now, |session, ctx| session.accept(accept, ctx));
    }

    /// Queues an element for the client.
    ///
    /// # Errors
    ///
    /// Gives the element back where the outbox is full (`Event::Writable` follows) or the session is closed.
    pub fn send(
        &mut self,
        to: SessionKey,
        element: Element,
        now: Instant,
    ) -> Result<(), SendError<Element>> {
        let now = self.clock.read(now);
        let mut element = Some(element);
        let sent = self.with(to, now, |session, ctx| {
            if matches!(
                session.phase,
                Phase::Ending(_) | Phase::Leaving | Phase::Over(_)
            ) {
                return Ok(());
            }
            match element.take() {
                Some(element) => session.send(element, ctx),
                None => Ok(()),
            }
        });
        match (sent, element) {
            (Some(result), None) => result,
            (_, Some(element)) => Err(SendError::Closed(element)),
            (None, None) => Ok(()),
        }
    }

    /// Ends a session: what is queued leaves first, in the same body. `None` is a clean end (B-R-139).
    /// A `<stream:error/>` to include comes through `error`; the condition is then `remote-stream-error` (B-X-027).
    ///
    /// While no request is open, the session waits for the next one to tell it, `inactivity` at most; `Closed` follows.
    pub fn close(
        &mut self,
        session: SessionKey,
        condition: Option<Condition>,
        error: Option<Element>,
        now: Instant,
    ) {
        let now = self.clock.read(now);
        let condition = match error {
            Some(_) => Some(Condition::RemoteStreamError),
            None => condition,
        };
        let farewell = Farewell {
            cause: Cause::Ours,
            reason: None,
            condition,
            error: error.as_ref().map(Queued::new),
            uri: None,
        };
        self.with(session, now, |session, ctx| session.close(farewell, ctx));
    }

    /// Ends a session as [`close`](Self::close) does, with `see-other-uri`: the client is to go on at `uri` (XEP-0124 §17.2).
    pub fn redirect(&mut self, session: SessionKey, uri: &str, now: Instant) {
        let now = self.clock.read(now);
        let farewell = Farewell {
            uri: Some(uri.into()),
            ..Farewell::new(Condition::SeeOtherUri)
        };
        self.with(session, now, |session, ctx| session.close(farewell, ctx));
    }

    /// The server cannot take more: requests with payloads are left unanswered up to `wait`, so that the window stops the client.
    pub fn hold_input(&mut self, session: SessionKey, now: Instant) {
        let now = self.clock.read(now);
        self.with(session, now, |session, ctx| session.hold_input(ctx));
    }

    /// The server can take more again: requests that were left unanswered for that are answered as
    /// usual.
    pub fn release_input(&mut self, session: SessionKey, now: Instant) {
        let now = self.clock.read(now);
        self.with(session, now, |session, ctx| {
            session.input_held = false;
            session.answer_due(ctx);
        });
    }

    /// Shutdown: every session is closed with `system-shutdown`, every held request answered, creation refused (B-R-153).
    pub fn shut_down(&mut self, now: Instant) {
        let now = self.clock.read(now);
        self.is_down = true;
        let keys: Vec<_> = self.sessions.iter().map(|(_, s)| s.key).collect();
        for key in keys {
            self.with(key, now, |session, ctx| {
                session.shut_down(Cause::Shutdown, None, Condition::SystemShutdown, ctx);
            });
        }
        while let Some((id, response)) = self.late.pop(None) {
            self.actions.push_back(Action::Respond { id, response });
        }
    }

    /// Sessions that are not over.
    pub fn sessions(&self) -> usize {
        self.sids.len()
    }

    /// The next thing that the driver must do.
    pub fn poll_action(&mut self) -> Option<Action> {
        let action = self.actions.pop_front();
        if action.is_none() && self.actions.capacity() > KEPT_ACTIONS {
            self.actions = VecDeque::new();
        }
        action
    }

    /// When to call `handle_timeout` at the latest. Every other call may change it; it may be earlier than anything that happens.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let linger = self.lingers.front().map(|(at, _)| *at);
        let others = linger.into_iter().chain(self.late.first());
        let first = self.timers.first().into_iter().chain(others).min()?;
        self.clock.instant(first)
    }

    /// Reads the clock, and does what was due before. The application's own calls do not: what they add may still leave on an answer
    /// that is due.
    fn advance(&mut self, now: Instant) -> Moment {
        let now = self.clock.read(now);
        while let Some(&(at, key)) = self.lingers.front()
            && at <= now
        {
            self.lingers.pop_front();
            self.with(key, now, Session::answer_due);
        }
        while let Some((id, response)) = self.late.pop(Some(now)) {
            self.actions.push_back(Action::Respond { id, response });
        }
        while let Some(index) = self.timers.pop_due(now) {
            let index = usize::try_from(index).unwrap_or(usize::MAX);
            if let Some(session) = self.sessions.get_mut(index) {
                session.registered = None;
                let key = session.key;
                self.with(key, now, Session::handle_timeout);
            }
        }
        now
    }

    /// Lets a session work, then brings the tables up to date with it.
    fn with<T>(
        &mut self,
        key: SessionKey,
        now: Moment,
        work: impl FnOnce(&mut Session, &mut Context<'_>) -> T,
    ) -> Option<T> {
        let (_, index) = parts(key.0);
        let session = self.sessions.get_mut(index)?;
        if session.key != key {
            return None;
        }
        let was_gone = session.is_gone();
        let unauthenticated = session.unauthenticated_share();
        let mut ctx = Context {
            config: &self.config,
            exchanges: &mut self.exchanges,
            actions: &mut self.actions,
            lingers: &mut self.lingers,
            spares: &mut self.spares,
            now,
        };
        let result = work(session, &mut ctx);
        if session.is_gone() && !was_gone {
            self.sids.remove(&session.secret);
        }
        if let (Some(share), None) = (unauthenticated, session.unauthenticated_share()) {
            self.addresses.note_authenticated(share);
        }
        session.outbox.drop_unused(&mut self.spares);
        session.drop_unused();
        let is_done = session.is_over() && !session.has_waiting_answers();
        let slot = u32::try_from(index).unwrap_or(u32::MAX);
        if is_done {
            self.timers.disarm(slot, &mut session.registered);
            self.remove(index);
        } else {
            let deadline = session.deadline();
            self.timers.arm(slot, &mut session.registered, deadline);
        }
        while let Some((at, key)) = self.lingers.front() {
            let (_, index) = parts(key.0);
            let waits = self
                .sessions
                .get(index)
                .is_some_and(|session| session.key == *key && session.linger.until() == Some(*at));
            if waits {
                break;
            }
            self.lingers.pop_front();
        }
        Some(result)
    }

    /// Takes out a session that is over.
    fn remove(&mut self, index: usize) {
        let Some(session) = self.sessions.try_remove(index) else {
            return;
        };
        for unsent in &session.unsent {
            self.exchanges.remove(unsent.exchange);
        }
        if let Phase::Over(closed) = session.phase {
            self.actions.push_back(Action::Deliver {
                session: session.key,
                event: Event::Closed(*closed),
            });
        }
    }

    /// Answers an exchange that belongs to no session, after that delay.
    fn answer_alone(&mut self, response: Response, delay: Duration, now: Moment) -> ExchangeId {
        let id = self.exchanges.mint();
        if delay.is_zero() || self.is_down {
            self.actions.push_back(Action::Respond { id, response });
        } else {
            self.late.insert(now + delay, id, response);
        }
        id
    }

    /// A request with a sid; `fault` where its inside is broken.
    fn route(
        &mut self,
        request: &Request,
        body: Body,
        fault: Option<Reason>,
        delay: Duration,
        now: Moment,
    ) -> ExchangeId {
        let tag = self.config.node_tag.as_deref();
        let index = body
            .attribute("sid")
            .and_then(|sid| self.sids.find(&sid, tag));
        let session = index.and_then(|(index, secret)| {
            let session = self.sessions.get(usize::try_from(index).ok()?)?;
            session.secret.is(&secret).then_some(session)
        });
        let Some(session) = session else {
            // Unknown, so its `ver` is: 200 (B-R-141).
            let condition = if self.is_down {
                Condition::SystemShutdown
            } else {
                Condition::ItemNotFound
            };
            return self.answer_alone(Response::terminal(200, condition), delay, now);
        };
        if session.terms.channel == Channel::Tls && request.channel == Channel::Plain {
            // B-R-168: not the session's fault.
            let id = self.exchanges.mint();
            self.actions.push_back(Action::Abort { id });
            return id;
        }
        let key = session.key;
        let is_too_big = session.is_too_big(request.body.len(), &self.config);
        let fault = fault.or(is_too_big.then_some(Reason::BodyTooLong));
        let digest = if session.is_keyed() {
            self.sids.digest(&request.body)
        } else {
            0
        };
        let exchange = self.exchanges.insert(key, request.connection);
        self.with(key, now, |session, ctx| match fault {
            Some(reason) => {
                let rid = body.attribute("rid").and_then(|text| Rid::parse(&text));
                session.fail(reason, rid.unwrap_or(Rid::LAST), exchange, ctx);
            }
            None => {
                let arrival = Arrival {
                    exchange,
                    body,
                    bytes: request.body.len(),
                    digest,
                    delay,
                };
                session.receive(arrival, ctx);
            }
        });
        exchange
    }

    /// A request without a sid.
    fn create(
        &mut self,
        request: &Request,
        mut body: Body,
        delay: Duration,
        now: Moment,
    ) -> ExchangeId {
        let is_legacy = body.attribute("ver").is_none();
        let refuse = |condition: Condition| {
            let legacy = condition.legacy_status().filter(|_| is_legacy);
            Response::terminal(legacy.unwrap_or(200), condition)
        };
        if self.is_down {
            return self.answer_alone(refuse(Condition::SystemShutdown), delay, now);
        }
        if self.sessions.len() >= self.config.sessions
            || request.body.len() > self.config.body_bytes_before_auth
        {
            return self.answer_alone(refuse(Condition::PolicyViolation), delay, now);
        }
        let creation = match create::negotiate(&mut body, request.channel, &self.config) {
            Ok(creation) => creation,
            Err(condition) => return self.answer_alone(refuse(condition), delay, now),
        };
        let rates = &self.config.rates;
        let (delay, share) = match self.addresses.admit(request.address, rates, now) {
            Admission::Refused => {
                return self.answer_alone(refuse(Condition::PolicyViolation), delay, now);
            }
            Admission::After(wait, share) => (delay.max(wait), share),
        };
        let index = self.sessions.vacant_key();
        let slot = u32::try_from(index).unwrap_or(u32::MAX);
        self.serial = self.serial.wrapping_add(1);
        let key = SessionKey(handle(self.serial, slot));
        let exchange = self.exchanges.insert(key, request.connection);
        let arrival = Arrival {
            exchange,
            body,
            bytes: request.body.len(),
            digest: self.sids.digest(&request.body),
            delay,
        };
        let opening = Opening {
            header: creation.header.clone(),
            route: creation.route.clone(),
            address: request.address,
            channel: request.channel,
        };
        let secret = self.sids.draw(slot);
        let session = Session::new(key, secret, creation, arrival, share, &self.config, now);
        self.sessions.insert(Box::new(session));
        self.actions.push_back(Action::Deliver {
            session: key,
            event: Event::Opening(opening),
        });
        self.with(key, now, |_, _| ());
        exchange
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::ConnectionId;

    /// A driver that reports nothing costs a session no more than the answers that are watched, and none of them outlives it.
    #[test]
    fn exchanges_that_are_never_reported_are_bounded_and_go_with_their_session() {
        let config = Config {
            polling: Duration::ZERO,
            linger: Duration::ZERO,
            ..Config::default()
        };
        let mut manager = Manager::new(Arc::new(config), [7; 32]);
        #[expect(clippy::disallowed_methods, reason = "any instant does")]
        let mut now = Instant::now();
        let mut sid = String::new();
        let mut answers = 0;
        for rid in 1..=30 {
            let attributes = match rid {
                1 => "to='lantern.example' ver='1.11' wait='10'".to_owned(),
                30 => format!("sid='{sid}' type='terminate'"),
                _ => format!("sid='{sid}'"),
            };
            let body = format!(
                "<body xmlns='http://jabber.org/protocol/httpbind' rid='{rid}' {attributes}/>"
            );
            let request = Request {
                body: body.into(),
                connection: ConnectionId(1),
                address: None,
                channel: Channel::Tls,
            };
            manager.handle_request(request, now);
            // The creation is answered without features, and a held request when its successor comes.
            now += Duration::from_secs(5);
            manager.handle_timeout(now);
            while let Some(action) = manager.poll_action() {
                if let Action::Respond { response, .. } = action {
                    answers += 1;
                    let text = String::from_utf8(response.body.to_vec()).expect("UTF-8");
                    if let Some((_, rest)) = text.split_once(" sid='") {
                        sid = rest.split('\'').next().expect("a value").to_owned();
                    }
                }
            }
            assert!(
                manager.exchanges.len() <= 9,
                "{rid}: {}",
                manager.exchanges.len()
            );
        }
        assert_eq!(answers, 30);
        assert_eq!((manager.sessions(), manager.exchanges.len()), (0, 0));
    }
}
