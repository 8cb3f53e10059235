//! The loss of answers, computed without ever holding the logits of a whole batch.

use crate::tensor::{Frozen, frozen, product, sum, transposed, values};
use reinette_data::lines::Shares;
use reinette_kernels::{InstructionSet, argmax, exp_in_place};
use std::ops::Range;

/// Positions whose logits are held together: at the largest vocabulary (262,144 tokens) 34 MB, at 49,152 tokens 6 MB.
const CHUNK_ROWS: usize = 32;

/// What turns the last hidden states into logits.
#[derive(Clone, Debug)]
pub(crate) struct OutputLayer {
    /// `[vocab_size, hidden_dim]`.
    pub(crate) weight: Frozen,
}

/// What a batch's answers cost.
#[derive(Clone, Debug)]
pub(crate) struct AnswerLoss {
    /// The cross-entropy of each position, in nats.
    pub(crate) costs: Vec<f64>,
    /// Of each position, whether the target was the likeliest token.
    pub(crate) right: Vec<bool>,
    /// The derivative of the costs' sum by the hidden states, `[n_positions, hidden_dim]`.
    pub(crate) gradient: Frozen,
    /// What the derivatives of each position were multiplied by.
    factors: Vec<f32>,
}

impl AnswerLoss {
    /// What all positions cost, in nats.
    pub(crate) fn sum(&self) -> f64 {
        self.costs.iter().sum()
    }

    /// Multiplies the derivatives of some positions.
    #[expect(clippy::cast_possible_truncation, reason = "gradients have 32 bits")]
    pub(crate) fn scale_gradient(&mut self, positions: Range<usize>, factor: f64) {
        self.factors[positions.clone()].iter_mut().for_each(|known| *known *= factor as f32);
        let width = self.gradient.layout().shape()[1];
        for number in &mut self.gradient.storage_mut::<f32>()[positions.start * width..positions.end * width] {
            *number *= factor as f32;
        }
    }
}

/// What is to be learned at the positions of a batch.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Goals<'a> {
    /// The tokens that are right: `[n_positions]`, below `vocab_size`.
    pub(crate) targets: &'a [u32],
    /// What a teacher finds likely: `[n_positions]`; the target has what is left of each position's 1.
    pub(crate) taught: &'a [Shares],
}

impl<'a> Goals<'a> {
    fn chunks(self) -> impl Iterator<Item = Self> {
        let taught = self.taught.chunks(CHUNK_ROWS);
        self.targets.chunks(CHUNK_ROWS).zip(taught).map(|(targets, taught)| Self { targets, taught })
    }

    fn iter(self) -> impl Iterator<Item = (usize, &'a Shares)> {
        self.targets.iter().map(|target| *target as usize).zip(self.taught)
    }
}

/// Cross-entropy of the goals after the given hidden states, with its gradient, in chunks of positions.
///
/// The gradient of the logits is `softmax − goal`, where the goal is 1 at the target or, with a teacher, shared among several
/// tokens: so it can be multiplied back at once and forgotten.
///
/// Paper: Distilling the Knowledge in a Neural Network, arXiv:1503.02531.
///
/// # Shapes
/// `hidden` is `[n_positions, hidden_dim]`.
pub(crate) fn answer_loss(hidden: &Frozen, goals: Goals<'_>, output: &OutputLayer) -> AnswerLoss {
    let targets = goals.targets;
    let width = output.weight.layout().shape()[1];
    let mut gradient = Vec::with_capacity(targets.len() * width);
    let mut costs = Vec::with_capacity(targets.len());
    let mut right = Vec::with_capacity(targets.len());
    for (hidden, goals) in values(hidden).chunks(CHUNK_ROWS * width).zip(goals.chunks()) {
        let hidden = frozen(hidden.to_vec(), [goals.targets.len(), width]);
        let mut logits = product(&hidden, &transposed(&output.weight));
        let vocab_size = output.weight.layout().shape()[0];
        for (row, (target, taught)) in logits.storage_mut::<f32>().chunks_exact_mut(vocab_size).zip(goals.iter()) {
            let (cost, is_right) = derive(row, target, taught);
            costs.push(cost);
            right.push(is_right);
        }
        gradient.extend_from_slice(values(&product(&logits, &output.weight)));
    }
    AnswerLoss { costs, right, gradient: frozen(gradient, [targets.len(), width]), factors: vec![1.0; targets.len()] }
}

/// The derivative of a loss by the output layer's weights, `[vocab_size, hidden_dim]`: the logits are computed again, as
/// what a position counts is known only after all of them.
pub(crate) fn output_gradient(loss: &AnswerLoss, hidden: &Frozen, goals: Goals<'_>, output: &OutputLayer) -> Frozen {
    let [vocab_size, width] = [0, 1].map(|place| output.weight.layout().shape()[place]);
    let mut gradient = frozen(vec![0.0; vocab_size * width], [vocab_size, width]);
    let chunks = values(hidden).chunks(CHUNK_ROWS * width).zip(goals.chunks());
    for ((hidden, goals), factors) in chunks.zip(loss.factors.chunks(CHUNK_ROWS)) {
        let hidden = frozen(hidden.to_vec(), [goals.targets.len(), width]);
        let mut logits = product(&hidden, &transposed(&output.weight));
        let rows = logits.storage_mut::<f32>().chunks_exact_mut(vocab_size);
        for ((row, (target, taught)), factor) in rows.zip(goals.iter()).zip(factors) {
            derive(row, target, taught);
            for number in row {
                *number *= factor;
            }
        }
        gradient = sum(gradient, product(&transposed(&logits), &hidden));
    }
    gradient
}

/// Turns logits into the derivative of the cross-entropy by them; gives the cross-entropy, and whether the target was
/// the likeliest.
fn derive(logits: &mut [f32], target: usize, taught: &Shares) -> (f64, bool) {
    let set = InstructionSet::detect();
    // Without a greatest logit there are numbers that are none: the loss shows it.
    let likeliest = argmax(set, logits).unwrap_or(target);
    let greatest = logits[likeliest];
    let left = 1.0 - taught.iter().map(|(_, share)| share).sum::<f32>();
    let shares = || taught.iter().map(|(token, share)| (*token as usize, *share)).chain([(target, left)]);
    let wanted: f64 = shares().map(|(token, share)| f64::from(share) * f64::from(logits[token] - greatest)).sum();
    for logit in &mut *logits {
        *logit -= greatest;
    }
    exp_in_place(set, logits);
    let total: f64 = logits.as_chunks::<8>().0.iter().map(|chunk| f64::from(chunk.iter().sum::<f32>())).sum::<f64>()
        + logits.as_chunks::<8>().1.iter().copied().map(f64::from).sum::<f64>();
    #[expect(clippy::cast_possible_truncation, reason = "probabilities need no more than f32")]
    let inverse = total.recip() as f32;
    for power in &mut *logits {
        *power *= inverse;
    }
    for (token, share) in shares() {
        logits[token] -= share;
    }
    (total.ln() - wanted, likeliest == target)
}
