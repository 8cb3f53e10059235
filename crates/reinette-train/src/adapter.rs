//! The matrices that are trained, and the forms in which they are stored.

use crate::TrainError;
use crate::config::AdapterConfig;
use crate::decoder::{Target, in_pairs};
use crate::operations::LowRank;
use crate::random::Random;
use crate::tensor::{Frozen, Tracked, frozen, product, scaled, values};
use half::f16;
use reinette_engine::Model;
use reinette_engine::gguf::GgufWriter;
use reinette_kernels::{QuantType, RopeStyle, dequantize};
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::path::Path;

/// The name of PEFT's file of weights.
pub(crate) const WEIGHTS_FILE: &str = "adapter_model.safetensors";
const CONFIG_FILE: &str = "adapter_config.json";
/// As the engine has it.
const MAX_RANK: usize = 1024;

/// A LoRA adapter in training.
///
/// Paper: LoRA: Low-Rank Adaptation of Large Language Models, arXiv:2106.09685.
#[derive(Clone, Debug)]
pub struct Adapter {
    rank: usize,
    alpha: f32,
    first_layer: usize,
    layers: Vec<[Option<Pair>; 7]>,
}

/// The two thin matrices of a projection.
#[derive(Clone, Debug)]
struct Pair {
    /// `[rank, n_in]`.
    a: Frozen,
    /// `[n_out, rank]`, heads in halves.
    b: Frozen,
}

/// The numbers that weights are stored in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precision {
    /// As they are, to go on from.
    Exact,
    /// Halves: what an adapter is used with.
    Half,
}

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
}

impl Adapter {
    /// An adapter that changes nothing yet: `A` is uniform within `±1/√n_in`, as PEFT has it, and `B` is zero.
    ///
    /// # Errors
    /// If the configuration asks for a rank or layers that cannot be.
    pub fn new(model: &Model, config: &AdapterConfig, seed: u64) -> Result<Self, TrainError> {
        let mut random = Random::new(seed, u64::from(u32::from_be_bytes(*b"lora")));
        Self::build(model, config, config.alpha, |_, rows, cols, part| match part {
            'A' => {
                let bound = (cols as f32).sqrt().recip();
                Ok(Some((0..rows * cols).map(|_| bound * random.within_one()).collect()))
            }
            _ => Ok(Some(vec![0.0; rows * cols])),
        })
    }

    /// Reads a folder in PEFT's form, whatever its rank and its projections.
    ///
    /// # Errors
    /// If it cannot be read, is damaged, of another kind, or does not fit the model.
    pub fn open(folder: &Path, model: &Model) -> Result<Self, TrainError> {
        let rank = peft_config(folder)?.r;
        Self::load(folder, model, &AdapterConfig { rank, ..AdapterConfig::default() })
    }

    /// Goes on from a folder in PEFT's form.
    ///
    /// # Errors
    /// If it cannot be read, is damaged, of another kind, or does not fit the model or the configuration.
    pub fn load(folder: &Path, model: &Model, config: &AdapterConfig) -> Result<Self, TrainError> {
        let refuse = |problem: String| TrainError::Adapter { folder: folder.to_owned(), problem };
        let found = peft_config(folder)?;
        if found.peft_type != "LORA" || found.use_rslora || found.use_dora {
            return Err(refuse(format!(
                "it is a {} of a kind that cannot be trained on: only plain LORA can",
                found.peft_type
            )));
        }
        if found.r != config.rank {
            let (rank, wanted) = (found.r, config.rank);
            return Err(refuse(format!("its rank is {rank}, model.adapter.rank is {wanted}: set that to {rank}")));
        }
        let path = folder.join(WEIGHTS_FILE);
        let bytes = std::fs::read(&path).map_err(TrainError::read(&path))?;
        let tensors = SafeTensors::deserialize(&bytes).map_err(|error| refuse(format!("{WEIGHTS_FILE}: {error}")))?;
        let mut used = 0;
        let adapter = Self::build(model, config, found.lora_alpha, |name, rows, cols, _| {
            let Ok(tensor) = tensors.tensor(name) else { return Ok(None) };
            used += 1;
            numbers(&tensor, [rows, cols]).map(Some).map_err(|problem| refuse(format!("{name} {problem}")))
        })?;
        if used != tensors.len() {
            let targets = "model.adapter.targets names fewer projections than it changes, or it is another model's";
            return Err(refuse(format!("{} of its {} tensors are used: {targets}", used, tensors.len())));
        }
        Ok(adapter)
    }

