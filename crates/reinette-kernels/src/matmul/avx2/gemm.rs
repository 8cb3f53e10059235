//! Many tokens: weights are unpacked once for all of them, bound by the speed of multiplication.
//!
//! A tile of rows is unpacked panel by panel into a scratch in which every register holds four consecutive codes of
//! eight rows. Multiplied with four activations of one token, broadcast, it adds to eight rows at once: lanes are
//! rows, so nothing is ever summed across lanes. Sums of products stay in 16 bits as long as they fit, for which codes
//! are centred around zero: a sum starts with what the centre of the codes would add to it, negated, and may wrap around
//! on its way to a result that fits.

use super::formats::{self, Format, GroupFactors, STEPS, centre_bits, factors, for_each_group, is_symmetric, is_wide};
use crate::matmul::activations::{Activations, QuantisedRow};
use crate::matmul::{Matrix, Output};
use crate::quant::{GROUP, PACKED_ROWS, STEP};
use std::arch::asm;
use std::arch::x86_64::*;
use std::cell::RefCell;
use std::ops::Range;

/// Rows of a register.
const LANES: usize = PACKED_ROWS;
/// Registers of codes that are multiplied with the same activations: of 16 rows, or the two nibbles of 8-bit codes.
const PLANES: usize = 2;
/// Groups of a panel. A panel takes 27 KB, which the first two cache levels hold beside the activations.
const PANEL_GROUPS: usize = 32;
/// Bytes of a cache line.
const CACHE_LINE: usize = 64;

/// A group of 32 weights of all rows of a tile.
#[repr(C, align(32))]
#[derive(Clone, Copy)]
struct PanelGroup {
    /// `[step][plane][row × 4 codes]`
    codes: [[[u8; 32]; PLANES]; STEPS],
    /// `[plane][row]`
    scales: [[f32; LANES]; PLANES],
    /// `[half][plane][row]`; the first half stands for both unless the format has halves.
    offsets: [[[f32; LANES]; PLANES]; 2],
    /// `[half][plane][row]`, each two equal 16-bit numbers; only if the format has halves.
    multipliers: [[[i32; LANES]; PLANES]; 2],
}

impl PanelGroup {
    const ZERO: Self = Self {
        codes: [[[0; 32]; PLANES]; STEPS],
        scales: [[0.0; LANES]; PLANES],
        offsets: [[[0.0; LANES]; PLANES]; 2],
        multipliers: [[[0; LANES]; PLANES]; 2],
    };
}

thread_local! {
    /// The scratch of this thread, which is not worth clearing for every tile.
    static PANEL: RefCell<Box<[PanelGroup]>> = RefCell::new(vec![PanelGroup::ZERO; PANEL_GROUPS].into_boxed_slice());
}

/// Rows of a tile.
pub(super) const fn tile_rows<F: Format>() -> usize {
    if is_wide::<F>() { LANES } else { LANES * PLANES }
}

/// Steps whose sums fit in 16 bits; 8-bit codes are multiplied nibble by nibble.
const fn safe_steps<F: Format>() -> usize {
    if is_wide::<F>() { formats::safe_steps::<F>(15) } else { formats::centred_steps::<F>() }
}

/// [`formats::centre_bits`] of a plane: of 8-bit codes plus 128, that is eight times the upper nibble's unit.
const fn plane_centre_bits<F: Format>(plane: usize) -> Option<u32> {
    match (is_wide::<F>(), plane) {
        (false, _) => centre_bits::<F>(),
        (true, 1) => Some(3),
        (true, _) => None,
    }
}

/// Tokens that are multiplied with the same register of weights: 2 × 4 sums, two weights, one broadcast and
/// temporaries fill the 16 registers. Where a group is summed up in parts, twice as many sums are needed.
const fn tokens<F: Format>() -> usize {
    if safe_steps::<F>() == STEPS { 4 } else { 2 }
}

/// Computes the rows `rows` (at most [`tile_rows`]) of the product for all tokens.
///
/// # Safety
/// Needs AVX2, FMA and F16C; `weights` has the format `F` and as many columns as `x`, and nobody else uses these
/// columns of `out`.
pub(super) unsafe fn tile<F: Format>(weights: &Matrix<'_>, rows: Range<usize>, x: &Activations, out: &Output<'_>) {
    // SAFETY: as the caller promises.
    PANEL.with_borrow_mut(|panel| unsafe { tile_in_panel::<F>(panel, weights, rows, x, out) });
}

