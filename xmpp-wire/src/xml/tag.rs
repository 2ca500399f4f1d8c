//! What a checked start tag says: its attributes. quick-xml reads them where a tag is rewritten; where a value is looked for, one walk
//! over the checked bytes does, which repeats no check.

use std::{borrow::Cow, ops::Range};

use bytes::Bytes;
use quick_xml::events::attributes::Attributes;
use xmpp_machine::Proved as _;

use super::{Name, Scope, chars::is_space, decode, element::Shape};
use crate::{Utf8Bytes, ns, text::proved_str};

/// An attribute of a checked tag; places are in the tag.
#[derive(Clone, Copy, Debug)]
pub(super) struct RawAttribute<'a> {
    pub(super) name: &'a str,
    pub(super) value: &'a str,
    pub(super) start: usize,
    pub(super) end: usize,
}

impl<'a> RawAttribute<'a> {
    /// `None` for an ordinary attribute, else the prefix that it declares ("" for the default namespace).
    pub(super) fn declares(&self) -> Option<&'a str> {
        if self.name == "xmlns" {
            Some("")
        } else {
            self.name.strip_prefix("xmlns:")
        }
    }
}

/// The attributes of the start tag at the front of `raw`, declarations included.
pub(super) fn attributes<'a>(
    raw: &'a str,
    shape: &Shape,
) -> impl Iterator<Item = RawAttribute<'a>> + use<'a> {
    let close = if shape.self_closing { 2 } else { 1 };
    let content = raw.proved(1..shape.tag_len.saturating_sub(close));
    let mut from = shape.name_len;
    Attributes::new(content, from)
        .with_checks(false)
        .clone()
        .flatten()
        .filter_map(move |attribute| {
            let rest = content.proved(from..);
            let start = from + rest.len() - rest.trim_ascii_start().len();
            let name_end = start + attribute.key.as_ref().len();
            let open = name_end + content.proved(name_end..).find(['"', '\''])? + 1;
            let end = open + attribute.value.len();
            from = end + 1;
            let (name, value) = (content.proved(start..name_end), content.proved(open..end));
            Some(RawAttribute {
                name,
                value,
                start: start + 1,
                end: end + 2,
            })
        })
}

/// A walk over the attributes of a checked start tag: names as written, and where the raw values are.
struct Walk<'a> {
    tag: &'a [u8],
    at: usize,
    end: usize,
}

impl<'a> Walk<'a> {
    fn new(raw: &'a [u8], shape: &Shape) -> Self {
        Self {
            tag: raw,
            at: 1 + shape.name_len,
            end: shape
                .tag_len
                .saturating_sub(1 + usize::from(shape.self_closing)),
        }
    }
}

impl<'a> Iterator for Walk<'a> {
    type Item = (&'a [u8], Range<usize>);

    fn next(&mut self) -> Option<Self::Item> {
        let bytes = self.tag.proved(..self.end);
        let behind_space = |mut at: usize| {
            while bytes.get(at).is_some_and(|&b| is_space(b)) {
                at += 1;
            }
            at
        };
        let start = behind_space(self.at);
        let mut name_end = start;
        while bytes
            .get(name_end)
            .is_some_and(|&b| b != b'=' && !is_space(b))
        {
            name_end += 1;
        }
        let quote = behind_space(behind_space(name_end) + 1);
        let rest = bytes.get(quote + 1..)?;
        let end = quote + 1 + memchr::memchr(*bytes.get(quote)?, rest)?;
        self.at = end + 1;
        Some((bytes.proved(start..name_end), quote + 1..end))
    }
}

/// The decoded value at a place in a checked start tag.
fn value(raw: &[u8], place: Range<usize>) -> Cow<'_, str> {
    decode::value(proved_str(raw.proved(place)))
}

/// The decoded value of an attribute without prefix.
pub(super) fn attribute<'a>(raw: &'a [u8], shape: &Shape, name: &str) -> Option<Cow<'a, str>> {
    let (_, place) = Walk::new(raw, shape).find(|(written, _)| *written == name.as_bytes())?;
    Some(value(raw, place))
}

/// The decoded value of an attribute in a namespace.
pub(super) fn attribute_ns<'a>(
    raw: &'a [u8],
    shape: &Shape,
    scope: &Scope,
    local: &str,
    namespace: &str,
) -> Option<Cow<'a, str>> {
    let (_, place) = Walk::new(raw, shape).find(|(written, _)| {
        let Some(colon) = memchr::memchr(b':', written) else {
            return false;
        };
        let prefix = written.proved(..colon);
        written.proved(colon + 1..) == local.as_bytes()
            && prefix != b"xmlns"
            && prefix_is(raw, shape, scope, prefix, namespace)
    })?;
    Some(value(raw, place))
}

/// Whether a prefix that is in force in the tag has this namespace.
fn prefix_is(raw: &[u8], shape: &Shape, scope: &Scope, prefix: &[u8], namespace: &str) -> bool {
    match declaration(raw, shape, prefix) {
        Some(place) => value(raw, place) == namespace,
        None if prefix == b"xml" => namespace == ns::XML,
        None => scope
            .prefixes()
            .any(|(bound, uri)| bound.as_bytes() == prefix && uri == namespace),
    }
}

/// Where the tag says the namespace of a prefix that it declares.
pub(super) fn declaration(raw: &[u8], shape: &Shape, prefix: &[u8]) -> Option<Range<usize>> {
    Walk::new(raw, shape)
        .find(|(written, _)| written.strip_prefix(b"xmlns:") == Some(prefix))
        .map(|(_, place)| place)
}

