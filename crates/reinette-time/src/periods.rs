//! Weeks, weekends, months and years, their edges, and the nth weekday in them.

use jiff::ToSpan;
use jiff::civil::{Date, Weekday};

use super::TimeError;
use super::cursor::Cursor;
use super::days::{Calendar, Day, date, shifted, year};
use super::facts::Side;
use super::lexicon::{MONTHS, PLURAL_WEEKDAYS, WEEKDAYS};
use super::working_days;

type Found = Result<Option<Day>, TimeError>;

/// A stretch of the calendar that has a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Period {
    Week,
    Weekend,
    Month,
    Year,
}

const PERIODS: &[(&str, Period)] = &[
    ("week", Period::Week),
    ("semaine", Period::Week),
    ("weekend", Period::Weekend),
    ("week end", Period::Weekend),
    ("month", Period::Month),
    ("mois", Period::Month),
    ("year", Period::Year),
    ("annee", Period::Year),
    ("an", Period::Year),
];

/// The Monday of the week of `day`.
pub(crate) fn monday(day: Date) -> Result<Date, TimeError> {
    shifted(day, -i32::from(day.weekday().to_monday_zero_offset()))
}

impl Period {
    /// The first and last day of the period `distance` after the one of `today`.
    fn days(self, today: Date, distance: i32) -> Result<(Date, Date), TimeError> {
        let out_of_range = |_| TimeError::OutOfRange;
        match self {
            Self::Week => {
                let first = shifted(monday(today)?, 7 * distance)?;
                Ok((first, shifted(first, 6)?))
            }
            Self::Weekend => {
                let first = shifted(monday(today)?, 7 * distance + 5)?;
                Ok((first, shifted(first, 1)?))
            }
            Self::Month => {
                let first = today.first_of_month().checked_add(distance.months()).map_err(out_of_range)?;
                Ok((first, first.last_of_month()))
            }
            Self::Year => {
                let first = today.first_of_year().checked_add(distance.years()).map_err(out_of_range)?;
                Ok((first, first.last_of_year()))
            }
        }
    }
}

/// "this week", "next month", "la semaine prochaine", "March 2027", "in 2027", "the week of 4 May".
pub(crate) fn period(cursor: &mut Cursor, calendar: Calendar) -> Found {
    if let Some(found) = week_of(cursor, calendar)? {
        return Ok(Some(found));
    }
    span(cursor, calendar).map(|found| found.map(|(first, last)| Day::Span(first, last)))
}

/// A named period, with the word that says which one before it (English) or behind it (French).
fn span(cursor: &mut Cursor, calendar: Calendar) -> Result<Option<(Date, Date)>, TimeError> {
    let mut ahead = *cursor;
    if let Some(found) = named_period(&mut ahead, calendar)? {
        *cursor = ahead;
        return Ok(Some(found));
    }
    month_or_year(cursor, calendar)
}

fn named_period(cursor: &mut Cursor, calendar: Calendar) -> Result<Option<(Date, Date)>, TimeError> {
    let before = cursor.phrase(&[
        ("this", 0),
        ("this coming", 0),
        ("the", 0),
        ("next", 1),
        ("the next", 1),
        ("last", -1),
        ("the last", -1),
        ("past", -1),
        ("previous", -1),
        ("ce", 0),
        ("cette", 0),
        ("la", 0),
        ("le", 0),
        ("l", 0),
    ]);
    let Some(period) = cursor.phrase(PERIODS) else { return Ok(None) };
    let behind = cursor.phrase(&[
        ("prochain", 1),
        ("prochaine", 1),
        ("suivant", 1),
        ("suivante", 1),
        ("qui vient", 1),
        ("dernier", -1),
        ("derniere", -1),
        ("passe", -1),
        ("passee", -1),
        ("after next", 2),
        ("ci", 0),
        ("en cours", 0),
    ]);
    // A bare "week" or "year" counts something; a bare "weekend" is the coming one.
    let distance = match (before, behind, period) {
        (_, Some(behind), _) => behind,
        (Some(before), None, _) => before,
        (None, None, Period::Weekend) => 0,
        (None, None, _) => return Ok(None),
    };
    period.days(calendar.today, distance).map(Some)
}

