//! What tests of several crates need.
//!
//! - [`model`] and [`TestModel`]: the files of real models, for tests that compare with other people's code.
//! - [`byte_level_model`], [`sentence_piece_model`] and [`TinyDecoder`]: tiny models, made in memory.
//! - [`fuzz`] and [`FuzzTarget`]: damaged bytes for every parser of foreign bytes.
//!
//! Invariants: only tests import it; what is missing is a failed test with the reason, never one that passes because it did
//! nothing.

mod fuzz;
mod models;
mod tiny;

pub use fuzz::{Budget, Crash, FuzzTarget, fuzz};
pub use models::{TestModel, model};
pub use tiny::{TinyDecoder, byte_level_model, sentence_piece_model};
