//! How the codes and scales of packed blocks get into AVX2 registers: eight rows, a lane each.

use crate::QuantType;
use crate::quant::{GROUP, PACKED_ROWS, STEP};
use std::arch::x86_64::*;

/// Vectors of codes in a group.
pub(in crate::matmul) const STEPS: usize = GROUP / STEP;
/// Bytes of a vector.
const VECTOR: usize = 32;

/// A quantised format, as GEMV and GEMM see it: of row `r`, a weight is
/// `factor[r] × scale[r] × code + offset_factor[r] × offset[r]`, where scale and offset are those of its group.
///
/// # Safety
/// All functions need AVX2, FMA and F16C, and a pointer to a whole packed block.
pub(in crate::matmul) trait Format {
    /// Groups of 32 weights in a block; with one group, scale and offset are 1.
    const GROUPS: usize;
    /// Bytes of a packed block.
    const BLOCK_BYTES: usize;
    /// The largest code.
    const MAX_CODE: usize;
    /// Whether the scale changes after 16 weights.
    const HALVES: bool;
    /// Where the offset comes from.
    const OFFSET: Offset;
    /// Bits of the first and the second plane of codes.
    const BITS: [usize; 2];

    /// Scales and offsets of a group, if the block has more than one.
    unsafe fn scales<const INDEX: usize>(block: *const u8) -> Scales;
}

/// Where the offset of a weight comes from.
#[derive(Clone, Copy)]
pub(in crate::matmul) enum Offset {
    /// Its factor follows that of the scale.
    Stored,
    /// Its factor, to be negated, follows that of the scale.
    Negated,
    /// Codes stand for `code − zero`: the offset is the scale, its factor `−zero` times that of the scale.
    Zero(f32),
}

/// Scales and offsets of a group, whole numbers; the first ones stand for both halves unless the format has halves.
#[derive(Clone, Copy)]
pub(in crate::matmul) struct Scales {
    pub(in crate::matmul) scales: [__m256i; 2],
    pub(in crate::matmul) offsets: [__m256i; 2],
}

/// Whether two products of codes and activations overflow 16 bits. Such codes are 8 bits, stored signed.
pub(in crate::matmul) const fn is_wide<F: Format>() -> bool {
    F::MAX_CODE > 127
}

/// Whether nothing is left to add once codes are centred.
pub(in crate::matmul) const fn is_symmetric<F: Format>() -> bool {
    matches!(F::OFFSET, Offset::Zero(_))
}

/// The logarithm to base 2 of what is subtracted from codes, if anything: the code that stands for zero, or the middle
/// of codes whose sums would not fit in 16 bits otherwise. Signed codes are not centred.
pub(in crate::matmul) const fn centre_bits<F: Format>() -> Option<u32> {
    match F::OFFSET {
        _ if is_wide::<F>() => None,
        Offset::Zero(_) => Some(F::MAX_CODE.ilog2()),
        Offset::Stored | Offset::Negated if F::MAX_CODE > 15 => Some(F::MAX_CODE.ilog2()),
        Offset::Stored | Offset::Negated => None,
    }
}

/// Steps whose sums fit in 16 bits if codes are at most `max_code`: each adds two products of at most `max_code × 127`.
pub(in crate::matmul) const fn safe_steps<F: Format>(max_code: usize) -> usize {
    let fitting = 32767 / (2 * 127 * max_code);
    // A format with halves multiplies each half, four steps, by a number of its own.
    let mut steps = if F::HALVES { STEPS / 2 } else { STEPS };
    while steps > fitting {
        steps /= 2;
    }
    steps
}

/// [`safe_steps`] of centred codes.
pub(in crate::matmul) const fn centred_steps<F: Format>() -> usize {
    match centre_bits::<F>() {
        Some(bits) => safe_steps::<F>(1 << bits),
        None => safe_steps::<F>(F::MAX_CODE),
    }
}

/// What the sums of a group's products are multiplied with.
///
/// GEMV and GEMM compute `Σ (code − centre) × activation` of a group, times the whole scales of its halves if the
/// format has halves, as whole numbers. To the total of a row they add, group by group, that times (`scale` times the
/// scale of the activations), then `offsets` times the sums of the activations unless the format is symmetric. Both
/// round at the same places, so that a product has the same bits however many tokens it is computed with.
pub(in crate::matmul) struct GroupFactors {
    pub(in crate::matmul) scale: __m256,
    /// Of each half, the first one of both unless the format has halves.
    pub(in crate::matmul) offsets: [__m256; 2],
}

/// The factors of a group from its own numbers and those of the block.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
pub(in crate::matmul) fn group_factors<F: Format>(
    numbers: Scales,
    [factor, offset_factor]: [__m256; 2],
) -> GroupFactors {
    let product = |factor, numbers| _mm256_mul_ps(factor, _mm256_cvtepi32_ps(numbers));
    let offsets = numbers.offsets.map(|offsets| product(offset_factor, offsets));
    if F::HALVES {
        return GroupFactors { scale: factor, offsets };
    }
    let scale = product(factor, numbers.scales[0]);
    match centre_bits::<F>() {
        Some(bits) if !is_symmetric::<F>() => {
            let centre = _mm256_set1_ps((1_u32 << bits) as f32);
            GroupFactors { scale, offsets: [_mm256_fmadd_ps(centre, scale, offsets[0]); 2] }
        }
        _ => GroupFactors { scale, offsets },
    }
}

