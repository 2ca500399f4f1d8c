use bytes::{Buf, BytesMut};

use super::{
    Element, Scope, StartTag, XmlError, XmlErrorKind, chars,
    scan::{Cut, Mode, Scanner},
};
use crate::XmlLimits;

/// What a stream is cut into.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// The stream header's start tag (an XML declaration before it is dropped).
    Open(StartTag),
    /// One first-level element.
    Element(Element),
    /// The stream's end tag.
    Close,
}

/// Cuts an endless stream, `<stream:stream>` on TCP, whatever the chunks. A byte is scanned once.
///
/// ```
/// use bytes::BytesMut;
/// use xmpp_wire::{Piece, Splitter, XmlLimits, ns};
///
/// let mut splitter = Splitter::stream(XmlLimits::default());
/// let mut input = BytesMut::from("<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>");
/// assert!(matches!(splitter.next_piece(&mut input)?, Some(Piece::Open(_))));
/// input.extend_from_slice(b" <message><bo");
/// assert_eq!(splitter.next_piece(&mut input)?, None);
/// input.extend_from_slice(b"dy/></message></stream:stream>");
/// let Some(Piece::Element(message)) = splitter.next_piece(&mut input)? else { panic!() };
/// assert!(message.is("message", ns::CLIENT));
/// assert_eq!(splitter.next_piece(&mut input)?, Some(Piece::Close));
/// # Ok::<(), xmpp_wire::XmlError>(())
/// ```
#[derive(Debug)]
pub struct Splitter {
    scanner: Scanner,
    /// Bytes at the front of the input that are known to be UTF-8.
    valid: usize,
    failed: Option<XmlError>,
    closed: bool,
}

impl Splitter {
    /// One for a new stream; make another at each restart.
    pub fn stream(limits: XmlLimits) -> Self {
        Self {
            scanner: Scanner::new(Mode::Wrapped, limits, Scope::default()),
            valid: 0,
            failed: None,
            closed: false,
        }
    }

    /// Replaces the limits, also for the element that is being cut (tighter before authentication).
    pub fn set_limits(&mut self, limits: XmlLimits) {
        self.scanner.limits = limits;
    }

    /// Takes the next piece off the front of `input`; `None` means "need more". White space between pieces is taken and dropped.
    /// Between calls `input` may only be appended to. What follows the stream's end tag is left alone.
    ///
    /// # Errors
    ///
    /// As `Element::parse`; offsets count from the start of the stream. After an error every call returns the same one.
    pub fn next_piece(&mut self, input: &mut BytesMut) -> Result<Option<Piece>, XmlError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        if self.closed {
            return Ok(None);
        }
        let end = self.check_utf8(input);
        let view = input.get(..self.valid).unwrap_or_default();
        let cut = match self.scanner.next(view, end) {
            Ok(cut) => cut,
            Err(error) => {
                self.failed = Some(error);
                return Err(error);
            }
        };
        let Some(cut) = cut else {
            if self.scanner.between() {
                // White space between pieces need not be kept; inside a piece, places are counted from the front.
                self.drop_front(input, self.scanner.start);
            }
            return Ok(None);
        };
        Ok(Some(match cut {
            Cut::Open { start, end, shape } => {
                let raw = self.split(input, start, end);
                Piece::Open(StartTag::new(raw, self.scanner.scope.clone(), shape))
            }
            Cut::Element { start, end, shape } => {
                let raw = self.split(input, start, end);
                Piece::Element(Element::new(raw, self.scanner.scope.clone(), shape))
            }
            Cut::Close { end, .. } => {
                self.drop_front(input, end);
                self.closed = true;
                Piece::Close
            }
        }))
    }

    /// Validates the bytes that are new; gives what the end of the valid part means.
    fn check_utf8(&mut self, input: &BytesMut) -> Option<XmlErrorKind> {
        match chars::utf8(input.get(self.valid..).unwrap_or_default()) {
            Ok(()) => {
                self.valid = input.len();
                None
            }
            Err(error) => {
                self.valid += error.valid_up_to();
                error.error_len().map(|_| XmlErrorKind::Utf8)
            }
        }
    }

    fn split(&mut self, input: &mut BytesMut, start: usize, end: usize) -> bytes::Bytes {
        self.drop_front(input, start);
        let length = end - start;
        self.valid -= length;
        self.scanner.take_front(length);
        input.split_to(length).freeze()
    }

    fn drop_front(&mut self, input: &mut BytesMut, count: usize) {
        self.valid -= count;
        self.scanner.take_front(count);
        input.advance(count);
    }
}
