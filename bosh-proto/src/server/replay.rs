//! Answers kept for retransmitted requests (XEP-0124 §14.3), the very bytes that left.

use std::collections::VecDeque;

use bytes::Bytes;

use crate::{Instant, rid::Rid};

/// An answer given.
#[derive(Debug)]
pub(super) struct Answered {
    pub(super) rid: Rid,
    pub(super) body: Bytes,
    /// When it was issued.
    pub(super) at: Instant,
    /// It carried elements.
    pub(super) has_payload: bool,
    /// The request's hash, in key mode (B-R-099).
    pub(super) digest: u64,
    /// Retransmissions seen of this rid.
    pub(super) duplicates: u8,
}

/// The newest answers, oldest first.
#[derive(Debug, Default)]
pub(super) struct Replay {
    answers: VecDeque<Answered>,
    bytes: usize,
}

impl Replay {
    pub(super) fn push(&mut self, answered: Answered) {
        self.bytes = self.bytes.saturating_add(answered.body.len());
        self.answers.push_back(answered);
    }

    pub(super) fn get_mut(&mut self, rid: Rid) -> Option<&mut Answered> {
        self.answers.iter_mut().find(|answer| answer.rid == rid)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Answered> {
        self.answers.iter()
    }

    /// Drops answers up to and including `rid` (B-R-107).
    pub(super) fn release(&mut self, rid: Rid) {
        while self.answers.front().is_some_and(|oldest| oldest.rid <= rid) {
            self.drop_oldest();
        }
    }

    /// Drops the oldest beyond `count` answers, or beyond `bytes` while more than `least` are there.
    pub(super) fn trim(&mut self, count: usize, bytes: usize, least: usize) {
        while self.answers.len() > count || (self.bytes > bytes && self.answers.len() > least) {
            self.drop_oldest();
        }
    }

    fn drop_oldest(&mut self) {
        if let Some(oldest) = self.answers.pop_front() {
            self.bytes = self.bytes.saturating_sub(oldest.body.len());
        }
    }
}
