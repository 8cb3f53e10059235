//! Lengths of time: "an hour and a half", "1h30", "trois quarts d'heure".

use jiff::{Span, ToSpan};

use super::cursor::Cursor;
use super::lexer::{Join, Token};
use super::lexicon::{UNITS, Unit};
use super::{EXAMPLE_DURATION, TimeError};

/// A length in the three units that no other converts into exactly: months, days and seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Length {
    pub(crate) months: i64,
    pub(crate) days: i64,
    pub(crate) seconds: i64,
}

/// The longest length that is understood: a thousand years.
const LIMIT: Length = Length { months: 12_000, days: 366_000, seconds: 366_000 * 86_400 };

/// A count of units as a fraction, so that quarters and thirds stay exact.
#[derive(Debug, Clone, Copy)]
struct Count {
    over: i64,
    under: i64,
}

impl Count {
    const fn of(over: i64, under: i64) -> Self {
        Self { over, under }
    }

    fn whole(count: i64) -> Self {
        Self::of(count, 1)
    }

    fn plus(self, other: Self) -> Option<Self> {
        let over = self.over.checked_mul(other.under)?.checked_add(other.over.checked_mul(self.under)?)?;
        Some(Self { over, under: self.under.checked_mul(other.under)? })
    }

    /// So many times `size`, rounded to a whole number.
    fn times(self, size: i64) -> Option<i64> {
        let total = self.over.checked_mul(size)?;
        Some(total.checked_add(self.under / 2)? / self.under)
    }

    /// So many times `size`, when that is a whole number.
    fn exactly(self, size: i64) -> Option<i64> {
        let total = self.over.checked_mul(size)?;
        (total % self.under == 0).then_some(total / self.under)
    }
}

