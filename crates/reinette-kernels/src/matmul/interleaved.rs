//! The activations of several tokens side by side, so that a kernel for many tokens reads one stream.

use super::activations::QuantisedRow;
use crate::quant::{GROUP, STEP};

/// Tokens that stand side by side: their sums and totals take 24 of the 32 registers of AVX-512. With 8 tokens, too few
/// sums are under way to hide how long a product takes (5% of the time).
pub(super) const TILE_TOKENS: usize = 12;

/// A group of 32 activations of each of some tokens.
#[repr(C, align(64))]
#[derive(Clone, Copy, Debug)]
pub(super) struct TileGroup {
    /// `[step][token]`: the bytes are four consecutive codes.
    pub(super) codes: [[i32; TILE_TOKENS]; GROUP / STEP],
    /// `[token]`
    pub(super) scales: [f32; TILE_TOKENS],
    /// `[token]`: `scale × Σ codes`
    pub(super) sums: [f32; TILE_TOKENS],
    /// `[token]`: the lower and the upper 16 bits are `Σ codes` of the first and the second 16 activations.
    pub(super) code_sums: [i32; TILE_TOKENS],
    /// `[half][token]`: `scale × Σ codes` of 16 activations
    pub(super) half_sums: [[f32; TILE_TOKENS]; 2],
}

impl TileGroup {
    pub(super) const ZERO: Self = Self {
        codes: [[0; TILE_TOKENS]; GROUP / STEP],
        scales: [0.0; TILE_TOKENS],
        sums: [0.0; TILE_TOKENS],
        code_sums: [0; TILE_TOKENS],
        half_sums: [[0.0; TILE_TOKENS]; 2],
    };
}

/// Puts tokens side by side, at most [`TILE_TOKENS`]; the places of others become zeros.
pub(super) fn interleave<'a>(tokens: impl Iterator<Item = QuantisedRow<'a>>, out: &mut [TileGroup]) {
    out.fill(TileGroup::ZERO);
    for (token, row) in tokens.enumerate() {
        let codes = row.codes.as_chunks::<STEP>().0.as_chunks::<{ GROUP / STEP }>().0;
        for (index, (out, codes)) in out.iter_mut().zip(codes).enumerate() {
            for (out, four) in out.codes.iter_mut().zip(codes) {
                out[token] = i32::from_le_bytes(four.map(i8::cast_unsigned));
            }
            let [first, second] = [0, 1].map(|half| row.pair_sums[2 * index + half].iter().sum::<i16>());
            out.code_sums[token] = i32::from(second) << 16 | i32::from(first.cast_unsigned());
            out.scales[token] = row.scales[index];
            out.sums[token] = row.sums[index];
            out.half_sums[0][token] = row.half_sums[2 * index];
            out.half_sums[1][token] = row.half_sums[2 * index + 1];
        }
    }
}
