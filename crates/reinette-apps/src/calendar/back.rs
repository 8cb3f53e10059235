//! Days and hours that only point back at what was told of: "that day at noon", "Friday at the same time", "ce soir-là".

use super::relative::{PARTS, SaidTime, moment_from_told, words};
use crate::World;
use jiff::Zoned;
use reinette_time::{Moment, resolve_of};
use std::ops::Range;

/// Nouns for a day that is pointed at.
const DAYS: &[&str] = &["day", "date", "jour", "journee"];

/// Nouns for an hour that is pointed at.
const HOURS: &[&str] = &["time", "hour", "heure", "moment"];

/// Words that point back by themselves.
const BACK: &[&str] = &["that", "same", "meme"];

/// Words that do so only with "là" behind the noun: "ce jour" is today.
const BACK_WITH_LA: &[&str] = &["ce", "cet", "cette"];

/// Words before those that belong to them.
const BEFORE: &[&str] = &["that", "at", "on", "in", "the", "a", "le", "la", "l"];

/// What is pointed at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What<'a> {
    Day,
    /// A part of the day, as said.
    Part(&'a str),
    Hour,
}

/// The moment that `said` points back at; `None` if it does not, if nothing was told of to point at, or if the words
/// beside it do not fit.
pub(super) fn moment(said: SaidTime<'_>, world: &World) -> Option<Moment> {
    let (what, bytes) = pointed_at(said.when)?;
    let zone = world.clock.now.time_zone();
    let origin = world.focus.origin(zone)?;
    let start = origin.start.instant(zone)?;
    let [before, after] = [&said.when[..bytes.start], &said.when[bytes.end..]];
    let rest = [before.trim(), after.trim()].join(" ");
    let rest = rest.trim_matches(|character: char| character == ',' || character.is_whitespace());
    let resolved = |text: String| resolve_of(said.title, text.trim(), &world.clock, said.purpose).ok();
    let that_day = |moment: &Moment| !matches!(moment, Moment::Recurring { .. }) && moment.first_date() == start.date();
    match what {
        What::Day => resolved(format!("{} {rest}", start.date())).filter(that_day),
        What::Part(part) => resolved(format!("{} {part} {rest}", start.date())).filter(that_day),
        What::Hour if origin.start.is_date() => None,
        What::Hour if rest.is_empty() => Some(Moment::Instant(start)),
        What::Hour => {
            // "the day after at the same time"
            let counted = moment_from_told(SaidTime { when: rest, ..said }, world);
            let day = counted.map_or_else(|| rest.to_owned(), |moment| moment.first_date().to_string());
            resolved(format!("{day} {}", clock_time(&start)))
        }
    }
}

/// The time of day in the form that no language reads otherwise.
fn clock_time(instant: &Zoned) -> String {
    instant.strftime("%H:%M").to_string()
}

/// What words point back at, and the bytes that say so.
fn pointed_at(when: &str) -> Option<(What<'_>, Range<usize>)> {
    let words = words(when);
    let word = |at: usize| words.get(at).map(|(word, _)| word.as_str());
    let is_in = |at: usize, list: &[&str]| word(at).is_some_and(|word| list.contains(&word));
    let at = (0..words.len()).find(|at| {
        is_in(*at, BACK) && !is_in(*at + 1, BACK)
            || (is_in(*at, BACK_WITH_LA) && (*at..*at + 4).any(|at| word(at) == Some("la")))
    })?;
    // "cet après-midi-là" is one part of the day, of two words.
    let last = if word(at + 1) == Some("apres") { at + 2 } else { at + 1 };
    let noun = words.get(last)?;
    let what = if DAYS.contains(&noun.0.as_str()) {
        What::Day
    } else if HOURS.contains(&noun.0.as_str()) {
        What::Hour
    } else {
        PARTS.iter().find(|(known, _)| *known == noun.0)?;
        What::Part(&when[words[at + 1].1.start..noun.1.end])
    };
    let first = (0..at).rev().take_while(|before| is_in(*before, BEFORE)).last().unwrap_or(at);
    let end = if word(last + 1) == Some("la") { last + 1 } else { last };
    Some((what, words[first].1.start..words[end].1.end))
}
