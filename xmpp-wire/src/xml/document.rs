//! Complete documents: a WebSocket message, a BOSH body.

use bytes::{Bytes, BytesMut};
use xmpp_machine::Proved as _;

use super::{
    NestedElement, Piece, Scope, Splitter, StartTag, XmlError, XmlErrorKind,
    chars::{self, is_space},
    scan::{Cut, Mode, Scanner},
};
use crate::{Utf8Bytes, XmlLimits};

/// The part that is UTF-8, and what its end means.
fn checked(document: &[u8]) -> (usize, XmlErrorKind) {
    match chars::utf8(document) {
        Ok(()) => (document.len(), XmlErrorKind::NotWellFormed),
        Err(error) => (error.valid_up_to(), XmlErrorKind::Utf8),
    }
}

pub(super) fn bare(document: Bytes, limits: &XmlLimits) -> Result<NestedElement, XmlError> {
    let checked = checked(&document);
    root(document, checked, limits.clone(), Scope::default())
}

/// As `bare`, of a server's: what is wrong with it is mended as in its stream.
pub(super) fn bare_of_server(
    document: Bytes,
    limits: &XmlLimits,
) -> Result<NestedElement, XmlError> {
    match bare(document.clone(), limits) {
        Err(error) if error.kind.is_mendable() => {}
        strict => return strict,
    }
    let mut splitter = Splitter::new(Mode::Bare, limits.clone(), Scope::default(), true);
    let mut input = BytesMut::from(&document[..]);
    match splitter.next_piece(&mut input)? {
        Some(Piece::Element(element)) => {
            behind(&document, &input)?;
            Ok(element)
        }
        Some(Piece::Open(_) | Piece::Close) | None => Err(cut_short(&document)),
    }
}

/// Judges what is left of a document behind what has been read.
fn behind(document: &[u8], rest: &[u8]) -> Result<(), XmlError> {
    let (valid, end) = checked(rest);
    let view = rest.proved(..valid);
    let front = (document.len() - rest.len()) as u64;
    epilogue(view, 0, (valid < rest.len()).then_some(end)).map_err(|error| XmlError {
        offset: error.offset + front,
        ..error
    })
}

fn cut_short(document: &[u8]) -> XmlError {
    XmlError {
        kind: XmlErrorKind::NotWellFormed,
        offset: document.len() as u64,
    }
}

/// A document that stands in a scope, of text that was proved already.
pub(super) fn one_root(
    document: Utf8Bytes,
    limits: XmlLimits,
    scope: Scope,
) -> Result<NestedElement, XmlError> {
    let document = document.into_bytes();
    let checked = (document.len(), XmlErrorKind::NotWellFormed);
    root(document, checked, limits, scope)
}

fn root(
    document: Bytes,
    (valid, end): (usize, XmlErrorKind),
    limits: XmlLimits,
    scope: Scope,
) -> Result<NestedElement, XmlError> {
    let view = document.proved(..valid);
    let mut scanner = Scanner::new(Mode::Bare, limits, scope);
    let Some(Cut::Element {
        start,
        end: behind,
        shape,
    }) = scanner.next(view, Some(end))?
    else {
        return Err(XmlError {
            kind: XmlErrorKind::NotWellFormed,
            offset: 0,
        });
    };
    epilogue(view, behind, (valid < document.len()).then_some(end))?;
    Ok(NestedElement::new(
        Utf8Bytes::checked(document.slice(start..behind)),
        scanner.scope,
        shape,
    ))
}

/// Only white space may follow the root.
fn epilogue(view: &[u8], from: usize, cut: Option<XmlErrorKind>) -> Result<(), XmlError> {
    let rest = view.proved(from..);
    let at = rest
        .iter()
        .position(|&b| !is_space(b))
        .unwrap_or(rest.len());
    let offset = (from + at) as u64;
    match rest.proved(at..) {
        [] => cut.map_or(Ok(()), |kind| Err(XmlError { kind, offset })),
        [b'<', b'?' | b'!', ..] => Err(XmlError {
            kind: XmlErrorKind::Restricted,
            offset,
        }),
        _ => Err(XmlError {
            kind: XmlErrorKind::NotWellFormed,
            offset,
        }),
    }
}

