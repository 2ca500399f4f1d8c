//! Whole messages off the front of a buffer.
//!
//! Rules: a header leaves the buffer once it is complete and judged, limits included, before any payload is waited for. The payload of a
//! whole message stays in the buffer, is unmasked there as it comes, and leaves as a slice of it; that of a fragment moves into the
//! message as it comes. Text is checked on the way, each byte once. After a violation the caller decodes no more (W-R-122).

use bytes::{Buf, Bytes, BytesMut};

use super::{
    CloseCode, CloseFrame, Role,
    header::{Expected, Header, Opcode},
    mask,
    text::Utf8Bytes,
    utf8::{Invalid, Utf8Check},
};
use crate::connection::Message;

/// Bounds on what one message may make us hold.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DecodeLimits {
    pub(crate) message_bytes: usize,
    pub(crate) frame_bytes: usize,
    pub(crate) fragments: usize,
    pub(crate) binary: bool,
}

/// What came.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Decoded {
    Message(Message),
    Ping(Bytes),
    Pong(Bytes),
    Close(CloseFrame),
}

/// What the peer did wrong, and the code that it gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Violation {
    pub(crate) code: CloseCode,
    pub(crate) reason: &'static str,
}

impl Violation {
    pub(super) fn protocol(reason: &'static str) -> Self {
        Self {
            code: CloseCode::PROTOCOL_ERROR,
            reason,
        }
    }

    pub(super) fn utf8(reason: &'static str) -> Self {
        Self {
            code: CloseCode::INVALID_PAYLOAD,
            reason,
        }
    }

    pub(super) fn binary() -> Self {
        Self {
            code: CloseCode::UNSUPPORTED_DATA,
            reason: "binary messages are not taken",
        }
    }

    fn too_big() -> Self {
        Self {
            code: CloseCode::TOO_BIG,
            reason: "a message larger than the limit",
        }
    }

    fn too_many_fragments() -> Self {
        Self {
            code: CloseCode::POLICY_VIOLATION,
            reason: "a message in too many fragments",
        }
    }

    pub(crate) fn control_flood() -> Self {
        Self {
            code: CloseCode::POLICY_VIOLATION,
            reason: "too many control frames",
        }
    }
}

impl From<Invalid> for Violation {
    fn from(_: Invalid) -> Self {
        Self::utf8("text that is not UTF-8")
    }
}

/// The reading side of a connection.
#[derive(Debug)]
pub(crate) struct Decoder {
    role: Role,
    limits: DecodeLimits,
    frame: Option<Frame>,
    /// Boxed: most messages are not fragmented.
    message: Option<Box<Fragmented>>,
}

/// A frame whose header has left the buffer.
#[derive(Debug)]
struct Frame {
    fin: bool,
    opcode: Opcode,
    mask: Option<[u8; 4]>,
    payload: usize,
    /// Payload bytes that have been unmasked and checked.
    done: usize,
    utf8: Utf8Check,
}

/// A message that came in part.
#[derive(Debug)]
struct Fragmented {
    text: bool,
    payload: Vec<u8>,
    fragments: usize,
    utf8: Utf8Check,
}

impl Decoder {
    pub(crate) fn new(role: Role, limits: DecodeLimits) -> Self {
        Self {
            role,
            limits,
            frame: None,
            message: None,
        }
    }

    /// Counts for frames whose headers come after this.
    pub(crate) fn set_message_bytes(&mut self, bytes: usize) {
        self.limits.message_bytes = bytes;
    }

    /// Takes what is next off the front of `input`; `None` needs more bytes.
    pub(crate) fn next(&mut self, input: &mut BytesMut) -> Result<Option<Decoded>, Violation> {
        loop {
            let mut frame = match self.frame.take() {
                Some(frame) => frame,
                None => match self.header(input)? {
                    Some(frame) => frame,
                    None => return Ok(None),
                },
            };
            match frame.opcode {
                Opcode::Close | Opcode::Ping | Opcode::Pong => {
                    let Some(payload) = frame.take_whole(input) else {
                        self.frame = Some(frame);
                        return Ok(None);
                    };
                    return control(frame.opcode, payload).map(Some);
                }
                Opcode::Text | Opcode::Binary if frame.fin => {
                    frame.advance(input)?;
                    let Some(payload) = frame.take_whole(input) else {
                        self.frame = Some(frame);
                        return Ok(None);
                    };
                    return whole(&frame, payload).map(|message| Some(Decoded::Message(message)));
                }
                Opcode::Text | Opcode::Binary | Opcode::Continuation => {
                    let complete = self.fragment(&mut frame, input)?;
                    if !complete {
                        self.frame = Some(frame);
                        return Ok(None);
                    }
                    if let Some(message) = self.finish(&frame)? {
                        return Ok(Some(Decoded::Message(message)));
                    }
                }
            }
        }
    }

