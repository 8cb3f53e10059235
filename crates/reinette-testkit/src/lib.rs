//! Tiny models, golden files and tolerances for tests.

mod models;

pub use models::{TestModel, model};
