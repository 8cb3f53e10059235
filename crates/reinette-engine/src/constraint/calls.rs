//! The grammar of tool calls: a JSON list of objects, each with the tool's name first.

use super::spans::Spans;
use super::{ConstraintError, schema};
use reinette_schema::SchemaError;
use serde_json::{Map, Value};
use std::collections::HashMap;
use std::fmt::Write;
use std::sync::LazyLock;

/// Calls of tools, in the dialect `[{"tool": "create_reminder", "title": "call the plumber"}]`; no tool needed is
/// `[{"tool": "none"}]`.
#[derive(Clone, Debug)]
pub struct CallGrammar {
    /// The tools that may be called.
    pub tools: Vec<CallTool>,
    /// The user's words: arguments that are spans are runs of them.
    pub words: String,
    /// How many calls an answer may hold; at least one is allowed whatever this says.
    pub max_calls: usize,
    /// Whether no tool need be called.
    pub no_call: NoCall,
}

/// A tool that may be called.
#[derive(Clone, Debug)]
pub struct CallTool {
    /// The name that a call carries.
    pub name: String,
    /// An object schema of the arguments. They come in its order, and those that it does not require may be left out.
    /// A string argument with `"x-span": true` is a run of whole words of [`CallGrammar::words`].
    pub parameters: Value,
}

/// Whether no tool need be called.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NoCall {
    /// `[{"tool": "none"}]` may be the answer.
    #[default]
    Allowed,
    /// There is at least one call.
    Refused,
}

/// The name in place of a tool's when none is called.
const NO_TOOL: &str = "none";

/// The grammar in llguidance's dialect of Lark.
pub(super) fn to_lark(calls: &CallGrammar) -> Result<String, ConstraintError> {
    let mut writer = Writer { rules: String::new(), values: HashMap::new(), spans: Spans::of(&calls.words) };
    let mut tools = Vec::new();
    for tool in &calls.tools {
        let rule = format!("tool_{}", tools.len());
        let is_callable = writer
            .tool(&rule, tool)
            .map_err(|source| ConstraintError::Tool { tool: tool.name.clone(), source: Box::new(source) })?;
        if is_callable {
            tools.push(rule);
        }
    }
    let mut bodies = Vec::new();
    if !tools.is_empty() {
        let more = calls.max_calls.max(1) - 1;
        bodies.push(format!("call ({} call){{0,{more}}}", quoted(", {\"tool\": ")));
    }
    if calls.no_call == NoCall::Allowed {
        bodies.push(quoted(&format!("{}}}", quoted(NO_TOOL))));
    }
    if bodies.is_empty() {
        return Err(ConstraintError::NothingToCall);
    }
    let mut lark = format!("start: {} ({}) {}\n", quoted("[{\"tool\": "), bodies.join(" | "), quoted("]"));
    if !tools.is_empty() {
        let _ = writeln!(lark, "call: {}", tools.join(" | "));
    }
    lark.push_str(&writer.rules);
    lark.push_str(&writer.spans.terminals());
    Ok(lark)
}

/// Text as a Lark string, which is spelt like a JSON one.
pub(super) fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

/// Writes the rules of tools and their arguments.
struct Writer {
    rules: String,
    /// The rule of each argument schema that was already written.
    values: HashMap<String, String>,
    spans: Spans,
}

impl Writer {
    /// Writes the rule of one tool; `false` if a required argument has no words to be copied from.
    fn tool(&mut self, rule: &str, tool: &CallTool) -> Result<bool, ConstraintError> {
        if tool.name == NO_TOOL {
            return Err(malformed("#", "the name `none` stands for no tool: give it another"));
        }
        let schema = schema::parameters(&tool.parameters)?;
        let (properties, required) = parameters(&schema)?;
        let mut sequence = quoted(&quoted(&tool.name));
        for (name, property) in properties {
            let is_required = required.contains(&name.as_str());
            let Some(value) = self.value(&schema, name, property)? else {
                if is_required {
                    return Ok(false);
                }
                continue;
            };
            let argument = format!("{} {value}", quoted(&format!(", {}: ", quoted(name))));
            let _ = if is_required { write!(sequence, " {argument}") } else { write!(sequence, " ({argument})?") };
        }
        let _ = writeln!(self.rules, "{rule}: {sequence} {}", quoted("}"));
        Ok(true)
    }

