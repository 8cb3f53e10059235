//! Weights as they lie in memory.

use crate::instruction_set::Kind;
use crate::pool::DisjointMut;
use crate::quant::{GROUP, Group, PACKED_ROWS, QuantType, dequantize, group, pack_block, packed_group};
use crate::{Compute, InstructionSet};
use std::ops::Range;

/// In which order the numbers of a matrix stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// Row after row, as in GGUF files.
    Rows,
    /// The blocks of eight rows as one, rearranged for vector instructions; rows are filled up to a multiple of eight.
    Packed,
}

impl Layout {
    /// Changes whenever the bytes of a packed matrix do, so that files of them can be told apart.
    pub const VERSION: u32 = 1;

    /// The layout that products with weights of type `ty` are fast in.
    pub fn fastest(set: InstructionSet, ty: QuantType) -> Self {
        match set.kind() {
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2 | Kind::Avx512 if ty.block_len() > 1 => Self::Packed,
            _ => Self::Rows,
        }
    }

    /// Bytes of a matrix; `None` if rows are no whole blocks or the number overflows.
    pub fn bytes(self, ty: QuantType, rows: usize, cols: usize) -> Option<usize> {
        let rows = match self {
            Self::Rows => rows,
            Self::Packed => rows.checked_next_multiple_of(PACKED_ROWS)?,
        };
        ty.row_bytes(cols)?.checked_mul(rows)
    }
}

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

/// A matrix of weights that borrows its bytes, usually from a memory-mapped GGUF file.
#[derive(Clone, Copy)]
pub struct Matrix<'a> {
    ty: QuantType,
    rows: usize,
    cols: usize,
    layout: Layout,
    row_bytes: usize,
    bytes: &'a [u8],
}

impl std::fmt::Debug for Matrix<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}×{} {}", self.rows, self.cols, self.ty)
    }
}

impl<'a> Matrix<'a> {
    /// A matrix of `rows` × `cols` weights, row after row in ggml's layout of `ty`.
    ///
    /// # Errors
    /// If rows are not whole blocks or `bytes` has not exactly the length of the matrix.
    pub fn new(ty: QuantType, rows: usize, cols: usize, bytes: &'a [u8]) -> Result<Self, ShapeError> {
        Self::in_layout(Layout::Rows, ty, rows, cols, bytes)
    }

    /// A matrix of `rows` × `cols` weights in a layout.
    ///
    /// # Errors
    /// If rows are not whole blocks, `bytes` has not exactly the length of the matrix, or floats are to be packed.
    pub fn in_layout(
        layout: Layout,
        ty: QuantType,
        rows: usize,
        cols: usize,
        bytes: &'a [u8],
    ) -> Result<Self, ShapeError> {
        if !cols.is_multiple_of(ty.block_len()) || (layout == Layout::Packed && ty.block_len() == 1) {
            return Err(ShapeError::PartialBlock { ty, cols });
        }
        match (ty.row_bytes(cols), layout.bytes(ty, rows, cols)) {
            (Some(row_bytes), Some(length)) if length == bytes.len() => {
                Ok(Self { ty, rows, cols, layout, row_bytes, bytes })
            }
            _ => Err(ShapeError::Length { ty, rows, cols, bytes: bytes.len() }),
        }
    }

    /// Writes the matrix in the packed layout.
    ///
    /// # Shapes
    /// `out` has [`Layout::bytes`].
    ///
    /// # Panics
    /// If `out` has another length, the matrix is packed already, or its numbers are floats.
    pub fn pack(&self, compute: &Compute, out: &mut [u8]) {
        assert!(self.layout == Layout::Rows && self.ty.block_len() > 1, "{self:?} cannot be packed");
        let expected = Layout::Packed.bytes(self.ty, self.rows, self.cols);
        assert_eq!(Some(out.len()), expected, "bytes of {self:?} packed");
        let block_bytes = self.ty.block_bytes();
        let padding = vec![0; block_bytes];
        let out = DisjointMut::new(out);
        compute.pool.run(self.rows.div_ceil(PACKED_ROWS), |eight| {
            let bytes = PACKED_ROWS * self.row_bytes;
            // SAFETY: every eight rows are one chunk, and their bytes overlap no others'.
            #[expect(unsafe_code, reason = "rows are written in parallel")]
            let out = unsafe { out.part(eight * bytes..(eight + 1) * bytes) };
            for (block, out) in out.chunks_exact_mut(PACKED_ROWS * block_bytes).enumerate() {
                let rows = std::array::from_fn(|lane| {
                    let row = eight * PACKED_ROWS + lane;
                    if row < self.rows { &self.row(row)[block * block_bytes..][..block_bytes] } else { &padding }
                });
                pack_block(self.ty, rows, out);
            }
        });
    }

