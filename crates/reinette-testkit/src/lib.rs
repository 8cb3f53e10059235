//! Tiny models, golden files and tolerances for tests; what fuzzers run.

mod fuzz;
mod models;
mod tiny;

pub use fuzz::{Budget, Crash, FuzzTarget, fuzz};
pub use models::{TestModel, model};
pub use tiny::{byte_level_model, sentence_piece_model};
