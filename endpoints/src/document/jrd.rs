use std::net::IpAddr;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::Value;

use super::{DocumentError, HostMeta2, Limits, Offer, bounded, ttl, wanted_scheme};
use crate::{Candidate, Identity, Url, url::is_host_name};

/// Reads a host-meta document as JSON (XEP-0156 §2.3), and by the rules of XEP-0487 where it has an
/// object `xmpp` and `version_2` says so. `domain` is the XMPP domain whose document it is.
///
/// ```
/// use xmpp_endpoints::document::{HostMeta2, Limits, jrd};
///
/// let document = r#"{"links": [{"rel": "urn:xmpp:alt-connections:xbosh", "href": "https://web.example.com/http-bind"}]}"#;
/// let offer = jrd(document.as_bytes(), "example.com", HostMeta2::Off, &Limits::default())?;
/// assert_eq!(offer.candidates[0].url.to_string(), "https://web.example.com/http-bind");
/// # Ok::<(), xmpp_endpoints::document::DocumentError>(())
/// ```
///
/// # Errors
///
/// Past the limits, not JSON, or without an array `links`. A document without links of ours is
/// none: it offers nothing.
pub fn jrd(
    document: &[u8],
    domain: &str,
    version_2: HostMeta2,
    limits: &Limits,
) -> Result<Offer, DocumentError> {
    let document = json(bounded(document, limits)?)?;
    let links = array(&document, "links")?;
    let complete = match version_2 {
        HostMeta2::Off => None,
        HostMeta2::On | HostMeta2::UrlsOnly => document.get("xmpp").and_then(Value::as_object),
    };
    let mut offer = Offer {
        is_complete: complete.is_some(),
        ttl: complete
            .and_then(|xmpp| xmpp.get("ttl"))
            .and_then(Value::as_u64)
            .map(ttl),
        ..Offer::default()
    };
    let common_pins = complete.map_or_else(Vec::new, |xmpp| pins(xmpp.get(PINS), limits));
    for link in links {
        if offer.is_full(limits) {
            break;
        }
        let text = |name| link.get(name).and_then(Value::as_str);
        let (Some(rel), Some(href)) = (text("rel"), text("href")) else {
            continue;
        };
        let Some(scheme) = wanted_scheme(rel) else {
            continue;
        };
        let Some(url) = offer.take(href, scheme) else {
            continue;
        };
        let mut candidate = match version_2 {
            HostMeta2::On | HostMeta2::UrlsOnly if complete.is_some() => {
                by_version_2(link, url, &common_pins, limits)
            }
            HostMeta2::Off | HostMeta2::On | HostMeta2::UrlsOnly => Candidate::new(url),
        };
        if version_2 == HostMeta2::UrlsOnly {
            candidate.identity = Identity::of(candidate.url.host());
            candidate.addresses.clear();
        }
        candidate.identity = candidate.identity.or(domain);
        offer.candidates.push(candidate);
    }
    Ok(offer)
}

const PINS: &str = "public-key-pins-sha-256";

/// A link that lacks what XEP-0487 calls mandatory is used as one of XEP-0156, behind all whole
/// ones.
fn by_version_2(link: &Value, url: Url, common_pins: &[[u8; 32]], limits: &Limits) -> Candidate {
    let mut candidate = Candidate::new(url);
    let addresses: Vec<IpAddr> = link
        .get("ips")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|ip| ip.as_str()?.parse().ok())
        .take(limits.addresses)
        .collect();
    let sni = link
        .get("sni")
        .and_then(Value::as_str)
        .filter(|name| is_host_name(name));
    let (Some(priority), Some(weight), Some(sni), false) = (
        number(link.get("priority")),
        number(link.get("weight")),
        sni,
        addresses.is_empty(),
    ) else {
        candidate.priority = Candidate::LAST;
        return candidate;
    };
    let mut candidate = candidate.with_rank(priority, weight);
    candidate.identity = Identity::of(&sni.to_ascii_lowercase());
    candidate.identity.pins = common_pins.to_vec();
    for pin in pins(link.get(PINS), limits) {
        if candidate.identity.pins.len() < limits.pins {
            candidate.identity.pins.push(pin);
        }
    }
    candidate.addresses = addresses;
    candidate
}

pub(super) fn number(value: Option<&Value>) -> Option<u16> {
    u16::try_from(value?.as_u64()?).ok()
}

fn pins(value: Option<&Value>, limits: &Limits) -> Vec<[u8; 32]> {
    let pins = value.and_then(Value::as_array).into_iter().flatten();
    pins.filter_map(|pin| STANDARD.decode(pin.as_str()?).ok()?.try_into().ok())
        .take(limits.pins)
        .collect()
}

/// Reading is bounded by the document's bytes in memory and by the parser's own limit (128) in
/// depth.
pub(super) fn json(document: &[u8]) -> Result<Value, DocumentError> {
    serde_json::from_slice(document).map_err(|error| DocumentError::Json {
        line: error.line(),
        column: error.column(),
    })
}

pub(super) fn array<'a>(
    document: &'a Value,
    name: &'static str,
) -> Result<&'a Vec<Value>, DocumentError> {
    document
        .get(name)
        .and_then(Value::as_array)
        .ok_or(DocumentError::NoArray(name))
}
