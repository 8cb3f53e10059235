//! An answer while it is made.

use super::draft::Draft;
use super::logits::{Likelihoods, Logits, TokenLogProbability};
use super::speculation::Guesses;
use super::stop::{Released, StopStrings};
use super::{EndOfGeneration, FinishReason, GenerateError, GenerateRequest, Generated, Ticket};
use crate::constraint::{Constraint, TokenMask};
use crate::model::{Adapter, KvCache};
use crate::tokenizer::{TokenId, Tokenizer, Utf8Stream};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;

/// Below this share of the vocabulary it pays to compute the output layer only for the tokens that a mask allows:
/// rows picked one by one are read at about half the speed of rows in order.
const SPARSE_OUTPUT_SHARE: usize = 4;

/// The tokens that may come next.
#[derive(Debug)]
pub(super) enum Allowed {
    /// All of them.
    All,
    /// So few that only their logits are computed.
    Few(Vec<u32>),
    /// Those in the mask.
    Masked(TokenMask),
}

impl Allowed {
    /// Makes the logits of all other tokens −∞.
    fn mask(&self, logits: &mut [f32]) {
        match self {
            Self::All => {}
            Self::Few(ids) => {
                let kept: Vec<f32> = ids.iter().map(|id| logits[*id as usize]).collect();
                logits.fill(f32::NEG_INFINITY);
                ids.iter().zip(kept).for_each(|(id, logit)| logits[*id as usize] = logit);
            }
            Self::Masked(mask) => {
                // Most tokens are allowed: only the bits of the others are visited.
                let words = mask.words().iter().copied().chain(std::iter::repeat(0));
                for (word, logits) in words.zip(logits.chunks_mut(32)) {
                    let mut others = !word;
                    while others != 0 {
                        let place = others.trailing_zeros() as usize;
                        others &= others - 1;
                        logits.get_mut(place).into_iter().for_each(|logit| *logit = f32::NEG_INFINITY);
                    }
                }
            }
        }
    }
}

/// What a step reads of an answer.
pub(super) struct Reading<'a> {
    pub(super) adapters: &'a [Arc<Adapter>],
    pub(super) tokens: &'a [TokenId],
    /// After how many of the last tokens logits are wanted.
    pub(super) n_outputs: usize,
    cancelled: &'a dyn Fn() -> bool,
}

impl Reading<'_> {
    /// As [`Run::is_cancelled`].
    pub(super) fn is_cancelled(&self) -> bool {
        says_cancelled(self.cancelled)
    }
}

/// What can be found out of the next token while the model reads those before it: another thread may.
pub(super) struct Ahead<'a> {
    constraint: &'a mut Constraint,
    /// Whether the logits of tokens that are not allowed are wanted too: probabilities are shares of all tokens.
    in_full: bool,
    allowed: &'a mut Option<Allowed>,
}

impl Ahead<'_> {
    pub(super) fn find(self, vocab_size: usize) -> Result<(), GenerateError> {
        let mask = self.constraint.mask()?;
        let is_few = !self.in_full && mask.allowed_count() < vocab_size / SPARSE_OUTPUT_SHARE;
        *self.allowed = Some(if is_few {
            Allowed::Few(mask.iter().map(|token| token.0).collect())
        } else {
            Allowed::Masked(mask.clone())
        });
        Ok(())
    }
}

/// An answer while it is made: what it is to read next, and what it does with the logits after that.
pub(super) struct Run {
    pub(super) ticket: Ticket,
    pub(super) request: GenerateRequest,
    /// Tokens of the sequence whose keys and values are not in the cache yet, and guesses that are to be read with them.
    pub(super) unread: Vec<TokenId>,
    pub(super) guesses: Guesses,
    /// Known from when it is first asked for until a token is taken.
    allowed: Option<Allowed>,
    text: StopStrings,
    utf8: Utf8Stream,
    /// Text that may be shown and was not yet.
    shown: String,
    /// All tokens of the answer, and what the model held of them if that is to be told.
    answer: Vec<TokenId>,
    log_probabilities: Vec<TokenLogProbability>,
    cached_tokens: usize,
    forced_tokens: usize,
    first_token_ms: Option<f64>,
    started: Instant,
}

