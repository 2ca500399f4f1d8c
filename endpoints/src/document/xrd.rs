use std::borrow::Cow;

use bytes::Bytes;
use xmpp_machine::Proved as _;
use xmpp_wire::{Element, XmlLimits};

use super::{DocumentError, Limits, Offer, bounded, wanted_scheme};
use crate::Candidate;

const XRD: &str = "http://docs.oasis-open.org/ns/xri/xrd-1.0";

/// Reads a host-meta document as XRD (XEP-0156 §2.1). `domain` is the XMPP domain whose document it
/// is.
///
/// Comments are allowed, as in files that people write by hand; DTDs, entities and processing
/// instructions are refused.
///
/// ```
/// use xmpp_endpoints::document::{Limits, xrd};
///
/// let document = "<XRD xmlns='http://docs.oasis-open.org/ns/xri/xrd-1.0'>
///   <Link rel='urn:xmpp:alt-connections:websocket' href='wss://web.example.com/ws'/></XRD>";
/// let offer = xrd(document.as_bytes(), "example.com", &Limits::default())?;
/// assert_eq!(offer.candidates[0].url.to_string(), "wss://web.example.com/ws");
/// assert_eq!(offer.candidates[0].identity.names, ["web.example.com", "example.com"]);
/// # Ok::<(), xmpp_endpoints::document::DocumentError>(())
/// ```
///
/// # Errors
///
/// Past the limits, not XML, or not an XRD. A document without links of ours is none: it offers
/// nothing.
pub fn xrd(document: &[u8], domain: &str, limits: &Limits) -> Result<Offer, DocumentError> {
    let document = without_comments(bounded(document, limits)?);
    let xml = XmlLimits::default().with_element_bytes(limits.bytes);
    let root = Element::parse(Bytes::copy_from_slice(&document), &xml)?;
    if !root.is("XRD", XRD) {
        return Err(DocumentError::NotXrd);
    }
    let mut offer = Offer::default();
    for link in root.children().filter(|child| child.is("Link", XRD)) {
        if offer.is_full(limits) {
            break;
        }
        let (Some(rel), Some(href)) = (link.attribute("rel"), link.attribute("href")) else {
            continue;
        };
        let Some(scheme) = wanted_scheme(&rel) else {
            continue;
        };
        if let Some(url) = offer.take(&href, scheme) {
            let mut candidate = Candidate::new(url);
            candidate.identity = candidate.identity.or(domain);
            offer.candidates.push(candidate);
        }
    }
    Ok(offer)
}

/// `<!--` cannot stand inside a tag, so that a comment ends where the next `-->` is. One without an
/// end stays, and is refused.
fn without_comments(document: &[u8]) -> Cow<'_, [u8]> {
    let find = |text: &[u8], mark: &[u8]| text.windows(mark.len()).position(|at| at == mark);
    let Some(mut start) = find(document, b"<!--") else {
        return Cow::Borrowed(document);
    };
    let mut rest = document;
    let mut kept = Vec::with_capacity(document.len());
    loop {
        let (before, comment) = rest.split_at(start);
        let inside = comment.proved(4..);
        let Some(end) = find(inside, b"-->") else {
            break;
        };
        kept.extend_from_slice(before);
        rest = inside.proved(end + 3..);
        match find(rest, b"<!--") {
            Some(next) => start = next,
            None => break,
        }
    }
    kept.extend_from_slice(rest);
    Cow::Owned(kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_are_cut_out() {
        for (document, kept) in [
            ("<a/>", "<a/>"),
            ("<!-- x --><a><!----><b/><!-- <c/> --></a>", "<a><b/></a>"),
            ("<a/><!-- no end", "<a/><!-- no end"),
            ("<!-- x --><a/><!-->", "<a/><!-->"),
        ] {
            assert_eq!(
                without_comments(document.as_bytes()),
                kept.as_bytes(),
                "{document}"
            );
        }
    }
}
