//! Calls as models are to write them.

use super::Call;
use serde_json::{Map, Value, json};

/// Calls as the call grammar has them: a JSON list with a space after each colon and comma; where there are none, the call of
/// `no_tool`, which says so.
pub fn calls_text(calls: &[Call], no_tool: &str) -> String {
    let object = |name: &str, arguments: &Map<String, Value>| {
        let fields = arguments.iter().map(|(name, value)| format!(", {}: {}", json!(name), spaced(value)));
        format!("{{\"tool\": {}{}}}", json!(name), fields.collect::<String>())
    };
    let texts: Vec<String> = calls.iter().map(|call| object(&call.name, &call.arguments)).collect();
    if texts.is_empty() { format!("[{}]", object(no_tool, &Map::new())) } else { format!("[{}]", texts.join(", ")) }
}

/// A value with one space after each comma and colon, in lists and objects inside it as well: so has it the grammar that
/// answers are generated under, and what is learned must be what can be said.
fn spaced(value: &Value) -> String {
    match value {
        Value::Array(items) => format!("[{}]", items.iter().map(spaced).collect::<Vec<_>>().join(", ")),
        Value::Object(fields) => {
            let fields = fields.iter().map(|(name, value)| format!("{}: {}", json!(name), spaced(value)));
            format!("{{{}}}", fields.collect::<Vec<_>>().join(", "))
        }
        plain => plain.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_a_space_after_each_comma_and_colon() {
        let value = json!({ "a": ["x, y", "z:\"", 1.5, null], "b": { "c": [], "d": { "e": true } } });
        assert_eq!(spaced(&value), r#"{"a": ["x, y", "z:\"", 1.5, null], "b": {"c": [], "d": {"e": true}}}"#);
    }
}
