//! Forms in which others write training data, brought into ours where it is clear what they mean: `OpenAI`'s messages with
//! `tool_calls`, `ShareGPT`'s `conversations` and Alpaca's `instruction`, `input` and `output`.
//!
//! What could be learned otherwise than its writer meant is refused, by the field: `messages[1].tool_calls`.

use super::kind_of;
use serde_json::{Map, Value, json};

type Fields = Map<String, Value>;

/// Fields that say where an example comes from.
const SOURCES: [&str; 8] = ["id", "idx", "source", "dataset", "category", "model", "lang", "hash"];

/// Whether a record has a form whose files are arrays.
pub(super) fn is_published_as_array(record: &Value) -> bool {
    ["conversations", "instruction"].iter().any(|field| record.get(field).is_some())
}

/// A record in a form of ours. A field that is null is as good as none.
pub(super) fn ours(record: Value) -> Result<Value, String> {
    let Value::Object(mut fields) = record else { return Ok(record) };
    fields.retain(|_, value| !value.is_null());
    if fields.contains_key("conversations") {
        sharegpt(fields)
    } else if fields.contains_key("instruction") {
        alpaca(&fields)
    } else if fields.contains_key("messages") {
        messages(fields)
    } else {
        Ok(Value::Object(fields))
    }
}

fn turn(role: &str, content: impl Into<String>) -> Value {
    json!({ "role": role, "content": content.into() })
}

/// A field that holds text, or nothing.
fn text<'a>(fields: &'a Fields, field: &str) -> Result<&'a str, String> {
    match fields.get(field) {
        None => Ok(""),
        Some(Value::String(text)) => Ok(text),
        Some(other) => Err(format!("`{field}` is {}, not text", kind_of(other))),
    }
}

fn list<'a>(value: &'a Value, field: &str) -> Result<&'a Vec<Value>, String> {
    value.as_array().ok_or_else(|| format!("`{field}` is {}, not a list", kind_of(value)))
}

/// Refuses fields besides those that are understood.
fn only(fields: &Fields, known: &[&str], place: &str) -> Result<(), String> {
    let is_known = |field: &&String| known.contains(&field.as_str());
    match fields.iter().find(|(field, value)| !value.is_null() && !is_known(field)) {
        Some((field, _)) => Err(format!("`{place}{field}` is not understood here: take it out if it may be left out")),
        None => Ok(()),
    }
}

fn alpaca(fields: &Fields) -> Result<Value, String> {
    // Some files repeat the whole prompt as `text`.
    only(fields, &[&["instruction", "input", "output", "system", "history", "text"][..], &SOURCES].concat(), "")?;
    let mut turns = Vec::new();
    turns
        .extend(Some(text(fields, "system")?).filter(|system| !system.is_empty()).map(|system| turn("system", system)));
    if let Some(history) = fields.get("history") {
        for (index, pair) in list(history, "history")?.iter().enumerate() {
            let texts: Option<Vec<&str>> = pair.as_array().and_then(|pair| pair.iter().map(Value::as_str).collect());
            let Some([asked, answered]) = texts.as_deref() else {
                return Err(format!("`history[{index}]` is not a pair of texts"));
            };
            turns.extend([turn("user", *asked), turn("assistant", *answered)]);
        }
    }
    let (instruction, input) = (text(fields, "instruction")?, text(fields, "input")?);
    let output = text(fields, "output")?;
    if output.is_empty() {
        return Err("`output` is empty or missing: there is nothing to learn".to_owned());
    }
    let asked = if input.is_empty() { instruction.to_owned() } else { format!("{instruction}\n\n{input}") };
    turns.extend([turn("user", asked), turn("assistant", output)]);
    Ok(json!({ "messages": turns }))
}

fn sharegpt(mut fields: Fields) -> Result<Value, String> {
    if fields.get("tools").is_some_and(|tools| tools == "" || tools == "[]" || tools == &json!([])) {
        fields.shift_remove("tools");
    }
    only(&fields, &[&["conversations", "system"][..], &SOURCES].concat(), "")?;
    let mut turns = Vec::new();
    turns.extend(
        Some(text(&fields, "system")?).filter(|system| !system.is_empty()).map(|system| turn("system", system)),
    );
    for (index, entry) in list(&fields["conversations"], "conversations")?.iter().enumerate() {
        let place = format!("conversations[{index}].");
        let Some(entry) = entry.as_object() else { return Err(format!("`conversations[{index}]` is no object")) };
        only(entry, &["from", "value"], &place)?;
        let role = match text(entry, "from").map_err(|problem| format!("{place}: {problem}"))? {
            "human" | "user" => "user",
            "gpt" | "chatgpt" | "assistant" => "assistant",
            "system" => "system",
            other => return Err(format!("`{place}from` is {other:?}: human, gpt and system are understood")),
        };
        let Some(Value::String(value)) = entry.get("value") else {
            return Err(format!("`{place}value` is {}, not text", entry.get("value").map_or("missing", kind_of)));
        };
        turns.push(turn(role, value.as_str()));
    }
    Ok(json!({ "messages": turns }))
}

