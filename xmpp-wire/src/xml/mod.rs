//! Elements as raw bytes: cut, looked into, made to stand alone, written.

use std::borrow::Cow;

use bytes::{Bytes, BytesMut};

use crate::XmlLimits;

/// An expanded name: a local name and the namespace that it is in ("" is none).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Name<'a> {
    /// The namespace, "" where there is none.
    pub namespace: &'a str,
    /// The part behind the prefix.
    pub local: &'a str,
}

/// The namespace declarations (and `xml:lang`) in force outside an element. Cheap to clone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scope {/* Option<Arc<..>> */}

/// One first-level element: its raw bytes, never a tree, and the scope that it inherited.
/// The bytes have been checked: well-formed, namespace-well-formed within the scope, UTF-8.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Element {
    raw: Bytes,
    scope: Scope,
}

impl Element {
    /// Reads a complete document: one root element, white space after it, an XML declaration before it
    /// (version 1.0, encoding absent or UTF-8). White space before the root is accepted; callers that must not, check the first byte.
    pub fn parse(_document: Bytes, _limits: &XmlLimits) -> Result<Self, XmlError> {
        todo!()
    }
    /// Starts building one: `Element::build("iq", ns::CLIENT)`. The name may carry a prefix ("stream:features"),
    /// which is then declared for the namespace; without one the namespace is declared as default (none for "").
    pub fn build(_name: &str, _namespace: &str) -> Builder {
        todo!()
    }

    /// The bytes as received, from `<` to `>`.
    pub fn raw(&self) -> &Bytes {
        todo!()
    }
    /// What it inherited.
    pub fn scope(&self) -> &Scope {
        todo!()
    }
    /// The expanded name of its root.
    pub fn name(&self) -> Name<'_> {
        todo!()
    }
    /// Whether that is this local name in this namespace.
    pub fn is(&self, _local: &str, _namespace: &str) -> bool {
        todo!()
    }
    /// `message`, `presence` or `iq` in `jabber:client`.
    pub fn is_stanza(&self) -> bool {
        todo!()
    }
    /// The decoded value of an attribute without prefix.
    pub fn attribute(&self, _name: &str) -> Option<Cow<'_, str>> {
        todo!()
    }
    /// The decoded value of an attribute in a namespace (`xml:lang` is in `ns::XML`).
    pub fn attribute_ns(&self, _local: &str, _namespace: &str) -> Option<Cow<'_, str>> {
        todo!()
    }
    /// Its child elements in order, each with the scope that it inherits.
    pub fn children(&self) -> impl Iterator<Item = Element> + '_ {
        std::iter::empty()
    }
    /// The first child with this name.
    pub fn child(&self, _local: &str, _namespace: &str) -> Option<Element> {
        todo!()
    }
    /// Its own character data, decoded, without that of its children.
    pub fn text(&self) -> String {
        todo!()
    }

    /// The same element as a document of its own (W-R-400 to 403, B-R-028): the inherited default namespace is declared on the root
    /// where the root or a descendant inherits it; every inherited prefix but `stream`'s is declared (W-R-401: prefixes can hide in values),
    /// the stream prefix where it is used; a declaration of the root's own wins. A clone without copying where nothing is missing.
    pub fn standalone(&self) -> Element {
        todo!()
    }
    /// Puts an inherited `xml:lang` on the root of `standalone()` where it has none (W-R-407).
    pub fn standalone_with_lang(&self) -> Element {
        todo!()
    }
    /// Moves what merely *inherits* the default namespace `from` into `to` (B-X-004: httpbind to jabber:client; W-R-311: "" to jabber:client),
    /// by declaring `to` on the root. Unchanged where the root declares its own default or is prefixed.
    pub fn adopt(&self, _from: &str, _to: &str) -> Element {
        todo!()
    }
    /// An element in the stream namespace respelled with the literal prefix `stream:` declared on it (W-R-309, W-R-405), whatever prefix it had;
    /// prefixes and namespaces inside are kept. Others come back unchanged.
    pub fn with_stream_prefix(&self) -> Element {
        todo!()
    }
    /// Without the children for which `keep` is false: their bytes are cut out, the rest stays byte for byte (features filter, W-R-420 to 427).
    pub fn retain_children(&self, _keep: impl FnMut(&Element) -> bool) -> Element {
        todo!()
    }
    /// With each child replaced by what `edit` returns (`None` cuts it); bytes between them stay.
    pub fn map_children(&self, _edit: impl FnMut(Element) -> Option<Element>) -> Element {
        todo!()
    }
    /// Without this unprefixed attribute (`location` of `<enabled/>`, W-R-419).
    pub fn without_attribute(&self, _name: &str) -> Element {
        todo!()
    }
    /// With the attribute set on the root (escaped here), replacing one of that name.
    pub fn with_attribute(&self, _name: &str, _value: &str) -> Element {
        todo!()
    }
}

/// The start tag of a wrapper: `<body ..>` or `<stream:stream ..>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StartTag {
    raw: Bytes,
    scope: Scope,
}

