use std::time::Duration;

use crate::{
    Candidate, Transport, Url,
    document::{HostMeta2, Limits},
    redirect::Policy,
    url::is_host_name,
};

/// Where candidates come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// The application knows them.
    Given(Vec<Candidate>),
    /// The domain's host-meta (XEP-0156, XEP-0487), over HTTPS alone.
    HostMeta,
    /// A list of nodes at this URL.
    Nodes(Url),
    /// The domain's SRV records for RFC 6120 streams over TCP, and its port 5222 where there are
    /// none.
    Srv,
}

/// How often all candidates are tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Patience {
    /// So many rounds, with waits between them.
    Rounds(u32),
    /// Until it works, or the application closes.
    Endless,
}

/// What to connect to, and how eagerly.
///
/// ```
/// use xmpp_endpoints::planner::{Config, Source};
///
/// let mut config = Config::new("example.com")?;
/// assert_eq!(config.sources, [Source::HostMeta], "a browser starts there");
/// config.sources.insert(0, Source::Srv); // a native client that has TCP starts there (XEP-0156 §2.2)
/// # Ok::<(), xmpp_endpoints::planner::NotADomain>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// The XMPP domain, as in the stream's `to`: ASCII, names beyond it as A-labels.
    pub domain: String,
    /// Where candidates come from; each source is asked when all candidates of those before it have
    /// failed. Default: host-meta.
    pub sources: Vec<Source>,
    /// The transports that are wanted, the preferred one first. Default: WebSocket, then BOSH (and
    /// TCP, which only `Source::Srv` gives).
    pub transports: Vec<Transport>,
    /// Whether XEP-0487 is read. Default off: it is experimental.
    pub host_meta_2: HostMeta2,
    /// Bounds on documents.
    pub documents: Limits,
    /// HTTP redirects that are followed for one document. Default 3.
    pub document_redirects: u32,
    /// How long one document, with its redirects, or an SRV query may take. Default 5 s.
    pub lookup_timeout: Duration,
    /// How long a document that does not say is kept. Default 1 h.
    pub ttl: Duration,
    /// After this time without an answer the next candidate is tried beside the silent one. Default
    /// 500 ms: longer than most handshakes, so that servers see few sessions that nobody wants, and
    /// shorter than a person's patience.
    pub stagger: Duration,
    /// Attempts at the same time. Default 3.
    pub parallel: usize,
    /// How long one attempt may take, from the name's resolution to the stream's features. Default
    /// 20 s.
    pub attempt_timeout: Duration,
    /// The wait before the candidates are tried again is drawn from 0 to this, doubled with every
    /// failure in a row (RFC 6455 §7.2.3). Default 5 s.
    pub backoff: Duration,
    /// What the doubling ends at. Default 60 s.
    pub backoff_most: Duration,
    /// A session that lived so long was a success: failures and redirects before it no longer
    /// count. Default 60 s.
    pub settled: Duration,
    /// Where another node is left, a session whose every request has been refused for so long is
    /// given up: nobody listens there. Default 5 s.
    pub refused_for: Duration,
    /// For `connect`, until the first session. Default 1 round.
    pub first: Patience,
    /// After a session was lost. Default endless.
    pub again: Patience,
    /// Which redirects are followed.
    pub redirects: Policy,
}

/// Not a domain that can be looked up.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "\"{0}\" is no domain that can be looked up; names beyond ASCII are written as A-labels (xn--...)"
)]
pub struct NotADomain(String);

impl Config {
    /// The defaults for a domain.
    ///
    /// # Errors
    ///
    /// The text is no domain that can be looked up.
    pub fn new(domain: &str) -> Result<Self, NotADomain> {
        if !is_host_name(domain) {
            return Err(NotADomain(domain.to_owned()));
        }
        Ok(Self {
            domain: domain.to_ascii_lowercase(),
            sources: vec![Source::HostMeta],
            transports: vec![Transport::WebSocket, Transport::Bosh, Transport::Tcp],
            host_meta_2: HostMeta2::default(),
            documents: Limits::default(),
            document_redirects: 3,
            lookup_timeout: Duration::from_secs(5),
            ttl: Duration::from_secs(3_600),
            stagger: Duration::from_millis(500),
            parallel: 3,
            attempt_timeout: Duration::from_secs(20),
            backoff: Duration::from_secs(5),
            backoff_most: Duration::from_secs(60),
            settled: Duration::from_secs(60),
            refused_for: Duration::from_secs(5),
            first: Patience::Rounds(1),
            again: Patience::Endless,
            redirects: Policy::default(),
        })
    }

    /// The same with endpoints that the application knows, in place of discovery.
    #[must_use]
    pub fn with_endpoints(mut self, endpoints: impl IntoIterator<Item = Url>) -> Self {
        let candidates = endpoints.into_iter().map(Candidate::new).collect();
        self.sources = vec![Source::Given(candidates)];
        self
    }
}
