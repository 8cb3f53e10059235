//! Training data: what is made, and what is read.
//!
//! - [`generator`] makes requests with the calls that are right for them, from grammars and with a larger model's help.
//! - [`lines`] reads examples, in our forms and in those that others publish (`OpenAI`'s, `ShareGPT`'s, Alpaca's).
//! - [`Random`]: chance that is the same on every machine.
//!
//! # Invariants
//! - It knows nothing of how models are trained, so that making data builds no trainer.
//! - The same seed gives the same data on every machine.
//! - What could be learned otherwise than its writer meant is refused ([`DataError`]), with its file, line and field.

mod error;
pub mod generator;
pub mod lines;
mod random;

pub use error::DataError;
pub use random::Random;
