//! The most likely token.

use super::simd::{Kernel, Simd, dispatch};
use super::softmax::maximum;
use crate::InstructionSet;

/// The index of the greatest number, the first of equals; NaN is never the greatest. None if there is no number.
pub fn argmax(set: InstructionSet, x: &[f32]) -> Option<usize> {
    let greatest = dispatch(set, Maximum(x));
    x.iter().position(|&value| value >= greatest)
}

struct Maximum<'a>(&'a [f32]);

impl Kernel for Maximum<'_> {
    type Output = f32;

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> f32 {
        maximum(simd, self.0)
    }
}
