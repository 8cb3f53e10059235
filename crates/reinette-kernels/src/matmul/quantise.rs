//! Activations in 8 bits.

use crate::InstructionSet;
use crate::instruction_set::Kind;
use crate::quant::{GROUP, SUBGROUP};

/// Where one token's quantised activations go; see `QuantisedRow` for the shapes.
pub(super) struct Rows<'a> {
    pub(super) codes: &'a mut [i8],
    pub(super) scales: &'a mut [f32],
    pub(super) sums: &'a mut [f32],
    pub(super) half_sums: &'a mut [f32],
}

/// Quantises one row, padding it with zeros to whole groups.
pub(super) fn quantise(set: InstructionSet, x: &[f32], rows: Rows<'_>) {
    match set.kind() {
        Kind::Scalar => quantise_row(x, rows),
        #[cfg(target_arch = "x86_64")]
        Kind::Avx2 => {
            // SAFETY: an instruction set exists only if the machine has it.
            #[expect(unsafe_code, reason = "code that was compiled for AVX2")]
            unsafe {
                quantise_avx2(x, rows);
            }
        }
    }
}

/// The same code: the compiler vectorises it well, and results are the same bit by bit.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,f16c")]
fn quantise_avx2(x: &[f32], rows: Rows<'_>) {
    quantise_row(x, rows);
}

#[inline(always)]
#[expect(clippy::inline_always, reason = "compiled once for each instruction set")]
fn quantise_row(x: &[f32], rows: Rows<'_>) {
    let outputs = rows.codes.as_chunks_mut().0.iter_mut().zip(rows.scales).zip(rows.sums);
    let outputs = outputs.zip(rows.half_sums.as_chunks_mut::<2>().0);
    for (x, (((codes, scale), sum), half_sums)) in x.chunks(GROUP).zip(outputs) {
        if let Some(x) = x.first_chunk() {
            *scale = quantise_group(x, codes);
        } else {
            let mut padded = [0.0; GROUP];
            padded[..x.len()].copy_from_slice(x);
            *scale = quantise_group(&padded, codes);
        }
        let mut total = 0;
        for (half_sum, codes) in half_sums.iter_mut().zip(codes.as_chunks::<SUBGROUP>().0) {
            let half_total: i32 = codes.iter().map(|&code| i32::from(code)).sum();
            *half_sum = *scale * half_total as f32;
            total += half_total;
        }
        *sum = *scale * total as f32;
    }
}

/// Writes the codes of a group and returns their scale.
#[inline(always)]
#[expect(clippy::inline_always, reason = "compiled once for each instruction set")]
fn quantise_group(x: &[f32; GROUP], codes: &mut [i8; GROUP]) -> f32 {
    // Eight maxima at a time, which is a register.
    let mut maxima = [0.0_f32; 8];
    for eight in x.as_chunks::<8>().0 {
        for (maximum, x) in maxima.iter_mut().zip(eight) {
            *maximum = if x.abs() > *maximum { x.abs() } else { *maximum };
        }
    }
    let largest = maxima.into_iter().fold(0.0_f32, f32::max);
    let inverse = if largest > 0.0 { 127.0 / largest } else { 0.0 };
    for (code, x) in codes.iter_mut().zip(x) {
        #[expect(clippy::cast_possible_truncation, reason = "in −127..=127; NaN becomes 0")]
        let rounded = (x * inverse).round_ties_even() as i8;
        *code = rounded;
    }
    largest / 127.0
}
