//! The client's side: a body to an HTTP request, and the answer back (XEP-0124 §5).
//!
//! ```
//! use bosh_proto::binding::client::{self, Config, Endpoint};
//!
//! let endpoint = Endpoint::parse("https://node2.example/http-bind/")?;
//! let request = client::request(&endpoint, &Config::default(), "<body/>".into());
//! assert_eq!((&*request.target, &*request.host), ("/http-bind/", "node2.example"));
//! # Ok::<(), client::NotHttp>(())
//! ```

use std::{borrow::Cow, sync::Arc};

use bytes::Bytes;
use xmpp_http1::{ResponseHead, client::Request};
use xmpp_machine::Authority;

use crate::{Coding, coding::Content};

/// The header fields and limits of requests and answers.
///
/// ```
/// let mut config = bosh_proto::binding::client::Config::default();
/// assert_eq!(config.content_type, "text/xml; charset=utf-8");
/// config.fields.push(("User-Agent".into(), "lantern/1.0".into()));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Config {
    /// `Content-Type`. Default `text/xml; charset=utf-8` (B-R-005); another one only where something on the way forces it.
    pub content_type: Cow<'static, str>,
    /// Codings that answers may have (B-R-010). Default none: most stanzas are small, and what is coded beside what an attacker chose tells
    /// of its content by its length.
    #[cfg(feature = "compression")]
    pub codings: Vec<Coding>,
    /// Bytes of a coded answer, decoded; past it `Unreadable::TooLarge`. Default 1 048 576, as `client::Config::response_bytes`.
    #[cfg(feature = "compression")]
    pub decoded_bytes: usize,
    /// More field lines, such as `User-Agent`. Default none. What frames a request is left out.
    pub fields: Vec<(Cow<'static, str>, Cow<'static, str>)>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            content_type: "text/xml; charset=utf-8".into(),
            #[cfg(feature = "compression")]
            codings: Vec::new(),
            #[cfg(feature = "compression")]
            decoded_bytes: 1_048_576,
            fields: Vec::new(),
        }
    }
}

/// Where a connection manager is: a checked http or https URL.
///
/// ```
/// use bosh_proto::binding::client::Endpoint;
///
/// let endpoint = Endpoint::parse("http://[::1]:5280/http-bind?x=y")?;
/// assert_eq!((endpoint.host(), endpoint.port()), ("[::1]", 5280));
/// assert_eq!(endpoint.target(), "/http-bind?x=y");
/// assert!(!endpoint.is_secure());
/// # Ok::<(), bosh_proto::binding::client::NotHttp>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    secure: bool,
    host: String,
    port: u16,
    target: Arc<str>,
    authority: Arc<str>,
}

/// Not an http or https URL, or one with user information.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an http: or https: URL without user information")]
pub struct NotHttp;

impl Endpoint {
    /// Reads a URL. A fragment is nothing that a server sees, and is left out.
    ///
    /// # Errors
    ///
    /// `NotHttp`: another scheme, user information, or what is no URL.
    pub fn parse(url: &str) -> Result<Self, NotHttp> {
        let (scheme, rest) = url.split_once("://").ok_or(NotHttp)?;
        let secure = match scheme.to_ascii_lowercase().as_str() {
            "http" => false,
            "https" => true,
            _ => return Err(NotHttp),
        };
        let rest = rest.split('#').next().unwrap_or_default();
        let (authority, tail) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        let slash = if tail.starts_with('/') { "" } else { "/" };
        let Authority { host, port } = Authority::parse_uri(authority).map_err(|_| NotHttp)?;
        let usual = if secure { 443 } else { 80 };
        let port = port.unwrap_or(usual);
        let written = |port| Authority { host, port }.to_string().to_ascii_lowercase();
        let authority = written((port != usual).then_some(port)).into();
        let host = written(None);
        let endpoint = Self {
            secure,
            host,
            port,
            target: format!("{slash}{tail}").into(),
            authority,
        };
        match request(&endpoint, &Config::default(), Bytes::new()).flaw() {
            Some(_) => Err(NotHttp),
            None => Ok(endpoint),
        }
    }

