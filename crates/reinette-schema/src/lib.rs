//! What a model can be held to: JSON Schemas, draft 2020-12, and the syntax of calls.
//!
//! - [`check`]: whether a model can be held to all that a schema says; the rest is refused by name and place.
//! - [`prepare`]: the same, and the schema to generate by: references local, alternatives apart, everything bounded.
//! - [`validate`]: holds a value against a schema, for answers of models that are held to nothing.
//! - [`CallSyntax`]: the marks around calls of tools, and the form of their arguments.
//! - [`limits`]: what bounds answers where their schema does not, and how large a schema may be.
//!
//! # Invariants
//! - Preparing narrows: whatever satisfies the prepared schema satisfies the one that was given.
//! - Schemas are foreign: none makes this crate panic, or take more time and memory than its size justifies.
//! - Nothing here knows tokens, grammars or models.

mod calls;
mod error;
pub mod limits;
mod preparation;
mod validation;

pub use calls::{ArgumentSyntax, CallSyntax, WordsSyntax};
pub use error::SchemaError;
pub use preparation::{check, is_annotation, parameters, prepare, prepare_property, written_out};
pub use validation::{ValidationError, validate};
