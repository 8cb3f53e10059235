//! Requests with the calls that are right for them, for models that have not learned the tools.

use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

/// The most that a rare word counts: what a request is about must not outweigh what it asks for.
const MAX_INVERSE_FREQUENCY: f32 = 2.0;

/// A part of a request with fewer words says too little to be looked for by itself.
const MIN_CLAUSE_WORDS: usize = 3;

/// What stands between two requests in one breath, in English and French.
const BETWEEN_CLAUSES: [&str; 11] = [", ", "; ", ". ", "? ", "! ", ": ", " and ", " then ", " also ", " et ", " puis "];

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

/// Many examples, of which a model is shown those that are nearest to what was said.
///
/// Nearness is the cosine of the words' term weights with bounded inverse document frequencies; Paper: Salton and Buckley,
/// Term-weighting approaches in automatic text retrieval, Information Processing & Management 24(5), 1988.
#[derive(Debug)]
pub struct Examples {
    all: Vec<Example>,
    /// The terms of each example, and the length of their vector.
    vectors: Vec<(BTreeSet<String>, f32)>,
    /// What each term counts, squared.
    weights: BTreeMap<String, f32>,
}

impl Examples {
    /// Makes examples ready to be looked for.
    pub fn new(examples: Vec<Example>) -> Self {
        let terms: Vec<BTreeSet<String>> = examples.iter().map(|example| terms(&example.words)).collect();
        let mut frequencies: BTreeMap<&String, f32> = BTreeMap::new();
        for term in terms.iter().flatten() {
            *frequencies.entry(term).or_default() += 1.0;
        }
        let count = examples.len() as f32;
        let weight = |frequency: f32| (1.0 + count / frequency).ln().min(MAX_INVERSE_FREQUENCY).powi(2);
        let weights: BTreeMap<String, f32> =
            frequencies.into_iter().map(|(term, frequency)| (term.clone(), weight(frequency))).collect();
        let length = |terms: &BTreeSet<String>| terms.iter().map(|term| weights[term]).sum::<f32>().sqrt();
        let vectors = terms.into_iter().map(|terms| (length(&terms), terms)).map(|(length, terms)| (terms, length));
        Self { vectors: vectors.collect(), weights, all: examples }
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
        let rankings: Vec<Vec<usize>> =
            parts(words).into_iter().map(|part| self.rank(part, &admitted, count)).collect();
        let mut chosen: Vec<usize> = Vec::new();
        for place in 0..count.min(admitted.len()) {
            for index in rankings.iter().filter_map(|ranking| ranking.get(place)) {
                if chosen.len() < count && !chosen.contains(index) {
                    chosen.push(*index);
                }
            }
        }
        chosen.into_iter().map(|index| &self.all[index]).collect()
    }

    fn rank(&self, words: &str, admitted: &[usize], count: usize) -> Vec<usize> {
        let asked = terms(words);
        let nearness = |index: &usize| {
            let (terms, length) = &self.vectors[*index];
            terms.intersection(&asked).map(|term| self.weights[term]).sum::<f32>() / length.max(f32::MIN_POSITIVE)
        };
        let mut ranked: Vec<(f32, usize)> = admitted.iter().map(|index| (nearness(index), *index)).collect();
        ranked.sort_by(|(near, _), (nearer, _)| nearer.total_cmp(near));
        ranked.into_iter().take(count).map(|(_, index)| index).collect()
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

/// The words as a whole, and each clause of them if there are several.
fn parts(words: &str) -> Vec<&str> {
    let mut clauses = vec![words];
    for separator in BETWEEN_CLAUSES {
        clauses = clauses.into_iter().flat_map(|clause| clause.split(separator)).collect();
    }
    clauses.retain(|clause| clause.split_whitespace().count() >= MIN_CLAUSE_WORDS);
    let mut parts = vec![words];
    if clauses.len() > 1 {
        parts.extend(clauses);
    }
    parts
}

/// Words in lower case, and that there is a number, or a question mark.
fn terms(text: &str) -> BTreeSet<String> {
    let lower = text.to_lowercase();
    let word = |run: &str| if run.starts_with(char::is_numeric) { "0".to_owned() } else { run.to_owned() };
    let mut terms: BTreeSet<String> =
        lower.split(|character: char| !character.is_alphanumeric()).filter(|run| !run.is_empty()).map(word).collect();
    if text.contains('?') {
        terms.insert("?".to_owned());
    }
    terms
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
