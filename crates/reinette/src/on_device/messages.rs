//! Messages and definitions as the engine's chat templates take them, with nothing in them that could end a turn.

use crate::dialect::{
    ChatMessage, ConversationTemplate, PromptEnd, TemplateDialect, ToolDialect, template_definitions,
};
use crate::{ToolCall, ToolDefinition};
use jiff::civil::DateTime;
use reinette_engine::template::{AnsweredCall, ChatTemplate, FunctionCall, GenerationPrompt, Message, RenderInput};
use reinette_engine::tokenizer::{SpecialTokens, Tokenizer};
use serde_json::Value;

/// The dialect of a model's own template.
pub(super) fn recognise(template: &ChatTemplate, tokenizer: &Tokenizer) -> Option<TemplateDialect> {
    let RenderInput { bos, eos, now, .. } = RenderInput::new(&[], tokenizer);
    TemplateDialect::recognise(&Probed { template, bos, eos, now })
}

/// A template as it is probed.
pub(super) struct Probed<'a> {
    pub(super) template: &'a ChatTemplate,
    /// The text of the token that begins a sequence, and of the one that ends it.
    pub(super) bos: &'a str,
    pub(super) eos: &'a str,
    /// What the clock shows.
    pub(super) now: Option<DateTime>,
}

impl ConversationTemplate for Probed<'_> {
    fn render(&self, messages: &[ChatMessage], tools: &[Value], end: PromptEnd) -> Option<String> {
        let messages: Vec<Message> = messages.iter().cloned().map(message).collect();
        let generation_prompt = match end {
            PromptEnd::Answer => GenerationPrompt::Added,
            PromptEnd::LastMessage => GenerationPrompt::Omitted,
        };
        let &Self { bos, eos, now, .. } = self;
        let input =
            RenderInput { messages: &messages, tools, generation_prompt, bos, eos, now, ..RenderInput::default() };
        self.template.render(&input).ok()
    }
}

/// A message whose control tokens are those of the dialect alone.
pub(super) fn harmless(mut said: ChatMessage, dialect: &dyn ToolDialect, tokenizer: &Tokenizer) -> Message {
    defuse(tokenizer, &mut said.content);
    for call in said.tool_calls.iter_mut().chain(&mut said.answers) {
        defuse(tokenizer, &mut call.name);
        // What breaks a control token up leaves the marks of JSON as they were.
        let mut arguments = Value::Object(std::mem::take(&mut call.arguments)).to_string();
        defuse(tokenizer, &mut arguments);
        call.arguments = serde_json::from_str(&arguments).unwrap_or_default();
    }
    message(dialect.spelled(said))
}

/// Tools as templates know them.
pub(super) fn definitions(tools: &[ToolDefinition], tokenizer: &Tokenizer) -> Vec<Value> {
    let mut text = Value::Array(template_definitions(tools)).to_string();
    defuse(tokenizer, &mut text);
    serde_json::from_str(&text).unwrap_or_default()
}

/// A message as the engine has it.
fn message(ChatMessage { role, content, tool_calls, answers }: ChatMessage) -> Message {
    let function = |ToolCall { id, name, arguments }| FunctionCall { id, name, arguments: Value::Object(arguments) };
    Message {
        tool_calls: tool_calls.into_iter().map(function).collect(),
        answered: answers.map(|ToolCall { id, name, .. }| AnsweredCall { name, tool_call_id: id }),
        ..Message::new(role, content)
    }
}

/// Breaks up whatever in a text a tokenizer would take for a control token: nothing that a user, a file or a web page
/// says can end a turn or begin another.
fn defuse(tokenizer: &Tokenizer, text: &mut String) {
    for id in tokenizer.encode(text, SpecialTokens::Parse).into_iter().filter(|id| tokenizer.is_special(*id)) {
        let name = String::from_utf8_lossy(tokenizer.token_bytes(id));
        let Some(first) = name.chars().next() else { continue };
        *text = text.replace(&*name, &format!("{first}\u{200B}{}", &name[first.len_utf8()..]));
    }
}
