//! Low-rank adapters, applied beside the frozen weights.
//!
//! Papers: LoRA: Low-Rank Adaptation of Large Language Models, arXiv:2106.09685; `DoRA`: Weight-Decomposed Low-Rank Adaptation,
//! arXiv:2402.09353.

mod gguf;
mod peft;

use super::{FeedForward, Fingerprint, LoadError, Model, Projection, Weight, pack};
use crate::gguf::GgufError;
use reinette_kernels::{LowRankColumns, QuantType, RopeStyle, dequantize};
use rustc_hash::FxHashSet;
use std::ops::{Range, RangeInclusive};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// An adapter's weights file may not be larger than this; rank 64 on a 70B model stays below.
const MAX_FILE_BYTES: u64 = 4 << 30;
/// An adapter's rank may not be larger than this.
const MAX_RANK: usize = 1024;
/// What the product of an adapter's matrices is multiplied by, in size. Trained ones have 0.1 to some 64; one of a thousand
/// drowns the model, one of a millionth changes nothing.
const SCALES: RangeInclusive<f32> = 1e-4..=1e3;

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
    /// A GGUF file is not sound, or lacks what an adapter's must have.
    #[error(transparent)]
    Gguf(#[from] GgufError),
    /// A GGUF file holds something else than a LoRA adapter.
    #[error("{key} is {found:?} where a LoRA adapter's is {expected:?}")]
    OtherKind {
        /// The metadata key.
        key: &'static str,
        /// What the file says.
        found: String,
        /// What it would have to say.
        expected: String,
    },
    /// The weights are damaged.
    #[error("the adapter's weights are damaged or incomplete: {0}")]
    Damaged(String),
    /// A matrix has a rank that no adapter has.
    #[error("{tensor} has a rank of {rank}, where an adapter's is 1 to {MAX_RANK}: the adapter is damaged")]
    Rank {
        /// The tensor.
        tensor: String,
        /// Its rank.
        rank: usize,
    },
    /// Its alpha cannot be right.
    #[error(
        "what the adapter learned would be multiplied by {scale} (its alpha by its rank, {rank}), where sound adapters have \
         {} to {}: its configuration is damaged", SCALES.start(), SCALES.end()
    )]
    Scale {
        /// The factor.
        scale: f32,
        /// The rank.
        rank: usize,
    },
    /// Some of its numbers are none, or beyond what half precision holds.
    #[error(
        "{tensor} holds numbers that are none, infinite or above 65,504: the adapter is damaged, or its training diverged"
    )]
    NotFinite {
        /// The tensor.
        tensor: String,
    },
    /// The adapter changes something that adapters cannot change here.
    #[error(
        "the adapter changes {tensor}, which is not supported: train it on attention and feed-forward projections only"
    )]
    UnknownTarget {
        /// The tensor.
        tensor: String,
    },
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

const N_TARGETS: usize = 7;

/// What a pair of an adapter's matrices changes: one projection, or several that some models keep as one matrix.
struct Module {
    /// In the order of the matrix's rows.
    targets: &'static [Target],
    /// Its name in PEFT's files.
    peft: &'static str,
    /// Its name in GGUF files.
    gguf: &'static str,
}

const MODULES: [Module; 9] = [
    Module { targets: &[Target::Query], peft: "self_attn.q_proj", gguf: "attn_q" },
    Module { targets: &[Target::Key], peft: "self_attn.k_proj", gguf: "attn_k" },
    Module { targets: &[Target::Value], peft: "self_attn.v_proj", gguf: "attn_v" },
    Module { targets: &[Target::AttentionOut], peft: "self_attn.o_proj", gguf: "attn_output" },
    Module { targets: &[Target::Gate], peft: "mlp.gate_proj", gguf: "ffn_gate" },
    Module { targets: &[Target::Up], peft: "mlp.up_proj", gguf: "ffn_up" },
    Module { targets: &[Target::Down], peft: "mlp.down_proj", gguf: "ffn_down" },
    Module { targets: &[Target::Query, Target::Key, Target::Value], peft: "self_attn.qkv_proj", gguf: "attn_qkv" },
    Module { targets: &[Target::Gate, Target::Up], peft: "mlp.gate_up_proj", gguf: "ffn_up" },
];

/// Two thin matrices whose product is added to a projection: `y += scale · B·(A·x)`; `DoRA` multiplies what was there first.
#[derive(Debug)]
pub(crate) struct LowRank {
    /// `[rank, cols]`.
    pub(crate) a: Weight,
    /// `[rows, rank]`.
    pub(crate) b: LowRankColumns,
    pub(crate) scale: f32,
    /// By what each row of the product with the model's own weights is multiplied: `[rows]`, without its bias.
    pub(crate) factors: Option<Vec<f32>>,
}