impl Run {
    pub(super) fn new(ticket: Ticket, mut request: GenerateRequest) -> Self {
        request.prompt.iter().for_each(|token| request.sampler.observe(*token));
        Self {
            ticket,
            unread: Vec::new(),
            guesses: Guesses::new(request.speculation),
            allowed: None,
            text: StopStrings::new(&request.stop),
            utf8: Utf8Stream::default(),
            shown: String::new(),
            answer: Vec::new(),
            log_probabilities: Vec::new(),
            cached_tokens: 0,
            forced_tokens: 0,
            first_token_ms: None,
            started: Instant::now(),
            request,
        }
    }

    /// Whether nobody wants the answer any more.
    pub(super) fn is_cancelled(&self) -> bool {
        says_cancelled(&*self.request.cancelled)
    }

    /// Whether the prompt has been read.
    pub(super) fn is_answering(&self) -> bool {
        self.first_token_ms.is_some()
    }

    /// Begins after the tokens of the prompt that `cache` holds.
    pub(super) fn begin(
        &mut self,
        tokenizer: &Tokenizer,
        cache: &KvCache,
    ) -> Result<Option<FinishReason>, GenerateError> {
        self.cached_tokens = cache.len();
        self.unread = self.request.prompt[self.cached_tokens..].to_vec();
        Ok(self.take_forced(tokenizer)?.or_else(|| self.context_end(cache)))
    }

    /// Adds guesses to what is unread, as far as the batch has `room` for both. Gives how many tokens are to be read in one go.
    pub(super) fn plan(&mut self, cache: &KvCache, room: usize, draft: Option<Draft<'_>>) -> usize {
        // Read by itself whether it is to be kept or not, so that the rest is computed in the same batches either way.
        let prefix_tokens = self.request.prefix_tokens.min(self.request.prompt.len() - 1);
        if let rest @ 1.. = prefix_tokens.saturating_sub(cache.len()) {
            return rest;
        }
        let n_unread = self.unread.len();
        // The last token of an answer is not read, so no guess is needed there.
        let room = room
            .min(cache.capacity() - cache.len())
            .min(n_unread.saturating_add(self.request.max_tokens - self.answer.len()).saturating_sub(1));
        // Nobody waits for a draft of the first token: reading the prompt once more would take longer than it gains.
        let draft = draft.filter(|_| self.is_answering());
        let guess = self.guesses.guess(cache.tokens(), &self.unread, room.saturating_sub(n_unread), draft);
        self.unread.extend(guess);
        self.unread.len()
    }

    /// What the model is to read of the answer, `n_tokens` of what is unread, and what is found out meanwhile.
    pub(super) fn reading(&mut self, n_tokens: usize) -> (Reading<'_>, Option<Ahead<'_>>) {
        let GenerateRequest { adapters, constraint, log_probabilities, cancelled, .. } = &mut self.request;
        let n_outputs = if n_tokens == self.unread.len() { self.guesses.ahead() + 1 } else { 0 };
        let reading = Reading { adapters, tokens: &self.unread[..n_tokens], n_outputs, cancelled: &**cancelled };
        let allowed = &mut self.allowed;
        let is_open = allowed.is_none();
        let ahead = constraint.as_mut().filter(|_| is_open);
        (reading, ahead.map(|constraint| Ahead { constraint, in_full: log_probabilities.is_some(), allowed }))
    }

    /// What may come next.
    pub(super) fn allowed(&mut self, vocab_size: usize) -> Result<&Allowed, GenerateError> {
        if let (None, Some(constraint)) = (&self.allowed, &mut self.request.constraint) {
            let in_full = self.request.log_probabilities.is_some();
            Ahead { constraint, in_full, allowed: &mut self.allowed }.find(vocab_size)?;
        }
        Ok(self.allowed.get_or_insert(Allowed::All))
    }

