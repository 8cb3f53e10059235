//! Adapters as the PEFT library saves them.

use super::config::Config;
use super::{AdapterError, Module, RowOrder, Source, Stored};
use reinette_kernels::QuantType;
use safetensors::{Dtype, SafeTensors};

/// The contents of `adapter_config.json` and `adapter_model.safetensors`.
pub(super) struct Files<'a> {
    config: Config,
    weights: SafeTensors<'a>,
}

impl<'a> Files<'a> {
    pub(super) fn new(config: &[u8], weights: &'a [u8]) -> Result<Self, AdapterError> {
        let config = Config::parse(config).map_err(AdapterError::Config)?;
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

    fn scale(&self, a: &str, rank: usize) -> f32 {
        let module = a.strip_prefix("base_model.model.").unwrap_or(a);
        self.config.scale(module.strip_suffix(".lora_A.weight").unwrap_or(module), rank)
    }

    fn row_order(&self) -> RowOrder {
        RowOrder::Halves
    }

    fn same_name(&self, one: &Module, other: &Module) -> bool {
        one.peft == other.peft
    }
}
