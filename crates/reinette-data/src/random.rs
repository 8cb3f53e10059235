//! Random numbers that are the same on every machine.

use reinette_engine::SplitMix64;

/// What data and training draw by chance.
#[derive(Clone, Debug)]
pub struct Random(SplitMix64);

impl Random {
    /// The numbers of a seed and a purpose: each purpose has its own.
    pub fn new(seed: u64, purpose: u64) -> Self {
        let mixed = SplitMix64::new(seed).next_number();
        Self(SplitMix64::new(mixed ^ purpose.wrapping_mul(0x9e37_79b9_7f4a_7c15)))
    }

    /// The next number.
    pub fn next_number(&mut self) -> u64 {
        self.0.next_number()
    }

    /// A number below `end`, which is not 0.
    pub fn below(&mut self, end: usize) -> usize {
        // The high half of a product is spread evenly but for one part in 2⁶⁴ / end.
        #[expect(clippy::cast_possible_truncation, reason = "the product's high half is below `end`")]
        let place = ((u128::from(self.next_number()) * end as u128) >> 64) as usize;
        place
    }

    /// A number in `[-1, 1)`.
    pub fn within_one(&mut self) -> f32 {
        (self.next_number() >> 40) as f32 / (1_u64 << 23) as f32 - 1.0
    }

    /// A number in `[0, 1)`.
    pub fn share(&mut self) -> f64 {
        self.0.unit()
    }

    /// Whether something happens that happens with this probability.
    pub fn chance(&mut self, probability: f64) -> bool {
        self.share() < probability
    }

    /// One of several, by their shares; none if all of these are 0.
    pub fn by_share<'a, T>(&mut self, shares: impl Iterator<Item = (&'a T, f64)> + Clone) -> Option<&'a T> {
        let total: f64 = shares.clone().map(|(_, share)| share).sum();
        let mut rest = self.share() * total;
        let mut last = None;
        for (item, share) in shares.filter(|(_, share)| *share > 0.0) {
            last = Some(item);
            rest -= share;
            if rest < 0.0 {
                break;
            }
        }
        last
    }

    /// Brings a list into another order, each with the same probability.
    pub fn shuffle<T>(&mut self, list: &mut [T]) {
        for end in (1..list.len()).rev() {
            list.swap(end, self.below(end + 1));
        }
    }
}
