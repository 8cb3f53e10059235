//! Why a grammar cannot be followed.

use crate::tokenizer::TokenId;
use reinette_schema::SchemaError;

/// Why a grammar cannot be followed, and what to do about it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConstraintError {
    /// A schema cannot be followed.
    #[error(transparent)]
    Schema(#[from] SchemaError),
    /// The parameters of a tool cannot be followed.
    #[error("the parameters of the tool `{tool}`: {source}")]
    Tool {
        /// The tool's name.
        tool: String,
        /// What is wrong with them.
        source: Box<ConstraintError>,
    },
    /// No tool can be called, and none may be left uncalled.
    #[error("no tool can be called with these words, and an answer without a call is refused: allow it")]
    NothingToCall,
    /// The grammar is too large, or contradicts itself in a way found only when it is compiled.
    #[error("the grammar cannot be compiled: {0}")]
    Grammar(String),
    /// The tokenizer's vocabulary is unusable.
    #[error("the vocabulary cannot be constrained: {0}")]
    Vocabulary(String),
    /// A token was committed that the mask does not allow.
    #[error("token {} is not allowed here: commit only what the mask allows", .0.0)]
    Refused(TokenId),
    /// The matcher met a limit of memory or time.
    #[error("the constraint gave up: {0}")]
    Exhausted(String),
}
