//! Elements of a server's that break Namespaces in XML, or a limit, made into elements that do not: their place in the stream counts (XEP-0198), so
//! that none may be lost, and a recipient must not lose its stream by what a sender wrote.
//!
//! Rules:
//! * A prefix that is not declared is declared on the element, with a placeholder namespace that no other prefix has.
//! * A declaration that Namespaces in XML §3 forbids (`xmlns:p=''`, another prefix bound to the namespaces of `xml` and `xmlns`) gets the placeholder too:
//!   nothing may fall into a namespace by its loss. One of `xml` or `xmlns` is taken out, and so is an attribute whose name is not qualified or whose
//!   expanded name was there before.
//! * Where an element's name is not qualified, or a limit is passed, the start tag stays and the content goes; that is for stanzas alone.
//! * The name of the element itself decides what it is, and is never mended.

use std::{borrow::Cow, collections::BTreeSet, ops::Range};

use bytes::Bytes;
use xmpp_machine::Proved as _;

use super::{
    Element, NestedElement, Scope, XmlErrorKind,
    chars::{self, is_space},
    decode, document,
    surgery::splice,
};
use crate::{Utf8Bytes, XmlLimits, ns, text::proved_str};

/// What had to be done to an element of a server's so that it could pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Repair {
    /// It broke Namespaces in XML: prefixes were declared, or attributes taken out of their tags.
    Namespaces,
    /// The name of an element inside was no qualified name: the content was dropped.
    Names,
    /// It was beyond a limit: the content was dropped.
    Emptied {
        /// The limit that was exceeded.
        excess: Excess,
        /// How much there was; at least, but for bytes and depth.
        found: usize,
        /// How much may be.
        limit: usize,
    },
}

/// A limit that an element passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Excess {
    /// More bytes than `XmlLimits::element_bytes`.
    Bytes,
    /// Deeper than `XmlLimits::depth`.
    Depth,
    /// More attributes than `XmlLimits::attributes`.
    Attributes,
    /// More declarations than `XmlLimits::declarations`.
    Declarations,
    /// A name longer than 1 024 bytes.
    NameBytes,
    /// A reference longer than 64 bytes.
    ReferenceBytes,
}

/// Why an element could not be mended in place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unmended {
    /// Its content must go.
    Content(Repair),
    /// It is no XML, or its own name is wrong.
    Element(XmlErrorKind),
}

/// The namespace that an undeclared prefix is given.
fn placeholder(prefix: &str) -> String {
    format!("{}{prefix}", ns::UNDECLARED)
}

struct Attribute<'a> {
    name: &'a str,
    value: &'a str,
    /// With the white space before it.
    place: Range<usize>,
    /// Of the value.
    inside: Range<usize>,
}

impl<'a> Attribute<'a> {
    /// As `tag::RawAttribute::declares`; not where the prefix is missing.
    fn declares(&self) -> Option<&'a str> {
        match self.name {
            "xmlns" => Some(""),
            name => name.strip_prefix("xmlns:").filter(|it| !it.is_empty()),
        }
    }
}

struct Tag<'a> {
    name: &'a str,
    attributes: Vec<Attribute<'a>>,
    end: usize,
    closes: bool,
}

/// The start tag at `at`, whose tokens have been checked.
fn start_tag(text: &str, at: usize) -> Option<Tag<'_>> {
    let bytes = text.as_bytes();
    let behind = |mut from: usize, stop: &dyn Fn(u8) -> bool| {
        while bytes.get(from).is_some_and(|&b| !stop(b)) {
            from += 1;
        }
        from
    };
    let not_space = |b: u8| !is_space(b);
    let name_end = behind(at + 1, &|b| is_space(b) || matches!(b, b'>' | b'/'));
    let mut tag = Tag {
        name: text.get(at + 1..name_end)?,
        attributes: Vec::new(),
        end: name_end,
        closes: false,
    };
    loop {
        let start = behind(tag.end, &not_space);
        match *bytes.get(start)? {
            b'>' => {
                tag.end = start + 1;
                return Some(tag);
            }
            b'/' => {
                tag.closes = true;
                tag.end = start + 2;
                return Some(tag);
            }
            _ => {}
        }
        let name_end = behind(start, &|b| is_space(b) || b == b'=');
        let quote = behind(name_end, &|b| matches!(b, b'"' | b'\''));
        let open = quote + 1;
        let close = open + memchr::memchr(*bytes.get(quote)?, bytes.get(open..)?)?;
        tag.attributes.push(Attribute {
            name: text.get(start..name_end)?,
            value: text.get(open..close)?,
            place: tag.end..close + 1,
            inside: open..close,
        });
        tag.end = close + 1;
    }
}

