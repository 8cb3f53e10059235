//! Many tokens: weights are unpacked once for all of them, bound by the speed of multiplication.
//!
//! As for AVX2, a tile of rows is unpacked panel by panel; here a register holds four consecutive codes of all of its 16
//! rows. Multiplied with four activations of one token, broadcast as they are read, it adds to 16 rows at once. Sums of
//! products have 32 bits and always fit. Activations are read from where tokens stand side by side: with one address for
//! all of them, nothing but products is left to do.

use super::centre;
use crate::matmul::avx2::formats::{
    self, Format, GroupFactors, STEPS, factors, for_each_group, group_factors, is_symmetric, is_wide,
};
use crate::matmul::interleaved::{TILE_TOKENS, TileGroup};
use crate::matmul::{Activations, Matrix, Output};
use crate::quant::{GROUP, PACKED_ROWS};
use std::arch::asm;
use std::arch::x86_64::*;
use std::cell::RefCell;
use std::ops::Range;

/// Rows of a tile: the lanes of a register.
pub(in crate::matmul) const TILE_ROWS: usize = EIGHTS * PACKED_ROWS;
/// Rows that are packed together, in a tile.
const EIGHTS: usize = 2;
/// The largest magnitude of a code of an activation, if it is NaN, and of the whole scale of a half.
const LARGEST_ACTIVATION: usize = 128;
const LARGEST_HALF_SCALE: usize = 128;
/// Groups of a panel. A panel takes 53 KB, more than the first cache holds; the second one delivers it fast enough, and
/// sums are written and read again half as often as with the 32 groups that would fit (11% of the time of long rows).
const PANEL_GROUPS: usize = 64;

/// A group of 32 weights of all rows of a tile.
#[repr(C, align(64))]
#[derive(Clone, Copy)]
struct PanelGroup {
    /// `[step][eight][row × 4 codes]`
    codes: [[[u8; 32]; EIGHTS]; STEPS],
    /// `[eight][row]`
    scales: [[f32; PACKED_ROWS]; EIGHTS],
    /// `[half][eight][row]`; the first half stands for both unless the format has halves.
    offsets: [[[f32; PACKED_ROWS]; EIGHTS]; 2],
    /// `[half][eight][row]`: whole numbers; only if the format has halves.
    half_scales: [[[f32; PACKED_ROWS]; EIGHTS]; 2],
}

impl PanelGroup {
    const ZERO: Self = Self {
        codes: [[[0; 32]; EIGHTS]; STEPS],
        scales: [[0.0; PACKED_ROWS]; EIGHTS],
        offsets: [[[0.0; PACKED_ROWS]; EIGHTS]; 2],
        half_scales: [[[0.0; PACKED_ROWS]; EIGHTS]; 2],
    };
}

thread_local! {
    /// The scratch of this thread, which is not worth clearing for every tile.
    static PANEL: RefCell<Box<[PanelGroup]>> = RefCell::new(vec![PanelGroup::ZERO; PANEL_GROUPS].into_boxed_slice());
}

/// Computes the rows `rows` (at most [`TILE_ROWS`]) of the product for all tokens.
///
/// # Safety
/// Needs AVX-512 F, BW, VL and VNNI; `weights` has the format `F` and as many columns as `x`, and nobody else uses these
/// columns of `out`.
pub(super) unsafe fn tile<F: Format>(weights: &Matrix<'_>, rows: Range<usize>, x: &Activations, out: &Output<'_>) {
    // SAFETY: as the caller promises.
    PANEL.with_borrow_mut(|panel| unsafe { tile_in_panel::<F>(panel, weights, rows, x, out) });
}

/// # Safety
/// As for [`tile`].
#[target_feature(enable = "avx512bw,avx512vl,avx512vnni")]
unsafe fn tile_in_panel<F: Format>(
    panel: &mut [PanelGroup],
    weights: &Matrix<'_>,
    rows: Range<usize>,
    x: &Activations,
    out: &Output<'_>,
) {
    let (n_tokens, n_groups) = (x.n_tokens(), x.groups());
    // Rows past the end repeat the last ones; their sums are thrown away.
    let eight = |eight: usize| weights.packed_rows((rows.start + eight * PACKED_ROWS).min(rows.end - 1)).as_ptr();
    let eights: [*const u8; EIGHTS] = std::array::from_fn(eight);
    for first in (0..n_groups).step_by(PANEL_GROUPS) {
        let panel = &mut panel[..PANEL_GROUPS.min(n_groups - first)];
        // SAFETY: the rows have all groups of `x`, and panels are whole blocks.
        unsafe { unpack::<F>(panel, eights, first / F::GROUPS) };
        for (index, groups) in x.interleaved().chunks_exact(n_groups).enumerate() {
            let tokens = index * TILE_TOKENS..n_tokens.min((index + 1) * TILE_TOKENS);
            let tile = Tile { x: &groups[first..], tokens, first, rows: rows.clone() };
            // SAFETY: as the caller promises.
            unsafe {
                match tile.tokens.len() {
                    ..=4 => tile.multiply::<F, 4>(panel, out),
                    5..=8 => tile.multiply::<F, 8>(panel, out),
                    _ => tile.multiply::<F, TILE_TOKENS>(panel, out),
                }
            }
        }
    }
}

