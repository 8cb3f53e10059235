//! A mixture of experts: each token passes through the few feed-forward networks that a router chooses for it.

use super::{Activation, Experts, Mixture, Shares, Weight};
use reinette_kernels::{Activations, Compute, MatmulTask, matmul, softmax_in_place};

/// The least sum that shares are divided by; no router's greatest probabilities come near it.
const LEAST_SUM: f32 = 1e-9;

/// A token that an expert was chosen for.
#[derive(Clone, Copy)]
struct Assignment {
    token: usize,
    /// What the expert's result is multiplied by.
    share: f32,
}

/// The buffers of a mixture, used again for every batch.
#[derive(Default)]
pub(super) struct MixtureBuffers {
    /// The router's output, `[n_tokens, n_experts]`.
    probabilities: Vec<f32>,
    /// By expert.
    assignments: Vec<Vec<Assignment>>,
    /// The inputs of one expert's tokens, `[assigned, hidden_dim]`, later its results.
    rows: Vec<f32>,
    gate: Vec<f32>,
    up: Vec<f32>,
    input: Activations,
}

impl MixtureBuffers {
    /// `out = Σ share · expert(x)` over the experts that the router chooses for each token.
    ///
    /// All tokens of an expert pass through it together, so that its weights are read once for a batch.
    ///
    /// # Shapes
    /// `input` and `x` are the same `[n_tokens, hidden_dim]`; `out` becomes that too.
    pub(super) fn forward(
        &mut self,
        compute: &Compute,
        weights: &Experts,
        activation: Activation,
        (input, x): (&Activations, &[f32]),
        out: &mut Vec<f32>,
    ) {
        let mixture = weights.mixture;
        let hidden_dim = weights.router.cols();
        self.probabilities.resize(input.n_tokens() * mixture.n_experts, 0.0);
        multiply(compute, &weights.router, input, &mut self.probabilities);
        self.assign(compute, mixture);
        out.clear();
        out.resize(x.len(), 0.0);
        for (expert, assigned) in weights.networks.iter().zip(&self.assignments) {
            if assigned.is_empty() {
                continue;
            }
            let Self { rows, gate, up, input, .. } = self;
            rows.clear();
            for assignment in assigned {
                rows.extend_from_slice(&x[assignment.token * hidden_dim..][..hidden_dim]);
            }
            input.set(compute, rows, hidden_dim);
            gate.resize(assigned.len() * mixture.ffn_dim, 0.0);
            up.resize(gate.len(), 0.0);
            let mut tasks = [
                MatmulTask { weights: expert.gate.weight.matrix(), out: gate },
                MatmulTask { weights: expert.up.weight.matrix(), out: up },
            ];
            matmul(compute, &mut tasks, input);
            activation.apply(compute, mixture.ffn_dim, gate, up);
            input.set(compute, gate, mixture.ffn_dim);
            multiply(compute, &expert.down.weight, input, rows);
            for (assignment, row) in assigned.iter().zip(rows.chunks_exact(hidden_dim)) {
                let out = &mut out[assignment.token * hidden_dim..][..hidden_dim];
                out.iter_mut().zip(row).for_each(|(out, value)| *out += assignment.share * value);
            }
        }
    }

    /// Chooses the experts of each token: the most probable ones, the first of equals.
    fn assign(&mut self, compute: &Compute, mixture: Mixture) {
        self.assignments.resize_with(mixture.n_experts, Vec::new);
        self.assignments.iter_mut().for_each(Vec::clear);
        let mut order: Vec<usize> = Vec::with_capacity(mixture.n_experts);
        for (token, probabilities) in self.probabilities.chunks_exact_mut(mixture.n_experts).enumerate() {
            softmax_in_place(compute.set, probabilities);
            order.clear();
            order.extend(0..mixture.n_experts);
            order.sort_by(|&first, &second| probabilities[second].total_cmp(&probabilities[first]));
            let chosen = &order[..mixture.n_used];
            let sum = match mixture.shares {
                Shares::Probabilities => 1.0,
                Shares::Normalised => chosen.iter().map(|&expert| probabilities[expert]).sum::<f32>().max(LEAST_SUM),
            };
            for &expert in chosen {
                let share = mixture.scale * probabilities[expert] / sum;
                self.assignments[expert].push(Assignment { token, share });
            }
        }
    }
}

fn multiply(compute: &Compute, weight: &Weight, input: &Activations, out: &mut [f32]) {
    matmul(compute, &mut [MatmulTask { weights: weight.matrix(), out }], input);
}
