//! The innermost loops of prefill: outer products that fill the registers.
//!
//! A tile has `ROWS` rows of [`COLUMNS`] columns, which are `VECTORS` registers. 6 × 2 registers of sums, 2 of columns and 1
//! row fill 15 of AVX2's 16; of AVX-512's, 12 × 1 hide the latency of the multiply-adds.

use super::partial;
use crate::ops::simd::Wide;

/// Columns of a tile.
pub(super) const COLUMNS: usize = 16;
/// What the rows that are laid out are a multiple of: the rows of any tile, and columns.
pub(super) const ROW_GRANULE: usize = 48;

/// Sums held in registers.
pub(super) type Tile<W, const ROWS: usize, const VECTORS: usize> = [[<W as Wide>::F32; VECTORS]; ROWS];

/// All sums 0.
#[inline(always)]
pub(super) fn zero<W: Wide, const ROWS: usize, const VECTORS: usize>(wide: W) -> Tile<W, ROWS, VECTORS> {
    [[wide.splat(0.0); VECTORS]; ROWS]
}

/// Adds `leftᵀ · panel`, where `left` is `ROWS` columns, from `column` on, of `[depth, stride]`, and `panel` is
/// `[depth, COLUMNS]`.
#[inline(always)]
pub(super) fn add_columns_product<W: Wide, const ROWS: usize, const VECTORS: usize>(
    wide: W,
    tile: &mut Tile<W, ROWS, VECTORS>,
    (left, stride): (&[f32], usize),
    column: usize,
    panel: &[[f32; COLUMNS]],
) {
    for (left, row) in left.chunks_exact(stride).zip(panel) {
        let Some(left) = left[column..].first_chunk::<ROWS>() else { continue };
        let mut vectors = [wide.splat(0.0); VECTORS];
        for (index, vector) in vectors.iter_mut().enumerate() {
            *vector = wide.load(&row[index * W::LANES..]);
        }
        for (sums, value) in tile.iter_mut().zip(left) {
            let value = wide.splat(*value);
            for (sum, vector) in sums.iter_mut().zip(vectors) {
                *sum = wide.mul_add(value, vector, *sum);
            }
        }
    }
}

/// Reads a tile of `[rows, stride]`.
#[inline(always)]
pub(super) fn load<W: Wide, const ROWS: usize, const VECTORS: usize>(
    wide: W,
    from: &[f32],
    stride: usize,
) -> Tile<W, ROWS, VECTORS> {
    let mut tile = zero(wide);
    for (row, sums) in tile.iter_mut().enumerate() {
        for (index, sum) in sums.iter_mut().enumerate() {
            *sum = wide.load(&from[row * stride + index * W::LANES..]);
        }
    }
    tile
}

/// Multiplies each row with its factor.
#[inline(always)]
pub(super) fn scale<W: Wide, const ROWS: usize, const VECTORS: usize>(
    wide: W,
    tile: &mut Tile<W, ROWS, VECTORS>,
    factors: &[f32],
) {
    for (sums, factor) in tile.iter_mut().zip(factors) {
        let factor = wide.splat(*factor);
        for sum in sums {
            *sum = wide.mul(factor, *sum);
        }
    }
}

/// Adds `later` to `tile`, each row times its factor of those of its tile.
#[inline(always)]
pub(super) fn add<W: Wide, const ROWS: usize, const VECTORS: usize>(
    wide: W,
    factors: [&[f32]; 2],
    tile: &mut Tile<W, ROWS, VECTORS>,
    later: &Tile<W, ROWS, VECTORS>,
) {
    for (row, (sums, later)) in tile.iter_mut().zip(later).enumerate() {
        let factors = [wide.splat(factors[0][row]), wide.splat(factors[1][row])];
        for (sum, later) in sums.iter_mut().zip(later) {
            *sum = partial::added(wide, factors, [*sum, *later]);
        }
    }
}

/// Writes a tile into `[rows, stride]`.
#[inline(always)]
pub(super) fn store<W: Wide, const ROWS: usize, const VECTORS: usize>(
    wide: W,
    tile: &Tile<W, ROWS, VECTORS>,
    to: &mut [f32],
    stride: usize,
) {
    for (row, sums) in tile.iter().enumerate() {
        for (index, sum) in sums.iter().enumerate() {
            wide.store(*sum, &mut to[row * stride + index * W::LANES..]);
        }
    }
}
