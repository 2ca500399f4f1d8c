//! What waits to be written. Control frames overtake messages, also between the fragments of one; Close comes behind the messages; a large
//! payload is passed on uncopied, small frames are written together.

use std::collections::VecDeque;

use bytes::Bytes;

use super::Compression;
use crate::{
    Transmit,
    deflate::Deflater,
    frame::{CloseFrame, Encoder, First, Opcode, Role},
};

/// A payload above this is not copied to stand beside other frames.
const SMALL_BYTES: usize = 1024;
/// Small frames are gathered up to this.
const GATHER_BYTES: usize = 16_384;
/// Pongs in waiting; one more, and only the latest is kept until they leave (RFC 6455 §5.5.3).
const PONGS: usize = 200;
/// Pings of the application in waiting.
const PINGS: usize = 16;
/// A queue whose room exceeds this gives it back when it is empty.
const KEPT_SLOTS: usize = 16;

/// The writing side of a connection.
#[derive(Debug)]
pub(super) struct Outbox {
    encoder: Encoder,
    /// Pings of ours, encoded as frames.
    pings: Vec<u8>,
    pings_waiting: usize,
    pongs: Vec<u8>,
    pongs_waiting: usize,
    /// More than `PONGS` waited: only the latest is kept.
    pongs_backed_up: bool,
    messages: VecDeque<Queued>,
    /// The message of which fragments have left.
    begun: Option<Box<Begun>>,
    /// Payload bytes in `messages`, and what is left of `begun`.
    bytes: usize,
    /// Payload bytes of one frame of a message.
    fragment_bytes: usize,
    /// Where permessage-deflate was agreed.
    deflater: Option<Box<Deflater>>,
    /// For messages that are queued from now on.
    compression: Compression,
    close: Close,
}

/// A message. It is compressed when it leaves, so that it is still known while it waits.
#[derive(Debug)]
struct Queued {
    opcode: Opcode,
    payload: Bytes,
    compression: Compression,
}

#[derive(Debug)]
struct Begun {
    /// What is left to send.
    rest: Bytes,
    /// As it was queued.
    message: Bytes,
}

#[derive(Debug)]
enum Close {
    None,
    Waiting(CloseFrame),
    Taken,
}

impl Outbox {
    pub(super) fn new(encoder: Encoder, fragment_bytes: Option<usize>) -> Self {
        Self {
            encoder,
            fragment_bytes: fragment_bytes.map_or(usize::MAX, |bytes| bytes.max(1)),
            pings: Vec::new(),
            pings_waiting: 0,
            pongs: Vec::new(),
            pongs_waiting: 0,
            pongs_backed_up: false,
            messages: VecDeque::new(),
            begun: None,
            bytes: 0,
            deflater: None,
            compression: Compression::Allowed,
            close: Close::None,
        }
    }

    #[cfg(feature = "deflate")]
    pub(super) fn set_deflater(&mut self, deflater: Deflater) {
        self.deflater = Some(Box::new(deflater));
    }

    pub(super) fn set_compression(&mut self, compression: Compression) {
        self.compression = compression;
    }

    pub(super) fn role(&self) -> Role {
        self.encoder.role()
    }

    /// Payload bytes of the messages in waiting.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether messages may still come before the Close frame, if there is one.
    pub(super) fn is_open(&self) -> bool {
        !matches!(self.close, Close::Taken)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.messages.is_empty()
            && self.begun.is_none()
            && self.pings.is_empty()
            && self.pongs.is_empty()
            && !matches!(self.close, Close::Waiting(_))
    }

    pub(super) fn message(&mut self, opcode: Opcode, payload: Bytes) {
        self.bytes += payload.len();
        self.messages.push_back(Queued {
            opcode,
            payload,
            compression: self.compression,
        });
    }

    /// Queues a ping; says whether there was room.
    pub(super) fn ping(&mut self, payload: &[u8]) -> bool {
        let room = self.pings_waiting < PINGS;
        if room {
            self.pings_waiting += 1;
            self.encoder
                .frame(First::whole(Opcode::Ping), payload, &mut self.pings);
        }
        room
    }

