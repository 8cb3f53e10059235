//! Projections: frozen, with an adapter, or trained themselves.

use crate::tensor::{
    Frozen, Operation, Tracked, dot, frozen, n_rows, product, record, scaled, sum, transposed, values,
};

/// Two thin trained matrices whose product is added to a frozen one.
#[derive(Clone, Debug)]
pub(crate) struct LowRank {
    /// `[rank, n_in]`.
    pub(crate) a: Tracked,
    /// `[n_out, rank]`.
    pub(crate) b: Tracked,
    /// What their product is multiplied by.
    pub(crate) scale: f32,
    /// How long the rows of the changed weights are made: `[1, n_out]`.
    pub(crate) magnitude: Option<Tracked>,
}

impl LowRank {
    /// How long the rows of the changed weights `W + scale · B·A` are. What is trained is learned as if these were given.
    ///
    /// `|w + s·bA|² = |w|² + 2s · b·(A·w) + s² · b·(A·Aᵀ)·b`: the dense change is not made for it either.
    fn row_lengths(&self, weight: &Frozen) -> Vec<f32> {
        let (a, b, scale) = (self.a.primitive(), self.b.primitive(), self.scale);
        let across = product(weight, &transposed(a));
        let among = product(b, &product(a, &transposed(a)));
        let rank = values(b).len() / n_rows(b);
        let width = values(weight).len() / n_rows(weight);
        let length = |row: usize| {
            let (thin, wide) = (row * rank..(row + 1) * rank, row * width..(row + 1) * width);
            let (own, b) = (&values(weight)[wide], &values(b)[thin.clone()]);
            let (across, among) = (&values(&across)[thin.clone()], &values(&among)[thin]);
            let square = dot(own, own) + 2.0 * scale * dot(b, across) + scale * scale * dot(b, among);
            square.max(0.0).sqrt()
        };
        (0..n_rows(weight)).map(length).collect()
    }
}

/// The weights of a projection, `[n_out, n_in]`.
#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "there are a few hundred, each beside the matrices that it names")]
pub(crate) enum Projection {
    /// As they are.
    Frozen(Frozen),
    /// With what an adapter adds.
    Adapted(Frozen, LowRank),
    /// Trained themselves.
    Trained(Tracked),
}

/// `y = x·Wᵀ`, and with an adapter `+ scale · (x·Aᵀ)·Bᵀ`: the dense change `B·A` is never made.
///
/// Paper: LoRA: Low-Rank Adaptation of Large Language Models, arXiv:2106.09685.
///
/// # Shapes
/// `x` is `[n_tokens, n_in]`; the result is `[n_tokens, n_out]`.
pub(crate) fn linear(x: &Tracked, projection: &Projection) -> Tracked {
    let input = x.primitive().clone();
    match projection {
        Projection::Frozen(weight) => {
            record([x], product(&input, &transposed(weight)), FrozenLinear { weight: weight.clone() })
        }
        Projection::Adapted(weight, adapter) => {
            let LowRank { a, b, scale, magnitude } = adapter;
            let base = product(&input, &transposed(weight));
            let (down, up) = (a.primitive().clone(), b.primitive().clone());
            let inner = scaled(product(&input, &transposed(&down)), *scale);
            let output = sum(base, product(&inner, &transposed(&up)));
            let operation = AdaptedLinear { input, weight: weight.clone(), a: down, b: up, inner, scale: *scale };
            let output = record([x, a, b], output, operation);
            magnitude
                .as_ref()
                .map_or_else(|| output.clone(), |magnitude| lengthened(&output, magnitude, adapter.row_lengths(weight)))
        }
        Projection::Trained(trained) => {
            let weight = trained.primitive().clone();
            let output = product(&input, &transposed(&weight));
            record([x, trained], output, TrainedLinear { input, weight })
        }
    }
}

/// `y ∘ magnitude / lengths`, row by row: what `x` gives with rows of the weights that are as long as `magnitude` says, where
/// `y` is what it gives with rows of these lengths.
///
/// Paper: `DoRA`, arXiv:2402.09353, with the lengths held fixed for the gradient, as its section 4.3 proposes.
fn lengthened(output: &Tracked, magnitude: &Tracked, lengths: Vec<f32>) -> Tracked {
    let input = output.primitive().clone();
    let factors: Vec<f32> = values(magnitude.primitive()).iter().zip(&lengths).map(|(long, now)| long / now).collect();
    let width = factors.len();
    let mut numbers = values(&input).to_vec();
    for row in numbers.chunks_exact_mut(width) {
        row.iter_mut().zip(&factors).for_each(|(number, factor)| *number *= factor);
    }
    let lengthened = frozen(numbers, [n_rows(&input), width]);
    record([output, magnitude], lengthened, Lengthened { input, factors, lengths })
}

/// `y + bias`, row by row.
///
/// # Shapes
/// `y` is `[n_tokens, n_out]`, `bias` `[1, n_out]`; the result is as `y`.
pub(crate) fn biased(output: &Tracked, bias: &Tracked) -> Tracked {
    let mut numbers = values(output.primitive()).to_vec();
    let width = values(bias.primitive()).len();
    for row in numbers.chunks_exact_mut(width) {
        row.iter_mut().zip(values(bias.primitive())).for_each(|(number, bias)| *number += bias);
    }
    let rows = n_rows(output.primitive());
    record([output, bias], frozen(numbers, [rows, width]), Biased)
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

#[derive(Clone, Debug)]
struct Lengthened {
    input: Frozen,
    factors: Vec<f32>,
    lengths: Vec<f32>,
}

impl Operation<2> for Lengthened {
    fn gradients(self, upstream: &Frozen) -> [Frozen; 2] {
        let width = self.factors.len();
        let mut gradient = values(upstream).to_vec();
        let mut of_magnitude = vec![0.0; width];
        for (row, input) in gradient.chunks_exact_mut(width).zip(values(&self.input).chunks_exact(width)) {
            for (place, (number, input)) in row.iter_mut().zip(input).enumerate() {
                of_magnitude[place] += *number * input / self.lengths[place];
                *number *= self.factors[place];
            }
        }
        [frozen(gradient, [n_rows(upstream), width]), frozen(of_magnitude, [1, width])]
    }
}

#[derive(Clone, Debug)]
struct TrainedLinear {
    input: Frozen,
    weight: Frozen,
}

impl Operation<2> for TrainedLinear {
    fn gradients(self, upstream: &Frozen) -> [Frozen; 2] {
        [product(upstream, &self.weight), product(&transposed(upstream), &self.input)]
    }
}

#[derive(Clone, Debug)]
struct Biased;

impl Operation<2> for Biased {
    fn gradients(self, upstream: &Frozen) -> [Frozen; 2] {
        let shape = upstream.layout().shape();
        let width = shape[shape.num_dims() - 1];
        let mut sums = vec![0.0; width];
        for row in values(upstream).chunks_exact(width) {
            sums.iter_mut().zip(row).for_each(|(sum, number)| *sum += number);
        }
        [upstream.clone(), frozen(sums, [1, width])]
    }
}
