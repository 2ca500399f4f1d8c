//! The scanner: one pass over UTF-8 bytes that checks what XML 1.0, Namespaces in XML and RFC 6120 §11.1 ask, and finds where first-level
//! elements begin and end.
//!
//! Rules: `pos` is the next byte to look at; nothing before it is looked at again (but for names and references, which are bounded).
//! All offsets are relative to the view, whose front stays put while a piece is being cut. An error is decided by the bytes
//! up to it alone, so that it is the same for every chunking.

use xmpp_machine::Proved as _;

use super::{
    chars::{self, is_space},
    declaration,
    element::Shape,
    error::{XmlError, XmlErrorKind},
    room::Room,
    scope::Scope,
    tag_scan::{Attribute, Binding, OpenTag, TagState},
};
use crate::XmlLimits;

/// What a document or stream is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// Pieces are root elements.
    Bare,
    /// Pieces are children of a wrapper; only white space may stand between them.
    Wrapped,
    /// Pieces are children of an element that has been checked before; text between them is its own.
    Children,
}

/// A piece found; offsets are the view's.
#[derive(Debug)]
pub(super) enum Cut {
    /// The wrapper's start tag; its scope is in `Scanner::scope`.
    Open {
        start: usize,
        end: usize,
        shape: Shape,
    },
    /// A whole first-level element was cut.
    Element {
        start: usize,
        end: usize,
        shape: Shape,
    },
    /// The wrapper's end, `start` being that of its end tag (`end` where it was self-closing).
    Close { start: usize, end: usize },
}

/// What a step came to. The shape of what was found is in `Scanner::shape`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Nothing that ends a piece.
    On,
    /// The wrapper's start tag, from `OpenTag::at` to `pos`.
    Open,
    /// An element, from `start` to `pos`.
    Element,
    /// The wrapper's end tag, from `start` to `pos`.
    Close,
}

/// Why a step ended early.
pub(super) enum Stop {
    /// The view ended.
    More,
    /// The XML is bad, from this offset in the view on.
    Bad(XmlErrorKind, usize),
}

/// An open element: where its name is, and how many bindings were in force outside it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Open {
    pub(super) start: usize,
    pub(super) len: usize,
    pub(super) bindings: usize,
}

/// A name of its own; a short one, as all usual ones are, without an allocation.
#[derive(Debug)]
pub(super) enum Kept {
    Short([u8; SHORT_BYTES], u8),
    Long(Box<[u8]>),
}

const SHORT_BYTES: usize = 22;

impl Kept {
    pub(super) fn new(name: &[u8]) -> Self {
        let mut bytes = [0; SHORT_BYTES];
        match (bytes.get_mut(..name.len()), u8::try_from(name.len())) {
            (Some(front), Ok(length)) => {
                front.copy_from_slice(name);
                Self::Short(bytes, length)
            }
            (None, _) | (_, Err(_)) => Self::Long(name.into()),
        }
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Short(bytes, length) => bytes.proved(..usize::from(*length)),
            Self::Long(name) => name,
        }
    }
}

#[derive(Debug)]
pub(super) struct Scanner {
    pub(super) mode: Mode,
    pub(super) limits: XmlLimits,
    /// In force outside the piece that is being cut.
    pub(super) scope: Scope,
    pub(super) pos: usize,
    pub(super) start: usize,
    /// Bytes of the stream in front of the view.
    pub(super) consumed: u64,
    pub(super) stack: Vec<Open>,
    pub(super) bindings: Vec<Binding>,
    pub(super) default_bindings: usize,
    pub(super) attributes: Vec<Attribute>,
    pub(super) tag: TagState,
    pub(super) open_tag: OpenTag,
    pub(super) shape: Shape,
    cdata: bool,
    /// The wrapper's name, kept because the stream's front is taken away.
    pub(super) wrapper: Option<Kept>,
    /// A self-closing wrapper was opened: its end comes next.
    pub(super) wrapper_ends: bool,
}

