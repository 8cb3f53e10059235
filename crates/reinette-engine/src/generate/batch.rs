//! Answers that are computed together.
//!
//! A step reads the next tokens of every sequence in the same matrix products, so that weights are read from memory once
//! for all of them: the next token of every answer, and chunks of the prompts that are still unread. Only attention is
//! computed for each sequence by itself.
//!
//! Papers: Orca: A Distributed Serving System for Transformer-Based Generative Models, OSDI 2022; Taming
//! Throughput-Latency Tradeoff in LLM Inference with Sarathi-Serve, arXiv:2403.02310.

use super::draft::{Draft, Drafter};
use super::run::{Allowed, Reading, Run};
use super::slots::{Beginning, Slot, Slots};
use super::{FinishReason, GenerateError, GenerateRequest, Generated};
use crate::model::{Adapter, BATCH_TOKENS, Decoder, LoadError, Model, Part};
use crate::prefix::PrefixCache;
use crate::tokenizer::TokenId;
use reinette_kernels::KvType;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// Tokens of a step in which an answer goes on while a prompt is read: see `step_tokens`.
const SHARED_STEP_TOKENS: usize = 32;

/// What a [`Batch`] may use.
#[derive(Clone, Debug)]
pub struct BatchConfig {
    /// The longest sequence, in tokens; at most the model's context.
    pub context_tokens: usize,
    /// Threads to compute with, the caller's included.
    pub n_threads: usize,
    /// How keys and values are stored.
    pub kv_type: KvType,
    /// How many answers are made at a time; 1 to 32.
    pub max_sequences: usize,
    /// How many tokens all sequences together may keep keys and values of. A request counts with its prompt and the longest
    /// answer that it allows; one is always answered.
    pub max_tokens: usize,
    /// Of these, how many of sequences that are answered, but for the one that was answered last.
    pub max_idle_tokens: usize,
    /// Beginnings of prompts that need not be read if somebody else has.
    pub prefixes: Arc<PrefixCache>,
    /// A much smaller model of the same vocabulary, for [`Speculation::DraftModel`](super::Speculation::DraftModel).
    pub draft: Option<Arc<Model>>,
}

impl BatchConfig {
    /// Up to eight sequences that together take as much memory as one of `context_tokens`.
    pub fn new(context_tokens: usize, n_threads: usize) -> Self {
        Self {
            context_tokens,
            n_threads,
            kv_type: KvType::default(),
            max_sequences: 8,
            max_tokens: context_tokens,
            max_idle_tokens: usize::MAX,
            prefixes: Arc::default(),
            draft: None,
        }
    }
}

/// Tells the requests of a [`Batch`] apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ticket(u64);

/// What a step did for a request.
#[derive(Debug)]
pub enum Progress {
    /// The answer goes on, in whole characters.
    Text(String),
    /// Nothing more comes.
    Finished(Result<Generated, GenerateError>),
}

/// Any number of requests on one model: as many as there is room for are answered together, the others wait in order.
///
/// Every answer that has begun gets its next token in every step, whatever else is read. What a request is answered does
/// not depend on the others. A sequence stays in memory when it has been answered, for a prompt that begins like it.
///
/// ```no_run
/// use reinette_engine::{Batch, BatchConfig, GenerateRequest, Model, Progress};
/// # use reinette_engine::tokenizer::SpecialTokens;
/// use std::sync::Arc;
///
/// let model = Arc::new(Model::load("SmolLM2-135M-Instruct.Q4_1.gguf".as_ref())?);
/// let prompts = ["Once upon a time", "The sea"].map(|text| model.tokenizer().encode(text, SpecialTokens::AsText));
/// let mut batch = Batch::new(model, BatchConfig::new(2048, 2))?;
/// let tickets = prompts.map(|prompt| batch.submit(GenerateRequest::new(prompt)));
/// while !batch.is_idle() {
///     for (ticket, progress) in batch.step() {
///         // Text for one of the tickets, or its end.
///     }
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Batch {
    pub(super) model: Arc<Model>,
    pub(super) slots: Slots,
    decoder: Decoder,
    waiting: VecDeque<Run>,
    /// Requests that are not answered at all.
    refused: Vec<(Ticket, GenerateError)>,
    submitted: u64,
    /// Of all slots that need them of the whole vocabulary.
    logits: Vec<f32>,
    /// Of one of the others.
    some_logits: Vec<f32>,
}

