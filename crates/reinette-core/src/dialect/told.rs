//! The syntax of calls where a template tells it in words, and leaves it to the assistant's words to hold calls.

use super::{ArgumentSyntax, CallSyntax, WordsSyntax};

/// The syntax that goes with what a template says about tools: each is told by marks of its own.
pub(super) fn syntax(definitions: &str) -> Option<CallSyntax> {
    if definitions.contains("<|tool_list_start|>") {
        return Some(brackets());
    }
    // Of both, the longer mark holds no shorter one.
    if definitions.contains("<tool_call>") && definitions.contains("\"arguments\"") {
        return Some(json("<tool_call>", "\n", "}\n</tool_call>\n<tool_call>\n", "}\n</tool_call>"));
    }
    (definitions.contains("<|tool_call|>") && definitions.contains("JSON list"))
        .then(|| json("<|tool_call|>", "[", "}, ", "}]"))
}

/// The calls of Python in a list between two control tokens, as LFM2 writes them.
fn brackets() -> CallSyntax {
    let mark = "<|tool_call_start|>";
    CallSyntax {
        opening: format!("{mark}["),
        after_name: "(".to_owned(),
        arguments: ArgumentSyntax::Keywords,
        joint: Some("), ".to_owned()),
        closing: ")]<|tool_call_end|>".to_owned(),
        no_tool: None,
        words: WordsSyntax::Before(mark.to_owned()),
    }
}

/// Objects of JSON with a name and arguments.
fn json(mark: &str, after_mark: &str, between: &str, closing: &str) -> CallSyntax {
    let before_name = "{\"name\": \"";
    CallSyntax {
        opening: format!("{mark}{after_mark}{before_name}"),
        after_name: "\", \"arguments\": ".to_owned(),
        arguments: ArgumentSyntax::Object,
        joint: Some(format!("{between}{before_name}")),
        closing: closing.to_owned(),
        no_tool: None,
        words: WordsSyntax::Before(mark.to_owned()),
    }
}
