//! One answer after the other.

use super::{Batch, BatchConfig, GenerateError, GenerateRequest, Generated, Progress};
use crate::model::{Adapter, LoadError, Model};
use crate::tokenizer::TokenId;
use std::sync::Arc;

/// One sequence of tokens on one model: reads prompts and generates answers, and keeps what it has read, so that a
/// prompt that begins like the last one is read only from where it differs. It is a [`Batch`] of one.
pub struct Sequence {
    batch: Batch,
    logits: Vec<f32>,
}

impl Sequence {
    /// A sequence of up to `capacity_tokens` tokens (at most the model's context), computed with `n_threads` threads.
    ///
    /// # Errors
    /// If the file's description of the model asks for the impossible.
    pub fn new(model: Arc<Model>, capacity_tokens: usize, n_threads: usize) -> Result<Self, LoadError> {
        Self::with_config(model, BatchConfig::new(capacity_tokens, n_threads))
    }

    /// A sequence that may use what a batch may, but for the number of sequences.
    ///
    /// # Errors
    /// As for [`Batch::new`].
    pub fn with_config(model: Arc<Model>, config: BatchConfig) -> Result<Self, LoadError> {
        let batch = Batch::new(model, BatchConfig { max_sequences: 1, ..config })?;
        Ok(Self { batch, logits: Vec::new() })
    }

    /// The model.
    pub fn model(&self) -> &Arc<Model> {
        &self.batch.model
    }

    /// The logits after every token of `tokens`, read from an empty cache with a stack of adapters.
    ///
    /// # Shapes
    /// `[n_tokens, vocab_size]`.
    ///
    /// # Errors
    /// If the tokens do not fit or are not of the vocabulary, or an adapter is another model's.
    pub fn logits(&mut self, tokens: &[TokenId], adapters: &[Arc<Adapter>]) -> Result<&[f32], GenerateError> {
        self.batch.check(tokens, adapters)?;
        self.logits.clear();
        self.batch.read_alone(tokens, adapters, &mut self.logits)?;
        Ok(&self.logits)
    }

    /// Answers a prompt. `on_text` is given the text as it comes, in whole characters.
    ///
    /// # Errors
    /// If the prompt does not fit, or the constraint cannot be followed.
    pub fn generate(
        &mut self,
        request: GenerateRequest,
        on_text: &mut dyn FnMut(&str),
    ) -> Result<Generated, GenerateError> {
        self.batch.submit(request);
        loop {
            for (_, progress) in self.batch.step() {
                match progress {
                    Progress::Text(text) => on_text(&text),
                    Progress::Finished(result) => return result,
                }
            }
        }
    }

    /// Keeps the prefix of the last prompt for other sequences and processes, if it is worth it and not kept yet.
    /// This takes some milliseconds, for which nobody should wait: it is called when the answer has been given.
    pub fn save_prefix(&mut self) {
        self.batch.save_prefixes();
    }
}
