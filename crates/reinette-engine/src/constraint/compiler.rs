//! From grammars to constraints.

use super::session::Constraint;
use super::vocabulary::Vocabulary;
use super::{ConstraintError, Grammar, calls, schema};
use crate::tokenizer::Tokenizer;
use llguidance::api::TopLevelGrammar;
use llguidance::{Matcher, ParserFactory};
use std::sync::{Arc, OnceLock};
use toktrie::{InferenceCapabilities, TokEnv};

/// Compiles grammars for one vocabulary. Clones share what is built of its tokens when it is first needed.
#[derive(Clone)]
pub struct ConstraintCompiler {
    shared: Arc<Shared>,
}

struct Shared {
    tokenizer: Arc<Tokenizer>,
    vocabulary: OnceLock<Result<TokEnv, String>>,
    /// For grammars without free text.
    plain: OnceLock<Result<ParserFactory, String>>,
    /// For all others: with [`slices`], which take several times as long to build as all else.
    sliced: OnceLock<Result<ParserFactory, String>>,
}

impl std::fmt::Debug for ConstraintCompiler {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("ConstraintCompiler").field("is_built", &self.shared.vocabulary.get().is_some()).finish()
    }
}

impl ConstraintCompiler {
    /// A compiler for the vocabulary of `tokenizer`. Costs nothing until the first grammar.
    pub fn new(tokenizer: Arc<Tokenizer>) -> Self {
        let shared = Shared { tokenizer, vocabulary: OnceLock::new(), plain: OnceLock::new(), sliced: OnceLock::new() };
        Self { shared: Arc::new(shared) }
    }

    /// Builds what grammars of calls need, so that the first one need not wait for it. Whatever goes wrong is told by
    /// [`compile`](Self::compile).
    pub fn prepare(&self) {
        let _ = self.plain();
    }

    /// A constraint that admits exactly what `grammar` says, at its start.
    ///
    /// # Errors
    /// When the grammar asks for what cannot be enforced, contradicts itself or is too large; when the vocabulary cannot
    /// be constrained.
    pub fn compile(&self, grammar: &Grammar) -> Result<Constraint, ConstraintError> {
        let (grammar, factory) = match grammar {
            Grammar::JsonSchema(schema) => (TopLevelGrammar::from_json_schema(schema::prepare(schema)?), self.sliced()),
            Grammar::Calls(calls) => {
                let lark = calls::to_lark(calls)?;
                let factory = if may_hold_free_text(&lark) { self.sliced() } else { self.plain() };
                (TopLevelGrammar::from_lark(lark), factory)
            }
            Grammar::Regex(regex) => (TopLevelGrammar::from_regex(regex), self.sliced()),
        };
        let factory = factory?;
        let parser = factory.create_parser(grammar).map_err(|error| ConstraintError::Grammar(error.to_string()))?;
        let mut matcher = Matcher::new(Ok(parser));
        // The first mask tells whether anything can be said at all.
        let _ = matcher.compute_mask().map_err(|error| ConstraintError::Grammar(error.to_string()))?;
        Ok(Constraint::new(matcher, factory.tok_env().tok_trie().vocab_size()))
    }

    fn plain(&self) -> Result<&ParserFactory, ConstraintError> {
        let built = self.shared.plain.get_or_init(|| build(self.vocabulary()?, &[]));
        built.as_ref().map_err(|message| ConstraintError::Vocabulary(message.clone()))
    }

    fn sliced(&self) -> Result<&ParserFactory, ConstraintError> {
        let built = self.shared.sliced.get_or_init(|| build(self.vocabulary()?, &slices()));
        built.as_ref().map_err(|message| ConstraintError::Vocabulary(message.clone()))
    }

    fn vocabulary(&self) -> Result<&TokEnv, String> {
        let build = || -> Result<TokEnv, ConstraintError> {
            Ok(Arc::new(Vocabulary::new(Arc::clone(&self.shared.tokenizer))?))
        };
        let built = self.shared.vocabulary.get_or_init(|| build().map_err(|error| error.to_string()));
        built.as_ref().map_err(Clone::clone)
    }
}

fn build(environment: &TokEnv, slices: &[String]) -> Result<ParserFactory, String> {
    let capabilities = InferenceCapabilities { ff_tokens: true, ..InferenceCapabilities::default() };
    let mut factory = ParserFactory::new(environment, capabilities, slices).map_err(|error| error.to_string())?;
    factory.quiet();
    factory.limits_mut().verbose_errors = false;
    Ok(factory)
}

/// Whether an argument's schema speaks of strings other than spans and lists of values. A wrong "yes" costs time only.
fn may_hold_free_text(lark: &str) -> bool {
    lark.contains("\"string\"")
}

/// Token sets that are looked up as a whole inside JSON strings, as llguidance advises
/// (`SlicedBiasComputer::json_slices`): a string's mask is then a few unions instead of a walk over the vocabulary.
fn slices() -> Vec<String> {
    let inside_a_string = r#"[^"\\\x00-\x1F\x7F]"#;
    vec![
        r"[\x20\x0A\x0D\x09]+".to_owned(),
        format!("{inside_a_string}{{1,10}}"),
        format!("{inside_a_string}{{1,30}}"),
        format!("{inside_a_string}+"),
    ]
}
