//! The tools as they are offered for one request.
//!
//! What a model says for a time must mean one. The time language knows which words of the request do, so those are all
//! that the model can choose among; where there is only one such expression, nothing is left to choose, and where there
//! is none, an argument that may be left out is left out. In the same way nothing can be calculated from words that hold
//! neither a quantity nor a date.

use reinette::{Schema, ToolDefinition};
use reinette_apps::calculator::holds_quantities;
use reinette_apps::time::{Clock, Purpose, resolve, resolve_duration};
use serde_json::{Value, json};

/// The most words of an expression of time: "every other Tuesday of the month from 9 to half past ten in the morning".
const MAX_WORDS: usize = 14;

/// The most words of a request that are looked at; nobody says more in one breath.
const MAX_REQUEST_WORDS: usize = 200;

/// What a time is for, by the tool that is called with it.
pub(crate) fn purpose(tool: &str) -> Purpose {
    match tool {
        "set_alarm" => Purpose::Alarm,
        "list_events" => Purpose::Search,
        _ => Purpose::Event,
    }
}

/// Offers tools for a request: arguments that are times can only be expressions of time that the words hold.
pub(crate) fn offer(tools: &[ToolDefinition], words: &str, clock: &Clock) -> Vec<ToolDefinition> {
    tools.iter().map(|tool| narrow(tool, words, clock)).collect()
}

fn narrow(tool: &ToolDefinition, words: &str, clock: &Clock) -> ToolDefinition {
    let mut schema = tool.parameters.as_json().clone();
    let mut narrowed = tool.clone();
    let moments = || times(words, purpose(&tool.name), clock);
    let durations = || durations(words);
    let nothing_to_calculate = || !holds_quantities(words) && moments().is_empty() && durations().is_empty();
    let expressions = |argument: &str| match argument {
        "when" => Some(moments()),
        "duration" => Some(durations()),
        _ => None,
    };
    let required: Vec<Value> = schema["required"].as_array().cloned().unwrap_or_default();
    let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) else { return narrowed };
    for (name, property) in properties {
        match expressions(name) {
            Some(found) if !found.is_empty() => *property = json!({"enum": found}),
            // What has to be said stays free: the app will say what it did not understand.
            Some(_) if required.iter().any(|required| required == name) => {}
            // The argument keeps its name, so that the tool is described in the same words for every request.
            Some(_) => *property = Value::Bool(false),
            None if name == "expression" && nothing_to_calculate() => *property = Value::Bool(false),
            None => {}
        }
    }
    narrowed.parameters = Schema::new(schema);
    narrowed
}

/// The expressions of time that the words hold, in their order.
pub(crate) fn times<'a>(words: &'a str, purpose: Purpose, clock: &Clock) -> Vec<&'a str> {
    // Late in the evening "9" is tomorrow at 9: that "tomorrow" says something shows at the day's start.
    let start = clock.now.start_of_day().map_or_else(|_| clock.clone(), |now| Clock { now });
    expressions(words, |text| {
        let meant = resolve(text, clock, purpose).ok()?;
        let at_start = resolve(text, &start, purpose).map(|moment| moment.to_string());
        Some(format!("{meant} {}", at_start.unwrap_or_default()))
    })
}

/// The lengths of time that the words hold, in their order.
pub(crate) fn durations(words: &str) -> Vec<&str> {
    expressions(words, |text| Some(resolve_duration(text).ok()?.to_string()))
}

