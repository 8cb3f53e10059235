//! Reading memory and hardly computing: what measures how fast it comes.

use super::simd::{Kernel, Simd, dispatch};
use crate::InstructionSet;

/// The exclusive or of all whole words of 8 bytes, read with the widest registers that the instruction set has.
pub fn parity(set: InstructionSet, bytes: &[u8]) -> u64 {
    dispatch(set, Parity { words: bytes.as_chunks().0 })
}

struct Parity<'a> {
    words: &'a [[u8; 8]],
}

impl Kernel for Parity<'_> {
    type Output = u64;

    /// The compiler makes vectors of it, as wide as those that it may use here.
    #[inline(always)]
    fn run<S: Simd>(self, _: S) -> u64 {
        let mut parity = 0;
        for word in self.words {
            parity ^= u64::from_ne_bytes(*word);
        }
        parity
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_counts_once() {
        for set in InstructionSet::available() {
            for length in [0, 1, 7, 64, 1001] {
                // Every bit stands in one word, or in as many as `length` has of 64s.
                let words: Vec<u64> = (0..length).map(|place| 1 << (place % 64)).collect();
                let expected = words.iter().fold(0, |parity, word| parity ^ word);
                let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_ne_bytes()).collect();
                assert_eq!(parity(set, &bytes), expected, "{set:?}, {length}");
            }
        }
    }
}
