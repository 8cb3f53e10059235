//! The program as its users see it: what it prints where, how it fails, how it ends.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod bench;
mod damaged_models;
mod disks;
mod killed;
mod mcp;
mod models;
mod program;
mod rings;
mod talk;
#[cfg(feature = "train")]
mod train;
