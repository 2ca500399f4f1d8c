//! Why a relayed session ended, for logs and counters.

use std::fmt;

use xmpp_stream::relay::{WebClose, WebEvent};
use xmpp_wire::StreamError;

/// What ended a session first.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ended {
    /// The client ended its stream.
    Client,
    /// The client was lost, or fell silent.
    ClientLost,
    /// The client broke a rule, and got this condition.
    ClientFault(String),
    /// The stream was refused with this condition.
    Refused(String),
    /// The server ended its stream, with this condition if it said one.
    Server(Option<String>),
    /// The server could not be reached, or was lost without an end tag.
    ServerLost,
    /// The server broke the protocol.
    ServerFault,
    /// The process went down.
    Shutdown,
}

impl Ended {
    /// What an order to end the web session says.
    pub(crate) fn by_order(close: &WebClose) -> Self {
        match close {
            WebClose::Clean => Self::Server(None),
            WebClose::StreamError(error) => {
                Self::Server(Some(StreamError::from_element(error).condition))
            }
            WebClose::Unreachable(_) | WebClose::Lost => Self::ServerLost,
            WebClose::Fault(error) => Self::ClientFault(error.condition.clone()),
            WebClose::Refused(error) => Self::Refused(error.condition.clone()),
            WebClose::Internal(_) => Self::ServerFault,
        }
    }

    /// What the client's doing says, where it ends the session.
    pub(crate) fn by_client(event: &WebEvent) -> Option<Self> {
        match event {
            WebEvent::Closing => Some(Self::Client),
            WebEvent::Closed(closed) if closed.clean => Some(Self::Client),
            WebEvent::Closed(_) => Some(Self::ClientLost),
            WebEvent::Restarted(_) | WebEvent::Element(_) => None,
        }
    }
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Client => f.write_str("the client ended it"),
            Self::ClientLost => f.write_str("the client was lost"),
            Self::ClientFault(condition) => write!(f, "the client broke a rule: {condition}"),
            Self::Refused(condition) => write!(f, "refused: {condition}"),
            Self::Server(None) => f.write_str("the server ended it"),
            Self::Server(Some(condition)) => write!(f, "the server ended it: {condition}"),
            Self::ServerLost => f.write_str("the server was not reached, or was lost"),
            Self::ServerFault => f.write_str("the server broke the protocol"),
            Self::Shutdown => f.write_str("shutdown"),
        }
    }
}
