//! Hours of the day: "half past 7", "19h30", "sept heures moins le quart", "noon".

use super::TimeError;
use super::cursor::Cursor;
use super::lexer::{Join, Kind};
use super::lexicon::{MONTHS, PartOfDay, RELATIVE_DAYS, UNITS, WEEKDAYS};

/// Minutes in half a day and in a day.
pub(crate) const HALF_DAY: u16 = 12 * 60;
pub(crate) const DAY: u16 = 24 * 60;

/// How an hour was said, hence how many readings it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// 1 to 12 with nothing more: before or after noon.
    Bare,
    /// 1 to 12 in the French way of writing, "7h30": of the 24 hours, unless another word says which half of the day.
    French,
    /// One reading only: am, pm, noon, midnight, 13 to 24, or a leading zero.
    Exact,
}

/// Whether "ten to six" counts down to an hour; inside "from … to …" it does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Countdown {
    Understood,
    Excluded,
}

/// An hour as said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reading {
    /// Minutes after the midnight that starts the day; past 1440 on the day after ("midnight", "24h").
    pub(crate) minutes: u16,
    pub(crate) seconds: u8,
    pub(crate) form: Form,
}

impl Reading {
    /// The time of a digital clock.
    pub(crate) fn at(hour: i8, minute: i8) -> Self {
        Self::exact(u16::from(hour.unsigned_abs()) * 60 + u16::from(minute.unsigned_abs()))
    }

    fn exact(minutes: u16) -> Self {
        Self { minutes, seconds: 0, form: Form::Exact }
    }

    /// `hour` and `minute` with no am or pm said.
    fn of(hour: u32, minute: u32) -> Option<Self> {
        if hour > 24 || minute > 59 || (hour == 24 && minute > 0) {
            return None;
        }
        let form = if (1..=12).contains(&hour) { Form::Bare } else { Form::Exact };
        let minutes = u16::try_from(hour * 60 + minute).ok()?;
        // Twelve on a dial is its zero.
        Some(Self { minutes, seconds: 0, form })
    }

    /// The reading before noon, in minutes: 12 is the middle of the night.
    pub(crate) fn before_noon(self) -> u16 {
        self.minutes % HALF_DAY
    }

    /// Minutes after midnight when nothing else is known: 1–6 are after noon, 7–12 as in the morning.
    pub(crate) fn usual(self) -> u16 {
        match self.form {
            Form::Bare if self.minutes < 7 * 60 => self.minutes + HALF_DAY,
            Form::Bare | Form::French | Form::Exact => self.minutes,
        }
    }

    /// Minutes after midnight, told by a part of the day: "5 in the morning", "7 this evening", "2 at night".
    pub(crate) fn within(self, part: PartOfDay) -> u16 {
        let dial = self.before_noon();
        match part {
            _ if self.form == Form::Exact => self.minutes,
            PartOfDay::Morning | PartOfDay::LateMorning => dial,
            // Twelve at night and the small hours belong to the night that began the evening before.
            PartOfDay::Evening | PartOfDay::LateEvening | PartOfDay::Tonight | PartOfDay::Night if dial < 60 => {
                dial + DAY
            }
            PartOfDay::Tonight | PartOfDay::Night if dial < 5 * 60 => dial + DAY,
            _ => dial + HALF_DAY,
        }
    }

    /// Whether the small hours are written in the French way, so that either half of the day may be meant: "à 3h".
    pub(crate) fn is_unclear(self) -> bool {
        self.form == Form::French && (60..6 * 60).contains(&self.minutes)
    }
}

/// An hour of the day. An error when it has the shape of one but no clock shows it ("25:10").
pub(crate) fn hour(cursor: &mut Cursor, countdown: Countdown) -> Result<Option<Reading>, TimeError> {
    if cursor.any(&["before lunch", "avant le dejeuner", "avant dejeuner"]).is_some() {
        return Ok(Some(Reading::exact(HALF_DAY)));
    }
    let mut ahead = *cursor;
    let announced = ahead.any(&["at", "a", "vers", "around", "about", "by"]).is_some();
    ahead.skip(&["about", "around", "exactly", "les"]);
    let found = match named_hour(&mut ahead, announced) {
        Some(reading) => Some(reading),
        None => match relative_hour(&mut ahead, countdown, announced) {
            Some(reading) => Some(reading),
            None => counted_hour(&mut ahead, announced)?,
        },
    };
    if let Some(reading) = found {
        ahead.skip(&["sharp", "pile", "precises", "oclock", "o clock", "ish"]);
        *cursor = ahead;
        return meridiem(cursor, reading).map(Some);
    }
    Ok(None)
}

