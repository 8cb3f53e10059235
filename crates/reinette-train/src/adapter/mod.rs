//! What is trained: the thin matrices of an adapter, or the model's own weights.

mod forms;

pub(crate) use forms::{CONFIG_FILE, WEIGHTS_FILE, numbers};

use crate::TrainError;
use crate::config::{Method, ModelConfig};
use crate::decoder::{self, N_VECTORS, Target, vector_names, vectors};
use crate::operations::LowRank;
use crate::tensor::{Frozen, Tracked, frozen, product, row_lengths, scaled, sum, values};
use reinette_data::Random;
use reinette_engine::Model;
use reinette_engine::architecture::Weight;

/// As the engine has it.
const MAX_RANK: usize = 1024;

/// What a run changes: low-rank matrices beside a model's weights, or, where all of it is trained, copies of the weights
/// themselves.
///
/// Papers: LoRA: Low-Rank Adaptation of Large Language Models, arXiv:2106.09685; `DoRA`: Weight-Decomposed Low-Rank
/// Adaptation, arXiv:2402.09353.
#[derive(Clone, Debug)]
pub struct Adapter {
    method: Method,
    rank: usize,
    alpha: f32,
    first_layer: usize,
    layers: Vec<Layer>,
    ends: Option<Ends>,
}

/// What is trained of a layer.
#[derive(Clone, Debug, Default)]
struct Layer {
    changes: [Option<Matrices>; 7],
    /// In the decoder's order; none where an adapter is trained.
    vectors: [Option<Frozen>; N_VECTORS],
}

/// What is trained of a projection.
#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "there are a few hundred, each beside the matrices that it names")]
enum Matrices {
    Thin {
        /// `[rank, n_in]`.
        a: Frozen,
        /// `[n_out, rank]`, heads in halves.
        b: Frozen,
        /// How long the rows of the changed weights are: `[1, n_out]`.
        magnitude: Option<Frozen>,
    },
    /// `[n_out, n_in]`, heads in halves.
    Whole(Frozen),
}

/// What is trained before the first layer and behind the last.
#[derive(Clone, Debug)]
pub(crate) struct Ends {
    /// `[1, hidden_dim]`.
    pub(crate) norm: Frozen,
    /// `[vocab_size, hidden_dim]`.
    pub(crate) embedding: Frozen,
    /// The same, where it is not the embedding.
    pub(crate) output: Option<Frozen>,
}

/// What is trained of a layer, as part of a graph.
#[derive(Debug, Default)]
pub(crate) struct Trained {
    pub(crate) changes: [Option<Change>; 7],
    pub(crate) vectors: [Option<Tracked>; N_VECTORS],
}

/// What is trained of a projection, as part of a graph.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "there are a few hundred, each beside the matrices that it names")]
pub(crate) enum Change {
    LowRank(LowRank),
    Whole(Tracked),
}

impl Trained {
    /// In the order of [`Adapter::parameters`].
    pub(crate) fn parameters(&self) -> impl Iterator<Item = &Tracked> {
        let matrices = self.changes.iter().flatten().flat_map(|change| match change {
            Change::LowRank(LowRank { a, b, magnitude, .. }) => [Some(a), Some(b), magnitude.as_ref()],
            Change::Whole(weight) => [Some(weight), None, None],
        });
        matrices.chain(self.vectors.iter().map(Option::as_ref)).flatten()
    }
}

/// The numbers that weights are stored in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precision {
    /// As they are, to go on from.
    Exact,
    /// Halves: what an adapter is used with.
    Half,
}

/// A parameter that is to be filled.
struct Slot<'a> {
    /// In PEFT's files for an adapter, in GGUF files for the model's own weights.
    name: String,
    shape: [usize; 2],
    /// What training begins with.
    initial: &'a dyn Fn(&mut Random) -> Vec<f32>,
}

