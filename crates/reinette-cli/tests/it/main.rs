//! The program as its users see it: what it prints where, how it fails, how it ends.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod models;
mod program;