    /// Some of the rows.
    ///
    /// # Panics
    /// If there are no such rows, or the matrix is packed.
    #[must_use]
    pub fn part(&self, rows: Range<usize>) -> Self {
        assert!(rows.end <= self.rows && self.layout == Layout::Rows, "rows {rows:?} of {self:?} {:?}", self.layout);
        let bytes = &self.bytes[rows.start * self.row_bytes..rows.end * self.row_bytes];
        Self { rows: rows.len(), bytes, ..*self }
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

    /// In which order the numbers stand.
    pub fn layout(&self) -> Layout {
        self.layout
    }

    pub(super) fn row_bytes(&self) -> usize {
        self.row_bytes
    }

    /// The bytes of one row.
    ///
    /// # Panics
    /// If there is no such row, or the matrix is packed.
    pub(super) fn row(&self, row: usize) -> &'a [u8] {
        assert!(row < self.rows && self.layout == Layout::Rows, "row {row} of {self:?} {:?}", self.layout);
        &self.bytes[row * self.row_bytes..][..self.row_bytes]
    }

    /// The packed blocks of the eight rows that `row` belongs to.
    ///
    /// # Panics
    /// If there is no such row, or the matrix is not packed.
    pub(super) fn packed_rows(&self, row: usize) -> &'a [u8] {
        assert!(row < self.rows && self.layout == Layout::Packed, "row {row} of {self:?} {:?}", self.layout);
        let bytes = PACKED_ROWS * self.row_bytes;
        &self.bytes[row / PACKED_ROWS * bytes..][..bytes]
    }

    /// The groups of 32 weights of one row.
    ///
    /// # Panics
    /// If there is no such row, or the weights are floats.
    pub(super) fn groups(&self, row: usize) -> impl Iterator<Item = Group> {
        let (ty, layout, per_block) = (self.ty, self.layout, self.ty.block_len() / GROUP);
        let (bytes, block_bytes) = match layout {
            Layout::Rows => (self.row(row), ty.block_bytes()),
            Layout::Packed => (self.packed_rows(row), PACKED_ROWS * ty.block_bytes()),
        };
        let blocks = bytes.chunks_exact(block_bytes);
        blocks.flat_map(move |block| {
            (0..per_block).map(move |index| match layout {
                Layout::Rows => group(ty, block, index),
                Layout::Packed => packed_group(ty, block, row % PACKED_ROWS, index),
            })
        })
    }

    /// The numbers of a row where they are stored in half precision.
    pub(super) fn row_f16(&self, row: usize) -> Option<&'a [[u8; 2]]> {
        let is_stored = self.ty == QuantType::F16 && self.layout == Layout::Rows;
        is_stored.then(|| self.row(row).as_chunks().0)
    }

    /// Writes one row as floats: an embedding.
    ///
    /// # Shapes
    /// `out` is `[cols]`.
    ///
    /// # Panics
    /// If there is no such row or `out` has another length.
    pub fn row_f32(&self, row: usize, out: &mut [f32]) {
        match self.layout {
            Layout::Rows => dequantize(self.ty, self.row(row), out),
            Layout::Packed => {
                assert_eq!(out.len(), self.cols, "a row of {self:?}");
                out.as_chunks_mut::<GROUP>()
                    .0
                    .iter_mut()
                    .zip(self.groups(row))
                    .for_each(|(out, group)| group.write(out));
            }
        }
    }
}
