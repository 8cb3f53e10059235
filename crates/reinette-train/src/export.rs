//! A model as one file, with what was trained in its weights: GGUF in any format, or safetensors.

use crate::TrainError;
use crate::adapter::Adapter;
use crate::base::{Contents, hugging_face};
use crate::decoder::{Target, in_pairs, is_rotated, numbers, vector_names};
use crate::parallel::for_each;
use crate::tensor::{Frozen, compact, values};
use reinette_engine::Model;
use reinette_engine::gguf::{Gguf, GgufWriter, TensorView};
use reinette_kernels::{QuantType, RopeStyle, dequantize, quantize};
use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File};
use std::io::{self, Write};
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
    /// Writes the file, which exists whole or not at all: GGUF, or, if its name ends with `.safetensors`, weights with
    /// Hugging Face's names. `observe` is told how many of all tensors are done; with `stop`, nothing is written and the
    /// result is `false`.
    ///
    /// # Errors
    /// If the base or the adapter cannot be read, they do not fit each other, the form cannot hold the format, or the file
    /// cannot be written.
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
        let path = self.adapter.map(|folder| folder.join("chat_template.jinja"));
        let template = match path.filter(|path| path.exists()) {
            Some(path) => Some(fs::read_to_string(&path).map_err(TrainError::read(&path))?),
            None => None,
        };
        let (quant_type, n_threads) = (self.quant_type, self.n_threads);
        let (adapter, template) = (adapter.as_ref(), template.as_deref());
        let merge = Merge { gguf: &gguf, model: &model, adapter, template, quant_type, n_threads };
        if let (Err(problem), Some(folder)) = (merge.check(), self.adapter) {
            return Err(TrainError::Adapter { folder: folder.to_owned(), problem });
        }
        merge.write(output, stop, observe)
    }
}

/// A base model with what was trained, to be written as one file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Merge<'a> {
    pub(crate) gguf: &'a Gguf,
    pub(crate) model: &'a Model,
    pub(crate) adapter: Option<&'a Adapter>,
    /// In place of the base's own.
    pub(crate) template: Option<&'a str>,
    pub(crate) quant_type: QuantType,
    pub(crate) n_threads: usize,
}

