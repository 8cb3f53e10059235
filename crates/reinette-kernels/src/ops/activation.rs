//! Activations of the feed-forward block.

use super::elementwise::{Binary, Unary, map_in_place, zip_in_place};
use super::simd::{self, Simd};
use crate::InstructionSet;

struct SiluMul;

impl Binary for SiluMul {
    #[inline(always)]
    fn apply<S: Simd>(simd: S, gate: S::F32, up: S::F32) -> S::F32 {
        let exp_negated = simd::exp(simd, simd.sub(simd.splat(0.0), gate));
        simd.div(simd.mul(gate, up), simd.add(simd.splat(1.0), exp_negated))
    }
}

/// `SwiGLU`: `gate = silu(gate) · up` with silu(x) = x / (1 + e⁻ˣ).
///
/// # Shapes
/// `gate` and `up`: any, the same.
///
/// # Panics
/// If the lengths differ.
///
/// Paper: GLU Variants Improve Transformer, arXiv:2002.05202.
pub fn silu_mul(set: InstructionSet, gate: &mut [f32], up: &[f32]) {
    zip_in_place(set, SiluMul, gate, up);
}

struct GeluMul;

impl Binary for GeluMul {
    #[inline(always)]
    fn apply<S: Simd>(simd: S, gate: S::F32, up: S::F32) -> S::F32 {
        const SQRT_2_OVER_PI: f32 = 0.797_884_6;
        const CUBIC: f32 = 0.044_715;
        let square = simd.mul(gate, gate);
        let inner =
            simd.mul(gate, simd.mul_add(square, simd.splat(CUBIC * SQRT_2_OVER_PI), simd.splat(SQRT_2_OVER_PI)));
        // ½(1 + tanh z) = 1 / (1 + e⁻²ᶻ), which loses no digits where tanh z is near -1.
        let exp_negated = simd::exp(simd, simd.mul(inner, simd.splat(-2.0)));
        simd.div(simd.mul(gate, up), simd.add(simd.splat(1.0), exp_negated))
    }
}

/// `GeGLU`: `gate = gelu(gate) · up` with gelu(x) = ½·x·(1 + tanh(√(2/π)·(x + 0.044715·x³))).
///
/// # Shapes
/// `gate` and `up`: any, the same.
///
/// # Panics
/// If the lengths differ.
///
/// Papers: Gaussian Error Linear Units (GELUs), arXiv:1606.08415; GLU Variants Improve Transformer, arXiv:2002.05202.
pub fn gelu_mul(set: InstructionSet, gate: &mut [f32], up: &[f32]) {
    zip_in_place(set, GeluMul, gate, up);
}

struct Gelu;

impl Unary for Gelu {
    #[inline(always)]
    fn apply<S: Simd>(simd: S, x: S::F32) -> S::F32 {
        let half = simd.mul(x, simd.splat(0.5));
        let erf = simd::erf(simd, simd.mul(x, simd.splat(std::f32::consts::FRAC_1_SQRT_2)));
        simd.mul_add(half, erf, half)
    }
}

/// The Gaussian error linear unit without a gate, exact: `x = ½·x·(1 + erf(x / √2))`.
///
/// Paper: Gaussian Error Linear Units (GELUs), arXiv:1606.08415.
pub fn gelu_in_place(set: InstructionSet, x: &mut [f32]) {
    map_in_place(set, Gelu, x);
}
