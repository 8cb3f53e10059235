//! AVX2 with FMA and F16C.
#![expect(unsafe_code, reason = "instructions that not every x86-64 processor has")]

use std::arch::x86_64::{
    __m256, _CMP_LT_OQ, _MM_HINT_T0, _mm_add_ps, _mm_add_ss, _mm_cvtss_f32, _mm_loadl_epi64, _mm_loadu_si128,
    _mm_max_ps, _mm_max_ss, _mm_movehl_ps, _mm_prefetch, _mm_shuffle_ps, _mm256_add_ps, _mm256_blendv_ps,
    _mm256_castps_si256, _mm256_castps256_ps128, _mm256_castsi256_ps, _mm256_cmp_ps, _mm256_cvtepi8_epi32,
    _mm256_cvtepi32_ps, _mm256_cvtph_ps, _mm256_div_ps, _mm256_extractf128_ps, _mm256_fmadd_ps, _mm256_loadu_ps,
    _mm256_max_ps, _mm256_min_ps, _mm256_mul_ps, _mm256_set1_ps, _mm256_slli_epi32, _mm256_storeu_ps, _mm256_sub_ps,
};

use super::{Kernel, LANES, Simd, Wide};

/// Exists only on a machine with AVX2, FMA and F16C, inside of code that is compiled for these. `W` is what it has for
/// wide registers.
#[derive(Clone, Copy)]
pub(super) struct Avx2<W>(pub(super) W);

/// Wide registers of a machine that has none wider than these. Exists only inside [`run`].
#[derive(Clone, Copy)]
pub(super) struct Eight(());

/// Runs `kernel`, compiled for AVX2, FMA and F16C.
#[target_feature(enable = "avx2,fma,f16c")]
pub(super) fn run<K: Kernel>(kernel: K) -> K::Output {
    kernel.run(Avx2(Eight(())))
}

/// Executes instructions of AVX2, FMA and F16C.
macro_rules! instructions {
    ($($body:tt)*) => {
        // SAFETY: `self` is an `Avx2` or an `Eight`, which exist only where the processor has these instructions. Loads and stores
        // go through references to arrays or slices of exactly the bytes that they touch, and need no alignment.
        unsafe { $($body)* }
    };
}

impl<W: Wide> Simd for Avx2<W> {
    type F32 = __m256;
    type Wide = W;

    #[inline(always)]
    fn wide(self) -> W {
        self.0
    }

    #[inline(always)]
    fn splat(self, value: f32) -> __m256 {
        instructions! { _mm256_set1_ps(value) }
    }

    #[inline(always)]
    fn load(self, from: &[f32; LANES]) -> __m256 {
        instructions! { _mm256_loadu_ps(from.as_ptr()) }
    }

    #[inline(always)]
    fn load_f16(self, from: &[u16; LANES]) -> __m256 {
        instructions! { _mm256_cvtph_ps(_mm_loadu_si128(from.as_ptr().cast())) }
    }

    #[inline(always)]
    fn prefetch(self, from: &[u16]) {
        instructions! { _mm_prefetch::<_MM_HINT_T0>(from.as_ptr().cast()) }
    }

    #[inline(always)]
    fn store(self, value: __m256, to: &mut [f32; LANES]) {
        instructions! { _mm256_storeu_ps(to.as_mut_ptr(), value) }
    }

    #[inline(always)]
    fn add(self, a: __m256, b: __m256) -> __m256 {
        instructions! { _mm256_add_ps(a, b) }
    }

    #[inline(always)]
    fn sub(self, a: __m256, b: __m256) -> __m256 {
        instructions! { _mm256_sub_ps(a, b) }
    }

    #[inline(always)]
    fn mul(self, a: __m256, b: __m256) -> __m256 {
        instructions! { _mm256_mul_ps(a, b) }
    }

    #[inline(always)]
    fn div(self, a: __m256, b: __m256) -> __m256 {
        instructions! { _mm256_div_ps(a, b) }
    }

    #[inline(always)]
    fn mul_add(self, a: __m256, b: __m256, c: __m256) -> __m256 {
        instructions! { _mm256_fmadd_ps(a, b, c) }
    }

