//! Days: "the 3rd of May", "next Tuesday", "5/3", "the last Friday of the month", "la semaine prochaine", "Noël".

use jiff::ToSpan;
use jiff::civil::{Date, Weekday};

use super::TimeError;
use super::cursor::Cursor;
use super::holidays::{HOLIDAYS, Holiday};
use super::lexer::Join;
use super::lexicon::{MONTHS, PLURAL_WEEKDAYS, RELATIVE_DAYS, UNITS, WEEKDAYS};
use super::{periods, stretches};

/// A day as said, before it meets the other words of the phrase.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Day {
    /// One date.
    On(Date),
    /// The next such weekday, unless another word says of which week.
    Weekday(Weekday),
    /// All days from the first to the last.
    Span(Date, Date),
    /// A day of a month, not said which month.
    OfMonth(i8),
    /// A month and a day of it, not said which year.
    OfYear(i8, i8),
}

/// In which order a slashed date is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DateOrder {
    DayFirst,
    MonthFirst,
}

/// What day phrases are read against.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Calendar {
    pub(crate) today: Date,
    pub(crate) order: DateOrder,
}

type Found = Result<Option<Day>, TimeError>;

/// A day or a stretch of days.
pub(crate) fn day(cursor: &mut Cursor, calendar: Calendar) -> Found {
    let grammars: [fn(&mut Cursor, Calendar) -> Found; 9] = [
        numeric_date,
        relative_day,
        holiday,
        periods::nth_weekday,
        periods::edge,
        stretches::counted_days,
        periods::period,
        month_and_day,
        weekday,
    ];
    for grammar in grammars {
        let mut ahead = *cursor;
        ahead.skip(&["the", "on", "le", "la", "l"]);
        if let Some(day) = grammar(&mut ahead, calendar)? {
            *cursor = ahead;
            return Ok(Some(day));
        }
    }
    let mut ahead = *cursor;
    let article = ahead.phrase(&[
        ("on the", Article::OfDays),
        ("the", Article::OfAnything),
        ("le", Article::OfAnything),
        ("du", Article::OfAnything),
    ]);
    let found = day_of_month(&mut ahead, article)?;
    if found.is_some() {
        *cursor = ahead;
    }
    Ok(found)
}

/// The date, or the error that names it.
pub(crate) fn date(year: i16, month: i8, day: i8) -> Result<Date, TimeError> {
    Date::new(year, month, day)
        .map_err(|_| TimeError::Impossible { what: format!("date {year:04}-{month:02}-{day:02}") })
}

/// `date` moved by whole days.
pub(crate) fn shifted(date: Date, days: i32) -> Result<Date, TimeError> {
    date.checked_add(days.days()).map_err(|_| TimeError::OutOfRange)
}

/// The next such day of the year, `today` included.
pub(crate) fn next_of_year(today: Date, month: i8, day: i8) -> Result<Date, TimeError> {
    // A leap day comes back within eight years, even across a century.
    (0..=8)
        .filter_map(|years| Date::new(today.year().checked_add(years)?, month, day).ok())
        .find(|date| *date >= today)
        .ok_or_else(|| no_such_day(day, month))
}

/// The last such day of the year, `day` included.
pub(crate) fn last_of_year(until: Date, month: i8, day: i8) -> Result<Date, TimeError> {
    (0..=8)
        .filter_map(|years| Date::new(until.year().checked_sub(years)?, month, day).ok())
        .find(|date| *date <= until)
        .ok_or_else(|| no_such_day(day, month))
}

fn no_such_day(day: impl std::fmt::Display, month: i8) -> TimeError {
    TimeError::Impossible { what: format!("{day} {}", super::describe::month_name(month)) }
}

/// The last such day of a month, `until` included.
pub(crate) fn last_of_month(until: Date, day: i8) -> Result<Date, TimeError> {
    (0..=12)
        .filter_map(|months: i32| {
            let month = until.first_of_month().checked_sub(months.months()).ok()?;
            Date::new(month.year(), month.month(), day).ok()
        })
        .find(|date| *date <= until)
        .ok_or_else(|| TimeError::Impossible { what: format!("day {day} in a month") })
}

/// The next such day of a month, strictly after `today`.
pub(crate) fn next_of_month(today: Date, day: i8) -> Result<Date, TimeError> {
    (0..=12)
        .filter_map(|months: i32| {
            let month = today.first_of_month().checked_add(months.months()).ok()?;
            Date::new(month.year(), month.month(), day).ok()
        })
        .find(|date| *date > today)
        .ok_or_else(|| TimeError::Impossible { what: format!("day {day} in a month") })
}

