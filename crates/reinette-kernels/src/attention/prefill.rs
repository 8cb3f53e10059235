//! Several tokens: tiles of query rows against blocks of keys, with a running softmax.
//!
//! Scores are kept transposed, `[keys, rows]`: then the query is the only operand that must be transposed (once), the
//! softmax runs down the keys without horizontal steps, and the weights lie as the second product needs them.

use std::cell::RefCell;
use std::ops::Range;
use std::sync::MutexGuard;

use super::cache::{KvType, PAGE};
use super::microkernel::{self, COLUMNS, ROW_GRANULE};
use super::numbers::{Codes, Halves, Numbers};
use super::partial::Partial;
use super::plan::Part;
use super::{AttentionShape, Inputs};
use crate::InstructionSet;
use crate::ops::simd::{self, Kernel, LANES, Simd, Wide, dispatch};

/// Dimensions that all scores of a page are summed over before the next ones: their keys take 12 KiB, which stay in the
/// level-one cache while all query rows pass.
const SCORE_DEPTH: usize = 64;

thread_local! {
    /// What this thread's last part worked on, whose memory is used again, and a chunk to be added to others.
    static WORKSPACE: RefCell<(Workspace, Partial)> = RefCell::default();
}

/// Sets `partials` to the attention of the tokens of `part` over the chunks of its keys, or the only one to that over
/// all.
pub(super) fn compute(set: InstructionSet, inputs: &Inputs<'_>, part: &Part, partials: &mut [MutexGuard<'_, Partial>]) {
    WORKSPACE.with_borrow_mut(|(workspace, chunk)| {
        workspace.prepare(inputs, part);
        for (index, keys) in part.chunks().enumerate() {
            if let Some(partial) = partials.get_mut(index) {
                dispatch(set, Prefill { inputs, part, keys, workspace, partial, total: None });
            } else if let Some(total) = partials.first_mut() {
                dispatch(set, Prefill { inputs, part, keys, workspace, partial: chunk, total: Some(total) });
            }
        }
    });
}

/// The attention over the keys of a chunk.
struct Prefill<'a> {
    inputs: &'a Inputs<'a>,
    part: &'a Part,
    keys: Range<usize>,
    workspace: &'a mut Workspace,
    partial: &'a mut Partial,
    /// What it is added to.
    total: Option<&'a mut Partial>,
}

/// What a part works on. The rows are padded to whole tiles; what the padding holds and computes is never read.
#[derive(Default)]
struct Workspace {
    /// Query rows, as stored: a multiple of [`ROW_GRANULE`].
    n_rows: usize,
    row_len: usize,
    /// `[n_rows / COLUMNS, row_len, COLUMNS]`, scaled.
    query: Vec<f32>,
    /// `[row_len, PAGE]`.
    keys: Vec<f32>,
    /// `[row_len / COLUMNS, PAGE, COLUMNS]`.
    values: Vec<f32>,
    /// Scores, then their exponentials, `[PAGE, n_rows]`.
    scores: Vec<f32>,
    /// By what the last page diminishes earlier sums, `[n_rows]`.
    corrections: Vec<f32>,
    /// By what a total, and a chunk that is added to it, are multiplied, `[n_rows]`.
    factors: [Vec<f32>; 2],
    /// First and last key that a row attends to, counted from the first of the part, `[n_rows]`.
    limits: [Vec<f32>; 2],
}

impl Kernel for Prefill<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Self { inputs, part, keys, workspace, partial, mut total } = self;
        let (kv, shape) = (inputs.kv, inputs.shape);
        let first_query = inputs.first_position + part.tokens.start;
        let last_query = inputs.first_position + part.tokens.end - 1;
        // What all rows attend to.
        let common = shape.first_key(last_query)..shape.end_key(first_query, inputs.end);
        partial.reset(workspace.n_rows, workspace.row_len);
        let pages = keys.start / PAGE..keys.end.div_ceil(PAGE);
        for page in pages.clone() {
            let start = page * PAGE;
            let n_keys = keys.end.min(start + PAGE) - start;
            let all_visible = n_keys == PAGE && common.start <= start && start + PAGE <= common.end;
            let visible = if all_visible { Visible::All } else { Visible::From(start as f32 - part.keys.start as f32) };
            let words = kv.pages(part.kv_head, page..page + 1);
            match kv.ty() {
                KvType::F16 => workspace.widen::<S, Halves<'_>>(simd, words),
                KvType::Q8 => workspace.widen::<S, Codes<'_>>(simd, words),
            }
            workspace.score(simd, n_keys);
            workspace.weigh(simd, shape, n_keys, visible, partial);
            let total = total.as_deref_mut().filter(|_| page + 1 == pages.end);
            let total = total.map(|total| {
                total.add_sums(simd, partial, &mut workspace.factors);
                total.values.as_mut_slice()
            });
            let earlier = if page == pages.start { Earlier::None } else { Earlier::Pages };
            workspace.sum_values(simd, n_keys, earlier, (&mut partial.values, total));
        }
    }
}

