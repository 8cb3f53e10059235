//! Whether calls are right: by what they resolve to, not by how they are written.

use crate::offer::purpose;
use reinette::ToolCall;
use reinette_time::calculator;
use reinette_time::{Clock, resolve, resolve_duration, resolve_of};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// How far a result with decimals may be off.
const RESULT_TOLERANCE: f64 = 0.01;

/// Words before a title that make no difference.
const ARTICLES: [&str; 17] =
    ["the", "a", "an", "my", "our", "your", "le", "la", "les", "l", "un", "une", "des", "mon", "ma", "mes", "notre"];

/// A right call: for each argument the values that are right.
#[derive(Clone, Debug, Deserialize)]
pub struct Expected {
    tool: String,
    #[serde(flatten)]
    arguments: BTreeMap<String, Vec<Value>>,
}

/// How right the calls for one request are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// The right tools, each as often as it should be.
    pub tools_right: bool,
    /// The right tools with the right arguments.
    pub all_right: bool,
    /// What is wrong, if anything.
    pub reason: Option<String>,
}

/// Judges the calls that were made by those that are right; their order makes no difference.
pub(super) fn judge(expected: &[Expected], made: &[ToolCall], clock: &Clock) -> Verdict {
    let mut wanted: Vec<&str> = expected.iter().map(|call| call.tool.as_str()).collect();
    let mut found: Vec<&str> = made.iter().map(|call| call.name.as_str()).collect();
    wanted.sort_unstable();
    found.sort_unstable();
    if wanted != found {
        let list = |names: &[&str]| if names.is_empty() { "no tool".to_owned() } else { names.join(", ") };
        let reason = format!("called {} where {} is right", list(&found), list(&wanted));
        return Verdict { tools_right: false, all_right: false, reason: Some(reason) };
    }
    let mut left: Vec<&Expected> = expected.iter().collect();
    let mut wrong = Vec::new();
    for call in made {
        match left.iter().position(|expected| mistakes(expected, call, clock).is_empty()) {
            Some(index) => drop(left.remove(index)),
            None => wrong.push(call),
        }
    }
    let explain = |call: &&ToolCall| {
        let closest = left.iter().filter(|expected| expected.tool == call.name);
        closest.map(|expected| mistakes(expected, call, clock)).min_by_key(Vec::len).unwrap_or_default().join("; ")
    };
    let reason = wrong.first().map(explain);
    Verdict { tools_right: true, all_right: wrong.is_empty(), reason }
}

/// What is wrong with a call, argument by argument.
fn mistakes(expected: &Expected, call: &ToolCall, clock: &Clock) -> Vec<String> {
    let mut mistakes = Vec::new();
    if expected.tool != call.name {
        mistakes.push(format!("{} is not {}", call.name, expected.tool));
    }
    for (name, values) in &expected.arguments {
        let argument = if name == "result" { "expression" } else { name };
        let right = match call.arguments.get(argument).and_then(Value::as_str) {
            None => values.iter().any(Value::is_null),
            Some(said) => values.iter().any(|value| is_right(name, call, said, value, clock)),
        };
        if !right {
            let said = call.arguments.get(argument).map_or("nothing".to_owned(), ToString::to_string);
            let means = meaning(name, &call.name, &said, clock);
            let values: Vec<String> = values.iter().map(ToString::to_string).collect();
            mistakes.push(format!("{argument} is {said}{means} where {} is right", values.join(" or ")));
        }
    }
    for name in call.arguments.keys() {
        let gold = if name == "expression" { "result" } else { name };
        if !expected.arguments.contains_key(gold) {
            mistakes.push(format!("{name} is {} where nothing is right", call.arguments[name]));
        }
    }
    mistakes
}

fn is_right(argument: &str, call: &ToolCall, said: &str, right: &Value, clock: &Clock) -> bool {
    match (argument, right) {
        ("when", Value::String(right)) => {
            // As the apps do, by what it is the time of.
            let title = call.arguments.get("title").and_then(Value::as_str).unwrap_or_default();
            resolve_of(title, said, clock, purpose(&call.name)).is_ok_and(|moment| moment.to_string() == *right)
        }
        ("duration", Value::String(right)) => {
            resolve_duration(said).is_ok_and(|duration| duration.to_string() == *right)
        }
        ("result", right) => result_is_right(said, right, clock),
        (_, Value::String(right)) => same_words(said, right),
        _ => false,
    }
}

/// What a wrong time or sum means, for whoever reads the list of mistakes.
fn meaning(argument: &str, tool: &str, said: &str, clock: &Clock) -> String {
    let said = said.trim_matches('"');
    let meaning = match argument {
        "when" => resolve(said, clock, purpose(tool)).map_or_else(|e| e.to_string(), |moment| moment.to_string()),
        "duration" => resolve_duration(said).map_or_else(|e| e.to_string(), |duration| duration.to_string()),
        "result" => calculator::evaluate(said, clock).map_or_else(|e| e.to_string(), |answer| answer.text),
        _ => return String::new(),
    };
    format!(" ({meaning})")
}

