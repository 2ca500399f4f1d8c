//! The `<body/>` wrapper: what came in, and how ours are spelled (XEP-0124 §6).

use std::{
    borrow::Cow,
    fmt::{self, Write as _},
    ops::Range,
};

use bytes::Bytes;
use xmpp_machine::Proved as _;
use xmpp_wire::{
    NestedElement, StartTag, Wrapped, XmlError, XmlErrorKind, XmlLimits, ns, xml::escape_attribute,
};

use crate::Condition;

/// Prefixes that peers use without declaring them (B-R-024).
const PREDECLARED: [(&str, &str); 2] = [("xmpp", ns::XBOSH), ("stream", ns::STREAM)];

/// An empty answer, by far the most common one.
const EMPTY: &[u8] = b"<body xmlns='http://jabber.org/protocol/httpbind'/>";
/// A recoverable binding error (XEP-0124 §17.3).
const ERROR: &[u8] = b"<body xmlns='http://jabber.org/protocol/httpbind' type='error'/>";

/// The attributes that most requests are asked for; the others are looked up in the tag.
const USUAL: [&str; 8] = ["rid", "sid", "ack", "type", "pause", "key", "newkey", "to"];

/// Where the values of the usual attributes are in the start tag, found in one pass over it.
#[derive(Clone, Debug, Default)]
struct Usual {
    values: [Option<(u32, u32)>; USUAL.len()],
    /// An attribute has a prefix, declarations apart.
    has_prefixed: bool,
}

impl Usual {
    fn of(tag: &StartTag) -> Self {
        let mut usual = Self::default();
        for (name, place) in tag.attributes() {
            if let Some(slot) = slot(name).and_then(|slot| usual.values.get_mut(slot)) {
                *slot = u32::try_from(place.start)
                    .ok()
                    .zip(u32::try_from(place.end).ok());
            } else {
                usual.has_prefixed |= name.contains(&b':') && !name.starts_with(b"xmlns:");
            }
        }
        usual
    }
}

/// The place of a name in `USUAL`.
#[inline]
fn slot(name: &[u8]) -> Option<usize> {
    USUAL.iter().position(|usual| usual.as_bytes() == name)
}

/// A `<body/>` that was received: its attributes and its elements.
#[derive(Clone)]
pub(crate) struct Body {
    tag: StartTag,
    usual: Usual,
    pub(crate) elements: Vec<NestedElement>,
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
        Self::of(Wrapped::parse(document, &PREDECLARED, limits)?)
    }

    /// Reads a whole response body; its elements were written by the server's users, and are mended where they break Namespaces in XML or a limit.
    pub(crate) fn parse_from_server(document: Bytes, limits: &XmlLimits) -> Result<Self, XmlError> {
        Self::of(Wrapped::parse_from_server(document, &PREDECLARED, limits)?)
    }

    fn of(Wrapped { wrapper, elements }: Wrapped) -> Result<Self, XmlError> {
        if !wrapper.is("body", ns::HTTPBIND) {
            return Err(XmlError {
                kind: XmlErrorKind::Namespace,
                offset: 0,
            });
        }
        Ok(Self {
            usual: Usual::of(&wrapper),
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

    #[inline]
    pub(crate) fn attribute(&self, name: &str) -> Option<Cow<'_, str>> {
        match slot(name.as_bytes()) {
            Some(slot) => {
                let (start, end) = (*self.usual.values.get(slot)?)?;
                let place: Range<usize> = start as usize..end as usize;
                Some(self.tag.value(place))
            }
            None => self.tag.attribute(name),
        }
    }

    pub(crate) fn attribute_ns(&self, local: &str, namespace: &str) -> Option<Cow<'_, str>> {
        if !self.usual.has_prefixed {
            return None;
        }
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
            .extend_from_slice(digits.bytes.proved(..digits.len));
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
        // Bodies are kept for replay.
        if self.bytes.capacity() - self.bytes.len() > 64 {
            self.bytes.shrink_to_fit();
        }
        Bytes::from(self.bytes)
    }
}

/// The digits of a number, written without an allocation.
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

/// The empty answer, `<body/>`.
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

/// The recoverable error, `<body type='error'/>` (XEP-0124 §17.3).
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
    fn every_attribute_is_found_whatever_its_spelling_and_place() {
        let document = "<body xmlns='http://jabber.org/protocol/httpbind' wait = \"1\" to='a&amp;b' newkey='n' key='k'\n\
             pause='3' type='terminate' ack='2' sid='s' rid='1' xmpp:restart='true'/>";
        let body = Body::parse(document.into(), &XmlLimits::default()).unwrap();
        for (name, value) in [
            ("rid", Some("1")),
            ("sid", Some("s")),
            ("ack", Some("2")),
            ("type", Some("terminate")),
            ("pause", Some("3")),
            ("key", Some("k")),
            ("newkey", Some("n")),
            ("to", Some("a&b")),
            ("wait", Some("1")),
            ("hold", None),
        ] {
            assert_eq!(body.attribute(name).as_deref(), value, "{name}");
        }
        assert!(body.is_restart());
        let bare = "<body xmlns='http://jabber.org/protocol/httpbind' xmlns:x='urn:xmpp:xbosh' restart='true'/>";
        let bare = Body::parse(bare.into(), &XmlLimits::default()).unwrap();
        assert!(USUAL.iter().all(|name| bare.attribute(name).is_none()));
        assert!(!bare.is_restart());
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
