//! The end of an element by XML 1.0 alone, where namespaces are broken or a limit is passed: what a server sends has a place in its stream,
//! whatever is in it.
//!
//! Rules: the walk begins at the element's `<` and looks at each byte once. Tokens must be right (names, values, references, characters, what
//! RFC 6120 §11.1 forbids); end tags are only counted, and their names are checked by whoever reads what is kept. Behind a passed limit nothing
//! of the content is needed any more, so that it may be dropped as it is walked over.

use xmpp_machine::Proved as _;

use super::{
    chars::{self, CLASS, NAME, is_space},
    error::{XmlError, XmlErrorKind},
    repair::{Excess, Repair},
    scan::REFERENCE_BYTES,
    tag_scan::NAME_BYTES,
};
use crate::XmlLimits;

#[derive(Clone, Copy, Debug)]
enum State {
    Text,
    /// Behind `<`.
    Markup,
    /// Behind `<!`: so much of `[CDATA[` has come.
    Bang(usize),
    Cdata,
    Name,
    /// Behind a name or a value.
    Gap,
    Space,
    AttributeName,
    Equals,
    Quote,
    Value(u8),
    Slash,
    /// Behind `</`.
    End,
    EndName,
    EndSpace,
}

/// A reference in progress.
#[derive(Clone, Copy, Debug)]
struct Reference {
    /// Characters behind `&`, and the first of them.
    length: usize,
    front: [char; 4],
    bytes: usize,
    radix: u32,
    digits: usize,
    value: u32,
}

/// What came of a walk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Walked {
    /// The view ended.
    More,
    /// The element ends at `pos`.
    End,
}

/// A walk over one element.
#[derive(Debug)]
pub(super) struct Loose {
    /// Why the element cannot pass as it is.
    pub(super) cause: XmlError,
    /// The next byte to look at.
    pub(super) pos: usize,
    /// The length of the element's start tag; 0 before its end was found.
    pub(super) tag_len: usize,
    /// A limit was passed, and by how much so far.
    over: Option<(Excess, usize)>,
    limits: XmlLimits,
    /// Elements that are open outside of this one.
    outside: usize,
    state: State,
    reference: Option<Reference>,
    /// `]` right before `pos`, up to two.
    brackets: u8,
    depth: usize,
    deepest: usize,
    name: usize,
    attributes: usize,
    declarations: usize,
    /// Bytes that were dropped.
    dropped: usize,
}

type Bad = (XmlErrorKind, usize);

impl Loose {
    pub(super) fn new(cause: XmlError, limits: XmlLimits, outside: usize) -> Self {
        Self {
            cause,
            pos: 0,
            tag_len: 0,
            over: None,
            limits,
            outside,
            state: State::Text,
            reference: None,
            brackets: 0,
            depth: 0,
            deepest: 0,
            name: 0,
            attributes: 0,
            declarations: 0,
            dropped: 0,
        }
    }

    /// What was passed, so far.
    pub(super) fn excess(&self) -> Option<Repair> {
        let (excess, found) = self.over?;
        let (found, limit) = match excess {
            Excess::Bytes => (self.dropped + self.pos, self.limits.element_bytes),
            Excess::Depth => (self.deepest + self.outside, self.limits.depth),
            Excess::Attributes => (found, self.limits.attributes),
            Excess::Declarations => (found, self.limits.declarations),
            Excess::NameBytes => (found, NAME_BYTES),
            Excess::ReferenceBytes => (found, REFERENCE_BYTES),
        };
        Some(Repair::Emptied {
            excess,
            found,
            limit,
        })
    }

    /// All before `pos` has been taken off the view.
    pub(super) fn dropped(&mut self) {
        self.dropped += self.pos;
        self.pos = 0;
    }

    /// Walks on to the element's end, or the view's; an offset is the view's.
    pub(super) fn walk(&mut self, view: &[u8]) -> Result<Walked, Bad> {
        loop {
            if self.over.is_none() && self.pos > self.limits.element_bytes {
                self.over = Some((Excess::Bytes, 0));
            }
            if self.over.is_some() && self.tag_len == 0 && self.pos > self.limits.element_bytes {
                // Nothing can be kept of a start tag without end.
                return Err((XmlErrorKind::TooBig, self.limits.element_bytes));
            }
            let rest = view.proved(self.pos..);
            let Some(c) = self.skip_run(rest) else {
                if view.len() == self.pos {
                    return Ok(Walked::More);
                }
                continue;
            };
            if self.reference.is_some() {
                self.in_reference(c)?;
            } else if self.step(c, view)? == Walked::End {
                if self.pos > self.limits.element_bytes && self.over.is_none() {
                    self.over = Some((Excess::Bytes, 0));
                }
                return Ok(Walked::End);
            }
        }
    }

