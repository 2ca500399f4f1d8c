//! Elements changed in place: declarations added, names respelled, children and attributes cut out. The bytes that are
//! not concerned stay as they are.

use std::ops::Range;

use bytes::Bytes;
use xmpp_machine::Proved as _;

use super::{
    Element, NestedElement, Scope, document,
    element::{RootNamespace, Shape},
    tag::{self, RawAttribute},
    write::escape_attribute,
};
use crate::{Utf8Bytes, XmlLimits, ns};

impl NestedElement {
    /// The same element as a document of its own: the inherited default namespace is declared on the root where the root or a
    /// descendant inherits it; so is every inherited prefix, since prefixes can hide in values and text (those of the stream
    /// namespace and of `urn:xmpp:xbosh` only where a name uses them). A declaration of the root's own wins.
    /// Nothing is copied where nothing is missing.
    #[must_use]
    pub fn standalone(&self) -> Element {
        self.stand_alone(None)
    }

    /// As `standalone`, with an inherited `xml:lang` on a root that has none (RFC 7395 §3.3.3, RFC 6120 §4.7.4).
    #[must_use]
    pub fn standalone_with_lang(&self) -> Element {
        let lang = self.scope.lang().filter(|lang| !lang.is_empty());
        self.stand_alone(lang.filter(|_| self.attribute_ns("lang", ns::XML).is_none()))
    }

    /// Moves what merely inherits the default namespace `from` into `to`, by declaring `to` on the root: a stanza that its
    /// sender left in the namespace of the BOSH wrapper, or in none. Unchanged where the root declares a default namespace or is prefixed.
    #[must_use]
    pub fn adopt(&self, from: &str, to: &str) -> Self {
        let inherits = matches!(self.shape.namespace, RootNamespace::Default);
        if !inherits || self.scope.default_namespace() != from {
            return self.clone();
        }
        self.with_declarations(&[("", to)], None, self.scope.clone())
    }

    /// Moves what is in the root's own default namespace `from` into `to`: a stanza that a server left in the namespace of another kind of stream.
    /// Unchanged where the root declares no such default namespace, or has a prefix.
    #[must_use]
    pub fn moved(&self, from: &str, to: &str) -> Self {
        let own = self.prefix().is_none() && self.name().namespace == from;
        let declared = tag::attributes(self.tag(), &self.shape)
            .find(|attribute| own && attribute.declares() == Some(""));
        let Some(attribute) = declared else {
            return self.clone();
        };
        let mut written = Vec::new();
        escape_attribute(to, &mut written);
        let end = attribute.end - 1;
        self.spliced(&[(end - attribute.value.len()..end, written.into())])
    }

    /// An element in the stream namespace, standing alone and spelled with the literal prefix `stream:` (RFC 7395 §3.3.3),
    /// whatever prefix it had; namespaces inside are kept. Others only stand alone.
    #[must_use]
    pub fn with_stream_prefix(&self) -> Element {
        if self.name().namespace != ns::STREAM || self.prefix() == Some("stream") {
            return self.standalone();
        }
        // The root's own default declaration goes where nothing inside needs it.
        let is_default = |attribute: &RawAttribute<'_>| attribute.declares() == Some("");
        let without = self
            .renamed(is_default)
            .filter(|element| !element.shape.inherits_default);
        match without.or_else(|| self.renamed(|_| false)) {
            Some(element) => element.standalone(),
            None => self.standalone(),
        }
    }

    /// Without the children for which `keep` is false: their bytes are cut out, the rest stays byte for byte.
    #[must_use]
    pub fn retain_children(&self, mut keep: impl FnMut(&Self) -> bool) -> Self {
        self.map_children(|child| keep(&child).then_some(child))
    }

    /// With each child replaced by what `edit` returns (`None` cuts it); the bytes between them stay.
    #[must_use]
    pub fn map_children(&self, mut edit: impl FnMut(Self) -> Option<Self>) -> Self {
        let inside = self.inside();
        let mut edits = Vec::new();
        for (child, range) in inside.children {
            let before = child.clone();
            match edit(child) {
                None => edits.push((range, Bytes::new())),
                Some(after) if after == before => {}
                Some(after) => edits.push((range, after.fitted(&inside.scope))),
            }
        }
        self.spliced(&edits)
    }

    /// With a child appended.
    #[must_use]
    pub fn with_child(&self, child: &Element) -> Self {
        let inside = self.inside();
        let child = child.clone().fitted_into(inside.scope.default_namespace());
        if !self.shape.self_closing {
            return self.spliced(&[(inside.end..inside.end, child)]);
        }
        let name = self.tag().proved(1..=self.shape.name_len);
        let mut inside = vec![b'>'];
        inside.extend_from_slice(&child);
        inside.extend_from_slice(format!("</{name}>").as_bytes());
        let length = self.shape.tag_len;
        self.spliced(&[(length - 2..length, inside.into())])
    }

