//! The right-hand side of a matrix product.

use crate::Compute;
use crate::pool::DisjointMut;
use crate::quant::{GROUP, SUBGROUP};

/// Rows of activations, as floats and quantised to 8 bits; a buffer to be used again and again.
///
/// Each group of 32 activations is quantised symmetrically: `x ≈ scale × code` with codes in −127..=127 and
/// `scale = max |x| / 127`. Rows are padded with zeros to whole groups.
#[derive(Debug, Default)]
pub struct Activations {
    n_tokens: usize,
    cols: usize,
    values: Vec<f32>,
    codes: Vec<i8>,
    scales: Vec<f32>,
    sums: Vec<f32>,
}

/// The quantised activations of one token.
#[derive(Clone, Copy)]
pub(crate) struct QuantisedRow<'a> {
    /// `[groups × 32]`
    pub(crate) codes: &'a [i8],
    /// `[groups]`
    pub(crate) scales: &'a [f32],
    /// `scale × Σ codes` of every 16 activations: `[groups × 2]`
    pub(crate) sums: &'a [f32],
}

impl Activations {
    /// An empty buffer.
    pub fn new() -> Self {
        Self::default()
    }

    /// Number of rows.
    pub fn n_tokens(&self) -> usize {
        self.n_tokens
    }

    /// Length of a row.
    pub fn cols(&self) -> usize {
        self.cols
    }

    /// Replaces the contents by `x` and quantises it.
    ///
    /// # Shapes
    /// `x` is `[n_tokens, cols]`.
    ///
    /// # Panics
    /// If `x` is not whole rows.
    pub fn set(&mut self, compute: &Compute, x: &[f32], cols: usize) {
        assert!(cols > 0 && x.len().is_multiple_of(cols), "{} activations in rows of {cols}", x.len());
        self.cols = cols;
        self.n_tokens = x.len() / cols;
        self.values.clear();
        self.values.extend_from_slice(x);
        let groups = cols.div_ceil(GROUP);
        self.codes.resize(self.n_tokens * groups * GROUP, 0);
        self.scales.resize(self.n_tokens * groups, 0.0);
        self.sums.resize(self.n_tokens * groups * 2, 0.0);
        let codes = DisjointMut::new(&mut self.codes);
        let scales = DisjointMut::new(&mut self.scales);
        let sums = DisjointMut::new(&mut self.sums);
        compute.pool.run(self.n_tokens, |token| {
            // SAFETY: every token is one chunk, and its rows overlap no other token's.
            #[expect(unsafe_code, reason = "rows are written in parallel")]
            let (codes, scales, sums) = unsafe {
                (
                    codes.part(token * groups * GROUP..(token + 1) * groups * GROUP),
                    scales.part(token * groups..(token + 1) * groups),
                    sums.part(token * groups * 2..(token + 1) * groups * 2),
                )
            };
            quantise(&x[token * cols..][..cols], codes, scales, sums);
        });
    }

    /// Row `token` as floats: `[cols]`.
    pub(crate) fn row(&self, token: usize) -> &[f32] {
        &self.values[token * self.cols..][..self.cols]
    }

    /// Row `token` in its quantised form.
    pub(crate) fn quantised(&self, token: usize) -> QuantisedRow<'_> {
        let groups = self.cols.div_ceil(GROUP);
        QuantisedRow {
            codes: &self.codes[token * groups * GROUP..][..groups * GROUP],
            scales: &self.scales[token * groups..][..groups],
            sums: &self.sums[token * groups * 2..][..groups * 2],
        }
    }
}

fn quantise(x: &[f32], codes: &mut [i8], scales: &mut [f32], sums: &mut [f32]) {
    let (codes, sums) = (codes.as_chunks_mut::<GROUP>().0, sums.as_chunks_mut::<2>().0);
    for (((x, codes), scale), sums) in x.chunks(GROUP).zip(codes).zip(scales).zip(sums) {
        let mut group = [0.0; GROUP];
        group[..x.len()].copy_from_slice(x);
        let largest = group.iter().fold(0.0_f32, |largest, x| largest.max(x.abs()));
        *scale = largest / 127.0;
        let inverse = if largest > 0.0 { 127.0 / largest } else { 0.0 };
        for (code, x) in codes.iter_mut().zip(group) {
            #[expect(clippy::cast_possible_truncation, reason = "in −127..=127; NaN becomes 0")]
            let rounded = (x * inverse).round_ties_even() as i8;
            *code = rounded;
        }
        for (sum, codes) in sums.iter_mut().zip(codes.as_chunks::<SUBGROUP>().0) {
            *sum = *scale * f32::from(codes.iter().map(|&code| i16::from(code)).sum::<i16>());
        }
    }
}