    /// Passes what the state says nothing about; gives the character behind it, `None` where something was passed or nothing is left.
    fn skip_run(&mut self, rest: &[u8]) -> Option<char> {
        let run = match self.state {
            _ if self.reference.is_some() => 0,
            State::Text => {
                let run = chars::text_run(rest);
                let text = rest.proved(..run);
                let brackets = text
                    .iter()
                    .rev()
                    .take_while(|&&b| b == b']')
                    .take(2)
                    .count();
                let before = if brackets == run { self.brackets } else { 0 };
                self.brackets = (before + brackets as u8).min(2);
                run
            }
            State::Value(quote) => chars::value_run(rest, quote),
            State::Cdata => {
                let stop = |&b: &u8| b == b']' || b == b'>' || b == 0xEF || b < 0x20;
                let run = rest.iter().position(stop).unwrap_or(rest.len());
                self.brackets *= u8::from(run == 0);
                run
            }
            State::Name | State::AttributeName | State::EndName => {
                let is_name = |&b: &u8| b == b':' || CLASS[usize::from(b)] & NAME != 0;
                rest.iter().take_while(|&b| is_name(b)).count()
            }
            State::Markup
            | State::Bang(_)
            | State::Gap
            | State::Space
            | State::Equals
            | State::Quote
            | State::Slash
            | State::End
            | State::EndSpace => 0,
        };
        self.pos += run;
        if run > 0 {
            return None;
        }
        chars::first_char(rest)
    }

    fn step(&mut self, c: char, view: &[u8]) -> Result<Walked, Bad> {
        let at = self.pos;
        let bad = Err((XmlErrorKind::NotWellFormed, at));
        let space = u8::try_from(c).is_ok_and(is_space);
        let name_start = c == ':' || chars::is_name_start(c);
        self.pos += c.len_utf8();
        self.state = match self.state {
            State::Text => match c {
                '<' => {
                    self.brackets = 0;
                    State::Markup
                }
                '&' => self.refer(),
                '>' if self.brackets == 2 => return bad,
                _ => self.character(c, at)?,
            },
            State::Cdata => match c {
                ']' => {
                    self.brackets = (self.brackets + 1).min(2);
                    State::Cdata
                }
                '>' if self.brackets == 2 => {
                    self.brackets = 0;
                    State::Text
                }
                _ => self.character(c, at)?,
            },
            State::Markup => match c {
                '/' => State::End,
                '!' => State::Bang(0),
                '?' => return Err((XmlErrorKind::Restricted, at - 1)),
                _ if name_start => {
                    (self.name, self.attributes, self.declarations) = (at, 0, 0);
                    State::Name
                }
                _ => return bad,
            },
            State::Bang(found) => match b"[CDATA[".get(found) {
                Some(&wanted) if char::from(wanted) == c && found == 6 => State::Cdata,
                Some(&wanted) if char::from(wanted) == c => State::Bang(found + 1),
                _ if found == 0 && (c == '-' || c.is_ascii_alphabetic()) => {
                    return Err((XmlErrorKind::Restricted, at));
                }
                _ => return bad,
            },
            State::Name | State::AttributeName | State::EndName if chars::is_name(c) => self.state,
            State::Name => {
                self.named(at);
                return self.behind_name(c, State::Gap);
            }
            State::AttributeName => {
                self.named(at);
                // Behind a passed limit the name's front may be dropped, and nothing is counted.
                if self.over.is_none() {
                    self.count_attribute(view.proved(self.name..at));
                }
                return self.behind_name(c, State::Equals);
            }
            State::EndName => return self.behind_name(c, State::EndSpace),
            State::Gap | State::Space => match c {
                _ if space => State::Space,
                '>' => return Ok(self.opened(false)),
                '/' => State::Slash,
                _ if name_start && matches!(self.state, State::Space) => {
                    self.name = at;
                    State::AttributeName
                }
                _ => return bad,
            },
            State::Equals | State::Quote | State::EndSpace if space => self.state,
            State::Equals if c == '=' => State::Quote,
            State::Quote if c == '"' => State::Value(b'"'),
            State::Quote if c == '\'' => State::Value(b'\''),
            State::Value(quote) => match c {
                _ if c == char::from(quote) => State::Gap,
                '<' => return bad,
                '&' => self.refer(),
                _ => self.character(c, at)?,
            },
            State::Slash if c == '>' => return Ok(self.opened(true)),
            State::End if name_start => State::EndName,
            State::EndSpace if c == '>' => return Ok(self.closed()),
            State::Equals | State::Quote | State::Slash | State::End | State::EndSpace => {
                return bad;
            }
        };
        Ok(Walked::More)
    }