impl StartTag {
    /// The tag's bytes, from `<` to `>`.
    pub fn raw(&self) -> &Bytes {
        todo!()
    }
    /// The scope inside the wrapper: its own declarations included.
    pub fn scope(&self) -> &Scope {
        todo!()
    }
    /// The expanded name.
    pub fn name(&self) -> Name<'_> {
        todo!()
    }
    /// Whether that is this local name in this namespace.
    pub fn is(&self, _local: &str, _namespace: &str) -> bool {
        todo!()
    }
    /// The decoded value of an attribute without prefix.
    pub fn attribute(&self, _name: &str) -> Option<Cow<'_, str>> {
        todo!()
    }
    /// The decoded value of an attribute in a namespace.
    pub fn attribute_ns(&self, _local: &str, _namespace: &str) -> Option<Cow<'_, str>> {
        todo!()
    }
}

/// A wrapped document: a BOSH body (XEP-0124 §6).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrapped {
    /// The wrapper's start tag (also of an empty `<body/>`).
    pub wrapper: StartTag,
    /// Its child elements in order.
    pub elements: Vec<Element>,
}

impl Wrapped {
    /// Reads a complete wrapped document. `predeclared` are prefixes in force before the wrapper (B-R-024: `xmpp:` and `stream:`).
    /// White space between elements is dropped, other text directly inside the wrapper is `XmlErrorKind::Text`.
    pub fn parse(
        _document: Bytes,
        _predeclared: &[(&str, &str)],
        _limits: &XmlLimits,
    ) -> Result<Self, XmlError> {
        todo!()
    }
}

/// Cuts an endless stream, `<stream:stream>` on TCP, whatever the chunks. Keeps its scan offset: a byte is scanned once.
#[derive(Debug)]
pub struct Splitter {/* limits, depth, offset, scope */}

impl Splitter {
    /// One for a new stream; make another at each restart (W-R-438).
    pub fn stream(_limits: XmlLimits) -> Self {
        todo!()
    }
    /// Replaces the limits from the next element on (tighter before authentication).
    pub fn set_limits(&mut self, _limits: XmlLimits) {
        todo!()
    }
    /// Takes the next piece off the front of `input`; `None` means "need more". White space between pieces is taken and dropped.
    /// After an error every call returns the same error.
    pub fn next_piece(&mut self, _input: &mut BytesMut) -> Result<Option<Piece>, XmlError> {
        todo!()
    }
}

/// What a stream is cut into.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// The stream header's start tag (an XML declaration before it is dropped).
    Open(StartTag),
    /// One first-level element.
    Element(Element),
    /// The stream's end tag.
    Close,
}

/// Why XML was refused, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind} at byte {offset}")]
pub struct XmlError {
    /// What was wrong.
    pub kind: XmlErrorKind,
    /// Bytes from the start of the document, or of the stream.
    pub offset: u64,
}

/// What was wrong with the XML.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum XmlErrorKind {
    /// Not well-formed (XML 1.0), or cut short.
    #[error("not well-formed XML")]
    NotWellFormed,
    /// Not namespace-well-formed: undeclared prefix, duplicate expanded attribute, misuse of `xml`/`xmlns`.
    #[error("undeclared or misused namespace prefix")]
    Namespace,
    /// Comment, processing instruction, DTD or entity that RFC 6120 §11.1 forbids.
    #[error("XML that XMPP forbids (comment, processing instruction, DTD or entity)")]
    Restricted,
    /// An XML declaration with an encoding other than UTF-8.
    #[error("encoding other than UTF-8")]
    Encoding,
    /// Bytes that are not UTF-8.
    #[error("invalid UTF-8")]
    Utf8,
    /// Text where only elements may stand (between stanzas, directly in `<body/>`).
    #[error("text between elements")]
    Text,
    /// More bytes than `XmlLimits::element_bytes`.
    #[error("element larger than the limit")]
    TooBig,
    /// Deeper than `XmlLimits::depth`.
    #[error("elements nested deeper than the limit")]
    TooDeep,
    /// More attributes or declarations than the limits allow.
    #[error("more attributes than the limit")]
    TooManyAttributes,
}

/// Builds an element; escapes what it is given. Characters that XML cannot carry (U+0000 ..) are replaced by U+FFFD.
#[derive(Clone, Debug)]
pub struct Builder {/* bytes so far */}

impl Builder {
    /// Adds an attribute (`"xml:lang"` is fine; other prefixes must have been declared with `declare`).
    #[must_use]
    pub fn attribute(self, _name: &str, _value: &str) -> Self {
        todo!()
    }
    /// Adds an attribute where there is a value.
    #[must_use]
    pub fn attribute_if(self, _name: &str, _value: Option<&str>) -> Self {
        todo!()
    }
    /// Declares a prefix.
    #[must_use]
    pub fn declare(self, _prefix: &str, _namespace: &str) -> Self {
        todo!()
    }
    /// Appends text.
    #[must_use]
    pub fn text(self, _text: &str) -> Self {
        todo!()
    }
    /// Appends a child; made to stand alone first.
    #[must_use]
    pub fn child(self, _child: Element) -> Self {
        todo!()
    }
    /// The element. Attributes are written with double quotes, an empty one as `<name .../>`.
    pub fn finish(self) -> Element {
        todo!()
    }
}

/// Appends `text` with `& < >` escaped.
pub fn escape_text(_text: &str, _out: &mut Vec<u8>) {
    todo!()
}
/// Appends `value` with `& < > " '`, tab, CR and LF escaped.
pub fn escape_attribute(_value: &str, _out: &mut Vec<u8>) {
    todo!()
}