fn result_is_right(expression: &str, right: &Value, clock: &Clock) -> bool {
    let Ok(answer) = calculator::evaluate(expression, clock) else { return false };
    let right = match right {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    match (right.parse::<f64>(), answer.number) {
        (Ok(number), Some(found)) if right.contains('.') => (found - number).abs() <= RESULT_TOLERANCE * number.abs(),
        (Ok(number), Some(found)) => (found - number).abs() < 1e-6,
        // "Tuesday" is answered by "Tuesday 14 July 2026".
        _ => words(&answer.text).starts_with(&words(&right)),
    }
}

/// Whether two phrases have the same words, but for articles at the beginning.
fn same_words(a: &str, b: &str) -> bool {
    words(a) == words(b)
}

fn words(text: &str) -> Vec<String> {
    let separate = |character: char| !character.is_alphanumeric();
    let lower = text.to_lowercase();
    let words: Vec<&str> = lower.split(separate).filter(|word| !word.is_empty()).collect();
    let first = words.iter().position(|word| !ARTICLES.contains(word)).unwrap_or(0);
    words[first..].iter().map(ToString::to_string).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn clock() -> Clock {
        Clock { now: super::super::NOW.parse().unwrap() }
    }

    fn verdict(expected: Value, made: &[(&str, Value)]) -> Verdict {
        let expected: Vec<Expected> = serde_json::from_value(expected).unwrap();
        let call = |(name, arguments): &(&str, Value)| ToolCall {
            id: String::new(),
            name: (*name).to_owned(),
            arguments: arguments.as_object().unwrap().clone(),
        };
        judge(&expected, &made.iter().map(call).collect::<Vec<_>>(), &clock())
    }

    #[test]
    fn times_are_right_by_what_they_mean() {
        let gold = json!([{"tool": "create_reminder", "title": ["call Ana"], "when": ["2026-03-12T09:00"]}]);
        let made = |when: &str| [("create_reminder", json!({"title": "Call Ana", "when": when}))];
        assert!(verdict(gold.clone(), &made("tomorrow at 9")).all_right);
        assert!(verdict(gold.clone(), &made("Thursday at 9 am")).all_right);
        let late = verdict(gold.clone(), &made("tomorrow at 10"));
        assert!(late.tools_right && !late.all_right && late.reason.unwrap().contains("2026-03-12T10:00"));
        assert!(!verdict(gold, &[("create_reminder", json!({"title": "Call Ana"}))]).all_right);
    }

    #[test]
    fn calls_are_compared_as_a_set() {
        let gold = json!([
            {"tool": "set_timer", "duration": ["PT5M"]}, {"tool": "set_timer", "duration": ["PT10M"]}, {"tool": "list_reminders"}
        ]);
        let (five, ten) =
            (("set_timer", json!({"duration": "5 minutes"})), ("set_timer", json!({"duration": "ten min"})));
        let list = ("list_reminders", json!({}));
        assert!(verdict(gold.clone(), &[ten.clone(), list.clone(), five.clone()]).all_right);
        assert!(!verdict(gold.clone(), &[five.clone(), list.clone(), five.clone()]).all_right);
        assert!(!verdict(gold, &[five, ten]).tools_right);
    }

    #[test]
    fn no_call_is_right_only_where_none_is_wanted() {
        assert!(verdict(json!([]), &[]).all_right);
        assert!(!verdict(json!([]), &[("list_reminders", json!({}))]).tools_right);
        assert!(!verdict(json!([{"tool": "list_reminders"}]), &[]).tools_right);
    }

    #[test]
    fn an_argument_that_nobody_asked_for_is_wrong_unless_null_is_not_required() {
        let gold = json!([{"tool": "cancel_timer", "which": [null, "pasta timer"]}]);
        assert!(verdict(gold.clone(), &[("cancel_timer", json!({}))]).all_right);
        assert!(verdict(gold.clone(), &[("cancel_timer", json!({"which": "the pasta timer"}))]).all_right);
        assert!(!verdict(gold, &[("cancel_timer", json!({"which": "egg timer"}))]).all_right);
        let absent = json!([{"tool": "list_events"}]);
        assert!(!verdict(absent, &[("list_events", json!({"when": "today"}))]).all_right);
    }

    #[test]
    fn results_are_compared_as_numbers() {
        let made = |expression: &str| [("calculate", json!({"expression": expression}))];
        assert!(
            verdict(json!([{"tool": "calculate", "result": ["22.22"]}]), &made("72 fahrenheit in celsius")).all_right
        );
        assert!(verdict(json!([{"tool": "calculate", "result": [289]}]), &made("days until Christmas")).all_right);
        assert!(!verdict(json!([{"tool": "calculate", "result": [288]}]), &made("days until Christmas")).all_right);
        assert!(verdict(json!([{"tool": "calculate", "result": ["Friday"]}]), &made("weekday of Christmas")).all_right);
        assert!(
            !verdict(json!([{"tool": "calculate", "result": ["Monday"]}]), &made("weekday of Christmas")).all_right
        );
    }
}
