//! The forms in which trained parameters are stored: PEFT's two files, GGUF, and checkpoints.

use super::{Adapter, Layer, Matrices, Precision, Slot, shape};
use crate::TrainError;
use crate::config::{AdapterConfig, Method, ModelConfig};
use crate::decoder::{Target, in_pairs, vector_names};
use crate::tensor::{Frozen, values};
use half::f16;
use reinette_engine::Model;
use reinette_engine::gguf::GgufWriter;
use reinette_kernels::{QuantType, RopeStyle, dequantize};
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::HashMap;
use std::path::Path;

/// The name of PEFT's file of weights.
pub(crate) const WEIGHTS_FILE: &str = "adapter_model.safetensors";
pub(crate) const CONFIG_FILE: &str = "adapter_config.json";

/// What PEFT calls the parts of a projection's change.
pub(super) const A: &str = "lora_A.weight";
pub(super) const B: &str = "lora_B.weight";
pub(super) const MAGNITUDE: &str = "lora_magnitude_vector";

/// `adapter_config.json`, as far as we write it and understand it.
#[derive(Serialize, Deserialize)]
struct PeftConfig {
    peft_type: String,
    #[serde(default)]
    task_type: Option<String>,
    #[serde(default)]
    base_model_name_or_path: Option<String>,
    r: usize,
    lora_alpha: f32,
    #[serde(default)]
    lora_dropout: f32,
    #[serde(default)]
    bias: Option<String>,
    #[serde(default)]
    use_rslora: bool,
    #[serde(default)]
    use_dora: bool,
    target_modules: Vec<String>,
    /// Ranks and alphas that some projections have instead; never written.
    #[serde(default, skip_serializing)]
    rank_pattern: Option<Map<String, Value>>,
    #[serde(default, skip_serializing)]
    alpha_pattern: Option<Map<String, Value>>,
}

impl PeftConfig {
    fn has_patterns(&self) -> bool {
        [&self.rank_pattern, &self.alpha_pattern].into_iter().flatten().any(|patterns| !patterns.is_empty())
    }
}

impl Adapter {
    /// Reads a folder in PEFT's form, whatever its rank and its projections.
    ///
    /// # Errors
    /// If it cannot be read, is damaged, of another kind, or does not fit the model.
    pub fn open(folder: &Path, model: &Model) -> Result<Self, TrainError> {
        let found = peft_config(folder)?;
        let method = if found.use_dora { Method::Dora } else { Method::Lora };
        let adapter = AdapterConfig { rank: found.r, ..AdapterConfig::default() };
        Self::load(folder, model, &ModelConfig { method, adapter, ..ModelConfig::default() })
    }

    /// Goes on from a folder in PEFT's form or, where the model's own weights are trained, from a checkpoint.
    ///
    /// # Errors
    /// If it cannot be read, is damaged, of another kind, or does not fit the model or the configuration.
    pub fn load(folder: &Path, model: &Model, config: &ModelConfig) -> Result<Self, TrainError> {
        let refuse = |problem: String| TrainError::Adapter { folder: folder.to_owned(), problem };
        let alpha = match config.method {
            Method::Full => config.adapter.alpha,
            Method::Lora | Method::Dora => check(&peft_config(folder)?, config).map_err(refuse)?,
        };
        let path = folder.join(WEIGHTS_FILE);
        let bytes = std::fs::read(&path).map_err(TrainError::read(&path))?;
        let tensors = SafeTensors::deserialize(&bytes).map_err(|error| refuse(format!("{WEIGHTS_FILE}: {error}")))?;
        let mut used = 0;
        let adapter = Self::build(model, config, alpha, &mut |Slot { name, shape, .. }| {
            let Ok(tensor) = tensors.tensor(&name) else { return Ok(None) };
            used += 1;
            numbers(&tensor, shape).map(Some).map_err(|problem| refuse(format!("{name} {problem}")))
        })?;
        if used != tensors.len() {
            let targets = "model.adapter.targets names fewer projections than it changes, or it is another model's";
            return Err(refuse(format!("{} of its {} tensors are used: {targets}", used, tensors.len())));
        }
        Ok(adapter)
    }

