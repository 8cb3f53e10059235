//! From a prompt to an answer, token by token.

mod sampler;
mod speculation;
mod stop;

pub use sampler::{Sampler, Sampling};
pub use speculation::Speculation;

use crate::constraint::{Constraint, ConstraintError};
use crate::model::{Adapter, BATCH_TOKENS, Decoder, KvCache, LoadError, Model};
use crate::prefix::{MIN_PREFIX_TOKENS, PrefixCache};
use crate::tokenizer::{TokenId, Utf8Stream};
use reinette_kernels::KvType;
use speculation::Guesses;
use std::sync::Arc;
use std::time::Instant;
use stop::{Released, StopStrings};

/// Below this share of the vocabulary it pays to compute the output layer only for the tokens that a mask allows:
/// rows picked one by one are read at about half the speed of rows in order.
const SPARSE_OUTPUT_SHARE: usize = 4;

/// What is to be generated, and how.
pub struct GenerateRequest<'a> {
    /// The tokens to answer.
    pub prompt: &'a [TokenId],
    /// How many tokens of it are the beginning of other prompts too, such as instructions and descriptions of tools:
    /// what [`PrefixCache`] keeps.
    pub prefix_tokens: usize,
    /// The adapter to read and answer with.
    pub adapter: Option<&'a Adapter>,
    /// How tokens are picked.
    pub sampler: Sampler,
    /// What the answer must look like.
    pub constraint: Option<Constraint>,
    /// Whether tokens are guessed, to be read several at a time; the answer is the same either way.
    pub speculation: Speculation,
    /// What a token that ends an answer does.
    pub end_of_generation: EndOfGeneration,
    /// The answer ends after this many tokens.
    pub max_tokens: usize,
    /// The answer ends before the first of these strings.
    pub stop: &'a [String],
    /// Asked at every token and, while the prompt is read, at every layer; once it answers yes, the work ends.
    pub cancelled: &'a dyn Fn() -> bool,
}

/// What a token that ends an answer does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndOfGeneration {
    /// It ends the answer.
    Ends,
    /// It is a token like any other: for measurements, which need answers of a known length.
    Ignored,
}

/// Why an answer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FinishReason {
    /// The model ended it, the constraint allowed nothing more, or a stop string came.
    Stop,
    /// It reached its limit of tokens.
    Length,
    /// The sequence reached the context's limit.
    ContextFull,
    /// It was cancelled.
    Cancelled,
}

/// What an answer took.
#[derive(Clone, Debug, PartialEq)]
pub struct Generated {
    /// Why the answer ended.
    pub finish_reason: FinishReason,
    /// How many tokens of the prompt were in the KV cache.
    pub cached_tokens: usize,
    /// How many tokens the answer has.
    pub output_tokens: usize,
    /// How many of these the constraint forced, without a step of the model.
    pub forced_tokens: usize,
    /// How many of these were guessed right, and read together with others.
    pub guessed_tokens: usize,
    /// Milliseconds from the start to the first token that the model picked.
    pub first_token_ms: f64,
    /// Milliseconds from the start to the end.
    pub total_ms: f64,
}

/// Why nothing could be generated.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GenerateError {
    /// There is nothing to answer.
    #[error("the prompt is empty")]
    EmptyPrompt,
    /// A token is not of this model's vocabulary.
    #[error("token {token} is not in the vocabulary of {vocab_size}")]
    UnknownToken {
        /// The token.
        token: u32,
        /// How many there are.
        vocab_size: usize,
    },
    /// The prompt does not fit.
    #[error("the prompt has {prompt_tokens} tokens, the context takes {limit_tokens} with at least one to answer")]
    ContextFull {
        /// The length of the prompt.
        prompt_tokens: usize,
        /// What fits.
        limit_tokens: usize,
    },
    /// The constraint failed.
    #[error(transparent)]
    Constraint(#[from] ConstraintError),
    /// The model gave no token a finite logit.
    #[error("no token can follow: all logits are masked or not finite")]
    NoToken,
}

/// One sequence of tokens on one model: reads prompts and generates answers, and keeps what it has read, so that a
/// prompt that begins like the last one is read only from where it differs.
pub struct Sequence {
    model: Arc<Model>,
    decoder: Decoder,
    cache: KvCache,
    logits: Vec<f32>,
    prefixes: Arc<PrefixCache>,
    /// The length of the prefix that [`save_prefix`](Self::save_prefix) is to keep.
    prefix_tokens: usize,
}

