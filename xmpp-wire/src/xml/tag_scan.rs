//! Tags, as a machine that may be cut at any byte; a complete tag runs straight through it.

use xmpp_machine::Proved as _;

use super::{
    chars::{self, CLASS, NAME, NAME_START, is_space},
    error::XmlErrorKind,
    scan::{Kept, Mode, Open, Scanner, Step, Stop, character, reference},
};

/// Longest name that is read, in bytes, prefix included: it bounds what a cut one makes us read again.
pub(super) const NAME_BYTES: usize = 1024;

/// Where in a tag the scanner stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TagState {
    /// In no tag.
    None,
    /// Before the element's name.
    Name,
    /// Behind a name or a value: white space, `/` or `>` must come.
    Gap,
    /// Behind white space: an attribute may come too.
    Space,
    /// Before `=`.
    Equals,
    /// Before the quote.
    Quote,
    /// In a value, up to this quote.
    Value(u8),
    /// After the `/` that ends an empty tag.
    Slash,
    /// Before `</`.
    End,
    /// Behind an end tag's name.
    EndSpace,
}

/// A start tag in progress, or an end tag.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct OpenTag {
    /// Its `<`.
    pub(super) at: usize,
    /// The name of the open element.
    pub(super) name: QName,
    /// Its declarations so far.
    pub(super) declarations: usize,
    /// An attribute that declares, has a prefix or may repeat a name has been read.
    pub(super) concerns_namespaces: bool,
    /// The attribute in progress.
    attribute: Attribute,
    /// Which hashes of names have been seen: a name whose bit is not set is no duplicate.
    seen: [u64; 4],
}

impl OpenTag {
    /// Begins another one.
    pub(super) fn begin(&mut self, at: usize, name: QName) {
        self.at = at;
        self.name = name;
        self.declarations = 0;
        self.concerns_namespaces = false;
        self.seen = [0; 4];
    }

    /// Notes an attribute's name, and in the attribute whether it may have come before.
    pub(super) fn note(&mut self, attribute: &mut Attribute) {
        // Fibonacci hashing to one of 256 bits.
        let bit = attribute.key.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 56;
        if let Some(word) = self.seen.get_mut((bit >> 6) as usize) {
            attribute.may_repeat = *word & 1 << (bit & 63) != 0;
            *word |= 1 << (bit & 63);
        }
        self.concerns_namespaces |=
            attribute.may_repeat || attribute.declares || attribute.name.is_prefixed();
    }
}

/// A qualified name; `local` is where its local part begins.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct QName {
    pub(super) start: usize,
    pub(super) local: usize,
    pub(super) end: usize,
}

impl QName {
    pub(super) fn is_prefixed(&self) -> bool {
        self.local != self.start
    }

    pub(super) fn prefix<'v>(&self, view: &'v [u8]) -> Option<&'v [u8]> {
        if self.is_prefixed() {
            Some(view.proved(self.start..self.local - 1))
        } else {
            None
        }
    }

    pub(super) fn local<'v>(&self, view: &'v [u8]) -> &'v [u8] {
        view.proved(self.local..self.end)
    }

    /// Names that differ mostly differ here: length, first byte, last two.
    fn key(&self, view: &[u8]) -> u64 {
        let name = self.whole(view);
        let ends = match name {
            [first, .., before, last] => {
                u64::from(*first) << 16 | u64::from(*before) << 8 | u64::from(*last)
            }
            [first, last] => u64::from(*first) << 16 | u64::from(*last),
            [only] => u64::from(*only),
            [] => 0,
        };
        (name.len() as u64) << 24 | ends
    }

    pub(super) fn whole<'v>(&self, view: &'v [u8]) -> &'v [u8] {
        view.proved(self.start..self.end)
    }
}

