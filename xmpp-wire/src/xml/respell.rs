//! Elements of a namespace that must have no prefix (`jabber:client`, RFC 6120 §4.8.5), written again without one.

use xmpp_machine::Proved as _;

use super::{NestedElement, document, tag};
use crate::{Utf8Bytes, XmlLimits};

impl NestedElement {
    /// Whether the root or a descendant is in this namespace by a prefix.
    pub fn has_prefixed(&self, namespace: &str) -> bool {
        let bound = self.scope.prefixes().any(|(_, uri)| uri == namespace)
            || binds_prefix(self.raw(), namespace);
        bound && self.is_prefixed(namespace)
    }

    /// The same element with everything in this namespace written without a prefix, by a default namespace declared where it changes. Prefixes of
    /// attributes and of other namespaces stay.
    ///
    /// ```
    /// use xmpp_wire::{Element, XmlLimits, ns};
    ///
    /// let message = "<c:message xmlns:c='jabber:client'><c:body>hi</c:body></c:message>";
    /// let message = Element::parse(message.into(), &XmlLimits::default())?.unprefixed(ns::CLIENT);
    /// assert_eq!(message.raw(), "<message xmlns=\"jabber:client\" xmlns:c='jabber:client'><body>hi</body></message>");
    /// # Ok::<(), xmpp_wire::XmlError>(())
    /// ```
    #[must_use]
    pub fn unprefixed(&self, namespace: &str) -> Self {
        if !self.has_prefixed(namespace) {
            return self.clone();
        }
        let mut raw = Vec::with_capacity(self.raw().len() + 64);
        self.respell(namespace, self.scope.default_namespace(), &mut raw);
        // What is written is well-formed; were it not, the element would stay as it was.
        document::one_root(
            Utf8Bytes::checked(raw.into()),
            XmlLimits::none(),
            self.scope.clone(),
        )
        .unwrap_or_else(|_| self.clone())
    }

    fn is_prefixed(&self, namespace: &str) -> bool {
        (self.prefix().is_some() && self.name().namespace == namespace)
            || self.children().any(|child| child.is_prefixed(namespace))
    }

    /// Writes it where `default` is the default namespace in force.
    fn respell(&self, namespace: &str, default: &str, out: &mut Vec<u8>) {
        let name = self.name();
        let written = self.tag().proved(1..=self.shape.name_len);
        let (written, wanted) = match self.prefix() {
            None => (written, name.namespace),
            Some(_) if name.namespace == namespace => (name.local, namespace),
            Some(_) => (written, default),
        };
        out.push(b'<');
        out.extend_from_slice(written.as_bytes());
        if wanted != default {
            out.extend_from_slice(b" xmlns=\"");
            super::write::escape_attribute(wanted, out);
            out.push(b'"');
        }
        for attribute in tag::attributes(self.tag(), &self.shape) {
            if attribute.declares() != Some("") {
                out.push(b' ');
                out.extend_from_slice(self.raw().proved(attribute.start..attribute.end));
            }
        }
        if self.shape.self_closing {
            return out.extend_from_slice(b"/>");
        }
        out.push(b'>');
        let inside = self.inside();
        let mut from = self.shape.tag_len;
        for (child, range) in &inside.children {
            out.extend_from_slice(self.raw().proved(from..range.start));
            child.respell(namespace, wanted, out);
            from = range.end;
        }
        out.extend_from_slice(self.raw().proved(from..inside.end));
        out.extend_from_slice(b"</");
        out.extend_from_slice(written.as_bytes());
        out.push(b'>');
    }
}

/// Whether the bytes may bind a prefix to this namespace: a look at them without reading tags. References in the value count too.
fn binds_prefix(raw: &[u8], namespace: &str) -> bool {
    memchr::memmem::find_iter(raw, b"xmlns:").any(|at| {
        let rest = raw.proved(at..);
        let mut parts = rest.splitn(3, |&byte| matches!(byte, b'"' | b'\''));
        let value = parts.nth(1);
        value.is_some_and(|value| value == namespace.as_bytes() || value.contains(&b'&'))
    })
}