impl Sequence {
    /// A sequence of up to `capacity_tokens` tokens (at most the model's context), computed with `n_threads` threads.
    ///
    /// # Errors
    /// If the file's description of the model asks for the impossible.
    pub fn new(model: Arc<Model>, capacity_tokens: usize, n_threads: usize) -> Result<Self, LoadError> {
        let capacity = capacity_tokens.clamp(1, model.context_tokens());
        Ok(Self {
            decoder: Decoder::new(&model, capacity, n_threads)?,
            cache: KvCache::new(model.description(), KvType::default(), capacity)?,
            logits: Vec::new(),
            prefixes: Arc::default(),
            prefix_tokens: 0,
            model,
        })
    }

    /// The same sequence, with beginnings of prompts that it need not read if another sequence or process has.
    #[must_use]
    pub fn with_prefixes(self, prefixes: Arc<PrefixCache>) -> Self {
        Self { prefixes, ..self }
    }

    /// The same sequence, empty, whose keys and values are stored as numbers of another type. They are in half precision
    /// otherwise.
    ///
    /// # Errors
    /// If the file's description of the model asks for the impossible.
    pub fn with_kv_type(self, ty: KvType) -> Result<Self, LoadError> {
        let cache = KvCache::new(self.model.description(), ty, self.cache.capacity())?;
        Ok(Self { cache, ..self })
    }

    /// The model.
    pub fn model(&self) -> &Arc<Model> {
        &self.model
    }

    /// The logits after every token of `tokens`, read from an empty cache.
    ///
    /// # Shapes
    /// `[n_tokens, vocab_size]`.
    ///
    /// # Errors
    /// If the tokens do not fit or are not of the vocabulary.
    pub fn logits(&mut self, tokens: &[TokenId], adapter: Option<&Adapter>) -> Result<&[f32], GenerateError> {
        self.check(tokens)?;
        self.cache.keep_prefix(&[], adapter.map(Adapter::fingerprint));
        self.logits.clear();
        for batch in tokens.chunks(BATCH_TOKENS) {
            self.decoder.read(&self.model, adapter, &mut self.cache, batch, batch.len(), &|| false);
            self.decoder.logits(&self.model, 0..batch.len(), &mut self.logits);
        }
        Ok(&self.logits)
    }

    /// Answers a prompt. `on_text` is given the text as it comes, in whole characters.
    ///
    /// # Errors
    /// If the prompt does not fit, or the constraint cannot be followed.
    pub fn generate(
        &mut self,
        request: GenerateRequest<'_>,
        on_text: &mut dyn FnMut(&str),
    ) -> Result<Generated, GenerateError> {
        self.check(request.prompt)?;
        let started = Instant::now();
        let cached_tokens = self.recall(&request);
        let mut run = Run {
            unread: request.prompt[cached_tokens..].to_vec(),
            sampler: request.sampler,
            constraint: request.constraint,
            guesses: Guesses::new(request.speculation),
            text: StopStrings::new(request.stop),
            utf8: Utf8Stream::default(),
            on_text,
            output_tokens: 0,
            forced_tokens: 0,
            first_token_ms: None,
            started,
        };
        request.prompt.iter().for_each(|token| run.sampler.observe(*token));
        let limits = Limits {
            end_of_generation: request.end_of_generation,
            max_tokens: request.max_tokens,
            cancelled: request.cancelled,
        };
        // Read by itself whether it is to be kept or not, so that the rest is computed in the same batches either way.
        let rest = self.prefix_tokens.saturating_sub(cached_tokens);
        let finish_reason = if self.read(&mut run, rest, request.adapter, limits.cancelled) {
            self.answer(&mut run, request.adapter, &limits)?
        } else {
            FinishReason::Cancelled
        };
        run.finish();
        let total_ms = milliseconds(started);
        Ok(Generated {
            finish_reason,
            cached_tokens,
            output_tokens: run.output_tokens,
            forced_tokens: run.forced_tokens,
            guessed_tokens: run.guesses.accepted,
            first_token_ms: run.first_token_ms.unwrap_or(total_ms),
            total_ms,
        })
    }

