//! Random choice: everything here is drawn from one generator, and the same seed draws the same.

use std::time::Duration;

use rand_chacha::ChaCha12Rng;
use rand_core::Rng as _;

/// A number below `bound`, each as likely as the other; 0 for 0.
pub(crate) fn below(rng: &mut ChaCha12Rng, bound: u64) -> u64 {
    if bound == 0 {
        return 0;
    }
    // The numbers that would make the first ones likelier are drawn again.
    let zone = u64::MAX - u64::MAX % bound;
    loop {
        let drawn = rng.next_u64();
        if drawn < zone {
            return drawn % bound;
        }
    }
}

/// Takes out items one after another, each with the likelihood of its weight among those left;
/// those of weight 0 are last, in any order. (RFC 2782's own sum favours the first record a little;
/// here equal weights are equal.)
pub(crate) fn shuffle<T>(rng: &mut ChaCha12Rng, mut items: Vec<(u16, T)>) -> Vec<T> {
    let mut order = Vec::with_capacity(items.len());
    while !items.is_empty() {
        let sum: u64 = items.iter().map(|(weight, _)| u64::from(*weight)).sum();
        let at = if sum == 0 {
            usize::try_from(below(rng, items.len() as u64)).unwrap_or(0)
        } else {
            let mut drawn = below(rng, sum);
            items
                .iter()
                .position(|(weight, _)| {
                    let weight = u64::from(*weight);
                    let hit = drawn < weight;
                    drawn = drawn.saturating_sub(weight);
                    hit
                })
                .unwrap_or(0)
        };
        order.push(items.remove(at).1);
    }
    order
}

/// The longest wait after so many failures in a row: `base` doubled for each after the first,
/// `most` at most.
pub(crate) fn ceiling(base: Duration, most: Duration, failures: u32) -> Duration {
    let doublings = failures.saturating_sub(1).min(31);
    base.saturating_mul(1 << doublings).min(most)
}

/// Full jitter: any time below `ceiling`.
pub(crate) fn jitter(rng: &mut ChaCha12Rng, ceiling: Duration) -> Duration {
    Duration::from_nanos(below(
        rng,
        u64::try_from(ceiling.as_nanos()).unwrap_or(u64::MAX),
    ))
}

#[cfg(test)]
mod tests {
    use rand_core::SeedableRng as _;

    use super::*;

    #[test]
    fn a_ceiling_doubles_up_to_the_most() {
        let seconds =
            |failures| ceiling(Duration::from_secs(5), Duration::from_secs(60), failures).as_secs();
        let waits: Vec<u64> = (0..7).map(seconds).collect();
        assert_eq!(waits, [5, 5, 10, 20, 40, 60, 60]);
        assert_eq!(seconds(u32::MAX), 60);
    }

    #[test]
    fn weight_zero_comes_last() {
        let mut rng = ChaCha12Rng::from_seed([7; 32]);
        for _ in 0..100 {
            let order = shuffle(&mut rng, vec![(0, 'a'), (1, 'b'), (9, 'c'), (0, 'd')]);
            assert!(matches!(order.as_slice(), ['b' | 'c', 'b' | 'c', _, _]));
        }
    }

    #[test]
    fn a_bound_of_zero_draws_zero() {
        let mut rng = ChaCha12Rng::from_seed([7; 32]);
        assert_eq!(below(&mut rng, 0), 0);
        assert_eq!(jitter(&mut rng, Duration::ZERO), Duration::ZERO);
        assert!(jitter(&mut rng, Duration::MAX) < Duration::MAX);
    }
}
