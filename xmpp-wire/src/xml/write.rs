//! Writing: escapes, and elements built from parts.

use xmpp_machine::Proved as _;

use super::{Element, chars, surgery};
use crate::Utf8Bytes;

/// Builds an element; escapes what it is given. Characters that XML cannot carry (U+0000 ..) become U+FFFD.
/// Names are the caller's own, not the network's.
///
/// ```
/// use xmpp_wire::{Element, ns};
///
/// let iq = Element::build("iq", ns::CLIENT)
///     .attribute("type", "result")
///     .attribute_if("id", Some("a\"<"))
///     .child(Element::build("query", "jabber:iq:roster").finish())
///     .finish();
/// assert_eq!(&iq.raw()[..], br#"<iq xmlns="jabber:client" type="result" id="a&quot;&lt;"><query xmlns="jabber:iq:roster"/></iq>"#);
/// ```
#[derive(Clone, Debug)]
pub struct Builder {
    name: String,
    /// The default namespace of the children.
    default: String,
    tag: Vec<u8>,
    content: Vec<u8>,
}

impl Builder {
    pub(super) fn new(name: &str, namespace: &str) -> Self {
        let prefixed = name.contains(':');
        let builder = Self {
            name: name.to_owned(),
            default: if prefixed { "" } else { namespace }.to_owned(),
            tag: format!("<{name}").into_bytes(),
            content: Vec::new(),
        };
        match name.split_once(':') {
            Some((prefix, _)) => builder.declare(prefix, namespace),
            None if namespace.is_empty() => builder,
            None => builder.attribute("xmlns", namespace),
        }
    }

    /// Adds an attribute (`"xml:lang"` is fine; other prefixes must have been declared with `declare`).
    #[must_use]
    pub fn attribute(mut self, name: &str, value: &str) -> Self {
        self.tag.extend_from_slice(format!(" {name}=\"").as_bytes());
        escape_attribute(value, &mut self.tag);
        self.tag.push(b'"');
        self
    }

    /// Adds an attribute where there is a value.
    #[must_use]
    pub fn attribute_if(self, name: &str, value: Option<&str>) -> Self {
        match value {
            Some(value) => self.attribute(name, value),
            None => self,
        }
    }

    /// Declares a prefix.
    #[must_use]
    pub fn declare(self, prefix: &str, namespace: &str) -> Self {
        self.attribute(&format!("xmlns:{prefix}"), namespace)
    }

    /// Appends text, escaped.
    #[must_use]
    pub fn text(mut self, text: &str) -> Self {
        escape_text(text, &mut self.content);
        self
    }

    /// Appends a child.
    #[must_use]
    pub fn child(mut self, child: Element) -> Self {
        let child = child.fitted_into(&self.default);
        self.content.extend_from_slice(&child);
        self
    }

    /// Returns the finished element. An empty one is written as `<name/>`.
    pub fn finish(self) -> Element {
        let Self {
            name,
            default: _,
            tag: mut raw,
            content,
        } = self;
        if content.is_empty() {
            raw.extend_from_slice(b"/>");
        } else {
            raw.push(b'>');
            raw.extend_from_slice(&content);
            raw.extend_from_slice(format!("</{name}>").as_bytes());
        }
        surgery::written(Utf8Bytes::checked(raw.into()))
    }
}

/// Appends `text` with `&`, `<`, `>` and CR escaped.
pub fn escape_text(text: &str, out: &mut Vec<u8>) {
    escape(text, out, |c| match c {
        '&' => Some("&amp;"),
        '<' => Some("&lt;"),
        '>' => Some("&gt;"),
        '\r' => Some("&#13;"),
        _ => None,
    });
}

/// Appends `value` with `&`, `<`, `>`, both quotes, tab, CR and LF escaped.
pub fn escape_attribute(value: &str, out: &mut Vec<u8>) {
    escape(value, out, |c| match c {
        '&' => Some("&amp;"),
        '<' => Some("&lt;"),
        '>' => Some("&gt;"),
        '"' => Some("&quot;"),
        '\'' => Some("&apos;"),
        '\t' => Some("&#9;"),
        '\n' => Some("&#10;"),
        '\r' => Some("&#13;"),
        _ => None,
    });
}

fn escape(text: &str, out: &mut Vec<u8>, replacement: impl Fn(char) -> Option<&'static str>) {
    let mut from = 0;
    for (at, c) in text.char_indices() {
        let instead = if chars::is_char(u32::from(c)) {
            replacement(c)
        } else {
            Some("\u{FFFD}")
        };
        if let Some(instead) = instead {
            out.extend_from_slice(text.as_bytes().proved(from..at));
            out.extend_from_slice(instead.as_bytes());
            from = at + c.len_utf8();
        }
    }
    out.extend_from_slice(text.as_bytes().proved(from..));
}
