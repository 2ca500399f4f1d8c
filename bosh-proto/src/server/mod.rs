//! The connection manager's side.

use std::{sync::Arc, time::Duration};

use xmpp_wire::{Element, StreamHeader, XmlLimits};

use crate::{Condition, ExchangeId, Instant, Request, Response};

/// What applications and logs get; the secret `sid` stays inside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionKey(pub(crate) u64);

/// How the manager behaves; every bound has its default and reason here. (More fields as the ledger wants.)
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// Cap of `wait`. Default 55 s: below the 60 s of common proxies.
    pub wait: Duration,
    /// Cap of `hold`. Default 1.
    pub hold: u8,
    /// Bounds on XML.
    pub xml: XmlLimits,
    // polling, inactivity, inactivity_polling, maxpause, linger, creation_timeout, response_bytes, outbox_bytes,
    // replay_bytes, sessions, body_bytes_before_auth, duplicates.., node_tag, server_ack, content types ...
}

/// What the driver must do.
#[derive(Debug)]
pub enum Action {
    /// Answer that exchange; then `handle_sent` when its bytes left.
    Respond {
        /// Which.
        id: ExchangeId,
        /// With what.
        response: Response,
    },
    /// Close that exchange's connection without an answer (B-R-168).
    Abort {
        /// Which.
        id: ExchangeId,
    },
    /// Tell the session's application.
    Deliver {
        /// Whose.
        session: SessionKey,
        /// What.
        event: Event,
    },
}

/// What a session's application learns.
#[derive(Debug)]
pub enum Event {
    /// A client wants a session: `accept` it, or `close` it with a condition.
    Opening(Opening),
    /// An element for the server, in rid order. Already adopted into `jabber:client` (B-X-004) and standing alone.
    Element(Element),
    /// The client restarted its stream (XEP-0206 §5): send a new header to the server, then features by `send`.
    Restarted(StreamHeader),
    /// The client paused for that long.
    Paused(Duration),
    /// There is room again after `SendError::Full`.
    Writable,
    /// The session is over.
    Closed(Closed),
}

/// A session creation request.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Opening {
    /// `to`, `from`, `xml:lang`, `xmpp:version`, decoded; `to` normalised (B-R-034).
    pub header: StreamHeader,
    /// The client's address.
    pub source: Option<std::net::IpAddr>,
    /// What carried it.
    pub channel: crate::Channel,
}

/// The end of a session.
#[derive(Debug)]
pub struct Closed {
    /// Why.
    pub cause: Cause,
    /// Elements taken by `send` whose delivery was never shown (queued, or sent and not acknowledged), in order (B-X-030, 031).
    pub undelivered: Vec<Element>,
}

/// Why a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cause {
    /// `close` was called.
    Ours,
    /// The client sent `type='terminate'`.
    Terminated,
    /// The client broke the protocol and got this condition.
    Fault(Condition),
    /// Silent for longer than `inactivity` (or `pause`).
    Inactive,
    /// A queue passed its limit (B-R-074).
    Overflow,
}

/// Why `send` refused; the element comes back.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// No room: wait for `Event::Writable`.
    #[error("the session's outbox is full; send again after Event::Writable")]
    Full(Element),
    /// The session is over.
    #[error("the session is closed")]
    Closed(Element),
}

/// Answers to `accept`: what the creation response says about the server.
#[derive(Clone, Debug, Default)]
pub struct Accept {
    /// The server's header (`from`, `id` as authid where configured, `version`).
    pub header: StreamHeader,
}

/// All sessions of one connection manager, routed by `sid`.
#[derive(Debug)]
pub struct Manager {/* .. */}

impl Manager {
    /// A manager whose sids and hashes come from `seed`.
    pub fn new(_config: Arc<Config>, _seed: [u8; 32]) -> Self {
        todo!()
    }
    /// A POST came in.
    pub fn handle_request(&mut self, _request: Request, _now: Instant) -> ExchangeId {
        todo!()
    }
    /// The bytes of that answer left.
    pub fn handle_sent(&mut self, _id: ExchangeId, _now: Instant) {
        todo!()
    }
    /// That exchange's connection is gone.
    pub fn handle_disconnect(&mut self, _id: ExchangeId, _now: Instant) {
        todo!()
    }
    /// A deadline may have passed.
    pub fn handle_timeout(&mut self, _now: Instant) {
        todo!()
    }
    /// The server's stream is open (again, after a restart: ignored then but for `from`); features follow by `send`.
    pub fn accept(&mut self, _session: SessionKey, _accept: Accept, _now: Instant) {
        todo!()
    }
    /// Queues an element for the client.
    pub fn send(
        &mut self,
        _to: SessionKey,
        _element: Element,
        _now: Instant,
    ) -> Result<(), SendError> {
        todo!()
    }
    /// Ends a session: what is queued leaves first, in the same body. `None` is a clean end (B-R-139).
    /// A `<stream:error/>` to include comes through `error`; the condition is then `remote-stream-error` (B-X-027).
    pub fn close(
        &mut self,
        _session: SessionKey,
        _condition: Option<Condition>,
        _error: Option<Element>,
        _now: Instant,
    ) {
        todo!()
    }
    /// The server cannot take more: requests with payloads are left unanswered up to `wait`, so that the window stops the client (design §3).
    pub fn hold_input(&mut self, _session: SessionKey, _now: Instant) {
        todo!()
    }
    /// It can again.
    pub fn release_input(&mut self, _session: SessionKey, _now: Instant) {
        todo!()
    }
    /// Shutdown: every session is closed with `system-shutdown`, every held request answered, creation refused (B-R-153).
    pub fn shutdown(&mut self, _now: Instant) {
        todo!()
    }
    /// Live sessions.
    pub fn sessions(&self) -> usize {
        todo!()
    }
    /// The next order.
    pub fn poll_action(&mut self) -> Option<Action> {
        todo!()
    }
    /// When to call `handle_timeout` at the latest.
    pub fn poll_timeout(&self) -> Option<Instant> {
        todo!()
    }
}
