//! What tests of several crates need.
//!
//! - [`model`] and [`TestModel`]: the files of real models, for tests that compare with other people's code.
//! - [`byte_level_model`], [`sentence_piece_model`], [`tiny_lora`] and [`TinyDecoder`]: tiny models, made in memory.
//! - [`golden_model`], [`golden_cases`]: tiny models of every architecture and their logits, made by somebody else's code.
//! - [`TinyDisk`]: a disk to fill up, or to write-protect.
//!
//! Invariants: only tests and the fuzzer import it; it knows the engine and nothing above, so that the engine's tests build
//! nothing above; a model that is missing is a failed test, never one that passes because it did nothing.

mod disk;
mod models;
mod tiny;

pub use disk::TinyDisk;
pub use models::{
    ARCHITECTURES, GoldenCase, TestModel, golden_cases, golden_folder, golden_model, logit_distance, model,
};
pub use tiny::{TinyDecoder, byte_level_model, sentence_piece_model, tiny_lora};
