//! Repetitions: "every weekday", "each month on the 1st", "every other Tuesday", "tous les lundis".

use jiff::civil::Weekday;

use super::cursor::Cursor;
use super::holidays::HOLIDAYS;
use super::lexicon::{MONTHS, PARTS_OF_DAY, PLURAL_WEEKDAYS, UNITS, Unit, WEEKDAYS};
use super::periods::ordinal_weekday;
use super::{Frequency, Recurrence, RecurringDay};

const EVERY: &[&str] = &["every", "each", "chaque", "tous les", "toutes les", "tous", "toutes"];
const WORKING_DAYS: [Weekday; 5] =
    [Weekday::Monday, Weekday::Tuesday, Weekday::Wednesday, Weekday::Thursday, Weekday::Friday];
const WEEKEND: [Weekday; 2] = [Weekday::Saturday, Weekday::Sunday];

/// A repetition, if one stands here.
pub(crate) fn repetition(cursor: &mut Cursor) -> Option<Recurrence> {
    cursor.attempt(adverb).or_else(|| cursor.attempt(of_every_month)).or_else(|| {
        cursor.attempt(|cursor| {
            cursor.any(EVERY)?;
            every_something(cursor)
        })
    })
}

/// "daily", "weekdays", "Mondays and Thursdays".
fn adverb(cursor: &mut Cursor) -> Option<Recurrence> {
    cursor.skip(&["on", "les", "le"]);
    if let Some(frequency) = cursor.phrase(&[
        ("daily", Frequency::Daily),
        ("everyday", Frequency::Daily),
        ("once a day", Frequency::Daily),
        ("quotidiennement", Frequency::Daily),
        ("weekly", Frequency::Weekly),
        ("once a week", Frequency::Weekly),
        ("une fois par semaine", Frequency::Weekly),
        ("une fois par jour", Frequency::Daily),
        ("une fois par mois", Frequency::Monthly),
        ("monthly", Frequency::Monthly),
        ("once a month", Frequency::Monthly),
        ("mensuellement", Frequency::Monthly),
        ("yearly", Frequency::Yearly),
        ("annually", Frequency::Yearly),
        ("once a year", Frequency::Yearly),
        ("hourly", Frequency::Hourly),
    ]) {
        return Some(monthly_details(cursor, Recurrence::every(frequency)));
    }
    if cursor.any(&["fortnightly", "biweekly"]).is_some() {
        return Some(Recurrence { interval: 2, ..Recurrence::every(Frequency::Weekly) });
    }
    if cursor.any(&["weekdays", "week days", "working days", "jours ouvrables", "jours ouvres", "en semaine"]).is_some()
    {
        return Some(Recurrence::weekly(WORKING_DAYS));
    }
    if cursor.any(&["weekends", "week ends"]).is_some() {
        return Some(Recurrence::weekly(WEEKEND));
    }
    weekdays(cursor, PLURAL_WEEKDAYS).map(Recurrence::weekly)
}

/// One or more weekdays: "Monday, Wednesday and Friday".
fn weekdays(cursor: &mut Cursor, table: &[(&str, Weekday)]) -> Option<Vec<Weekday>> {
    let mut days = vec![cursor.phrase(table)?];
    while let Some(day) = cursor.attempt(|cursor| {
        cursor.skip(&["and", "et", "on", "les", "every", "tous"]);
        cursor.phrase(table)
    }) {
        if !days.contains(&day) {
            days.push(day);
        }
    }
    days.sort_by_key(|day| day.to_monday_zero_offset());
    Some(days)
}

/// "the 1st of every month", "le dernier vendredi de chaque mois", "the last day of each month".
fn of_every_month(cursor: &mut Cursor) -> Option<Recurrence> {
    cursor.skip(&["on", "the", "le"]);
    let rule = day_in_month(cursor)?;
    cursor.any(&["of", "de", "du", "in"])?;
    cursor.any(EVERY)?;
    cursor.any(&["month", "mois"])?;
    Some(rule)
}

/// Which day of a month: "first Monday", "last day", "15th".
fn day_in_month(cursor: &mut Cursor) -> Option<Recurrence> {
    let monthly = Recurrence::every(Frequency::Monthly);
    if cursor.any(&["last day", "dernier jour"]).is_some() {
        return Some(Recurrence { month_day: Some(-1), ..monthly });
    }
    if let Some((ordinal, weekday)) = ordinal_weekday(cursor) {
        return Some(Recurrence { weekdays: vec![RecurringDay { weekday, ordinal: Some(ordinal) }], ..monthly });
    }
    let day = cursor.ordinal().or_else(|| i8::try_from(cursor.number()?).ok()).filter(|day| (1..=31).contains(day))?;
    Some(Recurrence { month_day: Some(day), ..monthly })
}