/// Messages as `OpenAI`'s interface has them. Of a conversation the last turn is learned: its words, or its calls.
fn messages(mut fields: Fields) -> Result<Value, String> {
    let messages = list(&fields["messages"], "messages")?.clone();
    let mut turns = Vec::new();
    for (index, message) in messages.iter().enumerate() {
        let place = format!("messages[{index}].");
        let Some(message) = message.as_object() else { return Err(format!("`messages[{index}]` is no object")) };
        let is_last = index + 1 == messages.len();
        // Ours alone.
        if message.contains_key("calls") {
            turns.push(Value::Object(message.clone()));
            continue;
        }
        only(message, &["role", "content", "tool_calls", "function_call", "weight"], &place)?;
        check_weight(message, &place, is_last)?;
        let calls = calls(message, &place)?;
        let content = content(message.get("content"), &place)?;
        if calls.is_empty() {
            let role = message.get("role").and_then(Value::as_str);
            let role = role.ok_or_else(|| format!("`{place}role` is missing, or no text"))?;
            let content = content.ok_or_else(|| format!("`{place}content` is missing or null"))?;
            turns.push(turn(if role == "developer" { "system" } else { role }, content));
        } else if !is_last {
            return Err(format!(
                "`{place}tool_calls`: only the last turn's calls are learned: end the conversation with them"
            ));
        } else if content.is_some_and(|content| !content.is_empty()) {
            return Err(format!("`{place}content`: words next to calls are not learned: leave them out"));
        } else {
            fields.insert("calls".to_owned(), Value::Array(calls));
        }
    }
    fields.insert("messages".to_owned(), Value::Array(turns));
    fields.shift_remove("parallel_tool_calls");
    if let Some(tools) = fields.shift_remove("functions") {
        fields.insert("tools".to_owned(), tools);
    }
    if let Some(calls) = fields.get("calls") {
        fields.insert("calls".to_owned(), plain_calls(calls)?);
    }
    if let Some(offered) = fields.shift_remove("tools") {
        let offered = tools(&offered)?;
        let is_about_tools = fields.contains_key("calls");
        if is_about_tools {
            fields.insert("tools".to_owned(), Value::Array(offered));
        } else if !offered.is_empty() {
            return Err(
                "`tools`: the last turn calls none of them: leave them out, or end with the user's turn and write \
                        \"calls\": [] where none is to be called"
                    .to_owned(),
            );
        }
    }
    Ok(Value::Object(fields))
}

/// A weight of 1 on the last turn and 0 on others say what is done anyway.
fn check_weight(message: &Fields, place: &str, is_last: bool) -> Result<(), String> {
    let Some(weight) = message.get("weight").filter(|weight| !weight.is_null()) else { return Ok(()) };
    match (weight.as_f64(), is_last) {
        (Some(1.0), true) | (Some(0.0), false) => Ok(()),
        (Some(0.0), true) => Err(format!("`{place}weight` is 0: the last turn is what is learned")),
        _ => Err(format!(
            "`{place}weight` is {weight}: only the last turn is learned, in full: write a line for each turn"
        )),
    }
}

/// The words of a message, which may come in parts; `None` where there are none.
fn content(content: Option<&Value>, place: &str) -> Result<Option<String>, String> {
    let parts = match content {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::String(text)) => return Ok(Some(text.clone())),
        Some(Value::Array(parts)) => parts,
        Some(other) => return Err(format!("`{place}content` is {}, not text", kind_of(other))),
    };
    let mut text = String::new();
    for (index, part) in parts.iter().enumerate() {
        match (part.as_str(), part["type"].as_str(), part["text"].as_str()) {
            (Some(part), ..) | (_, Some("text"), Some(part)) => text.push_str(part),
            (_, Some(kind), _) if kind != "text" => {
                return Err(format!("`{place}content[{index}].type` is {kind:?}: only text can be learned"));
            }
            _ => {
                return Err(format!("`{place}content[{index}]` is no text: write {{\"type\": \"text\", \"text\": …}}"));
            }
        }
    }
    Ok(Some(text))
}

