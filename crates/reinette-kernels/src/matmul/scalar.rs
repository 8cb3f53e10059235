//! Dot products in plain Rust.

use super::Matrix;
use super::activations::{Activations, QuantisedRow};
use crate::quant::{GROUP, Group, QuantType, SUBGROUP};

/// Calls `write` with every token and its dot product with a row of weights.
pub(super) fn dots(weights: &Matrix<'_>, row: usize, x: &Activations, mut write: impl FnMut(usize, f32)) {
    match weights.ty() {
        QuantType::F32 | QuantType::F16 | QuantType::BF16 => {
            let mut floats = vec![0.0; x.cols()];
            weights.row_f32(row, &mut floats);
            (0..x.n_tokens()).for_each(|token| write(token, dot_float(&floats, x.row(token))));
        }
        _ => (0..x.n_tokens()).for_each(|token| write(token, dot_quantised(weights.groups(row), x.quantised(token)))),
    }
}

/// The dot product of a row of quantised weights and one row of activations.
fn dot_quantised(groups: impl Iterator<Item = Group>, x: QuantisedRow<'_>) -> f32 {
    let (codes, sums) = (x.codes.as_chunks::<GROUP>().0, x.half_sums.as_chunks::<2>().0);
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
fn dot_float(weights: &[f32], x: &[f32]) -> f32 {
    weights.iter().zip(x).map(|(w, x)| w * x).sum()
}
