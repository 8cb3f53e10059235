//! One token: every key and value is read from memory once for all query heads of its group.

use super::partial::Partial;
use super::plan::Part;
use super::{AttentionShape, Inputs};
use crate::InstructionSet;
use crate::ops::simd::{self, Kernel, LANES, Simd, dispatch};
use crate::ops::softmax::{exp_and_sum, maximum};
use std::cell::RefCell;

/// Query heads that share registers: six, with two vectors of sums each, leave four of sixteen for keys and queries.
const MAX_HEADS: usize = 6;
/// Columns of the values that one pass sums up: two vectors.
const COLUMNS: usize = 2 * LANES;
/// Keys of which all columns are summed before the next ones: 32 values of 256 half-precision numbers are 16 KiB,
/// half of the smallest level-one cache, so that only the first pass waits for memory.
const KEYS_PER_PASS: usize = 32;

/// Half-precision numbers of a cache line of 64 bytes.
const CACHE_LINE: usize = 32;

/// Sets `partial` to the attention of the one token of `part` over its keys.
pub(super) fn compute(set: InstructionSet, inputs: &Inputs<'_>, part: &Part, partial: &mut Partial) {
    HALVES.with_borrow_mut(|halves| dispatch(set, Decode { inputs, part, partial, halves }));
}

thread_local! {
    /// Keys and values of this thread's last part, if they are stored in another form.
    static HALVES: RefCell<[Vec<u16>; 2]> = RefCell::default();
}

struct Decode<'a> {
    inputs: &'a Inputs<'a>,
    part: &'a Part,
    partial: &'a mut Partial,
    halves: &'a mut [Vec<u16>; 2],
}

impl Kernel for Decode<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let (inputs, part) = (self.inputs, self.part);
        let group = inputs.shape.group();
        let row_len = inputs.kv.row_len();
        let n_keys = part.keys.len();
        let query = self.scaled_query(row_len);
        let [keys, values] = self.halves;
        let keys = inputs.kv.in_half_precision(simd, inputs.kv.keys(part.kv_head, part.keys.clone()), keys);
        let values = inputs.kv.in_half_precision(simd, inputs.kv.values(part.kv_head, part.keys.clone()), values);
        let partial = self.partial;

        let mut scores = vec![0.0; group * n_keys];
        partial.clear(group, row_len);
        for first in (0..group).step_by(MAX_HEADS) {
            let heads = first..(first + MAX_HEADS).min(group);
            let query = &query[heads.start * row_len..heads.end * row_len];
            let scores = &mut scores[heads.start * n_keys..heads.end * n_keys];
            score_heads(simd, heads.len(), query, [keys, values], scores);
            for (head, scores) in heads.clone().zip(scores.chunks_exact_mut(n_keys)) {
                cap(simd, inputs.shape, scores);
                partial.maximum[head] = maximum(simd, scores).max(f32::MIN);
                partial.sum[head] = exp_and_sum(simd, scores, partial.maximum[head]);
            }
            sum_heads(
                simd,
                heads.len(),
                scores,
                values,
                &mut partial.values[heads.start * row_len..heads.end * row_len],
            );
        }
    }
}

impl Decode<'_> {
    /// The query heads of the group times the scale, `[group, row_len]`.
    fn scaled_query(&self, row_len: usize) -> Vec<f32> {
        let shape = self.inputs.shape;
        let mut query = vec![0.0; shape.group() * row_len];
        for (head, row) in query.chunks_exact_mut(row_len).enumerate() {
            let from = self.inputs.query(self.part.tokens.start, self.part.kv_head * shape.group() + head);
            for (to, from) in row.iter_mut().zip(from) {
                *to = from * shape.scale;
            }
        }
        query
    }
}

/// Soft cap of the scores, if the layer has one.
#[inline(always)]
pub(super) fn cap<S: Simd>(simd: S, shape: &AttentionShape, scores: &mut [f32]) {
    let Some(cap) = shape.soft_cap else { return };
    let (chunks, tail) = scores.as_chunks_mut::<LANES>();
    for chunk in chunks {
        simd.store(capped(simd, cap, simd.load(chunk)), chunk);
    }
    let mut lanes = simd::padded(tail, 0.0);
    simd.store(capped(simd, cap, simd.load(&lanes)), &mut lanes);
    tail.copy_from_slice(&lanes[..tail.len()]);
}

#[inline(always)]
fn capped<S: Simd>(simd: S, cap: f32, score: S::F32) -> S::F32 {
    simd.mul(simd.splat(cap), simd::tanh(simd, simd.div(score, simd.splat(cap))))
}

/// `scores[head][key] = query[head] · keys[key]`; brings the values into the cache meanwhile.
#[inline(always)]
fn score_heads<S: Simd>(simd: S, n_heads: usize, query: &[f32], [keys, values]: [&[u16]; 2], scores: &mut [f32]) {
    // The fewer heads, the more keys at once: about twelve sums hide the latency of the multiply-adds.
    match n_heads {
        1 => score::<S, 1, 4>(simd, query, [keys, values], scores),
        2 => score::<S, 2, 4>(simd, query, [keys, values], scores),
        3 => score::<S, 3, 4>(simd, query, [keys, values], scores),
        4 => score::<S, 4, 2>(simd, query, [keys, values], scores),
        5 => score::<S, 5, 2>(simd, query, [keys, values], scores),
        _ => score::<S, MAX_HEADS, 2>(simd, query, [keys, values], scores),
    }
}

