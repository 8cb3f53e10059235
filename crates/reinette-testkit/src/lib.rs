//! What tests of several crates need.
//!
//! - [`model`] and [`TestModel`]: the files of real models, for tests that compare with other people's code.
//! - [`byte_level_model`], [`sentence_piece_model`], [`tiny_lora`] and [`TinyDecoder`]: tiny models, made in memory.
//! - [`golden_model`], [`golden_cases`]: tiny models of every architecture and their logits, made by somebody else's code.
//! - [`TinyDisk`]: a disk to fill up, or to write-protect.
//! - [`fuzz`] and [`FuzzTarget`]: damaged bytes for every parser of foreign bytes.
//!
//! Invariants: only tests import it; a model that is missing is a failed test, never one that passes because it did nothing.

mod disk;
mod fuzz;
mod models;
mod tiny;

pub use disk::TinyDisk;
pub use fuzz::{Budget, Crash, FuzzTarget, fuzz};
pub use models::{
    ARCHITECTURES, GoldenCase, TestModel, golden_cases, golden_folder, golden_model, logit_distance, model,
};
pub use tiny::{TinyDecoder, byte_level_model, sentence_piece_model, tiny_lora};
