//! Why a relayed session ended, for logs and counters.

use std::fmt;

use bosh_proto::server as bosh;
use ws_framing::{connection::Cause, xmpp};
use xmpp_stream::{
    Reason,
    session::{Closed, Ending, Event},
};
use xmpp_wire::{StreamError, ns};

use crate::accepted::End;

/// What ended a session first.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ended {
    /// The client ended its stream.
    Client,
    /// The client was lost, or fell silent.
    ClientLost,
    /// The client did not sign in in time.
    AuthTimeout,
    /// The client broke a rule: the condition that it got, and the rule itself in brackets.
    ClientFault(String),
    /// The stream was refused with this condition, and the rule in brackets where there is one.
    Refused(String),
    /// The server ended its stream, with this condition if it said one.
    Server(Option<String>),
    /// The server could not be reached, or was lost without an end tag: the rule or the time that ended its stream, where one did.
    ServerLost(Option<Reason>),
    /// The server broke the protocol: the rule.
    ServerFault(Option<Reason>),
    /// We ended it for a reason of our own.
    Ours,
    /// The process went down.
    Shutdown,
}

impl Ended {
    /// What an order to end the client's session says, and the rule that the relay or its stream names.
    pub(crate) fn by_order(ending: &Ending, reason: Option<Reason>) -> Self {
        let with_rule =
            |error: &StreamError| format!("{}{}", error.condition, in_brackets(&reason));
        match ending {
            Ending::Clean => Self::Server(None),
            Ending::StreamError(error) => {
                Self::Server(Some(StreamError::from_element(error).condition))
            }
            Ending::Unreachable(_) | Ending::Lost => Self::ServerLost(reason),
            Ending::Fault(error) => Self::ClientFault(with_rule(error)),
            Ending::Refused(error) => Self::Refused(with_rule(error)),
            Ending::Internal(_) => Self::ServerFault(reason),
        }
    }

    /// What the client's doing says, where it ends the session.
    pub(crate) fn by_client<E>(event: &Event<E>) -> Option<Self> {
        match event {
            Event::Closing => Some(Self::Client),
            // A client that gives up.
            Event::Element(element) if element.is("error", ns::STREAM) => Some(Self::Client),
            Event::Opened(_)
            | Event::Restarted(_)
            | Event::Element(_)
            | Event::Writable
            | Event::Closed(_) => None,
        }
    }

    /// What the end of the client's session says, where nothing ended it before.
    pub(crate) fn by_session(closed: &Closed<End>) -> Self {
        match &closed.how {
            End::Bosh(how) => Self::by_bosh(how),
            End::WebSocket(how) => Self::by_websocket(how),
        }
    }

    fn by_bosh(closed: &bosh::Closed) -> Self {
        match closed.cause {
            bosh::Cause::Terminated => Self::Client,
            bosh::Cause::Fault(condition) => {
                let rule = in_brackets(&closed.reason);
                Self::ClientFault(format!("{}{rule}", condition.as_str()))
            }
            bosh::Cause::AuthTimeout => Self::AuthTimeout,
            bosh::Cause::Shutdown => Self::Shutdown,
            bosh::Cause::Ours => Self::Ours,
            bosh::Cause::Inactive | _ => Self::ClientLost,
        }
    }

    fn by_websocket(closed: &xmpp::Closed) -> Self {
        let condition = closed.error.as_ref().map(|error| error.condition.as_str());
        match closed.connection.cause {
            Cause::Ours => Self::Ours,
            Cause::Fault(code) => {
                let reason = closed.connection.reason;
                let rule = in_brackets(&reason.filter(|rule| Some(rule.as_str()) != condition));
                Self::ClientFault(match condition {
                    Some(condition) => format!("{condition}{rule}"),
                    None => format!("{code}{rule}"),
                })
            }
            // What says how long authentication took is the error that the client got.
            Cause::Timeout if condition == Some("policy-violation") => Self::AuthTimeout,
            Cause::Peer | Cause::Network | Cause::Timeout | _ if closed.stream_closed => {
                Self::Client
            }
            Cause::Peer | Cause::Network | Cause::Timeout | _ => Self::ClientLost,
        }
    }
}

/// The rule that was broken, behind what came of it.
pub(crate) fn in_brackets(reason: &Option<impl fmt::Display>) -> String {
    reason
        .as_ref()
        .map_or_else(String::new, |reason| format!(" ({reason})"))
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Client => f.write_str("the client ended it"),
            Self::ClientLost => f.write_str("the client was lost"),
            Self::AuthTimeout => f.write_str("the client did not sign in in time"),
            Self::ClientFault(condition) => write!(f, "the client broke a rule: {condition}"),
            Self::Refused(condition) => write!(f, "refused: {condition}"),
            Self::Server(None) => f.write_str("the server ended it"),
            Self::Server(Some(condition)) => write!(f, "the server ended it: {condition}"),
            Self::ServerLost(reason) => write!(
                f,
                "the server was not reached, or was lost{}",
                in_brackets(reason)
            ),
            Self::ServerFault(reason) => {
                write!(f, "the server broke the protocol{}", in_brackets(reason))
            }
            Self::Ours => f.write_str("the gateway ended it"),
            Self::Shutdown => f.write_str("shutdown"),
        }
    }
}
