//! A day said in one place and an hour in another: "on Monday remind me to call Ana at 5" is Monday at 5.

use super::corrections::is_correction;
use crate::offer::{purpose, times};
use reinette::ToolCall;
use reinette_time::{Clock, Moment, resolve};

/// Joins the call's time with the other one that the words hold, if one of them is a day, the other an hour, and they are
/// all the times that are said.
pub(super) fn join_day_and_hour(words: &str, call: &mut ToolCall, clock: &Clock) {
    let purpose = purpose(&call.name);
    let text = |name: &str| call.arguments.get(name).and_then(|value| value.as_str());
    let Some(given) = text("when") else { return };
    let [first, second] = times(words, purpose, clock)[..] else { return };
    let is_said_elsewhere =
        |time: &str| ["title", "text"].iter().any(|name| text(name).is_some_and(|it| it.contains(time)));
    let between = words.split_once(first).and_then(|(_, rest)| rest.split_once(second)).map(|(between, _)| between);
    if ![first, second].contains(&given)
        || [first, second].into_iter().any(is_said_elsewhere)
        || between.is_none_or(is_correction)
    {
        return;
    }
    let moments = [first, second].map(|time| resolve(time, clock, purpose).ok());
    let (day, hour, date, instant) = match moments {
        [Some(Moment::Date(date)), Some(Moment::Instant(instant))] => (first, second, date, instant),
        [Some(Moment::Instant(instant)), Some(Moment::Date(date))] => (second, first, date, instant),
        _ => return,
    };
    let joined = format!("{day} {hour}");
    // An hour that has a day of its own does not become another by what is said before it.
    if let Ok(Moment::Instant(moment)) = resolve(&joined, clock, purpose)
        && moment.date() == date
        && moment.time().minute() == instant.time().minute()
    {
        call.arguments.insert("when".to_owned(), joined.into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn joined(words: &str, title: &str, when: &str) -> Value {
        let Value::Object(arguments) = json!({"title": title, "when": when}) else { panic!("an object") };
        let mut call = ToolCall { id: String::new(), name: "create_reminder".into(), arguments };
        let clock = Clock { now: "2026-03-11T10:15:00+01:00[Europe/Paris]".parse().unwrap() };
        join_day_and_hour(words, &mut call, &clock);
        call.arguments["when"].clone()
    }

    #[test]
    fn a_day_and_an_hour_in_two_places_are_one_time() {
        for (words, title, when, expected) in [
            ("on Monday remind me to ring Ida at 5", "ring Ida", "Monday", "Monday 5"),
            ("on Monday remind me to ring Ida at 5", "ring Ida", "5", "Monday 5"),
            ("at half past nine remind me to ring Ida on 3 April", "ring Ida", "3 April", "3 April half past nine"),
            ("jeudi j'ai le dentiste, rappelle-moi à 14h", "le dentiste", "14h", "jeudi 14h"),
        ] {
            assert_eq!(joined(words, title, when), expected, "{words}");
        }
    }

    #[test]
    fn times_that_do_not_belong_together_stay_apart() {
        for (words, title, when) in [
            ("the Friday report is due, remind me of it at 5", "the Friday report", "5"),
            ("remind me on Monday, no, at 5, to ring Ida", "ring Ida", "5"),
            ("remind me on Monday to ring Ida and on Tuesday to ring Leo at 5", "ring Leo", "5"),
            ("I am away on Monday, remind me tomorrow at 5 to ring Ida", "ring Ida", "tomorrow at 5"),
            ("remind me at 5 to ring Ida", "ring Ida", "5"),
        ] {
            assert_eq!(joined(words, title, when), when, "{words}");
        }
    }
}
