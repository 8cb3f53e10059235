//! The examples that a model is shown that has not learned the tools.

use super::example::{Example, Message, Origin};
use super::product::Product;
use super::taken::Taken;
use crate::DataError;
use crate::lines::Call;
use serde::Deserialize;
use serde::de::IgnoredAny;
use std::collections::HashSet;
use std::fs;
use std::path::Path;

/// Of the examples that ask for several things, so many are shown.
const SEVERAL: usize = 150;

/// A line of a file of requests written by hand.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    messages: Vec<Message>,
    calls: Vec<Call>,
    /// Said for people.
    #[serde(default, rename = "meta")]
    _meta: IgnoredAny,
}

/// One example of each template, some that ask for several things, and those written by hand, as JSON Lines with `words`
/// and `calls`. None is near to what models are judged by.
///
/// # Errors
/// If a file of requests written by hand cannot be read, or a line of it is not one.
pub fn examples_to_show(
    product: &Product,
    drawn: &[Example],
    written: &[impl AsRef<Path>],
    taken: &Taken,
) -> Result<String, DataError> {
    let mut templates = HashSet::new();
    let mut several = 0;
    let mut chosen: Vec<Example> = Vec::new();
    for example in drawn.iter().filter(|example| example.messages.len() == 1) {
        let is_shown = example.calls.len() <= 1 || several < SEVERAL;
        if is_shown && templates.insert(example.origin.template.as_str()) {
            several += usize::from(example.calls.len() > 1);
            chosen.push(example.clone());
        }
    }
    for file in written {
        chosen.extend(read_written(file.as_ref())?);
    }
    let is_fit = |example: &&Example| {
        let words = example.words().last().unwrap_or_default();
        let is_unshown = |call: &Call| product.mix.unshown.contains(&call.name);
        !taken.is_nearly_judged(words) && !example.calls.iter().any(is_unshown)
    };
    let mut lines: Vec<String> = chosen.iter().filter(is_fit).map(|example| example.shown().to_string()).collect();
    // Every line has its end.
    lines.push(String::new());
    Ok(lines.join("\n"))
}

/// Requests written by hand: lines of training data in the form `tools`.
fn read_written(file: &Path) -> Result<Vec<Example>, DataError> {
    let text = fs::read_to_string(file).map_err(|source| DataError::Read { path: file.to_owned(), source })?;
    let numbered = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let read = |(index, line): (usize, &str)| {
        let Written { messages, calls, .. } = serde_json::from_str(line).map_err(|error| {
            DataError::line(&file.display().to_string(), index + 1, format!("is no request with its calls: {error}"))
        })?;
        let origin = Origin { language: String::new(), template: "written".to_owned(), question: None };
        Ok(Example { messages, tools: Vec::new(), calls, origin })
    };
    numbered.map(read).collect()
}
