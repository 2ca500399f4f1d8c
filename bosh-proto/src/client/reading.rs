//! What an answer is: by its body first, then by its status (B-R-144).

use xmpp_wire::XmlErrorKind;

use super::{Config, Reason, Response};
use crate::body::Body;

#[derive(Debug)]
pub(super) enum Reading {
    /// 200 and a `<body/>`.
    Ordinary(Body),
    /// `type='terminate'`, with whatever status.
    Terminal(Body),
    /// `type='error'` (XEP-0124 §17.3).
    Recoverable,
    /// Another status, without a body that decides.
    Status(u16),
    /// 200 and something else, or half of it (B-R-145).
    NotBosh,
    /// A `<body/>` that breaks the rules (B-R-021).
    Broken(Reason),
}

pub(super) fn read(response: Response, config: &Config) -> Reading {
    let Response { status, body } = response;
    if body.len() > config.response_bytes {
        return Reading::Broken(Reason::AnswerTooLong);
    }
    let is_good = (200..300).contains(&status);
    let broken = match Body::parse_from_server(body.clone(), &config.xml) {
        Ok(body) => match body.attribute("type").as_deref() {
            Some("terminate") => return Reading::Terminal(body),
            Some("error") => return Reading::Recoverable,
            _ if is_good => return Reading::Ordinary(body),
            _ => return Reading::Status(status),
        },
        Err(error) => error.kind,
    };
    let is_fault = match broken {
        // What a cut connection leaves, or another page than ours.
        XmlErrorKind::NotWellFormed | XmlErrorKind::Utf8 => false,
        XmlErrorKind::Namespace
        | XmlErrorKind::Restricted
        | XmlErrorKind::Encoding
        | XmlErrorKind::Text
        | XmlErrorKind::TooBig
        | XmlErrorKind::TooDeep
        | XmlErrorKind::TooManyAttributes => Body::salvage(&body, &config.xml).is_some(),
        _ => false,
    };
    match (is_good, is_fault) {
        (false, _) => Reading::Status(status),
        (true, true) => Reading::Broken(Reason::of_xml(broken)),
        (true, false) => Reading::NotBosh,
    }
}