impl Length {
    /// `None` for a part of a month that is no whole month.
    fn of(count: Count, unit: Unit) -> Option<Self> {
        let in_days = |days: i64| {
            let seconds = count.times(days * 86_400)?;
            Some(Self { days: seconds / 86_400, seconds: seconds % 86_400, months: 0 })
        };
        let in_months = |months: i64| Some(Self { months: count.exactly(months)?, ..Self::default() });
        let in_seconds = |seconds: i64| Some(Self { seconds: count.times(seconds)?, ..Self::default() });
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

    /// So many whole units.
    pub(crate) fn counted(count: i64, unit: Unit) -> Option<Self> {
        Self::of(Count::whole(count), unit)?.plus(Self::default())
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

    pub(crate) fn is_whole_weeks(self) -> bool {
        self.is_whole_days() && self.months == 0 && self.days % 7 == 0
    }

    pub(crate) fn is_whole_minutes(self) -> bool {
        self.seconds % 60 == 0
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

/// Words before a length that add nothing to it.
#[rustfmt::skip]
const FILLERS: &[&str] = &[
    "for", "of", "in", "about", "around", "pendant", "durant", "dans", "de", "d", "environ", "please", "s il te plait", "exactly", "the", "next",
];

/// How many of `tokens` could belong to a length that begins with the first of them.
pub(crate) fn reach(tokens: &[Token]) -> usize {
    let mut cursor = Cursor::new(tokens);
    cursor.skip(FILLERS);
    let _ = length(&mut cursor).or_else(|| on_a_dial(&mut cursor));
    cursor.position()
}

/// The length that all of `tokens`, which are of `text`, say.
pub(crate) fn whole(text: &str, tokens: &[Token]) -> Result<Span, TimeError> {
    let rest = |cursor: &Cursor| match (cursor.peek(), tokens.last()) {
        (Some(first), Some(last)) => text[first.start..last.end].to_owned(),
        _ => String::new(),
    };
    let not_understood = |words: String| TimeError::NotUnderstood { words, example: EXAMPLE_DURATION };
    let mut cursor = Cursor::new(tokens);
    cursor.skip(FILLERS);
    if cursor.is_done() {
        return Err(TimeError::Empty { example: EXAMPLE_DURATION });
    }
    let Some(length) = length(&mut cursor).or_else(|| on_a_dial(&mut cursor)) else {
        return Err(not_understood(rest(&Cursor::new(tokens))));
    };
    cursor.skip(&["long", "from now", "please", "s il te plait", "s il vous plait"]);
    if !cursor.is_done() {
        return Err(not_understood(rest(&cursor)));
    }
    if length == Length::default() {
        return Err(TimeError::Impossible { what: "length of time of zero".to_owned() });
    }
    length.to_span()
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
    let counted = cursor.attempt(fraction_of_unit).or_else(|| cursor.attempt(counted_unit));
    counted.or_else(|| cursor.attempt(uncounted_unit))
}

/// "hour and a half": one is meant.
fn uncounted_unit(cursor: &mut Cursor) -> Option<Length> {
    let unit = cursor.phrase(&[("hour", Unit::Hour), ("hr", Unit::Hour), ("minute", Unit::Minute)])?;
    { *cursor }.any(&["and a"])?;
    Length::of(Count::whole(1).plus(trailing_fraction(cursor)?)?, unit)
}

/// "half an hour", "three quarters of an hour", "3/4 of an hour", "½ h", "une demi-heure", "un quart d'heure".
fn fraction_of_unit(cursor: &mut Cursor) -> Option<Length> {
    cursor.any(ARTICLES);
    let count = fraction(cursor)?;
    cursor.skip(&["of", "a", "an", "d", "de", "l"]);
    Length::of(count, cursor.phrase(UNITS)?)
}

const ARTICLES: &[&str] = &["a", "an", "un", "une"];

/// A part of one: "half", "three quarters", "1/2", "½", "demie", "un tiers".
fn fraction(cursor: &mut Cursor) -> Option<Count> {
    let quarters = cursor.attempt(|cursor| {
        let (over, _) = cursor.digits().filter(|(over, _)| (1..=3).contains(over))?;
        cursor.any(&["quarters", "quarter", "quarts", "quart"])?;
        Some(Count::of(over.into(), 4))
    });
    quarters.or_else(|| cursor.attempt(fraction_in_digits)).or_else(|| {
        let (over, under) = cursor.phrase(&[
            ("half", (1, 2)),
            ("one half", (1, 2)),
            ("demi", (1, 2)),
            ("demie", (1, 2)),
            ("quarter", (1, 4)),
            ("one quarter", (1, 4)),
            ("quart", (1, 4)),
            ("three quarters", (3, 4)),
            ("three quarter", (3, 4)),
            ("trois quarts", (3, 4)),
            ("trois quart", (3, 4)),
            ("third of", (1, 3)),
            ("one third of", (1, 3)),
            ("tiers", (1, 3)),
            ("two thirds", (2, 3)),
            ("deux tiers", (2, 3)),
        ])?;
        Some(Count::of(over, under))
    })
}

/// "1/2", "3/4", "½": what may follow a count or a unit with no "and" between them.
fn fraction_in_digits(cursor: &mut Cursor) -> Option<Count> {
    let sign = cursor.phrase(&[("½", (1, 2)), ("¼", (1, 4)), ("¾", (3, 4)), ("⅓", (1, 3)), ("⅔", (2, 3))]);
    if let Some((over, under)) = sign {
        return Some(Count::of(over, under));
    }
    let (over, _) = cursor.digits()?;
    let (under, _) = cursor.digits_after(Join::Slash)?;
    let is_a_part = over > 0 && over < under && under <= LARGEST_PART && cursor.join() != Join::Slash;
    is_a_part.then_some(Count::of(over.into(), under.into()))
}

/// The smallest part of a unit that is understood: a twelfth, which is five minutes of an hour.
const LARGEST_PART: u32 = 12;

/// A fraction behind a count or a unit: "and a half", "1/2", "et demie", "et trois quarts", "un quart".
fn more(cursor: &mut Cursor) -> Option<Count> {
    cursor.attempt(fraction_in_digits).or_else(|| {
        cursor.attempt(|cursor| {
            let joined = cursor.any(&["and", "et"]).is_some();
            let article = cursor.any(ARTICLES).is_some();
            let is_plural = { *cursor }.any(&["trois"]).is_some();
            fraction(cursor).filter(|_| joined || article || is_plural)
        })
    })
}

/// "20 min", "an hour and a half", "2 and a half hours", "1 1/2 hours", "1h30", "1.5 hours", "a couple of minutes".
fn counted_unit(cursor: &mut Cursor) -> Option<Length> {
    let count = count(cursor)?;
    let unit = cursor.phrase(UNITS)?;
    let mut total = Length::of(count, unit)?;
    if let Some(extra) = cursor.attempt(trailing_fraction) {
        total = total.plus(Length::of(extra, unit)?)?;
    } else if let Some(smaller) = cursor.attempt(|cursor| trailing_number(cursor, unit)) {
        total = total.plus(smaller)?;
    }
    total.plus(Length::default())
}

/// How many units.
fn count(cursor: &mut Cursor) -> Option<Count> {
    if let Some(count) = cursor.phrase(&[
        ("a couple of", 2),
        ("couple of", 2),
        ("a couple", 2),
        ("couple", 2),
        ("a few", 3),
        ("a good", 1),
        ("a full", 1),
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
        return Some(Count::whole(count));
    }
    let whole = Count::whole(cursor.number()?.into());
    if let Some(decimals) = cursor.attempt(decimals) {
        return whole.plus(decimals);
    }
    match more(cursor) {
        Some(fraction) => whole.plus(fraction),
        None => Some(whole),
    }
}

/// What stands behind a decimal point or comma.
fn decimals(cursor: &mut Cursor) -> Option<Count> {
    if !matches!(cursor.join(), Join::Dot | Join::Comma) {
        return None;
    }
    let (value, digits) = cursor.digits().filter(|(_, digits)| *digits <= 3)?;
    Some(Count::of(value.into(), 10_i64.pow(digits.into())))
}

/// What follows a unit: "and a half", "et quart", "1/2".
fn trailing_fraction(cursor: &mut Cursor) -> Option<Count> {
    let fraction = more(cursor)?;
    // "and a half minutes" would be a part of its own.
    let mut ahead = *cursor;
    ahead.skip(&["a", "an", "of", "d"]);
    ahead.phrase(UNITS).is_none().then_some(fraction)
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
    let is_joined = cursor.any(&["and", "et"]).is_some();
    let in_digits = cursor.attempt(|cursor| cursor.digits().map(|(count, _)| count));
    let count = in_digits.or_else(|| cursor.attempt(in_words)).filter(|count| *count < 60)?;
    let mut ahead = *cursor;
    // "An hour and twenty people" counts people.
    if is_joined && !(unit == Unit::Hour && cursor.is_done()) {
        return None;
    }
    if matches!(ahead.join(), Join::Colon | Join::Slash | Join::Dot | Join::Comma) || ahead.phrase(UNITS).is_some() {
        return None;
    }
    Length::of(Count::whole(count.into()), smaller)
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
