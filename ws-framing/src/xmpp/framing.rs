//! `<open/>` and `<close/>` (RFC 7395 §3.3.2): written in the spelling that deployed clients compare as strings, read in any.

use bytes::Bytes;
use xmpp_wire::{Element, StreamHeader, ns, xml::escape_attribute};

/// Byte for byte (W-R-333).
pub(super) const CLOSE: &[u8] = br#"<close xmlns="urn:ietf:params:xml:ns:xmpp-framing" />"#;

/// `<open/>` with the attributes that the header has.
pub(super) fn open(header: &StreamHeader) -> Bytes {
    let mut out = br#"<open xmlns="urn:ietf:params:xml:ns:xmpp-framing""#.to_vec();
    attribute("from", header.from.as_deref(), &mut out);
    attribute("to", header.to.as_deref(), &mut out);
    attribute("id", header.id.as_deref(), &mut out);
    attribute("xml:lang", header.lang.as_deref(), &mut out);
    attribute("version", header.version.as_deref(), &mut out);
    out.extend_from_slice(b" />");
    out.into()
}

/// `<close/>` that names another place (RFC 7395 §3.6.1).
pub(super) fn redirect(uri: &str) -> Bytes {
    let mut out = br#"<close xmlns="urn:ietf:params:xml:ns:xmpp-framing""#.to_vec();
    attribute("see-other-uri", Some(uri), &mut out);
    out.extend_from_slice(b" />");
    out.into()
}

fn attribute(name: &str, value: Option<&str>, out: &mut Vec<u8>) {
    if let Some(value) = value {
        out.push(b' ');
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b"=\"");
        escape_attribute(value, out);
        out.push(b'"');
    }
}

/// Which of the two an element is, in whatever namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    Open,
    Close,
}

impl Framing {
    pub(super) fn of(element: &Element) -> Option<Self> {
        match element.name().local {
            "open" => Some(Self::Open),
            "close" => Some(Self::Close),
            _ => None,
        }
    }
}

/// Whether an element has neither children nor text (W-R-332).
pub(super) fn is_bare(element: &Element) -> bool {
    element.children().next().is_none() && element.text().trim().is_empty()
}

/// Whether a message is `<close/>`, whatever else is wrong on the stream.
pub(super) fn is_close(element: &Element) -> bool {
    element.is("close", ns::FRAMING)
}

/// A version as two numbers (RFC 6120 §4.7.5).
pub(super) fn version(text: &str) -> Option<(u32, u32)> {
    let number = |text: &str| {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| text.parse().unwrap_or(u32::MAX))
    };
    let (major, minor) = text.split_once('.')?;
    Some((number(major)?, number(minor)?))
}

/// Whether this can be a domainpart (RFC 7622 §3.2), as far as a transport needs to know.
pub(super) fn is_domain(text: &str) -> bool {
    let forbidden = |c: char| c.is_whitespace() || c.is_control() || "\"&'/:<>@".contains(c);
    let is_address = text.starts_with('[') && text.ends_with(']');
    let name = text.trim_start_matches('[').trim_end_matches(']');
    (1..=1023).contains(&text.len())
        && !name.is_empty()
        && !name
            .chars()
            .any(|c| forbidden(c) && !(is_address && c == ':'))
}