    /// The name of the rule of an argument; `None` if it can have no value: its schema is `false`, or there is no span to
    /// copy.
    fn value(&mut self, parameters: &Value, name: &str, property: &Value) -> Result<Option<String>, ConstraintError> {
        if *property == Value::Bool(false) {
            return Ok(None);
        }
        if is_span(name, property)? {
            return Ok(self.spans.terminal().map(str::to_owned));
        }
        let schema = schema::prepare_property(parameters, name, property)?.to_string();
        if let Some(rule) = self.values.get(&schema) {
            return Ok(Some(rule.clone()));
        }
        let rule = format!("value_{}", self.values.len());
        let _ = writeln!(self.rules, "{rule}: %json {schema}");
        self.values.insert(schema, rule.clone());
        Ok(Some(rule))
    }
}

/// Those of a tool without arguments.
static NO_PROPERTIES: LazyLock<Map<String, Value>> = LazyLock::new(Map::new);

/// The properties of an object schema and the names that it requires.
fn parameters(schema: &Value) -> Result<(&Map<String, Value>, Vec<&str>), ConstraintError> {
    const ALLOWED: [&str; 4] = ["type", "properties", "required", "additionalProperties"];
    let keywords = schema.as_object().ok_or_else(|| malformed("#", "the parameters of a tool are an object schema"))?;
    for (name, value) in keywords {
        let is_open = name == "additionalProperties" && *value != Value::Bool(false);
        if is_open || !(ALLOWED.contains(&name.as_str()) || schema::is_annotation(name)) {
            return Err(unsupported(name, "#", "the parameters of a tool are named `properties` and no others"));
        }
    }
    if keywords.get("type").is_some_and(|name| name != "object") {
        return Err(malformed("#", "the parameters of a tool are an object schema: write `\"type\": \"object\"`"));
    }
    let properties: &Map<String, Value> = match keywords.get("properties") {
        None => &NO_PROPERTIES,
        Some(Value::Object(properties)) => properties,
        Some(_) => return Err(malformed("#/properties", "it is to be an object")),
    };
    if properties.contains_key("tool") {
        return Err(malformed("#/properties/tool", "this key carries the tool's name: give the argument another"));
    }
    let required = match keywords.get("required") {
        None => Vec::new(),
        Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).collect(),
        Some(_) => return Err(malformed("#/required", "it is to be a list of names")),
    };
    match required.iter().find(|name| !properties.contains_key(**name)) {
        Some(name) => Err(malformed("#/required", &format!("`{name}` is no property"))),
        None => Ok((properties, required)),
    }
}

/// Whether an argument is copied from the user's words. A span carries no other demand: the words are what they are.
fn is_span(name: &str, property: &Value) -> Result<bool, ConstraintError> {
    let Some(keywords) = property.as_object().filter(|keywords| keywords.get("x-span") == Some(&Value::Bool(true)))
    else {
        return Ok(false);
    };
    let pointer = format!("#/properties/{name}");
    if keywords.get("type").is_none_or(|name| name != "string") {
        return Err(unsupported("x-span", &pointer, "only a string can be copied from the user's words"));
    }
    for keyword in keywords.keys() {
        if !["type", "x-span"].contains(&keyword.as_str()) && !schema::is_annotation(keyword) {
            return Err(unsupported(
                keyword,
                &pointer,
                "a span is whatever the user said: check it after it was copied",
            ));
        }
    }
    Ok(true)
}

fn malformed(pointer: &str, reason: &str) -> ConstraintError {
    SchemaError::Malformed { pointer: pointer.to_owned(), reason: reason.to_owned() }.into()
}

fn unsupported(keyword: &str, pointer: &str, advice: &str) -> ConstraintError {
    let (keyword, pointer, advice) = (keyword.to_owned(), pointer.to_owned(), advice.to_owned());
    SchemaError::Unsupported { keyword, pointer, advice }.into()
}
