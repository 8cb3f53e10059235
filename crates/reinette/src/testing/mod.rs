//! Testing without a model, and testing a model.
//!
//! - [`ScriptedModel`]: says what a test tells it to, and remembers what it was asked.
//! - [`conformance`]: what every [`LanguageModel`](crate::LanguageModel) promises, as checks to run on one's own.

pub mod conformance;
mod scripted;

pub use scripted::{Reply, ScriptedModel};