/// "March", "next March", "mars 2027", "2027".
fn month_or_year(cursor: &mut Cursor, calendar: Calendar) -> Result<Option<(Date, Date)>, TimeError> {
    let mut ahead = *cursor;
    if let Some(year) = year(&mut ahead) {
        *cursor = ahead;
        let first = date(year, 1, 1)?;
        return Ok(Some((first, first.last_of_year())));
    }
    let last = ahead.phrase(&[("next", false), ("this", false), ("last", true), ("mois de", false), ("mois d", false)]);
    let mut word = ahead;
    // "Sept" alone is the French seven.
    let is_seven = word.any(&["sept"]).is_some();
    let Some(month) = ahead.phrase(MONTHS) else { return Ok(None) };
    let said_year = year(&mut ahead);
    if is_seven && said_year.is_none() {
        return Ok(None);
    }
    let mut next = ahead;
    if said_year.is_none() && next.digits().is_some_and(|(_, digits)| digits <= 2) {
        // "March 31st" that reached here is no month on its own.
        return Ok(None);
    }
    let last = last == Some(true) || next.any(&["dernier"]).is_some();
    ahead.any(&["prochain", "dernier"]);
    let this_year = calendar.today.year();
    let passed = month < calendar.today.month();
    let number = match said_year {
        Some(year) => year,
        None if last => {
            this_year.checked_sub(i16::from(month >= calendar.today.month())).ok_or(TimeError::OutOfRange)?
        }
        None => this_year.checked_add(i16::from(passed)).ok_or(TimeError::OutOfRange)?,
    };
    *cursor = ahead;
    let first = date(number, month, 1)?;
    Ok(Some((first, first.last_of_month())))
}

/// "the week of 4 May", "la semaine du 4 mai".
fn week_of(cursor: &mut Cursor, calendar: Calendar) -> Found {
    let mut ahead = *cursor;
    let in_french = ahead.any(&["semaine du", "semaine de"]).is_some();
    if !in_french && ahead.any(&["week of"]).is_none() {
        return Ok(None);
    }
    // "Du" was the article of "semaine du 7".
    let bare = |ahead: &mut Cursor| super::days::bare_day(ahead).and_then(|day| i8::try_from(day).ok());
    let day = match super::days::day(&mut ahead, calendar)? {
        Some(day @ (Day::On(_) | Day::OfYear(..) | Day::OfMonth(_))) => day,
        None if in_french => match bare(&mut ahead).filter(|day| (1..=31).contains(day)) {
            Some(day) => Day::OfMonth(day),
            None => return Ok(None),
        },
        _ => return Ok(None),
    };
    *cursor = ahead;
    let (first, last) = Period::Week.days(super::settle::last_date(day, calendar.today)?, 0)?;
    Ok(Some(Day::Span(first, last)))
}

/// Where in a period an edge lies.
#[derive(Clone, Copy)]
enum Edge {
    First,
    Last,
    /// All that is left of it.
    Rest,
    FirstWorking,
    LastWorking,
}

/// "the end of the month", "the start of next week", "fin mai", "the last day of February".
pub(crate) fn edge(cursor: &mut Cursor, calendar: Calendar) -> Found {
    // At work people end their sentences and weeks in letters.
    let letters = [("eow", Period::Week), ("eom", Period::Month), ("eoy", Period::Year)];
    if let Some(period) = cursor.phrase(&letters) {
        return Ok(Some(Day::On(period.days(calendar.today, 0)?.1)));
    }
    let mut ahead = *cursor;
    let Some(edge) = working_edge(&mut ahead).or_else(|| edge_name(&mut ahead)) else { return Ok(None) };
    let Some((first, last)) = of_period(&mut ahead, calendar)? else { return Ok(None) };
    *cursor = ahead;
    Ok(Some(Day::On(match edge {
        Edge::Rest => return Ok(Some(Day::Span(first.max(calendar.today).min(last), last))),
        Edge::First => first,
        Edge::Last => last,
        Edge::FirstWorking => working_days::moved(shifted(first, -1)?, 1, Side::After)?,
        Edge::LastWorking => working_days::moved(shifted(last, 1)?, 1, Side::Before)?,
    })))
}