/// What stands behind "every".
fn every_something(cursor: &mut Cursor) -> Option<Recurrence> {
    if cursor
        .any(&[
            "weekday",
            "weekdays",
            "week day",
            "working day",
            "business day",
            "jour ouvrable",
            "jours ouvrables",
            "jour de semaine",
            "jours de semaine",
            "jours de la semaine",
            "jour de la semaine",
        ])
        .is_some()
    {
        return Some(Recurrence::weekly(WORKING_DAYS));
    }
    if cursor.any(&["weekend", "weekends", "week end", "week ends"]).is_some() {
        return Some(Recurrence::weekly(WEEKEND));
    }
    cursor
        .attempt(interval)
        .or_else(|| cursor.attempt(|cursor| every_weekday(cursor).map(Recurrence::weekly)))
        .or_else(|| {
            cursor.attempt(|cursor| {
                let rule = day_in_month(cursor)?;
                let named = cursor.any(&["of the month", "of month", "du mois"]).is_some();
                (named || !rule.weekdays.is_empty()).then_some(rule)
            })
        })
        .or_else(|| starts_a_day(*cursor))
}

fn every_weekday(cursor: &mut Cursor) -> Option<Vec<Weekday>> {
    weekdays(cursor, PLURAL_WEEKDAYS).or_else(|| weekdays(cursor, WEEKDAYS))
}

/// "day", "2 weeks", "other Tuesday", "3 months on the 1st".
fn interval(cursor: &mut Cursor) -> Option<Recurrence> {
    let other = cursor.attempt(|cursor| {
        cursor.any(&["other", "second", "deuxieme", "deux"])?;
        let days = cursor.attempt(every_weekday)?;
        Some(Recurrence { interval: 2, ..Recurrence::weekly(days) })
    });
    if other.is_some() {
        return other;
    }
    let count = cursor.phrase(&[("other", 2), ("second", 2), ("single", 1)]).or_else(|| cursor.number()).unwrap_or(1);
    let (frequency, factor) = match cursor.phrase(UNITS)? {
        Unit::Second => return None,
        Unit::Minute => (Frequency::Minutely, 1),
        Unit::Hour => (Frequency::Hourly, 1),
        Unit::Day => (Frequency::Daily, 1),
        Unit::Week => (Frequency::Weekly, 1),
        Unit::Fortnight => (Frequency::Weekly, 2),
        Unit::Month => (Frequency::Monthly, 1),
        Unit::Year => (Frequency::Yearly, 1),
    };
    let interval = u16::try_from(count.checked_mul(factor)?).ok().filter(|interval| *interval > 0)?;
    Some(monthly_details(cursor, Recurrence { interval, ..Recurrence::every(frequency) }))
}

/// The day behind "every month": "on the 1st", "on the last Friday".
fn monthly_details(cursor: &mut Cursor, rule: Recurrence) -> Recurrence {
    if rule.frequency != Frequency::Monthly {
        return rule;
    }
    let details = cursor.attempt(|cursor| {
        let article = cursor.any(&["on the", "the", "le", "on"]);
        article?;
        day_in_month(cursor)
    });
    match details {
        Some(details) => Recurrence { interval: rule.interval, ..details },
        None => rule,
    }
}

/// "Every" before a part of the day is daily, before a date or a holiday yearly; those words themselves are read afterwards.
fn starts_a_day(mut ahead: Cursor) -> Option<Recurrence> {
    let mut date = ahead;
    if ahead.phrase(PARTS_OF_DAY).is_some()
        || ahead.any(&["noon", "midnight", "midi", "minuit", "lunch", "lunchtime"]).is_some()
    {
        return Some(Recurrence::every(Frequency::Daily));
    }
    let dated = date.phrase(HOLIDAYS).is_some() || date.phrase(MONTHS).is_some() || {
        date.ordinal().map(i32::from).or_else(|| i32::try_from(date.number()?).ok())?;
        date.skip(&["of", "de", "d"]);
        date.phrase(MONTHS).is_some()
    };
    dated.then(|| Recurrence::every(Frequency::Yearly))
}
