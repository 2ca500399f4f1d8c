//! An HTTP request to an exchange, and the answer back (XEP-0124 §5, ledger B-R-017, B-R-172 to 174).

use xmpp_http1::RequestHead;

/// Which pages may use this endpoint, and how answers are dressed.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Config {
    /// Allowed origins, compared whole (lower case); empty allows any and answers `*`.
    pub origins: Vec<String>,
}

/// What an HTTP request to the endpoint means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Inbound {
    /// A POST: hand its body to the manager.
    Exchange,
    /// Anything else: answer this (preflight, human page, 405, 403).
    Answer(xmpp_http1::Response),
}

/// Looks at a request's head.
pub fn inbound(_config: &Config, _head: &RequestHead) -> Inbound {
    todo!()
}

/// Dresses the manager's answer: status, content type, CORS, `Cache-Control: no-store`, `X-Content-Type-Options: nosniff`.
pub fn outbound(
    _config: &Config,
    _head: &RequestHead,
    _response: crate::Response,
) -> xmpp_http1::Response {
    todo!()
}
