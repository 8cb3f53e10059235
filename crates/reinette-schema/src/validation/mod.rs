//! Values held against JSON Schemas, draft 2020-12.
//!
//! For what was not generated under a grammar of ours: answers and calls of models elsewhere. All keywords of the draft are
//! understood but those that leave the document (`$id`, `$dynamicRef`); `nullable` is read as OpenAPI means it.

mod formats;
mod keywords;
mod numbers;
#[cfg(test)]
mod tests;

use fancy_regex::Regex;
use serde_json::Value;
use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::rc::Rc;

/// No schema is applied within schemas deeper than this: one that refers to itself without going into the value would be
/// for ever.
const MAX_DEPTH: usize = 256;

/// Why a value does not satisfy a schema.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ValidationError {
    /// The schema cannot be applied.
    #[error("the schema is none: {0}")]
    Schema(String),
    /// The value breaks a rule of it.
    #[error("{message}, at `{pointer}`")]
    Value {
        /// The rule, and what breaks it.
        message: String,
        /// The place in the value, as a JSON pointer.
        pointer: String,
    },
}

/// Holds `value` against `schema`.
///
/// # Errors
/// The first rule that the value breaks and where, or what is wrong with the schema.
pub fn validate(schema: &Value, value: &Value) -> Result<(), ValidationError> {
    let validator = Validator { root: schema, patterns: RefCell::default(), depth: Cell::new(0) };
    validator.apply(schema, value, &Place::Root).map(drop)
}

/// A place in the value.
enum Place<'p> {
    Root,
    Property(&'p Place<'p>, &'p str),
    Element(&'p Place<'p>, usize),
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => Ok(()),
            Self::Property(parent, name) => {
                write!(formatter, "{parent}/{}", name.replace('~', "~0").replace('/', "~1"))
            }
            Self::Element(parent, index) => write!(formatter, "{parent}/{index}"),
        }
    }
}

/// What of a value's parts some schema has spoken of, which is what `unevaluated…` is about.
#[derive(Default)]
struct Seen<'v> {
    properties: HashSet<&'v str>,
    elements: HashSet<usize>,
}

impl Seen<'_> {
    fn add(&mut self, other: Self) {
        self.properties.extend(other.properties);
        self.elements.extend(other.elements);
    }
}

type Outcome<'v> = Result<Seen<'v>, ValidationError>;

/// One value and one schema.
struct Validator<'s> {
    root: &'s Value,
    patterns: RefCell<HashMap<String, Rc<Regex>>>,
    depth: Cell<usize>,
}

impl<'s> Validator<'s> {
    fn apply<'v>(&self, schema: &'s Value, value: &'v Value, place: &Place<'_>) -> Outcome<'v> {
        let depth = self.depth.get();
        if depth >= MAX_DEPTH {
            return Err(broken("it refers to itself without end"));
        }
        self.depth.set(depth + 1);
        let outcome = match schema {
            Value::Bool(true) => Ok(Seen::default()),
            Value::Bool(false) => Err(violation(place, format!("nothing may stand here, and {} does", shown(value)))),
            Value::Object(keywords) if keywords.get("nullable") == Some(&Value::Bool(true)) && value.is_null() => {
                Ok(Seen::default())
            }
            Value::Object(keywords) => self.keywords(keywords, value, place),
            other => Err(broken(format!("{} stands where a schema is to stand", shown(other)))),
        };
        self.depth.set(depth);
        outcome
    }

    /// Whether a schema is satisfied, where it is no error if it is not.
    fn try_apply<'v>(
        &self,
        schema: &'s Value,
        value: &'v Value,
        place: &Place<'_>,
    ) -> Result<Option<Seen<'v>>, ValidationError> {
        match self.apply(schema, value, place) {
            Ok(seen) => Ok(Some(seen)),
            Err(ValidationError::Value { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// What `reference` leads to within the document.
    fn referred(&self, reference: &str) -> Result<&'s Value, ValidationError> {
        let leads_nowhere = || broken(format!("`{reference}` leads nowhere in it"));
        let fragment = reference.strip_prefix('#').ok_or_else(leads_nowhere)?;
        let fragment = decode_percents(fragment).ok_or_else(leads_nowhere)?;
        let target = match fragment.as_str() {
            "" => Some(self.root),
            pointer if pointer.starts_with('/') => self.root.pointer(pointer),
            anchor => find_anchor(self.root, anchor),
        };
        target.ok_or_else(leads_nowhere)
    }

    /// Whether `text` matches a regular expression somewhere.
    fn matches(&self, pattern: &str, text: &str) -> Result<bool, ValidationError> {
        let known = self.patterns.borrow().get(pattern).cloned();
        let regex = if let Some(regex) = known {
            regex
        } else {
            let regex = Regex::new(&formats::as_ecma_means(pattern))
                .map_err(|error| broken(format!("the pattern {pattern:?} is none: {error}")))?;
            let regex = Rc::new(regex);
            self.patterns.borrow_mut().insert(pattern.to_owned(), Rc::clone(&regex));
            regex
        };
        regex.is_match(text).map_err(|error| broken(format!("the pattern {pattern:?} cannot be tried: {error}")))
    }
}

fn broken(reason: impl Into<String>) -> ValidationError {
    ValidationError::Schema(reason.into())
}

fn violation(place: &Place<'_>, message: String) -> ValidationError {
    ValidationError::Value { message, pointer: place.to_string() }
}

/// A value in a message, which is not to be longer for it than a few lines.
fn shown(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(200) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

fn decode_percents(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        if *first == b'%' {
            let digits = std::str::from_utf8(rest.get(..2)?).ok()?;
            bytes.push(u8::from_str_radix(digits, 16).ok()?);
            rest = &rest[2..];
        } else {
            bytes.push(*first);
        }
    }
    String::from_utf8(bytes).ok()
}

/// The schema in `schema` that bears this `$anchor`.
fn find_anchor<'s>(schema: &'s Value, anchor: &str) -> Option<&'s Value> {
    match schema {
        Value::Object(keywords) => {
            if keywords.get("$anchor").and_then(Value::as_str) == Some(anchor) {
                return Some(schema);
            }
            let schemas = keywords.iter().filter(|(name, _)| !matches!(name.as_str(), "const" | "enum" | "default"));
            schemas.into_iter().find_map(|(_, schema)| find_anchor(schema, anchor))
        }
        Value::Array(schemas) => schemas.iter().find_map(|schema| find_anchor(schema, anchor)),
        _ => None,
    }
}
