//! The weight formats of GGUF files and how to turn them into floats.
//!
//! Every quantised format stores blocks of weights, and every group of 32 weights in a block is `scale × code + offset`
//! with small unsigned codes; some formats change the scale after 16 weights. The symmetric formats are a constant
//! offset of that kind. [`group`] is the one place that knows how codes, scales and offsets are packed.

mod blocks;
mod fit;
mod packed;
mod quantize;
#[cfg(test)]
mod tests;

pub(crate) use blocks::Group;
use half::slice::HalfFloatSliceExt;
use half::{bf16, f16};
pub(crate) use packed::{PACKED_ROWS, STEP, pack_block, packed_group};
pub use quantize::quantize;

/// Weights that share a group: the unit in which activations are quantised too.
pub(crate) const GROUP: usize = 32;
/// Weights that share a scale, in the formats where it changes most often.
pub(crate) const SUBGROUP: usize = 16;

/// How weights are stored; the names and layouts are those of ggml.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum QuantType {
    /// 32-bit floats.
    F32,
    /// IEEE half-precision floats.
    F16,
    /// The upper halves of 32-bit floats.
    BF16,
    /// 4 bits, one scale for 32 weights.
    Q4_0,
    /// 4 bits, one scale and one minimum for 32 weights.
    Q4_1,
    /// 5 bits, one scale for 32 weights.
    Q5_0,
    /// 5 bits, one scale and one minimum for 32 weights.
    Q5_1,
    /// 8 bits, one scale for 32 weights.
    Q8_0,
    /// 2 bits in blocks of 256, 4-bit scales and minima for 16 weights.
    Q2K,
    /// 3 bits in blocks of 256, 6-bit scales for 16 weights.
    Q3K,
    /// 4 bits in blocks of 256, 6-bit scales and minima for 32 weights.
    Q4K,
    /// 5 bits in blocks of 256, 6-bit scales and minima for 32 weights.
    Q5K,
    /// 6 bits in blocks of 256, 8-bit scales for 16 weights.
    Q6K,
}

impl QuantType {
    /// All types.
    pub const ALL: [Self; 13] = [
        Self::F32,
        Self::F16,
        Self::BF16,
        Self::Q4_0,
        Self::Q4_1,
        Self::Q5_0,
        Self::Q5_1,
        Self::Q8_0,
        Self::Q2K,
        Self::Q3K,
        Self::Q4K,
        Self::Q5K,
        Self::Q6K,
    ];

    /// The type with this number in GGUF files (`ggml_type`), if it is one that we know.
    pub fn from_ggml(number: u32) -> Option<Self> {
        Some(match number {
            0 => Self::F32,
            1 => Self::F16,
            2 => Self::Q4_0,
            3 => Self::Q4_1,
            6 => Self::Q5_0,
            7 => Self::Q5_1,
            8 => Self::Q8_0,
            10 => Self::Q2K,
            11 => Self::Q3K,
            12 => Self::Q4K,
            13 => Self::Q5K,
            14 => Self::Q6K,
            30 => Self::BF16,
            _ => return None,
        })
    }

    /// The number by which GGUF files say that most of their weights are of the type (`llama_ftype`).
    pub fn ggml_file_type(self) -> u32 {
        match self {
            Self::F32 => 0,
            Self::F16 => 1,
            Self::Q4_0 => 2,
            Self::Q4_1 => 3,
            Self::Q8_0 => 7,
            Self::Q5_0 => 8,
            Self::Q5_1 => 9,
            Self::Q2K => 10,
            Self::Q3K => 11,
            Self::Q4K => 14,
            Self::Q5K => 16,
            Self::Q6K => 18,
            Self::BF16 => 32,
        }
    }

