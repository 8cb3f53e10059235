//! The tensors of a decoder, checked against its description once, used in place ever after.

use super::{Description, LoadError};
use crate::gguf::{Gguf, Mapping, TensorView};
use reinette_kernels::{Layout, Matrix, QuantType, dequantize};
use std::sync::Arc;

/// A matrix of the model or of an adapter, in its stored type.
#[derive(Clone, Debug)]
pub(crate) struct Weight {
    ty: QuantType,
    rows: usize,
    cols: usize,
    bytes: Bytes,
}

#[derive(Clone, Debug)]
enum Bytes {
    /// Bytes of the memory-mapped file, from the start of the file.
    Mapped {
        gguf: Gguf,
        range: std::ops::Range<usize>,
    },
    Owned(Arc<[u8]>),
    /// Bytes of a file of packed matrices, from its start.
    Packed {
        file: Arc<Mapping>,
        range: std::ops::Range<usize>,
    },
}

impl Weight {
    /// A matrix `[rows, cols]` whose bytes are kept in memory.
    pub(crate) fn owned(ty: QuantType, rows: usize, cols: usize, bytes: Vec<u8>) -> Result<Self, LoadError> {
        Matrix::new(ty, rows, cols, &bytes).map_err(|error| LoadError::Shape(error.to_string()))?;
        Ok(Self { ty, rows, cols, bytes: Bytes::Owned(bytes.into()) })
    }

    /// The tensor `name`, which must be a matrix `[rows, cols]`.
    fn mapped(gguf: &Gguf, name: &str, rows: usize, cols: usize) -> Result<Self, LoadError> {
        let missing = || LoadError::MissingTensor(name.to_owned());
        let tensor = gguf.tensor(name).ok_or_else(missing)?;
        check_dims(name, tensor.dims, &[cols, rows])?;
        let range = gguf.tensor_range(name).ok_or_else(missing)?;
        let weight = Self { ty: tensor.quant_type, rows, cols, bytes: Bytes::Mapped { gguf: gguf.clone(), range } };
        Matrix::new(weight.ty, rows, cols, weight.bytes())
            .map_err(|error| LoadError::Shape(format!("{name}: {error}")))?;
        Ok(weight)
    }

    fn bytes(&self) -> &[u8] {
        match &self.bytes {
            Bytes::Mapped { gguf, range } => gguf.bytes(range.clone()),
            Bytes::Owned(bytes) => bytes,
            Bytes::Packed { file, range } => &file[range.clone()],
        }
    }

    /// Takes the same weights from a file of packed matrices instead.
    pub(super) fn replace(&mut self, file: &Arc<Mapping>, range: std::ops::Range<usize>) {
        self.bytes = Bytes::Packed { file: Arc::clone(file), range };
    }

    /// The matrix as the kernels take it.
    pub(crate) fn matrix(&self) -> Matrix<'_> {
        let layout = if matches!(self.bytes, Bytes::Packed { .. }) { Layout::Packed } else { Layout::Rows };
        Matrix::in_layout(layout, self.ty, self.rows, self.cols, self.bytes())
            .expect("the shape was checked when the weight was made")
    }

    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    pub(crate) fn cols(&self) -> usize {
        self.cols
    }
}

/// A projection with the bias that some architectures add.
#[derive(Debug)]
pub(crate) struct Projection {
    pub(crate) weight: Weight,
    pub(crate) bias: Option<Vec<f32>>,
}

/// The tensors of one decoder block.
#[derive(Debug)]
pub(crate) struct Layer {
    pub(crate) attention_norm: Vec<f32>,
    pub(crate) query: Projection,
    pub(crate) key: Projection,
    pub(crate) value: Projection,
    pub(crate) query_norm: Option<Vec<f32>>,
    pub(crate) key_norm: Option<Vec<f32>>,
    pub(crate) attention_out: Projection,
    pub(crate) post_attention_norm: Option<Vec<f32>>,
    pub(crate) ffn_norm: Vec<f32>,
    pub(crate) gate: Weight,
    pub(crate) up: Weight,
    pub(crate) down: Weight,
    pub(crate) post_ffn_norm: Option<Vec<f32>>,
}

/// All tensors of a decoder.
#[derive(Debug)]
pub(crate) struct Weights {
    /// Row after row, as single rows are what is needed of it.
    pub(crate) embedding: Weight,
    pub(crate) layers: Vec<Layer>,
    pub(crate) output_norm: Vec<f32>,
    /// Turns the last hidden state into logits; in some models these are the weights of the embedding.
    pub(crate) output: Weight,
}

