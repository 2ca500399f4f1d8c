//! Whole messages off the front of a buffer.
//!
//! Rules: a header leaves the buffer once it is complete and judged, limits included, before any payload is waited for. The payload of a
//! whole message stays in the buffer, is unmasked there as it comes, and leaves as a slice of it; that of a fragment moves into the
//! message as it comes, as does a compressed one, inflated on the way. Text is checked on the way, each byte once. After a violation the caller decodes no more (W-R-122).

use bytes::{Buf, Bytes, BytesMut};
use xmpp_machine::Proved as _;

use super::{
    CloseFrame, Role, Utf8Bytes,
    header::{Expected, Header, Opcode},
    mask,
    utf8::{Invalid, Utf8Check},
};
use crate::{Reason, connection::Message, deflate::Inflater};

/// Bounds on what one message may make us hold.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DecodeLimits {
    pub(crate) message_bytes: usize,
    pub(crate) frame_bytes: usize,
    pub(crate) fragments: usize,
    pub(crate) binary: bool,
}

/// A control frame or complete message that the decoder has read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Decoded {
    Message(Message),
    Ping(Bytes),
    Pong(Bytes),
    Close(CloseFrame),
}

impl From<Invalid> for Reason {
    fn from(_: Invalid) -> Self {
        Self::NotUtf8
    }
}

/// The reading side of a connection.
#[derive(Debug)]
pub(crate) struct Decoder {
    role: Role,
    limits: DecodeLimits,
    /// Where permessage-deflate was agreed.
    inflater: Option<Box<Inflater>>,
    frame: Option<Frame>,
    /// One that is in fragments, or compressed. Boxed: most messages are neither.
    message: Option<Box<Parts>>,
}

/// A frame whose header has left the buffer.
#[derive(Debug)]
struct Frame {
    fin: bool,
    compressed: bool,
    opcode: Opcode,
    mask: Option<[u8; 4]>,
    payload: usize,
    /// Payload bytes that have been unmasked and checked.
    done: usize,
    utf8: Utf8Check,
}

/// A message that does not leave as a slice of the input.
#[derive(Debug)]
struct Parts {
    text: bool,
    /// As it is delivered.
    payload: Vec<u8>,
    /// What the frames of a compressed message have announced; `None` is a plain one.
    compressed: Option<usize>,
    fragments: usize,
    utf8: Utf8Check,
}

impl Decoder {
    pub(crate) fn new(role: Role, limits: DecodeLimits) -> Self {
        Self {
            role,
            limits,
            inflater: None,
            frame: None,
            message: None,
        }
    }

    /// Takes compressed messages.
    #[cfg(feature = "deflate")]
    pub(crate) fn set_inflater(&mut self, inflater: Inflater) {
        self.inflater = Some(Box::new(inflater));
    }

    /// Whether messages may be larger than what comes of them.
    pub(crate) fn inflates(&self) -> bool {
        self.inflater.is_some()
    }

    /// Counts for frames whose headers come after this.
    pub(crate) fn set_message_bytes(&mut self, bytes: usize) {
        self.limits.message_bytes = bytes;
    }

    /// Takes what is next off the front of `input`; `None` needs more bytes.
    pub(crate) fn next(&mut self, input: &mut BytesMut) -> Result<Option<Decoded>, Reason> {
        loop {
            let mut frame = match self.frame.take() {
                Some(frame) => frame,
                None => match self.take_header(input)? {
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
                    return control_frame(frame.opcode, payload).map(Some);
                }
                Opcode::Text | Opcode::Binary if frame.fin && !frame.compressed => {
                    frame.unmask_arrived(input)?;
                    let Some(payload) = frame.take_whole(input) else {
                        self.frame = Some(frame);
                        return Ok(None);
                    };
                    return whole_message(&frame, payload)
                        .map(|message| Some(Decoded::Message(message)));
                }
                Opcode::Text | Opcode::Binary | Opcode::Continuation => {
                    let complete = self.append_fragment(&mut frame, input)?;
                    if !complete {
                        self.frame = Some(frame);
                        return Ok(None);
                    }
                    if let Some(message) = self.finish_message(&frame)? {
                        return Ok(Some(Decoded::Message(message)));
                    }
                }
            }
        }
    }

    /// Takes a header, judged, off the front.
    fn take_header(&mut self, input: &mut BytesMut) -> Result<Option<Frame>, Reason> {
        let expected = Expected {
            role: self.role,
            continuation: self.message.is_some(),
            binary: self.limits.binary,
            compression: self.inflater.is_some(),
        };
        let Some(header) = Header::parse(input, expected)? else {
            return Ok(None);
        };
        let payload = match header.opcode {
            Opcode::Close | Opcode::Ping | Opcode::Pong => usize::try_from(header.payload).ok(),
            Opcode::Text | Opcode::Binary | Opcode::Continuation => self.check_size(&header)?,
        };
        let Some(payload) = payload else {
            return Err(Reason::MessageTooLong);
        };
        input.advance(header.length);
        Ok(Some(Frame {
            fin: header.fin,
            compressed: header.compressed,
            opcode: header.opcode,
            mask: header.mask,
            payload,
            done: 0,
            utf8: Utf8Check::default(),
        }))
    }

