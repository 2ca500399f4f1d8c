//! What waits to be written. Control frames overtake messages between frames; Close comes behind the messages; a large payload is passed on
//! uncopied, small frames are written together.

use std::collections::VecDeque;

use bytes::Bytes;

use crate::{
    Transmit,
    frame::{CloseFrame, Encoder, Opcode, Role},
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
    /// Encoded already.
    pings: Vec<u8>,
    pings_waiting: usize,
    pongs: Vec<u8>,
    pongs_waiting: usize,
    /// More than `PONGS` waited: only the latest is kept.
    pongs_backed_up: bool,
    messages: VecDeque<(Opcode, Bytes)>,
    /// Payload bytes in `messages`.
    bytes: usize,
    close: Close,
}

#[derive(Debug)]
enum Close {
    None,
    Waiting(CloseFrame),
    Taken,
}

impl Outbox {
    pub(super) fn new(encoder: Encoder) -> Self {
        Self {
            encoder,
            pings: Vec::new(),
            pings_waiting: 0,
            pongs: Vec::new(),
            pongs_waiting: 0,
            pongs_backed_up: false,
            messages: VecDeque::new(),
            bytes: 0,
            close: Close::None,
        }
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
            && self.pings.is_empty()
            && self.pongs.is_empty()
            && !matches!(self.close, Close::Waiting(_))
    }

    pub(super) fn message(&mut self, opcode: Opcode, payload: Bytes) {
        self.bytes += payload.len();
        self.messages.push_back((opcode, payload));
    }

    /// Queues a ping; says whether there was room.
    pub(super) fn ping(&mut self, payload: &[u8]) -> bool {
        let room = self.pings_waiting < PINGS;
        if room {
            self.pings_waiting += 1;
            self.encoder.frame(Opcode::Ping, payload, &mut self.pings);
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
        self.encoder.frame(Opcode::Pong, payload, &mut self.pongs);
    }

    /// Queues the Close frame; only the first counts.
    pub(super) fn close(&mut self, frame: CloseFrame) {
        if matches!(self.close, Close::None) {
            self.close = Close::Waiting(frame);
        }
    }

    /// The payloads of the messages in waiting.
    pub(super) fn take_messages(&mut self) -> Vec<Bytes> {
        self.bytes = 0;
        self.messages
            .drain(..)
            .map(|(_, payload)| payload)
            .collect()
    }

    /// The transport is gone.
    pub(super) fn clear(&mut self) {
        self.messages = VecDeque::new();
        self.bytes = 0;
        self.pings = Vec::new();
        self.pongs = Vec::new();
        self.close = Close::Taken;
    }

    pub(super) fn poll_transmit(&mut self) -> Option<Transmit> {
        let mut head = self.take_control();
        let mut payload = Bytes::new();
        while payload.is_empty() && head.len() < GATHER_BYTES {
            let Some((opcode, message)) = self.messages.pop_front() else {
                self.append_close(&mut head);
                break;
            };
            self.bytes -= message.len();
            let alone = head.is_empty()
                && self.messages.is_empty()
                && !matches!(self.close, Close::Waiting(_));
            if alone || message.len() > SMALL_BYTES {
                payload = self.encoder.head(opcode, message, &mut head);
            } else {
                self.encoder.frame(opcode, &message, &mut head);
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

    fn take_control(&mut self) -> Vec<u8> {
        let mut control = std::mem::take(&mut self.pings);
        control.append(&mut std::mem::take(&mut self.pongs));
        self.pings_waiting = 0;
        self.pongs_waiting = 0;
        self.pongs_backed_up = false;
        control
    }

    fn append_close(&mut self, head: &mut Vec<u8>) {
        if let Close::Waiting(frame) = &self.close {
            self.encoder.frame(Opcode::Close, &frame.payload(), head);
            self.close = Close::Taken;
        }
    }
}