/// The whole scales of a half as factors of pairs of 16-bit sums.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
pub(in crate::matmul) fn twice(scales: __m256i) -> __m256i {
    let low = _mm256_and_si256(scales, _mm256_set1_epi32(0xffff));
    _mm256_or_si256(_mm256_slli_epi32::<16>(scales), low)
}

/// The factors of the scales and of the offsets of a block.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
pub(in crate::matmul) unsafe fn factors<F: Format>(block: *const u8) -> [__m256; 2] {
    // SAFETY: the caller vouches for a block, which begins with its factors.
    let factors = |index| _mm256_cvtph_ps(unsafe { _mm_loadu_si128(block.add(2 * PACKED_ROWS * index).cast()) });
    let offsets = match F::OFFSET {
        Offset::Stored => factors(1),
        Offset::Negated => _mm256_xor_ps(factors(1), _mm256_set1_ps(-0.0)),
        Offset::Zero(zero) => _mm256_mul_ps(factors(0), _mm256_set1_ps(-zero)),
    };
    [factors(0), offsets]
}

/// The codes of a group, four consecutive ones of each row in a vector.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
pub(in crate::matmul) unsafe fn codes<F: Format, const INDEX: usize>(block: *const u8) -> [__m256i; STEPS] {
    let group_bytes = VECTOR * (F::BITS[0] + F::BITS[1]);
    // SAFETY: the caller vouches for a block, at whose end the codes of its groups are.
    unsafe {
        let group = block.add(F::BLOCK_BYTES - (F::GROUPS - INDEX) * group_bytes);
        [
            step::<F, 0>(group),
            step::<F, 1>(group),
            step::<F, 2>(group),
            step::<F, 3>(group),
            step::<F, 4>(group),
            step::<F, 5>(group),
            step::<F, 6>(group),
            step::<F, 7>(group),
        ]
    }
}

#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn step<F: Format, const INDEX: usize>(group: *const u8) -> __m256i {
    let [low, high] = F::BITS;
    // SAFETY: the caller vouches for the codes of a group.
    unsafe {
        if low == 8 {
            return load(group.add(INDEX * VECTOR));
        }
        let codes = bits(load(group.add(INDEX % low * VECTOR)), INDEX / low * low, 0, low);
        if high == 0 {
            return codes;
        }
        let upper = load(group.add((low + INDEX % high) * VECTOR));
        _mm256_or_si256(codes, bits(upper, INDEX / high * high, low, high))
    }
}

#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn load(from: *const u8) -> __m256i {
    // SAFETY: the caller vouches for 32 bytes.
    unsafe { _mm256_loadu_si256(from.cast()) }
}

/// Moves `count` bits of every byte from position `from` to position `to` and clears all others.
///
/// The positions are to be constants after inlining: shifts by a constant are far cheaper.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn bits(bytes: __m256i, from: usize, to: usize, count: usize) -> __m256i {
    let mask = ((1_u8 << count) - 1) << to;
    _mm256_and_si256(shifted(bytes, from, to), _mm256_set1_epi8(mask.cast_signed()))
}

/// Moves `count` bits of every 32-bit lane from position `from` to position `to` and clears all others.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn lane_bits(lanes: __m256i, from: usize, to: usize, count: usize) -> __m256i {
    let mask = ((1_i32 << count) - 1) << to;
    _mm256_and_si256(shifted(lanes, from, to), _mm256_set1_epi32(mask))
}

#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn shifted(lanes: __m256i, from: usize, to: usize) -> __m256i {
    let distance = |distance: usize| _mm_cvtsi64_si128(distance.cast_signed() as i64);
    if from >= to { _mm256_srl_epi32(lanes, distance(from - to)) } else { _mm256_sll_epi32(lanes, distance(to - from)) }
}

/// Eight signed bytes, one a lane.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn signed_bytes(from: *const u8) -> __m256i {
    // SAFETY: the caller vouches for eight bytes.
    _mm256_cvtepi8_epi32(unsafe { _mm_loadl_epi64(from.cast()) })
}

/// The scales of a symmetric format.
fn symmetric(scales: [__m256i; 2]) -> Scales {
    Scales { scales, offsets: scales }
}

/// The scales of a block that is one group.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn ones<const INDEX: usize>(_: *const u8) -> Scales {
    symmetric([_mm256_set1_epi32(1); 2])
}

