//! Chat templates: a conversation to the prompt that a model was trained on.
//!
//! A template is a Jinja program that comes with the model, so it is foreign code: it runs without access to anything
//! but its input, and a budget bounds the time and the memory that it takes. The environment is the one that Hugging
//! Face's `transformers` gives its templates.
//!
//! ```
//! use reinette_engine::template::{ChatTemplate, Message, RenderInput};
//!
//! let template = ChatTemplate::from_source("{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}")?;
//! let messages = [Message::new("user", "Hello")];
//! assert_eq!(template.render(&RenderInput { messages: &messages, ..RenderInput::default() })?, "<user>Hello");
//! # Ok::<(), reinette_engine::template::TemplateError>(())
//! ```

mod environment;
mod filters;
mod json;
mod methods;
mod namespaces;
mod rewrite;
#[cfg(test)]
mod tests;

use jiff::civil::DateTime;
use minijinja::value::Serde;
use minijinja::{Environment, Value, context};
use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

use crate::gguf::{Gguf, GgufError};
use crate::tokenizer::Tokenizer;
use environment::Raised;

/// Largest template; the longest known has 20 KB.
const MAX_SOURCE_BYTES: usize = 256 * 1024;

/// Stack of the thread that renders. The budget allows lists nested about 50 000 levels deep, which are printed and
/// dropped recursively; the pages that are not used cost nothing.
const STACK_BYTES: usize = 128 << 20;

/// The name under which errors mention the template.
const NAME: &str = "chat template";

/// Why a template could not be had or rendered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TemplateError {
    /// The file has no template: a base model, not one that was trained to converse.
    #[error("the model has no chat template (`tokenizer.chat_template`): take its instruction-tuned variant")]
    Missing,
    /// The metadata entry is no string.
    #[error("{0}")]
    Metadata(String),
    /// The template is unreasonably long.
    #[error("the chat template has {found} bytes; the limit is {limit}")]
    TooLarge {
        /// Bytes of the template.
        found: usize,
        /// Bytes that are accepted.
        limit: usize,
    },
    /// The template is not valid Jinja.
    #[error("the chat template is not valid: {0}")]
    Syntax(String),
    /// The template refused the conversation, with `raise_exception`.
    #[error("the chat template refuses this conversation: {0}")]
    Refused(String),
    /// The template failed, or took more than its budget.
    #[error("the chat template failed: {0}")]
    Render(String),
}

impl From<GgufError> for TemplateError {
    fn from(error: GgufError) -> Self {
        TemplateError::Metadata(error.to_string())
    }
}

/// One turn of a conversation, as templates know it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Message {
    /// Who speaks: `system`, `user`, `assistant` or `tool`.
    pub role: String,
    /// The words.
    pub content: String,
    /// The tools that an assistant's turn calls.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tool_calls: Vec<FunctionCall>,
    /// The call that a tool's turn answers.
    #[serde(flatten)]
    pub answered: Option<AnsweredCall>,
}

impl Message {
    /// A turn of words only.
    pub fn new(role: impl Into<String>, content: impl Into<String>) -> Self {
        Message { role: role.into(), content: content.into(), tool_calls: Vec::new(), answered: None }
    }
}

/// The call that a tool's turn answers.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AnsweredCall {
    /// The tool's name.
    pub name: String,
    /// The [`FunctionCall::id`].
    pub tool_call_id: String,
}

/// A tool call in an assistant's turn.
#[derive(Debug, Clone, PartialEq)]
pub struct FunctionCall {
    /// Tells the calls of a conversation apart; empty where nothing refers to it.
    pub id: String,
    /// The tool's name.
    pub name: String,
    /// Its arguments, an object.
    pub arguments: serde_json::Value,
}

impl Serialize for FunctionCall {
    /// As templates know it: `{"type": "function", "function": {"name": …, "arguments": …}, "id": …}`.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Function<'a> {
            name: &'a str,
            arguments: &'a serde_json::Value,
        }
        let n_fields = if self.id.is_empty() { 2 } else { 3 };
        let mut call = serializer.serialize_struct("FunctionCall", n_fields)?;
        call.serialize_field("type", "function")?;
        call.serialize_field("function", &Function { name: &self.name, arguments: &self.arguments })?;
        if !self.id.is_empty() {
            call.serialize_field("id", &self.id)?;
        }
        call.end()
    }
}

/// Whether the prompt ends where the assistant is to speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum GenerationPrompt {
    /// The prompt ends with the beginning of the assistant's turn.
    #[default]
    Added,
    /// The prompt ends with the last message: for training.
    Omitted,
}

/// Everything that a template may look at.
#[derive(Debug, Clone, Copy, Default)]
pub struct RenderInput<'a> {
    /// The conversation, oldest first.
    pub messages: &'a [Message],
    /// The tools on offer, as JSON in the shape `{"type": "function", "function": {…}}`.
    pub tools: &'a [serde_json::Value],
    /// Whether the assistant's turn is begun.
    pub generation_prompt: GenerationPrompt,
    /// The text of the token that begins a sequence.
    pub bos: &'a str,
    /// The text of the token that ends a sequence.
    pub eos: &'a str,
    /// What the clock shows, for templates that say the date; without it they fall back on what they do when there is
    /// no clock.
    pub now: Option<DateTime>,
    /// Whether the assistant is to think before it answers, for templates that ask (`enable_thinking`); `None` leaves it to
    /// the template.
    pub thinking: Option<bool>,
}

