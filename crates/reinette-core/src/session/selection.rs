//! Which tools the model is offered where there are many.

use crate::term_index::{TermIndex, parts, terms};
use crate::{Entry, ToolDefinition, Transcript};
use serde_json::Value;
use std::collections::BTreeSet;

/// Words are compared by this many of their first letters: "reminder" with "remind", "prévisions" with "prévu".
const STEM_LETTERS: usize = 5;

/// Of `tools`, the `count` that are nearest to `prompt` by the words of their names, descriptions, arguments and examples,
/// and those that were called last: "no, at ten" names no tool. They stay in their order, as prompts that begin alike are
/// read once.
pub(super) fn nearest(
    tools: Vec<ToolDefinition>,
    count: usize,
    prompt: &str,
    transcript: &Transcript,
) -> Vec<ToolDefinition> {
    if tools.len() <= count {
        return tools;
    }
    let index = TermIndex::new(tools.iter().map(|tool| stems(&described(tool))), f32::INFINITY);
    let asked: Vec<BTreeSet<String>> = parts(prompt).into_iter().map(stems).collect();
    let chosen = index.nearest(&asked, count, &(0..tools.len()).collect::<Vec<_>>());
    let called_last = transcript.entries.iter().rev().find_map(|entry| match entry {
        Entry::ToolCalls { calls } => Some(calls.iter().map(|call| call.name.as_str()).collect::<Vec<_>>()),
        _ => None,
    });
    let called_last = called_last.unwrap_or_default();
    let is_offered =
        |(place, tool): &(usize, ToolDefinition)| chosen.contains(place) || called_last.contains(&tool.name.as_str());
    tools.into_iter().enumerate().filter(is_offered).map(|(_, tool)| tool).collect()
}

/// All that is said of a tool.
fn described(tool: &ToolDefinition) -> String {
    let mut text = format!("{} {}", tool.name, tool.description);
    let properties = tool.parameters.as_json()["properties"].as_object();
    for (name, property) in properties.into_iter().flatten() {
        let description = property["description"].as_str().unwrap_or_default();
        text.extend([" ", name, " ", description]);
        let choices = property["enum"].as_array().into_iter().flatten().filter_map(Value::as_str);
        choices.for_each(|choice| text.extend([" ", choice]));
    }
    tool.examples.iter().for_each(|example| text.extend([" ", &example.words]));
    text
}

fn stems(text: &str) -> BTreeSet<String> {
    terms(text).into_iter().map(|term| term.chars().take(STEM_LETTERS).collect()).collect()
}