/// The next such weekday, strictly after `today`.
pub(crate) fn next_weekday(today: Date, weekday: Weekday) -> Result<Date, TimeError> {
    today.nth_weekday(1, weekday).map_err(|_| TimeError::OutOfRange)
}

/// The `count`th such weekday after `today`.
pub(crate) fn nth_weekday_from(today: Date, count: u32, weekday: Weekday) -> Result<Date, TimeError> {
    let count = i32::try_from(count).map_err(|_| TimeError::OutOfRange)?;
    today.nth_weekday(count, weekday).map_err(|_| TimeError::OutOfRange)
}

/// "in two Fridays", "two Fridays from now", "dans deux vendredis".
pub(crate) fn counted_weekdays(cursor: &mut Cursor) -> Option<(u32, Weekday)> {
    cursor.attempt(|cursor| {
        let announced = cursor.any(&["in", "dans"]).is_some();
        let count = cursor.number().filter(|count| *count > 0)?;
        let weekday = cursor.phrase(PLURAL_WEEKDAYS).or_else(|| cursor.phrase(WEEKDAYS).filter(|_| count == 1))?;
        let is_counted = announced || cursor.any(&["from now", "from today", "later"]).is_some();
        is_counted.then_some((count, weekday))
    })
}

fn small(value: u32) -> Option<i8> {
    i8::try_from(value).ok()
}

/// A year of four digits, which no hour follows.
pub(crate) fn year(cursor: &mut Cursor) -> Option<i16> {
    cursor.attempt(|cursor| {
        let (value, _) = cursor.digits().filter(|(value, digits)| *digits == 4 && *value >= 1000)?;
        let mut ahead = *cursor;
        let is_hour = ahead.any(&["hours", "hrs", "h", "am", "pm"]).is_some() || cursor.join() == Join::Colon;
        if is_hour { None } else { i16::try_from(value).ok() }
    })
}

/// "2026-03-12", "5/3", "5/3/2026", "12.03.2026".
fn numeric_date(cursor: &mut Cursor, calendar: Calendar) -> Found {
    let Some((first, first_digits)) = cursor.digits() else { return Ok(None) };
    let separator = cursor.join();
    if !matches!(separator, Join::Hyphen | Join::Slash | Join::Dot) {
        return Ok(None);
    }
    let Some((second, second_digits)) = cursor.digits_after(separator) else { return Ok(None) };
    let third = cursor.digits_after(separator);
    let outcome = match (third, separator) {
        (Some((third, _)), Join::Hyphen | Join::Slash) if first_digits == 4 => written_date(first, second, third),
        (Some((third, digits)), _) if digits == 4 || (digits == 2 && separator != Join::Hyphen) => {
            let year = if digits == 2 { 2000 + third } else { third };
            let (day, month) = day_and_month(first, second, calendar.order, separator);
            written_date(year, month, day)
        }
        (None, Join::Slash) if first_digits <= 2 && second_digits <= 2 => {
            let (day, month) = day_and_month(first, second, calendar.order, separator);
            let (Some(day), Some(month)) = (small(day), small(month)) else { return Ok(None) };
            return of_year(calendar.today, month, day).map(Some);
        }
        _ => return Ok(None),
    };
    if outcome.is_ok() {
        // The "T" of ISO 8601.
        cursor.any(&["t"]);
    }
    outcome.map(|date| Some(Day::On(date)))
}

fn written_date(year: u32, month: u32, day: u32) -> Result<Date, TimeError> {
    let impossible = || TimeError::Impossible { what: format!("date {year:04}-{month:02}-{day:02}") };
    let (Ok(number), Some(month_number), Some(day_number)) = (i16::try_from(year), small(month), small(day)) else {
        return Err(impossible());
    };
    date(number, month_number, day_number)
}

/// Which of two numbers is the day. Dots and hyphens are European; slashes follow the language unless that is impossible.
fn day_and_month(first: u32, second: u32, order: DateOrder, separator: Join) -> (u32, u32) {
    let month_first = separator == Join::Slash && order == DateOrder::MonthFirst;
    match (month_first, first > 12, second > 12) {
        (true, false, _) | (false, false, true) => (second, first),
        _ => (first, second),
    }
}