impl Batch {
    /// A batch without requests.
    ///
    /// # Errors
    /// If the file's description of the model asks for the impossible, or a draft model has another vocabulary.
    pub fn new(model: Arc<Model>, config: BatchConfig) -> Result<Self, LoadError> {
        let capacity = config.context_tokens.clamp(1, model.context_tokens());
        let drafter = config.draft.map(|draft| Drafter::new(draft, &model, capacity, config.n_threads)).transpose()?;
        let mut slots = Slots {
            all: Vec::new(),
            kv_type: config.kv_type,
            drafter,
            prefixes: config.prefixes,
            capacity,
            max_sequences: config.max_sequences.clamp(1, SHARED_STEP_TOKENS),
            max_tokens: config.max_tokens,
            max_idle_tokens: config.max_idle_tokens,
            clock: 0,
        };
        slots.add(&model)?;
        Ok(Self {
            decoder: Decoder::new(&model, capacity, config.n_threads)?,
            slots,
            waiting: VecDeque::new(),
            refused: Vec::new(),
            submitted: 0,
            logits: Vec::new(),
            some_logits: Vec::new(),
            model,
        })
    }

    /// Takes a request; the steps to come answer it.
    pub fn submit(&mut self, request: GenerateRequest) -> Ticket {
        self.submitted += 1;
        let ticket = Ticket(self.submitted);
        match self.check(&request.prompt, &request.adapters) {
            Ok(()) => self.waiting.push_back(Run::new(ticket, request)),
            Err(error) => self.refused.push((ticket, error)),
        }
        ticket
    }

    /// Gets ready for a request with this prompt, its prefix and its adapters, if nothing else is being answered: a snapshot
    /// of it is read before its grammar has been compiled. Nothing comes of it if the request is never made, or would be
    /// refused.
    pub fn expect(&mut self, request: &GenerateRequest) {
        if self.check(&request.prompt, &request.adapters).is_ok() {
            // What is wrong now will be wrong when the request comes, and is told then.
            let _ = self.slots.expect(&self.model, &Beginning::of(request));
        }
    }

    /// Whether there is nothing to answer.
    pub fn is_idle(&self) -> bool {
        self.waiting.is_empty() && self.refused.is_empty() && self.slots.all.iter().all(|slot| slot.run.is_none())
    }

    /// How many tokens sequences keep keys and values of, or may come to keep for the answers under way.
    pub fn kept_tokens(&self) -> usize {
        self.slots.kept_tokens()
    }

    /// Goes on with all answers; gives what there is to show of them, in the order of each.
    ///
    /// An error, and even a panic, ends the request that it comes from and no other; only where all are computed together
    /// does a panic end them all.
    pub fn step(&mut self) -> Vec<(Ticket, Progress)> {
        let mut progress = Vec::new();
        for (ticket, error) in self.refused.drain(..) {
            progress.push((ticket, Progress::Finished(Err(error))));
        }
        self.drop_cancelled(&mut progress);
        self.admit(&mut progress);
        let shares = self.shares();
        match guarded(|| Ok(self.read(&shares))) {
            Ok(true) => self.answer(&shares, &mut progress),
            Ok(false) => self.end_all(&|| Ok(FinishReason::Cancelled), &mut progress),
            Err(_) => self.end_all(&|| Err(GenerateError::Failed), &mut progress),
        }
        if self.model.is_lost() {
            self.withdraw(&mut progress);
        }
        progress
    }

