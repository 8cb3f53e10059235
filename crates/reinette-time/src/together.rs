//! Times that are said together and share what is said only once: "8am and 8pm every day", "Monday, Wednesday and Friday at
//! 7am", "tomorrow at 9 and 10".

use std::ops::Range;

use super::cursor::Cursor;
use super::hours::{self, Countdown, Form, Reading};
use super::lexer::{Kind, tokens};
use super::request::{self, ItemKind};
use super::settle::agreeing;
use super::spelling;
use super::{Clock, Purpose, edges, moments_in, resolve};

/// One of several times that are said together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Its bytes in the text.
    pub range: Range<usize>,
    /// A phrase that means it by itself, with what it shares with the others.
    pub phrase: String,
}

/// The times that `text` says together, one list for each place where two or more are joined by commas and "and".
pub fn said_together(text: &str, clock: &Clock, purpose: Purpose) -> Vec<Vec<Member>> {
    // Nothing is moved to two times.
    if purpose == Purpose::Move {
        return Vec::new();
    }
    let mut lists: Vec<(Vec<Range<usize>>, bool)> = Vec::new();
    for found in moments_in(text, clock, purpose) {
        let joint = lists.last().and_then(|(ranges, _)| joint(&text[ranges.last()?.end..found.range.start]));
        match (joint.filter(|_| found.is_understood), lists.last_mut()) {
            (Some(joint), Some((ranges, is_closed))) if !*is_closed => {
                ranges.push(found.range);
                *is_closed = joint == Joint::And;
            }
            // What is not understood is no part of a list.
            _ => lists.push((vec![found.range], !found.is_understood)),
        }
    }
    let complete = lists.into_iter().filter(|(ranges, is_closed)| ranges.len() > 1 && *is_closed);
    complete.filter_map(|(ranges, _)| list(text, ranges, clock, purpose)).collect()
}

/// What joins two times of a list.
#[derive(PartialEq, Eq)]
enum Joint {
    Comma,
    And,
}

fn joint(between: &str) -> Option<Joint> {
    let words = spelling::in_text(between);
    let is_and = |token: &_| matches!(token, Kind::Word(word) if word == "and" || word == "et");
    if !words.iter().all(|token| is_and(&token.kind) || edges::is_filler(token)) {
        return None;
    }
    let has_and = words.iter().any(|token| is_and(&token.kind));
    let is_comma = between.trim_start().starts_with(',');
    let other_marks = between.contains(['.', ';', ':', '!', '?', '(', ')']);
    match (has_and, is_comma) {
        _ if other_marks => None,
        (true, _) => Some(Joint::And),
        (false, true) => Some(Joint::Comma),
        (false, false) => None,
    }
}

/// What one member says itself, in words.
#[derive(Debug, Clone, Default)]
struct Parts {
    day: Option<String>,
    hour: Option<String>,
    part: Option<String>,
    rule: Option<String>,
    /// Whether it says something that stands for itself: "in an hour", "from 2 to 3".
    is_whole: bool,
}

impl Parts {
    fn of(text: &str, clock: &Clock) -> Option<Self> {
        let mut parts = Self::default();
        for (kind, range) in request::items(&spelling::in_phrase(text), clock).ok()? {
            let words = Some(text[range].to_owned());
            match kind {
                ItemKind::Day if parts.day.is_some() => parts.day = Some(format!("{} {}", parts.day?, words?)),
                ItemKind::Day => parts.day = words,
                ItemKind::Hour => parts.hour = words,
                ItemKind::Part => parts.part = words,
                ItemKind::Rule => parts.rule = words,
                ItemKind::Other => parts.is_whole = true,
            }
        }
        Some(parts)
    }

    fn phrase(&self) -> String {
        let parts = [&self.rule, &self.day, &self.hour, &self.part];
        parts.into_iter().flatten().map(String::as_str).collect::<Vec<_>>().join(" ")
    }

    fn is_timed(&self) -> bool {
        self.hour.is_some() || self.part.is_some()
    }

    fn is_dated(&self) -> bool {
        self.day.is_some() || self.rule.is_some()
    }

    fn reading(&self) -> Option<Reading> {
        hours::hour(&mut Cursor::new(&tokens(self.hour.as_deref()?)), Countdown::Understood).ok()?
    }
}

/// The members at `ranges`, each with what it shares; `None` when one of them then means nothing.
fn list(text: &str, ranges: Vec<Range<usize>>, clock: &Clock, purpose: Purpose) -> Option<Vec<Member>> {
    let said: Option<Vec<Parts>> = ranges.iter().map(|range| Parts::of(&text[range.clone()], clock)).collect();
    let said = said?;
    let mut shared = said.clone();
    // What is lacking is that of the next that has it, or else of the last before.
    let of_others = |at: usize, part: fn(&Parts) -> &Option<String>| {
        let has = |parts: &&Parts| !parts.is_whole && part(parts).is_some();
        said[at + 1..].iter().find(has).or_else(|| said[..at].iter().rfind(has)).and_then(|parts| part(parts).clone())
    };
    for (at, parts) in shared.iter_mut().enumerate().filter(|(_, parts)| !parts.is_whole) {
        if parts.rule.is_none() {
            parts.rule = of_others(at, |parts| &parts.rule);
        }
        if !parts.is_dated() {
            parts.day = of_others(at, |parts| &parts.day);
        }
        if !parts.is_timed() {
            parts.hour = of_others(at, |parts| &parts.hour);
            parts.part = if parts.hour.is_none() { of_others(at, |parts| &parts.part) } else { None };
        }
        let next_has_both = said.get(at + 1).is_some_and(|next| next.hour.is_some() && next.part.is_some());
        if said[at].hour.is_some() && parts.part.is_none() && next_has_both {
            parts.part.clone_from(&said[at + 1].part);
        }
    }
    agree(&mut shared, purpose);
    let member = |(range, parts): (Range<usize>, &Parts)| {
        let phrase = if parts.is_whole { text[range.clone()].to_owned() } else { parts.phrase() };
        resolve(&phrase, clock, purpose).ok().map(|_| Member { range, phrase })
    };
    ranges.into_iter().zip(&shared).map(member).collect()
}

