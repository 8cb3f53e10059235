//! Few tokens: dot products straight from the blocks, bound by the speed of memory.

use super::formats::Format;
use crate::matmul::activations::QuantisedRow;
use crate::quant::GROUP;
use std::arch::x86_64::*;

/// How far ahead of the computation weights are fetched into the cache.
const PREFETCH_BYTES: usize = 1024;

/// The dot products of `ROWS` rows of weights and one row of activations.
///
/// The result of a row does not depend on the other rows.
///
/// # Safety
/// Needs AVX2, FMA and F16C; each row points to as many blocks as `x` has groups for.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
pub(super) unsafe fn dot<F: Format, const ROWS: usize>(rows: [*const u8; ROWS], x: QuantisedRow<'_>) -> [f32; ROWS] {
    let mut sums = [_mm256_setzero_ps(); ROWS];
    let mut offsets = [_mm256_setzero_ps(); ROWS];
    for block in 0..x.scales.len() / F::GROUPS {
        for row in 0..ROWS {
            // SAFETY: the caller vouches for the blocks; prefetching may name any address.
            unsafe {
                let weights = rows[row].add(block * F::BLOCK_BYTES);
                for line in 0..F::BLOCK_BYTES.div_ceil(64) {
                    _mm_prefetch::<_MM_HINT_T0>(weights.wrapping_add(PREFETCH_BYTES + 64 * line).cast());
                }
                (sums[row], offsets[row]) = if F::GROUPS == 1 {
                    add_single::<F>(weights, x, block, sums[row], offsets[row])
                } else {
                    add_block::<F>(weights, x, block, sums[row], offsets[row])
                };
            }
        }
    }
    std::array::from_fn(|row| horizontal_sum(_mm256_add_ps(sums[row], offsets[row])))
}

/// Adds a block that is one group.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn add_single<F: Format>(
    weights: *const u8,
    x: QuantisedRow<'_>,
    block: usize,
    sum: __m256,
    offset: __m256,
) -> (__m256, __m256) {
    // SAFETY: the caller vouches for the block; `x` has as many groups as the row has blocks.
    unsafe {
        let scales = F::scales(weights);
        let products = multiply::<F>(F::codes(weights, 0), load_codes(x, block));
        let products = _mm256_madd_epi16(products, _mm256_set1_epi16(1));
        let scale = _mm_mul_ss(_mm256_castps256_ps128(scales.factors), _mm_load_ss(x.scales.as_ptr().add(block)));
        let sum = _mm256_fmadd_ps(_mm256_cvtepi32_ps(products), _mm256_broadcastss_ps(scale), sum);
        if F::MAX_CODE == 255 {
            return (sum, offset);
        }
        let activations = _mm256_zextps128_ps256(_mm_load_ss(x.sums.as_ptr().add(block)));
        (sum, _mm256_fmadd_ps(scales.offsets[0], activations, offset))
    }
}

/// Adds a block of eight groups.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn add_block<F: Format>(
    weights: *const u8,
    x: QuantisedRow<'_>,
    block: usize,
    mut sum: __m256,
    mut offset: __m256,
) -> (__m256, __m256) {
    // SAFETY: the caller vouches for the block; `x` has eight groups for each.
    unsafe {
        let scales = F::scales(weights);
        let mut group_scales = [0.0_f32; 8];
        let products = _mm256_mul_ps(scales.factors, _mm256_loadu_ps(x.scales.as_ptr().add(8 * block)));
        _mm256_storeu_ps(group_scales.as_mut_ptr(), products);
        let mut multipliers = [0_i32; 16];
        if F::HALVES {
            for (half, lanes) in scales.multipliers.iter().enumerate() {
                _mm256_storeu_si256(multipliers.as_mut_ptr().add(8 * half).cast(), *lanes);
                let sums = _mm256_loadu_ps(x.half_sums.as_ptr().add(16 * block + 8 * half));
                offset = _mm256_fmadd_ps(scales.offsets[half], sums, offset);
            }
        } else {
            offset = _mm256_fmadd_ps(scales.offsets[0], _mm256_loadu_ps(x.sums.as_ptr().add(8 * block)), offset);
        }
        for (group, scale) in group_scales.iter().enumerate() {
            let multiplier = if F::HALVES {
                let [first, second] = [0, 1].map(|half| _mm256_set1_epi32(multipliers[2 * group + half]));
                _mm256_blend_epi32::<0b1111_0000>(first, second)
            } else {
                _mm256_set1_epi16(1)
            };
            let products = multiply::<F>(F::codes(weights, group), load_codes(x, 8 * block + group));
            let products = _mm256_cvtepi32_ps(_mm256_madd_epi16(products, multiplier));
            sum = _mm256_fmadd_ps(products, _mm256_set1_ps(*scale), sum);
        }
        (sum, offset)
    }
}

#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn load_codes(x: QuantisedRow<'_>, group: usize) -> __m256i {
    // SAFETY: the caller vouches that the group exists.
    unsafe { _mm256_loadu_si256(x.codes.as_ptr().add(group * GROUP).cast()) }
}

/// Sums of two neighbouring products in 16 bits.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn multiply<F: Format>(codes: __m256i, x: __m256i) -> __m256i {
    if F::MAX_CODE < 255 {
        return _mm256_maddubs_epi16(codes, x);
    }
    // Two products of unsigned 8-bit codes would not fit. Signed ones do: |w| times x with the sign of w.
    let signed = _mm256_xor_si256(codes, _mm256_set1_epi8(-128));
    _mm256_maddubs_epi16(_mm256_abs_epi8(signed), _mm256_sign_epi8(x, signed))
}

#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
pub(super) fn horizontal_sum(lanes: __m256) -> f32 {
    let four = _mm_add_ps(_mm256_castps256_ps128(lanes), _mm256_extractf128_ps::<1>(lanes));
    let two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)))
}
