//! From floats to the formats of GGUF files: the other way of [`dequantize`](super::dequantize).

use super::fit::{affine, symmetric};
use super::{GROUP, QuantType, SUBGROUP};
use half::{bf16, f16};

/// Weights of a block of the formats whose scales are quantised too.
const SUPER: usize = 256;

/// Turns one or more rows of weights into the bytes of a format, near to the weights in the sense of weighted least squares.
/// What is no number becomes 0.
///
/// # Shapes
/// `x` holds whole blocks; the result has [`QuantType::row_bytes`] of them.
///
/// # Panics
/// If `x` does not hold whole blocks.
pub fn quantize(ty: QuantType, x: &[f32]) -> Vec<u8> {
    let bytes = ty.row_bytes(x.len()).expect("rows hold whole blocks");
    let mut out = Vec::with_capacity(bytes);
    let x: Vec<f32> = x.iter().map(|x| if x.is_finite() { *x } else { 0.0 }).collect();
    for block in x.chunks_exact(ty.block_len()) {
        match ty {
            QuantType::F32 => out.extend(block[0].to_le_bytes()),
            QuantType::F16 => out.extend(f16::from_f32(block[0]).to_le_bytes()),
            QuantType::BF16 => out.extend(bf16::from_f32(block[0]).to_le_bytes()),
            QuantType::Q4_0 => legacy_symmetric(block, 8, &mut out),
            QuantType::Q4_1 => legacy_affine(block, 15, &mut out),
            QuantType::Q5_0 => legacy_symmetric(block, 16, &mut out),
            QuantType::Q5_1 => legacy_affine(block, 31, &mut out),
            QuantType::Q8_0 => q8_0(block, &mut out),
            QuantType::Q2K => q2_k(block, &mut out),
            QuantType::Q3K => q3_k(block, &mut out),
            QuantType::Q4K => q4_or_5_k(block, 15, &mut out),
            QuantType::Q5K => q4_or_5_k(block, 31, &mut out),
            QuantType::Q6K => q6_k(block, &mut out),
        }
    }
    out
}

/// A scale as it will be read again.
fn half(scale: f32) -> f32 {
    f16::from_f32(scale).clamp(f16::MIN, f16::MAX).to_f32()
}

/// The code of a weight, from 0 to `most`.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "codes are bounded")]
fn code(x: f32, scale: f32, offset: f32, most: i32) -> u8 {
    if scale == 0.0 { 0 } else { ((x - offset) / scale).round_ties_even().clamp(0.0, most as f32) as u8 }
}

/// The codes of a symmetric format, where a scale of 0 has the code that stands for 0.
fn symmetric_code(x: f32, scale: f32, zero: i32) -> u8 {
    let (x, scale) = if scale == 0.0 { (0.0, 1.0) } else { (x, scale) };
    code(x, scale, -scale * zero as f32, 2 * zero - 1)
}

/// 4-bit codes of 32 weights: the low halves of 16 bytes, then their high halves; fifth bits before them.
fn put_legacy_codes(codes: &[u8], most: i32, out: &mut Vec<u8>) {
    if most > 15 {
        out.extend((0..4).map(|byte| (0..8).fold(0, |bits, bit| bits | (codes[8 * byte + bit] >> 4) << bit)));
    }
    out.extend((0..SUBGROUP).map(|i| codes[i] & 15 | (codes[i + SUBGROUP] & 15) << 4));
}

fn legacy_symmetric(x: &[f32], zero: i32, out: &mut Vec<u8>) {
    let scale = half(symmetric(x, zero));
    let codes: Vec<u8> = x.iter().map(|x| symmetric_code(*x, scale, zero)).collect();
    out.extend(f16::from_f32(scale).to_le_bytes());
    put_legacy_codes(&codes, 2 * zero - 1, out);
}

fn legacy_affine(x: &[f32], most: i32, out: &mut Vec<u8>) {
    let (scale, offset) = affine(x, most, false);
    let (scale, offset) = (half(scale), half(offset));
    let codes: Vec<u8> = x.iter().map(|x| code(*x, scale, offset, most)).collect();
    out.extend(f16::from_f32(scale).to_le_bytes());
    out.extend(f16::from_f32(offset).to_le_bytes());
    put_legacy_codes(&codes, most, out);
}

/// With 8 bits, the greatest weight decides the scale: nothing is won by looking for a better one.
fn q8_0(x: &[f32], out: &mut Vec<u8>) {
    let scale = half(x.iter().fold(0.0_f32, |greatest, x| greatest.max(x.abs())) / 127.0);
    out.extend(f16::from_f32(scale).to_le_bytes());
    out.extend(x.iter().map(|x| symmetric_code(*x, scale, 128) ^ 0x80));
}

/// What scales and minima of one block, none of them negative, have in common, and their codes up to `most`.
fn shared(numbers: &[f32], most: i32) -> (f32, Vec<u8>) {
    let common = half(numbers.iter().copied().fold(0.0, f32::max) / most as f32);
    (common, numbers.iter().map(|number| code(*number, common, 0.0, most)).collect())
}

/// Scales and minima of subgroups, and the codes of all weights.
struct Affine {
    scale: f32,
    minimum: f32,
    scales: Vec<u8>,
    minima: Vec<u8>,
    codes: Vec<u8>,
}

