//! From grammars to constraints.

use super::session::Constraint;
use super::vocabulary::{Vocabulary, WholeVocabulary, factory};
use super::{ConstraintError, Grammar, calls, schema};
use crate::tokenizer::Tokenizer;
use llguidance::api::TopLevelGrammar;
use llguidance::{Matcher, ParserFactory};
use std::sync::{Arc, Once, OnceLock};

/// Compiles grammars for one vocabulary. Clones share what is built of its tokens when it is first needed.
#[derive(Clone)]
pub struct ConstraintCompiler {
    shared: Arc<Shared>,
}

struct Shared {
    tokenizer: Arc<Tokenizer>,
    plain: OnceLock<Result<Plain, String>>,
    /// With [`slices`], which take several times as long to build as all else.
    sliced: OnceLock<Result<ParserFactory, String>>,
    slicing: Once,
}

/// What every grammar needs.
struct Plain {
    vocabulary: Arc<Vocabulary>,
    factory: ParserFactory,
}

/// What a grammar's strings admit besides values that it names.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Strings {
    Named,
    Free,
}

impl std::fmt::Debug for ConstraintCompiler {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("ConstraintCompiler").field("is_built", &self.shared.plain.get().is_some()).finish()
    }
}

impl ConstraintCompiler {
    /// A compiler for the vocabulary of `tokenizer`. Costs nothing until the first grammar.
    pub fn new(tokenizer: Arc<Tokenizer>) -> Self {
        let shared = Shared { tokenizer, plain: OnceLock::new(), sliced: OnceLock::new(), slicing: Once::new() };
        Self { shared: Arc::new(shared) }
    }

    /// Builds what every grammar needs, so that the first one need not wait for it. Whatever goes wrong is told by
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
        let (grammar, strings) = match grammar {
            Grammar::JsonSchema(schema) => (TopLevelGrammar::from_json_schema(schema::prepare(schema)?), Strings::Free),
            Grammar::Calls(calls) => {
                let lark = calls::to_lark(calls)?;
                let strings = strings(&lark);
                (TopLevelGrammar::from_lark(lark), strings)
            }
            Grammar::Regex(regex) => (TopLevelGrammar::from_regex(regex), Strings::Free),
        };
        let plain = self.plain()?;
        let sliced = if strings == Strings::Free { self.sliced() } else { None };
        let parser = if let Some(sliced) = sliced {
            sliced.create_parser(grammar).map_err(refused)?
        } else {
            let mut parser = plain.factory.create_parser(grammar).map_err(refused)?;
            parser.bias_computer = Arc::new(WholeVocabulary(Arc::clone(&plain.vocabulary)));
            parser
        };
        let mut matcher = Matcher::new(Ok(parser));
        // The first mask tells whether anything can be said at all.
        let _ = matcher.compute_mask().map_err(refused)?;
        Ok(Constraint::new(matcher, self.shared.tokenizer.vocab_size()))
    }

    fn plain(&self) -> Result<&Plain, ConstraintError> {
        let build = || {
            let vocabulary = Vocabulary::new(Arc::clone(&self.shared.tokenizer)).map_err(|error| error.to_string())?;
            let vocabulary = Arc::new(vocabulary);
            Ok(Plain { factory: factory(&vocabulary)?, vocabulary })
        };
        let built = self.shared.plain.get_or_init(build);
        built.as_ref().map_err(|message: &String| ConstraintError::Vocabulary(message.clone()))
    }

    /// The factory with slices, if it is built yet. It is built beside the first answers, whose masks take longer and
    /// are the same.
    fn sliced(&self) -> Option<&ParserFactory> {
        self.shared.slicing.call_once(|| {
            let compiler = self.clone();
            std::thread::spawn(move || {
                let build = || -> Result<ParserFactory, String> {
                    let plain = compiler.plain().map_err(|error| error.to_string())?;
                    plain.factory.with_slices(&slices()).map_err(|error| error.to_string())
                };
                // Where slices cannot be built, all goes on without them.
                let _ = compiler.shared.sliced.set(build());
            });
        });
        self.shared.sliced.get()?.as_ref().ok()
    }
}

fn refused(error: impl std::fmt::Display) -> ConstraintError {
    ConstraintError::Grammar(error.to_string())
}

/// Whether an argument's schema speaks of strings other than spans and lists of values. A wrong "yes" costs time only.
fn strings(lark: &str) -> Strings {
    if lark.contains("\"string\"") { Strings::Free } else { Strings::Named }
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
