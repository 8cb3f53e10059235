#![expect(clippy::float_cmp, reason = "what is compared here must be exact")]

use proptest::prelude::*;

use super::simd::{self, Kernel, LANES, Simd, dispatch};
use super::{
    RopeConfig, RopeError, RopeScaling, RopeStyle, RopeTable, add_assign, argmax, exp_in_place, gelu_in_place,
    gelu_mul, layer_norm_in_place, rms_norm, rms_norm_in_place, rope, silu_mul, softmax_in_place,
};
use crate::InstructionSet;

/// Lengths from nothing to three vectors, and one with several groups of sums.
fn numbers(range: std::ops::Range<f32>) -> impl Strategy<Value = Vec<f32>> {
    prop_oneof![proptest::collection::vec(range.clone(), 0..=3 * LANES), proptest::collection::vec(range, 90..=110)]
}

fn pairs(range: std::ops::Range<f32>) -> impl Strategy<Value = Vec<(f32, f32)>> {
    proptest::collection::vec((range.clone(), range), 0..=3 * LANES)
}

#[track_caller]
fn assert_close(found: &[f32], expected: impl IntoIterator<Item = f64>, relative: f64, absolute: f64) {
    let expected: Vec<f64> = expected.into_iter().collect();
    assert_eq!(found.len(), expected.len());
    for (index, (found, expected)) in found.iter().zip(expected).enumerate() {
        let error = (f64::from(*found) - expected).abs();
        assert!(error <= relative * expected.abs() + absolute, "[{index}]: {found} for {expected}");
    }
}

