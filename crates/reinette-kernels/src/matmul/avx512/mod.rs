//! Matrix products with AVX-512 and VNNI, whose instruction adds four products of 8-bit numbers to a 32-bit sum.
//!
//! Weights are unpacked as for AVX2 and factors computed by the same code, sums of products are the same whole numbers,
//! and floats are rounded at the same places: results have the bits of AVX2's.

#![expect(unsafe_code, reason = "vector instructions and pointers into blocks")]
#![allow(clippy::wildcard_imports, reason = "the intrinsics are a vocabulary; test builds do not have this lint")]

mod gemm;
mod gemv;

use super::avx2::formats::{self, Format};
use super::avx2::{float_dots, packed_dots, with_format};
use super::interleaved::TILE_TOKENS;
use super::{Activations, Matrix, Output, Rows};
use crate::QuantType;
pub(super) use gemm::TILE_ROWS;
use gemm::tile as quantised_tile;
use std::ops::Range;

/// What is subtracted from unsigned codes: as for AVX2, and 128 where codes of 8 bits, stored signed, became unsigned.
const fn centre<F: Format>() -> i16 {
    match formats::centre_bits::<F>() {
        _ if formats::is_wide::<F>() => 128,
        Some(bits) => 1 << bits,
        None => 0,
    }
}

/// Computes the columns `columns` of the product for all tokens, unpacking the weights once.
///
/// # Safety
/// Needs AVX-512 F, BW, VL and VNNI; nobody else uses these columns of `out`.
///
/// # Panics
/// If the shapes do not fit each other, the weights are not packed, the activations not interleaved, or there are more
/// columns than [`TILE_ROWS`].
pub(super) unsafe fn tile(weights: &Matrix<'_>, columns: Range<usize>, x: &Activations, out: &Output<'_>) {
    assert!(weights.cols() == x.cols() && columns.len() <= TILE_ROWS && !columns.is_empty());
    assert_eq!(x.interleaved().len(), x.n_tokens().div_ceil(TILE_TOKENS) * x.groups(), "activations are interleaved");
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
#[target_feature(enable = "avx512bw,avx512vl,avx512vnni")]
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