    /// Takes a header, judged, off the front.
    fn header(&mut self, input: &mut BytesMut) -> Result<Option<Frame>, Violation> {
        let expected = Expected {
            role: self.role,
            continuation: self.message.is_some(),
            binary: self.limits.binary,
        };
        let Some(header) = Header::parse(input, expected)? else {
            return Ok(None);
        };
        let payload = match header.opcode {
            Opcode::Close | Opcode::Ping | Opcode::Pong => usize::try_from(header.payload).ok(),
            Opcode::Text | Opcode::Binary | Opcode::Continuation => self.admit(&header)?,
        };
        let Some(payload) = payload else {
            return Err(Violation::too_big());
        };
        input.advance(header.length);
        Ok(Some(Frame {
            fin: header.fin,
            opcode: header.opcode,
            mask: header.mask,
            payload,
            done: 0,
            utf8: Utf8Check::default(),
        }))
    }

    /// Judges the size and number of a data frame (W-R-103, 115), and opens the message that it begins.
    fn admit(&mut self, header: &Header) -> Result<Option<usize>, Violation> {
        let held = self
            .message
            .as_ref()
            .map_or(0, |message| message.payload.len());
        let room = self.limits.message_bytes.saturating_sub(held);
        let payload = usize::try_from(header.payload)
            .ok()
            .filter(|&payload| payload <= room.min(self.limits.frame_bytes));
        if payload.is_none() || (header.fin && header.opcode != Opcode::Continuation) {
            return Ok(payload);
        }
        let text = header.opcode == Opcode::Text;
        let message = self
            .message
            .get_or_insert_with(|| Box::new(Fragmented::new(text)));
        message.fragments += 1;
        if message.fragments > self.limits.fragments {
            return Err(Violation::too_many_fragments());
        }
        Ok(payload)
    }

    /// Moves what has come of a fragment into its message; says whether that was all of it.
    fn fragment(&mut self, frame: &mut Frame, input: &mut BytesMut) -> Result<bool, Violation> {
        let count = input.len().min(frame.payload - frame.done);
        let mut part = input.split_to(count);
        if let Some(key) = frame.mask {
            mask::apply(key, frame.done, &mut part);
        }
        frame.done += count;
        if let Some(message) = self.message.as_mut() {
            if message.text {
                message.utf8.update(&part)?;
            }
            message.append(&part, self.limits.message_bytes);
        }
        Ok(frame.done == frame.payload)
    }

    /// A fragment is complete: so is its message, perhaps.
    fn finish(&mut self, frame: &Frame) -> Result<Option<Message>, Violation> {
        if !frame.fin {
            return Ok(None);
        }
        match self.message.take() {
            None => Ok(None),
            Some(message) if message.text && !message.utf8.is_complete() => Err(Invalid.into()),
            Some(message) => Ok(Some(message_of(message.text, message.payload.into()))),
        }
    }
}

impl Frame {
    /// Unmasks and checks what has come since the last time.
    fn advance(&mut self, input: &mut BytesMut) -> Result<(), Violation> {
        let come = input.len().min(self.payload);
        let part = input.get_mut(self.done..come).unwrap_or_default();
        if let Some(key) = self.mask {
            mask::apply(key, self.done, part);
        }
        self.done = come;
        if self.opcode == Opcode::Text {
            self.utf8.update(part)?;
        }
        Ok(())
    }

    /// The payload, unmasked, once all of it is there.
    fn take_whole(&mut self, input: &mut BytesMut) -> Option<Bytes> {
        if input.len() < self.payload {
            return None;
        }
        let mut payload = input.split_to(self.payload);
        if let Some(key) = self.mask {
            let rest = payload.get_mut(self.done..).unwrap_or_default();
            mask::apply(key, self.done, rest);
        }
        Some(payload.freeze())
    }
}

impl Fragmented {
    fn new(text: bool) -> Self {
        Self {
            text,
            payload: Vec::new(),
            fragments: 0,
            utf8: Utf8Check::default(),
        }
    }

    /// Doubles the room as vectors do, but not past what a message may be.
    fn append(&mut self, part: &[u8], most: usize) {
        let needed = self.payload.len() + part.len();
        if needed > self.payload.capacity() {
            let wanted = needed.max((self.payload.capacity() * 2).min(most));
            self.payload.reserve_exact(wanted - self.payload.len());
        }
        self.payload.extend_from_slice(part);
    }
}

fn whole(frame: &Frame, payload: Bytes) -> Result<Message, Violation> {
    let text = frame.opcode == Opcode::Text;
    if text && !frame.utf8.is_complete() {
        return Err(Invalid.into());
    }
    Ok(message_of(text, payload))
}

fn message_of(text: bool, payload: Bytes) -> Message {
    if text {
        Message::Text(Utf8Bytes::checked(payload))
    } else {
        Message::Binary(payload)
    }
}

/// A control frame's meaning; its few bytes are copied, so as not to keep the buffer alive.
fn control(opcode: Opcode, payload: Bytes) -> Result<Decoded, Violation> {
    match opcode {
        Opcode::Close => CloseFrame::parse(&payload).map(Decoded::Close),
        Opcode::Ping => Ok(Decoded::Ping(Bytes::copy_from_slice(&payload))),
        Opcode::Pong | Opcode::Continuation | Opcode::Text | Opcode::Binary => {
            Ok(Decoded::Pong(Bytes::copy_from_slice(&payload)))
        }
    }
}
