//! The reference: plain Rust on arrays, which every machine runs.

use half::f16;

use super::{LANES, Simd, Wide};

/// Needs no proof.
#[derive(Clone, Copy)]
pub(super) struct Portable;

#[inline(always)]
fn lanes(value: impl Fn(usize) -> f32) -> [f32; LANES] {
    std::array::from_fn(value)
}

impl Simd for Portable {
    type F32 = [f32; LANES];
    type Wide = Self;

    #[inline(always)]
    fn wide(self) -> Self {
        self
    }

    #[inline(always)]
    fn splat(self, value: f32) -> Self::F32 {
        [value; LANES]
    }

    #[inline(always)]
    fn load(self, from: &[f32; LANES]) -> Self::F32 {
        *from
    }

    #[inline(always)]
    fn load_f16(self, from: &[u16; LANES]) -> Self::F32 {
        from.map(|bits| f16::from_bits(bits).to_f32_const())
    }

    #[inline(always)]
    fn prefetch(self, _: &[u16]) {}

    #[inline(always)]
    fn store(self, value: Self::F32, to: &mut [f32; LANES]) {
        *to = value;
    }

    #[inline(always)]
    fn add(self, a: Self::F32, b: Self::F32) -> Self::F32 {
        lanes(|i| a[i] + b[i])
    }

    #[inline(always)]
    fn sub(self, a: Self::F32, b: Self::F32) -> Self::F32 {
        lanes(|i| a[i] - b[i])
    }

    #[inline(always)]
    fn mul(self, a: Self::F32, b: Self::F32) -> Self::F32 {
        lanes(|i| a[i] * b[i])
    }

    #[inline(always)]
    fn div(self, a: Self::F32, b: Self::F32) -> Self::F32 {
        lanes(|i| a[i] / b[i])
    }

    // Not `f32::mul_add`: without the instruction it is a slow library call.
    #[inline(always)]
    fn mul_add(self, a: Self::F32, b: Self::F32, c: Self::F32) -> Self::F32 {
        lanes(|i| a[i] * b[i] + c[i])
    }

    #[inline(always)]
    fn max(self, a: Self::F32, b: Self::F32) -> Self::F32 {
        lanes(|i| if a[i] > b[i] { a[i] } else { b[i] })
    }

    #[inline(always)]
    fn min(self, a: Self::F32, b: Self::F32) -> Self::F32 {
        lanes(|i| if a[i] < b[i] { a[i] } else { b[i] })
    }

    #[inline(always)]
    fn select_less(self, a: Self::F32, b: Self::F32, then: Self::F32, otherwise: Self::F32) -> Self::F32 {
        lanes(|i| if a[i] < b[i] { then[i] } else { otherwise[i] })
    }

    #[inline(always)]
    fn exponent_from_bits(self, bits: Self::F32) -> Self::F32 {
        bits.map(|bits| f32::from_bits(bits.to_bits() << 23))
    }

    #[inline(always)]
    fn reduce_add(self, value: Self::F32) -> f32 {
        let fours: [f32; 4] = std::array::from_fn(|i| value[i] + value[i + 4]);
        (fours[0] + fours[2]) + (fours[1] + fours[3])
    }

    #[inline(always)]
    fn reduce_max(self, value: Self::F32) -> f32 {
        value.into_iter().fold(f32::NEG_INFINITY, |greatest, lane| if lane > greatest { lane } else { greatest })
    }
}

impl Wide for Portable {
    const LANES: usize = LANES;
    type F32 = [f32; LANES];

    #[inline(always)]
    fn splat(self, value: f32) -> [f32; LANES] {
        [value; LANES]
    }

    #[inline(always)]
    fn load(self, from: &[f32]) -> [f32; LANES] {
        lanes(|i| from[i])
    }

    #[inline(always)]
    fn load_f16(self, from: &[u16]) -> [f32; LANES] {
        lanes(|i| f16::from_bits(from[i]).to_f32_const())
    }

    #[inline(always)]
    fn load_i8(self, from: &[u16]) -> [f32; LANES] {
        lanes(|i| f32::from(from[i / 2].to_le_bytes()[i % 2].cast_signed()))
    }

    #[inline(always)]
    fn load_words(self, from: &[u16]) -> [f32; LANES] {
        lanes(|i| f32::from_bits(u32::from(from[2 * i]) | u32::from(from[2 * i + 1]) << 16))
    }

    #[inline(always)]
    fn store(self, value: [f32; LANES], to: &mut [f32]) {
        to[..LANES].copy_from_slice(&value);
    }

    #[inline(always)]
    fn mul(self, a: [f32; LANES], b: [f32; LANES]) -> [f32; LANES] {
        Simd::mul(self, a, b)
    }

    #[inline(always)]
    fn mul_add(self, a: [f32; LANES], b: [f32; LANES], c: [f32; LANES]) -> [f32; LANES] {
        Simd::mul_add(self, a, b, c)
    }
}
