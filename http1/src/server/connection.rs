//! One accepted connection.
//!
//! - Answers leave in request order; a fault's own answer is the last of them.
//! - After `Connection: close`, a fault, `close` or read-EOF nothing more is parsed: what comes is dropped.
//! - A fault's answer waits for those owed before it, `fault_timeout` at most; then the connection is dropped.
//! - While a request with an Upgrade field is unanswered nothing behind it is parsed or taken.
//! - `Closed` comes when the last owed byte was written, and `Close` after it; or with `Abort` at any time.
//! - Bytes are known as written when the next are asked for: `Sent`, the handover and `Closed` arise then.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use bytes::{Bytes, BytesMut};
use xmpp_machine::{Clock, Moment};

use super::{
    Action, Cause, Closed, Config, Event, Reason, Request, RequestId,
    recall::Recall,
    receive::{HeadFacts, Received, Receiver},
    replies::{Body, Interim, Replies, Slot, State, Then},
};
use crate::{
    Instant, RequestHead, Response, Transmit, Upgraded, Version,
    framing::{Expectation, Framing, Persistence, Upgrade},
};

/// Bytes dropped after the last request before reading stops (W-R-164).
const DISCARDED: usize = 262_144;

/// An accepted connection, from its first byte.
///
/// After any call drain [`poll_action`](Self::poll_action), then read [`poll_timeout`](Self::poll_timeout);
/// after [`poll_transmit`](Self::poll_transmit), too. Whenever [`wants_input`](Self::wants_input) is true and
/// `input` holds bytes, call [`handle_input`](Self::handle_input) before waiting for more: an answer may have
/// made room for requests that were read before. It scans no byte twice.
#[derive(Debug)]
pub struct Connection {
    config: Arc<Config>,
    phase: Phase,
    receiver: Receiver,
    recall: Recall,
    replies: Replies,
    actions: VecDeque<Action>,
    /// The request with an Upgrade field that is unanswered, or answered with a 101.
    upgrade: Option<u64>,
    /// No head came yet.
    fresh: bool,
    /// The body under way, as far as `Config::ask_above` is concerned.
    asking: Asking,
    /// The peer shut down its side.
    eof: bool,
    discarded: usize,
    clock: Clock,
    reading: Option<(Waiting, Moment)>,
    writing: Option<Writing>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Requests are read.
    Open,
    /// No more requests are read; answers that are owed still leave.
    Draining(Closed),
    /// `Closed` and `Close` were given; the peer has until the write deadline.
    Closing,
    /// Nothing happens any more.
    Over,
}

/// Whether the application has been asked about the body under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asking {
    No,
    /// Its answer is awaited.
    Asked,
    Admitted,
}

/// What the deadline on the peer's side is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Waiting {
    Head,
    Body,
    Idle,
    /// Answers that the application owes, after a fault.
    Turn,
}

/// The write deadline.
#[derive(Clone, Copy, Debug)]
struct Writing {
    by: Moment,
    /// Bytes were taken since it was set.
    progressed: bool,
}

impl Connection {
    /// A connection accepted now.
    pub fn new(config: Arc<Config>, now: Instant) -> Self {
        let mut connection = Self {
            config,
            phase: Phase::Open,
            receiver: Receiver::default(),
            recall: Recall::default(),
            replies: Replies::default(),
            actions: VecDeque::new(),
            upgrade: None,
            fresh: true,
            asking: Asking::No,
            eof: false,
            discarded: 0,
            clock: Clock::new(now),
            reading: None,
            writing: None,
        };
        connection.finish_or_wait();
        connection
    }

    /// Answers a request; an unknown or answered id is ignored.
    ///
    /// A 101 to a request that did not offer an upgrade, and a status outside 200 to 599, becomes a 500.
    /// Any answer but a 101 to an upgrade to `websocket` closes (W-R-025).
    pub fn respond(&mut self, id: RequestId, mut response: Response, now: Instant) {
        self.clock.read(now);
        if self.phase == Phase::Closing || self.phase == Phase::Over {
            return;
        }
        let Some(slot) = self.replies.awaited(id.0) else {
            return;
        };
        let switches = response.status == 101 && slot.upgrade != Upgrade::No;
        if !switches && !(200..=599).contains(&response.status) {
            response = Response::new(500);
            response.fields.clone_from(&self.config.error_fields);
        }
        response.close = !switches && (response.close || slot.upgrade == Upgrade::WebSocket);
        let closes = response.close;
        slot.state = State::Ready(response);
        if self.upgrade == Some(id.0) && !switches {
            self.upgrade = None;
        }
        if closes {
            self.replies.drop_behind(id.0);
            self.upgrade = self.upgrade.filter(|&upgrade| upgrade < id.0);
            self.drain(Cause::Ours, None);
        }
        self.finish_or_wait();
    }