    /// The name that ggml gives the type.
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "F32",
            Self::F16 => "F16",
            Self::BF16 => "BF16",
            Self::Q4_0 => "Q4_0",
            Self::Q4_1 => "Q4_1",
            Self::Q5_0 => "Q5_0",
            Self::Q5_1 => "Q5_1",
            Self::Q8_0 => "Q8_0",
            Self::Q2K => "Q2_K",
            Self::Q3K => "Q3_K",
            Self::Q4K => "Q4_K",
            Self::Q5K => "Q5_K",
            Self::Q6K => "Q6_K",
        }
    }

    /// Number of weights in a block; rows are whole blocks.
    pub const fn block_len(self) -> usize {
        match self {
            Self::F32 | Self::F16 | Self::BF16 => 1,
            Self::Q4_0 | Self::Q4_1 | Self::Q5_0 | Self::Q5_1 | Self::Q8_0 => 32,
            Self::Q2K | Self::Q3K | Self::Q4K | Self::Q5K | Self::Q6K => 256,
        }
    }

    /// Number of bytes of a block.
    pub const fn block_bytes(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::F16 | Self::BF16 => 2,
            Self::Q4_0 => 18,
            Self::Q4_1 => 20,
            Self::Q5_0 => 22,
            Self::Q5_1 => 24,
            Self::Q8_0 => 34,
            Self::Q2K => 84,
            Self::Q3K => 110,
            Self::Q4K => 144,
            Self::Q5K => 176,
            Self::Q6K => 210,
        }
    }

    /// Number of bytes of a row of `cols` weights; `None` if that is not whole blocks or overflows.
    pub fn row_bytes(self, cols: usize) -> Option<usize> {
        cols.is_multiple_of(self.block_len()).then_some(cols / self.block_len())?.checked_mul(self.block_bytes())
    }
}

impl std::fmt::Display for QuantType {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.name())
    }
}

/// Turns one or more rows of weights into floats, exactly as ggml does.
///
/// # Shapes
/// `bytes` holds `out.len()` weights.
///
/// # Panics
/// If the two lengths do not fit each other.
pub fn dequantize(ty: QuantType, bytes: &[u8], out: &mut [f32]) {
    assert_eq!(Some(bytes.len()), ty.row_bytes(out.len()), "bytes of {} weights in {ty}", out.len());
    match ty {
        QuantType::F32 => convert(bytes, out, f32::from_le_bytes),
        QuantType::F16 => halves(bytes, out),
        QuantType::BF16 => convert(bytes, out, |bits| bf16::from_le_bytes(bits).to_f32()),
        _ => {
            let groups = ty.block_len() / GROUP;
            for (block, out) in bytes.chunks_exact(ty.block_bytes()).zip(out.chunks_exact_mut(ty.block_len())) {
                for (index, out) in out.chunks_exact_mut(GROUP).enumerate().take(groups) {
                    group(ty, block, index).write(out);
                }
            }
        }
    }
}

/// Converts half-precision numbers many at a time: one by one, asking what the processor can do takes longer.
fn halves(bytes: &[u8], out: &mut [f32]) {
    let mut halves = [f16::ZERO; 64];
    for (bits, out) in bytes.as_chunks::<2>().0.chunks(halves.len()).zip(out.chunks_mut(halves.len())) {
        halves.iter_mut().zip(bits).for_each(|(half, bits)| *half = f16::from_le_bytes(*bits));
        halves[..out.len()].convert_to_f32_slice(out);
    }
}

fn convert<const N: usize>(bytes: &[u8], out: &mut [f32], to_f32: impl Fn([u8; N]) -> f32) {
    for (bits, out) in bytes.as_chunks::<N>().0.iter().zip(out) {
        *out = to_f32(*bits);
    }
}

/// Unpacks the group at `index` of a block of a quantised type.
///
/// # Panics
/// If `block` is not a whole block or `ty` is a float.
pub(crate) fn group(ty: QuantType, block: &[u8], index: usize) -> Group {
    match ty {
        QuantType::Q4_0 => blocks::q4_0(block),
        QuantType::Q4_1 => blocks::q4_1(block),
        QuantType::Q5_0 => blocks::q5_0(block),
        QuantType::Q5_1 => blocks::q5_1(block),
        QuantType::Q8_0 => blocks::q8_0(block),
        QuantType::Q2K => blocks::q2_k(block, index),
        QuantType::Q3K => blocks::q3_k(block, index),
        QuantType::Q4K => blocks::q4_k(block, index),
        QuantType::Q5K => blocks::q5_k(block, index),
        QuantType::Q6K => blocks::q6_k(block, index),
        QuantType::F32 | QuantType::F16 | QuantType::BF16 => unreachable!("{ty} has no groups"),
    }
}
