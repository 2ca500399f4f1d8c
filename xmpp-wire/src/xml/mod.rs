//! Elements as raw bytes: cut, looked into, made to stand alone, written.

mod chars;
mod declaration;
mod decode;
mod document;
mod element;
mod error;
mod loose;
mod namespace_scan;
mod repair;
mod respell;
mod room;
mod scan;
mod scope;
mod splitter;
mod surgery;
mod tag;
mod tag_scan;
mod whole_tag;
mod write;

pub use document::Wrapped;
pub use element::{Element, NestedElement};
pub use error::{XmlError, XmlErrorKind};
pub use repair::{Excess, Repair};
pub use scope::Scope;
pub use splitter::{Piece, Splitter};
pub use tag::StartTag;
pub use write::{Builder, escape_attribute, escape_text};

/// An expanded name: a local name and the namespace that it is in ("" is none).
///
/// ```
/// use xmpp_wire::{Element, Name, ns};
///
/// let ping = Element::build("ping", "urn:xmpp:ping").finish();
/// assert_eq!(ping.name(), Name { namespace: "urn:xmpp:ping", local: "ping" });
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Name<'a> {
    /// The namespace, "" where there is none.
    pub namespace: &'a str,
    /// The part behind the prefix.
    pub local: &'a str,
}
