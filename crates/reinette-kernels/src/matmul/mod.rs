//! Matrix products of quantised weights and activations.

mod activations;
#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "x86_64")]
mod interleaved;
mod low_rank;
mod matrix;
mod quantise;
mod scalar;
#[cfg(test)]
mod tests;

use crate::instruction_set::Kind;
use crate::pool::DisjointMut;
use crate::{InstructionSet, ThreadPool};
pub use activations::Activations;
pub use low_rank::{LowRankColumns, LowRankTask, add_low_rank};
pub use matrix::{Layout, Matrix, ShapeError};
use std::ops::Range;
use std::sync::Arc;

/// Weights of a chunk of work when memory is the limit: from about a microsecond's worth, ten times what claiming it
/// costs, to ten microseconds' worth, more than which a thread should not have to wait for another.
const CHUNK_BYTES: std::ops::RangeInclusive<usize> = 16 << 10..=128 << 10;
/// Chunks of a product between those limits: enough that threads of unequal speed finish together.
const CHUNKS: usize = 32;
/// Rows of a chunk come in multiples of this, the number of rows that are packed together.
const CHUNK_ROW_MULTIPLE: usize = crate::quant::PACKED_ROWS;
/// Numbers of a part of [`Compute::for_rows`]: some microseconds' worth of the cheapest operation.
const PART_LEN: usize = 8 << 10;
/// From this many tokens on, unpacking weights to a tile pays (measured for every type: 30% at three tokens).
#[cfg(target_arch = "x86_64")]
const TILES_FROM_TOKENS: usize = 3;

/// What computation runs on: instructions and threads.
#[derive(Debug)]
pub struct Compute {
    /// The instructions that kernels use.
    pub set: InstructionSet,
    /// The threads that kernels use.
    pub pool: Arc<ThreadPool>,
}

impl Compute {
    /// The machine's fastest instructions on `n_threads` threads, the calling one included.
    pub fn new(n_threads: usize) -> Self {
        Self { set: InstructionSet::detect(), pool: Arc::new(ThreadPool::new(n_threads)) }
    }

    /// Calls `work` with the parts that `x` is cut into, whole rows of `row_len` numbers, and the index of the first
    /// row of each; in parallel where there are many.
    ///
    /// # Panics
    /// If `x` is not whole rows.
    pub fn for_rows(&self, x: &mut [f32], row_len: usize, work: impl Fn(usize, &mut [f32]) + Sync) {
        assert!(row_len > 0 && x.len().is_multiple_of(row_len), "{} numbers in rows of {row_len}", x.len());
        let part_rows = (PART_LEN / row_len).max(1);
        let (rows, values) = (x.len() / row_len, DisjointMut::new(x));
        self.pool.run(rows.div_ceil(part_rows), |part| {
            let part = part * part_rows..rows.min((part + 1) * part_rows);
            // SAFETY: parts are rows of their own.
            #[expect(unsafe_code, reason = "rows are written in parallel")]
            let values = unsafe { values.part(part.start * row_len..part.end * row_len) };
            work(part.start, values);
        });
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
/// Quantised weights are to be in the [`Layout::fastest`]; others are multiplied by plain code. The result does not depend
/// on the number of threads, and that of a token not on the other tokens.
///
/// # Shapes
/// `x` is `[n_tokens, cols]`; in each task `weights` is `[rows, cols]` and `out` is `[n_tokens, rows]`.
///
/// # Panics
/// If shapes do not fit each other.
pub fn matmul(compute: &Compute, tasks: &mut [MatmulTask<'_>], x: &Activations) {
    let products = tasks.iter_mut().map(|task| Product::new(task.weights, Rows::All, x, task.out)).collect();
    multiply(compute, products, x);
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
    multiply(compute, vec![Product::new(weights, Rows::Listed(rows), x, out)], x);
}

/// Which row of the weights makes which column of the output.
#[derive(Clone, Copy)]
enum Rows<'a> {
    /// Column `i` comes from row `i`.
    All,
    /// Column `i` comes from the row at place `i` of this list.
    Listed(&'a [u32]),
}

impl Rows<'_> {
    fn row(self, column: usize) -> usize {
        match self {
            Self::All => column,
            Self::Listed(rows) => rows[column] as usize,
        }
    }
}

/// The output of a product, `[n_tokens, columns]`, which chunks of columns are written to in parallel.
struct Output<'a> {
    values: DisjointMut<'a, f32>,
    columns: usize,
}

impl Output<'_> {
    /// Some columns of the row of one token.
    ///
    /// # Safety
    /// As long as the result is used, nobody else may use these columns.
    #[expect(unsafe_code, clippy::mut_from_ref, reason = "the caller promises that parts do not overlap")]
    unsafe fn part(&self, token: usize, columns: Range<usize>) -> &mut [f32] {
        let row = token * self.columns;
        // SAFETY: promised by the caller.
        unsafe { self.values.part(row + columns.start..row + columns.end) }
    }
}

