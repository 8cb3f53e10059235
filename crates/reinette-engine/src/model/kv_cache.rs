//! The keys and values of a sequence.

use super::Description;
use crate::tokenizer::TokenId;
use reinette_kernels::{CacheTooLarge, KvLayer};

/// The keys and values of every layer for the tokens that a model has read.
///
/// What is stored depends on the tokens before a position and on the adapter they were read with; both are kept
/// beside it, so that a cache is used again only where it holds.
#[derive(Debug)]
pub(crate) struct KvCache {
    layers: Vec<KvLayer>,
    tokens: Vec<TokenId>,
    adapter: Option<u64>,
    capacity: usize,
}

impl KvCache {
    /// An empty cache for `capacity` tokens. Memory is taken as tokens are stored.
    ///
    /// # Errors
    /// If the model's file asks for more than any machine has.
    pub(crate) fn new(description: &Description, capacity: usize) -> Result<Self, CacheTooLarge> {
        let layer = |_| KvLayer::new(description.n_kv_heads, description.head_dim, capacity);
        let layers = (0..description.n_layers()).map(layer).collect::<Result<_, _>>()?;
        Ok(Self { layers, tokens: Vec::new(), adapter: None, capacity })
    }

    pub(crate) fn capacity(&self) -> usize {
        self.capacity
    }

    /// How many tokens are stored.
    pub(crate) fn len(&self) -> usize {
        self.tokens.len()
    }

    /// Keeps the longest stored beginning of `prompt` that was read with this adapter, forgets the rest, and gives
    /// the number of tokens kept. At least one token of the prompt is left to read, for its logits.
    pub(crate) fn keep_prefix(&mut self, prompt: &[TokenId], adapter: Option<u64>) -> usize {
        let same = self.tokens.iter().zip(prompt).take_while(|(stored, asked)| stored == asked).count();
        let kept = if self.adapter == adapter { same.min(prompt.len().saturating_sub(1)) } else { 0 };
        self.tokens.truncate(kept);
        self.adapter = adapter;
        kept
    }

    /// Counts tokens whose keys and values have been stored in all layers.
    pub(crate) fn append(&mut self, tokens: &[TokenId]) {
        self.tokens.extend_from_slice(tokens);
    }

    pub(crate) fn layer(&self, index: usize) -> &KvLayer {
        &self.layers[index]
    }

    pub(crate) fn layer_mut(&mut self, index: usize) -> &mut KvLayer {
        &mut self.layers[index]
    }
}
