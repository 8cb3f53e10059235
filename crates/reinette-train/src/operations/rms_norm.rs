//! Root mean square normalisation.

use crate::tensor::{Frozen, Operation, Tracked, compact, dot, frozen, n_rows, record, values};

/// `y = w ∘ x / √(mean(x²) + eps)`, row by row; a row is as long as `w`.
///
/// Paper: Root Mean Square Layer Normalization, arXiv:1910.07467.
///
/// # Shapes
/// `x` is `[.., width]` or has rows of several heads, `w` is `[1, width]`; the result has the shape of `x`.
pub(crate) fn rms_norm(x: &Tracked, weight: &Tracked, eps: f32) -> Tracked {
    let input = compact(x.primitive());
    let weights = values(weight.primitive());
    let width = weights.len();
    let mut output = Vec::with_capacity(values(&input).len());
    let mut inverses = Vec::with_capacity(values(&input).len() / width);
    for row in values(&input).chunks_exact(width) {
        let inverse = (dot(row, row) / width as f32 + eps).sqrt().recip();
        output.extend(row.iter().zip(weights).map(|(x, weight)| x * inverse * weight));
        inverses.push(inverse);
    }
    let output = like(&input, output);
    record([x, weight], output, RmsNorm { input, weight: weight.primitive().clone(), inverses })
}

#[derive(Clone, Debug)]
struct RmsNorm {
    input: Frozen,
    weight: Frozen,
    /// `1 / √(mean(x²) + eps)` of each row.
    inverses: Vec<f32>,
}

impl Operation<2> for RmsNorm {
    /// `∂x = r·(w∘g) − x · r³/width · Σ(w∘g∘x)`, with `r` the inverse root; `∂w` is the sum of `g∘x·r` over the rows.
    fn gradients(self, upstream: &Frozen) -> [Frozen; 2] {
        let weights = values(&self.weight);
        let width = weights.len();
        let rows = values(upstream).chunks_exact(width).zip(values(&self.input).chunks_exact(width));
        let mut gradient = Vec::with_capacity(values(upstream).len());
        let mut weighted = vec![0.0; width];
        let mut of_weight = vec![0.0; width];
        for ((upstream, input), inverse) in rows.zip(&self.inverses) {
            for (place, (upstream, input)) in upstream.iter().zip(input).enumerate() {
                weighted[place] = upstream * weights[place];
                of_weight[place] += upstream * input * inverse;
            }
            let along = dot(&weighted, input) * inverse.powi(3) / width as f32;
            gradient.extend(weighted.iter().zip(input).map(|(weighted, x)| inverse * weighted - along * x));
        }
        [like(upstream, gradient), frozen(of_weight, [1, width])]
    }
}

/// A tensor with the shape of another: all its dimensions before the last are rows.
fn like(shape: &Frozen, numbers: Vec<f32>) -> Frozen {
    let rows = n_rows(shape);
    let width = numbers.len() / rows.max(1);
    frozen(numbers, [rows, width])
}