    /// Makes errors of all answers: what a step has computed with weights that are gone means nothing.
    fn withdraw(&mut self, progress: &mut Vec<(Ticket, Progress)>) {
        let lost = || GenerateError::WeightsLost { model: self.model.place() };
        for slot in &mut self.slots.all {
            end(slot, Err(lost()), progress);
            slot.forget();
        }
        progress.retain_mut(|(_, progress)| match progress {
            Progress::Text(_) => false,
            Progress::Finished(result) => {
                if result.is_ok() {
                    *result = Err(lost());
                }
                true
            }
        });
    }

    /// Keeps the prefixes of the prompts answered last for other sequences and processes, if they are worth it and not kept
    /// yet. This takes some milliseconds: it is called when answers have been given.
    pub fn save_prefixes(&mut self) {
        self.slots.save_prefixes(&self.model);
    }

    pub(super) fn check(&self, tokens: &[TokenId], adapters: &[Arc<Adapter>]) -> Result<(), GenerateError> {
        let vocab_size = self.model.tokenizer().vocab_size();
        if tokens.is_empty() {
            return Err(GenerateError::EmptyPrompt);
        }
        if let Some(token) = tokens.iter().find(|token| token.0 as usize >= vocab_size) {
            return Err(GenerateError::UnknownToken { token: token.0, vocab_size });
        }
        if adapters.iter().any(|adapter| !adapter.is_of(&self.model)) {
            return Err(GenerateError::ForeignAdapter);
        }
        let limit_tokens = self.slots.capacity;
        if tokens.len() >= limit_tokens {
            return Err(GenerateError::ContextFull { prompt_tokens: tokens.len(), limit_tokens });
        }
        Ok(())
    }

    /// Appends the logits after every token of `tokens` to `out`; a batch without requests reads them.
    pub(super) fn read_alone(
        &mut self,
        tokens: &[TokenId],
        adapters: &[Arc<Adapter>],
        out: &mut Vec<f32>,
    ) -> Result<(), GenerateError> {
        let Some(Slot { cache, .. }) = self.slots.all.first_mut() else { return Err(GenerateError::Failed) };
        cache.keep_prefix(&[], Adapter::fingerprint(adapters));
        for tokens in tokens.chunks(BATCH_TOKENS) {
            let part = Part { cache, adapters, tokens, n_outputs: tokens.len() };
            self.decoder.read(&self.model, &mut [part], &|| false);
            self.decoder.logits(&self.model, &(0..tokens.len()).collect::<Vec<_>>(), out);
        }
        if self.model.is_lost() {
            return Err(GenerateError::WeightsLost { model: self.model.place() });
        }
        if are_finite(&Allowed::All, out) {
            return Ok(());
        }
        Err(GenerateError::NotFinite { model: self.model.place() })
    }

    /// Frees the places of those whom nobody listens to any more.
    fn drop_cancelled(&mut self, progress: &mut Vec<(Ticket, Progress)>) {
        for slot in &mut self.slots.all {
            if slot.run.as_ref().is_some_and(Run::is_cancelled) {
                end(slot, Ok(FinishReason::Cancelled), progress);
            }
        }
        self.waiting.retain_mut(|run| {
            let cancelled = run.is_cancelled();
            if cancelled {
                progress.push((run.ticket, Progress::Finished(Ok(run.finish(FinishReason::Cancelled)))));
            }
            !cancelled
        });
    }

    fn end_all(
        &mut self,
        reason: &dyn Fn() -> Result<FinishReason, GenerateError>,
        progress: &mut Vec<(Ticket, Progress)>,
    ) {
        for slot in &mut self.slots.all {
            end(slot, reason(), progress);
        }
    }

