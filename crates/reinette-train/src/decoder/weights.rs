//! The frozen weights of a base model, as numbers or as the blocks of its file.

use crate::TrainError;
use crate::config::BaseWeights;
use crate::tensor::{Frozen, frozen};
use reinette_engine::Model;
use reinette_engine::architecture::{Description, FeedForward, Gated, Layer, Projection, Weight};
use reinette_kernels::RopeStyle;

/// A projection that adapters can change. The order is that of [`Target::ALL`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// Queries.
    QProj,
    /// Keys.
    KProj,
    /// Values.
    VProj,
    /// What attention gives back.
    OProj,
    /// The gate of the feed-forward network.
    GateProj,
    /// What the gate lets through.
    UpProj,
    /// What the feed-forward network gives back.
    DownProj,
}

impl Target {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::QProj, Self::KProj, Self::VProj, Self::OProj, Self::GateProj, Self::UpProj, Self::DownProj];

    /// The module's name in PEFT's files, and its last part.
    pub(crate) fn peft(self) -> (&'static str, &'static str) {
        match self {
            Self::QProj => ("self_attn", "q_proj"),
            Self::KProj => ("self_attn", "k_proj"),
            Self::VProj => ("self_attn", "v_proj"),
            Self::OProj => ("self_attn", "o_proj"),
            Self::GateProj => ("mlp", "gate_proj"),
            Self::UpProj => ("mlp", "up_proj"),
            Self::DownProj => ("mlp", "down_proj"),
        }
    }

    /// The tensor's name within a layer of a GGUF file.
    pub(crate) fn gguf(self) -> &'static str {
        match self {
            Self::QProj => "attn_q",
            Self::KProj => "attn_k",
            Self::VProj => "attn_v",
            Self::OProj => "attn_output",
            Self::GateProj => "ffn_gate",
            Self::UpProj => "ffn_up",
            Self::DownProj => "ffn_down",
        }
    }

    /// The heads of the projection's rows, where rotation goes through them.
    pub(crate) fn rotated_heads(self, description: &Description) -> Option<usize> {
        match self {
            Self::QProj => Some(description.n_heads),
            Self::KProj => Some(description.n_kv_heads),
            _ => None,
        }
    }

    /// The projection in a layer; `None` where experts stand in its place.
    pub(crate) fn projection(self, layer: &Layer) -> Option<&Projection> {
        let network = match &layer.feed_forward {
            FeedForward::Dense(network) => Some(network),
            FeedForward::Experts(_) => None,
        };
        match self {
            Self::QProj => Some(&layer.query),
            Self::KProj => Some(&layer.key),
            Self::VProj => Some(&layer.value),
            Self::OProj => Some(&layer.attention_out),
            Self::GateProj => network.map(|Gated { gate, .. }| gate),
            Self::UpProj => network.map(|Gated { up, .. }| up),
            Self::DownProj => network.map(|Gated { down, .. }| down),
        }
    }
}

/// The vectors of a layer: six norms, then the bias of each projection in the order of [`Target::ALL`].
pub(crate) const N_VECTORS: usize = 13;

/// A norm of a layer, by its place among the vectors.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Norm {
    Attention,
    Query,
    Key,
    PostAttention,
    Ffn,
    PostFfn,
}

/// The place of a projection's bias among the vectors.
pub(super) fn bias_place(target: Target) -> usize {
    6 + target as usize
}

/// What a GGUF file calls the vectors within a layer.
pub(crate) fn vector_names() -> [String; N_VECTORS] {
    let norms = ["attn_norm", "attn_q_norm", "attn_k_norm", "post_attention_norm", "ffn_norm", "post_ffw_norm"];
    let norms = norms.map(|name| format!("{name}.weight"));
    let biases = Target::ALL.map(|target| format!("{}.bias", target.gguf()));
    let mut names = norms.into_iter().chain(biases);
    std::array::from_fn(|_| names.next().unwrap_or_default())
}

/// The heads that a vector goes through before rotation reorders it, by its place; a norm of heads is as long as one.
pub(crate) fn is_rotated(place: usize) -> bool {
    [Norm::Query as usize, Norm::Key as usize, bias_place(Target::QProj), bias_place(Target::KProj)].contains(&place)
}

