//! The packing of each quantised format, in plain Rust: the reference for everything else.
//!
//! The layouts are those of ggml, little endian. Functions panic if a block is shorter than its format says.

use super::{GROUP, SUBGROUP};
use half::f16;

/// 32 consecutive weights; weight `i` is `scales[i / 16] × codes[i] + offsets[i / 16]`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Group {
    pub(crate) codes: [u8; GROUP],
    pub(crate) scales: [f32; GROUP / SUBGROUP],
    pub(crate) offsets: [f32; GROUP / SUBGROUP],
}

impl Group {
    /// A group that has the same scale throughout.
    fn uniform(codes: [u8; GROUP], scale: f32, offset: f32) -> Self {
        Self { codes, scales: [scale; 2], offsets: [offset; 2] }
    }

    /// A group whose halves have these scales, and codes that stand for `code - zero`.
    fn symmetric(codes: [u8; GROUP], scales: [f32; 2], zero: f32) -> Self {
        Self { codes, scales, offsets: scales.map(|scale| -zero * scale) }
    }

    /// Writes the 32 weights.
    pub(crate) fn write(&self, out: &mut [f32]) {
        for (index, (out, code)) in out.iter_mut().zip(self.codes).enumerate() {
            let half = index / SUBGROUP;
            *out = self.scales[half] * f32::from(code) + self.offsets[half];
        }
    }
}

fn f16_at(block: &[u8], at: usize) -> f32 {
    f16::from_le_bytes([block[at], block[at + 1]]).to_f32()
}

/// 4-bit codes of 32 weights: the low halves of 16 bytes, then their high halves.
fn nibbles(bytes: &[u8]) -> [u8; GROUP] {
    std::array::from_fn(|i| if i < SUBGROUP { bytes[i] & 15 } else { bytes[i - SUBGROUP] >> 4 })
}

/// As [`nibbles`], with a fifth bit for weight `i` from bit `i` of four bytes.
fn nibbles_and_bits(bytes: &[u8], bits: &[u8]) -> [u8; GROUP] {
    let low = nibbles(bytes);
    std::array::from_fn(|i| low[i] | (bits[i / 8] >> (i % 8) & 1) << 4)
}

pub(super) fn q4_0(block: &[u8]) -> Group {
    Group::symmetric(nibbles(&block[2..18]), [f16_at(block, 0); 2], 8.0)
}

pub(super) fn q4_1(block: &[u8]) -> Group {
    Group::uniform(nibbles(&block[4..20]), f16_at(block, 0), f16_at(block, 2))
}

pub(super) fn q5_0(block: &[u8]) -> Group {
    Group::symmetric(nibbles_and_bits(&block[6..22], &block[2..6]), [f16_at(block, 0); 2], 16.0)
}

pub(super) fn q5_1(block: &[u8]) -> Group {
    Group::uniform(nibbles_and_bits(&block[8..24], &block[4..8]), f16_at(block, 0), f16_at(block, 2))
}

/// The codes are signed in the file; flipping the top bit adds 128.
pub(super) fn q8_0(block: &[u8]) -> Group {
    Group::symmetric(std::array::from_fn(|i| block[2 + i] ^ 0x80), [f16_at(block, 0); 2], 128.0)
}

/// 16 bytes of (4-bit scale, 4-bit minimum), 64 of codes, scale of scales, scale of minima.
pub(super) fn q2_k(block: &[u8], index: usize) -> Group {
    let (scales, codes) = (&block[2 * index..2 * index + 2], &block[16 + index / 4 * GROUP..][..GROUP]);
    let (scale, minimum) = (f16_at(block, 80), f16_at(block, 82));
    Group {
        codes: std::array::from_fn(|i| codes[i] >> (index % 4 * 2) & 3),
        scales: std::array::from_fn(|half| scale * f32::from(scales[half] & 15)),
        offsets: std::array::from_fn(|half| -minimum * f32::from(scales[half] >> 4)),
    }
}

/// 32 bytes of third bits, 64 of low bits, 12 of 6-bit scales (low nibbles first), scale of scales.
pub(super) fn q3_k(block: &[u8], index: usize) -> Group {
    let (high, low) = (&block[..GROUP], &block[32 + index / 4 * GROUP..][..GROUP]);
    let scale = f16_at(block, 108);
    let scales = std::array::from_fn(|half| {
        let i = 2 * index + half;
        let low = block[96 + i % 8] >> (i / 8 * 4) & 15;
        let high = block[104 + i % 4] >> (i / 4 * 2) & 3;
        scale * (f32::from(low | high << 4) - 32.0)
    });
    let codes = std::array::from_fn(|i| low[i] >> (index % 4 * 2) & 3 | (high[i] >> index & 1) << 2);
    Group::symmetric(codes, scales, 4.0)
}

/// The 6-bit scale and minimum at `index` of the 12 bytes that [`q4_k`] and [`q5_k`] share.
fn scale_and_minimum(packed: &[u8], index: usize) -> (f32, f32) {
    let (scale, minimum) = if index < 4 {
        (packed[index] & 63, packed[index + 4] & 63)
    } else {
        let (low, scale_top, minimum_top) = (packed[index + 4], packed[index - 4] >> 6, packed[index] >> 6);
        (low & 15 | scale_top << 4, low >> 4 | minimum_top << 4)
    };
    (f32::from(scale), f32::from(minimum))
}

/// The codes of the group at `index` when two groups share 32 bytes.
fn shared_nibbles(bytes: &[u8], index: usize) -> [u8; GROUP] {
    let bytes = &bytes[index / 2 * GROUP..][..GROUP];
    std::array::from_fn(|i| bytes[i] >> (index % 2 * 4) & 15)
}

/// Scale of scales, scale of minima, 12 bytes of both, 128 of codes.
pub(super) fn q4_k(block: &[u8], index: usize) -> Group {
    let (scale, minimum) = scale_and_minimum(&block[4..16], index);
    Group::uniform(shared_nibbles(&block[16..144], index), f16_at(block, 0) * scale, -f16_at(block, 2) * minimum)
}

/// As [`q4_k`] with 32 bytes of fifth bits before the codes.
pub(super) fn q5_k(block: &[u8], index: usize) -> Group {
    let (scale, minimum) = scale_and_minimum(&block[4..16], index);
    let (low, high) = (shared_nibbles(&block[48..176], index), &block[16..48]);
    let codes = std::array::from_fn(|i| low[i] | (high[i] >> index & 1) << 4);
    Group::uniform(codes, f16_at(block, 0) * scale, -f16_at(block, 2) * minimum)
}

/// 128 bytes of low nibbles, 64 of upper bit pairs, 16 signed scales, scale of scales.
pub(super) fn q6_k(block: &[u8], index: usize) -> Group {
    // Each half of the block: groups 0 and 1 in the low nibbles of 64 bytes, groups 2 and 3 in their high nibbles.
    let (half, quarter) = (index / 4, index % 4);
    let low = &block[half * 64 + quarter % 2 * GROUP..][..GROUP];
    let high = &block[128 + half * GROUP..][..GROUP];
    let scale = f16_at(block, 208);
    let codes = std::array::from_fn(|i| low[i] >> (quarter / 2 * 4) & 15 | (high[i] >> (quarter * 2) & 3) << 4);
    let scales = std::array::from_fn(|half| scale * f32::from(block[192 + 2 * index + half].cast_signed()));
    Group::symmetric(codes, scales, 32.0)
}
