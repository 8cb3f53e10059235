//! The engine's decoder block, computed so that gradients can be had: the same description, the same weights.

#[cfg(test)]
mod tests;
mod weights;

pub use weights::Target;
pub(crate) use weights::{N_VECTORS, in_halves, in_pairs, is_rotated, numbers, vector_names, vectors};

use crate::TrainError;
use crate::adapter::{Adapter, Change, Trained};
use crate::batch::Batch;
use crate::config::{BaseWeights, Recompute};
use crate::operations::{
    AnswerLoss, Goals, HeadShape, OutputLayer, Projection, Rotation, answer_loss, attention, biased, gate, linear,
    output_gradient, rms_norm, rotate,
};
use crate::preference::Reference;
use crate::tensor::{
    Frozen, Tracked, add, backward, frozen, gradient_of, leaf, product, transposed, values, zeros_like,
};
use reinette_engine::Model;
use reinette_engine::architecture::{Description, Positions};
use reinette_kernels::RopeTable;
use std::sync::Arc;
use weights::{LayerWeights, Norm, bias_place, vector};

/// A base model, whose own weights stay as they are.
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
    vectors: [Option<Frozen>; N_VECTORS],
}

/// The embedding's place among the parameters at the ends of a model.
const EMBEDDING: usize = 1;

/// What a batch brings to every layer.
struct Passage<'a> {
    batch: &'a Batch,
    rotation: Rotation,
    window_rotation: Option<Rotation>,
}

