//! From a prompt to an answer, token by token.

mod batch;
mod draft;
mod generator;
mod logits;
mod run;
mod sampler;
mod sequence;
mod slots;
mod speculation;
mod stop;

pub use batch::{Batch, BatchConfig, Progress, Ticket};
pub use generator::Generator;
pub use logits::{Logits, LogitsProcessor, MAX_LIKELIEST_TOKENS, TokenLogProbability};
pub use sampler::{Sampler, Sampling};
pub use sequence::Sequence;
pub use speculation::Speculation;

use crate::constraint::{Constraint, ConstraintError};
use crate::model::Adapter;
use crate::tokenizer::TokenId;
use reinette_kernels::CacheTooLarge;
use std::sync::Arc;

/// What is to be generated, and how.
pub struct GenerateRequest {
    /// The tokens to answer.
    pub prompt: Vec<TokenId>,
    /// How many tokens of it are the beginning of other prompts too, such as instructions and descriptions of tools:
    /// what [`PrefixCache`](crate::PrefixCache) keeps.
    pub prefix_tokens: usize,
    /// The adapters to read and answer with, all of this model; what each adds to a projection is added up in their order.
    pub adapters: Vec<Arc<Adapter>>,
    /// How tokens are picked.
    pub sampler: Sampler,
    /// Edits the model's logits before anything else does.
    pub logits_processor: Option<LogitsProcessor>,
    /// How many of the likeliest tokens are told beside each of the answer, with their probabilities, up to
    /// [`MAX_LIKELIEST_TOKENS`]; `None` tells nothing.
    pub log_probabilities: Option<usize>,
    /// What the answer must look like.
    pub constraint: Option<Constraint>,
    /// Whether tokens are guessed, to be read several at a time; the answer is the same either way.
    pub speculation: Speculation,
    /// What a token that ends an answer does.
    pub end_of_generation: EndOfGeneration,
    /// The answer ends after this many tokens.
    pub max_tokens: usize,
    /// The answer ends before the first of these strings.
    pub stop: Vec<String>,
    /// Asked at every step and, while nobody else's tokens are computed, at every layer; once it answers yes, the work
    /// ends.
    pub cancelled: Box<dyn Fn() -> bool + Send>,
}

impl GenerateRequest {
    /// The most likely answer to `prompt`, until the model or the context ends it.
    pub fn new(prompt: Vec<TokenId>) -> Self {
        Self {
            prompt,
            prefix_tokens: 0,
            adapters: Vec::new(),
            sampler: Sampler::new(Sampling::Greedy, 1.0),
            logits_processor: None,
            log_probabilities: None,
            constraint: None,
            speculation: Speculation::Off,
            end_of_generation: EndOfGeneration::Ends,
            max_tokens: usize::MAX,
            stop: Vec::new(),
            cancelled: Box::new(|| false),
        }
    }
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
    /// What the model held of each token of the answer, if that was asked for: those of a stop string are among it.
    pub log_probabilities: Vec<TokenLogProbability>,
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
    /// An adapter was loaded for another model.
    #[error("the adapter was loaded for another model: load it for this one")]
    ForeignAdapter,
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
    /// There can be no KV cache of this size.
    #[error(transparent)]
    Cache(#[from] CacheTooLarge),
    /// The engine panicked over this request.
    #[error("the engine failed on this request; please report it")]
    Failed,
    /// A file of the model could not be read any more.
    #[error(
        "{model} was cut short, or its disk failed, while it was in use: check it with `reinette models verify`, then load it \
         again"
    )]
    WeightsLost {
        /// The model's file, or its name.
        model: String,
    },
    /// The model computed infinities or numbers that are none.
    #[error(
        "{model} computes numbers that are not finite: its file, or an adapter, is damaged or was trained wrongly; check \
         both with `reinette models verify`"
    )]
    NotFinite {
        /// The model's file, or its name.
        model: String,
    },
    /// A processor or the constraint left no token a finite logit.
    #[error("no token can follow: all logits are masked")]
    NoToken,
}
