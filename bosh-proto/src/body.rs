//! The `<body/>` wrapper: what came in, and how ours are spelled (XEP-0124 §6, ledger §16).

use std::{
    borrow::Cow,
    fmt::{self, Write as _},
};

use bytes::Bytes;
use xmpp_wire::{
    Element, StartTag, Wrapped, XmlError, XmlErrorKind, XmlLimits, ns, xml::escape_attribute,
};

use crate::Condition;

/// Prefixes that peers use without declaring them (B-R-024).
const PREDECLARED: [(&str, &str); 2] = [("xmpp", ns::XBOSH), ("stream", ns::STREAM)];

/// An empty answer, by far the most common one.
const EMPTY: &[u8] = b"<body xmlns='http://jabber.org/protocol/httpbind'/>";
/// A recoverable binding error (XEP-0124 §17.3).
const ERROR: &[u8] = b"<body xmlns='http://jabber.org/protocol/httpbind' type='error'/>";

/// A wrapper that came in.
#[derive(Clone)]
pub(crate) struct Body {
    tag: StartTag,
    pub(crate) elements: Vec<Element>,
}

/// Without the start tag, which holds the `sid` (B-R-170).
impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Body")
            .field("elements", &self.elements.len())
            .finish_non_exhaustive()
    }
}

impl Body {
    /// Reads a whole request or response body; a root that is not httpbind's `body` is refused (B-R-020).
    pub(crate) fn parse(document: Bytes, limits: &XmlLimits) -> Result<Self, XmlError> {
        let Wrapped { wrapper, elements } = Wrapped::parse(document, &PREDECLARED, limits)?;
        if !wrapper.is("body", ns::HTTPBIND) {
            return Err(XmlError {
                kind: XmlErrorKind::Namespace,
                offset: 0,
            });
        }
        Ok(Self {
            tag: wrapper,
            elements,
        })
    }

    /// Reads only the start tag of a body whose inside is broken, so that the fault finds its session.
    pub(crate) fn salvage(document: &Bytes, limits: &XmlLimits) -> Option<Self> {
        let tag = start_tag(document)?;
        let mut alone = Vec::with_capacity(tag.len() + 1);
        let inside = tag.strip_suffix(b">")?;
        alone.extend_from_slice(inside.strip_suffix(b"/").unwrap_or(inside));
        alone.extend_from_slice(b"/>");
        Self::parse(Bytes::from(alone), limits).ok()
    }

    pub(crate) fn attribute(&self, name: &str) -> Option<Cow<'_, str>> {
        self.tag.attribute(name)
    }

    pub(crate) fn attribute_ns(&self, local: &str, namespace: &str) -> Option<Cow<'_, str>> {
        self.tag.attribute_ns(local, namespace)
    }

    /// `xmpp:restart`, by namespace, `true` or `1` (B-X-008, B-X-021).
    pub(crate) fn is_restart(&self) -> bool {
        self.attribute_ns("restart", ns::XBOSH)
            .is_some_and(|value| matches!(value.trim(), "true" | "1"))
    }

    /// `type='terminate'`; every other type from a client is none (B-R-148).
    pub(crate) fn is_terminate(&self) -> bool {
        self.attribute("type")
            .is_some_and(|value| value == "terminate")
    }
}

/// From the root's `<` to its `>`, over white space and an XML declaration.
fn start_tag(document: &[u8]) -> Option<&[u8]> {
    let mut rest = document.trim_ascii_start();
    if rest.starts_with(b"<?xml") {
        let end = rest.windows(2).position(|pair| pair == b"?>")?;
        rest = rest.get(end + 2..)?.trim_ascii_start();
    }
    if rest.first() != Some(&b'<') {
        return None;
    }
    let mut quote = None;
    for (at, &byte) in rest.iter().enumerate() {
        match quote {
            Some(open) if byte == open => quote = None,
            Some(_) => {}
            None if byte == b'\'' || byte == b'"' => quote = Some(byte),
            None if byte == b'>' => return rest.get(..=at),
            None => {}
        }
    }
    None
}

