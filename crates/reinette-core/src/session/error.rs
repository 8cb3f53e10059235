//! Why a turn has no answer, and what to do about it.

use super::GuardedPart;
use crate::ModelError;

/// Why a turn has no answer, and what to do about it. The session lives on: the next prompt may be asked at once.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SessionError {
    /// Another prompt is being answered.
    #[error(
        "the session is answering another prompt: await that answer, drop it to cancel it, or let prompts wait in line \
         with `Session::concurrency(Concurrency::Queue)`"
    )]
    Busy,
    /// Not even the last prompt alone, with what belongs to it, fits the model's context.
    #[error(
        "the prompt takes {needed_tokens} tokens with its instructions and tools, and the model's context holds \
         {limit_tokens}: shorten it, offer fewer tools, or use a model with a longer context"
    )]
    PromptTooLong {
        /// What it would take.
        needed_tokens: usize,
        /// What there is.
        limit_tokens: usize,
    },
    /// The answer was cut by its limit of tokens before its value was whole.
    #[error(
        "the answer was cut after {output_tokens} tokens, before its value was whole: raise \
         `GenerationOptions::max_tokens`, or bound the lists and strings of the type with `count` and `length`"
    )]
    Truncated {
        /// The tokens that there were.
        output_tokens: usize,
        /// What was said up to there.
        text: String,
    },
    /// A model that does not enforce schemas answered with something else.
    #[error(
        "the answer does not satisfy the schema: {reason}; this model does not hold itself to schemas: ask again, or use \
         one that supports `Capability::GuidedGeneration`"
    )]
    InvalidAnswer {
        /// What is wrong with it.
        reason: String,
        /// The answer.
        text: String,
    },
    /// A guardrail of the session did not let something pass.
    #[error("a guardrail refuses the {part}: {reason}; say it in other words, or ask a session without this guardrail")]
    Guardrail {
        /// What it refused.
        part: GuardedPart,
        /// Why.
        reason: String,
    },
    /// The model could not answer.
    #[error(transparent)]
    Model(#[from] ModelError),
}