    /// Keeps the prefix of the last prompt for other sequences and processes, if it is worth it and not kept yet.
    /// This takes some milliseconds, for which nobody should wait: it is called when the answer has been given.
    pub fn save_prefix(&mut self) {
        let prefix_tokens = std::mem::take(&mut self.prefix_tokens);
        if prefix_tokens > 0 {
            self.prefixes.keep(self.model.fingerprint(), &self.cache, prefix_tokens);
        }
    }

    /// Gets what is known of the prompt into the cache, and what is not of the prompt out of it. Gives how many tokens
    /// are known.
    fn recall(&mut self, request: &GenerateRequest<'_>) -> usize {
        let prompt = request.prompt;
        let adapter = request.adapter.map(Adapter::fingerprint);
        let prefix_tokens = request.prefix_tokens.min(prompt.len() - 1);
        self.prefix_tokens = if prefix_tokens < MIN_PREFIX_TOKENS { 0 } else { prefix_tokens };
        let kept = self.cache.shared_tokens(prompt, adapter);
        let model = || self.model.fingerprint();
        if self.cache.len() - kept >= MIN_PREFIX_TOKENS {
            // Another conversation: it may go on later.
            self.prefixes.keep_in_memory(model(), &self.cache, self.cache.len());
        }
        self.cache.keep_prefix(prompt, adapter);
        self.prefixes.recall(model(), prompt, self.prefix_tokens, &mut self.cache);
        self.cache.len()
    }

    fn check(&self, tokens: &[TokenId]) -> Result<(), GenerateError> {
        let vocab_size = self.model.tokenizer().vocab_size();
        if tokens.is_empty() {
            return Err(GenerateError::EmptyPrompt);
        }
        if let Some(token) = tokens.iter().find(|token| token.0 as usize >= vocab_size) {
            return Err(GenerateError::UnknownToken { token: token.0, vocab_size });
        }
        if tokens.len() >= self.cache.capacity() {
            let limit_tokens = self.cache.capacity();
            return Err(GenerateError::ContextFull { prompt_tokens: tokens.len(), limit_tokens });
        }
        Ok(())
    }

    /// Takes step after step until something ends the answer.
    fn answer(
        &mut self,
        run: &mut Run<'_>,
        adapter: Option<&Adapter>,
        limits: &Limits<'_>,
    ) -> Result<FinishReason, GenerateError> {
        loop {
            if let Some(reason) = self.take_forced(run, limits)? {
                return Ok(reason);
            }
            if self.cache.len() - run.guesses.ahead() + run.unread.len() >= self.cache.capacity() {
                return Ok(FinishReason::ContextFull);
            }
            let Some(token) = self.step(run, adapter, limits)? else { return Ok(FinishReason::Cancelled) };
            run.first_token_ms.get_or_insert_with(|| milliseconds(run.started));
            if limits.end_of_generation == EndOfGeneration::Ends && self.model.tokenizer().is_end_of_generation(token) {
                return Ok(FinishReason::Stop);
            }
            if let Some(constraint) = &mut run.constraint {
                constraint.commit(token)?;
            }
            if let Some(reason) = run.accept(&self.model, token, limits) {
                return Ok(reason);
            }
        }
    }

    /// Appends the tokens that the constraint leaves no choice about, which it has counted already.
    fn take_forced(&mut self, run: &mut Run<'_>, limits: &Limits<'_>) -> Result<Option<FinishReason>, GenerateError> {
        let Some(constraint) = &mut run.constraint else { return Ok(None) };
        if constraint.is_complete() {
            return Ok(Some(FinishReason::Stop));
        }
        for token in constraint.forced()? {
            run.forced_tokens += 1;
            if self.model.tokenizer().is_end_of_generation(token) {
                return Ok(Some(FinishReason::Stop));
            }
            if let Some(reason) = run.accept(&self.model, token, limits) {
                return Ok(Some(reason));
            }
        }
        Ok(run.constraint.as_ref().filter(|constraint| constraint.is_complete()).map(|_| FinishReason::Stop))
    }

