//! What was said of time and is not understood: "remind me when I get home to water the plants". A model that leaves it out
//! would make a reminder without a time of it.

use crate::offer::purpose;
use reinette::ToolCall;
use reinette_time::{Clock, moments_in};

/// The tools that do something at a time, which they may do without.
const TOOLS: [&str; 1] = ["create_reminder"];

/// Gives the call what `words` say of its time, when they say nothing else of one, it is not understood and the call leaves it out: the
/// app tells what is not understood of it.
pub(super) fn hand_over(words: &str, call: &mut ToolCall, clock: &Clock) {
    if !TOOLS.contains(&call.name.as_str()) || call.arguments.contains_key("when") {
        return;
    }
    let found = moments_in(words, clock, purpose(&call.name));
    let [only] = found.as_slice() else { return };
    if !only.is_understood {
        call.arguments.insert("when".to_owned(), words[only.range.clone()].into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn what_is_not_understood_is_left_to_the_app() {
        let handed_over = |words: &str, arguments: Value| {
            let Value::Object(arguments) = arguments else { panic!("an object") };
            let mut call = ToolCall { id: String::new(), name: "create_reminder".into(), arguments };
            let clock = Clock { now: "2026-03-11T10:15:00+01:00[Europe/Paris]".parse().unwrap() };
            hand_over(words, &mut call, &clock);
            call.arguments.get("when").cloned()
        };
        let title = json!({"title": "get home water the plants"});
        let home = handed_over("remind me when I get home water the plants", title);
        assert_eq!(home, Some(json!("when I get home")));
        let dentist = handed_over("remind me an hour before my dentist appointment", json!({"title": "dentist"}));
        assert_eq!(dentist, Some(json!("an hour before my dentist appointment")));
        assert_eq!(handed_over("remind me to buy stamps", json!({"title": "buy stamps"})), None);
        assert_eq!(
            handed_over("remind me to read the Friday report", json!({"title": "read the Friday report"})),
            None
        );
        let given = json!({"title": "call", "when": "tomorrow"});
        assert_eq!(handed_over("remind me tomorrow to call", given), Some(json!("tomorrow")));
    }
}
