//! How a transcript is put to a small model.

use super::outline::outline;
use crate::{CallExample, Entry, Example, Request, SchemaDisplay, ToolDefinition, Transcript};
use reinette_engine::template::Message;
use serde_json::{Map, Value, json};
use std::fmt::Write;

/// Turns of conversation that are shown to a model that is choosing tools: enough for "no, at ten".
const TURNS_FOR_TOOLS: usize = 4;

/// How many of the examples are shown that are nearest to what the user says.
const NEAREST_EXAMPLES: usize = 4;

/// The name that a call carries when no tool is needed.
pub(super) const NO_TOOL: &str = "none";

/// Requests that need no tool, shown to a model that has not learned when that is.
const NO_TOOL_EXAMPLES: [&str; 28] = [
    "Hi, nice to meet you!",
    "What is the capital of Peru?",
    "Why do cats purr?",
    "Write me a short poem about autumn.",
    "How could you be of use to somebody?",
    "Had a lovely walk with my brother yesterday.",
    "Comment fait-on les crêpes ?",
    "Give me an idea for a rainy Sunday.",
    "Who invented the telephone?",
    "How long do tortoises live?",
    "Translate \"good luck\" into Italian.",
    "I can't sleep lately, any advice?",
    "Thanks, that's all.",
    "Make this friendlier: send me the file today.",
    "What's the difference between jam and marmalade?",
    "Tu es un robot ?",
    "Help me write a speech for my father's retirement.",
    "Forget what I said.",
    "How do I keep basil alive?",
    "Explique-moi la photosynthèse.",
    "My boss was rude to me.",
    "Which wine goes with fish?",
    "Tell me a story about a dragon.",
    "What should I cook for six people?",
    "Think of a name for my new boat.",
    "How can I ask you to make a note?",
    "Write a few words of thanks to my landlord.",
    "What could I give an aunt who loves trains?",
];

/// Of every so many tools, one is shown together with another: requests come in pairs too.
const PAIR_EVERY: usize = 3;
/// How far apart the tools of such a pair stand.
const PAIR_DISTANCE: usize = 7;

/// The conversation as a chat template takes it; what the answer is to look like stands at its end, next to the answer, where
/// small models heed it.
pub(super) fn conversation(request: &Request) -> Vec<Message> {
    let mut messages: Vec<Message> = Vec::new();
    for entry in &request.transcript.entries {
        let (role, text) = match entry {
            Entry::Instructions { text } => ("system", text.clone()),
            Entry::Prompt { text } => ("user", text.clone()),
            Entry::Response { text } | Entry::ToolOutput { text, .. } => ("assistant", text.clone()),
            // What is no text is refused before; of what was thought, the conclusion was said.
            Entry::ToolCalls { .. } | Entry::Attachment { .. } | Entry::Reasoning { .. } => continue,
        };
        match messages.last_mut() {
            // Templates insist on turns that alternate.
            Some(last) if last.role == role => {
                last.content.push('\n');
                last.content.push_str(&text);
            }
            _ => messages.push(Message::new(role, text)),
        }
    }
    if let (Some(schema), SchemaDisplay::Shown) = (&request.response_schema, request.options.schemas) {
        let told = format!("Answer with JSON: {}", outline(schema.as_json()));
        match messages.last_mut() {
            Some(last) if last.role == "user" => last.content.extend(["\n\n", &told]),
            _ => messages.push(Message::new("user", told)),
        }
    }
    messages
}

/// What a model that has learned its tools is shown: the words alone.
pub(super) fn learned(transcript: &Transcript) -> Vec<Message> {
    vec![Message::new("user", transcript.last_prompt().unwrap_or_default().to_owned())]
}

/// What a model that has to be told about its tools is shown: their definitions, or the instructions in their place, then the examples nearest to the last
/// words as turns of their own, the nearest last, then the last turns.
pub(super) fn described(request: &Request, tools: &[ToolDefinition]) -> Vec<Message> {
    let instructions = || {
        request.transcript.entries.iter().find_map(|entry| match entry {
            Entry::Instructions { text } => Some(text.clone()),
            _ => None,
        })
    };
    let told = match request.options.schemas {
        SchemaDisplay::Shown => Some(describe(tools)),
        SchemaDisplay::LeftOut => instructions(),
    };
    let mut messages: Vec<Message> = told.into_iter().map(|told| Message::new("system", told)).collect();
    let offered = |example: &Example| example.calls.iter().all(|call| tools.iter().any(|tool| tool.name == call.tool));
    let words = request.transcript.last_prompt().unwrap_or_default();
    let nearest = request.examples.iter().flat_map(|examples| examples.nearest(words, NEAREST_EXAMPLES, offered));
    for example in nearest.collect::<Vec<_>>().into_iter().rev() {
        let calls: Vec<Value> = example.calls.iter().map(|call| call_json(&call.tool, &call.arguments)).collect();
        messages.push(Message::new("user", example.words.clone()));
        messages.push(Message::new("assistant", answer(calls)));
    }
    messages.extend(turns(&request.transcript));
    messages
}

