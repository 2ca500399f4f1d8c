use std::{
    borrow::Cow,
    ops::{Deref, Range},
    sync::Arc,
};

use bytes::Bytes;
use xmpp_machine::Proved as _;

use super::{
    Builder, Name, Scope, XmlError, decode, document,
    scan::{Cut, Mode, Scanner},
    tag,
};
use crate::{Utf8Bytes, XmlLimits, ns, text::proved_str};

/// Where the namespace of a root is declared.
#[derive(Clone, Debug, Default)]
pub(super) enum RootNamespace {
    /// It is the inherited default one.
    #[default]
    Default,
    /// In the tag itself: offset and length of the value.
    Own(usize, usize),
    /// In the tag itself, written with references.
    Decoded(Arc<str>),
    /// By an inherited prefix: its place in the scope.
    Prefix(usize),
}

/// What the scanner learnt about an element; offsets are from its first byte.
#[derive(Clone, Debug, Default)]
pub(super) struct Shape {
    pub(super) namespace: RootNamespace,
    pub(super) name_len: usize,
    pub(super) prefix_len: Option<usize>,
    pub(super) tag_len: usize,
    pub(super) self_closing: bool,
    /// The root or a descendant is in the inherited default namespace.
    pub(super) inherits_default: bool,
    /// Inherited prefixes in use, by their place in the scope (bit 31: it or a later one).
    pub(super) inherited_prefixes: u32,
}

impl Shape {
    pub(super) fn prefix<'a>(&self, raw: &'a [u8]) -> Option<&'a str> {
        Some(proved_str(raw.proved(1..1 + self.prefix_len?)))
    }

    pub(super) fn name<'a>(&'a self, raw: &'a [u8], scope: &'a Scope) -> Name<'a> {
        Name {
            namespace: proved_str(self.namespace(raw, scope)),
            local: proved_str(self.local(raw)),
        }
    }

    /// Whether the root has this expanded name; compares bytes.
    pub(super) fn is(&self, raw: &[u8], scope: &Scope, local: &str, namespace: &str) -> bool {
        self.local(raw) == local.as_bytes() && self.namespace(raw, scope) == namespace.as_bytes()
    }

    pub(super) fn local<'a>(&self, raw: &'a [u8]) -> &'a [u8] {
        let start = 1 + self.prefix_len.map_or(0, |length| length + 1);
        raw.proved(start..1 + self.name_len)
    }

    pub(super) fn namespace<'a>(&'a self, raw: &'a [u8], scope: &'a Scope) -> &'a [u8] {
        match &self.namespace {
            RootNamespace::Default => scope.default_namespace().as_bytes(),
            RootNamespace::Own(start, length) => raw.proved(*start..*start + *length),
            RootNamespace::Decoded(uri) => uri.as_bytes(),
            RootNamespace::Prefix(place) => scope
                .prefixes()
                .nth(*place)
                .map_or(b"", |(_, uri)| uri.as_bytes()),
        }
    }
}

/// What is between an element's tags.
pub(super) struct Inside {
    /// The children with their places.
    pub(super) children: Vec<(NestedElement, Range<usize>)>,
    /// The place of the end tag.
    pub(super) end: usize,
    /// What the children inherit.
    pub(super) scope: Scope,
}

/// One first-level element that stands alone: its raw bytes, never a tree, with every namespace that it uses declared inside it.
/// The bytes have been checked: well-formed, namespace-well-formed, UTF-8. What can be asked of it is in [`NestedElement`].
///
/// ```
/// use xmpp_wire::{Element, XmlLimits, ns};
///
/// let message = Element::parse("<message xmlns='jabber:client' to='a@b'><body>hi &amp; bye</body></message>".into(), &XmlLimits::default())?;
/// assert!(message.is("message", ns::CLIENT));
/// assert_eq!(message.attribute("to").as_deref(), Some("a@b"));
/// assert_eq!(message.child("body", ns::CLIENT).map(|body| body.text()).as_deref(), Some("hi & bye"));
/// # Ok::<(), xmpp_wire::XmlError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Element(pub(super) NestedElement);

impl Deref for Element {
    type Target = NestedElement;

    fn deref(&self) -> &NestedElement {
        &self.0
    }
}

impl From<Element> for NestedElement {
    fn from(element: Element) -> Self {
        element.0
    }
}

impl Element {
    /// Reads a complete document: one root element, white space around it, an XML declaration at the very start
    /// (version 1.0, encoding absent or UTF-8).
    ///
    /// # Errors
    ///
    /// Says what is wrong, and where: XML that is not well-formed, that RFC 6120 §11.1 forbids, or past the limits.
    pub fn parse(document: Bytes, limits: &XmlLimits) -> Result<Self, XmlError> {
        document::bare(document, limits).map(Self)
    }

    /// As `parse`, of a server's: mended where [`Splitter::stream_of_server`](super::Splitter::stream_of_server) would mend it.
    ///
    /// # Errors
    ///
    /// As `parse`.
    pub fn parse_from_server(document: Bytes, limits: &XmlLimits) -> Result<Self, XmlError> {
        document::bare_of_server(document, limits).map(Self)
    }

    /// Starts building one: `Element::build("iq", ns::CLIENT)`. The name may carry a prefix ("stream:features"),
    /// which is then declared for the namespace; without one the namespace is declared as default (none for "").
    pub fn build(name: &str, namespace: &str) -> Builder {
        Builder::new(name, namespace)
    }

