//! UTF-8 over a message that comes in pieces: each byte is looked at once, and the first byte that cannot continue fails
//! (RFC 6455 §8.1; W-R-118, W-R-119).

use xmpp_machine::Proved as _;

/// What an unfinished character leaves behind.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Utf8Check {
    begun: [u8; 4],
    length: usize,
}

/// The bytes cannot be UTF-8, whatever follows.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Invalid;

impl Utf8Check {
    /// Looks at the next piece.
    pub(super) fn update(&mut self, mut piece: &[u8]) -> Result<(), Invalid> {
        while self.length > 0 {
            let Some((&byte, rest)) = piece.split_first() else {
                return Ok(());
            };
            piece = rest;
            // At most three bytes wait: the fourth completes the character or fails.
            if let Some(slot) = self.begun.get_mut(self.length) {
                *slot = byte;
            }
            self.length += 1;
            let begun = self.begun.proved(..self.length);
            match std::str::from_utf8(begun) {
                Ok(_) => self.length = 0,
                Err(error) if error.error_len().is_some() => return Err(Invalid),
                Err(_) => {}
            }
        }
        let Err(error) = std::str::from_utf8(piece) else {
            return Ok(());
        };
        if error.error_len().is_some() {
            return Err(Invalid);
        }
        let tail = piece.proved(error.valid_up_to()..);
        for (slot, &byte) in self.begun.iter_mut().zip(tail) {
            *slot = byte;
        }
        self.length = tail.len();
        Ok(())
    }

    /// Whether no character is left unfinished.
    pub(super) fn is_complete(self) -> bool {
        self.length == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cut_of_valid_text_is_valid() {
        let text = "κόσμε \u{7ff}\u{800}\u{ffff}\u{10000}\u{10ffff}".as_bytes();
        for cut in 0..=text.len() {
            let mut check = Utf8Check::default();
            assert_eq!(check.update(&text[..cut]), Ok(()));
            assert_eq!(check.update(&text[cut..]), Ok(()));
            assert!(check.is_complete());
        }
    }

    #[test]
    fn the_first_impossible_byte_fails() {
        for (bytes, good) in [
            (&b"\xce\xba\xed\xa0\x80"[..], 3), // surrogate
            (b"\xf4\x90\x80\x80", 1),          // past U+10FFFF
            (b"\xc0\xaf", 0),                  // overlong
            (b"\xe0\x80\xaf", 1),              // overlong
            (b"a\x80", 1),
            (b"\xfe", 0),
        ] {
            let mut check = Utf8Check::default();
            for (at, &byte) in bytes.iter().enumerate() {
                let expected = if at < good { Ok(()) } else { Err(Invalid) };
                assert_eq!(check.update(&[byte]), expected, "{bytes:x?} at {at}");
                if expected.is_err() {
                    break;
                }
            }
        }
    }

    #[test]
    fn a_cut_character_is_incomplete() {
        let mut check = Utf8Check::default();
        assert_eq!(check.update(b"a\xf0\x9f"), Ok(()));
        assert!(!check.is_complete());
    }
}
