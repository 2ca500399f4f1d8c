//! Cuts untrusted XML into first-level XMPP elements, and writes such elements.
//!
//! Decisions about this crate, in `docs/decisions/`: 0001, 0002, 0003, 0010, 0020, 0050, 0052,
//! 0054, 0060.
#![forbid(unsafe_code)]

mod limits;
pub mod ns;
mod stream;
mod text;
pub mod xml;

pub use limits::XmlLimits;
pub use stream::{StreamError, StreamHeader};
pub use text::{NotUtf8, Utf8Bytes};
pub use xml::{
    Builder, Element, Excess, Name, NestedElement, Piece, Repair, Scope, Splitter, StartTag,
    Wrapped, XmlError, XmlErrorKind,
};
