//! The time at the end of a title: "buy bread tomorrow" is to buy bread, tomorrow.

use crate::offer::purpose;
use reinette::{ToolCall, ToolDefinition};
use reinette_time::{Clock, moments_in, resolve};
use std::ops::Range;

/// Words that say a time in "tomorrow evening", and something else in "parents evening".
const PARTS_OF_A_DAY: [&str; 12] = [
    "morning",
    "noon",
    "afternoon",
    "evening",
    "night",
    "midnight",
    "matin",
    "midi",
    "après-midi",
    "soir",
    "soirée",
    "minuit",
];

/// Takes the time at the end of the call's title out of it, if the tool takes a time: it becomes the call's time, unless
/// another was given.
pub(super) fn release_time(words: &str, call: &mut ToolCall, tools: &[ToolDefinition], clock: &Clock) {
    let has_time = |tool: &ToolDefinition| tool.parameters.as_json()["properties"].get("when").is_some();
    let takes_time = tools.iter().any(|tool| tool.name == call.name && has_time(tool));
    let text = |name: &str| call.arguments.get(name).and_then(|value| value.as_str());
    let Some(title) = text("title").filter(|_| takes_time) else { return };
    let is_time = |phrase: &str| is_whole_time(phrase) && resolve(phrase, clock, purpose(&call.name)).is_ok();
    let Some(start) = word_starts(title).find(|start| is_time(&title[*start..])) else { return };
    let (rest, time) = (title[..start].trim_end_matches([' ', ',', ';', ':']), &title[start..]);
    let said_once = words.matches(time).count() == 1;
    let time = match text("when") {
        None => time,
        Some(given) if said_once && given.contains(time) => given,
        Some(given) if said_once && time.contains(given) => time,
        Some(_) => return,
    };
    let (rest, time) = (rest.to_owned(), time.to_owned());
    call.arguments.insert("title".to_owned(), rest.into());
    call.arguments.insert("when".to_owned(), time.into());
}

/// Takes the beginning of the call's time out of the end of its title: of "tester le premier mercredi du mois prochain" a model
/// may take "tester le premier mercredi" for the title.
pub(super) fn leave_out_begun_time(words: &str, call: &mut ToolCall, clock: &Clock) {
    let text = |name: &str| call.arguments.get(name).and_then(|value| value.as_str());
    let (Some(title), Some(when)) = (text("title"), text("when")) else { return };
    let found = moments_in(words, clock, purpose(&call.name));
    let Some(time) = found.into_iter().map(|found| found.range).find(|range| words[range.clone()] == *when) else {
        return;
    };
    let rest = title_before(words, title, &time);
    if !rest.is_empty() && rest != title {
        let rest = rest.to_owned();
        call.arguments.insert("title".to_owned(), rest.into());
    }
}

/// Words between a title and its time.
const JOINTS: [&str; 14] = ["at", "on", "for", "by", "and", "every", "the", "in", "à", "le", "la", "les", "pour", "et"];

/// The part of a title that stands before the time at `time`, when the title ends within that.
pub(super) fn title_before<'a>(words: &str, title: &'a str, time: &Range<usize>) -> &'a str {
    let ends_within = |start: usize| start < time.start && (time.start + 1..=time.end).contains(&(start + title.len()));
    let Some((start, _)) = words.match_indices(title).find(|(start, _)| ends_within(*start)) else { return title };
    let mut rest = title[..time.start - start].trim_end_matches(|c: char| !c.is_alphanumeric());
    while let Some((before, last)) = rest.rsplit_once(' ') {
        if !JOINTS.contains(&last.to_lowercase().as_str()) {
            break;
        }
        rest = before.trim_end_matches(|c: char| !c.is_alphanumeric());
    }
    rest
}

/// Where the words of `text` begin, but for the first.
fn word_starts(text: &str) -> impl Iterator<Item = usize> {
    text.match_indices(' ').map(|(space, _)| space + 1)
}

/// Whether a phrase that can mean a time means one at the end of a title: "chapter 7" and "parents evening" do not.
fn is_whole_time(phrase: &str) -> bool {
    let phrase = phrase.to_lowercase();
    phrase.contains(' ') || !(phrase.starts_with(char::is_numeric) || PARTS_OF_A_DAY.contains(&phrase.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn released(words: &str, arguments: Value) -> Value {
        let when = json!({"type": "string"});
        let tool = ToolDefinition {
            name: "create_reminder".into(),
            description: String::new(),
            parameters: reinette::Schema::new(json!({"type": "object", "properties": {"title": when, "when": when}})),
            examples: Vec::new(),
        };
        let Value::Object(arguments) = arguments else { panic!("an object") };
        let mut call = ToolCall { id: String::new(), name: tool.name.clone(), arguments };
        let clock = Clock { now: "2026-03-11T10:15:00+01:00[Europe/Paris]".parse().unwrap() };
        release_time(words, &mut call, &[tool], &clock);
        Value::Object(call.arguments)
    }

    #[test]
    fn a_time_at_the_end_of_a_title_is_the_calls_time() {
        for (title, rest, when) in [
            ("stretch in half an hour", "stretch", "in half an hour"),
            ("answer him tomorrow morning", "answer him", "tomorrow morning"),
            ("dinner with Zoe, on Friday at noon", "dinner with Zoe", "on Friday at noon"),
            ("acheter du pain demain", "acheter du pain", "demain"),
        ] {
            let words = format!("please {title}!");
            assert_eq!(released(&words, json!({"title": title})), json!({"title": rest, "when": when}));
            assert_eq!(released(&words, json!({"title": title, "when": when})), json!({"title": rest, "when": when}));
        }
        let longer = released("pay Ida tomorrow at 9", json!({"title": "pay Ida tomorrow", "when": "tomorrow at 9"}));
        assert_eq!(longer, json!({"title": "pay Ida", "when": "tomorrow at 9"}));
    }

    #[test]
    fn what_only_looks_like_a_time_stays() {
        for title in ["read chapter 7", "parents evening", "water the plants", "tomorrow", "the Friday report"] {
            assert_eq!(released(title, json!({"title": title})), json!({"title": title}), "{title}");
        }
        let other = json!({"title": "prepare the talk of Friday", "when": "tomorrow"});
        assert_eq!(released("tomorrow, prepare the talk of Friday", other.clone()), other);
    }

    #[test]
    fn a_title_that_ends_in_the_beginning_of_the_time_ends_before_it() {
        for (words, title, when, expected) in [
            (
                "rappelle-moi de tester le premier mercredi du mois prochain",
                "tester le premier mercredi",
                "premier mercredi du mois prochain",
                "tester",
            ),
            ("a chat with Kofi for the 20th at 11am", "chat with Kofi for the 20th", "20th at 11am", "chat with Kofi"),
            ("the Friday report is due on Friday", "the Friday report", "Friday", "the Friday report"),
            ("parents evening on March 26 at 7pm", "parents evening", "March 26 at 7pm", "parents evening"),
        ] {
            let Value::Object(arguments) = json!({"title": title, "when": when}) else { panic!("an object") };
            let mut call = ToolCall { id: String::new(), name: "create_event".into(), arguments };
            let clock = Clock { now: "2026-03-11T10:15:00+01:00[Europe/Paris]".parse().unwrap() };
            leave_out_begun_time(words, &mut call, &clock);
            assert_eq!(call.arguments["title"], expected);
        }
    }
}
