//! Softmax.

use super::simd::{self, Kernel, LANES, Simd, dispatch, padded};
use crate::InstructionSet;

/// Turns logits into probabilities: `x[i] = e^(x[i] - max x) / Σⱼ e^(x[j] - max x)`.
///
/// Logits of -∞ (tokens that are not allowed) get probability 0; where there is nothing else, all are 0.
pub fn softmax_in_place(set: InstructionSet, x: &mut [f32]) {
    dispatch(set, Softmax(x));
}

struct Softmax<'a>(&'a mut [f32]);

impl Kernel for Softmax<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let greatest = maximum(simd, self.0);
        // Subtracting -∞ from -∞ would make NaN of what has no probability.
        let sum = exp_and_sum(simd, self.0, greatest.max(f32::MIN));
        if sum > 0.0 {
            let scale = 1.0 / sum;
            for value in self.0 {
                *value *= scale;
            }
        }
    }
}

/// The greatest number that is not NaN, or -∞.
#[inline(always)]
pub(crate) fn maximum<S: Simd>(simd: S, x: &[f32]) -> f32 {
    let (chunks, tail) = x.as_chunks::<LANES>();
    let mut greatest = simd.load(&padded(&[], f32::NEG_INFINITY));
    for chunk in chunks {
        greatest = simd.max(simd.load(chunk), greatest);
    }
    greatest = simd.max(simd.load(&padded(tail, f32::NEG_INFINITY)), greatest);
    simd.reduce_max(greatest)
}

/// `x[i] = e^(x[i] - offset)`, and the sum of these.
#[inline(always)]
pub(crate) fn exp_and_sum<S: Simd>(simd: S, x: &mut [f32], offset: f32) -> f32 {
    let offset = simd.splat(offset);
    let (chunks, tail) = x.as_chunks_mut::<LANES>();
    let mut sum = simd.splat(0.0);
    for chunk in chunks {
        let value = simd::exp(simd, simd.sub(simd.load(chunk), offset));
        sum = simd.add(sum, value);
        simd.store(value, chunk);
    }
    let mut lanes = padded(tail, f32::NEG_INFINITY);
    let value = simd::exp(simd, simd.sub(simd.load(&lanes), offset));
    sum = simd.add(sum, value);
    simd.store(value, &mut lanes);
    tail.copy_from_slice(&lanes[..tail.len()]);
    simd.reduce_add(sum)
}
