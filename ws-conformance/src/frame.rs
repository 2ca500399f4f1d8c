//! Frames by hand: written as either end writes them, legal or not, and read as strictly as RFC 6455 §5.2 asks.

use bytes::{Buf, Bytes, BytesMut};

use crate::Mismatch;

/// The end that is under test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// It gets masked frames and sends unmasked ones.
    Server,
    /// It gets unmasked frames and sends masked ones.
    Client,
}

/// A frame whose first byte is free to be wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// FIN, RSV1 to 3 and the opcode.
    pub first: u8,
    /// The payload, not masked.
    pub payload: Bytes,
}

impl Frame {
    /// FIN set, the opcode given.
    pub fn new(opcode: u8, payload: impl Into<Bytes>) -> Self {
        Self {
            first: 0x80 | opcode,
            payload: payload.into(),
        }
    }

    /// A text message.
    pub fn text(payload: impl Into<Bytes>) -> Self {
        Self::new(1, payload)
    }

    /// A binary message.
    pub fn binary(payload: impl Into<Bytes>) -> Self {
        Self::new(2, payload)
    }

    /// A continuation, the last of its message.
    pub fn continuation(payload: impl Into<Bytes>) -> Self {
        Self::new(0, payload)
    }

    /// A ping.
    pub fn ping(payload: impl Into<Bytes>) -> Self {
        Self::new(9, payload)
    }

    /// A pong.
    pub fn pong(payload: impl Into<Bytes>) -> Self {
        Self::new(10, payload)
    }

    /// A Close frame with this code and reason.
    pub fn close(code: u16, reason: &[u8]) -> Self {
        Self::new(8, [&code.to_be_bytes(), reason].concat())
    }

    /// FIN cleared: a fragment that others follow.
    #[must_use]
    pub fn unfinished(mut self) -> Self {
        self.first &= 0x7f;
        self
    }

    /// Reserved bits, RSV1 the highest of three.
    #[must_use]
    pub fn reserved(mut self, bits: u8) -> Self {
        self.first |= bits << 4;
        self
    }

    /// A message in fragments of this many bytes, or in one frame if it fits. Behind full fragments an empty one is last, as Autobahn's library sends
    /// it: it counts like any other.
    pub fn fragments(opcode: u8, payload: &Bytes, size: usize) -> Vec<Self> {
        let count = if payload.len() <= size {
            1
        } else {
            payload.len() / size + 1
        };
        (0..count)
            .map(|at| {
                let part = payload.slice(at * size..payload.len().min((at + 1) * size));
                let frame = Self::new(if at == 0 { opcode } else { 0 }, part);
                if at + 1 == count {
                    frame
                } else {
                    frame.unfinished()
                }
            })
            .collect()
    }

    /// Bytes of the header towards this subject.
    pub fn header_length(&self, subject: Subject) -> usize {
        let length = match self.payload.len() {
            0..=125 => 2,
            126..=0xffff => 4,
            _ => 10,
        };
        match subject {
            Subject::Server => length + 4,
            Subject::Client => length,
        }
    }

    /// Appends the frame as the subject's peer writes it. The key depends on nothing but the frame.
    pub fn write(&self, subject: Subject, out: &mut Vec<u8>) {
        let masked = match subject {
            Subject::Server => 0x80,
            Subject::Client => 0,
        };
        let length = self.payload.len();
        out.reserve(length + 14);
        out.push(self.first);
        match (u8::try_from(length), u16::try_from(length)) {
            (Ok(short @ 0..=125), _) => out.push(masked | short),
            (_, Ok(medium)) => {
                out.push(masked | 126);
                out.extend_from_slice(&medium.to_be_bytes());
            }
            (_, Err(_)) => {
                out.push(masked | 127);
                out.extend_from_slice(&(length as u64).to_be_bytes());
            }
        }
        match subject {
            Subject::Client => out.extend_from_slice(&self.payload),
            Subject::Server => {
                let key = (0x5bd1_e995_u32.wrapping_mul(length as u32 | 1) ^ u32::from(self.first))
                    .to_be_bytes();
                out.extend_from_slice(&key);
                let start = out.len();
                out.extend_from_slice(&self.payload);
                unmask(key, &mut out[start..]);
            }
        }
    }
}

/// Masks, or unmasks (RFC 6455 §5.3).
fn unmask(key: [u8; 4], payload: &mut [u8]) {
    for part in payload.chunks_mut(4) {
        for (byte, key) in part.iter_mut().zip(key) {
            *byte ^= key;
        }
    }
}

/// Cuts what a subject sends into frames.
#[derive(Debug)]
pub struct Reader {
    subject: Subject,
    buffer: BytesMut,
}

