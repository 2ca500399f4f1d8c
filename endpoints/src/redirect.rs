//! Redirects: where a server may send its client, and where not.
//!
//! A redirect comes from a server that has proved who it is, and is untrusted all the same: it
//! never lowers security, `to` stays the domain, the new server proves its own name or the
//! domain's, and a chain of them is short and without loops.

use crate::{
    Candidate, NotAnEndpoint, Scheme, Transport, Url,
    url::{is_host_name, split_authority},
};

/// Where a server said that its client should go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Redirect {
    /// `see-other-uri`: a URL (XEP-0124 §17.2, RFC 7395 §3.6.1).
    Uri(String),
    /// `see-other-host`: a host, perhaps with a port (RFC 6120 §4.9.3.19).
    Host(String),
}

/// Whether redirects are followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Follow {
    /// They are refused, and reported.
    Never,
    /// They are followed under the rules of this module.
    UnderRules,
}

/// Which redirects are followed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Policy {
    /// `see-other-uri` and `see-other-host`. Default: under the rules.
    pub see_other: Follow,
    /// Redirects in a row. Default 3 (RFC 6120 §4.9.3.19 suggests 2 to 5).
    pub hops: usize,
    /// The attribute `host` of a BOSH response, which Tigase sends by default and which often is an
    /// internal name. Default: under the rules, which ask for a name in the list of nodes, below
    /// the URL's host, below the domain, or in `hosts`.
    pub host_attribute: Follow,
    /// Hosts that `host` may name beside those. Default none.
    pub hosts: Vec<String>,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            see_other: Follow::UnderRules,
            hops: 3,
            host_attribute: Follow::UnderRules,
            hosts: Vec::new(),
        }
    }
}

/// Why a redirect is not followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The application does not want them.
    #[error("redirects are switched off")]
    SwitchedOff,
    /// From TLS to plain, or to plain from BOSH.
    #[error("it leads to a connection without TLS")]
    Insecure,
    /// Not the URL of an endpoint.
    #[error(transparent)]
    Url(#[from] NotAnEndpoint),
    /// One more than `Policy::hops`.
    #[error("there were too many redirects before it")]
    TooMany,
    /// It leads where it came from, or where another one of the chain did.
    #[error("it leads back")]
    Loop,
    /// `host` with something else than a host's name.
    #[error("it is no plain host name")]
    NotAName,
    /// `host` names one that is neither a known node nor below the URL's host or the domain.
    #[error("the host is not one of the known nodes")]
    UnknownNode,
}

/// The candidate that a redirect leads to. `chain` is what led to `from`, the first first.
pub(crate) fn follow(
    from: &Candidate,
    redirect: &Redirect,
    chain: &[Url],
    domain: &str,
    policy: &Policy,
) -> Result<Candidate, Refusal> {
    if policy.see_other == Follow::Never {
        return Err(Refusal::SwitchedOff);
    }
    let url = match redirect {
        Redirect::Uri(uri) => Url::parse(uri.trim())?,
        Redirect::Host(host) => {
            let (host, port) = split_authority(host.trim())?;
            from.url.at(host, port)
        }
    };
    let lowers = from.url.scheme().is_secure() && !url.scheme().is_secure();
    let plain_bosh = matches!(redirect, Redirect::Uri(_))
        && from.transport() == Transport::Bosh
        && !url.scheme().is_secure();
    if lowers || plain_bosh {
        return Err(Refusal::Insecure);
    }
    if url == from.url || chain.contains(&url) {
        return Err(Refusal::Loop);
    }
    if chain.len() >= policy.hops {
        return Err(Refusal::TooMany);
    }
    let mut candidate = Candidate::new(url);
    candidate.identity = if candidate.url.scheme() == Scheme::Tcp {
        // A stream over TCP proves the domain wherever it leads (RFC 6120 §4.9.3.19).
        from.identity.clone()
    } else {
        candidate.identity.or(domain)
    };
    Ok(candidate)
}

/// Where the attribute `host` of a BOSH response sends the following requests of its session: the
/// same URL with another host (B-T-004, B-T-005). `None`: it names the host that is used already.
///
/// The new host proves its own name. Where it cannot be reached, the session goes on at the old
/// URL.
///
/// ```
/// use xmpp_endpoints::{Url, redirect::{Policy, Refusal, host_attribute}};
///
/// let url = Url::parse("https://example.com:5281/bosh")?;
/// let to = host_attribute(&url, "t2.example.com", "example.com", &[], &Policy::default())?;
/// assert_eq!(to.map(|url| url.to_string()).as_deref(), Some("https://t2.example.com:5281/bosh"));
/// assert_eq!(host_attribute(&url, "evil.example", "example.com", &[], &Policy::default()), Err(Refusal::UnknownNode));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// Why it is not followed.
pub fn host_attribute(
    url: &Url,
    value: &str,
    domain: &str,
    nodes: &[Url],
    policy: &Policy,
) -> Result<Option<Url>, Refusal> {
    if policy.host_attribute == Follow::Never {
        return Err(Refusal::SwitchedOff);
    }
    if !is_host_name(value) {
        return Err(Refusal::NotAName);
    }
    let host = value.to_ascii_lowercase();
    if host == url.host() {
        return Ok(None);
    }
    let below = |above: &str| {
        host.strip_suffix(above)
            .is_some_and(|front| front.is_empty() || front.ends_with('.'))
    };
    let known = nodes.iter().any(|node| node.host() == host)
        || policy
            .hosts
            .iter()
            .any(|allowed| allowed.eq_ignore_ascii_case(&host))
        || below(url.host())
        || below(&domain.to_ascii_lowercase());
    if !known {
        return Err(Refusal::UnknownNode);
    }
    Ok(Some(url.at(host, None)))
}
