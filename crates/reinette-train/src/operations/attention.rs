//! Attention over many short sequences that stand one after the other in one batch.

use crate::batch::Segment;
use crate::tensor::{Frozen, Operation, Tracked, compact, dot, frozen, product, record, transposed, values};
use reinette_kernels::{InstructionSet, softmax_in_place};
use std::sync::Arc;

/// How queries, keys and values are cut into heads.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HeadShape {
    /// Heads of queries.
    pub(crate) n_heads: usize,
    /// Heads of keys and values; a divisor of `n_heads`.
    pub(crate) n_kv_heads: usize,
    /// Numbers of a head.
    pub(crate) head_dim: usize,
    /// Multiplies the products of queries and keys.
    pub(crate) scale: f32,
    /// How many positions a query sees, its own included; `None` if all.
    pub(crate) window: Option<usize>,
}

/// `softmax(scale · Q·Kᵀ)·V`, each segment for itself: a token sees the tokens of its own segment up to itself, and all
/// of the segment that its own stands behind. What no token may see is never computed, so there is no mask and no padding.
///
/// Paper: GQA: Training Generalized Multi-Query Transformer Models, arXiv:2305.13245.
///
/// # Shapes
/// `query` and the result are `[n_tokens, n_heads · head_dim]`, `key` and `value` `[n_tokens, n_kv_heads · head_dim]`.
pub(crate) fn attention([query, key, value]: [&Tracked; 3], shape: HeadShape, segments: &Arc<[Segment]>) -> Tracked {
    let [queries, keys, vals] = [query, key, value].map(|tensor| compact(tensor.primitive()));
    let mut output = vec![0.0; values(&queries).len()];
    for segment in segments.iter() {
        let own: Vec<usize> = segment.tokens.clone().collect();
        let seen = seen(segment);
        let q = shape.query_heads().gather(&queries, &own);
        let k = shape.key_heads().gather(&keys, &seen);
        let v = shape.key_heads().gather(&vals, &seen);
        let share = shape.shares(product(&q, &transposed(&k)), own.len(), seen.len());
        shape.query_heads().scatter_add(&product(&share, &v), &own, 1.0, &mut output);
    }
    let width = shape.n_heads * shape.head_dim;
    let n_tokens = output.len() / width;
    let operation = Attention { inputs: [queries, keys, vals], shape, segments: Arc::clone(segments) };
    record([query, key, value], frozen(output, [n_tokens, width]), operation)
}

/// The tokens whose keys a segment's last token sees, in the order of their positions.
fn seen(segment: &Segment) -> Vec<usize> {
    segment.behind.clone().into_iter().flatten().chain(segment.tokens.clone()).collect()
}

#[derive(Clone, Debug)]
struct Attention {
    /// Queries, keys, values.
    inputs: [Frozen; 3],
    shape: HeadShape,
    segments: Arc<[Segment]>,
}

impl Operation<3> for Attention {
    /// `∂V = Pᵀ·g`, `∂S = P ∘ (g·Vᵀ − Σ(P ∘ g·Vᵀ))`, `∂Q = scale · ∂S·K`, `∂K = scale · ∂Sᵀ·Q`, with the softmax `P`
    /// computed again: it is cheap, and grows with the square of a segment's length.
    fn gradients(self, upstream: &Frozen) -> [Frozen; 3] {
        let Self { inputs: [queries, keys, vals], shape, .. } = &self;
        let (query_heads, key_heads) = (shape.query_heads(), shape.key_heads());
        let mut sums = [queries, keys, vals].map(|input| vec![0.0; values(input).len()]);
        let [query_sums, key_sums, value_sums] = &mut sums;
        for segment in self.segments.iter() {
            let own: Vec<usize> = segment.tokens.clone().collect();
            let seen = seen(segment);
            let (q, k) = (query_heads.gather(queries, &own), key_heads.gather(keys, &seen));
            let share = shape.shares(product(&q, &transposed(&k)), own.len(), seen.len());
            let gradient = query_heads.gather(upstream, &own);
            key_heads.scatter_add(&product(&transposed(&share), &gradient), &seen, 1.0, value_sums);
            let by_share = product(&gradient, &transposed(&key_heads.gather(vals, &seen)));
            let scores = through_softmax(&share, by_share, seen.len());
            query_heads.scatter_add(&product(&scores, &k), &own, shape.scale, query_sums);
            key_heads.scatter_add(&product(&transposed(&scores), &q), &seen, shape.scale, key_sums);
        }
        let [query_width, key_width] = [shape.n_heads, shape.n_kv_heads].map(|heads| heads * shape.head_dim);
        let n_tokens = query_sums.len() / query_width;
        let [query_sums, key_sums, value_sums] = sums;
        [
            frozen(query_sums, [n_tokens, query_width]),
            frozen(key_sums, [n_tokens, key_width]),
            frozen(value_sums, [n_tokens, key_width]),
        ]
    }
}

