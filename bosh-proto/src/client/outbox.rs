//! Elements on their way to the server: queued by `send`, taken by requests in batches (B-R-078).

use std::collections::VecDeque;

use xmpp_wire::{Element, ns};

/// Makes an element stand alone, stanzas in `jabber:client` declared on themselves (B-X-003).
pub(super) fn prepare(element: &Element) -> Element {
    if element.name().namespace.is_empty() {
        element.adopt("", ns::CLIENT)
    } else {
        element.clone()
    }
}

/// Whether an element travels alone: one SASL element a body (B-X-001).
fn is_alone(element: &Element) -> bool {
    matches!(element.name().namespace, ns::SASL | ns::SASL2)
}

/// The elements that wait for room in the window, at most `Config::outbox_bytes` of them.
#[derive(Default)]
pub(super) struct Outbox {
    queue: VecDeque<Element>,
    bytes: usize,
    /// `send` was refused: `Writable` is owed at the low mark.
    refused: bool,
}

impl std::fmt::Debug for Outbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Outbox")
            .field("elements", &self.queue.len())
            .field("bytes", &self.bytes)
            .finish_non_exhaustive()
    }
}

impl Outbox {
    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Whether `len` more bytes fit; an empty outbox takes any element. A refusal is remembered.
    pub(super) fn has_room(&mut self, len: usize, limit: usize) -> bool {
        let fits =
            !self.refused && (self.queue.is_empty() || self.bytes.saturating_add(len) <= limit);
        self.refused |= !fits;
        fits
    }

    pub(super) fn push(&mut self, element: Element) {
        self.bytes = self.bytes.saturating_add(element.raw().len());
        self.queue.push_back(element);
    }

    /// Takes what one body may carry: up to `limit` bytes, never splitting an element.
    pub(super) fn take_batch(&mut self, limit: usize) -> Vec<Element> {
        let mut bytes = 0_usize;
        let mut count = 0;
        for element in &self.queue {
            let alone = is_alone(element);
            let size = bytes.saturating_add(element.raw().len());
            if count > 0 && (alone || size > limit) {
                break;
            }
            bytes = size;
            count += 1;
            if alone {
                break;
            }
        }
        self.bytes = self.bytes.saturating_sub(bytes);
        self.queue.drain(..count).collect()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Element> {
        self.queue.iter()
    }

    /// Whether `send` was refused and not yet told of room.
    pub(super) fn is_blocked(&self) -> bool {
        self.refused
    }

    /// The outbox of a session that was at rest: its elements, and whether `send` was refused.
    pub(super) fn from_parts(queue: Vec<Element>, refused: bool) -> Self {
        let bytes = queue.iter().map(|element| element.raw().len()).sum();
        Self {
            queue: queue.into(),
            bytes,
            refused,
        }
    }

    /// Takes all elements, for the last request or to hand them back.
    pub(super) fn take_all(&mut self) -> Vec<Element> {
        self.bytes = 0;
        std::mem::take(&mut self.queue).into()
    }

    /// Whether `Writable` is due: refused before, and at half the limit or below now. Says so once.
    pub(super) fn take_writable(&mut self, limit: usize) -> bool {
        let due = self.refused && self.bytes <= limit / 2;
        self.refused &= !due;
        due
    }
}
