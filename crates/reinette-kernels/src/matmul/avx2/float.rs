//! Weights that are floats: adapters and models that are not quantised.

use crate::QuantType;
use crate::matmul::{Activations, Matrix, Output, Rows};
use crate::quant::dequantize;
use std::arch::x86_64::*;
use std::ops::Range;

const LANES: usize = 8;
/// Rows or tokens that are multiplied side by side.
const BLOCK: usize = 4;

/// Computes the columns `columns` of the product for each token.
///
/// # Safety
/// Needs AVX2, FMA and F16C; the weights are floats, rows are as long as those of `x`, and nobody else uses these
/// columns of `out`.
#[target_feature(enable = "avx2,fma,f16c")]
pub(in crate::matmul) unsafe fn dots(
    weights: &Matrix<'_>,
    rows: Rows<'_>,
    columns: Range<usize>,
    x: &Activations,
    out: &Output<'_>,
) {
    // One token shares its activations among several rows, several tokens share a row of weights.
    for first in columns.clone().step_by(if x.n_tokens() == 1 { BLOCK } else { 1 }) {
        // Rows and tokens past the end repeat the last ones.
        let row = |index: usize| weights.row(rows.row((first + index).min(columns.end - 1)));
        // SAFETY: the caller promises the instructions, the lengths and the columns.
        unsafe {
            if x.n_tokens() == 1 {
                let sums = dot_of_type::<BLOCK, 1>(weights.ty(), std::array::from_fn(row), [x.row(0)]);
                let last = columns.end.min(first + BLOCK);
                out.part(0, first..last).iter_mut().zip(sums.as_flattened()).for_each(|(out, sum)| *out = *sum);
                continue;
            }
            for token in (0..x.n_tokens()).step_by(BLOCK) {
                let tokens = std::array::from_fn(|index| x.row((token + index).min(x.n_tokens() - 1)));
                let [sums] = dot_of_type::<1, BLOCK>(weights.ty(), [row(0)], tokens);
                for (index, sum) in sums.into_iter().take(x.n_tokens() - token).enumerate() {
                    out.part(token + index, first..first + 1)[0] = sum;
                }
            }
        }
    }
}

/// The dot products of some rows of weights and some rows of activations.
///
/// # Safety
/// Needs AVX2, FMA and F16C; the weights are floats of type `ty`, and all rows have the same number of columns.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn dot_of_type<const ROWS: usize, const TOKENS: usize>(
    ty: QuantType,
    rows: [&[u8]; ROWS],
    x: [&[f32]; TOKENS],
) -> [[f32; TOKENS]; ROWS] {
    // SAFETY: as the caller promises.
    unsafe {
        match ty {
            QuantType::F16 => dot(ty, rows, x, |row, at| load_f16(row, at)),
            QuantType::BF16 => dot(ty, rows, x, |row, at| load_bf16(row, at)),
            _ => dot(ty, rows, x, |row, at| load_f32(row, at)),
        }
    }
}

/// The same, if the weights of a row from `at` are `load(row, at)`.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn dot<const ROWS: usize, const TOKENS: usize>(
    ty: QuantType,
    rows: [&[u8]; ROWS],
    x: [&[f32]; TOKENS],
    load: impl Fn(&[u8], usize) -> __m256,
) -> [[f32; TOKENS]; ROWS] {
    let cols = x[0].len();
    let whole = cols / LANES * LANES;
    let mut sums = [[_mm256_setzero_ps(); TOKENS]; ROWS];
    for at in (0..whole).step_by(LANES) {
        for (sums, row) in sums.iter_mut().zip(rows) {
            let weights = load(row, at);
            for (sum, x) in sums.iter_mut().zip(x) {
                // SAFETY: all rows are `cols` long.
                *sum = _mm256_fmadd_ps(weights, unsafe { _mm256_loadu_ps(x.as_ptr().add(at)) }, *sum);
            }
        }
    }
    std::array::from_fn(|row| {
        let mut rest = [0.0; LANES];
        dequantize(ty, &rows[row][whole * ty.block_bytes()..], &mut rest[..cols - whole]);
        std::array::from_fn(|token| {
            let rest: f32 = rest.iter().zip(&x[token][whole..]).map(|(weight, x)| weight * x).sum();
            horizontal_sum(sums[row][token]) + rest
        })
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

#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn horizontal_sum(lanes: __m256) -> f32 {
    let four = _mm_add_ps(_mm256_castps256_ps128(lanes), _mm256_extractf128_ps::<1>(lanes));
    let two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)))
}
