//! The engine's decoder block, computed so that gradients can be had: the same description, the same weights.

#[cfg(test)]
mod tests;
mod weights;

pub use weights::Target;
pub(crate) use weights::{in_halves, in_pairs};

use crate::TrainError;
use crate::adapter::Adapter;
use crate::batch::Batch;
use crate::config::{BaseWeights, Recompute};
use crate::operations::{
    AnswerLoss, HeadShape, LowRank, OutputLayer, Rotation, answer_loss, attention, gate, linear, rms_norm, rotate,
};
use crate::preference::Reference;
use crate::tensor::{Frozen, Tracked, add, backward, frozen, gradient_of, leaf, product, transposed, values};
use reinette_engine::Model;
use reinette_engine::architecture::{Description, Positions};
use reinette_kernels::{RopeStyle, RopeTable};
use std::sync::Arc;
use weights::LayerWeights;

/// A base model, whose weights stay as they are.
#[derive(Debug)]
pub struct Decoder {
    model: Arc<Model>,
    rope: RopeTable,
    /// For windowed layers, where they rotate in another way.
    window_rope: Option<RopeTable>,
    layers: Vec<FrozenLayer>,
    output_norm: Frozen,
    output: OutputLayer,
}

/// One layer. Vectors are always numbers.
#[derive(Debug)]
struct FrozenLayer {
    matrices: LayerWeights,
    biases: [Option<Vec<f32>>; 7],
    attention_norm: Frozen,
    query_norm: Option<Frozen>,
    key_norm: Option<Frozen>,
    post_attention_norm: Option<Frozen>,
    ffn_norm: Frozen,
    post_ffn_norm: Option<Frozen>,
}

/// What a batch brings to every layer.
struct Passage<'a> {
    batch: &'a Batch,
    rotation: Rotation,
    window_rotation: Option<Rotation>,
}

/// A layer's part of the graph: what went in, what came out, and the adapter's matrices in between.
struct Step {
    input: Tracked,
    output: Tracked,
    low_ranks: [Option<LowRank>; 7],
}

/// What is kept of a layer until its gradients are computed.
enum Kept {
    Graph(Box<Step>),
    /// Its input, from which the rest is computed again.
    Input(Frozen),
}

/// The loss of a batch and its gradient by every parameter of the adapter.
pub(crate) struct Gradients {
    pub(crate) loss: AnswerLoss,
    /// In the order of [`Adapter::parameters`].
    pub(crate) parameters: Vec<Frozen>,
}

impl Decoder {
    /// Makes ready to compute sequences of up to `max_positions` tokens.
    ///
    /// # Errors
    /// If the model has a part through which no gradient is computed here, or cannot be rotated so far.
    pub fn new(model: Arc<Model>, max_positions: usize, kept: BaseWeights) -> Result<Self, TrainError> {
        weights::check(&model)?;
        let description = model.description();
        let tables = description.rope.tables(description.head_dim, max_positions);
        let (rope, window_rope) = tables.map_err(|error| TrainError::Config(error.to_string()))?;
        let weights = model.weights();
        let output = weights.output();
        Ok(Self {
            rope,
            window_rope,
            layers: (0..description.n_layers()).map(|index| FrozenLayer::new(&model, index, kept)).collect(),
            output_norm: vector(&weights.output_norm),
            output: OutputLayer { weight: frozen(output.to_f32(), [output.rows(), output.cols()]) },
            model,
        })
    }

    /// The base model.
    pub fn model(&self) -> &Arc<Model> {
        &self.model
    }

    /// The logits at all outputs of a batch.
    ///
    /// # Shapes
    /// `[batch.outputs.len(), vocab_size]`.
    pub fn logits(&self, adapter: Option<&Adapter>, batch: &Batch) -> Vec<f32> {
        let normed = rms_norm(&Tracked::new(self.outputs(adapter, batch)), &self.output_norm, self.eps());
        values(&product(normed.primitive(), &transposed(&self.output.weight))).to_vec()
    }

    /// What the answers of a batch cost; without gradients of parameters.
    pub(crate) fn loss(&self, adapter: &Adapter, reference: Option<&Reference>, batch: &Batch) -> AnswerLoss {
        let mut loss = self.answer_loss(adapter, batch);
        self.prefer(&mut loss, reference, batch);
        loss
    }

    fn answer_loss(&self, adapter: &Adapter, batch: &Batch) -> AnswerLoss {
        let normed = rms_norm(&Tracked::new(self.outputs(Some(adapter), batch)), &self.output_norm, self.eps());
        answer_loss(normed.primitive(), &batch.targets, &self.output)
    }

