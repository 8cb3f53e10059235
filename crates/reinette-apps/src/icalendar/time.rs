//! The dates and times of iCalendar properties.

use super::edit::utc;
use calcard::common::PartialDateTime;
use calcard::icalendar::timezone::TzResolver;
use calcard::icalendar::{ICalendarEntry, ICalendarValue};
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::{Offset, TimeZone};
use jiff::{SignedDuration, Zoned};

/// When something starts, ends or is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum CalendarTime {
    /// A whole day.
    Date(Date),
    /// An instant, and how its file writes it.
    Time(Zoned, Notation),
}

/// How a file writes an instant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Notation {
    /// `20260312T080000Z`.
    Utc,
    /// `20260312T090000`: wherever the reader is.
    Floating,
    /// `;TZID=Europe/Paris:20260312T090000`: the name is the file's own.
    Zone(String),
}

impl Notation {
    /// How a new file writes an instant of `zone`.
    pub(crate) fn of_zone(zone: &TimeZone) -> Self {
        match zone.iana_name() {
            Some(name) if *zone != TimeZone::UTC && name != "UTC" && name != "Etc/UTC" => Self::Zone(name.to_owned()),
            _ => Self::Utc,
        }
    }
}

impl CalendarTime {
    /// An instant as a new file writes it.
    pub(crate) fn new(instant: Zoned) -> Self {
        let notation = Notation::of_zone(instant.time_zone());
        Self::Time(instant, notation)
    }

    /// Reads every date or time of a property; what is no time is skipped.
    pub(crate) fn of_entry(entry: &ICalendarEntry, zones: &TzResolver<&str>, local: &TimeZone) -> Vec<Self> {
        let read = |value: &ICalendarValue| match value {
            ICalendarValue::PartialDateTime(partial) => Self::of_value(partial, entry.tz_id(), zones, local),
            _ => None,
        };
        entry.values.iter().filter_map(read).collect()
    }

    fn of_value(
        partial: &PartialDateTime,
        zone_name: Option<&str>,
        zones: &TzResolver<&str>,
        local: &TimeZone,
    ) -> Option<Self> {
        let civil = civil(partial)?;
        if partial.hour.is_none() {
            return Some(Self::Date(civil.date()));
        }
        if let Some(offset) = offset(partial) {
            let zone = TimeZone::fixed(offset);
            let instant = civil.to_zoned(zone).ok()?.with_time_zone(local.clone());
            return Some(Self::Time(instant, Notation::Utc));
        }
        let Some(name) = zone_name else {
            return Some(Self::Time(civil.to_zoned(local.clone()).ok()?, Notation::Floating));
        };
        if name.contains(|character: char| character == '"' || character.is_control()) {
            // No file may hold such a name (RFC 5545 §3.1): a time that cannot be written must not be moved.
            return None;
        }
        let known = zones.resolve(name).and_then(|zone| TimeZone::get(&zone.name()?).ok());
        let zone = known.unwrap_or_else(|| local.clone());
        Some(Self::Time(civil.to_zoned(zone).ok()?, Notation::Zone(name.to_owned())))
    }

    /// The instant; of a day, its first in `zone`.
    pub(crate) fn instant(&self, zone: &TimeZone) -> Option<Zoned> {
        match self {
            Self::Date(date) => date.to_zoned(zone.clone()).ok(),
            Self::Time(instant, _) => Some(instant.with_time_zone(zone.clone())),
        }
    }

    /// The civil time in its own zone; of a day, midnight.
    pub(crate) fn civil(&self) -> DateTime {
        match self {
            Self::Date(date) => date.to_datetime(Time::midnight()),
            Self::Time(instant, _) => instant.datetime(),
        }
    }

    /// The same kind of time at another civil time in the same zone.
    pub(crate) fn at_civil(&self, civil: DateTime) -> Option<Self> {
        match self {
            Self::Date(_) => Some(Self::Date(civil.date())),
            Self::Time(instant, notation) => {
                Some(Self::Time(civil.to_zoned(instant.time_zone().clone()).ok()?, notation.clone()))
            }
        }
    }

    /// This time, `duration` later; a day moves by whole days.
    pub(crate) fn after(&self, duration: SignedDuration) -> Option<Self> {
        match self {
            Self::Date(date) => Some(Self::Date(date.checked_add(duration).ok()?)),
            Self::Time(instant, notation) => Some(Self::Time(instant.checked_add(duration).ok()?, notation.clone())),
        }
    }

    /// From `self` to `end`.
    pub(crate) fn until(&self, end: &Self) -> SignedDuration {
        match (self, end) {
            (Self::Time(start, _), Self::Time(end, _)) => start.duration_until(end),
            (start, end) => start.civil().duration_until(end.civil()),
        }
    }

    /// Whether this is a whole day.
    pub(crate) fn is_date(&self) -> bool {
        matches!(self, Self::Date(_))
    }

    /// The parameters and the value of a property line.
    pub(crate) fn property(&self) -> String {
        match self {
            Self::Date(date) => format!(";VALUE=DATE:{}", date.strftime("%Y%m%d")),
            Self::Time(instant, Notation::Utc) => format!(":{}", utc(instant)),
            Self::Time(instant, Notation::Floating) => format!(":{}", instant.strftime("%Y%m%dT%H%M%S")),
            Self::Time(instant, Notation::Zone(name)) => {
                // A name with a colon, a semicolon or a comma must be quoted.
                let quote = if name.contains([':', ';', ',']) { "\"" } else { "" };
                format!(";TZID={quote}{name}{quote}:{}", instant.strftime("%Y%m%dT%H%M%S"))
            }
        }
    }
}

/// The civil time of a value; midnight of a date.
pub(super) fn civil(partial: &PartialDateTime) -> Option<DateTime> {
    let number = |value: Option<u8>| i8::try_from(value.unwrap_or(0)).ok();
    let date = Date::new(i16::try_from(partial.year?).ok()?, number(partial.month)?, number(partial.day)?).ok()?;
    // Second 60 is a leap second: civil time has none.
    let second = number(partial.second)?.min(59);
    Some(date.to_datetime(Time::new(number(partial.hour)?, number(partial.minute)?, second, 0).ok()?))
}

/// The offset that a value carries; `Z` is zero.
pub(super) fn offset(partial: &PartialDateTime) -> Option<Offset> {
    let seconds = i32::from(partial.tz_hour?) * 3600 + i32::from(partial.tz_minute.unwrap_or(0)) * 60;
    Offset::from_seconds(if partial.tz_minus { -seconds } else { seconds }).ok()
}
