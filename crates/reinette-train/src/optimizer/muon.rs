//! A matrix with the same directions, all of one length.

use crate::tensor::{frozen, product, scaled, sum, transposed, values};

const ITERATIONS: usize = 5;
/// Of the polynomial `a·x + b·x³ + c·x⁵`, which brings singular values in `(0, 1]` near 1 in few iterations: to within
/// 0.7 and 1.2.
///
/// Source: Muon, <https://kellerjordan.github.io/posts/muon>.
const COEFFICIENTS: [f32; 3] = [3.4445, -4.775, 2.0315];
/// What keeps a matrix of zeros one.
const EPSILON: f64 = 1e-7;

/// `U·Vᵀ` of a matrix `U·S·Vᵀ`, roughly, by Newton and Schulz's iteration.
///
/// # Shapes
/// `numbers` is `[rows, cols]`, row-major, and so is the result.
pub(super) fn orthogonal(numbers: Vec<f32>, [rows, cols]: [usize; 2]) -> Vec<f32> {
    let length = numbers.iter().map(|number| f64::from(*number).powi(2)).sum::<f64>().sqrt();
    #[expect(clippy::cast_possible_truncation, reason = "lengths need no more than f32")]
    let inverse = length.max(EPSILON).recip() as f32;
    let [a, b, c] = COEFFICIENTS;
    let is_tall = rows > cols;
    let turned = |matrix| if is_tall { transposed(&matrix).to_contiguous() } else { matrix };
    let mut x = scaled(turned(frozen(numbers, [rows, cols])), inverse);
    for _ in 0..ITERATIONS {
        let square = product(&x, &transposed(&x));
        let polynomial = sum(scaled(square.clone(), b), scaled(product(&square, &square), c));
        x = sum(scaled(x.clone(), a), product(&polynomial, &x));
    }
    values(&turned(x)).to_vec()
}