/// A layer's part of the graph: what went in, what came out, and what is trained in between.
struct Step {
    input: Tracked,
    output: Tracked,
    trained: Trained,
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
            layers: (0..description.n_layers())
                .map(|index| FrozenLayer {
                    matrices: LayerWeights::new(&model, index, kept),
                    vectors: vectors(&model, index),
                })
                .collect(),
            output_norm: vector(weights.output_norm.clone()),
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
        let normed = self.normed_outputs(adapter, batch);
        values(&product(&normed, &transposed(&self.output_layer(adapter).weight))).to_vec()
    }

    /// What the answers of a batch cost; without gradients of parameters.
    pub(crate) fn loss(&self, adapter: &Adapter, reference: Option<&Reference>, batch: &Batch) -> AnswerLoss {
        let mut loss = self.answer_loss(adapter, batch);
        self.prefer(&mut loss, reference, batch);
        loss
    }

    fn answer_loss(&self, adapter: &Adapter, batch: &Batch) -> AnswerLoss {
        let normed = self.normed_outputs(Some(adapter), batch);
        answer_loss(&normed, goals(batch), &self.output_layer(Some(adapter)))
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
        let mut hidden = self.embed(Some(adapter), batch);
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
        let (loss, mut gradient, ends) = self.output_gradients(&hidden, adapter, reference, batch);
        drop(hidden);
        let mut by_layer = Vec::new();
        for (index, kept) in (first..self.layers.len()).zip(kept).rev() {
            let Step { input, output, trained } = match kept {
                Kept::Graph(step) => *step,
                Kept::Input(input) => self.step(index, input, adapter, &passage),
            };
            let mut found = backward(&output, gradient);
            by_layer.push(trained.parameters().map(|leaf| gradient_of(leaf, &mut found)).collect::<Vec<_>>());
            gradient = gradient_of(&input, &mut found);
        }
        let ends = ends.map(|ends| self.add_embedded(ends, &gradient, batch));
        let parameters = by_layer.into_iter().rev().flatten().chain(ends.into_iter().flatten()).collect();
        Gradients { loss, parameters }
    }

    /// The loss, its gradient by the hidden states after the last layer, and those by the parameters at the ends of the
    /// model, where these are trained: the output norm, the embedding and, if it is another, the output layer.
    fn output_gradients(
        &self,
        hidden: &Frozen,
        adapter: &Adapter,
        reference: Option<&Reference>,
        batch: &Batch,
    ) -> (AnswerLoss, Frozen, Option<Vec<Frozen>>) {
        let input = leaf(rows(hidden, &batch.outputs));
        let norm =
            adapter.ends().map_or_else(|| Tracked::new(self.output_norm.clone()), |ends| leaf(ends.norm.clone()));
        let normed = rms_norm(&input, &norm, self.eps());
        let output = self.output_layer(Some(adapter));
        let mut loss = answer_loss(normed.primitive(), goals(batch), &output);
        self.prefer(&mut loss, reference, batch);
        let mut found = backward(&normed, loss.gradient.clone());
        let gradient = gradient_of(&input, &mut found);
        let ends = adapter.ends().map(|ends| {
            let of_output = output_gradient(&loss, normed.primitive(), goals(batch), &output);
            let of_norm = gradient_of(&norm, &mut found);
            match &ends.output {
                None => vec![of_norm, of_output],
                Some(_) => vec![of_norm, zeros_like(&ends.embedding), of_output],
            }
        });
        let width = self.model.description().hidden_dim;
        let mut spread = vec![0.0; batch.tokens.len() * width];
        for (row, place) in values(&gradient).chunks_exact(width).zip(&batch.outputs) {
            spread[place * width..(place + 1) * width].copy_from_slice(row);
        }
        (loss, frozen(spread, [batch.tokens.len(), width]), ends)
    }

    /// Adds to the gradient of the embedding what comes from the tokens that were read.
    fn add_embedded(&self, mut ends: Vec<Frozen>, gradient: &Frozen, batch: &Batch) -> Vec<Frozen> {
        let width = self.model.description().hidden_dim;
        let scale = self.model.description().embedding_scale.unwrap_or(1.0);
        let embedding = ends[EMBEDDING].storage_mut::<f32>();
        for (token, row) in batch.tokens.iter().zip(values(gradient).chunks_exact(width)) {
            let sums = &mut embedding[*token as usize * width..(*token as usize + 1) * width];
            sums.iter_mut().zip(row).for_each(|(sum, number)| *sum += scale * number);
        }
        ends
    }

    /// The output layer, as it is trained so far.
    fn output_layer(&self, adapter: Option<&Adapter>) -> OutputLayer {
        match adapter.and_then(Adapter::ends) {
            Some(ends) => OutputLayer { weight: ends.output.as_ref().unwrap_or(&ends.embedding).clone() },
            None => self.output.clone(),
        }
    }

    /// The normed hidden states after the last layer at the outputs of a batch: `[n_outputs, hidden_dim]`.
    fn normed_outputs(&self, adapter: Option<&Adapter>, batch: &Batch) -> Frozen {
        let norm = adapter.and_then(Adapter::ends).map_or(&self.output_norm, |ends| &ends.norm);
        let outputs = Tracked::new(self.outputs(adapter, batch));
        rms_norm(&outputs, &Tracked::new(norm.clone()), self.eps()).into_primitive()
    }

    /// The hidden states after the last layer at the outputs of a batch: `[n_outputs, hidden_dim]`.
    fn outputs(&self, adapter: Option<&Adapter>, batch: &Batch) -> Frozen {
        let passage = self.passage(batch);
        let layers = 0..self.layers.len();
        let hidden =
            layers.fold(self.embed(adapter, batch), |hidden, index| self.plain(index, hidden, adapter, &passage));
        rows(&hidden, &batch.outputs)
    }

    fn embed(&self, adapter: Option<&Adapter>, batch: &Batch) -> Frozen {
        let embedding = &self.model.weights().embedding;
        let width = embedding.cols();
        let trained = adapter.and_then(Adapter::ends).map(|ends| values(&ends.embedding));
        let scale = self.model.description().embedding_scale;
        let mut hidden = vec![0.0; batch.tokens.len() * width];
        for (token, row) in batch.tokens.iter().zip(hidden.chunks_exact_mut(width)) {
            let token = *token as usize;
            match trained {
                Some(trained) => row.copy_from_slice(&trained[token * width..(token + 1) * width]),
                None => embedding.row(token, row),
            }
            if let Some(scale) = scale {
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

    /// A layer with its graph; what is trained and, unless nothing before it is, its input want gradients.
    fn step(&self, index: usize, hidden: Frozen, adapter: &Adapter, passage: &Passage<'_>) -> Step {
        let is_wanted = index > adapter.first_layer() || adapter.ends().is_some();
        let input = if is_wanted { leaf(hidden) } else { Tracked::new(hidden) };
        let trained = adapter.trained(index, leaf);
        let output = self.layer(index, &input, &trained, passage);
        Step { input, output, trained }
    }

    /// A layer without gradients.
    fn plain(&self, index: usize, hidden: Frozen, adapter: Option<&Adapter>, passage: &Passage<'_>) -> Frozen {
        let trained = adapter.map_or_else(Trained::default, |adapter| adapter.trained(index, Tracked::new));
        self.layer(index, &Tracked::new(hidden), &trained, passage).into_primitive()
    }

    /// From `[n_tokens, hidden_dim]` to the same.
    fn layer(&self, index: usize, input: &Tracked, trained: &Trained, passage: &Passage<'_>) -> Tracked {
        let description = self.model.description();
        let (layer, kind) = (&self.layers[index], description.layers[index]);
        let vector =
            |place: usize| trained.vectors[place].clone().or_else(|| layer.vectors[place].clone().map(Tracked::new));
        let project = |target: Target, x: &Tracked| {
            let weight = || layer.matrices.numbers(&self.model, index, target);
            let projection = match &trained.changes[target as usize] {
                None => Projection::Frozen(weight()),
                Some(Change::LowRank(adapter)) => Projection::Adapted(weight(), adapter.clone()),
                Some(Change::Whole(weight)) => Projection::Trained(weight.clone()),
            };
            let output = linear(x, &projection);
            vector(bias_place(target)).map_or_else(|| output.clone(), |bias| biased(&output, &bias))
        };
        let norm = |x: Tracked, which: Norm| match vector(which as usize) {
            Some(weight) => rms_norm(&x, &weight, description.norm_eps),
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

        let normed = norm(input.clone(), Norm::Attention);
        let query = placed(norm(project(Target::QProj, &normed), Norm::Query));
        let key = placed(norm(project(Target::KProj, &normed), Norm::Key));
        let value = project(Target::VProj, &normed);
        let attended = attention([&query, &key, &value], shape, &passage.batch.segments);
        let projected = norm(project(Target::OProj, &attended), Norm::PostAttention);
        let hidden = add(input.clone(), projected);

        let normed = norm(hidden.clone(), Norm::Ffn);
        let gates = project(Target::GateProj, &normed);
        let gated = gate(&gates, &project(Target::UpProj, &normed), description.activation);
        add(hidden, norm(project(Target::DownProj, &gated), Norm::PostFfn))
    }
}

/// What a batch's answers are to be.
fn goals(batch: &Batch) -> Goals<'_> {
    Goals { targets: &batch.targets, taught: &batch.taught }
}

/// Some rows of a matrix.
fn rows(matrix: &Frozen, places: &[usize]) -> Frozen {
    let width = matrix.layout().shape()[1];
    let numbers = values(matrix);
    let picked = places.iter().flat_map(|place| &numbers[place * width..(place + 1) * width]).copied();
    frozen(picked.collect(), [places.len(), width])
}