#[inline(always)]
fn score<S: Simd, const HEADS: usize, const KEYS: usize>(
    simd: S,
    query: &[f32],
    [keys, values]: [&[u16]; 2],
    scores: &mut [f32],
) {
    let row_len = query.len() / HEADS;
    let n_keys = keys.len() / row_len;
    let whole = n_keys / KEYS * KEYS;
    for key in (0..whole).step_by(KEYS) {
        // Memory would idle while the keys of a part are weighed: the values, a part of which fits the level-two
        // cache, are fetched alongside the keys, which the processor foresees by itself.
        for line in values[key * row_len..(key + KEYS) * row_len].chunks(CACHE_LINE) {
            simd.prefetch(line);
        }
        let dots = dot_products::<S, HEADS, KEYS>(simd, query, &keys[key * row_len..(key + KEYS) * row_len]);
        for head in 0..HEADS {
            scores[head * n_keys + key..][..KEYS].copy_from_slice(&dots[head]);
        }
    }
    for key in whole..n_keys {
        let dots = dot_products::<S, HEADS, 1>(simd, query, &keys[key * row_len..(key + 1) * row_len]);
        for head in 0..HEADS {
            scores[head * n_keys + key] = dots[head][0];
        }
    }
}

#[inline(always)]
fn dot_products<S: Simd, const HEADS: usize, const KEYS: usize>(
    simd: S,
    query: &[f32],
    keys: &[u16],
) -> [[f32; KEYS]; HEADS] {
    let n_chunks = keys.len() / KEYS / LANES;
    // Rows of exactly this length, so that the loop needs no bounds checks.
    let query: [_; HEADS] = std::array::from_fn(|head| &query.as_chunks::<LANES>().0[head * n_chunks..][..n_chunks]);
    let keys: [_; KEYS] = std::array::from_fn(|key| &keys.as_chunks::<LANES>().0[key * n_chunks..][..n_chunks]);
    let mut sums = [[simd.splat(0.0); KEYS]; HEADS];
    for chunk in 0..n_chunks {
        let mut wide_keys = [simd.splat(0.0); KEYS];
        for (wide_key, key) in wide_keys.iter_mut().zip(keys) {
            *wide_key = simd.load_f16(&key[chunk]);
        }
        for (sums, query) in sums.iter_mut().zip(query) {
            let query = simd.load(&query[chunk]);
            for (sum, key) in sums.iter_mut().zip(wide_keys) {
                *sum = simd.mul_add(query, key, *sum);
            }
        }
    }
    let mut dots = [[0.0; KEYS]; HEADS];
    for head in 0..HEADS {
        for key in 0..KEYS {
            dots[head][key] = simd.reduce_add(sums[head][key]);
        }
    }
    dots
}

/// `sums[head] += Σ weights[head][key] · values[key]`.
#[inline(always)]
fn sum_heads<S: Simd>(simd: S, n_heads: usize, weights: &[f32], values: &[u16], sums: &mut [f32]) {
    match n_heads {
        1 => sum::<S, 1>(simd, weights, values, sums),
        2 => sum::<S, 2>(simd, weights, values, sums),
        3 => sum::<S, 3>(simd, weights, values, sums),
        4 => sum::<S, 4>(simd, weights, values, sums),
        5 => sum::<S, 5>(simd, weights, values, sums),
        _ => sum::<S, MAX_HEADS>(simd, weights, values, sums),
    }
}

#[inline(always)]
fn sum<S: Simd, const HEADS: usize>(simd: S, weights: &[f32], values: &[u16], sums: &mut [f32]) {
    let row_len = sums.len() / HEADS;
    let n_keys = values.len() / row_len;
    for first in (0..n_keys).step_by(KEYS_PER_PASS) {
        let keys = first..(first + KEYS_PER_PASS).min(n_keys);
        let mut pass_weights = [[0.0; HEADS]; KEYS_PER_PASS];
        for head in 0..HEADS {
            for (to, from) in pass_weights.iter_mut().zip(&weights[head * n_keys..][keys.clone()]) {
                to[head] = *from;
            }
        }
        let values = &values[keys.start * row_len..keys.end * row_len];
        for column in (0..row_len).step_by(COLUMNS) {
            sum_columns(simd, &pass_weights, values, column, sums);
        }
    }
}

/// One pass of [`sum`]: the columns from `column` on, of at most [`KEYS_PER_PASS`] keys.
#[inline(always)]
fn sum_columns<S: Simd, const HEADS: usize>(
    simd: S,
    weights: &[[f32; HEADS]],
    values: &[u16],
    column: usize,
    sums: &mut [f32],
) {
    let row_len = sums.len() / HEADS;
    let mut totals = [[simd.splat(0.0); 2]; HEADS];
    for (weights, value) in weights.iter().zip(values.chunks_exact(row_len)) {
        let value = value[column..column + COLUMNS].as_chunks::<LANES>().0;
        let value = [simd.load_f16(&value[0]), simd.load_f16(&value[1])];
        for head in 0..HEADS {
            let weight = simd.splat(weights[head]);
            totals[head][0] = simd.mul_add(weight, value[0], totals[head][0]);
            totals[head][1] = simd.mul_add(weight, value[1], totals[head][1]);
        }
    }
    for head in 0..HEADS {
        let sums = sums[head * row_len + column..][..COLUMNS].as_chunks_mut::<LANES>().0;
        for (sum, total) in sums.iter_mut().zip(totals[head]) {
            simd.store(simd.add(simd.load(sum), total), sum);
        }
    }
}
