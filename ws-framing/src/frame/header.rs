//! Frame headers (RFC 6455 §5.2). What is wrong with one is found at the first byte that shows it.

use xmpp_machine::Proved as _;

use super::Role;
use crate::Reason;

/// Longest payload of a control frame (RFC 6455 §5.5).
pub(crate) const CONTROL_BYTES: usize = 125;

const FIN: u8 = 0x80;
const RSV1: u8 = 0x40;

/// What a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Opcode {
    Continuation,
    Text,
    Binary,
    Close,
    Ping,
    Pong,
}

impl Opcode {
    fn from_bits(bits: u8) -> Option<Self> {
        match bits {
            0 => Some(Self::Continuation),
            1 => Some(Self::Text),
            2 => Some(Self::Binary),
            8 => Some(Self::Close),
            9 => Some(Self::Ping),
            10 => Some(Self::Pong),
            _ => None,
        }
    }

    fn bits(self) -> u8 {
        match self {
            Self::Continuation => 0,
            Self::Text => 1,
            Self::Binary => 2,
            Self::Close => 8,
            Self::Ping => 9,
            Self::Pong => 10,
        }
    }

    fn is_control(self) -> bool {
        match self {
            Self::Close | Self::Ping | Self::Pong => true,
            Self::Continuation | Self::Text | Self::Binary => false,
        }
    }
}

/// The first byte of a frame to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct First(u8);

impl First {
    /// A whole, plain frame.
    pub(crate) fn whole(opcode: Opcode) -> Self {
        Self(FIN | opcode.bits())
    }

    /// The same, of a compressed message (RFC 7692 §6.1).
    pub(crate) fn compressed(self) -> Self {
        Self(self.0 | RSV1)
    }

    /// The same, with more frames of its message to come.
    pub(crate) fn unfinished(self) -> Self {
        Self(self.0 & !FIN)
    }
}

/// What is expected of the next header.
#[derive(Clone, Copy, Debug)]
pub(super) struct Expected {
    /// Our role: the peer's frames are masked where we are the server.
    pub(super) role: Role,
    /// A fragmented message is open.
    pub(super) continuation: bool,
    /// Binary messages are taken.
    pub(super) binary: bool,
    /// permessage-deflate was agreed, so that RSV1 has a meaning.
    pub(super) compression: bool,
}

/// A complete header that follows the rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) fin: bool,
    /// RSV1: the message that begins here is compressed.
    pub(super) compressed: bool,
    pub(super) opcode: Opcode,
    pub(super) mask: Option<[u8; 4]>,
    pub(super) payload: u64,
    /// Bytes of the header itself.
    pub(super) length: usize,
}

impl Header {
    /// Reads the header at the front of `input`; `None` needs more bytes.
    pub(super) fn parse(input: &[u8], expected: Expected) -> Result<Option<Self>, Reason> {
        let Some((&first, rest)) = input.split_first() else {
            return Ok(None);
        };
        let fin = first & FIN != 0;
        let opcode = first_byte(first, fin, expected)?;
        let Some((&second, rest)) = rest.split_first() else {
            return Ok(None);
        };
        let masked = second & 0x80 != 0;
        reject_unmasked(expected.role, masked)?;
        let code = second & 0x7f;
        if opcode.is_control() && usize::from(code) > CONTROL_BYTES {
            return Err(Reason::ControlTooLong);
        }
        let Some((payload, rest)) = payload_length(code, rest)? else {
            return Ok(None);
        };
        let (mask, rest) = match (masked, rest.split_first_chunk::<4>()) {
            (false, _) => (None, rest),
            (true, Some((key, rest))) => (Some(*key), rest),
            (true, None) => return Ok(None),
        };
        Ok(Some(Self {
            fin,
            compressed: first & RSV1 != 0,
            opcode,
            mask,
            payload,
            length: input.len() - rest.len(),
        }))
    }
}

/// Rejects an unmasked frame of a client's, and a masked one of a server's (RFC 6455 §5.1).
fn reject_unmasked(our_role: Role, masked: bool) -> Result<(), Reason> {
    match (our_role, masked) {
        (Role::Server, false) => Err(Reason::UnmaskedFrame),
        (Role::Client, true) => Err(Reason::MaskedFrame),
        (Role::Server, true) | (Role::Client, false) => Ok(()),
    }
}

