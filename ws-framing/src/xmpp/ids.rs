//! Ids of streams: unique and unpredictable (RFC 6120 §4.7.3).

use rand_chacha::ChaCha12Rng;
use rand_core::{Rng, SeedableRng};

/// A source of ids.
#[derive(Clone)]
pub(super) struct Ids {
    seed: [u8; 32],
    made: u64,
}

impl std::fmt::Debug for Ids {
    /// The seed tells every id to come.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ids")
            .field("made", &self.made)
            .finish_non_exhaustive()
    }
}

impl Ids {
    pub(super) fn new(seed: [u8; 32]) -> Self {
        Self { seed, made: 0 }
    }

    /// The next one: 128 bits.
    pub(super) fn next(&mut self) -> String {
        let mut generator = ChaCha12Rng::from_seed(self.seed);
        generator.set_stream(self.made);
        self.made += 1;
        let mut bits = [0; 16];
        generator.fill_bytes(&mut bits);
        format!("{:032x}", u128::from_be_bytes(bits))
    }
}
