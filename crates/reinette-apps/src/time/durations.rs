//! Lengths of time: "an hour and a half", "1h30", "trois quarts d'heure".

use jiff::{Span, ToSpan};

use super::TimeError;
use super::cursor::Cursor;
use super::lexer::Join;
use super::lexicon::{UNITS, Unit};

/// A length in the three units that no other converts into exactly: months, days and seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Length {
    pub(crate) months: i64,
    pub(crate) days: i64,
    pub(crate) seconds: i64,
}

/// The longest length that is understood: a thousand years.
const LIMIT: Length = Length { months: 12_000, days: 366_000, seconds: 366_000 * 86_400 };

impl Length {
    /// `quarters` quarters of a unit; `None` when they do not come out whole.
    fn of(quarters: i64, unit: Unit) -> Option<Self> {
        let in_days = |days: i64| {
            let hours = quarters.checked_mul(days)?.checked_mul(6)?;
            Some(Self { days: hours / 24, seconds: hours % 24 * 3600, months: 0 })
        };
        let in_months = |months: i64| {
            let total = quarters.checked_mul(months)?;
            (total % 4 == 0).then_some(Self { months: total / 4, ..Self::default() })
        };
        let in_seconds = |seconds: i64| {
            let total = quarters.checked_mul(seconds)?;
            Some(Self { seconds: total / 4, ..Self::default() })
        };
        match unit {
            Unit::Second => in_seconds(1),
            Unit::Minute => in_seconds(60),
            Unit::Hour => in_seconds(3600),
            Unit::Day => in_days(1),
            Unit::Week => in_days(7),
            Unit::Fortnight => in_days(14),
            Unit::Month => in_months(1),
            Unit::Year => in_months(12),
        }
    }

    fn plus(self, other: Self) -> Option<Self> {
        let sum = Self {
            months: self.months.checked_add(other.months)?,
            days: self.days.checked_add(other.days)?,
            seconds: self.seconds.checked_add(other.seconds)?,
        };
        (sum.months <= LIMIT.months && sum.days <= LIMIT.days && sum.seconds <= LIMIT.seconds).then_some(sum)
    }

    /// Whether it is made of whole days, so that a date moved by it stays a date.
    pub(crate) fn is_whole_days(self) -> bool {
        self.seconds == 0
    }

    /// The span, its time balanced into hours, minutes and seconds.
    pub(crate) fn to_span(self) -> Result<Span, TimeError> {
        let build = || -> Result<Span, jiff::Error> {
            0.seconds()
                .try_months(self.months)?
                .try_days(self.days)?
                .try_hours(self.seconds / 3600)?
                .try_minutes(self.seconds / 60 % 60)?
                .try_seconds(self.seconds % 60)
        };
        build().map_err(|_| TimeError::OutOfRange)
    }
}

/// A length: one or more parts such as "an hour", "and a half", "20 min".
pub(crate) fn length(cursor: &mut Cursor) -> Option<Length> {
    let mut total = part(cursor)?;
    while let Some(more) = cursor.attempt(|cursor| {
        cursor.skip(&["and", "et"]);
        part(cursor)
    }) {
        total = total.plus(more)?;
    }
    Some(total)
}

/// A count and its unit, with a fraction before or after the unit.
fn part(cursor: &mut Cursor) -> Option<Length> {
    cursor.attempt(fraction_of_unit).or_else(|| cursor.attempt(counted_unit))
}

/// "half an hour", "three quarters of an hour", "une demi-heure", "un quart d'heure".
fn fraction_of_unit(cursor: &mut Cursor) -> Option<Length> {
    let quarters = cursor.phrase(&[
        ("half", 2),
        ("half a", 2),
        ("half an", 2),
        ("a half", 2),
        ("one half", 2),
        ("a quarter of", 1),
        ("quarter of", 1),
        ("quarter", 1),
        ("a quarter", 1),
        ("three quarters of", 3),
        ("three quarter of", 3),
        ("demi", 2),
        ("demie", 2),
        ("une demi", 2),
        ("une demie", 2),
        ("un demi", 2),
        ("un quart d", 1),
        ("quart d", 1),
        ("trois quarts d", 3),
        ("trois quart d", 3),
    ]);
    let quarters = match quarters {
        Some(quarters) => quarters,
        // "3/4 of an hour", "1/2 hour"
        None => fraction_in_digits(cursor)?,
    };
    cursor.skip(&["of", "a", "an", "d"]);
    Length::of(quarters, cursor.phrase(UNITS)?)
}

fn fraction_in_digits(cursor: &mut Cursor) -> Option<i64> {
    let (over, _) = cursor.digits()?;
    match (over, cursor.digits_after(Join::Slash)?.0) {
        (1, 2) => Some(2),
        (1, 4) => Some(1),
        (3, 4) => Some(3),
        _ => None,
    }
}

