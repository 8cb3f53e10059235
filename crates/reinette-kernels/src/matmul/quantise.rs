//! Activations in 8 bits.

#[cfg(target_arch = "x86_64")]
use super::avx2;
use crate::InstructionSet;
use crate::instruction_set::Kind;
use crate::quant::{GROUP, SUBGROUP};

/// Where one token's quantised activations go; see `QuantisedRow` for the shapes.
pub(super) struct Rows<'a> {
    pub(super) values: &'a mut [f32],
    pub(super) codes: &'a mut [i8],
    pub(super) scales: &'a mut [f32],
    pub(super) sums: &'a mut [f32],
    pub(super) half_sums: &'a mut [f32],
    pub(super) pair_sums: &'a mut [[i16; 2]],
}

/// A quantised group: its scale and the sums of the codes of its halves, each in two parts as in `pair_sums`.
pub(super) type ScaleAndSums = (f32, [[i16; 2]; GROUP / SUBGROUP]);

/// Copies one row and quantises it, padding it with zeros to whole groups.
pub(super) fn quantise(set: InstructionSet, x: &[f32], rows: Rows<'_>) {
    match set.kind() {
        Kind::Scalar => quantise_row(x, rows, quantise_group),
        #[cfg(target_arch = "x86_64")]
        // SAFETY: an instruction set exists only if the machine has it, and the larger one includes AVX2.
        #[expect(unsafe_code, reason = "code that was compiled for AVX2")]
        Kind::Avx2 | Kind::Avx512 => unsafe { avx2::quantise_row(x, rows) },
    }
}

/// Quantises a row with a function for one group.
#[expect(clippy::inline_always, reason = "code outside the function with the target features would lose them")]
#[inline(always)]
pub(super) fn quantise_row(x: &[f32], rows: Rows<'_>, group: impl Fn(&[f32; GROUP], &mut [i8; GROUP]) -> ScaleAndSums) {
    let outputs = rows.codes.as_chunks_mut().0.iter_mut().zip(rows.scales).zip(rows.sums);
    let outputs = outputs.zip(rows.half_sums.as_chunks_mut().0).zip(rows.pair_sums.as_chunks_mut().0);
    let inputs = x.chunks(GROUP).zip(rows.values.chunks_mut(GROUP));
    for ((x, values), ((((codes, scale), sum), half_sums), pair_sums)) in inputs.zip(outputs) {
        (*scale, *pair_sums) = if let (Some(x), Some(values)) = (x.first_chunk(), values.first_chunk_mut()) {
            *values = *x;
            group(x, codes)
        } else {
            values.copy_from_slice(x);
            let mut padded = [0.0; GROUP];
            padded[..x.len()].copy_from_slice(x);
            group(&padded, codes)
        };
        let totals = pair_sums.map(|[even, odd]| f32::from(even + odd));
        *half_sums = totals.map(|total| *scale * total);
        *sum = *scale * totals.iter().sum::<f32>();
    }
}

fn quantise_group(x: &[f32; GROUP], codes: &mut [i8; GROUP]) -> ScaleAndSums {
    let largest = x.iter().fold(0.0_f32, |largest, x| largest.max(x.abs()));
    let inverse = if largest > 0.0 { 127.0 / largest } else { 0.0 };
    for (code, x) in codes.iter_mut().zip(x) {
        #[expect(clippy::cast_possible_truncation, reason = "in −127..=127; NaN becomes 0")]
        let rounded = (x * inverse).round_ties_even() as i8;
        *code = rounded;
    }
    let mut pair_sums = [[0; 2]; GROUP / SUBGROUP];
    for (place, &code) in codes.iter().enumerate() {
        pair_sums[place / SUBGROUP][place / 2 % 2] += i16::from(code);
    }
    (largest / 127.0, pair_sums)
}
