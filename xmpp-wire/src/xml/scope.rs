use std::{cell::Cell, sync::Arc};

use crate::{ns, text::proved_str};

/// The namespace declarations (and `xml:lang`) in force outside an element. Cheap to clone.
///
/// ```
/// use bytes::Bytes;
/// use xmpp_wire::{Wrapped, XmlLimits};
///
/// let body = Bytes::from_static(b"<body xmlns='urn:b' xmlns:q='urn:q'><q:x/></body>");
/// let body = Wrapped::parse(body, &[], &XmlLimits::default())?;
/// assert_eq!(body.elements[0].scope().default_namespace(), "urn:b");
/// assert_eq!(body.elements[0].scope().namespace("q"), Some("urn:q"));
/// # Ok::<(), xmpp_wire::XmlError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scope(Option<Arc<Declarations>>);

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Declarations {
    default: String,
    prefixes: Vec<(String, String)>,
    lang: Option<String>,
}

thread_local! {
    /// The last scopes that `predeclared` and `with_default` made: wrappers in a row mostly declare the same.
    static PREDECLARED: Cell<Scope> = const { Cell::new(Scope(None)) };
    static WITH_DEFAULT: Cell<(Scope, Scope)> = const { Cell::new((Scope(None), Scope(None))) };
}

/// Longest namespace that a thread remembers, in bytes.
const REMEMBERED_BYTES: usize = 256;

impl Scope {
    /// One with these prefixes declared.
    pub(super) fn predeclared(prefixes: &[(&str, &str)]) -> Self {
        if prefixes.is_empty() {
            return Self(None);
        }
        let last = PREDECLARED.try_with(Cell::take).unwrap_or_default();
        let scope = if last.prefixes().eq(prefixes.iter().copied()) {
            last
        } else {
            Self::declaring(prefixes)
        };
        PREDECLARED.try_with(|last| last.set(scope.clone())).ok();
        scope
    }

    /// This scope, which is none or predeclared, with a default namespace.
    pub(super) fn with_default(&self, uri: &[u8]) -> Self {
        let (outer, inner) = WITH_DEFAULT.try_with(Cell::take).unwrap_or_default();
        let same = match (&self.0, &outer.0) {
            (None, None) => true,
            (Some(this), Some(outer)) => Arc::ptr_eq(this, outer),
            (Some(_), None) | (None, Some(_)) => false,
        };
        let inner = if same && !uri.is_empty() && inner.default_namespace().as_bytes() == uri {
            inner
        } else {
            self.extended(std::iter::once((None, proved_str(uri).to_owned())), None)
        };
        if uri.len() <= REMEMBERED_BYTES {
            let pair = (self.clone(), inner.clone());
            WITH_DEFAULT.try_with(|last| last.set(pair)).ok();
        }
        inner
    }

    fn declaring(prefixes: &[(&str, &str)]) -> Self {
        let prefixes = prefixes
            .iter()
            .map(|&(prefix, uri)| (prefix.to_owned(), uri.to_owned()))
            .collect();
        Self(Some(Arc::new(Declarations {
            prefixes,
            ..Declarations::default()
        })))
    }

    /// The default namespace, "" where there is none.
    pub fn default_namespace(&self) -> &str {
        self.0
            .as_ref()
            .map_or("", |declarations| &declarations.default)
    }

    /// The namespace of a prefix; `xml` is always bound.
    pub fn namespace(&self, prefix: &str) -> Option<&str> {
        if prefix == "xml" {
            return Some(ns::XML);
        }
        self.prefixes()
            .find(|&(p, _)| p == prefix)
            .map(|(_, uri)| uri)
    }

    /// The `xml:lang` in force.
    pub fn lang(&self) -> Option<&str> {
        self.0.as_ref()?.lang.as_deref()
    }

    /// The prefixes in force with their namespaces, `xml` apart.
    pub fn prefixes(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .flat_map(|declarations| &declarations.prefixes)
            .map(|(p, uri)| (p.as_str(), uri.as_str()))
    }

    /// The place of a prefix in `prefixes`.
    pub(super) fn position(&self, prefix: &[u8]) -> Option<usize> {
        self.0
            .as_ref()?
            .prefixes
            .iter()
            .position(|(p, _)| p.as_bytes() == prefix)
    }

    /// This scope, and what a start tag inside it declares.
    pub(super) fn extended<'a>(
        &self,
        declared: impl Iterator<Item = (Option<&'a str>, String)>,
        lang: Option<String>,
    ) -> Self {
        let mut inner: Option<Declarations> = None;
        let base = || self.0.as_deref().cloned().unwrap_or_default();
        for (prefix, uri) in declared {
            let inner = inner.get_or_insert_with(base);
            match prefix {
                None => inner.default = uri,
                Some(prefix) => match inner.prefixes.iter_mut().find(|(p, _)| p == prefix) {
                    Some(slot) => slot.1 = uri,
                    None => inner.prefixes.push((prefix.to_owned(), uri)),
                },
            }
        }
        if lang.is_some() {
            inner.get_or_insert_with(base).lang = lang;
        }
        inner.map_or_else(|| self.clone(), |inner| Self(Some(Arc::new(inner))))
    }
}

#[cfg(test)]
mod tests {
    use crate::{Element, Wrapped, XmlLimits};

    /// Namespaces in XML §6.1: the innermost declaration is the one in force.
    #[test]
    fn a_prefix_that_is_declared_anew_has_its_new_namespace() {
        let outer = "<a xmlns='u:a' xmlns:p='u:1'><b xmlns='u:b' xmlns:p='u:2' xmlns:q='u:3'><p:c/></b></a>";
        let outer = Element::parse(outer.into(), &XmlLimits::default()).expect("good");
        let inner = outer.child("b", "u:b").and_then(|b| b.child("c", "u:2"));
        let inner = inner.expect("in the namespace of the inner declaration");
        let prefixes: Vec<_> = inner.scope().prefixes().collect();
        assert_eq!(prefixes, [("p", "u:2"), ("q", "u:3")]);
        assert_eq!(inner.scope().default_namespace(), "u:b");
        // So it is where attributes are compared.
        for (anew, is_good) in [("u:2", false), ("u:3", true)] {
            let document =
                format!("<a xmlns:p='u:1' xmlns:q='u:2'><b xmlns:p='{anew}' p:c='' q:c=''/></a>");
            let read = Element::parse(document.into(), &XmlLimits::default());
            assert_eq!(read.is_ok(), is_good, "{anew}");
        }
    }

    /// One session's declarations must not be in force in the next one's document.
    #[test]
    fn a_remembered_scope_serves_the_same_outer_scope_alone() {
        let scope = |predeclared: &[(&str, &str)]| {
            let body = "<body xmlns='u:b'><x/></body>";
            let body = Wrapped::parse(body.into(), predeclared, &XmlLimits::default());
            body.expect("good").elements[0].scope().clone()
        };
        let with = [("p", "u:1")];
        for (predeclared, expected) in [
            (&with[..], Some("u:1")),
            (&[], None),
            (&[("p", "u:2")], Some("u:2")),
            (&with, Some("u:1")),
            (&with, Some("u:1")),
        ] {
            let scope = scope(predeclared);
            assert_eq!(scope.namespace("p"), expected);
            assert_eq!(scope.default_namespace(), "u:b");
        }
    }
}
