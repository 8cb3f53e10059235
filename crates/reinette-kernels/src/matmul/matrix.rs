//! Weights as they lie in the file.

use crate::quant::{QuantType, dequantize};

/// Why bytes are not the matrix that they are said to be.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum ShapeError {
    /// A row is not a whole number of blocks.
    #[error("rows of {cols} weights are not whole blocks of {ty} ({} weights): the file is damaged", ty.block_len())]
    PartialBlock {
        /// How the weights are stored.
        ty: QuantType,
        /// Weights in a row.
        cols: usize,
    },
    /// The matrix is larger or smaller than its bytes.
    #[error("a {rows}×{cols} matrix of {ty} does not take {bytes} bytes: the file is damaged or cut off")]
    Length {
        /// How the weights are stored.
        ty: QuantType,
        /// Number of rows.
        rows: usize,
        /// Weights in a row.
        cols: usize,
        /// Length of the bytes that were given.
        bytes: usize,
    },
}

/// A row-major matrix of weights that borrows its bytes, usually from a memory-mapped GGUF file.
#[derive(Clone, Copy)]
pub struct Matrix<'a> {
    ty: QuantType,
    rows: usize,
    cols: usize,
    row_bytes: usize,
    bytes: &'a [u8],
}

impl std::fmt::Debug for Matrix<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}×{} {}", self.rows, self.cols, self.ty)
    }
}

impl<'a> Matrix<'a> {
    /// A matrix of `rows` × `cols` weights in ggml's layout of `ty`.
    ///
    /// # Errors
    /// If rows are not whole blocks or `bytes` has not exactly the length of the matrix.
    pub fn new(ty: QuantType, rows: usize, cols: usize, bytes: &'a [u8]) -> Result<Self, ShapeError> {
        if !cols.is_multiple_of(ty.block_len()) {
            return Err(ShapeError::PartialBlock { ty, cols });
        }
        let row_bytes = ty.row_bytes(cols);
        match row_bytes {
            Some(row_bytes) if row_bytes.checked_mul(rows) == Some(bytes.len()) => {
                Ok(Self { ty, rows, cols, row_bytes, bytes })
            }
            _ => Err(ShapeError::Length { ty, rows, cols, bytes: bytes.len() }),
        }
    }

    /// How the weights are stored.
    pub fn ty(&self) -> QuantType {
        self.ty
    }

    /// Number of rows, which is the number of outputs.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Number of weights in a row, which is the number of inputs.
    pub fn cols(&self) -> usize {
        self.cols
    }

    /// The bytes of all rows.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    pub(super) fn row_bytes(&self) -> usize {
        self.row_bytes
    }

    /// The bytes of one row.
    ///
    /// # Panics
    /// If there is no such row.
    pub fn row(&self, row: usize) -> &'a [u8] {
        assert!(row < self.rows, "row {row} of {self:?}");
        &self.bytes[row * self.row_bytes..][..self.row_bytes]
    }

    /// Writes one row as floats: an embedding.
    ///
    /// # Shapes
    /// `out` is `[cols]`.
    ///
    /// # Panics
    /// If there is no such row or `out` has another length.
    pub fn row_f32(&self, row: usize, out: &mut [f32]) {
        dequantize(self.ty, self.row(row), out);
    }
}
