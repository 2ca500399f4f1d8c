//! Stream headers (RFC 6120 §4.7, §4.8): written in the usual spelling, checked as they come in.

use xmpp_wire::{
    Element, StartTag, StreamError, StreamHeader, XmlError, XmlErrorKind, ns, xml::escape_attribute,
};

use crate::Reason;

/// Bytes of a peer's header (W-R-471: what it declares is repeated on every element).
pub(crate) const HEADER_BYTES: usize = 4096;
/// Prefixes that a peer's header may declare beside that of the stream (W-R-471).
const EXTRA_PREFIXES: usize = 8;
/// What is wrong with what a peer sent: for us, and for the peer.
#[derive(Debug)]
pub(crate) struct Fault {
    pub(crate) reason: Reason,
    pub(crate) error: StreamError,
}

impl Fault {
    fn new(reason: Reason, condition: &str) -> Self {
        let error = StreamError::new(condition);
        Self { reason, error }
    }
}

pub(crate) const END_TAG: &[u8] = b"</stream:stream>";

/// A header in the spelling that deployed servers were tested with; `version` is always 1.0.
pub(crate) fn write(header: &StreamHeader) -> Vec<u8> {
    let mut out = b"<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'".to_vec();
    let one = Some("1.0".to_owned());
    let attributes = [
        ("to", &header.to),
        ("version", &one),
        ("id", &header.id),
        ("from", &header.from),
        ("xml:lang", &header.lang),
    ];
    for (name, value) in attributes {
        if let Some(value) = value {
            out.extend_from_slice(b" ");
            out.extend_from_slice(name.as_bytes());
            out.extend_from_slice(b"='");
            escape_attribute(value, &mut out);
            out.extend_from_slice(b"'");
        }
    }
    out.push(b'>');
    out
}

/// Judges what every header must be, whoever sent it. Any prefix will do for the stream's namespace, and none
/// (RFC 6120 §4.8.5 allows to insist on `stream`; nobody does).
pub(crate) fn check(tag: &StartTag) -> Result<StreamHeader, Box<Fault>> {
    let name = tag.name();
    if name.namespace != ns::STREAM {
        return Err(Fault::new(Reason::HeaderNamespace, "invalid-namespace").into());
    }
    if name.local != "stream" {
        return Err(Fault::new(Reason::HeaderName, "bad-format").into());
    }
    if !matches!(
        tag.scope().default_namespace(),
        ns::CLIENT | ns::STREAM | ""
    ) {
        return Err(Fault::new(Reason::ContentNamespace, "invalid-namespace").into());
    }
    let extra = tag
        .scope()
        .prefixes()
        .filter(|&(_, uri)| uri != ns::STREAM)
        .count();
    if extra > EXTRA_PREFIXES || tag.raw().len() > HEADER_BYTES {
        let error =
            StreamError::new("policy-violation").with_text("the stream header is too large");
        let reason = Reason::HeaderTooLarge;
        return Err(Fault { reason, error }.into());
    }
    let header = StreamHeader::from_tag(tag);
    if major_version(header.version.as_deref()) == 0 {
        return Err(Fault::new(Reason::UnsupportedVersion, "unsupported-version").into());
    }
    Ok(header)
}

/// 0 stands for everything before 1.0 and for what cannot be read (RFC 6120 §4.7.5, W-R-327).
fn major_version(version: Option<&str>) -> u32 {
    let number = |text: &str| {
        let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        digits.then(|| text.parse().unwrap_or(u32::MAX))
    };
    version
        .and_then(|version| version.split_once('.'))
        .and_then(|(major, minor)| number(minor).and(number(major)))
        .unwrap_or(0)
}

/// The stream error that bad XML gets (RFC 6120 §4.9.3, §11).
pub(crate) fn xml_fault(error: XmlError) -> Fault {
    let (reason, condition) = match error.kind {
        XmlErrorKind::Restricted => (Reason::RestrictedXml, "restricted-xml"),
        // RFC 6120 §11.6: whatever is not UTF-8.
        XmlErrorKind::Encoding => (Reason::OtherEncoding, "unsupported-encoding"),
        XmlErrorKind::Utf8 => (Reason::NotUtf8, "unsupported-encoding"),
        XmlErrorKind::Text => (Reason::TextBetweenElements, "bad-format"),
        XmlErrorKind::TooBig => (Reason::ElementTooBig, "policy-violation"),
        XmlErrorKind::TooDeep => (Reason::NestedTooDeep, "policy-violation"),
        XmlErrorKind::TooManyAttributes => (Reason::TooManyAttributes, "policy-violation"),
        XmlErrorKind::Namespace => (Reason::UndeclaredPrefix, "not-well-formed"),
        // The enum may grow; what is refused and has no better word is not well-formed.
        XmlErrorKind::NotWellFormed | _ => (Reason::NotWellFormed, "not-well-formed"),
    };
    let mut fault = Fault::new(reason, condition);
    if reason == Reason::ElementTooBig {
        let too_big = Element::build("stanza-too-big", ns::ERRORS).finish();
        fault.error = fault.error.with_application(too_big);
    }
    fault
}

#[cfg(test)]
mod tests {
    use super::*;

    /// W-R-431
    #[test]
    fn a_header_is_written_in_the_usual_spelling() {
        let header = StreamHeader {
            to: Some("a' x='".into()),
            from: Some("u@a".into()),
            lang: Some("de".into()),
            ..StreamHeader::default()
        };
        assert_eq!(
            String::from_utf8(write(&header)).expect("UTF-8"),
            "<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' \
             to='a&apos; x=&apos;' version='1.0' from='u@a' xml:lang='de'>"
        );
    }

    /// W-R-327
    #[test]
    fn versions_are_compared_as_numbers() {
        for (version, major) in [
            (None, 0),
            (Some("x"), 0),
            (Some("1"), 0),
            (Some("1.x"), 0),
            (Some("0.9"), 0),
            (Some("1.0"), 1),
            (Some("1.10"), 1),
            (Some("2.0"), 2),
            (Some("99999999999.0"), u32::MAX),
        ] {
            assert_eq!(major_version(version), major, "{version:?}");
        }
    }
}