/// "tomorrow", "tomorrow week", "d'aujourd'hui en huit".
fn relative_day(cursor: &mut Cursor, calendar: Calendar) -> Found {
    cursor.any(&["d"]);
    let Some(distance) = cursor.phrase(RELATIVE_DAYS) else { return Ok(None) };
    let weeks = weeks_later(cursor).unwrap_or(0);
    shifted(calendar.today, distance + 7 * weeks).map(|date| Some(Day::On(date)))
}

/// So many weeks after the day that stands before: "week", "fortnight", "en huit", "en quinze".
fn weeks_later(cursor: &mut Cursor) -> Option<i32> {
    cursor.phrase(&[("week", 1), ("fortnight", 2), ("en huit", 1), ("en quinze", 2), ("d en huit", 1)])
}

fn holiday(cursor: &mut Cursor, calendar: Calendar) -> Found {
    let which = cursor.phrase(&[("next", 0), ("this", 0), ("last", -1)]);
    cursor.skip(&["the"]);
    let Some(holiday) = cursor.phrase(HOLIDAYS) else { return Ok(None) };
    let found: Option<Date> = match (year(cursor), which) {
        (Some(year), _) => holiday.in_year(year),
        (None, Some(-1)) => last_holiday(holiday, calendar.today),
        (None, _) => {
            match cursor.phrase(&[("next year", 1), ("this year", 0), ("l annee prochaine", 1), ("last year", -1)]) {
                Some(years) => calendar.today.year().checked_add(years).and_then(|year| holiday.in_year(year)),
                None => holiday.from(calendar.today),
            }
        }
    };
    found.map(|date| Some(Day::On(date))).ok_or(TimeError::OutOfRange)
}

fn last_holiday(holiday: Holiday, today: Date) -> Option<Date> {
    holiday.in_year(today.year()).filter(|date| *date < today).or_else(|| holiday.in_year(today.year().checked_sub(1)?))
}

/// "5 May 2026", "the 5th of May", "May 5th, 2026", "1er mai".
fn month_and_day(cursor: &mut Cursor, calendar: Calendar) -> Found {
    let day_month = cursor.attempt(|cursor| {
        let day = ordinal_day(cursor).or_else(|| cursor.number())?;
        cursor.skip(&["of", "de", "d"]);
        Some((day, cursor.phrase(MONTHS)?))
    });
    let month_day = day_month.or_else(|| {
        cursor.attempt(|cursor| {
            let month = cursor.phrase(MONTHS)?;
            cursor.skip(&["the"]);
            let day = ordinal_day(cursor).or_else(|| bare_day(cursor))?;
            Some((day, month))
        })
    });
    let Some((day, month)) = month_day else { return Ok(None) };
    let Some(day) = small(day) else {
        return Err(no_such_day(day, month));
    };
    cursor.attempt(|cursor| {
        cursor.any(&["of", "de", "in"])?;
        let mut ahead = *cursor;
        year(&mut ahead).map(|_| ())
    });
    let this_year = calendar.today.year();
    let found = match (
        year(cursor),
        cursor.phrase(&[("next year", 1), ("this year", 0), ("last year", -1), ("l annee prochaine", 1)]),
    ) {
        (Some(year), _) => date(year, month, day)?,
        (None, Some(years)) => date(this_year.checked_add(years).ok_or(TimeError::OutOfRange)?, month, day)?,
        (None, None) => return of_year(calendar.today, month, day).map(Some),
    };
    Ok(Some(Day::On(found)))
}

/// A month and a day, if some year has them.
pub(crate) fn of_year(today: Date, month: i8, day: i8) -> Result<Day, TimeError> {
    next_of_year(today, month, day).map(|_| Day::OfYear(month, day))
}

/// The number behind a month, when it is no hour: "May 5", not "May 5 pm" nor "May 14:30".
pub(crate) fn bare_day(cursor: &mut Cursor) -> Option<u32> {
    let value = match cursor.digits() {
        Some((value, digits)) if digits <= 2 => value,
        Some(_) => return None,
        None => cursor.number()?,
    };
    let mut ahead = *cursor;
    let is_hour =
        ahead.any(&["h", "heures", "heure", "am", "pm", "a m", "p m"]).is_some() || cursor.join() == Join::Colon;
    (!is_hour).then_some(value)
}

/// An ordinal as a day number; "last" is none.
fn ordinal_day(cursor: &mut Cursor) -> Option<u32> {
    cursor.attempt(|cursor| u32::try_from(cursor.ordinal()?).ok())
}