type Fill<'a> = &'a mut dyn FnMut(Slot<'_>) -> Result<Option<Vec<f32>>, TrainError>;

impl Adapter {
    /// What changes nothing yet: of an adapter, `A` is uniform within `±1/√n_in`, as PEFT has it, and `B` is zero.
    ///
    /// # Errors
    /// If the configuration asks for a rank or layers that cannot be.
    pub fn new(model: &Model, config: &ModelConfig, seed: u64) -> Result<Self, TrainError> {
        let mut random = Random::new(seed, u64::from(u32::from_be_bytes(*b"lora")));
        Self::build(model, config, config.adapter.alpha, &mut |slot| Ok(Some((slot.initial)(&mut random))))
    }

    /// Fills every parameter from `fill`; a projection for whose first matrix it has none is left out.
    fn build(model: &Model, config: &ModelConfig, alpha: f32, fill: Fill<'_>) -> Result<Self, TrainError> {
        let n_layers = model.description().n_layers();
        let ModelConfig { method, ref adapter, .. } = *config;
        if adapter.rank == 0 || adapter.rank > MAX_RANK {
            return Err(TrainError::Config(format!("model.adapter.rank must be 1 to {MAX_RANK}")));
        }
        if adapter.first_layer >= n_layers {
            let problem = format!("model.adapter.first_layer must be below {n_layers}, the layers that the model has");
            return Err(TrainError::Config(problem));
        }
        let layer = |index: usize, fill: Fill<'_>| match method {
            Method::Full if index < adapter.first_layer => Ok(Layer::default()),
            Method::Full => whole_layer(model, index, fill),
            Method::Lora | Method::Dora => thin_layer(model, index, config, fill),
        };
        let layers = (0..n_layers).map(|index| layer(index, fill)).collect::<Result<_, _>>()?;
        let has_ends = method == Method::Full && adapter.first_layer == 0;
        let ends = if has_ends { Some(ends(model, fill)?) } else { None };
        Ok(Self { method, rank: adapter.rank, alpha, first_layer: adapter.first_layer, layers, ends })
    }

    /// The lowest layer whose parameters are trained; those below are used as they are.
    pub(crate) fn first_layer(&self) -> usize {
        self.first_layer
    }

    /// What is trained before the first layer and behind the last.
    pub(crate) fn ends(&self) -> Option<&Ends> {
        self.ends.as_ref()
    }

    /// What is trained of a layer, made part of a graph by `wrap`.
    pub(crate) fn trained(&self, layer: usize, wrap: fn(Frozen) -> Tracked) -> Trained {
        let scale = self.scale();
        let change = |matrices: &Matrices| match matrices {
            Matrices::Thin { a, b, magnitude } => Change::LowRank(LowRank {
                a: wrap(a.clone()),
                b: wrap(b.clone()),
                scale,
                magnitude: magnitude.clone().map(wrap),
            }),
            Matrices::Whole(weight) => Change::Whole(wrap(weight.clone())),
        };
        let Layer { changes, vectors } = &self.layers[layer];
        Trained {
            changes: changes.each_ref().map(|matrices| matrices.as_ref().map(change)),
            vectors: vectors.each_ref().map(|vector| vector.clone().map(wrap)),
        }
    }

    /// What the product of the thin matrices is multiplied by.
    fn scale(&self) -> f32 {
        self.alpha / self.rank as f32
    }

    /// Whether it changes a projection.
    pub(crate) fn changes(&self, layer: usize, target: Target) -> bool {
        self.layers.get(layer).is_some_and(|layer| layer.changes[target as usize].is_some())
    }

    /// What a projection's weights become, `[n_out, n_in]`, heads in halves, given what they are.
    pub(crate) fn changed(&self, layer: usize, target: Target, weights: Frozen) -> Frozen {
        match self.layers.get(layer).and_then(|layer| layer.changes[target as usize].as_ref()) {
            None => weights,
            Some(Matrices::Whole(trained)) => trained.clone(),
            Some(Matrices::Thin { a, b, magnitude }) => {
                let mut changed = sum(weights, scaled(product(b, a), self.scale()));
                if let Some(magnitude) = magnitude {
                    let lengths: Vec<f32> = row_lengths(&changed).collect();
                    let [_, width] = shape(&changed);
                    let rows = changed.storage_mut::<f32>().chunks_exact_mut(width);
                    for ((row, length), magnitude) in rows.zip(lengths).zip(values(magnitude)) {
                        for number in row {
                            *number *= magnitude / length;
                        }
                    }
                }
                changed
            }
        }
    }

    /// The parameters that are trained: layer by layer, target by target, `A` before `B`, vectors behind matrices; those at
    /// the ends of the model come last.
    pub(crate) fn parameters(&self) -> impl Iterator<Item = &Frozen> {
        let of_layers = self.layers[self.first_layer..].iter().flat_map(Layer::parameters);
        of_layers.chain(self.ends.iter().flat_map(Ends::parameters))
    }

    /// [`parameters`](Self::parameters), to be changed.
    pub(crate) fn parameters_mut(&mut self) -> impl Iterator<Item = &mut [f32]> {
        let of_layers = self.layers[self.first_layer..].iter_mut().flat_map(Layer::parameters_mut);
        let ends = self.ends.iter_mut().flat_map(|Ends { norm, embedding, output }| {
            [Some(norm), Some(embedding), output.as_mut()].into_iter().flatten()
        });
        of_layers.chain(ends).map(Frozen::storage_mut)
    }

    /// Rows and columns of [`parameters`](Self::parameters).
    pub(crate) fn parameter_shapes(&self) -> impl Iterator<Item = [usize; 2]> {
        self.parameters().map(shape)
    }

    /// How many of [`parameters`](Self::parameters), at their end, are of no layer.
    pub(crate) fn n_ends(&self) -> usize {
        self.ends.iter().flat_map(Ends::parameters).count()
    }

    /// How many numbers are trained.
    pub fn n_parameters(&self) -> usize {
        self.parameters().map(|parameter| values(parameter).len()).sum()
    }
}

