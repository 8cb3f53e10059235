//! Normalisation of rows.

use super::elementwise::add_assign;
use super::simd::{Kernel, LANES, Simd, dispatch, padded};
use crate::InstructionSet;

/// `out = x / √(mean(x²) + eps) · weight`, row by row.
///
/// # Shapes
/// - `weight`: `[dim]`
/// - `x`, `out`: `[rows, dim]`
///
/// # Panics
/// If `out` is not as long as `x`, or `x` is no whole number of rows.
///
/// Paper: Root Mean Square Layer Normalization, arXiv:1910.07467.
pub fn rms_norm(set: InstructionSet, x: &[f32], weight: &[f32], eps: f32, out: &mut [f32]) {
    assert_eq!(x.len(), out.len(), "the output has the shape of the input");
    out.copy_from_slice(x);
    rms_norm_in_place(set, out, weight, eps);
}

/// [`rms_norm`] whose output replaces its input, for instance the heads of a query (QK-norm).
///
/// # Shapes
/// - `weight`: `[dim]`
/// - `x`: `[rows, dim]`
///
/// # Panics
/// If `x` is no whole number of rows.
pub fn rms_norm_in_place(set: InstructionSet, x: &mut [f32], weight: &[f32], eps: f32) {
    assert!(
        x.is_empty() || (!weight.is_empty() && x.len().is_multiple_of(weight.len())),
        "x is whole rows of weight's length"
    );
    dispatch(set, RmsNorm { x, weight, eps });
}

/// `x = (x - mean(x)) / √(variance(x) + eps) · weight + bias`, row by row.
///
/// # Shapes
/// - `weight`, `bias`: `[dim]`
/// - `x`: `[rows, dim]`
///
/// # Panics
/// If `x` is no whole number of rows, or `bias` is not as long as `weight`.
///
/// Paper: Layer Normalization, arXiv:1607.06450.
pub fn layer_norm_in_place(set: InstructionSet, x: &mut [f32], weight: &[f32], bias: &[f32], eps: f32) {
    assert_eq!(weight.len(), bias.len(), "weight and bias have one length");
    assert!(
        x.is_empty() || (!weight.is_empty() && x.len().is_multiple_of(weight.len())),
        "x is whole rows of weight's length"
    );
    for row in x.chunks_exact_mut(weight.len().max(1)) {
        let mean = row.iter().sum::<f32>() / row.len() as f32;
        for value in row.iter_mut() {
            *value -= mean;
        }
        rms_norm_in_place(set, row, weight, eps);
        add_assign(set, row, bias);
    }
}

struct RmsNorm<'a> {
    x: &'a mut [f32],
    weight: &'a [f32],
    eps: f32,
}

impl Kernel for RmsNorm<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        for row in self.x.chunks_exact_mut(self.weight.len().max(1)) {
            let mean_square = sum_of_squares(simd, row) / row.len() as f32;
            let scale = 1.0 / (mean_square + self.eps).sqrt();
            for (value, weight) in row.iter_mut().zip(self.weight) {
                *value *= scale * weight;
            }
        }
    }
}

#[inline(always)]
fn sum_of_squares<S: Simd>(simd: S, row: &[f32]) -> f32 {
    /// Independent sums hide the latency of the addition.
    const SUMS: usize = 4;
    let (groups, rest) = row.as_chunks::<{ SUMS * LANES }>();
    let mut sums = [simd.splat(0.0); SUMS];
    for group in groups {
        for (sum, chunk) in sums.iter_mut().zip(group.as_chunks::<LANES>().0) {
            let value = simd.load(chunk);
            *sum = simd.mul_add(value, value, *sum);
        }
    }
    let (chunks, tail) = rest.as_chunks::<LANES>();
    for chunk in chunks {
        let value = simd.load(chunk);
        sums[0] = simd.mul_add(value, value, sums[0]);
    }
    let value = simd.load(&padded(tail, 0.0));
    sums[1] = simd.mul_add(value, value, sums[1]);
    simd.reduce_add(simd.add(simd.add(sums[0], sums[1]), simd.add(sums[2], sums[3])))
}
