//! The keys and values of a sequence.

use super::{Description, Fingerprint, Reach};
use crate::tokenizer::TokenId;
use reinette_kernels::{CacheTooLarge, KvLayer, KvType};
use std::ops::Range;

/// The keys and values of every layer for the tokens that a model has read.
///
/// What is stored depends on the tokens before a position and on the adapter they were read with; both are kept
/// beside it, so that a cache is used again only where it holds.
#[derive(Debug)]
pub(crate) struct KvCache {
    layers: Vec<KvLayer>,
    tokens: Vec<TokenId>,
    adapter: Option<Fingerprint>,
    capacity: usize,
    reach: Reach,
}

/// How the keys and values of a token are rotated and stored; they can be copied between caches of the same shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct KvShape {
    pub(crate) n_layers: usize,
    pub(crate) n_kv_heads: usize,
    pub(crate) ty: KvType,
    /// 16-bit words of one key or value head.
    pub(crate) row_words: usize,
    pub(crate) reach: Reach,
}

impl KvShape {
    /// The 16-bit words that a token takes in all layers.
    pub(crate) fn words_per_token(self) -> usize {
        2 * self.n_layers * self.n_kv_heads * self.row_words
    }
}

impl KvCache {
    /// An empty cache for `capacity` tokens. Memory is taken as tokens are stored.
    ///
    /// # Errors
    /// If the model's file asks for more than any machine has.
    pub(crate) fn new(description: &Description, ty: KvType, capacity: usize) -> Result<Self, CacheTooLarge> {
        let layer = |_| KvLayer::new(ty, description.n_kv_heads, description.head_dim, capacity);
        let layers = (0..description.n_layers()).map(layer).collect::<Result<_, _>>()?;
        Ok(Self { layers, tokens: Vec::new(), adapter: None, capacity, reach: description.rope.reach(capacity) })
    }

    pub(crate) fn capacity(&self) -> usize {
        self.capacity
    }

    /// How many tokens are stored.
    pub(crate) fn len(&self) -> usize {
        self.tokens.len()
    }

    /// The tokens that are stored.
    pub(crate) fn tokens(&self) -> &[TokenId] {
        &self.tokens
    }

    /// The adapter that they were read with.
    pub(crate) fn adapter(&self) -> Option<Fingerprint> {
        self.adapter
    }

    pub(crate) fn shape(&self) -> KvShape {
        let first = self.layers.first();
        KvShape {
            n_layers: self.layers.len(),
            n_kv_heads: first.map_or(0, KvLayer::n_kv_heads),
            ty: first.map_or_else(KvType::default, KvLayer::ty),
            row_words: first.map_or(0, KvLayer::row_words),
            reach: self.reach,
        }
    }

    /// Keeps the longest stored beginning of `prompt` that was read with this adapter, forgets the rest, and gives
    /// the number of tokens kept. At least one token of the prompt is left to read, for its logits.
    pub(crate) fn keep_prefix(&mut self, prompt: &[TokenId], adapter: Option<Fingerprint>) -> usize {
        let kept = self.shared_tokens(prompt, adapter);
        self.tokens.truncate(kept);
        self.adapter = adapter;
        kept
    }

    /// How many tokens [`keep_prefix`](Self::keep_prefix) would keep.
    pub(crate) fn shared_tokens(&self, prompt: &[TokenId], adapter: Option<Fingerprint>) -> usize {
        let same = self.tokens.iter().zip(prompt).take_while(|(stored, asked)| stored == asked).count();
        if self.adapter == adapter { same.min(prompt.len().saturating_sub(1)) } else { 0 }
    }

    /// Forgets all but the first `n_tokens` tokens.
    pub(crate) fn truncate(&mut self, n_tokens: usize) {
        self.tokens.truncate(n_tokens);
    }

    /// Counts tokens whose keys and values have been stored in all layers.
    pub(crate) fn append(&mut self, tokens: &[TokenId]) {
        self.tokens.extend_from_slice(tokens);
    }

    /// The stored words of `positions`: layer by layer, keys before values, head by head, each
    /// `[positions.len(), row_words]`.
    pub(crate) fn rows(&self, positions: Range<usize>) -> impl Iterator<Item = &[u16]> {
        self.layers.iter().flat_map(move |layer| {
            let (keys, values) = (positions.clone(), positions.clone());
            let heads = 0..layer.n_kv_heads();
            let keys = heads.clone().map(move |head| layer.keys(head, keys.clone()));
            keys.chain(heads.map(move |head| layer.values(head, values.clone())))
        })
    }

    /// Appends `tokens` without computing: `fill` is given the places of their words, in the order of
    /// [`rows`](Self::rows). If it fails, the cache is as before.
    ///
    /// # Panics
    /// If they do not fit: the caller has checked.
    pub(crate) fn append_filled<E>(
        &mut self,
        tokens: &[TokenId],
        mut fill: impl FnMut(&mut [u16]) -> Result<(), E>,
    ) -> Result<(), E> {
        let positions = self.tokens.len()..self.tokens.len() + tokens.len();
        for layer in &mut self.layers {
            let heads = 0..layer.n_kv_heads();
            heads.clone().try_for_each(|head| fill(layer.keys_mut(head, positions.clone())))?;
            heads.into_iter().try_for_each(|head| fill(layer.values_mut(head, positions.clone())))?;
        }
        self.append(tokens);
        Ok(())
    }

    pub(crate) fn layer(&self, index: usize) -> &KvLayer {
        &self.layers[index]
    }

    pub(crate) fn layer_mut(&mut self, index: usize) -> &mut KvLayer {
        &mut self.layers[index]
    }
}
