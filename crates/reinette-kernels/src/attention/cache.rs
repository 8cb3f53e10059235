//! Keys and values of the tokens seen so far.

use std::ops::Range;

use half::f16;
use half::slice::{HalfBitsSliceExt, HalfFloatSliceExt};

use crate::ops::simd::{LANES, Simd};

/// Heads are stored as whole groups of this many numbers, filled up with zeros: no kernel has a tail to treat.
pub(super) const ROW_GRANULE: usize = 16;

/// The most that one layer may take: a wrong number in a model file must not ask for all memory.
const MAX_LAYER_BYTES: usize = 1 << 34;

/// Numbers that share a scale, and the 16-bit words that the scale takes.
const GROUP: usize = 32;
const SCALE_WORDS: usize = size_of::<f32>() / size_of::<u16>();

/// How the numbers of a KV cache are stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum KvType {
    /// Half precision.
    #[default]
    F16,
    /// 8 bits, with a scale in single precision for every 32 numbers: 9 bits a number. A number is off by up to a
    /// 254th of the greatest of its group.
    Q8,
}

impl KvType {
    /// The 16-bit words that `row_len` numbers take, a multiple of [`ROW_GRANULE`].
    fn row_words(self, row_len: usize) -> usize {
        match self {
            Self::F16 => row_len,
            Self::Q8 => row_len / 2 + row_len.div_ceil(GROUP) * SCALE_WORDS,
        }
    }
}

/// A cache that cannot be allocated.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a KV cache of {capacity} positions, {n_kv_heads} heads of {head_dim}, exceeds {MAX_LAYER_BYTES} bytes a layer: ask for a shorter context"
)]
pub struct CacheTooLarge {
    /// Key/value heads.
    pub n_kv_heads: usize,
    /// Numbers of a head.
    pub head_dim: usize,
    /// Positions.
    pub capacity: usize,
}

/// The KV cache of one layer: keys and values, `[n_kv_heads, capacity, row_words]`.
///
/// A row, the key or value of one head and position, is a number of 16-bit words: its numbers in half precision, or its
/// codes, two a word, and then the scales, the lower half of each first. One head's positions lie side by side, so that a group of query heads reads contiguous memory. The memory is
/// allocated lazily by the system: positions never written cost nothing.
#[derive(Clone, Debug)]
pub struct KvLayer {
    ty: KvType,
    n_kv_heads: usize,
    head_dim: usize,
    row_len: usize,
    row_words: usize,
    capacity: usize,
    keys: Vec<u16>,
    values: Vec<u16>,
}

impl KvLayer {
    /// Room for `capacity` positions.
    ///
    /// # Errors
    /// If that is more than 16 GiB.
    pub fn new(ty: KvType, n_kv_heads: usize, head_dim: usize, capacity: usize) -> Result<Self, CacheTooLarge> {
        let too_large = CacheTooLarge { n_kv_heads, head_dim, capacity };
        let row_len = head_dim.checked_next_multiple_of(ROW_GRANULE);
        let len = row_len.and_then(|row_len| row_len.checked_mul(n_kv_heads)?.checked_mul(capacity));
        let (Some(row_len), Some(len)) = (row_len, len) else { return Err(too_large) };
        if len > MAX_LAYER_BYTES / (2 * size_of::<u16>()) {
            return Err(too_large);
        }
        let row_words = ty.row_words(row_len);
        // As many as numbers, or fewer.
        let words = row_words * n_kv_heads * capacity;
        Ok(Self {
            ty,
            n_kv_heads,
            head_dim,
            row_len,
            row_words,
            capacity,
            keys: vec![0; words],
            values: vec![0; words],
        })
    }

    /// How numbers are stored.
    pub fn ty(&self) -> KvType {
        self.ty
    }

    /// Key/value heads.
    pub fn n_kv_heads(&self) -> usize {
        self.n_kv_heads
    }

    /// Numbers of a head.
    pub fn head_dim(&self) -> usize {
        self.head_dim
    }

    /// Numbers stored for a head and position: `head_dim` rounded up to a multiple of 16.
    pub fn row_len(&self) -> usize {
        self.row_len
    }

    /// 16-bit words stored for a head and position.
    pub fn row_words(&self) -> usize {
        self.row_words
    }