/// An attribute: its name, and its raw value between the quotes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Attribute {
    pub(super) name: QName,
    pub(super) value: usize,
    pub(super) value_end: usize,
    /// `QName::key` of the name.
    pub(super) key: u64,
    /// A name with the same hash came before it.
    pub(super) may_repeat: bool,
    /// It is a namespace declaration.
    pub(super) declares: bool,
    /// The value holds references or white space other than spaces: its raw bytes are not what it says.
    pub(super) encoded: bool,
}

impl Attribute {
    /// One whose value is yet to be read.
    pub(super) fn named(name: QName, view: &[u8]) -> Self {
        let declares = match name.prefix(view) {
            Some(prefix) => prefix == b"xmlns",
            None => name.whole(view) == b"xmlns",
        };
        Self {
            name,
            key: name.key(view),
            declares,
            ..Self::default()
        }
    }

    pub(super) fn raw<'v>(&self, view: &'v [u8]) -> &'v [u8] {
        view.proved(self.value..self.value_end)
    }

    /// `None` for an ordinary attribute, else the prefix that it declares ("" for the default namespace).
    pub(super) fn declares<'v>(&self, view: &'v [u8]) -> Option<&'v [u8]> {
        if !self.declares {
            None
        } else if self.name.is_prefixed() {
            Some(self.name.local(view))
        } else {
            Some(b"")
        }
    }
}

/// A declaration in force inside the piece.
#[derive(Clone, Copy, Debug)]
pub(super) struct Binding {
    /// The prefix; empty for the default namespace.
    pub(super) prefix: (usize, usize),
    /// The raw value.
    pub(super) uri: (usize, usize),
    /// As `Attribute::encoded`.
    pub(super) encoded: bool,
}

impl Scanner {
    pub(super) fn begin_tag(&mut self, at: usize) {
        self.open_tag = OpenTag {
            at,
            ..OpenTag::default()
        };
        self.attributes.clear();
        self.tag = TagState::Name;
        self.pos = at + 1;
    }

    /// Goes on with the tag in progress until it, or the view, ends.
    pub(super) fn scan_tag(&mut self, view: &[u8]) -> Result<Step, Stop> {
        loop {
            match self.tag {
                TagState::None => return Ok(Step::On),
                TagState::Name => {
                    self.open_tag.name = qualified_name(view, self.pos)?;
                    self.pos = self.open_tag.name.end;
                    self.tag = TagState::Gap;
                }
                TagState::Gap | TagState::Space => match view.get(self.pos) {
                    None => return Err(Stop::More),
                    Some(&b) if is_space(b) => {
                        self.pos += 1;
                        self.tag = TagState::Space;
                    }
                    Some(b'>') => {
                        self.pos += 1;
                        return self.finish_start(view, Closing::Later);
                    }
                    Some(b'/') => {
                        self.pos += 1;
                        self.tag = TagState::Slash;
                    }
                    Some(_) if self.tag == TagState::Space => self.scan_attribute_name(view)?,
                    Some(_) => return Err(Stop::Bad(XmlErrorKind::NotWellFormed, self.pos)),
                },
                TagState::Equals => match self.skip_space(view)? {
                    b'=' => {
                        self.pos += 1;
                        self.tag = TagState::Quote;
                    }
                    _ => return Err(Stop::Bad(XmlErrorKind::NotWellFormed, self.pos)),
                },
                TagState::Quote => match self.skip_space(view)? {
                    quote @ (b'"' | b'\'') => {
                        self.pos += 1;
                        self.open_tag.attribute.value = self.pos;
                        self.tag = TagState::Value(quote);
                    }
                    _ => return Err(Stop::Bad(XmlErrorKind::NotWellFormed, self.pos)),
                },
                TagState::Value(quote) => self.scan_value(view, quote)?,
                TagState::Slash => match view.get(self.pos) {
                    None => return Err(Stop::More),
                    Some(b'>') => {
                        self.pos += 1;
                        return self.finish_start(view, Closing::Now);
                    }
                    Some(_) => return Err(Stop::Bad(XmlErrorKind::NotWellFormed, self.pos)),
                },
                TagState::End => self.scan_end_name(view)?,
                TagState::EndSpace => match self.skip_space(view)? {
                    b'>' => {
                        self.pos += 1;
                        self.tag = TagState::None;
                        return Ok(self.close_element());
                    }
                    _ => return Err(Stop::Bad(XmlErrorKind::NotWellFormed, self.pos)),
                },
            }
        }
    }

