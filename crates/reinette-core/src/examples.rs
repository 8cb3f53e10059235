//! Requests with the calls that are right for them, for models that have not learned the tools.

use crate::ToolDefinition;
use crate::term_index::{TermIndex, parts, terms};
use serde::Deserialize;
use serde_json::{Map, Value};

/// The most that a rare word counts: what a request is about must not outweigh what it asks for.
const MAX_INVERSE_FREQUENCY: f32 = 2.0;

/// Words that a user might say, and the calls that are right for them.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Example {
    /// What a user might say.
    pub words: String,
    /// The calls, in the order of the words; none where the words need no tool.
    pub calls: Vec<ExampleCall>,
}

/// A call of an [`Example`].
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct ExampleCall {
    /// The tool's name.
    pub tool: String,
    /// The arguments by name, in the order of the tool's schema.
    #[serde(flatten)]
    pub arguments: Map<String, Value>,
}

impl Example {
    /// Whether all its calls are of these tools.
    pub fn needs_only(&self, tools: &[ToolDefinition]) -> bool {
        self.calls.iter().all(|call| tools.iter().any(|tool| tool.name == call.tool))
    }
}

/// What an application says about its tools to a model that is told them in words: in place of the framework's own words,
/// and of the examples in the tools' definitions.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Preamble {
    /// What the model is to do, the form of its answers included.
    pub instructions: String,
    /// When no tool is needed.
    pub no_tool: String,
    /// Examples that are always shown, in this order; those with calls of tools that are not on offer are left out.
    pub examples: Vec<Example>,
}

/// Many examples, of which a model is shown those that are nearest to what was said.
#[derive(Debug)]
pub struct Examples {
    all: Vec<Example>,
    index: TermIndex,
    preamble: Option<Preamble>,
}

impl Examples {
    /// Makes examples ready to be looked for.
    pub fn new(examples: Vec<Example>) -> Self {
        let index = TermIndex::new(examples.iter().map(|example| terms(&example.words)), MAX_INVERSE_FREQUENCY);
        Self { index, all: examples, preamble: None }
    }

    /// The same examples with what the application says before all of them.
    #[must_use]
    pub fn with_preamble(self, preamble: Preamble) -> Self {
        Self { preamble: Some(preamble), ..self }
    }

    /// What the application says before all of them.
    pub fn preamble(&self) -> Option<&Preamble> {
        self.preamble.as_ref()
    }

    /// Reads examples, one JSON object a line.
    ///
    /// # Errors
    /// If a line is no example; the error tells which.
    pub fn from_json_lines(lines: &str) -> Result<Self, ExamplesError> {
        let read =
            |(index, line)| serde_json::from_str(line).map_err(|source| ExamplesError { line: index + 1, source });
        Ok(Self::new(lines.lines().enumerate().map(read).collect::<Result<_, _>>()?))
    }

    /// The `count` examples nearest to `words`, and to each request of several in one breath, the nearest first; only
    /// those that `admits` lets pass.
    pub fn nearest(&self, words: &str, count: usize, admits: impl Fn(&Example) -> bool) -> Vec<&Example> {
        let admitted: Vec<usize> = (0..self.all.len()).filter(|index| admits(&self.all[*index])).collect();
        let asked: Vec<_> = parts(words).into_iter().map(terms).collect();
        self.index.nearest(&asked, count, &admitted).into_iter().map(|index| &self.all[index]).collect()
    }
}

/// A line that is no example.
#[derive(Debug, thiserror::Error)]
#[error("line {line} is no example: {source}")]
pub struct ExamplesError {
    /// Which line, from 1.
    pub line: usize,
    source: serde_json::Error,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn examples() -> Examples {
        Examples::from_json_lines(concat!(
            r#"{"words": "remind me to water the roses at 6", "calls": [{"tool": "remind", "title": "water the roses"}]}"#,
            "\n",
            r#"{"words": "when is the dentist?", "calls": [{"tool": "find", "query": "dentist"}]}"#,
            "\n",
            r#"{"words": "why is the sky blue?", "calls": []}"#,
        ))
        .unwrap()
    }

    fn nearest(words: &str, count: usize) -> Vec<String> {
        let examples = examples();
        examples.nearest(words, count, |_| true).into_iter().map(|example| example.words.clone()).collect()
    }

    #[test]
    fn what_is_asked_for_counts() {
        assert_eq!(nearest("remind me to call the dentist at 9", 1), ["remind me to water the roses at 6"]);
        assert_eq!(nearest("when is my haircut?", 2)[0], "when is the dentist?");
        assert_eq!(nearest("quelque chose d'autre", 9).len(), 3);
        assert_eq!(nearest("", 0), [""; 0]);
    }

    #[test]
    fn every_request_in_one_breath_has_its_example() {
        let found =
            nearest("remind me to water the roses at 6 and to feed the cat at 7, and tell me why grass is green?", 2);
        assert_eq!(found, ["remind me to water the roses at 6", "why is the sky blue?"]);
    }

    #[test]
    fn what_is_not_admitted_is_not_found() {
        let examples = examples();
        let talk = examples.nearest("when is the dentist?", 3, |example| example.calls.is_empty());
        assert_eq!(talk.into_iter().map(|example| &example.words).collect::<Vec<_>>(), ["why is the sky blue?"]);
    }

    #[test]
    fn a_line_that_is_none_is_named() {
        let error = Examples::from_json_lines("{\"words\": \"hello\", \"calls\": []}\n{\"words\": 1}").unwrap_err();
        assert_eq!(error.line, 2);
        assert!(error.to_string().starts_with("line 2 is no example: "), "{error}");
    }
}