/// A LoRA adapter for one model, applied at run time to whichever request asks for it.
#[derive(Debug)]
pub struct Adapter {
    layers: Vec<[Option<LowRank>; N_TARGETS]>,
    fingerprint: Fingerprint,
    /// Of the model that it was checked against.
    model: Fingerprint,
}

/// A matrix as an adapter's file has it.
struct Stored<'a> {
    name: String,
    ty: QuantType,
    rows: usize,
    cols: usize,
    bytes: &'a [u8],
}

/// An adapter's file.
trait Source {
    /// The two matrices, `A` then `B`, of a module in a layer; `None` if the adapter leaves it as it is.
    fn pair(&self, layer: usize, module: &Module) -> Result<Option<[Stored<'_>; 2]>, AdapterError>;

    /// How long the rows of a module's changed weights are made, `[1, rows]`; `None` where they are as long as they come.
    fn magnitude(&self, layer: usize, module: &Module) -> Result<Option<Stored<'_>>, AdapterError>;

    /// The names of all tensors.
    fn names(&self) -> Vec<String>;

    /// The tensor of this name.
    fn matrix(&self, name: String) -> Result<Stored<'_>, AdapterError>;

    /// What `B·(A·x)` is multiplied by.
    fn scale(&self, rank: usize) -> f32;

    /// How the rows of queries and keys stand in the file.
    fn row_order(&self) -> RowOrder;

    /// Whether two modules have the same name in this form.
    fn same_name(&self, one: &Module, other: &Module) -> bool;
}

/// The order of the rows of query and key heads, where a model rotates neighbours.
#[derive(Clone, Copy, PartialEq, Eq)]
enum RowOrder {
    /// As in the model's own file.
    Model,
    /// The first of all pairs, then the second of all.
    Halves,
}

impl Adapter {
    /// Loads a folder in PEFT's form (`adapter_config.json`, `adapter_model.safetensors`) or a GGUF file.
    ///
    /// # Errors
    /// As [`Adapter::from_parts`], and if a file cannot be read.
    pub fn load(path: &Path, model: &Model) -> Result<Self, AdapterError> {
        if path.is_file() {
            let file = gguf::File::open(path)?;
            file.check_architecture(model)?;
            return Self::from_source(&file, model);
        }
        let [config, weights] = read_folder(path)?;
        Self::from_parts(&config, &weights, model)
    }

    /// Checks all of an adapter that can be checked without its model: that its files are whole, its ranks and its scale those
    /// of an adapter, and its numbers finite.
    ///
    /// # Errors
    /// As [`Adapter::load`].
    pub fn verify(path: &Path) -> Result<(), AdapterError> {
        if path.is_file() {
            return verify(&gguf::File::open(path)?);
        }
        let [config, weights] = read_folder(path)?;
        verify(&peft::Files::new(&config, &weights)?)
    }

    /// Makes an adapter of the contents of PEFT's two files and checks it against the model.
    ///
    /// # Errors
    /// If the contents are damaged, if the adapter is of a kind that is not supported (trained biases), or if it was made
    /// for a model of another shape.
    pub fn from_parts(config: &[u8], weights: &[u8], model: &Model) -> Result<Self, AdapterError> {
        Self::from_source(&peft::Files::new(config, weights)?, model)
    }

    fn from_source(source: &impl Source, model: &Model) -> Result<Self, AdapterError> {
        let mut modules = Vec::new();
        let mut layers = Vec::with_capacity(model.description().n_layers());
        for layer in 0..model.description().n_layers() {
            let mut targets = [const { None }; N_TARGETS];
            for module in &MODULES {
                let Some(projections) = projections(model, layer, module) else { continue };
                let Some([a, b]) = source.pair(layer, module)? else { continue };
                let rows = |projections: &[&Projection]| projections.iter().map(|part| part.weight.rows()).sum();
                let fits =
                    |other: &Module| self::projections(model, layer, other).map(|parts| rows(&parts)) == Some(b.rows);
                if !fits(module) && MODULES.iter().any(|other| source.same_name(module, other) && fits(other)) {
                    continue;
                }
                check_shapes(&a, &b, rows(&projections), projections[0].weight.cols())?;
                let magnitude = source.magnitude(layer, module)?;
                magnitude.iter().try_for_each(|stored| check_magnitude(stored, b.rows))?;
                let scale = check_scale(source.scale(a.rows), a.rows)?;
                let parts = Parts { a, b, magnitude, scale, row_order: source.row_order() };
                parts.stored().try_for_each(check_finite)?;
                let mut first = 0;
                for (target, projection) in module.targets.iter().zip(projections) {
                    let rows = first..first + projection.weight.rows();
                    targets[*target as usize] = Some(parts.low_rank(model, *target, &projection.weight, rows)?);
                    first += projection.weight.rows();
                }
                modules.push(parts);
            }
            layers.push(targets);
        }
        let used: FxHashSet<&str> = modules.iter().flat_map(Parts::stored).map(|stored| stored.name.as_str()).collect();
        if let Some(tensor) = source.names().into_iter().find(|name| !used.contains(name.as_str())) {
            return Err(AdapterError::UnknownTarget { tensor });
        }
        if modules.is_empty() {
            return Err(AdapterError::Damaged("there are none".to_owned()));
        }
        let digested = modules.iter().map(|parts| {
            let contents = parts.stored().map(|stored| stored.bytes);
            (parts.a.name.as_str(), contents, parts.scale)
        });
        let fingerprint = Fingerprint::of_adapter(digested);
        pack(layers.iter_mut().flatten().flatten().map(|pair| &mut pair.a).collect(), None);
        Ok(Self { layers, fingerprint, model: model.fingerprint() })
    }

