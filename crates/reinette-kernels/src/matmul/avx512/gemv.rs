//! Few tokens: AVX2's kernel with one instruction for four products and their sum.

use super::centre;
use crate::matmul::activations::QuantisedRow;
use crate::matmul::avx2::formats::{
    Format, GroupFactors, STEPS, codes, factors, for_each_group, group_factors, is_symmetric, is_wide,
};
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
/// Needs AVX-512 F, BW, VL and VNNI; `rows` points to as many packed blocks as `x` has groups for.
#[inline]
#[target_feature(enable = "avx512bw,avx512vl,avx512vnni")]
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
#[target_feature(enable = "avx512bw,avx512vl,avx512vnni")]
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
#[target_feature(enable = "avx512bw,avx512vl,avx512vnni")]
unsafe fn products<F: Format>(
    codes: [__m256i; STEPS],
    scales: [__m256i; 2],
    x: QuantisedRow<'_>,
    group: usize,
) -> __m256i {
    let minus_centre = _mm256_set1_epi16(-centre::<F>());
    let mut sums = [_mm256_setzero_si256(); 2];
    for (half, sum) in sums.iter_mut().enumerate() {
        if centre::<F>() != 0 {
            // SAFETY: the caller vouches for the activations.
            let pair = unsafe { x.pair_sums.as_ptr().add(2 * group + half).cast::<i32>().read_unaligned() };
            *sum = _mm256_madd_epi16(minus_centre, _mm256_set1_epi32(pair));
        }
        for (step, codes) in codes.into_iter().enumerate().skip(half * STEPS / 2).take(STEPS / 2) {
            // SAFETY: the caller vouches for the activations.
            let four = unsafe { x.codes.as_ptr().add(group * GROUP + step * STEP).cast::<i32>().read_unaligned() };
            let codes = if is_wide::<F>() { _mm256_xor_si256(codes, _mm256_set1_epi8(-128)) } else { codes };
            *sum = _mm256_dpbusd_epi32(*sum, codes, _mm256_set1_epi32(four));
        }
        if F::HALVES {
            *sum = _mm256_mullo_epi32(*sum, scales[half]);
        }
    }
    _mm256_add_epi32(sums[0], sums[1])
}
