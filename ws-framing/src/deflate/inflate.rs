//! Compressed messages in (RFC 7692 §7.2.2).
//!
//! Rules. The codec lives while a message comes; between messages there is at most the window, as plain bytes. Output is bounded before it
//! is made: it grows by steps, and the first byte above the bound ends the message. Blocks may be of any kind, also final ones: behind
//! those the codec starts again at the next byte, with its window. A message ends where a block does: the four octets that its sender cut
//! off are followed by a final block of our own, which must be read as just that.

use flate2::{Decompress, FlushDecompress, Status};

use super::{Direction, LEAST_BITS, MOST_BITS, Takeover};
use xmpp_machine::Proved as _;

use crate::Reason;

/// What every sender cuts off (RFC 7692 §7.2.1), and behind it an empty final block.
const TAIL: &[u8] = &[0x00, 0x00, 0xff, 0xff, 0x01, 0x00, 0x00, 0xff, 0xff];
/// The least and the most room that is made for output before there is any; then it doubles.
const FIRST_BYTES: (usize, usize) = (512, 16 * 1024);

/// Why a message cannot be inflated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum InflateError {
    /// Not DEFLATE, cut short, or a distance beyond the window.
    Corrupt,
    /// More bytes than a message may have.
    TooBig,
}

impl From<InflateError> for Reason {
    fn from(error: InflateError) -> Self {
        match error {
            InflateError::Corrupt => Self::CompressedDataInvalid,
            InflateError::TooBig => Self::MessageTooLong,
        }
    }
}

/// The reading side of a connection's compression.
#[derive(Debug)]
pub(crate) struct Inflater {
    window_bits: u8,
    takeover: Takeover,
    /// The end of what earlier messages were, where the next may refer to it.
    history: Vec<u8>,
    message: Option<Message>,
}

/// A message under way.
#[derive(Debug)]
struct Message {
    codec: Decompress,
    /// Where the codec stands.
    position: Position,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Position {
    /// Inside a block, or in front of one.
    Inside,
    /// Behind a final block.
    BehindFinal,
}

impl Inflater {
    pub(super) fn new(theirs: Direction) -> Self {
        Self {
            window_bits: theirs.window_bits.clamp(LEAST_BITS, MOST_BITS),
            takeover: theirs.takeover,
            history: Vec::new(),
            message: None,
        }
    }

    /// Inflates the next piece of a message, behind what of it is in `out`, which gets at most `most` bytes long.
    pub(crate) fn inflate_piece(
        &mut self,
        piece: &[u8],
        out: &mut Vec<u8>,
        most: usize,
    ) -> Result<(), InflateError> {
        if piece.is_empty() {
            return Ok(());
        }
        let mut message = match self.message.take() {
            Some(message) => message,
            None => Message {
                codec: self.codec(out)?,
                position: Position::Inside,
            },
        };
        let mut rest = piece;
        while !rest.is_empty() {
            if message.position == Position::BehindFinal {
                message.codec = self.codec(out)?;
            }
            let (taken, made) = message.step(rest, out, most)?;
            if taken == 0 && made == 0 && message.position == Position::Inside {
                return Err(InflateError::Corrupt);
            }
            rest = rest.proved(taken..);
        }
        // Output that the last step had no room for.
        while message.position == Position::Inside && out.len() == out.capacity() {
            let (_, made) = message.step(&[], out, most)?;
            if made == 0 {
                break;
            }
        }
        self.message = Some(message);
        Ok(())
    }

    /// Ends the message, whose last bytes are appended to `out`.
    pub(crate) fn finish_message(
        &mut self,
        out: &mut Vec<u8>,
        most: usize,
    ) -> Result<(), InflateError> {
        match self.message.as_ref().map(|message| message.position) {
            // Nothing at all is what some senders make of an empty message; and behind a final block some leave out the octet that
            // would begin the next (RFC 7692 §7.2.3.4).
            None | Some(Position::BehindFinal) => {}
            Some(Position::Inside) => {
                self.inflate_piece(TAIL, out, most)?;
                let ended = self
                    .message
                    .as_ref()
                    .is_some_and(|message| message.position == Position::BehindFinal);
                if !ended {
                    return Err(InflateError::Corrupt);
                }
            }
        }
        self.message = None;
        if self.takeover == Takeover::Keep {
            self.history = self.window(out);
        }
        Ok(())
    }

