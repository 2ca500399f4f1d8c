use serde_json::Value;

use super::{
    DocumentError, Limits, Offer, bounded,
    jrd::{array, json, number},
    ttl,
};
use crate::{Candidate, Scheme};

/// How a document came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channel {
    /// In the clear, from a URL that the application gave: there is nothing that endpoints in the
    /// clear could lower.
    Plain,
    /// Over TLS: endpoints without it are ignored.
    Tls,
}

/// Reads a list of nodes:
/// `{"ttl": 60, "nodes": [{"websocket": "wss://..", "bosh": "https://..", "priority": 0, "weight": 1}]}`.
///
/// Either URL may be missing, `priority` is 0 and `weight` 1 where they are; members that are not
/// known are ignored. A node proves the name in its URL, whatever domain is asked for there.
///
/// ```
/// use xmpp_endpoints::document::{Channel, Limits, nodes};
///
/// let document = r#"{"ttl": 60, "nodes": [{"websocket": "wss://t1.example/", "bosh": "https://t1.example/http-bind"}]}"#;
/// let offer = nodes(document.as_bytes(), Channel::Tls, &Limits::default())?;
/// assert_eq!(offer.candidates.len(), 2);
/// # Ok::<(), xmpp_endpoints::document::DocumentError>(())
/// ```
///
/// # Errors
///
/// Past the limits, not JSON, or without an array `nodes`.
pub fn nodes(document: &[u8], channel: Channel, limits: &Limits) -> Result<Offer, DocumentError> {
    let document = json(bounded(document, limits)?)?;
    let mut offer = Offer {
        ttl: document.get("ttl").and_then(Value::as_u64).map(ttl),
        ..Offer::default()
    };
    for node in array(&document, "nodes")?.iter().take(limits.links) {
        let priority = number(node.get("priority")).unwrap_or(0);
        let weight = number(node.get("weight")).unwrap_or(1);
        for (member, secure, plain) in [
            ("websocket", Scheme::Wss, Scheme::Ws),
            ("bosh", Scheme::Https, Scheme::Http),
        ] {
            let Some(text) = node.get(member).and_then(Value::as_str) else {
                continue;
            };
            let prefix = text.trim().split_once("://").map(|(scheme, _)| scheme);
            let in_the_clear = channel == Channel::Plain
                && prefix.is_some_and(|scheme| scheme.eq_ignore_ascii_case(plain.as_str()));
            if let Some(url) = offer.take(text, if in_the_clear { plain } else { secure }) {
                let candidate = Candidate::new(url).with_rank(priority, weight);
                offer.candidates.push(candidate);
            }
        }
    }
    Ok(offer)
}
