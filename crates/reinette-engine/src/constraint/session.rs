//! A constraint as an answer is generated.

use super::ConstraintError;
use super::bytes::NO_BYTE;
use super::vocabulary::Vocabulary;
use crate::tokenizer::TokenId;
use llguidance::earley::Parser;
use llguidance::panic_utils;
use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use toktrie::{Recognizer, SimpleVob};

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
    parser: Parser,
    vocabulary: Arc<Vocabulary>,
    /// The control tokens that may be said where the grammar has their text.
    marks: Vec<TokenId>,
    /// The last token, which those after it may be one text with.
    last: Option<TokenId>,
    may_stop: bool,
    is_complete: bool,
    /// What follows from the parser's state, once it was asked for.
    forced: Option<Forced>,
    mask: TokenMask,
}

/// What the grammar leaves no choice about.
#[derive(Default)]
struct Forced {
    /// In the tokenizer's own segmentation.
    tokens: Vec<TokenId>,
    /// The bytes after them, which are the beginning of tokens that the model has a choice of.
    rest: Vec<u8>,
}

impl fmt::Debug for Constraint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Constraint").field("is_complete", &self.is_complete).finish_non_exhaustive()
    }
}

impl Constraint {
    /// # Errors
    /// When nothing can be said at all.
    pub(super) fn new(
        parser: Parser,
        vocabulary: Arc<Vocabulary>,
        marks: Vec<TokenId>,
    ) -> Result<Self, ConstraintError> {
        let mask = TokenMask::default();
        let mut constraint =
            Self { parser, vocabulary, marks, last: None, may_stop: false, is_complete: false, forced: None, mask };
        constraint.guarded(Self::settle)?;
        constraint.mask()?;
        Ok(constraint)
    }

    /// The tokens that may come next. Tokens that end an answer are among them when it may stop here.
    ///
    /// # Errors
    /// When the grammar's limits of time or memory are met.
    pub fn mask(&mut self) -> Result<&TokenMask, ConstraintError> {
        self.mask.bits = self.guarded(Self::find_mask)?;
        if self.may_stop {
            for end in self.vocabulary.tokenizer.end_of_generation() {
                self.mask.bits.allow_token(end.0);
            }
        }
        if self.mask.bits.is_zero() {
            return Err(ConstraintError::Exhausted("no token can follow".to_owned()));
        }
        Ok(&self.mask)
    }

    /// The tokens that the grammar leaves no choice about, in the tokenizer's own segmentation, already committed: the
    /// model reads them together with what comes next, and need not be asked.
    ///
    /// # Errors
    /// When the grammar's limits of time or memory are met.
    pub fn forced(&mut self) -> Result<Vec<TokenId>, ConstraintError> {
        if self.is_complete {
            return Ok(Vec::new());
        }
        self.guarded(|this| {
            let tokens = std::mem::take(&mut this.follow()?.tokens);
            for token in &tokens {
                this.advance(*token)?;
            }
            if !tokens.is_empty() {
                this.settle()?;
            }
            Ok(tokens)
        })
    }

    /// Takes `token` as the next one. A token that ends the answer is taken when the answer may stop.
    ///
    /// # Errors
    /// When the mask does not allow it; the constraint is then as it was.
    pub fn commit(&mut self, token: TokenId) -> Result<(), ConstraintError> {
        self.guarded(|this| {
            if this.is_complete || !this.admits(token) {
                return Err(ConstraintError::Refused(token));
            }
            if this.vocabulary.tokenizer.is_end_of_generation(token) {
                this.is_complete = true;
                return Ok(());
            }
            this.advance(token)?;
            this.settle()
        })
    }

    /// Whether what was committed is a whole sentence of the grammar, so that the answer may stop here.
    pub fn may_stop(&self) -> bool {
        self.may_stop
    }

    /// Whether nothing can follow what was committed.
    pub fn is_complete(&self) -> bool {
        self.is_complete
    }

    /// Takes a step in which the parser may panic: it asserts much about its own state.
    fn guarded<T>(&mut self, step: impl FnOnce(&mut Self) -> Result<T, ConstraintError>) -> Result<T, ConstraintError> {
        let outcome = panic_utils::catch_unwind(AssertUnwindSafe(|| Ok(step(self))));
        outcome.unwrap_or_else(|error| {
            let error = error.to_string();
            Err(ConstraintError::Exhausted(error.lines().next().unwrap_or_default().to_owned()))
        })
    }

    fn find_mask(&mut self) -> Result<SimpleVob, ConstraintError> {
        let vocabulary = Arc::clone(&self.vocabulary);
        if self.is_complete {
            return Ok(vocabulary.no_tokens());
        }
        let Forced { tokens, rest } = self.follow()?;
        if let Some(first) = tokens.first() {
            let mut bits = vocabulary.no_tokens();
            bits.allow_token(first.0);
            return Ok(bits);
        }
        let rest = std::mem::take(rest);
        let mut bits = self.parser.compute_bias(&*vocabulary, &rest);
        for mark in self.marks.clone() {
            if self.goes_on_with(vocabulary.tokenizer.token_bytes(mark), &rest) {
                bits.allow_token(mark.0);
            }
        }
        self.forced = Some(Forced { tokens: Vec::new(), rest });
        self.check()?;
        Ok(bits)
    }