    /// Every parameter, those below the first layer that is trained included, with the name under which it is stored.
    pub(crate) fn named(&self) -> Vec<(String, &Frozen)> {
        let vector_names = vector_names();
        let mut named = Vec::new();
        for (index, Layer { changes, vectors }) in self.layers.iter().enumerate() {
            for (target, matrices) in Target::ALL.into_iter().zip(changes) {
                match matrices {
                    None => {}
                    Some(Matrices::Whole(weight)) => {
                        named.push((format!("blk.{index}.{}.weight", target.gguf()), weight));
                    }
                    Some(Matrices::Thin { a, b, magnitude }) => {
                        let parts = [(A, Some(a)), (B, Some(b)), (MAGNITUDE, magnitude.as_ref())];
                        let stored = parts.into_iter().filter_map(|(part, parameter)| Some((part, parameter?)));
                        named.extend(stored.map(|(part, parameter)| (peft_name(index, target, part), parameter)));
                    }
                }
            }
            let present = vector_names.iter().zip(vectors).filter_map(|(name, vector)| Some((name, vector.as_ref()?)));
            named.extend(present.map(|(name, vector)| (format!("blk.{index}.{name}"), vector)));
        }
        if let Some(ends) = &self.ends {
            named.push(("output_norm.weight".to_owned(), &ends.norm));
            named.push(("token_embd.weight".to_owned(), &ends.embedding));
            named.extend(ends.output.iter().map(|output| ("output.weight".to_owned(), output)));
        }
        named
    }

    /// The names of [`parameters`](Self::parameters).
    #[cfg(test)]
    pub(crate) fn parameter_names(&self) -> Vec<String> {
        let below = self.layers[..self.first_layer].iter().flat_map(Layer::parameters).count();
        self.named().into_iter().skip(below).map(|(name, _)| name).collect()
    }

    /// `adapter_model.safetensors`, with PEFT's names; GGUF's where the model's own weights are trained.
    pub(crate) fn to_safetensors(&self, precision: Precision) -> Vec<u8> {
        let dtype = match precision {
            Precision::Exact => Dtype::F32,
            Precision::Half => Dtype::F16,
        };
        let named = self.named().into_iter();
        let stored: Vec<(String, Vec<usize>, Vec<u8>)> = named
            .map(|(name, parameter)| {
                // A vector is one row here, and has one dimension there.
                let dims = shape(parameter).into_iter().skip(usize::from(name.ends_with(MAGNITUDE))).collect();
                (name, dims, bytes(values(parameter), precision))
            })
            .collect();
        let views = stored.iter().map(|(name, shape, bytes)| {
            let view = TensorView::new(dtype, shape.clone(), bytes).expect("the bytes are as many as the shape says");
            (name.as_str(), view)
        });
        let metadata = HashMap::from([("format".to_owned(), "pt".to_owned())]);
        safetensors::serialize(views, Some(metadata)).expect("names and shapes are sound")
    }

    /// `adapter_config.json`.
    pub(crate) fn peft_config(&self, base: &str) -> String {
        let used = |target: &Target| (0..self.layers.len()).any(|layer| self.changes(layer, *target));
        let targets = Target::ALL.into_iter().filter(used).map(|target| target.peft().1.to_owned());
        let config = PeftConfig {
            peft_type: "LORA".to_owned(),
            task_type: Some("CAUSAL_LM".to_owned()),
            base_model_name_or_path: Some(base.to_owned()),
            r: self.rank,
            lora_alpha: self.alpha,
            lora_dropout: 0.0,
            bias: Some("none".to_owned()),
            use_rslora: false,
            use_dora: self.method == Method::Dora,
            target_modules: targets.collect(),
            rank_pattern: None,
            alpha_pattern: None,
        };
        serde_json::to_string_pretty(&config).expect("the configuration is plain data") + "\n"
    }

    /// The adapter as llama.cpp's converter writes one, in halves; none where there is more to it than thin matrices.
    ///
    /// # Errors
    /// If a tensor cannot be written, which does not happen with sound shapes.
    pub fn to_gguf(&self, model: &Model) -> Result<Option<Vec<u8>>, TrainError> {
        if self.method != Method::Lora {
            return Ok(None);
        }
        let description = model.description();
        let mut writer = GgufWriter::default();
        writer.set("general.type", "adapter");
        writer.set("general.architecture", description.architecture.as_str());
        writer.set("adapter.type", "lora");
        writer.set("adapter.lora.alpha", &self.alpha);
        let mut stored = Vec::new();
        for (index, layer) in self.layers.iter().enumerate() {
            for (target, matrices) in Target::ALL.into_iter().zip(&layer.changes) {
                let Some(Matrices::Thin { a, b, .. }) = matrices else { continue };
                let paired =
                    target.rotated_heads(description).is_some() && description.rope.style == RopeStyle::Interleaved;
                let b_numbers = if paired { in_pairs(values(b), self.rank, description) } else { values(b).to_vec() };
                for (part, matrix, numbers) in [("lora_a", a, values(a)), ("lora_b", b, b_numbers.as_slice())] {
                    let [rows, cols] = shape(matrix);
                    let name = format!("blk.{index}.{}.weight.{part}", target.gguf());
                    stored.push((name, [cols, rows], bytes(numbers, Precision::Half)));
                }
            }
        }
        for (name, dims, bytes) in &stored {
            writer.tensor(name, dims, QuantType::F16, bytes)?;
        }
        Ok(Some(writer.to_bytes()))
    }

