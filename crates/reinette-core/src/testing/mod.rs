//! Testing without a model, and testing a model.
//!
//! - [`ScriptedModel`]: says what a test tells it to, and remembers what it was asked.
//! - [`trajectory`]: what a model is expected to do, for evaluations.
//! - [`conformance`]: what every [`LanguageModel`](crate::LanguageModel) promises, as checks to run on one's own.

pub mod conformance;
mod scripted;
pub mod trajectory;

pub use scripted::{Reply, ScriptedModel};
