//! The connection manager's side: [`Manager`] holds all sessions of one server, routed by `sid`.

mod address;
mod config;
mod content;
mod create;
mod exchanges;
mod farewell;
mod hold;
mod late;
mod manager;
mod outbox;
mod pace;
mod police;
mod rare;
mod reason;
mod receive;
mod replay;
mod respond;
mod session;
mod sid;
mod timers;

use std::time::Duration;

use xmpp_wire::{Element, StreamHeader};

pub use address::Route;
pub use config::Config;
pub use manager::Manager;
pub use pace::Rates;
pub use reason::Reason;
pub use xmpp_machine::{Rate, SendError};

use crate::{Condition, ExchangeId, Response};

/// What applications and logs get; the secret `sid` stays inside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionKey(pub(crate) u64);

/// What the driver must do next, in order.
#[derive(Debug)]
pub enum Action {
    /// Answer that exchange; then `handle_sent` when its bytes left.
    Respond {
        /// The exchange to answer.
        id: ExchangeId,
        /// The HTTP answer.
        response: Response,
    },
    /// Close that exchange's connection without an answer (B-R-168).
    Abort {
        /// The exchange whose connection is to be closed.
        id: ExchangeId,
    },
    /// Tell the session's application.
    Deliver {
        /// The session that it is about.
        session: SessionKey,
        /// What its application learns.
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
    /// `to`, `from`, `xml:lang`, `xmpp:version`, decoded; `to` normalised, with U-labels (B-R-034).
    pub header: StreamHeader,
    /// Where the client wants to be connected, out of `Config::routes`; `None` without proxy mode (B-R-044).
    pub route: Option<Route>,
    /// The client's address.
    pub address: Option<std::net::IpAddr>,
    /// Whether the creation request came over TLS.
    pub channel: crate::Channel,
}

/// How a session ended, and what was not delivered in it.
#[derive(Debug)]
pub struct Closed {
    /// Who ended it, and what the client was told.
    pub cause: Cause,
    /// The rule that was broken; `None` where none was.
    pub reason: Option<Reason>,
    /// Elements taken by `send` whose delivery was never shown (queued, or sent and not acknowledged), in order (B-X-030, B-X-031).
    pub undelivered: Vec<Element>,
}

/// Who ended a session, and what its client was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cause {
    /// `close` was called, or an element could not be spelled in the session's charset.
    Ours,
    /// `shut_down` was called.
    Shutdown,
    /// The client sent `type='terminate'`.
    Terminated,
    /// The client broke the protocol and got this condition.
    Fault(Condition),
    /// The client sent a stanza before it was authenticated (`Config::refuse_early_stanzas`).
    NotAuthorized,
    /// The client did not sign in within `auth_timeout`; it got `policy-violation`.
    AuthTimeout,
    /// Silent for longer than `inactivity` (or `pause`).
    Inactive,
}

/// Answers to `accept`: what the creation response says about the server.
#[derive(Clone, Debug, Default)]
pub struct Accept {
    /// The server's header (`from`, `id` as authid where configured, `version`).
    pub header: StreamHeader,
}
