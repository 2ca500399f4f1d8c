use std::{fmt, io};

use bosh_proto::client as bosh;
use ws_framing::{connection, handshake::client::Refused};
use xmpp_endpoints::{Failure, Report, Url, redirect::Redirect};
use xmpp_wire::StreamError;

use crate::{post, proxy::ProxyError, tls};

/// Why an endpoint was not reached, or a session was lost.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// DNS: the host's name has no address.
    #[error("the name \"{host}\" was not resolved: {error}")]
    Name {
        /// The host name that was looked up.
        host: String,
        /// The resolver's reason.
        error: io::Error,
    },
    /// TCP: none of the host's addresses answered.
    #[error("no connection to {authority}: {error}")]
    Connect {
        /// Host and port.
        authority: String,
        /// Why: the last address's, and `ConnectionRefused` only where all refused.
        error: io::Error,
    },
    /// The proxy opened no tunnel.
    #[error("through the proxy: {0}")]
    Proxy(#[from] ProxyError),
    /// TLS. `Fault::WrongName` has the name that was expected and those that the certificate holds.
    #[error("TLS: {0}")]
    Tls(#[from] tls::Fault),
    /// TLS cannot be had here at all.
    #[error(transparent)]
    Setup(#[from] tls::SetupError),
    /// HTTP: another status than one that opens a session.
    #[error("the server answered {0}")]
    Status(u16),
    /// What answered speaks something else.
    #[error("what answered does not speak XMPP: {0}")]
    NotXmpp(String),
    /// A stream for another domain.
    #[error("the stream is for \"{0}\", another domain")]
    WrongDomain(String),
    /// The server did not answer in time.
    #[error("there was no answer in time")]
    TimedOut,
    /// The server sends its clients elsewhere: a URL, or a host. Where that is not followed, the report says why.
    #[error("the server redirects to {0:?}")]
    Redirected(String),
    /// The connection broke.
    #[error("the connection was lost: {0}")]
    Lost(String),
    /// The WebSocket was closed, with this code and reason.
    #[error("the WebSocket was closed with {} {}{rule}", .0.code, .0.diagnostic, rule = crate::ended::in_brackets(&.0.reason))]
    WebSocket(Box<connection::Closed>),
    /// The server ended its stream with an error.
    #[error("the server ended the stream: {}", condition(.0))]
    Stream(Box<StreamError>),
    /// The connection manager ended the BOSH session.
    #[error("the BOSH session ended: {0:?}{rule}", rule = crate::ended::in_brackets(.1))]
    Bosh(Box<bosh::Cause>, Option<bosh::Reason>),
}

fn condition(error: &StreamError) -> String {
    match &error.text {
        Some(text) => format!("{} ({text:?})", error.condition),
        None => error.condition.clone(),
    }
}

impl Error {
    /// What the planner has to know of it.
    pub(super) fn failure(&self) -> Failure {
        let text = self.to_string();
        match self {
            Self::Name { error, .. } => Failure::Name(error.to_string()),
            Self::Connect { error, .. } if error.kind() == io::ErrorKind::ConnectionRefused => {
                Failure::Refused
            }
            Self::Tls(fault) => Failure::Tls(fault.to_string()),
            Self::Setup(error) => Failure::Tls(error.to_string()),
            Self::Status(status) => Failure::Status(*status),
            Self::NotXmpp(what) => Failure::NotXmpp(what.clone()),
            Self::WrongDomain(domain) => Failure::WrongDomain(domain.clone()),
            Self::TimedOut => Failure::TimedOut,
            Self::Stream(error) => Failure::Condition(error.condition.clone()),
            Self::Bosh(cause, _) => {
                if let bosh::Cause::Condition(condition) = &**cause {
                    Failure::Condition(condition.as_str().to_owned())
                } else {
                    Failure::Network(text)
                }
            }
            Self::Connect { .. }
            | Self::Redirected(_)
            | Self::Proxy(_)
            | Self::Lost(_)
            | Self::WebSocket(_) => Failure::Network(text),
        }
    }
}

impl From<&Redirect> for Error {
    fn from(redirect: &Redirect) -> Self {
        let (Redirect::Uri(to) | Redirect::Host(to)) = redirect;
        Self::Redirected(to.clone())
    }
}

impl From<Refused> for Error {
    fn from(refused: Refused) -> Self {
        if let Refused::Status { status, .. } = refused {
            Self::Status(status)
        } else {
            Self::NotXmpp(refused.to_string())
        }
    }
}

/// The reason inside an [`io::Error`] that a [`Connect`](post::Connect) of ours made.
pub(super) fn unpacked(error: io::Error) -> Error {
    match error.downcast::<Error>() {
        Ok(error) => error,
        Err(error) => Error::Lost(error.to_string()),
    }
}

/// The same inside one.
pub(super) fn packed(error: Error) -> post::Refused {
    if matches!(error, Error::Tls(_) | Error::Setup(_)) {
        return post::Refused::Untrusted(io::Error::other(error));
    }
    let kind = if let Error::Connect { error, .. } = &error {
        error.kind()
    } else {
        io::ErrorKind::Other
    };
    post::Refused::Unreached(io::Error::new(kind, error))
}

/// Why there is no session, or no further one: what was tried, in order, and what came of each.
#[derive(Debug)]
pub struct Failed {
    pub(super) report: Report,
    pub(super) errors: Vec<(Url, Error)>,
}

impl Failed {
    /// All that was tried, or was not and why not.
    pub fn report(&self) -> &Report {
        &self.report
    }

    /// The errors of documents that were asked for and of endpoints that were tried, in order.
    pub fn errors(&self) -> impl Iterator<Item = (&Url, &Error)> {
        self.errors.iter().map(|(url, error)| (url, error))
    }
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.report.fmt(f)
    }
}

impl std::error::Error for Failed {}