    /// A codec that knows what a message may refer to behind `out`.
    fn codec(&self, out: &[u8]) -> Result<Decompress, InflateError> {
        let mut codec = Decompress::new_with_window_bits(false, self.window_bits);
        let joined;
        let window = if out.is_empty() {
            &self.history
        } else {
            joined = self.window(out);
            &joined
        };
        if !window.is_empty() {
            codec
                .set_dictionary(window)
                .map_err(|_| InflateError::Corrupt)?;
        }
        Ok(codec)
    }

    /// The last bytes of the history and `out`, as many as the window has.
    fn window(&self, out: &[u8]) -> Vec<u8> {
        let size = 1 << self.window_bits;
        let new = out.proved(out.len().saturating_sub(size)..);
        let old = self.history.len().saturating_sub(size - new.len());
        [self.history.proved(old..), new].concat()
    }
}

impl Message {
    /// Inflates once, into what room there is; tells how many bytes were taken and made.
    fn step(
        &mut self,
        input: &[u8],
        out: &mut Vec<u8>,
        most: usize,
    ) -> Result<(usize, usize), InflateError> {
        let (taken, made) = (self.codec.total_in(), self.codec.total_out());
        let room = most.saturating_sub(out.len());
        let mut above = [0];
        let status = if room == 0 {
            // The message is full, but blocks without output may follow.
            self.codec
                .decompress(input, &mut above, FlushDecompress::Sync)
        } else {
            if out.len() == out.capacity() {
                let first = input
                    .len()
                    .saturating_mul(4)
                    .clamp(FIRST_BYTES.0, FIRST_BYTES.1);
                out.reserve_exact(first.max(out.len()).min(room));
            }
            self.codec.decompress_vec(input, out, FlushDecompress::Sync)
        };
        let taken = usize::try_from(self.codec.total_in() - taken).unwrap_or(input.len());
        let made = usize::try_from(self.codec.total_out() - made).unwrap_or(usize::MAX);
        // Which fault comes first does not depend on how the input was cut.
        if made > room {
            return Err(InflateError::TooBig);
        }
        self.position = match status {
            Ok(Status::StreamEnd) => Position::BehindFinal,
            Ok(Status::Ok | Status::BufError) => Position::Inside,
            Err(_) => return Err(InflateError::Corrupt),
        };
        Ok((taken, made))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inflater(takeover: Takeover) -> Inflater {
        Inflater::new(Direction {
            takeover,
            window_bits: 15,
        })
    }

    /// The message in these pieces.
    fn inflate(inflater: &mut Inflater, pieces: &[&[u8]]) -> Result<Vec<u8>, InflateError> {
        let mut out = Vec::new();
        for piece in pieces {
            inflater.inflate_piece(piece, &mut out, 1000)?;
        }
        inflater.finish_message(&mut out, 1000)?;
        Ok(out)
    }

    #[test]
    fn a_message_ends_with_a_block() {
        let hello = b"\xf2\x48\xcd\xc9\xc9\x07\x00";
        assert_eq!(
            inflate(&mut inflater(Takeover::Reset), &[hello]),
            Ok(b"Hello".to_vec())
        );
        for end in 1..hello.len() - 1 {
            assert_eq!(
                inflate(&mut inflater(Takeover::Reset), &[&hello[..end]]),
                Err(InflateError::Corrupt),
                "{end} bytes"
            );
        }
    }

    #[test]
    fn the_window_outlives_final_blocks() {
        // "Hello" in a final block, then "Hello" as a reference to it: RFC 7692 §7.2.3.2 and 7.2.3.4 in one.
        let mut inflater = inflater(Takeover::Keep);
        let last = b"\xf3\x48\xcd\xc9\xc9\x07\x00\x00";
        assert_eq!(inflate(&mut inflater, &[last]), Ok(b"Hello".to_vec()));
        let again = b"\xf2\x00\x11\x00\x00";
        assert_eq!(inflate(&mut inflater, &[again]), Ok(b"Hello".to_vec()));
        // Both in one message.
        let both = [&last[..7], &again[..]].concat();
        assert_eq!(inflate(&mut inflater, &[&both]), Ok(b"HelloHello".to_vec()));
    }
}