    /// Fills both matrices of each target from `fill`, which is given name, rows, columns and `'A'` or `'B'`; a target
    /// whose `A` it has none of is left out.
    fn build(
        model: &Model,
        config: &AdapterConfig,
        alpha: f32,
        mut fill: impl FnMut(&str, usize, usize, char) -> Result<Option<Vec<f32>>, TrainError>,
    ) -> Result<Self, TrainError> {
        let n_layers = model.description().n_layers();
        if config.rank == 0 || config.rank > MAX_RANK {
            return Err(TrainError::Config(format!("model.adapter.rank must be 1 to {MAX_RANK}")));
        }
        if config.first_layer >= n_layers {
            let problem = format!("model.adapter.first_layer must be below {n_layers}, the layers that the model has");
            return Err(TrainError::Config(problem));
        }
        let mut layers = Vec::with_capacity(n_layers);
        for (index, layer) in model.weights().layers.iter().enumerate() {
            let mut pairs = [const { None }; 7];
            for target in Target::ALL.into_iter().filter(|target| config.targets.contains(target)) {
                let Some(projection) = target.projection(layer) else { continue };
                let (rows, cols) = (projection.weight.rows(), projection.weight.cols());
                let mut part = |part, rows, cols| fill(&peft_name(index, target, part), rows, cols, part);
                let (Some(a), Some(b)) = (part('A', config.rank, cols)?, part('B', rows, config.rank)?) else {
                    continue;
                };
                let (a, b) = (frozen(a, [config.rank, cols]), frozen(b, [rows, config.rank]));
                pairs[target as usize] = Some(Pair { a, b });
            }
            layers.push(pairs);
        }
        Ok(Self { rank: config.rank, alpha, first_layer: config.first_layer, layers })
    }

    /// The lowest layer whose matrices are trained; those below are used as they are.
    pub(crate) fn first_layer(&self) -> usize {
        self.first_layer
    }

    /// What a layer's projections add, made part of a graph by `wrap`.
    pub(crate) fn low_ranks(&self, layer: usize, wrap: fn(Frozen) -> Tracked) -> [Option<LowRank>; 7] {
        let scale = self.alpha / self.rank as f32;
        self.layers[layer]
            .each_ref()
            .map(|pair| pair.as_ref().map(|Pair { a, b }| LowRank { a: wrap(a.clone()), b: wrap(b.clone()), scale }))
    }

    /// Whether it changes a projection.
    pub(crate) fn changes(&self, layer: usize, target: Target) -> bool {
        self.layers.get(layer).is_some_and(|pairs| pairs[target as usize].is_some())
    }

    /// What it adds to the weights of a projection: `[n_out, n_in]`, heads in halves.
    pub(crate) fn change(&self, layer: usize, target: Target) -> Option<Vec<f32>> {
        let Pair { a, b } = self.layers.get(layer)?[target as usize].as_ref()?;
        Some(values(&scaled(product(b, a), self.alpha / self.rank as f32)).to_vec())
    }

    /// The matrices that are trained: layer by layer, target by target, `A` before `B`.
    pub(crate) fn parameters(&self) -> impl Iterator<Item = &Frozen> {
        let pairs = self.layers[self.first_layer..].iter().flatten().flatten();
        pairs.flat_map(|Pair { a, b }| [a, b])
    }

    /// [`parameters`](Self::parameters), to be changed.
    pub(crate) fn parameters_mut(&mut self) -> impl Iterator<Item = &mut [f32]> {
        let pairs = self.layers[self.first_layer..].iter_mut().flatten().flatten();
        pairs.flat_map(|Pair { a, b }| [a.storage_mut(), b.storage_mut()])
    }

    /// Rows and columns of [`parameters`](Self::parameters).
    pub(crate) fn parameter_shapes(&self) -> impl Iterator<Item = [usize; 2]> {
        self.parameters().map(|matrix| {
            let shape = matrix.layout().shape();
            [shape[0], shape[1]]
        })
    }

    /// The names of [`parameters`](Self::parameters) in PEFT's files.
    #[cfg(test)]
    pub(crate) fn parameter_names(&self) -> Vec<String> {
        let trained = self.named().filter(|(index, ..)| *index >= self.first_layer);
        trained.map(|(index, target, part, _)| peft_name(index, target, part)).collect()
    }

    /// How many numbers are trained.
    pub fn n_parameters(&self) -> usize {
        self.parameters().map(|matrix| values(matrix).len()).sum()
    }