    /// Where one answer is preferred to another, makes the loss of both that of the preference.
    fn prefer(&self, loss: &mut AnswerLoss, reference: Option<&Reference>, batch: &Batch) {
        if let (Some(reference), false) = (reference, batch.preferred.is_empty()) {
            reference.prefer(loss, &self.answer_loss(&reference.adapter, batch), batch);
        }
    }

    /// What the answers of a batch cost, and the gradients of the sum by all parameters of the adapter.
    pub(crate) fn gradients(
        &self,
        adapter: &Adapter,
        reference: Option<&Reference>,
        batch: &Batch,
        recompute: Recompute,
    ) -> Gradients {
        let passage = self.passage(batch);
        let first = adapter.first_layer();
        let mut hidden = self.embed(batch);
        let mut kept = Vec::new();
        for index in 0..self.layers.len() {
            hidden = if index < first {
                self.plain(index, hidden, Some(adapter), &passage)
            } else {
                match recompute {
                    Recompute::Nothing => {
                        let step = self.step(index, hidden, adapter, &passage);
                        let output = step.output.primitive().clone();
                        kept.push(Kept::Graph(Box::new(step)));
                        output
                    }
                    Recompute::Layers => {
                        kept.push(Kept::Input(hidden.clone()));
                        self.plain(index, hidden, Some(adapter), &passage)
                    }
                }
            };
        }
        let (loss, mut gradient) = self.output_gradient(&hidden, reference, batch);
        drop(hidden);
        let mut by_layer = Vec::new();
        for (index, kept) in (first..self.layers.len()).zip(kept).rev() {
            let Step { input, output, low_ranks } = match kept {
                Kept::Graph(step) => *step,
                Kept::Input(input) => self.step(index, input, adapter, &passage),
            };
            let mut found = backward(&output, gradient);
            let matrices = low_ranks.iter().flatten().flat_map(|LowRank { a, b, .. }| [a, b]);
            by_layer.push(matrices.map(|matrix| gradient_of(matrix, &mut found)).collect::<Vec<_>>());
            gradient = gradient_of(&input, &mut found);
        }
        Gradients { loss, parameters: by_layer.into_iter().rev().flatten().collect() }
    }

    /// The loss, and its gradient by the hidden states after the last layer.
    fn output_gradient(&self, hidden: &Frozen, reference: Option<&Reference>, batch: &Batch) -> (AnswerLoss, Frozen) {
        let input = leaf(rows(hidden, &batch.outputs));
        let normed = rms_norm(&input, &self.output_norm, self.eps());
        let mut loss = answer_loss(normed.primitive(), &batch.targets, &self.output);
        self.prefer(&mut loss, reference, batch);
        let gradient = gradient_of(&input, &mut backward(&normed, loss.gradient.clone()));
        let width = self.model.description().hidden_dim;
        let mut spread = vec![0.0; batch.tokens.len() * width];
        for (row, place) in values(&gradient).chunks_exact(width).zip(&batch.outputs) {
            spread[place * width..(place + 1) * width].copy_from_slice(row);
        }
        (loss, frozen(spread, [batch.tokens.len(), width]))
    }

    /// The hidden states after the last layer at the outputs of a batch: `[n_outputs, hidden_dim]`.
    fn outputs(&self, adapter: Option<&Adapter>, batch: &Batch) -> Frozen {
        let passage = self.passage(batch);
        let layers = 0..self.layers.len();
        let hidden = layers.fold(self.embed(batch), |hidden, index| self.plain(index, hidden, adapter, &passage));
        rows(&hidden, &batch.outputs)
    }

    fn embed(&self, batch: &Batch) -> Frozen {
        let embedding = &self.model.weights().embedding;
        let width = embedding.cols();
        let mut hidden = vec![0.0; batch.tokens.len() * width];
        for (token, row) in batch.tokens.iter().zip(hidden.chunks_exact_mut(width)) {
            embedding.row(*token as usize, row);
            if let Some(scale) = self.model.description().embedding_scale {
                for number in row {
                    *number *= scale;
                }
            }
        }
        frozen(hidden, [batch.tokens.len(), width])
    }