    /// The same element with its bytes copied out of the buffer that they came in: for queues, so that a small
    /// element does not keep a large buffer alive.
    #[must_use]
    pub fn detached(&self) -> Self {
        Self(NestedElement {
            raw: Utf8Bytes::checked(Bytes::copy_from_slice(self.raw())),
            ..self.0.clone()
        })
    }
}

/// One element where it was cut: as [`Element`], but it may use declarations of the wrapper, stream or element around it, its scope.
/// [`standalone`](Self::standalone) makes it an `Element`.
#[derive(Clone, Debug)]
pub struct NestedElement {
    pub(super) raw: Utf8Bytes,
    pub(super) scope: Scope,
    pub(super) shape: Shape,
}

impl PartialEq for NestedElement {
    fn eq(&self, other: &Self) -> bool {
        self.raw == other.raw && self.scope == other.scope
    }
}

impl Eq for NestedElement {}

impl NestedElement {
    pub(super) fn new(raw: Utf8Bytes, scope: Scope, shape: Shape) -> Self {
        Self { raw, scope, shape }
    }

    /// The bytes as received, from `<` to `>`.
    pub fn raw(&self) -> &Bytes {
        self.raw.as_bytes()
    }

    /// What it inherited.
    pub fn scope(&self) -> &Scope {
        &self.scope
    }

    /// The expanded name of its root.
    pub fn name(&self) -> Name<'_> {
        self.shape.name(self.raw(), &self.scope)
    }

    /// Whether that is this local name in this namespace.
    pub fn is(&self, local: &str, namespace: &str) -> bool {
        self.shape.is(self.raw(), &self.scope, local, namespace)
    }

    /// `message`, `presence` or `iq` in `jabber:client`.
    pub fn is_stanza(&self) -> bool {
        let raw = self.raw();
        matches!(self.shape.local(raw), b"message" | b"presence" | b"iq")
            && self.shape.namespace(raw, &self.scope) == ns::CLIENT.as_bytes()
    }

    /// Whether a client may send it before it is authenticated (RFC 6120 §4.9.3.12): anything but a stanza, and an iq that is part of signing in
    /// (in-band registration, XEP-0077 §3.1.1; authentication before SASL, XEP-0078).
    pub fn may_come_before_authentication(&self) -> bool {
        !self.is_stanza()
            || self.is("iq", ns::CLIENT)
                && self.children().any(|child| {
                    matches!(
                        child.name().namespace,
                        "jabber:iq:register" | "jabber:iq:auth"
                    )
                })
    }

    /// The prefix of the root's name as written.
    pub fn prefix(&self) -> Option<&str> {
        self.shape.prefix(self.raw())
    }

    /// The decoded value of an attribute without prefix.
    pub fn attribute(&self, name: &str) -> Option<Cow<'_, str>> {
        tag::attribute(self.raw(), &self.shape, name)
    }

    /// The decoded value of an attribute in a namespace (`xml:lang` is in `ns::XML`).
    pub fn attribute_ns(&self, local: &str, namespace: &str) -> Option<Cow<'_, str>> {
        tag::attribute_ns(self.raw(), &self.shape, &self.scope, local, namespace)
    }

    /// Its child elements in order, each with the scope that it inherits.
    pub fn children(&self) -> impl Iterator<Item = Self> + '_ {
        self.inside()
            .children
            .into_iter()
            .map(|(element, _)| element)
    }

    /// The first child with this name.
    pub fn child(&self, local: &str, namespace: &str) -> Option<Self> {
        self.children().find(|child| child.is(local, namespace))
    }

    /// Its own character data, decoded, without that of its children.
    pub fn text(&self) -> String {
        let Inside { children, end, .. } = self.inside();
        let mut text = String::new();
        let mut from = self.shape.tag_len;
        for (_, range) in children {
            own_text(proved_str(self.raw().proved(from..range.start)), &mut text);
            from = range.end;
        }
        own_text(proved_str(self.raw().proved(from..end)), &mut text);
        text
    }

    /// What is between its tags.
    pub(super) fn inside(&self) -> Inside {
        let mut scanner = Scanner::new(Mode::Children, XmlLimits::none(), self.scope.clone());
        let mut children = Vec::new();
        loop {
            // The bytes have been checked: an error cannot come, and would end the list.
            match scanner.next(self.raw(), None) {
                Ok(Some(Cut::Open { .. })) => {}
                Ok(Some(Cut::Element { start, end, shape })) => {
                    let raw = Utf8Bytes::checked(self.raw().slice(start..end));
                    let child = Self::new(raw, scanner.scope.clone(), shape);
                    children.push((child, start..end));
                }
                Ok(Some(Cut::Close { start, .. })) => {
                    return Inside {
                        children,
                        end: start,
                        scope: scanner.scope,
                    };
                }
                Ok(None) | Err(_) => {
                    return Inside {
                        children,
                        end: self.raw().len(),
                        scope: scanner.scope,
                    };
                }
            }
        }
    }

    /// The start tag.
    pub(super) fn tag(&self) -> &str {
        proved_str(self.raw().proved(..self.shape.tag_len))
    }
}

/// Decodes text that may hold CDATA sections.
fn own_text(raw: &str, out: &mut String) {
    let mut rest = raw;
    while let Some((plain, cdata)) = rest.split_once("<![CDATA[") {
        decode::text(plain, out);
        let (inside, behind) = cdata.split_once("]]>").unwrap_or((cdata, ""));
        // No references in here, but line ends are normalised all the same.
        out.push_str(&inside.replace("\r\n", "\n").replace('\r', "\n"));
        rest = behind;
    }
    decode::text(rest, out);
}
