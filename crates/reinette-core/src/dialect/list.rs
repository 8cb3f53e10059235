//! Our own dialect: adapters are trained on it, and models without one are told it in words.

use super::{CallSyntax, CallText, ChatMessage, Definitions, ToolDialect};
use crate::{Preamble, ToolCall, ToolDefinition};
use serde_json::{Map, Value};
use std::fmt::Write;

/// The name that a call carries when no tool is needed.
pub const NO_TOOL: &str = "none";

/// What a model is told where the application says nothing about its tools.
const INSTRUCTIONS: &str = "You turn the user's words into calls of tools. Answer with a JSON list, one object a call. If no \
                            tool helps, or what they answered is enough, answer [{\"tool\": \"none\"}].";
/// What `none` is for, where the application does not say it.
const NO_TOOL_DESCRIPTION: &str = "no tool is needed.";

/// A JSON list, one object a call, the arguments beside the tool's name: `[{"tool": "set_timer", "duration": "5 minutes"}]`;
/// [`NO_TOOL`] stands for no call. An answer holds calls alone; words are asked for in another prompt. What a tool answered is
/// told by the user.
///
/// This is the one place where the dialect is spelt: prompts, grammars and training data take it from here.
#[derive(Clone, Debug, PartialEq)]
pub struct ListDialect {
    syntax: CallSyntax,
}

impl Default for ListDialect {
    fn default() -> Self {
        Self::with_no_tool(NO_TOOL)
    }
}

impl ListDialect {
    /// The dialect with another name for no call.
    pub fn with_no_tool(name: &str) -> Self {
        let syntax = CallSyntax::json_list("tool", name);
        Self { syntax }
    }

    /// Calls as they are written; without any, the call that says so.
    pub fn write<'a>(&self, calls: impl IntoIterator<Item = (&'a str, &'a Map<String, Value>)>) -> String {
        self.syntax.write(calls)
    }

    /// The tools and what an application says about them, with its examples as far as their tools are on offer.
    fn describe(&self, tools: &[ToolDefinition], preamble: Option<&Preamble>) -> String {
        let mut text = format!("{}\n\nTools:\n", preamble.map_or(INSTRUCTIONS, |preamble| &preamble.instructions));
        for tool in tools {
            let _ = writeln!(text, "- {}({}): {}", tool.name, arguments(tool).join(", "), tool.description);
        }
        let no_tool = self.syntax.no_tool.as_deref().unwrap_or(NO_TOOL);
        let _ = writeln!(text, "- {no_tool}(): {}", preamble.map_or(NO_TOOL_DESCRIPTION, |preamble| &preamble.no_tool));
        let mut examples = Vec::new();
        match preamble {
            Some(preamble) => {
                for example in preamble.examples.iter().filter(|example| example.needs_only(tools)) {
                    let calls = example.calls.iter().map(|call| (call.tool.as_str(), &call.arguments));
                    examples.push((&example.words, self.write(calls)));
                }
            }
            None => {
                for tool in tools {
                    let call = |arguments| self.write([(tool.name.as_str(), arguments)]);
                    examples.extend(tool.examples.iter().map(|example| (&example.words, call(&example.arguments))));
                }
            }
        }
        if !examples.is_empty() {
            text.push_str("\nExamples:\n");
        }
        for (words, calls) in examples {
            let _ = writeln!(text, "{words} => {calls}");
        }
        text
    }
}

impl ToolDialect for ListDialect {
    fn syntax(&self) -> &CallSyntax {
        &self.syntax
    }

    fn definitions(&self, tools: &[ToolDefinition], preamble: Option<&Preamble>) -> Definitions {
        Definitions::Words(self.describe(tools, preamble))
    }

    fn calls(&self, _: &str, calls: &[ToolCall]) -> ChatMessage {
        ChatMessage::new("assistant", self.write(calls.iter().map(|call| (call.name.as_str(), &call.arguments))))
    }

    fn output(&self, _: &ToolCall, text: &str) -> ChatMessage {
        ChatMessage::new("user", format!("Result: {text}"))
    }
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
