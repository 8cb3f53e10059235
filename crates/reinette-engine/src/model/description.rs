//! What tells one architecture from another, as data.

use super::LoadError;
use super::weights::floats;
use crate::gguf::Gguf;
use reinette_kernels::{RopeScaling, RopeStyle};

/// The most layers, heads and tokens that a file may claim: far above any model, far below what would overflow.
const LIMIT: usize = 1 << 24;

/// The largest `head_dim` of any supported model is 256.
const MAX_HEAD_DIM: usize = 1024;

/// A gated feed-forward network multiplies one projection by this function of the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Activation {
    /// `x·σ(x)`.
    Silu,
    /// The Gaussian error linear unit, by its tanh approximation.
    Gelu,
}

/// Which positions a layer sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct WindowPattern {
    /// How many positions a windowed layer sees, itself included.
    pub(crate) window: usize,
    /// Every so many layers, one sees all positions: layer `i` does if `(i + 1) % period == 0`.
    pub(crate) period: usize,
}

/// How positions are rotated into queries and keys.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Rope {
    pub(crate) style: RopeStyle,
    pub(crate) base: f32,
    /// The base of windowed layers.
    pub(crate) window_base: f32,
    /// Applies to layers that see all positions.
    pub(crate) scaling: RopeScaling,
    pub(crate) rotary_dim: usize,
}

/// Everything that the one decoder block needs to know of an architecture.
///
/// What only some models have (biases, norms of queries and keys, norms after a block) is not here: a block uses such
/// a tensor if the file holds it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Description {
    pub(crate) architecture: String,
    pub(crate) n_layers: usize,
    pub(crate) n_heads: usize,
    pub(crate) n_kv_heads: usize,
    pub(crate) head_dim: usize,
    pub(crate) hidden_dim: usize,
    pub(crate) ffn_dim: usize,
    pub(crate) context_tokens: usize,
    pub(crate) norm_eps: f32,
    pub(crate) activation: Activation,
    /// What token embeddings are multiplied by, if anything.
    pub(crate) embedding_scale: Option<f32>,
    pub(crate) rope: Rope,
    pub(crate) window: Option<WindowPattern>,
}

/// What an architecture's name alone decides: one row for each that is supported.
struct Row {
    name: &'static str,
    style: RopeStyle,
    activation: Activation,
    embeddings_scaled_by_sqrt_dim: bool,
    /// Rope base of windowed layers and their period, where there are such layers.
    windowed: Option<(f32, usize)>,
}

const ROWS: [Row; 3] = [
    Row {
        name: "llama",
        style: RopeStyle::Interleaved,
        activation: Activation::Silu,
        embeddings_scaled_by_sqrt_dim: false,
        windowed: None,
    },
    Row {
        name: "qwen2",
        style: RopeStyle::Halves,
        activation: Activation::Silu,
        embeddings_scaled_by_sqrt_dim: false,
        windowed: None,
    },
    Row {
        name: "gemma3",
        style: RopeStyle::Halves,
        activation: Activation::Gelu,
        embeddings_scaled_by_sqrt_dim: true,
        windowed: Some((10_000.0, 6)),
    },
];

