//! What tells one architecture from another, as data.

use super::{HyperParameters, LoadError, Rope};
use crate::gguf::{Array, Gguf, Value};
use reinette_kernels::{Compute, RopeStyle, gelu_mul, silu_mul};

/// The largest `head_dim` of any supported model is 256.
const MAX_HEAD_DIM: usize = 1024;
/// The deepest models have some 130 layers.
const MAX_LAYERS: usize = 1024;
/// The models with the most experts have some 500.
const MAX_EXPERTS: usize = 4096;

/// A gated feed-forward network multiplies one projection by this function of the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    /// `x·σ(x)`.
    Silu,
    /// The Gaussian error linear unit, by its tanh approximation.
    Gelu,
}

impl Activation {
    /// `gate = activation(gate) · up`, both `[n_tokens, width]`.
    pub(crate) fn apply(self, compute: &Compute, width: usize, gate: &mut [f32], up: &[f32]) {
        compute.for_rows(gate, width, |first, gate| {
            let up = &up[first * width..][..gate.len()];
            match self {
                Self::Silu => silu_mul(compute.set, gate, up),
                Self::Gelu => gelu_mul(compute.set, gate, up),
            }
        });
    }
}

/// What sets a layer apart from its neighbours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LayerKind {
    /// How many positions the layer sees, its own included; `None` if all.
    pub window: Option<usize>,
    /// Whether queries and keys are rotated.
    pub positions: Positions,
}

/// Whether a layer's queries and keys tell where they stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Positions {
    /// They are rotated by their positions.
    Rotated,
    /// They are not: the order is known from the causal mask and from other layers alone (arXiv:2501.18795).
    Unknown,
}

/// How scores of attention are computed from queries and keys.
#[derive(Clone, Debug, PartialEq)]
pub struct Scores {
    /// Multiplies the products of queries and keys.
    pub scale: f32,
    /// Limits scores smoothly.
    pub soft_cap: Option<f32>,
    /// Multiplies queries by what their positions ask for.
    pub temperature: Option<Temperature>,
}

/// Sharpens attention far from the beginning: queries are multiplied by `1 + scale · ln(1 + ⌊position / period⌋)`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Temperature {
    scale: f32,
    period: usize,
}

impl Temperature {
    /// What a query at `position` is multiplied by.
    pub(crate) fn factor(self, position: usize) -> f32 {
        1.0 + self.scale * ((position / self.period) as f32).ln_1p()
    }
}

/// A feed-forward network that consists of many small ones, of which each token passes through a few.
///
/// Paper: Outrageously Large Neural Networks: The Sparsely-Gated Mixture-of-Experts Layer, arXiv:1701.06538.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mixture {
    /// How many there are.
    pub n_experts: usize,
    /// How many of them a token passes through.
    pub n_used: usize,
    /// The width within each.
    pub ffn_dim: usize,
    /// What their results are multiplied by.
    pub shares: Shares,
    /// Multiplies the shares.
    pub scale: f32,
}

/// What the results of a token's experts are multiplied by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shares {
    /// The router's probabilities as they are.
    Probabilities,
    /// The same, divided by their sum.
    Normalised,
}

/// Everything that the one decoder block needs to know of an architecture.
///
/// What only some models have (biases, norms of queries and keys, norms after a block) is not here: a block uses such
/// a tensor if the file holds it.
#[derive(Clone, Debug, PartialEq)]
pub struct Description {
    /// The name, as the file gives it.
    pub architecture: String,
    /// Heads of queries.
    pub n_heads: usize,
    /// Heads of keys and values; a divisor of `n_heads`.
    pub n_kv_heads: usize,
    /// Numbers of a head.
    pub head_dim: usize,
    /// Numbers of a token between layers.
    pub hidden_dim: usize,
    /// The width within the feed-forward network.
    pub ffn_dim: usize,
    /// The longest sequence that the model was made for, in tokens.
    pub context_tokens: usize,
    /// Added to the mean square in norms.
    pub norm_eps: f32,
    /// The function of the gate in the feed-forward network.
    pub activation: Activation,
    /// What token embeddings are multiplied by, if anything.
    pub embedding_scale: Option<f32>,
    /// How attention scores are computed.
    pub scores: Scores,
    /// Limits logits smoothly.
    pub logit_soft_cap: Option<f32>,
    /// How positions are rotated into queries and keys.
    pub rope: Rope,
    /// The experts, if the feed-forward networks consist of some.
    pub mixture: Option<Mixture>,
    /// What sets each layer apart.
    pub layers: Vec<LayerKind>,
}