    /// Without this unprefixed attribute. A declaration is no attribute: it stays.
    #[must_use]
    pub fn without_attribute(&self, name: &str) -> Self {
        if is_declaration(name) {
            return self.clone();
        }
        match tag::attributes(self.tag(), &self.shape).find(|attribute| attribute.name == name) {
            None => self.clone(),
            Some(attribute) => self.spliced(&[(self.with_space(&attribute), Bytes::new())]),
        }
    }

    /// With this unprefixed attribute, or `xml:lang`, on the root, in place of one of that name. Unchanged where the name is that
    /// of a declaration, or none at all.
    #[must_use]
    pub fn with_attribute(&self, name: &str, value: &str) -> Self {
        if is_declaration(name) {
            return self.clone();
        }
        let mut written = format!(" {name}=\"").into_bytes();
        escape_attribute(value, &mut written);
        written.push(b'"');
        let behind_name = 1 + self.shape.name_len;
        let place = tag::attributes(self.tag(), &self.shape)
            .find(|attribute| attribute.name == name)
            .map_or(behind_name..behind_name, |attribute| {
                self.with_space(&attribute)
            });
        self.spliced(&[(place, written.into())])
    }

    /// Its bytes for a place where `scope` is in force.
    fn fitted(self, scope: &Scope) -> Bytes {
        if self.scope == *scope {
            self.raw.into_bytes()
        } else {
            self.standalone().fitted_into(scope.default_namespace())
        }
    }

    fn stand_alone(&self, lang: Option<&str>) -> Element {
        let default = self.scope.default_namespace();
        let mut missing = Vec::new();
        if self.shape.inherits_default && !default.is_empty() {
            missing.push(("", default));
        }
        for (place, (prefix, uri)) in self.scope.prefixes().enumerate() {
            let used = self.shape.inherited_prefixes & (1 << place.min(31)) != 0;
            if (used || !matches!(uri, ns::STREAM | ns::XBOSH)) && !self.declares(prefix) {
                missing.push((prefix, uri));
            }
        }
        if missing.is_empty() && lang.is_none() {
            return Element(Self {
                scope: Scope::default(),
                ..self.clone()
            });
        }
        Element(self.with_declarations(&missing, lang, Scope::default()))
    }

    fn declares(&self, prefix: &str) -> bool {
        tag::declaration(self.raw(), &self.shape, prefix.as_bytes()).is_some()
    }

    /// Writes declarations right behind the root's name. `scope` is what the result inherits.
    fn with_declarations(
        &self,
        missing: &[(&str, &str)],
        lang: Option<&str>,
        scope: Scope,
    ) -> Self {
        let at = 1 + self.shape.name_len;
        let mut raw = Vec::with_capacity(self.raw().len() + 96);
        raw.extend_from_slice(self.raw().proved(..at));
        let mut shape = self.shape.clone();
        for &(prefix, uri) in missing {
            let opening = if prefix.is_empty() {
                " xmlns=\"".to_owned()
            } else {
                format!(" xmlns:{prefix}=\"")
            };
            raw.extend_from_slice(opening.as_bytes());
            let start = raw.len();
            escape_attribute(uri, &mut raw);
            let concerned = match &shape.namespace {
                RootNamespace::Default => prefix.is_empty(),
                RootNamespace::Prefix(_) => self.prefix() == Some(prefix),
                RootNamespace::Own(..) | RootNamespace::Decoded(_) => false,
            };
            if concerned {
                shape.namespace = if raw.len() - start == uri.len() {
                    RootNamespace::Own(start, uri.len())
                } else {
                    RootNamespace::Decoded(uri.into())
                };
            }
            if prefix.is_empty() {
                shape.inherits_default = false;
            }
            raw.push(b'"');
        }
        if let Some(lang) = lang {
            raw.extend_from_slice(b" xml:lang=\"");
            escape_attribute(lang, &mut raw);
            raw.push(b'"');
        }
        let added = raw.len() - at;
        raw.extend_from_slice(self.raw().proved(at..));
        shape.tag_len += added;
        if let (RootNamespace::Own(start, _), RootNamespace::Own(..)) =
            (&mut shape.namespace, &self.shape.namespace)
        {
            *start += added;
        }
        if scope == Scope::default() {
            shape.inherited_prefixes = 0;
        }
        Self {
            raw: Utf8Bytes::checked(raw.into()),
            scope,
            shape,
        }
    }

