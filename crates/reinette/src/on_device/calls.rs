//! From the text that the call grammar produced to calls.

use super::prompts::NO_TOOL;
use crate::{LogitsProcessor, ToolCall};
use serde_json::{Map, Value};

/// What the answer begins with, up to the name of the first call; and the whole answer that calls none.
const CALL_BEGINNING: &str = "[{\"tool\": ";
const NO_CALL: &str = "[{\"tool\": \"none\"}]";

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

/// Adds `bias` to the logits of the tokens that choose no tool, where the name of the first call is chosen among `names`.
pub(super) fn no_tool_biased(bias: f32, names: Vec<String>) -> LogitsProcessor {
    LogitsProcessor::new(move |logits| {
        let so_far: Vec<u8> = logits.answer().iter().flat_map(|token| logits.token_bytes(*token).to_vec()).collect();
        let Ok(so_far) = std::str::from_utf8(&so_far) else { return };
        for piece in no_tool_pieces(so_far, &names) {
            // A piece that is no token is chosen by its beginning.
            let [token] = logits.tokens_of(piece)[..] else { continue };
            if logits.token_bytes(token) == piece.as_bytes()
                && let Some(logit) = logits.get_mut(token)
            {
                *logit += bias;
            }
        }
    })
}

/// The pieces of text that may follow an answer's beginning and lead to no tool, and to none of `names`; none where that is
/// decided already.
fn no_tool_pieces(so_far: &str, names: &[String]) -> Vec<&'static str> {
    let Some(rest) = NO_CALL.strip_prefix(so_far).filter(|_| so_far.starts_with(CALL_BEGINNING)) else {
        return Vec::new();
    };
    let named: Vec<String> =
        names.iter().map(|name| format!("{CALL_BEGINNING}{}", Value::from(name.as_str()))).collect();
    // While the answer may still become a tool's, the tokens that end that are the ones to weigh.
    if !named.iter().any(|named| named.starts_with(so_far)) {
        return Vec::new();
    }
    let leads_to_a_tool = |piece: &str| named.iter().any(|named| named.starts_with(&format!("{so_far}{piece}")));
    (1..=rest.len()).map(|end| &rest[..end]).filter(|piece| !leads_to_a_tool(piece)).collect()
}

#[cfg(test)]
mod tests {
    use super::{no_tool_pieces, parse};

    #[test]
    fn no_tool_is_weighed_where_the_first_name_is_chosen() {
        let names = ["notes.add".to_owned(), "find".to_owned()];
        let pieces = |so_far| no_tool_pieces(so_far, &names);
        assert!(pieces("[").is_empty());
        assert_eq!(pieces("[{\"tool\": ")[0], "\"non");
        assert_eq!(pieces("[{\"tool\": \""), ["non", "none", "none\"", "none\"}", "none\"}]"]);
        assert_eq!(pieces("[{\"tool\": \"no")[..2], ["n", "ne"]);
        // Nothing else is possible any more, or it is no longer.
        assert!(pieces("[{\"tool\": \"non").is_empty());
        assert!(pieces("[{\"tool\": \"f").is_empty());
        assert!(pieces("[{\"tool\": \"find\", \"what\": \"").is_empty());
    }

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
