//! A model's own dialect, found out from what its chat template makes of a marked conversation.

use super::{
    ArgumentSyntax, CallSyntax, CallText, ChatMessage, Definitions, ToolDialect, WordsSyntax, syntax::json_value,
    template_definitions, told,
};
use crate::{Preamble, Property, Schema, ToolCall, ToolDefinition};
use serde_json::{Map, Value};

/// A chat template, rendered by whoever has an engine for it.
pub trait ConversationTemplate {
    /// The prompt of a conversation, with the definitions of tools as the template takes them; `None` where it refuses.
    fn render(&self, messages: &[ChatMessage], tools: &[Value], end: PromptEnd) -> Option<String>;
}

/// Where a prompt ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PromptEnd {
    /// Where the assistant is to speak.
    Answer,
    /// With the last message.
    LastMessage,
}

/// A model's own dialect, as its chat template has it.
#[derive(Clone, Debug, PartialEq)]
pub struct TemplateDialect {
    syntax: CallSyntax,
    calls: CallWriting,
    outputs: OutputWriting,
}

/// Who writes calls into prompts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum CallWriting {
    Template,
    /// They stand in the assistant's words.
    Words,
}

/// Who tells what tools answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum OutputWriting {
    Template,
    /// The user: the template leaves out what tools say.
    User,
}

const TOOLS: [&str; 3] = ["probe_alpha", "probe_beta", "probe_gamma"];
const FIRST: (&str, &str) = ("first_key", "value one");
const SECOND: (&str, &str) = ("second_key", "7131");
const ANSWER: &str = "The probe's answer.";
const WORDS: &str = "The probe's words.";
const OUTPUT: &str = "The probe's output.";

/// The end of a block of thoughts, and its beginning.
const THOUGHTS: [&str; 2] = ["</think>", "<think>"];

/// No mark of known templates is longer.
const MAX_MARK_BYTES: usize = 48;

impl TemplateDialect {
    /// The dialect of a template; `None` if it does not tell tools, or writes calls in a way that is not understood.
    pub fn recognise(template: &dyn ConversationTemplate) -> Option<Self> {
        let probe = Probe::new(template)?;
        let (syntax, calls) = match probe.answer("", &[0]) {
            Some(written) if written.contains(TOOLS[0]) => (probe.syntax(&written)?, CallWriting::Template),
            // What the template tells of tools, it wants the assistant's words to follow.
            _ => (told::syntax(&probe.definitions)?, CallWriting::Words),
        };
        let mut dialect = Self { syntax, calls, outputs: OutputWriting::Template };
        if !probe.shows_output(&dialect) {
            dialect.outputs = OutputWriting::User;
            if !probe.shows_output(&dialect) {
                return None;
            }
        }
        Some(dialect)
    }
}

impl ToolDialect for TemplateDialect {
    fn syntax(&self) -> &CallSyntax {
        &self.syntax
    }

    fn definitions(&self, tools: &[ToolDefinition], _: Option<&Preamble>) -> Definitions {
        Definitions::Template(template_definitions(tools))
    }

    fn calls(&self, words: &str, calls: &[ToolCall]) -> ChatMessage {
        ChatMessage { tool_calls: calls.to_vec(), ..ChatMessage::new("assistant", words) }
    }

    fn output(&self, call: &ToolCall, text: &str) -> ChatMessage {
        match self.outputs {
            OutputWriting::Template => ChatMessage { answers: Some(call.clone()), ..ChatMessage::new("tool", text) },
            OutputWriting::User => ChatMessage::new("user", format!("Result: {text}")),
        }
    }

    fn spelled(&self, mut message: ChatMessage) -> ChatMessage {
        if self.calls == CallWriting::Words && !message.tool_calls.is_empty() {
            let calls = std::mem::take(&mut message.tool_calls);
            let written = self.syntax.write(calls.iter().map(|call| (call.name.as_str(), &call.arguments)));
            message.content.push_str(&written);
        }
        message
    }
}

/// A template and what it makes of the simplest conversations.
struct Probe<'a> {
    template: &'a dyn ConversationTemplate,
    tools: Vec<Value>,
    user: ChatMessage,
    /// The prompt up to where the assistant speaks or thinks.
    prompt: String,
    /// What comes after the assistant's words.
    turn_end: String,
    /// What the prompt says about the tools.
    definitions: String,
}