/// The gradient of scores from that of their softmax, row by row.
fn through_softmax(share: &Frozen, mut upstream: Frozen, n_keys: usize) -> Frozen {
    let rows = upstream.storage_mut::<f32>().chunks_exact_mut(n_keys);
    for (share, upstream) in values(share).chunks_exact(n_keys).zip(rows) {
        let mean = dot(share, upstream);
        upstream.iter_mut().zip(share).for_each(|(upstream, share)| *upstream = share * (*upstream - mean));
    }
    upstream
}

/// Heads of a token's numbers, in groups that use the same keys.
#[derive(Clone, Copy)]
struct Heads {
    n_groups: usize,
    per_group: usize,
    head_dim: usize,
}

impl HeadShape {
    fn query_heads(&self) -> Heads {
        Heads { n_groups: self.n_kv_heads, per_group: self.n_heads / self.n_kv_heads, head_dim: self.head_dim }
    }

    fn key_heads(&self) -> Heads {
        Heads { n_groups: self.n_kv_heads, per_group: 1, head_dim: self.head_dim }
    }

    /// The softmax of what each query may see; zeros elsewhere.
    ///
    /// # Shapes
    /// `[n_kv_heads, group · n_own, n_keys]`; the own tokens are the last of those that keys are of.
    fn shares(&self, mut scores: Frozen, n_own: usize, n_keys: usize) -> Frozen {
        let set = InstructionSet::detect();
        for (row, scores) in scores.storage_mut::<f32>().chunks_exact_mut(n_keys).enumerate() {
            let end = n_keys - n_own + row % n_own + 1;
            let start = self.window.map_or(0, |window| end.saturating_sub(window));
            scores[..start].fill(0.0);
            scores[end..].fill(0.0);
            let seen = &mut scores[start..end];
            for score in &mut *seen {
                *score *= self.scale;
            }
            softmax_in_place(set, seen);
        }
        scores
    }
}

impl Heads {
    fn width(self) -> usize {
        self.n_groups * self.per_group * self.head_dim
    }

    /// Where each head of each token starts, group by group, head by head, token by token.
    fn starts(self, tokens: &[usize]) -> impl Iterator<Item = usize> {
        let heads = 0..self.n_groups * self.per_group;
        heads.flat_map(move |head| tokens.iter().map(move |token| token * self.width() + head * self.head_dim))
    }

    /// `[n_groups, per_group · tokens, head_dim]` of some tokens' rows.
    fn gather(self, rows: &Frozen, tokens: &[usize]) -> Frozen {
        let rows = values(rows);
        let mut out = Vec::with_capacity(tokens.len() * self.width());
        for start in self.starts(tokens) {
            out.extend_from_slice(&rows[start..start + self.head_dim]);
        }
        frozen(out, [self.n_groups, self.per_group * tokens.len(), self.head_dim])
    }

    /// Adds what [`gather`](Self::gather) would have gathered, multiplied, to the tokens' rows.
    fn scatter_add(self, heads: &Frozen, tokens: &[usize], factor: f32, rows: &mut [f32]) {
        for (start, head) in self.starts(tokens).zip(values(heads).chunks_exact(self.head_dim)) {
            let row = &mut rows[start..start + self.head_dim];
            row.iter_mut().zip(head).for_each(|(row, head)| *row += factor * head);
        }
    }
}