/// A qualified name's prefix ("" is none) and local part.
fn qualified(name: &str) -> Option<(&str, &str)> {
    let (prefix, local) = name.split_once(':').unwrap_or(("", name));
    let is_name = |part: &str| {
        let mut part = part.chars();
        part.next().is_some_and(chars::is_name_start) && part.all(chars::is_name)
    };
    let prefixed = prefix.len() != name.len() && name.contains(':');
    (is_name(local) && (!prefixed || is_name(prefix))).then_some((prefix, local))
}

/// An element in the making.
struct Mending<'a> {
    scope: &'a Scope,
    /// Declarations in force, "" being the default one.
    bindings: Vec<(&'a str, Cow<'a, str>)>,
    undeclared: BTreeSet<&'a str>,
    edits: Vec<(Range<usize>, Bytes)>,
}

impl<'a> Mending<'a> {
    fn is_bound(&self, prefix: &str) -> bool {
        self.bindings.iter().any(|(bound, _)| *bound == prefix)
            || self.scope.namespace(prefix).is_some()
    }

    /// The namespace of a prefix, the placeholder where it has none.
    fn namespace(&mut self, prefix: &'a str) -> Cow<'a, str> {
        let here = self
            .bindings
            .iter()
            .rev()
            .find(|(bound, _)| *bound == prefix);
        if let Some((_, uri)) = here {
            return uri.clone();
        }
        match self.scope.namespace(prefix) {
            Some(uri) => uri.to_owned().into(),
            None => {
                self.undeclared.insert(prefix);
                placeholder(prefix).into()
            }
        }
    }

    /// Mends a tag, and brings its declarations into force.
    fn tag(&mut self, tag: &Tag<'a>) -> Result<(), Unmended> {
        let mut names = BTreeSet::new();
        for attribute in &tag.attributes {
            // Unique names are asked for by XML itself.
            if !names.insert(attribute.name) {
                return Err(Unmended::Element(XmlErrorKind::NotWellFormed));
            }
            let Some(prefix) = attribute.declares() else {
                continue;
            };
            let uri = decode::value(attribute.value);
            let reserved = matches!(&*uri, ns::XML | ns::XMLNS);
            let kept = match prefix {
                "xmlns" => false,
                "xml" => uri == ns::XML,
                "" => true,
                prefix => qualified(prefix).is_some_and(|(outer, _)| outer.is_empty()),
            };
            if !kept {
                self.edits.push((attribute.place.clone(), Bytes::new()));
            } else if prefix != "xml" && (reserved || (uri.is_empty() && !prefix.is_empty())) {
                let uri = placeholder(prefix);
                self.edits
                    .push((attribute.inside.clone(), uri.clone().into()));
                self.bindings.push((prefix, uri.into()));
            } else {
                self.bindings.push((prefix, uri));
            }
        }
        let mut expanded = BTreeSet::new();
        for attribute in tag.attributes.iter().filter(|one| one.declares().is_none()) {
            let kept = match qualified(attribute.name) {
                None => false,
                Some(("", _)) => true,
                Some((prefix, local)) => expanded.insert((self.namespace(prefix), local)),
            };
            if !kept {
                self.edits.push((attribute.place.clone(), Bytes::new()));
            }
        }
        Ok(())
    }
}

/// Mends the namespaces of an element whose tokens have been checked.
pub(super) fn mend(
    raw: &Utf8Bytes,
    scope: &Scope,
    limits: &XmlLimits,
) -> Result<NestedElement, Unmended> {
    let text = raw.as_str();
    let raw = raw.as_bytes();
    let mut mending = Mending {
        scope,
        bindings: Vec::new(),
        undeclared: BTreeSet::new(),
        edits: Vec::new(),
    };
    let mut outside = Vec::new();
    let mut root = None;
    let mut at = 0;
    while let Some(found) = memchr::memchr(b'<', raw.proved(at..)) {
        at += found;
        let rest = raw.proved(at..);
        if rest.starts_with(b"<![CDATA[") {
            at += memchr::memmem::find(rest, b"]]>").unwrap_or(rest.len());
            continue;
        }
        if rest.starts_with(b"</") {
            mending.bindings.truncate(outside.pop().unwrap_or(0));
            at += 2;
            continue;
        }
        let Some(tag) = start_tag(text, at) else {
            return Err(Unmended::Element(XmlErrorKind::NotWellFormed));
        };
        outside.push(mending.bindings.len());
        mending.tag(&tag)?;
        match qualified(tag.name) {
            None | Some(("xmlns", _)) if root.is_some() => {
                return Err(Unmended::Content(Repair::Names));
            }
            None | Some(("xmlns", _)) => return Err(Unmended::Element(XmlErrorKind::Namespace)),
            Some((prefix, _)) if root.is_none() => {
                let own = mending.bindings.iter().find(|(bound, _)| *bound == prefix);
                let guessed = own.is_some_and(|(_, uri)| uri.starts_with(ns::UNDECLARED));
                if guessed || !(prefix.is_empty() || mending.is_bound(prefix)) {
                    return Err(Unmended::Element(XmlErrorKind::Namespace));
                }
            }
            Some(("", _)) => {}
            Some((prefix, _)) => drop(mending.namespace(prefix)),
        }
        at = tag.end;
        if tag.closes {
            mending.bindings.truncate(outside.pop().unwrap_or(0));
        }
        let root = root.get_or_insert(tag);
        room(root, mending.undeclared.len(), limits)?;
    }
    let Mending {
        undeclared,
        mut edits,
        ..
    } = mending;
    if !undeclared.is_empty() {
        let behind_name = 1 + root.map_or(0, |root| root.name.len());
        let written = undeclared
            .iter()
            .map(|prefix| format!(" xmlns:{prefix}=\"{}\"", placeholder(prefix)));
        let written: String = written.collect();
        edits.push((behind_name..behind_name, written.into()));
    }
    edits.sort_by_key(|(place, _)| (place.start, place.end));
    document::one_root(splice(raw, &edits), XmlLimits::none(), scope.clone())
        .map_err(|error| Unmended::Element(error.kind))
}

/// Whether the root can take that many declarations more.
fn room(root: &Tag<'_>, more: usize, limits: &XmlLimits) -> Result<(), Unmended> {
    if more == 0 {
        return Ok(());
    }
    let declared = root
        .attributes
        .iter()
        .filter(|one| one.declares().is_some());
    for (excess, found, limit) in [
        (Excess::Declarations, declared.count(), limits.declarations),
        (Excess::Attributes, root.attributes.len(), limits.attributes),
    ] {
        if found + more > limit {
            return Err(Unmended::Content(Repair::Emptied {
                excess,
                found: found + more,
                limit,
            }));
        }
    }
    Ok(())
}

/// What is left of a stanza whose content must go, by its start tag; `None` where it is no stanza.
///
/// Messages and presences are empty, never of type `error`: clients take an error presence for a kick. A request gets a child that its recipient does
/// not know, so that the recipient answers it (RFC 6120 §8.3.3.19); an answer becomes an error (RFC 6120 §8.3.3.12), since whoever waits for it must learn
/// that there is none.
pub(super) fn emptied(tag: &[u8], scope: &Scope, limits: &XmlLimits) -> Option<NestedElement> {
    let text = proved_str(tag);
    let read = start_tag(text, 0)?;
    let open = text.strip_suffix("/>").or_else(|| text.strip_suffix('>'))?;
    let count = |all: &[Attribute<'_>]| {
        let declared = all.iter().filter(|one| one.declares().is_some()).count();
        all.len() <= limits.attributes && declared <= limits.declarations
    };
    let whole = count(&read.attributes).then(|| format!("{open}/>"));
    let whole = whole.and_then(|whole| mend(&whole.into(), scope, limits).ok());
    let stanza = whole.or_else(|| mend(&addressed(text, &read).into(), scope, limits).ok())?;
    if !stanza.is_stanza() {
        return None;
    }
    if stanza.name().local != "iq" {
        return Some(stanza);
    }
    let kind = stanza.attribute("type");
    Some(if matches!(kind.as_deref(), Some("result" | "error")) {
        let condition = Element::build("policy-violation", ns::STANZA_ERRORS).finish();
        let error = Element::build("error", ns::CLIENT)
            .attribute("type", "modify")
            .child(condition);
        stanza
            .with_attribute("type", "error")
            .with_child(&error.finish())
    } else {
        stanza.with_child(&Element::build("removed", ns::REMOVED).finish())
    })
}

/// The start tag with what addresses a stanza, and what its name needs.
fn addressed(text: &str, tag: &Tag<'_>) -> String {
    let prefix = tag.name.split_once(':').map_or("", |(prefix, _)| prefix);
    let mut written = format!("<{}", tag.name);
    for attribute in &tag.attributes {
        let wanted = ["to", "from", "id", "type", "xml:lang"].contains(&attribute.name);
        if wanted || attribute.declares() == Some(prefix) {
            written.push_str(text.proved(attribute.place.clone()));
        }
    }
    written.push_str("/>");
    written
}