/// # Safety
/// As for [`tile`].
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn tile_in_panel<F: Format>(
    panel: &mut [PanelGroup],
    weights: &Matrix<'_>,
    rows: Range<usize>,
    x: &Activations,
    out: &Output<'_>,
) {
    let groups = x.cols() / GROUP;
    // Rows past the end repeat the last ones; their sums are thrown away.
    let row = |plane: usize| weights.packed_rows((rows.start + plane * LANES).min(rows.end - 1)).as_ptr();
    let planes: [*const u8; PLANES] = std::array::from_fn(row);
    let all = TokenRows::new(x);
    for first in (0..groups).step_by(PANEL_GROUPS) {
        let panel = &mut panel[..PANEL_GROUPS.min(groups - first)];
        // SAFETY: the rows have all groups of `x`, and panels are whole blocks.
        unsafe { unpack::<F>(panel, planes, first / F::GROUPS) };
        let mut token = 0;
        while token < x.n_tokens() {
            let rest = x.n_tokens() - token;
            let tile = Tile { x: all.after(token, first), token, first, rows: rows.clone() };
            // SAFETY: as the caller promises.
            token += unsafe {
                match rest.min(tokens::<F>()) {
                    1 => tile.multiply::<F, 1>(panel, out),
                    2 => tile.multiply::<F, 2>(panel, out),
                    3 => tile.multiply::<F, 3>(panel, out),
                    _ => tile.multiply::<F, 4>(panel, out),
                }
            };
        }
    }
}

/// Unpacks the blocks from `first_block` of the rows of a tile.
///
/// # Safety
/// Needs the instructions, and rows of that many blocks.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn unpack<F: Format>(panel: &mut [PanelGroup], rows: [*const u8; PLANES], first_block: usize) {
    for (index, groups) in panel.chunks_exact_mut(F::GROUPS).enumerate() {
        for (plane, rows) in rows.into_iter().take(tile_rows::<F>() / LANES).enumerate() {
            // SAFETY: the caller vouches for the blocks.
            unsafe {
                let block = rows.add((first_block + index) * F::BLOCK_BYTES);
                let factors = factors::<F>(block);
                for_each_group!(F, unpack_group(&mut *groups, plane, block, factors));
            }
        }
    }
}

#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn unpack_group<F: Format, const INDEX: usize>(
    groups: &mut [PanelGroup],
    plane: usize,
    block: *const u8,
    factors: [__m256; 2],
) {
    let group = &mut groups[INDEX];
    // SAFETY: the caller vouches for the block.
    let (codes, numbers) = unsafe { (formats::codes::<F, INDEX>(block), F::scales::<INDEX>(block)) };
    for (step, codes) in codes.into_iter().enumerate() {
        if is_wide::<F>() {
            // Signed codes plus 128.
            let codes = _mm256_xor_si256(codes, _mm256_set1_epi8(-128));
            let mask = _mm256_set1_epi8(15);
            store(&mut group.codes[step][0], _mm256_and_si256(codes, mask));
            store(&mut group.codes[step][1], _mm256_and_si256(_mm256_srli_epi16::<4>(codes), mask));
        } else {
            store(&mut group.codes[step][plane], codes);
        }
    }
    let GroupFactors { scale, offsets } = formats::group_factors::<F>(numbers, factors);
    store_floats(&mut group.scales[plane], scale);
    for (half, offset) in offsets.into_iter().enumerate() {
        store_floats(&mut group.offsets[half][plane], offset);
    }
    if F::HALVES {
        for (half, scales) in numbers.scales.into_iter().enumerate() {
            // SAFETY: the array has the length of the register.
            unsafe {
                _mm256_storeu_si256(group.multipliers[half][plane].as_mut_ptr().cast(), formats::twice(scales));
            }
        }
    }
}

#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn store_floats(to: &mut [f32; LANES], lanes: __m256) {
    // SAFETY: the array has the length of the register.
    unsafe { _mm256_storeu_ps(to.as_mut_ptr(), lanes) }
}

#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn store(to: &mut [u8; 32], bytes: __m256i) {
    // SAFETY: the array has the length of the register.
    unsafe { _mm256_storeu_si256(to.as_mut_ptr().cast(), bytes) }
}

/// Sums of a tile: `[token][plane][row]`.
type Sums<const N: usize> = [[[f32; LANES]; PLANES]; N];

/// The quantised activations of tokens, from a token and a group on.
#[derive(Clone, Copy)]
struct TokenRows {
    codes: *const i8,
    scales: *const f32,
    sums: *const f32,
    half_sums: *const f32,
    pair_sums: *const [i16; 2],
    /// Groups of a token.
    groups: usize,
}

