//! Low-rank adapters, applied beside the frozen weights.
//!
//! Paper: LoRA: Low-Rank Adaptation of Large Language Models, arXiv:2106.09685.

use super::{LoadError, Model, Weight};
use reinette_kernels::{LowRankColumns, QuantType, RopeStyle};
use safetensors::{Dtype, SafeTensors};
use serde::Deserialize;
use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};

/// An adapter's weights file may not be larger than this; rank 64 on a 70B model stays below.
const MAX_FILE_BYTES: u64 = 4 << 30;
/// An adapter's rank may not be larger than this.
const MAX_RANK: usize = 1024;

/// Why an adapter could not be loaded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AdapterError {
    /// A file could not be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The configuration is not one of a LoRA adapter in PEFT's form.
    #[error("adapter_config.json cannot be used: {0}")]
    Config(String),
    /// The weights are damaged.
    #[error("adapter_model.safetensors is damaged or incomplete: {0}")]
    Damaged(String),
    /// The adapter was made for another model.
    #[error("the adapter does not fit this model: {tensor} is {found}, the model needs {expected}")]
    OtherModel {
        /// The tensor that does not fit.
        tensor: String,
        /// Its shape.
        found: String,
        /// The shape that would fit.
        expected: String,
    },
}

/// A projection of the decoder block that an adapter can change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub(crate) enum Target {
    Query,
    Key,
    Value,
    AttentionOut,
    Gate,
    Up,
    Down,
}

/// The targets with their names in PEFT's files.
const TARGETS: [(Target, &str); 7] = [
    (Target::Query, "self_attn.q_proj"),
    (Target::Key, "self_attn.k_proj"),
    (Target::Value, "self_attn.v_proj"),
    (Target::AttentionOut, "self_attn.o_proj"),
    (Target::Gate, "mlp.gate_proj"),
    (Target::Up, "mlp.up_proj"),
    (Target::Down, "mlp.down_proj"),
];

/// Two thin matrices whose product is added to a projection: `y += scale · B·(A·x)`.
#[derive(Debug)]
pub(crate) struct LowRank {
    /// `[rank, cols]`.
    pub(crate) a: Weight,
    /// `[rows, rank]`.
    pub(crate) b: LowRankColumns,
}

/// A LoRA adapter for one model, applied at run time to whichever request asks for it.
#[derive(Debug)]
pub struct Adapter {
    layers: Vec<[Option<LowRank>; TARGETS.len()]>,
    scale: f32,
    identity: u64,
}

/// What is used of PEFT's `adapter_config.json`.
#[derive(Deserialize)]
struct PeftConfig {
    peft_type: String,
    r: usize,
    lora_alpha: f32,
    #[serde(default)]
    use_rslora: bool,
    #[serde(default)]
    use_dora: bool,
    #[serde(default)]
    bias: Option<String>,
}

impl Adapter {
    /// Loads a folder in PEFT's form (`adapter_config.json`, `adapter_model.safetensors`).
    ///
    /// # Errors
    /// As [`Adapter::from_parts`], and if a file cannot be read.
    pub fn load(folder: &Path, model: &Model) -> Result<Self, AdapterError> {
        let read = |name: &str| {
            let path = folder.join(name);
            let read = || {
                if std::fs::metadata(&path)?.len() > MAX_FILE_BYTES {
                    return Err(std::io::Error::other(format!("it is larger than {MAX_FILE_BYTES} bytes")));
                }
                std::fs::read(&path)
            };
            read().map_err(|source| AdapterError::Read { path: path.clone(), source })
        };
        Self::from_parts(&read("adapter_config.json")?, &read("adapter_model.safetensors")?, model)
    }

    /// Makes an adapter of the contents of PEFT's two files and checks it against the model.
    ///
    /// # Errors
    /// If the contents are damaged, if the adapter is of a kind that is not supported (`DoRA`, trained biases), or if
    /// it was made for a model of another shape.
    pub fn from_parts(config: &[u8], weights: &[u8], model: &Model) -> Result<Self, AdapterError> {
        let config = read_config(config)?;
        let file = SafeTensors::deserialize(weights).map_err(|error| AdapterError::Damaged(error.to_string()))?;

        let mut found = 0;
        let mut layers = Vec::new();
        for layer in 0..model.description().n_layers {
            let mut targets = [const { None }; TARGETS.len()];
            for (target, name) in TARGETS {
                let prefix = format!("base_model.model.model.layers.{layer}.{name}");
                targets[target as usize] = low_rank(&file, &prefix, &layer_target(model, layer, target), config.r)?;
                found += 2 * usize::from(targets[target as usize].is_some());
            }
            layers.push(targets);
        }
        if found == 0 || found != file.len() {
            let reason =
                format!("{found} of its {} tensors belong to a decoder of {} layers", file.len(), layers.len());
            return Err(AdapterError::Damaged(reason));
        }
        let mut hasher = rustc_hash::FxHasher::default();
        weights.hash(&mut hasher);
        let rank = config.r as f32;
        let scale = config.lora_alpha / if config.use_rslora { rank.sqrt() } else { rank };
        Ok(Self { layers, scale, identity: hasher.finish() })
    }

    /// Tells adapters apart, as what is in a KV cache depends on the adapter that was used.
    pub(crate) fn identity(&self) -> u64 {
        self.identity
    }

