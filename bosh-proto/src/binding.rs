//! An HTTP request to an exchange, and the answer back (XEP-0124 §5; B-R-017, B-R-172 to B-R-174).
//!
//! ```
//! use bosh_proto::binding::{self, Config, Inbound};
//! use xmpp_http1::{RequestHead, Version};
//!
//! let head = RequestHead::new("POST", "/http-bind", Version::Http11);
//! assert_eq!(binding::inbound(&Config::default(), &head), Inbound::Exchange);
//! ```

pub mod client;

use bytes::Bytes;
use xmpp_http1::RequestHead;

#[cfg(feature = "compression")]
use crate::Condition;
use crate::{Coding, coding::Content};

#[cfg(feature = "compression")]
mod compression;

/// Which pages may use this endpoint, and the header fields of its answers.
#[derive(Clone, Debug)]
#[cfg_attr(not(feature = "compression"), derive(Default))]
#[non_exhaustive]
pub struct Config {
    /// Allowed origins, compared whole (lower case); empty allows any and answers `*`.
    pub origins: Vec<String>,
    /// Codings in which requests may come and answers leave (B-R-011). Default none: it costs memory and time, and most stanzas are small.
    /// `server::Config::accept` tells clients of them.
    #[cfg(feature = "compression")]
    pub codings: Vec<Coding>,
    /// The largest body after decoding (B-R-013). Default 262 144, as the manager's.
    #[cfg(feature = "compression")]
    pub decoded_bytes: usize,
    /// Answers of fewer bytes are not coded. Default 1 024: below, little is won, and one packet carries it anyway.
    #[cfg(feature = "compression")]
    pub coded_above: usize,
}

#[cfg(feature = "compression")]
impl Default for Config {
    fn default() -> Self {
        Self {
            origins: Vec::new(),
            codings: Vec::new(),
            decoded_bytes: 262_144,
            coded_above: 1_024,
        }
    }
}

impl Config {
    /// Allows these origins alone, such as `https://chat.example`.
    #[must_use]
    pub fn with_origins(mut self, origins: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        self.origins = origins
            .into_iter()
            .map(|origin| origin.as_ref().to_ascii_lowercase())
            .collect();
        self
    }
}

/// What an HTTP request to the endpoint means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Inbound {
    /// A POST: hand its body to the manager.
    Exchange,
    /// Anything else: answer this (preflight, human page, 405, 403).
    Answer(xmpp_http1::Response),
}

/// What a person sees who opens the endpoint's address.
const PAGE: &str = "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>XMPP over BOSH</title></head>\n\
<body><h1>XMPP over BOSH</h1>\n<p>This address is for XMPP clients that connect with BOSH (XEP-0124, XEP-0206). \
Enter it as the BOSH URL of such a client; a browser alone has nothing to see here.</p></body></html>\n";

/// Methods that are answered at all.
const ALLOW: &str = "GET, HEAD, POST, OPTIONS";

/// Looks at a request's head. Only a POST from an allowed origin reaches a session (B-R-173: no preflight protects a `text/plain` POST).
pub fn inbound(config: &Config, head: &RequestHead) -> Inbound {
    let response = match head.method() {
        "POST" => match origin(config, head) {
            Origin::Foreign => plain(config, head, 403, "This origin may not use the endpoint.\n"),
            Origin::Any | Origin::None | Origin::Listed(_) => return Inbound::Exchange,
        },
        "OPTIONS" => preflight(config, head),
        "GET" | "HEAD" => dress(
            config,
            head,
            xmpp_http1::Response::new(200).with_body("text/html; charset=utf-8", PAGE),
        ),
        _ => plain(config, head, 405, "BOSH requests are POSTs.\n").with_field("Allow", ALLOW),
    };
    Inbound::Answer(response)
}

/// The body of a POST as the manager wants it: decoded where it is coded. A `Content-Encoding` that is no coding's name counts as
/// `identity` (B-R-006).
///
/// # Errors
///
/// The answer to a body that cannot be read: 415 for a registered coding that is not offered, 413 for one that grows beyond the limit, and a terminal
/// `bad-request` for one that is broken.
pub fn content(
    config: &Config,
    head: &RequestHead,
    body: Bytes,
) -> Result<Bytes, xmpp_http1::Response> {
    let offered = config.offered();
    match Coding::of_content(head.list("content-encoding")) {
        Content::Plain => Ok(body),
        #[cfg(feature = "compression")]
        Content::Coded(coding) if offered.contains(&coding) => {
            compression::decode(coding, &body, config.decoded_bytes).map_err(|unreadable| {
                let (status, condition) = match unreadable {
                    compression::Unreadable::TooLarge => (413, Condition::PolicyViolation),
                    compression::Unreadable::Malformed => (200, Condition::BadRequest),
                };
                outbound(config, head, crate::Response::terminal(status, condition))
            })
        }
        Content::Coded(_) | Content::Unknown => {
            let known = if offered.is_empty() {
                "identity".to_owned()
            } else {
                Coding::list(offered, ", ")
            };
            Err(
                plain(config, head, 415, "This content coding is not known.\n")
                    .with_field("Accept-Encoding", known),
            )
        }
    }
}

