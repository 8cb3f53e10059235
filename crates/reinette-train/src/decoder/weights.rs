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
            BaseWeights::Numbers => Self::Numbers(Box::new(numbers(model, index))),
            BaseWeights::Blocks => Self::Blocks,
        }
    }

    /// The numbers, made if need be.
    pub(super) fn numbers(&self, model: &Model, index: usize) -> [Frozen; 7] {
        match self {
            Self::Numbers(numbers) => (**numbers).clone(),
            Self::Blocks => numbers(model, index),
        }
    }
}

/// The seven matrices of a layer, `[n_out, n_in]`, heads in halves.
fn numbers(model: &Model, index: usize) -> [Frozen; 7] {
    let description = model.description();
    let layer = &model.weights().layers[index];
    Target::ALL.map(|target| {
        let projection = target.projection(layer).expect("models with experts were refused");
        matrix(&projection.weight, target, description)
    })
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
