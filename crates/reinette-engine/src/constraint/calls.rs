//! The grammar of tool calls, in whatever syntax a model writes them.

use super::spans::{SpanWriting, Spans};
use super::{ArgumentSyntax, CallSyntax, ConstraintError, WordsSyntax, schema};
use reinette_schema::SchemaError;
use serde_json::{Map, Value};
use std::collections::HashMap;
use std::fmt::Write;
use std::sync::LazyLock;

/// Calls of tools, or words and calls.
#[derive(Clone, Debug)]
pub struct CallGrammar {
    /// The tools that may be called.
    pub tools: Vec<CallTool>,
    /// The texts that spans are copied from, such as the user's words: arguments that are spans are runs of one of them.
    pub sources: Vec<String>,
    /// How many calls an answer may hold; at least one is allowed whatever this says.
    pub max_calls: usize,
    /// Whether no tool need be called.
    pub no_call: NoCall,
    /// How calls are written.
    pub syntax: CallSyntax,
}

/// A tool that may be called.
#[derive(Clone, Debug)]
pub struct CallTool {
    /// The name that a call carries.
    pub name: String,
    /// An object schema of the arguments. They come in its order, and those that it does not require may be left out.
    /// A string argument with `"x-span": true` is a run of whole words of one of [`CallGrammar::sources`].
    pub parameters: Value,
}

/// Whether no tool need be called.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NoCall {
    /// The answer may be words, or the call of no tool, as the syntax has it.
    #[default]
    Allowed,
    /// There is at least one call, and nothing else.
    Refused,
}

/// The grammar in llguidance's dialect of Lark.
pub(super) fn to_lark(calls: &CallGrammar) -> Result<String, ConstraintError> {
    let syntax = &calls.syntax;
    let writing = match syntax.arguments {
        ArgumentSyntax::Tagged { .. } => SpanWriting::Plain,
        ArgumentSyntax::Fields | ArgumentSyntax::Object | ArgumentSyntax::Keywords => SpanWriting::Json,
    };
    let spans = Spans::of(&calls.sources, writing);
    let mut writer = Writer { syntax, rules: String::new(), values: HashMap::new(), spans };
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
    let mut lark = start(calls, !tools.is_empty())?;
    if !tools.is_empty() {
        let _ = writeln!(lark, "call: {}", tools.join(" | "));
    }
    lark.push_str(&writer.rules);
    lark.push_str(&writer.spans.terminals());
    Ok(lark)
}

/// The rule of the whole answer, and those of words.
fn start(calls: &CallGrammar, can_call: bool) -> Result<String, ConstraintError> {
    let syntax = &calls.syntax;
    let may_leave = calls.no_call == NoCall::Allowed;
    let mut bodies = Vec::new();
    if can_call {
        bodies.push(chain(syntax, calls.max_calls.max(1) - 1));
    }
    if let Some(name) = syntax.no_tool.as_ref().filter(|_| may_leave) {
        bodies.push(quoted(&[name, &syntax.after_name, &syntax.closing].map(String::as_str).concat()));
    }
    let mut answers = Vec::new();
    let mut rules = String::new();
    let mark = match &syntax.words {
        WordsSyntax::Before(mark) if may_leave => Some(mark),
        _ => None,
    };
    if !bodies.is_empty() {
        let bodies = bodies.join(" | ");
        let opening = match mark.and_then(|mark| Some((mark, syntax.opening.strip_prefix(mark.as_str())?))) {
            None => quoted(&syntax.opening),
            Some((mark, rest)) => {
                // The first mark ends the words, whatever else could be one with it.
                let _ = writeln!(rules, "words[lazy]: /(?s:.*)/ {}", quoted(mark));
                if rest.is_empty() { "words".to_owned() } else { format!("words {}", quoted(rest)) }
            }
        };
        answers.push(format!("{opening} ({bodies})"));
    }
    if may_leave && syntax.words != WordsSyntax::Refused {
        let first = syntax.opening.chars().next().filter(|_| can_call && mark.is_none());
        let first = first.map_or_else(String::new, |first| format!("[^\\x{{{:X}}}]", u32::from(first)));
        let more = if first.is_empty() { "+" } else { "*" };
        let _ = writeln!(rules, "WORDS: /{first}(?s:.{more})/");
        answers.push("WORDS".to_owned());
    }
    if answers.is_empty() {
        return Err(ConstraintError::NothingToCall);
    }
    Ok(format!("start: {}\n{rules}", answers.join(" | ")))
}

