//! The gate of a feed-forward network.

use crate::tensor::{Frozen, Operation, Tracked, compact, frozen, n_rows, record, values};
use reinette_engine::architecture::Activation;
use reinette_kernels::{InstructionSet, exp_in_place};

/// `activation(gate) ∘ up`.
///
/// Paper: GLU Variants Improve Transformer, arXiv:2002.05202.
///
/// # Shapes
/// All are `[n_tokens, ffn_dim]`.
pub(crate) fn gate(gate: &Tracked, up: &Tracked, activation: Activation) -> Tracked {
    let operation = Gate { input: compact(gate.primitive()), up: compact(up.primitive()), activation };
    let (activated, _) = operation.activated();
    let numbers = activated.iter().zip(values(&operation.up)).map(|(activated, up)| activated * up).collect();
    record([gate, up], operation.shaped(numbers), operation)
}

#[derive(Clone, Debug)]
struct Gate {
    /// What the activation is applied to.
    input: Frozen,
    up: Frozen,
    activation: Activation,
}

impl Gate {
    /// The activation of the gate and its derivative.
    fn activated(&self) -> (Vec<f32>, Vec<f32>) {
        let gate = values(&self.input);
        match self.activation {
            Activation::Silu => {
                let sigmoids = sigmoids(gate.iter().copied());
                let pairs = || gate.iter().zip(&sigmoids);
                let values = pairs().map(|(x, sigmoid)| x * sigmoid).collect();
                (values, pairs().map(|(x, sigmoid)| sigmoid * (1.0 + x * (1.0 - sigmoid))).collect())
            }
            Activation::Gelu => {
                // 0.5·x·(1 + tanh(u)) is x·σ(2u), with u = √(2/π)·(x + 0.044715·x³).
                const SLOPE: f32 = 2.0 * 0.797_884_6;
                const CUBIC: f32 = 0.044_715;
                let sigmoids = sigmoids(gate.iter().map(|x| SLOPE * (x + CUBIC * x * x * x)));
                let pairs = || gate.iter().zip(&sigmoids);
                let inner = |x: f32| SLOPE * (1.0 + 3.0 * CUBIC * x * x);
                let values = pairs().map(|(x, sigmoid)| x * sigmoid).collect();
                (values, pairs().map(|(x, sigmoid)| sigmoid * (1.0 + x * inner(*x) * (1.0 - sigmoid))).collect())
            }
        }
    }

    fn shaped(&self, numbers: Vec<f32>) -> Frozen {
        let rows = n_rows(&self.input);
        let width = numbers.len() / rows.max(1);
        frozen(numbers, [rows, width])
    }
}

/// `1 / (1 + e⁻ˣ)` of each.
fn sigmoids(numbers: impl Iterator<Item = f32>) -> Vec<f32> {
    let mut powers: Vec<f32> = numbers.map(|x| -x).collect();
    exp_in_place(InstructionSet::detect(), &mut powers);
    for power in &mut powers {
        *power = 1.0 / (1.0 + *power);
    }
    powers
}

impl Operation<2> for Gate {
    fn gradients(self, upstream: &Frozen) -> [Frozen; 2] {
        let (activated, slopes) = self.activated();
        let upstream = values(upstream);
        let factors = upstream.iter().zip(values(&self.up)).zip(&slopes);
        let gate = factors.map(|((upstream, up), slope)| upstream * up * slope).collect();
        let up = upstream.iter().zip(&activated).map(|(upstream, activated)| upstream * activated).collect();
        [self.shaped(gate), self.shaped(up)]
    }
}