/// Unpacks the blocks from `first_block` of the rows of a tile.
///
/// # Safety
/// Needs the instructions, and rows of that many blocks.
#[inline]
#[target_feature(enable = "avx512bw,avx512vl,avx512vnni")]
unsafe fn unpack<F: Format>(panel: &mut [PanelGroup], eights: [*const u8; EIGHTS], first_block: usize) {
    for (index, groups) in panel.chunks_exact_mut(F::GROUPS).enumerate() {
        for (eight, rows) in eights.into_iter().enumerate() {
            // SAFETY: the caller vouches for the blocks.
            unsafe {
                let block = rows.add((first_block + index) * F::BLOCK_BYTES);
                let factors = factors::<F>(block);
                for_each_group!(F, unpack_group(&mut *groups, eight, block, factors));
            }
        }
    }
}

#[inline]
#[target_feature(enable = "avx512bw,avx512vl,avx512vnni")]
unsafe fn unpack_group<F: Format, const INDEX: usize>(
    groups: &mut [PanelGroup],
    eight: usize,
    block: *const u8,
    factors: [__m256; 2],
) {
    let group = &mut groups[INDEX];
    // SAFETY: the caller vouches for the block.
    let (codes, numbers) = unsafe { (formats::codes::<F, INDEX>(block), F::scales::<INDEX>(block)) };
    for (step, codes) in codes.into_iter().enumerate() {
        // Signed codes plus 128.
        let codes = if is_wide::<F>() { _mm256_xor_si256(codes, _mm256_set1_epi8(-128)) } else { codes };
        // SAFETY: the array has the length of the register.
        unsafe { _mm256_storeu_si256(group.codes[step][eight].as_mut_ptr().cast(), codes) };
    }
    let GroupFactors { scale, offsets } = group_factors::<F>(numbers, factors);
    store(&mut group.scales[eight], scale);
    for (to, offsets) in group.offsets.iter_mut().zip(offsets) {
        store(&mut to[eight], offsets);
    }
    if F::HALVES {
        for (to, scales) in group.half_scales.iter_mut().zip(numbers.scales) {
            store(&mut to[eight], _mm256_cvtepi32_ps(scales));
        }
    }
}

#[inline]
#[target_feature(enable = "avx512bw,avx512vl,avx512vnni")]
fn store(to: &mut [f32; PACKED_ROWS], lanes: __m256) {
    // SAFETY: the array has the length of the register.
    unsafe { _mm256_storeu_ps(to.as_mut_ptr(), lanes) }
}

/// Some rows of the product for some tokens.
struct Tile<'a> {
    /// The activations from the first group on.
    x: &'a [TileGroup],
    /// The tokens that there are.
    tokens: Range<usize>,
    /// The first group.
    first: usize,
    rows: Range<usize>,
}

impl Tile<'_> {
    /// Multiplies the panel of the tile's rows and groups with the first `N` tokens, of which those past the end are
    /// zeros.
    ///
    /// # Safety
    /// Needs the instructions, and that nobody else uses these columns of `out`.
    #[inline]
    #[target_feature(enable = "avx512bw,avx512vl,avx512vnni")]
    unsafe fn multiply<F: Format, const N: usize>(self, panel: &[PanelGroup], out: &Output<'_>) {
        let mask = u16::MAX >> (TILE_ROWS - self.rows.len());
        // SAFETY: as the caller promises.
        let part = |token: usize| unsafe { out.part(token, self.rows.clone()) };
        let mut totals = [_mm512_setzero_ps(); N];
        if self.first > 0 {
            for (total, token) in totals.iter_mut().zip(self.tokens.clone()) {
                // SAFETY: the mask has as many bits as the part has numbers.
                *total = unsafe { _mm512_maskz_loadu_ps(mask, part(token).as_ptr()) };
            }
        }
        accumulate::<F, N>(panel, self.x, &mut totals);
        for (total, token) in totals.into_iter().zip(self.tokens) {
            // SAFETY: as above.
            unsafe { _mm512_mask_storeu_ps(part(token).as_mut_ptr(), mask, total) };
        }
    }
}

/// Adds the products of the groups of a panel and of activations to the totals of the first `N` tokens.
#[inline]
#[target_feature(enable = "avx512bw,avx512vl,avx512vnni")]
fn accumulate<F: Format, const N: usize>(panel: &[PanelGroup], x: &[TileGroup], totals: &mut [__m512; N]) {
    for (group, x) in panel.iter().zip(x) {
        let products = group_products::<F, N>(group, x);
        let scales = load(&group.scales);
        let offsets = [load(&group.offsets[0]), load(&group.offsets[1])];
        for (token, (total, products)) in totals.iter_mut().zip(products).enumerate() {
            let scale = _mm512_mul_ps(scales, _mm512_set1_ps(x.scales[token]));
            *total = _mm512_fmadd_ps(products, scale, *total);
            if is_symmetric::<F>() {
                continue;
            }
            if F::HALVES {
                for (offset, sums) in offsets.into_iter().zip(&x.half_sums) {
                    *total = _mm512_fmadd_ps(offset, _mm512_set1_ps(sums[token]), *total);
                }
            } else {
                *total = _mm512_fmadd_ps(offsets[0], _mm512_set1_ps(x.sums[token]), *total);
            }
        }
    }
}

