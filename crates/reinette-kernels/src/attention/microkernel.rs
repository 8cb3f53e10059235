//! The innermost loops of prefill: outer products that fill the registers.

use super::partial;
use crate::ops::simd::{LANES, Simd};

/// Rows of a register tile.
pub(super) const ROWS: usize = 6;
/// Columns of a register tile. 6 × 2 vectors of sums, 2 of columns and 1 row fill 15 of AVX2's 16 registers.
pub(super) const COLUMNS: usize = 2 * LANES;

/// Sums held in registers, `[ROWS, COLUMNS]`.
pub(super) type Tile<S> = [[<S as Simd>::F32; 2]; ROWS];

/// All sums 0.
#[inline(always)]
pub(super) fn zero<S: Simd>(simd: S) -> Tile<S> {
    [[simd.splat(0.0); 2]; ROWS]
}

/// Adds the outer product of a column of [`ROWS`] and a row of [`COLUMNS`].
#[inline(always)]
fn add_outer_product<S: Simd>(simd: S, tile: &mut Tile<S>, column: [f32; ROWS], row: &[f32; COLUMNS]) {
    let row = row.as_chunks::<LANES>().0;
    let row = [simd.load(&row[0]), simd.load(&row[1])];
    for (sums, value) in tile.iter_mut().zip(column) {
        let value = simd.splat(value);
        sums[0] = simd.mul_add(value, row[0], sums[0]);
        sums[1] = simd.mul_add(value, row[1], sums[1]);
    }
}

/// Adds `leftᵀ · panel`, where `left` is [`ROWS`] columns, from `column` on, of `[depth, stride]`, and `panel` is
/// `[depth, COLUMNS]`.
#[inline(always)]
pub(super) fn add_columns_product<S: Simd>(
    simd: S,
    tile: &mut Tile<S>,
    (left, stride): (&[f32], usize),
    column: usize,
    panel: &[[f32; COLUMNS]],
) {
    for (left, row) in left.chunks_exact(stride).zip(panel) {
        if let Some(left) = left[column..].first_chunk::<ROWS>() {
            add_outer_product(simd, tile, *left, row);
        }
    }
}

/// Reads a tile of `[rows, stride]`.
#[inline(always)]
pub(super) fn load<S: Simd>(simd: S, from: &[f32], stride: usize) -> Tile<S> {
    let mut tile = zero(simd);
    for (row, sums) in tile.iter_mut().enumerate() {
        let values = from[row * stride..][..COLUMNS].as_chunks::<LANES>().0;
        *sums = [simd.load(&values[0]), simd.load(&values[1])];
    }
    tile
}

/// Reads a tile of `[rows, stride]`, each row times its factor.
#[inline(always)]
pub(super) fn load_scaled<S: Simd>(simd: S, from: &[f32], stride: usize, factors: &[f32]) -> Tile<S> {
    let mut tile = zero(simd);
    for (row, sums) in tile.iter_mut().enumerate() {
        let factor = simd.splat(factors[row]);
        let values = from[row * stride..][..COLUMNS].as_chunks::<LANES>().0;
        *sums = [simd.mul(factor, simd.load(&values[0])), simd.mul(factor, simd.load(&values[1]))];
    }
    tile
}

/// Two tiles, each row times its factor of those of its tile.
#[inline(always)]
pub(super) fn added<S: Simd>(simd: S, factors: [&[f32]; 2], [own, later]: [&Tile<S>; 2]) -> Tile<S> {
    let mut tile = zero(simd);
    for (row, sums) in tile.iter_mut().enumerate() {
        let factors = [simd.splat(factors[0][row]), simd.splat(factors[1][row])];
        for (half, sum) in sums.iter_mut().enumerate() {
            *sum = partial::added(simd, factors, [own[row][half], later[row][half]]);
        }
    }
    tile
}

/// Writes a tile into `[rows, stride]`.
#[inline(always)]
pub(super) fn store<S: Simd>(simd: S, tile: &Tile<S>, to: &mut [f32], stride: usize) {
    for (row, sums) in tile.iter().enumerate() {
        let values = to[row * stride..][..COLUMNS].as_chunks_mut::<LANES>().0;
        simd.store(sums[0], &mut values[0]);
        simd.store(sums[1], &mut values[1]);
    }
}