/// Subgroups of `len` weights with codes up to `most`, whose scales and minima have codes up to `most_scale`.
fn affine_block(x: &[f32], len: usize, most: i32, most_scale: i32) -> Affine {
    let fitted: Vec<(f32, f32)> = x.chunks_exact(len).map(|x| affine(x, most, true)).collect();
    let (scale, scales) = shared(&fitted.iter().map(|(scale, _)| *scale).collect::<Vec<_>>(), most_scale);
    let (minimum, minima) = shared(&fitted.iter().map(|(_, offset)| -offset).collect::<Vec<_>>(), most_scale);
    let groups = x.chunks_exact(len).zip(scales.iter().zip(&minima));
    let codes = groups.flat_map(|(x, (scale_code, minimum_code))| {
        let (own, offset) = (scale * f32::from(*scale_code), -minimum * f32::from(*minimum_code));
        x.iter().map(move |x| code(*x, own, offset, most))
    });
    let codes = codes.collect();
    Affine { scale, minimum, scales, minima, codes }
}

/// Scales of subgroups of 16 weights, with codes from `-zero_scale` to `zero_scale − 1`, and the codes of all weights.
fn symmetric_block(x: &[f32], zero: i32, zero_scale: i32) -> (f32, Vec<i8>, Vec<u8>) {
    let fitted: Vec<f32> = x.chunks_exact(SUBGROUP).map(|x| symmetric(x, zero)).collect();
    let greatest = fitted.iter().copied().max_by(|a, b| a.abs().total_cmp(&b.abs())).unwrap_or(0.0);
    let common = half(greatest / -(zero_scale as f32));
    let most = zero_scale as f32 - 1.0;
    #[expect(clippy::cast_possible_truncation, reason = "codes are bounded")]
    let scale_code = |own: &f32| {
        if common == 0.0 { 0 } else { (own / common).round_ties_even().clamp(-most - 1.0, most) as i8 }
    };
    let scales: Vec<i8> = fitted.iter().map(scale_code).collect();
    let groups = x.chunks_exact(SUBGROUP).zip(&scales);
    let codes =
        groups.flat_map(|(x, scale)| x.iter().map(move |x| symmetric_code(*x, common * f32::from(*scale), zero)));
    let codes = codes.collect();
    (common, scales, codes)
}

/// Two bits of each of 256 codes: group `i` of 32 in bits `2 × (i % 4)` of the 32 bytes of its half.
fn pairs_of_bits(codes: &[u8], shift: usize) -> impl Iterator<Item = u8> + '_ {
    let byte = move |half: usize, i: usize| {
        (0..4).fold(0, |bits, group| bits | (codes[half * 128 + group * GROUP + i] >> shift & 3) << (2 * group))
    };
    (0..SUPER / 128).flat_map(move |half| (0..GROUP).map(move |i| byte(half, i)))
}

/// One bit of each of 256 codes: group `i` of 32 in bit `i` of 32 bytes.
fn single_bits(codes: &[u8], shift: usize) -> impl Iterator<Item = u8> + '_ {
    (0..GROUP).map(move |i| (0..8).fold(0, |bits, group| bits | (codes[group * GROUP + i] >> shift & 1) << group))
}

fn q2_k(x: &[f32], out: &mut Vec<u8>) {
    let Affine { scale, minimum, scales, minima, codes } = affine_block(x, SUBGROUP, 3, 15);
    out.extend(scales.iter().zip(&minima).map(|(scale, minimum)| scale | minimum << 4));
    out.extend(pairs_of_bits(&codes, 0));
    out.extend(f16::from_f32(scale).to_le_bytes());
    out.extend(f16::from_f32(minimum).to_le_bytes());
}

fn q3_k(x: &[f32], out: &mut Vec<u8>) {
    let (scale, scales, codes) = symmetric_block(x, 4, 32);
    out.extend(single_bits(&codes, 2));
    out.extend(pairs_of_bits(&codes, 0));
    let scales: Vec<u8> = scales.iter().map(|scale| scale.cast_unsigned().wrapping_add(32)).collect();
    out.extend((0..8).map(|i| scales[i] & 15 | (scales[i + 8] & 15) << 4));
    out.extend((0..4).map(|i| (0..4).fold(0, |bits, part| bits | (scales[4 * part + i] >> 4) << (2 * part))));
    out.extend(f16::from_f32(scale).to_le_bytes());
}

fn q4_or_5_k(x: &[f32], most: i32, out: &mut Vec<u8>) {
    let Affine { scale, minimum, scales, minima, codes } = affine_block(x, GROUP, most, 63);
    out.extend(f16::from_f32(scale).to_le_bytes());
    out.extend(f16::from_f32(minimum).to_le_bytes());
    // Of the last four scales and minima the upper two bits stand above the first four.
    let upper = |numbers: &[u8]| (0..4).map(|i| numbers[i] | numbers[i + 4] >> 4 << 6).collect::<Vec<_>>();
    out.extend(upper(&scales));
    out.extend(upper(&minima));
    out.extend((4..8).map(|i| scales[i] & 15 | (minima[i] & 15) << 4));
    if most > 15 {
        out.extend(single_bits(&codes, 4));
    }
    let pairs = codes.chunks_exact(2 * GROUP);
    out.extend(pairs.flat_map(|codes| (0..GROUP).map(|i| codes[i] & 15 | (codes[i + GROUP] & 15) << 4)));
}

fn q6_k(x: &[f32], out: &mut Vec<u8>) {
    let (scale, scales, codes) = symmetric_block(x, 32, 128);
    let halves = codes.chunks_exact(128);
    out.extend(halves.flat_map(|codes| (0..2 * GROUP).map(|i| codes[i] & 15 | (codes[i + 2 * GROUP] & 15) << 4)));
    out.extend(pairs_of_bits(&codes, 4));
    out.extend(scales.iter().map(|scale| scale.cast_unsigned()));
    out.extend(f16::from_f32(scale).to_le_bytes());
}