/// Which keys of a page the rows attend to.
#[derive(Clone, Copy)]
enum Visible {
    All,
    /// Those within each row's limits; the page begins at this key, counted from the first of the part.
    From(f32),
}

/// What sums begin with.
#[derive(Clone, Copy)]
enum Earlier {
    /// Zero: the page is the first of its chunk.
    None,
    /// The sums over the pages before.
    Pages,
}

impl Workspace {
    /// Makes room for the part and lays out its queries.
    fn prepare(&mut self, inputs: &Inputs<'_>, part: &Part) {
        let group = inputs.shape.group();
        let row_len = inputs.kv.row_len();
        let used_rows = part.tokens.len() * group;
        let n_rows = used_rows.next_multiple_of(ROW_GRANULE);
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
        self.keys.resize(PAGE * row_len, 0.0);
        self.values.resize(PAGE * row_len, 0.0);
        self.scores.resize(PAGE * n_rows, 0.0);
        self.corrections.resize(n_rows, 0.0);
    }

    /// Brings the keys and values of a page into `keys` and `values`.
    #[inline(always)]
    fn widen<'a, S: Simd, N: Numbers<'a>>(&mut self, simd: S, page: &'a [u16]) {
        let (numbers, wide) = (N::new(page, self.row_len), simd.wide());
        for (dimension, row) in self.keys.as_chunks_mut::<PAGE>().0.iter_mut().enumerate() {
            for position in (0..PAGE).step_by(S::Wide::LANES) {
                wide.store(numbers.keys(wide, dimension, position), &mut row[position..]);
            }
        }
        let panels = self.values.as_chunks_mut::<COLUMNS>().0.chunks_exact_mut(PAGE);
        for (panel, rows) in panels.enumerate() {
            for (position, row) in rows.iter_mut().enumerate() {
                for column in (0..COLUMNS).step_by(S::Wide::LANES) {
                    wide.store(numbers.values(wide, position, panel * COLUMNS + column), &mut row[column..]);
                }
            }
        }
    }

    /// Scores of the first `n_keys` keys of the page, and of some more that are masked.
    #[inline(always)]
    fn score<S: Simd>(&mut self, simd: S, n_keys: usize) {
        match S::Wide::LANES {
            COLUMNS => self.score_by::<S::Wide, 12, 1>(simd.wide(), n_keys),
            _ => self.score_by::<S::Wide, 6, 2>(simd.wide(), n_keys),
        }
    }

    #[inline(always)]
    fn score_by<W: Wide, const ROWS: usize, const VECTORS: usize>(&mut self, wide: W, n_keys: usize) {
        for first in (0..self.row_len).step_by(SCORE_DEPTH) {
            let dimensions = first..(first + SCORE_DEPTH).min(self.row_len);
            let keys = &self.keys[dimensions.start * PAGE..dimensions.end * PAGE];
            let panels = self.query.as_chunks::<COLUMNS>().0.chunks_exact(self.row_len);
            for (panel, query) in panels.enumerate() {
                for key in (0..n_keys).step_by(ROWS) {
                    let scores = &mut self.scores[key * self.n_rows + panel * COLUMNS..];
                    let mut tile = match first {
                        0 => microkernel::zero::<W, ROWS, VECTORS>(wide),
                        _ => microkernel::load(wide, scores, self.n_rows),
                    };
                    let query = &query[dimensions.clone()];
                    microkernel::add_columns_product(wide, &mut tile, (keys, PAGE), key, query);
                    microkernel::store(wide, &tile, scores, self.n_rows);
                }
            }
        }
    }

