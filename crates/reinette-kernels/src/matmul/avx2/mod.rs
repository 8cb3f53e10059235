//! Matrix products with AVX2, FMA and F16C.

#![expect(unsafe_code, reason = "vector instructions and pointers into blocks")]
#![allow(clippy::wildcard_imports, reason = "the intrinsics are a vocabulary; test builds do not have this lint")]

mod float;
pub(super) mod formats;
mod gemm;
mod gemv;
mod quantise;

use super::activations::QuantisedRow;
use super::{Activations, Matrix, Output, Rows};
use crate::QuantType;
use crate::quant::PACKED_ROWS;
pub(super) use float::dots as float_dots;
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
pub(super) use with_format;

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
            else float_dots(weights, rows, columns, x, out));
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
    // SAFETY: the instructions and the columns are promised; the rows have as many groups as `x`.
    unsafe { packed_dots(weights, rows, columns, x, out, |eight, x| gemv::dot::<F>(eight, x)) }
}

/// Computes the columns `columns` of the product for each token with `dot`, which is given the packed blocks of eight
/// rows and the activations of a token.
///
/// # Safety
/// The weights are packed and nobody else uses these columns of `out`.
#[expect(clippy::inline_always, reason = "code outside the function with the target features would lose them")]
#[inline(always)]
pub(super) unsafe fn packed_dots(
    weights: &Matrix<'_>,
    rows: Rows<'_>,
    columns: Range<usize>,
    x: &Activations,
    out: &Output<'_>,
    dot: impl Fn(*const u8, QuantisedRow<'_>) -> [f32; PACKED_ROWS],
) {
    for token in 0..x.n_tokens() {
        let activations = x.quantised(token);
        let mut first = columns.start;
        while first < columns.end {
            // The columns from here on whose rows are packed together.
            let eight = rows.row(first) / PACKED_ROWS;
            let count = (first..columns.end).take_while(|&column| rows.row(column) / PACKED_ROWS == eight).count();
            let sums = dot(weights.packed_rows(rows.row(first)).as_ptr(), activations);
            // SAFETY: the columns are ours by the promise of the caller.
            let out = unsafe { out.part(token, first..first + count) };
            out.iter_mut().enumerate().for_each(|(index, out)| *out = sums[rows.row(first + index) % PACKED_ROWS]);
            first += count;
        }
    }
}
