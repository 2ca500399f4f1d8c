//! Masking (RFC 6455 §5.3): byte i is combined with key[i mod 4].
//!
//! Blocks of constant size, which compilers turn into vector instructions of whatever width the target has.

/// Bytes that are worked on at once: in place, and where there are many to copy.
const BLOCK: usize = 64;
const COPIED: usize = 256;

/// A key, repeated so that its first byte is the one for `offset`.
fn repeated(key: [u8; 4], offset: usize) -> u64 {
    let turn = 8 * (offset % 4) as u32;
    let key = u32::from_le_bytes(key).rotate_right(turn);
    let key = u32::from_ne_bytes(key.to_le_bytes());
    u64::from(key) << 32 | u64::from(key)
}

/// Applies the key to a part of a payload that begins `offset` bytes into it. Says whether the result is ASCII.
///
/// Arrays of a block's size and loops over all of it are what the compiler reliably turns into vectors.
pub(super) fn apply(key: [u8; 4], offset: usize, part: &mut [u8]) -> bool {
    let mut pattern = [0; BLOCK];
    for word in pattern.chunks_exact_mut(8) {
        word.copy_from_slice(&repeated(key, offset).to_ne_bytes());
    }
    let mut seen = [0; BLOCK];
    let mut blocks = part.chunks_exact_mut(BLOCK);
    for block in &mut blocks {
        apply_block(&pattern, block, &mut seen);
    }
    let rest = blocks.into_remainder();
    if !rest.is_empty() {
        // What fills the last block up comes out as zeros.
        let mut last = pattern;
        if let Some(front) = last.get_mut(..rest.len()) {
            front.copy_from_slice(rest);
        }
        apply_block(&pattern, &mut last, &mut seen);
        if let Some(front) = last.get(..rest.len()) {
            rest.copy_from_slice(front);
        }
    }
    let seen = seen.chunks_exact(8).filter_map(|word| word.first_chunk());
    let bits = seen.fold(0, |bits, word| bits | u64::from_ne_bytes(*word));
    bits & u64::from_ne_bytes([0x80; 8]) == 0
}

#[inline(always)]
fn apply_block(pattern: &[u8; BLOCK], block: &mut [u8], seen: &mut [u8; BLOCK]) {
    for ((byte, key), seen) in block.iter_mut().zip(pattern).zip(seen) {
        *byte ^= key;
        *seen |= *byte;
    }
}

/// Gives the word that comes of it.
#[inline(always)]
fn apply_word(key: u64, bytes: &mut [u8]) -> u64 {
    bytes.first_chunk_mut().map_or(0, |word| {
        let plain = u64::from_ne_bytes(*word) ^ key;
        *word = plain.to_ne_bytes();
        plain
    })
}

/// A masked frame: its header, and behind it the payload, copied and masked in one pass.
pub(super) fn frame(header: &[u8], key: [u8; 4], payload: &[u8]) -> Vec<u8> {
    let length = header.len() + payload.len();
    let mut frame: Vec<[u8; COPIED]> = Vec::with_capacity(length.div_ceil(COPIED));
    // The first block begins with the header, so that all others are blocks of the payload.
    let (front, rest) = payload.split_at(payload.len().min(COPIED - header.len()));
    let mut first = [0; COPIED];
    put(&mut first, header.len(), front);
    let mut first = masked(&first, repeated(key, COPIED - header.len()));
    put(&mut first, 0, header);
    frame.push(first);
    let key = repeated(key, front.len());
    let blocks = rest.chunks_exact(COPIED);
    let tail = blocks.remainder();
    frame.extend(blocks.map(|block| masked(block, key)));
    if !tail.is_empty() {
        let mut last = [0; COPIED];
        put(&mut last, 0, tail);
        frame.push(masked(&last, key));
    }
    let mut frame = frame.into_flattened();
    frame.truncate(length);
    frame
}

fn put(block: &mut [u8; COPIED], at: usize, bytes: &[u8]) {
    if let Some(room) = block.get_mut(at..at + bytes.len()) {
        room.copy_from_slice(bytes);
    }
}

/// A copy of a block, masked.
#[inline(always)]
fn masked(block: &[u8], key: u64) -> [u8; COPIED] {
    let mut out = [0; COPIED];
    out.copy_from_slice(block);
    for word in out.chunks_exact_mut(8) {
        apply_word(key, word);
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const KEY: [u8; 4] = [0xa1, 0xb2, 0xc3, 0xd4];

    /// As the RFC says it.
    fn byte_by_byte(plain: &[u8]) -> Vec<u8> {
        plain
            .iter()
            .enumerate()
            .map(|(i, b)| b ^ KEY[i % 4])
            .collect()
    }

    #[test]
    fn blocks_and_bytes_agree_at_every_cut() {
        let plain: Vec<u8> = (0..200).collect();
        let expected = byte_by_byte(&plain);
        for cut in 0..=plain.len() {
            let mut masked = plain.clone();
            let (front, back) = masked.split_at_mut(cut);
            apply(KEY, 0, front);
            apply(KEY, cut, back);
            assert_eq!(masked, expected, "cut at {cut}");
        }
    }

    #[test]
    fn every_byte_past_ascii_is_seen() {
        for length in 0..150 {
            let mut masked = byte_by_byte(&vec![b'a'; length]);
            assert!(apply(KEY, 0, &mut masked), "{length}");
            for at in 0..length {
                let mut plain = vec![b'a'; length];
                plain[at] = 0x80;
                let mut masked = byte_by_byte(&plain);
                assert!(!apply(KEY, 0, &mut masked), "{at} of {length}");
            }
        }
    }

    proptest! {
        #[test]
        fn a_frame_is_its_header_and_the_payload_byte_by_byte(
            header in proptest::collection::vec(any::<u8>(), 0..=14),
            payload in proptest::collection::vec(any::<u8>(), 0..800),
        ) {
            let expected = [header.clone(), byte_by_byte(&payload)].concat();
            prop_assert_eq!(frame(&header, KEY, &payload), expected);
        }
    }
}
