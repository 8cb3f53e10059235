//! Few query rows: every key and value is read from memory once for all rows of a part, straight into registers.

use std::cell::RefCell;
use std::ops::Range;
use std::sync::MutexGuard;

use super::cache::{KvType, PAGE};
use super::numbers::{Codes, Halves, Numbers};
use super::partial::Partial;
use super::plan::Part;
use super::{AttentionShape, Inputs};
use crate::InstructionSet;
use crate::ops::simd::{self, Kernel, LANES, Simd, Wide, dispatch};

/// Rows that share registers: six, with two vectors of sums each, leave four of AVX2's sixteen for keys and queries.
const MAX_ROWS: usize = 6;
/// Half-precision numbers of a cache line of 64 bytes.
const CACHE_LINE: usize = 32;

/// Sets `partials` to the attention of the tokens of `part` over the chunks of its keys.
pub(super) fn compute(set: InstructionSet, inputs: &Inputs<'_>, part: &Part, partials: &mut [MutexGuard<'_, Partial>]) {
    WORKSPACE.with_borrow_mut(|workspace| {
        workspace.prepare(inputs, part);
        for (keys, partial) in part.chunks().zip(partials) {
            dispatch(set, Decode { inputs, kv_head: part.kv_head, keys, workspace, partial });
        }
    });
}

thread_local! {
    /// What this thread's last part worked on, whose memory is used again.
    static WORKSPACE: RefCell<Workspace> = RefCell::default();
}

#[derive(Default)]
struct Workspace {
    /// Scaled, of up to [`MAX_ROWS`] rows at a time: `[row_len, rows]`.
    query: Vec<f32>,
    /// The positions that each row attends to.
    limits: Vec<Range<usize>>,
}

impl Workspace {
    fn prepare(&mut self, inputs: &Inputs<'_>, part: &Part) {
        let (shape, row_len) = (inputs.shape, inputs.kv.row_len());
        let group = shape.group();
        let n_rows = part.tokens.len() * group;
        self.query.clear();
        self.query.resize(n_rows * row_len, 0.0);
        self.limits.clear();
        for (rows, query) in self.query.chunks_mut(MAX_ROWS * row_len).enumerate() {
            let width = query.len() / row_len;
            for lane in 0..width {
                let row = rows * MAX_ROWS + lane;
                let token = part.tokens.start + row / group;
                let from = inputs.query(token, part.kv_head * group + row % group);
                for (to, from) in query.chunks_exact_mut(width).zip(from) {
                    to[lane] = from * shape.scale;
                }
                let position = inputs.first_position + token;
                self.limits.push(shape.first_key(position)..shape.end_key(position, inputs.end));
            }
        }
    }
}

/// The attention of all rows over the keys of a chunk.
struct Decode<'a> {
    inputs: &'a Inputs<'a>,
    kv_head: usize,
    keys: Range<usize>,
    workspace: &'a Workspace,
    partial: &'a mut Partial,
}

impl Kernel for Decode<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        match self.inputs.kv.ty() {
            KvType::F16 => self.read::<S, Halves<'_>>(simd),
            KvType::Q8 => self.read::<S, Codes<'_>>(simd),
        }
    }
}

impl<'a> Decode<'a> {
    #[inline(always)]
    fn read<S: Simd, N: Numbers<'a>>(self, simd: S) {
        let Self { inputs, kv_head, keys, workspace, partial } = self;
        let row_len = inputs.kv.row_len();
        let pages = keys.start / PAGE..keys.end.div_ceil(PAGE);
        let page_words = inputs.kv.page_words();
        let words = inputs.kv.pages(kv_head, pages.clone());
        partial.reset(workspace.limits.len(), row_len);
        partial.values.fill(0.0);
        for (index, page) in words.chunks_exact(page_words).enumerate() {
            let start = (pages.start + index) * PAGE;
            let visible = keys.start.max(start) - start..keys.end.min(start + PAGE) - start;
            // Memory would idle while the keys of a page are weighed: its values are fetched alongside its keys, and the
            // keys of the next page alongside its values.
            let values = &words[index * page_words + page_words / 2..][..page_words / 2 * visible.end / PAGE];
            let next = words.get((index + 1) * page_words..).unwrap_or_default();
            let next_keys = &next[..next.len().min(page_words / 2)];
            let page = Page { shape: inputs.shape, start, visible, numbers: N::new(page, row_len) };
            for first in (0..workspace.limits.len()).step_by(MAX_ROWS) {
                let rows = first..(first + MAX_ROWS).min(workspace.limits.len());
                let query = &workspace.query[rows.start * row_len..rows.end * row_len];
                page.add(simd, query, &workspace.limits[rows.clone()], [values, next_keys], (&mut *partial, rows));
            }
        }
    }
}

/// A page of keys and values.
struct Page<'a, N> {
    shape: &'a AttentionShape,
    /// The position of its first key.
    start: usize,
    /// The keys that any row attends to.
    visible: Range<usize>,
    numbers: N,
}

/// Scores of up to [`MAX_ROWS`] rows, then their exponentials.
type Scores = [[f32; PAGE]; MAX_ROWS];