/// Sums of the products of a group's centred codes and activations, times the scales of the halves if the format has
/// halves.
///
/// As floats they are exact, and cheaper to multiply than as whole numbers. The first one is added to zero because the
/// product of zero and a negative scale would be −0, which no whole number becomes.
#[inline]
#[target_feature(enable = "avx512bw,avx512vl,avx512vnni")]
fn group_products<F: Format, const N: usize>(group: &PanelGroup, x: &TileGroup) -> [__m512; N] {
    const {
        let largest_code = if centre::<F>() == 0 { F::MAX_CODE } else { centre::<F>().unsigned_abs() as usize };
        let largest = GROUP * largest_code * LARGEST_ACTIVATION * LARGEST_HALF_SCALE;
        assert!(!F::HALVES || largest <= 1 << f32::MANTISSA_DIGITS, "products are exact as floats");
    }
    let mut products = [_mm512_setzero_ps(); N];
    let first = half_sums::<N>(group, x, 0, first_sums::<F, N>(x, 0));
    if !F::HALVES {
        let sums = half_sums::<N>(group, x, 1, first);
        products.iter_mut().zip(sums).for_each(|(product, sum)| *product = _mm512_cvtepi32_ps(sum));
        return products;
    }
    let sums = [first, half_sums::<N>(group, x, 1, first_sums::<F, N>(x, 1))];
    for (sums, scales) in sums.into_iter().zip(&group.half_scales) {
        let scales = load(scales);
        for (product, sum) in products.iter_mut().zip(sums) {
            *product = _mm512_fmadd_ps(_mm512_cvtepi32_ps(sum), scales, *product);
        }
    }
    products
}

/// `sums` and the products of half of a group's codes and activations.
#[inline]
#[target_feature(enable = "avx512bw,avx512vl,avx512vnni")]
fn half_sums<const N: usize>(group: &PanelGroup, x: &TileGroup, half: usize, mut sums: [__m512i; N]) -> [__m512i; N] {
    for step in half * STEPS / 2..(half + 1) * STEPS / 2 {
        // SAFETY: the array has the length of the register and the alignment of its struct.
        let codes = unsafe { _mm512_load_si512(group.codes[step].as_ptr().cast()) };
        for (sum, four) in sums.iter_mut().zip(&x.codes[step]) {
            *sum = _mm512_dpbusd_epi32(*sum, codes, _mm512_set1_epi32(*four));
        }
        for sum in &mut sums {
            *sum = in_step(*sum);
        }
    }
    sums
}

/// What sums of a part of a group (a half if the format has halves, else all of it) start with: the sum of its
/// activations times the centre of the codes, negated.
#[inline]
#[target_feature(enable = "avx512bw,avx512vl,avx512vnni")]
fn first_sums<F: Format, const N: usize>(x: &TileGroup, part: usize) -> [__m512i; N] {
    let mut first = [_mm512_setzero_si512(); N];
    if centre::<F>() == 0 {
        return first;
    }
    // The sums of both halves lie side by side: each is multiplied, or one with zero.
    let factors = match (F::HALVES, part) {
        (false, _) => _mm512_set1_epi16(-centre::<F>()),
        (true, 0) => _mm512_set1_epi32(i32::from(-centre::<F>()) & 0xffff),
        (true, _) => _mm512_set1_epi32(i32::from(-centre::<F>()) << 16),
    };
    for (first, both) in first.iter_mut().zip(&x.code_sums) {
        *first = _mm512_madd_epi16(factors, _mm512_set1_epi32(*both));
    }
    first
}

/// Its operand. The compiler keeps calls in their order, and so the steps that the operands come from: left alone, it
/// takes several steps of one token after the other, which wait for each other.
#[inline]
#[target_feature(enable = "avx512bw,avx512vl,avx512vnni")]
fn in_step(mut sum: __m512i) -> __m512i {
    // SAFETY: no instruction at all.
    unsafe { asm!("/* {sum} */", sum = inout(zmm_reg) sum, options(nomem, nostack, preserves_flags)) };
    sum
}

/// Numbers of all rows of a tile.
#[inline]
#[target_feature(enable = "avx512bw,avx512vl,avx512vnni")]
fn load(rows: &[[f32; PACKED_ROWS]; EIGHTS]) -> __m512 {
    // SAFETY: the arrays together have the length of the register.
    unsafe { _mm512_loadu_ps(rows.as_ptr().cast()) }
}
