//! How the codes and scales of each format get into AVX2 registers.

use std::arch::x86_64::*;

/// A quantised format, as GEMV and GEMM see it.
///
/// # Safety
/// All functions need AVX2, FMA and F16C, and a pointer to a whole block.
pub(super) trait Format {
    /// Groups of 32 weights in a block.
    const GROUPS: usize;
    /// Bytes of a block.
    const BLOCK_BYTES: usize;
    /// The largest code.
    const MAX_CODE: usize;
    /// Whether the scale changes after 16 weights.
    const HALVES: bool = false;

    /// The 32 codes of a group.
    unsafe fn codes(block: *const u8, group: usize) -> __m256i;

    /// The scales of the whole block.
    unsafe fn scales(block: *const u8) -> Scales;
}

/// Scales and offsets of the groups of a block, one lane a group; lane 0 alone if the block is one group.
///
/// A weight is `factor × multiplier × code + offset`; the multiplier is 1 unless the format has [`Format::HALVES`].
#[derive(Clone, Copy)]
pub(super) struct Scales {
    pub(super) factors: __m256,
    /// One offset a group in the first vector, or one a half group in both.
    pub(super) offsets: [__m256; 2],
    /// Multipliers of half groups, each as two equal 16-bit numbers.
    pub(super) multipliers: [__m256i; 2],
}

#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn load(from: *const u8) -> __m256i {
    // SAFETY: the caller vouches for 32 bytes.
    unsafe { _mm256_loadu_si256(from.cast()) }
}

#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn half_at(block: *const u8, at: usize) -> f32 {
    // SAFETY: the caller vouches for two bytes there.
    let bits = unsafe { block.add(at).cast::<u16>().read_unaligned() };
    _mm_cvtss_f32(_mm_cvtph_ps(_mm_cvtsi32_si128(i32::from(bits))))
}

/// Bits `shift..` of every byte, masked.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn bits(bytes: __m256i, shift: usize, mask: i8) -> __m256i {
    let shifted = _mm256_srl_epi32(bytes, _mm_cvtsi64_si128(shift.cast_signed() as i64));
    _mm256_and_si256(shifted, _mm256_set1_epi8(mask))
}

/// The low halves of 16 bytes, then their high halves.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn nibbles(from: *const u8) -> __m256i {
    // SAFETY: the caller vouches for 16 bytes.
    let both = _mm256_broadcastsi128_si256(unsafe { _mm_loadu_si128(from.cast()) });
    let shifted = _mm256_srlv_epi32(both, _mm256_set_epi32(4, 4, 4, 4, 0, 0, 0, 0));
    _mm256_and_si256(shifted, _mm256_set1_epi8(15))
}

/// 16 in byte `i` where bit `i` of four bytes is set.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn fifth_bits(from: *const u8) -> __m256i {
    // SAFETY: the caller vouches for 4 bytes.
    let packed = _mm256_set1_epi32(unsafe { from.cast::<i32>().read_unaligned() });
    let byte_of_lane = _mm256_set_epi64x(0x0303_0303_0303_0303, 0x0202_0202_0202_0202, 0x0101_0101_0101_0101, 0);
    let bit_of_lane = _mm256_set1_epi64x(0x8040_2010_0804_0201_u64.cast_signed());
    let isolated = _mm256_and_si256(_mm256_shuffle_epi8(packed, byte_of_lane), bit_of_lane);
    _mm256_and_si256(_mm256_cmpeq_epi8(isolated, bit_of_lane), _mm256_set1_epi8(16))
}

/// The scales of a block of 32.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn single(scale: f32, offset: f32) -> Scales {
    let first = |value| _mm256_zextps128_ps256(_mm_set_ss(value));
    Scales {
        factors: first(scale),
        offsets: [first(offset), _mm256_setzero_ps()],
        multipliers: [_mm256_setzero_si256(); 2],
    }
}

/// Eight numbers of 8 bits as floats, times `factor`.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn scaled_bytes(bytes: __m128i, factor: f32) -> __m256 {
    _mm256_mul_ps(_mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(bytes)), _mm256_set1_ps(factor))
}

/// The scales of a block with 16 half groups from their multipliers and the multipliers of their offsets.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn halves(multipliers: __m128i, scale: f32, offset_multipliers: __m128i, offset: f32) -> Scales {
    let dwords = |bytes| {
        let words = _mm256_cvtepi8_epi32(bytes);
        _mm256_or_si256(_mm256_slli_epi32::<16>(words), _mm256_and_si256(words, _mm256_set1_epi32(0xffff)))
    };
    Scales {
        factors: _mm256_set1_ps(scale),
        offsets: [
            scaled_bytes(offset_multipliers, offset),
            scaled_bytes(_mm_srli_si128::<8>(offset_multipliers), offset),
        ],
        multipliers: [dwords(multipliers), dwords(_mm_srli_si128::<8>(multipliers))],
    }
}

