//! What both sides are given to answer.

use anyhow::{Result, bail};
use reinette::{Entry, GenerationOptions, Property, Request, Schema, SchemaDisplay, ToolDefinition, Transcript};
use reinette_engine::Model;
use reinette_engine::template::{Message, RenderInput};
use reinette_engine::tokenizer::SpecialTokens;
use serde_json::{Value, json};
use std::path::Path;

/// A short prompt, for the time from the start of a process to its first token.
pub(super) const SHORT_PROMPT: &str = "Once upon a time, in a village by the sea, there lived";

/// What is said to the assistant, in this order, in one process. The first is answered by a process that just started.
/// The second lets a process settle. The third is what a warm process is measured by.
pub(super) const WORDS: [&str; 3] = [
    "Remind me to call Ana tomorrow at 9.",
    "Note that the garage code is 4312.",
    "Put lunch with Pierre in my calendar on Friday at noon.",
];

/// The longest answer, in tokens; a call takes a third of it.
pub(super) const MAX_ANSWER_TOKENS: usize = 96;

/// So many of our apps' tools are described to the model: reminders, the calendar, timers and a note.
const TOOLS: usize = 14;

/// The longest string in a call, in characters: a small model that does not know when to stop is stopped alike on both sides.
const LONGEST_ARGUMENT: usize = 40;

/// A request to an assistant with tools, which is to be answered by one call.
pub(super) struct AssistantRequest {
    instructions: String,
    schema: Schema,
}

impl AssistantRequest {
    pub(super) fn new() -> Self {
        let planners = reinette_apps::tools();
        let tools: Vec<&ToolDefinition> = planners.iter().map(|tool| tool.definition()).take(TOOLS).collect();
        let described = |tool: &&ToolDefinition| {
            let parameters = parameters(tool);
            json!({ "name": tool.name, "description": tool.description, "parameters": parameters }).to_string()
        };
        let example = |tool: &&ToolDefinition| {
            let example = tool.examples.first()?;
            let call = json!({ "name": tool.name, "arguments": example.arguments });
            Some(format!("{} => {call}", example.words))
        };
        let lines = |lines: Vec<String>| lines.join("\n");
        let call = |tool: &&ToolDefinition| {
            Schema::object([
                Property::required("name", Schema::constant(tool.name.as_str())),
                Property::required("arguments", Schema::new(parameters(tool))),
            ])
        };
        Self {
            instructions: format!(
                "You are an assistant on the user's own machine. Answer each request with one call of the tool that does it, as \
                 JSON with the name of the tool and its arguments. Copy the arguments from the user's words. The tools are:\n{}\nExamples:\n{}",
                lines(tools.iter().map(described).collect()),
                lines(tools.iter().filter_map(example).collect())
            ),
            schema: Schema::any_of(tools.iter().map(call)),
        }
    }

    /// What the answer must look like.
    pub(super) fn schema(&self) -> &Value {
        self.schema.as_json()
    }

    /// The request as the framework takes it.
    pub(super) fn request(&self, words: &str) -> Request {
        let instructions = Entry::Instructions { text: self.instructions.clone() };
        Request {
            transcript: Transcript { entries: vec![instructions, Entry::Prompt { text: words.to_owned() }] },
            response_schema: Some(self.schema.clone()),
            // The peer's prompt is the same, and says what the tools are.
            options: GenerationOptions {
                max_tokens: MAX_ANSWER_TOKENS,
                schemas: SchemaDisplay::LeftOut,
                ..GenerationOptions::default()
            },
            ..Request::default()
        }
    }

    /// The prompts of all [`WORDS`] as the model reads them.
    ///
    /// # Errors
    /// If the model cannot be loaded, has no chat template, or has no room for them.
    pub(super) fn prompts(&self, model: &Path) -> Result<Vec<Vec<u32>>> {
        let model = Model::load(model)?;
        let template = model.chat_template()?;
        let prompt = |words: &&str| {
            let messages = [Message::new("system", self.instructions.as_str()), Message::new("user", *words)];
            let text = template.render(&RenderInput::new(&messages, model.tokenizer()))?;
            let tokens = model.tokenizer().encode(&text, SpecialTokens::Parse);
            if tokens.len() + MAX_ANSWER_TOKENS > model.context_tokens() {
                bail!("its {} tokens of prompt do not fit into {}", tokens.len(), model.context_tokens());
            }
            Ok(tokens.into_iter().map(|token| token.0).collect())
        };
        WORDS.iter().map(prompt).collect()
    }
}

/// The arguments of a tool, in what every program knows of JSON Schema.
fn parameters(tool: &ToolDefinition) -> Value {
    fn adapt(schema: &mut Value) {
        if let Some(keywords) = schema.as_object_mut() {
            keywords.shift_remove(Schema::SPAN);
            if keywords.get("type") == Some(&json!("string")) && !keywords.contains_key("enum") {
                keywords.insert("maxLength".to_owned(), json!(LONGEST_ARGUMENT));
            }
            keywords.values_mut().for_each(adapt);
        } else if let Some(elements) = schema.as_array_mut() {
            elements.iter_mut().for_each(adapt);
        }
    }
    let mut parameters = tool.parameters.as_json().clone();
    adapt(&mut parameters);
    parameters
}

#[cfg(test)]
mod tests {
    use super::AssistantRequest;

    #[test]
    fn the_schema_is_one_that_other_programs_know() {
        let schema = AssistantRequest::new().schema().to_string();
        assert!(!schema.contains("x-span") && schema.contains("\"maxLength\":40"), "{schema}");
        assert!(schema.contains("\"const\":\"create_reminder\""), "{schema}");
    }
}
