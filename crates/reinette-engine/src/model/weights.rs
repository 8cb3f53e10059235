//! The tensors of a decoder, checked against its description once, used in place ever after.

use super::packed::PackedMatrix;
use super::tensors::Tensors;
use super::{Description, LoadError, Mixture};
use crate::gguf::{Gguf, TensorView};
use reinette_kernels::{Layout, Matrix, QuantType, dequantize};
use std::ops::Range;
use std::sync::Arc;

/// A matrix of the model or of an adapter, in its stored type.
#[derive(Clone, Debug)]
pub struct Weight {
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
        range: Range<usize>,
    },
    Owned(Arc<[u8]>),
    Packed(Arc<PackedMatrix>),
}

impl Weight {
    /// A matrix `[rows, cols]` whose bytes are kept in memory.
    pub(crate) fn owned(ty: QuantType, rows: usize, cols: usize, bytes: Vec<u8>) -> Result<Self, LoadError> {
        Matrix::new(ty, rows, cols, &bytes).map_err(|error| LoadError::Shape(error.to_string()))?;
        Ok(Self { ty, rows, cols, bytes: Bytes::Owned(bytes.into()) })
    }

    /// A matrix `[rows, cols]` whose bytes are a range of a mapped file; `name` is for errors.
    pub(crate) fn mapped(
        gguf: &Gguf,
        name: &str,
        ty: QuantType,
        [rows, cols]: [usize; 2],
        range: Range<usize>,
    ) -> Result<Self, LoadError> {
        Matrix::new(ty, rows, cols, gguf.bytes(range.clone()))
            .map_err(|error| LoadError::Shape(format!("{name}: {error}")))?;
        Ok(Self { ty, rows, cols, bytes: Bytes::Mapped { gguf: gguf.clone(), range } })
    }

    fn bytes(&self) -> &[u8] {
        match &self.bytes {
            Bytes::Mapped { gguf, range } => gguf.bytes(range.clone()),
            Bytes::Owned(bytes) => bytes,
            Bytes::Packed(packed) => packed.bytes(),
        }
    }

    /// Takes the same weights, packed, instead.
    pub(super) fn replace(&mut self, packed: &Arc<PackedMatrix>) {
        self.bytes = Bytes::Packed(Arc::clone(packed));
    }

    /// Whether the file that they are in could not be read any more.
    pub(crate) fn is_lost(&self) -> bool {
        match &self.bytes {
            Bytes::Mapped { gguf, .. } => gguf.is_lost(),
            Bytes::Owned(_) => false,
            Bytes::Packed(packed) => packed.is_lost(),
        }
    }

    /// The matrix as the kernels take it.
    pub(crate) fn matrix(&self) -> Matrix<'_> {
        let layout = if matches!(self.bytes, Bytes::Packed(_)) { Layout::Packed } else { Layout::Rows };
        Matrix::in_layout(layout, self.ty, self.rows, self.cols, self.bytes())
            .expect("the shape was checked when the weight was made")
    }

    /// How many rows there are: the numbers that a product has.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// How many columns there are: the numbers that are multiplied with.
    pub fn cols(&self) -> usize {
        self.cols
    }

    /// One row as numbers.
    ///
    /// # Panics
    /// If there is no such row or `out` is not as long as it.
    pub fn row(&self, row: usize, out: &mut [f32]) {
        self.matrix().row_f32(row, out);
    }

    /// All rows as numbers, row-major: `[rows, cols]`.
    pub fn to_f32(&self) -> Vec<f32> {
        let (matrix, mut out) = (self.matrix(), vec![0.0; self.rows * self.cols]);
        out.chunks_exact_mut(self.cols).enumerate().for_each(|(row, out)| matrix.row_f32(row, out));
        out
    }
}

/// A projection with the bias that some architectures add.
#[derive(Debug)]
pub struct Projection {
    /// `[rows, cols]`.
    pub weight: Weight,
    /// `[rows]`.
    pub bias: Option<Vec<f32>>,
}

/// A gated feed-forward network: `down(activation(gate(x)) · up(x))`.
#[derive(Debug)]
pub struct Gated {
    /// `[ffn_dim, hidden_dim]`; the activation is applied to its results.
    pub gate: Projection,
    /// `[ffn_dim, hidden_dim]`.
    pub up: Projection,
    /// `[hidden_dim, ffn_dim]`.
    pub down: Projection,
}