    /// `adapter_model.safetensors`, with PEFT's names.
    pub(crate) fn to_safetensors(&self, precision: Precision) -> Vec<u8> {
        let dtype = match precision {
            Precision::Exact => Dtype::F32,
            Precision::Half => Dtype::F16,
        };
        let stored: Vec<(String, [usize; 2], Vec<u8>)> = self
            .named()
            .map(|(index, target, part, matrix)| {
                let shape = matrix.layout().shape();
                (peft_name(index, target, part), [shape[0], shape[1]], bytes(values(matrix), precision))
            })
            .collect();
        let views = stored.iter().map(|(name, shape, bytes)| {
            let view = TensorView::new(dtype, shape.to_vec(), bytes).expect("the bytes are as many as the shape says");
            (name.as_str(), view)
        });
        let metadata = HashMap::from([("format".to_owned(), "pt".to_owned())]);
        safetensors::serialize(views, Some(metadata)).expect("names and shapes are sound")
    }

    /// `adapter_config.json`.
    pub(crate) fn peft_config(&self, base: &str) -> String {
        let used = |target: &Target| self.layers.iter().any(|pairs| pairs[*target as usize].is_some());
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
            use_dora: false,
            target_modules: targets.collect(),
        };
        serde_json::to_string_pretty(&config).expect("the configuration is plain data") + "\n"
    }

    /// The adapter as llama.cpp's converter writes one, in halves.
    ///
    /// # Errors
    /// If a tensor cannot be written, which does not happen with sound shapes.
    pub fn to_gguf(&self, model: &Model) -> Result<Vec<u8>, TrainError> {
        let description = model.description();
        let mut writer = GgufWriter::default();
        writer.set("general.type", "adapter");
        writer.set("general.architecture", description.architecture.as_str());
        writer.set("adapter.type", "lora");
        writer.set("adapter.lora.alpha", &self.alpha);
        let stored: Vec<(String, [usize; 2], Vec<u8>)> = self
            .named()
            .map(|(index, target, part, matrix)| {
                let shape = matrix.layout().shape();
                let paired = part == 'B'
                    && target.rotated_heads(description).is_some()
                    && description.rope.style == RopeStyle::Interleaved;
                let numbers = values(matrix);
                let bytes = if paired {
                    bytes(&in_pairs(numbers, self.rank, description), Precision::Half)
                } else {
                    bytes(numbers, Precision::Half)
                };
                let name = format!("blk.{index}.{}.weight.lora_{}", target.gguf(), part.to_ascii_lowercase());
                (name, [shape[1], shape[0]], bytes)
            })
            .collect();
        for (name, dims, bytes) in &stored {
            writer.tensor(name, dims, QuantType::F16, bytes)?;
        }
        Ok(writer.to_bytes())
    }

    /// Every matrix with its layer, its target and its part.
    fn named(&self) -> impl Iterator<Item = (usize, Target, char, &Frozen)> {
        self.layers.iter().enumerate().flat_map(|(index, pairs)| {
            let present =
                Target::ALL.into_iter().zip(pairs).filter_map(|(target, pair)| Some((target, pair.as_ref()?)));
            present.flat_map(move |(target, pair)| [(index, target, 'A', &pair.a), (index, target, 'B', &pair.b)])
        })
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
    serde_json::from_slice(&bytes)
        .map_err(|error| TrainError::Adapter { folder: folder.to_owned(), problem: format!("{CONFIG_FILE}: {error}") })
}

fn peft_name(layer: usize, target: Target, part: char) -> String {
    let (block, module) = target.peft();
    format!("base_model.model.model.layers.{layer}.{block}.{module}.lora_{part}.weight")
}

fn bytes(numbers: &[f32], precision: Precision) -> Vec<u8> {
    match precision {
        Precision::Exact => numbers.iter().flat_map(|number| number.to_le_bytes()).collect(),
        Precision::Half => numbers.iter().flat_map(|number| f16::from_f32(*number).to_le_bytes()).collect(),
    }
}

/// A stored matrix as numbers.
pub(crate) fn numbers(tensor: &TensorView<'_>, shape: [usize; 2]) -> Result<Vec<f32>, String> {
    let quant_type = match tensor.dtype() {
        Dtype::F16 => QuantType::F16,
        Dtype::BF16 => QuantType::BF16,
        Dtype::F32 => QuantType::F32,
        other => return Err(format!("is of {other:?}: only F16, BF16 and F32 can be read")),
    };
    if tensor.shape() != shape {
        return Err(format!("has the shape {:?} where {shape:?} is needed", tensor.shape()));
    }
    let mut numbers = vec![0.0; shape.iter().product()];
    dequantize(quant_type, tensor.data(), &mut numbers);
    Ok(numbers)
}
