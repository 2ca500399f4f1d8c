//! Tags that are complete in the view and plainly right, in one go.
//!
//! Rules: what is not so (cut short, beyond a limit, unusual, wrong) leaves everything as it was for the machine in `tag_scan`, which
//! decides and says where the error is. What is accepted here, the machine accepts too.

use xmpp_machine::Proved as _;

use super::{
    chars::{self, CLASS, NAME, NAME_START, is_space},
    scan::{Scanner, Step, character, reference},
    tag_scan::{Attribute, Closing, NAME_BYTES, QName},
};

impl Scanner {
    /// The start tag at `pos`; `finish_start` must follow.
    pub(super) fn whole_start_tag(&mut self, view: &[u8]) -> Option<Closing> {
        let name = ascii_name(view, self.pos + 1)?;
        // In place: what the machine begins anew does not mind.
        self.open_tag.begin(self.pos, name);
        self.attributes.clear();
        let mut at = name.end;
        let closing = loop {
            let mut next = *view.get(at)?;
            let spaced = is_space(next);
            while is_space(next) {
                at += 1;
                next = *view.get(at)?;
            }
            match next {
                b'>' => {
                    at += 1;
                    break Closing::Later;
                }
                b'/' if view.get(at + 1) == Some(&b'>') => {
                    at += 2;
                    break Closing::Now;
                }
                _ if spaced => {}
                _ => return None,
            }
            let name = ascii_name(view, at)?;
            let [b'=', quote @ (b'"' | b'\'')] = *view.get(name.end..)?.first_chunk()? else {
                return None;
            };
            let mut attribute = Attribute::named(name, view);
            attribute.value = name.end + 2;
            at = whole_value(view, quote, &mut attribute)?;
            self.open_tag.declarations += usize::from(attribute.declares);
            if self.attributes.len() >= self.limits.attributes
                || self.open_tag.declarations > self.limits.declarations
            {
                return None;
            }
            self.open_tag.note(&mut attribute);
            self.attributes.push(attribute);
        };
        self.pos = at;
        Some(closing)
    }

    /// The end tag at `pos`, of the innermost open element and without white space.
    pub(super) fn whole_end_tag(&mut self, view: &[u8]) -> Option<Step> {
        let open = self.stack.last()?;
        let expected = view.proved(open.start..open.start + open.len);
        let end = self.pos + 2 + open.len;
        if view.get(self.pos + 2..end)? != expected || view.get(end) != Some(&b'>') {
            return None;
        }
        self.pos = end + 1;
        Some(self.close_element())
    }
}

/// The value whose first byte is at `attribute.value`; gives the place behind its quote.
fn whole_value(view: &[u8], quote: u8, attribute: &mut Attribute) -> Option<usize> {
    let mut at = attribute.value;
    loop {
        at += chars::value_run(view.get(at..)?, quote);
        match *view.get(at)? {
            b if b == quote => {
                attribute.value_end = at;
                return Some(at + 1);
            }
            b'"' | b'\'' => at += 1,
            b'<' => return None,
            b'&' => {
                at += reference(view, at).ok()?;
                attribute.encoded = true;
            }
            b if is_space(b) => {
                at += 1;
                attribute.encoded = true;
            }
            _ => at = character(view, at).ok()?,
        }
    }
}

/// The qualified name at `start`, where it is ASCII.
#[inline]
fn ascii_name(view: &[u8], start: usize) -> Option<QName> {
    let (mut local, mut end) = (start, name_part(view, start)?);
    if view.get(end) == Some(&b':') {
        local = end + 1;
        end = name_part(view, local)?;
    }
    (end - start <= NAME_BYTES).then_some(QName { start, local, end })
}

/// The end of the part of a name that begins at `at`.
#[inline]
fn name_part(view: &[u8], at: usize) -> Option<usize> {
    if CLASS[usize::from(*view.get(at)?)] & NAME_START == 0 {
        return None;
    }
    let mut end = (at + 1).max(at + chars::letters(view, at));
    while view
        .get(end)
        .is_some_and(|&b| CLASS[usize::from(b)] & NAME != 0)
    {
        end += 1;
    }
    Some(end)
}