/// The calls of a message, also in the older form of one `function_call`.
fn calls(message: &Fields, place: &str) -> Result<Vec<Value>, String> {
    let mut calls = Vec::new();
    if let Some(value) = message.get("tool_calls").filter(|value| !value.is_null()) {
        for (index, call) in list(value, &format!("{place}tool_calls"))?.iter().enumerate() {
            let function = call.get("function").unwrap_or(call);
            let arguments =
                arguments(function.get("arguments"), &format!("{place}tool_calls[{index}].function.arguments"))?;
            calls.push(json!({ "name": function["name"], "arguments": arguments }));
        }
    }
    if let Some(call) = message.get("function_call").filter(|value| !value.is_null()) {
        let arguments = arguments(call.get("arguments"), &format!("{place}function_call.arguments"))?;
        calls.push(json!({ "name": call["name"], "arguments": arguments }));
    }
    Ok(calls)
}

/// Our own calls, whose arguments may be text too.
fn plain_calls(calls: &Value) -> Result<Value, String> {
    let mut plain = list(calls, "calls")?.clone();
    for (index, call) in plain.iter_mut().enumerate() {
        let Some(call) = call.as_object_mut() else { return Err(format!("`calls[{index}]` is no object")) };
        if !call.get("name").is_some_and(Value::is_string) {
            return Err(format!("`calls[{index}].name` is missing, or no text"));
        }
        let arguments = arguments(call.get("arguments"), &format!("calls[{index}].arguments"))?;
        call.insert("arguments".to_owned(), arguments);
    }
    Ok(Value::Array(plain))
}

/// The arguments of a call, which some write as text.
fn arguments(arguments: Option<&Value>, place: &str) -> Result<Value, String> {
    let read = match arguments {
        None | Some(Value::Null) => return Ok(json!({})),
        Some(Value::String(text)) if text.trim().is_empty() => return Ok(json!({})),
        Some(Value::String(text)) => {
            serde_json::from_str(text).map_err(|error| format!("`{place}` is not JSON: {error}"))?
        }
        Some(other) => other.clone(),
    };
    if read.is_object() { Ok(read) } else { Err(format!("`{place}` is {}, not an object", kind_of(&read))) }
}

