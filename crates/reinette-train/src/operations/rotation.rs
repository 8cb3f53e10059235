//! Rotary positions.

use crate::tensor::{Frozen, Operation, Tracked, compact, frozen, n_rows, record, values};
use std::sync::Arc;

/// Cosines and sines for each token of a batch.
#[derive(Clone, Debug)]
pub(crate) struct Rotation {
    /// `[n_tokens, rotary_dim / 2]`.
    pub(crate) cosines: Arc<[f32]>,
    /// `[n_tokens, rotary_dim / 2]`.
    pub(crate) sines: Arc<[f32]>,
    /// How many numbers of a head are rotated: one of each half makes a pair.
    pub(crate) rotary_dim: usize,
    /// Numbers of a head.
    pub(crate) head_dim: usize,
}

/// Rotates each pair of each head by its token's position.
///
/// Paper: `RoFormer`: Enhanced Transformer with Rotary Position Embedding, arXiv:2104.09864.
///
/// # Shapes
/// `[n_tokens, any number of heads · head_dim]`.
pub(crate) fn rotate(x: &Tracked, rotation: &Rotation) -> Tracked {
    let output = rotated(x.primitive(), rotation, Direction::Forward);
    record([x], output, rotation.clone())
}

impl Operation<1> for Rotation {
    fn gradients(self, upstream: &Frozen) -> [Frozen; 1] {
        [rotated(upstream, &self, Direction::Back)]
    }
}

#[derive(Clone, Copy)]
enum Direction {
    Forward,
    /// What undoes a rotation is what its gradient goes through too.
    Back,
}

fn rotated(x: &Frozen, rotation: &Rotation, direction: Direction) -> Frozen {
    let rows = n_rows(x);
    let mut numbers = values(&compact(x)).to_vec();
    let width = numbers.len() / rows.max(1);
    let n_pairs = rotation.rotary_dim / 2;
    let sign = match direction {
        Direction::Forward => 1.0,
        Direction::Back => -1.0,
    };
    let angles = rotation.cosines.chunks_exact(n_pairs).zip(rotation.sines.chunks_exact(n_pairs));
    for (row, (cosines, sines)) in numbers.chunks_exact_mut(width).zip(angles) {
        for head in row.chunks_exact_mut(rotation.head_dim) {
            let (first, second) = head[..rotation.rotary_dim].split_at_mut(n_pairs);
            let pairs = first.iter_mut().zip(second).zip(cosines.iter().zip(sines));
            for ((first, second), (cosine, sine)) in pairs {
                let (x, y, sine) = (*first, *second, sign * sine);
                *first = x * cosine - y * sine;
                *second = y * cosine + x * sine;
            }
        }
    }
    frozen(numbers, [rows, width])
}