/// A product that is being computed.
struct Product<'a> {
    weights: Matrix<'a>,
    rows: Rows<'a>,
    out: Output<'a>,
}

/// A part of a product: how its columns are computed, and how many of them make a chunk of work.
#[derive(Clone, Copy)]
enum Method {
    /// Unpack a tile of rows once for all tokens.
    #[cfg(target_arch = "x86_64")]
    Tiles(usize),
    /// A dot product for each row and token.
    Dots(usize),
}

impl<'a> Product<'a> {
    fn new(weights: Matrix<'a>, rows: Rows<'a>, x: &Activations, out: &'a mut [f32]) -> Self {
        let columns = match rows {
            Rows::All => weights.rows(),
            Rows::Listed(rows) => rows.len(),
        };
        assert_eq!(weights.cols(), x.cols(), "{weights:?} times rows of {} activations", x.cols());
        let expected = x.n_tokens().checked_mul(columns);
        assert_eq!(Some(out.len()), expected, "output of {columns} columns for {} tokens", x.n_tokens());
        Self { weights, rows, out: Output { values: DisjointMut::new(out), columns } }
    }

    /// Depends on nothing but shapes, so that results do not depend on the number of threads.
    fn method(&self, set: InstructionSet, x: &Activations) -> Method {
        match set.kind() {
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2 if self.may_tile(x) => avx2::tile_rows(self.weights.ty()).map_or(self.dots(), Method::Tiles),
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512 if self.may_tile(x) && !x.interleaved().is_empty() => Method::Tiles(avx512::TILE_ROWS),
            _ => self.dots(),
        }
    }

    /// Whether rows may be, and are worth being, unpacked to tiles.
    #[cfg(target_arch = "x86_64")]
    fn may_tile(&self, x: &Activations) -> bool {
        let is_packed = self.weights.layout() == Layout::Packed;
        x.n_tokens() >= TILES_FROM_TOKENS && is_packed && matches!(self.rows, Rows::All)
    }

    #[cfg(target_arch = "x86_64")]
    fn is_fastest(&self, set: InstructionSet) -> bool {
        self.weights.layout() == Layout::fastest(set, self.weights.ty())
    }

    fn dots(&self) -> Method {
        let row_bytes = self.weights.row_bytes().max(1);
        let bytes = (self.out.columns * row_bytes / CHUNKS).clamp(*CHUNK_BYTES.start(), *CHUNK_BYTES.end());
        let rows = bytes / row_bytes;
        Method::Dots(rows.next_multiple_of(CHUNK_ROW_MULTIPLE).max(CHUNK_ROW_MULTIPLE))
    }

    fn compute(&self, set: InstructionSet, method: Method, columns: Range<usize>, x: &Activations) {
        // SAFETY: a set other than scalar exists only if the machine has it, and the chunks of columns that
        // `multiply` hands out do not overlap.
        #[expect(unsafe_code, reason = "vector instructions, and parts of one output")]
        unsafe {
            match (method, set.kind()) {
                #[cfg(target_arch = "x86_64")]
                (Method::Tiles(_), Kind::Avx512) => avx512::tile(&self.weights, columns, x, &self.out),
                #[cfg(target_arch = "x86_64")]
                (Method::Tiles(_), _) => avx2::tile(&self.weights, columns, x, &self.out),
                #[cfg(target_arch = "x86_64")]
                (Method::Dots(_), Kind::Avx2) if self.is_fastest(set) => {
                    avx2::dots(&self.weights, self.rows, columns, x, &self.out);
                }
                #[cfg(target_arch = "x86_64")]
                (Method::Dots(_), Kind::Avx512) if self.is_fastest(set) => {
                    avx512::dots(&self.weights, self.rows, columns, x, &self.out);
                }
                (Method::Dots(_), _) => {
                    for column in columns {
                        scalar::dots(&self.weights, self.rows.row(column), x, |token, sum| {
                            self.out.part(token, column..column + 1)[0] = sum;
                        });
                    }
                }
            }
        }
    }
}

/// Computes all products in one parallel step.
fn multiply(compute: &Compute, products: Vec<Product<'_>>, x: &Activations) {
    let mut n_chunks = 0;
    let plan: Vec<_> = products
        .into_iter()
        .map(|product| {
            let method = product.method(compute.set, x);
            #[cfg(target_arch = "x86_64")]
            let (Method::Tiles(columns) | Method::Dots(columns)) = method;
            #[cfg(not(target_arch = "x86_64"))]
            let Method::Dots(columns) = method;
            n_chunks += product.out.columns.div_ceil(columns);
            (product, method, columns, n_chunks)
        })
        .collect();
    compute.pool.run(n_chunks, |chunk| {
        let (product, method, columns, end) = &plan[plan.partition_point(|(.., end)| *end <= chunk)];
        let first = product.out.columns.div_ceil(*columns) + chunk - end;
        let range = first * columns..product.out.columns.min((first + 1) * columns);
        product.compute(compute.set, *method, range, x);
    });
}
