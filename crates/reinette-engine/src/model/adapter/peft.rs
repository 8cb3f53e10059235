//! Adapters as the PEFT library saves them.

use super::{AdapterError, Module, RowOrder, Source, Stored};
use reinette_kernels::QuantType;
use safetensors::{Dtype, SafeTensors};
use serde::Deserialize;

/// What is used of `adapter_config.json`.
#[derive(Deserialize)]
struct Config {
    peft_type: String,
    #[serde(default)]
    r: Option<usize>,
    lora_alpha: f32,
    #[serde(default)]
    use_rslora: bool,
    #[serde(default)]
    use_dora: bool,
    #[serde(default)]
    bias: Option<String>,
    #[serde(default)]
    alpha_pattern: serde_json::Map<String, serde_json::Value>,
}

/// The contents of `adapter_config.json` and `adapter_model.safetensors`.
pub(super) struct Files<'a> {
    config: Config,
    weights: SafeTensors<'a>,
}

impl<'a> Files<'a> {
    pub(super) fn new(config: &[u8], weights: &'a [u8]) -> Result<Self, AdapterError> {
        let unusable = AdapterError::Config;
        let config: Config = serde_json::from_slice(config).map_err(|error| unusable(error.to_string()))?;
        if config.peft_type != "LORA" {
            return Err(unusable(format!("a {} is not supported, only LORA", config.peft_type)));
        }
        if config.bias.as_deref().is_some_and(|bias| bias != "none") {
            return Err(unusable("trained biases are not supported".to_owned()));
        }
        if !config.alpha_pattern.is_empty() {
            return Err(unusable("an alpha_pattern is not supported: train with one lora_alpha".to_owned()));
        }
        if config.r == Some(0) {
            return Err(unusable("a rank (r) of 0 leaves nothing to add".to_owned()));
        }
        let weights = SafeTensors::deserialize(weights).map_err(|error| AdapterError::Damaged(error.to_string()))?;
        Ok(Self { config, weights })
    }
}

impl Source for Files<'_> {
    fn pair(&self, layer: usize, module: &Module) -> Result<Option<[Stored<'_>; 2]>, AdapterError> {
        let name = |part: &str| format!("base_model.model.model.layers.{layer}.{}.lora_{part}.weight", module.peft);
        if self.weights.tensor(&name("A")).is_err() && self.weights.tensor(&name("B")).is_err() {
            return Ok(None);
        }
        Ok(Some([self.matrix(name("A"))?, self.matrix(name("B"))?]))
    }

    fn magnitude(&self, layer: usize, module: &Module) -> Result<Option<Stored<'_>>, AdapterError> {
        let name = format!("base_model.model.model.layers.{layer}.{}.lora_magnitude_vector", module.peft);
        if self.config.use_dora { self.matrix(name).map(Some) } else { Ok(None) }
    }

    fn names(&self) -> Vec<String> {
        self.weights.names().into_iter().map(ToOwned::to_owned).collect()
    }

    /// A matrix; a vector is one of a single row.
    fn matrix(&self, name: String) -> Result<Stored<'_>, AdapterError> {
        let tensor = self.weights.tensor(&name).map_err(|error| AdapterError::Damaged(format!("{name}: {error}")))?;
        let ty = match tensor.dtype() {
            Dtype::F16 => QuantType::F16,
            Dtype::BF16 => QuantType::BF16,
            Dtype::F32 => QuantType::F32,
            other => {
                return Err(AdapterError::Damaged(format!(
                    "{name} is of {other:?}: only F16, BF16 and F32 are supported"
                )));
            }
        };
        let (rows, cols) = match *tensor.shape() {
            [rows, cols] => (rows, cols),
            [cols] => (1, cols),
            ref shape => {
                return Err(AdapterError::Damaged(format!("{name} is of shape {shape:?}, which is no matrix's")));
            }
        };
        Ok(Stored { name, ty, rows, cols, bytes: tensor.data() })
    }

    /// `alpha / rank`, or `alpha / √rank` (arXiv:2312.03732).
    fn scale(&self, rank: usize) -> f32 {
        let rank = rank as f32;
        self.config.lora_alpha / if self.config.use_rslora { rank.sqrt() } else { rank }
    }

    fn row_order(&self) -> RowOrder {
        RowOrder::Halves
    }

    fn same_name(&self, one: &Module, other: &Module) -> bool {
        one.peft == other.peft
    }
}
