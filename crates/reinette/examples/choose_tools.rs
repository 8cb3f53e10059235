//! Lets a model choose among the tools that come with each request, for measuring it with other people's checkers
//! (`checks/bfcl`): `choose_tools MODEL.gguf [ADAPTER_FOLDER] < requests.jsonl > calls.jsonl`.
//!
//! A line to read is `{"id", "words", "tools": [{"name", "description", "parameters": JSON Schema}]}`, a line to write
//! `{"id", "calls": [{"name", "arguments"}], "ms"}`, or `{"id", "error"}` where the tools are refused.

use reinette::{
    Event, GenerationOptions, LanguageModel, ModelError, OnDeviceConfig, OnDeviceModel, Request, Schema, ToolAdapter,
    ToolCall, ToolDefinition, Transcript,
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

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args_os().skip(1);
    let mut config = OnDeviceConfig::new(arguments.next().ok_or("usage: choose_tools MODEL.gguf [ADAPTER_FOLDER]")?);
    config.adapter = arguments.next().map(|folder| ToolAdapter::read(folder.as_ref())).transpose()?;
    let model = OnDeviceModel::load(&config)?;
    let mut out = std::io::stdout().lock();
    for line in std::io::stdin().lines() {
        let line: Line = serde_json::from_str(&line?)?;
        let started = Instant::now();
        let answer = match choose(&model, line.words, line.tools) {
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
fn choose(model: &OnDeviceModel, words: String, tools: Vec<Tool>) -> Result<Vec<ToolCall>, ModelError> {
    let definition = |tool: Tool| ToolDefinition {
        name: tool.name,
        description: tool.description,
        parameters: Schema::new(tool.parameters),
        examples: Vec::new(),
    };
    let request = Request {
        transcript: Transcript::from_prompt(words),
        tools: tools.into_iter().map(definition).collect(),
        // Where no tool is called, what is said instead does not count.
        options: GenerationOptions { max_tokens: 1, ..GenerationOptions::default() },
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
