//! Answers kept for retransmitted requests (XEP-0124 §14.3), the very bytes that left.

use bytes::Bytes;

use crate::rid::Rid;
use xmpp_machine::Moment;

/// An answer given. Its rid follows from its place: answers are kept without gaps, up to the newest one.
#[derive(Debug)]
pub(super) struct Answered {
    pub(super) body: Bytes,
    /// When it was issued.
    pub(super) at: Moment,
    /// The request's hash, in key mode (B-R-099).
    pub(super) digest: u32,
    /// It carried elements.
    pub(super) has_payload: bool,
    /// Retransmissions seen of this rid.
    pub(super) duplicates: u8,
}

/// How many answers are kept for replay.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    pub(super) count: usize,
    pub(super) bytes: usize,
    /// As many are kept whatever their size.
    pub(super) least: usize,
}

/// The newest answers, oldest first. A handful without client acks, so that places are moved rather than kept free.
#[derive(Debug, Default)]
pub(super) struct Replay {
    answers: Vec<Answered>,
}

impl Replay {
    /// Keeps one more, dropping the oldest where that passes the bounds.
    pub(super) fn push(&mut self, answered: Answered, bounds: Bounds) {
        let kept: usize = self.answers.iter().map(|answer| answer.body.len()).sum();
        let mut bytes = kept.saturating_add(answered.body.len());
        let mut dropped = 0;
        for oldest in &self.answers {
            let count = self.answers.len() - dropped + 1;
            if count <= bounds.count && (bytes <= bounds.bytes || count <= bounds.least) {
                break;
            }
            bytes = bytes.saturating_sub(oldest.body.len());
            dropped += 1;
        }
        self.answers.drain(..dropped);
        self.answers.reserve_exact(1);
        self.answers.push(answered);
    }

    /// The answer to `rid`, where `newest` is the rid of the newest one.
    pub(super) fn get_mut(&mut self, rid: Rid, newest: Rid) -> Option<&mut Answered> {
        let age = newest.get().checked_sub(rid.get())?;
        let place = self.answers.len().checked_sub(1)?;
        let place = place.checked_sub(usize::try_from(age).ok()?)?;
        self.answers.get_mut(place)
    }

    /// The answers with their rids.
    pub(super) fn iter(&self, newest: Rid) -> impl Iterator<Item = (Rid, &Answered)> {
        let ages = (0..self.answers.len() as u64).rev();
        ages.map(move |age| newest.minus(age)).zip(&self.answers)
    }

    /// Drops answers up to and including `rid` (B-R-107).
    pub(super) fn forget(&mut self, rid: Rid, newest: Rid) {
        let kept = newest.get().saturating_sub(rid.get());
        let kept = usize::try_from(kept).unwrap_or(usize::MAX);
        let dropped = self.answers.len().saturating_sub(kept);
        self.answers.drain(..dropped);
        if self.answers.capacity() > 4 * self.answers.len().max(2) {
            self.answers.shrink_to_fit();
        }
    }
}
