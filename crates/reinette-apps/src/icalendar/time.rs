//! The dates and times of iCalendar properties.

use super::edit::utc;
use super::zones::Zones;
use crate::shift::has_hours;
use calcard::common::PartialDateTime;
use calcard::icalendar::{ICalendar, ICalendarEntry, ICalendarPeriod, ICalendarProperty, ICalendarValue};
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::{Offset, TimeZone};
use jiff::{SignedDuration, Span, Zoned};
use std::sync::Arc;

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
    Zone(Arc<str>),
    /// The same, with a name that nothing explains: the instant is as if the time were the user's own.
    Unknown(Arc<str>),
}

impl Notation {
    /// How a new file writes an instant of `zone`.
    pub(crate) fn of_zone(zone: &TimeZone) -> Self {
        match zone.iana_name() {
            Some(name) if *zone != TimeZone::UTC && name != "UTC" && name != "Etc/UTC" => Self::Zone(name.into()),
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

    /// Reads every date or time of a property; what is no time is skipped, and of a period its start counts.
    pub(crate) fn of_entry(entry: &ICalendarEntry, zones: &Zones<'_>) -> Vec<Self> {
        Self::periods_of(entry, zones).into_iter().map(|(start, _)| start).collect()
    }

    /// The same, with the ends of the periods.
    pub(crate) fn periods_of(entry: &ICalendarEntry, zones: &Zones<'_>) -> Vec<(Self, Option<Self>)> {
        let time = |partial: &PartialDateTime| Self::of_value(partial, entry.tz_id(), zones);
        let read = |value: &ICalendarValue| match value {
            ICalendarValue::PartialDateTime(partial) => Some((time(partial)?, None)),
            ICalendarValue::Period(ICalendarPeriod::Range { start, end }) => Some((time(start)?, time(end))),
            ICalendarValue::Period(ICalendarPeriod::Duration { start, duration }) => {
                let start = time(start)?;
                let end = start.after(SignedDuration::from_secs(duration.as_seconds()));
                Some((start, end))
            }
            _ => None,
        };
        entry.values.iter().filter_map(read).collect()
    }

    /// Reads the time that a property of one program's own holds, which no standard gives a type.
    pub(crate) fn of_text(entry: &ICalendarEntry, zones: &Zones<'_>) -> Option<Self> {
        let text = entry.values.first()?.as_text()?;
        let calendar = ICalendar::parse(format!("BEGIN:VEVENT\nDTSTART:{text}\nEND:VEVENT\n")).ok()?;
        match calendar.components.first()?.property(&ICalendarProperty::Dtstart)?.values.first()? {
            ICalendarValue::PartialDateTime(partial) => Self::of_value(partial, entry.tz_id(), zones),
            _ => None,
        }
    }

    fn of_value(partial: &PartialDateTime, zone_name: Option<&str>, zones: &Zones<'_>) -> Option<Self> {
        let civil = civil(partial)?;
        if partial.hour.is_none() {
            return Some(Self::Date(civil.date()));
        }
        if let Some(offset) = offset(partial) {
            let instant = civil.to_zoned(TimeZone::fixed(offset)).ok()?.with_time_zone(TimeZone::UTC);
            return Some(Self::Time(instant, Notation::Utc));
        }
        let Some(name) = zone_name else {
            return Some(Self::Time(civil.to_zoned(zones.floating.clone()).ok()?, Notation::Floating));
        };
        if name.contains(|character: char| character == '"' || character.is_control()) {
            // No file may hold such a name (RFC 5545 §3.1): a time that cannot be written must not be moved.
            return None;
        }
        let (zone, notation) = match zones.resolve(name) {
            Some(zone) => (zone, Notation::Zone(name.into())),
            None => (zones.local.clone(), Notation::Unknown(name.into())),
        };
        Some(Self::Time(civil.to_zoned(zone).ok()?, notation))
    }

    /// The name of its zone, if nothing tells what zone that is.
    pub(crate) fn unknown_zone(&self) -> Option<&str> {
        match self {
            Self::Time(_, Notation::Unknown(name)) => Some(name),
            _ => None,
        }
    }

    /// The civil time in the zone of `other`, if both have one; of a day, midnight.
    pub(crate) fn civil_beside(&self, other: &Self) -> DateTime {
        match (self, other) {
            (Self::Time(instant, _), Self::Time(other, _)) => {
                instant.with_time_zone(other.time_zone().clone()).datetime()
            }
            _ => self.civil(),
        }
    }

    /// The same instant, written as `other` is.
    pub(crate) fn written_like(self, other: &Self) -> Self {
        match (self, other) {
            (Self::Time(instant, _), Self::Time(other, notation)) => {
                Self::Time(instant.with_time_zone(other.time_zone().clone()), notation.clone())
            }
            (time, _) => time,
        }
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

    /// This time moved by a span, by the calendar of its own zone; `None` if it leaves the years, or is a day that would be
    /// moved by hours.
    pub(crate) fn shifted(&self, span: Span) -> Option<Self> {
        match self {
            Self::Date(date) => Some(Self::Date(date.checked_add(span).ok().filter(|_| !has_hours(span))?)),
            Self::Time(instant, notation) => Some(Self::Time(instant.checked_add(span).ok()?, notation.clone())),
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
            Self::Time(instant, Notation::Zone(name) | Notation::Unknown(name)) => {
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