/// The 6-bit scales and minima of `Q4_K` and `Q5_K`: those of the first four groups in the lower bits of the first two
/// words, those of the others split between the third word and the upper bits of the first two.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn six_bits<const INDEX: usize>(block: *const u8) -> Scales {
    // SAFETY: the caller vouches for a block; two vectors of half-precision factors come before its words.
    let word = |index: usize| unsafe { load(block.add((1 + index) * VECTOR)) };
    let byte = INDEX % 4 * 8;
    let number = |word_index: usize| {
        if INDEX < 4 {
            return lane_bits(word(word_index), byte, 0, 6);
        }
        let low = lane_bits(word(2), byte + 4 * word_index, 0, 4);
        _mm256_or_si256(low, lane_bits(word(word_index), byte + 6, 4, 2))
    };
    Scales { scales: [number(0); 2], offsets: [number(1); 2] }
}

/// The 8-bit scales of `Q6_K`.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn eight_bits<const INDEX: usize>(block: *const u8) -> Scales {
    // SAFETY: the caller vouches for a block; its factors come before the scales.
    symmetric([0, 1].map(|half| unsafe { signed_bytes(block.add(2 * PACKED_ROWS + (2 * INDEX + half) * PACKED_ROWS)) }))
}

/// The 4-bit scales and minima of `Q2_K`.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn four_bits<const INDEX: usize>(block: *const u8) -> Scales {
    // SAFETY: the caller vouches for a block; two factors a row come before the scales.
    let both = [0, 1].map(|half| unsafe { signed_bytes(block.add((4 + 2 * INDEX + half) * PACKED_ROWS)) });
    Scales { scales: both.map(|both| lane_bits(both, 0, 0, 4)), offsets: both.map(|both| lane_bits(both, 4, 0, 4)) }
}

/// The 6-bit scales of `Q3_K`, less 32: low nibbles in two words, upper bits in the third.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn six_bits_signed<const INDEX: usize>(block: *const u8) -> Scales {
    // SAFETY: the caller vouches for a block; its factors come before the words.
    let word = |index: usize| unsafe { load(block.add(2 * PACKED_ROWS + index * VECTOR)) };
    symmetric([0, 1].map(|half| {
        let index = 2 * INDEX + half;
        let byte = index % 4 * 8;
        let low = lane_bits(word(index / 4 % 2), byte + index / 8 * 4, 0, 4);
        let high = lane_bits(word(2), byte + index / 4 * 2, 4, 2);
        _mm256_sub_epi32(_mm256_or_si256(low, high), _mm256_set1_epi32(32))
    }))
}

/// Calls a function with every group of a block as a constant.
macro_rules! for_each_group {
    ($format:ident, $function:ident($($argument:expr),*)) => {
        $function::<$format, 0>($($argument),*);
        if $format::GROUPS == 8 {
            $function::<$format, 1>($($argument),*);
            $function::<$format, 2>($($argument),*);
            $function::<$format, 3>($($argument),*);
            $function::<$format, 4>($($argument),*);
            $function::<$format, 5>($($argument),*);
            $function::<$format, 6>($($argument),*);
            $function::<$format, 7>($($argument),*);
        }
    };
}
pub(in crate::matmul) use for_each_group;

/// Declares a format.
macro_rules! format {
    ($name:ident, bits $bits:expr, halves $halves:literal, offset $offset:expr, scales $scales:ident) => {
        pub(in crate::matmul) struct $name;

        impl Format for $name {
            const GROUPS: usize = QuantType::$name.block_len() / GROUP;
            const BLOCK_BYTES: usize = PACKED_ROWS * QuantType::$name.block_bytes();
            const MAX_CODE: usize = (1 << ($bits[0] + $bits[1])) - 1;
            const HALVES: bool = $halves;
            const OFFSET: Offset = $offset;
            const BITS: [usize; 2] = $bits;

            #[inline]
            #[target_feature(enable = "avx2,fma,f16c")]
            unsafe fn scales<const INDEX: usize>(block: *const u8) -> Scales {
                // SAFETY: the caller vouches for a whole block.
                #[allow(unused_unsafe, reason = "one of the functions is safe")]
                unsafe {
                    $scales::<INDEX>(block)
                }
            }
        }
    };
}

format!(Q4_0, bits [4, 0], halves false, offset Offset::Zero(8.0), scales ones);
format!(Q4_1, bits [4, 0], halves false, offset Offset::Stored, scales ones);
format!(Q5_0, bits [4, 1], halves false, offset Offset::Zero(16.0), scales ones);
format!(Q5_1, bits [4, 1], halves false, offset Offset::Stored, scales ones);
format!(Q8_0, bits [8, 0], halves false, offset Offset::Zero(128.0), scales ones);
format!(Q2K, bits [2, 0], halves true, offset Offset::Negated, scales four_bits);
format!(Q3K, bits [2, 1], halves true, offset Offset::Zero(4.0), scales six_bits_signed);
format!(Q4K, bits [4, 0], halves false, offset Offset::Negated, scales six_bits);
format!(Q5K, bits [4, 1], halves false, offset Offset::Negated, scales six_bits);
format!(Q6K, bits [4, 2], halves true, offset Offset::Zero(32.0), scales eight_bits);
