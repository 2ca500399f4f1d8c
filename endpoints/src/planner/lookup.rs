//! What the sources gave, and the look-up of one of them that is under way.

use bytes::Bytes;
use xmpp_machine::Moment;

use super::{Config, LookupId, Query, Source};
use crate::{
    Candidate, Failure, Identity, Scheme, Url,
    document::{self, Channel, DocumentError, HostMeta2, Offer},
};

/// An answer to a GET. Redirects were not followed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetched {
    /// The HTTP status of the answer.
    pub status: u16,
    /// The value of `Content-Type`, if there was one.
    pub content_type: Option<String>,
    /// The value of `Location`, if there was one.
    pub location: Option<String>,
    /// The body; reading it may stop one byte behind `Limits::bytes`.
    pub body: Bytes,
}

/// An SRV record (RFC 2782).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SrvRecord {
    /// Lower ones first.
    pub priority: u16,
    /// Its share among those of the same priority.
    pub weight: u16,
    /// The port of the service.
    pub port: u16,
    /// The host of the service; "." says that there is no such service.
    pub target: String,
}

/// A kind of document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Jrd,
    Xrd,
    Nodes,
}

/// The endpoints that one source gave, and how long they are good for.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) offer: Offer,
    pub(super) expires: Moment,
}

/// A look-up that is under way.
#[derive(Debug)]
pub(super) struct Lookup {
    pub(super) id: LookupId,
    /// The place of its source.
    pub(super) source: usize,
    pub(super) deadline: Moment,
    pub(super) what: What,
}

#[derive(Debug)]
pub(super) enum What {
    Document {
        url: Url,
        format: Next,
        redirects: u32,
    },
    Records {
        name: String,
    },
}

/// A format, hidden from the planner, which has no use for it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Next(Format);

/// What a look-up leads to.
pub(super) enum Answer {
    /// The source has been read.
    Known(Offer),
    /// Something else must be asked; with why the last answer was of no use, where it was not a
    /// redirect.
    Ask(What, Option<Failure>),
    /// The source gives nothing.
    Failed(Failure),
}

impl What {
    /// The first question for a source; `None` where there is nothing to ask.
    pub(super) fn first(source: &Source, domain: &str) -> Option<Self> {
        match source {
            Source::Given(_) => None,
            Source::HostMeta => Self::host_meta(domain, Format::Jrd),
            Source::Nodes(url) => Some(Self::Document {
                url: url.clone(),
                format: Next(Format::Nodes),
                redirects: 0,
            }),
            Source::Srv => Some(Self::Records {
                name: format!("_xmpp-client._tcp.{domain}"),
            }),
        }
    }

    fn host_meta(domain: &str, format: Format) -> Option<Self> {
        let suffix = if format == Format::Jrd { ".json" } else { "" };
        let url = Url::parse(&format!("https://{domain}/.well-known/host-meta{suffix}")).ok()?;
        Some(Self::Document {
            url,
            format: Next(format),
            redirects: 0,
        })
    }

    /// What the driver is asked for.
    pub(super) fn query(&self, config: &Config) -> Query {
        match self {
            Self::Document { url, format, .. } => Query::Get {
                url: url.clone(),
                accept: match format.0 {
                    Format::Jrd => "application/jrd+json, application/json",
                    Format::Xrd => "application/xrd+xml",
                    Format::Nodes => "application/json",
                },
                most: config.documents.bytes,
            },
            Self::Records { name } => Query::Srv { name: name.clone() },
        }
    }

    /// Where a document is, or which records.
    pub(super) fn subject(&self) -> crate::Subject {
        match self {
            Self::Document { url, .. } => crate::Subject::Document(url.clone()),
            Self::Records { name } => crate::Subject::Records(name.clone()),
        }
    }

