//! From grammars to constraints.

use super::session::Constraint;
use super::vocabulary::Vocabulary;
use super::{ConstraintError, Grammar, calls, schema};
use crate::tokenizer::Tokenizer;
use llguidance::api::TopLevelGrammar;
use llguidance::{Matcher, ParserFactory};
use std::sync::{Arc, OnceLock};
use toktrie::{InferenceCapabilities, TokEnv};

/// Compiles grammars for one vocabulary. Clones share the trie of its tokens, which is built when it is first needed.
#[derive(Clone)]
pub struct ConstraintCompiler {
    shared: Arc<Shared>,
}

struct Shared {
    tokenizer: Arc<Tokenizer>,
    factory: OnceLock<Result<ParserFactory, String>>,
}

impl std::fmt::Debug for ConstraintCompiler {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("ConstraintCompiler").field("is_built", &self.shared.factory.get().is_some()).finish()
    }
}

impl ConstraintCompiler {
    /// A compiler for the vocabulary of `tokenizer`. Costs nothing until the first grammar.
    pub fn new(tokenizer: Arc<Tokenizer>) -> Self {
        Self { shared: Arc::new(Shared { tokenizer, factory: OnceLock::new() }) }
    }

    /// A constraint that admits exactly what `grammar` says, at its start.
    ///
    /// # Errors
    /// When the grammar asks for what cannot be enforced, contradicts itself or is too large; when the vocabulary cannot
    /// be constrained.
    pub fn compile(&self, grammar: &Grammar) -> Result<Constraint, ConstraintError> {
        let grammar = match grammar {
            Grammar::JsonSchema(schema) => TopLevelGrammar::from_json_schema(schema::prepare(schema)?),
            Grammar::Calls(calls) => TopLevelGrammar::from_lark(calls::to_lark(calls)?),
            Grammar::Regex(regex) => TopLevelGrammar::from_regex(regex),
        };
        let factory = self.factory()?;
        let parser = factory.create_parser(grammar).map_err(|error| ConstraintError::Grammar(error.to_string()))?;
        let mut matcher = Matcher::new(Ok(parser));
        // The first mask tells whether anything can be said at all.
        let _ = matcher.compute_mask().map_err(|error| ConstraintError::Grammar(error.to_string()))?;
        Ok(Constraint::new(matcher, factory.tok_env().tok_trie().vocab_size()))
    }

    fn factory(&self) -> Result<&ParserFactory, ConstraintError> {
        let built =
            self.shared.factory.get_or_init(|| build(&self.shared.tokenizer).map_err(|error| error.to_string()));
        built.as_ref().map_err(|message| ConstraintError::Vocabulary(message.clone()))
    }
}

fn build(tokenizer: &Arc<Tokenizer>) -> Result<ParserFactory, ConstraintError> {
    let environment: TokEnv = Arc::new(Vocabulary::new(Arc::clone(tokenizer))?);
    let capabilities = InferenceCapabilities { ff_tokens: true, ..InferenceCapabilities::default() };
    let mut factory = ParserFactory::new(&environment, capabilities, &slices())
        .map_err(|error| ConstraintError::Vocabulary(error.to_string()))?;
    factory.quiet();
    factory.limits_mut().verbose_errors = false;
    Ok(factory)
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
