//! Activations in 8 bits.

use crate::matmul::quantise::{self, Rows, ScaleAndSums};
use crate::quant::GROUP;
use std::arch::x86_64::*;

/// Quantises a row as the scalar code does, except that NaN may become any code.
///
/// # Safety
/// Needs AVX2, FMA and F16C.
#[target_feature(enable = "avx2,fma,f16c")]
pub(in crate::matmul) unsafe fn quantise_row(x: &[f32], rows: Rows<'_>) {
    quantise::quantise_row(x, rows, |x, codes| quantise_group(x, codes));
}

/// Quantises a group as the scalar code does, except that NaN may become any code.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn quantise_group(x: &[f32; GROUP], codes: &mut [i8; GROUP]) -> ScaleAndSums {
    let mut parts = [_mm256_setzero_ps(); 4];
    for (part, x) in parts.iter_mut().zip(x.as_chunks::<8>().0) {
        // SAFETY: the array has the length of the register.
        *part = unsafe { _mm256_loadu_ps(x.as_ptr()) };
    }
    let mut maxima = _mm256_setzero_ps();
    for part in parts {
        // The second operand is returned if the first is NaN.
        maxima = _mm256_max_ps(_mm256_andnot_ps(_mm256_set1_ps(-0.0), part), maxima);
    }
    let four = _mm_max_ps(_mm256_castps256_ps128(maxima), _mm256_extractf128_ps::<1>(maxima));
    let two = _mm_max_ps(four, _mm_movehl_ps(four, four));
    let largest = _mm_cvtss_f32(_mm_max_ss(two, _mm_movehdup_ps(two)));
    let inverse = _mm256_set1_ps(if largest > 0.0 { 127.0 / largest } else { 0.0 });
    let [a, b, c, d] = parts;
    let rounded = |part| _mm256_cvtps_epi32(_mm256_mul_ps(part, inverse));
    let (ab, cd) = (_mm256_packs_epi32(rounded(a), rounded(b)), _mm256_packs_epi32(rounded(c), rounded(d)));
    // Packing works within 128-bit lanes: fours of codes are now in the order a c … of the low lanes, then the high.
    let order = _mm256_set_epi32(7, 3, 6, 2, 5, 1, 4, 0);
    let bytes = _mm256_permutevar8x32_epi32(_mm256_packs_epi16(ab, cd), order);
    // SAFETY: the array has the length of the register.
    unsafe { _mm256_storeu_si256(codes.as_mut_ptr().cast(), bytes) };
    let pairs = _mm256_maddubs_epi16(_mm256_set1_epi8(1), bytes);
    let eights = _mm256_add_epi16(pairs, _mm256_shuffle_epi32::<0b01_00_11_10>(pairs));
    let halves = _mm256_add_epi16(eights, _mm256_shuffle_epi32::<0b10_11_00_01>(eights));
    let half = [_mm256_extract_epi32::<0>(halves), _mm256_extract_epi32::<4>(halves)];
    #[expect(clippy::cast_possible_truncation, reason = "the two halves of a register's lane")]
    let pair_sums = half.map(|pair| [pair as i16, (pair >> 16) as i16]);
    (largest / 127.0, pair_sums)
}
