//! A model as one file, with an adapter's change in its weights, in any format of GGUF.

use crate::TrainError;
use crate::adapter::Adapter;
use crate::decoder::{Target, in_pairs};
use crate::parallel::for_each;
use reinette_engine::Model;
use reinette_engine::gguf::{Gguf, GgufWriter, TensorView};
use reinette_kernels::{QuantType, RopeStyle, dequantize, quantize};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

const TEMPLATE_KEY: &str = "tokenizer.chat_template";
const FILE_TYPE_KEY: &str = "general.file_type";

/// What is exported.
#[derive(Clone, Debug)]
pub struct Export<'a> {
    /// The base model, a GGUF file.
    pub base: &'a Path,
    /// A folder in PEFT's form, with the template that its prompts have, if it has one of its own.
    pub adapter: Option<&'a Path>,
    /// The format of matrices. Those whose rows are no whole blocks of it get one of about as many bits; the embedding and
    /// the output layer, from which every token is read, at least 6.
    pub quant_type: QuantType,
    /// How many threads quantise.
    pub n_threads: usize,
}

impl Export<'_> {
    /// Writes the file, which exists whole or not at all. `observe` is told how many of all tensors are done; with `stop`,
    /// nothing is written and the result is `false`.
    ///
    /// # Errors
    /// If the base or the adapter cannot be read, they do not fit each other, or the file cannot be written.
    pub fn write(
        &self,
        output: &Path,
        stop: &AtomicBool,
        observe: &(dyn Fn(usize, usize) + Sync),
    ) -> Result<bool, TrainError> {
        let refused = |source| TrainError::Base { path: self.base.to_owned(), source };
        let gguf = Gguf::open(self.base).map_err(|error| refused(error.into()))?;
        let model = Model::unpacked(gguf.clone()).map_err(refused)?;
        let adapter = self.adapter.map(|folder| Adapter::open(folder, &model)).transpose()?;
        if let (Some(adapter), Some(folder)) = (&adapter, self.adapter) {
            check(adapter, folder, &model, &gguf)?;
        }
        let tensors: Vec<TensorView<'_>> = gguf.tensors().collect();
        let written = Mutex::new(BTreeMap::new());
        for_each(tensors.len(), self.n_threads, |place| {
            if stop.load(Ordering::Relaxed) {
                return;
            }
            let tensor = &tensors[place];
            let contents = match format(tensor, self.quant_type) {
                None => (tensor.quant_type, tensor.bytes.to_vec()),
                Some(quant_type) => (quant_type, quantize(quant_type, &merged(tensor, adapter.as_ref(), &model))),
            };
            let mut written = written.lock().unwrap_or_else(PoisonError::into_inner);
            written.insert(place, contents);
            observe(written.len(), tensors.len());
        });
        if stop.load(Ordering::Relaxed) {
            return Ok(false);
        }
        let written = written.into_inner().unwrap_or_else(PoisonError::into_inner);
        let mut writer = GgufWriter::default();
        self.put_metadata(&gguf, &mut writer)?;
        for (tensor, (quant_type, bytes)) in tensors.iter().zip(written.values()) {
            writer.tensor(tensor.name, tensor.dims, *quant_type, bytes)?;
        }
        replace(output, &writer).map_err(TrainError::write(output))?;
        Ok(true)
    }

    /// All that the base says of itself, but for the format, and the template where the adapter has another.
    fn put_metadata(&self, gguf: &Gguf, writer: &mut GgufWriter<'_>) -> Result<(), TrainError> {
        let path = self.adapter.map(|folder| folder.join("chat_template.jinja"));
        let template = match path.filter(|path| path.exists()) {
            Some(path) => Some(fs::read_to_string(&path).map_err(TrainError::read(&path))?),
            None => None,
        };
        let is_replaced = |key: &str| key == FILE_TYPE_KEY || key == TEMPLATE_KEY && template.is_some();
        gguf.metadata().iter().filter(|(key, _)| !is_replaced(key)).for_each(|(key, value)| writer.copy(key, &value));
        writer.set(FILE_TYPE_KEY, &self.quant_type.ggml_file_type());
        if let Some(template) = &template {
            writer.set(TEMPLATE_KEY, template.as_str());
        }
        Ok(())
    }
}

/// Refuses an adapter of projections that the file keeps in one tensor.
fn check(adapter: &Adapter, folder: &Path, model: &Model, gguf: &Gguf) -> Result<(), TrainError> {
    let layers = 0..model.description().n_layers();
    for (layer, target) in layers.flat_map(|layer| Target::ALL.map(|target| (layer, target))) {
        let name = format!("blk.{layer}.{}.weight", target.gguf());
        if adapter.changes(layer, target) && gguf.tensor(&name).is_none() {
            let problem = format!("it changes {name}, which the base keeps in one tensor with others: use it unmerged");
            return Err(TrainError::Adapter { folder: folder.to_owned(), problem });
        }
    }
    Ok(())
}

/// The format that a tensor is written in; `None` for what stays as it is.
fn format(tensor: &TensorView<'_>, wanted: QuantType) -> Option<QuantType> {
    let [cols, _, ..] = tensor.dims else { return None };
    let reads_tokens = ["token_embd.weight", "output.weight"].contains(&tensor.name);
    let few_bits = !matches!(wanted, QuantType::F32 | QuantType::F16 | QuantType::BF16 | QuantType::Q8_0);
    let first = if reads_tokens && few_bits { QuantType::Q6K } else { wanted };
    let fitting = |quant_type: &QuantType| quant_type.row_bytes(*cols).is_some();
    let with_small_blocks = match first {
        QuantType::Q2K | QuantType::Q3K => QuantType::Q4_0,
        QuantType::Q4K => QuantType::Q5_0,
        QuantType::Q5K => QuantType::Q5_1,
        other if other.block_len() > 1 => QuantType::Q8_0,
        other => other,
    };
    [first, with_small_blocks].into_iter().find(fitting).or(Some(QuantType::F16))
}

/// A tensor's weights, with what the adapter adds to them.
fn merged(tensor: &TensorView<'_>, adapter: Option<&Adapter>, model: &Model) -> Vec<f32> {
    let mut weights = vec![0.0; tensor.dims.iter().product()];
    dequantize(tensor.quant_type, tensor.bytes, &mut weights);
    let Some((layer, target)) = place(tensor.name) else { return weights };
    let Some(mut change) = adapter.and_then(|adapter| adapter.change(layer, target)) else { return weights };
    let description = model.description();
    if target.rotated_heads(description).is_some() && description.rope.style == RopeStyle::Interleaved {
        change = in_pairs(&change, tensor.dims[0], description);
    }
    weights.iter_mut().zip(&change).for_each(|(weight, change)| *weight += change);
    weights
}

/// The layer and the projection of a tensor's name.
fn place(name: &str) -> Option<(usize, Target)> {
    let (layer, part) = name.strip_prefix("blk.")?.split_once('.')?;
    let part = part.strip_suffix(".weight")?;
    let target = Target::ALL.into_iter().find(|target| target.gguf() == part)?;
    Some((layer.parse().ok()?, target))
}

/// Writes beside the file, then takes its place.
fn replace(path: &Path, writer: &GgufWriter<'_>) -> io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".partial");
    let partial = path.with_file_name(name);
    let write = || {
        let mut file = BufWriter::new(File::create(&partial)?);
        writer.write_to(&mut file)?;
        file.flush()?;
        file.get_ref().sync_all()?;
        fs::rename(&partial, path)
    };
    let result = write();
    if result.is_err() {
        let _ = fs::remove_file(&partial);
    }
    result
}
