//! Operations on each number by itself.

use super::simd::{self, Kernel, LANES, Simd, dispatch, padded};
use crate::InstructionSet;

/// An operation on each pair of numbers.
pub(super) trait Binary {
    /// The new first number. Must be `#[inline(always)]`.
    fn apply<S: Simd>(simd: S, first: S::F32, second: S::F32) -> S::F32;
}

/// `first[i] = apply(first[i], second[i])`, for any length.
pub(super) fn zip_in_place<B: Binary>(set: InstructionSet, operation: B, first: &mut [f32], second: &[f32]) {
    assert_eq!(first.len(), second.len(), "both inputs have one length");
    dispatch(set, ZipInPlace { _operation: operation, first, second });
}

struct ZipInPlace<'a, B> {
    _operation: B,
    first: &'a mut [f32],
    second: &'a [f32],
}

impl<B: Binary> Kernel for ZipInPlace<'_, B> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let (first, first_tail) = self.first.as_chunks_mut::<LANES>();
        let (second, second_tail) = self.second.as_chunks::<LANES>();
        for (a, b) in first.iter_mut().zip(second) {
            simd.store(B::apply(simd, simd.load(a), simd.load(b)), a);
        }
        if !first_tail.is_empty() {
            let mut a = padded(first_tail, 0.0);
            simd.store(B::apply(simd, simd.load(&a), simd.load(&padded(second_tail, 0.0))), &mut a);
            first_tail.copy_from_slice(&a[..first_tail.len()]);
        }
    }
}

struct Add;

impl Binary for Add {
    #[inline(always)]
    fn apply<S: Simd>(simd: S, first: S::F32, second: S::F32) -> S::F32 {
        simd.add(first, second)
    }
}

/// Adds `y` to `x`, number by number: the residual connection.
///
/// # Panics
/// If the lengths differ.
pub fn add_assign(set: InstructionSet, x: &mut [f32], y: &[f32]) {
    zip_in_place(set, Add, x, y);
}

/// An operation on each number.
pub(super) trait Unary {
    /// The new number. Must be `#[inline(always)]`.
    fn apply<S: Simd>(simd: S, x: S::F32) -> S::F32;
}

/// `x[i] = apply(x[i])`, for any length.
pub(super) fn map_in_place<U: Unary>(set: InstructionSet, operation: U, x: &mut [f32]) {
    dispatch(set, MapInPlace { _operation: operation, x });
}

struct MapInPlace<'a, U> {
    _operation: U,
    x: &'a mut [f32],
}

impl<U: Unary> Kernel for MapInPlace<'_, U> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let (chunks, tail) = self.x.as_chunks_mut::<LANES>();
        for chunk in chunks {
            simd.store(U::apply(simd, simd.load(chunk)), chunk);
        }
        if !tail.is_empty() {
            let mut lanes = padded(tail, 0.0);
            simd.store(U::apply(simd, simd.load(&lanes)), &mut lanes);
            tail.copy_from_slice(&lanes[..tail.len()]);
        }
    }
}

struct Exp;

impl Unary for Exp {
    #[inline(always)]
    fn apply<S: Simd>(simd: S, x: S::F32) -> S::F32 {
        simd::exp(simd, x)
    }
}

/// Replaces each number by its exponential.
///
/// Relative error below 5·10⁻⁷; 0 below -87 (where the result would be subnormal or nearly so) and for -∞, +∞ on
/// overflow, NaN for NaN.
pub fn exp_in_place(set: InstructionSet, x: &mut [f32]) {
    map_in_place(set, Exp, x);
}
