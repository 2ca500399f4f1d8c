//! Key sequences (XEP-0124 §15): each request's key is the preimage of the one before it.

use sha1::{Digest, Sha1};
use subtle::ConstantTimeEq;

/// The digest that the next request's key must have.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Expected([u8; 20]);

impl std::fmt::Debug for Expected {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Expected(..)")
    }
}

impl Expected {
    /// From a `newkey`, or from a `key` just verified: 40 hex digits in either case (B-R-158).
    pub(crate) fn parse(hex: &str) -> Option<Self> {
        let hex = hex.as_bytes();
        if hex.len() != 40 {
            return None;
        }
        let mut digest = [0; 20];
        for (byte, pair) in digest.iter_mut().zip(hex.chunks_exact(2)) {
            let &[high, low] = pair else { return None };
            let high = char::from(high).to_digit(16)?;
            let low = char::from(low).to_digit(16)?;
            *byte = u8::try_from(high * 16 + low).ok()?;
        }
        Some(Self(digest))
    }

    /// Whether `key`'s bytes as received hash to this, in constant time (B-R-160).
    pub(crate) fn accepts(&self, key: &str) -> bool {
        let digest = Sha1::digest(key.as_bytes());
        self.0.as_slice().ct_eq(digest.as_slice()).into()
    }
}

/// A key sequence on the client's side, used from its end (XEP-0124 §15.3, §15.4).
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Chain {
    seed: String,
    /// The keys not yet used, `K(1)` first.
    keys: Vec<[u8; 20]>,
}

/// Shows how many keys are left, and none of them.
impl std::fmt::Debug for Chain {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Chain")
            .field("left", &self.keys.len())
            .finish_non_exhaustive()
    }
}

impl Chain {
    /// `K(1)` to `K(length)`: each is the hash of the hexadecimal text of the one before (B-R-155).
    pub(crate) fn new(seed: &str, length: usize) -> Self {
        let mut keys: Vec<[u8; 20]> = Vec::with_capacity(length);
        for _ in 0..length {
            let key = match keys.last() {
                None => Sha1::digest(seed.as_bytes()),
                Some(before) => Sha1::digest(hex(before).as_bytes()),
            };
            keys.push(key.into());
        }
        Self {
            seed: seed.to_owned(),
            keys,
        }
    }

    /// What makes the rest of the sequence again: `new` with these.
    pub(crate) fn parts(&self) -> (&str, usize) {
        (&self.seed, self.keys.len())
    }

    /// The next key in lower case (TR-42), and whether it is the last.
    pub(crate) fn next(&mut self) -> Option<(String, bool)> {
        let key = self.keys.pop()?;
        Some((hex(&key), self.keys.is_empty()))
    }
}

fn hex(digest: &[u8; 20]) -> String {
    let digit = |value: u8| char::from_digit(value.into(), 16).unwrap_or('0');
    digest
        .iter()
        .flat_map(|byte| [digit(byte >> 4), digit(byte & 15)])
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// B-R-155, B-R-156: the sequence, handed out from its end.
    #[test]
    fn a_chain_hands_out_its_keys_from_the_end() {
        let mut chain = Chain::new("seed-3f9a", 4);
        let out: Vec<_> = std::iter::from_fn(|| chain.next()).collect();
        let expected: Vec<_> = K
            .iter()
            .rev()
            .map(|key| ((*key).to_owned(), *key == K[0]))
            .collect();
        assert_eq!(out, expected);
        let mut second = Chain::new("seed-77c0", 3);
        assert_eq!(
            second.next().unwrap().0,
            "b38a6a0d42b7276443406e9f4bafdb2b48dc2483"
        );
        assert_eq!(
            second.next().unwrap().0,
            "46b6458c99e647a28d3bd3d6c17d32230cf77c34"
        );
    }

    const K: [&str; 4] = [
        "d13815c953ebb4c6d5065d401f3f850e8813d79a",
        "da6eab2bb748dd3c1e44f6c234a8e719f92240b0",
        "12862cffad80fcbc7c657d5dc07587878154c291",
        "88eb899051c6bd817163386eb396db6d928a5204",
    ];

    /// B-R-155's vectors, checked from the end as a server does (B-R-158).
    #[test]
    fn each_key_is_the_preimage_of_the_one_before() {
        for pair in K.windows(2) {
            let [earlier, later] = pair else {
                unreachable!()
            };
            assert!(Expected::parse(later).unwrap().accepts(earlier));
            assert!(
                Expected::parse(&later.to_uppercase())
                    .unwrap()
                    .accepts(earlier)
            );
            assert!(!Expected::parse(earlier).unwrap().accepts(later));
        }
        // The hash is over the text, whose case matters.
        assert!(!Expected::parse(K[1]).unwrap().accepts(&K[0].to_uppercase()));
    }

    #[test]
    fn other_text_is_no_key() {
        assert_eq!(Expected::parse(""), None);
        assert_eq!(Expected::parse(&K[0][1..]), None);
        assert_eq!(Expected::parse(&K[0].replace('d', "g")), None);
    }
}
