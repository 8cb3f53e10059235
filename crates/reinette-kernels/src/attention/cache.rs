//! Keys and values of the tokens seen so far.

use std::ops::Range;

use half::f16;
use half::slice::{HalfBitsSliceExt, HalfFloatSliceExt};

/// Heads are stored as whole groups of this many numbers, filled up with zeros: no kernel has a tail to treat.
pub(super) const ROW_GRANULE: usize = 16;

/// The most that one layer may take: a wrong number in a model file must not ask for all memory.
const MAX_LAYER_BYTES: usize = 1 << 34;

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

/// The KV cache of one layer: half-precision keys and values, `[n_kv_heads, capacity, row_len]`.
///
/// One head's positions lie side by side, so that a group of query heads reads contiguous memory. The memory is
/// allocated lazily by the system: positions never written cost nothing.
#[derive(Clone, Debug)]
pub struct KvLayer {
    n_kv_heads: usize,
    head_dim: usize,
    row_len: usize,
    capacity: usize,
    keys: Vec<u16>,
    values: Vec<u16>,
}

impl KvLayer {
    /// Room for `capacity` positions.
    ///
    /// # Errors
    /// If that is more than 16 GiB.
    pub fn new(n_kv_heads: usize, head_dim: usize, capacity: usize) -> Result<Self, CacheTooLarge> {
        let too_large = CacheTooLarge { n_kv_heads, head_dim, capacity };
        let row_len = head_dim.checked_next_multiple_of(ROW_GRANULE);
        let len = row_len.and_then(|row_len| row_len.checked_mul(n_kv_heads)?.checked_mul(capacity));
        let (Some(row_len), Some(len)) = (row_len, len) else { return Err(too_large) };
        if len > MAX_LAYER_BYTES / (2 * size_of::<u16>()) {
            return Err(too_large);
        }
        Ok(Self { n_kv_heads, head_dim, row_len, capacity, keys: vec![0; len], values: vec![0; len] })
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

    /// Positions there is room for.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// Writes the key and value heads of one token, rounded to half precision.
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
            let start = (kv_head * self.capacity + position) * self.row_len;
            let to = start..start + self.head_dim;
            let from = kv_head * self.head_dim..(kv_head + 1) * self.head_dim;
            self.keys[to.clone()].reinterpret_cast_mut::<f16>().convert_from_f32_slice(&key[from.clone()]);
            self.values[to].reinterpret_cast_mut::<f16>().convert_from_f32_slice(&value[from]);
        }
    }

    /// The bits of one head's keys, `[positions.len(), row_len]`.
    ///
    /// # Panics
    /// If the head or positions do not exist, as for the three functions below.
    pub fn keys(&self, kv_head: usize, positions: Range<usize>) -> &[u16] {
        &self.keys[self.rows(kv_head, positions)]
    }

    /// The bits of one head's values, `[positions.len(), row_len]`.
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
        (head + positions.start) * self.row_len..(head + positions.end) * self.row_len
    }
}