    /// The document came, or another answer.
    pub(super) fn fetched(&self, fetched: &Fetched, config: &Config) -> Answer {
        let Self::Document {
            url,
            format: Next(format),
            redirects,
        } = self
        else {
            return self.failed(
                Failure::NotXmpp("records were asked for".to_owned()),
                config,
            );
        };
        if matches!(fetched.status, 301 | 302 | 303 | 307 | 308)
            && let Some(location) = &fetched.location
        {
            let to = url.join(location.trim());
            let failure = match to {
                Ok(to) if to.scheme() == Scheme::Https || to.scheme() == url.scheme() => {
                    if *redirects < config.document_redirects {
                        let next = Self::Document {
                            url: to,
                            format: Next(*format),
                            redirects: redirects + 1,
                        };
                        return Answer::Ask(next, None);
                    }
                    crate::redirect::Refusal::TooMany
                }
                Ok(_) => crate::redirect::Refusal::Insecure,
                Err(error) => error.into(),
            };
            return self.failed(Failure::Redirect(failure), config);
        }
        if fetched.status != 200 {
            return self.failed(Failure::Status(fetched.status), config);
        }
        if let Some(other) = fetched
            .content_type
            .as_ref()
            .filter(|it| !format.may_be(it))
        {
            return self.failed(Failure::ContentType(other.clone()), config);
        }
        let channel = if url.scheme().is_secure() {
            Channel::Tls
        } else {
            Channel::Plain
        };
        match format.read(&fetched.body, channel, config) {
            Ok(offer) => Answer::Known(offer),
            Err(error) => self.failed(error.into(), config),
        }
    }

    /// There is no document. XRD is asked for where there is no JRD (XEP-0156 §2).
    pub(super) fn failed(&self, failure: Failure, config: &Config) -> Answer {
        if let Self::Document {
            format: Next(Format::Jrd),
            ..
        } = self
            && let Some(xrd) = Self::host_meta(&config.domain, Format::Xrd)
        {
            return Answer::Ask(xrd, Some(failure));
        }
        Answer::Failed(failure)
    }
}

impl Format {
    /// Static files often have no type of their own; another document's type is a page that says
    /// that there is none.
    fn may_be(self, content_type: &str) -> bool {
        let essence = content_type.split(';').next().unwrap_or_default().trim();
        let essence = essence.to_ascii_lowercase();
        let own: &[&str] = match self {
            Self::Jrd | Self::Nodes => &["application/json", "application/jrd+json", "text/json"],
            Self::Xrd => &["application/xrd+xml", "application/xml", "text/xml"],
        };
        own.contains(&essence.as_str())
            || matches!(
                essence.as_str(),
                "" | "text/plain" | "application/octet-stream"
            )
    }

    fn read(self, body: &[u8], channel: Channel, config: &Config) -> Result<Offer, DocumentError> {
        let (domain, limits) = (&config.domain, &config.documents);
        match self {
            Self::Jrd => document::jrd(body, domain, config.host_meta_2, limits),
            Self::Xrd => document::xrd(body, domain, limits),
            Self::Nodes => document::nodes(body, channel, limits),
        }
    }
}

/// Candidates of SRV records. Without any, the domain's own port is left (RFC 6120 §3.2.2).
pub(super) fn srv_offer(records: &[SrvRecord], config: &Config) -> Offer {
    let candidate = |target: &str, port, priority, weight| {
        let url = Url::tcp(target.strip_suffix('.').unwrap_or(target), port)?;
        let mut candidate = Candidate::new(url).with_rank(priority, weight);
        // A stream over TCP proves the domain wherever it leads (RFC 6120 §13.7.2).
        candidate.identity = Identity::of(&config.domain);
        Some(candidate)
    };
    let candidates = match records {
        [] => candidate(&config.domain, 5222, 0, 1).into_iter().collect(),
        [only] if only.target == "." => Vec::new(),
        records => records
            .iter()
            .take(config.documents.links)
            .filter_map(|srv| candidate(&srv.target, srv.port, srv.priority, srv.weight))
            .collect(),
    };
    Offer {
        candidates,
        ..Offer::default()
    }
}

/// Whether a document of XEP-0487 may come that makes SRV records needless.
pub(super) fn host_meta_goes_first(config: &Config) -> bool {
    match config.host_meta_2 {
        HostMeta2::Off => false,
        HostMeta2::On | HostMeta2::UrlsOnly => true,
    }
}
