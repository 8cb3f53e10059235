//! Matrix products of quantised weights and activations.

mod activations;
mod matrix;
mod scalar;
#[cfg(test)]
mod tests;

use crate::pool::DisjointMut;
use crate::quant::{QuantType, dequantize};
use crate::{InstructionSet, ThreadPool};
pub use activations::Activations;
pub use matrix::{Matrix, ShapeError};

/// Rows of weights in a chunk of work.
const CHUNK_ROWS: usize = 32;

/// What computation runs on: instructions and threads.
#[derive(Debug)]
pub struct Compute {
    /// The instructions that kernels use.
    pub set: InstructionSet,
    /// The threads that kernels use.
    pub pool: ThreadPool,
}

impl Compute {
    /// The machine's fastest instructions on `n_threads` threads, the calling one included.
    pub fn new(n_threads: usize) -> Self {
        Self { set: InstructionSet::detect(), pool: ThreadPool::new(n_threads) }
    }
}

/// One product of [`matmul`].
#[derive(Debug)]
pub struct MatmulTask<'a> {
    /// `[rows, cols]`
    pub weights: Matrix<'a>,
    /// `[n_tokens, rows]`
    pub out: &'a mut [f32],
}

/// Multiplies several matrices with the same activations in one parallel step:
/// `out[t, r] = Σ_c weights[r, c] · x[t, c]`.
///
/// Float weights are multiplied with the activations as they are, quantised weights with the activations in 8 bits.
/// The result does not depend on the number of threads.
///
/// # Shapes
/// `x` is `[n_tokens, cols]`; in each task `weights` is `[rows, cols]` and `out` is `[n_tokens, rows]`.
///
/// # Panics
/// If shapes do not fit each other.
pub fn matmul(compute: &Compute, tasks: &mut [MatmulTask<'_>], x: &Activations) {
    let mut chunks = Vec::new();
    let outputs: Vec<_> = tasks
        .iter_mut()
        .map(|task| {
            check_shapes(&task.weights, x, task.out, task.weights.rows());
            (task.weights, DisjointMut::new(task.out))
        })
        .collect();
    for (task, (weights, _)) in outputs.iter().enumerate() {
        chunks.extend((0..weights.rows()).step_by(CHUNK_ROWS).map(|row| (task, row)));
    }
    compute.pool.run(chunks.len(), |chunk| {
        let (task, first) = chunks[chunk];
        let (weights, out) = &outputs[task];
        for row in first..weights.rows().min(first + CHUNK_ROWS) {
            multiply_row(weights, row, x, |token, value| {
                let at = token * weights.rows() + row;
                // SAFETY: every element belongs to one chunk, and the reference does not outlive the assignment.
                #[expect(unsafe_code, reason = "chunks write disjoint columns")]
                let out = unsafe { out.part(at..at + 1) };
                out[0] = value;
            });
        }
    });
}

/// Multiplies only some rows of a matrix with the activations of one token: the output layer under a mask.
///
/// # Shapes
/// `x` is `[1, cols]`, `out` is `[rows.len()]`.
///
/// # Panics
/// If shapes do not fit each other or a row does not exist.
pub fn matmul_rows(compute: &Compute, weights: Matrix<'_>, rows: &[u32], x: &Activations, out: &mut [f32]) {
    assert_eq!(x.n_tokens(), 1, "matmul_rows takes one token");
    check_shapes(&weights, x, out, rows.len());
    let out = DisjointMut::new(out);
    compute.pool.run(rows.len().div_ceil(CHUNK_ROWS), |chunk| {
        let range = chunk * CHUNK_ROWS..rows.len().min((chunk + 1) * CHUNK_ROWS);
        // SAFETY: chunks do not overlap.
        #[expect(unsafe_code, reason = "chunks write disjoint ranges")]
        let out = unsafe { out.part(range.clone()) };
        for (row, out) in rows[range].iter().zip(out) {
            multiply_row(&weights, *row as usize, x, |_, value| *out = value);
        }
    });
}

fn check_shapes(weights: &Matrix<'_>, x: &Activations, out: &[f32], rows: usize) {
    assert_eq!(weights.cols(), x.cols(), "{weights:?} times rows of {} activations", x.cols());
    assert_eq!(Some(out.len()), x.n_tokens().checked_mul(rows), "output of {rows} rows × {} tokens", x.n_tokens());
}

fn multiply_row(weights: &Matrix<'_>, row: usize, x: &Activations, mut write: impl FnMut(usize, f32)) {
    let bytes = weights.row(row);
    match weights.ty() {
        ty @ (QuantType::F32 | QuantType::F16 | QuantType::BF16) => {
            let mut floats = vec![0.0; weights.cols()];
            dequantize(ty, bytes, &mut floats);
            (0..x.n_tokens()).for_each(|token| write(token, scalar::dot_float(&floats, x.row(token))));
        }
        ty => {
            (0..x.n_tokens()).for_each(|token| write(token, scalar::dot_quantised(ty, bytes, x.quantised(token))));
        }
    }
}