    /// A name has ended before this character, which is looked at again.
    fn behind_name(&mut self, c: char, next: State) -> Result<Walked, Bad> {
        self.pos -= c.len_utf8();
        self.state = next;
        Ok(Walked::More)
    }

    fn character(&mut self, c: char, at: usize) -> Result<State, Bad> {
        self.brackets = 0;
        if chars::is_char(u32::from(c)) {
            Ok(self.state)
        } else {
            Err((XmlErrorKind::NotWellFormed, at))
        }
    }

    /// The limits of what is kept; what is dropped has none.
    fn pass(&mut self, excess: Excess, found: usize) {
        self.over.get_or_insert((excess, found));
    }

    fn named(&mut self, end: usize) {
        let length = end - self.name.min(end);
        if self.over.is_none() && length > NAME_BYTES {
            self.pass(Excess::NameBytes, length);
        }
    }

    fn count_attribute(&mut self, name: &[u8]) {
        self.attributes += 1;
        self.declarations += usize::from(name == b"xmlns" || name.starts_with(b"xmlns:"));
        if self.attributes > self.limits.attributes {
            self.pass(Excess::Attributes, self.attributes);
        }
        if self.declarations > self.limits.declarations {
            self.pass(Excess::Declarations, self.declarations);
        }
    }

    fn opened(&mut self, closes: bool) -> Walked {
        self.depth += 1;
        self.deepest = self.deepest.max(self.depth);
        if self.outside + self.depth > self.limits.depth {
            self.pass(Excess::Depth, 0);
        }
        if self.tag_len == 0 {
            self.tag_len = self.pos;
        }
        self.state = State::Text;
        if closes { self.closed() } else { Walked::More }
    }

    fn closed(&mut self) -> Walked {
        self.state = State::Text;
        self.brackets = 0;
        self.depth -= 1;
        if self.depth == 0 {
            Walked::End
        } else {
            Walked::More
        }
    }

    /// Begins a reference inside the text or value that goes on behind it.
    fn refer(&mut self) -> State {
        self.brackets = 0;
        self.reference = Some(Reference {
            length: 0,
            front: ['\0'; 4],
            bytes: 1,
            radix: 10,
            digits: 0,
            value: 0,
        });
        self.state
    }

    fn in_reference(&mut self, c: char) -> Result<(), Bad> {
        let at = self.pos;
        let Some(reference) = &mut self.reference else {
            return Ok(());
        };
        self.pos += c.len_utf8();
        reference.bytes += c.len_utf8();
        if c == ';' {
            let (over, bytes) = (reference.bytes > REFERENCE_BYTES, reference.bytes);
            let verdict = reference.judge();
            self.reference = None;
            if over {
                self.pass(Excess::ReferenceBytes, bytes);
            }
            return verdict.map_err(|kind| (kind, at));
        }
        if reference.take(c) {
            Ok(())
        } else {
            Err((XmlErrorKind::NotWellFormed, at))
        }
    }
}

impl Reference {
    /// Takes a character before the semicolon; says whether it may stand there.
    fn take(&mut self, c: char) -> bool {
        let place = self.length;
        self.length += 1;
        if let Some(slot) = self.front.get_mut(place) {
            *slot = c;
        }
        if self.front.first() != Some(&'#') {
            return c == ':' || (place > 0 && chars::is_name(c)) || chars::is_name_start(c);
        }
        if place == 0 {
            return true;
        }
        if place == 1 && c == 'x' {
            self.radix = 16;
            return true;
        }
        let Some(digit) = c.to_digit(self.radix) else {
            return false;
        };
        self.digits += 1;
        self.value = self.value.saturating_mul(self.radix).saturating_add(digit);
        true
    }

    fn judge(&self) -> Result<(), XmlErrorKind> {
        let known = ["lt", "gt", "amp", "quot", "apos"];
        let is_known = |front: &[char]| {
            known
                .iter()
                .any(|known| known.chars().eq(front.iter().copied()))
        };
        match self.front.first() {
            _ if self.length == 0 => Err(XmlErrorKind::NotWellFormed),
            Some('#') if self.digits > 0 && chars::is_char(self.value) => Ok(()),
            Some('#') => Err(XmlErrorKind::NotWellFormed),
            // A longer one than is kept is none of these.
            _ if self.front.get(..self.length).is_some_and(is_known) => Ok(()),
            _ => Err(XmlErrorKind::Restricted),
        }
    }
}
