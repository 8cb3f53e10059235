//! Logits, open to be edited before a token is picked.

use std::fmt;
use std::sync::Arc;

/// The number of a token in a model's vocabulary.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TokenId(pub u32);

impl TokenId {
    /// The number as an index, such as into logits.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// What a processor of logits may ask about the tokens of the model that computed them.
pub trait Vocabulary {
    /// The bytes that a token stands for, at times part of a character; none if there is no such token.
    fn token_bytes(&self, token: TokenId) -> &[u8];

    /// The tokens of a text.
    fn tokens_of(&self, text: &str) -> Vec<TokenId>;
}

/// The logits of one step, before constraint, penalty and sampling.
pub struct Logits<'a> {
    vocabulary: &'a dyn Vocabulary,
    answer: &'a [TokenId],
    values: &'a mut [f32],
}

impl<'a> Logits<'a> {
    /// The logits `values` (`[vocab_size]`) of the step after the tokens `answer`.
    pub fn new(vocabulary: &'a dyn Vocabulary, answer: &'a [TokenId], values: &'a mut [f32]) -> Self {
        Self { vocabulary, answer, values }
    }

    /// The tokens of the answer so far.
    pub fn answer(&self) -> &[TokenId] {
        self.answer
    }

    /// The logits by token id, `[vocab_size]`. Where a constraint leaves few tokens, only theirs are computed; those of
    /// all others are −∞.
    pub fn values(&mut self) -> &mut [f32] {
        self.values
    }

    /// The logit of a token; `None` if there is no such token.
    pub fn get_mut(&mut self, token: TokenId) -> Option<&mut f32> {
        self.values.get_mut(token.index())
    }

    /// The bytes that a token stands for, at times part of a character; none if there is no such token.
    pub fn token_bytes(&self, token: TokenId) -> &[u8] {
        self.vocabulary.token_bytes(token)
    }

    /// The tokens of a text. Within a sentence, most words begin with a space.
    pub fn tokens_of(&self, text: &str) -> Vec<TokenId> {
        self.vocabulary.tokens_of(text)
    }
}

/// A function that edits the logits of each step, such as one that forbids a word or favours another. What it leaves is
/// masked by the constraint afterwards: it cannot make an answer break its schema.
#[derive(Clone)]
pub struct LogitsProcessor(Arc<dyn Fn(&mut Logits<'_>) + Send + Sync>);

impl LogitsProcessor {
    /// The function as a processor. It is called once a token, on the thread that computes; whoever waits for other
    /// answers waits for it too.
    pub fn new(process: impl Fn(&mut Logits<'_>) + Send + Sync + 'static) -> Self {
        Self(Arc::new(process))
    }

    /// Edits the logits of a step: what a model does that supports [`Capability::LogitAccess`](crate::Capability::LogitAccess).
    pub fn process(&self, logits: &mut Logits<'_>) {
        (self.0)(logits);
    }
}

impl fmt::Debug for LogitsProcessor {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("LogitsProcessor")
    }
}

/// Processors are equal if they are one.
impl PartialEq for LogitsProcessor {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}
