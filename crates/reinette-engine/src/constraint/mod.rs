//! Guided generation: which tokens may come next so that the answer follows a grammar.
//!
//! - [`Grammar`]: what is asked for: a JSON Schema, calls of tools, or a regular expression.
//! - [`ConstraintCompiler`]: one a vocabulary; turns a grammar into a constraint, or says why it cannot.
//! - [`Constraint`]: one an answer; gives the [`TokenMask`] of each step, and the tokens that need no model.
//!
//! Whatever the model prefers, what it says satisfies the grammar. A schema that asks for more than is enforced is
//! refused by name before anything is generated, and so is one that nothing satisfies. What a schema leaves open is
//! bounded, so that every answer ends: see [`reinette_schema::limits`].
//!
//! What may follow is told by llguidance, an Earley parser over a lexer of derivatives of regular expressions. It reads
//! bytes; which tokens they make, the vocabulary's trie tells, so that a large vocabulary is ready in milliseconds.

mod bytes;
mod calls;
mod compiler;
mod error;
#[cfg(test)]
mod reference;
mod schema;
mod session;
mod spans;
mod spelling;
mod syntax;
#[cfg(test)]
mod syntax_tests;
#[cfg(test)]
mod tests;
mod trie;
mod vocabulary;

pub use calls::{CallGrammar, CallTool, NoCall};
pub use compiler::ConstraintCompiler;
pub use error::ConstraintError;
pub use reinette_schema::{ArgumentSyntax, CallSyntax, WordsSyntax};
pub use session::{Constraint, TokenMask};

/// What an answer has to look like.
#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "one is made an answer, and none is kept")]
pub enum Grammar {
    /// A JSON value that satisfies this schema (draft 2020-12), with one space after `:` and `,`, and keys in the order
    /// of the schema.
    JsonSchema(serde_json::Value),
    /// Calls of tools, or words and calls.
    Calls(CallGrammar),
    /// The whole text matches this regular expression.
    Regex(String),
}