/// "Friday", "this Friday", "next Friday", "last Friday", "vendredi prochain", "Monday week", "the Friday after next".
fn weekday(cursor: &mut Cursor, calendar: Calendar) -> Found {
    let today = calendar.today;
    let which = cursor.phrase(&[
        ("this", Week::This),
        ("this coming", Week::Coming),
        ("coming", Week::Coming),
        ("next", Week::Next),
        ("last", Week::Before),
        ("past", Week::Before),
        ("ce", Week::This),
    ]);
    let Some(weekday) = cursor.phrase(WEEKDAYS) else { return Ok(None) };
    let which = which.or_else(|| {
        cursor.phrase(&[
            ("prochain", Week::Coming),
            ("qui vient", Week::Coming),
            ("dernier", Week::Before),
            ("passe", Week::Before),
            // The one after the coming one.
            ("after next", Week::After(1)),
        ])
    });
    let which = which.or_else(|| weeks_later(cursor).map(Week::After));
    // "Friday next", but not "Friday next week".
    let which = which.or_else(|| {
        cursor.attempt(|cursor| {
            cursor.any(&["next"])?;
            let is_alone = cursor.is_done() || { *cursor }.any(&["at", "for", "from", "in"]).is_some();
            is_alone.then_some(Week::Coming)
        })
    });
    let monday = periods::monday(today)?;
    let offset = i32::from(weekday.to_monday_zero_offset());
    let found = match which {
        None => return Ok(Some(number_behind(cursor, weekday, today).map_or(Day::Weekday(weekday), Day::On))),
        Some(Week::Coming) => next_weekday(today, weekday)?,
        Some(Week::This) => shifted(monday, offset)?,
        Some(Week::Next) => shifted(monday, offset + 7)?,
        Some(Week::Before) => today.nth_weekday(-1, weekday).map_err(|_| TimeError::OutOfRange)?,
        Some(Week::After(weeks)) => shifted(next_weekday(today, weekday)?, weeks * 7)?,
    };
    Ok(Some(Day::On(found)))
}

/// The date of "vendredi 4" and of "Friday 4 at 3", if its number is of no hour and the next such day of a month is that weekday.
fn number_behind(cursor: &mut Cursor, weekday: Weekday, today: Date) -> Option<Date> {
    let in_french =
        cursor.follows(&["lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche", "lun", "mer", "ven"]);
    cursor.attempt(|cursor| {
        let is_free = cursor.join() == Join::Loose;
        let day = bare_day(cursor).and_then(small).filter(|day| is_free && (1..=31).contains(day))?;
        let mut ahead = *cursor;
        let an_hour_follows = ahead.any(&["at", "a", "from", "de"]).is_some() && ahead.number().is_some();
        let ends = in_french && cursor.join() == Join::Loose && { *cursor }.phrase(MONTHS).is_none();
        let is_a_count = { *cursor }.phrase(UNITS).is_some();
        let date = next_of_month(today, day).ok().filter(|date| date.weekday() == weekday)?;
        ((an_hour_follows || ends) && !is_a_count).then_some(date)
    })
}

/// Which week's weekday is meant.
#[derive(Clone, Copy)]
enum Week {
    This,
    Next,
    /// The next one strictly after today.
    Coming,
    /// The last one strictly before today.
    Before,
    /// So many weeks after the coming one.
    After(i32),
}

/// "the 3rd", "le 3". What no month has is an error only behind a word of days, since there are 50th birthdays.
fn day_of_month(cursor: &mut Cursor, article: Option<Article>) -> Found {
    let ordinal = cursor.attempt(|cursor| cursor.ordinal().filter(|day| *day > 0));
    let found = match ordinal {
        Some(day) => {
            cursor.any(&["of the month", "du mois"]);
            day
        }
        None if article.is_some() => {
            let mut ahead = *cursor;
            let Some(value) = bare_day(&mut ahead).and_then(small) else { return Ok(None) };
            *cursor = ahead;
            value
        }
        None => return Ok(None),
    };
    match found {
        1..=31 => Ok(Some(Day::OfMonth(found))),
        _ if article == Some(Article::OfDays) => Err(TimeError::Impossible { what: format!("day {found} in a month") }),
        _ => Ok(None),
    }
}

/// What stands before a day of the month.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Article {
    /// "on the"
    OfDays,
    /// "the", which stands before much else.
    OfAnything,
}