    /// Whether the grammar goes on with `token`.
    fn admits(&mut self, token: TokenId) -> bool {
        let tokenizer = Arc::clone(&self.vocabulary.tokenizer);
        if token.0 as usize >= tokenizer.vocab_size() {
            return false;
        }
        if tokenizer.is_end_of_generation(token) {
            return self.may_stop;
        }
        let bytes = tokenizer.token_bytes(token);
        let is_control = tokenizer.is_special(token) && !self.marks.contains(&token);
        let forced = self.parser.currently_forced_bytes().to_vec();
        !bytes.is_empty() && !is_control && self.goes_on_with(bytes, &forced)
    }

    /// Whether the grammar goes on with a token of these bytes, where `forced` come first.
    fn goes_on_with(&mut self, bytes: &[u8], forced: &[u8]) -> bool {
        let n_forced = forced.len().min(bytes.len());
        if bytes[..n_forced] != forced[..n_forced] {
            return false;
        }
        self.parser.with_recognizer(|recognizer| {
            recognizer.trie_started("token");
            let admits = bytes[n_forced..].iter().all(|&byte| recognizer.try_push_byte(byte));
            recognizer.trie_finished();
            admits
        })
    }

    fn advance(&mut self, token: TokenId) -> Result<(), ConstraintError> {
        self.forced = None;
        self.last = Some(token);
        let bytes = self.vocabulary.tokenizer.token_bytes(token);
        match self.parser.apply_token(bytes, NO_BYTE) {
            Ok(0) => Ok(()),
            Ok(_) => Err(ConstraintError::Exhausted("the grammar takes back what it took".to_owned())),
            Err(error) => Err(ConstraintError::Exhausted(error.to_string())),
        }
    }

    /// Finds out whether the answer may stop, and whether it has to.
    fn settle(&mut self) -> Result<(), ConstraintError> {
        self.may_stop = self.parser.currently_forced_bytes().is_empty() && self.parser.is_accepting();
        self.check()?;
        self.is_complete = self.may_stop && !self.parser.can_advance();
        Ok(())
    }

    /// What the grammar forces from here on.
    fn follow(&mut self) -> Result<&mut Forced, ConstraintError> {
        if self.forced.is_none() {
            self.forced = Some(self.find_forced());
            self.check()?;
        }
        Ok(self.forced.get_or_insert_default())
    }

    fn find_forced(&mut self) -> Forced {
        let vocabulary = Arc::clone(&self.vocabulary);
        if !vocabulary.is_canonical {
            return Forced { tokens: Vec::new(), rest: self.parser.currently_forced_bytes().to_vec() };
        }
        let forced = self.parser.force_bytes().to_vec();
        // What may be the beginning of a control token is not said in other tokens.
        let n_open = self.beginning_of_mark(&forced);
        let (settled, open) = forced.split_at(forced.len() - n_open);
        // The beginning of a character cannot be encoded; it is one of several that go on alike, so it is no token's end.
        let Some(text) = std::str::from_utf8(settled).ok().filter(|text| !text.is_empty()) else {
            return Forced { tokens: Vec::new(), rest: forced };
        };
        let mut tokens = self.encode_after_last(text);
        if !open.is_empty() {
            return Forced { tokens, rest: open.to_vec() };
        }
        let unsettled =
            |parser: &mut Parser| parser.with_recognizer(|recognizer| vocabulary.unsettled(recognizer, &tokens));
        let (n_tokens, n_bytes) = unsettled(&mut self.parser);
        tokens.truncate(tokens.len() - n_tokens);
        let rest = forced[forced.len() - n_bytes.min(forced.len())..].to_vec();
        Forced { tokens, rest }
    }

    /// The tokens of `text`, as they follow the last one where that is not changed by them.
    fn encode_after_last(&self, text: &str) -> Vec<TokenId> {
        let last = self.last.map(|last| (last, self.vocabulary.tokenizer.token_bytes(last)));
        if let Some((last, Ok(before))) = last.map(|(last, bytes)| (last, std::str::from_utf8(bytes))) {
            let tokens = self.encode(&format!("{before}{text}"));
            if tokens.first() == Some(&last) {
                return tokens[1..].to_vec();
            }
        }
        self.encode(text)
    }

    /// The tokens of `text`, in which the texts of marks are these.
    fn encode(&self, text: &str) -> Vec<TokenId> {
        let found = |mark: &TokenId| {
            let name = std::str::from_utf8(self.vocabulary.tokenizer.token_bytes(*mark)).ok()?;
            Some((text.find(name)?, std::cmp::Reverse(name.len()), *mark))
        };
        let Some((start, length, mark)) = self.marks.iter().filter_map(found).min() else {
            return self.vocabulary.encode(text);
        };
        let mut tokens = self.vocabulary.encode(&text[..start]);
        tokens.push(mark);
        tokens.extend(self.encode(&text[start + length.0..]));
        tokens
    }

    /// How many of the last bytes could be the beginning of a mark that goes on after them.
    fn beginning_of_mark(&self, bytes: &[u8]) -> usize {
        let longest = |mark: &TokenId| {
            let name = self.vocabulary.tokenizer.token_bytes(*mark);
            (1..name.len()).rev().find(|length| bytes.ends_with(&name[..*length]))
        };
        self.marks.iter().filter_map(longest).max().unwrap_or_default()
    }

    /// Whether the parser gave up.
    fn check(&self) -> Result<(), ConstraintError> {
        match self.parser.get_error() {
            None => Ok(()),
            Some(error) => Err(ConstraintError::Exhausted(error.message())),
        }
    }
}