/// "20 min", "an hour and a half", "2 and a half hours", "1h30", "1.5 hours", "a couple of minutes".
fn counted_unit(cursor: &mut Cursor) -> Option<Length> {
    let hundredths = count(cursor)?;
    let unit = cursor.phrase(UNITS)?;
    let whole = Length::of(hundredths.checked_mul(4)?, unit)?;
    let mut total = divide_by_hundred(whole, hundredths, unit)?;
    if let Some(extra) = cursor.attempt(trailing_fraction) {
        total = total.plus(Length::of(extra, unit)?)?;
    } else if let Some(smaller) = cursor.attempt(|cursor| trailing_number(cursor, unit)) {
        total = total.plus(smaller)?;
    }
    total.plus(Length::default())
}

/// Hundredths of a unit that were taken as units, brought back: exact for months only when they come out whole.
fn divide_by_hundred(times_hundred: Length, hundredths: i64, unit: Unit) -> Option<Length> {
    if hundredths % 100 == 0 {
        return Length::of(hundredths / 100 * 4, unit);
    }
    if times_hundred.months != 0 {
        return (times_hundred.months % 100 == 0)
            .then_some(Length { months: times_hundred.months / 100, ..Length::default() });
    }
    let seconds = times_hundred.days.checked_mul(86_400)?.checked_add(times_hundred.seconds)? / 100;
    let days_are_units = !matches!(unit, Unit::Second | Unit::Minute | Unit::Hour);
    let days = if days_are_units { seconds / 86_400 } else { 0 };
    Some(Length { days, seconds: seconds - days * 86_400, months: 0 })
}

/// How many units, in hundredths.
fn count(cursor: &mut Cursor) -> Option<i64> {
    if let Some(count) = cursor.phrase(&[
        ("a couple of", 2),
        ("couple of", 2),
        ("a couple", 2),
        ("a few", 3),
        ("a", 1),
        ("an", 1),
        ("une dizaine de", 10),
        ("une quinzaine de", 15),
        ("une vingtaine de", 20),
        ("une trentaine de", 30),
        ("quelques", 3),
        ("une", 1),
        ("un", 1),
    ]) {
        return Some(count * 100);
    }
    let whole = i64::from(cursor.number()?) * 100;
    if let Some(hundredths) = cursor.attempt(decimals) {
        return Some(whole + hundredths);
    }
    let fraction = cursor.attempt(|cursor| {
        cursor.phrase(&[
            ("and a half", 50),
            ("and a quarter", 25),
            ("and three quarters", 75),
            ("et demi", 50),
            ("et demie", 50),
        ])
    });
    Some(whole + fraction.unwrap_or(0))
}

/// The one or two digits behind a decimal point or comma, in hundredths.
fn decimals(cursor: &mut Cursor) -> Option<i64> {
    if !matches!(cursor.join(), Join::Dot | Join::Comma) {
        return None;
    }
    match cursor.digits()? {
        (value, 1) => Some(i64::from(value) * 10),
        (value, 2) => Some(i64::from(value)),
        _ => None,
    }
}

/// What follows a unit: "and a half", "et quart". In quarters.
fn trailing_fraction(cursor: &mut Cursor) -> Option<i64> {
    let quarters = cursor.phrase(&[
        ("and a half", 2),
        ("and half", 2),
        ("and a quarter", 1),
        ("and three quarters", 3),
        ("et demie", 2),
        ("et demi", 2),
        ("et quart", 1),
        ("et un quart", 1),
        ("trois quarts", 3),
        ("et trois quarts", 3),
    ])?;
    // "and a half minutes" would be a part of its own.
    let mut ahead = *cursor;
    ahead.skip(&["a", "an", "of", "d"]);
    ahead.phrase(UNITS).is_none().then_some(quarters)
}

/// A number without a unit counts the next smaller one: "1h30", "2 min 30".
fn trailing_number(cursor: &mut Cursor, unit: Unit) -> Option<Length> {
    let smaller = match unit {
        Unit::Hour => Unit::Minute,
        Unit::Minute => Unit::Second,
        _ => return None,
    };
    // "A 5 minute one" is no minute and a second.
    let in_words = |cursor: &mut Cursor| cursor.number().filter(|count| *count >= 10);
    let in_digits = cursor.attempt(|cursor| cursor.digits().map(|(count, _)| count));
    let count = in_digits.or_else(|| cursor.attempt(in_words)).filter(|count| *count < 60)?;
    let mut ahead = *cursor;
    if matches!(ahead.join(), Join::Colon | Join::Slash | Join::Dot | Join::Comma) || ahead.phrase(UNITS).is_some() {
        return None;
    }
    Length::of(i64::from(count) * 4, smaller)
}

/// A length on a dial: "1:30" is an hour and a half, "0:01:30" ninety seconds.
pub(crate) fn on_a_dial(cursor: &mut Cursor) -> Option<Length> {
    cursor.attempt(|cursor| {
        let (hours, _) = cursor.digits().filter(|(hours, _)| *hours < 100)?;
        let (minutes, _) = cursor.digits_after(Join::Colon).filter(|(value, digits)| *value < 60 && *digits == 2)?;
        let seconds = cursor.digits_after(Join::Colon).filter(|(value, _)| *value < 60).map_or(0, |(value, _)| value);
        Some(Length { seconds: i64::from(hours * 3600 + minutes * 60 + seconds), ..Length::default() })
    })
}