impl Config {
    #[cfg(feature = "compression")]
    fn offered(&self) -> &[Coding] {
        &self.codings
    }

    #[cfg(not(feature = "compression"))]
    fn offered(&self) -> &[Coding] {
        &[]
    }
}

/// Codes an answer as its client likes it, where that makes it shorter.
#[cfg(feature = "compression")]
fn coded(
    config: &Config,
    head: &RequestHead,
    mut answer: xmpp_http1::Response,
) -> xmpp_http1::Response {
    if config.codings.is_empty() {
        return answer;
    }
    let vary = answer.fields.iter_mut().find(|(name, _)| name == "Vary");
    match vary {
        Some((_, value)) => *value = "Origin, Accept-Encoding".into(),
        None => answer = answer.with_field("Vary", "Accept-Encoding"),
    }
    if answer.body.len() < config.coded_above {
        return answer;
    }
    let coding = compression::accepted(head, &config.codings);
    let shorter = coding.and_then(|coding| {
        let body = compression::encode(coding, &answer.body).ok()?;
        (body.len() < answer.body.len()).then_some((coding, body))
    });
    if let Some((coding, body)) = shorter {
        answer.body = body;
        answer = answer.with_field("Content-Encoding", coding.as_str());
    }
    answer
}

#[cfg(not(feature = "compression"))]
fn coded(_: &Config, _: &RequestHead, answer: xmpp_http1::Response) -> xmpp_http1::Response {
    answer
}

/// Dresses the manager's answer: status, content type, CORS, `Cache-Control: no-store`, `X-Content-Type-Options: nosniff`, and a
/// content coding where one is offered and asked for.
pub fn outbound(
    config: &Config,
    head: &RequestHead,
    response: crate::Response,
) -> xmpp_http1::Response {
    let answer =
        xmpp_http1::Response::new(response.status).with_body(response.content_type, response.body);
    let answer = coded(config, head, dress(config, head, answer));
    // The manager's only 413 is for a body beyond the cap, after which the connection ends (B-R-019).
    if response.status == 413 {
        answer.closing()
    } else {
        answer
    }
}

/// The CORS fields of an answer to this request, for answers made elsewhere (413, 500 and the like): without them a page sees nothing
/// but a network error (B-R-172).
pub fn cors(config: &Config, head: &RequestHead) -> Vec<(&'static str, String)> {
    let mut fields = Vec::new();
    match origin(config, head) {
        Origin::Any => fields.push((ALLOW_ORIGIN, "*".to_owned())),
        Origin::Listed(origin) => {
            fields.push((ALLOW_ORIGIN, origin));
            fields.push(vary());
        }
        Origin::None | Origin::Foreign => fields.push(vary()),
    }
    fields
}

const ALLOW_ORIGIN: &str = "Access-Control-Allow-Origin";

fn vary() -> (&'static str, String) {
    ("Vary", "Origin".to_owned())
}

/// Where a request says that it comes from, against the list.
enum Origin {
    /// There is no list.
    Any,
    /// No `Origin` field: no browser, or a page of the same host.
    None,
    Listed(String),
    Foreign,
}

/// Whether the request comes from a page whose origin is not among those that are listed, which `inbound` refuses.
pub fn is_foreign(config: &Config, head: &RequestHead) -> bool {
    matches!(origin(config, head), Origin::Foreign)
}

fn origin(config: &Config, head: &RequestHead) -> Origin {
    if config.origins.is_empty() {
        return Origin::Any;
    }
    if head.fields("origin").next().is_none() {
        return Origin::None;
    }
    head.field("origin")
        .and_then(|value| std::str::from_utf8(value).ok())
        .filter(|value| config.origins.contains(&value.to_ascii_lowercase()))
        .map_or(Origin::Foreign, |value| Origin::Listed(value.to_owned()))
}

fn preflight(config: &Config, head: &RequestHead) -> xmpp_http1::Response {
    let answer = dress(config, head, xmpp_http1::Response::new(204)).with_field("Allow", ALLOW);
    match origin(config, head) {
        Origin::Foreign => answer,
        Origin::Any | Origin::None | Origin::Listed(_) => answer
            .with_field("Access-Control-Allow-Methods", "POST, OPTIONS")
            .with_field("Access-Control-Allow-Headers", "Content-Type")
            .with_field("Access-Control-Max-Age", "86400"),
    }
}

fn plain(
    config: &Config,
    head: &RequestHead,
    status: u16,
    text: &'static str,
) -> xmpp_http1::Response {
    let answer = xmpp_http1::Response::new(status).with_body("text/plain; charset=utf-8", text);
    dress(config, head, answer)
}

/// Adds what every answer of the endpoint carries.
fn dress(
    config: &Config,
    head: &RequestHead,
    answer: xmpp_http1::Response,
) -> xmpp_http1::Response {
    let answer = answer
        .with_field("Cache-Control", "no-store")
        .with_field("X-Content-Type-Options", "nosniff");
    match origin(config, head) {
        Origin::Any => answer.with_field(ALLOW_ORIGIN, "*"),
        Origin::Listed(origin) => answer
            .with_field(ALLOW_ORIGIN, origin)
            .with_field("Vary", "Origin"),
        Origin::None | Origin::Foreign => answer.with_field("Vary", "Origin"),
    }
}