impl Scanner {
    pub(super) fn new(mode: Mode, limits: XmlLimits, scope: Scope) -> Self {
        Self {
            mode,
            limits,
            scope,
            pos: 0,
            start: 0,
            consumed: 0,
            stack: Vec::new(),
            bindings: Vec::new(),
            default_bindings: 0,
            attributes: Vec::new(),
            tag: TagState::None,
            open_tag: OpenTag::default(),
            shape: Shape::default(),
            cdata: false,
            wrapper: None,
            wrapper_ends: false,
        }
    }

    /// Forgets the piece in progress, which is at the view's front and which another reader cuts.
    pub(super) fn abandon(&mut self) {
        self.pos = 0;
        self.start = 0;
        self.tag = TagState::None;
        self.cdata = false;
        self.default_bindings = 0;
        self.shape = Shape::default();
        self.give_room_back();
    }

    fn give_room_back(&mut self) {
        Room::give_back(Room {
            stack: std::mem::take(&mut self.stack),
            bindings: std::mem::take(&mut self.bindings),
            attributes: std::mem::take(&mut self.attributes),
        });
    }

    /// The bytes up to `count` have been taken off the view's front.
    pub(super) fn take_front(&mut self, count: usize) {
        self.consumed += count as u64;
        self.pos -= count;
        self.start = self.start.saturating_sub(count);
    }

    /// Finds the next piece. `end` is the error that the end of the view means, `None` where more may come.
    pub(super) fn next(
        &mut self,
        view: &[u8],
        end: Option<XmlErrorKind>,
    ) -> Result<Option<Cut>, XmlError> {
        if self.wrapper_ends {
            self.wrapper_ends = false;
            return Ok(Some(Cut::Close {
                start: self.pos,
                end: self.pos,
            }));
        }
        if self.at_front() && view.starts_with(b"<?") {
            match declaration::scan(view) {
                Ok(length) => self.pos = length,
                Err(stop) => return self.stopped(stop, view, end),
            }
        }
        if self.between() && self.mode != Mode::Children {
            while view.get(self.pos).is_some_and(|&b| is_space(b)) {
                self.pos += 1;
            }
            self.start = self.pos;
        }
        let cap = self.start.saturating_add(self.limits.element_bytes);
        let (view, end) = match view.get(..cap) {
            Some(capped) if capped.len() < view.len() => (capped, Some(XmlErrorKind::TooBig)),
            _ => (view, end),
        };
        if self.pos > view.len() {
            // Tighter limits than those that the piece began under.
            return self.stopped(Stop::More, view, end);
        }
        if self.stack.capacity() == 0 {
            let room = Room::borrow();
            self.stack = room.stack;
            self.bindings = room.bindings;
            self.attributes = room.attributes;
        }
        let result = self.scan(view);
        if self.between() {
            self.give_room_back();
        }
        match result {
            Ok(Step::Open) => Ok(Some(Cut::Open {
                start: self.open_tag.at,
                end: self.pos,
                shape: std::mem::take(&mut self.shape),
            })),
            Ok(Step::Element) => Ok(Some(Cut::Element {
                start: self.start,
                end: self.pos,
                shape: std::mem::take(&mut self.shape),
            })),
            Ok(Step::Close) => Ok(Some(Cut::Close {
                start: self.start,
                end: self.pos,
            })),
            // `scan` goes on by itself.
            Ok(Step::On) => Ok(None),
            Err(stop) => self.stopped(stop, view, end),
        }
    }

    /// What a stop means where the view's end means `end`.
    fn stopped(
        &self,
        stop: Stop,
        view: &[u8],
        end: Option<XmlErrorKind>,
    ) -> Result<Option<Cut>, XmlError> {
        let (kind, at) = match stop {
            Stop::Bad(kind, at) => (kind, at),
            Stop::More => match end {
                None => return Ok(None),
                Some(kind) => (kind, view.len()),
            },
        };
        Err(XmlError {
            kind,
            offset: self.consumed + at as u64,
        })
    }

    /// Whether nothing has been looked at yet.
    fn at_front(&self) -> bool {
        self.consumed == 0 && self.pos == 0 && self.between() && self.wrapper.is_none()
    }

