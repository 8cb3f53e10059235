//! How the numbers of a page get into registers.
//!
//! Decode and prefill read them by the same arithmetic, so that a product has the same bits in both.

use super::cache::{GROUP, PAGE, SCALE_WORDS};
use crate::ops::simd::Wide;

/// The numbers of a page, of one type: see [`KvLayer`](super::KvLayer).
pub(super) trait Numbers<'a>: Copy {
    /// Those of a page whose rows have `row_len` numbers.
    fn new(page: &'a [u16], row_len: usize) -> Self;

    /// A dimension of the keys at a vector of positions, from `position` on.
    fn keys<W: Wide>(self, wide: W, dimension: usize, position: usize) -> W::F32;

    /// A vector of dimensions, from `dimension` on, of the value at a position.
    fn values<W: Wide>(self, wide: W, position: usize, dimension: usize) -> W::F32;
}

/// Half precision.
#[derive(Clone, Copy)]
pub(super) struct Halves<'a> {
    /// `[row_len, PAGE]`
    keys: &'a [[u16; PAGE]],
    /// `[PAGE, row_len]`
    values: &'a [u16],
    row_len: usize,
}

impl<'a> Numbers<'a> for Halves<'a> {
    #[inline(always)]
    fn new(page: &'a [u16], row_len: usize) -> Self {
        let (keys, values) = page.split_at(page.len() / 2);
        Self { keys: keys.as_chunks().0, values, row_len }
    }

    #[inline(always)]
    fn keys<W: Wide>(self, wide: W, dimension: usize, position: usize) -> W::F32 {
        wide.load_f16(&self.keys[dimension][position..])
    }

    #[inline(always)]
    fn values<W: Wide>(self, wide: W, position: usize, dimension: usize) -> W::F32 {
        wide.load_f16(&self.values[position * self.row_len + dimension..])
    }
}

/// 8 bits: codes times scales.
#[derive(Clone, Copy)]
pub(super) struct Codes<'a> {
    /// `[row_len, PAGE]`, two a word.
    keys: &'a [[u16; PAGE / 2]],
    /// `[groups, PAGE]`, two words each.
    key_scales: &'a [[u16; PAGE * SCALE_WORDS]],
    /// `[PAGE, row_len]`, two a word.
    values: &'a [u16],
    /// `[PAGE, groups]`
    value_scales: &'a [[u16; SCALE_WORDS]],
    row_len: usize,
    groups: usize,
}

impl<'a> Numbers<'a> for Codes<'a> {
    #[inline(always)]
    fn new(page: &'a [u16], row_len: usize) -> Self {
        let (keys, values) = page.split_at(page.len() / 2);
        let (keys, key_scales) = keys.split_at(row_len * PAGE / 2);
        let (values, value_scales) = values.split_at(row_len * PAGE / 2);
        Self {
            keys: keys.as_chunks().0,
            key_scales: key_scales.as_chunks().0,
            values,
            value_scales: value_scales.as_chunks().0,
            row_len,
            groups: row_len.div_ceil(GROUP),
        }
    }

    #[inline(always)]
    fn keys<W: Wide>(self, wide: W, dimension: usize, position: usize) -> W::F32 {
        let scales = wide.load_words(&self.key_scales[dimension / GROUP][position * SCALE_WORDS..]);
        wide.mul(scales, wide.load_i8(&self.keys[dimension][position / 2..]))
    }

    #[inline(always)]
    fn values<W: Wide>(self, wide: W, position: usize, dimension: usize) -> W::F32 {
        let [low, high] = self.value_scales[position * self.groups + dimension / GROUP];
        let scale = wide.splat(f32::from_bits(u32::from(low) | u32::from(high) << 16));
        wide.mul(scale, wide.load_i8(&self.values[position * self.row_len / 2 + dimension / 2..]))
    }
}