proptest! {
    #[test]
    fn exp_within_its_error(x in numbers(-86.9..88.7)) {
        for set in InstructionSet::available() {
            let mut found = x.clone();
            exp_in_place(set, &mut found);
            assert_close(&found, x.iter().map(|x| f64::from(*x).exp()), 5e-7, 0.0);
        }
    }

    #[test]
    fn add_assign_adds(values in pairs(-1e30..1e30)) {
        let (x, y): (Vec<f32>, Vec<f32>) = values.into_iter().unzip();
        for set in InstructionSet::available() {
            let mut found = x.clone();
            add_assign(set, &mut found, &y);
            prop_assert_eq!(found, x.iter().zip(&y).map(|(x, y)| x + y).collect::<Vec<_>>());
        }
    }

    #[test]
    fn gates_compute_their_formulas(values in pairs(-30.0..30.0)) {
        let (gate, up): (Vec<f32>, Vec<f32>) = values.into_iter().unzip();
        let wide = || gate.iter().zip(&up).map(|(gate, up)| (f64::from(*gate), f64::from(*up)));
        for set in InstructionSet::available() {
            let mut found = gate.clone();
            silu_mul(set, &mut found, &up);
            assert_close(&found, wide().map(|(x, up)| x / (1.0 + (-x).exp()) * up), 1e-6, 1e-30);

            let mut found = gate.clone();
            gelu_mul(set, &mut found, &up);
            let gelu = |x: f64| 0.5 * x * (1.0 + ((2.0 / std::f64::consts::PI).sqrt() * (x + 0.044_715 * x.powi(3))).tanh());
            assert_close(&found, wide().map(|(x, up)| gelu(x) * up), 3e-6, 1e-5);
        }
    }

    #[test]
    fn exact_gelu_computes_its_formula(x in numbers(-9.0..9.0)) {
        for set in InstructionSet::available() {
            let mut found = x.clone();
            gelu_in_place(set, &mut found);
            let expected = x.iter().map(|x| f64::from(*x)).map(|x| 0.5 * x * (1.0 + erf(x / 2f64.sqrt())));
            assert_close(&found, expected, 2e-6, 2e-6);
        }
    }

    #[test]
    fn layer_norm_computes_its_formula(x in numbers(-50.0..50.0), offset in -100f32..100.0) {
        prop_assume!(!x.is_empty());
        let weight: Vec<f32> = (0..x.len()).map(|i| 0.5 + i as f32 / 16.0).collect();
        let bias: Vec<f32> = (0..x.len()).map(|i| i as f32 - 3.0).collect();
        let x: Vec<f32> = x.iter().copied().chain(x.iter().map(|x| x + offset)).collect();
        let expected = x.chunks_exact(weight.len()).flat_map(|row| {
            let count = row.len() as f64;
            let mean = row.iter().copied().map(f64::from).sum::<f64>() / count;
            let variance = row.iter().map(|x| (f64::from(*x) - mean).powi(2)).sum::<f64>() / count;
            let normed = row.iter().map(move |x| (f64::from(*x) - mean) / (variance + 1e-5).sqrt());
            normed.zip(weight.iter().zip(&bias)).map(|(x, (weight, bias))| x * f64::from(*weight) + f64::from(*bias))
        });
        let expected: Vec<f64> = expected.collect();
        for set in InstructionSet::available() {
            let mut found = x.clone();
            layer_norm_in_place(set, &mut found, &weight, &bias, 1e-5);
            // Subtracting the mean of numbers around 100 leaves errors of 1e-5, which a small variance magnifies.
            assert_close(&found, expected.iter().copied(), 1e-4, 2e-2);
        }
    }

    #[test]
    fn rms_norm_computes_its_formula(x in numbers(-50.0..50.0), n_rows in 1usize..4) {
        prop_assume!(!x.is_empty());
        let weight: Vec<f32> = (0..x.len()).map(|i| 0.5 + i as f32 / 16.0).collect();
        let x: Vec<f32> = (0..n_rows).flat_map(|row| x.iter().map(move |x| x * (row + 1) as f32)).collect();
        let expected = x.chunks_exact(weight.len()).flat_map(|row| {
            let mean = row.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>() / row.len() as f64;
            row.iter().zip(&weight).map(move |(x, weight)| f64::from(*x) / (mean + 1e-5).sqrt() * f64::from(*weight))
        });
        let expected: Vec<f64> = expected.collect();
        for set in InstructionSet::available() {
            let mut found = vec![f32::NAN; x.len()];
            rms_norm(set, &x, &weight, 1e-5, &mut found);
            assert_close(&found, expected.iter().copied(), 1e-6, 1e-9);
            let mut in_place = x.clone();
            rms_norm_in_place(set, &mut in_place, &weight, 1e-5);
            prop_assert_eq!(found, in_place);
        }
    }

    #[test]
    fn softmax_computes_its_formula(x in numbers(-3e4..3e4)) {
        prop_assume!(!x.is_empty());
        let greatest = f64::from(x.iter().copied().fold(f32::NEG_INFINITY, f32::max));
        let weights: Vec<f64> = x.iter().map(|x| (f64::from(*x) - greatest).exp()).collect();
        let sum: f64 = weights.iter().sum();
        for set in InstructionSet::available() {
            let mut found = x.clone();
            softmax_in_place(set, &mut found);
            assert_close(&found, weights.iter().map(|weight| weight / sum), 2e-6, 1e-37);
        }
    }

    #[test]
    fn argmax_is_the_first_of_the_greatest(x in proptest::collection::vec(-3i8..3, 1..=3 * LANES)) {
        let x: Vec<f32> = x.into_iter().map(f32::from).collect();
        let greatest = x.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        for set in InstructionSet::available() {
            prop_assert_eq!(argmax(set, &x), x.iter().position(|x| *x == greatest));
        }
    }

    #[test]
    fn rope_rotates_pairs_by_their_angles(
        half_rotary in 0usize..20,
        unrotated in 0usize..10,
        n_heads in 1usize..4,
        position in prop_oneof![0usize..200, 100_000usize..131_072],
    ) {
        let rotary_dim = 2 * half_rotary;
        let head_dim = rotary_dim + unrotated;
        prop_assume!(head_dim > 0);
        let table = RopeTable::new(&config(head_dim, rotary_dim, RopeScaling::None)).unwrap();
        let x: Vec<f32> = (0..n_heads * head_dim).map(|i| (i as f32 * 0.7).sin()).collect();
        for set in InstructionSet::available() {
            for style in [RopeStyle::Interleaved, RopeStyle::Halves] {
                let mut found = x.clone();
                rope(set, &mut found, position, &table, style);
                assert_close(&found, rotated(&x, head_dim, rotary_dim, position, style), 0.0, 1e-6);
            }
        }
    }
}