    /// Picks the next token by `logits`, `[vocab_size]`, and all that follow from it; what was guessed wrong leaves the cache.
    pub(super) fn pick(
        &mut self,
        tokenizer: &Tokenizer,
        cache: &mut KvCache,
        logits: &mut [f32],
    ) -> Result<Option<FinishReason>, GenerateError> {
        let likelihoods = self.request.log_probabilities.map(|count| (count, Likelihoods::of(logits)));
        if let Some(processor) = &self.request.logits_processor {
            processor.process(&mut Logits { tokenizer, answer: &self.answer, values: logits });
        }
        if let Some(allowed) = self.allowed.take() {
            allowed.mask(logits);
        }
        let token = self.request.sampler.pick(logits).ok_or(GenerateError::NoToken)?;
        self.first_token_ms.get_or_insert_with(|| milliseconds(self.started));
        if self.request.end_of_generation == EndOfGeneration::Ends && tokenizer.is_end_of_generation(token) {
            return Ok(Some(FinishReason::Stop));
        }
        if let Some(constraint) = &mut self.request.constraint {
            constraint.commit(token)?;
        }
        self.log_probabilities.extend(likelihoods.map(|(count, likelihoods)| likelihoods.tell(token, count)));
        if let Some(reason) = self.accept(tokenizer, token) {
            return Ok(Some(reason));
        }
        if let Some(reason) = self.take_forced(tokenizer)? {
            return Ok(Some(reason));
        }
        let wrong = self.guesses.confirm(&mut self.unread);
        cache.truncate(cache.len() - wrong);
        Ok(self.context_end(cache))
    }

    /// The text since this was asked last.
    pub(super) fn take_shown(&mut self) -> String {
        std::mem::take(&mut self.shown)
    }

    /// What the answer took; what was held back of its text is shown.
    pub(super) fn finish(&mut self, finish_reason: FinishReason) -> Generated {
        match self.text.push(self.utf8.flush()) {
            Released::Text(text) => self.shown += &(text + &self.text.finish()),
            Released::End(text) => self.shown += &text,
        }
        let total_ms = milliseconds(self.started);
        Generated {
            finish_reason,
            cached_tokens: self.cached_tokens,
            output_tokens: self.answer.len(),
            forced_tokens: self.forced_tokens,
            guessed_tokens: self.guesses.accepted,
            log_probabilities: std::mem::take(&mut self.log_probabilities),
            first_token_ms: self.first_token_ms.unwrap_or(total_ms),
            total_ms,
        }
    }

    /// Appends the tokens that the constraint leaves no choice about, which it has counted already.
    fn take_forced(&mut self, tokenizer: &Tokenizer) -> Result<Option<FinishReason>, GenerateError> {
        let Some(constraint) = &mut self.request.constraint else { return Ok(None) };
        if constraint.is_complete() {
            return Ok(Some(FinishReason::Stop));
        }
        let vocab_size = tokenizer.vocab_size();
        for token in constraint.forced()? {
            if token.0 as usize >= vocab_size {
                // The constraint is of another vocabulary.
                return Err(GenerateError::UnknownToken { token: token.0, vocab_size });
            }
            self.forced_tokens += 1;
            if tokenizer.is_end_of_generation(token) {
                return Ok(Some(FinishReason::Stop));
            }
            if self.request.log_probabilities.is_some() {
                self.log_probabilities.push(TokenLogProbability {
                    token,
                    log_probability: None,
                    likeliest: Vec::new(),
                });
            }
            if let Some(reason) = self.accept(tokenizer, token) {
                return Ok(Some(reason));
            }
        }
        let complete = self.request.constraint.as_ref().is_some_and(Constraint::is_complete);
        Ok(complete.then_some(FinishReason::Stop))
    }

    /// Appends a token to the answer.
    fn accept(&mut self, tokenizer: &Tokenizer, token: TokenId) -> Option<FinishReason> {
        self.answer.push(token);
        self.unread.push(token);
        self.request.sampler.observe(token);
        let piece = self.utf8.push(tokenizer.token_bytes(token));
        match self.text.push(&piece) {
            Released::End(text) => {
                self.shown += &text;
                return Some(FinishReason::Stop);
            }
            Released::Text(text) => self.shown += &text,
        }
        (self.answer.len() >= self.request.max_tokens).then_some(FinishReason::Length)
    }

    /// Whether what is unread leaves no room for an answer.
    fn context_end(&self, cache: &KvCache) -> Option<FinishReason> {
        let n_tokens = cache.len() - self.guesses.ahead() + self.unread.len();
        (n_tokens >= cache.capacity()).then_some(FinishReason::ContextFull)
    }
}

/// What `cancelled` says; whoever panics when asked wants nothing any more.
fn says_cancelled(cancelled: &dyn Fn() -> bool) -> bool {
    catch_unwind(AssertUnwindSafe(cancelled)).unwrap_or(true)
}

fn milliseconds(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1000.0
}