/// A wrapped document: a BOSH body (XEP-0124 §6).
///
/// ```
/// use xmpp_wire::{Wrapped, XmlErrorKind, XmlLimits, ns};
///
/// let limits = XmlLimits::default();
/// let body = Wrapped::parse("<body xmlns='http://jabber.org/protocol/httpbind' rid='7'><x xmlns='u'/> <y/></body>".into(), &[], &limits)?;
/// assert_eq!(body.wrapper.attribute("rid").as_deref(), Some("7"));
/// assert_eq!(body.elements.len(), 2);
/// assert!(body.elements[1].is("y", ns::HTTPBIND));
/// assert_eq!(Wrapped::parse("<body>x</body>".into(), &[], &limits).unwrap_err().kind, XmlErrorKind::Text);
/// # Ok::<(), xmpp_wire::XmlError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrapped {
    /// The wrapper's start tag (also of an empty `<body/>`).
    pub wrapper: StartTag,
    /// Its child elements in order.
    pub elements: Vec<NestedElement>,
}

impl Wrapped {
    /// Reads a complete wrapped document. `predeclared` are prefixes in force before the wrapper (for peers that forget to
    /// declare `xmpp:` and `stream:`). White space between elements is dropped.
    ///
    /// # Errors
    ///
    /// As `Element::parse`; other text directly inside the wrapper is `XmlErrorKind::Text`. `XmlLimits::element_bytes` bounds each element; the
    /// caller bounds the document.
    pub fn parse(
        document: Bytes,
        predeclared: &[(&str, &str)],
        limits: &XmlLimits,
    ) -> Result<Self, XmlError> {
        let (valid, end) = checked(&document);
        let view = document.proved(..valid);
        let mut scanner = Scanner::new(
            Mode::Wrapped,
            limits.clone(),
            Scope::predeclared(predeclared),
        );
        let mut wrapper = None;
        let mut elements = Vec::new();
        while let Some(cut) = scanner.next(view, Some(end))? {
            match cut {
                Cut::Open { start, end, shape } => {
                    wrapper = Some(StartTag::new(
                        Utf8Bytes::checked(document.slice(start..end)),
                        scanner.scope.clone(),
                        shape,
                    ));
                }
                Cut::Element { start, end, shape } => {
                    elements.push(NestedElement::new(
                        Utf8Bytes::checked(document.slice(start..end)),
                        scanner.scope.clone(),
                        shape,
                    ));
                }
                Cut::Close { end: behind, .. } => {
                    epilogue(view, behind, (valid < document.len()).then_some(end))?;
                    break;
                }
            }
        }
        match wrapper {
            Some(wrapper) => Ok(Self { wrapper, elements }),
            None => Err(XmlError {
                kind: XmlErrorKind::NotWellFormed,
                offset: 0,
            }),
        }
    }

    /// As `parse`, of a server's: its elements are mended as [`Splitter::stream_of_server`] mends them.
    ///
    /// ```
    /// use xmpp_wire::{Wrapped, XmlLimits};
    ///
    /// let body = "<body xmlns='b'><a><p:c/></a></body>";
    /// let body = Wrapped::parse_from_server(body.into(), &[], &XmlLimits::default())?;
    /// assert_eq!(body.elements[0].raw(), "<a xmlns:p=\"urn:xmpp-web:undeclared:p\"><p:c/></a>");
    /// # Ok::<(), xmpp_wire::XmlError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As `parse`.
    pub fn parse_from_server(
        document: Bytes,
        predeclared: &[(&str, &str)],
        limits: &XmlLimits,
    ) -> Result<Self, XmlError> {
        match Self::parse(document.clone(), predeclared, limits) {
            Err(error) if error.kind.is_mendable() => {}
            strict => return strict,
        }
        let scope = Scope::predeclared(predeclared);
        let mut splitter = Splitter::new(Mode::Wrapped, limits.clone(), scope, true);
        let mut input = BytesMut::from(&document[..]);
        let mut opened = None;
        let mut elements = Vec::new();
        while let Some(piece) = splitter.next_piece(&mut input)? {
            match piece {
                Piece::Open(tag) => opened = Some(tag),
                Piece::Element(element) => elements.push(element),
                Piece::Close => {
                    behind(&document, &input)?;
                    let Some(wrapper) = opened else { break };
                    return Ok(Self { wrapper, elements });
                }
            }
        }
        Err(cut_short(&document))
    }
}
