//! How the numbers of a page get into registers.
//!
//! Decode and prefill read them by the same arithmetic, so that a product has the same bits in both.

use super::cache::{GROUP, PAGE, SCALE_WORDS};
use crate::ops::simd::{LANES, Simd};

/// Vectors of neighbouring positions in a page.
pub(super) const PAGE_VECTORS: usize = PAGE / LANES;

/// The numbers of a page, of one type: see [`KvLayer`](super::KvLayer).
pub(super) trait Numbers<'a>: Copy {
    /// Those of a page whose rows have `row_len` numbers.
    fn new(page: &'a [u16], row_len: usize) -> Self;

    /// A dimension of the keys at `N` vectors of positions, from vector `first` on.
    fn keys<S: Simd, const N: usize>(self, simd: S, dimension: usize, first: usize) -> [S::F32; N];

    /// `N` vectors of dimensions, from vector `first` on, of the value at a position.
    fn values<S: Simd, const N: usize>(self, simd: S, position: usize, first: usize) -> [S::F32; N];
}

/// Half precision.
#[derive(Clone, Copy)]
pub(super) struct Halves<'a> {
    /// `[row_len, PAGE_VECTORS]`
    keys: &'a [[[u16; LANES]; PAGE_VECTORS]],
    /// `[PAGE, row_vectors]`
    values: &'a [[u16; LANES]],
    row_vectors: usize,
}

impl<'a> Numbers<'a> for Halves<'a> {
    #[inline(always)]
    fn new(page: &'a [u16], row_len: usize) -> Self {
        let (keys, values) = page.split_at(page.len() / 2);
        let keys = keys.as_chunks().0.as_chunks().0;
        Self { keys, values: values.as_chunks().0, row_vectors: row_len / LANES }
    }

    #[inline(always)]
    fn keys<S: Simd, const N: usize>(self, simd: S, dimension: usize, first: usize) -> [S::F32; N] {
        let mut numbers = [simd.splat(0.0); N];
        for (number, bits) in numbers.iter_mut().zip(&self.keys[dimension][first..first + N]) {
            *number = simd.load_f16(bits);
        }
        numbers
    }

    #[inline(always)]
    fn values<S: Simd, const N: usize>(self, simd: S, position: usize, first: usize) -> [S::F32; N] {
        let mut numbers = [simd.splat(0.0); N];
        for (number, bits) in numbers.iter_mut().zip(&self.values[position * self.row_vectors + first..][..N]) {
            *number = simd.load_f16(bits);
        }
        numbers
    }
}

/// 8 bits: codes times scales.
#[derive(Clone, Copy)]
pub(super) struct Codes<'a> {
    /// `[row_len, PAGE_VECTORS]`
    keys: &'a [[[u16; LANES / 2]; PAGE_VECTORS]],
    /// `[groups, PAGE_VECTORS]`
    key_scales: &'a [[[u16; LANES * SCALE_WORDS]; PAGE_VECTORS]],
    /// `[PAGE, row_vectors]`
    values: &'a [[u16; LANES / 2]],
    /// `[PAGE, groups]`
    value_scales: &'a [[u16; SCALE_WORDS]],
    row_vectors: usize,
    groups: usize,
}

impl<'a> Numbers<'a> for Codes<'a> {
    #[inline(always)]
    fn new(page: &'a [u16], row_len: usize) -> Self {
        let (keys, values) = page.split_at(page.len() / 2);
        let (keys, key_scales) = keys.split_at(row_len * PAGE / 2);
        let (values, value_scales) = values.split_at(row_len * PAGE / 2);
        Self {
            keys: keys.as_chunks().0.as_chunks().0,
            key_scales: key_scales.as_chunks().0.as_chunks().0,
            values: values.as_chunks().0,
            value_scales: value_scales.as_chunks().0,
            row_vectors: row_len / LANES,
            groups: row_len.div_ceil(GROUP),
        }
    }

    #[inline(always)]
    fn keys<S: Simd, const N: usize>(self, simd: S, dimension: usize, first: usize) -> [S::F32; N] {
        let mut numbers = [simd.splat(0.0); N];
        let codes = &self.keys[dimension][first..first + N];
        let scales = &self.key_scales[dimension / GROUP][first..first + N];
        for (number, (codes, scales)) in numbers.iter_mut().zip(codes.iter().zip(scales)) {
            *number = simd.mul(simd.load_words(scales), simd.load_i8(*codes));
        }
        numbers
    }

    #[inline(always)]
    fn values<S: Simd, const N: usize>(self, simd: S, position: usize, first: usize) -> [S::F32; N] {
        let mut numbers = [simd.splat(0.0); N];
        let codes = &self.values[position * self.row_vectors + first..][..N];
        // The vectors are an aligned part of a group.
        let [low, high] = self.value_scales[position * self.groups + first * LANES / GROUP];
        let scale = simd.splat(f32::from_bits(u32::from(low) | u32::from(high) << 16));
        for (number, codes) in numbers.iter_mut().zip(codes) {
            *number = simd.mul(scale, simd.load_i8(*codes));
        }
        numbers
    }
}
