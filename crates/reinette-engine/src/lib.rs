//! Tokens in, tokens out: GGUF, tokenizer, chat template, decoder, KV cache, adapters, sampler, constraint.
//!
//! - [`Model`]: a memory-mapped GGUF file, checked once; immutable and shared.
//! - [`Sequence`]: one sequence of tokens on a model; reads a prompt, answers it, keeps its KV cache for the next.
//! - [`Batch`]: several of them, whose tokens are computed together; [`Generator`] is one for many threads.
//! - [`GenerateRequest`]: a prompt, a [`Sampler`], and what bounds the answer: a constraint, a limit, stop strings.
//! - [`Adapter`]: a LoRA adapter; each request has its own, or several.
//! - [`PrefixCache`]: beginnings of prompts that were read before, in other sequences or processes.
//! - [`Embedder`]: another kind of model, which makes of a text a vector to search by.
//!
//! ```no_run
//! use reinette_engine::tokenizer::SpecialTokens;
//! use reinette_engine::{GenerateRequest, Model, Sequence};
//! use std::sync::Arc;
//!
//! let model = Arc::new(Model::load("SmolLM2-135M-Instruct.Q4_1.gguf".as_ref())?);
//! let prompt = model.tokenizer().encode("Once upon a time", SpecialTokens::AsText);
//! let mut sequence = Sequence::new(model, 2048, 2)?;
//! let request = GenerateRequest { max_tokens: 100, ..GenerateRequest::new(prompt) };
//! let mut text = String::new();
//! let generated = sequence.generate(request, &mut |piece| text.push_str(piece))?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Invariants
//! - No file makes this crate panic, hang or allocate more than it justifies: files are foreign.
//! - The same request gives the same text, whatever the number of threads, and whatever is asked before or beside it.
//! - Nothing is printed, and no clock is read but to time an answer and to mark a snapshot as used.

pub mod constraint;
mod embed;
mod file_cache;
mod generate;
pub mod gguf;
mod model;
mod prefix;
mod random;
pub mod template;
pub mod tokenizer;

pub use embed::{EmbedError, Embedder};
pub use file_cache::{CacheUsage, FileState, VerifiedFile};
pub use generate::{
    Batch, BatchConfig, EndOfGeneration, FinishReason, GenerateError, GenerateRequest, Generated, Generator, Logits,
    LogitsProcessor, MAX_LIKELIEST_TOKENS, Progress, Sampler, Sampling, Sequence, Speculation, Ticket,
    TokenLogProbability,
};
pub use model::{Adapter, AdapterError, LoadError, Model, PackedFolder};

/// What a model's file describes, for programs that compute with its weights in another way, such as the trainer.
pub mod architecture {
    pub use crate::model::{
        Activation, Description, Experts, FeedForward, Gated, Layer, LayerKind, Mixture, Positions, Projection, Rope,
        Scores, Shares, Temperature, Weight, Weights,
    };
}
pub use prefix::{PrefixCache, SnapshotFolder};
pub use random::SplitMix64;
pub use reinette_kernels::{InstructionSet, KvType, parity};
