use bytes::{Buf, BytesMut};
use xmpp_machine::Proved as _;

use super::{
    NestedElement, Repair, Scope, StartTag, XmlError, XmlErrorKind, chars,
    loose::{Loose, Walked},
    repair::{self, Unmended},
    scan::{Cut, Mode, Scanner},
};
use crate::{Utf8Bytes, XmlLimits};

/// What a stream is cut into.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// The stream header's start tag (an XML declaration before it is dropped).
    Open(StartTag),
    /// One first-level element.
    Element(NestedElement),
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
    state: State,
    /// The peer is a server: its elements are mended.
    from_server: bool,
}

#[derive(Debug)]
enum State {
    Cutting,
    /// An element that cannot pass as it is: its end is looked for.
    Mending(Box<Mending>),
    /// As `Cutting`, behind an element that was mended.
    Mended(Box<Repair>),
    Failed(XmlError),
    Closed,
}

#[derive(Debug)]
struct Mending {
    loose: Loose,
    /// What is left of an element whose content is dropped as it comes.
    emptied: Option<NestedElement>,
}

impl Splitter {
    /// One for a new stream; make another at each restart.
    pub fn stream(limits: XmlLimits) -> Self {
        Self::new(Mode::Wrapped, limits, Scope::default(), false)
    }

    /// One for a stream of a server's, whose elements have a place that may not be lost (XEP-0198) and are written by its users. One that is
    /// well-formed XML but breaks Namespaces in XML is mended: undeclared prefixes are declared on it, each in a namespace of its own
    /// ([`ns::UNDECLARED`](crate::ns::UNDECLARED)), and attributes that cannot be mended are taken out. A stanza beyond a limit keeps its start tag and loses
    /// its content; whatever its size, no more than `element_bytes` and one read are kept of it. [`repaired`](Self::repaired) tells of either. Everything else is refused
    /// as in [`stream`](Self::stream).
    ///
    /// ```
    /// use bytes::BytesMut;
    /// use xmpp_wire::{Piece, Repair, Splitter, XmlLimits};
    ///
    /// let mut splitter = Splitter::stream_of_server(XmlLimits::default());
    /// let mut input = BytesMut::from("<s:stream xmlns='jabber:client' xmlns:s='http://etherx.jabber.org/streams'><message><x q:y='1'/></message>");
    /// splitter.next_piece(&mut input)?;
    /// let Some(Piece::Element(message)) = splitter.next_piece(&mut input)? else { panic!() };
    /// assert_eq!(message.raw(), "<message xmlns:q=\"urn:xmpp-web:undeclared:q\"><x q:y='1'/></message>");
    /// assert_eq!(splitter.repaired(), Some(Repair::Namespaces));
    /// # Ok::<(), xmpp_wire::XmlError>(())
    /// ```
    pub fn stream_of_server(limits: XmlLimits) -> Self {
        Self::new(Mode::Wrapped, limits, Scope::default(), true)
    }

    pub(super) fn new(mode: Mode, limits: XmlLimits, scope: Scope, from_server: bool) -> Self {
        Self {
            scanner: Scanner::new(mode, limits, scope),
            valid: 0,
            state: State::Cutting,
            from_server,
        }
    }