    /// Positions there is room for.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// Writes the key and value heads of one token, rounded to what is stored.
    ///
    /// # Shapes
    /// `key`, `value`: `[n_kv_heads, head_dim]`.
    ///
    /// # Panics
    /// If `position` is not below the capacity, or a length is wrong.
    pub fn store(&mut self, position: usize, key: &[f32], value: &[f32]) {
        assert!(position < self.capacity, "position {position} is beyond the cache's {}", self.capacity);
        let len = self.n_kv_heads * self.head_dim;
        assert!(key.len() == len && value.len() == len, "a key and a value of {len} numbers");
        for kv_head in 0..self.n_kv_heads {
            let to = self.rows(kv_head, position..position + 1);
            let from = kv_head * self.head_dim..(kv_head + 1) * self.head_dim;
            for (all, from) in [(&mut self.keys, &key[from.clone()]), (&mut self.values, &value[from])] {
                let row = &mut all[to.clone()];
                match self.ty {
                    KvType::F16 => row[..from.len()].reinterpret_cast_mut::<f16>().convert_from_f32_slice(from),
                    KvType::Q8 => {
                        let (codes, scales) = row.split_at_mut(self.row_len / 2);
                        quantise(from, codes, scales.as_chunks_mut().0);
                    }
                }
            }
        }
    }

    /// `rows` as half-precision numbers, `[positions, row_len]`: themselves, or what `numbers` is set to.
    #[inline(always)]
    pub(super) fn in_half_precision<'a, S: Simd>(
        &self,
        simd: S,
        rows: &'a [u16],
        numbers: &'a mut Vec<u16>,
    ) -> &'a [u16] {
        if self.ty == KvType::F16 {
            return rows;
        }
        numbers.resize(rows.len() / self.row_words * self.row_len, 0);
        for (row, numbers) in rows.chunks_exact(self.row_words).zip(numbers.chunks_exact_mut(self.row_len)) {
            let (codes, scales) = row.split_at(self.row_len / 2);
            let groups = codes.chunks(GROUP / 2).zip(numbers.chunks_mut(GROUP)).zip(scales.as_chunks().0);
            for ((codes, numbers), scale) in groups {
                let scale = simd.splat(scale_from_words(*scale));
                for (codes, numbers) in codes.as_chunks().0.iter().zip(numbers.as_chunks_mut::<LANES>().0) {
                    simd.store_f16(simd.mul(scale, simd.load_i8(*codes)), numbers);
                }
            }
        }
        numbers
    }

    /// The words of one head's keys, `[positions.len(), row_words]`.
    ///
    /// # Panics
    /// If the head or positions do not exist, as for the three functions below.
    pub fn keys(&self, kv_head: usize, positions: Range<usize>) -> &[u16] {
        &self.keys[self.rows(kv_head, positions)]
    }

    /// The words of one head's values, `[positions.len(), row_words]`.
    pub fn values(&self, kv_head: usize, positions: Range<usize>) -> &[u16] {
        &self.values[self.rows(kv_head, positions)]
    }

    /// [`keys`](Self::keys), to restore a snapshot.
    pub fn keys_mut(&mut self, kv_head: usize, positions: Range<usize>) -> &mut [u16] {
        let rows = self.rows(kv_head, positions);
        &mut self.keys[rows]
    }

    /// [`values`](Self::values), to restore a snapshot.
    pub fn values_mut(&mut self, kv_head: usize, positions: Range<usize>) -> &mut [u16] {
        let rows = self.rows(kv_head, positions);
        &mut self.values[rows]
    }

    fn rows(&self, kv_head: usize, positions: Range<usize>) -> Range<usize> {
        assert!(positions.end <= self.capacity, "positions {positions:?} of a cache of {}", self.capacity);
        let head = kv_head * self.capacity;
        (head + positions.start) * self.row_words..(head + positions.end) * self.row_words
    }
}

/// Rounds a row to 8 bits. Codes of what fills the row up stay zero.
fn quantise(row: &[f32], codes: &mut [u16], scales: &mut [[u16; SCALE_WORDS]]) {
    for ((group, codes), scale) in row.chunks(GROUP).zip(codes.chunks_mut(GROUP / 2)).zip(scales) {
        let largest = group.iter().fold(0.0_f32, |largest, number| largest.max(number.abs()));
        *scale = scale_to_words(largest / 127.0);
        let inverse = if largest > 0.0 { 127.0 / largest } else { 0.0 };
        for (pair, codes) in group.chunks(2).zip(codes) {
            #[expect(clippy::cast_possible_truncation, reason = "in −127..=127; NaN becomes 0")]
            let code = |number: f32| ((number * inverse).round_ties_even() as i8).cast_unsigned();
            *codes = u16::from_le_bytes([code(pair[0]), pair.get(1).map_or(0, |number| code(*number))]);
        }
    }
}

fn scale_to_words(scale: f32) -> [u16; SCALE_WORDS] {
    let [a, b, c, d] = scale.to_le_bytes();
    [u16::from_le_bytes([a, b]), u16::from_le_bytes([c, d])]
}

#[inline(always)]
fn scale_from_words([low, high]: [u16; SCALE_WORDS]) -> f32 {
    f32::from_bits(u32::from(low) | u32::from(high) << 16)
}