    /// Gives free places to those who wait, in their order.
    fn admit(&mut self, progress: &mut Vec<(Ticket, Progress)>) {
        while let Some(mut run) = self.waiting.pop_front() {
            let index = match self.slots.place(&self.model, &run) {
                Ok(Some(index)) => index,
                Ok(None) => return self.waiting.push_front(run),
                Err(error) => {
                    progress.push((run.ticket, Progress::Finished(Err(error.into()))));
                    continue;
                }
            };
            let slot = &mut self.slots.all[index];
            let begun = guarded(|| run.begin(self.model.tokenizer(), &slot.cache));
            slot.run = Some(run);
            if let Some(end_of_run) = begun.transpose() {
                end(slot, end_of_run, progress);
            }
        }
    }

    /// How many of its next tokens each slot reads in this step: all if they are few, else equal shares of what is left.
    fn shares(&mut self) -> Vec<usize> {
        let running = || self.slots.all.iter().filter_map(|slot| slot.run.as_ref());
        let n_running = running().count();
        // One more token costs a step little, a hundred make it many times as long, and those who read an answer wait.
        let step_tokens =
            if n_running > 1 && running().any(Run::is_answering) { SHARED_STEP_TOKENS } else { BATCH_TOKENS };
        let room = step_tokens / n_running.max(1);
        let mut wanted: Vec<(usize, usize)> = Vec::with_capacity(n_running);
        let Slots { all, drafter, .. } = &mut self.slots;
        for (index, Slot { cache, draft, run, .. }) in all.iter_mut().enumerate() {
            let Some(run) = run else { continue };
            let draft = drafter.as_mut().zip(draft.as_mut()).map(|(drafter, cache)| Draft { drafter, cache, room });
            wanted.push((run.plan(cache, room, draft), index));
        }
        wanted.sort_unstable();
        let mut shares = vec![0; self.slots.all.len()];
        let mut left = step_tokens;
        for (place, (wanted, index)) in wanted.iter().enumerate() {
            shares[*index] = (*wanted).min(left / (n_running - place));
            left -= shares[*index];
        }
        shares
    }

    /// Reads the next tokens of every slot, and finds out meanwhile what may come after them; `false` if all requests were
    /// cancelled before that was done.
    fn read(&mut self, shares: &[usize]) -> bool {
        let (mut parts, mut readings, mut aheads) = (Vec::new(), Vec::new(), Vec::new());
        for (Slot { cache, run, .. }, share) in self.slots.all.iter_mut().zip(shares) {
            let Some(run) = run else { continue };
            let (reading, ahead) = run.reading(*share);
            let Reading { adapters, tokens, n_outputs, .. } = reading;
            parts.push(Part { cache, adapters, tokens, n_outputs });
            readings.push(reading);
            aheads.extend(ahead);
        }
        if parts.is_empty() {
            return true;
        }
        let (vocab_size, threads) = (self.model.tokenizer().vocab_size(), Arc::clone(self.decoder.threads()));
        let find_ahead = || {
            for ahead in aheads {
                // Whoever asks for it when the tokens have been read is told of an error.
                let _ = guarded(|| ahead.find(vocab_size));
            }
        };
        let is_cancelled = || readings.iter().all(Reading::is_cancelled);
        threads.beside(find_ahead, || self.decoder.read(&self.model, &mut parts, &is_cancelled))
    }