impl<'a> Probe<'a> {
    fn new(template: &'a dyn ConversationTemplate) -> Option<Self> {
        let parameters = || {
            let number = Schema::integer(0, 9_999).describe("The second.");
            Schema::object([
                Property::required(FIRST.0, Schema::text().describe("The first.")),
                Property::optional(SECOND.0, number),
            ])
        };
        let definition = |name: &str| ToolDefinition {
            name: name.to_owned(),
            description: "Probes.".to_owned(),
            parameters: parameters(),
            examples: Vec::new(),
        };
        let tools = template_definitions(&TOOLS.map(definition));
        let user = ChatMessage::new("user", "The probe's question?");
        let conversation = std::slice::from_ref(&user);
        let with_tools = template.render(conversation, &tools, PromptEnd::Answer)?;
        let without = template.render(conversation, &[], PromptEnd::Answer)?;
        if !TOOLS.iter().all(|tool| with_tools.contains(tool)) || without.contains(TOOLS[0]) {
            return None;
        }
        let shared = without.bytes().zip(with_tools.bytes()).take_while(|(one, other)| one == other).count();
        let definitions = String::from_utf8_lossy(&with_tools.as_bytes()[shared..]).into_owned();
        let prompt = before_thoughts(&with_tools).to_owned();
        let mut probe = Self { template, tools, user, prompt, turn_end: String::new(), definitions };
        let answered = probe.turn(ChatMessage::new("assistant", ANSWER))?;
        let (header, end) = answered.split_once(ANSWER)?;
        if !header.trim().is_empty() {
            // Words have a header of their own, so that a prompt cannot leave it open whether words or calls come.
            return None;
        }
        end.clone_into(&mut probe.turn_end);
        Some(probe)
    }

    /// What the template makes of the assistant's turn, thoughts left out.
    fn turn(&self, answer: ChatMessage) -> Option<String> {
        let messages = [self.user.clone(), answer];
        let whole = self.template.render(&messages, &self.tools, PromptEnd::LastMessage)?;
        let turn = whole.strip_prefix(&self.prompt)?;
        let [end, beginning] = THOUGHTS;
        match turn.trim_start().strip_prefix(beginning).and_then(|thoughts| thoughts.split_once(end)) {
            Some((_, after)) => Some(after.trim_start().to_owned()),
            None => Some(turn.to_owned()),
        }
    }

    /// An answer with calls of some of the tools, as the template writes it, without the end of the turn.
    fn answer(&self, words: &str, tools: &[usize]) -> Option<String> {
        let arguments = [FIRST, SECOND].map(|(name, _)| name.to_owned()).into_iter();
        let values = [Value::from(FIRST.1), SECOND.1.parse::<u32>().ok()?.into()];
        self.answer_with(words, tools, &arguments.zip(values).collect())
    }

    fn answer_with(&self, words: &str, tools: &[usize], arguments: &Map<String, Value>) -> Option<String> {
        let call = |tool: &usize| ToolCall {
            // Some templates insist on nine characters.
            id: format!("probe{tool:04}"),
            name: TOOLS[*tool].to_owned(),
            arguments: arguments.clone(),
        };
        let tool_calls = tools.iter().map(call).collect();
        let turn = self.turn(ChatMessage { tool_calls, ..ChatMessage::new("assistant", words) })?;
        Some(turn.strip_suffix(&self.turn_end)?.to_owned())
    }

    /// The syntax of an answer with a call of the first tool.
    fn syntax(&self, written: &str) -> Option<CallSyntax> {
        let (opening, after) = written.split_once(TOOLS[0])?;
        let call = WrittenCall::read(after)?;
        let (after_name, arguments, closing) = match call.form {
            Form::Json => (call.after_name, ArgumentSyntax::Object, without_id(&call.after)),
            Form::Keywords => (call.after_name, ArgumentSyntax::Keywords, without_id(&call.after)),
            Form::Tagged { after_key, between } => {
                let empty = self.answer_with("", &[0], &Map::new())?;
                let (_, empty) = empty.split_once(TOOLS[0])?;
                tagged(&call.after_name, &after_key, &between, &call.after, empty)?
            }
        };
        if opening.is_empty() || after_name.is_empty() || closing.is_empty() {
            return None;
        }
        let mark = mark(opening);
        let mut syntax = CallSyntax {
            opening: opening.to_owned(),
            after_name,
            arguments,
            joint: None,
            closing,
            no_tool: None,
            words: mark.map_or(WordsSyntax::Instead, WordsSyntax::Before),
        };
        syntax.joint = self.joint(&syntax);
        Some(syntax)
    }

    /// What stands between calls, if an answer may hold several and all are joined in the same way.
    fn joint(&self, syntax: &CallSyntax) -> Option<String> {
        let written = self.answer("", &[0, 1, 2])?;
        let (opening, after) = written.split_once(TOOLS[0])?;
        let (between, more) = after.split_once(TOOLS[1])?;
        let (between_others, last) = more.split_once(TOOLS[2])?;
        let end = |after: &str| {
            let call = WrittenCall::read(after)?;
            // Between marks, the first of what comes after a value ends the argument.
            let own = match &syntax.arguments {
                ArgumentSyntax::Tagged { closing, .. } => call.after.strip_prefix(closing.as_str())?.to_owned(),
                _ => call.after,
            };
            Some(without_id(&own))
        };
        let joint = end(between)?;
        let is_regular = opening == syntax.opening && end(between_others)? == joint && end(last)? == syntax.closing;
        (is_regular && !joint.is_empty()).then_some(joint)
    }

