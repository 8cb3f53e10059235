//! Keys and values of the tokens seen so far.

use std::ops::Range;

use crate::Buffer;
use half::f16;
use half::slice::{HalfBitsSliceExt, HalfFloatSliceExt};

/// Heads are stored as whole groups of this many numbers, filled up with zeros: no kernel has a tail to treat.
pub(super) const ROW_GRANULE: usize = 16;
/// Positions of a page. Also the keys between two corrections of the softmax: with 96 query rows their scores take
/// 18 KiB, which stay in the level-one cache. A multiple of the vector length and of the rows of prefill's tiles.
pub(super) const PAGE: usize = 48;

/// The most that one layer may take: a wrong number in a model file must not ask for all memory.
const MAX_LAYER_BYTES: usize = 1 << 34;

/// Numbers that share a scale, and the 16-bit words that the scale takes.
pub(super) const GROUP: usize = 32;
pub(super) const SCALE_WORDS: usize = size_of::<f32>() / size_of::<u16>();

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
    /// The 16-bit words that the codes, and the scales, of a page's keys take; its values take as many.
    fn half_page_words(self, row_len: usize) -> [usize; 2] {
        match self {
            Self::F16 => [row_len * PAGE, 0],
            Self::Q8 => [row_len * PAGE / 2, row_len.div_ceil(GROUP) * PAGE * SCALE_WORDS],
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

/// The KV cache of one layer: `[n_kv_heads, pages, page_words]`.
///
/// A page holds the keys and values of one head at [`KvLayer::PAGE_POSITIONS`] positions, in 16-bit words: its keys
/// `[row_len, positions]`, then its values `[positions, row_len]`. As keys lie across, neighbouring positions fill
/// a vector in their product with a query as neighbouring dimensions do in the sum of the values. In 8 bits, two codes
/// share a word, the first in its lower half, and the scales, `[groups, positions]` and `[positions, groups]`, follow
/// the codes of the keys and those of the values, the lower half of each first.
///
/// One head's pages lie side by side, so that a group of query heads reads contiguous memory. The memory is allocated
/// lazily by the system: positions never written cost nothing, so that its pages are small: large ones would take two
/// megabytes for the first position of each head.
#[derive(Clone, Debug)]
pub struct KvLayer {
    ty: KvType,
    n_kv_heads: usize,
    head_dim: usize,
    row_len: usize,
    capacity: usize,
    words: Buffer<u16>,
}

impl KvLayer {
    /// Positions of a page.
    pub const PAGE_POSITIONS: usize = PAGE;

    /// Room for `capacity` positions.
    ///
    /// # Errors
    /// If that is more than 16 GiB.
    pub fn new(ty: KvType, n_kv_heads: usize, head_dim: usize, capacity: usize) -> Result<Self, CacheTooLarge> {
        let too_large = CacheTooLarge { n_kv_heads, head_dim, capacity };
        let row_len = head_dim.checked_next_multiple_of(ROW_GRANULE);
        let positions = capacity.checked_next_multiple_of(PAGE);
        let len = row_len.zip(positions).and_then(|(row_len, n)| row_len.checked_mul(n_kv_heads)?.checked_mul(n));
        let (Some(row_len), Some(len)) = (row_len, len) else { return Err(too_large) };
        if len > MAX_LAYER_BYTES / (2 * size_of::<u16>()) {
            return Err(too_large);
        }
        // As many words as numbers, or fewer.
        let page_words = 2 * ty.half_page_words(row_len).iter().sum::<usize>();
        let words = Buffer::zeroed(n_kv_heads * capacity.div_ceil(PAGE) * page_words);
        Ok(Self { ty, n_kv_heads, head_dim, row_len, capacity, words })
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

    /// 16-bit words of a page.
    pub fn page_words(&self) -> usize {
        2 * self.ty.half_page_words(self.row_len).iter().sum::<usize>()
    }

    /// Positions there is room for.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    fn n_pages(&self) -> usize {
        self.capacity.div_ceil(PAGE)
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
        let (ty, row_len, head_dim) = (self.ty, self.row_len, self.head_dim);
        let len = self.n_kv_heads * head_dim;
        assert!(key.len() == len && value.len() == len, "a key and a value of {len} numbers");
        let [code_words, _] = ty.half_page_words(row_len);
        let (page, slot) = (position / PAGE, position % PAGE);
        for kv_head in 0..self.n_kv_heads {
            let from = kv_head * head_dim..(kv_head + 1) * head_dim;
            let (key, value) = (&key[from.clone()], &value[from]);
            let page = self.pages_mut(kv_head, page..page + 1);
            let (keys, values) = page.split_at_mut(page.len() / 2);
            match ty {
                KvType::F16 => {
                    store_across(key, slot, keys);
                    values[slot * row_len..][..head_dim].reinterpret_cast_mut::<f16>().convert_from_f32_slice(value);
                }
                KvType::Q8 => {
                    let (codes, scales) = keys.split_at_mut(code_words);
                    quantise(key, (codes, slot, PAGE), (scales, slot, PAGE));
                    let (codes, scales) = values.split_at_mut(code_words);
                    quantise(value, (codes, slot * row_len, 1), (scales, slot * row_len.div_ceil(GROUP), 1));
                }
            }
        }
    }

    /// The words of some of one head's pages, `[pages.len(), page_words]`.
    ///
    /// # Panics
    /// If the head or pages do not exist, as for [`pages_mut`](Self::pages_mut).
    pub fn pages(&self, kv_head: usize, pages: Range<usize>) -> &[u16] {
        &self.words[self.page_range(kv_head, pages)]
    }

    /// [`pages`](Self::pages), to restore a snapshot.
    pub fn pages_mut(&mut self, kv_head: usize, pages: Range<usize>) -> &mut [u16] {
        let range = self.page_range(kv_head, pages);
        &mut self.words[range]
    }

    /// Gives the memory of all but the first `n_positions` positions back; it is taken again as they are stored.
    pub fn release_after(&mut self, n_positions: usize) {
        let unused = n_positions.div_ceil(PAGE).min(self.n_pages())..self.n_pages();
        for kv_head in 0..self.n_kv_heads {
            self.words.release(self.page_range(kv_head, unused.clone()));
        }
    }

    /// Sets all but the first `n_positions` positions of a page of such a layer to zero.
    ///
    /// # Panics
    /// If `page` has another length than [`page_words`](Self::page_words).
    pub fn clear_page_after(&self, n_positions: usize, page: &mut [u16]) {
        assert_eq!(page.len(), self.page_words(), "a page of this layer");
        let [code_words, scale_words] = self.ty.half_page_words(self.row_len);
        let (keys, values) = page.split_at_mut(code_words + scale_words);
        let (codes, scales) = keys.split_at_mut(code_words);
        for row in codes.chunks_exact_mut(code_words / self.row_len) {
            match self.ty {
                KvType::F16 => row[n_positions..].fill(0),
                KvType::Q8 => (n_positions..PAGE).for_each(|slot| set_code(row, slot, 0)),
            }
        }
        scales.chunks_exact_mut(PAGE * SCALE_WORDS).for_each(|row| row[n_positions * SCALE_WORDS..].fill(0));
        for (numbers, words) in [(0, code_words), (code_words, scale_words)] {
            values[numbers..numbers + words][words / PAGE * n_positions..].fill(0);
        }
    }

    fn page_range(&self, kv_head: usize, pages: Range<usize>) -> Range<usize> {
        assert!(pages.end <= self.n_pages(), "pages {pages:?} of a cache of {}", self.n_pages());
        let head = kv_head * self.n_pages();
        (head + pages.start) * self.page_words()..(head + pages.end) * self.page_words()
    }
}

/// Writes `row` to the column `slot` of `[row_len, PAGE]` in half precision.
fn store_across(row: &[f32], slot: usize, to: &mut [u16]) {
    let mut halves = [f16::ZERO; ROW_GRANULE];
    let to = to.as_chunks_mut::<PAGE>().0;
    for (row, to) in row.chunks(ROW_GRANULE).zip(to.chunks_mut(ROW_GRANULE)) {
        halves[..row.len()].convert_from_f32_slice(row);
        for (half, to) in halves[..row.len()].iter().zip(to) {
            to[slot] = half.to_bits();
        }
    }
}

/// Rounds a row to 8 bits. Codes and scales each come with the place of the first and the distance to the next. Codes of
/// what fills the row up stay zero.
fn quantise(
    row: &[f32],
    (codes, first_code, code_step): (&mut [u16], usize, usize),
    (scales, first_scale, scale_step): (&mut [u16], usize, usize),
) {
    let scales = scales.as_chunks_mut::<SCALE_WORDS>().0;
    for (group_index, group) in row.chunks(GROUP).enumerate() {
        let largest = group.iter().fold(0.0_f32, |largest, number| largest.max(number.abs()));
        scales[first_scale + group_index * scale_step] = scale_to_words(largest / 127.0);
        let inverse = if largest > 0.0 { 127.0 / largest } else { 0.0 };
        for (index, number) in group.iter().enumerate() {
            #[expect(clippy::cast_possible_truncation, reason = "in −127..=127; NaN becomes 0")]
            let code = (number * inverse).round_ties_even() as i8;
            set_code(codes, first_code + (group_index * GROUP + index) * code_step, code.cast_unsigned());
        }
    }
}

fn set_code(codes: &mut [u16], index: usize, code: u8) {
    let mut pair = codes[index / 2].to_le_bytes();
    pair[index % 2] = code;
    codes[index / 2] = u16::from_le_bytes(pair);
}

fn scale_to_words(scale: f32) -> [u16; SCALE_WORDS] {
    let [a, b, c, d] = scale.to_le_bytes();
    [u16::from_le_bytes([a, b]), u16::from_le_bytes([c, d])]
}
