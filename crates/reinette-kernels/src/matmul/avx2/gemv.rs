//! Few tokens: dot products straight from the blocks, bound by the speed of memory.

use super::formats::{Format, Offset, for_each_group};
use crate::matmul::activations::QuantisedRow;
use crate::quant::GROUP;
use std::arch::x86_64::*;

/// Rows whose dot products are computed side by side: one row's latencies hide behind another's work, and they share
/// the loads of activations and, if blocks are one group, the conversion of their scales.
pub(super) const ROWS: usize = 4;
/// How far ahead of the computation the weights of a long row are fetched into the cache.
const PREFETCH_BYTES: usize = 1024;
/// Rows that take at most this together are short: what is fetched ahead is the rows that come after them. A quarter
/// of the first-level cache.
const SHORT_ROWS_BYTES: usize = 8 << 10;
/// Blocks of eight groups whose scales are prepared at a time, in 3 KB for all rows.
const SEGMENT: usize = 4;

/// The dot products of four rows of weights and one row of activations.
///
/// The result of a row does not depend on the other rows.
///
/// # Safety
/// Needs AVX2, FMA and F16C; each row points to as many blocks as `x` has groups for.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
pub(super) unsafe fn dot<F: Format>(rows: [*const u8; ROWS], x: QuantisedRow<'_>) -> [f32; ROWS] {
    // SAFETY: as the caller promises.
    unsafe { if F::GROUPS == 1 { dot_groups::<F>(rows, x) } else { dot_blocks::<F>(rows, x) } }
}

/// [`dot`] if every block is one group.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn dot_groups<F: Format>(rows: [*const u8; ROWS], x: QuantisedRow<'_>) -> [f32; ROWS] {
    let mut sums = [_mm256_setzero_ps(); ROWS];
    let mut offsets = _mm256_setzero_ps();
    let distance = prefetch_distance::<F>(x.scales.len());
    for group in 0..x.scales.len() {
        // SAFETY: the caller vouches for the blocks; prefetching may name any address.
        unsafe {
            let block = |row: usize| rows[row].add(group * F::BLOCK_BYTES);
            let header = |row: usize| block(row).cast::<i32>().read_unaligned();
            // Of each row the scale and what follows it, which may be an offset or nothing of interest.
            let factors = _mm256_cvtph_ps(_mm_set_epi32(header(3), header(2), header(1), header(0)));
            let activation_scale = _mm256_set1_ps(*x.scales.get_unchecked(group));
            let activation_sum = _mm256_set1_ps(*x.sums.get_unchecked(group));
            let scales = match F::OFFSET {
                Offset::Stored => {
                    let both = _mm256_blend_ps::<0b1010_1010>(activation_scale, activation_sum);
                    let products = _mm256_mul_ps(factors, both);
                    offsets = _mm256_add_ps(offsets, products);
                    products
                }
                Offset::Scaled(_) => {
                    offsets = _mm256_fmadd_ps(factors, activation_sum, offsets);
                    _mm256_mul_ps(factors, activation_scale)
                }
            };
            let activations = load_codes(x, group);
            for (row, sum) in sums.iter_mut().enumerate() {
                prefetch::<F>(block(row), distance);
                let products = multiply::<F>(F::codes::<0>(block(row)), activations);
                let products = _mm256_cvtepi32_ps(_mm256_madd_epi16(products, _mm256_set1_epi16(1)));
                let lane = _mm256_set1_epi32([0, 2, 4, 6][row]);
                *sum = _mm256_fmadd_ps(products, _mm256_permutevar8x32_ps(scales, lane), *sum);
            }
        }
    }
    let mut lanes = [0.0; 2 * ROWS];
    // SAFETY: the array has the length of the register.
    unsafe { _mm256_storeu_ps(lanes.as_mut_ptr(), offsets) };
    let mut totals = [0.0; ROWS];
    for (row, total) in totals.iter_mut().enumerate() {
        let offset = match F::OFFSET {
            // The codes were multiplied as signed numbers.
            Offset::Scaled(_) if F::MAX_CODE == 255 => 0.0,
            Offset::Scaled(factor) => factor * lanes[2 * row],
            Offset::Stored => lanes[2 * row + 1],
        };
        *total = horizontal_sum(sums[row]) + offset;
    }
    totals
}

/// The scales of some blocks of a row, in memory, from where single ones are broadcast without a shuffle.
#[derive(Clone, Copy)]
struct SegmentScales {
    /// Times those of the activations.
    scales: [[f32; 8]; SEGMENT],
    multipliers: [[i32; 16]; SEGMENT],
}