/// The scales of `Q4_K` and `Q5_K`: eight scales and eight minima of 6 bits each in 12 bytes.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn six_bit_scales(block: *const u8) -> Scales {
    // SAFETY: the caller vouches for a block, which begins with 16 bytes of scales.
    let (scale, minimum, low, middle, high) = unsafe {
        let word = |index: usize| block.add(4 + 4 * index).cast::<u32>().read_unaligned();
        (half_at(block, 0), half_at(block, 2), word(0), word(1), word(2))
    };
    let first = |word: u32| u64::from(word & 0x3f3f_3f3f);
    let second = |nibbles: u32, top: u32| u64::from(nibbles & 0x0f0f_0f0f | (top >> 6 & 0x0303_0303) << 4);
    let lanes = |first: u64, second: u64| _mm_cvtsi64_si128((first | second << 32).cast_signed());
    let scales = lanes(first(low), second(high, low));
    let minima = lanes(first(middle), second(high >> 4, middle));
    Scales {
        factors: scaled_bytes(scales, scale),
        offsets: [scaled_bytes(minima, -minimum), _mm256_setzero_ps()],
        multipliers: [_mm256_setzero_si256(); 2],
    }
}

/// Declares a format whose functions are the given expressions of a block and a group.
macro_rules! format {
    ($name:ident, $type:ident, max $max:literal, halves $halves:literal,
     codes |$block:ident, $group:ident| $codes:expr, scales $scales:expr) => {
        pub(super) struct $name;

        impl Format for $name {
            const GROUPS: usize = crate::QuantType::$type.block_len() / crate::quant::GROUP;
            const BLOCK_BYTES: usize = crate::QuantType::$type.block_bytes();
            const MAX_CODE: usize = $max;
            const HALVES: bool = $halves;

            #[inline]
            #[target_feature(enable = "avx2,fma,f16c")]
            unsafe fn codes($block: *const u8, $group: usize) -> __m256i {
                let _ = $group;
                // SAFETY: the caller vouches for a whole block; the offsets are those of the format.
                unsafe { $codes }
            }

            #[inline]
            #[target_feature(enable = "avx2,fma,f16c")]
            unsafe fn scales($block: *const u8) -> Scales {
                // SAFETY: as above.
                unsafe { $scales }
            }
        }
    };
}

format!(Q4Zero, Q4_0, max 15, halves false, codes |block, group| nibbles(block.add(2)), scales {
    let scale = half_at(block, 0);
    single(scale, -8.0 * scale)
});

format!(Q4One, Q4_1, max 15, halves false, codes |block, group| nibbles(block.add(4)),
    scales single(half_at(block, 0), half_at(block, 2)));

format!(Q5Zero, Q5_0, max 31, halves false,
codes |block, group| _mm256_or_si256(nibbles(block.add(6)), fifth_bits(block.add(2))), scales {
    let scale = half_at(block, 0);
    single(scale, -16.0 * scale)
});

format!(Q5One, Q5_1, max 31, halves false,
    codes |block, group| _mm256_or_si256(nibbles(block.add(8)), fifth_bits(block.add(4))),
    scales single(half_at(block, 0), half_at(block, 2)));

format!(Q8Zero, Q8_0, max 255, halves false,
codes |block, group| _mm256_xor_si256(load(block.add(2)), _mm256_set1_epi8(-128)), scales {
    let scale = half_at(block, 0);
    single(scale, -128.0 * scale)
});

format!(Q2K, Q2K, max 3, halves true,
codes |block, group| bits(load(block.add(16 + group / 4 * 32)), group % 4 * 2, 3), scales {
    let packed = _mm_loadu_si128(block.cast());
    let mask = _mm_set1_epi8(15);
    let minima = _mm_and_si128(_mm_srli_epi16::<4>(packed), mask);
    halves(_mm_and_si128(packed, mask), half_at(block, 80), minima, -half_at(block, 82))
});

format!(Q3K, Q3K, max 7, halves true,
codes |block, group| {
    let low = bits(load(block.add(32 + group / 4 * 32)), group % 4 * 2, 3);
    _mm256_or_si256(low, _mm256_slli_epi16::<2>(bits(load(block), group, 1)))
}, scales {
    let low = block.add(96).cast::<u64>().read_unaligned();
    let high = block.add(104).cast::<u32>().read_unaligned();
    let pair = |shift: u32| {
        u64::from(high >> shift & 0x0303_0303) | u64::from(high >> (shift + 2) & 0x0303_0303) << 32
    };
    let lanes = |shift: u32| (low >> shift & 0x0f0f_0f0f_0f0f_0f0f | pair(shift) << 4).cast_signed();
    let multipliers = _mm_sub_epi8(_mm_set_epi64x(lanes(4), lanes(0)), _mm_set1_epi8(32));
    let scale = half_at(block, 108);
    halves(multipliers, scale, multipliers, -4.0 * scale)
});

format!(Q4K, Q4K, max 15, halves false,
    codes |block, group| bits(load(block.add(16 + group / 2 * 32)), group % 2 * 4, 15),
    scales six_bit_scales(block));

format!(Q5K, Q5K, max 31, halves false,
    codes |block, group| {
        let low = bits(load(block.add(48 + group / 2 * 32)), group % 2 * 4, 15);
        _mm256_or_si256(low, _mm256_slli_epi16::<4>(bits(load(block.add(16)), group, 1)))
    },
    scales six_bit_scales(block));

format!(Q6K, Q6K, max 63, halves true,
codes |block, group| {
    let low = bits(load(block.add(group / 4 * 64 + group % 2 * 32)), group % 4 / 2 * 4, 15);
    let high = bits(load(block.add(128 + group / 4 * 32)), group % 4 * 2, 3);
    _mm256_or_si256(low, _mm256_slli_epi16::<4>(high))
}, scales {
    let multipliers = _mm_loadu_si128(block.add(192).cast());
    let scale = half_at(block, 208);
    halves(multipliers, scale, multipliers, -32.0 * scale)
});
