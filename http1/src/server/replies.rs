//! Answers owed, in request order. They may be given in any order and leave in this one (RFC 9112 §9.3.2).

use std::{collections::VecDeque, ops::Range};

use bytes::{Bytes, BytesMut};

use crate::{
    Response, Transmit, Version,
    framing::{Persistence, Upgrade},
    write,
};

/// A body up to this goes into the head's buffer: a copy is cheaper than a second piece of a vectored write.
const COALESCED_BODY: usize = 1_024;
/// Answers that are ready leave together until this much is gathered.
const COALESCED: usize = 8_192;
/// A longer payload leaves in pieces, so that a slow peer's progress is seen.
const PIECE: usize = 65_536;

/// The answer to one request.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) state: State,
    pub(super) version: Version,
    pub(super) body: Body,
    pub(super) upgrade: Upgrade,
    pub(super) persistence: Persistence,
}

impl Slot {
    /// The body is not all there: a 100 may be due.
    pub(super) fn await_body(&mut self) {
        if let State::Receiving { interim } = &mut self.state {
            if *interim == Interim::Possible {
                *interim = Interim::Due;
            }
        }
    }
}

/// Whether an answer may have a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Body {
    Allowed,
    /// The request was HEAD: `Content-Length` tells what it would be.
    LengthOnly,
}

#[derive(Debug)]
pub(super) enum State {
    /// The request's body is still coming.
    Receiving { interim: Interim },
    /// The application has the request.
    Awaited,
    /// The application's answer.
    Ready(Response),
    /// Our own answer to a fault; always the last.
    Refused(Response),
}

/// Whether a request gets a 100 (Continue) before its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Interim {
    None,
    /// Unless the body comes with the head.
    Possible,
    Due,
}

/// What the bytes given out last will have brought when they are written.
#[derive(Debug, Default)]
pub(super) struct Written {
    /// Requests whose answers are complete with them.
    pub(super) ids: Range<u64>,
    pub(super) then: Then,
}

/// What becomes of the connection behind an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Then {
    #[default]
    Continue,
    /// It was a 101.
    Detach,
}

#[derive(Debug, Default)]
pub(super) struct Replies {
    /// The first slot's request.
    first: u64,
    slots: VecDeque<Slot>,
    /// What is left of a long payload.
    rest: Bytes,
    /// Bytes were given out and not yet written.
    out: Option<Written>,
}

impl Replies {
    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    /// Nothing is owed, and nothing is on its way.
    pub(super) fn is_done(&self) -> bool {
        self.slots.is_empty() && self.out.is_none()
    }

    /// Whether the application owes an answer.
    pub(super) fn awaits(&self) -> bool {
        self.slots
            .iter()
            .any(|slot| matches!(slot.state, State::Awaited))
    }

    pub(super) fn push(&mut self, slot: Slot) {
        self.slots.push_back(slot);
    }

    /// The request whose body is coming.
    pub(super) fn receiving(&mut self) -> Option<&mut Slot> {
        self.slots
            .back_mut()
            .filter(|slot| matches!(slot.state, State::Receiving { .. }))
    }

    /// Forgets a request whose body will not come.
    pub(super) fn drop_receiving(&mut self) {
        if self.receiving().is_some() {
            self.slots.pop_back();
        }
    }

    /// Makes the request whose body came the application's, and names it.
    pub(super) fn received(&mut self) -> Option<(u64, Upgrade, Persistence)> {
        let slot = self.receiving()?;
        slot.state = State::Awaited;
        let (upgrade, persistence) = (slot.upgrade, slot.persistence);
        Some((
            self.first + self.slots.len() as u64 - 1,
            upgrade,
            persistence,
        ))
    }

    /// Forgets what is behind an answer that closes (RFC 9112 §9.6). Nothing is pushed after that.
    pub(super) fn drop_behind(&mut self, id: u64) {
        let kept = id.saturating_sub(self.first).saturating_add(1);
        self.slots
            .truncate(usize::try_from(kept).unwrap_or(usize::MAX));
    }

    /// The slot that waits for this answer.
    pub(super) fn awaited(&mut self, id: u64) -> Option<&mut Slot> {
        let index = usize::try_from(id.checked_sub(self.first)?).ok()?;
        self.slots
            .get_mut(index)
            .filter(|slot| matches!(slot.state, State::Awaited))
    }

    /// Drops everything that did not leave.
    pub(super) fn clear(&mut self) {
        self.first += self.slots.len() as u64;
        self.slots.clear();
        self.rest = Bytes::new();
        self.out = None;
    }

    /// What became of the bytes given out before, which are written now that more are asked for.
    pub(super) fn take_written(&mut self) -> Option<Written> {
        if self.rest.is_empty() {
            self.out.take()
        } else {
            None
        }
    }

    /// The next bytes. `last`: what the last answer in the queue says about the connection.
    pub(super) fn write(&mut self, last: Persistence) -> Option<Transmit> {
        if !self.rest.is_empty() {
            return Some(Transmit {
                head: Bytes::new(),
                payload: self.next_piece(),
            });
        }
        let mut head = BytesMut::new();
        let mut written = Written {
            ids: self.first..self.first,
            then: Then::Continue,
        };
        while head.len() < COALESCED && self.rest.is_empty() && written.then == Then::Continue {
            let only = self.slots.len() == 1;
            let Some(slot) = self.slots.front_mut() else {
                break;
            };
            let ours = match &mut slot.state {
                State::Receiving { interim } => {
                    if *interim == Interim::Due {
                        *interim = Interim::None;
                        head.extend_from_slice(write::CONTINUE);
                    }
                    break;
                }
                State::Awaited => break,
                State::Ready(_) => false,
                State::Refused(_) => true,
            };
            let Some(Slot {
                state: State::Ready(response) | State::Refused(response),
                version,
                body,
                ..
            }) = self.slots.pop_front()
            else {
                break;
            };
            self.first += 1;
            if !ours {
                written.ids.end = self.first;
            }
            let mut persistence = if only { last } else { Persistence::Keep };
            if response.status == 101 {
                written.then = Then::Detach;
            } else if response.close {
                persistence = Persistence::Close;
            }
            self.put(&mut head, response, version, body, persistence);
        }
        if head.is_empty() {
            return None;
        }
        self.out = Some(written);
        Some(Transmit {
            head: head.freeze(),
            payload: self.next_piece(),
        })
    }

    fn put(
        &mut self,
        head: &mut BytesMut,
        response: Response,
        version: Version,
        body: Body,
        persistence: Persistence,
    ) {
        let bodiless = body == Body::LengthOnly || matches!(response.status, 101 | 204 | 304);
        let copied = !bodiless && response.body.len() <= COALESCED_BODY;
        head.reserve(256 + if copied { response.body.len() } else { 0 });
        write::head(head, &response, version, persistence);
        if copied {
            head.extend_from_slice(&response.body);
        } else if !bodiless {
            self.rest = response.body;
        }
    }

    fn next_piece(&mut self) -> Bytes {
        self.rest.split_to(self.rest.len().min(PIECE))
    }
}
