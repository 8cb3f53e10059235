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
    const HALVES: bool;
    /// Where the offset comes from in a block that is one group; such a block begins with its scale.
    const OFFSET: Offset;

    /// The 32 codes of a group, which is a constant because shifts by a constant are far cheaper.
    unsafe fn codes<const GROUP: usize>(block: *const u8) -> __m256i;

    /// The scales of the whole block.
    unsafe fn scales(block: *const u8) -> Scales;
}

/// What is added to the scaled codes of a block that is one group.
#[derive(Clone, Copy)]
pub(super) enum Offset {
    /// A number that follows the scale.
    Stored,
    /// The scale times this.
    Scaled(f32),
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

/// Moves bits of every byte from position `from` to position `to` and clears all but those in `mask`.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn bits(bytes: __m256i, from: usize, to: usize, mask: u8) -> __m256i {
    let distance = |distance: usize| _mm_cvtsi64_si128(distance.cast_signed() as i64);
    let moved = if from >= to {
        _mm256_srl_epi32(bytes, distance(from - to))
    } else {
        _mm256_sll_epi32(bytes, distance(to - from))
    };
    _mm256_and_si256(moved, _mm256_set1_epi8(mask.cast_signed()))
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

/// The scales of a block that is one group.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn single<F: Format>(block: *const u8) -> Scales {
    // SAFETY: the caller vouches for a block, which begins with its scale.
    let (scale, offset) = unsafe {
        let scale = half_at(block, 0);
        match F::OFFSET {
            Offset::Stored => (scale, half_at(block, 2)),
            Offset::Scaled(factor) => (scale, factor * scale),
        }
    };
    Scales {
        factors: _mm256_zextps128_ps256(_mm_set_ss(scale)),
        offsets: [_mm256_zextps128_ps256(_mm_set_ss(offset)), _mm256_setzero_ps()],
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
pub(super) use for_each_group;

/// Declares a format whose functions are the given expressions of a block and the constant `GROUP`.
macro_rules! format {
    ($name:ident, max $max:literal, offset $offset:expr, codes |$block:ident| $codes:expr) => {
        format!($name, max $max, halves false, offset $offset, codes |$block| $codes, scales single::<Self>($block));
    };
    ($name:ident, max $max:literal, halves $halves:literal,
     codes |$block:ident| $codes:expr, scales $scales:expr) => {
        format!($name, max $max, halves $halves, offset Offset::Stored, codes |$block| $codes, scales $scales);
    };
    ($name:ident, max $max:literal, halves $halves:literal, offset $offset:expr,
     codes |$block:ident| $codes:expr, scales $scales:expr) => {
        pub(super) struct $name;

        impl Format for $name {
            const GROUPS: usize = crate::QuantType::$name.block_len() / crate::quant::GROUP;
            const BLOCK_BYTES: usize = crate::QuantType::$name.block_bytes();
            const MAX_CODE: usize = $max;
            const HALVES: bool = $halves;
            const OFFSET: Offset = $offset;

            #[inline]
            #[target_feature(enable = "avx2,fma,f16c")]
            unsafe fn codes<const GROUP: usize>($block: *const u8) -> __m256i {
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

format!(Q4_0, max 15, offset Offset::Scaled(-8.0), codes |block| nibbles(block.add(2)));

format!(Q4_1, max 15, offset Offset::Stored, codes |block| nibbles(block.add(4)));

format!(Q5_0, max 31, offset Offset::Scaled(-16.0),
    codes |block| _mm256_or_si256(nibbles(block.add(6)), fifth_bits(block.add(2))));

format!(Q5_1, max 31, offset Offset::Stored,
    codes |block| _mm256_or_si256(nibbles(block.add(8)), fifth_bits(block.add(4))));

format!(Q8_0, max 255, offset Offset::Scaled(-128.0),
    codes |block| _mm256_xor_si256(load(block.add(2)), _mm256_set1_epi8(-128)));

format!(Q2K, max 3, halves true,
codes |block| bits(load(block.add(16 + GROUP / 4 * 32)), GROUP % 4 * 2, 0, 3), scales {
    let packed = _mm_loadu_si128(block.cast());
    let mask = _mm_set1_epi8(15);
    let minima = _mm_and_si128(_mm_srli_epi16::<4>(packed), mask);
    halves(_mm_and_si128(packed, mask), half_at(block, 80), minima, -half_at(block, 82))
});

format!(Q3K, max 7, halves true,
codes |block| {
    let low = bits(load(block.add(32 + GROUP / 4 * 32)), GROUP % 4 * 2, 0, 3);
    _mm256_or_si256(low, bits(load(block), GROUP, 2, 4))
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

format!(Q4K, max 15, halves false,
    codes |block| bits(load(block.add(16 + GROUP / 2 * 32)), GROUP % 2 * 4, 0, 15),
    scales six_bit_scales(block));

format!(Q5K, max 31, halves false,
    codes |block| {
        let low = bits(load(block.add(48 + GROUP / 2 * 32)), GROUP % 2 * 4, 0, 15);
        _mm256_or_si256(low, bits(load(block.add(16)), GROUP, 4, 16))
    },
    scales six_bit_scales(block));

format!(Q6K, max 63, halves true,
codes |block| {
    let low = bits(load(block.add(GROUP / 4 * 64 + GROUP % 2 * 32)), GROUP % 4 / 2 * 4, 0, 15);
    let high = bits(load(block.add(128 + GROUP / 4 * 32)), GROUP % 4 * 2, 4, 48);
    _mm256_or_si256(low, high)
}, scales {
    let multipliers = _mm_loadu_si128(block.add(192).cast());
    let scale = half_at(block, 208);
    halves(multipliers, scale, multipliers, -32.0 * scale)
});
