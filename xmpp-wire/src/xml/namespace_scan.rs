//! Namespaces in XML: declarations come into force, prefixes are looked up, expanded names are compared.

use std::sync::Arc;

use xmpp_machine::Proved as _;

use super::{
    decode,
    element::RootNamespace,
    error::XmlErrorKind,
    scan::{Mode, Scanner, Stop},
    scope::Scope,
    tag_scan::{Attribute, Binding, QName},
};
use crate::{ns, text::proved_str};

/// Where a prefix is bound.
#[derive(Clone, Copy)]
enum Bound {
    /// The prefix `xml`, which is bound by definition.
    Xml,
    /// Inside the piece: the declaration's place among the bindings.
    Here(usize),
    /// Outside: the place in the scope.
    Inherited(usize),
}

impl Scanner {
    /// Checks the start tag that has just been completed, brings its declarations into force, and notes what it inherits.
    pub(super) fn check_namespaces(&mut self, view: &[u8], root: bool) -> Result<(), Stop> {
        let mut prefixed = false;
        let concerned = if self.open_tag.concerns_namespaces {
            self.attributes.len()
        } else {
            0
        };
        for i in 0..concerned {
            let Some(attribute) = self.attributes.get(i) else {
                break;
            };
            if !attribute.may_repeat && !attribute.declares && !attribute.name.is_prefixed() {
                continue;
            }
            let attribute = *attribute;
            let name = attribute.name.whole(view);
            let before = if attribute.may_repeat { i } else { 0 };
            if self
                .attributes
                .iter()
                .take(before)
                .any(|other| other.key == attribute.key && other.name.whole(view) == name)
            {
                return Err(Stop::Bad(XmlErrorKind::NotWellFormed, attribute.name.start));
            }
            match attribute.declares(view) {
                Some(prefix) => self.declare(view, &attribute, prefix)?,
                None => prefixed |= attribute.name.is_prefixed(),
            }
        }
        if prefixed {
            self.check_attribute_names(view)?;
        }
        let name = self.open_tag.name;
        let bound = match name.prefix(view) {
            Some(prefix) => Some(self.lookup(view, prefix, name)?),
            None => {
                self.shape.inherits_default |= self.default_bindings == 0;
                None
            }
        };
        if root {
            self.note_root(view, name, bound);
        }
        Ok(())
    }

    /// The scope inside the start tag that has just been completed.
    pub(super) fn inner_scope(&self, view: &[u8]) -> Scope {
        // Only the default one, and nothing of `xml:`: the usual `<body/>`.
        let mut special = self
            .attributes
            .iter()
            .filter(|attribute| attribute.declares || attribute.name.is_prefixed());
        let only = match (special.next(), special.next()) {
            (Some(only), None) if self.mode == Mode::Wrapped => only,
            _ => &Attribute::default(),
        };
        if only.declares && !only.name.is_prefixed() && !only.encoded {
            return self.scope.with_default(only.raw(view));
        }
        let declared = self.attributes.iter().filter_map(|attribute| {
            let prefix = attribute.declares(view)?;
            let prefix = if prefix.is_empty() {
                None
            } else {
                Some(proved_str(prefix))
            };
            Some((
                prefix,
                decode::value(proved_str(attribute.raw(view))).into_owned(),
            ))
        });
        let lang = self
            .attributes
            .iter()
            .find(|attribute| attribute.name.whole(view) == b"xml:lang");
        let lang =
            lang.map(|attribute| decode::value(proved_str(attribute.raw(view))).into_owned());
        self.scope.extended(declared, lang)
    }

    fn declare(&mut self, view: &[u8], attribute: &Attribute, prefix: &[u8]) -> Result<(), Stop> {
        let raw = attribute.raw(view);
        let decoded = attribute.encoded.then(|| decode::value(proved_str(raw)));
        let uri = decoded.as_ref().map_or(raw, |uri| uri.as_bytes());
        let reserved = || uri == ns::XML.as_bytes() || uri == ns::XMLNS.as_bytes();
        let misuse = match prefix {
            b"" => reserved(),
            b"xmlns" => true,
            b"xml" => uri != ns::XML.as_bytes(),
            _ => uri.is_empty() || reserved(),
        };
        if misuse {
            return Err(Stop::Bad(XmlErrorKind::Namespace, attribute.name.start));
        }
        let prefix = if prefix.is_empty() {
            self.default_bindings += 1;
            (0, 0)
        } else {
            (attribute.name.end - prefix.len(), attribute.name.end)
        };
        self.bindings.push(Binding {
            prefix,
            uri: (attribute.value, attribute.value_end),
            encoded: attribute.encoded,
        });
        Ok(())
    }