/// What a token passes through after the attention.
#[derive(Debug)]
pub enum FeedForward {
    /// One network.
    Dense(Gated),
    /// Several, of which each token passes through a few.
    Experts(Experts),
}

/// Many feed-forward networks, and what chooses among them.
#[derive(Debug)]
pub struct Experts {
    /// How they are chosen.
    pub mixture: Mixture,
    /// `[n_experts, hidden_dim]`.
    pub router: Weight,
    /// One for each expert.
    pub networks: Vec<Gated>,
}

/// The tensors of one decoder block.
#[derive(Debug)]
pub struct Layer {
    /// Before the attention: `[hidden_dim]`.
    pub attention_norm: Vec<f32>,
    /// `[n_heads · head_dim, hidden_dim]`.
    pub query: Projection,
    /// `[n_kv_heads · head_dim, hidden_dim]`.
    pub key: Projection,
    /// `[n_kv_heads · head_dim, hidden_dim]`.
    pub value: Projection,
    /// Of each head of queries: `[head_dim]`.
    pub query_norm: Option<Vec<f32>>,
    /// Of each head of keys: `[head_dim]`.
    pub key_norm: Option<Vec<f32>>,
    /// `[hidden_dim, n_heads · head_dim]`.
    pub attention_out: Projection,
    /// After the attention: `[hidden_dim]`.
    pub post_attention_norm: Option<Vec<f32>>,
    /// Before the feed-forward network: `[hidden_dim]`.
    pub ffn_norm: Vec<f32>,
    /// What follows the attention.
    pub feed_forward: FeedForward,
    /// After the feed-forward network: `[hidden_dim]`.
    pub post_ffn_norm: Option<Vec<f32>>,
}

/// All tensors of a decoder.
#[derive(Debug)]
pub struct Weights {
    /// `[vocab_size, hidden_dim]`.
    pub embedding: Weight,
    /// In the order in which a token passes through them.
    pub layers: Vec<Layer>,
    /// Before the output layer: `[hidden_dim]`.
    pub output_norm: Vec<f32>,
    /// The output layer, if it is not the embedding.
    output: Option<Weight>,
}

impl Weights {
    /// Finds and checks every tensor that the description asks for.
    ///
    /// # Errors
    /// If a tensor is missing, its dimensions are not those of the description, or the file holds one that is not
    /// used: without it, results would be wrong.
    pub(crate) fn from_gguf(gguf: &Gguf, description: &Description, vocab_size: usize) -> Result<Self, LoadError> {
        let tensors = Tensors::new(gguf);
        let hidden = description.hidden_dim;
        let output = tensors.has("output.weight").then(|| tensors.matrix("output.weight", [vocab_size, hidden]));
        let weights = Self {
            embedding: tensors.matrix("token_embd.weight", [vocab_size, hidden])?,
            layers: (0..description.n_layers())
                .map(|index| layer(&tensors, description, index))
                .collect::<Result<_, _>>()?,
            output_norm: tensors.vector("output_norm.weight", hidden)?,
            output: output.transpose()?,
        };
        tensors.check_all_used(&description.architecture)?;
        Ok(weights)
    }

    /// What turns the last hidden state into logits, `[vocab_size, hidden_dim]`: in some models the embedding.
    pub fn output(&self) -> &Weight {
        self.output.as_ref().unwrap_or(&self.embedding)
    }

    /// All matrices that activations are multiplied with, in the order in which a token meets them. Those that are
    /// ranges of one tensor come one by one.
    pub(super) fn matrices_mut(&mut self) -> Vec<&mut Weight> {
        let layers = self.layers.iter_mut().flat_map(|layer| {
            let Layer { query, key, value, attention_out, feed_forward, .. } = layer;
            let attention = [query, key, value, attention_out].map(|projection| &mut projection.weight);
            let (router, networks) = match feed_forward {
                FeedForward::Dense(network) => (None, std::slice::from_mut(network)),
                FeedForward::Experts(experts) => (Some(&mut experts.router), experts.networks.as_mut_slice()),
            };
            let networks = networks.iter_mut().flat_map(|Gated { gate, up, down }| [gate, up, down]);
            attention.into_iter().chain(router).chain(networks.map(|projection| &mut projection.weight))
        });
        layers.chain([self.output.as_mut().unwrap_or(&mut self.embedding)]).collect()
    }
}

