//! Few tokens: dot products straight from the packed blocks, bound by the speed of memory.
//!
//! Four activations of a token, broadcast, are multiplied with four codes of eight rows at once. Lanes are rows, so
//! nothing is summed across lanes, and the blocks of eight rows are one stream of memory.

use super::formats::{Format, Offset, STEPS, codes, factors, for_each_group, is_wide, safe_steps};
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
    let mut sums = Sums { scaled: _mm256_setzero_ps(), offsets: _mm256_setzero_ps() };
    for block in 0..x.scales.len() / F::GROUPS {
        // SAFETY: the caller vouches for the blocks and the activations.
        unsafe { add_block::<F>(rows.add(block * F::BLOCK_BYTES), x, block * F::GROUPS, &mut sums) };
    }
    let total = match F::OFFSET {
        Offset::Zero(_) if is_wide::<F>() => sums.scaled,
        Offset::Zero(zero) if F::GROUPS == 1 => _mm256_fmadd_ps(sums.offsets, _mm256_set1_ps(-zero), sums.scaled),
        _ => _mm256_add_ps(sums.scaled, sums.offsets),
    };
    let mut lanes = [0.0; PACKED_ROWS];
    // SAFETY: the array has the length of the register.
    unsafe { _mm256_storeu_ps(lanes.as_mut_ptr(), total) };
    lanes
}

/// Sums of eight rows, a lane each.
#[derive(Clone, Copy)]
struct Sums {
    /// Of the products of scaled codes.
    scaled: __m256,
    /// Of the products of offsets.
    offsets: __m256,
}

/// Adds the products of a block, whose first group is multiplied with group `first` of the activations.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn add_block<F: Format>(block: *const u8, x: QuantisedRow<'_>, first: usize, sums: &mut Sums) {
    // SAFETY: the caller vouches for the block and the activations.
    unsafe {
        let [factor, offset_factor] = factors::<F>(block);
        let mut sums_of_block = Sums { scaled: _mm256_setzero_ps(), offsets: _mm256_setzero_ps() };
        for_each_group!(F, add_group(block, x, first, &mut sums_of_block));
        sums.scaled = _mm256_fmadd_ps(sums_of_block.scaled, factor, sums.scaled);
        // The one group of a block has no scales: its offsets are the sums of the activations.
        let offset_factor = match F::OFFSET {
            Offset::Zero(_) if F::GROUPS == 1 => factor,
            _ => offset_factor,
        };
        sums.offsets = _mm256_fmadd_ps(sums_of_block.offsets, offset_factor, sums.offsets);
    }
}

/// Adds the products of a group; all but the factors are accounted for.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn add_group<F: Format, const INDEX: usize>(
    block: *const u8,
    x: QuantisedRow<'_>,
    first: usize,
    sums: &mut Sums,
) {
    let group = first + INDEX;
    // SAFETY: the caller vouches for the block and the activations; prefetching may name any address.
    unsafe {
        let lines = F::BLOCK_BYTES.div_ceil(CACHE_LINE);
        for line in INDEX * lines / F::GROUPS..(INDEX + 1) * lines / F::GROUPS {
            _mm_prefetch::<_MM_HINT_T0>(block.wrapping_add(PREFETCH_BYTES + line * CACHE_LINE).cast());
        }
        let products = products::<F>(codes::<F, INDEX>(block), x.codes.as_ptr().add(group * GROUP));
        let x_scale = _mm256_broadcast_ss(x.scales.get_unchecked(group));
        if F::GROUPS == 1 {
            sums.scaled = _mm256_mul_ps(products[0], x_scale);
            sums.offsets = _mm256_broadcast_ss(x.sums.get_unchecked(group));
            return;
        }
        let numbers = F::scales::<INDEX>(block);
        let scales = numbers.scales.map(|scales| _mm256_cvtepi32_ps(scales));
        let offsets = numbers.offsets.map(|offsets| _mm256_cvtepi32_ps(offsets));
        let mut scaled = _mm256_mul_ps(products[0], scales[0]);
        if F::HALVES {
            scaled = _mm256_fmadd_ps(products[1], scales[1], scaled);
            for (half, offset) in offsets.into_iter().enumerate() {
                let x_sum = _mm256_broadcast_ss(x.half_sums.get_unchecked(2 * group + half));
                sums.offsets = _mm256_fmadd_ps(offset, x_sum, sums.offsets);
            }
        } else {
            let x_sum = _mm256_broadcast_ss(x.sums.get_unchecked(group));
            sums.offsets = _mm256_fmadd_ps(offsets[0], x_sum, sums.offsets);
        }
        sums.scaled = _mm256_fmadd_ps(scaled, x_scale, sums.scaled);
    }
}

/// The sums of the products of a group's codes and 32 activations: of each half if the format has halves, else all.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn products<F: Format>(codes: [__m256i; STEPS], x: *const i8) -> [__m256; 2] {
    // Two products of unsigned 8-bit codes would not fit in 16 bits. Two signed ones do.
    let safe_steps = if is_wide::<F>() { 1 } else { safe_steps::<F>(F::MAX_CODE) };
    let mut halves = [_mm256_setzero_si256(); 2];
    for part in 0..STEPS / safe_steps {
        let mut short = _mm256_setzero_si256();
        for (step, codes) in codes.into_iter().enumerate().skip(part * safe_steps).take(safe_steps) {
            // SAFETY: the caller vouches for the activations.
            let four = _mm256_set1_epi32(unsafe { x.add(step * STEP).cast::<i32>().read_unaligned() });
            let product = if is_wide::<F>() {
                _mm256_maddubs_epi16(_mm256_abs_epi8(codes), _mm256_sign_epi8(four, codes))
            } else {
                _mm256_maddubs_epi16(codes, four)
            };
            short = _mm256_add_epi16(short, product);
        }
        let half = if F::HALVES { part * safe_steps / (STEPS / 2) } else { 0 };
        halves[half] = _mm256_add_epi32(halves[half], _mm256_madd_epi16(short, _mm256_set1_epi16(1)));
    }
    halves.map(|half| _mm256_cvtepi32_ps(half))
}
