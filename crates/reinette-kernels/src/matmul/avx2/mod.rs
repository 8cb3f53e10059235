//! Matrix products with AVX2, FMA and F16C.

#![expect(unsafe_code, reason = "vector instructions and pointers into blocks")]
#![allow(clippy::wildcard_imports, reason = "the intrinsics are a vocabulary; test builds do not have this lint")]

mod float;
mod formats;
mod gemm;
mod gemv;
mod quantise;

use super::{Activations, Matrix, Output, Rows};
use crate::QuantType;
use crate::quant::PACKED_ROWS;
use formats::Format;
use gemm::{tile as quantised_tile, tile_rows as quantised_tile_rows};
pub(super) use quantise::quantise_row;
use std::ops::Range;

/// Calls a function that is generic over the format of a quantised type.
macro_rules! with_format {
    ($ty:expr, $function:ident($($argument:expr),*), else $otherwise:expr) => {
        match $ty {
            QuantType::Q4_0 => $function::<formats::Q4_0>($($argument),*),
            QuantType::Q4_1 => $function::<formats::Q4_1>($($argument),*),
            QuantType::Q5_0 => $function::<formats::Q5_0>($($argument),*),
            QuantType::Q5_1 => $function::<formats::Q5_1>($($argument),*),
            QuantType::Q8_0 => $function::<formats::Q8_0>($($argument),*),
            QuantType::Q2K => $function::<formats::Q2K>($($argument),*),
            QuantType::Q3K => $function::<formats::Q3K>($($argument),*),
            QuantType::Q4K => $function::<formats::Q4K>($($argument),*),
            QuantType::Q5K => $function::<formats::Q5K>($($argument),*),
            QuantType::Q6K => $function::<formats::Q6K>($($argument),*),
            QuantType::F32 | QuantType::F16 | QuantType::BF16 => $otherwise,
        }
    };
}

/// Rows that [`tile`] computes at once; `None` if the type has no such kernel.
pub(super) fn tile_rows(ty: QuantType) -> Option<usize> {
    let rows = with_format!(ty, quantised_tile_rows(), else 0);
    (rows > 0).then_some(rows)
}

/// Computes the columns `columns` of the product for all tokens, unpacking the weights once.
///
/// # Safety
/// Needs AVX2, FMA and F16C; nobody else uses these columns of `out`.
///
/// # Panics
/// If the shapes do not fit each other, the weights are not packed, or there are more columns than [`tile_rows`].
pub(super) unsafe fn tile(weights: &Matrix<'_>, columns: Range<usize>, x: &Activations, out: &Output<'_>) {
    assert!(weights.cols() == x.cols() && Some(columns.len()) <= tile_rows(weights.ty()) && !columns.is_empty());
    // SAFETY: the instructions and the columns are promised, the shapes have been checked.
    unsafe { with_format!(weights.ty(), quantised_tile(weights, columns, x, out), else ()) }
}

/// Computes the columns `columns` of the product for each token by dot products; quantised weights must be packed.
///
/// # Safety
/// As for [`tile`].
pub(super) unsafe fn dots(
    weights: &Matrix<'_>,
    rows: Rows<'_>,
    columns: Range<usize>,
    x: &Activations,
    out: &Output<'_>,
) {
    assert!(weights.cols() == x.cols());
    // SAFETY: the instructions and the columns are promised, the shapes have been checked.
    unsafe {
        with_format!(weights.ty(), quantised_dots(weights, rows, columns, x, out),
            else float::dots(weights, rows, columns, x, out));
    }
}

/// # Safety
/// As for [`tile`]; the weights are of format `F`.
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn quantised_dots<F: Format>(
    weights: &Matrix<'_>,
    rows: Rows<'_>,
    columns: Range<usize>,
    x: &Activations,
    out: &Output<'_>,
) {
    for token in 0..x.n_tokens() {
        let activations = x.quantised(token);
        let mut first = columns.start;
        while first < columns.end {
            // The columns from here on whose rows are packed together.
            let eight = rows.row(first) / PACKED_ROWS;
            let count = (first..columns.end).take_while(|&column| rows.row(column) / PACKED_ROWS == eight).count();
            let packed = weights.packed_rows(rows.row(first)).as_ptr();
            // SAFETY: the rows have as many groups as `x`; the columns are ours by the promise of the caller.
            unsafe {
                let sums = gemv::dot::<F>(packed, activations);
                let out = out.part(token, first..first + count);
                out.iter_mut().enumerate().for_each(|(index, out)| *out = sums[rows.row(first + index) % PACKED_ROWS]);
            }
            first += count;
        }
    }
}