    /// Whether a conversation with what a tool answered can be rendered, shows it, and can be gone on with.
    fn shows_output(&self, dialect: &TemplateDialect) -> bool {
        let arguments = [(FIRST.0.to_owned(), Value::from(FIRST.1))].into_iter().collect();
        let call = ToolCall { id: "probe0000".to_owned(), name: TOOLS[0].to_owned(), arguments };
        let called = dialect.spelled(dialect.calls("", std::slice::from_ref(&call)));
        let mut messages = vec![self.user.clone(), called, dialect.output(&call, OUTPUT)];
        let shows = |messages: &[ChatMessage]| {
            let prompt = self.template.render(messages, &self.tools, PromptEnd::Answer);
            prompt.is_some_and(|prompt| [FIRST.1, OUTPUT].iter().all(|shown| prompt.contains(shown)))
        };
        if !shows(&messages) {
            return false;
        }
        messages.push(ChatMessage::new("assistant", WORDS));
        messages.push(self.user.clone());
        shows(&messages)
    }
}

/// What a template wrote of a call after its name.
struct WrittenCall {
    after_name: String,
    form: Form,
    after: String,
}

enum Form {
    Json,
    Keywords,
    Tagged { after_key: String, between: String },
}

impl WrittenCall {
    /// Reads what was written after the name of a call.
    fn read(text: &str) -> Option<Self> {
        let is_arguments = |value: &Map<String, Value>| value.len() == 2 && value.get(FIRST.0) == Some(&FIRST.1.into());
        for (start, _) in text.match_indices('{') {
            if let Some((_, after)) = json_value(&text[start..]).filter(|(value, _)| is_arguments(value)) {
                let (after_name, after) = (text[..start].to_owned(), after.to_owned());
                return Some(Self { after_name, form: Form::Json, after });
            }
        }
        for quote in ['"', '\''] {
            let arguments = format!("{}={quote}{}{quote}, {}={}", FIRST.0, FIRST.1, SECOND.0, SECOND.1);
            if let Some((before, after)) = text.split_once(&arguments) {
                let (after_name, after) = (before.to_owned(), after.to_owned());
                return Some(Self { after_name, form: Form::Keywords, after });
            }
        }
        let (after_name, rest) = text.split_once(FIRST.0)?;
        let (after_key, rest) = rest.split_once(FIRST.1)?;
        let (between, rest) = rest.split_once(SECOND.0)?;
        let (after_other_key, after) = rest.split_once(SECOND.1)?;
        let is_regular = after_key == after_other_key && !after_key.is_empty() && !between.is_empty();
        is_regular.then(|| Self {
            after_name: after_name.to_owned(),
            form: Form::Tagged { after_key: after_key.to_owned(), between: between.to_owned() },
            after: after.to_owned(),
        })
    }
}

/// The marks of arguments between marks, from what a template wrote: before the first key, after a key, between a value and
/// the next key, after the last value, and after the name of a call without arguments.
fn tagged(
    before_key: &str,
    after_key: &str,
    between: &str,
    after_value: &str,
    empty: &str,
) -> Option<(String, ArgumentSyntax, String)> {
    let shared = before_key.char_indices().zip(empty.chars()).find(|((_, one), other)| one != other);
    let shared = shared.map_or(before_key.len().min(empty.len()), |((place, _), _)| place);
    // What is the same before the first argument and before the end belongs to the name, but for a mark that only begins
    // alike.
    let after_name = before_key[..shared].trim_end_matches(['<', '[', '|', '/']);
    let opening = before_key.strip_prefix(after_name)?;
    let argument_end = between.strip_suffix(opening)?;
    let closing = after_value.strip_prefix(argument_end)?;
    let is_regular = empty.strip_prefix(after_name) == Some(closing) && !argument_end.is_empty() && !opening.is_empty();
    let tagged = ArgumentSyntax::Tagged {
        opening: opening.to_owned(),
        after_name: after_key.to_owned(),
        closing: argument_end.to_owned(),
    };
    is_regular.then(|| (after_name.to_owned(), tagged, closing.to_owned()))
}

/// The mark that calls begin with, if words before it cannot be taken for it: `<tool_call>`, `[TOOL_CALLS]`, `<function name="`.
fn mark(opening: &str) -> Option<String> {
    let mark = match opening.chars().next()? {
        '<' => opening.find('>').map_or(opening, |end| &opening[..=end]),
        '[' => &opening[..=opening.find(']')?],
        _ => return None,
    };
    let is_mark = (4..=MAX_MARK_BYTES).contains(&mark.len()) && !mark.contains(['\n', '{', '(']);
    is_mark.then(|| mark.to_owned())
}

/// What is written after arguments without the number of the call, which models do not write: templates add it.
fn without_id(text: &str) -> String {
    const KEY: &str = ", \"id\": \"";
    let parted = text.split_once(KEY).and_then(|(before, rest)| Some((before, rest.split_once('"')?.1)));
    parted.map_or_else(|| text.to_owned(), |(before, after)| format!("{before}{after}"))
}

/// A prompt up to the thoughts that it begins, or ends, for the assistant.
fn before_thoughts(prompt: &str) -> &str {
    let [end, beginning] = THOUGHTS;
    let trimmed = prompt.trim_end();
    let open = trimmed.strip_suffix(end).map_or(trimmed, str::trim_end);
    open.strip_suffix(beginning).unwrap_or(prompt)
}
