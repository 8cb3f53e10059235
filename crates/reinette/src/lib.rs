//! A language model on the device behind one typed API.
//!
//! - [`SystemModel`]: the model of this machine, or why there is none.
//! - [`Session`]: a conversation: asks, streams, produces Rust values, carries out calls of tools, keeps the transcript.
//! - [`Tool`], [`tool`](macro@tool): what a model may do.
//! - [`GenerationOptions`]: how an answer is generated: sampling, limits, probabilities, logits, [`Adapter`]s.
//! - [`Guardrail`]: what an application lets pass.
//! - [`Transcript`]: everything that was said or done, as typed entries.
//! - [`LanguageModel`]: anything that turns a transcript into the next entries.
//! - [`ToolDefinition`] and [`ToolCall`]: what a model may ask for, and what it asked.
//! - [`testing`]: applications without a model, evaluations of a model, the promises of a backend.
//! - [`Generable`]: a Rust type that a model can be made to produce, by its [`Schema`].
//!
//! A model never sees more than the [`Request`] it is given and never does anything but answer with [`Event`]s.

mod examples;
mod folders;
mod generable;
mod model;
pub mod models;
mod on_device;
mod options;
/// The door out, for the crates of the house; no part of the interface.
#[doc(hidden)]
pub mod outbound;
mod remote;
mod schema;
mod session;
mod system_model;
mod term_index;
pub mod testing;
mod tool;
mod transcript;

pub use examples::{Example, ExampleCall, Examples, ExamplesError};
pub use folders::{cache_folder, data_folder};
pub use generable::{Generable, NamedTypes, PartialValue};
pub use model::{
    Capability, Event, FinishReason, LanguageModel, LikelyToken, ModelError, ModelInfo, Request, ResponseStream,
    Summary, TokenLogProbability,
};
pub use on_device::{Adapter, OnDeviceConfig, OnDeviceModel, ToolAdapter, ToolAdapterError};
pub use options::{GenerationOptions, Sampling, SchemaDisplay, ToolMode};
pub use reinette_engine::tokenizer::TokenId;
pub use reinette_engine::{
    CacheUsage, FileState, KvType, Logits, LogitsProcessor, MAX_LIKELIEST_TOKENS, PackedFolder, SnapshotFolder,
    VerifiedFile,
};
pub use reinette_macros::{Generable, tool};
pub use remote::{AnswerLimits, ChatCompletionsConfig, ChatCompletionsModel};
pub use schema::{Property, Schema, SchemaError};
pub use session::{
    Approval, Approvals, Concurrency, ContextPolicy, ContextReduction, ContextWindow, Decision, EventStream,
    GuardedPart, Guardrail, Replies, Response, Session, SessionError, TextStream, Timings, ToolOrder, ToolOutcome,
    Turn, TurnEvent, Usage, ValueStream,
};
pub use system_model::{Availability, SystemModel, SystemModelConfig, Unavailable};
pub use tool::{
    Action, Audience, CallExample, Commit, CommitFuture, Committer, Effect, FunctionTool, Invocation, Preparation,
    Prepared, Question, Risk, Source, Tool, ToolAnswer, ToolCall, ToolDefinition, ToolError,
};
pub use transcript::{Entry, Transcript};

/// What the macros' code names; no part of the interface.
#[doc(hidden)]
pub mod __private {
    pub use crate::tool::{tool_arguments, tool_output};
    pub use serde;
    pub use serde_json;
    pub use std::time::Duration;
}

/// The programs of the project's first page, compiled as tests.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct FirstPage;

/// The programs of the book, compiled and run as tests.
#[cfg(doctest)]
mod book {
    #[doc = include_str!("../../../docs/book/src/first-program.md")]
    struct FirstProgram;

    #[doc = include_str!("../../../docs/book/src/guided-generation.md")]
    struct GuidedGeneration;

    #[doc = include_str!("../../../docs/book/src/tools.md")]
    struct Tools;

    #[doc = include_str!("../../../docs/book/src/guardrails.md")]
    struct Guardrails;

    #[doc = include_str!("../../../docs/book/src/adapters.md")]
    struct Adapters;

    #[doc = include_str!("../../../docs/book/src/long-conversations.md")]
    struct LongConversations;

    #[doc = include_str!("../../../docs/book/src/testing.md")]
    struct Testing;
}