/// [`dot`] if blocks are eight groups.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn dot_blocks<F: Format>(rows: [*const u8; ROWS], x: QuantisedRow<'_>) -> [f32; ROWS] {
    let blocks = x.scales.len() / F::GROUPS;
    let distance = prefetch_distance::<F>(x.scales.len());
    let mut sums = [_mm256_setzero_ps(); ROWS];
    let mut segments = [SegmentScales { scales: [[0.0; 8]; SEGMENT], multipliers: [[0; 16]; SEGMENT] }; ROWS];
    for first in (0..blocks).step_by(SEGMENT) {
        let count = SEGMENT.min(blocks - first);
        let x = x.after_groups(first * F::GROUPS);
        // SAFETY: the caller vouches for the blocks and the activations.
        unsafe {
            for row in 0..ROWS {
                let row_blocks = rows[row].add(first * F::BLOCK_BYTES);
                (0..count).for_each(|block| prefetch::<F>(row_blocks.add(block * F::BLOCK_BYTES), distance));
                sums[row] = prepare::<F>(row_blocks, x, count, &mut segments[row], sums[row]);
            }
            for block in 0..count {
                let weights = rows.map(|row| row.add((first + block) * F::BLOCK_BYTES));
                let x = x.after_groups(block * F::GROUPS);
                for_each_group!(F, add_group(weights, x, &segments, block, &mut sums));
            }
        }
    }
    let mut totals = [0.0; ROWS];
    for (total, sum) in totals.iter_mut().zip(sums) {
        *total = horizontal_sum(sum);
    }
    totals
}

/// Adds the products of one group of each row.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn add_group<F: Format, const GROUP: usize>(
    weights: [*const u8; ROWS],
    x: QuantisedRow<'_>,
    segments: &[SegmentScales; ROWS],
    block: usize,
    sums: &mut [__m256; ROWS],
) {
    // SAFETY: the caller vouches for the blocks and the activations.
    unsafe {
        let activations = load_codes(x, GROUP);
        for row in 0..ROWS {
            let products = multiply::<F>(F::codes::<GROUP>(weights[row]), activations);
            let multiplier = multiplier::<F>(&segments[row].multipliers[block], GROUP);
            let products = _mm256_cvtepi32_ps(_mm256_madd_epi16(products, multiplier));
            let scale = _mm256_set1_ps(segments[row].scales[block][GROUP]);
            sums[row] = _mm256_fmadd_ps(products, scale, sums[row]);
        }
    }
}

/// Prepares the scales of `count` blocks and adds their offsets to the sum.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn prepare<F: Format>(
    blocks: *const u8,
    x: QuantisedRow<'_>,
    count: usize,
    segment: &mut SegmentScales,
    mut sum: __m256,
) -> __m256 {
    let prepared = segment.scales.iter_mut().zip(&mut segment.multipliers).take(count).enumerate();
    for (block, (segment_scales, multipliers)) in prepared {
        // SAFETY: the caller vouches for the blocks and the activations; arrays have the length of registers.
        unsafe {
            let weights = blocks.add(block * F::BLOCK_BYTES);
            let scales = F::scales(weights);
            let products = _mm256_mul_ps(scales.factors, _mm256_loadu_ps(x.scales.as_ptr().add(8 * block)));
            _mm256_storeu_ps(segment_scales.as_mut_ptr(), products);
            if F::HALVES {
                for half in 0..2 {
                    _mm256_storeu_si256(multipliers.as_mut_ptr().add(8 * half).cast(), scales.multipliers[half]);
                    let sums = _mm256_loadu_ps(x.half_sums.as_ptr().add(16 * block + 8 * half));
                    sum = _mm256_fmadd_ps(scales.offsets[half], sums, sum);
                }
            } else {
                sum = _mm256_fmadd_ps(scales.offsets[0], _mm256_loadu_ps(x.sums.as_ptr().add(8 * block)), sum);
            }
        }
    }
    sum
}

/// What the products of each half of a group are multiplied by when they are widened to 32 bits.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn multiplier<F: Format>(multipliers: &[i32; 16], group: usize) -> __m256i {
    if !F::HALVES {
        return _mm256_set1_epi16(1);
    }
    let first = _mm256_set1_epi32(multipliers[2 * group]);
    let second = _mm256_set1_epi32(multipliers[2 * group + 1]);
    _mm256_blend_epi32::<0b1111_0000>(first, second)
}

#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn prefetch<F: Format>(block: *const u8, distance: usize) {
    for line in 0..F::BLOCK_BYTES.div_ceil(64) {
        // Prefetching may name any address.
        _mm_prefetch::<_MM_HINT_T0>(block.wrapping_add(distance + 64 * line).cast());
    }
}

/// How far ahead to fetch if rows have `groups` groups.
fn prefetch_distance<F: Format>(groups: usize) -> usize {
    let rows_bytes = ROWS * groups / F::GROUPS * F::BLOCK_BYTES;
    if rows_bytes <= SHORT_ROWS_BYTES { rows_bytes } else { PREFETCH_BYTES }
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