impl TokenRows {
    fn new(x: &Activations) -> Self {
        let QuantisedRow { codes, scales, sums, half_sums, pair_sums } = x.all_quantised();
        let groups = x.cols() / GROUP;
        Self {
            codes: codes.as_ptr(),
            scales: scales.as_ptr(),
            sums: sums.as_ptr(),
            half_sums: half_sums.as_ptr(),
            pair_sums: pair_sums.as_ptr(),
            groups,
        }
    }

    /// The activations of `token` and later ones, from `group` on; there need not be any.
    fn after(self, token: usize, group: usize) -> Self {
        let skipped = token * self.groups + group;
        Self {
            codes: self.codes.wrapping_add(skipped * GROUP),
            scales: self.scales.wrapping_add(skipped),
            sums: self.sums.wrapping_add(skipped),
            half_sums: self.half_sums.wrapping_add(2 * skipped),
            pair_sums: self.pair_sums.wrapping_add(2 * skipped),
            ..self
        }
    }
}

/// Some rows of the product for some tokens.
struct Tile {
    /// The activations from the first token and group on.
    x: TokenRows,
    /// The first token.
    token: usize,
    /// The first group.
    first: usize,
    rows: Range<usize>,
}

impl Tile {
    /// Multiplies the panel of the tile's rows and groups with `N` tokens; gives their number.
    #[inline]
    #[target_feature(enable = "avx2,fma,f16c")]
    unsafe fn multiply<F: Format, const N: usize>(self, panel: &[PanelGroup], out: &Output<'_>) -> usize {
        let mut sums: Sums<N> = [[[0.0; LANES]; PLANES]; N];
        // SAFETY: the caller promises that nobody else uses these columns.
        let part = |index: usize| unsafe { out.part(self.token + index, self.rows.clone()) };
        if self.first > 0 {
            (0..N).for_each(|index| copy(part(index), sums[index].as_flattened_mut()));
        }
        // SAFETY: each row of activations has the groups of the panel.
        unsafe { accumulate::<F, N>(panel, self.x, &mut sums) };
        (0..N).for_each(|index| copy(sums[index].as_flattened(), part(index)));
        N
    }
}

/// Copies as much as both have; almost always that is a whole tile, which is a register or two.
#[inline]
fn copy(from: &[f32], to: &mut [f32]) {
    const TILE: usize = LANES * PLANES;
    match (from.first_chunk::<TILE>(), to.first_chunk_mut::<TILE>()) {
        (Some(from), Some(to)) => *to = *from,
        _ => to.iter_mut().zip(from).for_each(|(to, from)| *to = *from),
    }
}

#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn accumulate<F: Format, const N: usize>(panel: &[PanelGroup], x: TokenRows, sums: &mut Sums<N>) {
    let mut totals = [[_mm256_setzero_ps(); PLANES]; N];
    // SAFETY: registers are loaded from arrays of their size, and the caller vouches for the activations.
    unsafe {
        for (totals, sums) in totals.iter_mut().zip(sums.iter()) {
            *totals = [_mm256_loadu_ps(sums[0].as_ptr()), _mm256_loadu_ps(sums[1].as_ptr())];
        }
        for (index, group) in panel.iter().enumerate() {
            prefetch::<N>(x, index);
            let x = x.after(0, index);
            let products = group_products::<F, N>(group, x);
            let planes = if is_wide::<F>() { 1 } else { PLANES };
            for plane in 0..planes {
                let scales = _mm256_load_ps(group.scales[plane].as_ptr());
                let offsets = [0, 1].map(|half| _mm256_load_ps(group.offsets[half][plane].as_ptr()));
                for token in 0..N {
                    let total = &mut totals[token][plane];
                    let scale = _mm256_mul_ps(scales, _mm256_broadcast_ss(&*x.scales.add(token * x.groups)));
                    *total = _mm256_fmadd_ps(_mm256_cvtepi32_ps(products[token][plane]), scale, *total);
                    if is_symmetric::<F>() {
                        continue;
                    }
                    if F::HALVES {
                        for (half, offset) in offsets.into_iter().enumerate() {
                            let sum = _mm256_broadcast_ss(&*x.half_sums.add(2 * token * x.groups + half));
                            *total = _mm256_fmadd_ps(offset, sum, *total);
                        }
                    } else {
                        let sum = _mm256_broadcast_ss(&*x.sums.add(token * x.groups));
                        *total = _mm256_fmadd_ps(offsets[0], sum, *total);
                    }
                }
            }
        }
        for (totals, sums) in totals.iter().zip(sums) {
            _mm256_storeu_ps(sums[0].as_mut_ptr(), totals[0]);
            _mm256_storeu_ps(sums[1].as_mut_ptr(), totals[1]);
        }
    }
}

