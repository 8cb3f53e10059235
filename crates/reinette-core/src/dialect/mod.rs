//! How tools are put to a model in its prompt, and how the model calls them in its answer.
//!
//! - [`ToolDialect`]: renders definitions, calls and outputs as messages of a conversation, and tells the [`CallSyntax`] of
//!   answers.
//! - [`CallSyntax`]: the marks around calls and the form of their arguments; writes calls, reads them, and is what a grammar
//!   is made of.
//! - [`ListDialect`]: ours, which models learn by adapters or are told in words.
//! - [`TemplateDialect`]: a model's own, [recognised](TemplateDialect::recognise) by what its chat template renders.
//! - [`WordsStream`]: parts the words of an answer from the calls after them while it comes.
//!
//! Text in, text out: nothing here knows an engine, a tokenizer or a template language.

mod keywords;
mod list;
mod recognise;
mod stream;
mod syntax;
#[cfg(test)]
mod tests;
mod told;

pub use list::{ListDialect, NO_TOOL};
pub use recognise::{ConversationTemplate, PromptEnd, TemplateDialect};
pub use stream::WordsStream;
pub use syntax::{ArgumentSyntax, CallSyntax, CallText, ParsedAnswer, ParsedCall, WordsSyntax};

use crate::{Preamble, ToolCall, ToolDefinition};
use serde_json::{Value, json};
use std::fmt;

/// A message of a conversation, as chat templates know it.
#[derive(Clone, Debug, PartialEq)]
pub struct ChatMessage {
    /// Who speaks: `system`, `user`, `assistant` or `tool`.
    pub role: &'static str,
    /// The words.
    pub content: String,
    /// What the assistant calls, where the template or [`ToolDialect::spelled`] writes it.
    pub tool_calls: Vec<ToolCall>,
    /// The call that a tool's message answers.
    pub answers: Option<ToolCall>,
}

impl ChatMessage {
    /// Words only.
    pub fn new(role: &'static str, content: impl Into<String>) -> Self {
        Self { role, content: content.into(), tool_calls: Vec::new(), answers: None }
    }

    /// Whether it is nothing but words.
    pub fn is_words(&self) -> bool {
        self.tool_calls.is_empty() && self.answers.is_none()
    }
}

/// What a model is told of its tools.
#[derive(Clone, Debug, PartialEq)]
pub enum Definitions {
    /// Words, for the system's message.
    Words(String),
    /// The `tools` of a chat template: `{"type": "function", "function": {…}}` each.
    Template(Vec<Value>),
}

/// A way of putting tools to a model and of calling them.
pub trait ToolDialect: fmt::Debug + Send + Sync {
    /// How calls are written in answers.
    fn syntax(&self) -> &CallSyntax;

    /// What a model is told of its tools; an application's words about them are for dialects that are not the model's own.
    fn definitions(&self, tools: &[ToolDefinition], preamble: Option<&Preamble>) -> Definitions;

    /// An answer with calls, `words` before them. Without calls it says that none is needed, if the syntax can say so.
    fn calls(&self, words: &str, calls: &[ToolCall]) -> ChatMessage;

    /// What a tool answered to `call`.
    fn output(&self, call: &ToolCall, text: &str) -> ChatMessage;

    /// The message as the chat template takes it: with its calls among its words, where the template does not write them. Comes
    /// last, after control tokens in what others said were broken up.
    fn spelled(&self, message: ChatMessage) -> ChatMessage {
        message
    }
}

/// The definitions of tools as chat templates take them.
pub fn template_definitions(tools: &[ToolDefinition]) -> Vec<Value> {
    let definition = |ToolDefinition { name, description, parameters, .. }: &ToolDefinition| {
        let function = json!({ "name": name, "description": description, "parameters": parameters.as_json() });
        json!({ "type": "function", "function": function })
    };
    tools.iter().map(definition).collect()
}