impl Reader {
    /// For the answers of this subject.
    pub fn new(subject: Subject) -> Self {
        Self {
            subject,
            buffer: BytesMut::new(),
        }
    }

    /// More bytes of it.
    pub fn handle_input(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// Whether a frame has come in part.
    pub fn is_inside_frame(&self) -> bool {
        !self.buffer.is_empty()
    }

    /// The next whole frame.
    ///
    /// # Errors
    ///
    /// Masked where it must not be, not masked where it must, or a length that is not in its shortest form.
    pub fn next_frame(&mut self) -> Result<Option<Frame>, Mismatch> {
        let [first, second, rest @ ..] = &self.buffer[..] else {
            return Ok(None);
        };
        let (first, masked, code) = (*first, second & 0x80 != 0, second & 0x7f);
        if masked != (self.subject == Subject::Client) {
            return Err(Mismatch::new(format!(
                "a frame of a {:?} with the MASK bit {masked}",
                self.subject
            )));
        }
        let (length, wide) = match code {
            126 => match rest.first_chunk::<2>() {
                Some(bytes) => (u64::from(u16::from_be_bytes(*bytes)), 2),
                None => return Ok(None),
            },
            127 => match rest.first_chunk::<8>() {
                Some(bytes) => (u64::from_be_bytes(*bytes), 8),
                None => return Ok(None),
            },
            short => (u64::from(short), 0),
        };
        if (wide == 2 && length < 126) || (wide == 8 && length < 0x1_0000) {
            return Err(Mismatch::new(format!("{length} in {wide} bytes of length")));
        }
        let header = 2 + wide + if masked { 4 } else { 0 };
        let length = usize::try_from(length)
            .map_err(|_| Mismatch::new("a frame larger than memory".to_owned()))?;
        if self.buffer.len() < header + length {
            return Ok(None);
        }
        let key: Option<[u8; 4]> = self.buffer[2 + wide..header].try_into().ok();
        self.buffer.advance(header);
        let mut payload = self.buffer.split_to(length);
        if let Some(key) = key {
            unmask(key, &mut payload);
        }
        Ok(Some(Frame {
            first,
            payload: payload.freeze(),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hex;

    /// The RFC's own examples (§5.7), but for the key.
    #[test]
    fn frames_are_written_as_the_standard_shows_them() {
        let written = |frame: Frame, subject| {
            let mut bytes = Vec::new();
            frame.write(subject, &mut bytes);
            bytes
        };
        let hello = Frame::text("Hello");
        assert_eq!(
            written(hello.clone(), Subject::Client),
            hex("81 05 48656c6c6f")
        );
        let fragments = Frame::fragments(1, &"Hello".into(), 3);
        assert_eq!(
            written(fragments[0].clone(), Subject::Client),
            hex("01 03 48656c")
        );
        assert_eq!(
            written(fragments[1].clone(), Subject::Client),
            hex("80 02 6c6f")
        );
        let masked = written(hello, Subject::Server);
        assert_eq!(masked[..2], [0x81, 0x85]);
        let mut payload = masked[6..].to_vec();
        unmask(masked[2..6].try_into().unwrap(), &mut payload);
        assert_eq!(payload, b"Hello");
    }

    #[test]
    fn an_empty_fragment_follows_full_ones() {
        let sizes = |payload: &'static str, size| -> Vec<(u8, usize)> {
            Frame::fragments(1, &payload.into(), size)
                .iter()
                .map(|frame| (frame.first, frame.payload.len()))
                .collect()
        };
        assert_eq!(sizes("", 2), [(0x81, 0)]);
        assert_eq!(sizes("ab", 2), [(0x81, 2)]);
        assert_eq!(sizes("abc", 2), [(0x01, 2), (0x80, 1)]);
        assert_eq!(sizes("abcd", 2), [(0x01, 2), (0x00, 2), (0x80, 0)]);
    }

    #[test]
    fn the_reader_refuses_what_a_peer_may_not_send() {
        for (subject, bytes) in [
            (Subject::Server, "81 85 00000000 48656c6c6f"),
            (Subject::Client, "81 05 48656c6c6f"),
            (Subject::Server, "81 7e 0005 48656c6c6f"),
            (Subject::Server, "81 7f 000000000000ffff"),
        ] {
            let mut reader = Reader::new(subject);
            reader.handle_input(&hex(bytes));
            reader.next_frame().unwrap_err();
        }
        let mut reader = Reader::new(Subject::Client);
        reader.handle_input(&hex("8a 82 a1b2c3d4 ca83"));
        assert_eq!(reader.next_frame(), Ok(Some(Frame::pong("k1"))));
        assert!(!reader.is_inside_frame());
    }
}
