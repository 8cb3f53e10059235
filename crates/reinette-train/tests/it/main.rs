//! The trainer from outside: what it computes is what the engine and `PyTorch` compute, and what it makes can be used.

mod logits;
mod runs;
