use proptest::prelude::*;

use super::{AttentionShape, CacheTooLarge, Direction, KvLayer, KvType, attention};
use crate::{Compute, InstructionSet, ThreadPool};

/// Numbers that look random, between -1 and 1, the same for the same seed.
fn noise(len: usize, seed: u64) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    };
    (0..len).map(|_| next()).collect()
}

struct Case {
    shape: AttentionShape,
    first_position: usize,
    q: Vec<f32>,
    kv: KvLayer,
}

/// The key and the value of a position.
fn key_and_value(position: usize, len: usize) -> [Vec<f32>; 2] {
    [1, 2].map(|seed| noise(len, 2 * position as u64 + seed))
}

impl Case {
    /// `amplitude` scales the queries: with 100, one key takes nearly all the weight.
    fn new(shape: AttentionShape, first_position: usize, n_tokens: usize, amplitude: f32) -> Self {
        Self::of_type(KvType::F16, shape, first_position, n_tokens, amplitude)
    }

    fn of_type(ty: KvType, shape: AttentionShape, first_position: usize, n_tokens: usize, amplitude: f32) -> Self {
        let n_positions = first_position + n_tokens;
        // Room beyond the last position is poisoned: nothing may be read there.
        let mut kv = KvLayer::new(ty, shape.n_kv_heads, shape.head_dim, n_positions + 3).unwrap();
        let len = shape.n_kv_heads * shape.head_dim;
        for position in 0..n_positions {
            let [key, value] = key_and_value(position, len);
            kv.store(position, &key, &value);
        }
        for position in n_positions..n_positions + 3 {
            kv.store(position, &vec![f32::NAN; len], &vec![f32::NAN; len]);
        }
        let q = noise(n_tokens * shape.n_heads * shape.head_dim, 7).iter().map(|x| x * amplitude).collect();
        Self { shape, first_position, q, kv }
    }

    fn run(&self, set: InstructionSet, n_threads: usize) -> Vec<f32> {
        let compute = Compute { set, pool: ThreadPool::new(n_threads).into() };
        let mut out = vec![f32::NAN; self.q.len()];
        attention(&compute, &self.shape, &self.q, self.first_position, &self.kv, &mut out);
        out
    }

    /// The definition, in `f64`.
    fn reference(&self) -> Vec<f64> {
        let shape = &self.shape;
        let n_positions = self.first_position + self.q.len() / (shape.n_heads * shape.head_dim);
        let stored: Vec<[Vec<f64>; 2]> = (0..n_positions)
            .map(|position| {
                let rounded = |x: &f32| half::f16::from_f32(*x).to_f64();
                key_and_value(position, shape.n_kv_heads * shape.head_dim).map(|row| row.iter().map(rounded).collect())
            })
            .collect();
        let mut out = Vec::new();
        for (row, query) in self.q.chunks_exact(shape.head_dim).enumerate() {
            let (token, head) = (row / shape.n_heads, row % shape.n_heads);
            let kv_head = head / (shape.n_heads / shape.n_kv_heads);
            let position = self.first_position + token;
            let first = shape.window.map_or(0, |window| (position + 1).saturating_sub(window));
            let last = match shape.direction {
                Direction::Backward => position,
                Direction::Both => self.first_position + self.q.len() / (shape.n_heads * shape.head_dim) - 1,
            };
            let scores: Vec<f64> = (first..=last)
                .map(|key| {
                    let key = &stored[key][0][kv_head * shape.head_dim..];
                    let dot: f64 = query.iter().zip(key).map(|(q, key)| f64::from(*q) * key).sum();
                    let score = dot * f64::from(shape.scale);
                    shape.soft_cap.map_or(score, |cap| f64::from(cap) * (score / f64::from(cap)).tanh())
                })
                .collect();
            let greatest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let weights: Vec<f64> = scores.iter().map(|score| (score - greatest).exp()).collect();
            let total: f64 = weights.iter().sum();
            out.extend((0..shape.head_dim).map(|i| {
                let value = |key: usize| stored[first + key][1][kv_head * shape.head_dim + i];
                weights.iter().enumerate().map(|(key, weight)| weight * value(key)).sum::<f64>() / total
            }));
        }
        out
    }