    /// Reads what is unread and picks the next token; `None` if cancelled.
    fn step(
        &mut self,
        run: &mut Run<'_>,
        adapter: Option<&Adapter>,
        limits: &Limits<'_>,
    ) -> Result<Option<TokenId>, GenerateError> {
        let wrong = run.guesses.confirm(&mut run.unread);
        self.cache.truncate(self.cache.len() - wrong);
        if !run.unread.is_empty() {
            let n_unread = run.unread.len();
            // Logits are had of the last batch only. The last token of an answer is not read, so no guess is needed there.
            let room = (self.cache.capacity() - self.cache.len())
                .min(BATCH_TOKENS)
                .min(n_unread + (limits.max_tokens - run.output_tokens).saturating_sub(1));
            let guess = run.guesses.guess(self.cache.tokens(), &run.unread, room.saturating_sub(n_unread));
            run.unread.extend(guess);
            let n_tokens = run.unread.len();
            if !self.read(run, n_tokens, adapter, limits.cancelled) {
                return Ok(None);
            }
        }
        self.next_logits(run)?;
        run.sampler.pick(&mut self.logits).map(Some).ok_or(GenerateError::NoToken)
    }

    /// Computes the logits of the tokens that the constraint allows after the last one of the answer.
    fn next_logits(&mut self, run: &mut Run<'_>) -> Result<(), GenerateError> {
        let vocab_size = self.model.tokenizer().vocab_size();
        let ahead = run.guesses.ahead();
        let mask = run.constraint.as_mut().map(Constraint::mask).transpose()?;
        if let Some(few) = mask.filter(|mask| mask.allowed_count() < vocab_size / SPARSE_OUTPUT_SHARE) {
            let ids: Vec<u32> = few.iter().map(|token| token.0).collect();
            self.decoder.logits_of(&self.model, ahead, &ids, &mut self.logits);
            return Ok(());
        }
        self.logits.clear();
        self.decoder.logits(&self.model, ahead..ahead + 1, &mut self.logits);
        if let Some(mask) = mask {
            for (logit, id) in self.logits.iter_mut().zip(0..) {
                if !mask.allows(TokenId(id)) {
                    *logit = f32::NEG_INFINITY;
                }
            }
        }
        Ok(())
    }

    /// Reads the first `n_tokens` of what is unread; `false` if cancelled. Logits are to be had after the last one and
    /// after those that precede a guess.
    fn read(
        &mut self,
        run: &mut Run<'_>,
        n_tokens: usize,
        adapter: Option<&Adapter>,
        cancelled: &dyn Fn() -> bool,
    ) -> bool {
        let tokens = &run.unread[..n_tokens];
        let n_outputs = run.guesses.ahead() + 1;
        let read =
            tokens.is_empty() || self.decoder.read(&self.model, adapter, &mut self.cache, tokens, n_outputs, cancelled);
        run.unread.drain(..n_tokens);
        read
    }
}

/// What can end an answer from outside.
struct Limits<'a> {
    end_of_generation: EndOfGeneration,
    max_tokens: usize,
    cancelled: &'a dyn Fn() -> bool,
}

/// An answer while it is made.
struct Run<'a> {
    /// Tokens of the sequence whose keys and values are not in the cache yet.
    unread: Vec<TokenId>,
    sampler: Sampler,
    constraint: Option<Constraint>,
    guesses: Guesses,
    text: StopStrings,
    utf8: Utf8Stream,
    on_text: &'a mut dyn FnMut(&str),
    output_tokens: usize,
    forced_tokens: usize,
    first_token_ms: Option<f64>,
    started: Instant,
}

impl Run<'_> {
    /// Appends a token to the answer.
    fn accept(&mut self, model: &Model, token: TokenId, limits: &Limits<'_>) -> Option<FinishReason> {
        self.output_tokens += 1;
        self.unread.push(token);
        self.sampler.observe(token);
        let piece = self.utf8.push(model.tokenizer().token_bytes(token));
        match self.text.push(&piece) {
            Released::End(text) => {
                self.show(&text);
                return Some(FinishReason::Stop);
            }
            Released::Text(text) => self.show(&text),
        }
        if (limits.cancelled)() {
            return Some(FinishReason::Cancelled);
        }
        (self.output_tokens >= limits.max_tokens).then_some(FinishReason::Length)
    }

    fn show(&mut self, text: &str) {
        if !text.is_empty() {
            (self.on_text)(text);
        }
    }

    /// Shows what was held back.
    fn finish(&mut self) {
        let held = match self.text.push(self.utf8.flush()) {
            Released::Text(text) => text + &self.text.finish(),
            Released::End(text) => text,
        };
        self.show(&held);
    }
}

fn milliseconds(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1000.0
}
