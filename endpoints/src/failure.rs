use std::{fmt, net::IpAddr};

use crate::{
    Transport, Url,
    document::{DocumentError, Unusable},
    planner::AttemptId,
    redirect::Refusal,
};

/// Why something was not reached, or was lost. Texts are for people; the planner looks at the kind
/// alone.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// The host's name could not be resolved.
    #[error("the name was not resolved: {0}")]
    Name(String),
    /// The connection was refused: nobody listens there.
    #[error("the connection was refused")]
    Refused,
    /// The network, or the server's end of it, broke.
    #[error("{0}")]
    Network(String),
    /// No answer in time.
    #[error("there was no answer in time")]
    TimedOut,
    /// TLS failed: with the names that were expected and those that were found, where that is the
    /// reason.
    #[error("TLS: {0}")]
    Tls(String),
    /// An HTTP status that is no answer of ours.
    #[error("the server answered {0}")]
    Status(u16),
    /// What answered does not speak XMPP.
    #[error("what answered does not speak XMPP: {0}")]
    NotXmpp(String),
    /// A stream for another domain was opened.
    #[error("the stream is for \"{0}\", another domain")]
    WrongDomain(String),
    /// The server ended the stream with this condition of XEP-0124 §17.2 or RFC 6120 §4.9.3.
    #[error("the server said {0}")]
    Condition(String),
    /// It redirects, and was followed.
    #[error("it redirects to {0}")]
    Redirected(Url),
    /// It redirects, and was not followed.
    #[error("its redirect is not followed: {0}")]
    Redirect(Refusal),
    /// The document cannot be read.
    #[error("{0}")]
    Document(#[from] DocumentError),
    /// The document has a content type of something else.
    #[error("its content type is {0}")]
    ContentType(String),
    /// The document offers no endpoint.
    #[error("it offers no endpoint")]
    NothingOffered,
    /// The document's link cannot be used.
    #[error("not used: {0}")]
    Unusable(#[from] Unusable),
    /// The application does not want its transport.
    #[error("{0} is not among the wanted transports")]
    Unwanted(Transport),
    /// It failed lately, and others were tried in its place.
    #[error("it failed lately: {0}")]
    Lately(Box<Self>),
}

impl Failure {
    /// Whether another node would say the same (C-R-024): it is reported, and nothing else is
    /// tried.
    pub fn is_final(&self) -> bool {
        matches!(self, Self::Condition(condition) if matches!(
            condition.as_str(),
            "not-authorized" | "host-unknown" | "host-gone" | "improper-addressing" | "policy-violation"
        ))
    }
}

/// What a line of a [`Report`] is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// An attempt to open a stream, at one address where the endpoint came with addresses.
    Attempt(AttemptId, Url, Option<IpAddr>),
    /// An endpoint that was not tried.
    Endpoint(Url),
    /// The look-up of a document (host-meta, a list of nodes).
    Document(Url),
    /// A link of a document.
    Link(String),
    /// SRV records of this name.
    Records(String),
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Attempt(_, url, Some(address)) => write!(f, "{url} at {address}"),
            Self::Attempt(_, url, None) | Self::Endpoint(url) | Self::Document(url) => {
                write!(f, "{url}")
            }
            Self::Link(text) => write!(f, "\"{}\"", text.escape_debug()),
            Self::Records(name) => write!(f, "SRV {name}"),
        }
    }
}

/// All that was tried and why none of it led to a session, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report(Vec<(Subject, Failure)>);

/// More than what a few sources, their candidates, addresses and redirects can make.
const LINES: usize = 512;

impl Report {
    pub(crate) fn add(&mut self, subject: Subject, failure: Failure) {
        if self.0.len() < LINES {
            self.0.push((subject, failure));
        }
    }

    /// What was tried and what came of it, in order.
    pub fn lines(&self) -> impl Iterator<Item = (&Subject, &Failure)> {
        self.0.iter().map(|(subject, failure)| (subject, failure))
    }

    /// The failure that another node would repeat, if there was one: the last line.
    pub fn refusal(&self) -> Option<&Failure> {
        self.0
            .last()
            .map(|(_, failure)| failure)
            .filter(|failure| failure.is_final())
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("there is no endpoint to try");
        }
        for (at, (subject, failure)) in self.0.iter().enumerate() {
            let separator = if at == 0 { "" } else { "; " };
            write!(f, "{separator}{subject}: {failure}")?;
        }
        Ok(())
    }
}