    /// Every instruction set computes the definition, to the same bits with one and with two threads.
    fn check(&self, tolerance: f64) {
        let reference = self.reference();
        for set in InstructionSet::available() {
            let out = self.run(set, 1);
            for (index, (found, expected)) in out.iter().zip(&reference).enumerate() {
                let error = (f64::from(*found) - expected).abs();
                assert!(error <= tolerance, "{set:?} {:?} [{index}]: {found} for {expected}", self.shape);
            }
            let two_threads = self.run(set, 2);
            assert!(out.iter().zip(&two_threads).all(|(a, b)| a.to_bits() == b.to_bits()), "{set:?} {:?}", self.shape);
        }
    }
}

fn shape(n_heads: usize, n_kv_heads: usize, head_dim: usize) -> AttentionShape {
    let scale = 1.0 / (head_dim as f32).sqrt();
    AttentionShape {
        n_heads,
        n_kv_heads,
        head_dim,
        scale,
        window: None,
        soft_cap: None,
        direction: Direction::Backward,
    }
}

/// `SmolLM2`, Gemma 3 270M and Qwen 2.5 1.5B.
const MODELS: [(usize, usize, usize); 3] = [(9, 3, 64), (4, 1, 256), (12, 2, 128)];

#[test]
fn encoders_attend_both_ways() {
    for n_tokens in [1, 2, 7, 50, 130, 300] {
        for (n_heads, n_kv_heads, head_dim) in [(12, 12, 32), (4, 2, 64)] {
            let shape = AttentionShape { direction: Direction::Both, ..shape(n_heads, n_kv_heads, head_dim) };
            Case::new(shape, 0, n_tokens, 3.0).check(3e-6);
        }
    }
}

#[test]
fn models_decode_at_any_depth() {
    for (n_heads, n_kv_heads, head_dim) in MODELS {
        for depth in [0, 1, 2, 255, 256, 257, 700] {
            Case::new(shape(n_heads, n_kv_heads, head_dim), depth, 1, 3.0).check(3e-6);
        }
    }
}

#[test]
fn models_prefill_from_any_depth() {
    for (n_heads, n_kv_heads, head_dim) in MODELS {
        for (depth, n_tokens) in [(0, 2), (0, 50), (1, 33), (300, 5), (600, 49)] {
            Case::new(shape(n_heads, n_kv_heads, head_dim), depth, n_tokens, 3.0).check(3e-6);
        }
    }
}

#[test]
fn window_hides_what_is_exactly_that_far_back() {
    for window in [1, 2, 47, 48, 49, 256, 512] {
        for (depth, n_tokens) in [(0, 70), (window - 1, 1), (window, 1), (window + 1, 1), (530, 1), (515, 60)] {
            Case::new(AttentionShape { window: Some(window), ..shape(4, 1, 32) }, depth, n_tokens, 3.0).check(3e-6);
        }
    }
}

#[test]
fn window_of_zero_counts_as_one() {
    let zero = Case::new(AttentionShape { window: Some(0), ..shape(2, 1, 16) }, 5, 4, 1.0);
    let one = Case::new(AttentionShape { window: Some(1), ..shape(2, 1, 16) }, 5, 4, 1.0);
    assert_eq!(zero.run(InstructionSet::SCALAR, 1), one.run(InstructionSet::SCALAR, 1));
}

#[test]
fn soft_cap_and_custom_scale() {
    for (depth, n_tokens) in [(300, 1), (10, 40)] {
        let capped = AttentionShape { soft_cap: Some(5.0), scale: 0.7, ..shape(4, 2, 64) };
        Case::new(capped, depth, n_tokens, 5.0).check(2e-5);
    }
}