    /// Reads the body that `Event::Body` asked about.
    pub fn admit_body(&mut self, now: Instant) {
        self.clock.read(now);
        if self.asking == Asking::Asked {
            self.asking = Asking::Admitted;
            if let Some(slot) = self.replies.receiving() {
                slot.await_body();
            }
        }
        self.finish_or_wait();
    }

    /// Refuses the body that `Event::Body` asked about: its request gets this status, and the connection ends behind it.
    pub fn refuse_body(&mut self, status: u16, now: Instant) {
        self.clock.read(now);
        if self.asking == Asking::Asked {
            self.refuse(status, Cause::Fault(status), Reason::BodyRefused);
        }
        self.finish_or_wait();
    }

    /// Ends it: nothing more is read, answers owed still leave.
    pub fn close(&mut self, now: Instant) {
        self.clock.read(now);
        self.drain(Cause::Ours, None);
        self.finish_or_wait();
    }

    /// Drops it without an answer (B-R-168).
    pub fn abort(&mut self, now: Instant) {
        self.clock.read(now);
        self.abandon(Cause::Ours, None);
    }

    /// The stream failed: nothing more can be read or written.
    pub fn handle_reset(&mut self, now: Instant) {
        self.handle_eof(now);
        // The end of input alone lets it go on to answer, where half-closed connections are allowed.
        self.abort(now);
    }

    /// Bytes came, appended to `input`. Takes what it can use off the front and leaves the rest.
    pub fn handle_input(&mut self, input: &mut BytesMut, now: Instant) {
        self.clock.read(now);
        while self.phase == Phase::Open && self.may_parse() {
            let limits = &self.config.limits;
            let unasked = self.unasked();
            let received = self
                .receiver
                .receive(input, &mut self.recall, limits, unasked);
            match received {
                Ok(Some(Received::Head(framing, facts))) => self.expect_answer(framing, facts),
                Ok(Some(Received::Request(head, body))) => self.deliver(head, body, input.len()),
                Ok(None) => {
                    self.ask();
                    break;
                }
                Err(reason) => {
                    self.refuse(reason.status(), Cause::Fault(reason.status()), reason);
                }
            }
        }
        if self.asking != Asking::Asked
            && let Some(slot) = self.replies.receiving()
        {
            slot.await_body();
        }
        if matches!(self.phase, Phase::Draining(_) | Phase::Closing) && self.upgrade.is_none() {
            self.discarded = self.discarded.saturating_add(input.len());
            input.clear();
        }
        self.finish_or_wait();
    }

    /// The peer shut down its side.
    pub fn handle_eof(&mut self, now: Instant) {
        self.clock.read(now);
        if self.eof {
            return;
        }
        self.eof = true;
        match self.phase {
            Phase::Open | Phase::Draining(_) => {
                if self.replies.awaits() && !self.config.half_close {
                    self.abandon(Cause::Network, None);
                    return;
                }
                let midway = self.receiver.in_head() || self.receiver.in_body();
                let cause = if midway { Cause::Network } else { Cause::Peer };
                self.drain(cause, None);
            }
            Phase::Closing => self.abandon(Cause::Ours, None),
            Phase::Over => {}
        }
        self.finish_or_wait();
    }

