//! What a framework is without a model: sessions, transcripts, tools, schemas, and the promises of a model.
//!
//! - [`LanguageModel`]: anything that turns a transcript into the next entries: [`Request`] in, [`Event`]s out.
//! - [`Session`]: a conversation: asks, streams, produces Rust values, carries out calls of tools, keeps the transcript.
//! - [`Tool`], [`tool`](macro@tool), [`ToolDefinition`], [`ToolCall`]: what a model may do, and what it asked for.
//! - [`Transcript`]: everything that was said or done, as typed entries.
//! - [`Generable`]: a Rust type that a model can be made to produce, by its [`Schema`].
//! - [`GenerationOptions`]: how an answer is generated; [`LogitsProcessor`] and [`Adapter`] are what a model makes of them.
//! - [`testing`]: applications without a model, evaluations of a model, the promises of a backend.
//!
//! Programs depend on the crate `reinette`, which gives all of this under the same names, together with the models; what the
//! macros write names its paths. A backend, or an application that is given its model, can do with this crate alone, under that
//! name: `reinette = { package = "reinette-core", … }`.
//!
//! # Invariants
//! - Nothing here knows an engine, a network or a file: a model is whatever implements [`LanguageModel`].
//! - A model never sees more than the [`Request`] it is given and never does anything but answer with [`Event`]s.

mod adapter;
pub mod dialect;
mod examples;
mod generable;
mod logits;
mod model;
mod options;
mod schema;
mod session;
mod term_index;
pub mod testing;
mod tool;
mod transcript;

pub use adapter::{Adapter, LoadedAdapter};
pub use examples::{Example, ExampleCall, Examples, ExamplesError, Preamble};
pub use generable::{Generable, NamedTypes, PartialValue};
pub use logits::{Logits, LogitsProcessor, TokenId, Vocabulary};
pub use model::{
    Capability, Event, FinishReason, LanguageModel, LikelyToken, ModelError, ModelInfo, Request, ResponseStream,
    Summary, TokenLogProbability,
};
pub use options::{GenerationOptions, MAX_LIKELIEST_TOKENS, Sampling, SchemaDisplay, ToolMode};
pub use reinette_macros::{Generable, tool};
pub use schema::{Property, Schema, SchemaError};
pub use session::{
    Approval, Approvals, Concurrency, ContextPolicy, ContextReduction, Decision, EventStream, GuardedPart, Guardrail,
    Replies, Response, Session, SessionError, TextStream, Timings, ToolOrder, ToolOutcome, Turn, TurnEvent, Usage,
    ValueStream,
};
pub use tool::{
    Action, Audience, CallExample, Commit, CommitFuture, Committer, Committing, Effect, FunctionTool, Invocation,
    Preparation, Prepared, Question, Risk, Source, Tool, ToolAnswer, ToolCall, ToolDefinition, ToolError,
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