/// "6:30 and 7:15", "8 and 9 pm": an hour takes the reading that is before the next one's.
fn agree(members: &mut [Parts], purpose: Purpose) {
    let mut next: Option<Reading> = None;
    for parts in members.iter_mut().rev() {
        let reading = parts.reading().filter(|_| parts.part.is_none() && !parts.is_whole);
        let exact = match (reading, next) {
            (Some(reading), Some(next)) if reading.form == Form::Bare => Some(agreeing(reading, next)),
            // The last has its usual reading, when its day is known.
            (Some(reading), None) if reading.form == Form::Bare && purpose != Purpose::Alarm && parts.is_dated() => {
                Some(Reading { minutes: reading.usual(), form: Form::Exact, ..reading })
            }
            (reading, _) => reading.filter(|reading| reading.form == Form::Exact),
        };
        if let (Some(exact), Some(Form::Bare)) = (exact, reading.map(|reading| reading.form)) {
            parts.hour = Some(format!("{:02}:{:02}", exact.minutes / 60, exact.minutes % 60));
        }
        next = exact;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn together(text: &str, purpose: Purpose) -> Vec<Vec<String>> {
        let clock = Clock { now: "2026-11-25T10:00:00+01:00[Europe/Paris]".parse().unwrap() };
        let meant = |member: Member| resolve(&member.phrase, &clock, purpose).unwrap().to_string();
        said_together(text, &clock, purpose).into_iter().map(|list| list.into_iter().map(meant).collect()).collect()
    }

    #[test]
    fn what_is_said_once_is_shared() {
        for (text, expected) in [
            ("pills at 8am and 8pm every day", ["2026-11-26T08:00 FREQ=DAILY", "2026-11-25T20:00 FREQ=DAILY"]),
            ("every day at 8am and 8pm", ["2026-11-26T08:00 FREQ=DAILY", "2026-11-25T20:00 FREQ=DAILY"]),
            ("tous les jours à 8h et 20h", ["2026-11-26T08:00 FREQ=DAILY", "2026-11-25T20:00 FREQ=DAILY"]),
            ("call Ana tomorrow at 9 and 10", ["2026-11-26T09:00", "2026-11-26T10:00"]),
            ("at 9 and at 10 tomorrow", ["2026-11-26T09:00", "2026-11-26T10:00"]),
            ("at 8 and 9 pm tomorrow", ["2026-11-26T20:00", "2026-11-26T21:00"]),
            ("tomorrow at 8 and 9 in the evening", ["2026-11-26T20:00", "2026-11-26T21:00"]),
            ("gym on Monday and Friday at 7am", ["2026-11-30T07:00", "2026-11-27T07:00"]),
            ("lundi et vendredi à 9h", ["2026-11-30T09:00", "2026-11-27T09:00"]),
            ("Monday at 9 and Friday", ["2026-11-30T09:00", "2026-11-27T09:00"]),
            ("tomorrow morning and evening", ["2026-11-26T09:00", "2026-11-26T19:00"]),
            ("Monday at 9 and Tuesday at 10", ["2026-11-30T09:00", "2026-12-01T10:00"]),
            ("tomorrow and Friday", ["2026-11-26", "2026-11-27"]),
            ("6:30 & 7:15 tomorrow", ["2026-11-26T06:30", "2026-11-26T07:15"]),
        ] {
            assert_eq!(together(text, Purpose::Reminder), [expected], "{text}");
        }
        let weekdays = "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR";
        for purpose in [Purpose::Alarm, Purpose::Event] {
            let expected = [format!("2026-11-26T06:30 {weekdays}"), format!("2026-11-26T07:15 {weekdays}")];
            assert_eq!(together("6:30 and 7:15 every weekday", purpose), [expected]);
        }
        let three = together("gym Monday, Wednesday and Friday at 7am", Purpose::Event);
        assert_eq!(three, [["2026-11-30T07:00", "2026-12-02T07:00", "2026-11-27T07:00"]]);
    }

    #[test]
    fn what_is_one_time_or_is_not_joined_is_no_list() {
        for text in [
            "every Monday and Thursday at 6pm",
            "between 9 and 10 tomorrow",
            "call Ana at 9 and Bob at 10",
            "at 9, no, 10",
            "tomorrow at 9",
            "Monday, Tuesday",
            "at 9 or 10",
            "tomorrow after work and Friday",
        ] {
            assert_eq!(together(text, Purpose::Reminder), Vec::<Vec<String>>::new(), "{text}");
        }
        assert_eq!(together("to Monday and Tuesday", Purpose::Move), Vec::<Vec<String>>::new());
    }
}