    /// Whether what is being cut is an element: not the wrapper's start tag, nor its end tag.
    pub(super) fn is_in_element(&self) -> bool {
        let wrapper_ends = matches!(self.tag, TagState::End | TagState::EndSpace);
        let opened = self.wrapper.is_some() || self.mode != Mode::Wrapped;
        opened && !(self.stack.is_empty() && wrapper_ends)
    }

    /// Whether the next thing is a piece, or the end.
    pub(super) fn between(&self) -> bool {
        self.stack.is_empty() && matches!(self.tag, TagState::None) && !self.cdata
    }

    fn scan(&mut self, view: &[u8]) -> Result<Step, Stop> {
        loop {
            let step = if !matches!(self.tag, TagState::None) {
                self.scan_tag(view)?
            } else if self.cdata {
                self.scan_cdata(view)?;
                Step::On
            } else if self.stack.is_empty() {
                self.scan_between(view)?
            } else {
                if view.get(self.pos) != Some(&b'<') {
                    self.scan_text(view)?;
                }
                self.scan_markup(view)?
            };
            if step != Step::On {
                return Ok(step);
            }
        }
    }

    /// What stands outside every piece: white space, an XML declaration, a piece's start, the wrapper's end.
    fn scan_between(&mut self, view: &[u8]) -> Result<Step, Stop> {
        if self.mode == Mode::Children && self.wrapper.is_some() {
            self.scan_text(view)?;
        }
        self.start = self.pos;
        let rest = view.proved(self.pos..);
        let Some(&first) = rest.first() else {
            return Err(Stop::More);
        };
        if first != b'<' {
            let kind = if self.wrapper.is_some() {
                XmlErrorKind::Text
            } else {
                XmlErrorKind::NotWellFormed
            };
            return Err(Stop::Bad(kind, self.pos));
        }
        self.scan_markup(view)
    }

    /// Text up to the next `<`.
    fn scan_text(&mut self, view: &[u8]) -> Result<(), Stop> {
        loop {
            let rest = view.proved(self.pos..);
            let length = chars::text_run(rest);
            let at = self.pos + length;
            match rest.get(length) {
                None => {
                    // Two bytes are kept back: they may be the `]]` of `]]>`.
                    self.pos = at
                        - rest
                            .iter()
                            .rev()
                            .take(2)
                            .take_while(|&&b| b == b']')
                            .count();
                    return Err(Stop::More);
                }
                Some(b'<') => {
                    self.pos = at;
                    return Ok(());
                }
                Some(b'>') => {
                    if view.get(..at).is_some_and(|before| before.ends_with(b"]]"))
                        && at >= self.pos + 2
                    {
                        return Err(Stop::Bad(XmlErrorKind::NotWellFormed, at));
                    }
                    self.pos = at + 1;
                }
                Some(b'&') => {
                    self.pos = at;
                    self.pos += reference(view, at)?;
                }
                Some(_) => self.pos = character(view, at)?,
            }
        }
    }

    /// The rest of a CDATA section, `]]>` included.
    fn scan_cdata(&mut self, view: &[u8]) -> Result<(), Stop> {
        loop {
            let rest = view.proved(self.pos..);
            let stop = rest
                .iter()
                .position(|&b| b == b']' || b == 0xEF || (b < 0x20 && !is_space(b)));
            let Some(length) = stop else {
                self.pos += rest.len();
                return Err(Stop::More);
            };
            self.pos += length;
            let rest = rest.proved(length..);
            if rest.first() != Some(&b']') {
                self.pos = character(view, self.pos)?;
            } else if rest.starts_with(b"]]>") {
                self.pos += 3;
                self.cdata = false;
                return Ok(());
            } else if b"]]>".starts_with(rest) {
                return Err(Stop::More);
            } else {
                self.pos += 1;
            }
        }
    }

