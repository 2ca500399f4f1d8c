//! One element a message: what it is on a client's stream (W-R-310 to 312).

use bytes::Bytes;
use xmpp_wire::{Element, Piece, Splitter, StreamError, Wrapped, XmlErrorKind, XmlLimits, ns};

use super::config::Namespaces;
use crate::Reason;

/// message, presence or iq, whatever the namespace.
fn has_stanza_name(element: &Element) -> bool {
    matches!(element.name().local, "message" | "presence" | "iq")
}

/// A stanza, or what was meant as one: in a content namespace, or in none.
pub(super) fn is_meant_as_stanza(element: &Element) -> bool {
    has_stanza_name(element) && matches!(element.name().namespace, ns::CLIENT | ns::SERVER | "")
}

/// Rejects an element whose namespace may not be on a client's stream, and makes the others'
/// explicit.
pub(super) fn check_namespace(element: Element, mode: Namespaces) -> Result<Element, Reason> {
    let name = element.name();
    match name.namespace {
        "" if mode == Namespaces::Lenient && has_stanza_name(&element) => {
            let adopted = element.adopt("", ns::CLIENT);
            // `xmlns=''` says outright that it is none.
            if adopted.is_stanza() {
                Ok(adopted)
            } else {
                Err(Reason::NoNamespace)
            }
        }
        // In the stream upstream it would silently become `jabber:client` (W-R-432).
        "" => Err(Reason::NoNamespace),
        ns::SERVER if has_stanza_name(&element) => Err(Reason::ServerNamespace),
        ns::CLIENT if element.prefix().is_some() => Err(Reason::PrefixedStanza),
        ns::STREAM | ns::FRAMING => Err(Reason::UnexpectedStreamElement),
        _ => Ok(element),
    }
}

/// The rule that a message breaks which is no document.
pub(super) fn reason_for(kind: XmlErrorKind, message: &Bytes, position: Position) -> Reason {
    if position == Position::First && begins_a_stream(message) {
        // A client from before RFC 7395 (W-R-329).
        return Reason::StreamTagInsteadOfOpen;
    }
    match kind {
        XmlErrorKind::Restricted => Reason::RestrictedXml,
        XmlErrorKind::Encoding => Reason::UnsupportedEncoding,
        XmlErrorKind::TooBig => Reason::ElementTooLong,
        XmlErrorKind::TooDeep => Reason::TooDeep,
        XmlErrorKind::TooManyAttributes => Reason::TooManyAttributes,
        // Whatever may be added is no XML document either.
        XmlErrorKind::NotWellFormed
        | XmlErrorKind::Namespace
        | XmlErrorKind::Utf8
        | XmlErrorKind::Text
        | _ => Reason::NotWellFormed,
    }
}

/// An element as a message of its own. Language is inherited by what carries human text (W-R-407);
/// STARTTLS is not offered here (W-R-368).
pub(super) fn document(element: &Element) -> Bytes {
    let name = element.name();
    match (name.namespace, name.local) {
        (ns::STREAM, "features") => element.strip_starttls().with_stream_prefix().raw().clone(),
        (ns::STREAM, _) => element.with_stream_prefix().raw().clone(),
        _ => element.raw().clone(),
    }
}

/// Where in a session a message stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Position {
    /// Before `<open/>`.
    First,
    /// After `<open/>`.
    Later,
}

fn begins_a_stream(message: &Bytes) -> bool {
    let mut input = bytes::BytesMut::from(&message[..]);
    match Splitter::stream(XmlLimits::default()).next_piece(&mut input) {
        Ok(Some(Piece::Open(tag))) => tag.is("stream", ns::STREAM),
        Ok(Some(Piece::Element(_) | Piece::Close) | None) | Err(_) => false,
    }
}

/// A stream error whose prefix is not declared, as xmpp.js sends it (T-16).
pub(super) fn undeclared_stream_error(message: &Bytes) -> Option<StreamError> {
    if !message.starts_with(b"<stream:error") {
        return None;
    }
    let limits = XmlLimits::default();
    let error = Wrapped::parse(message.clone(), &[("stream", ns::STREAM)], &limits).ok()?;
    let condition = error
        .elements
        .iter()
        .find(|element| element.name().namespace == ns::STREAM_ERRORS)
        .map_or("undefined-condition", |element| element.name().local);
    error
        .wrapper
        .is("error", ns::STREAM)
        .then(|| StreamError::new(condition))
}
