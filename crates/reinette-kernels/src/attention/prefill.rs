//! Several tokens: tiles of query rows against blocks of keys, with a running softmax.
//!
//! Scores are kept transposed, `[keys, rows]`: then the query is the only operand that must be transposed (once), the
//! softmax runs down the keys without horizontal steps, and the weights lie as the second product needs them.

use super::decode::cap;
use super::microkernel::{self, COLUMNS, ROWS};
use super::partial::Partial;
use super::plan::Part;
use super::{AttentionShape, Inputs};
use crate::InstructionSet;
use crate::ops::simd::{self, Kernel, LANES, Simd, dispatch};
use std::cell::RefCell;

/// Keys of a block: with 96 query rows the scores take 18 KiB, which stay in the level-one cache. A multiple of [`ROWS`].
const BLOCK: usize = 48;

thread_local! {
    /// What this thread's last part worked on, whose memory is used again.
    static WORKSPACE: RefCell<Workspace> = RefCell::default();
}

/// Sets `partial` to the attention of the tokens of `part` over its keys.
pub(super) fn compute(set: InstructionSet, inputs: &Inputs<'_>, part: &Part, partial: &mut Partial) {
    WORKSPACE.with_borrow_mut(|workspace| dispatch(set, Prefill { inputs, part, workspace, partial }));
}

struct Prefill<'a> {
    inputs: &'a Inputs<'a>,
    part: &'a Part,
    workspace: &'a mut Workspace,
    partial: &'a mut Partial,
}

/// What a part works on. The rows are padded to whole tiles; what the padding holds and computes is never read.
#[derive(Default)]
struct Workspace {
    /// Query rows, as stored: a multiple of [`COLUMNS`] and of [`ROWS`].
    n_rows: usize,
    row_len: usize,
    /// `[n_rows / COLUMNS, row_len, COLUMNS]`, scaled.
    query: Vec<f32>,
    /// Keys or values of a block, if they are stored in another form: `[BLOCK, row_len]`.
    halves: Vec<u16>,
    /// `[BLOCK, row_len]`.
    keys: Vec<f32>,
    /// `[row_len / COLUMNS, BLOCK, COLUMNS]`.
    values: Vec<f32>,
    /// Scores, then their exponentials, `[BLOCK, n_rows]`.
    scores: Vec<f32>,
    /// By what the last block diminishes earlier sums, `[n_rows]`.
    corrections: Vec<f32>,
    /// First and last key that a row attends to, counted from the first of the part, `[n_rows]`.
    limits: [Vec<f32>; 2],
}

impl Kernel for Prefill<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Self { inputs, part, workspace, partial } = self;
        workspace.prepare(inputs, part);
        partial.clear(workspace.n_rows, workspace.row_len);
        for start in part.keys.clone().step_by(BLOCK) {
            let block = start..(start + BLOCK).min(part.keys.end);
            let first_query = inputs.first_position + part.tokens.start;
            let last_query = inputs.first_position + part.tokens.end - 1;
            let first_end = inputs.shape.end_key(first_query, inputs.end);
            let all_visible = block.end <= first_end && block.start >= inputs.shape.first_key(last_query);
            let visible = if all_visible { Visible::All } else { Visible::From(block.start - part.keys.start) };

            let keys = inputs.kv.keys(part.kv_head, block.clone());
            widen(simd, inputs.kv.in_half_precision(simd, keys, &mut workspace.halves), &mut workspace.keys);
            workspace.score(simd);
            workspace.weigh(simd, inputs.shape, block.len(), visible, partial);
            let values = inputs.kv.values(part.kv_head, block.clone());
            let values = inputs.kv.in_half_precision(simd, values, &mut workspace.halves);
            widen_values(simd, values, workspace.row_len, &mut workspace.values);
            workspace.sum_values(simd, block.len(), &mut partial.values);
        }
    }
}

/// Which keys of a block the rows attend to.
#[derive(Clone, Copy)]
enum Visible {
    All,
    /// Those within each row's limits; the block starts at this key of the part.
    From(usize),
}

impl Workspace {
    /// Makes room for the part and lays out its queries.
    fn prepare(&mut self, inputs: &Inputs<'_>, part: &Part) {
        let group = inputs.shape.group();
        let row_len = inputs.kv.row_len();
        let used_rows = part.tokens.len() * group;
        let n_rows = used_rows.next_multiple_of(ROWS * COLUMNS / 2);
        let Self { query, limits: [first_keys, last_keys], .. } = self;
        if row_len > inputs.shape.head_dim {
            // What fills up the rows has to be zero.
            query.clear();
        }
        query.resize(n_rows * row_len, 0.0);
        first_keys.resize(n_rows, 0.0);
        last_keys.resize(n_rows, 0.0);
        for (row, (first, last)) in first_keys.iter_mut().zip(last_keys).take(used_rows).enumerate() {
            let token = part.tokens.start + row / group;
            let (panel, lane) = (row / COLUMNS, row % COLUMNS);
            for (index, value) in inputs.query(token, part.kv_head * group + row % group).iter().enumerate() {
                query[(panel * row_len + index) * COLUMNS + lane] = value * inputs.shape.scale;
            }
            let position = inputs.first_position + token;
            *first = inputs.shape.first_key(position).saturating_sub(part.keys.start) as f32;
            // -1 for a row whose keys all lie before the part's.
            *last = inputs.shape.end_key(position, inputs.end).saturating_sub(part.keys.start) as f32 - 1.0;
        }
        self.n_rows = n_rows;
        self.row_len = row_len;
        self.keys.resize(BLOCK * row_len, 0.0);
        self.values.resize(BLOCK * row_len, 0.0);
        self.scores.resize(BLOCK * n_rows, 0.0);
        self.corrections.resize(n_rows, 0.0);
    }

