//! How tokens are picked, in the engine's words.

use crate::{GenerationOptions, Logits, MAX_LIKELIEST_TOKENS, Sampling, TokenId, Vocabulary};
use reinette_engine::tokenizer::{SpecialTokens, Tokenizer};
use reinette_engine::{LogitsProcessor, Sampler};
use std::sync::Arc;

// The engine tells as many as requests may ask for.
const _: () = assert!(MAX_LIKELIEST_TOKENS == reinette_engine::MAX_LIKELIEST_TOKENS);

/// What picks the tokens of an answer.
pub(super) fn sampler(options: &GenerationOptions) -> Sampler {
    let sampling = match options.sampling {
        Sampling::Greedy => reinette_engine::Sampling::Greedy,
        Sampling::Random { temperature, top_k, top_p, min_p, seed } => {
            reinette_engine::Sampling::Random { temperature, top_k, top_p, min_p, seed }
        }
    };
    Sampler::new(sampling, options.repetition_penalty)
}

/// What edits the logits before: the request's own processor, which sees the vocabulary of the model that answers.
pub(super) fn logits_processor(options: &GenerationOptions, tokenizer: &Arc<Tokenizer>) -> Option<LogitsProcessor> {
    let processor = options.logits_processor.clone()?;
    let tokens = Tokens(Arc::clone(tokenizer));
    Some(LogitsProcessor::new(move |logits| {
        let answer: Vec<TokenId> = logits.answer().iter().map(|token| TokenId(token.0)).collect();
        processor.process(&mut Logits::new(&tokens, &answer, logits.values()));
    }))
}

/// The tokens of a model's tokenizer.
struct Tokens(Arc<Tokenizer>);

impl Vocabulary for Tokens {
    fn token_bytes(&self, token: TokenId) -> &[u8] {
        let is_known = token.index() < self.0.vocab_size();
        if is_known { self.0.token_bytes(reinette_engine::tokenizer::TokenId(token.0)) } else { &[] }
    }

    fn tokens_of(&self, text: &str) -> Vec<TokenId> {
        self.0.encode(text, SpecialTokens::AsText).into_iter().map(|token| TokenId(token.0)).collect()
    }
}