/// The vectors of a layer, `[1, length]`, heads in halves; those that it does not have are left out.
pub(crate) fn vectors(model: &Model, index: usize) -> [Option<Frozen>; N_VECTORS] {
    let description = model.description();
    let layer = &model.weights().layers[index];
    let norms = [
        Some(&layer.attention_norm),
        layer.query_norm.as_ref(),
        layer.key_norm.as_ref(),
        layer.post_attention_norm.as_ref(),
        Some(&layer.ffn_norm),
        layer.post_ffn_norm.as_ref(),
    ];
    let biases = Target::ALL.map(|target| target.projection(layer)?.bias.as_ref());
    let pairs = description.rope.style == RopeStyle::Interleaved;
    let mut found = norms.into_iter().chain(biases).enumerate().map(|(place, numbers)| {
        let numbers = numbers?.as_slice();
        Some(vector(if pairs && is_rotated(place) { in_halves(numbers, 1, description) } else { numbers.to_vec() }))
    });
    std::array::from_fn(|_| found.next().flatten())
}

/// One row.
pub(super) fn vector(numbers: Vec<f32>) -> Frozen {
    let length = numbers.len();
    frozen(numbers, [1, length])
}

/// The frozen matrices of one layer.
#[derive(Debug)]
pub(super) enum LayerWeights {
    /// As numbers.
    Numbers(Box<[Frozen; 7]>),
    /// As the blocks of the model's file, turned into numbers each time that the layer is computed.
    Blocks,
}

impl LayerWeights {
    pub(super) fn new(model: &Model, index: usize, kept: BaseWeights) -> Self {
        match kept {
            BaseWeights::Numbers => Self::Numbers(Box::new(Target::ALL.map(|target| numbers(model, index, target)))),
            BaseWeights::Blocks => Self::Blocks,
        }
    }

    /// The numbers of a matrix, made if need be.
    pub(super) fn numbers(&self, model: &Model, index: usize, target: Target) -> Frozen {
        match self {
            Self::Numbers(known) => known[target as usize].clone(),
            Self::Blocks => numbers(model, index, target),
        }
    }
}

/// A matrix of a layer, `[n_out, n_in]`, heads in halves.
pub(crate) fn numbers(model: &Model, index: usize, target: Target) -> Frozen {
    let projection = target.projection(&model.weights().layers[index]).expect("models with experts were refused");
    matrix(&projection.weight, target, model.description())
}

fn matrix(weight: &Weight, target: Target, description: &Description) -> Frozen {
    let mut rows = weight.to_f32();
    if target.rotated_heads(description).is_some() && description.rope.style == RopeStyle::Interleaved {
        rows = in_halves(&rows, weight.cols(), description);
    }
    frozen(rows, [weight.rows(), weight.cols()])
}

/// The rows of queries or keys, or their biases, in the order in which the first of all rotated pairs of a head stand
/// before the second of all: the trainer knows this order alone, which is PEFT's too.
pub(crate) fn in_halves(rows: &[f32], width: usize, description: &Description) -> Vec<f32> {
    reordered(rows, width, description, |row, half_dim| 2 * (row % half_dim) + row / half_dim)
}

/// Undoes [`in_halves`]: neighbours make pairs, as in the files of models that rotate neighbours.
pub(crate) fn in_pairs(rows: &[f32], width: usize, description: &Description) -> Vec<f32> {
    reordered(rows, width, description, |row, half_dim| row / 2 + (row % 2) * half_dim)
}

/// Row `i` of each head of the result is row `source(i)` of the same head; what is not rotated stays.
fn reordered(
    rows: &[f32],
    width: usize,
    description: &Description,
    source: impl Fn(usize, usize) -> usize,
) -> Vec<f32> {
    let rotary_dim = description.rope.rotary_dim;
    let mut out = Vec::with_capacity(rows.len());
    for head in rows.chunks_exact(description.head_dim * width) {
        for row in 0..description.head_dim {
            let from = if row < rotary_dim { source(row, rotary_dim / 2) } else { row };
            out.extend_from_slice(&head[from * width..(from + 1) * width]);
        }
    }
    out
}

/// Refuses models that have a part through which no gradient is computed here.
pub(super) fn check(model: &Model) -> Result<(), TrainError> {
    let description = model.description();
    let parts = [
        (description.mixture.is_some(), "experts"),
        (description.scores.soft_cap.is_some() || description.logit_soft_cap.is_some(), "soft caps"),
        (description.scores.temperature.is_some(), "a temperature of attention"),
    ];
    match parts.into_iter().find(|(has, _)| *has) {
        Some((_, part)) => Err(TrainError::Unsupported { part, architecture: description.architecture.clone() }),
        None => Ok(()),
    }
}
