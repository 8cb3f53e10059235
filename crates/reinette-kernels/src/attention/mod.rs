//! Attention of grouped query heads over a KV cache.
//!
//! A call is cut into [`Part`]s: one key/value head, one tile of query tokens, some chunks of keys. Each part is computed
//! by one thread and yields, for every query row, the greatest score, the sum of the exponentials and the values
//! weighted by them; parts that differ only in their keys are merged at the end.
//!
//! What a token attends to has the same bits however it was cut: alone or in a batch of any size, on any number of
//! threads. For this every row is computed by the same operations in the same order, in decode as in prefill:
//!
//! - A score is one chain of multiply-adds over the dimensions of the scaled query.
//! - Within a chunk of keys (whose bounds are multiples of its length), a softmax runs over its pages. In each, the
//!   weights of every eighth key are summed up one after the other, and the eight sums by halves; the weighted values are
//!   one chain of multiply-adds over the keys.
//! - Chunks are added in their order.
//!
//! A hidden key weighs exactly 0, and a page or chunk of hidden keys leaves everything as it is.
//!
//! Papers: `FlashAttention`-2, arXiv:2307.08691; Flash-Decoding, <https://crfm.stanford.edu/2023/10/12/flashdecoding.html>;
//! GQA, arXiv:2305.13245.
#![expect(clippy::inline_always, reason = "see `ops::simd`")]

mod cache;
mod decode;
mod microkernel;
mod numbers;
mod partial;
mod plan;
mod prefill;
#[cfg(test)]
mod tests;

use std::cell::RefCell;
use std::ops::Range;
use std::sync::{Mutex, MutexGuard, PoisonError};

pub use cache::{CacheTooLarge, KvLayer, KvType};

use crate::ops::simd::{self, LANES, Simd};
use crate::{Compute, InstructionSet};
use partial::{Partial, merge};
use plan::{Part, Plan};

/// Which positions a token attends to, within the window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Direction {
    /// Those up to its own: decoders.
    #[default]
    Backward,
    /// Those up to the last token of the call: encoders.
    Both,
}

/// Dimensions and parameters of an attention layer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AttentionShape {
    /// Query heads.
    pub n_heads: usize,
    /// Key/value heads; divides `n_heads`.
    pub n_kv_heads: usize,
    /// Numbers of a head.
    pub head_dim: usize,
    /// Multiplies the scores, usually 1/√`head_dim`.
    pub scale: f32,
    /// How many positions, its own included, a token attends to; all when none. A window of 0 counts as 1.
    pub window: Option<usize>,
    /// Limits scores smoothly: s becomes cap · tanh(s / cap) (Gemma 2).
    pub soft_cap: Option<f32>,
    /// Which way a token looks; the window counts backward only.
    pub direction: Direction,
}

impl AttentionShape {
    /// Query heads that share a key/value head.
    pub(crate) fn group(&self) -> usize {
        self.n_heads / self.n_kv_heads
    }

    /// The first position that a token at `position` attends to.
    pub(crate) fn first_key(&self, position: usize) -> usize {
        self.window.map_or(0, |window| (position + 1).saturating_sub(window.max(1)))
    }

    /// The end of the positions that a token at `position` attends to, where `end` is that of the call's tokens.
    pub(crate) fn end_key(&self, position: usize, end: usize) -> usize {
        match self.direction {
            Direction::Backward => position + 1,
            Direction::Both => end,
        }
    }

    /// Soft cap of the scores, if the layer has one.
    #[inline(always)]
    pub(crate) fn cap<S: Simd>(&self, simd: S, scores: &mut [f32]) {
        let Some(cap) = self.soft_cap else { return };
        let cap = simd.splat(cap);
        for scores in scores.as_chunks_mut::<LANES>().0 {
            let capped = simd.mul(cap, simd::tanh(simd, simd.div(simd.load(scores), cap)));
            simd.store(capped, scores);
        }
    }
}