    pub(super) fn pong(&mut self, payload: &[u8]) {
        self.pongs_backed_up |= self.pongs_waiting == PONGS;
        if self.pongs_backed_up {
            self.pongs.clear();
            self.pongs_waiting = 0;
        }
        self.pongs_waiting += 1;
        self.encoder
            .frame(First::whole(Opcode::Pong), payload, &mut self.pongs);
    }

    /// Queues the Close frame; only the first counts.
    pub(super) fn close(&mut self, frame: CloseFrame) {
        if matches!(self.close, Close::None) {
            self.close = Close::Waiting(frame);
        }
    }

    /// The payloads of the messages in waiting, with one that has left in part.
    pub(super) fn take_messages(&mut self) -> Vec<Bytes> {
        self.bytes = 0;
        let begun = self.begun.take().map(|begun| begun.message);
        begun
            .into_iter()
            .chain(self.messages.drain(..).map(|queued| queued.payload))
            .collect()
    }

    /// The transport is gone.
    pub(super) fn clear(&mut self) {
        self.messages = VecDeque::new();
        self.begun = None;
        self.bytes = 0;
        self.pings = Vec::new();
        self.pongs = Vec::new();
        self.close = Close::Taken;
    }

    pub(super) fn poll_transmit(&mut self) -> Option<Transmit> {
        let mut head = self.take_control();
        let mut payload = Bytes::new();
        while payload.is_empty() && head.len() < GATHER_BYTES {
            let Some((first, part)) = self.next_frame() else {
                self.append_close(&mut head);
                break;
            };
            let alone = head.is_empty()
                && self.messages.is_empty()
                && self.begun.is_none()
                && !matches!(self.close, Close::Waiting(_));
            if alone || part.len() > SMALL_BYTES {
                payload = self.encoder.head(first, part, &mut head);
            } else {
                self.encoder.frame(first, &part, &mut head);
            }
        }
        if self.messages.is_empty() && self.messages.capacity() > KEPT_SLOTS {
            self.messages = VecDeque::new();
        }
        if head.is_empty() {
            return None;
        }
        Some(Transmit {
            head: head.into(),
            payload,
        })
    }

    /// The next frame of the message in front.
    fn next_frame(&mut self) -> Option<(First, Bytes)> {
        let (first, mut rest, message) = match self.begun.take() {
            Some(begun) => (
                First::whole(Opcode::Continuation),
                begun.rest,
                Some(begun.message),
            ),
            None => {
                let queued = self.messages.pop_front()?;
                let first = First::whole(queued.opcode);
                match self.compress(&queued) {
                    Some(compressed) => {
                        self.bytes -= queued.payload.len();
                        self.bytes += compressed.len();
                        (first.compressed(), compressed, Some(queued.payload))
                    }
                    None => (first, queued.payload, None),
                }
            }
        };
        if rest.len() <= self.fragment_bytes {
            self.bytes -= rest.len();
            return Some((first, rest));
        }
        let message = message.unwrap_or_else(|| rest.clone());
        let part = rest.split_to(self.fragment_bytes);
        self.bytes -= part.len();
        self.begun = Some(Box::new(Begun { rest, message }));
        Some((first.unfinished(), part))
    }

    fn compress(&mut self, queued: &Queued) -> Option<Bytes> {
        match queued.compression {
            Compression::Allowed => self.deflater.as_mut()?.compress(&queued.payload),
            Compression::Withheld => None,
        }
    }

    fn take_control(&mut self) -> Vec<u8> {
        if self.pings.is_empty() && self.pongs.is_empty() {
            return Vec::new();
        }
        let mut control = std::mem::take(&mut self.pings);
        control.append(&mut std::mem::take(&mut self.pongs));
        self.pings_waiting = 0;
        self.pongs_waiting = 0;
        self.pongs_backed_up = false;
        control
    }

    fn append_close(&mut self, head: &mut Vec<u8>) {
        if let Close::Waiting(frame) = &self.close {
            self.encoder
                .frame(First::whole(Opcode::Close), &frame.payload(), head);
            self.close = Close::Taken;
        }
    }
}