/// The last turns, with calls in the form in which they are generated.
pub(super) fn turns(transcript: &Transcript) -> Vec<Message> {
    let mut turns: Vec<Message> = Vec::new();
    for entry in &transcript.entries {
        match entry {
            Entry::Prompt { text } => turns.push(Message::new("user", text.clone())),
            Entry::ToolCalls { calls } => {
                let calls = calls.iter().map(|call| call_json(&call.name, &call.arguments)).collect();
                turns.push(Message::new("assistant", answer(calls)));
            }
            Entry::Response { .. } if turns.last().is_some_and(|turn| turn.role == "user") => {
                turns.push(Message::new("assistant", answer(Vec::new())));
            }
            Entry::Response { .. }
            | Entry::Reasoning { .. }
            | Entry::ToolOutput { .. }
            | Entry::Instructions { .. }
            | Entry::Attachment { .. } => {}
        }
    }
    let first = turns.len().saturating_sub(2 * TURNS_FOR_TOOLS + 1);
    let mut kept = turns.split_off(first);
    // A conversation starts with the user.
    while kept.first().is_some_and(|turn| turn.role != "user") {
        kept.remove(0);
    }
    kept
}

fn describe(tools: &[ToolDefinition]) -> String {
    let mut text = String::from(
        "You turn the user's words into calls of tools. Answer with a JSON list, one object a call, in the order of the \
         words; several requests give several calls. Copy every value word for word from the user's words, whole \
         expressions of time included. If the user corrects himself, only the correction counts. If the words ask for \
         nothing that a tool does (small talk, questions about the world, writing, feelings, things that happened), \
         answer [{\"tool\": \"none\"}].\n\nTools:\n",
    );
    for tool in tools {
        let _ = writeln!(text, "- {}({}): {}", tool.name, arguments(tool).join(", "), tool.description);
    }
    let _ = writeln!(
        text,
        "- {NO_TOOL}(): everything else: greetings, small talk, questions about the world or about you, advice, ideas, writing."
    );
    text.push_str("\nExamples:\n");
    for (words, calls) in examples(tools) {
        let _ = writeln!(text, "{words} => {}", answer(calls));
    }
    text
}

/// Words and the calls that are right for them: the tools' own examples, some in pairs, and between them words that need
/// no tool, lest what comes last weighs more.
fn examples(tools: &[ToolDefinition]) -> Vec<(String, Vec<Value>)> {
    let single = |tool: &ToolDefinition, example: &CallExample| {
        (example.words.clone(), vec![call_json(&tool.name, &example.arguments)])
    };
    let first = |tool: &ToolDefinition| Some(single(tool, tool.examples.first()?));
    let mut no_tool = NO_TOOL_EXAMPLES.iter().map(|words| ((*words).to_owned(), Vec::new()));
    let mut shown = Vec::new();
    for (place, tool) in tools.iter().enumerate() {
        shown.extend(tool.examples.iter().map(|example| single(tool, example)));
        if place % PAIR_EVERY == PAIR_EVERY - 1 {
            let other = &tools[(place + PAIR_DISTANCE) % tools.len()];
            if let (Some((words, calls)), Some((more_words, more_calls))) = (first(tool), first(other)) {
                shown.push((format!("{words}, and {more_words}"), [calls, more_calls].concat()));
            }
        }
        shown.extend(no_tool.next());
    }
    shown.extend(no_tool);
    shown
}

/// The names of a tool's arguments; `?` marks those that may be left out.
fn arguments(tool: &ToolDefinition) -> Vec<String> {
    let schema = tool.parameters.as_json();
    let required = |name: &str| {
        schema["required"].as_array().is_some_and(|required| required.iter().any(|required| required == name))
    };
    let names = schema["properties"].as_object().into_iter().flat_map(|properties| properties.keys());
    names.map(|name| if required(name) { name.clone() } else { format!("{name}?") }).collect()
}

fn call_json(name: &str, arguments: &Map<String, Value>) -> Value {
    let mut call = Map::new();
    call.insert("tool".to_owned(), json!(name));
    call.extend(arguments.clone());
    Value::Object(call)
}

/// The calls as the model is to answer them: a JSON list with a space after each colon and comma, as the call grammar has
/// it; where there are none, the call that says so.
fn answer(mut calls: Vec<Value>) -> String {
    if calls.is_empty() {
        calls.push(call_json(NO_TOOL, &Map::new()));
    }
    let object = |call: &Value| {
        let fields = call.as_object().into_iter().flatten();
        fields.map(|(name, value)| format!("{}: {value}", json!(name))).collect::<Vec<_>>().join(", ")
    };
    format!("[{}]", calls.iter().map(|call| format!("{{{}}}", object(call))).collect::<Vec<_>>().join(", "))
}
