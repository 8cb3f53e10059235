//! A constraint as an answer is generated.

use super::ConstraintError;
use crate::tokenizer::TokenId;
use llguidance::Matcher;
use toktrie::SimpleVob;

/// Which tokens may come next, over the whole vocabulary: one bit a token.
#[derive(Clone, Debug, Default)]
pub struct TokenMask {
    bits: SimpleVob,
}

impl TokenMask {
    /// Whether `token` may come next.
    pub fn allows(&self, token: TokenId) -> bool {
        (token.0 as usize) < self.bits.len() && self.bits.is_allowed(token.0)
    }

    /// How many tokens may come next.
    pub fn allowed_count(&self) -> usize {
        self.bits.num_set()
    }

    /// The tokens that may come next, in the order of their ids.
    pub fn iter(&self) -> impl Iterator<Item = TokenId> {
        self.bits.iter().map(TokenId)
    }

    /// The bits, 32 a word, token 0 in the lowest of the first. Bits past the vocabulary are 0.
    pub fn words(&self) -> &[u32] {
        self.bits.as_slice()
    }
}

/// Where an answer stands in its grammar. Belongs to one answer; sharing nothing but the vocabulary's trie, it may
/// move between threads.
///
/// The loop of a generation: [`forced`](Self::forced) tokens are taken without the model; then, unless it
/// [`is_complete`](Self::is_complete), the model picks one of those in the [`mask`](Self::mask), which is
/// [`commit`](Self::commit)ted.
pub struct Constraint {
    matcher: Matcher,
    mask: TokenMask,
    vocab_size: usize,
}

impl std::fmt::Debug for Constraint {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Constraint").field("is_complete", &self.is_complete()).finish_non_exhaustive()
    }
}

impl Constraint {
    pub(super) fn new(matcher: Matcher, vocab_size: usize) -> Self {
        Self { matcher, mask: TokenMask::default(), vocab_size }
    }

    /// The tokens that may come next. Tokens that end an answer are among them when it may stop here.
    ///
    /// # Errors
    /// When the grammar's limits of time or memory are met.
    pub fn mask(&mut self) -> Result<&TokenMask, ConstraintError> {
        let mut bits = self.matcher.compute_mask_or_eos().map_err(|error| exhausted(&error))?;
        if bits.len() != self.vocab_size {
            bits.resize(self.vocab_size);
        }
        self.mask.bits = bits;
        Ok(&self.mask)
    }

    /// The tokens that the grammar leaves no choice about, in the tokenizer's own segmentation, already committed: the
    /// model reads them together with what comes next, and need not be asked.
    ///
    /// # Errors
    /// When the grammar's limits of time or memory are met.
    pub fn forced(&mut self) -> Result<Vec<TokenId>, ConstraintError> {
        if self.is_complete() {
            return Ok(Vec::new());
        }
        let tokens = self.matcher.compute_ff_tokens();
        self.matcher.consume_tokens(&tokens).map_err(|error| exhausted(&error))?;
        Ok(tokens.into_iter().map(TokenId).collect())
    }

    /// Takes `token` as the next one. A token that ends the answer is taken when the answer may stop.
    ///
    /// # Errors
    /// When the mask does not allow it; the constraint is then as it was.
    pub fn commit(&mut self, token: TokenId) -> Result<(), ConstraintError> {
        if token.0 as usize >= self.vocab_size {
            return Err(ConstraintError::Refused(token));
        }
        match self.matcher.try_consume_tokens(&[token.0]) {
            Ok(1) => Ok(()),
            Ok(_) => Err(ConstraintError::Refused(token)),
            Err(error) => Err(exhausted(&error)),
        }
    }

    /// Whether what was committed is a whole sentence of the grammar, so that the answer may stop here.
    ///
    /// # Errors
    /// When the grammar's limits of time or memory are met.
    pub fn may_stop(&mut self) -> Result<bool, ConstraintError> {
        if self.is_complete() {
            return Ok(true);
        }
        self.matcher.is_accepting().map_err(|error| exhausted(&error))
    }

    /// Whether nothing can follow what was committed.
    pub fn is_complete(&self) -> bool {
        self.matcher.is_stopped()
    }
}

fn exhausted(error: &dyn std::fmt::Display) -> ConstraintError {
    ConstraintError::Exhausted(error.to_string())
}
