//! What the parts of an answer took, together.

use crate::{FinishReason, LikelyToken, Summary, TokenLogProbability};
use reinette_engine::Generated;
use reinette_engine::tokenizer::Tokenizer;

/// What the engine tells of an answer to a prompt of `prompt_tokens`.
pub(super) fn summary(tokenizer: &Tokenizer, generated: Generated, prompt_tokens: usize) -> Summary {
    use reinette_engine::FinishReason as Engine;
    let bytes = |token| tokenizer.token_bytes(token).to_vec();
    let told = |told: reinette_engine::TokenLogProbability| TokenLogProbability {
        bytes: bytes(told.token),
        log_probability: told.log_probability,
        likeliest: told
            .likeliest
            .into_iter()
            .map(|(token, log_probability)| LikelyToken { bytes: bytes(token), log_probability })
            .collect(),
    };
    Summary {
        finish_reason: match generated.finish_reason {
            Engine::Stop => FinishReason::Stop,
            Engine::Length | Engine::ContextFull => FinishReason::Length,
            Engine::Cancelled => FinishReason::Cancelled,
        },
        prompt_tokens,
        cached_tokens: generated.cached_tokens,
        output_tokens: generated.output_tokens,
        reasoning_tokens: 0,
        forced_tokens: generated.forced_tokens,
        log_probabilities: generated.log_probabilities.into_iter().map(told).collect(),
        first_token_ms: generated.first_token_ms,
        total_ms: generated.total_ms,
    }
}

/// What talking took, together with the choice before it that came to nothing.
pub(super) fn after(chosen: Option<Summary>, talked: Summary) -> Summary {
    let Some(before) = chosen else { return talked };
    Summary {
        prompt_tokens: before.prompt_tokens + talked.prompt_tokens,
        cached_tokens: before.cached_tokens + talked.cached_tokens,
        first_token_ms: before.total_ms + talked.first_token_ms,
        total_ms: before.total_ms + talked.total_ms,
        ..talked
    }
}

/// What thinking took, together with the answer after it.
pub(super) fn after_thought(thought: Option<Summary>, talked: Summary) -> Summary {
    let Some(thought) = thought else { return talked };
    Summary {
        prompt_tokens: thought.prompt_tokens,
        cached_tokens: thought.cached_tokens,
        output_tokens: thought.output_tokens + talked.output_tokens,
        reasoning_tokens: thought.output_tokens,
        first_token_ms: thought.first_token_ms,
        total_ms: thought.total_ms + talked.total_ms,
        ..talked
    }
}
