//! What the model itself holds for likely: told with the answer, and open to be edited before a token is picked.

use crate::tokenizer::{SpecialTokens, TokenId, Tokenizer};
use std::fmt;
use std::sync::Arc;

/// No more of the likeliest tokens are told beside each that was picked.
pub const MAX_LIKELIEST_TOKENS: usize = 20;

/// The logits of one step, before constraint, penalty and sampling.
pub struct Logits<'a> {
    pub(super) tokenizer: &'a Tokenizer,
    pub(super) answer: &'a [TokenId],
    pub(super) values: &'a mut [f32],
}

impl Logits<'_> {
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
        self.values.get_mut(token.0 as usize)
    }

    /// The bytes that a token stands for, at times part of a character; none if there is no such token.
    pub fn token_bytes(&self, token: TokenId) -> &[u8] {
        if (token.0 as usize) < self.tokenizer.vocab_size() { self.tokenizer.token_bytes(token) } else { &[] }
    }

    /// The tokens of a text. Within a sentence, most words begin with a space.
    pub fn tokens_of(&self, text: &str) -> Vec<TokenId> {
        self.tokenizer.encode(text, SpecialTokens::AsText)
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

    pub(super) fn process(&self, logits: &mut Logits<'_>) {
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

/// How likely the model held a token of the answer, by its own logits: before processors, constraint, penalty and
/// sampling.
#[derive(Clone, Debug, PartialEq)]
pub struct TokenLogProbability {
    /// The token.
    pub token: TokenId,
    /// The natural logarithm of its probability; `None` if the constraint left no choice, so that the model was not asked.
    pub log_probability: Option<f32>,
    /// The tokens that were likeliest in its place, the likeliest first, and the logarithms of their probabilities.
    pub likeliest: Vec<(TokenId, f32)>,
}

/// The likelihoods of a step's tokens.
pub(super) struct Likelihoods {
    logits: Vec<f32>,
    /// The greatest of them, and the logarithm of the sum over all tokens of the exponentials of what they lack of it.
    most: f32,
    log_total: f32,
}

impl Likelihoods {
    /// Of a model's own logits, `[vocab_size]`.
    pub(super) fn of(logits: &[f32]) -> Self {
        let most = logits.iter().copied().filter(|logit| logit.is_finite()).fold(f32::NEG_INFINITY, f32::max);
        let exponential = |logit: &f32| if logit.is_finite() { (logit - most).exp() } else { 0.0 };
        // Chunk by chunk: of a hundred thousand terms one after the other, too much would be rounded away.
        let total: f32 = logits.chunks(256).map(|chunk| chunk.iter().map(exponential).sum::<f32>()).sum();
        Self { logits: logits.to_vec(), most, log_total: total.ln() }
    }

    /// What is told of `token`, beside the `count` likeliest.
    pub(super) fn tell(&self, token: TokenId, count: usize) -> TokenLogProbability {
        let log_probability = |logit: f32| logit - self.most - self.log_total;
        let likelier = |a: &(f32, u32), b: &(f32, u32)| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1));
        let count = count.min(MAX_LIKELIEST_TOKENS);
        let mut likeliest: Vec<(f32, u32)> = Vec::with_capacity(count + 1);
        let finite = self.logits.iter().copied().zip(0..).filter(|(logit, _)| logit.is_finite());
        for candidate in finite.take(if count == 0 { 0 } else { usize::MAX }) {
            if likeliest.len() < count || likelier(&candidate, &likeliest[count - 1]).is_lt() {
                let place = likeliest.partition_point(|other| likelier(other, &candidate).is_lt());
                likeliest.insert(place, candidate);
                likeliest.truncate(count);
            }
        }
        TokenLogProbability {
            token,
            log_probability: self.logits.get(token.0 as usize).map(|logit| log_probability(*logit)),
            likeliest: likeliest.into_iter().map(|(logit, id)| (TokenId(id), log_probability(logit))).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn likelihoods_are_those_of_the_softmax() {
        let logits = [0.5_f32.ln() + 3.0, f32::NEG_INFINITY, 0.3_f32.ln() + 3.0, 0.2_f32.ln() + 3.0, f32::NAN];
        let told = Likelihoods::of(&logits).tell(TokenId(2), 2);
        assert!((told.log_probability.unwrap() - 0.3_f32.ln()).abs() < 1e-6);
        assert_eq!(told.likeliest.iter().map(|(token, _)| token.0).collect::<Vec<_>>(), [0, 2]);
        assert!((told.likeliest[0].1 - 0.5_f32.ln()).abs() < 1e-6);
        let likelihoods = Likelihoods::of(&logits);
        assert!(likelihoods.tell(TokenId(3), 0).likeliest.is_empty());
        assert_eq!(likelihoods.tell(TokenId(3), usize::MAX).likeliest.len(), 3);
    }

    #[test]
    fn of_equals_the_lowest_ids_are_told() {
        let told = Likelihoods::of(&[1.0; 40]).tell(TokenId(39), MAX_LIKELIEST_TOKENS);
        assert!(told.likeliest.iter().map(|(token, _)| token.0).eq(0..20));
        assert!((told.log_probability.unwrap() - (1.0_f32 / 40.0).ln()).abs() < 1e-6);
    }
}
