//! Tiny models, golden files and tolerances for tests.