    /// Skips white space; gives the byte behind it.
    fn skip_space(&mut self, view: &[u8]) -> Result<u8, Stop> {
        loop {
            match view.get(self.pos) {
                None => return Err(Stop::More),
                Some(&b) if is_space(b) => self.pos += 1,
                Some(&b) => return Ok(b),
            }
        }
    }

    fn scan_attribute_name(&mut self, view: &[u8]) -> Result<(), Stop> {
        let name = qualified_name(view, self.pos)?;
        let mut attribute = Attribute::named(name, view);
        self.open_tag.declarations += usize::from(attribute.declares);
        if self.attributes.len() >= self.limits.attributes
            || self.open_tag.declarations > self.limits.declarations
        {
            return Err(Stop::Bad(XmlErrorKind::TooManyAttributes, name.start));
        }
        self.open_tag.note(&mut attribute);
        self.open_tag.attribute = attribute;
        self.pos = name.end;
        self.tag = TagState::Equals;
        Ok(())
    }

    fn scan_value(&mut self, view: &[u8], quote: u8) -> Result<(), Stop> {
        loop {
            self.pos += chars::value_run(view.proved(self.pos..), quote);
            match view.get(self.pos) {
                None => return Err(Stop::More),
                Some(&b) if b == quote => {
                    self.open_tag.attribute.value_end = self.pos;
                    self.attributes.push(self.open_tag.attribute);
                    self.pos += 1;
                    self.tag = TagState::Gap;
                    return Ok(());
                }
                Some(b'"' | b'\'') => self.pos += 1,
                Some(b'<') => return Err(Stop::Bad(XmlErrorKind::NotWellFormed, self.pos)),
                Some(b'&') => {
                    self.pos += reference(view, self.pos)?;
                    self.open_tag.attribute.encoded = true;
                }
                Some(&b) if is_space(b) => {
                    self.pos += 1;
                    self.open_tag.attribute.encoded = true;
                }
                Some(_) => self.pos = character(view, self.pos)?,
            }
        }
    }

    /// The start tag is complete: namespaces, depth, and what it opens.
    pub(super) fn finish_start(&mut self, view: &[u8], closing: Closing) -> Result<Step, Stop> {
        self.tag = TagState::None;
        let wrapper = self.stack.is_empty() && self.mode != Mode::Bare && self.wrapper.is_none();
        let depth = self.stack.len() + 1 + usize::from(self.wrapper.is_some());
        if depth > self.limits.depth {
            return Err(Stop::Bad(XmlErrorKind::TooDeep, self.open_tag.at));
        }
        let outside = self.bindings.len();
        let root = self.stack.is_empty();
        self.check_namespaces(view, root)?;
        if wrapper {
            self.open_wrapper(view, closing);
            return Ok(Step::Open);
        }
        let name = self.open_tag.name;
        self.stack.push(Open {
            start: name.start,
            len: name.end - name.start,
            bindings: outside,
        });
        Ok(match closing {
            Closing::Later => Step::On,
            Closing::Now => self.close_element(),
        })
    }

    fn open_wrapper(&mut self, view: &[u8], closing: Closing) {
        self.wrapper = Some(Kept::new(self.open_tag.name.whole(view)));
        self.wrapper_ends = closing == Closing::Now;
        self.scope = self.inner_scope(view);
        self.bindings.clear();
        self.default_bindings = 0;
    }