/// "first working day of", "dernier jour ouvré du".
fn working_edge(cursor: &mut Cursor) -> Option<Edge> {
    cursor.attempt(|cursor| {
        let edge = cursor.phrase(&[
            ("first", Edge::FirstWorking),
            ("last", Edge::LastWorking),
            ("premier", Edge::FirstWorking),
            ("dernier", Edge::LastWorking),
        ])?;
        working_days::name(cursor)?;
        cursor.any(&["of", "in", "de", "du", "d"])?;
        Some(edge)
    })
}

fn edge_name(cursor: &mut Cursor) -> Option<Edge> {
    cursor.phrase(&[
        ("end of", Edge::Last),
        ("last day of", Edge::Last),
        ("rest of", Edge::Rest),
        ("remainder of", Edge::Rest),
        ("reste de", Edge::Rest),
        ("reste du", Edge::Rest),
        ("start of", Edge::First),
        ("beginning of", Edge::First),
        ("first day of", Edge::First),
        ("fin de", Edge::Last),
        ("fin du", Edge::Last),
        ("fin d", Edge::Last),
        ("fin", Edge::Last),
        ("dernier jour de", Edge::Last),
        ("dernier jour du", Edge::Last),
        ("debut de", Edge::First),
        ("debut du", Edge::First),
        ("debut", Edge::First),
        ("premier jour du", Edge::First),
        ("premier jour de", Edge::First),
    ])
}

/// The period behind "of"; French "du mois" has lost its article to "du".
fn of_period(cursor: &mut Cursor, calendar: Calendar) -> Result<Option<(Date, Date)>, TimeError> {
    if let Some(found) = span(cursor, calendar)? {
        return Ok(Some(found));
    }
    match cursor.phrase(PERIODS) {
        Some(period) => period.days(calendar.today, 0).map(Some),
        None => Ok(None),
    }
}

/// "the last Friday of the month", "first Monday of April", "le premier lundi d'avril".
pub(crate) fn nth_weekday(cursor: &mut Cursor, calendar: Calendar) -> Found {
    let mut ahead = *cursor;
    let Some((ordinal, weekday)) = ordinal_weekday(&mut ahead) else { return Ok(None) };
    if ahead.any(&["of", "in", "de", "du", "d", "of the"]).is_none() {
        return Ok(None);
    }
    let Some((first, last)) = of_period(&mut ahead, calendar)? else { return Ok(None) };
    let within = |first: Date, last: Date| -> Option<Date> {
        let edge = if ordinal > 0 { first.yesterday().ok()? } else { last.tomorrow().ok()? };
        edge.nth_weekday(i32::from(ordinal), weekday).ok().filter(|date| (first..=last).contains(date))
    };
    let missing =
        || TimeError::Impossible { what: format!("weekday number {ordinal} of that kind between {first} and {last}") };
    let mut found = within(first, last).ok_or_else(missing)?;
    // "Of the month", when that day has gone, is next month's.
    let is_this_month = first <= calendar.today && calendar.today <= last && first.month() == last.month();
    if found < calendar.today && is_this_month {
        let next = first.checked_add(1.month()).map_err(|_| TimeError::OutOfRange)?;
        found = within(next, next.last_of_month()).ok_or_else(missing)?;
    }
    *cursor = ahead;
    Ok(Some(Day::On(found)))
}

/// "last Friday", "premier lundi", "lundi dernier" excepted.
pub(crate) fn ordinal_weekday(cursor: &mut Cursor) -> Option<(i8, Weekday)> {
    cursor.attempt(|cursor| {
        let ordinal = cursor.ordinal().filter(|ordinal| (-1..=5).contains(ordinal))?;
        Some((ordinal, cursor.phrase(WEEKDAYS).or_else(|| cursor.phrase(PLURAL_WEEKDAYS))?))
    })
}