/// Reads "am" or "pm" behind an hour, which then is one of a dial; behind 12 also "noon" and "midnight".
fn meridiem(cursor: &mut Cursor, reading: Reading) -> Result<Reading, TimeError> {
    let said =
        cursor.phrase(&[("am", ("am", 0)), ("a m", ("am", 0)), ("pm", ("pm", HALF_DAY)), ("p m", ("pm", HALF_DAY))]);
    match said {
        Some((_, offset)) if (60..60 + HALF_DAY).contains(&reading.minutes) => {
            Ok(Reading { minutes: reading.before_noon() + offset, form: Form::Exact, ..reading })
        }
        Some((half, _)) => {
            let (hour, minute) = (reading.minutes / 60, reading.minutes % 60);
            let minute = if minute == 0 { String::new() } else { format!(":{minute:02}") };
            Err(TimeError::Impossible { what: format!("hour {hour}{minute} {half}") })
        }
        None if reading.form == Form::Bare && reading.minutes == HALF_DAY => {
            Ok(noon_or_midnight(cursor).map_or(reading, Reading::exact))
        }
        None => Ok(reading),
    }
}

/// "noon", "midi et demi", "end of the day".
fn named_hour(cursor: &mut Cursor, announced: bool) -> Option<Reading> {
    // "Lunch" alone is a meal.
    if announced && cursor.any(&["lunch"]).is_some() {
        return Some(Reading::exact(HALF_DAY));
    }
    if cursor
        .any(&[
            "end of the day",
            "end of day",
            "the end of the day",
            "eod",
            "close of business",
            "close of play",
            "end of business",
            "cob",
            "fin de journee",
            "fin de la journee",
            "la fin de la journee",
        ])
        .is_some()
    {
        return Some(Reading::exact(18 * 60));
    }
    let hour = noon_or_midnight(cursor)?;
    let minutes = cursor.attempt(french_minutes).unwrap_or(0);
    Some(Reading::exact(hour.checked_add_signed(minutes)?))
}

fn noon_or_midnight(cursor: &mut Cursor) -> Option<u16> {
    cursor.phrase(&[
        ("noon", HALF_DAY),
        ("midday", HALF_DAY),
        ("mid day", HALF_DAY),
        ("lunchtime", HALF_DAY),
        ("lunch time", HALF_DAY),
        ("midi", HALF_DAY),
        ("l heure du dejeuner", HALF_DAY),
        ("midnight", DAY),
        ("minuit", DAY),
    ])
}

/// Minutes said after a French hour: "et demie", "et quart", "moins le quart", "moins dix".
fn french_minutes(cursor: &mut Cursor) -> Option<i16> {
    let fixed = cursor.phrase(&[
        ("et demie", 30),
        ("et demi", 30),
        ("et quart", 15),
        ("et un quart", 15),
        ("moins le quart", -15),
        ("moins quart", -15),
    ]);
    fixed.or_else(|| {
        cursor.any(&["moins"])?;
        Some(-i16::try_from(cursor.number().filter(|minutes| (1..30).contains(minutes))?).ok()?)
    })
}

/// "half past 7", "quarter to nine", "ten past six", "twenty-five minutes to noon".
fn relative_hour(cursor: &mut Cursor, countdown: Countdown, announced: bool) -> Option<Reading> {
    cursor.attempt(|cursor| {
        let in_digits = cursor.peek().is_some_and(|token| matches!(token.kind, Kind::Number { .. }));
        let fixed = cursor.phrase(&[
            ("half past", 30),
            ("quarter past", 15),
            ("a quarter past", 15),
            ("quarter after", 15),
            ("a quarter after", 15),
            ("quarter to", -15),
            ("a quarter to", -15),
            ("quarter of", -15),
            ("quarter till", -15),
            ("a quarter till", -15),
            ("half", 30),
        ]);
        let offset = match fixed {
            Some(offset) => offset,
            None if countdown == Countdown::Excluded => return None,
            None => minutes_to_or_past(cursor, in_digits && !announced)?,
        };
        let of_hour = match noon_or_midnight(cursor) {
            Some(minutes) => Reading::exact(minutes),
            None => Reading::of(cursor.number().filter(|hour| (1..=12).contains(hour))?, 0)?,
        };
        if is_a_count(*cursor) {
            return None;
        }
        // "Ten to one" is on the dial's last hour.
        let base = if of_hour.form == Form::Bare && of_hour.minutes == 60 && offset < 0 {
            60 + HALF_DAY
        } else {
            of_hour.minutes
        };
        Some(Reading { minutes: base.checked_add_signed(offset)?, ..of_hour })
    })
}