    /// Whether TLS comes first (https).
    pub fn is_secure(&self) -> bool {
        self.secure
    }

    /// The host, an IPv6 address in brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port, also where the URL names none.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The request target: path and query.
    pub fn target(&self) -> &str {
        &self.target
    }

    /// What `Host` says: the host, and the port unless it is the scheme's own.
    pub fn authority(&self) -> &str {
        &self.authority
    }
}

/// The POST that carries a body (B-R-001, B-R-003, B-R-005).
pub fn request(endpoint: &Endpoint, config: &Config, body: Bytes) -> Request {
    let request = Request::new(
        "POST",
        Arc::clone(&endpoint.target),
        Arc::clone(&endpoint.authority),
    );
    let request = config
        .fields
        .iter()
        .fold(request, |request, (name, value)| {
            request.with_field(name.clone(), value.clone())
        });
    accepting(config, request).with_body(config.content_type.clone(), body)
}

/// Why the body of an answer cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unreadable {
    /// A registered content coding that was not asked for.
    #[error("the answer has a content coding that was not asked for")]
    Coding,
    /// Longer than `Config::decoded_bytes` when it is decoded.
    #[error("the answer is larger than this client reads")]
    TooLarge,
    /// Not in the coding that it names.
    #[error("the answer is not in the content coding that it names")]
    Malformed,
}

/// The body of an answer as the connection manager wrote it, decoded where it is coded. What its type says does not matter (B-R-006).
///
/// # Errors
///
/// See [`Unreadable`].
pub fn content(config: &Config, head: &ResponseHead, body: Bytes) -> Result<Bytes, Unreadable> {
    match Coding::of_content(head.list("content-encoding")) {
        Content::Plain => Ok(body),
        Content::Coded(coding) => decoded(config, coding, &body),
        Content::Unknown => Err(Unreadable::Coding),
    }
}

#[cfg(feature = "compression")]
fn decoded(config: &Config, coding: Coding, body: &[u8]) -> Result<Bytes, Unreadable> {
    use super::compression;
    if !config.codings.contains(&coding) {
        return Err(Unreadable::Coding);
    }
    compression::decode(coding, body, config.decoded_bytes).map_err(|unreadable| match unreadable {
        compression::Unreadable::TooLarge => Unreadable::TooLarge,
        compression::Unreadable::Malformed => Unreadable::Malformed,
    })
}

#[cfg(not(feature = "compression"))]
fn decoded(_: &Config, _: Coding, _: &[u8]) -> Result<Bytes, Unreadable> {
    Err(Unreadable::Coding)
}

#[cfg(feature = "compression")]
fn accepting(config: &Config, request: Request) -> Request {
    if config.codings.is_empty() {
        return request;
    }
    request.with_field("Accept-Encoding", Coding::list(&config.codings, ", "))
}

