//! People correct themselves in mid-sentence: "at 8, no, 9 tomorrow". A small model that hears both makes two calls of
//! it; only the second counts.

use reinette::ToolCall;

/// What stands between what was said first and what is meant, in English and French.
#[rustfmt::skip]
const CUES: &[&str] = &[
    "no", "not", "sorry", "wait", "rather", "actually", "oops", "er", "hang on", "hold on", "i mean", "i meant", "make that", "make it",
    "scratch that", "let's say", "non", "pardon", "plutôt", "attends", "oups", "euh", "je veux dire", "je voulais dire", "enfin",
];

/// The most words that a correction takes: whoever says more has begun another request.
const MOST_WORDS: usize = 8;

/// Leaves out the calls that `words` take back with the next call: the same tool with another argument, and between both
/// values, where they stand in the words, a sign of correction.
pub(super) fn without_taken_back(words: &str, calls: Vec<ToolCall>) -> Vec<ToolCall> {
    let mut kept: Vec<ToolCall> = Vec::new();
    for call in calls {
        if kept.last().is_some_and(|before| corrects(words, before, &call)) {
            kept.pop();
        }
        kept.push(call);
    }
    kept
}

fn corrects(words: &str, before: &ToolCall, call: &ToolCall) -> bool {
    let value = |call: &ToolCall, name: &str| call.arguments.get(name)?.as_str().map(str::to_owned);
    let mut names = call.arguments.keys();
    let other = names.find_map(|name| {
        let (said, meant) = (value(before, name)?, value(call, name)?);
        (said != meant).then_some((said, meant))
    });
    let Some((said, meant)) = other.filter(|_| before.name == call.name) else { return false };
    let Some((_, rest)) = words.split_once(&said) else { return false };
    rest.split_once(&meant).is_some_and(|(between, _)| is_correction(between))
}

/// Leaves out of each argument what the words take back within it: "email, er, phone the school" is to phone the school.
pub(super) fn take_back_within(call: &mut ToolCall) {
    for value in call.arguments.values_mut() {
        let Some(meant) = value.as_str().and_then(meant).map(str::to_owned) else { continue };
        *value = meant.into();
    }
}

/// What follows the last sign of correction that stands between marks.
fn meant(said: &str) -> Option<&str> {
    let marks = |character: char| matches!(character, ',' | ';' | '.' | '…' | '–' | '—');
    let (mut start, mut after) = (0, None);
    for (at, mark) in said.match_indices(marks) {
        let between = said[start..at].trim().to_lowercase().replace('’', "'");
        let is_behind_words = start > 0;
        start = at + mark.len();
        if is_behind_words && CUES.contains(&between.as_str()) {
            after = Some(start);
        }
    }
    let meant = said[after?..].trim();
    (!meant.is_empty()).then_some(meant)
}

/// Whether words between two others say that the first are taken back.
pub(super) fn is_correction(between: &str) -> bool {
    let lower = between.to_lowercase().replace('’', "'");
    let separate = |character: char| !character.is_alphanumeric() && character != '\'';
    let said: Vec<&str> = lower.split(separate).filter(|word| !word.is_empty()).collect();
    let phrase = format!(" {} ", said.join(" "));
    said.len() <= MOST_WORDS && CUES.iter().any(|cue| phrase.contains(&format!(" {cue} ")))
}

/// What follows the signs of correction at the beginning of `words`, if there are any.
pub(super) fn without_cues(words: &str) -> Option<&str> {
    let separate = |character: char| !character.is_alphanumeric();
    let mut rest = words.trim_matches(separate);
    let mut found = false;
    // What follows "not" is what is not meant.
    let cues = || CUES.iter().filter(|cue| **cue != "not");
    while let Some(cue) = cues().filter(|cue| begins_with(rest, cue)).max_by_key(|cue| cue.len()) {
        found = true;
        rest = rest[cue.len()..].trim_start_matches(separate);
    }
    found.then_some(rest)
}

/// Whether a phrase of whole words stands at the beginning, in whichever case.
fn begins_with(words: &str, phrase: &str) -> bool {
    let start = words.get(..phrase.len());
    start.is_some_and(|start| start.to_lowercase() == phrase)
        && !words[phrase.len()..].starts_with(|next: char| next.is_alphanumeric() || next == '\'')
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn calls(made: &[(&str, Value)]) -> Vec<ToolCall> {
        let call = |(name, arguments): &(&str, Value)| ToolCall {
            id: String::new(),
            name: (*name).to_owned(),
            arguments: arguments.as_object().unwrap().clone(),
        };
        made.iter().map(call).collect()
    }

    fn reminders(times: &[&str]) -> Vec<ToolCall> {
        let made: Vec<_> =
            times.iter().map(|when| ("create_reminder", json!({"title": "ring Ida", "when": when}))).collect();
        calls(&made)
    }

    #[test]
    fn the_correction_counts() {
        for (words, said, meant) in [
            ("remind me to ring Ida at 7, no, at 8", "at 7", "at 8"),
            ("remind me to ring Ida on Monday or rather Tuesday", "Monday", "Tuesday"),
            ("rappelle-moi d'appeler Ida à 7h, euh, non, à 8h", "7h", "à 8h"),
        ] {
            assert_eq!(without_taken_back(words, reminders(&[said, meant])), reminders(&[meant]), "{words}");
        }
        let twice = "ring Ida at 6, sorry, 7, wait, 8";
        assert_eq!(without_taken_back(twice, reminders(&["6", "7", "8"])), reminders(&["8"]));
    }

    #[test]
    fn a_correction_within_an_argument_counts() {
        for (said, meant) in [
            ("email, er, phone the school", "phone the school"),
            ("lunch, no, wait, dinner with Zoe", "dinner with Zoe"),
            ("le pain, euh, le lait", "le lait"),
            ("bread, no butter", "bread, no butter"),
            ("milk, eggs, bread", "milk, eggs, bread"),
            ("No, thanks", "No, thanks"),
            ("say sorry, no,", "say sorry, no,"),
        ] {
            let mut call = calls(&[("create_reminder", json!({"title": said}))]).remove(0);
            take_back_within(&mut call);
            assert_eq!(call.arguments["title"], meant);
        }
    }

    #[test]
    fn two_requests_stay_two() {
        let both = reminders(&["at 7", "at 8"]);
        assert_eq!(without_taken_back("remind me to ring Ida at 7 and at 8", both.clone()), both);
        let long = "ring Ida at 7. Then, as there is no bread left in this house, I shall need to ring Ida at 8";
        assert_eq!(without_taken_back(long, both.clone()), both);
        assert_eq!(without_taken_back("words that hold neither, no", both.clone()), both);
        let different = calls(&[("set_alarm", json!({"when": "at 7"})), ("set_timer", json!({"when": "at 8"}))]);
        assert_eq!(without_taken_back("at 7, no, at 8", different.clone()), different);
    }
}
