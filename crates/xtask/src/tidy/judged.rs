//! No example that is written by hand may be near to a request that models are judged by.
//!
//! Examples that are made are checked as they are made (`reinette train data --exclude`); this rule reads the lines that people write: the
//! examples in the source, which stand in prompts, and those that are learned from. A finding names its place and never the
//! request, which nobody who writes examples should read.

use super::{Finding, SourceFile};
use serde_json::Value;
use std::collections::BTreeSet;

#[path = "../../../reinette-data/src/generator/nearness.rs"]
mod nearness;

use nearness::{are_near, word_set};

/// Where the requests are that models are judged by.
const JUDGED: &str = "evals/";

/// What a model is shown in a prompt: string literals of the source.
const SHOWN: [&str; 2] = ["crates/reinette-apps/src/tools.rs", "crates/reinette-apps/src/preamble.rs"];

/// What models learn from: folders and files of JSON Lines, of invented tools with their requests, and of grammars.
const LEARNED: [&str; 4] =
    ["workshop/", "adapters/", "crates/reinette-apps/src/examples.jsonl", "crates/reinette-data/grammars/"];

/// Of the words of the shorter of two requests, those in the longer, from which on an example in a prompt gives the answer away.
const CONTAINED: f64 = 0.8;
/// Shorter requests share most of their words with any other of their kind; of what is learned from, also those of so many.
const FEWEST_WORDS: usize = 5;
/// How many times as many words the longer may have.
const LONGER: f64 = 1.5;

pub(super) fn check(files: &[SourceFile]) -> Vec<Finding> {
    let judged: Vec<BTreeSet<String>> = files
        .iter()
        .filter(|file| file.path.starts_with(JUDGED) && file.has_extension(&["jsonl"]))
        .flat_map(|file| file.text.lines().flat_map(said_in_json))
        .map(|request| word_set(&request))
        .collect();
    let near = |file: &SourceFile, is_near: &dyn Fn(&BTreeSet<String>, &BTreeSet<String>) -> bool| {
        let found = examples(file).into_iter().filter(|(_, example)| {
            let words = word_set(example);
            judged.iter().any(|judged| is_near(&words, judged))
        });
        let message = "nearly a request that models are judged by (evals/): say something else of its kind";
        found.map(|(line, _)| Finding::new(&file.path, line, message)).collect::<Vec<_>>()
    };
    let shown = files.iter().filter(|file| SHOWN.contains(&file.path.as_str()));
    let learned = files.iter().filter(|file| LEARNED.iter().any(|place| file.path.starts_with(place)));
    let mut findings: Vec<Finding> = shown
        .flat_map(|file| near(file, &|words, judged| are_near(words, judged) || is_contained(words, judged)))
        .collect();
    findings.extend(learned.flat_map(|file| {
        near(file, &|words, judged| words.len().min(judged.len()) > FEWEST_WORDS && are_near(words, judged))
    }));
    findings
}

/// Whether nearly all words of the shorter of two requests stand in the longer, which is hardly longer.
fn is_contained(words: &BTreeSet<String>, judged: &BTreeSet<String>) -> bool {
    let (less, more) = (words.len().min(judged.len()), words.len().max(judged.len()));
    less >= FEWEST_WORDS
        && more as f64 <= LONGER * less as f64
        && words.intersection(judged).count() as f64 >= CONTAINED * less as f64
}

/// The examples of a file, each with its line.
fn examples(file: &SourceFile) -> Vec<(usize, String)> {
    let lines = file.text.lines().enumerate();
    let of_lines = |said: fn(&str) -> Vec<String>| {
        lines.flat_map(|(index, line)| said(line).into_iter().map(move |said| (index + 1, said))).collect()
    };
    match file.path.rsplit('.').next() {
        Some("rs") => of_lines(literals),
        Some("jsonl") => of_lines(said_in_json),
        Some("inventions") => of_lines(|line| said_of_invention(line).into_iter().collect()),
        // Only what has no blanks to fill is a request as it stands.
        Some("templates" | "dialogues") => of_lines(|line| {
            let is_request = !line.starts_with(['>', '#', ':']) && !line.contains(['{', '(']);
            is_request.then(|| line.trim_start_matches('!').to_owned()).into_iter().collect()
        }),
        _ => Vec::new(),
    }
}

/// The string literals of a line of source.
fn literals(line: &str) -> Vec<String> {
    let line = line.replace("\\\"", "\u{0}");
    line.split('"').skip(1).step_by(2).map(|literal| literal.replace('\u{0}', "\"")).collect()
}

/// What the user says in a line of JSON.
fn said_in_json(line: &str) -> Vec<String> {
    let Ok(value) = serde_json::from_str::<Value>(line) else { return Vec::new() };
    let field = ["text", "words", "prompt"].into_iter().filter_map(|name| value[name].as_str());
    let turns = value["messages"].as_array().into_iter().flatten().filter(|turn| turn["role"] == "user");
    let list = |name: &str, field: &'static str| {
        value[name].as_array().into_iter().flatten().filter_map(move |item| item[field].as_str())
    };
    let said = turns.filter_map(|turn| turn["content"].as_str());
    field.chain(said).chain(list("requests", "words")).chain(list("turns", "text")).map(str::to_owned).collect()
}

/// The words of a request for an invented tool: "+ How much is {percent=18}% of {number=one ton>1000}?".
fn said_of_invention(line: &str) -> Option<String> {
    let line = line.strip_prefix("+ ").or_else(|| line.strip_prefix("& "))?;
    let mut said = String::new();
    for (index, part) in line.split(['{', '}']).enumerate() {
        let argument = || part.split_once('=').map_or("", |(_, words)| words.split('>').next().unwrap_or_default());
        said.push_str(if index % 2 == 0 { part } else { argument() });
    }
    Some(said)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, text: &str) -> Vec<usize> {
        let judged = r#"{"id": "r1", "text": "How long will the blue kettle whistle for us?"}"#;
        let file = |path: &str, text: &str| SourceFile { path: path.to_owned(), text: text.to_owned() };
        let files = [file("evals/requests.jsonl", judged), file(path, text)];
        check(&files).into_iter().map(|finding| finding.line).collect()
    }

    #[test]
    fn an_example_near_to_a_judged_request_is_found_wherever_it_is_written() {
        for (path, text) in [
            (SHOWN[0], "\n    (\"how long will the blue kettle whistle?\", &[]),\n"),
            (SHOWN[1], "\n    \"Say: will the blue kettle \\\"whistle\\\" for us, how long?\",\n"),
            (
                "workshop/handwritten.jsonl",
                "{}\n{\"messages\": [{\"role\": \"user\", \"content\": \"how long will the blue kettle whistle for me?\"}]}",
            ),
            (
                "adapters/offered/written.inventions",
                "> kitchen | kettle | Boils.\n+ How long will the {colour=blue} kettle {sound=whistle>loud} for us?\n",
            ),
            (
                "adapters/offered/invented.jsonl",
                "\n{\"requests\": [{\"words\": \"how long will the blue kettle whistle for us\"}]}",
            ),
            (
                "crates/reinette-data/grammars/everyday/english.templates",
                "> kettle\n!how long will the blue kettle whistle for us",
            ),
        ] {
            assert_eq!(found(path, text), [2], "{path}");
        }
    }

    #[test]
    fn what_is_another_request_passes() {
        assert_eq!(found(SHOWN[0], "(\"how long is the blue whale?\", &[(\"title\", \"the kettle\")]),\n"), [0; 0]);
        assert_eq!(found("README.md", "How long will the blue kettle whistle for us?\n"), [0; 0]);
    }
}
