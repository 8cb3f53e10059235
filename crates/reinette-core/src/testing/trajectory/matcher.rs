//! What a value is expected to be.

use crate::{Event, GenerationOptions, LanguageModel, ModelError, Request, Schema, Transcript};
use serde_json::Value;
use std::fmt;
use std::ops::RangeInclusive;
use std::sync::Arc;

/// What a value is expected to be: an argument of a call, or an answer.
#[derive(Clone)]
pub struct Matcher(Kind);

#[derive(Clone)]
enum Kind {
    Exact(Value),
    Present,
    OneOf(Vec<Value>),
    Range(RangeInclusive<f64>),
    Pattern(String),
    Contains(String),
    Prefix(String),
    Suffix(String),
    Judged { question: String, judge: Arc<dyn LanguageModel> },
}

/// This value and no other.
pub fn exact(value: impl Into<Value>) -> Matcher {
    Matcher(Kind::Exact(value.into()))
}

/// Any value, as long as it is there.
pub fn present() -> Matcher {
    Matcher(Kind::Present)
}

/// Any of these values.
pub fn one_of<V: Into<Value>>(values: impl IntoIterator<Item = V>) -> Matcher {
    Matcher(Kind::OneOf(values.into_iter().map(Into::into).collect()))
}

/// A number from the first to the last, both included.
pub fn range(numbers: RangeInclusive<f64>) -> Matcher {
    Matcher(Kind::Range(numbers))
}

/// A string in which this regular expression (ECMA 262, as in JSON Schema) finds something.
pub fn pattern(pattern: impl Into<String>) -> Matcher {
    Matcher(Kind::Pattern(pattern.into()))
}

/// A string with this part.
pub fn contains(part: impl Into<String>) -> Matcher {
    Matcher(Kind::Contains(part.into()))
}

/// A string that begins like this.
pub fn prefix(beginning: impl Into<String>) -> Matcher {
    Matcher(Kind::Prefix(beginning.into()))
}

/// A string that ends like this.
pub fn suffix(end: impl Into<String>) -> Matcher {
    Matcher(Kind::Suffix(end.into()))
}

/// A value of which `judge` says that the answer to `question` is yes, such as "Is it a city in France?".
pub fn judged<M: LanguageModel + Clone + 'static>(judge: &M, question: impl Into<String>) -> Matcher {
    Matcher(Kind::Judged { question: question.into(), judge: Arc::new(judge.clone()) })
}

impl Matcher {
    /// Holds a value against the expectation.
    ///
    /// # Errors
    /// What was expected instead.
    pub fn check(&self, value: &Value) -> Result<(), String> {
        let text = value.as_str();
        let holds = match &self.0 {
            Kind::Exact(expected) => value == expected,
            Kind::Present => true,
            Kind::OneOf(values) => values.contains(value),
            Kind::Range(numbers) => value.as_f64().is_some_and(|number| numbers.contains(&number)),
            Kind::Pattern(pattern) => return matches_pattern(value, pattern),
            Kind::Contains(part) => text.is_some_and(|text| text.contains(part.as_str())),
            Kind::Prefix(beginning) => text.is_some_and(|text| text.starts_with(beginning.as_str())),
            Kind::Suffix(end) => text.is_some_and(|text| text.ends_with(end.as_str())),
            Kind::Judged { question, judge } => {
                judge_says_yes(judge.as_ref(), value, question).map_err(|error| format!("the judge failed: {error}"))?
            }
        };
        if holds { Ok(()) } else { Err(format!("{value} is not {self}")) }
    }
}

impl fmt::Display for Matcher {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Exact(value) => write!(formatter, "{value}"),
            Kind::Present => write!(formatter, "any value"),
            Kind::OneOf(values) => write!(formatter, "one of {}", Value::from(values.clone())),
            Kind::Range(numbers) => write!(formatter, "a number from {} to {}", numbers.start(), numbers.end()),
            Kind::Pattern(pattern) => write!(formatter, "a string that matches {pattern:?}"),
            Kind::Contains(part) => write!(formatter, "a string with {part:?} in it"),
            Kind::Prefix(beginning) => write!(formatter, "a string that begins with {beginning:?}"),
            Kind::Suffix(end) => write!(formatter, "a string that ends with {end:?}"),
            Kind::Judged { question, judge } => write!(formatter, "{question:?} according to {}", judge.info().name),
        }
    }
}

impl fmt::Debug for Matcher {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Matcher({self})")
    }
}

fn matches_pattern(value: &Value, pattern: &str) -> Result<(), String> {
    Schema::text().with("pattern", pattern).validate(value)
}

/// Asks a model for a yes or a no, in JSON, so that one that is held to schemas cannot say anything else.
fn judge_says_yes(judge: &dyn LanguageModel, value: &Value, question: &str) -> Result<bool, ModelError> {
    let words = format!("Here is a value:\n{value}\n\n{question} Answer true or false.");
    let request = Request {
        transcript: Transcript::from_prompt(words),
        response_schema: Some(Schema::boolean()),
        options: GenerationOptions { max_tokens: 8, ..GenerationOptions::default() },
        ..Request::default()
    };
    let mut said = String::new();
    for event in judge.respond(request) {
        if let Event::Text(words) = event? {
            said.push_str(&words);
        }
    }
    match said.trim().to_ascii_lowercase().as_str() {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(ModelError::Engine(format!("it said {said:?} instead of true or false").into())),
    }
}
