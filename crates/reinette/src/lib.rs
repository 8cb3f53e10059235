//! A language model on the device behind one typed API.
//!
//! - [`Transcript`]: everything that was said or done, as typed entries.
//! - [`LanguageModel`]: anything that turns a transcript into the next entries.
//! - [`ToolDefinition`] and [`ToolCall`]: what a model may ask for, and what it asked.
//! - [`Generable`]: a Rust type that a model can be made to produce, by its [`Schema`].
//!
//! A model never sees more than the [`Request`] it is given and never does anything but answer with [`Event`]s.

mod examples;
mod generable;
mod model;
pub mod models;
mod on_device;
mod options;
mod schema;
mod tool;
mod transcript;

pub use examples::{Example, ExampleCall, Examples, ExamplesError};
pub use generable::{Generable, NamedTypes};
pub use model::{Event, FinishReason, LanguageModel, ModelError, ModelInfo, Request, ResponseStream, Summary};
pub use on_device::{OnDeviceConfig, OnDeviceModel, ToolAdapter, ToolAdapterError};
pub use options::{GenerationOptions, Sampling, ToolMode};
pub use reinette_engine::{CacheUsage, KvType, PackedFolder, SnapshotFolder};
pub use reinette_macros::Generable;
pub use schema::{Property, Schema};
pub use tool::{CallExample, ToolCall, ToolDefinition};
pub use transcript::{Entry, Transcript};

/// The programs of the project's first page, compiled as tests.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct FirstPage;