/// `out = softmax(scale · q · Kᵀ + mask) · V`, head by head.
///
/// Token i stands at position `first_position + i` and attends to the positions of the cache up to its own, or up to the
/// last token's, within the window; all of these keys and values must have been stored before. Scores, exponentials and sums are `f32`.
///
/// # Shapes
/// - `q`, `out`: `[n_tokens, n_heads, head_dim]`
/// - `kv`: `[n_kv_heads, capacity, head_dim]`, of either type, in pages; all arithmetic is in `f32`
///
/// # Panics
/// If the shapes do not fit together, or the last position is beyond the cache.
pub fn attention(
    compute: &Compute,
    shape: &AttentionShape,
    q: &[f32],
    first_position: usize,
    kv: &KvLayer,
    out: &mut [f32],
) {
    let token_len = shape.n_heads * shape.head_dim;
    assert!(shape.n_kv_heads > 0 && shape.n_heads.is_multiple_of(shape.n_kv_heads), "key/value heads divide heads");
    assert!(kv.n_kv_heads() == shape.n_kv_heads && kv.head_dim() == shape.head_dim, "the cache has the layer's heads");
    assert_eq!(q.len(), out.len(), "the output has the shape of the query");
    if q.is_empty() {
        return;
    }
    assert!(q.len().is_multiple_of(token_len), "the query is whole tokens");
    let n_tokens = q.len() / token_len;
    assert!(first_position + n_tokens <= kv.capacity(), "all positions are within the cache");

    let inputs = Inputs { shape, q, first_position, end: first_position + n_tokens, kv };
    let plan = Plan::new(shape, n_tokens, first_position);
    let mut partials = PARTIALS.take();
    partials.resize_with(partials.len().max(plan.n_partials()), Mutex::default);
    // The last tiles have the most keys: started first, they leave no thread waiting for one long part.
    let last = plan.parts.len() - 1;
    compute.pool.run(plan.parts.len(), |index| {
        let part = &plan.parts[last - index];
        let lock = |partial| Mutex::lock(partial).unwrap_or_else(PoisonError::into_inner);
        let mut partials: Vec<_> = partials[part.partials.clone()].iter().map(lock).collect();
        inputs.compute(compute.set, part, &mut partials);
    });

    let finished: Vec<&Partial> =
        partials.iter_mut().map(|partial| &*partial.get_mut().unwrap_or_else(PoisonError::into_inner)).collect();
    let outs: Vec<Mutex<&mut [f32]>> = out.chunks_mut(plan.tile_tokens * token_len).map(Mutex::new).collect();
    let parts_per_head = |tile: &Range<usize>| tile.len() / shape.n_kv_heads;
    compute.pool.run(outs.len(), |index| {
        let mut out = outs[index].lock().unwrap_or_else(PoisonError::into_inner);
        let tile = plan.tiles[index].clone();
        for (kv_head, parts) in finished[tile.clone()].chunks_exact(parts_per_head(&tile)).enumerate() {
            merge(compute.set, shape, kv_head, parts, &mut out);
        }
    });
    PARTIALS.set(partials);
}

thread_local! {
    /// The results of this thread's last call: memory that each call took anew would cost a tenth of it.
    static PARTIALS: RefCell<Vec<Mutex<Partial>>> = const { RefCell::new(Vec::new()) };
}

/// What all parts of one call read.
struct Inputs<'a> {
    shape: &'a AttentionShape,
    q: &'a [f32],
    first_position: usize,
    /// The position behind the last token's.
    end: usize,
    kv: &'a KvLayer,
}

impl Inputs<'_> {
    fn compute(&self, set: InstructionSet, part: &Part, partials: &mut [MutexGuard<'_, Partial>]) {
        let compute = if plan::has_few_rows(self.shape, &part.tokens) { decode::compute } else { prefill::compute };
        compute(set, self, part, partials);
    }

    /// The query of one token and head.
    fn query(&self, token: usize, head: usize) -> &[f32] {
        let head_dim = self.shape.head_dim;
        &self.q[(token * self.shape.n_heads + head) * head_dim..][..head_dim]
    }
}
