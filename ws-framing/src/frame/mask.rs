//! Masking (RFC 6455 §5.3): byte i is combined with key[i mod 4].

/// Applies the key to a part of a payload that begins `offset` bytes into it. Eight bytes at a time, which compilers turn into
/// vector instructions.
pub(super) fn apply(key: [u8; 4], offset: usize, part: &mut [u8]) {
    let mut key = key;
    key.rotate_left(offset % 4);
    let [a, b, c, d] = key;
    let wide = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
    let mut words = part.chunks_exact_mut(8);
    for word in &mut words {
        if let Ok(bytes) = <[u8; 8]>::try_from(&*word) {
            word.copy_from_slice(&(u64::from_ne_bytes(bytes) ^ wide).to_ne_bytes());
        }
    }
    for (byte, key) in words.into_remainder().iter_mut().zip(wide.to_ne_bytes()) {
        *byte ^= key;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_bytes_agree_at_every_cut() {
        let key = [0xa1, 0xb2, 0xc3, 0xd4];
        let plain: Vec<u8> = (0..64).collect();
        let expected: Vec<u8> = plain
            .iter()
            .enumerate()
            .map(|(i, b)| b ^ key[i % 4])
            .collect();
        for cut in 0..=plain.len() {
            let mut masked = plain.clone();
            let (front, back) = masked.split_at_mut(cut);
            apply(key, 0, front);
            apply(key, cut, back);
            assert_eq!(masked, expected, "cut at {cut}");
        }
    }
}
