//! One message compressed, and one read back, by flate2: another view than that of the subject where it has its own around the same codec.

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};

use super::{Direction, distance};
use crate::Mismatch;

/// Cut off by the sender (RFC 7692 §7.2.1), put back by the receiver (§7.2.2).
const TAIL: [u8; 4] = [0x00, 0x00, 0xff, 0xff];
/// The window that a codec has anyway.
const WIDEST_BITS: u8 = 15;

/// Compresses as this direction agreed.
#[derive(Debug)]
pub(crate) struct Deflater {
    direction: Direction,
    compress: Compress,
}

impl Deflater {
    pub(crate) fn new(direction: Direction) -> Self {
        // Eight is a window that zlib cannot keep: nine would break the agreement.
        assert!(direction.window_bits > 8, "a window of 256 bytes");
        Self {
            direction,
            compress: Compress::new_with_window_bits(
                Compression::default(),
                false,
                direction.window_bits,
            ),
        }
    }

    pub(crate) fn message(&mut self, message: &[u8]) -> Vec<u8> {
        if message.is_empty() {
            return vec![0];
        }
        if self.direction.no_context_takeover {
            self.compress.reset();
        }
        let start = self.compress.total_in();
        let mut out = Vec::with_capacity(message.len() + 64);
        loop {
            let taken = usize::try_from(self.compress.total_in() - start).unwrap_or(usize::MAX);
            let rest = message.get(taken..).unwrap_or_default();
            let written = self
                .compress
                .compress_vec(rest, &mut out, FlushCompress::Sync);
            written.expect("deflate takes everything");
            if out.len() < out.capacity() {
                break;
            }
            out.reserve(1024);
        }
        assert!(out.ends_with(&TAIL), "a sync flush");
        out.truncate(out.len() - TAIL.len());
        out
    }
}

/// Reads back what this direction compressed, and refuses distances beyond its window.
#[derive(Debug)]
pub(crate) struct Inflater {
    direction: Direction,
    decompress: Decompress,
}

impl Inflater {
    pub(crate) fn new(direction: Direction) -> Self {
        Self {
            direction,
            decompress: fresh(),
        }
    }

    /// `length` is what must come out.
    pub(crate) fn message(&mut self, payload: &[u8], length: usize) -> Result<Vec<u8>, Mismatch> {
        if self.direction.no_context_takeover {
            self.decompress = fresh();
        }
        let blocks = [payload, &TAIL].concat();
        if self.direction.window_bits < WIDEST_BITS {
            let furthest = distance::furthest(&blocks)
                .ok_or_else(|| Mismatch::new("a message that is not DEFLATE".to_owned()))?;
            if furthest > 1 << self.direction.window_bits {
                return Err(Mismatch::new(format!(
                    "a distance of {furthest} where 2^{} is the window",
                    self.direction.window_bits
                )));
            }
        }
        let start = self.decompress.total_in();
        let mut out = Vec::with_capacity(length + 1);
        let status = self
            .decompress
            .decompress_vec(&blocks, &mut out, FlushDecompress::Sync)
            .map_err(|wrong| Mismatch::new(format!("a message that is not DEFLATE: {wrong}")))?;
        let taken = self.decompress.total_in() - start;
        if status == Status::StreamEnd || taken != blocks.len() as u64 {
            return Err(Mismatch::new(format!("not {length} bytes in whole blocks")));
        }
        Ok(out)
    }
}

fn fresh() -> Decompress {
    Decompress::new_with_window_bits(false, WIDEST_BITS)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn direction(no_context_takeover: bool, window_bits: u8) -> Direction {
        Direction {
            no_context_takeover,
            window_bits,
        }
    }

    /// 700 bytes of noise, then the same again: only a window above 9 bits sees the repetition.
    fn repeated() -> Vec<u8> {
        let mut state = 1_u32;
        let noise: Vec<u8> = (0..700)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 24) as u8
            })
            .collect();
        noise.repeat(2)
    }

    #[test]
    fn messages_are_read_back() {
        for no_context_takeover in [false, true] {
            for window_bits in 9..=15 {
                let agreed = direction(no_context_takeover, window_bits);
                let (mut deflater, mut inflater) = (Deflater::new(agreed), Inflater::new(agreed));
                for message in [
                    b"Hello".to_vec(),
                    b"Hello".to_vec(),
                    repeated(),
                    vec![0; 90_000],
                ] {
                    let payload = deflater.message(&message);
                    assert_eq!(inflater.message(&payload, message.len()), Ok(message));
                }
            }
        }
    }

    /// RFC 7692 §7.2.3.1, 7.2.3.2.
    #[test]
    fn the_examples_of_the_standard() {
        let mut deflater = Deflater::new(direction(false, 15));
        assert_eq!(
            deflater.message(b"Hello"),
            crate::hex("f2 48 cd c9 c9 07 00")
        );
        assert_eq!(deflater.message(b"Hello"), crate::hex("f2 00 11 00 00"));
    }

    #[test]
    fn a_distance_beyond_the_window_is_refused() {
        let message = repeated();
        let payload = Deflater::new(direction(false, 15)).message(&message);
        assert!(payload.len() < 1000, "the repetition was seen");
        Inflater::new(direction(false, 9))
            .message(&payload, message.len())
            .unwrap_err();
        assert_eq!(
            Inflater::new(direction(false, 12)).message(&payload, message.len()),
            Ok(message)
        );
    }

    #[test]
    fn context_that_was_not_agreed_is_refused() {
        let mut deflater = Deflater::new(direction(false, 15));
        let mut inflater = Inflater::new(direction(true, 15));
        let first = deflater.message(b"a sentence to look back at");
        inflater.message(&first, 26).unwrap();
        let second = deflater.message(b"a sentence to look back at");
        inflater.message(&second, 26).unwrap_err();
    }
}
