//! Requests that must not be made: those that models are judged by, and those that are there already.

use super::example::Example;
use super::nearness::{are_near, word_set};
use crate::DataError;
use serde_json::Value;
use std::collections::{BTreeSet, HashSet};
use std::fs;
use std::path::Path;

/// The requests that must not be made.
#[derive(Clone, Debug, Default)]
pub struct Taken {
    judged: HashSet<String>,
    /// The words of each of these.
    judged_words: Vec<BTreeSet<String>>,
    judged_tools: HashSet<String>,
    made: HashSet<String>,
}

impl Taken {
    /// Adds the requests that models are judged by: JSON Lines with `text`, `words`, `prompt`, `messages` or `turns`; or with `tool`, the
    /// name of a tool that requests are for.
    ///
    /// # Errors
    /// If the file cannot be read, or a line has no request.
    pub fn exclude(&mut self, file: &Path) -> Result<(), DataError> {
        let text = fs::read_to_string(file).map_err(|source| DataError::Read { path: file.to_owned(), source })?;
        for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            let error = |problem: String| DataError::line(&file.display().to_string(), index + 1, problem);
            let value: Value =
                serde_json::from_str(line).map_err(|problem| error(format!("is not JSON: {problem}")))?;
            if let Some(name) = value["tool"].as_str() {
                self.judged_tools.insert(letters(name));
                continue;
            }
            let words = words(&value);
            if words.is_empty() {
                return Err(error("has no request: write it as `text`, `words`, `prompt` or `messages`".to_owned()));
            }
            for words in words.into_iter().map(plain) {
                self.judged_words.push(word_set(&words));
                self.judged.insert(words);
            }
        }
        Ok(())
    }

    /// Takes an example's words; false if they were taken already.
    pub(super) fn take(&mut self, example: &Example) -> bool {
        let words: Vec<String> = example.words().map(plain).collect();
        // With other tools, the same words ask for something else.
        let tools = example.tools.iter().map(|tool| tool["name"].to_string()).collect::<String>();
        !words.iter().any(|words| self.judged.contains(words)) && self.made.insert(words.join("\n") + &tools)
    }

    /// Whether models are judged by these words.
    pub(super) fn is_judged(&self, request: &str) -> bool {
        self.judged.contains(&plain(request))
    }

    /// Whether models are judged by requests for a tool of this name, however it is written.
    pub(super) fn is_judged_tool(&self, name: &str) -> bool {
        let last = name.rsplit('.').next().unwrap_or(name);
        [name, last].into_iter().any(|name| self.judged_tools.contains(&letters(name)))
    }

    /// Whether a request shares most of its words with one that models are judged by.
    pub(super) fn is_nearly_judged(&self, request: &str) -> bool {
        let words = word_set(request);
        self.judged_words.iter().any(|judged| are_near(&words, judged))
    }
}

/// What the user says in a line.
fn words(line: &Value) -> Vec<&str> {
    let field = ["text", "words", "prompt"].into_iter().find_map(|name| line[name].as_str());
    let turns = line["messages"].as_array().into_iter().flatten();
    let said = turns.filter(|turn| turn["role"] == "user").filter_map(|turn| turn["content"].as_str());
    let asked = line["turns"].as_array().into_iter().flatten().filter_map(|turn| turn["text"].as_str());
    field.into_iter().chain(said).chain(asked).collect()
}

/// A request without what does not tell it from another: case, the kind of apostrophe, spaces, and marks at its ends.
fn plain(request: &str) -> String {
    let request = request.to_lowercase().replace('’', "'");
    let request = request.split_whitespace().collect::<Vec<_>>().join(" ");
    request.trim_matches([' ', '.', ',', ';', ':', '!', '?', '…']).to_owned()
}

/// A name without what tells only how it is written.
fn letters(name: &str) -> String {
    name.chars().filter(|letter| letter.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generator::example::{Message, Origin, Role};

    fn example(words: &str) -> Example {
        let origin = Origin { language: "english".to_owned(), template: String::new(), question: None };
        let messages = vec![Message::new(Role::User, words)];
        Example { messages, tools: Vec::new(), calls: Vec::new(), origin }
    }

    #[test]
    fn what_is_judged_or_made_is_taken() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("judged.jsonl");
        let lines = [r#"{"text": "Wake me at 6!"}"#, r#"{"messages": [{"role": "user", "content": "it’s  LATE"}]}"#];
        fs::write(&file, lines.join("\n")).unwrap();
        let mut taken = Taken::default();
        taken.exclude(&file).unwrap();
        assert!(!taken.take(&example("wake me at 6")));
        assert!(!taken.take(&example("It's late…")));
        assert!(taken.take(&example("wake me at 7")));
        assert!(!taken.take(&example("Wake me at 7.")));
        assert!(taken.is_nearly_judged("please wake me at 6"));
        assert!(!taken.is_nearly_judged("wake the cat"));
    }

    #[test]
    fn a_line_without_a_request_has_a_place() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("judged.jsonl");
        for (text, problem) in [("{\"text\": \"a\"}\n{}\n", "line 2: has no request"), ("{", "line 1: is not JSON")] {
            fs::write(&file, text).unwrap();
            let error = Taken::default().exclude(&file).unwrap_err().to_string();
            assert!(error.contains(problem), "{error}");
        }
    }
}
