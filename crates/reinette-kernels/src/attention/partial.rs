//! Attention over some of the keys, and its completion.

use super::AttentionShape;
use crate::InstructionSet;
use crate::ops::simd::{self, Kernel, LANES, Simd, Wide, dispatch};

/// Attention of some query rows over some keys, not yet normalised. Row = token · group + head of the group.
///
/// A row that attends to none of the keys has the least maximum, so that it counts for nothing beside one that does.
#[derive(Debug, Default)]
pub(super) struct Partial {
    row_len: usize,
    /// The greatest score, at least [`f32::MIN`]: `[rows]`, filled up to whole vectors.
    pub(super) maximum: Vec<f32>,
    /// Σ e^(score - maximum): `[rows]`, filled up to whole vectors.
    pub(super) sum: Vec<f32>,
    /// Σ e^(score - maximum) · value: `[rows, row_len]`.
    pub(super) values: Vec<f32>,
}

impl Partial {
    /// Makes room, for attention over no keys as far as maxima and sums are concerned. What the values are is left open.
    pub(super) fn reset(&mut self, n_rows: usize, row_len: usize) {
        self.row_len = row_len;
        let padded_rows = n_rows.next_multiple_of(LANES);
        for (numbers, value) in [(&mut self.maximum, f32::MIN), (&mut self.sum, 0.0)] {
            numbers.clear();
            numbers.resize(padded_rows, value);
        }
        self.values.resize(n_rows * row_len, 0.0);
    }

    /// Adds the maxima and sums of `later`, which is of the same rows, and sets `factors` to what own values and those
    /// of `later` are to be multiplied with, `[rows]` each.
    #[inline(always)]
    pub(super) fn add_sums<S: Simd>(&mut self, simd: S, later: &Self, factors: &mut [Vec<f32>; 2]) {
        let [own_factors, later_factors] = factors;
        own_factors.resize(self.maximum.len(), 0.0);
        later_factors.resize(self.maximum.len(), 0.0);
        let maxima = self.maximum.as_chunks_mut::<LANES>().0.iter_mut().zip(later.maximum.as_chunks().0);
        let sums = self.sum.as_chunks_mut::<LANES>().0.iter_mut().zip(later.sum.as_chunks().0);
        let own_factors = own_factors.as_chunks_mut().0.iter_mut();
        let factors = own_factors.zip(later_factors.as_chunks_mut().0);
        for (((maximum, later_maximum), (sum, later_sum)), (own_factor, later_factor)) in maxima.zip(sums).zip(factors)
        {
            let (old, later) = (simd.load(maximum), simd.load(later_maximum));
            let new = simd.max(later, old);
            let own = simd::exp_of_negative(simd, simd.sub(old, new));
            let later = simd::exp_of_negative(simd, simd.sub(later, new));
            let later_sum = simd.mul(simd.load(later_sum), later);
            simd.store(simd.add(simd.mul(simd.load(sum), own), later_sum), sum);
            simd.store(new, maximum);
            simd.store(own, own_factor);
            simd.store(later, later_factor);
        }
    }

    /// Adds the keys of `later`, which is of the same rows.
    #[inline(always)]
    fn add<S: Simd>(&mut self, simd: S, later: &Self, factors: &mut [Vec<f32>; 2]) {
        self.add_sums(simd, later, factors);
        let wide = simd.wide();
        let rows = self.values.chunks_exact_mut(self.row_len).zip(later.values.chunks_exact(self.row_len));
        for (row, (values, later_values)) in rows.enumerate() {
            let factors = [wide.splat(factors[0][row]), wide.splat(factors[1][row])];
            for column in (0..values.len()).step_by(S::Wide::LANES) {
                let both = [wide.load(&values[column..]), wide.load(&later_values[column..])];
                wide.store(added(wide, factors, both), &mut values[column..]);
            }
        }
    }

    /// The weighted mean of the values of a row.
    ///
    /// Sums that differ by keys of weight zero alone may be zeros of other signs: here they become the same.
    fn finish(&self, row: usize, out: &mut [f32]) {
        let inverse = 1.0 / self.sum[row];
        for (out, value) in out.iter_mut().zip(&self.values[row * self.row_len..]) {
            *out = 0.0 + inverse * value;
        }
    }
}

/// Some values, and later ones that are added to them, each times its factor.
#[inline(always)]
pub(super) fn added<W: Wide>(wide: W, factors: [W::F32; 2], [own, later]: [W::F32; 2]) -> W::F32 {
    wide.mul_add(later, factors[1], wide.mul(own, factors[0]))
}

/// Writes the attention of one key/value head's group over all `parts`, in the order of their keys, to `out`,
/// `[tokens of the tile, n_heads, head_dim]`.
pub(super) fn merge(set: InstructionSet, shape: &AttentionShape, kv_head: usize, parts: &[&Partial], out: &mut [f32]) {
    let mut total = Partial::default();
    let total = if let [only] = parts {
        only
    } else {
        dispatch(set, Sum { parts, total: &mut total });
        &total
    };
    let group = shape.group();
    let heads = kv_head * group * shape.head_dim..(kv_head + 1) * group * shape.head_dim;
    let rows = out.chunks_exact_mut(shape.n_heads * shape.head_dim);
    let rows = rows.flat_map(|token| token[heads.clone()].chunks_exact_mut(shape.head_dim));
    for (row, out) in rows.enumerate() {
        total.finish(row, out);
    }
}

/// Sets `total` to the sum of the parts.
struct Sum<'a> {
    parts: &'a [&'a Partial],
    total: &'a mut Partial,
}

impl Kernel for Sum<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let mut factors = [Vec::new(), Vec::new()];
        if let Some(first) = self.parts.first() {
            self.total.reset(first.values.len() / first.row_len, first.row_len);
        }
        for part in self.parts {
            self.total.add(simd, part, &mut factors);
        }
    }
}
