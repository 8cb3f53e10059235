//! "How long until Christmas?": a question whose words the calculator understands needs no sum of a model's making.

use reinette::ToolCall;
use reinette_time::Clock;
use reinette_time::calculator::asks_for_a_distance;

/// Gives the calculator the user's own words, when all that they ask is how far two dates are apart.
pub(super) fn ask_the_words(words: &str, call: &mut ToolCall, clock: &Clock) {
    if ["calculate", "tell_time"].contains(&call.name.as_str()) && asks_for_a_distance(words, clock) {
        "calculate".clone_into(&mut call.name);
        call.arguments.clear();
        call.arguments.insert("expression".to_owned(), words.into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn the_calculator_reads_the_question_itself() {
        let asked = |words: &str, tool: &str, arguments: Value| {
            let Value::Object(arguments) = arguments else { panic!("an object") };
            let mut call = ToolCall { id: String::new(), name: tool.into(), arguments };
            let clock = Clock { now: "2026-03-11T10:15:00+01:00[Europe/Paris]".parse().unwrap() };
            ask_the_words(words, &mut call, &clock);
            (call.name, Value::Object(call.arguments))
        };
        let sum = json!({"expression": "2026 - 1"});
        let words = "how long until 2026 ends?";
        assert_eq!(asked(words, "calculate", sum.clone()), ("calculate".to_owned(), json!({"expression": words})));
        assert_eq!(asked("what is 2026 - 1", "calculate", sum.clone()), ("calculate".to_owned(), sum));
        let date = json!({});
        assert_eq!(asked("what date is it today", "tell_time", date.clone()), ("tell_time".to_owned(), date));
    }
}