/// The longest runs of words that have a meaning, none of them part of another, each without the words at its ends that
/// add nothing to it: "on Friday at noon" is "Friday at noon".
fn expressions(words: &str, meaning: impl Fn(&str) -> Option<String>) -> Vec<&str> {
    let (starts, ends) = boundaries(words);
    let mut found: Vec<&str> = Vec::new();
    let mut covered = 0;
    for (index, start) in starts.iter().enumerate() {
        let last = starts.get(index + MAX_WORDS).copied().unwrap_or(words.len());
        let longest = ends.iter().rev().filter(|end| **end > *start && **end <= last && **end > covered);
        let Some((end, meant)) = longest.copied().find_map(|end| Some((end, meaning(&words[*start..end])?))) else {
            continue;
        };
        covered = end;
        let same = |start: usize, end: usize| meaning(&words[start..end]).as_ref() == Some(&meant);
        let inner_ends = ends.iter().copied().filter(|inner| *inner > *start && *inner < end);
        let end = inner_ends.clone().find(|inner| same(*start, *inner)).unwrap_or(end);
        let inner_starts = starts.iter().copied().filter(|inner| *inner > *start && *inner < end);
        let start = inner_starts.rev().find(|inner| same(*inner, end)).unwrap_or(*start);
        found.push(&words[start..end]);
    }
    found
}

/// Where words begin (after white space or an apostrophe), and where they end (before white space or punctuation).
fn boundaries(words: &str) -> (Vec<usize>, Vec<usize>) {
    let (mut starts, mut ends) = (Vec::new(), Vec::new());
    let mut before = ' ';
    for (at, character) in words.char_indices() {
        if character.is_alphanumeric()
            && (before.is_whitespace() || matches!(before, '\'' | '’' | '(' | '"' | '«' | '“'))
        {
            starts.push(at);
        }
        let in_word = character.is_alphanumeric() || matches!(character, '\'' | '’' | ':' | '.' | '/' | '-' | '%');
        if before.is_alphanumeric() && !character.is_alphanumeric() {
            // "half past 7." ends before the dot, "7.30" after it, "p.m." with it.
            ends.push(at);
        }
        if before == '.' && !in_word {
            ends.push(at);
        }
        before = character;
    }
    if before.is_alphanumeric() || before == '.' {
        ends.push(words.len());
    }
    starts.truncate(MAX_REQUEST_WORDS);
    (starts, ends)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clock() -> Clock {
        Clock { now: "2026-03-11T10:15:00+01:00[Europe/Paris]".parse().unwrap() }
    }

    fn times(words: &str) -> Vec<&str> {
        super::times(words, Purpose::Event, &clock())
    }

    #[test]
    fn the_longest_expressions_of_time_are_found() {
        assert_eq!(times("Remind me to call Ana tomorrow at 9"), ["tomorrow at 9"]);
        assert_eq!(times("New entry: parents evening at school, March 26 at 7pm."), ["evening", "March 26 at 7pm"]);
        assert_eq!(times("put it on Friday at noon"), ["Friday at noon"]);
        assert_eq!(times("at 8, no, 9 tomorrow"), ["8", "9 tomorrow"]);
        assert_eq!(
            times("réveille-moi demain à 7h et rappelle-moi le pain demain à 8h"),
            ["demain à 7h", "demain à 8h"]
        );
        let late = Clock { now: "2026-03-11T22:45:00+01:00[Europe/Paris]".parse().unwrap() };
        assert_eq!(super::times("call Ana tomorrow at 9", Purpose::Event, &late), ["tomorrow at 9"]);
        assert_eq!(times("set a reminder to buy stamps"), [""; 0]);
        assert_eq!(times(""), [""; 0]);
    }

    #[test]
    fn a_time_that_may_be_left_out_is_left_out_where_none_is_said() {
        let parameters = |required: &[&str]| {
            let span = json!({"type": "string", Schema::SPAN: true});
            json!({"type": "object", "properties": {"title": span, "when": span}, "required": required})
        };
        let tool = |required: &[&str]| ToolDefinition {
            name: "create_reminder".into(),
            description: String::new(),
            parameters: Schema::new(parameters(required)),
            examples: Vec::new(),
        };
        let property = |required: &[&str], words: &str| {
            offer(&[tool(required)], words, &clock())[0].parameters.as_json()["properties"]["when"].clone()
        };
        assert_eq!(property(&["title"], "remind me to buy stamps"), Value::Bool(false));
        assert_eq!(property(&["title", "when"], "remind me to buy stamps")[Schema::SPAN], true);
        assert_eq!(property(&["title"], "stamps, tomorrow!")["enum"], json!(["tomorrow"]));
    }
}