/// Sums of the products of a group's codes and activations, `[token][plane]`.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn group_products<F: Format, const N: usize>(group: &PanelGroup, x: TokenRows) -> [[__m256i; PLANES]; N] {
    let mut products = [[_mm256_setzero_si256(); PLANES]; N];
    for part in 0..STEPS / safe_steps::<F>() {
        // SAFETY: the caller vouches for the activations.
        let mut short = unsafe { first_sums::<F, N>(x, part) };
        for step in part * safe_steps::<F>()..(part + 1) * safe_steps::<F>() {
            // SAFETY: registers are loaded from arrays of their size, and the caller vouches for the activations.
            unsafe {
                let codes = [0, 1].map(|plane| _mm256_load_si256(group.codes[step][plane].as_ptr().cast()));
                for (token, short) in short.iter_mut().enumerate() {
                    let four = load_four(x, token, STEP * step);
                    for (short, codes) in short.iter_mut().zip(codes) {
                        *short = _mm256_add_epi16(*short, _mm256_maddubs_epi16(codes, four));
                    }
                }
                short.iter_mut().flatten().for_each(|sum| *sum = in_step(*sum));
            }
        }
        let half = part * safe_steps::<F>() / (STEPS / 2);
        let multipliers = [0, 1].map(|plane| multiplier::<F>(group, half, plane));
        for token in 0..N {
            for plane in 0..PLANES {
                let long = _mm256_madd_epi16(short[token][plane], multipliers[plane]);
                products[token][plane] = _mm256_add_epi32(products[token][plane], long);
            }
            if is_wide::<F>() {
                products[token][0] = _mm256_add_epi32(products[token][0], products[token][1]);
            }
        }
    }
    products
}

/// What 16-bit sums of a part of a group start with: the sum of its activations times the centre of the codes, negated.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn first_sums<F: Format, const N: usize>(x: TokenRows, part: usize) -> [[__m256i; PLANES]; N] {
    let zero = _mm256_setzero_si256();
    let mut sums = [[zero; PLANES]; N];
    for (token, sums) in sums.iter_mut().enumerate() {
        // SAFETY: the caller vouches for the activations.
        let half = |half: usize| unsafe {
            _mm256_set1_epi32(x.pair_sums.add(2 * token * x.groups + half).cast::<i32>().read_unaligned())
        };
        for (plane, sum) in sums.iter_mut().enumerate() {
            let Some(bits) = plane_centre_bits::<F>(plane) else { continue };
            let pairs = if F::HALVES { half(part) } else { _mm256_add_epi16(half(0), half(1)) };
            let distance = _mm_cvtsi64_si128(i64::from(bits));
            *sum = _mm256_sub_epi16(zero, _mm256_sll_epi16(pairs, distance));
        }
    }
    sums
}

/// Its operand. The compiler keeps calls in their order, and so the steps that the operands come from: left alone, it
/// takes all steps for one register of rows first and stores every broadcast activation for the next, which takes as
/// long as the products.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn in_step(mut sum: __m256i) -> __m256i {
    // SAFETY: no instruction at all.
    unsafe { asm!("/* {sum} */", sum = inout(ymm_reg) sum, options(nomem, nostack, preserves_flags)) };
    sum
}

/// Four activations of a token from `at`, in all lanes.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn load_four(x: TokenRows, token: usize, at: usize) -> __m256i {
    // SAFETY: the caller vouches for the activations.
    _mm256_set1_epi32(unsafe { x.codes.add(token * x.groups * GROUP + at).cast::<i32>().read_unaligned() })
}

/// Fetches the activations of the `N` tokens after those of `x` into the cache: their rows are too short for the
/// processor to foresee.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn prefetch<const N: usize>(x: TokenRows, index: usize) {
    let fetch = |address: *const i8| _mm_prefetch::<_MM_HINT_T0>(address);
    for token in 0..N {
        let next = x.after(N + token, index);
        if index.is_multiple_of(CACHE_LINE / GROUP) {
            fetch(next.codes);
        }
        if index.is_multiple_of(CACHE_LINE / size_of::<f32>()) {
            fetch(next.scales.cast());
            fetch(next.sums.cast());
        }
    }
}

/// What sums of products of one plane are multiplied by when they are widened to 32 bits.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn multiplier<F: Format>(group: &PanelGroup, half: usize, plane: usize) -> __m256i {
    if F::HALVES {
        // SAFETY: the array has the length of the register and the alignment of its struct.
        unsafe { _mm256_load_si256(group.multipliers[half][plane].as_ptr().cast()) }
    } else if is_wide::<F>() && plane == 1 {
        _mm256_set1_epi16(16)
    } else {
        _mm256_set1_epi16(1)
    }
}
