//! Few tokens: dot products straight from the packed blocks, bound by the speed of memory.
//!
//! Four activations of a token, broadcast, are multiplied with four codes of eight rows at once. Lanes are rows, so
//! nothing is summed across lanes, and the blocks of eight rows are one stream of memory.

use super::formats::{
    Format, GroupFactors, STEPS, centre_bits, centred_steps, codes, factors, for_each_group, group_factors,
    is_symmetric, is_wide, twice,
};
use crate::matmul::activations::QuantisedRow;
use crate::quant::{GROUP, PACKED_ROWS, STEP};
use std::arch::x86_64::*;

/// How far ahead of the computation weights are fetched into the cache: what arrives in the time of a memory access.
const PREFETCH_BYTES: usize = 4096;
/// Bytes of a cache line.
const CACHE_LINE: usize = 64;

/// The dot products of eight rows of weights and one row of activations.
///
/// The result of a row does not depend on the other rows.
///
/// # Safety
/// Needs AVX2, FMA and F16C; `rows` points to as many packed blocks as `x` has groups for.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
pub(super) unsafe fn dot<F: Format>(rows: *const u8, x: QuantisedRow<'_>) -> [f32; PACKED_ROWS] {
    let mut total = _mm256_setzero_ps();
    for block in 0..x.scales.len() / F::GROUPS {
        // SAFETY: the caller vouches for the blocks and the activations.
        unsafe {
            let (first, block) = (block * F::GROUPS, rows.add(block * F::BLOCK_BYTES));
            let factors = factors::<F>(block);
            for_each_group!(F, add_group(block, factors, x, first, &mut total));
        }
    }
    let mut lanes = [0.0; PACKED_ROWS];
    // SAFETY: the array has the length of the register.
    unsafe { _mm256_storeu_ps(lanes.as_mut_ptr(), total) };
    lanes
}

/// Adds the products of a group of a block, whose first group is multiplied with group `first` of the activations.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn add_group<F: Format, const INDEX: usize>(
    block: *const u8,
    factors: [__m256; 2],
    x: QuantisedRow<'_>,
    first: usize,
    total: &mut __m256,
) {
    let group = first + INDEX;
    // SAFETY: the caller vouches for the block and the activations; prefetching may name any address.
    unsafe {
        let lines = F::BLOCK_BYTES.div_ceil(CACHE_LINE);
        for line in INDEX * lines / F::GROUPS..(INDEX + 1) * lines / F::GROUPS {
            _mm_prefetch::<_MM_HINT_T0>(block.wrapping_add(PREFETCH_BYTES + line * CACHE_LINE).cast());
        }
        let numbers = F::scales::<INDEX>(block);
        let products = products::<F>(codes::<F, INDEX>(block), numbers.scales, x, group);
        let GroupFactors { scale, offsets } = group_factors::<F>(numbers, factors);
        let scale = _mm256_mul_ps(scale, _mm256_broadcast_ss(x.scales.get_unchecked(group)));
        *total = _mm256_fmadd_ps(_mm256_cvtepi32_ps(products), scale, *total);
        if is_symmetric::<F>() {
            return;
        }
        if F::HALVES {
            for (half, offset) in offsets.into_iter().enumerate() {
                let x_sum = _mm256_broadcast_ss(x.half_sums.get_unchecked(2 * group + half));
                *total = _mm256_fmadd_ps(offset, x_sum, *total);
            }
        } else {
            let x_sum = _mm256_broadcast_ss(x.sums.get_unchecked(group));
            *total = _mm256_fmadd_ps(offsets[0], x_sum, *total);
        }
    }
}

/// The sums of the products of a group's centred codes and 32 activations, times the scales of the halves if the format
/// has halves.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn products<F: Format>(
    codes: [__m256i; STEPS],
    scales: [__m256i; 2],
    x: QuantisedRow<'_>,
    group: usize,
) -> __m256i {
    // Two products of unsigned 8-bit codes would not fit in 16 bits. Two signed ones do.
    let safe_steps = if is_wide::<F>() { 1 } else { centred_steps::<F>() };
    let mut sum = _mm256_setzero_si256();
    for part in 0..STEPS / safe_steps {
        // SAFETY: the caller vouches for the activations.
        let mut short = unsafe { first_sums::<F>(x, group, part) };
        for (step, codes) in codes.into_iter().enumerate().skip(part * safe_steps).take(safe_steps) {
            // SAFETY: the caller vouches for the activations.
            let four = unsafe { x.codes.as_ptr().add(group * GROUP + step * STEP).cast::<i32>().read_unaligned() };
            let four = _mm256_set1_epi32(four);
            let product = if is_wide::<F>() {
                _mm256_maddubs_epi16(_mm256_abs_epi8(codes), _mm256_sign_epi8(four, codes))
            } else {
                _mm256_maddubs_epi16(codes, four)
            };
            short = _mm256_add_epi16(short, product);
        }
        let half = part * safe_steps / (STEPS / 2);
        let multiplier = if F::HALVES { twice(scales[half]) } else { _mm256_set1_epi16(1) };
        sum = _mm256_add_epi32(sum, _mm256_madd_epi16(short, multiplier));
    }
    sum
}

/// What 16-bit sums of a part of a group (a half if the format has halves, else all of it) start with: the sums of its
/// activations times the centre of the codes, negated.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn first_sums<F: Format>(x: QuantisedRow<'_>, group: usize, part: usize) -> __m256i {
    let zero = _mm256_setzero_si256();
    let Some(bits) = centre_bits::<F>() else { return zero };
    let half = |half: usize| {
        // SAFETY: the caller vouches for the activations.
        let pair = unsafe { x.pair_sums.as_ptr().add(2 * group + half).cast::<i32>().read_unaligned() };
        _mm256_set1_epi32(pair)
    };
    let pairs = if F::HALVES { half(part) } else { _mm256_add_epi16(half(0), half(1)) };
    _mm256_sub_epi16(zero, _mm256_sll_epi16(pairs, _mm_cvtsi64_si128(i64::from(bits))))
}