    /// Tells stacks of adapters apart, as what is in a KV cache depends on what was used; `None` for no adapter at all.
    pub(crate) fn fingerprint(stack: &[Arc<Self>]) -> Option<Fingerprint> {
        match stack {
            [] => None,
            [one] => Some(one.fingerprint),
            several => {
                let digests: Vec<u8> = several.iter().flat_map(|one| one.fingerprint.to_le_bytes()).collect();
                Some(Fingerprint::of_bytes(&digests))
            }
        }
    }

    /// Whether it was loaded for this model, or for the same file loaded again.
    pub fn is_of(&self, model: &Model) -> bool {
        self.model == model.fingerprint()
    }

    pub(crate) fn target(&self, layer: usize, target: Target) -> Option<&LowRank> {
        self.layers.get(layer).and_then(|targets| targets[target as usize].as_ref())
    }
}

/// The projections of a module in a layer; `None` where the model has something else there.
fn projections<'a>(model: &'a Model, layer: usize, module: &Module) -> Option<Vec<&'a Projection>> {
    let tensors = &model.weights().layers[layer];
    let network = match &tensors.feed_forward {
        FeedForward::Dense(network) => Some(network),
        FeedForward::Experts(_) => None,
    };
    let projection = |target: &Target| match target {
        Target::Query => Some(&tensors.query),
        Target::Key => Some(&tensors.key),
        Target::Value => Some(&tensors.value),
        Target::AttentionOut => Some(&tensors.attention_out),
        Target::Gate => network.map(|network| &network.gate),
        Target::Up => network.map(|network| &network.up),
        Target::Down => network.map(|network| &network.down),
    };
    module.targets.iter().map(projection).collect()
}

/// `A` must be `[rank, cols]` and `B` `[rows, rank]`.
fn check_shapes(a: &Stored<'_>, b: &Stored<'_>, rows: usize, cols: usize) -> Result<(), AdapterError> {
    let misfit = |stored: &Stored<'_>, expected: String| AdapterError::OtherModel {
        tensor: stored.name.clone(),
        found: format!("[{}, {}]", stored.rows, stored.cols),
        expected,
    };
    check_rank(a)?;
    if a.cols != cols {
        return Err(misfit(a, format!("[rank, {cols}]")));
    }
    if b.rows != rows || b.cols != a.rows {
        return Err(misfit(b, format!("[{rows}, {}]", a.rows)));
    }
    Ok(())
}

fn check_rank(a: &Stored<'_>) -> Result<(), AdapterError> {
    let (tensor, rank) = (&a.name, a.rows);
    if (1..=MAX_RANK).contains(&rank) { Ok(()) } else { Err(AdapterError::Rank { tensor: tensor.clone(), rank }) }
}

fn check_scale(scale: f32, rank: usize) -> Result<f32, AdapterError> {
    // Neither is an infinity within the limits, nor what is no number.
    if SCALES.contains(&scale.abs()) { Ok(scale) } else { Err(AdapterError::Scale { scale, rank }) }
}

/// Refuses numbers that would make all that is computed with them infinite, or none: what is beyond half precision, in which
/// adapters are multiplied.
fn check_finite(stored: &Stored<'_>) -> Result<(), AdapterError> {
    let is_finite = if stored.ty == QuantType::F16 {
        let (halves, _) = stored.bytes.as_chunks();
        let sizes = halves.iter().map(|bytes| u16::from_le_bytes(*bytes) & !half::f16::NEG_ZERO.to_bits());
        sizes.fold(true, |all, size| all & (size < half::f16::INFINITY.to_bits()))
    } else {
        let mut row = vec![0.0; stored.cols];
        let row_bytes = stored.ty.row_bytes(stored.cols).unwrap_or_default().max(1);
        stored.bytes.chunks_exact(row_bytes).all(|bytes| {
            dequantize(stored.ty, bytes, &mut row);
            row.iter().fold(true, |all, number| all & (number.abs() <= half::f16::MAX.to_f32_const()))
        })
    };
    if is_finite { Ok(()) } else { Err(AdapterError::NotFinite { tensor: stored.name.clone() }) }
}

