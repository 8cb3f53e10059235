//! Weights rearranged for vector instructions: the numbers of eight rows side by side.
//!
//! A *packed block* holds the blocks of [`PACKED_ROWS`] consecutive rows that stand at the same place of their rows, in
//! as many bytes. First come the headers (scales, minima), field by field, each field eight times, once a row. Then
//! come the codes, group by group, each group split into *planes* of bits: a plane of `b` bits is `b` vectors of 32
//! bytes. Byte `4 × row + i` of a vector holds codes of that row; the codes of weights `4 × step + i` are at bit
//! `step / b × b` of vector `step % b`. So a shift and a mask of a vector give four consecutive codes of eight rows.

use super::{GROUP, Group, QuantType, group};

/// Rows that a packed block takes together.
pub(crate) const PACKED_ROWS: usize = 8;
/// Consecutive codes of a row in one vector.
pub(crate) const STEP: usize = 4;
/// Bytes of a vector.
const VECTOR: usize = PACKED_ROWS * STEP;
/// Bytes of the longest block of any type.
const MOST_BLOCK_BYTES: usize = QuantType::Q6K.block_bytes();

/// The fields of a block's header in their packed order, each as its place in ggml's block and its length in bytes:
/// numbers in half precision first, then the scales of groups.
fn fields(ty: QuantType) -> impl Iterator<Item = (usize, usize)> {
    // Place of the first, length of each, count.
    let runs: &[(usize, usize, usize)] = match ty {
        QuantType::F32 | QuantType::F16 | QuantType::BF16 => &[],
        QuantType::Q4_0 | QuantType::Q5_0 | QuantType::Q8_0 => &[(0, 2, 1)],
        QuantType::Q4_1 | QuantType::Q5_1 => &[(0, 2, 2)],
        QuantType::Q2K => &[(80, 2, 2), (0, 1, 16)],
        QuantType::Q3K => &[(108, 2, 1), (96, 4, 3)],
        QuantType::Q4K | QuantType::Q5K => &[(0, 2, 2), (4, 4, 3)],
        QuantType::Q6K => &[(208, 2, 1), (192, 1, 16)],
    };
    runs.iter().flat_map(|&(at, len, count)| (0..count).map(move |index| (at + index * len, len)))
}

/// The bits of each plane of the codes, the lowest first.
fn planes(ty: QuantType) -> &'static [usize] {
    match ty {
        QuantType::F32 | QuantType::F16 | QuantType::BF16 => &[],
        QuantType::Q2K => &[2],
        QuantType::Q3K => &[2, 1],
        QuantType::Q4_0 | QuantType::Q4_1 | QuantType::Q4K => &[4],
        QuantType::Q5_0 | QuantType::Q5_1 | QuantType::Q5K => &[4, 1],
        QuantType::Q6K => &[4, 2],
        QuantType::Q8_0 => &[8],
    }
}

/// Where a plane's bits of four consecutive codes of each row stand.
struct Place {
    step: usize,
    /// The first byte of the vector.
    at: usize,
    /// The lowest bit within bytes of the vector.
    shift: usize,
    /// The lowest bit of the plane within codes.
    low: usize,
    /// All bits of the plane, as the lowest ones of a byte.
    mask: u8,
}

/// Where the codes of a group stand.
fn places(ty: QuantType) -> impl Iterator<Item = Place> {
    // The planes before take so many bits of a code, and so many vectors.
    let lows = planes(ty).iter().scan(0, |low, bits| std::mem::replace(low, *low + bits).into());
    planes(ty).iter().zip(lows).flat_map(|(&bits, low)| {
        (0..GROUP / STEP).map(move |step| Place {
            step,
            at: (low + step % bits) * VECTOR,
            shift: step / bits * bits,
            low,
            mask: 0xff >> (8 - bits),
        })
    })
}

/// What codes of 8 bits are combined with by exclusive or: they are stored signed, as in the file.
fn sign(ty: QuantType) -> u8 {
    if ty == QuantType::Q8_0 { 0x80 } else { 0 }
}

/// Bytes of a group's codes in a packed block.
fn group_bytes(ty: QuantType) -> usize {
    planes(ty).iter().sum::<usize>() * VECTOR
}

/// Writes the packed block of the blocks of eight rows.
///
/// # Panics
/// If a slice has another length than its block.
pub(crate) fn pack_block(ty: QuantType, rows: [&[u8]; PACKED_ROWS], out: &mut [u8]) {
    assert_eq!(out.len(), PACKED_ROWS * ty.block_bytes(), "a packed block of {ty}");
    out.fill(0);
    let mut at = 0;
    for (from, len) in fields(ty) {
        for row in rows {
            out[at..at + len].copy_from_slice(&row[from..from + len]);
            at += len;
        }
    }
    for (index, out) in out[at..].chunks_exact_mut(group_bytes(ty)).enumerate() {
        let codes = rows.map(|block| group(ty, block, index).codes.map(|code| code ^ sign(ty)));
        for Place { step, at, shift, low, mask } in places(ty) {
            for (out, codes) in out[at..at + VECTOR].as_chunks_mut::<STEP>().0.iter_mut().zip(&codes) {
                for (out, code) in out.iter_mut().zip(&codes[step * STEP..]) {
                    *out |= (code >> low & mask) << shift;
                }
            }
        }
    }
}

/// The group at `index` of a row of a packed block.
///
/// # Panics
/// If `packed` is not a whole packed block or `ty` is a float.
pub(crate) fn packed_group(ty: QuantType, packed: &[u8], row: usize, index: usize) -> Group {
    // A block of which only the header is filled in has the scales.
    let mut block = [0; MOST_BLOCK_BYTES];
    let mut at = 0;
    for (to, len) in fields(ty) {
        block[to..to + len].copy_from_slice(&packed[at + row * len..][..len]);
        at += PACKED_ROWS * len;
    }
    let packed = &packed[at + index * group_bytes(ty)..][..group_bytes(ty)];
    let mut codes = [sign(ty); GROUP];
    for Place { step, at, shift, low, mask } in places(ty) {
        let bytes = &packed[at + row * STEP..][..STEP];
        for (code, byte) in codes[step * STEP..][..STEP].iter_mut().zip(bytes) {
            *code ^= (byte >> shift & mask) << low;
        }
    }
    Group { codes, ..group(ty, &block, index) }
}
