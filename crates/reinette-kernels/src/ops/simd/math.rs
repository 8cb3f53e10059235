//! Functions of vectors.

use super::Simd;

/// eˣ within 2·10⁻⁷ of the true value (relative); 0 below -87 and for -∞, +∞ above 88.73, NaN for NaN.
///
/// eˣ = 2ⁿ·eʳ with n = round(x / ln 2), and a polynomial for |r| ≤ ln 2 / 2 (the minimax one of Cephes' `expf`).
#[inline(always)]
pub(crate) fn exp<S: Simd>(simd: S, x: S::F32) -> S::F32 {
    const LOWEST: f32 = -87.0;
    const HIGHEST: f32 = 89.0;
    /// Adding 1.5·2²³ and taking it away again rounds to a whole number.
    const ROUNDING: f32 = 12_582_912.0;
    /// ln 2 in two parts; products of the first with whole numbers up to 2⁹ are exact.
    const LN_2_HIGH: f32 = 0.693_359_4;
    const LN_2_LOW: f32 = -2.121_944_4e-4;
    const POLYNOMIAL: [f32; 6] = [1.987_569_1e-4, 1.398_199_9e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_5e-1, 0.5];

    let limited = simd.min(simd.splat(HIGHEST), x);
    let shifted = simd.mul_add(limited, simd.splat(std::f32::consts::LOG2_E), simd.splat(ROUNDING));
    let n = simd.sub(shifted, simd.splat(ROUNDING));
    let r = simd.mul_add(n, simd.splat(-LN_2_HIGH), limited);
    let r = simd.mul_add(n, simd.splat(-LN_2_LOW), r);

    let mut sum = simd.splat(POLYNOMIAL[0]);
    for &coefficient in &POLYNOMIAL[1..] {
        sum = simd.mul_add(sum, r, simd.splat(coefficient));
    }
    let exp_r = simd.add(simd.mul_add(simd.mul(r, r), sum, r), simd.splat(1.0));

    // Doubled here and halved there: 2¹²⁸ is no `f32`, but results up to `f32::MAX` have n = 128.
    // Adding 1.5·2²³ leaves a whole number in the lowest bits; biased by 127, it is an exponent.
    let half_scale = simd.exponent_from_bits(simd.add(n, simd.splat(ROUNDING + 126.0)));
    let result = simd.mul(simd.add(exp_r, exp_r), half_scale);
    simd.select_less(x, simd.splat(LOWEST), simd.splat(0.0), result)
}

/// eˣ for x ≤ 0 within 5·10⁻⁷ (relative) while x ≥ -20; exactly 1 for 0, exactly 0 below -87.7, also for -∞; NaN for NaN.
///
/// Half the instructions of [`exp`]: eˣ = 2ⁿ·2ʳ with n = round(x · log₂ e), and a polynomial for |r| ≤ ½ (minimax of the
/// relative error, 10⁻⁷, among those with the slope ln 2 at 0).
#[inline(always)]
pub(crate) fn exp_of_negative<S: Simd>(simd: S, x: S::F32) -> S::F32 {
    /// Whose n is -127, so that the biased exponent is 0: that of the number 0.
    const LOWEST: f32 = -88.0;
    /// Adding 1.5·2²³ + 127 rounds to a whole number and leaves it, biased like an exponent, in the lowest bits.
    const ROUNDING: f32 = 12_582_912.0 + 127.0;
    const POLYNOMIAL: [f32; 5] = [1.330_060_5e-3, 9.669_691e-3, 5.550_558_5e-2, 0.240_222_83, std::f32::consts::LN_2];

    let limited = simd.max(simd.splat(LOWEST), x);
    let log2_e = simd.splat(std::f32::consts::LOG2_E);
    let shifted = simd.mul_add(limited, log2_e, simd.splat(ROUNDING));
    let r = simd.mul_add(limited, log2_e, simd.sub(simd.splat(ROUNDING), shifted));
    let mut sum = simd.splat(POLYNOMIAL[0]);
    for &coefficient in &POLYNOMIAL[1..] {
        sum = simd.mul_add(sum, r, simd.splat(coefficient));
    }
    simd.mul(simd.mul_add(sum, r, simd.splat(1.0)), simd.exponent_from_bits(shifted))
}

/// tanh x = 1 - 2 / (e²ˣ + 1), within 2·10⁻⁷ (absolute).
#[inline(always)]
pub(crate) fn tanh<S: Simd>(simd: S, x: S::F32) -> S::F32 {
    let one = simd.splat(1.0);
    let denominator = simd.add(exp(simd, simd.add(x, x)), one);
    simd.sub(one, simd.div(simd.splat(2.0), denominator))
}

/// The error function, within 3·10⁻⁷ (absolute).
///
/// erf x = 1 - t·p(t)·e^(-x²) with t = 1 / (1 + 0.3275911·x) for x ≥ 0 (Abramowitz and Stegun, 7.1.26), and
/// erf(-x) = -erf x.
#[inline(always)]
pub(crate) fn erf<S: Simd>(simd: S, x: S::F32) -> S::F32 {
    const SLOPE: f32 = 0.327_591_1;
    const POLYNOMIAL: [f32; 5] = [1.061_405_4, -1.453_152_1, 1.421_413_8, -0.284_496_72, 0.254_829_6];
    let (zero, one) = (simd.splat(0.0), simd.splat(1.0));
    let magnitude = simd.max(simd.sub(zero, x), x);
    let t = simd.div(one, simd.mul_add(magnitude, simd.splat(SLOPE), one));
    let mut sum = simd.splat(POLYNOMIAL[0]);
    for &coefficient in &POLYNOMIAL[1..] {
        sum = simd.mul_add(sum, t, simd.splat(coefficient));
    }
    let tail = simd.mul(simd.mul(sum, t), exp(simd, simd.sub(zero, simd.mul(x, x))));
    let positive = simd.sub(one, tail);
    simd.select_less(x, zero, simd.sub(zero, positive), positive)
}
