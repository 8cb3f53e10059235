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
//! - [`dialect`]: how tools are put to a model in words, and how it calls them.
//! - [`testing`]: applications without a model, evaluations of a model, the promises of a backend.
//! - [`Generable`]: a Rust type that a model can be made to produce, by its [`Schema`].
//!
//! A model never sees more than the [`Request`] it is given and never does anything but answer with [`Event`]s.
//!
//! All that knows no model is the crate `reinette-core`, whose names are names of this one. Here are the models: on the
//! device, on servers, and where their files come from.

mod folders;
pub mod models;
mod on_device;
// The door out, for the crates of the house; no part of the interface.
#[doc(hidden)]
pub mod outbound;
mod remote;
mod system_model;

pub use folders::{cache_folder, data_folder};
pub use on_device::{DialectChoice, OnDeviceConfig, OnDeviceModel, OtherTools, ToolAdapter, ToolAdapterError};
pub use reinette_core::*;
pub use reinette_engine::{CacheUsage, FileState, KvType, PackedFolder, SnapshotFolder, VerifiedFile};
pub use remote::{AnswerLimits, ChatCompletionsConfig, ChatCompletionsModel};
pub use system_model::{Availability, SystemModel, SystemModelConfig, Unavailable};

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
