//! Dot products in plain Rust.

use super::activations::QuantisedRow;
use crate::quant::{GROUP, QuantType, SUBGROUP, group};

/// The dot product of a row of quantised weights and one row of activations.
pub(super) fn dot_quantised(ty: QuantType, weights: &[u8], x: QuantisedRow<'_>) -> f32 {
    let groups_per_block = ty.block_len() / GROUP;
    let blocks = weights.chunks_exact(ty.block_bytes());
    let groups = blocks.flat_map(|block| (0..groups_per_block).map(move |index| group(ty, block, index)));
    let (codes, sums) = (x.codes.as_chunks::<GROUP>().0, x.sums.as_chunks::<2>().0);
    let mut total = 0.0;
    for (((group, codes), scale), sums) in groups.zip(codes).zip(x.scales).zip(sums) {
        for (half, codes) in codes.as_chunks::<SUBGROUP>().0.iter().enumerate() {
            let weights = &group.codes[half * SUBGROUP..][..SUBGROUP];
            let dot: i32 = weights.iter().zip(codes).map(|(&w, &x)| i32::from(w) * i32::from(x)).sum();
            total += group.scales[half] * scale * dot as f32 + group.offsets[half] * sums[half];
        }
    }
    total
}

/// The dot product of a row of float weights and one row of activations.
pub(super) fn dot_float(weights: &[f32], x: &[f32]) -> f32 {
    weights.iter().zip(x).map(|(w, x)| w * x).sum()
}