/// "ten to", "25 past". "5 to 6" in digits is left to be a range unless "at" stands before it, the first number is no hour
/// or the minutes are named.
fn minutes_to_or_past(cursor: &mut Cursor, may_be_range: bool) -> Option<i16> {
    let minutes = cursor.number().filter(|minutes| (1..30).contains(minutes))?;
    let named = cursor.any(&["minutes", "minute", "min", "mins"]).is_some();
    let sign = cursor.phrase(&[("to", -1), ("till", -1), ("past", 1), ("after", 1)])?;
    let minutes_for_sure = named || !may_be_range || minutes > 12 || sign > 0;
    let usual_count = named || minutes % 5 == 0;
    (minutes_for_sure && usual_count).then(|| i16::try_from(minutes).ok().map(|minutes| sign * minutes))?
}

/// Whether a unit or a month stands here, so that the number before it was no hour.
fn is_a_count(mut ahead: Cursor) -> bool {
    let hour_words = ["h", "hour", "hours", "hrs", "heure", "heures"];
    ahead.any(&hour_words).is_none() && (ahead.phrase(UNITS).is_some() || ahead.phrase(MONTHS).is_some())
}

/// "14:30", "14h30", "sept heures et demie", "7.30 pm", "0800", "seven thirty", "5".
fn counted_hour(cursor: &mut Cursor, announced: bool) -> Result<Option<Reading>, TimeError> {
    let Some(token) = cursor.peek() else { return Ok(None) };
    let leading_zero = matches!(token.kind, Kind::Number { leading_zero: true, .. });
    let start = *cursor;
    // "In 3" of something is no hour.
    if !announced && start.follows(&["in", "within", "dans", "sous"]) {
        return Ok(None);
    }
    if let Some(reading) = cursor.attempt(|cursor| military(cursor, announced)) {
        return Ok(Some(reading));
    }
    // "Un appel", "one to one"
    let is_article = (!announced || start.follows(&["a"])) && { *cursor }.any(&["un", "une", "one"]).is_some();
    let Some(hour) = cursor.number() else { return Ok(None) };
    if is_article && hour == 1 && { *cursor }
        .any(&["h", "heure", "am", "pm", "a m", "p m", "o clock", "oclock", "thirty"])
        .is_none()
    {
        *cursor = start;
        return Ok(None);
    }
    let colon = cursor.join() == Join::Colon;
    let french = { *cursor }.any(&["h"]).is_some();
    let minutes = cursor
        .attempt(|cursor| colon_minutes(cursor, announced))
        .or_else(|| cursor.attempt(french_hour_minutes))
        .or_else(|| cursor.attempt(spoken_minutes));
    if colon {
        // "15:00 hrs"
        cursor.any(&["hours", "hrs", "h"]);
    }
    if minutes.is_none() && is_a_count(*cursor) {
        *cursor = start;
        return Ok(None);
    }
    let (minutes, seconds) = minutes.unwrap_or((0, 0));
    // "Moins le quart" is counted back from the hour.
    let total = i64::from(hour) * 60 + i64::from(minutes);
    let reading =
        u32::try_from(total).ok().filter(|_| minutes < 60).and_then(|total| Reading::of(total / 60, total % 60));
    match reading {
        Some(reading) => {
            let form = match reading.form {
                _ if leading_zero => Form::Exact,
                Form::Bare if french => Form::French,
                form => form,
            };
            Ok(Some(Reading { seconds, form, ..reading }))
        }
        None if colon || (french && announced) => {
            Err(TimeError::Impossible { what: format!("hour {hour}:{minutes:02}") })
        }
        // "27 pm", "à 27 heures"
        None if { *cursor }.any(&["am", "pm", "a m", "p m", "o clock"]).is_some()
            || (announced && cursor.follows(&["heures"])) =>
        {
            Err(TimeError::Impossible { what: format!("hour {hour}") })
        }
        None => {
            *cursor = start;
            Ok(None)
        }
    }
}