impl<'a> RenderInput<'a> {
    /// A conversation with the markers of `tokenizer`, no tools and no clock, that ends where the assistant is to
    /// speak.
    pub fn new(messages: &'a [Message], tokenizer: &'a Tokenizer) -> Self {
        let text = |id| std::str::from_utf8(tokenizer.token_bytes(id)).unwrap_or_default();
        RenderInput {
            messages,
            bos: tokenizer.bos().map(text).unwrap_or_default(),
            eos: tokenizer.eos().map(text).unwrap_or_default(),
            ..RenderInput::default()
        }
    }
}

/// A compiled chat template.
#[derive(Debug, Clone)]
pub struct ChatTemplate {
    environment: Environment<'static>,
    thinks: bool,
    tells_tools: bool,
    has_tool_role: bool,
}

impl ChatTemplate {
    /// Compiles the template of a model file.
    ///
    /// # Errors
    /// [`TemplateError::Missing`] when the file has none, otherwise as [`ChatTemplate::from_source`].
    pub fn from_gguf(gguf: &Gguf) -> Result<Self, TemplateError> {
        match gguf.metadata().find::<&str>("tokenizer.chat_template")? {
            Some(source) => ChatTemplate::from_source(source),
            None => Err(TemplateError::Missing),
        }
    }

    /// Compiles a template, for instance one that came with an adapter.
    ///
    /// # Errors
    /// When it is too large or not valid Jinja.
    pub fn from_source(source: &str) -> Result<Self, TemplateError> {
        let found = source.len();
        if found > MAX_SOURCE_BYTES {
            return Err(TemplateError::TooLarge { found, limit: MAX_SOURCE_BYTES });
        }
        let mut environment = environment::new();
        let syntax = |error: minijinja::Error| TemplateError::Syntax(error.to_string());
        environment.add_template_owned(NAME, rewrite::rewritten(source)).map_err(syntax)?;
        let tells_tools = environment.get_template(NAME).map_err(syntax)?.undeclared_variables(false).contains("tools");
        let has_tool_role = source.contains("'tool'") || source.contains("\"tool\"");
        Ok(ChatTemplate { environment, thinks: source.contains("</think>"), tells_tools, has_tool_role })
    }

    /// Whether prompts say which tools are on offer.
    pub fn tells_tools(&self) -> bool {
        self.tells_tools
    }

    /// Whether it speaks of turns of the role `tool`, in which tools answer.
    pub fn has_tool_role(&self) -> bool {
        self.has_tool_role
    }

    /// Whether it is of a model that thinks between `<think>` and `</think>` before it answers.
    pub fn thinks(&self) -> bool {
        self.thinks
    }

    /// Renders a prompt.
    ///
    /// # Errors
    /// [`TemplateError::Refused`] when the template says why it cannot, [`TemplateError::Render`] when it fails or
    /// takes more than its budget.
    pub fn render(&self, input: &RenderInput<'_>) -> Result<String, TemplateError> {
        std::thread::scope(|scope| {
            let thread = std::thread::Builder::new().name(NAME.into()).stack_size(STACK_BYTES);
            match thread.spawn_scoped(scope, || self.render_here(input)) {
                Ok(rendering) => {
                    rendering.join().unwrap_or_else(|_| Err(TemplateError::Render("the renderer panicked".into())))
                }
                Err(error) => Err(TemplateError::Render(format!("no thread to render on: {error}"))),
            }
        })
    }

    /// Renders on the stack of this thread.
    fn render_here(&self, input: &RenderInput<'_>) -> Result<String, TemplateError> {
        let template = self.environment.get_template(NAME).map_err(render_error)?;
        // Templates ask `if tools`, and some `if tools is not none`: no tools are none.
        let tools = if input.tools.is_empty() { Value::from(()) } else { Value::from(Serde(input.tools)) };
        let clock = input.now.map_or(Value::UNDEFINED, environment::clock);
        let values = context! {
            messages => Value::from(Serde(input.messages)),
            tools => tools,
            documents => Value::from(()),
            add_generation_prompt => input.generation_prompt == GenerationPrompt::Added,
            bos_token => input.bos,
            eos_token => input.eos,
            strftime_now => clock,
            enable_thinking => input.thinking.map_or(Value::UNDEFINED, Value::from),
        };
        template.render(values).map_err(render_error)
    }
}

/// Tells a refusal by the template from its failure.
#[expect(clippy::needless_pass_by_value, reason = "the signature that `map_err` wants")]
fn render_error(error: minijinja::Error) -> TemplateError {
    let source = std::error::Error::source(&error);
    match source.and_then(|source| source.downcast_ref::<Raised>()) {
        Some(Raised(message)) => TemplateError::Refused(message.clone()),
        None => TemplateError::Render(error.to_string()),
    }
}
