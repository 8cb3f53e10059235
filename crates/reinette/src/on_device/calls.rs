//! From the text that the call grammar produced to calls.

use super::prompts::NO_TOOL;
use crate::ToolCall;
use serde_json::{Map, Value};

/// Reads a JSON list of calls; an answer that was cut short has no calls.
///
/// Calls that say again what an earlier one of the list said are dropped: a small model repeats itself.
pub(super) fn parse(text: &str, id_prefix: &str) -> Option<Vec<ToolCall>> {
    let list: Vec<Map<String, Value>> = serde_json::from_str(text).ok()?;
    let mut calls: Vec<ToolCall> = Vec::new();
    for mut arguments in list {
        let Some(Value::String(name)) = arguments.shift_remove("tool") else { return None };
        let repeated = calls.iter().any(|call| call.name == name && call.arguments == arguments);
        if name != NO_TOOL && !repeated {
            calls.push(ToolCall { id: format!("{id_prefix}-{}", calls.len()), name, arguments });
        }
    }
    Some(calls)
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn calls_are_read_in_order_without_repetitions() {
        let text = r#"[{"tool": "b", "x": "1", "a": "2"}, {"tool": "a"}, {"tool": "b", "x": "1", "a": "2"}]"#;
        let calls = parse(text, "t").unwrap();
        assert_eq!(calls.iter().map(|call| call.name.as_str()).collect::<Vec<_>>(), ["b", "a"]);
        assert_eq!(calls[0].arguments.keys().collect::<Vec<_>>(), ["x", "a"]);
    }

    #[test]
    fn no_tool_is_no_call_and_a_cut_answer_is_none() {
        assert_eq!(parse(r#"[{"tool": "none"}]"#, "t"), Some(Vec::new()));
        assert_eq!(parse(r#"[{"tool": "no"#, "t"), None);
        assert_eq!(parse(r#"[{"name": "x"}]"#, "t"), None);
    }
}