impl<'a, N: Numbers<'a>> Page<'a, N> {
    /// Adds the attention of some rows over this page to theirs over the ones before.
    #[inline(always)]
    fn add<S: Simd>(
        &self,
        simd: S,
        query: &[f32],
        limits: &[Range<usize>],
        [values, next_keys]: [&[u16]; 2],
        (partial, rows): (&mut Partial, Range<usize>),
    ) {
        let mut scores = [[0.0; PAGE]; MAX_ROWS];
        self.score_rows(simd, limits.len(), query, values, &mut scores);
        let mut factors = [0.0; MAX_ROWS];
        for (index, (scores, limits)) in scores.iter_mut().zip(limits).enumerate() {
            let row = rows.start + index;
            factors[index] = self.weigh(simd, limits, scores, (&mut partial.maximum[row], &mut partial.sum[row]));
        }
        let row_len = query.len() / limits.len();
        let sums = &mut partial.values[rows.start * row_len..rows.end * row_len];
        self.sum_rows(simd, limits.len(), (&scores, &factors), next_keys, sums);
    }

    /// `scores[row][key] = query[row] · keys[key]`; fetches what comes after the keys.
    #[inline(always)]
    fn score_rows<S: Simd>(&self, simd: S, n_rows: usize, query: &[f32], ahead: &[u16], scores: &mut Scores) {
        // The fewer rows, the more keys at once: about ten sums hide the latency of the multiply-adds. Three registers of
        // sixteen positions are a page.
        match (n_rows, S::Wide::LANES > LANES) {
            (1, true) => self.score::<S, 1, 3>(simd, query, ahead, scores),
            (2, true) => self.score::<S, 2, 3>(simd, query, ahead, scores),
            (5, true) => self.score::<S, 5, 3>(simd, query, ahead, scores),
            (MAX_ROWS, true) => self.score::<S, MAX_ROWS, 3>(simd, query, ahead, scores),
            (1, false) => self.score::<S, 1, 6>(simd, query, ahead, scores),
            (2, false) => self.score::<S, 2, 6>(simd, query, ahead, scores),
            (3, _) => self.score::<S, 3, 3>(simd, query, ahead, scores),
            (4, _) => self.score::<S, 4, 3>(simd, query, ahead, scores),
            (5, false) => self.score::<S, 5, 2>(simd, query, ahead, scores),
            _ => self.score::<S, MAX_ROWS, 2>(simd, query, ahead, scores),
        }
    }

    #[inline(always)]
    fn score<S: Simd, const ROWS: usize, const VECTORS: usize>(
        &self,
        simd: S,
        query: &[f32],
        ahead: &[u16],
        scores: &mut Scores,
    ) {
        let wide = simd.wide();
        let query = query.as_chunks::<ROWS>().0;
        let positions = VECTORS * S::Wide::LANES;
        let mut lines = ahead.chunks((ahead.len() * positions).div_ceil(PAGE).max(1));
        for first in (0..PAGE).step_by(positions) {
            if first >= self.visible.end {
                break;
            }
            let lines = lines.next().unwrap_or_default();
            let mut sums = [[wide.splat(0.0); VECTORS]; ROWS];
            for (dimension, row) in query.iter().enumerate() {
                // A key and its value are as long: a dimension of 32 positions takes a cache line.
                prefetch(simd, lines, dimension);
                if positions > CACHE_LINE {
                    prefetch(simd, lines, query.len() + dimension);
                }
                let mut keys = [wide.splat(0.0); VECTORS];
                for (vector, keys) in keys.iter_mut().enumerate() {
                    *keys = self.numbers.keys(wide, dimension, first + vector * S::Wide::LANES);
                }
                for (sums, query) in sums.iter_mut().zip(row) {
                    let query = wide.splat(*query);
                    for (sum, key) in sums.iter_mut().zip(keys) {
                        *sum = wide.mul_add(query, key, *sum);
                    }
                }
            }
            for (scores, sums) in scores.iter_mut().zip(sums) {
                for (vector, sum) in sums.into_iter().enumerate() {
                    wide.store(sum, &mut scores[first + vector * S::Wide::LANES..]);
                }
            }
        }
    }

    /// Turns a row's scores into weights, and accounts for them in maximum and sum; gives the factor by which that
    /// diminishes earlier sums.
    #[inline(always)]
    fn weigh<S: Simd>(
        &self,
        simd: S,
        limits: &Range<usize>,
        scores: &mut [f32; PAGE],
        (maximum, sum): (&mut f32, &mut f32),
    ) -> f32 {
        self.shape.cap(simd, scores);
        let scores = scores.as_chunks_mut::<LANES>().0;
        if limits.start > self.start || limits.end < self.start + PAGE {
            let first = simd.splat(limits.start.saturating_sub(self.start) as f32);
            let end = simd.splat(limits.end.saturating_sub(self.start) as f32);
            let hidden = simd.splat(f32::NEG_INFINITY);
            for (vector, score) in scores.iter_mut().enumerate() {
                let key = simd.add(simd.splat((vector * LANES) as f32), simd.load(&LANE_INDICES));
                let not_after = simd.select_less(key, end, simd.load(score), hidden);
                simd.store(simd.select_less(key, first, hidden, not_after), score);
            }
        }
        let mut maxima = simd.splat(*maximum);
        for score in scores.iter() {
            maxima = simd.max(simd.load(score), maxima);
        }
        let new_maximum = simd.reduce_max(maxima);
        let mut factor = [0.0; LANES];
        simd.store(simd::exp_of_negative(simd, simd.splat(*maximum - new_maximum)), &mut factor);
        let mut total = simd.splat(0.0);
        for score in scores {
            let weight = simd::exp_of_negative(simd, simd.sub(simd.load(score), simd.splat(new_maximum)));
            total = simd.add(total, weight);
            simd.store(weight, score);
        }
        *maximum = new_maximum;
        *sum = *sum * factor[0] + simd.reduce_add(total);
        factor[0]
    }

    /// `sums[row] = sums[row] · factors[row] + Σ weights[row][key] · values[key]`; fetches what comes after the values.
    #[inline(always)]
    fn sum_rows<S: Simd>(
        &self,
        simd: S,
        n_rows: usize,
        weights: (&Scores, &[f32; MAX_ROWS]),
        ahead: &[u16],
        sums: &mut [f32],
    ) {
        // The fewer rows, the more columns at once, if they divide into as many.
        let n_vectors = sums.len() / n_rows / S::Wide::LANES;
        match (n_rows, n_vectors.is_multiple_of(4), n_vectors.is_multiple_of(2)) {
            (1, true, _) => self.sum::<S, 1, 4>(simd, weights, ahead, sums),
            (2, true, _) => self.sum::<S, 2, 4>(simd, weights, ahead, sums),
            (3, true, _) => self.sum::<S, 3, 4>(simd, weights, ahead, sums),
            (1, _, true) => self.sum::<S, 1, 2>(simd, weights, ahead, sums),
            (2, _, true) => self.sum::<S, 2, 2>(simd, weights, ahead, sums),
            (3, _, true) => self.sum::<S, 3, 2>(simd, weights, ahead, sums),
            (4, _, true) => self.sum::<S, 4, 2>(simd, weights, ahead, sums),
            (5, _, true) => self.sum::<S, 5, 2>(simd, weights, ahead, sums),
            (MAX_ROWS, _, true) => self.sum::<S, MAX_ROWS, 2>(simd, weights, ahead, sums),
            (1, ..) => self.sum::<S, 1, 1>(simd, weights, ahead, sums),
            (2, ..) => self.sum::<S, 2, 1>(simd, weights, ahead, sums),
            (3, ..) => self.sum::<S, 3, 1>(simd, weights, ahead, sums),
            (4, ..) => self.sum::<S, 4, 1>(simd, weights, ahead, sums),
            (5, ..) => self.sum::<S, 5, 1>(simd, weights, ahead, sums),
            _ => self.sum::<S, MAX_ROWS, 1>(simd, weights, ahead, sums),
        }
    }

    #[inline(always)]
    fn sum<S: Simd, const ROWS: usize, const VECTORS: usize>(
        &self,
        simd: S,
        (weights, factors): (&Scores, &[f32; MAX_ROWS]),
        ahead: &[u16],
        sums: &mut [f32],
    ) {
        let wide = simd.wide();
        let row_len = sums.len() / ROWS;
        let columns = VECTORS * S::Wide::LANES;
        let mut lines = ahead.chunks((ahead.len() * columns).div_ceil(row_len).max(1));
        let visible = self.visible.start..self.visible.end.min(PAGE);
        for column in (0..row_len).step_by(columns) {
            let lines = lines.next().unwrap_or_default();
            let mut totals = [[wide.splat(0.0); VECTORS]; ROWS];
            for (row, totals) in totals.iter_mut().enumerate() {
                let factor = wide.splat(factors[row]);
                for (vector, total) in totals.iter_mut().enumerate() {
                    let sum = wide.load(&sums[row * row_len + column + vector * S::Wide::LANES..]);
                    *total = wide.mul(factor, sum);
                }
            }
            for key in visible.clone() {
                prefetch(simd, lines, key);
                let mut values = [wide.splat(0.0); VECTORS];
                for (vector, values) in values.iter_mut().enumerate() {
                    *values = self.numbers.values(wide, key, column + vector * S::Wide::LANES);
                }
                for (totals, weights) in totals.iter_mut().zip(weights) {
                    let weight = wide.splat(weights[key]);
                    for (total, value) in totals.iter_mut().zip(values) {
                        *total = wide.mul_add(weight, value, *total);
                    }
                }
            }
            for (row, totals) in totals.iter().enumerate() {
                for (vector, total) in totals.iter().enumerate() {
                    wide.store(*total, &mut sums[row * row_len + column + vector * S::Wide::LANES..]);
                }
            }
        }
    }
}

const LANE_INDICES: [f32; LANES] = [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0];

/// Fetches a cache line of `words`, if they have so many.
#[inline(always)]
fn prefetch<S: Simd>(simd: S, words: &[u16], line: usize) {
    if let Some(line) = words.get(line * CACHE_LINE..) {
        simd.prefetch(line);
    }
}
