//! What a checked start tag says: its attributes, read by quick-xml.

use std::borrow::Cow;

use bytes::Bytes;
use quick_xml::events::attributes::Attributes;

use super::{Name, Scope, decode, element::Shape};
use crate::ns;

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
    let content = raw
        .get(1..shape.tag_len.saturating_sub(close))
        .unwrap_or_default();
    let mut from = shape.name_len;
    Attributes::new(content, from)
        .with_checks(false)
        .clone()
        .flatten()
        .filter_map(move |attribute| {
            let rest = content.get(from..)?;
            let start = from + rest.len() - rest.trim_ascii_start().len();
            let name_end = start + attribute.key.as_ref().len();
            let open = name_end + content.get(name_end..)?.find(['"', '\''])? + 1;
            let end = open + attribute.value.len();
            from = end + 1;
            let (name, value) = (content.get(start..name_end)?, content.get(open..end)?);
            Some(RawAttribute {
                name,
                value,
                start: start + 1,
                end: end + 2,
            })
        })
}

/// The decoded value of an attribute without prefix.
pub(super) fn attribute<'a>(raw: &'a str, shape: &Shape, name: &str) -> Option<Cow<'a, str>> {
    attributes(raw, shape)
        .find(|attribute| attribute.name == name)
        .map(|attribute| decode::value(attribute.value))
}

/// The decoded value of an attribute in a namespace.
pub(super) fn attribute_ns<'a>(
    raw: &'a str,
    shape: &Shape,
    scope: &Scope,
    local: &str,
    namespace: &str,
) -> Option<Cow<'a, str>> {
    let found = attributes(raw, shape).find(|attribute| {
        let Some((prefix, name)) = attribute.name.split_once(':') else {
            return false;
        };
        name == local && prefix != "xmlns" && prefix_is(raw, shape, scope, prefix, namespace)
    })?;
    Some(decode::value(found.value))
}

fn prefix_is(raw: &str, shape: &Shape, scope: &Scope, prefix: &str, namespace: &str) -> bool {
    match attributes(raw, shape)
        .find(|attribute| attribute.declares() == Some(prefix) && !prefix.is_empty())
    {
        Some(declaration) => decode::value(declaration.value) == namespace,
        None => {
            scope.namespace(prefix) == Some(namespace) || (prefix == "xml" && namespace == ns::XML)
        }
    }
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
    raw: Bytes,
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
    pub(super) fn new(raw: Bytes, scope: Scope, shape: Shape) -> Self {
        Self { raw, scope, shape }
    }

    /// The tag's bytes, from `<` to `>`.
    pub fn raw(&self) -> &Bytes {
        &self.raw
    }

    /// The scope inside the wrapper: its own declarations included.
    pub fn scope(&self) -> &Scope {
        &self.scope
    }

    /// The expanded name.
    pub fn name(&self) -> Name<'_> {
        self.shape.name(&self.raw, &self.scope)
    }

    /// Whether that is this local name in this namespace.
    pub fn is(&self, local: &str, namespace: &str) -> bool {
        self.name() == Name { namespace, local }
    }

    /// The prefix of the name as written.
    pub fn prefix(&self) -> Option<&str> {
        self.shape.prefix(&self.raw)
    }

    /// The decoded value of an attribute without prefix.
    pub fn attribute(&self, name: &str) -> Option<Cow<'_, str>> {
        attribute(self.text(), &self.shape, name)
    }

    /// The decoded value of an attribute in a namespace.
    pub fn attribute_ns(&self, local: &str, namespace: &str) -> Option<Cow<'_, str>> {
        attribute_ns(self.text(), &self.shape, &self.scope, local, namespace)
    }

    fn text(&self) -> &str {
        std::str::from_utf8(&self.raw).unwrap_or_default()
    }
}
