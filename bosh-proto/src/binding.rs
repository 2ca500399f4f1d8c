//! An HTTP request to an exchange, and the answer back (XEP-0124 §5, ledger B-R-017, B-R-172 to 174).
//!
//! ```
//! use bosh_proto::binding::{self, Config, Inbound};
//! use xmpp_http1::{RequestHead, Version};
//!
//! let head = RequestHead::new("POST", "/http-bind", Version::Http11);
//! assert_eq!(binding::inbound(&Config::default(), &head), Inbound::Exchange);
//! ```

pub mod client;

use xmpp_http1::RequestHead;

/// Which pages may use this endpoint, and how answers are dressed.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Config {
    /// Allowed origins, compared whole (lower case); empty allows any and answers `*`.
    pub origins: Vec<String>,
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

/// Dresses the manager's answer: status, content type, CORS, `Cache-Control: no-store`, `X-Content-Type-Options: nosniff`.
pub fn outbound(
    config: &Config,
    head: &RequestHead,
    response: crate::Response,
) -> xmpp_http1::Response {
    let answer =
        xmpp_http1::Response::new(response.status).with_body(response.content_type, response.body);
    let answer = dress(config, head, answer);
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
