//! Many tokens: weights are unpacked once for all of them, bound by the speed of multiplication.
//!
//! A tile of rows is unpacked panel by panel into a scratch in which every register holds four consecutive codes of
//! eight rows. Multiplied with four activations of one token, broadcast, it adds to eight rows at once: lanes are
//! rows, so nothing is ever summed across lanes. Sums of products stay in 16 bits as long as they fit.

use super::formats::{Format, for_each_group};
use crate::matmul::activations::{Activations, QuantisedRow};
use crate::matmul::{Matrix, Output};
use crate::quant::GROUP;
use std::arch::x86_64::*;
use std::cell::RefCell;
use std::ops::Range;

/// Rows of a register.
const LANES: usize = 8;
/// Registers of codes that are multiplied with the same activations: of 16 rows, or the two nibbles of 8-bit codes.
const PLANES: usize = 2;
/// Groups of a panel. A panel takes 27 KB, which the first two cache levels hold beside the activations.
const PANEL_GROUPS: usize = 32;
/// Tokens that are multiplied with the same register of weights: 2 × 4 sums, two weights, one broadcast and
/// temporaries fill the 16 registers.
const TOKENS: usize = 4;
/// Registers of codes in a group, each four codes deep.
const STEPS: usize = GROUP / 4;

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

/// Whether two products of codes and activations overflow 16 bits, so that codes are multiplied nibble by nibble.
const fn is_wide<F: Format>() -> bool {
    F::MAX_CODE > 127
}

/// Rows of a tile.
pub(super) const fn tile_rows<F: Format>() -> usize {
    if is_wide::<F>() { LANES } else { LANES * PLANES }
}