/// The error function by its integral, in steps of Simpson's rule.
fn erf(x: f64) -> f64 {
    const STEPS: i32 = 400;
    let width = x / f64::from(STEPS);
    let integrand = |step: i32| (-(f64::from(step) * width).powi(2)).exp();
    let weighted = |step: i32| integrand(step) * if step % 2 == 0 { 2.0 } else { 4.0 };
    let sum: f64 = (1..STEPS).map(weighted).sum::<f64>() + integrand(0) + integrand(STEPS);
    sum * width / 3.0 * 2.0 / std::f64::consts::PI.sqrt()
}

fn config(head_dim: usize, rotary_dim: usize, scaling: RopeScaling) -> RopeConfig {
    RopeConfig { head_dim, rotary_dim, base: 10_000.0, scaling, magnitude: 1.0, max_positions: 131_072 }
}

/// The definition, in `f64`.
fn rotated(x: &[f32], head_dim: usize, rotary_dim: usize, position: usize, style: RopeStyle) -> Vec<f64> {
    let mut out: Vec<f64> = x.iter().copied().map(f64::from).collect();
    for head in out.chunks_exact_mut(head_dim) {
        for pair in 0..rotary_dim / 2 {
            let (sine, cosine) = (position as f64 * 10_000f64.powf(-2.0 * pair as f64 / rotary_dim as f64)).sin_cos();
            let (a, b) = match style {
                RopeStyle::Interleaved => (2 * pair, 2 * pair + 1),
                RopeStyle::Halves => (pair, pair + rotary_dim / 2),
            };
            (head[a], head[b]) = (head[a] * cosine - head[b] * sine, head[a] * sine + head[b] * cosine);
        }
    }
    out
}

/// The angle by which the table turns a pair at position 1: its scaled frequency.
fn frequency(scaling: RopeScaling, pair: usize) -> f32 {
    let table = RopeTable::new(&config(64, 64, scaling)).unwrap();
    let mut x = [0.0; 64];
    x[2 * pair] = 1.0;
    rope(InstructionSet::SCALAR, &mut x, 1, &table, RopeStyle::Interleaved);
    x[2 * pair + 1].atan2(x[2 * pair])
}

#[test]
fn the_magnitude_multiplies_what_is_rotated_and_nothing_else() {
    let table = |magnitude| RopeTable::new(&RopeConfig { magnitude, ..config(8, 6, RopeScaling::None) });
    let x: [f32; 8] = std::array::from_fn(|i| 1.0 + i as f32);
    let (mut plain, mut scaled) = (x, x);
    rope(InstructionSet::SCALAR, &mut plain, 5, &table(1.0).unwrap(), RopeStyle::Halves);
    rope(InstructionSet::SCALAR, &mut scaled, 5, &table(1.5).unwrap(), RopeStyle::Halves);
    assert_close(&scaled[..6], plain[..6].iter().map(|x| 1.5 * f64::from(*x)), 1e-6, 1e-6);
    assert_eq!(scaled[6..], x[6..]);
    for wrong in [0.0, -1.0, f32::NAN, f32::INFINITY] {
        assert_eq!(table(wrong).unwrap_err(), RopeError::Magnitude);
    }
}

#[test]
fn scalings_divide_frequencies() {
    let unscaled = |pair| frequency(RopeScaling::None, pair);
    let near = |a: f32, b: f32| assert!((a / b - 1.0).abs() < 1e-5, "{a} for {b}");
    near(frequency(RopeScaling::Linear { factor: 8.0 }, 5), unscaled(5) / 8.0);
    let factors = (0..32).map(|pair| 1.0 + pair as f32).collect();
    near(frequency(RopeScaling::PerFrequency(factors), 3), unscaled(3) / 4.0);

    let llama3 = |pair| {
        let (low_frequency_factor, high_frequency_factor) = (1.0, 4.0);
        let scaling =
            RopeScaling::Llama3 { factor: 32.0, low_frequency_factor, high_frequency_factor, original_context: 8192 };
        frequency(scaling, pair)
    };
    // Pair i turns 8192 · 10000^(-i/32) / 2π times within the original context: more than 4 times up to pair 20,
    // less than once from pair 25 on.
    near(llama3(20), unscaled(20));
    near(llama3(25), unscaled(25) / 32.0);
    // The blend of the published code, transformers' `_compute_llama3_parameters`, with base 10,000 and 64 dimensions.
    let turns = 8192.0 * unscaled(22) / std::f32::consts::TAU;
    let smooth = (turns - 1.0) / 3.0;
    near(llama3(22), (1.0 - smooth) * unscaled(22) / 32.0 + smooth * unscaled(22));
}