/// Writes a wrapper: attributes in the order of the calls, in single quotes as deployed clients and servers compare them.
#[derive(Debug)]
pub(crate) struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    /// Starts a wrapper with room for `payload` more bytes.
    pub(crate) fn new(payload: usize) -> Self {
        let mut bytes = Vec::with_capacity(EMPTY.len() + payload);
        bytes.extend_from_slice(b"<body xmlns='http://jabber.org/protocol/httpbind'");
        Self { bytes }
    }

    pub(crate) fn declare_xmpp(&mut self) {
        self.bytes
            .extend_from_slice(b" xmlns:xmpp='urn:xmpp:xbosh'");
    }

    pub(crate) fn declare_stream(&mut self) {
        self.bytes
            .extend_from_slice(b" xmlns:stream='http://etherx.jabber.org/streams'");
    }

    pub(crate) fn attribute(&mut self, name: &str, value: &str) {
        self.bytes.push(b' ');
        self.bytes.extend_from_slice(name.as_bytes());
        self.bytes.extend_from_slice(b"='");
        escape_attribute(value, &mut self.bytes);
        self.bytes.push(b'\'');
    }

    pub(crate) fn number(&mut self, name: &str, value: u64) {
        let mut digits = Digits::default();
        // Twenty digits always fit.
        let _ = write!(digits, "{value}");
        self.bytes.push(b' ');
        self.bytes.extend_from_slice(name.as_bytes());
        self.bytes.extend_from_slice(b"='");
        self.bytes
            .extend_from_slice(digits.bytes.get(..digits.len).unwrap_or_default());
        self.bytes.push(b'\'');
    }

    /// Ends it with these payloads, whose bytes are copied here and nowhere else.
    pub(crate) fn finish<'a>(mut self, payloads: impl Iterator<Item = &'a [u8]>) -> Bytes {
        let open = self.bytes.len();
        self.bytes.push(b'>');
        for payload in payloads {
            self.bytes.extend_from_slice(payload);
        }
        if self.bytes.len() == open + 1 {
            self.bytes.truncate(open);
            self.bytes.extend_from_slice(b"/>");
        } else {
            self.bytes.extend_from_slice(b"</body>");
        }
        Bytes::from(self.bytes)
    }
}

/// A number on the stack.
#[derive(Default)]
struct Digits {
    bytes: [u8; 20],
    len: usize,
}

impl std::fmt::Write for Digits {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        let end = self.len + text.len();
        let Some(room) = self.bytes.get_mut(self.len..end) else {
            return Err(std::fmt::Error);
        };
        room.copy_from_slice(text.as_bytes());
        self.len = end;
        Ok(())
    }
}

/// `<body/>`.
pub(crate) fn empty() -> Bytes {
    Bytes::from_static(EMPTY)
}

/// `<body type='terminate' condition='..'/>`.
pub(crate) fn terminal(condition: Condition) -> Bytes {
    let mut writer = Writer::new(64);
    writer.attribute("type", "terminate");
    writer.attribute("condition", condition.as_str());
    writer.finish(std::iter::empty())
}

/// `<body type='error'/>`.
pub(crate) fn recoverable_error() -> Bytes {
    Bytes::from_static(ERROR)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writer_spells_as_the_worked_examples() {
        let mut writer = Writer::new(0);
        writer.number("ack", 122);
        assert_eq!(
            writer.finish(std::iter::empty()),
            "<body xmlns='http://jabber.org/protocol/httpbind' ack='122'/>"
        );
        let mut writer = Writer::new(4);
        writer.declare_stream();
        writer.attribute("from", "a'b");
        assert_eq!(
            writer.finish([b"<a/>".as_slice()].into_iter()),
            "<body xmlns='http://jabber.org/protocol/httpbind' xmlns:stream='http://etherx.jabber.org/streams' from='a&apos;b'><a/></body>"
        );
        assert_eq!(Writer::new(0).finish(std::iter::empty()), empty());
    }

    #[test]
    fn numbers_of_every_length_are_written_whole() {
        let mut writer = Writer::new(0);
        writer.number("a", u64::MAX);
        writer.number("b", 0);
        assert_eq!(
            writer.finish(std::iter::empty()),
            "<body xmlns='http://jabber.org/protocol/httpbind' a='18446744073709551615' b='0'/>"
        );
    }

    #[test]
    fn the_start_tag_ends_outside_of_quotes() {
        assert_eq!(
            start_tag(b" <?xml version='1.0'?> <body a='>' b=\">'\"><x"),
            Some(b"<body a='>' b=\">'\">".as_slice())
        );
        assert_eq!(start_tag(b"<body a='"), None);
        assert_eq!(start_tag(b"body>"), None);
        assert_eq!(start_tag(b""), None);
    }
}
