//! Which stretch of time words mean in which events are looked for.

use super::list::dates;
use crate::icalendar::Window;
use crate::{AppError, World};
use jiff::civil::Date;
use jiff::{ToSpan, Zoned};
use reinette_time::{Moment, Purpose, TimeError, plain, resolve};

/// A stretch of time, as it was said.
#[derive(Clone, Debug)]
pub(super) enum Stretch {
    /// From the first to the last of these days.
    Days(Date, Date),
    Between(Window),
    At(Zoned),
}

/// Parts of a day, each with the hours at which it begins and ends. The language of time has but an hour for them.
const PARTS: &[(&str, i64, i64)] = &[
    ("morning", 0, 12),
    ("matin", 0, 12),
    ("matinee", 0, 12),
    ("afternoon", 12, 18),
    // The first word of "après-midi".
    ("apres", 12, 18),
    ("evening", 18, 24),
    ("tonight", 18, 24),
    ("night", 18, 24),
    ("soir", 18, 24),
    ("soiree", 18, 24),
];

/// The stretch that `when` means.
pub(super) fn stretch(when: &str, world: &World) -> Result<Stretch, AppError> {
    Ok(match resolve(when, &world.clock, Purpose::Search)? {
        Moment::Instants { start, end } => Stretch::Between(Window { start, end }),
        Moment::Instant(instant) => match part(when) {
            Some((from, to)) => {
                let midnight = instant.start_of_day().map_err(|_| TimeError::OutOfRange)?;
                let at = |hour: i64| {
                    midnight
                        .datetime()
                        .checked_add(hour.hours())
                        .and_then(|civil| civil.to_zoned(midnight.time_zone().clone()))
                };
                let (start, end) = (at(from), at(to));
                let out_of_range = |_| TimeError::OutOfRange;
                Stretch::Between(Window { start: start.map_err(out_of_range)?, end: end.map_err(out_of_range)? })
            }
            None => Stretch::At(instant),
        },
        moment => {
            let (first, last) = dates(&moment);
            Stretch::Days(first, last)
        }
    })
}

/// The part of a day that is said without an hour.
fn part(when: &str) -> Option<(i64, i64)> {
    if when.contains(|character: char| character.is_ascii_digit()) {
        return None;
    }
    let said =
        |known: &str| when.split(|character: char| !character.is_alphanumeric()).any(|word| plain(word) == known);
    PARTS.iter().find(|(known, ..)| said(known)).map(|(_, from, to)| (*from, *to))
}