/// A call and up to `more` others, to the end of the answer.
fn chain(syntax: &CallSyntax, more: usize) -> String {
    let closing = quoted(&syntax.closing);
    let Some(joint) = syntax.joint.as_ref().filter(|_| more > 0) else { return format!("call {closing}") };
    // Where the next call begins with the end of this one, the end is said first: of two literals that begin alike, the
    // longer one would have to be guessed.
    match joint.strip_prefix(&syntax.closing) {
        Some(rest) if !rest.is_empty() => format!("call {closing} ({} call {closing}){{0,{more}}}", quoted(rest)),
        _ => format!("call ({} call){{0,{more}}} {closing}", quoted(joint)),
    }
}

/// Text as a Lark string, which is spelt like a JSON one.
pub(super) fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

/// Writes the rules of tools and their arguments.
struct Writer<'a> {
    syntax: &'a CallSyntax,
    rules: String,
    /// The rule of each argument schema that was already written.
    values: HashMap<String, String>,
    spans: Spans,
}

/// An argument as the grammar has it.
struct Argument {
    /// Its name, its value and all marks that are its own.
    rule: String,
    is_required: bool,
}

impl Writer<'_> {
    /// Writes the rule of one tool; `false` if a required argument has no words to be copied from.
    fn tool(&mut self, rule: &str, tool: &CallTool) -> Result<bool, ConstraintError> {
        if Some(&tool.name) == self.syntax.no_tool.as_ref() {
            let reason = format!("the name `{}` stands for no tool: give it another", tool.name);
            return Err(malformed("#", &reason));
        }
        let schema = schema::parameters(&tool.parameters)?;
        let (properties, required) = parameters(&schema, self.syntax)?;
        let mut arguments = Vec::new();
        for (name, property) in properties {
            let is_required = required.contains(&name.as_str());
            let Some(value) = self.value(&schema, name, property)? else {
                if is_required {
                    return Ok(false);
                }
                continue;
            };
            arguments.push(Argument { rule: self.argument(name, &value)?, is_required });
        }
        // Where names stand in quotation marks, they are strings of JSON.
        let name = if self.syntax.after_name.starts_with('"') {
            let json = quoted(&tool.name);
            json[1..json.len() - 1].to_owned()
        } else {
            checked_name("#", &tool.name)?.to_owned()
        };
        let name = quoted(&format!("{name}{}", self.syntax.after_name));
        let arguments = match self.syntax.arguments {
            ArgumentSyntax::Fields | ArgumentSyntax::Tagged { .. } => sequence("", &arguments),
            ArgumentSyntax::Object => format!("{} {} {}", quoted("{"), self.separated(rule, &arguments), quoted("}")),
            ArgumentSyntax::Keywords => self.separated(rule, &arguments),
        };
        let _ = writeln!(self.rules, "{rule}: {name} {arguments}");
        Ok(true)
    }

    /// An argument with the marks around it, but for those that stand between two.
    fn argument(&self, name: &str, value: &str) -> Result<String, ConstraintError> {
        let pointer = format!("#/properties/{name}");
        Ok(match &self.syntax.arguments {
            ArgumentSyntax::Fields => format!("{} {value}", quoted(&format!(", {}: ", quoted(name)))),
            ArgumentSyntax::Object => format!("{} {value}", quoted(&format!("{}: ", quoted(name)))),
            ArgumentSyntax::Keywords => format!("{} {value}", quoted(&format!("{}=", checked_name(&pointer, name)?))),
            ArgumentSyntax::Tagged { opening, after_name, .. } => {
                format!("{} {value}", quoted(&format!("{opening}{}{after_name}", checked_name(&pointer, name)?)))
            }
        })
    }

    /// Arguments with commas between those that are there.
    fn separated(&mut self, rule: &str, arguments: &[Argument]) -> String {
        // From the last to the first: what may follow when none was written yet.
        let mut first = String::new();
        for (index, argument) in arguments.iter().enumerate().rev() {
            let rest = sequence(&format!("{} ", quoted(", ")), &arguments[index + 1..]);
            let some = format!("{} {rest}", argument.rule);
            let _ = if argument.is_required {
                writeln!(self.rules, "{rule}_from_{index}: {some}")
            } else if first.is_empty() {
                writeln!(self.rules, "{rule}_from_{index}: ({some})?")
            } else {
                writeln!(self.rules, "{rule}_from_{index}: {some} | {first}")
            };
            first = format!("{rule}_from_{index}");
        }
        first
    }

    /// The name of the rule of an argument; `None` if it can have no value: its schema is `false`, or there is no span to
    /// copy.
    fn value(&mut self, parameters: &Value, name: &str, property: &Value) -> Result<Option<String>, ConstraintError> {
        if *property == Value::Bool(false) {
            return Ok(None);
        }
        if let ArgumentSyntax::Tagged { closing, .. } = &self.syntax.arguments {
            let closing = quoted(closing);
            if is_span(name, property)? {
                return Ok(self.spans.terminal().map(|span| format!("{span} {closing}")));
            }
            if property.get("type").is_some_and(|name| name == "string") {
                return self.plain_text(name, property).map(Some);
            }
            let value = self.json(parameters, name, property)?;
            return Ok(Some(format!("{value} {closing}")));
        }
        if is_span(name, property)? {
            return Ok(self.spans.terminal().map(str::to_owned));
        }
        let is_boolean = property.get("type").is_some_and(|name| name == "boolean");
        if self.syntax.arguments == ArgumentSyntax::Keywords && is_boolean {
            return Ok(Some("(\"True\" | \"False\")".to_owned()));
        }
        self.json(parameters, name, property).map(Some)
    }

    /// The name of the rule of a value that is JSON.
    fn json(&mut self, parameters: &Value, name: &str, property: &Value) -> Result<String, ConstraintError> {
        let schema = schema::prepare_property(parameters, name, property)?.to_string();
        Ok(self.named(schema, |schema| format!(": %json {schema}")))
    }

    /// The name of the rule of a string that is written as it is, with the mark that ends it.
    fn plain_text(&mut self, name: &str, property: &Value) -> Result<String, ConstraintError> {
        let ArgumentSyntax::Tagged { closing, .. } = &self.syntax.arguments else { return Ok(String::new()) };
        let keywords = property.as_object().into_iter().flatten();
        for (keyword, _) in keywords.filter(|(keyword, _)| !schema::is_annotation(keyword)) {
            if !["type", "enum", "const", "maxLength"].contains(&keyword.as_str()) {
                let advice =
                    "this model writes strings as they are, and a call is told by their end: check it afterwards";
                return Err(unsupported(keyword, &format!("#/properties/{name}"), advice));
            }
        }
        let choices = match (property.get("const"), property.get("enum")) {
            (Some(only), _) => Some(vec![only.clone()]),
            (None, choices) => choices.and_then(Value::as_array).cloned(),
        };
        if let Some(choices) = choices {
            let texts = choices.iter().filter_map(Value::as_str).map(|text| quoted(&format!("{text}{closing}")));
            let texts: Vec<String> = texts.collect();
            if texts.is_empty() {
                return Err(malformed(&format!("#/properties/{name}"), "none of its values is a string"));
            }
            return Ok(format!("({})", texts.join(" | ")));
        }
        let length =
            property.get("maxLength").and_then(Value::as_u64).unwrap_or(reinette_schema::limits::STRING_CHARACTERS);
        let body = format!("[lazy]: /(?s:.{{0,{length}}})/ {}", quoted(closing));
        Ok(self.named(body, str::to_owned))
    }

    /// The name of a rule, which is written when it is asked for the first time.
    fn named(&mut self, key: String, body: impl Fn(&str) -> String) -> String {
        if let Some(rule) = self.values.get(&key) {
            return rule.clone();
        }
        let rule = format!("value_{}", self.values.len());
        let _ = writeln!(self.rules, "{rule}{}", body(&key));
        self.values.insert(key, rule.clone());
        rule
    }
}