    /// Writes PEFT's two files into a folder that exists.
    ///
    /// # Errors
    /// If they cannot be written.
    pub fn save(&self, folder: &Path, base: &str, precision: Precision) -> Result<(), TrainError> {
        let weights = folder.join(WEIGHTS_FILE);
        std::fs::write(&weights, self.to_safetensors(precision)).map_err(TrainError::write(&weights))?;
        let config = folder.join(CONFIG_FILE);
        std::fs::write(&config, self.peft_config(base)).map_err(TrainError::write(&config))
    }
}

/// Reads `adapter_config.json`.
fn peft_config(folder: &Path) -> Result<PeftConfig, TrainError> {
    let path = folder.join(CONFIG_FILE);
    let bytes = std::fs::read(&path).map_err(TrainError::read(&path))?;
    let refuse = |problem: String| TrainError::Adapter { folder: folder.to_owned(), problem };
    reinette_engine::Adapter::check_config(&bytes).map_err(|error| refuse(error.to_string()))?;
    let config: PeftConfig =
        serde_json::from_slice(&bytes).map_err(|error| refuse(format!("{CONFIG_FILE}: {error}")))?;
    if config.has_patterns() {
        return Err(refuse(format!("{CONFIG_FILE}: projections of several ranks or alphas cannot be trained on")));
    }
    Ok(config)
}

/// Refuses an adapter of another kind than is trained; gives its alpha.
fn check(found: &PeftConfig, config: &ModelConfig) -> Result<f32, String> {
    if found.peft_type != "LORA" || found.use_rslora {
        let kind = &found.peft_type;
        return Err(format!("it is a {kind} of a kind that cannot be trained on: only LORA can, without rslora"));
    }
    let method = if found.use_dora { Method::Dora } else { Method::Lora };
    if method != config.method {
        let name = if found.use_dora { "dora" } else { "lora" };
        return Err(format!("it is of another method: set model.method to {name}"));
    }
    if found.r != config.adapter.rank {
        let (rank, wanted) = (found.r, config.adapter.rank);
        return Err(format!("its rank is {rank}, model.adapter.rank is {wanted}: set that to {rank}"));
    }
    Ok(found.lora_alpha)
}

/// What PEFT calls a part of a projection's change.
pub(super) fn peft_name(layer: usize, target: Target, part: &str) -> String {
    let (block, module) = target.peft();
    format!("base_model.model.model.layers.{layer}.{block}.{module}.{part}")
}

fn bytes(numbers: &[f32], precision: Precision) -> Vec<u8> {
    match precision {
        Precision::Exact => numbers.iter().flat_map(|number| number.to_le_bytes()).collect(),
        Precision::Half => numbers.iter().flat_map(|number| f16::from_f32(*number).to_le_bytes()).collect(),
    }
}

/// A stored matrix as numbers; a vector is a matrix of one row.
pub(crate) fn numbers(tensor: &TensorView<'_>, shape: [usize; 2]) -> Result<Vec<f32>, String> {
    let quant_type = match tensor.dtype() {
        Dtype::F16 => QuantType::F16,
        Dtype::BF16 => QuantType::BF16,
        Dtype::F32 => QuantType::F32,
        other => return Err(format!("is of {other:?}: only F16, BF16 and F32 can be read")),
    };
    let is_vector = shape[0] == 1 && tensor.shape() == [shape[1]];
    if tensor.shape() != shape && !is_vector {
        return Err(format!("has the shape {:?} where {shape:?} is needed", tensor.shape()));
    }
    let mut numbers = vec![0.0; shape.iter().product()];
    dequantize(quant_type, tensor.data(), &mut numbers);
    Ok(numbers)
}
