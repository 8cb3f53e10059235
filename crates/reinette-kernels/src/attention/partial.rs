//! Attention over some of the keys, and its completion.

use super::AttentionShape;
use crate::InstructionSet;
use crate::ops::simd::{self, Kernel, LANES, Simd, dispatch};

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
    /// Makes it attention over no keys.
    pub(super) fn clear(&mut self, n_rows: usize, row_len: usize) {
        self.row_len = row_len;
        let padded_rows = n_rows.next_multiple_of(LANES);
        for (numbers, len, value) in [
            (&mut self.maximum, padded_rows, f32::MIN),
            (&mut self.sum, padded_rows, 0.0),
            (&mut self.values, n_rows * row_len, 0.0),
        ] {
            numbers.clear();
            numbers.resize(len, value);
        }
    }

    /// Adds the keys of `later`, which is of the same rows.
    #[inline(always)]
    pub(super) fn add<S: Simd>(&mut self, simd: S, later: &Self) {
        let maxima = self.maximum.as_chunks_mut::<LANES>().0.iter_mut().zip(later.maximum.as_chunks().0);
        let sums = self.sum.as_chunks_mut::<LANES>().0.iter_mut().zip(later.sum.as_chunks().0);
        let rows = self.values.chunks_mut(LANES * self.row_len).zip(later.values.chunks(LANES * self.row_len));
        for (((maximum, later_maximum), (sum, later_sum)), (rows, later_rows)) in maxima.zip(sums).zip(rows) {
            let old = [simd.load(maximum), simd.load(later_maximum)];
            let new = simd.max(old[1], old[0]);
            let factors = [
                simd::exp_of_negative(simd, simd.sub(old[0], new)),
                simd::exp_of_negative(simd, simd.sub(old[1], new)),
            ];
            simd.store(new, maximum);
            let later_sum = simd.mul(simd.load(later_sum), factors[1]);
            simd.store(simd.add(simd.mul(simd.load(sum), factors[0]), later_sum), sum);
            let mut lanes = [[0.0; LANES]; 2];
            simd.store(factors[0], &mut lanes[0]);
            simd.store(factors[1], &mut lanes[1]);
            let rows = rows.chunks_exact_mut(self.row_len).zip(later_rows.chunks_exact(self.row_len));
            for (row, (values, later_values)) in rows.enumerate() {
                let factors = [simd.splat(lanes[0][row]), simd.splat(lanes[1][row])];
                let later_values = later_values.as_chunks::<LANES>().0;
                for (value, later_value) in values.as_chunks_mut::<LANES>().0.iter_mut().zip(later_values) {
                    let sum = simd.mul(simd.load(value), factors[0]);
                    simd.store(simd.mul_add(simd.load(later_value), factors[1], sum), value);
                }
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

/// Writes the attention of one key/value head's group over all `parts`, in the order of their keys, to `out`,
/// `[tokens of the tile, n_heads, head_dim]`.
pub(super) fn merge(set: InstructionSet, shape: &AttentionShape, kv_head: usize, parts: &[&Partial], out: &mut [f32]) {
    let mut total = Partial::default();
    let total = match parts {
        [only] => only,
        _ => {
            dispatch(set, Sum { parts, total: &mut total });
            &total
        }
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
        if let Some(first) = self.parts.first() {
            self.total.clear(first.values.len() / first.row_len, first.row_len);
        }
        for part in self.parts {
            self.total.add(simd, part);
        }
    }
}
