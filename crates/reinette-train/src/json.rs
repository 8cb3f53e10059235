//! JSON as models are to write it.

use serde_json::{Value, json};

/// A value with one space after each comma and colon, in lists and objects inside it as well: so has it the grammar that
/// answers are generated under, and what is learned must be what can be said.
pub(crate) fn spaced(value: &Value) -> String {
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
