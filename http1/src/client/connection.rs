//! One connection to a server.
//!
//! - One request at a time: no second one before the answer to the first is whole (B-R-014).
//! - Bytes that answer nothing end the connection: they could be taken for the answer to the next request.
//! - An answer that came before its request had left is the last one: what the server made of the rest is unknown.
//! - A fault drops the connection: a client has no farewell to give. `Closed` tells what became of the request.
//! - An answer that ends with the connection is whole at `handle_eof`, and broken at `handle_reset`.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use bytes::{Bytes, BytesMut};
use xmpp_machine::{Clock, Moment};

use super::{
    Action, Cause, Closed, Config, Event, Progress, Reason, Request, RequestId, Response,
    SendError, Unanswered,
    receive::{Asked, Received, Receiver},
};
use crate::{Instant, ResponseHead, Transmit, Upgraded, framing::Persistence};

/// Bytes dropped after the end before reading stops.
const DISCARDED: usize = 262_144;
/// A longer payload leaves in pieces, so that a slow server's progress is seen.
const PIECE: usize = 65_536;
/// How much earlier than the server an idle connection is closed.
const MARGIN: Duration = Duration::from_secs(1);

/// A connection to a server, from its first byte; or behind a proxy's, from the first byte of the tunnel.
///
/// After any call drain [`poll_action`](Self::poll_action), then read [`poll_timeout`](Self::poll_timeout);
/// ask for the next bytes when the last have been written. It scans no byte twice.
#[derive(Debug)]
pub struct Connection {
    config: Arc<Config>,
    phase: Phase,
    next: u64,
    exchange: Option<Exchange>,
    receiver: Receiver,
    actions: VecDeque<Action>,
    /// What is left of the request.
    head: Bytes,
    payload: Bytes,
    /// The server shut down its side.
    eof: bool,
    discarded: usize,
    clock: Clock,
    /// What is awaited of the server, and until when.
    reading: Option<(Waiting, Moment)>,
    writing: Option<Writing>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// The connection takes requests.
    Open,
    /// The exchange under way is the last.
    Finishing(Cause),
    /// `Closed` and `Close` were given; the server has until the write deadline.
    Closing,
    /// Nothing happens any more.
    Over,
}

/// The request under way.
#[derive(Debug)]
struct Exchange {
    id: RequestId,
    asked: Asked,
    /// It offered another protocol.
    upgrades: bool,
    progress: Progress,
    /// 1xx so far.
    informational: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Waiting {
    Head,
    Body,
    Idle,
}

/// The write deadline.
#[derive(Clone, Copy, Debug)]
struct Writing {
    by: Moment,
    /// Bytes were taken since it was set.
    progressed: bool,
}

impl Connection {
    /// A connection that was made now.
    pub fn new(config: Arc<Config>, now: Instant) -> Self {
        let clock = Clock::new(now);
        let idle = clock.latest() + config.keep_alive_timeout;
        Self {
            config,
            phase: Phase::Open,
            next: 0,
            exchange: None,
            receiver: Receiver::default(),
            actions: VecDeque::new(),
            head: Bytes::new(),
            payload: Bytes::new(),
            eof: false,
            discarded: 0,
            clock,
            reading: Some((Waiting::Idle, idle)),
            writing: None,
        }
    }

    /// Sends a request.
    ///
    /// # Errors
    ///
    /// `Busy` while another is unanswered, `Closed` when the connection takes no more, also because it was idle for too
    /// long; `Invalid` where it could not be read as what it is.
    pub fn send(
        &mut self,
        request: Request,
        now: Instant,
    ) -> Result<RequestId, SendError<Request>> {
        self.clock.read(now);
        if self.phase != Phase::Open {
            return Err(SendError::Closed(request));
        }
        if self.exchange.is_some() {
            return Err(SendError::Busy(request));
        }
        if let Some(flaw) = request.flaw() {
            return Err(SendError::Invalid(request, flaw));
        }
        // Past its time the server may be closing it already.
        if self.is_overdue() {
            self.finish(Cause::Ours);
            return Err(SendError::Closed(request));
        }
        let id = RequestId(self.next);
        self.next += 1;
        self.exchange = Some(Exchange {
            id,
            asked: match &*request.method {
                "HEAD" => Asked::HeadAlone,
                "CONNECT" => Asked::Tunnel,
                _ => Asked::Any,
            },
            upgrades: request.upgrades(),
            progress: Progress::Unsent,
            informational: 0,
        });
        if request.close {
            self.phase = Phase::Finishing(Cause::Ours);
        }
        (self.head, self.payload) = request.write();
        self.wait(Waiting::Head, self.config.head_timeout);
        Ok(id)
    }

