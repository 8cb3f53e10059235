//! The second half of a low-rank product, added to what is there.
#![expect(clippy::inline_always, reason = "see `ops::simd`")]

use super::Matrix;
use crate::Compute;
use crate::ops::simd::{Kernel, LANES, Simd, dispatch, padded};
use crate::pool::DisjointMut;
use half::f16;
use half::slice::HalfFloatSliceExt;

/// Rows that are summed up side by side: four vectors, which hide the latency of the multiply-adds.
const BLOCK: usize = 4 * LANES;
/// Rows of a chunk of work: with rank 16, some microseconds' worth for one token. A multiple of [`BLOCK`].
const CHUNK_ROWS: usize = 256;

/// A thin matrix `[rows, rank]`, column after column in half precision, so that many rows are computed at once.
#[derive(Clone, Debug)]
pub struct LowRankColumns {
    rank: usize,
    rows: usize,
    /// `[rows / BLOCK, rank, BLOCK]`, rows filled up with zeros; the bits of half-precision numbers.
    blocks: Vec<[u16; BLOCK]>,
}

impl LowRankColumns {
    /// The columns of a matrix, rounded to half precision.
    pub fn new(matrix: Matrix<'_>) -> Self {
        let (rows, rank) = (matrix.rows(), matrix.cols());
        let mut blocks = vec![[0; BLOCK]; rows.div_ceil(BLOCK) * rank];
        let (mut row_f32, mut halves) = (vec![0.0; rank], vec![f16::ZERO; rank]);
        for row in 0..rows {
            if let Some(stored) = matrix.row_f16(row) {
                halves.iter_mut().zip(stored).for_each(|(half, bits)| *half = f16::from_le_bytes(*bits));
            } else {
                matrix.row_f32(row, &mut row_f32);
                // All at once: one by one, asking what the processor can do takes longer than the conversion.
                halves.convert_from_f32_slice(&row_f32);
            }
            for (block, value) in blocks[row / BLOCK * rank..].iter_mut().zip(&halves) {
                block[row % BLOCK] = value.to_bits();
            }
        }
        Self { rank, rows, blocks }
    }

    /// Number of columns.
    pub fn rank(&self) -> usize {
        self.rank
    }

    /// Number of rows, which is the number of outputs.
    pub fn rows(&self) -> usize {
        self.rows
    }
}

/// One product of [`add_low_rank`].
#[derive(Debug)]
pub struct LowRankTask<'a> {
    /// `[rows, rank]`
    pub columns: &'a LowRankColumns,
    /// `[n_tokens, rank]`
    pub factors: &'a [f32],
    /// What the product is multiplied by.
    pub scale: f32,
    /// `[n_tokens, rows]`
    pub out: &'a mut [f32],
}

/// Adds several thin products in one parallel step: `out[t, r] += scale · Σ_k columns[r, k] · factors[t, k]`.
///
/// # Panics
/// If shapes do not fit each other.
///
/// Paper: LoRA: Low-Rank Adaptation of Large Language Models, arXiv:2106.09685.
pub fn add_low_rank(compute: &Compute, tasks: &mut [LowRankTask<'_>]) {
    let mut chunks = Vec::new();
    for (index, task) in tasks.iter().enumerate() {
        let LowRankColumns { rank, rows, .. } = *task.columns;
        let fits = task.factors.len().checked_mul(rows) == task.out.len().checked_mul(rank);
        assert!(
            fits && task.factors.len().is_multiple_of(rank.max(1)),
            "{} factors of rank {rank}",
            task.factors.len()
        );
        chunks.extend((0..rows).step_by(CHUNK_ROWS).map(|first| (index, first..rows.min(first + CHUNK_ROWS))));
    }
    let parts: Vec<_> =
        tasks.iter_mut().map(|task| (task.columns, task.factors, task.scale, DisjointMut::new(task.out))).collect();
    compute.pool.run(chunks.len(), |chunk| {
        let (task, rows) = chunks[chunk].clone();
        let (columns, factors, scale, out) = &parts[task];
        for first in rows.clone().step_by(BLOCK) {
            let block = &columns.blocks[first / BLOCK * columns.rank..][..columns.rank];
            for (token, factors) in factors.chunks_exact(columns.rank.max(1)).enumerate() {
                let row = token * columns.rows;
                // SAFETY: every chunk has rows of its own.
                #[expect(unsafe_code, reason = "rows are written in parallel")]
                let out = unsafe { out.part(row + first..row + rows.end.min(first + BLOCK)) };
                dispatch(compute.set, AddColumns { block, factors, scale: *scale, out });
            }
        }
    });
}

/// Adds the columns of a block of rows, each times a factor and the scale.
struct AddColumns<'a> {
    block: &'a [[u16; BLOCK]],
    factors: &'a [f32],
    scale: f32,
    out: &'a mut [f32],
}

impl Kernel for AddColumns<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let mut sums = [simd.splat(0.0); BLOCK / LANES];
        for (factor, column) in self.factors.iter().zip(self.block) {
            let factor = simd.splat(factor * self.scale);
            for (sum, values) in sums.iter_mut().zip(column.as_chunks::<LANES>().0) {
                *sum = simd.mul_add(factor, simd.load_f16(values), *sum);
            }
        }
        for (sum, out) in sums.into_iter().zip(self.out.chunks_mut(LANES)) {
            let mut lanes = padded(out, 0.0);
            simd.store(simd.add(simd.load(&lanes), sum), &mut lanes);
            out.copy_from_slice(&lanes[..out.len()]);
        }
    }
}
