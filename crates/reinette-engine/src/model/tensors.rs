//! Finds the tensors of a file by name and shape, and remembers which were found.

use super::LoadError;
use super::weights::{Projection, Weight, floats};
use crate::gguf::{Gguf, TensorView};
use rustc_hash::FxHashSet;
use std::cell::RefCell;
use std::ops::Range;

/// Tensors that only some programs use, or that are read elsewhere.
const KNOWN_UNUSED: [&str; 4] =
    ["rope_freqs.weight", "rope_factors_long.weight", "rope_factors_short.weight", "attn_rot_embd.weight"];

/// The tensors of a file.
pub(crate) struct Tensors<'a> {
    gguf: &'a Gguf,
    used: RefCell<FxHashSet<String>>,
}

impl<'a> Tensors<'a> {
    pub(crate) fn new(gguf: &'a Gguf) -> Self {
        Self { gguf, used: RefCell::default() }
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.gguf.tensor(name).is_some()
    }

    /// The matrix `[rows, cols]`.
    pub(crate) fn matrix(&self, name: &str, [rows, cols]: [usize; 2]) -> Result<Weight, LoadError> {
        let (tensor, range) = self.find(name, &[cols, rows])?;
        Weight::mapped(self.gguf, name, tensor.quant_type, [rows, cols], range)
    }

    /// Matrices `[rows, cols]` that are one tensor, one after the other.
    pub(crate) fn stack(&self, name: &str, count: usize, shape: [usize; 2]) -> Result<Vec<Weight>, LoadError> {
        let [rows, cols] = shape;
        let (tensor, range) = self.find(name, &[cols, rows, count])?;
        let bytes = range.len() / count;
        let part = |index| {
            let start = range.start + index * bytes;
            Weight::mapped(self.gguf, name, tensor.quant_type, shape, start..start + bytes)
        };
        (0..count).map(part).collect()
    }

    /// The matrix `name.weight` with the bias `name.bias`, if there is one.
    pub(crate) fn projection(&self, name: &str, rows: usize, cols: usize) -> Result<Projection, LoadError> {
        Ok(Projection {
            weight: self.matrix(&format!("{name}.weight"), [rows, cols])?,
            bias: self.optional_vector(&format!("{name}.bias"), rows)?,
        })
    }

    /// Projections of the same `cols` numbers whose rows stand one after the other in one tensor.
    pub(crate) fn fused_projections<const N: usize>(
        &self,
        name: &str,
        rows: [usize; N],
        cols: usize,
    ) -> Result<[Projection; N], LoadError> {
        let total: usize = rows.iter().sum();
        let weight_name = format!("{name}.weight");
        let (tensor, range) = self.find(&weight_name, &[cols, total])?;
        let row_bytes = range.len() / total;
        let bias = self.optional_vector(&format!("{name}.bias"), total)?;
        let mut first = 0;
        let mut parts = Vec::with_capacity(N);
        for rows in rows {
            let bytes = range.start + first * row_bytes..range.start + (first + rows) * row_bytes;
            parts.push(Projection {
                weight: Weight::mapped(self.gguf, &weight_name, tensor.quant_type, [rows, cols], bytes)?,
                bias: bias.as_ref().map(|bias| bias[first..first + rows].to_vec()),
            });
            first += rows;
        }
        parts.try_into().map_err(|_| LoadError::MissingTensor(weight_name))
    }

    pub(crate) fn vector(&self, name: &str, len: usize) -> Result<Vec<f32>, LoadError> {
        self.find(name, &[len]).map(|(tensor, _)| floats(tensor))
    }

    pub(crate) fn optional_vector(&self, name: &str, len: usize) -> Result<Option<Vec<f32>>, LoadError> {
        if self.has(name) { self.vector(name, len).map(Some) } else { Ok(None) }
    }

    /// The tensor `name`, which must have these dimensions, and where it stands in the file.
    fn find(&self, name: &str, dims: &[usize]) -> Result<(TensorView<'a>, Range<usize>), LoadError> {
        let missing = || LoadError::MissingTensor(name.to_owned());
        let tensor = self.gguf.tensor(name).ok_or_else(missing)?;
        if tensor.dims != dims {
            let found = tensor.dims;
            let reason = format!("{name} has dimensions {found:?}, the metadata ask for {dims:?}");
            return Err(LoadError::Shape(reason));
        }
        self.used.borrow_mut().insert(name.to_owned());
        Ok((tensor, self.gguf.tensor_range(name).ok_or_else(missing)?))
    }

    /// Refuses a file with a tensor that nobody asked for.
    pub(crate) fn check_all_used(&self, architecture: &str) -> Result<(), LoadError> {
        let used = self.used.borrow();
        let known = |name: &str| used.contains(name) || KNOWN_UNUSED.iter().any(|known| name.ends_with(known));
        match self.gguf.tensors().find(|tensor| !known(tensor.name)) {
            None => Ok(()),
            Some(tensor) => {
                Err(LoadError::UnusedTensor { tensor: tensor.name.to_owned(), architecture: architecture.to_owned() })
            }
        }
    }
}