/// Steps whose sums fit in 16 bits: each adds two products of at most `MAX_CODE × 127`.
const fn safe_steps<F: Format>() -> usize {
    let max_code = if is_wide::<F>() { 15 } else { F::MAX_CODE };
    let fitting = 32767 / (2 * 127 * max_code);
    // A format with halves multiplies each half, four steps, by a number of its own.
    let longest = if F::HALVES { STEPS / 2 } else { STEPS };
    let mut steps = longest;
    while steps > fitting {
        steps /= 2;
    }
    steps
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
    // Rows past the end repeat the last one; their sums are thrown away.
    let row = |index: usize| weights.row((rows.start + index).min(rows.end - 1)).as_ptr();
    for first in (0..groups).step_by(PANEL_GROUPS) {
        let panel = &mut panel[..PANEL_GROUPS.min(groups - first)];
        // SAFETY: the rows have all groups of `x`, and panels are whole blocks.
        unsafe { unpack::<F>(panel, row, first / F::GROUPS) };
        for token in (0..x.n_tokens()).step_by(TOKENS) {
            // SAFETY: as the caller promises.
            unsafe {
                match x.n_tokens() - token {
                    1 => multiply::<F, 1>(panel, x, first, token, out, rows.clone()),
                    2 => multiply::<F, 2>(panel, x, first, token, out, rows.clone()),
                    3 => multiply::<F, 3>(panel, x, first, token, out, rows.clone()),
                    _ => multiply::<F, TOKENS>(panel, x, first, token, out, rows.clone()),
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
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn unpack<F: Format>(panel: &mut [PanelGroup], row: impl Fn(usize) -> *const u8, first_block: usize) {
    for (block, groups) in panel.chunks_exact_mut(F::GROUPS).enumerate() {
        for plane in 0..tile_rows::<F>() / LANES {
            // SAFETY: the caller vouches for the blocks.
            unsafe {
                let blocks: [*const u8; LANES] =
                    std::array::from_fn(|lane| row(plane * LANES + lane).add((first_block + block) * F::BLOCK_BYTES));
                unpack_scales::<F>(groups, plane, blocks);
                for_each_group!(F, unpack_codes(groups, plane, blocks));
            }
        }
    }
}

#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn unpack_scales<F: Format>(groups: &mut [PanelGroup], plane: usize, blocks: [*const u8; LANES]) {
    for (lane, block) in blocks.into_iter().enumerate() {
        let (mut scales, mut offsets, mut multipliers) = ([0.0_f32; 8], [0.0_f32; 16], [0_i32; 16]);
        // SAFETY: the caller vouches for the blocks; the arrays have the length of the registers.
        unsafe {
            let packed = F::scales(block);
            _mm256_storeu_ps(scales.as_mut_ptr(), packed.factors);
            for half in 0..if F::HALVES { 2 } else { 1 } {
                _mm256_storeu_ps(offsets.as_mut_ptr().add(8 * half), packed.offsets[half]);
                _mm256_storeu_si256(multipliers.as_mut_ptr().add(8 * half).cast(), packed.multipliers[half]);
            }
        }
        for (index, group) in groups.iter_mut().enumerate() {
            group.scales[plane][lane] = scales[index];
            if F::HALVES {
                for half in 0..2 {
                    group.offsets[half][plane][lane] = offsets[2 * index + half];
                    group.multipliers[half][plane][lane] = multipliers[2 * index + half];
                }
            } else {
                group.offsets[0][plane][lane] = offsets[index];
            }
        }
    }
}

#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn unpack_codes<F: Format, const INDEX: usize>(
    groups: &mut [PanelGroup],
    plane: usize,
    blocks: [*const u8; LANES],
) {
    let group = &mut groups[INDEX];
    let mut rows = [_mm256_setzero_si256(); LANES];
    for (row, block) in rows.iter_mut().zip(blocks) {
        // SAFETY: the caller vouches for the blocks.
        *row = unsafe { F::codes::<INDEX>(block) };
    }
    for (step, codes) in transpose(rows).into_iter().enumerate() {
        if is_wide::<F>() {
            let mask = _mm256_set1_epi8(15);
            store(&mut group.codes[step][0], _mm256_and_si256(codes, mask));
            store(&mut group.codes[step][1], _mm256_and_si256(_mm256_srli_epi16::<4>(codes), mask));
        } else {
            store(&mut group.codes[step][plane], codes);
        }
    }
}

#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn store(to: &mut [u8; 32], bytes: __m256i) {
    // SAFETY: the array has the length of the register.
    unsafe { _mm256_storeu_si256(to.as_mut_ptr().cast(), bytes) }
}

/// Transposes eight registers of eight 32-bit lanes.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn transpose(rows: [__m256i; 8]) -> [__m256i; 8] {
    let [a, b, c, d, e, f, g, h] = rows;
    let pairs = |x, y| [_mm256_unpacklo_epi32(x, y), _mm256_unpackhi_epi32(x, y)];
    let quads = |[x_low, x_high]: [__m256i; 2], [y_low, y_high]: [__m256i; 2]| {
        [
            _mm256_unpacklo_epi64(x_low, y_low),
            _mm256_unpackhi_epi64(x_low, y_low),
            _mm256_unpacklo_epi64(x_high, y_high),
            _mm256_unpackhi_epi64(x_high, y_high),
        ]
    };
    let upper = quads(pairs(a, b), pairs(c, d));
    let lower = quads(pairs(e, f), pairs(g, h));
    let mut columns = [_mm256_setzero_si256(); 8];
    for index in 0..4 {
        columns[index] = _mm256_permute2x128_si256::<0x20>(upper[index], lower[index]);
        columns[index + 4] = _mm256_permute2x128_si256::<0x31>(upper[index], lower[index]);
    }
    columns
}

/// Sums of a tile: `[token][plane][row]`.
type Sums<const N: usize> = [[[f32; LANES]; PLANES]; N];

/// Multiplies a panel that begins at group `first` with the tokens `token..token + N`.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn multiply<F: Format, const N: usize>(
    panel: &[PanelGroup],
    x: &Activations,
    first: usize,
    token: usize,
    out: &Output<'_>,
    rows: Range<usize>,
) {
    let x: [QuantisedRow<'_>; N] = std::array::from_fn(|index| x.quantised(token + index).after_groups(first));
    let mut sums: Sums<N> = [[[0.0; LANES]; PLANES]; N];
    // SAFETY: the caller promises that nobody else uses these columns.
    let part = |index: usize| unsafe { out.part(token + index, rows.clone()) };
    if first > 0 {
        (0..N).for_each(|index| copy(part(index), sums[index].as_flattened_mut()));
    }
    // SAFETY: each row of activations has the groups of the panel.
    unsafe { accumulate::<F, N>(panel, x, &mut sums) };
    (0..N).for_each(|index| copy(sums[index].as_flattened(), part(index)));
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
unsafe fn accumulate<F: Format, const N: usize>(panel: &[PanelGroup], x: [QuantisedRow<'_>; N], sums: &mut Sums<N>) {
    let mut totals = [[_mm256_setzero_ps(); PLANES]; N];
    // SAFETY: registers are loaded from arrays of their size, and the caller vouches for the activations.
    unsafe {
        for (totals, sums) in totals.iter_mut().zip(sums.iter()) {
            *totals = [_mm256_loadu_ps(sums[0].as_ptr()), _mm256_loadu_ps(sums[1].as_ptr())];
        }
        for (index, group) in panel.iter().enumerate() {
            let products = group_products::<F, N>(group, x, index);
            let planes = if is_wide::<F>() { 1 } else { PLANES };
            for plane in 0..planes {
                let scales = _mm256_load_ps(group.scales[plane].as_ptr());
                let offsets = [0, 1].map(|half| _mm256_load_ps(group.offsets[half][plane].as_ptr()));
                for token in 0..N {
                    let total = &mut totals[token][plane];
                    let scale = _mm256_mul_ps(scales, _mm256_broadcast_ss(x[token].scales.get_unchecked(index)));
                    *total = _mm256_fmadd_ps(_mm256_cvtepi32_ps(products[token][plane]), scale, *total);
                    if F::HALVES {
                        for (half, offset) in offsets.into_iter().enumerate() {
                            let sum = _mm256_broadcast_ss(x[token].half_sums.get_unchecked(2 * index + half));
                            *total = _mm256_fmadd_ps(offset, sum, *total);
                        }
                    } else {
                        let sum = _mm256_broadcast_ss(x[token].sums.get_unchecked(index));
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
unsafe fn group_products<F: Format, const N: usize>(
    group: &PanelGroup,
    x: [QuantisedRow<'_>; N],
    index: usize,
) -> [[__m256i; PLANES]; N] {
    let mut products = [[_mm256_setzero_si256(); PLANES]; N];
    for part in 0..STEPS / safe_steps::<F>() {
        let mut short = [[_mm256_setzero_si256(); PLANES]; N];
        for step in part * safe_steps::<F>()..(part + 1) * safe_steps::<F>() {
            // SAFETY: registers are loaded from arrays of their size, and the caller vouches for the activations.
            unsafe {
                let codes = [0, 1].map(|plane| _mm256_load_si256(group.codes[step][plane].as_ptr().cast()));
                for token in 0..N {
                    let four = load_four(x[token], index * GROUP + 4 * step);
                    for plane in 0..PLANES {
                        let product = _mm256_maddubs_epi16(codes[plane], four);
                        short[token][plane] = _mm256_add_epi16(short[token][plane], product);
                    }
                }
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

/// Four activations from `at`, in all lanes.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn load_four(x: QuantisedRow<'_>, at: usize) -> __m256i {
    // SAFETY: the caller vouches for the activations.
    _mm256_set1_epi32(i32::from_le_bytes(unsafe { *x.codes.as_ptr().add(at).cast() }))
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