fn layer(tensors: &Tensors<'_>, description: &Description, index: usize) -> Result<Layer, LoadError> {
    let hidden = description.hidden_dim;
    let query_dim = description.n_heads * description.head_dim;
    let key_dim = description.n_kv_heads * description.head_dim;
    let part = |part: &str| format!("blk.{index}.{part}");
    let norm = |name: &str, len: usize| tensors.vector(&format!("{}.weight", part(name)), len);
    let optional_norm = |name: &str, len: usize| tensors.optional_vector(&format!("{}.weight", part(name)), len);
    // Some models keep projections of one input as one tensor: its rows are theirs, one after the other.
    let [query, key, value] = if tensors.has(&format!("{}.weight", part("attn_qkv"))) {
        tensors.fused_projections(&part("attn_qkv"), [query_dim, key_dim, key_dim], hidden)?
    } else {
        [
            tensors.projection(&part("attn_q"), query_dim, hidden)?,
            tensors.projection(&part("attn_k"), key_dim, hidden)?,
            tensors.projection(&part("attn_v"), key_dim, hidden)?,
        ]
    };
    Ok(Layer {
        attention_norm: norm("attn_norm", hidden)?,
        query,
        key,
        value,
        query_norm: optional_norm("attn_q_norm", description.head_dim)?,
        key_norm: optional_norm("attn_k_norm", description.head_dim)?,
        attention_out: tensors.projection(&part("attn_output"), hidden, query_dim)?,
        post_attention_norm: optional_norm("post_attention_norm", hidden)?,
        ffn_norm: norm("ffn_norm", hidden)?,
        feed_forward: match description.mixture.filter(|_| tensors.has(&format!("{}.weight", part("ffn_gate_inp")))) {
            Some(mixture) => FeedForward::Experts(experts(tensors, mixture, hidden, index)?),
            None => FeedForward::Dense(dense(tensors, description, index)?),
        },
        post_ffn_norm: optional_norm("post_ffw_norm", hidden)?,
    })
}

fn dense(tensors: &Tensors<'_>, description: &Description, index: usize) -> Result<Gated, LoadError> {
    let (hidden, ffn) = (description.hidden_dim, description.ffn_dim);
    let part = |part: &str| format!("blk.{index}.{part}");
    let [gate, up] = if tensors.has(&format!("{}.weight", part("ffn_gate"))) {
        [tensors.projection(&part("ffn_gate"), ffn, hidden)?, tensors.projection(&part("ffn_up"), ffn, hidden)?]
    } else {
        tensors.fused_projections(&part("ffn_up"), [ffn, ffn], hidden)?
    };
    Ok(Gated { gate, up, down: tensors.projection(&part("ffn_down"), hidden, ffn)? })
}

fn experts(tensors: &Tensors<'_>, mixture: Mixture, hidden: usize, index: usize) -> Result<Experts, LoadError> {
    let stack = |part: &str, shape| tensors.stack(&format!("blk.{index}.{part}.weight"), mixture.n_experts, shape);
    let plain = |weight| Projection { weight, bias: None };
    let gate = stack("ffn_gate_exps", [mixture.ffn_dim, hidden])?;
    let up = stack("ffn_up_exps", [mixture.ffn_dim, hidden])?;
    let down = stack("ffn_down_exps", [hidden, mixture.ffn_dim])?;
    let expert = |((gate, up), down)| Gated { gate: plain(gate), up: plain(up), down: plain(down) };
    Ok(Experts {
        mixture,
        router: tensors.matrix(&format!("blk.{index}.ffn_gate_inp.weight"), [mixture.n_experts, hidden])?,
        networks: gate.into_iter().zip(up).zip(down).map(expert).collect(),
    })
}

/// A tensor's numbers, dequantised.
pub(crate) fn floats(tensor: TensorView<'_>) -> Vec<f32> {
    let mut out = vec![0.0; tensor.dims.iter().product()];
    dequantize(tensor.quant_type, tensor.bytes, &mut out);
    out
}
