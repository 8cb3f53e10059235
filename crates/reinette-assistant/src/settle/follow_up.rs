//! A request that puts the one before right: "no, make it Thursday". That needs no model.

use super::corrections::without_cues;
use crate::offer::purpose;
use jiff::civil::{Date, Time};
use reinette::{Entry, ToolCall, Transcript};
use reinette_time::{Clock, Moment, resolve, resolve_duration};

/// What people say between a correction and the time that they mean, or after it.
const FILLERS: [&str; 12] = ["at", "on", "to", "for", "it", "please", "instead", "then", "à", "le", "pour", "plutôt"];

/// The only call of the last request with the time that `words` say, if they say a sign of correction and a time and
/// nothing else. A day keeps the hour that was said before, and an hour its day.
pub(crate) fn corrected(words: &str, transcript: &Transcript, clock: &Clock) -> Option<ToolCall> {
    let last = transcript.entries.iter().rposition(|entry| matches!(entry, Entry::Prompt { .. }))?;
    let mut calls = transcript.entries[last..].iter().filter_map(|entry| match entry {
        Entry::ToolCalls { calls } => Some(calls),
        _ => None,
    });
    let ([call], None) = (calls.next()?.as_slice(), calls.next()) else { return None };
    let time = without_fillers(without_cues(words)?);
    let mut call = ToolCall { id: format!("{}-again", call.id), ..call.clone() };
    let meant = match (call.arguments.get("when"), call.arguments.get("duration")) {
        (Some(when), None) => ("when", moment(when.as_str()?, time, &call.name, clock)?),
        (None, Some(_)) => ("duration", resolve_duration(time).is_ok().then(|| time.to_owned())?),
        _ => return None,
    };
    call.arguments.insert(meant.0.to_owned(), meant.1.into());
    Some(call)
}

/// Whether `words` put a time right and say nothing else: what it is the time of was said before, or not at all.
pub(crate) fn is_only_a_correction(words: &str, clock: &Clock) -> bool {
    let time = without_cues(words).map(without_fillers);
    time.is_some_and(|time| resolve(time, clock, purpose("create_event")).is_ok() || resolve_duration(time).is_ok())
}

/// The words for the time that is meant after `before` was said, and then `now`.
fn moment(before: &str, now: &str, tool: &str, clock: &Clock) -> Option<String> {
    let at = |words: &str| resolve(words, clock, purpose(tool)).ok();
    let alone = at(now)?;
    let joined = match (at(before)?, &alone) {
        (Moment::Instant(before), Moment::Date(_)) => [format!("{now} at {}", hour(before.time())), String::new()],
        (Moment::Instant(before), Moment::Instant(_)) => on_day(now, before.date()),
        (Moment::Date(before), Moment::Instant(_)) => on_day(now, before),
        _ => return Some(now.to_owned()),
    };
    // "Tomorrow at 10" has a day of its own, which contradicts that of before.
    let stands = |joined: &String| matches!(at(joined), Some(Moment::Instant(_)));
    Some(joined.into_iter().find(stands).unwrap_or_else(|| now.to_owned()))
}

/// An hour on a day, in English and in French.
fn on_day(hour: &str, day: Date) -> [String; 2] {
    [format!("{hour} on {day}"), format!("{day} à {hour}")]
}

fn hour(time: Time) -> String {
    format!("{:02}:{:02}", time.hour(), time.minute())
}

fn without_fillers(words: &str) -> &str {
    let separate = |character: char| !character.is_alphanumeric();
    let mut rest = words.trim_matches(separate);
    loop {
        let first = rest.split(separate).next().unwrap_or_default();
        let last = rest.rsplit(separate).next().unwrap_or_default();
        let is_filler = |word: &str| word.len() < rest.len() && FILLERS.contains(&word.to_lowercase().as_str());
        rest = if is_filler(first) {
            &rest[first.len()..]
        } else if is_filler(last) {
            &rest[..rest.len() - last.len()]
        } else {
            return rest;
        }
        .trim_matches(separate);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn clock() -> Clock {
        Clock { now: "2026-03-11T10:15:00+01:00[Europe/Paris]".parse().unwrap() }
    }

    fn after(tool: &str, arguments: Value, words: &str) -> Option<Value> {
        let Value::Object(arguments) = arguments else { panic!("an object") };
        let call = ToolCall { id: "1".into(), name: tool.into(), arguments };
        let mut transcript = Transcript::from_prompt("what was said before");
        transcript.push(Entry::ToolCalls { calls: vec![call] });
        transcript.push(Entry::tool_output("1", "done"));
        let clock = clock();
        let call = corrected(words, &transcript, &clock)?;
        let when = |text: &str| resolve(text, &clock, purpose(tool)).unwrap().to_string();
        Some(match call.arguments.get("when") {
            Some(text) => json!(when(text.as_str().unwrap())),
            None => call.arguments["duration"].clone(),
        })
    }

    #[test]
    fn another_time_takes_the_place_of_what_was_said() {
        for (when, words, expected) in [
            ("tomorrow at 9", "no, make it Thursday", "2026-03-12T09:00"),
            ("tomorrow at 9", "No, Friday please", "2026-03-13T09:00"),
            ("tomorrow at 9", "sorry, at 10", "2026-03-12T10:00"),
            ("tomorrow at 9", "I meant Friday at 11", "2026-03-13T11:00"),
            ("tomorrow", "actually, at 4 pm", "2026-03-12T16:00"),
            ("tomorrow", "non, plutôt vendredi", "2026-03-13"),
            ("demain à 9h", "pardon, à 10h30", "2026-03-12T10:30"),
            ("every Monday at 8", "no, every Tuesday at 8", "2026-03-17T08:00 FREQ=WEEKLY;BYDAY=TU"),
        ] {
            let title = json!({"title": "ring Ida", "when": when});
            assert_eq!(after("create_reminder", title, words), Some(json!(expected)), "{when}, then {words}");
        }
        let timer = json!({"duration": "10 minutes"});
        assert_eq!(after("set_timer", timer, "no, make it 15 minutes"), Some(json!("15 minutes")));
    }

    #[test]
    fn whatever_says_more_is_a_request_of_its_own() {
        for words in [
            "Thursday",
            "no",
            "no, remind me on Thursday to ring Leo",
            "no thanks",
            "no, not Thursday",
            "not on Thursday, I am away",
            "",
        ] {
            let title = json!({"title": "ring Ida", "when": "tomorrow at 9"});
            assert_eq!(after("create_reminder", title, words), None, "{words}");
            assert!(!is_only_a_correction(words, &clock()), "{words}");
        }
        assert_eq!(after("list_reminders", json!({}), "no, Thursday"), None);
    }
}