    /// A deadline may have passed.
    pub fn handle_timeout(&mut self, now: Instant) {
        let now = self.clock.read(now);
        if let Some(writing) = self.writing.filter(|writing| writing.by <= now) {
            if writing.progressed {
                self.writing = Some(self.write_deadline());
            } else {
                self.abandon(Cause::Timeout, Some(Reason::WriteTimeout));
                return;
            }
        }
        if let Some((waiting, _)) = self.reading.filter(|&(_, by)| by <= now) {
            match waiting {
                Waiting::Idle => self.drain(Cause::Ours, None),
                Waiting::Head if !self.receiver.in_head() => {
                    self.drain(Cause::Timeout, Some(Reason::RequestMissing));
                }
                Waiting::Head => self.refuse(408, Cause::Timeout, Reason::HeadTimeout),
                Waiting::Body => self.refuse(408, Cause::Timeout, Reason::BodyTimeout),
                Waiting::Turn => {
                    if let Phase::Draining(Closed { cause, reason }) = self.phase {
                        self.abandon(cause, reason);
                    }
                }
            }
        }
        self.finish_or_wait();
    }

    /// Whether reading more is useful now.
    pub fn wants_input(&self) -> bool {
        match self.phase {
            Phase::Open => self.may_parse(),
            Phase::Draining(_) | Phase::Closing => {
                !self.eof && self.upgrade.is_none() && self.discarded < DISCARDED
            }
            Phase::Over => false,
        }
    }

    /// The most bytes to read at once: where the application is asked about long bodies, no more than a head has, until it agrees to one.
    pub fn read_bytes(&self) -> usize {
        match (self.asking, self.config.ask_above) {
            (Asking::No | Asking::Asked, Some(_)) => self.config.limits.head_bytes,
            (Asking::Admitted, Some(_)) | (_, None) => usize::MAX,
        }
    }