#[cfg(not(feature = "compression"))]
fn accepting(_: &Config, request: Request) -> Request {
    request
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_have_defaults() {
        for (url, authority, port, target) in [
            ("https://H.example", "h.example", 443, "/"),
            ("http://h.example:80/a?b", "h.example", 80, "/a?b"),
            ("http://h.example:443/#f", "h.example:443", 443, "/"),
            (
                "HTTPS://[2001:DB8::1]:5281?q",
                "[2001:db8::1]:5281",
                5281,
                "/?q",
            ),
            ("http://h:/x", "h", 80, "/x"),
        ] {
            let endpoint = Endpoint::parse(url).expect(url);
            assert_eq!(endpoint.authority(), authority);
            assert_eq!((endpoint.port(), endpoint.target()), (port, target));
        }
    }

    #[test]
    fn what_is_no_http_url() {
        for url in [
            "ws://h/",
            "//h/",
            "h",
            "http://u@h/",
            "http:///x",
            "http://h:x/",
            "http://h:+1/",
            "http://h:65536/",
            "http://h/a b",
            "http://h/\r\nX: y",
            "http://h\r\nX: y/",
            "http://[::1/",
            "http://h/\u{e9}",
        ] {
            assert_eq!(Endpoint::parse(url), Err(NotHttp), "{url}");
        }
    }

    /// B-R-001, B-R-005: a POST to the endpoint, typed text/xml unless something forces another type.
    #[test]
    fn a_body_is_posted_as_xml() {
        let endpoint = Endpoint::parse("https://h.example/http-bind").expect("a URL");
        let mut config = Config::default();
        config.fields.push(("User-Agent".into(), "x".into()));
        let posted = request(&endpoint, &config, "<body/>".into());
        assert_eq!((&*posted.method, &*posted.target), ("POST", "/http-bind"));
        assert_eq!(posted.body, "<body/>");
        let typed = |value: &'static str| (Cow::from("Content-Type"), Cow::from(value));
        let agent = ("User-Agent".into(), "x".into());
        assert_eq!(posted.fields, [agent, typed("text/xml; charset=utf-8")]);
        let forced = Config {
            content_type: "text/plain".into(),
            ..Config::default()
        };
        let posted = request(&endpoint, &forced, "<body/>".into());
        assert_eq!(posted.fields, [typed("text/plain")]);
    }

    /// B-R-006, B-R-010: a coding is read only where it was asked for; a type, and a coding's name that is none, say nothing.
    #[test]
    fn a_coding_that_was_not_asked_for_is_refused() {
        let config = Config::default();
        let body = Bytes::from("<body/>");
        let read = |head: &ResponseHead| content(&config, head, body.clone());
        let head = ResponseHead::new(200).with_field("Content-Type", "text/html");
        assert_eq!(read(&head), Ok(body.clone()));
        for name in ["Identity", "utf-8", "text/xml; charset=utf-8", "\u{e9}", ""] {
            let plain = head.clone().with_field("Content-Encoding", name);
            assert_eq!(read(&plain), Ok(body.clone()), "{name}");
        }
        for coding in ["gzip", "br", "identity, gzip", "gzip, gzip", "utf-8, zstd"] {
            let coded = head.clone().with_field("Content-Encoding", coding);
            assert_eq!(read(&coded), Err(Unreadable::Coding), "{coding}");
        }
    }

    /// B-R-010: with `Accept-Encoding` a long answer comes coded and is read as it was written; without it, never.
    #[cfg(feature = "compression")]
    #[test]
    fn a_coded_answer_is_read_where_it_was_asked_for() {
        use xmpp_http1::{RequestHead, Version};

        let xml = format!("<body>{}</body>", "<presence/>".repeat(400));
        let server = crate::binding::Config {
            codings: Coding::ALL.to_vec(),
            ..crate::binding::Config::default()
        };
        let endpoint = Endpoint::parse("https://h.example/http-bind").expect("a URL");
        for codings in [
            vec![],
            vec![Coding::Gzip],
            vec![Coding::Deflate],
            Coding::ALL.to_vec(),
        ] {
            let config = Config {
                codings,
                ..Config::default()
            };
            let posted = request(&endpoint, &config, Bytes::new());
            let head = RequestHead::new("POST", "/", Version::Http11);
            let head = posted.fields.iter().fold(head, |head, (name, value)| {
                head.with_field(name, value.as_bytes())
            });
            let answer = crate::Response {
                status: 200,
                content_type: "text/xml; charset=utf-8",
                body: xml.clone().into(),
            };
            let answer = crate::binding::outbound(&server, &head, answer);
            let said = ResponseHead::new(200);
            let said = answer.fields.iter().fold(said, |said, (name, value)| {
                said.with_field(name, value.as_bytes())
            });
            let coded = said.field("content-encoding").is_some();
            assert_eq!(coded, !config.codings.is_empty());
            assert_eq!(coded, answer.body.len() < xml.len());
            let read = content(&config, &said, answer.body.clone());
            assert_eq!(read.as_deref(), Ok(xml.as_bytes()));
            if coded {
                let small = Config {
                    decoded_bytes: xml.len() - 1,
                    ..config.clone()
                };
                let read = content(&small, &said, answer.body.clone());
                assert_eq!(read, Err(Unreadable::TooLarge));
                let cut = answer.body.slice(..answer.body.len() - 9);
                assert_eq!(content(&config, &said, cut), Err(Unreadable::Malformed));
            }
        }
    }
}