    fn passage<'a>(&self, batch: &'a Batch) -> Passage<'a> {
        let Description { head_dim, ref rope, .. } = *self.model.description();
        let rotation = |table: &RopeTable| {
            let angles = || batch.positions.iter().map(|position| table.angles(*position));
            Rotation {
                cosines: angles().flat_map(|(cosines, _)| cosines).copied().collect(),
                sines: angles().flat_map(|(_, sines)| sines).copied().collect(),
                rotary_dim: rope.rotary_dim,
                head_dim,
            }
        };
        Passage { batch, rotation: rotation(&self.rope), window_rotation: self.window_rope.as_ref().map(rotation) }
    }

    fn eps(&self) -> f32 {
        self.model.description().norm_eps
    }

    /// A layer with its graph; the adapter's matrices and, unless nothing before it is trained, its input want gradients.
    fn step(&self, index: usize, hidden: Frozen, adapter: &Adapter, passage: &Passage<'_>) -> Step {
        let input = if index > adapter.first_layer() { leaf(hidden) } else { Tracked::new(hidden) };
        let low_ranks = adapter.low_ranks(index, leaf);
        let output = self.layer(index, &input, &low_ranks, passage);
        Step { input, output, low_ranks }
    }

    /// A layer without gradients.
    fn plain(&self, index: usize, hidden: Frozen, adapter: Option<&Adapter>, passage: &Passage<'_>) -> Frozen {
        let low_ranks = adapter.map_or([const { None }; 7], |adapter| adapter.low_ranks(index, Tracked::new));
        self.layer(index, &Tracked::new(hidden), &low_ranks, passage).into_primitive()
    }

    /// From `[n_tokens, hidden_dim]` to the same.
    fn layer(&self, index: usize, input: &Tracked, low_ranks: &[Option<LowRank>; 7], passage: &Passage<'_>) -> Tracked {
        let description = self.model.description();
        let (layer, kind) = (&self.layers[index], description.layers[index]);
        let matrices = layer.matrices.numbers(&self.model, index);
        let project = |target: Target, x: &Tracked| {
            let place = target as usize;
            linear(x, &matrices[place], layer.biases[place].as_deref(), low_ranks[place].as_ref())
        };
        let norm = |x: Tracked, weight: Option<&Frozen>| match weight {
            Some(weight) => rms_norm(&x, weight, description.norm_eps),
            None => x,
        };
        let rotation = match (kind.positions, kind.window, &passage.window_rotation) {
            (Positions::Unknown, ..) => None,
            (Positions::Rotated, Some(_), Some(rotation)) => Some(rotation),
            (Positions::Rotated, ..) => Some(&passage.rotation),
        };
        let placed = |heads: Tracked| rotation.map_or_else(|| heads.clone(), |rotation| rotate(&heads, rotation));
        let shape = HeadShape {
            n_heads: description.n_heads,
            n_kv_heads: description.n_kv_heads,
            head_dim: description.head_dim,
            scale: description.scores.scale,
            window: kind.window,
        };

        let normed = rms_norm(input, &layer.attention_norm, description.norm_eps);
        let query = placed(norm(project(Target::QProj, &normed), layer.query_norm.as_ref()));
        let key = placed(norm(project(Target::KProj, &normed), layer.key_norm.as_ref()));
        let value = project(Target::VProj, &normed);
        let attended = attention([&query, &key, &value], shape, &passage.batch.segments);
        let projected = norm(project(Target::OProj, &attended), layer.post_attention_norm.as_ref());
        let hidden = add(input.clone(), projected);

        let normed = rms_norm(&hidden, &layer.ffn_norm, description.norm_eps);
        let gates = project(Target::GateProj, &normed);
        let gated = gate(&gates, &project(Target::UpProj, &normed), description.activation);
        add(hidden, norm(project(Target::DownProj, &gated), layer.post_ffn_norm.as_ref()))
    }
}

impl FrozenLayer {
    fn new(model: &Model, index: usize, kept: BaseWeights) -> Self {
        let description = model.description();
        let layer = &model.weights().layers[index];
        let pairs = description.rope.style == RopeStyle::Interleaved;
        let in_order = |numbers: &[f32]| if pairs { in_halves(numbers, 1, description) } else { numbers.to_vec() };
        let bias = |target: Target| {
            let bias = target.projection(layer)?.bias.as_deref()?;
            Some(if target.rotated_heads(description).is_some() { in_order(bias) } else { bias.to_vec() })
        };
        let optional = |norm: &Option<Vec<f32>>| norm.as_deref().map(vector);
        let head_norm = |norm: &Option<Vec<f32>>| norm.as_deref().map(|norm| vector(&in_order(norm)));
        Self {
            matrices: LayerWeights::new(model, index, kept),
            biases: Target::ALL.map(bias),
            attention_norm: vector(&layer.attention_norm),
            query_norm: head_norm(&layer.query_norm),
            key_norm: head_norm(&layer.key_norm),
            post_attention_norm: optional(&layer.post_attention_norm),
            ffn_norm: vector(&layer.ffn_norm),
            post_ffn_norm: optional(&layer.post_ffn_norm),
        }
    }
}

fn vector(numbers: &[f32]) -> Frozen {
    frozen(numbers.to_vec(), [numbers.len()])
}

/// Some rows of a matrix.
fn rows(matrix: &Frozen, places: &[usize]) -> Frozen {
    let width = matrix.layout().shape()[1];
    let numbers = values(matrix);
    let picked = places.iter().flat_map(|place| &numbers[place * width..(place + 1) * width]).copied();
    frozen(picked.collect(), [places.len(), width])
}
