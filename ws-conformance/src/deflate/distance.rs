//! How far a compressed message looks back (RFC 1951 §3.2). Codecs do not tell, and the one at hand always keeps 32 KiB, whatever window
//! it was asked for.

/// The longest code (RFC 1951 §3.2.7).
const CODE_BITS: usize = 15;
/// The order in which the lengths of the code for lengths come.
const LENGTHS_ORDER: [usize; 19] = [
    16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15,
];
/// Extra bits of the lengths 257 to 285.
const LENGTH_EXTRA: [u32; 29] = [
    0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0,
];

/// The furthest distance in whole blocks without a final one; `None` where they are malformed.
pub(super) fn furthest(blocks: &[u8]) -> Option<usize> {
    let mut bits = Bits {
        bytes: blocks,
        at: 0,
    };
    let mut furthest = 0;
    while bits.at < blocks.len() * 8 {
        let last = bits.take(1)?;
        match bits.take(2)? {
            0 => bits.skip_stored()?,
            1 => {
                let lengths: Vec<_> = [(8, 144), (9, 112), (7, 24), (8, 8)]
                    .iter()
                    .flat_map(|&(length, count)| vec![length; count])
                    .collect();
                let (literals, distances) = (Code::new(&lengths), Code::new(&[5; 30]));
                furthest = furthest.max(block(&mut bits, &literals, &distances)?);
            }
            2 => {
                let (literals, distances) = dynamic(&mut bits)?;
                furthest = furthest.max(block(&mut bits, &literals, &distances)?);
            }
            _ => return None,
        }
        if last == 1 {
            return None;
        }
    }
    Some(furthest)
}

/// RFC 1951 §3.2.5.
fn block(bits: &mut Bits<'_>, literals: &Code, distances: &Code) -> Option<usize> {
    let mut furthest = 0;
    loop {
        match literals.next(bits)? {
            0..256 => {}
            256 => return Some(furthest),
            length => {
                bits.take(*LENGTH_EXTRA.get(length - 257)?)?;
                let code = distances.next(bits)?;
                let distance = if code < 4 {
                    code + 1
                } else {
                    let extra = code / 2 - 1;
                    ((2 + code % 2) << extra) + 1 + bits.take(u32::try_from(extra).ok()?)?
                };
                furthest = furthest.max(distance);
            }
        }
    }
}

/// RFC 1951 §3.2.7.
fn dynamic(bits: &mut Bits<'_>) -> Option<(Code, Code)> {
    let literals = bits.take(5)? + 257;
    let distances = bits.take(5)? + 1;
    let mut of_lengths = [0; 19];
    for at in LENGTHS_ORDER.iter().take(bits.take(4)? + 4) {
        of_lengths[*at] = bits.take(3)?;
    }
    let code = Code::new(&of_lengths);
    let mut lengths = Vec::new();
    while lengths.len() < literals + distances {
        let (value, count) = match code.next(bits)? {
            16 => (*lengths.last()?, 3 + bits.take(2)?),
            17 => (0, 3 + bits.take(3)?),
            18 => (0, 11 + bits.take(7)?),
            length => (length, 1),
        };
        lengths.extend(std::iter::repeat_n(value, count));
    }
    let (literals, rest) = lengths.split_at_checked(literals)?;
    Some((Code::new(literals), Code::new(rest)))
}

/// A Huffman code by the lengths of its symbols (RFC 1951 §3.2.2).
struct Code {
    /// Symbols of each length.
    counts: [usize; CODE_BITS + 1],
    /// By length, then value.
    symbols: Vec<usize>,
}

impl Code {
    fn new(lengths: &[usize]) -> Self {
        let mut counts = [0; CODE_BITS + 1];
        for &length in lengths {
            counts[length] += 1;
        }
        counts[0] = 0;
        let mut symbols: Vec<_> = (0..lengths.len())
            .filter(|&symbol| lengths[symbol] > 0)
            .collect();
        symbols.sort_by_key(|&symbol| lengths[symbol]);
        Self { counts, symbols }
    }

    fn next(&self, bits: &mut Bits<'_>) -> Option<usize> {
        let (mut code, mut first, mut index) = (0, 0, 0);
        for count in &self.counts[1..] {
            code |= bits.take(1)?;
            if code < first + count {
                return self.symbols.get(index + code - first).copied();
            }
            index += count;
            first = (first + count) << 1;
            code <<= 1;
        }
        None
    }
}

/// Bits, the lowest of each byte first.
struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Bits<'_> {
    fn take(&mut self, count: u32) -> Option<usize> {
        let mut value = 0;
        for place in 0..count {
            let bit = self.bytes.get(self.at / 8)? >> (self.at % 8) & 1;
            value |= usize::from(bit) << place;
            self.at += 1;
        }
        Some(value)
    }

    fn skip_stored(&mut self) -> Option<()> {
        self.at = self.at.next_multiple_of(8);
        let length = self.take(16)?;
        let complement = self.take(16)?;
        self.at += length * 8;
        (length ^ complement == 0xffff).then_some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hex;

    #[test]
    fn distances_are_those_of_the_examples() {
        // RFC 7692 §7.2.3.2 with the tail: the second message looks back over the first.
        assert_eq!(furthest(&hex("f2 48 cd c9 c9 07 00 00 00 ff ff")), Some(0));
        assert_eq!(furthest(&hex("f2 00 11 00 00 00 00 ff ff")), Some(5));
        // §7.2.3.3: a stored block. §7.2.3.4: a final one.
        assert_eq!(
            furthest(&hex("00 05 00 fa ff 48 65 6c 6c 6f 00 00 00 ff ff")),
            Some(0)
        );
        assert_eq!(furthest(&hex("f3 48 cd c9 c9 07 00")), None);
    }
}
