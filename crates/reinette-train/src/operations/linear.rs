//! Projections, with and without an adapter.

use crate::tensor::{Frozen, Operation, Tracked, frozen, n_rows, product, record, scaled, sum, transposed, values};

/// Two thin trained matrices whose product is added to a frozen one.
#[derive(Clone, Debug)]
pub(crate) struct LowRank {
    /// `[rank, n_in]`.
    pub(crate) a: Tracked,
    /// `[n_out, rank]`.
    pub(crate) b: Tracked,
    /// What their product is multiplied by.
    pub(crate) scale: f32,
}

/// `y = x·Wᵀ + bias`, and with an adapter `+ scale · (x·Aᵀ)·Bᵀ`: the dense change `B·A` is never made.
///
/// Paper: LoRA: Low-Rank Adaptation of Large Language Models, arXiv:2106.09685.
///
/// # Shapes
/// `x` is `[n_tokens, n_in]`, `weight` `[n_out, n_in]`, `bias` `[n_out]`; the result is `[n_tokens, n_out]`.
pub(crate) fn linear(x: &Tracked, weight: &Frozen, bias: Option<&[f32]>, adapter: Option<&LowRank>) -> Tracked {
    let input = x.primitive().clone();
    let base = product(&input, &transposed(weight));
    let Some(LowRank { a, b, scale }) = adapter else {
        return record([x], biased(base, bias), FrozenLinear { weight: weight.clone() });
    };
    let (down, up) = (a.primitive().clone(), b.primitive().clone());
    let inner = scaled(product(&input, &transposed(&down)), *scale);
    let output = biased(sum(base, product(&inner, &transposed(&up))), bias);
    let operation = AdaptedLinear { input, weight: weight.clone(), a: down, b: up, inner, scale: *scale };
    record([x, a, b], output, operation)
}

fn biased(output: Frozen, bias: Option<&[f32]>) -> Frozen {
    let Some(bias) = bias else { return output };
    let rows = n_rows(&output);
    let mut numbers = values(&output).to_vec();
    for row in numbers.chunks_exact_mut(bias.len()) {
        row.iter_mut().zip(bias).for_each(|(number, bias)| *number += bias);
    }
    frozen(numbers, [rows, bias.len()])
}

#[derive(Clone, Debug)]
struct FrozenLinear {
    weight: Frozen,
}

impl Operation<1> for FrozenLinear {
    fn gradients(self, upstream: &Frozen) -> [Frozen; 1] {
        [product(upstream, &self.weight)]
    }
}

#[derive(Clone, Debug)]
struct AdaptedLinear {
    input: Frozen,
    weight: Frozen,
    a: Frozen,
    b: Frozen,
    /// `scale · x·Aᵀ`: `[n_tokens, rank]`.
    inner: Frozen,
    scale: f32,
}

impl Operation<3> for AdaptedLinear {
    fn gradients(self, upstream: &Frozen) -> [Frozen; 3] {
        let through_b = scaled(product(upstream, &self.b), self.scale);
        let x = sum(product(upstream, &self.weight), product(&through_b, &self.a));
        let a = product(&transposed(&through_b), &self.input);
        let b = product(&transposed(upstream), &self.inner);
        [x, a, b]
    }
}
