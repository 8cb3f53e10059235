//! What people say about time, resolved by code against a clock.
//!
//! A phrase goes through five steps, each knowing nothing of the next: `lexer` cuts it into words and numbers; `spelling` mends
//! what was written in haste; `cursor` matches phrases of the `lexicon` and numbers; small grammars (`hours`, `days`, `durations`, `repetition`) each recognise one kind of
//! item; `request` collects the items; `settle` combines them by the rules below. English and French are always both understood.
//!
//! # Rules
//! - Parts of day: morning 09:00, noon 12:00, afternoon 15:00, end of the day 18:00, evening 19:00, tonight 20:00, night 21:00;
//!   midnight is 00:00 of the next day.
//! - An hour without am or pm: 1–6 is pm, 7–12 as in the morning. With no date, the next reading that is ahead. An alarm takes the
//!   next time a dial shows the hour, or with a date the morning.
//! - A weekday is the next one strictly after today; "this Friday" is this week's, "next Friday" next week's. Weeks start on Monday.
//! - A date without a year is the next one from today on. A date without a time stays a date.

pub mod calculator;
mod conditions;
mod cursor;
mod days;
mod describe;
mod durations;
mod edges;
mod facts;
mod habits;
mod holidays;
mod hours;
mod language;
mod lexer;
mod lexicon;
mod moment;
mod periods;
mod recurrence;
mod repetition;
mod request;
mod settle;
mod spans;
mod spelling;
mod stretches;
#[cfg(test)]
mod tests;
mod together;
mod working_days;
mod zones;

use jiff::{Span, Zoned};

pub use describe::{describe, describe_date};
pub use language::Language;
pub use lexer::plain;
pub use moment::Moment;
pub use recurrence::{Frequency, Recurrence, RecurringDay};
pub use spans::{Expression, lengths_in, moments_in};
pub use together::{Member, said_together};
pub use zones::zone_of_place;

/// The phrase that errors give as an example.
const EXAMPLE: &str = "tomorrow at 9:30";

/// The duration that errors give as an example.
const EXAMPLE_DURATION: &str = "1 hour 30 minutes";

/// The most bytes of a phrase that are read; people say far less.
const LONGEST_PHRASE: usize = 512;

/// The user's present: the instant and, within it, the time zone. Never read from the system below this type.
#[derive(Debug, Clone)]
pub struct Clock {
    /// Now, where the user is.
    pub now: Zoned,
}

/// What the moment is for, where that changes what a phrase means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Something to put in a calendar or to be reminded of.
    Event,
    /// Something that rings: a bare hour is the next time a dial shows it, and the past is refused.
    Alarm,
    /// A question about the calendar: "last week" and "March" are fine.
    Search,
    /// Something to be reminded of: the past is refused.
    Reminder,
    /// Where something is moved: "from Monday to Tuesday" is the old day and the new one.
    Move,
}