    /// Ends it when the exchange under way is over.
    pub fn close(&mut self, now: Instant) {
        self.clock.read(now);
        if self.phase == Phase::Open {
            self.phase = Phase::Finishing(Cause::Ours);
            if self.exchange.is_none() {
                self.finish(Cause::Ours);
            }
        }
    }

    /// Drops it, and the exchange under way.
    pub fn abort(&mut self, now: Instant) {
        self.clock.read(now);
        self.abandon(Cause::Ours, None);
    }

    /// Bytes came, appended to `input`. Takes what it can use off the front and leaves the rest.
    pub fn handle_input(&mut self, input: &mut BytesMut, now: Instant) {
        self.clock.read(now);
        while matches!(self.phase, Phase::Open | Phase::Finishing(_)) && !self.is_settled(input) {
            let Some(exchange) = self
                .exchange
                .as_mut()
                .filter(|exchange| exchange.progress != Progress::Unsent)
            else {
                self.abandon(Cause::Fault, Some(Reason::Unsolicited));
                break;
            };
            exchange.progress = Progress::Answering;
            match self.receiver.receive(input, exchange.asked, &self.config) {
                Ok(None) => break,
                Ok(Some(Received::Interim)) => {
                    exchange.informational += 1;
                    if exchange.informational > self.config.informational {
                        self.abandon(Cause::Fault, Some(Reason::TooManyInterim));
                    }
                }
                Ok(Some(Received::Head(persistence))) => {
                    if persistence == Persistence::Close && self.phase == Phase::Open {
                        self.phase = Phase::Finishing(Cause::Peer);
                    }
                    self.wait(Waiting::Body, self.config.body_timeout);
                }
                Ok(Some(Received::Switched(head))) => self.switch(head),
                Ok(Some(Received::Response(head, body))) => self.answer(head, body),
                Err(reason) => self.abandon(Cause::Fault, Some(reason)),
            }
        }
        if self.phase == Phase::Closing {
            self.discarded = self.discarded.saturating_add(input.len());
            input.clear();
        }
    }

    /// The server shut down its side.
    pub fn handle_eof(&mut self, now: Instant) {
        self.clock.read(now);
        if self.eof {
            return;
        }
        self.eof = true;
        match self.phase {
            Phase::Open | Phase::Finishing(_) if self.exchange.is_none() => {
                self.finish(Cause::Peer);
            }
            Phase::Open | Phase::Finishing(_) => match self.receiver.end() {
                Some((head, body)) => self.answer(head, body),
                None => self.abandon(Cause::Network, None),
            },
            Phase::Closing => self.abandon(Cause::Ours, None),
            Phase::Over => {}
        }
    }

