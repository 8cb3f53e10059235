//! From grammars to constraints.

use super::session::Constraint;
use super::syntax::control_tokens;
use super::vocabulary::Vocabulary;
use super::{ConstraintError, Grammar, calls, schema};
use crate::tokenizer::Tokenizer;
use llguidance::api::TopLevelGrammar;
use reinette_schema::limits;
use std::fmt;
use std::sync::{Arc, OnceLock};

/// Compiles grammars for one vocabulary. Clones share what is built of its tokens when it is first needed.
#[derive(Clone)]
pub struct ConstraintCompiler {
    shared: Arc<Shared>,
}

struct Shared {
    tokenizer: Arc<Tokenizer>,
    vocabulary: OnceLock<Result<Arc<Vocabulary>, String>>,
}

impl fmt::Debug for ConstraintCompiler {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_built = self.shared.vocabulary.get().is_some();
        formatter.debug_struct("ConstraintCompiler").field("is_built", &is_built).finish()
    }
}

impl ConstraintCompiler {
    /// A compiler for the vocabulary of `tokenizer`. Costs nothing until the first grammar.
    pub fn new(tokenizer: Arc<Tokenizer>) -> Self {
        Self { shared: Arc::new(Shared { tokenizer, vocabulary: OnceLock::new() }) }
    }

    /// Builds what every grammar needs, so that the first one need not wait for it. Whatever goes wrong is told by
    /// [`compile`](Self::compile).
    pub fn prepare(&self) {
        let _ = self.vocabulary();
    }

    /// A constraint that admits exactly what `grammar` says, at its start.
    ///
    /// # Errors
    /// When the grammar asks for what cannot be enforced, contradicts itself or is too large; when the vocabulary cannot
    /// be constrained.
    pub fn compile(&self, grammar: &Grammar) -> Result<Constraint, ConstraintError> {
        let marks = match grammar {
            Grammar::Calls(calls) => control_tokens(&calls.syntax, &self.shared.tokenizer),
            Grammar::JsonSchema(_) | Grammar::Regex(_) => Vec::new(),
        };
        let grammar = match grammar {
            Grammar::JsonSchema(schema) => TopLevelGrammar::from_json_schema(schema::prepare(schema)?),
            Grammar::Calls(calls) => TopLevelGrammar::from_lark(calls::to_lark(calls)?),
            Grammar::Regex(regex) if regex.len() > limits::PATTERN_BYTES => {
                let (length, limit) = (regex.len(), limits::PATTERN_BYTES);
                return Err(refused(format!("the regular expression has {length} bytes, and the limit is {limit}")));
            }
            Grammar::Regex(regex) => TopLevelGrammar::from_regex(regex),
        };
        let vocabulary = self.vocabulary()?;
        let parser = vocabulary.factory.create_parser(grammar).map_err(refused)?.parser;
        // The first mask tells whether anything can be said at all.
        Constraint::new(parser, Arc::clone(vocabulary), marks).map_err(refused)
    }

    fn vocabulary(&self) -> Result<&Arc<Vocabulary>, ConstraintError> {
        let build = || match Vocabulary::new(Arc::clone(&self.shared.tokenizer)) {
            Ok(vocabulary) => Ok(Arc::new(vocabulary)),
            Err(error) => Err(error.to_string()),
        };
        let built = self.shared.vocabulary.get_or_init(build);
        built.as_ref().map_err(|message: &String| ConstraintError::Vocabulary(message.clone()))
    }
}

fn refused(error: impl fmt::Display) -> ConstraintError {
    ConstraintError::Grammar(error.to_string())
}