    /// The name behind `</`: it must be that of the innermost open element.
    fn scan_end_name(&mut self, view: &[u8]) -> Result<(), Stop> {
        let at = self.pos;
        let bad = Err(Stop::Bad(XmlErrorKind::NotWellFormed, at));
        let expected = match (self.stack.last(), &self.wrapper) {
            (Some(open), _) => view.proved(open.start..open.start + open.len),
            (None, Some(name)) => name.as_bytes(),
            (None, None) => return bad,
        };
        // Tighter limits may have cut the view right behind `<`.
        let Some(rest) = view.get(at + 2..) else {
            return Err(Stop::More);
        };
        let Some(behind) = rest.strip_prefix(expected) else {
            return if expected.starts_with(rest) {
                Err(Stop::More)
            } else {
                bad
            };
        };
        match behind.first() {
            None => Err(Stop::More),
            Some(&b) if b == b'>' || is_space(b) => {
                self.pos = at + 2 + expected.len();
                self.tag = TagState::EndSpace;
                Ok(())
            }
            Some(_) => bad,
        }
    }

    /// The innermost element, or the wrapper, ends at `pos`.
    pub(super) fn close_element(&mut self) -> Step {
        let Some(open) = self.stack.pop() else {
            return Step::Close;
        };
        while self.bindings.len() > open.bindings {
            if self
                .bindings
                .pop()
                .is_some_and(|binding| binding.prefix.0 == binding.prefix.1)
            {
                self.default_bindings -= 1;
            }
        }
        if self.stack.is_empty() {
            Step::Element
        } else {
            Step::On
        }
    }
}

/// Whether a start tag ends its element too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Closing {
    Now,
    Later,
}

/// Reads the qualified name at `start` (Namespaces in XML §4): at most one colon, both parts names.
fn qualified_name(view: &[u8], start: usize) -> Result<QName, Stop> {
    let rest = view.proved(start..);
    let window = rest.get(..=NAME_BYTES).unwrap_or(rest);
    let cut = || {
        if window.len() > NAME_BYTES {
            Stop::Bad(XmlErrorKind::TooBig, start + NAME_BYTES)
        } else {
            Stop::More
        }
    };
    let mut colon = None;
    let mut part = 0;
    loop {
        // Behind a colon the whole may still be a name of XML 1.0, only not a qualified one.
        let bad = if colon.is_some() {
            XmlErrorKind::Namespace
        } else {
            XmlErrorKind::NotWellFormed
        };
        let mut at = part;
        match window.get(at) {
            None => return Err(cut()),
            Some(b':') => return Err(Stop::Bad(XmlErrorKind::Namespace, start + at)),
            Some(&b) if b < 0x80 => {
                if CLASS[usize::from(b)] & NAME_START == 0 {
                    return Err(Stop::Bad(bad, start + at));
                }
                at += 1;
            }
            Some(_) => {
                let c = window
                    .get(at..)
                    .and_then(chars::first_char)
                    .ok_or_else(cut)?;
                if !chars::is_name_start(c) {
                    return Err(Stop::Bad(bad, start + at));
                }
                at += c.len_utf8();
            }
        }
        loop {
            let tail = window.proved(at..);
            at += tail
                .iter()
                .position(|&b| CLASS[usize::from(b)] & NAME == 0)
                .unwrap_or(tail.len());
            match window.get(at) {
                None => return Err(cut()),
                Some(&b) if b < 0x80 => break,
                Some(_) => {
                    let c = window
                        .get(at..)
                        .and_then(chars::first_char)
                        .ok_or_else(cut)?;
                    if !chars::is_name(c) {
                        break;
                    }
                    at += c.len_utf8();
                }
            }
        }
        if window.get(at) != Some(&b':') {
            return Ok(QName {
                start,
                local: colon.map_or(start, |colon| colon + 1),
                end: start + at,
            });
        }
        if colon.is_some() {
            return Err(Stop::Bad(XmlErrorKind::Namespace, start + at));
        }
        colon = Some(start + at);
        part = at + 1;
    }
}
