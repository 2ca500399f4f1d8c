//! Requests out of bytes: a head, then its body, one request at a time.

use bytes::{Buf, Bytes, BytesMut};

use crate::{
    Limits, RequestHead,
    chunked::Chunked,
    framing::{Framing, Length},
    parse::Search,
};

use super::{LongBody, Reason, recall::Recall};

/// Empty lines before a start line that are skipped (RFC 9112 §2.2): some clients send one after a body.
const EMPTY_LINES: u8 = 2;

/// Where in a request the input is.
#[derive(Debug)]
pub(super) enum Receiver {
    Head {
        search: Search,
        empty_lines: u8,
    },
    Known {
        head: RequestHead,
        length: usize,
    },
    Chunked {
        head: RequestHead,
        body: Box<Chunked>,
    },
}

/// The part of a request that the input completed.
#[derive(Debug)]
pub(super) enum Received {
    Head(Framing, HeadFacts),
    Request(RequestHead, Bytes),
}

/// What an answer must know of the head.
#[derive(Clone, Copy, Debug)]
pub(super) struct HeadFacts {
    pub(super) version: crate::Version,
    pub(super) body: super::replies::Body,
}

impl HeadFacts {
    fn of(head: &RequestHead) -> Self {
        Self {
            version: head.version(),
            body: if head.method() == "HEAD" {
                super::replies::Body::LengthOnly
            } else {
                super::replies::Body::Allowed
            },
        }
    }
}

impl Default for Receiver {
    fn default() -> Self {
        Self::Head {
            search: Search::default(),
            empty_lines: 0,
        }
    }
}

impl Receiver {
    /// Whether a head's bytes are there without its end.
    pub(super) fn in_head(&self) -> bool {
        matches!(self, Self::Head { search, .. } if search.seen() > 0)
    }

    pub(super) fn in_body(&self) -> bool {
        matches!(self, Self::Known { .. } | Self::Chunked { .. })
    }

    /// The body under way, where it is longer than `most` bytes; of a chunked one, as far as its chunks have been announced.
    pub(super) fn exceeds(&self, most: usize, limits: &Limits) -> Option<LongBody> {
        let (head, bytes) = match self {
            Self::Head { .. } => return None,
            Self::Known { head, length } => (head, (*length > most).then_some(*length)?),
            Self::Chunked { head, body } => (
                head,
                (body.announced() > most).then_some(limits.body_bytes)?,
            ),
        };
        Some(LongBody {
            head: head.clone(),
            bytes,
        })
    }

    /// Takes the next whole part off the front of `input`. Of a body that is longer than `unasked` nothing is taken beyond that.
    pub(super) fn receive(
        &mut self,
        input: &mut BytesMut,
        recall: &mut Recall,
        limits: &Limits,
        unasked: usize,
    ) -> Result<Option<Received>, Reason> {
        match self {
            Self::Head {
                search,
                empty_lines,
            } => {
                while search.seen() <= 1 && input.first() == Some(&b'\r') {
                    match input.get(1) {
                        Some(b'\n') if *empty_lines < EMPTY_LINES => {
                            input.advance(2);
                            *empty_lines += 1;
                            *search = Search::default();
                        }
                        Some(_) => return Err(Reason::EmptyLines),
                        None => {
                            search.saw(1);
                            return Ok(None);
                        }
                    }
                }
                if input.is_empty() {
                    return Ok(None);
                }
                // Only before a byte of it was looked at: none is looked at again and again.
                let known = if search.seen() == 0 {
                    recall.recognise(input, limits)?
                } else {
                    None
                };
                let (head, framing, facts) = match known {
                    Some(known) => known,
                    None => {
                        let Some(length) = search.find(input, limits)? else {
                            return Ok(None);
                        };
                        let head = search.parse(input.split_to(length).freeze())?;
                        let framing = Framing::of(&head, limits)?;
                        let facts = HeadFacts::of(&head);
                        (recall.remember(head, framing, facts), framing, facts)
                    }
                };
                *self = match framing.length {
                    Length::Known(length) => Self::Known { head, length },
                    Length::Chunked => Self::Chunked {
                        head,
                        body: Box::new(Chunked::new()),
                    },
                };
                Ok(Some(Received::Head(framing, facts)))
            }
            Self::Known { length, .. } => {
                if *length > unasked || input.len() < *length {
                    return Ok(None);
                }
                // A slice of the input: no copy.
                let body = input.split_to(*length).freeze();
                Ok(self.finish(body))
            }
            Self::Chunked { body, .. } => {
                let Some(body) = body.decode(input, limits, unasked)? else {
                    return Ok(None);
                };
                Ok(self.finish(body.freeze()))
            }
        }
    }

    fn finish(&mut self, body: Bytes) -> Option<Received> {
        match std::mem::take(self) {
            Self::Head { .. } => None,
            Self::Known { head, .. } | Self::Chunked { head, .. } => {
                Some(Received::Request(head, body))
            }
        }
    }
}
