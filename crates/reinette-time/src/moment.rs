//! What a phrase about time resolves to, and its canonical text.

use std::fmt;
use std::str::FromStr;

use jiff::Zoned;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;

use super::{Recurrence, TimeError};

/// A point, a day, a stretch or a repetition in the user's time.
///
/// `Display` writes the canonical form, in the civil time of the moment's own zone:
///
/// | variant | canonical form |
/// |---|---|
/// | `Instant` | `2026-03-12T09:00` (with `:30` when there are seconds) |
/// | `Date` | `2026-03-12` |
/// | `Dates` | `2026-03-16/2026-03-22`, both days included |
/// | `Instants` | `2026-03-12T14:00/2026-03-12T15:30` |
/// | `Recurring` | `2026-03-12T07:00 FREQ=WEEKLY;BYDAY=MO` |
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Moment {
    /// A point in time.
    Instant(Zoned),
    /// A whole day.
    Date(Date),
    /// Whole days, from `first` to `last` included.
    Dates {
        /// The first day.
        first: Date,
        /// The last day, not before `first`.
        last: Date,
    },
    /// A stretch of time; `end` is excluded and after `start`.
    Instants {
        /// When it starts.
        start: Zoned,
        /// When it ends.
        end: Zoned,
    },
    /// Something that repeats.
    Recurring {
        /// The first occurrence: an `Instant`, an `Instants` or a `Date`.
        first: Box<Moment>,
        /// How it repeats.
        rule: Recurrence,
    },
}

impl Moment {
    /// Reads the canonical form, taking its civil times to be in `zone`.
    ///
    /// # Errors
    /// [`TimeError::NotCanonical`] when `text` is not what `Display` writes.
    pub fn parse_in(text: &str, zone: &TimeZone) -> Result<Self, TimeError> {
        Self::read(text, zone).ok_or_else(|| TimeError::NotCanonical { text: text.to_owned() })
    }

    /// The day on which the moment begins.
    pub fn first_date(&self) -> Date {
        match self {
            Self::Instant(instant) | Self::Instants { start: instant, .. } => instant.date(),
            Self::Date(date) | Self::Dates { first: date, .. } => *date,
            Self::Recurring { first, .. } => first.first_date(),
        }
    }

    fn read(text: &str, zone: &TimeZone) -> Option<Self> {
        if let Some((first, rule)) = text.split_once(' ') {
            let first = Self::read(first, zone)?;
            let rule = rule.parse().ok()?;
            return match first {
                Self::Dates { .. } | Self::Recurring { .. } => None,
                first => Some(Self::Recurring { first: Box::new(first), rule }),
            };
        }
        match text.split_once('/') {
            None if text.contains('T') => read_instant(text, zone).map(Self::Instant),
            None => read_date(text).map(Self::Date),
            Some((start, end)) if start.contains('T') => {
                let (start, end) = (read_instant(start, zone)?, read_instant(end, zone)?);
                (start < end).then_some(Self::Instants { start, end })
            }
            Some((first, last)) => {
                let (first, last) = (read_date(first)?, read_date(last)?);
                (first <= last).then_some(Self::Dates { first, last })
            }
        }
    }
}

fn read_date(text: &str) -> Option<Date> {
    if text.contains('T') { None } else { text.parse().ok() }
}

fn read_instant(text: &str, zone: &TimeZone) -> Option<Zoned> {
    if !text.contains('T') {
        return None;
    }
    text.parse::<DateTime>().ok()?.to_zoned(zone.clone()).ok()
}

fn write_instant(instant: &Zoned, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
    let (date, time) = (instant.date(), instant.time());
    write!(formatter, "{date}T{:02}:{:02}", time.hour(), time.minute())?;
    if time.second() != 0 {
        write!(formatter, ":{:02}", time.second())?;
    }
    Ok(())
}

impl fmt::Display for Moment {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Instant(instant) => write_instant(instant, formatter),
            Self::Date(date) => write!(formatter, "{date}"),
            Self::Dates { first, last } => write!(formatter, "{first}/{last}"),
            Self::Instants { start, end } => {
                write_instant(start, formatter)?;
                formatter.write_str("/")?;
                write_instant(end, formatter)
            }
            Self::Recurring { first, rule } => write!(formatter, "{first} {rule}"),
        }
    }
}

/// Reads the canonical form as UTC, for comparing forms; see [`Moment::parse_in`] for the user's zone.
impl FromStr for Moment {
    type Err = TimeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse_in(text, &TimeZone::UTC)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_canonical_form_is_read_back_as_it_was_written() {
        for text in [
            "2026-03-12T09:00",
            "2026-03-12T09:00:30",
            "2026-03-12",
            "2026-03-16/2026-03-22",
            "2026-03-12T14:00/2026-03-12T15:30",
            "2026-03-12T07:00 FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR",
            "2026-03-12T07:00/2026-03-12T08:00 FREQ=DAILY",
            "2026-04-01 FREQ=MONTHLY;INTERVAL=2;BYMONTHDAY=-1;UNTIL=20270101",
            "2026-04-06 FREQ=MONTHLY;BYDAY=1MO",
        ] {
            assert_eq!(text.parse::<Moment>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_display_never_writes_is_refused() {
        for text in [
            "",
            "tomorrow",
            "2026-02-30",
            "2026-03-22/2026-03-16",
            "2026-03-12/2026-03-12T09:00",
            "2026-03-12T25:00",
            "2026-03-12 FREQ=SOMETIMES",
            "2026-03-12 BYDAY=MO",
            "2026-03-12 FREQ=DAILY;INTERVAL=0",
        ] {
            assert!(text.parse::<Moment>().is_err(), "{text}");
        }
    }
}