impl Description {
    /// Reads the description from a file's metadata.
    ///
    /// # Errors
    /// If the architecture is not supported, or a value is missing, of the wrong type or impossible.
    pub(crate) fn from_gguf(gguf: &Gguf) -> Result<Self, LoadError> {
        let metadata = gguf.metadata();
        let name = metadata.str("general.architecture")?;
        let row = ROWS.iter().find(|row| row.name == name).ok_or_else(|| LoadError::Architecture {
            found: name.to_owned(),
            supported: ROWS.iter().map(|row| row.name).collect::<Vec<_>>().join(", "),
        })?;
        let key = |suffix: &str| format!("{name}.{suffix}");
        let size = |suffix: &str| -> Result<usize, LoadError> {
            let value = metadata.u32(&key(suffix))? as usize;
            if (1..=LIMIT).contains(&value) {
                Ok(value)
            } else {
                Err(LoadError::Impossible { what: key(suffix), value: value.to_string() })
            }
        };
        let optional_size =
            |suffix: &str| if metadata.get(&key(suffix)).is_some() { size(suffix).map(Some) } else { Ok(None) };

        let hidden_dim = size("embedding_length")?;
        let n_heads = size("attention.head_count")?;
        let n_kv_heads = optional_size("attention.head_count_kv")?.unwrap_or(n_heads);
        let head_dim = optional_size("attention.key_length")?.unwrap_or(hidden_dim / n_heads);
        let base = metadata.find::<f32>(&key("rope.freq_base"))?.unwrap_or(10_000.0);
        let window = match (row.windowed, optional_size("attention.sliding_window")?) {
            (Some((_, period)), Some(window)) => Some(WindowPattern { window, period }),
            _ => None,
        };
        let description = Self {
            architecture: name.to_owned(),
            n_layers: size("block_count")?,
            n_heads,
            n_kv_heads,
            head_dim,
            hidden_dim,
            ffn_dim: size("feed_forward_length")?,
            context_tokens: size("context_length")?,
            norm_eps: metadata.f32(&key("attention.layer_norm_rms_epsilon"))?,
            activation: row.activation,
            embedding_scale: row.embeddings_scaled_by_sqrt_dim.then(|| (hidden_dim as f32).sqrt()),
            rope: Rope {
                style: row.style,
                base,
                window_base: row.windowed.map_or(base, |(window_base, _)| window_base),
                scaling: rope_scaling(gguf, name)?,
                rotary_dim: optional_size("rope.dimension_count")?.unwrap_or(head_dim),
            },
            window,
        };
        description.check()
    }

    /// Refuses combinations that the decoder block cannot compute.
    fn check(self) -> Result<Self, LoadError> {
        let impossible = |what: &str, value: String| Err(LoadError::Impossible { what: what.to_owned(), value });
        if !self.n_heads.is_multiple_of(self.n_kv_heads) {
            return impossible("query heads per key head", format!("{} / {}", self.n_heads, self.n_kv_heads));
        }
        if !self.head_dim.is_multiple_of(2) || self.head_dim > MAX_HEAD_DIM {
            return impossible("head_dim", self.head_dim.to_string());
        }
        if self.rope.rotary_dim > self.head_dim || !self.rope.rotary_dim.is_multiple_of(2) {
            return impossible("rope.dimension_count", self.rope.rotary_dim.to_string());
        }
        if !(self.norm_eps > 0.0 && self.norm_eps < 1.0) {
            return impossible("layer_norm_rms_epsilon", self.norm_eps.to_string());
        }
        if !(self.rope.base >= 1.0 && self.rope.base.is_finite()) {
            return impossible("rope.freq_base", self.rope.base.to_string());
        }
        Ok(self)
    }

    /// The window of a layer, `None` where it sees all positions.
    pub(crate) fn layer_window(&self, layer: usize) -> Option<usize> {
        self.window.filter(|pattern| !(layer + 1).is_multiple_of(pattern.period)).map(|pattern| pattern.window)
    }
}

/// Reads how rotary frequencies are scaled; Llama 3 keeps its factors in a tensor.
fn rope_scaling(gguf: &Gguf, name: &str) -> Result<RopeScaling, LoadError> {
    if let Some(tensor) = gguf.tensor("rope_freqs.weight") {
        return Ok(RopeScaling::PerFrequency(floats(tensor)));
    }
    let metadata = gguf.metadata();
    let kind_key = format!("{name}.rope.scaling.type");
    let factor_key = format!("{name}.rope.scaling.factor");
    if metadata.get(&kind_key).is_none() {
        return Ok(RopeScaling::None);
    }
    match metadata.str(&kind_key)? {
        "none" => Ok(RopeScaling::None),
        "linear" => Ok(RopeScaling::Linear { factor: metadata.f32(&factor_key)? }),
        other => Err(LoadError::Impossible { what: kind_key, value: other.to_owned() }),
    }
}