impl Weights {
    /// Finds and checks every tensor that the description asks for.
    ///
    /// # Errors
    /// If a tensor is missing, or its dimensions are not those of the description.
    pub(crate) fn from_gguf(gguf: &Gguf, description: &Description, vocab_size: usize) -> Result<Self, LoadError> {
        let hidden = description.hidden_dim;
        let embedding = Weight::mapped(gguf, "token_embd.weight", vocab_size, hidden)?;
        let output = match gguf.tensor("output.weight") {
            Some(_) => Weight::mapped(gguf, "output.weight", vocab_size, hidden)?,
            None => embedding.clone(),
        };
        Ok(Self {
            embedding,
            layers: (0..description.n_layers).map(|index| layer(gguf, description, index)).collect::<Result<_, _>>()?,
            output_norm: vector(gguf, "output_norm.weight", hidden)?,
            output,
        })
    }

    /// All matrices that activations are multiplied with, in the order in which a token meets them.
    pub(super) fn matrices_mut(&mut self) -> Vec<&mut Weight> {
        let layers = self.layers.iter_mut().flat_map(|layer| {
            let Layer { query, key, value, attention_out, gate, up, down, .. } = layer;
            let projections = [query, key, value, attention_out].map(|projection| &mut projection.weight);
            projections.into_iter().chain([gate, up, down])
        });
        layers.chain([&mut self.output]).collect()
    }
}

fn layer(gguf: &Gguf, description: &Description, index: usize) -> Result<Layer, LoadError> {
    let hidden = description.hidden_dim;
    let query_dim = description.n_heads * description.head_dim;
    let key_dim = description.n_kv_heads * description.head_dim;
    let name = |part: &str| format!("blk.{index}.{part}.weight");
    let norm = |part: &str, len: usize| vector(gguf, &name(part), len);
    let optional_norm = |part: &str, len: usize| optional_vector(gguf, &name(part), len);
    let projection = |part: &str, rows: usize, cols: usize| -> Result<Projection, LoadError> {
        Ok(Projection {
            weight: Weight::mapped(gguf, &name(part), rows, cols)?,
            bias: optional_vector(gguf, &format!("blk.{index}.{part}.bias"), rows)?,
        })
    };
    Ok(Layer {
        attention_norm: norm("attn_norm", hidden)?,
        query: projection("attn_q", query_dim, hidden)?,
        key: projection("attn_k", key_dim, hidden)?,
        value: projection("attn_v", key_dim, hidden)?,
        query_norm: optional_norm("attn_q_norm", description.head_dim)?,
        key_norm: optional_norm("attn_k_norm", description.head_dim)?,
        attention_out: projection("attn_output", hidden, query_dim)?,
        post_attention_norm: optional_norm("post_attention_norm", hidden)?,
        ffn_norm: norm("ffn_norm", hidden)?,
        gate: Weight::mapped(gguf, &name("ffn_gate"), description.ffn_dim, hidden)?,
        up: Weight::mapped(gguf, &name("ffn_up"), description.ffn_dim, hidden)?,
        down: Weight::mapped(gguf, &name("ffn_down"), hidden, description.ffn_dim)?,
        post_ffn_norm: optional_norm("post_ffw_norm", hidden)?,
    })
}

fn vector(gguf: &Gguf, name: &str, len: usize) -> Result<Vec<f32>, LoadError> {
    optional_vector(gguf, name, len)?.ok_or_else(|| LoadError::MissingTensor(name.to_owned()))
}

fn optional_vector(gguf: &Gguf, name: &str, len: usize) -> Result<Option<Vec<f32>>, LoadError> {
    let Some(tensor) = gguf.tensor(name) else { return Ok(None) };
    check_dims(name, tensor.dims, &[len])?;
    Ok(Some(floats(tensor)))
}

/// A tensor's numbers, dequantised.
pub(crate) fn floats(tensor: TensorView<'_>) -> Vec<f32> {
    let mut out = vec![0.0; tensor.dims.iter().product()];
    dequantize(tensor.quant_type, tensor.bytes, &mut out);
    out
}

fn check_dims(name: &str, found: &[usize], expected: &[usize]) -> Result<(), LoadError> {
    if found == expected {
        Ok(())
    } else {
        Err(LoadError::Shape(format!("{name} has dimensions {found:?}, the metadata ask for {expected:?}")))
    }
}