    /// Turns the scores of the page into weights, and accounts for them in maximum and sum.
    #[inline(always)]
    fn weigh<S: Simd>(
        &mut self,
        simd: S,
        shape: &AttentionShape,
        n_keys: usize,
        visible: Visible,
        partial: &mut Partial,
    ) {
        // What is beyond the last key is hidden from all rows.
        let n_keys = n_keys.next_multiple_of(LANES);
        let scores = &mut self.scores[..n_keys * self.n_rows];
        shape.cap(simd, scores);
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
            let mut totals = [simd.splat(0.0); LANES];
            for first in (0..n_keys).step_by(LANES) {
                for (key, total) in totals.iter_mut().enumerate() {
                    let score = &mut scores[(first + key) * stride + column];
                    let weight = simd::exp_of_negative(simd, simd.sub(simd.load(score), new_maximum));
                    *total = simd.add(*total, weight);
                    simd.store(weight, score);
                }
            }
            simd.store(new_maximum, maximum);
            simd.store(simd.add(simd.mul(simd.load(sum), factor), add_by_halves(simd, totals)), sum);
            simd.store(factor, correction);
        }
    }

    /// `sums = sums · corrections + weightsᵀ · values`; of the last page, these are added to the total instead.
    #[inline(always)]
    fn sum_values<S: Simd>(
        &mut self,
        simd: S,
        n_keys: usize,
        earlier: Earlier,
        sums: (&mut [f32], Option<&mut [f32]>),
    ) {
        match S::Wide::LANES {
            COLUMNS => self.sum_values_by::<S::Wide, 12, 1>(simd.wide(), n_keys, earlier, sums),
            _ => self.sum_values_by::<S::Wide, 6, 2>(simd.wide(), n_keys, earlier, sums),
        }
    }

    #[inline(always)]
    fn sum_values_by<W: Wide, const ROWS: usize, const VECTORS: usize>(
        &mut self,
        wide: W,
        n_keys: usize,
        earlier: Earlier,
        (sums, mut total): (&mut [f32], Option<&mut [f32]>),
    ) {
        let panels = self.values.as_chunks::<COLUMNS>().0.chunks_exact(PAGE);
        let weights = &self.scores[..n_keys * self.n_rows];
        for (panel, values) in panels.enumerate() {
            for row in (0..self.n_rows).step_by(ROWS) {
                let place = row * self.row_len + panel * COLUMNS;
                let sums = &mut sums[place..];
                let mut tile = microkernel::zero::<W, ROWS, VECTORS>(wide);
                if let Earlier::Pages = earlier {
                    tile = microkernel::load(wide, sums, self.row_len);
                    microkernel::scale(wide, &mut tile, &self.corrections[row..row + ROWS]);
                }
                microkernel::add_columns_product(wide, &mut tile, (weights, self.n_rows), row, values);
                if let Some(total) = &mut total {
                    let total = &mut total[place..];
                    let factors = [0, 1].map(|index| &self.factors[index][row..row + ROWS]);
                    let mut whole = microkernel::load(wide, total, self.row_len);
                    microkernel::add(wide, factors, &mut whole, &tile);
                    microkernel::store(wide, &whole, total, self.row_len);
                } else {
                    microkernel::store(wide, &tile, sums, self.row_len);
                }
            }
        }
    }
}

/// The sum of vectors, in the order in which [`Simd::reduce_add`] sums up lanes.
#[inline(always)]
fn add_by_halves<S: Simd>(simd: S, vectors: [S::F32; LANES]) -> S::F32 {
    let mut fours = [simd.splat(0.0); LANES / 2];
    for (index, four) in fours.iter_mut().enumerate() {
        *four = simd.add(vectors[index], vectors[index + LANES / 2]);
    }
    simd.add(simd.add(fours[0], fours[2]), simd.add(fours[1], fours[3]))
}

/// Sets the scores of keys outside a row's limits to -∞. `scores` is `[keys, rows]`, from `first_key` on.
#[inline(always)]
fn mask<S: Simd>(simd: S, scores: &mut [f32], first_key: f32, limits: &[Vec<f32>; 2]) {
    let hidden = simd.splat(f32::NEG_INFINITY);
    for (key, scores) in scores.chunks_exact_mut(limits[0].len()).enumerate() {
        let key = simd.splat(first_key + key as f32);
        let scores = scores.as_chunks_mut::<LANES>().0.iter_mut();
        let limits = limits[0].as_chunks::<LANES>().0.iter().zip(limits[1].as_chunks::<LANES>().0);
        for (score, (first, last)) in scores.zip(limits) {
            let not_before = simd.select_less(key, simd.load(first), hidden, simd.load(score));
            simd.store(simd.select_less(simd.load(last), key, hidden, not_before), score);
        }
    }
}
