//! Lets a model choose among the tools that come with each request, for measuring it with other people's checkers
//! (`checks/bfcl`): `choose_tools MODEL.gguf [ADAPTER_FOLDER | --template] < requests.jsonl > calls.jsonl`. With `--template` the
//! tools are put to the model in its own dialect, as its chat template has it, in place of ours.
//!
//! A line to read is `{"id", "words", "tools": [{"name", "description", "parameters": JSON Schema}]}`, a line to write
//! `{"id", "calls": [{"name", "arguments"}], "ms"}`, or `{"id", "error"}` where the tools are refused.

use reinette::{
    DialectChoice, Event, GenerationOptions, LanguageModel, ModelError, OnDeviceConfig, OnDeviceModel, Request, Schema,
    ToolAdapter, ToolCall, ToolDefinition, Transcript,
};
use serde::Deserialize;
use serde_json::{Value, json};
use std::error::Error;
use std::io::Write;
use std::time::Instant;

#[derive(Deserialize)]
struct Line {
    id: String,
    words: String,
    tools: Vec<Tool>,
}

#[derive(Deserialize)]
struct Tool {
    name: String,
    description: String,
    parameters: Value,
}

/// Longest answer with words and calls.
const MAX_TOKENS: usize = 300;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args_os().skip(1);
    let usage = "usage: choose_tools MODEL.gguf [ADAPTER_FOLDER | --template]";
    let mut config = OnDeviceConfig::new(arguments.next().ok_or(usage)?);
    match arguments.next() {
        Some(flag) if flag == "--template" => config.dialect = DialectChoice::Template,
        folder => config.adapter = folder.map(|folder| ToolAdapter::read(folder.as_ref())).transpose()?,
    }
    // Where no tool is called in our dialect, what is said instead does not count; in others words come before calls.
    let max_tokens = if config.dialect == DialectChoice::Ours { 1 } else { MAX_TOKENS };
    let model = OnDeviceModel::load(&config)?;
    let mut out = std::io::stdout().lock();
    for line in std::io::stdin().lines() {
        let line: Line = serde_json::from_str(&line?)?;
        let started = Instant::now();
        let answer = match choose(&model, line.words, line.tools, max_tokens) {
            Ok(calls) => {
                let calls: Vec<_> =
                    calls.iter().map(|call| json!({"name": call.name, "arguments": call.arguments})).collect();
                json!({"id": line.id, "calls": calls, "ms": started.elapsed().as_secs_f64() * 1e3})
            }
            Err(error) => json!({"id": line.id, "error": error.to_string()}),
        };
        writeln!(out, "{answer}")?;
        out.flush()?;
    }
    Ok(())
}

/// The calls that the model makes of the words.
fn choose(
    model: &OnDeviceModel,
    words: String,
    tools: Vec<Tool>,
    max_tokens: usize,
) -> Result<Vec<ToolCall>, ModelError> {
    let definition = |tool: Tool| ToolDefinition {
        name: tool.name,
        description: tool.description,
        parameters: Schema::new(tool.parameters),
        examples: Vec::new(),
    };
    let request = Request {
        transcript: Transcript::from_prompt(words),
        tools: tools.into_iter().map(definition).collect(),
        options: GenerationOptions { max_tokens, ..GenerationOptions::default() },
        ..Request::default()
    };
    let mut calls = Vec::new();
    for event in model.respond(request) {
        if let Event::ToolCall(call) = event? {
            calls.push(call);
        }
    }
    Ok(calls)
}
