//! A small model that guesses what a large one of the same vocabulary says next.
//!
//! Paper: Fast Inference from Transformers via Speculative Decoding, arXiv:2211.17192, with the most likely tokens as guesses.

use crate::model::{Decoder, KvCache, LoadError, Model, Part};
use crate::tokenizer::{TokenId, Tokenizer};
use reinette_kernels::{CacheTooLarge, InstructionSet, KvType, argmax};
use std::sync::Arc;

/// The draft model of a batch.
pub(super) struct Drafter {
    model: Arc<Model>,
    decoder: Decoder,
    capacity: usize,
    /// `[vocab_size]`.
    logits: Vec<f32>,
}

/// The draft model, and what it has read of one sequence.
pub(super) struct Draft<'a> {
    pub(super) drafter: &'a mut Drafter,
    pub(super) cache: &'a mut KvCache,
    /// The most tokens of a new text to read at once, so that no other answer waits for long.
    pub(super) room: usize,
}

impl Drafter {
    /// Prepares `model` to guess what `target` says in sequences of up to `capacity` tokens.
    ///
    /// # Errors
    /// If the two do not share a vocabulary, or the file's description of the model asks for the impossible.
    pub(super) fn new(model: Arc<Model>, target: &Model, capacity: usize, n_threads: usize) -> Result<Self, LoadError> {
        if !have_same_tokens(model.tokenizer(), target.tokenizer()) {
            let [draft, target] = [&*model, target].map(|model| model.name().to_owned());
            return Err(LoadError::DraftVocabulary { draft, target });
        }
        let capacity = capacity.min(model.context_tokens());
        Ok(Self { decoder: Decoder::new(&model, capacity, n_threads)?, model, capacity, logits: Vec::new() })
    }

    /// An empty cache for one sequence.
    pub(super) fn cache(&self, ty: KvType) -> Result<KvCache, CacheTooLarge> {
        KvCache::new(self.model.description(), ty, self.capacity)
    }

    /// Reads tokens, and gives the one most likely to follow if it has at least this probability.
    fn read(&mut self, cache: &mut KvCache, tokens: &[TokenId], least_probability: f32) -> Option<TokenId> {
        let part = Part { cache, adapters: &[], tokens, n_outputs: 1 };
        self.decoder.read(&self.model, &mut [part], &|| false);
        self.logits.clear();
        self.decoder.logits(&self.model, &[0], &mut self.logits);
        let index = argmax(InstructionSet::detect(), &self.logits)?;
        let best = self.logits[index];
        let sum: f32 = self.logits.iter().map(|logit| (logit - best).exp()).sum();
        let token = TokenId(u32::try_from(index).ok()?);
        (sum * least_probability <= 1.0).then_some(token)
    }
}

impl Draft<'_> {
    /// Guesses at most `max_tokens` tokens that follow `text`, as long as the draft model gives each at least this
    /// probability; none until it has read all of the text.
    pub(super) fn guess(&mut self, text: &[TokenId], max_tokens: usize, least_probability: f32) -> Vec<TokenId> {
        let Self { drafter, cache, room } = self;
        let mut guess = Vec::new();
        let max_tokens = max_tokens.min(cache.capacity().saturating_sub(text.len()));
        if max_tokens == 0 {
            return guess;
        }
        let known = cache.keep_prefix(text, None);
        let unread = &text[known..];
        if unread.len() > *room {
            drafter.read(cache, &unread[..*room], least_probability);
            return guess;
        }
        let mut next = drafter.read(cache, unread, least_probability);
        while let Some(token) = next {
            guess.push(token);
            next = if guess.len() < max_tokens { drafter.read(cache, &[token], least_probability) } else { None };
        }
        guess
    }
}

/// Whether every token that both have is the same in both: files of one family are filled up to different sizes.
fn have_same_tokens(one: &Tokenizer, other: &Tokenizer) -> bool {
    let n_tokens = one.vocab_size().min(other.vocab_size());
    (0..).map(TokenId).take(n_tokens).all(|id| one.token_bytes(id) == other.token_bytes(id))
}
