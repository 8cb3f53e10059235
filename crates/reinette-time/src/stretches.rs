//! Stretches that are counted from today: "the next 10 days", "les 15 prochains jours", "the past two weeks".

use super::TimeError;
use super::cursor::Cursor;
use super::days::{Calendar, Day};
use super::durations::Length;
use super::facts::Side;
use super::lexicon::{UNITS, Unit};
use super::settle::moved_date;

/// On which side of now a stretch lies.
#[rustfmt::skip]
const SIDES: &[(&str, Side)] = &[
    ("next", Side::After), ("coming", Side::After), ("following", Side::After), ("upcoming", Side::After), ("prochain", Side::After),
    ("prochains", Side::After), ("prochaine", Side::After), ("prochaines", Side::After), ("suivants", Side::After), ("suivantes", Side::After),
    ("last", Side::Before), ("past", Side::Before), ("previous", Side::Before), ("dernier", Side::Before), ("derniers", Side::Before),
    ("derniere", Side::Before), ("dernieres", Side::Before),
];

/// Those that stand behind the unit: "les 10 jours à venir".
#[rustfmt::skip]
const SIDES_BEHIND: &[(&str, Side)] = &[
    ("prochains", Side::After), ("prochaines", Side::After), ("suivants", Side::After), ("suivantes", Side::After), ("a venir", Side::After),
    ("qui viennent", Side::After), ("ahead", Side::After), ("derniers", Side::Before), ("dernieres", Side::Before), ("passes", Side::Before),
];

/// Days from today on, or until today: both ends included.
pub(crate) fn counted_days(cursor: &mut Cursor, calendar: Calendar) -> Result<Option<Day>, TimeError> {
    let mut ahead = *cursor;
    let Some((length, side)) = counted(&mut ahead).filter(|(length, _)| length.is_whole_days()) else {
        return Ok(None);
    };
    let other = moved_date(calendar.today, length, side)?;
    *cursor = ahead;
    Ok(Some(match side {
        Side::After => Day::Span(calendar.today, other),
        Side::Before => Day::Span(other, calendar.today),
    }))
}

/// "the next 48 hours", "les deux prochaines heures", "the next hour".
pub(crate) fn counted_hours(cursor: &mut Cursor) -> Option<(Length, Side)> {
    cursor.attempt(|cursor| counted(cursor).filter(|(length, _)| !length.is_whole_days()))
}

/// Lengths behind "in" whose unit or count is not said: "within the hour", "in 20", "sous huitaine".
pub(crate) fn implied(cursor: &mut Cursor) -> Option<Length> {
    let said = [
        ("the hour", (1, Unit::Hour)),
        ("l heure", (1, Unit::Hour)),
        ("huitaine", (1, Unit::Week)),
        ("une huitaine", (1, Unit::Week)),
        ("quinzaine", (2, Unit::Week)),
    ];
    if let Some((count, unit)) = cursor.phrase(&said) {
        return Length::counted(count, unit);
    }
    // Fewer than five may be hours, and more than ninety anything.
    cursor.attempt(|cursor| {
        let (count, _) = cursor.digits().filter(|(count, _)| (5..=90).contains(count))?;
        cursor.is_done().then(|| Length::counted(count.into(), Unit::Minute))?
    })
}

/// How long and on which side: the side before the count or behind it, and in French also behind the unit.
fn counted(cursor: &mut Cursor) -> Option<(Length, Side)> {
    cursor.any(&["the", "les", "ces", "la", "l", "over the", "au cours des", "all the"]);
    let first = cursor.phrase(SIDES);
    let count = cursor.attempt(count);
    let side = first.or_else(|| cursor.phrase(SIDES));
    let unit = cursor.phrase(UNITS)?;
    let side = side.or_else(|| cursor.phrase(SIDES_BEHIND).filter(|_| count.is_some()))?;
    let count = match count {
        Some(count) => count,
        // "Next week" is a week of the calendar.
        None if matches!(unit, Unit::Hour | Unit::Minute) => 1,
        None => return None,
    };
    Some((Length::counted(count.into(), unit)?, side))
}

fn count(cursor: &mut Cursor) -> Option<u32> {
    let named =
        cursor.phrase(&[("couple of", 2), ("couple", 2), ("few", 3), ("quelques", 3), ("une quinzaine de", 15)]);
    named.or_else(|| cursor.number()).filter(|count| *count > 0)
}