    pub(crate) fn scale(&self) -> f32 {
        self.scale
    }

    pub(crate) fn target(&self, layer: usize, target: Target) -> Option<&LowRank> {
        self.layers.get(layer).and_then(|targets| targets[target as usize].as_ref())
    }
}

fn read_config(json: &[u8]) -> Result<PeftConfig, AdapterError> {
    let unusable = AdapterError::Config;
    let config: PeftConfig = serde_json::from_slice(json).map_err(|error| unusable(error.to_string()))?;
    if config.peft_type != "LORA" || config.use_dora {
        return Err(unusable("only plain LoRA is supported".to_owned()));
    }
    if config.bias.as_deref().is_some_and(|bias| bias != "none") {
        return Err(unusable("trained biases are not supported".to_owned()));
    }
    if config.r == 0 || config.r > MAX_RANK || !config.lora_alpha.is_finite() {
        return Err(unusable(format!("rank {} and alpha {} cannot be right", config.r, config.lora_alpha)));
    }
    Ok(config)
}

/// The shape that a target has in the model, and how its rows are ordered there.
struct Shape {
    rows: usize,
    cols: usize,
    /// GGUF stores query and key rows of interleaved-rope models pairwise; PEFT's files hold them in halves.
    interleaved_head_dim: Option<usize>,
}

fn layer_target(model: &Model, layer: usize, target: Target) -> Shape {
    let tensors = &model.weights().layers[layer];
    let weight = match target {
        Target::Query => &tensors.query.weight,
        Target::Key => &tensors.key.weight,
        Target::Value => &tensors.value.weight,
        Target::AttentionOut => &tensors.attention_out.weight,
        Target::Gate => &tensors.gate,
        Target::Up => &tensors.up,
        Target::Down => &tensors.down,
    };
    let reordered =
        matches!(target, Target::Query | Target::Key) && model.description().rope.style == RopeStyle::Interleaved;
    Shape {
        rows: weight.rows(),
        cols: weight.cols(),
        interleaved_head_dim: reordered.then_some(model.description().head_dim),
    }
}

fn low_rank(file: &SafeTensors<'_>, prefix: &str, shape: &Shape, rank: usize) -> Result<Option<LowRank>, AdapterError> {
    let (a_name, b_name) = (format!("{prefix}.lora_A.weight"), format!("{prefix}.lora_B.weight"));
    if file.tensor(&a_name).is_err() && file.tensor(&b_name).is_err() {
        return Ok(None);
    }
    let a = matrix(file, &a_name, rank, shape.cols)?;
    let b = matrix(file, &b_name, shape.rows, rank)?;
    let b_bytes = match shape.interleaved_head_dim {
        Some(head_dim) => interleave_rows(b.1, shape.rows, head_dim),
        None => b.1.to_vec(),
    };
    let misfit = |error: LoadError| AdapterError::OtherModel {
        tensor: prefix.to_owned(),
        found: error.to_string(),
        expected: "a whole matrix".to_owned(),
    };
    Ok(Some(LowRank {
        a: Weight::owned(a.0, rank, shape.cols, a.1.to_vec()).map_err(misfit)?,
        b: LowRankColumns::new(Weight::owned(b.0, shape.rows, rank, b_bytes).map_err(misfit)?.matrix()),
    }))
}

/// The bytes of a tensor that must be `[rows, cols]`.
fn matrix<'a>(
    file: &SafeTensors<'a>,
    name: &str,
    rows: usize,
    cols: usize,
) -> Result<(QuantType, &'a [u8]), AdapterError> {
    let misfit = |found: String| AdapterError::OtherModel {
        tensor: name.to_owned(),
        found,
        expected: format!("[{rows}, {cols}] of F16, BF16 or F32"),
    };
    let tensor = file.tensor(name).map_err(|error| misfit(error.to_string()))?;
    let ty = match tensor.dtype() {
        Dtype::F16 => QuantType::F16,
        Dtype::BF16 => QuantType::BF16,
        Dtype::F32 => QuantType::F32,
        other => return Err(misfit(format!("of {other:?}"))),
    };
    if tensor.shape() != [rows, cols] {
        return Err(misfit(format!("{:?}", tensor.shape())));
    }
    Ok((ty, tensor.data()))
}

/// Brings rows that stand head by head as two halves into the order of pairs: row `half·d/2 + i` becomes `2·i + half`.
fn interleave_rows(bytes: &[u8], rows: usize, head_dim: usize) -> Vec<u8> {
    let row_bytes = bytes.len() / rows;
    let mut ordered = vec![0; bytes.len()];
    for (row, source) in bytes.chunks_exact(row_bytes).enumerate() {
        let (head, within) = (row / head_dim, row % head_dim);
        let (half, index) = (within / (head_dim / 2), within % (head_dim / 2));
        let target = (head * head_dim + 2 * index + half) * row_bytes;
        ordered[target..target + row_bytes].copy_from_slice(source);
    }
    ordered
}

#[cfg(test)]
mod tests {
    use super::interleave_rows;

    #[test]
    fn rows_in_halves_become_pairs() {
        let halves = [0, 1, 2, 10, 11, 12, 100, 101, 102, 110, 111, 112];
        assert_eq!(interleave_rows(&halves, 12, 6), [0, 10, 1, 11, 2, 12, 100, 110, 101, 111, 102, 112]);
    }
}