    /// The next thing that the driver must do.
    pub fn poll_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// The next bytes; ask when the last have been written.
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        if matches!(self.phase, Phase::Closing | Phase::Over) {
            return None;
        }
        if let Some(written) = self.replies.take_written() {
            for id in written.ids {
                self.actions
                    .push_back(Action::Deliver(Event::Sent(RequestId(id))));
            }
            if written.then == Then::Detach {
                self.end();
                self.actions.push_back(Action::Handover(Upgraded));
                return None;
            }
        }
        let last = match self.phase {
            Phase::Open => Persistence::Keep,
            Phase::Draining(_) | Phase::Closing | Phase::Over => Persistence::Close,
        };
        let transmit = self.replies.write(last);
        self.writing = match (&transmit, self.writing) {
            (None, _) => None,
            (Some(_), None) => Some(self.write_deadline()),
            (Some(_), Some(writing)) => Some(Writing {
                progressed: true,
                ..writing
            }),
        };
        self.finish_or_wait();
        transmit
    }

    /// When to call `handle_timeout` at the latest.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let reading = self.reading.map(|(_, by)| by);
        let writing = self.writing.map(|writing| writing.by);
        let first = reading.into_iter().chain(writing).min()?;
        self.clock.instant(first)
    }

    /// Whether the next bytes of a request may be looked at.
    fn may_parse(&self) -> bool {
        self.upgrade.is_none()
            && self.asking != Asking::Asked
            && (self.receiver.in_body() || self.replies.len() < self.config.limits.pipelined.max(1))
    }

    /// Bytes of a body that are read without a question.
    fn unasked(&self) -> usize {
        match self.asking {
            Asking::No | Asking::Asked => self.config.ask_above.unwrap_or(usize::MAX),
            Asking::Admitted => usize::MAX,
        }
    }

    /// Asks about the body under way where it is longer than that.
    fn ask(&mut self) {
        if let Some(body) = self.receiver.exceeds(self.unasked(), &self.config.limits) {
            self.asking = Asking::Asked;
            self.actions.push_back(Action::Deliver(Event::Body(body)));
        }
    }

    /// A head came: its answer gets its place in the order.
    fn expect_answer(&mut self, framing: Framing, facts: HeadFacts) {
        self.fresh = false;
        self.reading = None;
        let interim = match framing.expectation {
            Expectation::None => Interim::None,
            Expectation::Continue => Interim::Possible,
        };
        self.replies.push(Slot {
            state: State::Receiving { interim },
            version: facts.version,
            body: facts.body,
            upgrade: framing.upgrade,
            persistence: framing.persistence,
        });
    }

    /// Delivers a request that came in whole.
    fn deliver(&mut self, head: RequestHead, body: Bytes, surplus: usize) {
        self.reading = None;
        self.asking = Asking::No;
        let Some((id, upgrade, persistence)) = self.replies.received() else {
            return;
        };
        self.actions
            .push_back(Action::Deliver(Event::Request(Request {
                id: RequestId(id),
                head,
                body,
                surplus,
            })));
        if upgrade != Upgrade::No {
            self.upgrade = Some(id);
        }
        if persistence == Persistence::Close {
            self.drain(Cause::Peer, None);
        }
    }

    /// Answers a peer's fault after all that is owed, and reads no more.
    fn refuse(&mut self, status: u16, cause: Cause, reason: Reason) {
        let (version, body) = match self.replies.receiving() {
            Some(slot) => (slot.version, slot.body),
            None => (Version::Http11, Body::Allowed),
        };
        let mut response = Response::new(status).closing();
        if status == 405 {
            response = response.with_field("Allow", "GET, HEAD, POST, OPTIONS");
        }
        response
            .fields
            .extend(self.config.error_fields.iter().cloned());
        self.drain(cause, Some(reason));
        self.replies.push(Slot {
            state: State::Refused(response),
            version,
            body,
            upgrade: Upgrade::No,
            persistence: Persistence::Close,
        });
    }

    /// Reads no more. The first cause counts.
    fn drain(&mut self, cause: Cause, reason: Option<Reason>) {
        if self.phase == Phase::Open {
            self.phase = Phase::Draining(Closed { cause, reason });
            self.replies.drop_receiving();
            self.receiver = Receiver::default();
            self.asking = Asking::No;
            self.recall.clear();
        }
    }

    /// Drops the connection at once, without an answer.
    fn abandon(&mut self, cause: Cause, reason: Option<Reason>) {
        match self.phase {
            Phase::Open | Phase::Draining(_) => {
                let closed = Closed { cause, reason };
                self.actions
                    .push_back(Action::Deliver(Event::Closed(closed)));
            }
            Phase::Closing => {}
            Phase::Over => return,
        }
        self.actions.push_back(Action::Abort);
        self.end();
    }

    fn end(&mut self) {
        self.phase = Phase::Over;
        self.replies.clear();
        self.receiver = Receiver::default();
        self.recall.clear();
        self.reading = None;
        self.writing = None;
    }

    /// Ends the connection where all that is owed has left, and otherwise sets the deadline of what
    /// is awaited of the peer.
    fn finish_or_wait(&mut self) {
        if let Phase::Draining(closed) = self.phase {
            if self.replies.is_done() {
                self.actions
                    .push_back(Action::Deliver(Event::Closed(closed)));
                self.actions.push_back(Action::Close);
                self.end();
                if !self.eof {
                    self.phase = Phase::Closing;
                    self.writing = Some(self.write_deadline());
                }
            }
        }
        let waiting = match self.phase {
            Phase::Open => self.waiting(),
            Phase::Draining(Closed {
                cause: Cause::Fault(_) | Cause::Timeout,
                ..
            }) => self.replies.awaits().then_some(Waiting::Turn),
            Phase::Draining(_) | Phase::Closing | Phase::Over => None,
        };
        if waiting != self.reading.map(|(waiting, _)| waiting) {
            self.reading =
                waiting.map(|waiting| (waiting, self.clock.latest() + self.patience(waiting)));
        }
    }

    /// What is awaited of the peer.
    fn waiting(&self) -> Option<Waiting> {
        if self.receiver.in_body() {
            Some(Waiting::Body)
        } else if !self.may_parse() {
            None
        } else if self.fresh || self.receiver.in_head() {
            Some(Waiting::Head)
        } else if self.replies.is_done() {
            Some(Waiting::Idle)
        } else {
            None
        }
    }

    fn patience(&self, waiting: Waiting) -> Duration {
        match waiting {
            Waiting::Head => self.config.head_timeout,
            Waiting::Body => self.config.body_timeout,
            Waiting::Idle => self.config.keep_alive_timeout,
            Waiting::Turn => self.config.fault_timeout,
        }
    }

    fn write_deadline(&self) -> Writing {
        Writing {
            by: self.clock.latest() + self.config.write_timeout,
            progressed: false,
        }
    }
}

xmpp_machine::machine!(Connection, Event, Upgraded, also handle_reset, read_bytes);