/// What an architecture's name alone decides: one row for each that is supported.
struct Row {
    name: &'static str,
    rope_style: RopeStyle,
    activation: Activation,
    embeddings_scaled_by_sqrt_dim: bool,
    windows: Option<Windows>,
    /// Every so many layers, one does not rotate: layer `i` if `(i + 1) % period == 0`.
    unrotated_period: Option<usize>,
    /// The number of layers of the one size whose scores are scaled by the width per head instead of the head's.
    scaled_by_width_at_layers: Option<usize>,
    /// Caps of scores and logits where the file gives none.
    soft_caps: Option<[f32; 2]>,
}

/// Layers that see only the last positions.
struct Windows {
    /// Every so many layers, one sees all positions: layer `i` if `(i + 1) % period == 0`; `None` if no layer does.
    full_period: Option<usize>,
    /// The window where the file gives none.
    default: Option<usize>,
    /// The base of rotation in windowed layers, where it is another one.
    rope_base: Option<f32>,
}

const LLAMA: Row = Row {
    name: "llama",
    rope_style: RopeStyle::Interleaved,
    activation: Activation::Silu,
    embeddings_scaled_by_sqrt_dim: false,
    windows: None,
    unrotated_period: None,
    scaled_by_width_at_layers: None,
    soft_caps: None,
};

const QWEN2: Row = Row { name: "qwen2", rope_style: RopeStyle::Halves, ..LLAMA };

const GEMMA: Row = Row {
    name: "gemma",
    rope_style: RopeStyle::Halves,
    activation: Activation::Gelu,
    embeddings_scaled_by_sqrt_dim: true,
    ..LLAMA
};

/// Llama's row is Mistral's, Mixtral's and SmolLM2's too: their files say so.
const ROWS: [Row; 10] = [
    LLAMA,
    Row { name: "mistral3", ..LLAMA },
    Row { name: "smollm3", unrotated_period: Some(4), ..LLAMA },
    QWEN2,
    Row { name: "qwen3", ..QWEN2 },
    Row { name: "qwen3moe", ..QWEN2 },
    Row { name: "phi3", windows: Some(Windows { full_period: None, default: None, rope_base: None }), ..QWEN2 },
    GEMMA,
    Row {
        name: "gemma2",
        windows: Some(Windows { full_period: Some(2), default: Some(4096), rope_base: None }),
        scaled_by_width_at_layers: Some(46),
        soft_caps: Some([50.0, 30.0]),
        ..GEMMA
    },
    Row {
        name: "gemma3",
        windows: Some(Windows { full_period: Some(6), default: None, rope_base: Some(10_000.0) }),
        scaled_by_width_at_layers: Some(62),
        ..GEMMA
    },
];

impl Description {
    /// Reads the description from a file's metadata.
    ///
    /// # Errors
    /// If the architecture is not supported, or a value is missing, of the wrong type or impossible.
    pub(crate) fn from_gguf(gguf: &Gguf) -> Result<Self, LoadError> {
        let parameters = HyperParameters::of(gguf)?;
        let name = parameters.architecture();
        let row = ROWS.iter().find(|row| row.name == name).ok_or_else(|| LoadError::Architecture {
            found: name.to_owned(),
            supported: ROWS.iter().map(|row| row.name).collect::<Vec<_>>().join(", "),
        })?;
        let hidden_dim = parameters.size("embedding_length")?;
        let n_heads = parameters.size("attention.head_count")?;
        let head_dim = parameters.optional_size("attention.key_length")?.unwrap_or(hidden_dim / n_heads);
        let layers = layers(parameters, row)?;
        let [score_cap, logit_cap] = row.soft_caps.map_or([None; 2], |caps| caps.map(Some));
        let description = Self {
            architecture: name.to_owned(),
            n_heads,
            n_kv_heads: parameters.optional_size("attention.head_count_kv")?.unwrap_or(n_heads),
            head_dim,
            hidden_dim,
            ffn_dim: parameters.size("feed_forward_length")?,
            context_tokens: parameters.size("context_length")?,
            norm_eps: parameters.positive("attention.layer_norm_rms_epsilon")?,
            activation: row.activation,
            embedding_scale: row.embeddings_scaled_by_sqrt_dim.then(|| (hidden_dim as f32).sqrt()),
            scores: Scores {
                scale: match parameters.optional_positive("attention.scale")? {
                    Some(scale) => scale,
                    None if row.scaled_by_width_at_layers == Some(layers.len()) => {
                        ((hidden_dim / n_heads) as f32).sqrt().recip()
                    }
                    None => (head_dim as f32).sqrt().recip(),
                },
                soft_cap: parameters.optional_positive("attn_logit_softcapping")?.or(score_cap),
                temperature: temperature(parameters)?,
            },
            logit_soft_cap: parameters.optional_positive("final_logit_softcapping")?.or(logit_cap),
            rope: Rope::from_gguf(
                gguf,
                row.rope_style,
                head_dim,
                row.windows.as_ref().and_then(|windows| windows.rope_base),
            )?,
            mixture: mixture(parameters)?,
            layers,
        };
        description.check(parameters)
    }