/// PEFT's two files.
fn read_folder(folder: &Path) -> Result<[Vec<u8>; 2], AdapterError> {
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
    Ok([read("adapter_config.json")?, read("adapter_model.safetensors")?])
}

/// Checks what can be checked without a model.
fn verify(source: &impl Source) -> Result<(), AdapterError> {
    let mut names = source.names();
    if names.is_empty() {
        return Err(AdapterError::Damaged("there are none".to_owned()));
    }
    names.sort_unstable();
    for name in names {
        let is_a = name.contains(".lora_A.") || name.ends_with(".lora_a");
        let stored = source.matrix(name)?;
        check_finite(&stored)?;
        if is_a {
            check_rank(&stored)?;
            check_scale(source.scale(stored.rows), stored.rows)?;
        }
    }
    Ok(())
}

/// How long the rows of so many are made.
fn check_magnitude(stored: &Stored<'_>, rows: usize) -> Result<(), AdapterError> {
    if [stored.rows, stored.cols] == [1, rows] {
        return Ok(());
    }
    let found = format!("[{}]", stored.rows * stored.cols);
    Err(AdapterError::OtherModel { tensor: stored.name.clone(), found, expected: format!("[{rows}]") })
}

/// What a file has of a module in a layer.
struct Parts<'a> {
    a: Stored<'a>,
    b: Stored<'a>,
    magnitude: Option<Stored<'a>>,
    scale: f32,
    row_order: RowOrder,
}

impl<'a> Parts<'a> {
    fn stored(&self) -> impl Iterator<Item = &Stored<'a>> {
        [Some(&self.a), Some(&self.b), self.magnitude.as_ref()].into_iter().flatten()
    }

    /// The adapter of one projection, whose rows are some of `B`'s.
    fn low_rank(
        &self,
        model: &Model,
        target: Target,
        weight: &Weight,
        rows: Range<usize>,
    ) -> Result<LowRank, AdapterError> {
        let damaged = |error: LoadError| AdapterError::Damaged(error.to_string());
        let description = model.description();
        let is_reordered = matches!(target, Target::Query | Target::Key)
            && description.rope.style == RopeStyle::Interleaved
            && self.row_order == RowOrder::Halves;
        let own_rows = |stored: &Stored<'_>, cols: usize| {
            let row_bytes = stored.ty.row_bytes(cols).unwrap_or_default();
            let part = &stored.bytes[rows.start * row_bytes..rows.end * row_bytes];
            let bytes =
                if is_reordered { interleave_rows(part, rows.len(), description.head_dim) } else { part.to_vec() };
            Weight::owned(stored.ty, rows.len(), cols, bytes).map_err(damaged)
        };
        let a = Weight::owned(self.a.ty, self.a.rows, self.a.cols, self.a.bytes.to_vec()).map_err(damaged)?;
        let mut b = own_rows(&self.b, self.b.cols)?;
        let mut factors = None;
        if let Some(magnitude) = &self.magnitude {
            let lengths = row_lengths(weight, &a, &b, self.scale);
            let magnitudes = own_rows(magnitude, 1)?.to_f32();
            let found: Vec<f32> = magnitudes.iter().zip(lengths).map(|(long, now)| long / now).collect();
            if !found.iter().all(|factor| factor.is_finite()) {
                return Err(AdapterError::Damaged(format!("{} has numbers that are none", magnitude.name)));
            }
            // What multiplies `W·x` multiplies `B·(A·x)` too, once and for all.
            let rows = b.to_f32();
            let rows = rows.chunks_exact(b.cols()).zip(&found);
            let bytes =
                rows.flat_map(|(row, factor)| row.iter().flat_map(move |number| (number * factor).to_le_bytes()));
            b = Weight::owned(QuantType::F32, b.rows(), b.cols(), bytes.collect()).map_err(damaged)?;
            factors = Some(found);
        }
        Ok(LowRank { a, b: LowRankColumns::new(b.matrix()), scale: self.scale, factors })
    }
}

/// How long the rows of `W + scale · B·A` are.
fn row_lengths(weight: &Weight, a: &Weight, b: &Weight, scale: f32) -> Vec<f32> {
    let (a, b, rank) = (a.to_f32(), b.to_f32(), b.cols());
    let mut changed = vec![0.0; weight.cols()];
    let length = |(row, factors): (usize, &[f32])| {
        weight.row(row, &mut changed);
        for (a, factor) in a.chunks_exact(changed.len()).zip(factors) {
            changed.iter_mut().zip(a).for_each(|(number, a)| *number += scale * factor * a);
        }
        changed.iter().map(|number| number * number).sum::<f32>().sqrt()
    };
    b.chunks_exact(rank).enumerate().map(length).collect()
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
