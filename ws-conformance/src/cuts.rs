//! Places to cut, from a seed.

/// Pseudo-random places, the same for the same seed (xorshift64*).
#[derive(Clone, Debug)]
pub struct Cuts(u64);

impl Cuts {
    /// Places to cut that the seed determines; any number is one.
    pub fn new(seed: u64) -> Self {
        Self(seed ^ 0x9e37_79b9_7f4a_7c15 | 1)
    }

    /// A number below `bound`; 0 where that is 0.
    pub fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let high = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32;
        (high as usize).checked_rem(bound).unwrap_or(0)
    }

    /// `count` places in `length` bytes, in order.
    pub fn places(&mut self, length: usize, count: usize) -> Vec<usize> {
        let mut places: Vec<_> = (0..count).map(|_| self.below(length + 1)).collect();
        places.sort_unstable();
        places
    }
}
