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

#[cfg(test)]
mod tests {
    use super::*;

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