    /// Refuses combinations that the decoder block cannot compute.
    fn check(self, parameters: HyperParameters<'_>) -> Result<Self, LoadError> {
        if !self.n_heads.is_multiple_of(self.n_kv_heads) {
            return Err(parameters.impossible("attention.head_count_kv", &self.n_kv_heads));
        }
        if !self.head_dim.is_multiple_of(2) || !(1..=MAX_HEAD_DIM).contains(&self.head_dim) {
            return Err(parameters.impossible("attention.key_length", &self.head_dim));
        }
        match parameters.optional_size("attention.value_length")? {
            Some(value_dim) if value_dim != self.head_dim => {
                Err(parameters.impossible("attention.value_length", &value_dim))
            }
            _ => Ok(self),
        }
    }

    /// How many layers there are.
    pub fn n_layers(&self) -> usize {
        self.layers.len()
    }
}

/// What each layer sees and knows of positions.
fn layers(parameters: HyperParameters<'_>, row: &Row) -> Result<Vec<LayerKind>, LoadError> {
    const PATTERN: &str = "attention.sliding_window_pattern";
    let n_layers = parameters.size("block_count")?;
    if n_layers > MAX_LAYERS {
        return Err(parameters.impossible("block_count", &n_layers));
    }
    let one_in = |period: Option<usize>, layer: usize| period.is_some_and(|period| (layer + 1).is_multiple_of(period));
    let mut windowed = vec![false; n_layers];
    let mut window = None;
    if let Some(windows) = &row.windows {
        window = parameters.optional_size("attention.sliding_window")?.or(windows.default);
        match parameters.find::<Value<'_>>(PATTERN)? {
            Some(Value::Array(pattern)) => {
                let found = format!("a list of {} for {n_layers} layers", pattern.len());
                windowed = listed(pattern, n_layers).ok_or_else(|| parameters.impossible(PATTERN, &found))?;
            }
            Some(_) => {
                let period = Some(parameters.size(PATTERN)?);
                windowed.iter_mut().enumerate().for_each(|(layer, windowed)| *windowed = !one_in(period, layer));
            }
            None => {
                let full = |layer| one_in(windows.full_period, layer);
                windowed.iter_mut().enumerate().for_each(|(layer, windowed)| *windowed = !full(layer));
            }
        }
    }
    let kind = |(layer, windowed): (usize, bool)| LayerKind {
        window: window.filter(|_| windowed),
        positions: if one_in(row.unrotated_period, layer) { Positions::Unknown } else { Positions::Rotated },
    };
    Ok(windowed.into_iter().enumerate().map(kind).collect())
}

/// A list that says of each layer whether it has a window.
fn listed(pattern: Array<'_>, n_layers: usize) -> Option<Vec<bool>> {
    let values = pattern.scalars()?.map(|value| match value {
        Value::Bool(windowed) => Some(windowed),
        other => other.as_integer().map(|number| number != 0),
    });
    values.collect::<Option<Vec<bool>>>().filter(|windowed| windowed.len() == n_layers)
}

fn temperature(parameters: HyperParameters<'_>) -> Result<Option<Temperature>, LoadError> {
    let Some(scale) = parameters.optional_positive("attention.temperature_scale")? else { return Ok(None) };
    let period = parameters.size("rope.scaling.original_context_length")?;
    Ok(Some(Temperature { scale, period }))
}

/// The experts, if the file says that there are any.
fn mixture(parameters: HyperParameters<'_>) -> Result<Option<Mixture>, LoadError> {
    const GATING: &str = "expert_gating_func";
    const SOFTMAX: u32 = 1;
    let Some(n_experts) = parameters.optional_size("expert_count")? else { return Ok(None) };
    let n_used = parameters.size("expert_used_count")?;
    if n_experts > MAX_EXPERTS {
        return Err(parameters.impossible("expert_count", &n_experts));
    }
    if n_used > n_experts {
        return Err(parameters.impossible("expert_used_count", &n_used));
    }
    match parameters.find::<u32>(GATING)? {
        None | Some(0 | SOFTMAX) => {}
        Some(other) => return Err(parameters.impossible(GATING, &other)),
    }
    // All supported models with experts were trained with shares that sum up to 1, unless their file says otherwise.
    let normalised = parameters.find::<bool>("expert_weights_norm")?.unwrap_or(true);
    let ffn_dim = parameters.optional_size("expert_feed_forward_length")?;
    Ok(Some(Mixture {
        n_experts,
        n_used,
        ffn_dim: ffn_dim.map_or_else(|| parameters.size("feed_forward_length"), Ok)?,
        shares: if normalised { Shares::Normalised } else { Shares::Probabilities },
        scale: parameters.optional_positive("expert_weights_scale")?.unwrap_or(1.0),
    }))
}
