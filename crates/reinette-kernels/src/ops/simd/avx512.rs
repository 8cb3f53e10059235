//! AVX-512: sixteen lanes where loops are wide, the instructions of AVX2 with twice as many registers elsewhere.
#![expect(unsafe_code, reason = "instructions that not every x86-64 processor has")]

use std::arch::x86_64::{
    __m512, _mm_loadu_si128, _mm256_loadu_si256, _mm512_cvtepi8_epi32, _mm512_cvtepi32_ps, _mm512_cvtph_ps,
    _mm512_fmadd_ps, _mm512_loadu_ps, _mm512_mul_ps, _mm512_set1_ps, _mm512_storeu_ps,
};

use super::avx2::{Avx2, wide};
use super::{Kernel, Wide};

/// Exists only inside [`run`], so only on a machine with AVX-512 F.
#[derive(Clone, Copy)]
pub(super) struct Sixteen(());

/// Runs `kernel`, compiled for AVX-512 F, BW and VL beside AVX2, FMA and F16C.
#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl")]
pub(super) fn run<K: Kernel>(kernel: K) -> K::Output {
    kernel.run(Avx2(Sixteen(())))
}

/// Executes instructions of AVX-512 F.
macro_rules! instructions {
    ($($body:tt)*) => {
        // SAFETY: `self` is a `Sixteen`, which exists only where the processor has these instructions. Loads and stores go
        // through references to slices of exactly the bytes that they touch, and need no alignment.
        unsafe { $($body)* }
    };
}

wide! {
    Sixteen, 16, __m512, _mm512_set1_ps, _mm512_loadu_ps, _mm512_storeu_ps, _mm512_mul_ps, _mm512_fmadd_ps,
    _mm256_loadu_si256, _mm512_cvtph_ps, _mm_loadu_si128, _mm512_cvtepi8_epi32, _mm512_cvtepi32_ps
}