/// The tools on offer, without the wrapping that interfaces give them.
fn tools(offered: &Value) -> Result<Vec<Value>, String> {
    let unwrapped = |(index, tool): (usize, &Value)| {
        let mut function = tool.get("function").unwrap_or(tool).clone();
        let place = format!("tools[{index}]");
        let Some(fields) = function.as_object_mut() else { return Err(format!("`{place}` is no object")) };
        fields.shift_remove("strict");
        for field in ["name", "description"] {
            if fields.get(field).is_some_and(|value| !value.is_string())
                || (field == "name" && !fields.contains_key(field))
            {
                return Err(format!("`{place}.{field}` is missing, or no text"));
            }
        }
        Ok(function)
    };
    list(offered, "tools")?.iter().enumerate().map(unwrapped).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(record: Value) -> Value {
        ours(record).unwrap()
    }

    #[test]
    fn openai_s_messages() {
        let turns = json!([turn("system", "Be brief."), turn("user", "Hi there"), turn("assistant", "Hello")]);
        let record = json!({"messages": [
            {"role": "developer", "content": "Be brief.", "name": null},
            {"role": "user", "content": [{"type": "text", "text": "Hi "}, {"type": "text", "text": "there"}]},
            {"role": "assistant", "content": "Hello", "tool_calls": null, "refusal": null, "weight": 1},
        ], "tools": [], "parallel_tool_calls": false});
        assert_eq!(read(record), json!({ "messages": turns }));
    }

    #[test]
    fn openai_s_calls_with_arguments_as_text() {
        let schema = json!({"type": "object", "properties": {"when": {"type": "string"}}});
        let function = json!({"name": "set_alarm", "description": "d", "parameters": schema});
        let expected = json!({
            "messages": [turn("user", "6 am")],
            "calls": [{"name": "set_alarm", "arguments": {"when": "6"}}],
            "tools": [function],
        });
        let call =
            json!({"id": "1", "type": "function", "function": {"name": "set_alarm", "arguments": "{\"when\": \"6\"}"}});
        let record = json!({
            "messages": [{"role": "user", "content": "6 am"}, {"role": "assistant", "content": null, "tool_calls": [call]}],
            "tools": [{"type": "function", "function": {"name": "set_alarm", "description": "d", "parameters": schema, "strict": true}}],
        });
        assert_eq!(read(record), expected);
        let record = json!({
            "messages": [
                {"role": "user", "content": "6 am"},
                {"role": "assistant", "function_call": {"name": "set_alarm", "arguments": "{\"when\": \"6\"}"}},
            ],
            "functions": [function],
        });
        assert_eq!(read(record), expected);
        let own = json!({"messages": [turn("user", "6")], "calls": [{"name": "a", "arguments": "{}"}, {"name": "b"}]});
        assert_eq!(read(own)["calls"], json!([{"name": "a", "arguments": {}}, {"name": "b", "arguments": {}}]));
    }

    #[test]
    fn sharegpt_s_and_alpaca_s_files() {
        let turns = json!([turn("system", "s"), turn("user", "a"), turn("assistant", "b")]);
        let record = json!({"id": "x_0", "system": "s", "tools": "[]", "conversations": [
            {"from": "human", "value": "a", "markdown": null}, {"from": "gpt", "value": "b"},
        ]});
        assert_eq!(read(record), json!({ "messages": turns }));
        let record = json!({"instruction": "Add", "input": "1 2", "output": "3", "text": "…"});
        assert_eq!(read(record), json!({"messages": [turn("user", "Add\n\n1 2"), turn("assistant", "3")]}));
        let record = json!({"instruction": "c", "input": "", "output": "d", "history": [["a", "b"]], "system": null});
        let turns = [turn("user", "a"), turn("assistant", "b"), turn("user", "c"), turn("assistant", "d")];
        assert_eq!(read(record), json!({ "messages": turns }));
    }

    #[test]
    fn what_is_not_clear_is_refused_by_its_field() {
        let asked = json!({"role": "user", "content": "a"});
        let call = json!([{"function": {"name": "f", "arguments": "{}"}}]);
        for (record, field) in [
            (json!({"messages": "a"}), "`messages` is text"),
            (json!({"messages": [3]}), "`messages[0]`"),
            (json!({"messages": [{"content": "a"}]}), "`messages[0].role`"),
            (json!({"messages": [asked, {"role": "assistant"}]}), "`messages[1].content`"),
            (json!({"messages": [asked, {"role": "assistant", "content": null}]}), "`messages[1].content`"),
            (json!({"messages": [{"role": "user", "content": 5}]}), "`messages[0].content` is a number"),
            (
                json!({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}),
                "`messages[0].content[0].type`",
            ),
            (json!({"messages": [{"role": "user", "content": [{"text": "a"}]}]}), "`messages[0].content[0]`"),
            (json!({"messages": [{"role": "user", "content": "a", "name": "Ana"}]}), "`messages[0].name`"),
            (json!({"messages": [asked, {"role": "assistant", "content": "b", "weight": 0}]}), "`messages[1].weight`"),
            (json!({"messages": [{"role": "assistant", "content": "b", "weight": 1}, asked]}), "`messages[0].weight`"),
            (json!({"messages": [{"role": "assistant", "tool_calls": call}, asked]}), "`messages[0].tool_calls`"),
            (
                json!({"messages": [asked, {"role": "assistant", "content": "b", "tool_calls": call}]}),
                "`messages[1].content`",
            ),
            (
                json!({"messages": [asked, {"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": "{"}}]}]}),
                "`messages[1].tool_calls[0].function.arguments`",
            ),
            (json!({"messages": [asked, {"role": "assistant", "content": "b"}], "tools": [{"name": "f"}]}), "`tools`"),
            (json!({"messages": [asked], "calls": [], "tools": [{"type": "web_search"}]}), "`tools[0].name`"),
            (json!({"messages": [asked], "calls": [{"arguments": {}}]}), "`calls[0].name`"),
            (
                json!({"messages": [asked], "calls": [{"name": "f", "arguments": [1]}]}),
                "`calls[0].arguments` is a list",
            ),
            (json!({"conversations": [{"from": "tool", "value": "a"}]}), "`conversations[0].from`"),
            (json!({"conversations": [{"from": "human", "value": null}]}), "`conversations[0].value`"),
            (json!({"conversations": [], "tools": "[{}]"}), "`tools`"),
            (json!({"instruction": "a", "input": 3, "output": "b"}), "`input` is a number"),
            (json!({"instruction": "a"}), "`output`"),
            (json!({"instruction": "a", "output": "b", "score": 3}), "`score`"),
            (json!({"instruction": "a", "output": "b", "history": [["c"]]}), "`history[0]`"),
        ] {
            let problem = ours(record.clone()).unwrap_err();
            assert!(problem.contains(field), "{record}: {problem}");
        }
    }
}
