//! A browser sends the same head with every request of a connection, but for its `Content-Length`: what was made of the last one is
//! used again for one of the same bytes.
//!
//! Rules: only heads that passed every check are remembered, and the length is judged anew. The bytes are a copy of their own, so that neither
//! an idle connection nor a request that is held keeps the read buffer.

use std::ops::Range;

use bytes::{Buf, Bytes, BytesMut};

use super::{Reason, receive::HeadFacts};
use crate::{
    Limits, RequestHead,
    framing::{Framing, Length, Upgrade, content_length},
};

/// The longest head that is remembered: browsers stay below without large cookies.
const REMEMBERED: usize = 2_048;

/// The last head of a connection.
#[derive(Debug, Default)]
pub(super) struct Recall {
    last: Option<Box<Remembered>>,
}

#[derive(Debug)]
struct Remembered {
    head: RequestHead,
    framing: Framing,
    facts: HeadFacts,
    /// Where the digits of its `Content-Length` are.
    digits: Range<usize>,
}

impl Recall {
    /// Remembers a head that was read, and gives the one to hand out.
    pub(super) fn remember(
        &mut self,
        head: RequestHead,
        framing: Framing,
        facts: HeadFacts,
    ) -> RequestHead {
        let Length::Known(_) = framing.length else {
            return head;
        };
        if framing.upgrade != Upgrade::No || head.bytes().len() > REMEMBERED {
            return head;
        }
        let head = head.detached();
        self.last = Some(Box::new(Remembered {
            digits: head.place("content-length").unwrap_or_default(),
            head: head.clone(),
            framing,
            facts,
        }));
        head
    }

    /// Takes a whole head off the front of `input` where it is the one remembered.
    pub(super) fn recognise(
        &self,
        input: &mut BytesMut,
        limits: &Limits,
    ) -> Result<Option<(RequestHead, Framing, HeadFacts)>, Reason> {
        let Some(last) = &self.last else {
            return Ok(None);
        };
        let known = last.head.bytes();
        let Some(come) = input.get(..known.len()) else {
            return Ok(None);
        };
        let mut framing = last.framing;
        let head = if come == known {
            last.head.clone()
        } else {
            let Range { start, end } = last.digits;
            let (Some(digits), true, true) = (
                come.get(start..end),
                come.get(..start) == known.get(..start),
                come.get(end..) == known.get(end..),
            ) else {
                return Ok(None);
            };
            // As many digits or nothing: every other byte is in its place.
            if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
                return Ok(None);
            }
            framing.length = Length::Known(content_length(digits, limits)?);
            last.head.with_bytes(Bytes::copy_from_slice(come))
        };
        input.advance(known.len());
        Ok(Some((head, framing, last.facts)))
    }

    /// Forgets: no request comes any more.
    pub(super) fn clear(&mut self) {
        self.last = None;
    }
}