/// Arguments one after the other, each after `mark`; those that are not required may be left out.
fn sequence(mark: &str, arguments: &[Argument]) -> String {
    let one = |argument: &Argument| {
        if argument.is_required { format!("{mark}{}", argument.rule) } else { format!("({mark}{})?", argument.rule) }
    };
    arguments.iter().map(one).collect::<Vec<_>>().join(" ")
}

/// Refuses names that could be taken for marks where they stand without quotation marks.
fn checked_name<'a>(pointer: &str, name: &'a str) -> Result<&'a str, ConstraintError> {
    let is_plain = |letter: char| letter.is_alphanumeric() || "_-.:/".contains(letter);
    if !name.is_empty() && name.chars().all(is_plain) {
        return Ok(name);
    }
    Err(malformed(pointer, "this model writes names without quotation marks: use letters, digits, `_` and `-`"))
}

/// Those of a tool without arguments.
static NO_PROPERTIES: LazyLock<Map<String, Value>> = LazyLock::new(Map::new);

/// The properties of an object schema and the names that it requires.
fn parameters<'a>(
    schema: &'a Value,
    syntax: &CallSyntax,
) -> Result<(&'a Map<String, Value>, Vec<&'a str>), ConstraintError> {
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
    // Beside the fields of a call stands the one that carries the tool's name.
    let carries_name = |name: &&String| syntax.opening.ends_with(&format!("{}: \"", quoted(name)));
    if let Some(name) = properties.keys().find(carries_name).filter(|_| syntax.arguments == ArgumentSyntax::Fields) {
        let reason = "this key carries the tool's name: give the argument another";
        return Err(malformed(&format!("#/properties/{name}"), reason));
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

/// Whether an argument is copied from the sources. A span carries no other demand: the words are what they are.
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