    /// Scores of all keys of the block; behind its end, of what an earlier block left there.
    #[inline(always)]
    fn score<S: Simd>(&mut self, simd: S) {
        let panels = self.query.as_chunks::<COLUMNS>().0.chunks_exact(self.row_len);
        for (panel, query) in panels.enumerate() {
            for (row, keys) in self.keys.chunks_exact(ROWS * self.row_len).enumerate() {
                let tile = microkernel::multiply_rows(simd, keys, query);
                let scores = &mut self.scores[row * ROWS * self.n_rows + panel * COLUMNS..];
                microkernel::store(simd, &tile, scores, self.n_rows);
            }
        }
    }

    /// Turns the scores of the block into weights, and accounts for them in maximum and sum.
    #[inline(always)]
    fn weigh<S: Simd>(
        &mut self,
        simd: S,
        shape: &AttentionShape,
        n_keys: usize,
        visible: Visible,
        partial: &mut Partial,
    ) {
        let scores = &mut self.scores[..n_keys * self.n_rows];
        cap(simd, shape, scores);
        if let Visible::From(first_key) = visible {
            mask(simd, scores, first_key, &self.limits);
        }
        let maxima = partial.maximum.as_chunks_mut::<LANES>().0;
        let sums = partial.sum.as_chunks_mut::<LANES>().0;
        let corrections = self.corrections.as_chunks_mut::<LANES>().0;
        let stride = corrections.len();
        let scores = scores.as_chunks_mut::<LANES>().0;
        for (column, ((maximum, sum), correction)) in maxima.iter_mut().zip(sums).zip(corrections).enumerate() {
            let old_maximum = simd.load(maximum);
            let mut new_maximum = old_maximum;
            for score in scores[column..].iter().step_by(stride) {
                new_maximum = simd.max(simd.load(score), new_maximum);
            }
            let factor = simd::exp_of_negative(simd, simd.sub(old_maximum, new_maximum));
            let mut total = simd.mul(simd.load(sum), factor);
            for score in scores[column..].iter_mut().step_by(stride) {
                let weight = simd::exp_of_negative(simd, simd.sub(simd.load(score), new_maximum));
                total = simd.add(total, weight);
                simd.store(weight, score);
            }
            simd.store(new_maximum, maximum);
            simd.store(total, sum);
            simd.store(factor, correction);
        }
    }

    /// `sums = sums · corrections + weightsᵀ · values`.
    #[inline(always)]
    fn sum_values<S: Simd>(&mut self, simd: S, n_keys: usize, sums: &mut [f32]) {
        let panels = self.values.as_chunks::<COLUMNS>().0.chunks_exact(BLOCK);
        let weights = &self.scores[..n_keys * self.n_rows];
        for (panel, values) in panels.enumerate() {
            for row in (0..self.n_rows).step_by(ROWS) {
                let sums = &mut sums[row * self.row_len + panel * COLUMNS..];
                let mut tile = microkernel::load_scaled(simd, sums, self.row_len, &self.corrections[row..row + ROWS]);
                microkernel::add_columns_product(simd, &mut tile, (weights, self.n_rows), row, values);
                microkernel::store(simd, &tile, sums, self.row_len);
            }
        }
    }
}

/// Sets the scores of keys outside a row's limits to -∞. `scores` is `[keys, rows]`, from `first_key` on.
#[inline(always)]
fn mask<S: Simd>(simd: S, scores: &mut [f32], first_key: usize, limits: &[Vec<f32>; 2]) {
    let hidden = simd.splat(f32::NEG_INFINITY);
    for (key, scores) in scores.chunks_exact_mut(limits[0].len()).enumerate() {
        let key = simd.splat((first_key + key) as f32);
        let scores = scores.as_chunks_mut::<LANES>().0.iter_mut();
        let limits = limits[0].as_chunks::<LANES>().0.iter().zip(limits[1].as_chunks::<LANES>().0);
        for (score, (first, last)) in scores.zip(limits) {
            let not_before = simd.select_less(key, simd.load(first), hidden, simd.load(score));
            simd.store(simd.select_less(simd.load(last), key, hidden, not_before), score);
        }
    }
}

/// Brings values, `[keys, row_len]` in half precision, into panels.
#[inline(always)]
fn widen_values<S: Simd>(simd: S, values: &[u16], row_len: usize, panels: &mut [f32]) {
    let panels = panels.as_chunks_mut::<LANES>().0;
    for (key, value) in values.chunks_exact(row_len).enumerate() {
        for (index, chunk) in value.as_chunks::<LANES>().0.iter().enumerate() {
            let to = &mut panels[(index / 2 * BLOCK + key) * 2 + index % 2];
            simd.store(simd.load_f16(chunk), to);
        }
    }
}

/// Half precision to `f32`; what `to` has beyond `from` stays.
#[inline(always)]
fn widen<S: Simd>(simd: S, from: &[u16], to: &mut [f32]) {
    for (from, to) in from.as_chunks::<LANES>().0.iter().zip(to.as_chunks_mut::<LANES>().0) {
        simd.store(simd.load_f16(from), to);
    }
}
