//! Working days, Monday to Friday: "in 3 business days", "dans 3 jours ouvrés", "the next working day". Public holidays
//! differ from place to place and count like any other day.

use jiff::civil::{Date, Weekday};

use super::TimeError;
use super::cursor::Cursor;
use super::days::shifted;
use super::facts::Side;

pub(crate) const WORKING_DAYS: [Weekday; 5] =
    [Weekday::Monday, Weekday::Tuesday, Weekday::Wednesday, Weekday::Thursday, Weekday::Friday];

#[rustfmt::skip]
const NAMES: &[&str] = &[
    "business day", "business days", "working day", "working days", "work day", "work days", "workday", "workdays", "weekday", "weekdays",
    "week day", "week days", "jour ouvre", "jours ouvres", "jour ouvrable", "jours ouvrables", "jour travaille", "jours travailles",
    "jour de travail", "jours de travail", "jour de semaine", "jours de semaine",
];

/// The most working days that are counted: some forty years.
const MOST: u32 = 10_000;

/// How many working days: "3 business days", "a working day".
pub(crate) fn counted(cursor: &mut Cursor) -> Option<u32> {
    cursor.attempt(|cursor| {
        let few = cursor.phrase(&[("a couple of", 2), ("a few", 3), ("quelques", 3), ("a", 1), ("un", 1)]);
        let count = few.or_else(|| cursor.number()).filter(|count| (1..=MOST).contains(count))?;
        cursor.any(&["full", "clear", "pleins"]);
        cursor.any(NAMES)?;
        Some(count)
    })
}

/// Whether words for working days stand here.
pub(crate) fn follow(mut cursor: Cursor) -> bool {
    cursor.any(&["full", "clear", "pleins"]);
    cursor.any(NAMES).is_some()
}

/// "the next working day", "le prochain jour ouvré": the first after today.
pub(crate) fn next(cursor: &mut Cursor) -> Option<()> {
    cursor.attempt(|cursor| {
        cursor.any(&["the", "le"]);
        cursor.any(&["next", "following", "prochain", "premier"])?;
        name(cursor)
    })
}

pub(crate) fn name(cursor: &mut Cursor) -> Option<()> {
    cursor.any(NAMES)
}

/// `date` moved by so many working days.
pub(crate) fn moved(mut date: Date, count: u32, side: Side) -> Result<Date, TimeError> {
    let step = match side {
        Side::After => 1,
        Side::Before => -1,
    };
    for _ in 0..count {
        date = shifted(date, step)?;
        while !WORKING_DAYS.contains(&date.weekday()) {
            date = shifted(date, step)?;
        }
    }
    Ok(date)
}