impl Layer {
    fn parameters(&self) -> impl Iterator<Item = &Frozen> {
        let matrices = self.changes.iter().flatten().flat_map(|matrices| match matrices {
            Matrices::Thin { a, b, magnitude } => [Some(a), Some(b), magnitude.as_ref()],
            Matrices::Whole(weight) => [Some(weight), None, None],
        });
        matrices.chain(self.vectors.iter().map(Option::as_ref)).flatten()
    }

    fn parameters_mut(&mut self) -> impl Iterator<Item = &mut Frozen> {
        let matrices = self.changes.iter_mut().flatten().flat_map(|matrices| match matrices {
            Matrices::Thin { a, b, magnitude } => [Some(a), Some(b), magnitude.as_mut()],
            Matrices::Whole(weight) => [Some(weight), None, None],
        });
        matrices.chain(self.vectors.iter_mut().map(Option::as_mut)).flatten()
    }
}

impl Ends {
    fn parameters(&self) -> impl Iterator<Item = &Frozen> {
        [Some(&self.norm), Some(&self.embedding), self.output.as_ref()].into_iter().flatten()
    }
}

/// The thin matrices of a layer.
fn thin_layer(model: &Model, index: usize, config: &ModelConfig, fill: Fill<'_>) -> Result<Layer, TrainError> {
    let (rank, targets) = (config.adapter.rank, &config.adapter.targets);
    let mut layer = Layer::default();
    for target in Target::ALL.into_iter().filter(|target| targets.contains(target)) {
        let Some(projection) = target.projection(&model.weights().layers[index]) else { continue };
        let (rows, cols) = (projection.weight.rows(), projection.weight.cols());
        let mut part = |part: &str, shape: [usize; 2], initial: &dyn Fn(&mut Random) -> Vec<f32>| {
            let found = fill(Slot { name: forms::peft_name(index, target, part), shape, initial })?;
            Ok::<_, TrainError>(found.map(|numbers| frozen(numbers, shape)))
        };
        let bound = (cols as f32).sqrt().recip();
        let uniform = |random: &mut Random| (0..rank * cols).map(|_| bound * random.within_one()).collect();
        let Some(a) = part(forms::A, [rank, cols], &uniform)? else { continue };
        let Some(b) = part(forms::B, [rows, rank], &|_| vec![0.0; rows * rank])? else { continue };
        let lengths = |_: &mut Random| row_lengths(&decoder::numbers(model, index, target)).collect();
        let magnitude = match config.method {
            Method::Dora => part(forms::MAGNITUDE, [1, rows], &lengths)?,
            _ => None,
        };
        layer.changes[target as usize] = Some(Matrices::Thin { a, b, magnitude });
    }
    Ok(layer)
}

/// All weights of a layer.
fn whole_layer(model: &Model, index: usize, fill: Fill<'_>) -> Result<Layer, TrainError> {
    let mut layer = Layer::default();
    for target in Target::ALL {
        let name = format!("blk.{index}.{}.weight", target.gguf());
        let trained = whole(name, &decoder::numbers(model, index, target), fill)?;
        layer.changes[target as usize] = Some(Matrices::Whole(trained));
    }
    for (place, (own, name)) in vectors(model, index).into_iter().zip(vector_names()).enumerate() {
        let Some(own) = own else { continue };
        layer.vectors[place] = Some(whole(format!("blk.{index}.{name}"), &own, fill)?);
    }
    Ok(layer)
}

/// The weights at the ends of a model.
fn ends(model: &Model, fill: Fill<'_>) -> Result<Ends, TrainError> {
    let weights = model.weights();
    let mut matrix = |name: &str, weight: &Weight| {
        whole(name.to_owned(), &frozen(weight.to_f32(), [weight.rows(), weight.cols()]), fill)
    };
    let embedding = matrix("token_embd.weight", &weights.embedding)?;
    let own_output = Some(weights.output()).filter(|output| !std::ptr::eq(*output, &raw const weights.embedding));
    let output = own_output.map(|output| matrix("output.weight", output)).transpose()?;
    let norm = frozen(weights.output_norm.clone(), [1, weights.output_norm.len()]);
    Ok(Ends { norm: whole("output_norm.weight".to_owned(), &norm, fill)?, embedding, output })
}

/// Weights that are trained themselves; training begins with what they are.
fn whole(name: String, own: &Frozen, fill: Fill<'_>) -> Result<Frozen, TrainError> {
    let shape = shape(own);
    let problem = format!("{name} is missing: it is of another model, or damaged");
    let numbers = fill(Slot { name, shape, initial: &|_| values(own).to_vec() })?;
    Ok(frozen(numbers.ok_or(TrainError::Config(problem))?, shape))
}

/// Rows and columns.
fn shape(parameter: &Frozen) -> [usize; 2] {
    let shape = parameter.layout().shape();
    [shape[0], shape[1]]
}