    /// The root respelled with the prefix `stream`, declared on it, and without the attributes that `cut` picks. `None` where the
    /// prefix means something else on the root or inside.
    fn renamed(&self, cut: impl Fn(&RawAttribute<'_>) -> bool) -> Option<Self> {
        let local = self.name().local.to_owned();
        let text = self.tag();
        let mut declared = false;
        let mut edits = Vec::new();
        for attribute in tag::attributes(text, &self.shape) {
            if attribute.declares() == Some("stream") {
                if attribute.value != ns::STREAM {
                    return None;
                }
                declared = true;
            } else if cut(&attribute) {
                edits.push((self.with_space(&attribute), Bytes::new()));
            }
        }
        let place = self
            .scope
            .prefixes()
            .position(|(prefix, uri)| prefix == "stream" && uri != ns::STREAM);
        if place.is_some_and(|place| self.shape.inherited_prefixes & (1 << place.min(31)) != 0) {
            return None;
        }
        let mut opening = format!("stream:{local}");
        if !declared {
            opening.push_str(" xmlns:stream=\"http://etherx.jabber.org/streams\"");
        }
        edits.insert(0, (1..1 + self.shape.name_len, opening.into()));
        if !self.shape.self_closing {
            let end = self.inside().end;
            edits.push((
                end + 2..end + 2 + self.shape.name_len,
                format!("stream:{local}").into(),
            ));
        }
        let raw = splice(self.raw(), &edits);
        document::one_root(raw, XmlLimits::none(), self.scope.clone()).ok()
    }

    /// An attribute's place, with the white space before it.
    fn with_space(&self, attribute: &RawAttribute<'_>) -> Range<usize> {
        let before = self.tag().proved(..attribute.start);
        before.trim_ascii_end().len()..attribute.end
    }

    fn spliced(&self, edits: &[(Range<usize>, Bytes)]) -> Self {
        if edits.is_empty() {
            return self.clone();
        }
        let raw = splice(self.raw(), edits);
        // Edits keep the element well-formed; should a caller's child not fit, the element stays as it was.
        document::one_root(raw, XmlLimits::none(), self.scope.clone())
            .unwrap_or_else(|_| self.clone())
    }
}

/// Edits that leave an element standing alone.
impl Element {
    /// As [`NestedElement::moved`].
    #[must_use]
    pub fn moved(&self, from: &str, to: &str) -> Self {
        Self(self.0.moved(from, to))
    }

    /// As [`NestedElement::unprefixed`].
    #[must_use]
    pub fn unprefixed(&self, namespace: &str) -> Self {
        Self(self.0.unprefixed(namespace))
    }

    /// As [`NestedElement::adopt`].
    #[must_use]
    pub fn adopt(&self, from: &str, to: &str) -> Self {
        Self(self.0.adopt(from, to))
    }

    /// As [`NestedElement::retain_children`].
    #[must_use]
    pub fn retain_children(&self, keep: impl FnMut(&NestedElement) -> bool) -> Self {
        Self(self.0.retain_children(keep))
    }

    /// Features without STARTTLS: a client's TLS is that of its HTTP or WebSocket (W-R-368, W-R-420).
    #[must_use]
    pub fn strip_starttls(&self) -> Self {
        self.retain_children(|child| !child.is("starttls", ns::TLS))
    }

    /// As [`NestedElement::map_children`].
    #[must_use]
    pub fn map_children(&self, edit: impl FnMut(NestedElement) -> Option<NestedElement>) -> Self {
        Self(self.0.map_children(edit))
    }

    /// As [`NestedElement::with_child`].
    #[must_use]
    pub fn with_child(&self, child: &Self) -> Self {
        Self(self.0.with_child(child))
    }

    /// As [`NestedElement::without_attribute`].
    #[must_use]
    pub fn without_attribute(&self, name: &str) -> Self {
        Self(self.0.without_attribute(name))
    }

    /// As [`NestedElement::with_attribute`].
    #[must_use]
    pub fn with_attribute(&self, name: &str, value: &str) -> Self {
        Self(self.0.with_attribute(name, value))
    }

    /// Its bytes for a place with this default namespace: what is in none must say so there.
    pub(super) fn fitted_into(self, default: &str) -> Bytes {
        if self.0.shape.inherits_default && !default.is_empty() {
            self.0
                .with_declarations(&[("", "")], None, Scope::default())
                .raw
                .into_bytes()
        } else {
            self.0.raw.into_bytes()
        }
    }
}

fn is_declaration(name: &str) -> bool {
    name == "xmlns" || name.starts_with("xmlns:")
}

/// `raw`, which is text, with these places replaced by text; they are in order and apart.
pub(super) fn splice(raw: &Bytes, edits: &[(Range<usize>, Bytes)]) -> Utf8Bytes {
    let mut out =
        Vec::with_capacity(raw.len() + edits.iter().map(|(_, bytes)| bytes.len()).sum::<usize>());
    let mut from = 0;
    for (range, bytes) in edits {
        out.extend_from_slice(raw.proved(from..range.start));
        out.extend_from_slice(bytes);
        from = range.end;
    }
    out.extend_from_slice(raw.proved(from..));
    Utf8Bytes::checked(out.into())
}

/// The shape of an element that was just written and is known to be good.
pub(super) fn written(raw: Utf8Bytes) -> Element {
    let element = document::one_root(raw.clone(), XmlLimits::none(), Scope::default())
        .unwrap_or_else(|_| NestedElement::new(raw, Scope::default(), Shape::default()));
    Element(element)
}