    /// The transport failed, or ended without saying so (TLS without `close_notify`): what came may have been cut short.
    pub fn handle_reset(&mut self, now: Instant) {
        self.clock.read(now);
        self.eof = true;
        self.abandon(Cause::Network, None);
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
                Waiting::Idle => self.finish(Cause::Ours),
                Waiting::Head => self.abandon(Cause::Timeout, Some(Reason::HeadTimeout)),
                Waiting::Body => self.abandon(Cause::Timeout, Some(Reason::BodyTimeout)),
            }
        }
    }

    /// Whether it takes a request: nothing is under way, and it goes on.
    pub fn is_idle(&self) -> bool {
        self.phase == Phase::Open && self.exchange.is_none()
    }

    /// Whether reading more is useful now. Also where nothing is awaited: that is how the end is seen.
    pub fn wants_input(&self) -> bool {
        match self.phase {
            Phase::Open | Phase::Finishing(_) => true,
            Phase::Closing => !self.eof && self.discarded < DISCARDED,
            Phase::Over => false,
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
        if self.head.is_empty() && self.payload.is_empty() {
            self.writing = None;
            return None;
        }
        let transmit = Transmit {
            head: std::mem::take(&mut self.head),
            payload: self.payload.split_to(self.payload.len().min(PIECE)),
        };
        self.writing = Some(match self.writing {
            None => self.write_deadline(),
            Some(writing) => Writing {
                progressed: true,
                ..writing
            },
        });
        if let Some(exchange) = &mut self.exchange {
            exchange.progress = exchange.progress.max(Progress::Sent);
        }
        if self.payload.is_empty() && matches!(self.reading, Some((Waiting::Head, _))) {
            // The last of it leaves: only now the server can know what is asked.
            self.wait(Waiting::Head, self.config.head_timeout);
        }
        Some(transmit)
    }

    /// When to call `handle_timeout` at the latest.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let reading = self.reading.map(|(_, by)| by);
        let writing = self.writing.map(|writing| writing.by);
        let first = reading.into_iter().chain(writing).min()?;
        self.clock.instant(first)
    }

    /// Whether this input brings nothing on: there is none, and no empty body is due.
    fn is_settled(&self, input: &BytesMut) -> bool {
        input.is_empty() && !self.receiver.in_body()
    }

    /// Delivers an answer that is whole.
    fn answer(&mut self, head: ResponseHead, body: Bytes) {
        let Some(exchange) = self.exchange.take() else {
            return;
        };
        let patience = self.patience(&head);
        self.actions
            .push_back(Action::Deliver(Event::Response(Response {
                id: exchange.id,
                head,
                body,
            })));
        let unsent = !self.head.is_empty() || !self.payload.is_empty();
        match (self.phase, patience) {
            (Phase::Finishing(cause), _) => self.finish(cause),
            (_, _) if unsent => self.finish(Cause::Ours),
            (_, None) => self.finish(Cause::Peer),
            (_, Some(patience)) => self.wait(Waiting::Idle, patience),
        }
    }

    /// The connection is no longer HTTP's.
    fn switch(&mut self, head: ResponseHead) {
        let sent = self.head.is_empty() && self.payload.is_empty();
        let asked = |exchange: &Exchange| head.status() != 101 || exchange.upgrades;
        let Some(exchange) = self.exchange.take_if(|exchange| sent && asked(exchange)) else {
            self.abandon(Cause::Fault, Some(Reason::UpgradeUnasked));
            return;
        };
        self.actions
            .push_back(Action::Deliver(Event::Response(Response {
                id: exchange.id,
                head,
                body: Bytes::new(),
            })));
        self.actions.push_back(Action::Handover(Upgraded));
        self.end();
    }

    /// How long the connection may be idle after this answer: what we allow, and less than the server says that it allows.
    fn patience(&self, head: &ResponseHead) -> Option<Duration> {
        let said = head.list("keep-alive").find_map(|parameter| {
            let (name, seconds) = std::str::from_utf8(parameter).ok()?.split_once('=')?;
            let named = name.trim_end().eq_ignore_ascii_case("timeout");
            let seconds = seconds.trim_start().parse().ok()?;
            named.then_some(Duration::from_secs(seconds))
        });
        let ours = self.config.keep_alive_timeout;
        match said {
            None => Some(ours),
            Some(said) if said <= MARGIN => None,
            Some(said) => Some(ours.min(said - MARGIN)),
        }
    }

    /// Ends it in order: nothing is under way.
    fn finish(&mut self, cause: Cause) {
        let closed = Closed {
            cause,
            reason: None,
            unanswered: None,
        };
        self.actions
            .push_back(Action::Deliver(Event::Closed(closed)));
        self.actions.push_back(Action::Close);
        self.end();
        if !self.eof {
            self.phase = Phase::Closing;
            self.writing = Some(self.write_deadline());
        }
    }

    /// Drops the connection at once; its request is unanswered.
    fn abandon(&mut self, cause: Cause, reason: Option<Reason>) {
        match self.phase {
            Phase::Open | Phase::Finishing(_) => {
                let unanswered = self.exchange.take().map(|exchange| Unanswered {
                    id: exchange.id,
                    progress: exchange.progress,
                });
                self.actions
                    .push_back(Action::Deliver(Event::Closed(Closed {
                        cause,
                        reason,
                        unanswered,
                    })));
            }
            Phase::Closing => {}
            Phase::Over => return,
        }
        self.actions.push_back(Action::Abort);
        self.end();
    }

    fn end(&mut self) {
        self.phase = Phase::Over;
        self.exchange = None;
        self.receiver = Receiver::default();
        self.head = Bytes::new();
        self.payload = Bytes::new();
        self.reading = None;
        self.writing = None;
    }

    fn is_overdue(&self) -> bool {
        self.reading
            .is_some_and(|(_, by)| by <= self.clock.latest())
    }

    fn wait(&mut self, waiting: Waiting, patience: Duration) {
        self.reading = Some((waiting, self.clock.latest() + patience));
    }

    fn write_deadline(&self) -> Writing {
        Writing {
            by: self.clock.latest() + self.config.write_timeout,
            progressed: false,
        }
    }
}

xmpp_machine::machine!(Connection, Event, Upgraded, also handle_reset);