fn first_byte(first: u8, fin: bool, expected: Expected) -> Result<Opcode, Reason> {
    let compressed = first & RSV1 != 0;
    if first & 0x30 != 0 || (compressed && !expected.compression) {
        return Err(Reason::ReservedBits);
    }
    let Some(opcode) = Opcode::from_bits(first & 0x0f) else {
        return Err(Reason::UnknownOpcode);
    };
    match opcode {
        Opcode::Close | Opcode::Ping | Opcode::Pong if !fin => Err(Reason::FragmentedControl),
        Opcode::Close | Opcode::Ping | Opcode::Pong | Opcode::Continuation if compressed => {
            Err(Reason::CompressedContinuation)
        }
        Opcode::Continuation if !expected.continuation => Err(Reason::ContinuationOfNothing),
        Opcode::Text | Opcode::Binary if expected.continuation => Err(Reason::InterleavedMessage),
        Opcode::Binary if !expected.binary => Err(Reason::BinaryMessage),
        Opcode::Continuation
        | Opcode::Text
        | Opcode::Binary
        | Opcode::Close
        | Opcode::Ping
        | Opcode::Pong => Ok(opcode),
    }
}

/// The length behind the second byte, in its shortest form (W-R-101, W-R-102).
fn payload_length(code: u8, rest: &[u8]) -> Result<Option<(u64, &[u8])>, Reason> {
    let (length, rest, least) = match code {
        126 => match rest.split_first_chunk() {
            Some((bytes, rest)) => (u64::from(u16::from_be_bytes(*bytes)), rest, 126),
            None => return Ok(None),
        },
        127 => {
            if rest.first().is_some_and(|&top| top & 0x80 != 0) {
                return Err(Reason::LengthOutOfRange);
            }
            match rest.split_first_chunk() {
                Some((bytes, rest)) => (u64::from_be_bytes(*bytes), rest, 0x1_0000),
                None => return Ok(None),
            }
        }
        short => (u64::from(short), rest, 0),
    };
    if length < least {
        return Err(Reason::LengthNotShortest);
    }
    Ok(Some((length, rest)))
}

/// The longest header: two bytes, eight of length, four of key.
const LONGEST: usize = 14;

/// A header to send.
#[derive(Clone, Copy, Debug)]
pub(super) struct Written {
    bytes: [u8; LONGEST],
    length: usize,
}

impl Written {
    fn put<const N: usize>(&mut self, bytes: [u8; N]) {
        if let Some(room) = self.bytes.get_mut(self.length..self.length + N) {
            room.copy_from_slice(&bytes);
            self.length += N;
        }
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        self.bytes.proved(..self.length)
    }
}

/// Writes a header.
pub(super) fn write(first: First, payload: usize, mask: Option<[u8; 4]>) -> Written {
    let masked = if mask.is_some() { 0x80 } else { 0 };
    let First(first) = first;
    let mut header = Written {
        bytes: [0; LONGEST],
        length: 0,
    };
    match (u8::try_from(payload), u16::try_from(payload)) {
        (Ok(short @ 0..=125), _) => header.put([first, masked | short]),
        (_, Ok(medium)) => {
            header.put([first, masked | 126]);
            header.put(medium.to_be_bytes());
        }
        (_, Err(_)) => {
            header.put([first, masked | 127]);
            header.put((payload as u64).to_be_bytes());
        }
    }
    if let Some(key) = mask {
        header.put(key);
    }
    header
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn written_headers_are_the_shortest_and_read_back() {
        for payload in [0_usize, 1, 125, 126, 127, 128, 65_535, 65_536, 65_537] {
            for (role, mask) in [(Role::Client, None), (Role::Server, Some([1, 2, 3, 4]))] {
                let written = write(First::whole(Opcode::Text), payload, mask);
                let bytes = written.as_bytes();
                let expected = Expected {
                    role,
                    continuation: false,
                    binary: true,
                    compression: false,
                };
                for cut in 0..bytes.len() {
                    assert_eq!(Header::parse(&bytes[..cut], expected), Ok(None));
                }
                let header = Header {
                    fin: true,
                    compressed: false,
                    opcode: Opcode::Text,
                    mask,
                    payload: payload as u64,
                    length: bytes.len(),
                };
                assert_eq!(Header::parse(bytes, expected), Ok(Some(header)));
            }
        }
    }
}
