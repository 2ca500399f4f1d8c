//! Bytes on their way to the peer: small things coalesced, large ones passed on as they are.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};

/// From this size on a slice is passed on without a copy.
const LARGE: usize = 4096;
/// A coalesced piece is not grown past this, so that progress on a slow connection shows.
const PIECE: usize = 16_384;

#[derive(Debug)]
pub(crate) struct Outbox {
    pieces: VecDeque<Bytes>,
    tail: BytesMut,
    queued: usize,
    limit: usize,
    refused: bool,
}

impl Outbox {
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            pieces: VecDeque::new(),
            tail: BytesMut::new(),
            queued: 0,
            limit,
            refused: false,
        }
    }

    pub(crate) fn queued(&self) -> usize {
        self.queued
    }

    /// Whether more should wait; the refusal is remembered for `has_room_again`.
    pub(crate) fn refuses(&mut self) -> bool {
        self.refused |= self.queued >= self.limit;
        self.queued >= self.limit
    }

    /// True once after a refusal, when half of the limit is free.
    pub(crate) fn has_room_again(&mut self) -> bool {
        self.refused && self.queued <= self.limit / 2 && std::mem::take(&mut self.refused)
    }

    pub(crate) fn push(&mut self, bytes: &Bytes) {
        if bytes.len() < LARGE {
            return self.push_slice(bytes);
        }
        self.cut();
        self.queued += bytes.len();
        self.pieces.push_back(bytes.clone());
    }

    pub(crate) fn push_slice(&mut self, bytes: &[u8]) {
        self.queued += bytes.len();
        self.tail.extend_from_slice(bytes);
        if self.tail.len() >= PIECE {
            self.cut();
        }
    }

    pub(crate) fn pop(&mut self) -> Option<Bytes> {
        if self.pieces.is_empty() {
            self.cut();
        }
        let piece = self.pieces.pop_front()?;
        self.queued -= piece.len();
        if self.queued == 0 {
            // An idle stream holds no buffers.
            self.pieces = VecDeque::new();
        }
        Some(piece)
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::new(self.limit);
    }

    fn cut(&mut self) {
        if !self.tail.is_empty() {
            self.pieces
                .push_back(std::mem::take(&mut self.tail).freeze());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_things_are_coalesced_and_large_ones_keep_their_bytes() {
        let mut out = Outbox::new(10);
        let large = Bytes::from(vec![b'x'; LARGE]);
        out.push_slice(b"a");
        out.push(&Bytes::from_static(b"b"));
        out.push(&large);
        out.push_slice(b"c");
        assert_eq!(out.queued(), LARGE + 3);
        assert_eq!(out.pop().as_deref(), Some(&b"ab"[..]));
        let same = out.pop().expect("the large one");
        assert_eq!(same.as_ptr(), large.as_ptr());
        assert_eq!(out.pop().as_deref(), Some(&b"c"[..]));
        assert_eq!(out.pop(), None);
        assert_eq!(out.queued(), 0);
    }

    #[test]
    fn room_again_is_told_once_and_only_after_a_refusal() {
        let mut out = Outbox::new(10);
        out.push_slice(b"123456789");
        assert!(!out.refuses());
        out.push_slice(b"0");
        assert!(out.refuses());
        assert!(!out.has_room_again());
        out.pop();
        assert!(out.has_room_again());
        assert!(!out.has_room_again());
    }
}
