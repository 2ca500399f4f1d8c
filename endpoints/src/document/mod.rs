//! Documents about endpoints: host-meta as XRD and as JRD (XEP-0156, XEP-0487), and node lists.
//!
//! They come from the network: whatever they hold, reading them takes bounded time and memory, and
//! a link that cannot be used spoils no other one.

mod jrd;
mod nodes;
mod xrd;

use std::time::Duration;

use xmpp_machine::Proved as _;

use crate::{Candidate, NotAnEndpoint, Scheme, Url};

pub use self::{
    jrd::jrd,
    nodes::{Channel, nodes},
    xrd::xrd,
};

/// Bounds on a document.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Bytes. Default 65 536: a link has a few hundred.
    pub bytes: usize,
    /// Links of ours, or nodes, that are read; those behind are not looked at. Default 32.
    pub links: usize,
    /// Addresses of one link that are read (XEP-0487 `ips`). Default 8.
    pub addresses: usize,
    /// Pinned keys that are read. Default 16.
    pub pins: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            bytes: 65_536,
            links: 32,
            addresses: 8,
            pins: 16,
        }
    }
}

/// Which rules a host-meta document is read by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HostMeta2 {
    /// XEP-0156 alone: XEP-0487 is experimental.
    #[default]
    Off,
    /// XEP-0487 where the document has its `xmpp` object.
    On,
    /// The same, but for what a program in a browser cannot choose: `ips`, `sni` and pinned keys
    /// are left out.
    UrlsOnly,
}

/// The endpoints that a document offers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Offer {
    /// Endpoints, in the document's order, which means nothing.
    pub candidates: Vec<Candidate>,
    /// How long it may be kept, where it says so: from a minute to a week, whatever it says.
    pub ttl: Option<Duration>,
    /// It is one of XEP-0487: it says all there is, and SRV records need not be asked for.
    pub is_complete: bool,
    /// Links of ours that cannot be used.
    pub ignored: Vec<Ignored>,
}

/// A link that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Ignored {
    /// What the document says, 256 bytes at most.
    pub url: String,
    /// Why it is not used.
    pub reason: Unusable,
}

/// Why a link is not used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unusable {
    /// Not the URL of an endpoint.
    #[error(transparent)]
    Url(#[from] NotAnEndpoint),
    /// Its scheme is not the one of its relation, or is one without TLS (XEP-0156 §2.2).
    #[error("{} is wanted here", .wanted.as_str())]
    Scheme {
        /// The scheme that is wanted.
        wanted: Scheme,
    },
}

/// Why a document cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DocumentError {
    /// More bytes than the limit.
    #[error("it is larger than {0} bytes")]
    TooBig(usize),
    /// Not XML as it may be in XMPP: no DTD, no entities of its own, no processing instructions.
    #[error("it is no XML that may be read here: {0}")]
    Xml(#[from] xmpp_wire::XmlError),
    /// Another document than an XRD.
    #[error("its root is not an XRD")]
    NotXrd,
    /// The document is not JSON.
    #[error("it is no JSON (line {line}, column {column})")]
    Json {
        /// The line of the first error, from 1.
        line: usize,
        /// The column of the first error, from 1.
        column: usize,
    },
    /// JSON without the array that is wanted.
    #[error("it has no array \"{0}\"")]
    NoArray(&'static str),
}

/// Bounds of XEP-0487's `ttl`, and of a node list's.
const TTL_SECONDS: (u64, u64) = (60, 604_800);

fn ttl(seconds: u64) -> Duration {
    Duration::from_secs(seconds.clamp(TTL_SECONDS.0, TTL_SECONDS.1))
}

/// A relation of ours: the scheme that its links must have (XEP-0156 §2.1, exact spelling).
fn wanted_scheme(rel: &str) -> Option<Scheme> {
    match rel {
        "urn:xmpp:alt-connections:xbosh" => Some(Scheme::Https),
        "urn:xmpp:alt-connections:websocket" => Some(Scheme::Wss),
        _ => None,
    }
}

impl Offer {
    fn is_full(&self, limits: &Limits) -> bool {
        self.candidates.len() + self.ignored.len() >= limits.links
    }

    /// Takes a link, or says why not.
    fn take(&mut self, url: &str, wanted: Scheme) -> Option<Url> {
        let reason = match Url::parse(url.trim()) {
            Ok(url) if url.scheme() == wanted => return Some(url),
            Ok(_) => Unusable::Scheme { wanted },
            Err(error) => Unusable::Url(error),
        };
        self.ignored.push(Ignored {
            url: clipped(url, 256).to_owned(),
            reason,
        });
        None
    }
}

/// The front of a text, `bytes` at most.
fn clipped(text: &str, bytes: usize) -> &str {
    let end = (0..=bytes.min(text.len()))
        .rev()
        .find(|&at| text.is_char_boundary(at));
    text.proved(..end.unwrap_or(0))
}

/// A document within its limit, without a byte order mark.
fn bounded<'a>(document: &'a [u8], limits: &Limits) -> Result<&'a [u8], DocumentError> {
    if document.len() > limits.bytes {
        return Err(DocumentError::TooBig(limits.bytes));
    }
    Ok(document
        .strip_prefix(b"\xef\xbb\xbf".as_slice())
        .unwrap_or(document))
}