    /// Prefixes of attributes must be declared, and no two attributes may have one expanded name.
    fn check_attribute_names(&mut self, view: &[u8]) -> Result<(), Stop> {
        for i in 0..self.attributes.len() {
            let Some(&attribute) = self.attributes.get(i) else {
                break;
            };
            let Some(prefix) = attribute.name.prefix(view) else {
                continue;
            };
            if attribute.declares(view).is_some() {
                continue;
            }
            let bound = self.lookup(view, prefix, attribute.name)?;
            let uri = self.namespace(view, bound);
            for other in self.attributes.iter().take(i) {
                let Some(other_prefix) = other.name.prefix(view) else {
                    continue;
                };
                if other.name.local(view) != attribute.name.local(view)
                    || other.declares(view).is_some()
                {
                    continue;
                }
                let same = self
                    .find(view, other_prefix)
                    .is_some_and(|bound| self.namespace(view, bound) == uri);
                if same {
                    return Err(Stop::Bad(XmlErrorKind::Namespace, attribute.name.start));
                }
            }
        }
        Ok(())
    }

    /// Finds a prefix that must be declared, and notes that it is inherited where it is.
    fn lookup(&mut self, view: &[u8], prefix: &[u8], name: QName) -> Result<Bound, Stop> {
        let Some(bound) = self.find(view, prefix) else {
            return Err(Stop::Bad(XmlErrorKind::Namespace, name.start));
        };
        if let Bound::Inherited(place) = bound {
            self.shape.inherited_prefixes |= 1 << place.min(31);
        }
        Ok(bound)
    }

    fn find(&self, view: &[u8], prefix: &[u8]) -> Option<Bound> {
        let here = self
            .bindings
            .iter()
            .rposition(|binding| view.proved(binding.prefix.0..binding.prefix.1) == prefix);
        match here {
            Some(place) => Some(Bound::Here(place)),
            None if prefix == b"xml" => Some(Bound::Xml),
            None => self.scope.position(prefix).map(Bound::Inherited),
        }
    }

    fn namespace<'a>(&'a self, view: &'a [u8], bound: Bound) -> std::borrow::Cow<'a, str> {
        match bound {
            Bound::Xml => ns::XML.into(),
            Bound::Here(place) => {
                let (start, end) = self
                    .bindings
                    .get(place)
                    .map_or((0, 0), |binding| binding.uri);
                decode::value(proved_str(view.proved(start..end)))
            }
            Bound::Inherited(place) => self
                .scope
                .prefixes()
                .nth(place)
                .map_or("", |(_, uri)| uri)
                .into(),
        }
    }

    /// Notes what `Element::name` needs.
    fn note_root(&mut self, view: &[u8], name: QName, bound: Option<Bound>) {
        let default = self
            .bindings
            .iter()
            .rposition(|binding| binding.prefix.0 == binding.prefix.1);
        let place = match (bound, default) {
            (Some(Bound::Xml), _) => RootNamespace::Decoded(ns::XML.into()),
            (Some(Bound::Inherited(place)), _) => RootNamespace::Prefix(place),
            (Some(Bound::Here(place)), _) | (None, Some(place)) => self.own(view, place),
            (None, None) => RootNamespace::Default,
        };
        let at = self.open_tag.at;
        self.shape.namespace = place;
        self.shape.name_len = name.end - name.start;
        self.shape.prefix_len = name.is_prefixed().then(|| name.local - 1 - name.start);
        self.shape.tag_len = self.pos - at;
        self.shape.self_closing = view.get(self.pos.wrapping_sub(2)) == Some(&b'/');
    }

    fn own(&self, view: &[u8], place: usize) -> RootNamespace {
        let Some(binding) = self.bindings.get(place) else {
            return RootNamespace::Default;
        };
        let (start, end) = binding.uri;
        if binding.encoded {
            let raw = proved_str(view.proved(start..end));
            RootNamespace::Decoded(Arc::from(decode::value(raw)))
        } else {
            RootNamespace::Own(start - self.open_tag.at, end - start)
        }
    }
}