    #[inline(always)]
    fn max(self, a: __m256, b: __m256) -> __m256 {
        instructions! { _mm256_max_ps(a, b) }
    }

    #[inline(always)]
    fn min(self, a: __m256, b: __m256) -> __m256 {
        instructions! { _mm256_min_ps(a, b) }
    }

    #[inline(always)]
    fn select_less(self, a: __m256, b: __m256, then: __m256, otherwise: __m256) -> __m256 {
        instructions! { _mm256_blendv_ps(otherwise, then, _mm256_cmp_ps::<_CMP_LT_OQ>(a, b)) }
    }

    #[inline(always)]
    fn exponent_from_bits(self, bits: __m256) -> __m256 {
        instructions! { _mm256_castsi256_ps(_mm256_slli_epi32::<23>(_mm256_castps_si256(bits))) }
    }

    #[inline(always)]
    fn reduce_add(self, value: __m256) -> f32 {
        instructions! {
            let fours = _mm_add_ps(_mm256_castps256_ps128(value), _mm256_extractf128_ps::<1>(value));
            let twos = _mm_add_ps(fours, _mm_movehl_ps(fours, fours));
            _mm_cvtss_f32(_mm_add_ss(twos, _mm_shuffle_ps::<1>(twos, twos)))
        }
    }

    #[inline(always)]
    fn reduce_max(self, value: __m256) -> f32 {
        instructions! {
            let fours = _mm_max_ps(_mm256_castps256_ps128(value), _mm256_extractf128_ps::<1>(value));
            let twos = _mm_max_ps(fours, _mm_movehl_ps(fours, fours));
            _mm_cvtss_f32(_mm_max_ss(twos, _mm_shuffle_ps::<1>(twos, twos)))
        }
    }
}

/// Implements [`Wide`] for `$lanes` lanes by the instructions that are named.
macro_rules! wide {
    (
        $proof:ident, $lanes:literal, $vector:ty, $splat:ident, $load:ident, $store:ident, $mul:ident, $mul_add:ident,
        $load_halves:ident, $widen_halves:ident, $load_bytes:ident, $widen_bytes:ident, $to_floats:ident
    ) => {
        impl Wide for $proof {
            const LANES: usize = $lanes;
            type F32 = $vector;

            #[inline(always)]
            fn splat(self, value: f32) -> $vector {
                instructions! { $splat(value) }
            }

            #[inline(always)]
            fn load(self, from: &[f32]) -> $vector {
                let from = &from[..$lanes];
                instructions! { $load(from.as_ptr()) }
            }

            #[inline(always)]
            fn load_f16(self, from: &[u16]) -> $vector {
                let from = &from[..$lanes];
                instructions! { $widen_halves($load_halves(from.as_ptr().cast())) }
            }

            #[inline(always)]
            fn load_i8(self, from: &[u16]) -> $vector {
                let from = &from[..$lanes / 2];
                instructions! { $to_floats($widen_bytes($load_bytes(from.as_ptr().cast()))) }
            }

            #[inline(always)]
            fn load_words(self, from: &[u16]) -> $vector {
                let from = &from[..2 * $lanes];
                instructions! { $load(from.as_ptr().cast()) }
            }

            #[inline(always)]
            fn store(self, value: $vector, to: &mut [f32]) {
                let to = &mut to[..$lanes];
                instructions! { $store(to.as_mut_ptr(), value) }
            }

            #[inline(always)]
            fn mul(self, a: $vector, b: $vector) -> $vector {
                instructions! { $mul(a, b) }
            }

            #[inline(always)]
            fn mul_add(self, a: $vector, b: $vector, c: $vector) -> $vector {
                instructions! { $mul_add(a, b, c) }
            }
        }
    };
}
pub(super) use wide;

wide! {
    Eight, 8, __m256, _mm256_set1_ps, _mm256_loadu_ps, _mm256_storeu_ps, _mm256_mul_ps, _mm256_fmadd_ps,
    _mm_loadu_si128, _mm256_cvtph_ps, _mm_loadl_epi64, _mm256_cvtepi8_epi32, _mm256_cvtepi32_ps
}
