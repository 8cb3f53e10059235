//! Weights that are floats: adapters and models that are not quantised.

use super::gemv::horizontal_sum;
use crate::QuantType;
use crate::matmul::{Activations, Matrix, Output, Rows};
use crate::quant::dequantize;
use std::arch::x86_64::*;
use std::ops::Range;

const LANES: usize = 8;
/// Tokens that share a register of weights.
const TOKENS: usize = 4;

/// Computes the columns `columns` of the product for each token.
///
/// # Safety
/// Needs AVX2, FMA and F16C; the weights are floats, rows are as long as those of `x`, and nobody else uses these
/// columns of `out`.
#[target_feature(enable = "avx2,fma,f16c")]
pub(super) unsafe fn dots(
    weights: &Matrix<'_>,
    rows: Rows<'_>,
    columns: Range<usize>,
    x: &Activations,
    out: &Output<'_>,
) {
    for column in columns {
        let row = weights.row(rows.row(column));
        for token in (0..x.n_tokens()).step_by(TOKENS) {
            let count = TOKENS.min(x.n_tokens() - token);
            // Tokens past the end repeat the last one.
            let tokens: [&[f32]; TOKENS] = std::array::from_fn(|index| x.row(token + index.min(count - 1)));
            // SAFETY: the caller promises the instructions and the lengths.
            let sums = unsafe {
                match weights.ty() {
                    QuantType::F16 => dot(row, tokens, QuantType::F16, |at| load_f16(row, at)),
                    QuantType::BF16 => dot(row, tokens, QuantType::BF16, |at| load_bf16(row, at)),
                    _ => dot(row, tokens, QuantType::F32, |at| load_f32(row, at)),
                }
            };
            for (index, sum) in sums.into_iter().take(count).enumerate() {
                // SAFETY: the columns are ours by the promise of the caller.
                unsafe { out.part(token + index, column..column + 1)[0] = sum };
            }
        }
    }
}

/// The dot products of a row, whose weights from `at` are `load(at)`, and four rows of activations.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn dot(row: &[u8], x: [&[f32]; TOKENS], ty: QuantType, load: impl Fn(usize) -> __m256) -> [f32; TOKENS] {
    let cols = x[0].len();
    let whole = cols / LANES * LANES;
    let mut sums = [_mm256_setzero_ps(); TOKENS];
    for at in (0..whole).step_by(LANES) {
        let weights = load(at);
        for (sum, x) in sums.iter_mut().zip(x) {
            // SAFETY: all rows are `cols` long.
            *sum = _mm256_fmadd_ps(weights, unsafe { _mm256_loadu_ps(x.as_ptr().add(at)) }, *sum);
        }
    }
    let mut rest = [0.0; LANES];
    dequantize(ty, &row[whole * ty.block_bytes()..], &mut rest[..cols - whole]);
    std::array::from_fn(|token| {
        let rest: f32 = rest.iter().zip(&x[token][whole..]).map(|(weight, x)| weight * x).sum();
        horizontal_sum(sums[token]) + rest
    })
}

#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn load_f32(row: &[u8], at: usize) -> __m256 {
    // SAFETY: the caller vouches for eight weights from `at`.
    unsafe { _mm256_loadu_ps(row.as_ptr().add(4 * at).cast()) }
}

#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn load_f16(row: &[u8], at: usize) -> __m256 {
    // SAFETY: as above.
    _mm256_cvtph_ps(unsafe { _mm_loadu_si128(row.as_ptr().add(2 * at).cast()) })
}

#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn load_bf16(row: &[u8], at: usize) -> __m256 {
    // SAFETY: as above.
    let upper = unsafe { _mm_loadu_si128(row.as_ptr().add(2 * at).cast()) };
    _mm256_castsi256_ps(_mm256_slli_epi32::<16>(_mm256_cvtepu16_epi32(upper)))
}