/// "0800", "1430 hours", or four digits behind "at".
fn military(cursor: &mut Cursor, announced: bool) -> Option<Reading> {
    let leading_zero = matches!(cursor.peek()?.kind, Kind::Number { leading_zero: true, .. });
    let Some((value, digits)) = cursor.digits() else { return spoken_hundreds(cursor, announced) };
    let named = cursor.any(&["hours", "hrs", "h", "hour"]).is_some();
    if digits != 4 || !(leading_zero || named || announced) {
        return None;
    }
    let reading = Reading::of(value / 100, value % 100)?;
    Some(Reading { form: Form::Exact, ..reading })
}

/// "fifteen hundred", "oh eight hundred hours", "at sixteen hundred thirty".
fn spoken_hundreds(cursor: &mut Cursor, announced: bool) -> Option<Reading> {
    let with_zero = cursor.any(&["oh", "zero"]).is_some();
    let value = cursor.number().filter(|value| *value >= if with_zero { 100 } else { 1000 })?;
    let named = cursor.any(&["hours", "hrs", "hour"]).is_some();
    let a_day_follows = { *cursor }.phrase(RELATIVE_DAYS).is_some() || { *cursor }.phrase(WEEKDAYS).is_some();
    // Else so many are counted: "invite fifteen hundred people".
    if !(announced || named || with_zero || a_day_follows || cursor.is_done()) {
        return None;
    }
    let reading = Reading::of(value / 100, value % 100)?;
    Some(Reading { form: Form::Exact, ..reading })
}

/// ":30" or ":30:15"; with "at" before or am or pm behind also ".30".
fn colon_minutes(cursor: &mut Cursor, announced: bool) -> Option<(i16, u8)> {
    let dotted = cursor.join() == Join::Dot;
    let separator = if dotted { Join::Dot } else { Join::Colon };
    let (minutes, _) = cursor.digits_after(separator).filter(|(_, digits)| *digits == 2)?;
    let mut ahead = *cursor;
    if dotted && !announced && ahead.any(&["am", "pm", "a m", "p m"]).is_none() {
        return None;
    }
    let seconds =
        cursor.attempt(|cursor| cursor.digits_after(Join::Colon).filter(|(value, digits)| *digits == 2 && *value < 60));
    // An impossible count of minutes is left for the caller to name.
    Some((i16::try_from(minutes).ok()?, seconds.and_then(|(value, _)| u8::try_from(value).ok()).unwrap_or(0)))
}

/// "h30", "h", "heures et demie", "heures trente", "heures moins dix".
fn french_hour_minutes(cursor: &mut Cursor) -> Option<(i16, u8)> {
    cursor.any(&["h", "heure", "heures"])?;
    let minutes = cursor.attempt(french_minutes).or_else(|| {
        cursor.attempt(|cursor| {
            if matches!(cursor.join(), Join::Hyphen | Join::Slash) {
                return None;
            }
            let minutes = cursor.number().filter(|minutes| *minutes < 60)?;
            cursor.any(&["minutes", "min", "mn"]);
            let mut ahead = *cursor;
            let another_count = ahead.phrase(MONTHS).is_some() || ahead.any(&["h", "heure", "heures"]).is_some();
            (!another_count && !matches!(cursor.join(), Join::Slash | Join::Colon))
                .then(|| i16::try_from(minutes).ok())?
        })
    });
    Some((minutes.unwrap_or(0), 0))
}

/// "seven thirty", "7 45 pm", "nine oh five": two figures of minutes said after the hour.
fn spoken_minutes(cursor: &mut Cursor) -> Option<(i16, u8)> {
    if cursor.join() != Join::Loose {
        return None;
    }
    let tens_follow = cursor.any(&["oh", "o"]).is_some();
    let digits = cursor.peek().and_then(|token| match token.kind {
        Kind::Number { digits, .. } => Some(digits),
        Kind::Word(_) => None,
    });
    let minutes = cursor.number()?;
    let plausible = match digits {
        Some(digits) => digits == 2 && minutes < 60,
        None if tens_follow => minutes < 10,
        None => (10..60).contains(&minutes),
    };
    let mut ahead = *cursor;
    let is_other =
        ahead.phrase(UNITS).is_some_and(|_| ahead.any(&["minutes"]).is_none()) || { *cursor }.phrase(MONTHS).is_some();
    (plausible && !is_other && cursor.join() == Join::Loose || plausible && cursor.join() == Join::Glued)
        .then(|| i16::try_from(minutes).ok().map(|minutes| (minutes, 0)))?
}