#[test]
fn huge_scores_stay_finite() {
    // Scores around ±10⁵: a rounding error of a score, 10⁻², is then one of the weight too.
    for (depth, n_tokens) in [(300, 1), (10, 40)] {
        let case = Case::new(shape(6, 2, 64), depth, n_tokens, 1e5);
        for set in InstructionSet::available() {
            assert!(case.run(set, 2).iter().all(|x| x.abs() <= 1.0), "weighted means of values between -1 and 1");
        }
    }
}

#[test]
fn equal_keys_give_the_mean_of_values_far_from_position_zero() {
    let (depth, window) = (40_000, 500);
    let mut kv = KvLayer::new(KvType::F16, 1, 16, depth + 1).unwrap();
    for position in 0..=depth {
        kv.store(position, &[1.0; 16], &[if position > depth - window { 0.5 } else { 9.0 }; 16]);
    }
    let shape = AttentionShape { window: Some(window), ..shape(2, 1, 16) };
    let mut out = vec![0.0; 32];
    attention(&Compute::new(2), &shape, &[1.0; 32], depth, &kv, &mut out);
    assert!(out.iter().all(|x| (x - 0.5).abs() < 1e-6), "{out:?}");
}

/// Half a percent of what the numbers are, from rounding values, and as much from rounding keys.
const EIGHT_BIT_BUDGET: f64 = 0.01;

#[test]
fn eight_bits_cost_less_than_a_percent() {
    for (n_heads, n_kv_heads, head_dim) in MODELS.into_iter().chain([(3, 1, 37)]) {
        for (depth, n_tokens) in [(0, 1), (300, 1), (0, 50), (130, 7)] {
            let shape = shape(n_heads, n_kv_heads, head_dim);
            let case = Case::of_type(KvType::Q8, shape, depth, n_tokens, 3.0);
            let exact = case.reference();
            for set in InstructionSet::available() {
                let out = case.run(set, 1);
                assert_eq!(out, case.run(set, 2), "whatever the number of threads");
                let squares = |numbers: &mut dyn Iterator<Item = f64>| numbers.map(|x| x * x).sum::<f64>();
                let error = squares(&mut out.iter().zip(&exact).map(|(found, exact)| f64::from(*found) - exact));
                let share = (error / squares(&mut exact.iter().copied())).sqrt();
                assert!(share < EIGHT_BIT_BUDGET, "{set:?} {n_heads} heads of {head_dim} at {depth}: {share}");
            }
        }
    }
}

#[test]
fn no_tokens_no_output() {
    let kv = KvLayer::new(KvType::F16, 1, 16, 4).unwrap();
    attention(&Compute::new(1), &shape(2, 1, 16), &[], 0, &kv, &mut []);
}

#[test]
fn cache_refuses_absurd_sizes() {
    for (heads, head_dim, capacity) in [(1 << 20, 1 << 20, 1 << 20), (usize::MAX, 2, 2), (1, usize::MAX, 1)] {
        let error = KvLayer::new(KvType::Q8, heads, head_dim, capacity).unwrap_err();
        assert_eq!(error, CacheTooLarge { n_kv_heads: heads, head_dim, capacity });
    }
}

#[test]
fn pages_carry_what_is_stored_and_nothing_that_is_cleared() {
    for ty in [KvType::F16, KvType::Q8] {
        let [mut short, mut long] = [(); 2].map(|()| KvLayer::new(ty, 2, 24, 100).unwrap());
        for position in 0..71 {
            let [key, value] = key_and_value(position, 48);
            long.store(position, &key, &value);
            if position < 59 {
                short.store(position, &key, &value);
            }
        }
        for head in 0..2 {
            let mut pages = long.pages(head, 0..2).to_vec();
            assert_ne!(pages, short.pages(head, 0..2));
            long.clear_page_after(59 - KvLayer::PAGE_POSITIONS, &mut pages[long.page_words()..]);
            assert_eq!(pages, short.pages(head, 0..2), "{ty:?}");
        }
    }
}