    /// Picks the next tokens of every slot whose tokens have all been read.
    fn answer(&mut self, shares: &[usize], progress: &mut Vec<(Ticket, Progress)>) {
        let vocab_size = self.model.tokenizer().vocab_size();
        let (mut n_outputs, mut in_full, mut ready) = (0, Vec::new(), Vec::new());
        for (index, (slot, share)) in self.slots.all.iter_mut().zip(shares).enumerate() {
            let Some(run) = &mut slot.run else { continue };
            run.unread.drain(..*share);
            if !run.unread.is_empty() {
                continue;
            }
            let first = n_outputs;
            n_outputs += run.guesses.ahead() + 1;
            match guarded(|| run.allowed(vocab_size).map(|allowed| matches!(allowed, Allowed::Few(_)))) {
                Err(error) => end(slot, Err(error), progress),
                Ok(true) => ready.push(Ready { index, outputs_end: n_outputs, in_full_end: None }),
                Ok(false) => {
                    in_full.extend(first..n_outputs);
                    ready.push(Ready { index, outputs_end: n_outputs, in_full_end: Some(in_full.len()) });
                }
            }
        }
        self.logits.clear();
        if !in_full.is_empty() {
            self.decoder.logits(&self.model, &in_full, &mut self.logits);
        }
        for ready in ready {
            let reason = guarded(|| self.pick(&ready));
            let slot = &mut self.slots.all[ready.index];
            let is_broken = matches!(reason, Err(GenerateError::NotFinite { .. }));
            match reason.transpose() {
                Some(reason) => end(slot, reason, progress),
                None => progress.extend(slot.run.as_mut().and_then(show)),
            }
            if is_broken {
                slot.forget();
            }
        }
    }

    /// Picks the next token of a slot, and those after it as long as they were guessed.
    fn pick(&mut self, ready: &Ready) -> Result<Option<FinishReason>, GenerateError> {
        let Slot { cache, run: Some(run), .. } = &mut self.slots.all[ready.index] else { return Ok(None) };
        let (tokenizer, vocab_size) = (self.model.tokenizer(), self.model.tokenizer().vocab_size());
        loop {
            let from_end = run.guesses.ahead() + 1;
            let allowed = run.allowed(vocab_size)?;
            let logits = if let Some(end) = ready.in_full_end {
                &mut self.logits[(end - from_end) * vocab_size..][..vocab_size]
            } else {
                let output = ready.outputs_end - from_end;
                self.some_logits.clear();
                match allowed {
                    Allowed::Few(ids) => self.decoder.logits_of(&self.model, output, ids, &mut self.some_logits),
                    _ => self.decoder.logits(&self.model, &[output], &mut self.some_logits),
                }
                self.some_logits.as_mut_slice()
            };
            if !are_finite(allowed, logits) {
                return Err(GenerateError::NotFinite { model: self.model.place() });
            }
            if let Some(reason) = run.pick(tokenizer, cache, logits)? {
                return Ok(Some(reason));
            }
            if !run.unread.is_empty() {
                return Ok(None);
            }
        }
    }
}

/// A slot whose next token can be picked.
struct Ready {
    index: usize,
    /// The end of its outputs among those of all slots.
    outputs_end: usize,
    /// The end of its outputs among those whose logits have been computed for the whole vocabulary, if they have: the output
    /// layer is read once for all of them.
    in_full_end: Option<usize>,
}

/// Whether the logits are numbers that were computed.
fn are_finite(computed: &Allowed, logits: &[f32]) -> bool {
    match computed {
        Allowed::Few(ids) => ids.iter().all(|id| logits[*id as usize].is_finite()),
        // Without a branch for each.
        _ => logits.iter().fold(true, |all, logit| all & logit.is_finite()),
    }
}

/// What is one request's own, such as its constraint: a panic there is no more than an error of this request.
fn guarded<T>(work: impl FnOnce() -> Result<T, GenerateError>) -> Result<T, GenerateError> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or(Err(GenerateError::Failed))
}

/// What of the answer may be shown and was not yet.
fn show(run: &mut Run) -> Option<(Ticket, Progress)> {
    let text = run.take_shown();
    (!text.is_empty()).then_some((run.ticket, Progress::Text(text)))
}

/// Ends an answer and frees its slot.
fn end(slot: &mut Slot, reason: Result<FinishReason, GenerateError>, progress: &mut Vec<(Ticket, Progress)>) {
    let Some(mut run) = slot.release() else { return };
    let result = reason.map(|reason| run.finish(reason));
    progress.extend(show(&mut run));
    progress.push((run.ticket, Progress::Finished(result)));
}