    /// Judges the size and number of a data frame (W-R-103, W-R-115), and opens the message that it begins.
    fn check_size(&mut self, header: &Header) -> Result<Option<usize>, Reason> {
        let DecodeLimits {
            message_bytes,
            frame_bytes,
            ..
        } = self.limits;
        let room = match self.message.as_deref() {
            Some(Parts {
                compressed: Some(announced),
                ..
            }) => Some(most_compressed(message_bytes).saturating_sub(*announced)),
            None if header.compressed => Some(most_compressed(message_bytes)),
            Some(_) | None => None,
        };
        let room = match room {
            Some(room) => room.min(most_compressed(frame_bytes)),
            None => {
                let held = self.message.as_ref().map_or(0, |parts| parts.payload.len());
                message_bytes.saturating_sub(held).min(frame_bytes)
            }
        };
        let payload = usize::try_from(header.payload)
            .ok()
            .filter(|&payload| payload <= room);
        let whole = header.fin && header.opcode != Opcode::Continuation && !header.compressed;
        let (false, Some(announced)) = (whole, payload) else {
            return Ok(payload);
        };
        let message = self
            .message
            .get_or_insert_with(|| Box::new(Parts::begin(header)));
        message.compressed = message.compressed.map(|before| before + announced);
        message.fragments += 1;
        if message.fragments > self.limits.fragments {
            return Err(Reason::TooManyFragments);
        }
        Ok(payload)
    }

    /// Moves what has come of a fragment into its message; says whether that was all of it.
    fn append_fragment(&mut self, frame: &mut Frame, input: &mut BytesMut) -> Result<bool, Reason> {
        let count = input.len().min(frame.payload - frame.done);
        let mut part = input.split_to(count);
        if let Some(key) = frame.mask {
            mask::apply(key, frame.done, &mut part);
        }
        frame.done += count;
        let most = self.limits.message_bytes;
        match (self.message.as_mut(), self.inflater.as_mut()) {
            (Some(message), Some(inflater)) if message.compressed.is_some() => {
                let before = message.payload.len();
                let inflated = inflater.inflate_piece(&part, &mut message.payload, most);
                // Bad text in front of bad data is what a slower peer would have been told of.
                message.check_utf8_from(before)?;
                inflated?;
            }
            (Some(message), _) => {
                let before = message.payload.len();
                message.append(&part, most);
                message.check_utf8_from(before)?;
            }
            (None, _) => {}
        }
        Ok(frame.done == frame.payload)
    }

    /// A fragment is complete: so is its message, perhaps.
    fn finish_message(&mut self, frame: &Frame) -> Result<Option<Message>, Reason> {
        if !frame.fin {
            return Ok(None);
        }
        let Some(mut message) = self.message.take() else {
            return Ok(None);
        };
        if let (Some(_), Some(inflater)) = (message.compressed, self.inflater.as_mut()) {
            let before = message.payload.len();
            let inflated = inflater.finish_message(&mut message.payload, self.limits.message_bytes);
            message.check_utf8_from(before)?;
            inflated?;
            // What was made room for in vain would be held as long as the message is.
            if message.payload.capacity() / 2 > message.payload.len() {
                message.payload.shrink_to_fit();
            }
        }
        if message.text && !message.utf8.is_complete() {
            return Err(Invalid.into());
        }
        Ok(Some(message_of(message.text, message.payload.into())))
    }
}

impl Frame {
    /// Unmasks and checks what has come since the last time.
    fn unmask_arrived(&mut self, input: &mut BytesMut) -> Result<(), Reason> {
        let come = input.len().min(self.payload);
        debug_assert!(self.done <= come, "fewer bytes than before");
        let part = input.get_mut(self.done..come).unwrap_or_default();
        // ASCII behind a whole character needs no other look.
        let ascii = match self.mask {
            Some(key) => mask::apply(key, self.done, part),
            None => false,
        };
        self.done = come;
        if self.opcode == Opcode::Text && !(ascii && self.utf8.is_complete()) {
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
        if let Some(key) = self.mask.filter(|_| self.done < self.payload) {
            let rest = payload.get_mut(self.done..).unwrap_or_default();
            mask::apply(key, self.done, rest);
        }
        Some(payload.freeze())
    }
}

impl Parts {
    fn begin(header: &Header) -> Self {
        Self {
            text: header.opcode == Opcode::Text,
            payload: Vec::new(),
            compressed: header.compressed.then_some(0),
            fragments: 0,
            utf8: Utf8Check::default(),
        }
    }

    /// Checks the text behind what has been checked.
    fn check_utf8_from(&mut self, before: usize) -> Result<(), Invalid> {
        if !self.text {
            return Ok(());
        }
        self.utf8.update(self.payload.proved(before..))
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

/// What a compressed message may take on the wire: the worst that encoders make of one that does not get smaller.
fn most_compressed(bytes: usize) -> usize {
    bytes.saturating_add(bytes / 8).saturating_add(64)
}

fn whole_message(frame: &Frame, payload: Bytes) -> Result<Message, Reason> {
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
fn control_frame(opcode: Opcode, payload: Bytes) -> Result<Decoded, Reason> {
    match opcode {
        Opcode::Close => CloseFrame::parse(&payload).map(Decoded::Close),
        Opcode::Ping => Ok(Decoded::Ping(Bytes::copy_from_slice(&payload))),
        Opcode::Pong | Opcode::Continuation | Opcode::Text | Opcode::Binary => {
            Ok(Decoded::Pong(Bytes::copy_from_slice(&payload)))
        }
    }
}
