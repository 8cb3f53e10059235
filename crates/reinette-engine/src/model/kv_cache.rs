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
    /// 16-bit words of the keys and values of one head at [`KvLayer::PAGE_POSITIONS`] positions.
    pub(crate) page_words: usize,
    pub(crate) reach: Reach,
}

impl KvShape {
    /// The 16-bit words that the pages of `positions` take in all layers.
    pub(crate) fn words(self, positions: Range<usize>) -> usize {
        self.n_layers * self.n_kv_heads * self.page_words * pages(positions).len()
    }

    /// Bytes of a token in all layers.
    pub(crate) fn token_bytes(self) -> usize {
        let page_bytes = size_of::<u16>() * self.words(0..KvLayer::PAGE_POSITIONS);
        page_bytes.div_ceil(KvLayer::PAGE_POSITIONS).max(1)
    }
}

/// The pages that `positions` are in; those of the first and of the last one may be in others too.
pub(crate) fn pages(positions: Range<usize>) -> Range<usize> {
    positions.start / KvLayer::PAGE_POSITIONS..positions.end.div_ceil(KvLayer::PAGE_POSITIONS)
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
            page_words: first.map_or(0, KvLayer::page_words),
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

    /// Gives the memory of all positions from `n_tokens` on back, which must hold no tokens.
    pub(crate) fn release_after(&mut self, n_tokens: usize) {
        let n_tokens = n_tokens.max(self.len());
        self.layers.iter_mut().for_each(|layer| layer.release_after(n_tokens));
    }

    /// Counts tokens whose keys and values have been stored in all layers.
    pub(crate) fn append(&mut self, tokens: &[TokenId]) {
        self.tokens.extend_from_slice(tokens);
    }

    /// The stored words of the pages that `positions` are in: layer by layer, head by head, each `[pages, page_words]`.
    /// What the last page holds beyond the stored tokens means nothing.
    pub(crate) fn pages(&self, positions: Range<usize>) -> impl Iterator<Item = &[u16]> {
        let pages = pages(positions);
        self.layers.iter().flat_map(move |layer| {
            let pages = pages.clone();
            (0..layer.n_kv_heads()).map(move |head| layer.pages(head, pages.clone()))
        })
    }

    /// Clears what a page, of any layer and head, holds of all but its first `n_positions` positions.
    pub(crate) fn clear_page_after(&self, n_positions: usize, page: &mut [u16]) {
        if let Some(layer) = self.layers.first() {
            layer.clear_page_after(n_positions, page);
        }
    }

    /// Appends `tokens` without computing: `fill` is given the places of their pages' words, in the order of
    /// [`pages`](Self::pages). Their first page may hold earlier tokens: `fill` writes these again, and as the keys and
    /// values of a token do not depend on how it was read, they stay what they are. If it fails, nothing is appended.
    ///
    /// # Panics
    /// If they do not fit: the caller has checked.
    pub(crate) fn append_filled<E>(
        &mut self,
        tokens: &[TokenId],
        mut fill: impl FnMut(&mut [u16]) -> Result<(), E>,
    ) -> Result<(), E> {
        let pages = pages(self.tokens.len()..self.tokens.len() + tokens.len());
        for layer in &mut self.layers {
            (0..layer.n_kv_heads()).try_for_each(|head| fill(layer.pages_mut(head, pages.clone())))?;
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
