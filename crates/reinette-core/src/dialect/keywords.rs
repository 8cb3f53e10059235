//! Arguments as in a call of Python: `title="tea", minutes=5, loud=True`.

use super::syntax::json_value;
use serde_json::{Map, Number, Value};

/// How deep lists and dictionaries may lie within each other.
const MAX_DEPTH: usize = 64;

/// A value as a literal.
pub(super) fn write(value: &Value) -> String {
    match value {
        Value::Null => "None".to_owned(),
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        Value::Array(items) => format!("[{}]", items.iter().map(write).collect::<Vec<_>>().join(", ")),
        Value::Object(fields) => {
            let fields = fields.iter().map(|(name, value)| format!("{}: {}", Value::from(name.as_str()), write(value)));
            format!("{{{}}}", fields.collect::<Vec<_>>().join(", "))
        }
        plain => plain.to_string(),
    }
}

/// Keyword arguments at the beginning of a text, up to the parenthesis that ends them, and what comes from there on.
pub(super) fn read(mut text: &str) -> Option<(Map<String, Value>, &str)> {
    let mut arguments = Map::new();
    while !text.starts_with(')') {
        let (name, after) = text.split_once('=')?;
        let (value, after) = literal(after, 0)?;
        arguments.insert(name.trim().to_owned(), value);
        match after.strip_prefix(',') {
            Some(more) => text = more.trim_start(),
            None if after.starts_with(')') => text = after,
            None => return None,
        }
    }
    Some((arguments, text))
}

/// A literal of Python or JSON at the beginning of a text, and what comes after it.
fn literal(text: &str, depth: usize) -> Option<(Value, &str)> {
    if depth > MAX_DEPTH {
        return None;
    }
    match text.chars().next()? {
        '"' => json_value(text),
        '\'' => single_quoted(&text[1..]),
        '[' => {
            let mut items = Vec::new();
            let rest = listed(&text[1..], ']', &mut |text| {
                let (item, rest) = literal(text, depth + 1)?;
                items.push(item);
                Some(rest)
            })?;
            Some((Value::Array(items), rest))
        }
        '{' => {
            let mut fields = Map::new();
            let rest = listed(&text[1..], '}', &mut |text| {
                let (Value::String(name), rest) = literal(text, depth + 1)? else { return None };
                let (value, rest) = literal(rest.trim_start().strip_prefix(':')?.trim_start(), depth + 1)?;
                fields.insert(name, value);
                Some(rest)
            })?;
            Some((Value::Object(fields), rest))
        }
        _ => {
            let end = text.find([',', ')', ']', '}', ':']).unwrap_or(text.len());
            let (word, rest) = text.split_at(end);
            let value = match word.trim() {
                "True" | "true" => Value::Bool(true),
                "False" | "false" => Value::Bool(false),
                "None" | "null" => Value::Null,
                number => Value::Number(number.parse::<Number>().ok()?),
            };
            Some((value, rest))
        }
    }
}

/// Reads what stands between commas up to `end`, and gives back what comes after it.
fn listed<'a>(mut text: &'a str, end: char, one: &mut dyn FnMut(&'a str) -> Option<&'a str>) -> Option<&'a str> {
    loop {
        text = text.trim_start();
        if let Some(rest) = text.strip_prefix(end) {
            return Some(rest);
        }
        text = one(text)?.trim_start();
        if let Some(more) = text.strip_prefix(',') {
            text = more;
        } else if !text.starts_with(end) {
            return None;
        }
    }
}

/// A string after its opening apostrophe.
fn single_quoted(text: &str) -> Option<(Value, &str)> {
    let mut read = String::new();
    let mut letters = text.char_indices();
    while let Some((place, letter)) = letters.next() {
        match letter {
            '\'' => return Some((Value::String(read), &text[place + 1..])),
            '\\' => read.push(match letters.next()?.1 {
                'n' => '\n',
                't' => '\t',
                'r' => '\r',
                other => other,
            }),
            letter => read.push(letter),
        }
    }
    None
}
