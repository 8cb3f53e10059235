//! The marks around calls and the form of their arguments: written and read.

use super::keywords;
use crate::ToolDefinition;
pub use reinette_schema::{ArgumentSyntax, CallSyntax, WordsSyntax};
use serde_json::{Map, Value};

/// A call as it was read.
#[derive(Clone, Debug, PartialEq)]
pub struct ParsedCall {
    /// The tool's name.
    pub name: String,
    /// The arguments, in the order in which they were written.
    pub arguments: Map<String, Value>,
}

/// An answer as it was read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ParsedAnswer {
    /// The words before the calls, or in place of them.
    pub words: String,
    /// The calls, each once: a small model repeats itself.
    pub calls: Vec<ParsedCall>,
}

/// Calls in the text of an answer, as a [`CallSyntax`] has them.
pub trait CallText {
    /// Calls as the model is to write them; without any, the call of no tool, if there is one.
    fn write<'a>(&self, calls: impl IntoIterator<Item = (&'a str, &'a Map<String, Value>)>) -> String;

    /// Reads an answer; `tools` tell which arguments are text. `None` if its calls were cut short, or are none.
    fn parse(&self, text: &str, tools: &[ToolDefinition]) -> Option<ParsedAnswer>;
}

impl CallText for CallSyntax {
    fn write<'a>(&self, calls: impl IntoIterator<Item = (&'a str, &'a Map<String, Value>)>) -> String {
        let joint = self.joint.clone().unwrap_or_else(|| format!("{}{}", self.closing, self.opening));
        let mut written: Vec<String> = calls
            .into_iter()
            .map(|(name, arguments)| {
                format!("{}{}{}", written_name(self, name), self.after_name, written_arguments(self, arguments))
            })
            .collect();
        if written.is_empty() {
            written
                .extend(self.no_tool.as_ref().map(|name| format!("{}{}", written_name(self, name), self.after_name)));
        }
        if written.is_empty() {
            return String::new();
        }
        format!("{}{}{}", self.opening, written.join(&joint), self.closing)
    }

    fn parse(&self, text: &str, tools: &[ToolDefinition]) -> Option<ParsedAnswer> {
        let start = match &self.words {
            WordsSyntax::Refused => Some(0),
            WordsSyntax::Instead => text.starts_with(&self.opening).then_some(0),
            WordsSyntax::Before(mark) => text.find(mark.as_str()),
        };
        let Some(start) = start else { return Some(ParsedAnswer { words: text.to_owned(), calls: Vec::new() }) };
        let mut rest = text[start..].strip_prefix(self.opening.as_str())?;
        let mut calls: Vec<ParsedCall> = Vec::new();
        loop {
            let (call, after) = call(self, rest, tools)?;
            if Some(&call.name) != self.no_tool.as_ref() && !calls.contains(&call) {
                calls.push(call);
            }
            // The end of a call may be the beginning of what joins it to the next.
            match self.joint.as_ref().and_then(|joint| after.strip_prefix(joint.as_str())) {
                Some(next) => rest = next,
                None if after.starts_with(&self.closing) => break,
                None => return None,
            }
        }
        Some(ParsedAnswer { words: text[..start].trim_end().to_owned(), calls })
    }
}

/// Whether names stand between quotation marks, as strings of JSON.
fn quotes_names(syntax: &CallSyntax) -> bool {
    syntax.after_name.starts_with('"')
}

fn written_name(syntax: &CallSyntax, name: &str) -> String {
    let json = Value::from(name).to_string();
    if quotes_names(syntax) { json[1..json.len() - 1].to_owned() } else { name.to_owned() }
}

fn written_arguments(syntax: &CallSyntax, arguments: &Map<String, Value>) -> String {
    let joined = |mark: &str, one: &dyn Fn((&String, &Value)) -> String| {
        arguments.iter().map(one).collect::<Vec<_>>().join(mark)
    };
    match &syntax.arguments {
        ArgumentSyntax::Fields => {
            joined("", &|(name, value)| format!(", {}: {}", Value::from(name.as_str()), spaced(value)))
        }
        ArgumentSyntax::Object => {
            let fields = joined(", ", &|(name, value)| format!("{}: {}", Value::from(name.as_str()), spaced(value)));
            format!("{{{fields}}}")
        }
        ArgumentSyntax::Keywords => joined(", ", &|(name, value)| format!("{name}={}", keywords::write(value))),
        ArgumentSyntax::Tagged { opening, after_name, closing } => joined("", &|(name, value)| {
            let value = value.as_str().map_or_else(|| spaced(value), str::to_owned);
            format!("{opening}{name}{after_name}{value}{closing}")
        }),
    }
}

/// A call and what comes after its arguments.
fn call<'a>(syntax: &CallSyntax, text: &'a str, tools: &[ToolDefinition]) -> Option<(ParsedCall, &'a str)> {
    let (name, rest) = text.split_once(syntax.after_name.as_str())?;
    let name = if quotes_names(syntax) { serde_json::from_str(&format!("\"{name}\"")).ok()? } else { name.to_owned() };
    let (arguments, rest) = match &syntax.arguments {
        ArgumentSyntax::Fields => fields(rest)?,
        ArgumentSyntax::Object => json_value(rest)?,
        ArgumentSyntax::Keywords => keywords::read(rest)?,
        ArgumentSyntax::Tagged { opening, after_name, closing } => {
            let tool = tools.iter().find(|tool| tool.name == name);
            let mut arguments = Map::new();
            let mut rest = rest;
            while let Some(argument) = rest.strip_prefix(opening.as_str()) {
                let (key, after) = argument.split_once(after_name.as_str())?;
                let (value, after) = after.split_once(closing.as_str())?;
                arguments.insert(key.to_owned(), tagged_value(tool, key, value));
                rest = after;
            }
            (arguments, rest)
        }
    };
    Some((ParsedCall { name, arguments }, rest))
}

/// A value with one space after each comma and colon, in lists and objects inside it as well: so has it the grammar that
/// answers are generated under, and what is shown or learned must be what can be said.
fn spaced(value: &Value) -> String {
    match value {
        Value::Array(items) => format!("[{}]", items.iter().map(spaced).collect::<Vec<_>>().join(", ")),
        Value::Object(fields) => {
            let fields =
                fields.iter().map(|(name, value)| format!("{}: {}", Value::from(name.as_str()), spaced(value)));
            format!("{{{}}}", fields.collect::<Vec<_>>().join(", "))
        }
        plain => plain.to_string(),
    }
}

/// A JSON value at the beginning of a text, and what comes after it.
pub(super) fn json_value<T: serde::de::DeserializeOwned>(text: &str) -> Option<(T, &str)> {
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<T>();
    let value = values.next()?.ok()?;
    Some((value, &text[values.byte_offset()..]))
}

/// Fields after others of a JSON object.
fn fields(mut text: &str) -> Option<(Map<String, Value>, &str)> {
    let mut fields = Map::new();
    while let Some(field) = text.strip_prefix(", ") {
        let (name, after) = json_value::<String>(field)?;
        let (value, after) = json_value(after.strip_prefix(": ")?)?;
        fields.insert(name, value);
        text = after;
    }
    Some((fields, text))
}

/// A value between marks: text where the tool's schema has text, else JSON.
fn tagged_value(tool: Option<&ToolDefinition>, name: &str, value: &str) -> Value {
    let is_text = tool.is_some_and(|tool| tool.parameters.as_json()["properties"][name]["type"] == "string");
    let json = (!is_text).then(|| serde_json::from_str(value).ok()).flatten();
    json.unwrap_or_else(|| Value::from(value))
}
