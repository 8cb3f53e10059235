//! Attention over some of the keys, and its completion.

use super::AttentionShape;

/// Attention of some query rows over some keys, not yet normalised. Row = token · group + head of the group.
///
/// A row that attends to none of the keys has the least maximum, so that it counts for nothing beside one that does.
#[derive(Debug, Default)]
pub(super) struct Partial {
    /// The greatest score, at least [`f32::MIN`]: `[rows]`.
    pub(super) maximum: Vec<f32>,
    /// Σ e^(score - maximum): `[rows]`.
    pub(super) sum: Vec<f32>,
    /// Σ e^(score - maximum) · value: `[rows, row_len]`.
    pub(super) values: Vec<f32>,
}

impl Partial {
    /// Makes it attention over no keys.
    pub(super) fn clear(&mut self, n_rows: usize, row_len: usize) {
        for (numbers, len, value) in [
            (&mut self.maximum, n_rows, f32::MIN),
            (&mut self.sum, n_rows, 0.0),
            (&mut self.values, n_rows * row_len, 0.0),
        ] {
            numbers.clear();
            numbers.resize(len, value);
        }
    }
}

/// Writes the attention of one key/value head's group over all `parts` to `out`, `[tokens of the tile, n_heads, head_dim]`.
pub(super) fn merge(shape: &AttentionShape, kv_head: usize, parts: &[&Partial], out: &mut [f32]) {
    let group = shape.group();
    let heads = kv_head * group..(kv_head + 1) * group;
    let mut row = 0;
    for token in out.chunks_exact_mut(shape.n_heads * shape.head_dim) {
        for out in token[heads.start * shape.head_dim..heads.end * shape.head_dim].chunks_exact_mut(shape.head_dim) {
            merge_row(row, parts, out);
            row += 1;
        }
    }
}

fn merge_row(row: usize, parts: &[&Partial], out: &mut [f32]) {
    let maximum = parts.iter().map(|part| part.maximum[row]).fold(f32::MIN, f32::max);
    let weight = |part: &Partial| (part.maximum[row] - maximum).exp();
    let sum: f32 = parts.iter().map(|part| weight(part) * part.sum[row]).sum();
    out.fill(0.0);
    for part in parts {
        let row_len = part.values.len() / part.maximum.len();
        let weight = weight(part) / sum;
        for (out, value) in out.iter_mut().zip(&part.values[row * row_len..]) {
            *out += weight * value;
        }
    }
}