/// The start tag of a wrapper: `<body ..>` or `<stream:stream ..>`.
///
/// ```
/// use bytes::BytesMut;
/// use xmpp_wire::{Piece, Splitter, XmlLimits, ns};
///
/// let mut splitter = Splitter::stream(XmlLimits::default());
/// let mut input = BytesMut::from("<s:stream xmlns:s='http://etherx.jabber.org/streams' xml:lang='de' to='a&amp;b'>");
/// let Some(Piece::Open(tag)) = splitter.next_piece(&mut input)? else { panic!() };
/// assert!(tag.is("stream", ns::STREAM));
/// assert_eq!(tag.attribute("to").as_deref(), Some("a&b"));
/// assert_eq!(tag.attribute_ns("lang", ns::XML).as_deref(), Some("de"));
/// # Ok::<(), xmpp_wire::XmlError>(())
/// ```
#[derive(Clone, Debug)]
pub struct StartTag {
    raw: Utf8Bytes,
    scope: Scope,
    shape: Shape,
}

impl PartialEq for StartTag {
    fn eq(&self, other: &Self) -> bool {
        self.raw == other.raw && self.scope == other.scope
    }
}

impl Eq for StartTag {}

impl StartTag {
    pub(super) fn new(raw: Utf8Bytes, scope: Scope, shape: Shape) -> Self {
        Self { raw, scope, shape }
    }

    /// The tag's bytes, from `<` to `>`.
    pub fn raw(&self) -> &Bytes {
        self.raw.as_bytes()
    }

    /// The scope inside the wrapper: its own declarations included.
    pub fn scope(&self) -> &Scope {
        &self.scope
    }

    /// The expanded name.
    pub fn name(&self) -> Name<'_> {
        self.shape.name(self.raw(), &self.scope)
    }

    /// Whether that is this local name in this namespace.
    pub fn is(&self, local: &str, namespace: &str) -> bool {
        self.shape.is(self.raw(), &self.scope, local, namespace)
    }

    /// The prefix of the name as written.
    pub fn prefix(&self) -> Option<&str> {
        self.shape.prefix(self.raw())
    }

    /// The decoded value of an attribute without prefix.
    pub fn attribute(&self, name: &str) -> Option<Cow<'_, str>> {
        attribute(self.raw(), &self.shape, name)
    }

    /// Every attribute and declaration in order: its name as written, and where in [`raw`](Self::raw) its value is, for
    /// [`value`](Self::value). For readers of many attributes, which pass over the tag once.
    ///
    /// ```
    /// use xmpp_wire::{Wrapped, XmlLimits};
    ///
    /// let body = Wrapped::parse("<body rid='7' sid='a&amp;b'/>".into(), &[], &XmlLimits::default())?;
    /// let places: Vec<_> = body.wrapper.attributes().collect();
    /// assert_eq!(places[1].0, b"sid");
    /// assert_eq!(body.wrapper.value(places[1].1.clone()), "a&b");
    /// # Ok::<(), xmpp_wire::XmlError>(())
    /// ```
    pub fn attributes(&self) -> impl Iterator<Item = (&[u8], Range<usize>)> {
        Walk::new(self.raw(), &self.shape)
    }

    /// The decoded value at a place that [`attributes`](Self::attributes) of this tag gave.
    pub fn value(&self, place: Range<usize>) -> Cow<'_, str> {
        value(self.raw(), place)
    }

    /// The decoded value of an attribute in a namespace.
    pub fn attribute_ns(&self, local: &str, namespace: &str) -> Option<Cow<'_, str>> {
        attribute_ns(self.raw(), &self.shape, &self.scope, local, namespace)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{Element, XmlLimits};

    fn both_ways(document: &str) {
        let Ok(element) = Element::parse(document.to_owned().into(), &XmlLimits::none()) else {
            return;
        };
        let walked: Vec<_> = Walk::new(element.raw(), &element.shape).collect();
        let read: Vec<_> = attributes(element.tag(), &element.shape)
            .map(|attribute| {
                (
                    attribute.name.as_bytes(),
                    attribute.end - 1 - attribute.value.len()..attribute.end - 1,
                )
            })
            .collect();
        assert_eq!(walked, read, "{document}");
    }

    #[test]
    fn a_walk_passes_odd_spelling() {
        for tag in [
            "<a/>",
            "<a />",
            "<a\n>",
            "<a b='c'/>",
            "<a b = 'c\"' \t\nd\r=\n\"'/>\" />",
            "<p:a xmlns:p='u' p:é='' é=\"=' =\"/>",
        ] {
            let document = if tag.ends_with("/>") {
                tag.to_owned()
            } else {
                format!("{tag}</a>")
            };
            both_ways(&document);
        }
    }

    proptest! {
        #[test]
        fn a_walk_finds_what_quick_xml_reads(
            attributes in proptest::collection::vec(
                ("[ \t\n]{1,2}", "[a-c]{1,2}|xmlns|xmlns:[pq]|p:a|é", "[ \n]?=[ \t]?", "['\"]", "[a-c=/> é\n]{0,4}(&lt;)?"),
                0..8,
            ),
            tail in "[ \n]?/?",
        ) {
            let mut document = "<p:a xmlns:p='u'".to_owned();
            for (space, name, equals, quote, value) in attributes {
                document.extend([space, name, equals, quote.clone(), value, quote]);
            }
            document.push_str(&tail);
            document.push('>');
            if !tail.ends_with('/') {
                document.push_str("</p:a>");
            }
            both_ways(&document);
        }
    }
}
