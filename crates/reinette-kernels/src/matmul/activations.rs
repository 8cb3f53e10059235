//! The right-hand side of a matrix product.

#[cfg(target_arch = "x86_64")]
use super::interleaved::{TILE_TOKENS, TileGroup, interleave};
use super::quantise;
use crate::Compute;
#[cfg(target_arch = "x86_64")]
use crate::instruction_set::Kind;
use crate::pool::DisjointMut;
use crate::quant::GROUP;

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
    half_sums: Vec<f32>,
    pair_sums: Vec<[i16; 2]>,
    /// `[tokens / TILE_TOKENS, groups]`; empty if no kernel would read it.
    #[cfg(target_arch = "x86_64")]
    interleaved: Vec<TileGroup>,
}

/// The quantised activations of one token, or of several one after the other.
#[derive(Clone, Copy)]
pub(crate) struct QuantisedRow<'a> {
    /// `[groups × 32]`
    pub(crate) codes: &'a [i8],
    /// `[groups]`
    pub(crate) scales: &'a [f32],
    /// `scale × Σ codes` of every group: `[groups]`
    pub(crate) sums: &'a [f32],
    /// `scale × Σ codes` of every 16 activations: `[groups × 2]`
    pub(crate) half_sums: &'a [f32],
    /// The sums of the codes at places 0, 1, 4, 5, … and at 2, 3, 6, 7, … of every 16 activations: `[groups × 2]`
    #[cfg_attr(not(target_arch = "x86_64"), expect(dead_code, reason = "what sums of products in 16 bits start with"))]
    pub(crate) pair_sums: &'a [[i16; 2]],
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
        let groups = self.groups();
        self.values.resize(x.len(), 0.0);
        self.codes.resize(self.n_tokens * groups * GROUP, 0);
        self.scales.resize(self.n_tokens * groups, 0.0);
        self.sums.resize(self.n_tokens * groups, 0.0);
        self.half_sums.resize(self.n_tokens * groups * 2, 0.0);
        self.pair_sums.resize(self.n_tokens * groups * 2, [0; 2]);
        let values = DisjointMut::new(&mut self.values);
        let codes = DisjointMut::new(&mut self.codes);
        let scales = DisjointMut::new(&mut self.scales);
        let sums = DisjointMut::new(&mut self.sums);
        let half_sums = DisjointMut::new(&mut self.half_sums);
        let pair_sums = DisjointMut::new(&mut self.pair_sums);
        compute.pool.run(self.n_tokens, |token| {
            let range = |per_group: usize| token * groups * per_group..(token + 1) * groups * per_group;
            // SAFETY: every token is one chunk, and its rows overlap no other token's.
            #[expect(unsafe_code, reason = "rows are written in parallel")]
            let rows = unsafe {
                quantise::Rows {
                    values: values.part(token * cols..(token + 1) * cols),
                    codes: codes.part(range(GROUP)),
                    scales: scales.part(range(1)),
                    sums: sums.part(range(1)),
                    half_sums: half_sums.part(range(2)),
                    pair_sums: pair_sums.part(range(2)),
                }
            };
            quantise::quantise(compute.set, &x[token * cols..][..cols], rows);
        });
        #[cfg(target_arch = "x86_64")]
        self.interleave(compute);
    }

    #[cfg(target_arch = "x86_64")]
    fn interleave(&mut self, compute: &Compute) {
        if compute.set.kind() != Kind::Avx512 || self.n_tokens < super::TILES_FROM_TOKENS {
            self.interleaved.clear();
            return;
        }
        let (tiles, groups) = (self.n_tokens.div_ceil(TILE_TOKENS), self.groups());
        let mut interleaved = std::mem::take(&mut self.interleaved);
        interleaved.resize(tiles * groups, TileGroup::ZERO);
        let out = DisjointMut::new(&mut interleaved);
        compute.pool.run(tiles, |tile| {
            // SAFETY: every tile is one chunk, and its groups overlap no other tile's.
            #[expect(unsafe_code, reason = "tiles are written in parallel")]
            let out = unsafe { out.part(tile * groups..(tile + 1) * groups) };
            let tokens = tile * TILE_TOKENS..self.n_tokens.min((tile + 1) * TILE_TOKENS);
            interleave(tokens.map(|token| self.quantised(token)), out);
        });
        self.interleaved = interleaved;
    }

    /// Groups of 32 activations of a row.
    pub(super) fn groups(&self) -> usize {
        self.cols.div_ceil(GROUP)
    }

    /// The groups of the first tokens side by side, then those of the next ones; empty if there are few tokens, or they
    /// were set with instructions whose kernels do not read this.
    #[cfg(target_arch = "x86_64")]
    pub(super) fn interleaved(&self) -> &[TileGroup] {
        &self.interleaved
    }

    /// Row `token` as floats: `[cols]`.
    pub(crate) fn row(&self, token: usize) -> &[f32] {
        &self.values[token * self.cols..][..self.cols]
    }

    /// All rows in their quantised form, one after the other.
    pub(crate) fn all_quantised(&self) -> QuantisedRow<'_> {
        QuantisedRow {
            codes: &self.codes,
            scales: &self.scales,
            sums: &self.sums,
            half_sums: &self.half_sums,
            pair_sums: &self.pair_sums,
        }
    }

    /// Row `token` in its quantised form.
    pub(crate) fn quantised(&self, token: usize) -> QuantisedRow<'_> {
        let groups = self.groups();
        QuantisedRow {
            codes: &self.codes[token * groups * GROUP..][..groups * GROUP],
            scales: &self.scales[token * groups..][..groups],
            sums: &self.sums[token * groups..][..groups],
            half_sums: &self.half_sums[token * groups * 2..][..groups * 2],
            pair_sums: &self.pair_sums[token * groups * 2..][..groups * 2],
        }
    }
}
