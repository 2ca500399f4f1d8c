//! Elements on their way to the client: queued by `send`, taken by answers in batches (B-R-073, B-R-074, B-X-001).

use std::collections::VecDeque;

use xmpp_machine::Proved as _;
use xmpp_wire::{Element, ns};

use crate::ascii;

/// What may share a body with what (B-X-001): features and SASL elements travel alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Features,
    Sasl,
    /// Another element of the stream namespace.
    Stream,
    Other,
}

impl Kind {
    fn of(element: &Element) -> Self {
        let name = element.name();
        match name.namespace {
            ns::STREAM if name.local == "features" => Self::Features,
            ns::STREAM => Self::Stream,
            ns::SASL | ns::SASL2 => Self::Sasl,
            _ => Self::Other,
        }
    }

    fn is_alone(self) -> bool {
        match self {
            Self::Features | Self::Sasl => true,
            Self::Stream | Self::Other => false,
        }
    }
}

/// An element ready to be copied into a body.
#[derive(Debug)]
pub(super) struct Queued {
    element: Element,
    kind: Kind,
    /// Bytes of its start tag that the wrapper's own `xmlns:stream` makes superfluous.
    cut: std::ops::Range<usize>,
}

impl Queued {
    /// Makes an element stand alone, stanzas in `jabber:client` (B-X-003), the stream's own with their literal prefix (B-X-002).
    pub(super) fn new(element: &Element) -> Self {
        let kind = Kind::of(element);
        let element = if element.name().namespace.is_empty() {
            element.adopt("", ns::CLIENT)
        } else {
            element.clone()
        };
        match kind {
            Kind::Features | Kind::Stream => {
                let element = element.with_stream_prefix();
                let cut = stream_declaration(element.raw());
                Self { element, kind, cut }
            }
            Kind::Sasl | Kind::Other => Self {
                element,
                kind,
                cut: 0..0,
            },
        }
    }

    /// Its bytes, in two pieces around what is cut.
    pub(super) fn pieces(&self) -> [&[u8]; 2] {
        let raw = self.element.raw();
        [raw.proved(..self.cut.start), raw.proved(self.cut.end..)]
    }

    pub(super) fn needs_stream(&self) -> bool {
        matches!(self.kind, Kind::Features | Kind::Stream)
    }

    pub(super) fn len(&self) -> usize {
        self.element.raw().len()
    }

    /// Whether it can be spelled in ASCII (B-R-026).
    pub(super) fn has_ascii_names(&self) -> bool {
        let raw = self.element.raw();
        raw.is_ascii() || std::str::from_utf8(raw).is_ok_and(|raw| ascii::spell(raw).is_some())
    }

    pub(super) fn into_element(self) -> Element {
        self.element
    }
}

/// Where ` xmlns:stream=".."` stands in a start tag.
fn stream_declaration(raw: &[u8]) -> std::ops::Range<usize> {
    let mut quote = None;
    let mut name = 0;
    for (at, &byte) in raw.iter().enumerate() {
        match quote {
            Some((open, start)) if byte == open => {
                let attribute = raw.proved(name..start);
                let value = raw.proved(start + 1..at);
                if attribute == b" xmlns:stream=" && value == ns::STREAM.as_bytes() {
                    return name..at + 1;
                }
                quote = None;
            }
            Some(_) => {}
            None => match byte {
                b'\'' | b'"' => quote = Some((byte, at)),
                b' ' | b'\t' | b'\r' | b'\n' => name = at,
                b'>' => return 0..0,
                _ => {}
            },
        }
    }
    0..0
}

/// What waits, while something does.
#[derive(Debug, Default)]
struct Queue {
    elements: VecDeque<Queued>,
    bytes: usize,
    /// `send` was refused: `Writable` is owed at the low mark.
    refused: bool,
}

/// Empty queues for the next sessions that need one, so that an idle session has none and a busy one allocates none.
#[derive(Debug, Default)]
pub(super) struct Spares(Vec<Outbox>);

impl Spares {
    /// Empty queues that are kept.
    const KEPT: usize = 32;
    /// Elements that a kept queue has room for.
    const ROOM: usize = 16;
}

/// The elements that wait for a request to leave on; none is allocated while there are none.
#[derive(Debug, Default)]
pub(super) struct Outbox(Option<Box<Queue>>);

impl Outbox {
    pub(super) fn is_empty(&self) -> bool {
        self.0
            .as_ref()
            .is_none_or(|queue| queue.elements.is_empty())
    }

    /// Whether `send` was refused and not yet told of room.
    pub(super) fn is_blocked(&self) -> bool {
        self.0.as_ref().is_some_and(|queue| queue.refused)
    }

    /// Whether `len` more bytes fit; an empty outbox takes any element. A refusal is remembered.
    pub(super) fn has_room(&mut self, len: usize, limit: usize) -> bool {
        let Some(queue) = &mut self.0 else {
            return true;
        };
        let fits = !queue.refused
            && (queue.elements.is_empty() || queue.bytes.saturating_add(len) <= limit);
        queue.refused |= !fits;
        fits
    }

    pub(super) fn push(&mut self, queued: Queued, spares: &mut Spares) {
        if self.0.is_none() {
            *self = spares.0.pop().unwrap_or_default();
        }
        let queue = self.0.get_or_insert_default();
        queue.bytes = queue.bytes.saturating_add(queued.len());
        queue.elements.push_back(queued);
    }

    /// What one body may carry: up to `limit` bytes, never splitting an element, one kind a body. Gone once the batch is dropped with
    /// [`drop_batch`](Self::drop_batch).
    pub(super) fn batch(&mut self, limit: usize) -> &[Queued] {
        let Some(queue) = &mut self.0 else {
            return &[];
        };
        let mut bytes = 0_usize;
        let mut count = 0;
        for queued in &queue.elements {
            let alone = queued.kind.is_alone();
            let size = bytes.saturating_add(queued.len());
            if count > 0 && (alone || size > limit) {
                break;
            }
            bytes = size;
            count += 1;
            if alone {
                break;
            }
        }
        queue
            .elements
            .make_contiguous()
            .get(..count)
            .unwrap_or_default()
    }

    /// Drops the first `count` elements.
    pub(super) fn drop_batch(&mut self, count: usize) {
        let Some(queue) = &mut self.0 else {
            return;
        };
        for queued in queue.elements.drain(..count.min(queue.elements.len())) {
            queue.bytes = queue.bytes.saturating_sub(queued.len());
        }
    }

    /// Takes everything, for a last body.
    pub(super) fn take_all(&mut self) -> Vec<Queued> {
        self.0
            .take()
            .map(|queue| queue.elements.into())
            .unwrap_or_default()
    }

    /// Whether `Writable` is due: refused before, and at half the limit or below now. Says so once.
    pub(super) fn take_writable(&mut self, limit: usize) -> bool {
        let Some(queue) = &mut self.0 else {
            return false;
        };
        let due = queue.refused && queue.bytes <= limit / 2;
        queue.refused &= !due;
        due
    }

    /// Drops an empty queue, or keeps it for the next session that needs one.
    pub(super) fn drop_unused(&mut self, spares: &mut Spares) {
        let is_idle = self.is_empty() && !self.is_blocked();
        if !is_idle {
            return;
        }
        if let Some(queue) = self.0.take()
            && spares.0.len() < Spares::KEPT
            && queue.elements.capacity() <= Spares::ROOM
        {
            spares.0.push(Self(Some(queue)));
        }
    }
}
