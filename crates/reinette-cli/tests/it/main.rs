//! The program as its users see it: what it prints where, how it fails, how it ends.

mod models;
mod program;