/// Why a phrase was not resolved.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TimeError {
    /// No time is said at all.
    #[error("no date or time is said; say for example \"{example}\"")]
    Empty {
        /// A phrase that works.
        example: &'static str,
    },
    /// Some words are no part of a date or time.
    #[error("\"{words}\" was not understood as part of a date or time; say for example \"{example}\"")]
    NotUnderstood {
        /// The words, as written.
        words: String,
        /// A phrase that works.
        example: &'static str,
    },
    /// It depends on a place or an occasion.
    #[error("\"{words}\" depends on where you are or what happens, and I know no places; say a time, for example \"{example}\"", example = EXAMPLE)]
    Condition {
        /// The words, as written.
        words: String,
    },
    /// It is counted from something that is no date or time.
    #[error("I cannot look up when \"{words}\" is; say a date or time, for example \"{example}\"", example = EXAMPLE)]
    UnknownEvent {
        /// The words, as written.
        words: String,
    },
    /// The small hours, written so that either half of the day may be meant.
    #[error("\"{hour}h\" may be at night or in the afternoon; say \"{hour}h du matin\" or \"{afternoon}h\"")]
    Unclear {
        /// The hour, as written.
        hour: u16,
        /// The other reading.
        afternoon: u16,
    },
    /// How far something moves is said, and not where to.
    #[error("say the new day or time, not how far it moves; for example \"{example}\"", example = EXAMPLE)]
    Shift,
    /// A repetition cannot follow the clocks of another place.
    #[error("what repeats is kept in your own time zone; say the hour as your clock shows it")]
    RepeatsElsewhere,
    /// The calendar has no such day, or the day no such hour.
    #[error("there is no {what}")]
    Impossible {
        /// The day or hour.
        what: String,
    },
    /// Two parts of the phrase cannot both hold.
    #[error("{what}; say only one of them")]
    Contradiction {
        /// Which parts.
        what: String,
    },
    /// It has passed, and an alarm cannot ring in the past.
    #[error("{moment} has already passed; say a time that is still to come")]
    Past {
        /// The canonical form.
        moment: String,
    },
    /// The result lies outside the years that are supported.
    #[error("that date is too far away; the years 1 to 9999 are supported")]
    OutOfRange,
    /// The phrase is longer than any date or time.
    #[error("a date or time has at most {limit} characters, this has {length}")]
    TooLong {
        /// The most bytes that are read.
        limit: usize,
        /// How many there are.
        length: usize,
    },
    /// Not the canonical form.
    #[error("\"{text}\" is not a canonical moment such as 2026-03-12T09:00")]
    NotCanonical {
        /// The text.
        text: String,
    },
}

/// The moment that `text` means, said at `clock` for `purpose`.
///
/// Abbreviations and misspellings ("tmrw", "thrusday"), leading prepositions and filler are tolerated, in any order and in English or French: "on Friday at noon", "d'ici demain",
/// "every weekday at 7", "from 2 to 3:30 pm tomorrow". A slashed date is day first in a French phrase, else month first unless
/// that is impossible. An hour that a change to summer time skips moves forward by the gap, one that comes twice is the first.
///
/// # Errors
/// [`TimeError`], which names the words that were not understood.
pub fn resolve(text: &str, clock: &Clock, purpose: Purpose) -> Result<Moment, TimeError> {
    resolve_of("", text, clock, purpose)
}

/// As [`resolve`], of something whose title is known: "dinner" at 7 is in the evening, "breakfast" at 8 in the morning.
///
/// # Errors
/// Those of [`resolve`].
pub fn resolve_of(title: &str, text: &str, clock: &Clock, purpose: Purpose) -> Result<Moment, TimeError> {
    check_length(text)?;
    let tokens = spelling::in_phrase(text);
    let request = request::read(text, &tokens, clock)?;
    settle::settle(request, clock, purpose, habits::Habit::of(title))
}

/// The length of time that `text` means: "an hour and a half", "1h30", "90 sec", "trois quarts d'heure", "2 weeks".
///
/// The span has months, days, hours, minutes and seconds, the last three balanced; its `Display` is ISO 8601 (`PT1H30M`, `P14D`).
///
/// # Errors
/// [`TimeError`] when some words are no length of time, or the length is zero or over a thousand years.
pub fn resolve_duration(text: &str) -> Result<Span, TimeError> {
    check_length(text)?;
    durations::whole(text, &spelling::in_length(text))
}

impl TimeError {
    /// Whether it is of a phrase that says one thing as a whole, only one that cannot be: a part of that phrase says something else.
    fn is_of_a_whole(&self) -> bool {
        match self {
            Self::Condition { .. }
            | Self::UnknownEvent { .. }
            | Self::Unclear { .. }
            | Self::RepeatsElsewhere
            | Self::Shift
            | Self::Impossible { .. }
            | Self::Past { .. }
            | Self::OutOfRange => true,
            Self::Empty { .. }
            | Self::NotUnderstood { .. }
            | Self::Contradiction { .. }
            | Self::TooLong { .. }
            | Self::NotCanonical { .. } => false,
        }
    }
}

fn check_length(text: &str) -> Result<(), TimeError> {
    if text.len() > LONGEST_PHRASE {
        return Err(TimeError::TooLong { limit: LONGEST_PHRASE, length: text.len() });
    }
    Ok(())
}