#[test]
fn rope_refuses_what_does_not_fit() {
    let error = |head_dim, rotary_dim, scaling| RopeTable::new(&config(head_dim, rotary_dim, scaling)).unwrap_err();
    assert_eq!(error(64, 66, RopeScaling::None), RopeError::Dimension { head_dim: 64, rotary_dim: 66 });
    assert_eq!(error(64, 7, RopeScaling::None), RopeError::Dimension { head_dim: 64, rotary_dim: 7 });
    assert_eq!(error(64, 64, RopeScaling::PerFrequency(vec![1.0])), RopeError::Factors { expected: 32, found: 1 });
    assert_eq!(error(64, 64, RopeScaling::Linear { factor: 0.0 }), RopeError::Frequency { pair: 0 });
}

#[test]
fn exp_at_its_ends() {
    for set in InstructionSet::available() {
        let mut x = [f32::NEG_INFINITY, -1e30, -88.0, 0.0, 88.72, 89.0, f32::INFINITY, f32::NAN];
        exp_in_place(set, &mut x);
        assert_eq!(x[..4], [0.0, 0.0, 0.0, 1.0]);
        assert!(x[4].is_finite() && x[4] > 3.3e38);
        assert_eq!(x[5..7], [f32::INFINITY; 2]);
        assert!(x[7].is_nan());
    }
}

#[test]
fn softmax_gives_forbidden_tokens_nothing() {
    for set in InstructionSet::available() {
        let mut x = [f32::NEG_INFINITY, 1e30, f32::NEG_INFINITY, 1e30, -1e30];
        softmax_in_place(set, &mut x);
        assert_eq!(x, [0.0, 0.5, 0.0, 0.5, 0.0]);
        let mut x = [f32::NEG_INFINITY; 11];
        softmax_in_place(set, &mut x);
        assert_eq!(x, [0.0; 11]);
    }
}

#[test]
fn argmax_ignores_what_is_no_number() {
    for set in InstructionSet::available() {
        assert_eq!(argmax(set, &[]), None);
        assert_eq!(argmax(set, &[f32::NAN; 9]), None);
        assert_eq!(argmax(set, &[f32::NEG_INFINITY; 9]), Some(0));
        let mut x = vec![f32::NAN; 20];
        (x[3], x[17]) = (-5.0, -4.0);
        assert_eq!(argmax(set, &x), Some(17));
    }
}

struct Widened([u16; LANES]);

impl Kernel for Widened {
    type Output = [f32; LANES];

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> [f32; LANES] {
        let mut out = [0.0; LANES];
        simd.store(simd.load_f16(&self.0), &mut out);
        out
    }
}

#[test]
fn every_half_precision_number_is_widened_exactly() {
    for set in InstructionSet::available() {
        for first in (0..=u16::MAX - 7).step_by(LANES) {
            let bits: [u16; LANES] = std::array::from_fn(|lane| first + u16::try_from(lane).unwrap());
            for (bits, found) in bits.iter().zip(dispatch(set, Widened(bits))) {
                let expected = half::f16::from_bits(*bits).to_f32();
                assert!(found == expected || (found.is_nan() && expected.is_nan()), "{bits:#06x}: {found}");
            }
        }
    }
}

struct Tanh(f32);

impl Kernel for Tanh {
    type Output = f32;

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> f32 {
        simd.reduce_max(simd::tanh(simd, simd.splat(self.0)))
    }
}

proptest! {
    #[test]
    fn tanh_within_its_error(x in prop_oneof![-100f32..100.0, -1f32..1.0]) {
        for set in InstructionSet::available() {
            let error = (f64::from(dispatch(set, Tanh(x))) - f64::from(x).tanh()).abs();
            prop_assert!(error < 2e-7, "{}: {}", x, error);
        }
    }
}