    /// What was done to the element that came last, so that it could pass.
    pub fn repaired(&self) -> Option<Repair> {
        match &self.state {
            State::Mended(repair) => Some(**repair),
            State::Cutting | State::Mending(_) | State::Failed(_) | State::Closed => None,
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
        match &self.state {
            State::Failed(error) => return Err(*error),
            State::Closed => return Ok(None),
            State::Mending(_) => return self.go_on_mending(input),
            State::Mended(_) => self.state = State::Cutting,
            State::Cutting => {}
        }
        let end = self.check_utf8(input);
        let view = input.proved(..self.valid);
        let cut = match self.scanner.next(view, end) {
            Ok(cut) => cut,
            Err(error) if self.may_mend(error) => return self.begin_mending(error, input),
            Err(error) => return self.fail(error),
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
                Piece::Element(NestedElement::new(raw, self.scanner.scope.clone(), shape))
            }
            Cut::Close { end, .. } => {
                self.drop_front(input, end);
                self.state = State::Closed;
                Piece::Close
            }
        }))
    }

    fn fail<T>(&mut self, error: XmlError) -> Result<T, XmlError> {
        self.state = State::Failed(error);
        Err(error)
    }

    /// Whether this is wrong with an element that may be mended: not with the wrapper, nor with its end tag.
    fn may_mend(&self, error: XmlError) -> bool {
        self.from_server && error.kind.is_mendable() && self.scanner.is_in_element()
    }

    #[cold]
    fn begin_mending(
        &mut self,
        error: XmlError,
        input: &mut BytesMut,
    ) -> Result<Option<Piece>, XmlError> {
        self.drop_front(input, self.scanner.start);
        let outside = usize::from(self.scanner.wrapper.is_some());
        self.scanner.abandon();
        self.state = State::Mending(Box::new(Mending {
            loose: Loose::new(error, self.scanner.limits.clone(), outside),
            emptied: None,
        }));
        self.go_on_mending(input)
    }

    #[cold]
    fn go_on_mending(&mut self, input: &mut BytesMut) -> Result<Option<Piece>, XmlError> {
        let State::Mending(mut mending) = std::mem::replace(&mut self.state, State::Cutting) else {
            return Ok(None);
        };
        let end = self.check_utf8(input);
        let view = input.proved(..self.valid);
        let walked = match mending.loose.walk(view) {
            Ok(walked) => walked,
            Err((kind, at)) => return self.fail(self.error_at(kind, at)),
        };
        let Mending { loose, emptied } = &mut *mending;
        let (scope, limits) = (&self.scanner.scope, &self.scanner.limits);
        if emptied.is_none() && loose.excess().is_some() && loose.tag_len > 0 {
            let tag = view.proved(..loose.tag_len);
            match repair::emptied(tag, scope, limits) {
                Some(left) => *emptied = Some(left),
                None => return self.fail(loose.cause),
            }
        }
        if walked == Walked::More {
            if let Some(kind) = end {
                return self.fail(self.error_at(kind, self.valid));
            }
            if emptied.is_some() {
                self.skip(input, loose.pos);
                loose.dropped();
            }
            self.state = State::Mending(mending);
            return Ok(None);
        }
        let repair = loose.excess().unwrap_or(Repair::Namespaces);
        let length = loose.pos;
        let (element, repair) = if let Some(left) = emptied.take() {
            self.skip(input, length);
            (left, repair)
        } else {
            let raw = Utf8Bytes::checked(input.split_to(length).freeze());
            self.valid -= length;
            self.scanner.consumed += length as u64;
            match repair::mend(&raw, scope, limits) {
                Ok(mended) => (mended, repair),
                Err(Unmended::Element(kind)) => {
                    return self.fail(XmlError {
                        kind,
                        ..loose.cause
                    });
                }
                Err(Unmended::Content(repair)) => {
                    let tag = raw.as_bytes().proved(..loose.tag_len);
                    match repair::emptied(tag, scope, limits) {
                        Some(left) => (left, repair),
                        None => return self.fail(loose.cause),
                    }
                }
            }
        };
        self.state = State::Mended(Box::new(repair));
        Ok(Some(Piece::Element(element)))
    }

    fn error_at(&self, kind: XmlErrorKind, at: usize) -> XmlError {
        XmlError {
            kind,
            offset: self.scanner.consumed + at as u64,
        }
    }

    /// Takes what the scanner has not looked at off the front.
    fn skip(&mut self, input: &mut BytesMut, count: usize) {
        self.valid -= count;
        self.scanner.consumed += count as u64;
        input.advance(count);
    }

    /// Validates the bytes that are new; gives what the end of the valid part means.
    fn check_utf8(&mut self, input: &BytesMut) -> Option<XmlErrorKind> {
        match chars::utf8(input.proved(self.valid..)) {
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

    fn split(&mut self, input: &mut BytesMut, start: usize, end: usize) -> Utf8Bytes {
        self.drop_front(input, start);
        let length = end - start;
        self.valid -= length;
        self.scanner.take_front(length);
        Utf8Bytes::checked(input.split_to(length).freeze())
    }

    fn drop_front(&mut self, input: &mut BytesMut, count: usize) {
        self.valid -= count;
        self.scanner.take_front(count);
        input.advance(count);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A stream at rest holds no more for what it may have to mend.
    #[test]
    fn mending_costs_an_idle_stream_nothing() {
        let before = size_of::<Scanner>() + size_of::<usize>() + size_of::<Option<XmlError>>();
        assert!(size_of::<Splitter>() <= before + size_of::<usize>());
    }

    /// Limits may be lowered below what has been read of a piece, wherever it was cut.
    #[test]
    fn tighter_limits_end_what_is_already_longer() {
        let element = "<a b='c &amp; d'>e &lt; f<![CDATA[g]]><h  i = 'j' /></a>";
        for cut in 1..element.len() {
            for limit in 0..cut {
                let mut splitter = Splitter::stream(XmlLimits::default());
                let mut input = BytesMut::from("<w>");
                assert!(matches!(
                    splitter.next_piece(&mut input),
                    Ok(Some(Piece::Open(_)))
                ));
                input.extend_from_slice(&element.as_bytes()[..cut]);
                assert_eq!(splitter.next_piece(&mut input), Ok(None));
                splitter.set_limits(XmlLimits {
                    element_bytes: limit,
                    ..XmlLimits::default()
                });
                let offset = 3 + limit as u64;
                let too_big = XmlError {
                    kind: XmlErrorKind::TooBig,
                    offset,
                };
                assert_eq!(
                    splitter.next_piece(&mut input),
                    Err(too_big),
                    "{cut} {limit}"
                );
            }
        }
    }
}