impl Merge<'_> {
    /// As [`Export::write`].
    pub(crate) fn write(
        &self,
        output: &Path,
        stop: &AtomicBool,
        observe: &(dyn Fn(usize, usize) + Sync),
    ) -> Result<bool, TrainError> {
        let is_safetensors = output.extension().is_some_and(|extension| extension == "safetensors");
        if is_safetensors && self.quant_type.block_len() > 1 {
            let name = self.quant_type.name();
            let problem =
                format!("a safetensors file cannot hold {name}: take F32, F16 or BF16, or write a .gguf file");
            return Err(TrainError::Config(problem));
        }
        let tensors: Vec<TensorView<'_>> = self.gguf.tensors().collect();
        let named = self.adapter.map(Adapter::named).unwrap_or_default();
        let trained: HashMap<&str, &Frozen> = named.iter().map(|(name, numbers)| (name.as_str(), *numbers)).collect();
        let written = Mutex::new(BTreeMap::new());
        for_each(tensors.len(), self.n_threads, |place| {
            if stop.load(Ordering::Relaxed) {
                return;
            }
            let tensor = &tensors[place];
            let contents = match format(tensor, self.quant_type) {
                None if !trained.contains_key(tensor.name) => (tensor.quant_type, tensor.bytes.to_vec()),
                format => {
                    let quant_type = format.unwrap_or(QuantType::F32);
                    (quant_type, quantize(quant_type, &self.merged(tensor, &trained)))
                }
            };
            let mut written = written.lock().unwrap_or_else(PoisonError::into_inner);
            written.insert(place, contents);
            observe(written.len(), tensors.len());
        });
        if stop.load(Ordering::Relaxed) {
            return Ok(false);
        }
        let written = written.into_inner().unwrap_or_else(PoisonError::into_inner).into_values();
        let contents: Vec<(TensorView<'_>, Contents)> = tensors.into_iter().zip(written).collect();
        let file = if is_safetensors { hugging_face(&contents, self.model) } else { self.gguf_file(&contents)? };
        replace(output, &file).map_err(TrainError::write(output))?;
        Ok(true)
    }

    /// Refuses what is trained of projections that the file keeps in one tensor: says which.
    pub(crate) fn check(&self) -> Result<(), String> {
        let Some(adapter) = self.adapter else { return Ok(()) };
        let layers = 0..self.model.description().n_layers();
        for (layer, target) in layers.flat_map(|layer| Target::ALL.map(|target| (layer, target))) {
            let name = format!("blk.{layer}.{}.weight", target.gguf());
            if adapter.changes(layer, target) && self.gguf.tensor(&name).is_none() {
                return Err(format!(
                    "it changes {name}, which the base keeps in one tensor with others: use it unmerged"
                ));
            }
        }
        Ok(())
    }

    /// A tensor's weights, with what was trained.
    fn merged(&self, tensor: &TensorView<'_>, trained: &HashMap<&str, &Frozen>) -> Vec<f32> {
        let description = self.model.description();
        let is_paired = description.rope.style == RopeStyle::Interleaved;
        if let (Some(adapter), Some((layer, target))) = (self.adapter, place(tensor.name))
            && adapter.changes(layer, target)
        {
            let changed = compact(&adapter.changed(layer, target, numbers(self.model, layer, target)));
            let is_paired = is_paired && target.rotated_heads(description).is_some();
            return if is_paired {
                in_pairs(values(&changed), tensor.dims[0], description)
            } else {
                values(&changed).to_vec()
            };
        }
        if let Some(vector) = trained.get(tensor.name).map(|vector| values(vector)) {
            let is_paired = is_paired && vector_place(tensor.name).is_some_and(is_rotated);
            return if is_paired { in_pairs(vector, 1, description) } else { vector.to_vec() };
        }
        let mut weights = vec![0.0; tensor.dims.iter().product()];
        dequantize(tensor.quant_type, tensor.bytes, &mut weights);
        weights
    }

    /// The file with all that the base says of itself, but for the format, and the template where there is another.
    fn gguf_file(&self, contents: &[(TensorView<'_>, Contents)]) -> Result<Vec<u8>, TrainError> {
        let mut writer = GgufWriter::default();
        let is_replaced = |key: &str| key == FILE_TYPE_KEY || key == TEMPLATE_KEY && self.template.is_some();
        let kept = self.gguf.metadata().iter().filter(|(key, _)| !is_replaced(key));
        kept.for_each(|(key, value)| writer.copy(key, &value));
        writer.set(FILE_TYPE_KEY, &self.quant_type.ggml_file_type());
        if let Some(template) = self.template {
            writer.set(TEMPLATE_KEY, template);
        }
        for (tensor, (quant_type, bytes)) in contents {
            writer.tensor(tensor.name, tensor.dims, *quant_type, bytes)?;
        }
        Ok(writer.to_bytes())
    }
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

/// The layer and the projection of a tensor's name.
fn place(name: &str) -> Option<(usize, Target)> {
    let (layer, part) = name.strip_prefix("blk.")?.split_once('.')?;
    let part = part.strip_suffix(".weight")?;
    let target = Target::ALL.into_iter().find(|target| target.gguf() == part)?;
    Some((layer.parse().ok()?, target))
}

/// The place of a tensor's name among the vectors of a layer.
fn vector_place(name: &str) -> Option<usize> {
    let (_, part) = name.strip_prefix("blk.")?.split_once('.')?;
    vector_names().iter().position(|known| known == part)
}

/// Writes beside the file, then takes its place.
fn replace(path: &Path, contents: &[u8]) -> io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".partial");
    let partial = path.with_file_name(name);
    let write = || {
        let mut file = File::create(&partial)?;
        file.write_all(contents)?;
        file.sync_all()?;
        fs::rename(&partial, path)
    };
    let result = write();
    if result.is_err() {
        let _ = fs::remove_file(&partial);
    }
    result
}