fn bits(numbers: &[f32]) -> Vec<u32> {
    numbers.iter().map(|number| number.to_bits()).collect()
}

impl Case {
    /// A token has the same bits whatever it is computed with: here the tokens of each cut.
    fn check_cuts(&self, cuts: &[&[usize]]) {
        let token_len = self.shape.n_heads * self.shape.head_dim;
        for set in InstructionSet::available() {
            let whole = bits(&self.run(set, 1));
            assert_eq!(whole, bits(&self.run(set, 2)), "{set:?} {:?}", self.shape);
            for cut in cuts {
                let compute = Compute { set, pool: ThreadPool::new(1 + cut.len() % 2).into() };
                let mut out = vec![f32::NAN; self.q.len()];
                let mut token = 0;
                for length in cut.iter().copied().cycle() {
                    let numbers = token * token_len..((token + length) * token_len).min(self.q.len());
                    if numbers.is_empty() {
                        break;
                    }
                    let position = self.first_position + token;
                    attention(&compute, &self.shape, &self.q[numbers.clone()], position, &self.kv, &mut out[numbers]);
                    token += length;
                }
                assert!(bits(&out) == whole, "{set:?} {:?} from {}, {cut:?}", self.shape, self.first_position);
            }
        }
    }
}

#[test]
fn a_token_has_the_same_bits_however_it_is_batched() {
    for ty in [KvType::F16, KvType::Q8] {
        for (n_heads, n_kv_heads, head_dim) in
            MODELS.into_iter().chain([(5, 1, 40), (8, 1, 64), (2, 2, 32), (14, 2, 64)])
        {
            for (window, soft_cap) in [(None, None), (Some(50), None), (Some(300), Some(5.0))] {
                for (depth, n_tokens) in [(0, 130), (233, 60), (700, 12)] {
                    let shape = AttentionShape { window, soft_cap, ..shape(n_heads, n_kv_heads, head_dim) };
                    let case = Case::of_type(ty, shape, depth, n_tokens, 6.0);
                    case.check_cuts(&[&[1], &[2, 1, 7, 3], &[40, 5], &[64]]);
                }
            }
        }
    }
}

#[test]
fn a_token_of_a_long_sequence_has_the_same_bits_however_it_is_batched() {
    Case::new(AttentionShape { window: Some(512), ..shape(4, 1, 16) }, 0, 1500, 6.0).check_cuts(&[
        &[1],
        &[512],
        &[300, 1],
    ]);
    Case::new(shape(3, 1, 16), 0, 1500, 6.0).check_cuts(&[&[1], &[512], &[300, 1]]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_shape_computes_the_definition(
        n_kv_heads in 1usize..4,
        group in 1usize..9,
        head_dim in 1usize..70,
        first_position in 0usize..120,
        n_tokens in 1usize..60,
        window in proptest::option::of(1usize..150),
    ) {
        let shape = AttentionShape { window, ..shape(n_kv_heads * group, n_kv_heads, head_dim) };
        Case::new(shape, first_position, n_tokens, 3.0).check(3e-6);
    }
    #[test]
    fn any_cut_leaves_the_same_bits(
        n_kv_heads in 1usize..3,
        group in 1usize..9,
        head_dim in 1usize..70,
        first_position in 0usize..500,
        n_tokens in 1usize..90,
        window in proptest::option::of(1usize..400),
        eight_bits in proptest::bool::ANY,
        cut in proptest::collection::vec(1usize..50, 1..5),
    ) {
        let ty = if eight_bits { KvType::Q8 } else { KvType::F16 };
        let shape = AttentionShape { window, ..shape(n_kv_heads * group, n_kv_heads, head_dim) };
        Case::of_type(ty, shape, first_position, n_tokens, 6.0).check_cuts(&[&cut]);
    }
}