    /// What begins with the `<` at `pos`.
    fn scan_markup(&mut self, view: &[u8]) -> Result<Step, Stop> {
        let at = self.pos;
        let rest = view.proved(at..);
        match rest.get(1) {
            None => Err(Stop::More),
            Some(b'/') => {
                if let Some(step) = self.whole_end_tag(view) {
                    return Ok(step);
                }
                self.tag = TagState::End;
                Ok(Step::On)
            }
            Some(b'?') => Err(Stop::Bad(XmlErrorKind::Restricted, at)),
            Some(b'!') => {
                const CDATA: &[u8] = b"<![CDATA[";
                if rest.starts_with(CDATA) {
                    if self.between() && self.mode != Mode::Children {
                        let kind = if self.wrapper.is_some() {
                            XmlErrorKind::Text
                        } else {
                            XmlErrorKind::NotWellFormed
                        };
                        return Err(Stop::Bad(kind, at));
                    }
                    self.pos += CDATA.len();
                    self.cdata = true;
                    return Ok(Step::On);
                }
                if CDATA.starts_with(rest) {
                    return Err(Stop::More);
                }
                // Comments and declarations are what XMPP forbids; anything else is no XML at all.
                match rest.get(2) {
                    Some(b'-' | b'A'..=b'Z' | b'a'..=b'z') => {
                        Err(Stop::Bad(XmlErrorKind::Restricted, at))
                    }
                    Some(_) | None => Err(Stop::Bad(XmlErrorKind::NotWellFormed, at)),
                }
            }
            Some(_) => {
                if let Some(closing) = self.whole_start_tag(view) {
                    return self.finish_start(view, closing);
                }
                self.begin_tag(at);
                Ok(Step::On)
            }
        }
    }
}

/// Checks the control character, or the character that begins with 0xEF, at `at`; gives the offset behind it.
pub(super) fn character(view: &[u8], at: usize) -> Result<usize, Stop> {
    let rest = view.proved(at..);
    let Some(c) = chars::first_char(rest) else {
        return Err(Stop::More);
    };
    if chars::is_char(u32::from(c)) {
        Ok(at + c.len_utf8())
    } else {
        Err(Stop::Bad(XmlErrorKind::NotWellFormed, at))
    }
}

/// Longest reference that is read, in bytes: it bounds what a cut one makes us read again.
pub(super) const REFERENCE_BYTES: usize = 64;

/// Checks the reference at `at` (RFC 6120 §11.1: the five predefined entities and character references); gives its length.
pub(super) fn reference(view: &[u8], at: usize) -> Result<usize, Stop> {
    let rest = view.proved(at..);
    let bad = Err(Stop::Bad(XmlErrorKind::NotWellFormed, at));
    let window = rest.get(..REFERENCE_BYTES).unwrap_or(rest);
    let Some(semicolon) = memchr::memchr(b';', window) else {
        return Err(unended_reference(window, at));
    };
    let inner = window.proved(1..semicolon);
    let legal = match inner {
        b"lt" | b"gt" | b"amp" | b"quot" | b"apos" => true,
        [b'#', digits @ ..] => super::decode::character_reference(digits).is_some(),
        _ if is_reference_start(inner) && !inner.is_empty() => {
            return Err(Stop::Bad(XmlErrorKind::Restricted, at));
        }
        _ => false,
    };
    if legal { Ok(semicolon + 1) } else { bad }
}

/// What a reference without a semicolon in its window is.
#[cold]
fn unended_reference(window: &[u8], at: usize) -> Stop {
    match window.proved(1..) {
        inner if !is_reference_start(inner) => Stop::Bad(XmlErrorKind::NotWellFormed, at),
        // Cut short.
        _ if window.len() < REFERENCE_BYTES => Stop::More,
        [b'#', ..] => Stop::Bad(XmlErrorKind::TooBig, at),
        _ => Stop::Bad(XmlErrorKind::NotWellFormed, at),
    }
}

/// Whether this can be the front of what stands between `&` and `;`.
fn is_reference_start(inner: &[u8]) -> bool {
    match inner {
        [] => true,
        [b'#', b'x', digits @ ..] => digits.iter().all(u8::is_ascii_hexdigit),
        [b'#', digits @ ..] => digits.iter().all(u8::is_ascii_digit),
        name => std::str::from_utf8(name).is_ok_and(|name| {
            name.chars().enumerate().all(|(i, c)| {
                if i == 0 {
                    chars::is_name_start(c) || c == ':'
                } else {
                    chars::is_name(c) || c == ':'
                }
            })
        }),
    }
}
